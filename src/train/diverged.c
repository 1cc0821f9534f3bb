/* SPDX-License-Identifier: MIT
 *
 * diverged.c: where did the first number that is not finite come from? The training step is built once more with
 * every value of its graph as a root. From the loss, or where that is finite from the updates, one walks back through
 * values that are not finite to one that is made of finite numbers alone: there it happened. Constants that are
 * infinite on purpose (masks) are no culprits, nor is what is made of them. Inside a scan one sees the whole scan.
 */
#include <math.h>
#include <string.h>
#include "base/text.h"
#include "graph/node.h"
#include "runtime/state.h"
#include "tensor/shape.h"
#include "train/fitting.h"

/* ---- numbers --------------------------------------------------------------------------------------------- */

/* What some numbers are; all zeros where they were not looked at. */
typedef struct finding {
    int64_t bad, size; /* how many are not finite, of how many */
    double first;      /* of those */
    double low, high;  /* of the others */
    int reached;       /* on the walk back */
} finding;

static void widen(finding *f, double low, double high) {
    if (low < f->low) f->low = low;
    if (high > f->high) f->high = high;
}

static finding examine(eg_dtype dtype, const void *numbers, int64_t n) {
    finding f = { .size = n, .low = INFINITY, .high = -INFINITY };
    for (int64_t i = 0; i < n; i++) {
        double value = dtype == EG_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
        if (isfinite(value))
            widen(&f, value, value);
        else if (f.bad++ == 0)
            f.first = isnan(value) ? fabs(value) : value; /* never "-nan" */
    }
    return f;
}

static int is_real(eg_dtype dtype) { return dtype == EG_F32 || dtype == EG_F64; }

/* The first variable with a number that is not finite, or NULL. */
static const char *bad_variable(const eg_state *state) {
    for (int i = 0; i < state->n; i++) {
        const eg_variable *v = &state->variable[i];
        if (is_real(v->dtype) && examine(v->dtype, v->data, (int64_t)(v->bytes / eg_dtype_size(v->dtype))).bad)
            return v->name;
    }
    return NULL;
}

/* ---- the program ----------------------------------------------------------------------------------------- */

/* A training step as a program of which every value can be looked at; it changes no variable. */
typedef struct autopsy {
    eg_step_graph step;
    eg_value **looked; /* [n]: the program's roots */
    int n;
    finding *found;        /* by the values' ids */
    const eg_value *start; /* the assign where the walk begins; NULL: at the loss */
    eg_program *program;
} autopsy;

static eg_status choose_values(autopsy *a) {
    const eg_step_graph *step = &a->step;
    size_t n = (size_t)step->graph->n;
    unsigned char *needed = eg_calloc(n, 1);
    a->looked = eg_calloc(n, sizeof *a->looked);
    a->found = eg_calloc(n, sizeof *a->found);
    if (needed && a->looked && a->found) {
        eg_mark_needed(step->root, step->roots, needed);
        for (size_t i = 0; i < n; i++) {
            eg_value *value = step->graph->values[i];
            if (needed[i] && value->op != EG_OP_ASSIGN && is_real(value->dtype)) a->looked[a->n++] = value;
        }
    }
    eg_free(needed);
    return a->n ? EG_OK : EG_E_MEMORY;
}

static eg_status autopsy_new(eg_model *model, int64_t batch, const eg_data *data, int weighted, autopsy *out) {
    eg_step_program wanted = {
        .kind = EG_PROGRAM_TRAIN, .batch = batch, .x_dtype = eg_tensor_dtype(eg_data_x(data)), .weighted = weighted
    };
    EG_TRY(eg_step_graph_new(model, &wanted, data, &out->step));
    EG_TRY(choose_values(out));
    out->program = eg_step_compile(&out->step, out->looked, out->n, 1);
    return out->program ? EG_OK : eg_error_status();
}

static void autopsy_free(autopsy *a) {
    eg_program_free(a->program);
    eg_free(a->looked);
    eg_free(a->found);
    eg_step_graph_free(&a->step);
}

/* ---- the walk back --------------------------------------------------------------------------------------- */

static int reach_bad_inputs(autopsy *a, const eg_value *value) {
    int any = 0;
    for (int i = 0; i < value->nin; i++) {
        finding *f = &a->found[value->in[i]->id];
        if (f->bad) any = f->reached = 1;
    }
    return any;
}

/* From the loss, else from the first parameter whose update is bad. */
static void begin_walk(autopsy *a) {
    const eg_step_graph *step = &a->step;
    finding *loss = &a->found[step->root[0]->id];
    loss->reached = loss->bad > 0;
    for (int i = 1; i < step->roots && !loss->bad && !a->start; i++)
        if (step->root[i]->op == EG_OP_ASSIGN && reach_bad_inputs(a, step->root[i])) a->start = step->root[i];
}

static const eg_value *walk_back(autopsy *a) {
    const eg_value *culprit = NULL;
    for (int i = a->n; i-- > 0;) { /* from users to what they use: ids are a topological order */
        const eg_value *value = a->looked[i];
        if (!a->found[value->id].reached || reach_bad_inputs(a, value)) continue;
        if (value->nin > 0 || value->op == EG_OP_VAR || value->op == EG_OP_INPUT) culprit = value;
    }
    return culprit;
}

/* ---- words ----------------------------------------------------------------------------------------------- */

static void name_place(const autopsy *a, const eg_value *value, eg_text *text) {
    const eg_step_graph *step = &a->step;
    int backwards = value->id >= step->forward, length = (int)strlen(value->scope) - 1; /* without its last '/' */
    if (value->id >= step->backward && a->start) {
        eg_text_format(text, "update of %s", a->start->in[0]->name);
        return;
    }
    if (backwards) eg_text_add(text, "gradient of ");
    if (length > 0)
        eg_text_format(text, "layer %.*s", length, value->scope);
    else
        eg_text_add(text, value->id < step->prepared ? "preprocessing" : backwards ? "the loss" : "loss");
}

static void describe(const autopsy *a, const eg_value *value, eg_text *text) {
    const finding *f = &a->found[value->id];
    long long bad = f->bad, size = f->size;
    if (value->nin == 0) {
        eg_text_format(text, "%s '%s' held %g in %lld of %lld places before the step; ",
                       value->op == EG_OP_VAR ? "parameter" : "input", value->name, f->first, bad, size);
        return;
    }
    name_place(a, value, text);
    eg_text_format(text, ", op %s gave %g in %lld of %lld places", eg_value_op(value), f->first, bad, size);
    finding in = { .low = INFINITY, .high = -INFINITY };
    for (int i = 0; i < value->nin; i++) {
        f = &a->found[value->in[i]->id];
        if (f->size > 0) widen(&in, f->low, f->high);
    }
    if (in.low <= in.high) eg_text_format(text, " (of numbers from %.3g to %.3g)", in.low, in.high);
    eg_text_add(text, "; ");
}

static void autopsy_find(autopsy *a, eg_text *text) {
    for (int i = 0; i < a->n; i++) {
        const eg_value *value = a->looked[i];
        a->found[value->id] = examine(value->dtype, eg_get_data(a->program, i), eg_count(&value->shape));
    }
    begin_walk(a);
    const eg_value *culprit = walk_back(a);
    if (culprit) describe(a, culprit, text);
}

/* ---- the steps before ------------------------------------------------------------------------------------ */

eg_status eg_fitting_keep(eg_fitting *f) {
    eg_kept *k = &f->kept;
    const eg_state *state = f->model->state;
    int64_t made = f->trainer->position.step - k->at.step;
    if (!k->state || made >= EG_KEEP_EVERY) {
        size_t bytes = 0;
        for (int i = 0; i < state->n; i++) bytes += state->variable[i].bytes;
        if (bytes > EG_KEEP_MOST) return EG_OK;
        if (k->state && k->state->n == state->n)
            for (int i = 0; i < state->n; i++)
                memcpy(k->state->variable[i].data, state->variable[i].data, state->variable[i].bytes);
        else {
            eg_state_free(k->state);
            if (!(k->state = eg_state_clone(state))) return EG_E_MEMORY;
        }
        k->at = f->trainer->position;
        made = 0;
    }
    k->lr[made] = f->trainer->lr;
    return EG_OK;
}

/* ---- a step that went wrong ------------------------------------------------------------------------------ */

/* From the kept state again, to before step `last` or before the first step that leaves a bad variable; *step is the
 * one that it stands before. */
static eg_status replay(eg_fitting *f, int64_t last, int64_t *step) {
    eg_trainer *trainer = f->trainer;
    eg_position *at = &trainer->position;
    eg_program *program;
    EG_TRY(eg_state_copy(f->model->state, f->kept.state));
    *at = f->kept.at;
    eg_fitting_order(f);
    for (*step = at->step; *step < last && !bad_variable(f->model->state); *step = at->step) {
        int64_t n = eg_fitting_fill(f);
        trainer->lr = f->kept.lr[at->step - f->kept.at.step];
        EG_TRY(eg_step_program_get(f->model, EG_PROGRAM_TRAIN, n, f->train, f->weighted, &program));
        EG_TRY(eg_fitting_run(f, program, n));
        eg_fitting_advance(f);
    }
    return EG_OK;
}

/* What the first bad number was and where; nothing if it did not come again. */
static eg_status find_origin(eg_fitting *f, eg_text *text) {
    int64_t failed = f->trainer->position.step - 1, step;
    autopsy a = { 0 };
    EG_TRY(replay(f, failed, &step));
    if (bad_variable(f->model->state)) EG_TRY(replay(f, step - 1, &step));
    f->trainer->lr = f->kept.lr[step - f->kept.at.step];
    int64_t n = eg_fitting_fill(f);
    eg_status status = autopsy_new(f->model, n, f->train, f->weighted, &a);
    if (status == EG_OK) status = eg_fitting_run(f, a.program, n);
    if (status == EG_OK) autopsy_find(&a, text);
    autopsy_free(&a);
    return status;
}

/* The model is left as it was before the step that went wrong, if that is known. */
eg_status eg_fitting_diverged(eg_fitting *f, double loss) {
    eg_text text = { 0 };
    const eg_position *at = &f->trainer->position;
    int64_t step = at->step;
    if (f->kept.state && find_origin(f, &text) == EG_OK && text.length) step = at->step + 1;
    const char *bad = bad_variable(f->model->state);
    if (!text.length && bad) eg_text_format(&text, "'%s' is not finite; ", bad);
    eg_text_format(&text, "loss %g; ", isnan(loss) ? fabs(loss) : loss);
    if (step <= 1)
        eg_text_add(&text, "it is the first step: look at the data and the initial values");
    else
        eg_text_format(&text, "try a smaller learning rate than %g, or clip the gradients", f->trainer->lr);
    eg_status status = eg_fail(EG_E_DIVERGED, "training diverged in epoch %d, step %lld: %s",
                               at->epoch - at->first_epoch + 1, (long long)step, text.data ? text.data : "");
    eg_text_free(&text);
    return status;
}
