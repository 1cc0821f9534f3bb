/* SPDX-License-Identifier: MIT
 *
 * lower_reduce.c: reductions that stand alone. Over trailing axes: a strip group over rows. Over other
 * neighbouring axes: column reductions, in order of the rows; over axes that are no neighbours: one after the other.
 * argmax along the last axis has a loop of its own.
 * All else, and other dtypes than f32: the reference.
 */
#include <math.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"

/* The input seen as [before, along, after], where `along` are the reduced axes; 0 if these are not neighbours.
 * Axes of 1 are no axes here. */
typedef struct blocks {
    int64_t before, along, after;
} blocks;

static int blocks_of(const eg_shape *shape, uint32_t mask, blocks *out) {
    int64_t *part[] = { &out->before, &out->along, &out->after };
    int now = 0;
    *out = (blocks){ 1, 1, 1 };
    for (int axis = 0; axis < shape->rank; axis++) {
        if (shape->dim[axis] == 1) continue;
        int reduced = (int)(mask >> axis & 1);
        if (reduced != (now == 1)) now++;
        if (now > 2) return 0;
        *part[now] *= shape->dim[axis];
    }
    return 1;
}

/* ---- trailing axes --------------------------------------------------------------------------------------- */

static eg_status lower_rows(eg_cpu_run *run, const eg_value *v, const blocks *size, int in, int out) {
    eg_attr attr = { .reduce = { .mask = 2, .keep = 1 } };
    eg_group_request request = { .in = &in, .out = &out };
    return eg_lower_single(run, v, &EG_SHAPE(size->before, size->along), &attr, &request);
}

/* ---- other axes ------------------------------------------------------------------------------------------ */

typedef struct columns_detail {
    void (*reduce)(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0, int64_t j1);
    float *out;
    const float *in;
    blocks size;
} columns_detail;

enum { COLUMNS_AT_ONCE = 16 }; /* a line of the cache: few columns can be shared too */

static int64_t pieces_of(int64_t after) { return (after + COLUMNS_AT_ONCE - 1) / COLUMNS_AT_ONCE; }

/* Items are pieces of columns, of one block after the other. */
static void run_columns(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const columns_detail *d = step->detail;
    int64_t after = d->size.after, pieces = pieces_of(after);
    for (int64_t i = from; i < to;) {
        int64_t block = i / pieces, end = (block + 1) * pieces < to ? (block + 1) * pieces : to;
        int64_t j0 = (i - block * pieces) * COLUMNS_AT_ONCE, j1 = (end - block * pieces) * COLUMNS_AT_ONCE;
        d->reduce(d->size.along, d->out + block * after, d->in + block * d->size.along * after, after, j0,
                  j1 < after ? j1 : after);
        i = end;
    }
}

static eg_status lower_columns(eg_cpu_run *run, const eg_value *v, const blocks *size, eg_reduction kind, int in,
                               int out) {
    eg_cpu_step *step = eg_step_new(run, v, "column reduce", run_columns, sizeof(columns_detail));
    if (!step) return EG_E_MEMORY;
    columns_detail *d = step->detail;
    d->reduce = run->kernels->column_reduce[kind];
    d->size = *size;
    step->items = size->before * pieces_of(size->after);
    step->flops = (double)(size->before * size->along * size->after);
    step->work = .15 * step->flops;
    eg_step_reads_at(run, in, &d->in);
    return eg_step_writes_at(run, out, &d->out);
}

/* ---- any axes -------------------------------------------------------------------------------------------- */

static eg_status lower_blocks(eg_cpu_run *run, const eg_value *v, const blocks *size, eg_reduction kind, int in,
                              int out) {
    if (in < 0 || out < 0) return EG_E_MEMORY;
    return size->after == 1 ? lower_rows(run, v, size, in, out) : lower_columns(run, v, size, kind, in, out);
}

/* The last of the reduced axes and those of them that are its neighbours. */
static uint32_t last_neighbours(const eg_shape *shape, uint32_t mask) {
    uint32_t last = 0;
    for (int axis = shape->rank - 1; axis >= 0; axis--) {
        if (shape->dim[axis] == 1) continue;
        if (mask >> axis & 1)
            last |= 1u << axis;
        else if (last)
            break;
    }
    return last;
}

/* Axes that are no neighbours are reduced in turn, the last ones first. */
static eg_status lower_in_turn(eg_cpu_run *run, const eg_value *v, eg_reduction kind) {
    eg_shape shape = v->in[0]->shape;
    uint32_t mask = v->attr.reduce.mask;
    int in = eg_storage_of(run, v->in[0]);
    blocks size;
    while (!blocks_of(&shape, mask, &size)) {
        uint32_t part = last_neighbours(&shape, mask);
        blocks_of(&shape, part, &size);
        int out = eg_floats_new(run, size.before * size.after);
        EG_TRY(lower_blocks(run, v, &size, kind, in, out));
        for (int axis = 0; axis < shape.rank; axis++)
            if (part >> axis & 1) shape.dim[axis] = 1;
        mask &= ~part;
        in = out;
    }
    return lower_blocks(run, v, &size, kind, in, eg_storage_of(run, v));
}

eg_status eg_lower_reduce(eg_cpu_run *run, const eg_value *v) {
    static const signed char kinds[EG_OP_COUNT] = {
        [EG_OP_SUM] = EG_REDUCE_SUM, [EG_OP_MAX] = EG_REDUCE_MAX, [EG_OP_MIN] = EG_REDUCE_MIN, [EG_OP_LOGSUMEXP] = -1
    };
    blocks size;
    int is_rows = blocks_of(&v->in[0]->shape, v->attr.reduce.mask, &size) && size.after == 1;
    if (v->dtype != EG_F32 || eg_count(&v->in[0]->shape) == 0 || (kinds[v->op] < 0 && !is_rows))
        return eg_lower_reference(run, v);
    return lower_in_turn(run, v, (eg_reduction)kinds[v->op]);
}

/* ---- argmax ---------------------------------------------------------------------------------------------- */

typedef struct argmax_detail {
    int32_t *out;
    const float *in;
    int64_t columns;
} argmax_detail;

static void run_argmax(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const argmax_detail *d = step->detail;
    for (int64_t i = from; i < to; i++) {
        const float *row = d->in + i * d->columns;
        int64_t best = 0;
        for (int64_t j = 1; j < d->columns && !isnan(row[best]); j++)
            if (row[j] > row[best] || isnan(row[j])) best = j;
        d->out[i] = (int32_t)best;
    }
}

eg_status eg_lower_argmax(eg_cpu_run *run, const eg_value *v) {
    const eg_shape *shape = &v->in[0]->shape;
    int last = shape->rank - 1;
    if (v->in[0]->dtype != EG_F32 || v->attr.axis.axis != last) return eg_lower_reference(run, v);
    eg_cpu_step *step = eg_step_new(run, v, "argmax", run_argmax, sizeof(argmax_detail));
    if (!step) return EG_E_MEMORY;
    argmax_detail *d = step->detail;
    d->columns = shape->dim[last];
    step->items = eg_count(&v->shape);
    step->work = (double)eg_count(shape);
    return eg_step_computes(run, &d->out);
}
