/* SPDX-License-Identifier: MIT
 *
 * lower_window.h: what lower_conv.c and lower_window.c share.
 */
#ifndef EG_RUNTIME_LOWER_WINDOW_H
#define EG_RUNTIME_LOWER_WINDOW_H

#include "ops/window.h"
#include "runtime/cpu.h"
#include "runtime/strip.h"

/* A plain conv that is to be lowered: alone, or with the elementwise part of its group. */
typedef struct eg_conv_request {
    const eg_value *value;         /* whom the step is for: the conv, or its FUSED value */
    const eg_value *conv;          /* its attributes and result; operands outside: */
    const eg_value *x, *w, *start; /* start may be NULL */
    const eg_strips *strips;       /* NULL: alone */
    const int *in, *out;           /* storages of the group's params and outputs */
    int place;                     /* eg_finish_place */
} eg_conv_request;

/* Where the result goes and what is done with it: a matrix with a row for each position. */
typedef struct eg_conv_result {
    float *y;
    const eg_strips *strips;
    int64_t columns;
    int is_flat; /* no operand varies over rows or columns alone: any run of floats is like another */
    eg_rect whole;
} eg_conv_result;

/* The last step writes the result. */
eg_status eg_conv_result_uses(eg_cpu_run *run, const eg_conv_request *request, eg_conv_result *result);
/* Rows [i0, i1) are computed: does the elementwise part on them. */
void eg_conv_finish(const eg_conv_result *result, int64_t i0, int64_t i1, float *scratch);

/* Convolution in which channels do not mix and are not multiplied. */
int eg_is_depthwise(const eg_window *w);
eg_status eg_lower_depthwise(eg_cpu_run *run, const eg_conv_request *request, const eg_window *w);
eg_status eg_lower_depthwise_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w);

/* A kernel's gradient sums over images and positions, more terms than a chain is good for and none that threads
 * could share. So the images are dealt to `splits` partial sums, which are added in pairs, in pairs of pairs, ...:
 * how many is decided by the shape alone. With one split the storage is the value's own. */
typedef struct eg_partial_sums {
    int64_t splits, size; /* floats from one partial sum to the next */
    int storage;
} eg_partial_sums;
eg_status eg_partial_sums_new(eg_cpu_run *run, const eg_value *v, const eg_window *w, eg_partial_sums *out);
/* Appends the step that adds them. */
eg_status eg_partial_sums_add(eg_cpu_run *run, const eg_value *v, const eg_partial_sums *sums);

#endif
