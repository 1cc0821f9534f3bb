/* SPDX-License-Identifier: MIT
 *
 * coordinate.c: the naive way to train: change one parameter a little, up and down, look at the loss, keep the
 * better. It needs no derivative, and two forward passes for each parameter: 814,100 a sweep for the network
 * 784-512-10, where the gradient of all of them together costs about two.
 */
#include "kernels/kernels.h"
#include "runtime/state.h"
#include "tensor/shape.h"
#include "train/trainer.h"

/* Where element i of the row-major order is stored. */
static int64_t stored_index(const eg_variable *variable, int64_t i) {
    if (variable->layout == EG_ROWS) return i;
    int64_t k = variable->shape.dim[0], n = variable->shape.dim[1];
    int64_t row = i / n, column = i % n;
    return (column / EG_PANEL * k + row) * EG_PANEL + column % EG_PANEL;
}

typedef struct search {
    eg_program *program;
    double size, best; /* of `sign` x loss, so that smaller is better */
    int sign;
    int64_t *passes;
} search;

static eg_status loss_now(search *s, double *loss) {
    EG_TRY(eg_run(s->program));
    EG_TRY(eg_fetch(s->program, 0, loss, 1));
    *loss *= s->sign;
    ++*s->passes;
    return EG_OK;
}

/* Leaves the parameter w at the best of w, w + size, w - size. */
static eg_status try_both_ways(search *s, eg_dtype dtype, void *w) {
    double value, tried, kept, loss;
    eg_convert(EG_F64, &value, dtype, w, 1);
    kept = value;
    for (int way = 1; way >= -1; way -= 2) {
        tried = value + way * s->size;
        eg_convert(dtype, w, EG_F64, &tried, 1);
        EG_TRY(loss_now(s, &loss));
        if (loss < s->best) s->best = loss, kept = tried;
    }
    eg_convert(dtype, w, EG_F64, &kept, 1);
    return EG_OK;
}

eg_status eg_coordinate_sweep(eg_model *model, eg_program *program, double size, int sign, int64_t *passes) {
    int64_t first = 0;
    search s = { .program = program, .size = size, .sign = sign, .passes = &first };
    EG_TRY(loss_now(&s, &s.best)); /* where the sweep starts: not counted, it is the loss of the step before */
    s.passes = passes;
    for (int p = 0; p < model->nparameters; p++) {
        if (!eg_parameter_trains(&model->parameters[p])) continue;
        const eg_variable *v = eg_state_get(model->state, model->parameters[p].name);
        for (int64_t i = 0; i < eg_count(&v->shape); i++)
            EG_TRY(
                try_both_ways(&s, v->dtype, (char *)v->data + (size_t)stored_index(v, i) * eg_dtype_size(v->dtype)));
    }
    return EG_OK;
}
