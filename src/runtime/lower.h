/* SPDX-License-Identifier: MIT
 *
 * lower.h: what the files that lower ops share among themselves.
 */
#ifndef EG_RUNTIME_LOWER_H
#define EG_RUNTIME_LOWER_H

#include "runtime/cpu.h"
#include "runtime/strip.h"

/* A strip group over storages, as a step or as one more segment of the last one. */
typedef struct eg_group_request {
    const eg_value *value;   /* whom the step is for */
    const eg_body *body;
    eg_value *const *outer;  /* what the params are outside */
    const int *in, *out;     /* storages, one for each param and output */
    const eg_shape *panels;  /* all full operands are matrices of this shape in panels; NULL: rows */
} eg_group_request;
eg_status eg_lower_group(eg_cpu_run *run, const eg_group_request *request);
/* Fills in the request's body: one node with v's op on params of these shapes; then the same. */
eg_status eg_lower_single(eg_cpu_run *run, const eg_value *v, const eg_shape *shapes, const eg_attr *attr,
                          eg_group_request *request);
/* How operands in rows of so many columns go on. */
void eg_rect_set(const eg_strips *strips, int64_t columns, eg_rect *out);
/* The same rectangle, but for its size, from another row and column on. */
void eg_rect_move(const eg_strips *strips, const eg_rect *whole, int64_t row, int64_t column, eg_rect *out);
/* A strip program of this run; NULL on failure. request->kernels is filled in. */
const eg_strips *eg_strips_for(eg_cpu_run *run, const eg_strips_request *request);
/* After the last value: neighbouring segments ask for neighbouring memory. */
eg_status eg_strip_steps_finish(eg_cpu_run *run);

/* The storages of a FUSED value's inputs and outputs. */
eg_status eg_fused_storages(eg_cpu_run *run, const eg_value *value, int *in, int *out);
eg_status eg_lower_product(eg_cpu_run *run, const eg_value *fused);
eg_status eg_lower_conv_group(eg_cpu_run *run, const eg_value *fused);

/* ---- the elementwise part of a product group: run on a part of the result while that is in cache */

typedef struct eg_finish {
    const eg_strips *strips; /* NULL: there is none */
    int place; /* the output in whose memory the product itself is computed; -1: in memory of its own */
    int in[EG_GROUP_OPERANDS], out[EG_GROUP_OPERANDS]; /* storages of the group's params and outputs */
} eg_finish;
eg_status eg_finish_new(eg_cpu_run *run, const eg_value *fused, eg_finish *out);
/* The last step uses its operands: fills in whole->base. `c` is where the product is. */
eg_status eg_finish_uses(eg_cpu_run *run, const eg_finish *finish, eg_rect *whole, int c);
/* Operand q of a product, as `value` has it, which is the product itself or its group; NULL: it has fewer. */
const eg_value *eg_operand_of(const eg_value *value, const eg_value *product, int q);

/* The next value behind `after` that reads v; NULL: there is none. */
const eg_value *eg_next_reader(const eg_cpu_run *run, const eg_value *v, const eg_value *after);
int eg_is_root(const eg_cpu_run *run, const eg_value *v);

/* Is the permute no step, because the products around it do it on the way? */
int eg_is_by_strides(const eg_cpu_run *run, const eg_value *permute);

/* The storage of a result of a group, before it has one: some columns of the concat that alone reads it, if that may
 * be; -1. */
int eg_storage_in_concat(eg_cpu_run *run, const eg_value *value);

/* A dense copy of `value` broadcast to `shape` in new memory. */
eg_status eg_lower_expand_to(eg_cpu_run *run, const eg_value *value, const eg_shape *shape, int *storage);

/* What a value is a view of, or itself. */
const eg_value *eg_behind_views(const eg_value *v);

/* Panels to rows. */
eg_status eg_lower_unpack_to(eg_cpu_run *run, const eg_value *value, int to, int from);

#endif
