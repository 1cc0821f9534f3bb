/* SPDX-License-Identifier: MIT
 *
 * lower_window.h: what lower_conv.c and lower_window.c share.
 */
#ifndef EG_RUNTIME_LOWER_WINDOW_H
#define EG_RUNTIME_LOWER_WINDOW_H

#include "ops/window.h"
#include "runtime/lower.h"

/* A plain conv that is to be lowered: alone, or with the elementwise part of its group. */
typedef struct eg_conv_request {
    const eg_value *value;         /* whom the step is for: the conv, or its FUSED value */
    const eg_value *conv;          /* its attributes and result; operands outside: */
    const eg_value *x, *w, *start; /* start may be NULL */
    eg_finish *finish;             /* NULL: alone */
    const eg_strips *strips;       /* those of the finish */
} eg_conv_request;

/* What is read; where the result goes and what is done with it: a matrix with a row for each position. */
typedef struct eg_conv_memory {
    const float *x, *kernel, *start;
    float *y;
    const eg_strips *strips;
    int64_t columns;
    int64_t strip_rows; /* so many rows are one to the strips */
    eg_rect whole;
} eg_conv_memory;

/* The last step uses it: the images, the kernel and the start value, if there is one, in these storages. */
eg_status eg_conv_uses(eg_cpu_run *run, const eg_conv_request *request, int kernel, int start, eg_conv_memory *memory);
/* The storage of the start value; -1: there is none. */
int eg_conv_start(eg_cpu_run *run, const eg_conv_request *request);
/* Rows [i0, i1) are computed: does the elementwise part on them. */
void eg_conv_finish(const eg_conv_memory *memory, int64_t i0, int64_t i1, float *scratch);

/* How images are read: in place, or as copies with everything around and between their elements written out. */
typedef struct eg_image_view {
    int padded;
    int64_t extent[EG_SPATIAL]; /* of the part that windows see, zeros included */
    int64_t pitch, size, start; /* floats: to the next row, to the next image; to the first window's first tap */
} eg_image_view;
eg_image_view eg_image_view_of(const eg_window *w);
/* Along an axis without spread: the taps that position p meets within the image, the positions that tap k does. */
void eg_taps_met(const eg_window *w, int axis, int64_t p, int64_t *first, int64_t *end);
void eg_positions_met(const eg_window *w, int axis, int64_t k, int64_t *first, int64_t *end);
/* Where a copy of padded images takes longer than to see to the few positions at the left and right edge, outside of
 * [first, end), one by one: makes the view one of images in place. Returns whether it did. */
int eg_image_leave_edges(const eg_window *w, eg_image_view *v, int64_t *first, int64_t *end);
/* Rows [e0, e1) of an image as windows see it; the second: where the zeros are there already. */
void eg_pad_image(const eg_window *w, const eg_image_view *v, float *out, const float *image, int64_t e0, int64_t e1);
void eg_place_image(const eg_window *w, const eg_image_view *v, float *out, const float *image, int64_t e0,
                    int64_t e1);
static inline int64_t eg_image_floats(const eg_window *w) { return w->image[0] * w->image[1] * w->channels; }
/* Are the taps of one kernel row neighbours in memory? */
static inline int eg_has_row_runs(const eg_window *w) { return w->dilation[1] == 1 && w->groups == 1; }

/* Position rows that are computed before their elementwise part is done. */
int64_t eg_conv_chunk(const eg_window *w);

/* Along one axis: position p sees elements at[first[p]] .. at[first[p + 1] - 1], the taps being tap[...]. */
typedef struct eg_axis_list {
    int32_t *first, *at, *tap;
    int64_t each; /* how many every position sees; 0: that varies */
} eg_axis_list;

/* Along both; what is listed of the first one are pixels and taps, whole rows of them. */
typedef struct eg_window_lists {
    const eg_window *w;
    eg_axis_list axis[EG_SPATIAL];
} eg_window_lists;
/* All numbers in the lists must fit 32 bits, and the lists some memory. */
int eg_lists_fit(const eg_window *w);
eg_status eg_window_lists_new(eg_arena *arena, const eg_window *w, eg_window_lists *out);

/* The largest elements of windows and the places where they are. */
typedef struct eg_pooling {
    const eg_kernels *kernels;
    eg_window_lists lists;
    float *largest; /* NULL: nobody reads them; */
    int32_t *place; /* only training does these */
} eg_pooling;
/* The WINDOW_ARGMAX that, with the look-up of its largest elements, is all that reads v; NULL if there is more. */
const eg_value *eg_pooling_of(const eg_cpu_run *run, const eg_value *v);
/* A pooling by the windows w, whose results the last step writes. */
eg_status eg_pooling_new(eg_cpu_run *run, const eg_value *argmax, const eg_window *w, eg_pooling *out);
/* Row `row` of the windows, counted over all images; `image` is the one it looks at. */
void eg_pooling_row(const eg_pooling *pooling, int64_t row, const float *image);

/* In the time of one vector multiply-add: a single vector of columns waits for loads, few chains for themselves. */
double eg_product_cost(int64_t rows, int64_t columns, double k);
/* How many neighbouring positions of a row are best computed as one with so many times the channels, 1 for most
 * shapes; and the windows of those wide positions (their kernels have zeros where a position has no tap). */
int64_t eg_conv_together(const eg_window *w);
eg_window eg_conv_wide(const eg_window *w, int64_t together);

/* lower_overlap.c */
int eg_overlap_is_better(const eg_window *w);
eg_status eg_lower_overlap(eg_cpu_run *run, const eg_conv_request *request, const eg_window *w);

/* lower_conv_kernel.c */
eg_status eg_lower_conv_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w);

/* Convolution in which channels do not mix and are not multiplied. */
int eg_is_depthwise(const eg_window *w);
eg_status eg_lower_depthwise(eg_cpu_run *run, const eg_conv_request *request, const eg_window *w);
eg_status eg_lower_depthwise_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w);

/* A kernel's gradient sums over images and positions, more terms than a chain is good for and none that threads
 * could share. So the images are dealt to `splits` partial sums, which are added in pairs, in pairs of pairs, ...:
 * how many is decided by the shape alone. With one split their storage is the target. */
typedef struct eg_partial_sums {
    int64_t splits, n, size; /* n floats each, and the way from one to the next */
    int storage, target;     /* of all partial sums; of their sum */
} eg_partial_sums;
void eg_partial_sums_new(eg_cpu_run *run, const eg_window *w, int64_t n, int target, eg_partial_sums *out);
/* Appends the step that adds them; the last step writes them, and *sums stays. */
eg_status eg_partial_sums_add(eg_cpu_run *run, const eg_value *v, const eg_partial_sums *sums);

#endif
