/* SPDX-License-Identifier: MIT
 *
 * formula_windows.c: what images need of formulas. An image [height, width, channels] is a matrix here, as it lies in
 * memory: a row for each row of pixels, the channels of a pixel side by side. windows(a, rows, columns, down, right,
 * 1) has a row for each place of a window of rows x columns numbers that moves in steps of down and right, so that a
 * convolution is windows(...) @ W + b: one neuron, shared. With `channels` other than 1 each channel of each window
 * has a row of its own: pooling is largest(windows(...), 1). overlap is the way back: every number is added to its
 * place.
 */
#include "formula_inside.h"

/* Where the windows lie in a matrix of rows of `width` numbers. */
typedef struct windows {
    int64_t height, width, rows, columns, down, right, channels;
    int64_t places, size; /* of the result */
} windows;

static int64_t whole(formula_node *const *in, int i) { return (int64_t)in[i]->number; }

static windows windows_of(int64_t height, int64_t width, formula_node *const *in) {
    windows w = { .height = height,
                  .width = width,
                  .rows = whole(in, 0),
                  .columns = whole(in, 1),
                  .down = whole(in, 2),
                  .right = whole(in, 3),
                  .channels = whole(in, 4) };
    if (w.rows < 1 || w.columns < 1 || w.down < 1 || w.right < 1 || w.channels < 1) return w;
    if (w.rows > height || w.columns > width || w.columns % w.channels) return w;
    w.places = ((height - w.rows) / w.down + 1) * ((width - w.columns) / w.right + 1) * w.channels;
    w.size = w.rows * w.columns / w.channels;
    return w;
}

/* The number in the matrix that stands at `k` of row `place` of the windows. */
static int64_t index_of(const windows *w, int64_t place, int64_t k) {
    int64_t across = (w->width - w->columns) / w->right + 1, each = w->columns / w->channels;
    int64_t channel = place % w->channels, at = place / w->channels;
    int64_t row = at / across * w->down + k / each,
            column = at % across * w->right + k % each * w->channels + channel;
    return row * w->width + column;
}

static eg_value *indices(eg_graph *graph, const windows *w) {
    eg_tensor *tensor = eg_tensor_new(EG_I32, EG_SHAPE(w->places * w->size));
    if (!tensor) return NULL;
    int32_t *to = eg_tensor_data(tensor);
    for (int64_t place = 0; place < w->places; place++)
        for (int64_t k = 0; k < w->size; k++) *to++ = (int32_t)index_of(w, place, k);
    eg_value *value = eg_constant(graph, tensor);
    eg_tensor_free(tensor);
    return value;
}

/* ---- the ops ----------------------------------------------------------------------------------------- */

/* in: a, rows, columns, down, right, channels */
eg_value *formula_build_windows(const formula_node *node, eg_value *const *in) {
    eg_shape shape = node->in[0]->shape;
    windows w = windows_of(shape.dim[0], shape.dim[1], node->in + 1);
    eg_value *flat = eg_reshape_to(in[0], EG_SHAPE(-1)), *index = indices(eg_value_graph(in[0]), &w);
    return index ? eg_reshape_to(eg_gather(flat, index, 0), EG_SHAPE(w.places, w.size)) : in[0];
}

/* in: up, height, width, rows, columns, down, right, channels */
eg_value *formula_build_overlap(const formula_node *node, eg_value *const *in) {
    windows w = windows_of(whole(node->in, 1), whole(node->in, 2), node->in + 3);
    eg_value *flat = eg_reshape_to(in[0], EG_SHAPE(-1)), *index = indices(eg_value_graph(in[0]), &w);
    if (!index) return in[0];
    return eg_reshape_to(eg_scatter_add(flat, index, 0, w.height * w.width), EG_SHAPE(w.height, w.width));
}

const char *formula_wrong_windows(formula_node *const *in) {
    if (in[0]->shape.rank != 2) return "windows look at a matrix";
    windows w = windows_of(in[0]->shape.dim[0], in[0]->shape.dim[1], in + 1);
    return w.places ? NULL : "there is no window of this size and step in the matrix";
}

const char *formula_wrong_overlap(formula_node *const *in) {
    int64_t height = whole(in, 1), width = whole(in, 2);
    windows w = windows_of(height, width, in + 3);
    int fits = height * width <= 1000000 && eg_shape_equal(in[0]->shape, EG_SHAPE(w.places, w.size));
    return w.places && fits ? NULL : "these are not the windows of such a matrix";
}

/* in: a, above, below, left, right; less than 0 cuts */
eg_value *formula_build_pad(const formula_node *node, eg_value *const *in) {
    const int64_t low[2] = { whole(node->in, 1), whole(node->in, 3) }, none[2] = { 0 };
    const int64_t high[2] = { whole(node->in, 2), whole(node->in, 4) };
    return eg_pad(in[0], low, high, none);
}

const char *formula_wrong_pad(formula_node *const *in) {
    return in[0]->shape.rank == 2 ? NULL : "pad takes a matrix";
}

/* in: a, then one or two sizes */
eg_value *formula_build_reshape(const formula_node *node, eg_value *const *in) {
    eg_shape shape = { .rank = node->n - 1 };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = whole(node->in, i + 1);
    return eg_reshape_to(in[0], shape);
}
