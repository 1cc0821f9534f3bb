/* SPDX-License-Identifier: MIT
 *
 * lower_move.c: ops that only move elements. Each is one strided copy (concat: one for each operand) whose
 * strides follow from the attributes; the kernel finds the fastest order. Any dtype.
 *
 * Columns of a matrix need no copy between groups: a slice that only they read is a part of what it is cut from,
 * a result that only concats read is made in the first of them.
 */
#include <string.h>
#include "base/status.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"
#include "tensor/shape.h"

typedef struct move_detail {
    unsigned char *out;
    const unsigned char *in;
    int rank, size;
    int64_t dim[EG_MAX_RANK], out_stride[EG_MAX_RANK], in_stride[EG_MAX_RANK]; /* in elements */
    int64_t out_start, in_start;
    size_t clear; /* bytes of the result to be zeroed first; then the step is one item */
} move_detail;

/* Items are indices of the first axis. */
static void run_move(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const move_detail *d = step->detail;
    if (d->clear) memset(d->out, 0, d->clear);
    int64_t dim[EG_MAX_RANK];
    memcpy(dim, d->dim, sizeof dim);
    int64_t out = d->out_start, in = d->in_start;
    if (d->rank > 0 && !d->clear) {
        dim[0] = to - from;
        out += from * d->out_stride[0];
        in += from * d->in_stride[0];
    }
    eg_copy_strided(d->rank, dim, d->out + out * d->size, d->out_stride, d->in + in * d->size, d->in_stride, d->size);
}

/* Each row of the result is made of the same row of the operand. */
static int move_by_rows(const eg_cpu_run *run, eg_cpu_step *step, int64_t rows, int make) {
    const move_detail *d = step->detail;
    (void)make;
    if (d->rank == 0 || d->dim[0] != rows || d->clear || d->out_start >= d->out_stride[0]) return 0;
    int64_t out_bytes = d->out_stride[0] * rows * d->size, in_bytes = d->in_stride[0] * rows * d->size;
    int in = run->use[step->first_use].storage, out = run->use[step->first_use + 1].storage;
    if (run->storage[out].bytes != (size_t)out_bytes) return 0;
    return eg_storage_is_fixed(run, in) ||
           (d->in_start < d->in_stride[0] && run->storage[eg_storage_root(run, in)].bytes == (size_t)in_bytes);
}

static move_detail *new_move(eg_cpu_run *run, const eg_value *v, const eg_value *in, const eg_shape *shape) {
    eg_cpu_step *step = eg_step_new(run, v, "move", run_move, sizeof(move_detail));
    if (!step) return NULL;
    move_detail *d = step->detail;
    d->rank = shape->rank;
    d->size = (int)eg_dtype_size(in->dtype);
    memcpy(d->dim, shape->dim, sizeof d->dim);
    eg_shape_strides(shape, d->out_stride);
    eg_shape_strides(&in->shape, d->in_stride);
    step->items = shape->rank > 0 ? shape->dim[0] : 1;
    step->by_rows = move_by_rows;
    step->work = .2 * (double)eg_count(shape);
    return d;
}

eg_status eg_lower_expand_to(eg_cpu_run *run, const eg_value *value, const eg_shape *shape, int *storage) {
    move_detail *d = new_move(run, value, value, shape);
    if (!d) return EG_E_MEMORY;
    eg_broadcast_strides(&value->shape, shape, d->in_stride);
    *storage = eg_storage_new(run, eg_stored_bytes(value->dtype, shape, EG_ROWS));
    eg_step_reads(run, value, &d->in);
    return eg_step_writes_at(run, *storage, &d->out);
}

eg_status eg_lower_expand(eg_cpu_run *run, const eg_value *v) {
    move_detail *d = new_move(run, v, v->in[0], &v->shape);
    if (!d) return EG_E_MEMORY;
    eg_broadcast_strides(&v->in[0]->shape, &v->shape, d->in_stride);
    return eg_step_computes(run, &d->out);
}

eg_status eg_lower_permute(eg_cpu_run *run, const eg_value *v) {
    if (eg_is_by_strides(run, v)) return EG_OK;
    move_detail *d = new_move(run, v, v->in[0], &v->shape);
    if (!d) return EG_E_MEMORY;
    int64_t stride[EG_MAX_RANK];
    eg_shape_strides(&v->in[0]->shape, stride);
    for (int i = 0; i < d->rank; i++) d->in_stride[i] = stride[v->attr.permute.axis[i]];
    return eg_step_computes(run, &d->out);
}

/* ---- columns of a matrix, in place ----------------------------------------------------------------------------- */

static int64_t last_dim(const eg_value *v) { return v->shape.dim[v->shape.rank - 1]; }

/* Columns of the matrix that `whole` is, from `first` on, in the form of v. */
static int new_columns(eg_cpu_run *run, const eg_value *whole, int64_t first, const eg_value *v) {
    int64_t row = last_dim(whole), n = eg_count(&v->shape) / last_dim(v) * row - row + last_dim(v);
    int part =
        eg_storage_part(run, eg_storage_of(run, whole), (size_t)first * sizeof(float), (size_t)n * sizeof(float));
    if (part >= 0) run->storage[part].row = row;
    return part;
}

/* Does the group v compute on all elements of x, row by row? */
static int is_group_over(const eg_value *v, const eg_value *x) {
    int64_t rows, columns;
    if (v->op != EG_OP_FUSED || v->layout != EG_ROWS || eg_body_product(v->attr.body.body)) return 0;
    eg_body_space(v->attr.body.body, &rows, &columns);
    return columns == last_dim(x) && rows * columns == eg_count(&x->shape) && rows > 1;
}

static int may_lie_in_another(const eg_cpu_run *run, const eg_value *v) {
    return v->dtype == EG_F32 && v->shape.rank > 1 && !eg_is_root(run, v) && run->storage_of[v->id] < 0;
}

/* Whole columns that only groups read: those read them where they lie. A variable may be assigned before. */
static int is_read_in_place(const eg_cpu_run *run, const eg_value *slice) {
    const eg_value *whole = slice->in[0];
    if (!may_lie_in_another(run, slice) || eg_behind_views(whole)->op == EG_OP_VAR) return 0;
    if (slice->attr.slice.step[slice->shape.rank - 1] != 1) return 0;
    if (eg_count(&slice->shape) * last_dim(whole) != eg_count(&whole->shape) * last_dim(slice)) return 0;
    for (const eg_value *v = slice; (v = eg_next_reader(run, slice, v));)
        if (!is_group_over(v, slice)) return 0;
    return 1;
}

int eg_storage_in_concat(eg_cpu_run *run, const eg_value *value) {
    const eg_value *first = NULL, *group = value->op == EG_OP_PART ? value->in[0] : value;
    int64_t at = 0;
    if (!may_lie_in_another(run, value) || !is_group_over(group, value)) return -1;
    for (const eg_value *v = value; (v = eg_next_reader(run, value, v));) {
        if (v->op == EG_OP_PART && value == group) continue;
        if (v->op != EG_OP_CONCAT || v->attr.axis.axis != value->shape.rank - 1) return -1;
        if (!first) first = v;
    }
    for (int q = 0; first && first->in[q] != value; q++) at += last_dim(first->in[q]);
    return first ? new_columns(run, first, at, value) : -1;
}

eg_status eg_lower_slice(eg_cpu_run *run, const eg_value *v) {
    if (is_read_in_place(run, v)) {
        run->storage_of[v->id] = new_columns(run, v->in[0], v->attr.slice.start[v->shape.rank - 1], v);
        return run->storage_of[v->id] < 0 ? EG_E_MEMORY : EG_OK;
    }
    move_detail *d = new_move(run, v, v->in[0], &v->shape);
    if (!d) return EG_E_MEMORY;
    for (int i = 0; i < d->rank; i++) {
        d->in_start += v->attr.slice.start[i] * d->in_stride[i];
        d->in_stride[i] *= v->attr.slice.step[i];
    }
    return eg_step_computes(run, &d->out);
}

eg_status eg_lower_flip(eg_cpu_run *run, const eg_value *v) {
    move_detail *d = new_move(run, v, v->in[0], &v->shape);
    if (!d) return EG_E_MEMORY;
    for (int i = 0; i < d->rank; i++) {
        if (!(v->attr.axes.mask >> i & 1)) continue;
        d->in_start += (d->dim[i] - 1) * d->in_stride[i];
        d->in_stride[i] = -d->in_stride[i];
    }
    return eg_step_computes(run, &d->out);
}

/* Element i of the input goes to low + i (interior + 1), if that is inside. */
static void pad_axis(move_detail *d, int axis, int64_t low, int64_t interior, int64_t from, int64_t to) {
    int64_t step = interior + 1, first = low < 0 ? (-low + interior) / step : 0;
    int64_t end = to - 1 < low ? 0 : (to - 1 - low) / step + 1;
    if (end > from) end = from;
    d->dim[axis] = end > first ? end - first : 0;
    d->in_start += first * d->in_stride[axis];
    d->out_start += (low + first * step) * d->out_stride[axis];
    d->out_stride[axis] *= step;
}

eg_status eg_lower_pad(eg_cpu_run *run, const eg_value *v) {
    move_detail *d = new_move(run, v, v->in[0], &v->shape);
    if (!d) return EG_E_MEMORY;
    for (int i = 0; i < d->rank; i++)
        pad_axis(d, i, v->attr.pad.low[i], v->attr.pad.interior[i], v->in[0]->shape.dim[i], v->shape.dim[i]);
    d->clear = eg_stored_bytes(v->dtype, &v->shape, EG_ROWS);
    run->last->items = 1;
    return eg_step_computes(run, &d->out);
}

eg_status eg_lower_concat(eg_cpu_run *run, const eg_value *v) {
    int axis = (int)v->attr.axis.axis;
    int64_t at = 0;
    for (int q = 0; q < v->nin; q++) {
        const eg_value *in = v->in[q];
        int from = eg_storage_of(run, in), whole = eg_storage_of(run, v);
        if (from < 0 || whole < 0) return EG_E_MEMORY;
        int64_t row = run->storage[from].row, first = at;
        at += in->shape.dim[axis];
        int is_part = run->storage[from].same_as == whole;
        if (eg_count(&in->shape) == 0 || (is_part && run->storage[from].at == (size_t)first * sizeof(float)))
            continue;
        move_detail *d = new_move(run, v, in, &in->shape);
        if (!d) return EG_E_MEMORY;
        eg_shape_strides(&v->shape, d->out_stride);
        d->out_start = first * d->out_stride[axis];
        for (int i = 0; i < axis && row; i++) d->in_stride[i] = d->in_stride[i] / in->shape.dim[axis] * row;
        eg_step_reads_at(run, from, &d->in);
        eg_step_writes(run, v, &d->out);
    }
    return run->status;
}
