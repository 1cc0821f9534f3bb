/* SPDX-License-Identifier: MIT
 *
 * formula_image.c: layers over images as formulas, and over sequences that a window walks along. An image is a
 * matrix, see formula_windows.c: "windows(x, ...) @ W3 + b3" is a convolution. What makes a convolution special is
 * written out:
 *
 *     dilation    the kernel with zeros between its weights is a kernel too: D3 = overlap(...)
 *     groups      x3_2 are the channels of the second group, z3_2 = ... @ W3_2 + b3_2; their results stand side by
 * side transposed  each pixel paints the kernel, times its number, at its place: overlap(x @ W3', ...) pooling zeros
 * around do not count: they are far below (max), or the sum is divided by what is inside (avg)
 */
#include <stdlib.h>
#include <string.h>
#include "formula_net.h"

/* A layer that moves a window: the numbers of both axes; sequences have one column. */
typedef struct moving {
    int64_t size[2], stride[2], dilation[2], extent[2]; /* extent: of the window with its dilation */
    int64_t before[2], after[2];                        /* zeros around; of a transposed convolution: what is cut */
    int64_t in[2], out[2], channels;
} moving;

static int64_t pixels(const int64_t *image) { return image[0] * image[1]; }

/* "Same" puts the odd zero at the end, as Keras does. */
static void read_padding(net_layer *layer, moving *m, int axes) {
    int64_t pad[2];
    int same = net_flag(layer, "same");
    net_flag(layer, "valid");
    net_value_pair(layer, "pad", pad, 0);
    for (int i = 0; i < axes; i++) {
        int64_t all = (m->out[i] - 1) * m->stride[i] + m->extent[i] - m->in[i];
        m->before[i] = same && all > 0 ? all / 2 : pad[i];
        m->after[i] = same && all > 0 ? all - all / 2 : pad[i];
    }
}

/* Of the whole that all pixels paint, what is cut at both ends: less than 0 adds zeros. */
static void read_cuts(net_layer *layer, moving *m, int axes) {
    int64_t pad[2];
    int same = net_flag(layer, "same");
    net_flag(layer, "valid");
    net_value(layer, "extra"); /* is in the length of the result */
    net_value_pair(layer, "pad", pad, 0);
    for (int i = 0; i < axes; i++) {
        int64_t whole = (m->in[i] - 1) * m->stride[i] + m->extent[i], too_long = whole - m->in[i] * m->stride[i];
        m->before[i] = !same ? pad[i] : too_long > 0 ? too_long / 2 : 0;
        m->after[i] = whole - m->before[i] - m->out[i];
    }
}

static moving moving_of(net *n, net_layer *layer, int64_t size, int stride_is_size) {
    moving m = { .in = { 1, 1 }, .out = { 1, 1 }, .channels = 1 };
    int axes = n->out.rank - 1;
    net_pair(layer, m.size, size);
    net_pair(layer, m.stride, 0);
    net_value_pair(layer, "dilation", m.dilation, 1);
    for (int i = 0; i < 2; i++) {
        if (m.stride[i] == 0) m.stride[i] = stride_is_size ? m.size[i] : 1;
        if (i < axes)
            m.in[i] = n->shape.dim[i], m.out[i] = n->out.dim[i];
        else
            m.size[i] = m.stride[i] = m.dilation[i] = 1;
        m.extent[i] = (m.size[i] - 1) * m.dilation[i] + 1;
    }
    if (n->shape.rank > axes) m.channels = n->shape.dim[axes];
    return m;
}

/* "pad(x, 1, 1, 2, 2)" of an image whose pixels are so many numbers wide; x itself where there is nothing to do */
static void pad_text(char *text, size_t size, const char *image, const moving *m, int64_t width, int64_t sign) {
    int any = m->before[0] || m->after[0] || m->before[1] || m->after[1];
    snprintf(text, size, any ? "pad(%s, %lld, %lld, %lld, %lld)" : "%s", image, (long long)(sign * m->before[0]),
             (long long)(sign * m->after[0]), (long long)(sign * width * m->before[1]),
             (long long)(sign * width * m->after[1]));
}

/* "windows(image, 3, 6, 1, 2, 1)", whose pixels are so many numbers wide */
static void windows_text(char *text, size_t size, const char *image, const moving *m, int64_t width, int64_t apart) {
    snprintf(text, size, "windows(%s, %lld, %lld, %lld, %lld, %lld)", image, (long long)m->extent[0],
             (long long)(m->extent[1] * width), (long long)m->stride[0], (long long)(m->stride[1] * width),
             (long long)apart);
}

/* ---- convolution ------------------------------------------------------------------------------------- */

/* Channels that see no others: all of them, or a group. */
typedef struct part {
    char tag[24]; /* of its names: "3", or "3_2" of the second group */
    char in[96];  /* what flows into it, of any shape */
    eg_shape in_shape;
    int64_t group, groups, channels, filters, kernel_rows, kernel_columns;
} part;

static const char *shaped(char *text, size_t size, const char *name, eg_shape now, int64_t rows, int64_t columns) {
    if (eg_shape_equal(now, EG_SHAPE(rows, columns))) return name;
    snprintf(text, size, "reshape(%s, %lld, %lld)", name, (long long)rows, (long long)columns);
    return text;
}

/* What flows in, or the columns of the group's channels: "x3_2 = pad(x, 0, 0, -2, 0); " */
static void open_part(net *n, const moving *m, part *p) {
    char rows[96];
    int64_t before = p->group * p->channels, after = m->channels - before - p->channels;
    if (p->groups == 1) {
        snprintf(p->tag, sizeof p->tag, "%d", n->number);
        snprintf(p->in, sizeof p->in, "%s", n->last);
        p->in_shape = n->now;
        return;
    }
    snprintf(p->tag, sizeof p->tag, "%d_%lld", n->number, (long long)p->group + 1);
    snprintf(p->in, sizeof p->in, "x%s", p->tag);
    p->in_shape = EG_SHAPE(pixels(m->in), p->channels);
    fprintf(n->to, "%s = pad(%s, 0, 0, %lld, %lld); ", p->in,
            shaped(rows, sizeof rows, n->last, n->now, pixels(m->in), m->channels), (long long)-before,
            (long long)-after);
}

/* The name of the kernel; with zeros between its weights it is a matrix of its own: D3. */
static void put_kernel(net *n, const moving *m, const part *p, char *name, size_t size) {
    int64_t inner = p->kernel_rows / pixels(m->size), block = inner * p->kernel_columns; /* numbers of one weight */
    int dilated = m->dilation[0] > 1 || m->dilation[1] > 1;
    char weights[96];
    snprintf(name, size, "W%s", p->tag);
    if (!dilated) return;
    const char *from =
        shaped(weights, sizeof weights, name, EG_SHAPE(p->kernel_rows, p->kernel_columns), pixels(m->size), block);
    fprintf(n->to, "D%s = reshape(overlap(%s, %lld, %lld, 1, %lld, %lld, %lld, 1), %lld, %lld); ", p->tag, from,
            (long long)m->extent[0], (long long)(m->extent[1] * block), (long long)block, (long long)m->dilation[0],
            (long long)(m->dilation[1] * block), (long long)(pixels(m->extent) * inner),
            (long long)p->kernel_columns);
    snprintf(name, size, "D%s", p->tag);
}

/* "z3 = windows(x, ...) @ W3" */
static void put_windows(net *n, const moving *m, const part *p) {
    char kernel[32], shape[128], padded[192], text[256];
    const char *image = shaped(shape, sizeof shape, p->in, p->in_shape, m->in[0], m->in[1] * p->channels);
    put_kernel(n, m, p, kernel, sizeof kernel);
    pad_text(padded, sizeof padded, image, m, p->channels, 1);
    windows_text(text, sizeof text, padded, m, p->channels, 1);
    fprintf(n->to, "z%s = %s @ %s", p->tag, text, kernel);
}

/* "y3 = overlap(x @ W3', ...); z3 = pad(y3, -1, -1, -1, -1)", a row for each pixel */
static void put_painting(net *n, const moving *m, const part *p) {
    char kernel[32], shape[128], name[32], cut[128], rows[160];
    int64_t whole[2], width = p->filters;
    for (int i = 0; i < 2; i++) whole[i] = (m->in[i] - 1) * m->stride[i] + m->extent[i];
    put_kernel(n, m, p, kernel, sizeof kernel);
    fprintf(n->to, "y%s = overlap(%s @ %s', %lld, %lld, %lld, %lld, %lld, %lld, 1); ", p->tag,
            shaped(shape, sizeof shape, p->in, p->in_shape, pixels(m->in), p->channels), kernel, (long long)whole[0],
            (long long)(whole[1] * width), (long long)m->extent[0], (long long)(m->extent[1] * width),
            (long long)m->stride[0], (long long)(m->stride[1] * width));
    snprintf(name, sizeof name, "y%s", p->tag);
    pad_text(cut, sizeof cut, name, m, width, -1);
    fprintf(n->to, "z%s = %s", p->tag,
            shaped(rows, sizeof rows, cut, EG_SHAPE(m->out[0], m->out[1] * width), pixels(m->out), width));
}

static int put_part(net *n, const moving *m, part *p, int bias, int transposed) {
    char kernel[32], offset[32];
    open_part(n, m, p);
    snprintf(kernel, sizeof kernel, "W%s", p->tag);
    snprintf(offset, sizeof offset, "b%s", p->tag);
    if (!net_kernel(n, kernel, 0, EG_SHAPE(p->kernel_rows, p->kernel_columns), p->group * p->kernel_columns))
        return 0;
    if (bias && !net_weight(n, offset, 1, EG_SHAPE(p->filters), 0, p->group * p->filters)) return 0;
    (transposed ? put_painting : put_windows)(n, m, p);
    fprintf(n->to, bias ? " + %s; " : "; ", offset);
    return 1;
}

/* "z3 = pad(z3_1, 0, 0, 0, 2) + pad(z3_2, 0, 0, 2, 0); ": the groups' channels side by side */
static void put_together(net *n, const part *p) {
    if (p->groups == 1) return;
    fprintf(n->to, "z%d = ", n->number);
    for (int64_t i = 0; i < p->groups; i++)
        fprintf(n->to, "%spad(z%d_%lld, 0, 0, %lld, %lld)", i ? " + " : "", n->number, (long long)i + 1,
                (long long)(i * p->filters), (long long)((p->groups - 1 - i) * p->filters));
    fprintf(n->to, "; ");
}

static int put_groups(net *n, net_layer *layer, const moving *m, int64_t filters, int64_t groups) {
    int transposed = strstr(layer->word[0], "transpose") != NULL, bias = !net_flag(layer, "no_bias");
    const char *activation = net_activation_word(layer, "linear");
    part p = { .groups = groups, .channels = m->channels / groups, .filters = filters / groups };
    p.kernel_rows = pixels(m->size) * (transposed ? p.filters : p.channels);
    p.kernel_columns = transposed ? p.channels : p.filters;
    n->number++;
    for (; p.group < groups; p.group++)
        if (!put_part(n, m, &p, bias, transposed)) return 0;
    put_together(n, &p);
    n->parameters += 1 + bias;
    net_flows(n, "z", EG_SHAPE(pixels(m->out), filters));
    net_activate(n, activation);
    return 1;
}

int net_put_conv(net *n, net_layer *layer) {
    int64_t filters = net_number(layer, 1), groups[2];
    moving m = moving_of(n, layer, 1, 0);
    net_value_pair(layer, "groups", groups, 1);
    (strstr(layer->word[0], "transpose") ? read_cuts : read_padding)(layer, &m, n->out.rank - 1);
    return put_groups(n, layer, &m, filters, groups[0]);
}

int net_put_depthwise(net *n, net_layer *layer) {
    int64_t times[2];
    moving m = moving_of(n, layer, 1, 0);
    net_value_pair(layer, "multiplier", times, 1);
    net_value(layer, "groups"); /* a group for each channel in any case */
    read_padding(layer, &m, n->out.rank - 1);
    return put_groups(n, layer, &m, m.channels * times[0], m.channels);
}

/* ---- pooling ----------------------------------------------------------------------------------------- */

/* Channel by channel: a row of the windows for each, of which one number is left. */
static void put_pooled(net *n, const moving *m, const char *what, const char *image) {
    char text[256];
    windows_text(text, sizeof text, image, m, m->channels, m->channels);
    fprintf(n->to, "%s(%s, 1)", what, text);
}

/* Zeros around are so far below that they are never the largest: "x3 = pad(x, ...) - 1e9*(1 - pad(ones(4, 4), ...))"
 */
static void put_below(net *n, const char *padded, const char *inside) {
    fprintf(n->to, "x%d = %s - 1e9*(1 - %s); ", n->number, padded, inside);
}

int net_put_pool(net *n, net_layer *layer) {
    char image[128], name[32], padded[192], ones[64], inside[128];
    moving m = moving_of(n, layer, 2, 1);
    int largest = *layer->word[0] == 'm';
    read_padding(layer, &m, n->out.rank - 1);
    int inside_only = !net_flag(layer, "count_padding") && (m.before[0] + m.before[1] + m.after[0] + m.after[1]);
    int64_t height = m.in[0], width = m.in[1] * m.channels;
    for (int i = 0; i < 2; i++)
        if (m.before[i] >= m.size[i] || m.after[i] >= m.size[i])
            return net_refuse(n, "--net: a window of %s that sees nothing but zeros around is not explained%s",
                              layer->word[0], "");
    n->number++;
    pad_text(padded, sizeof padded, shaped(image, sizeof image, n->last, n->now, height, width), &m, m.channels, 1);
    snprintf(ones, sizeof ones, "ones(%lld, %lld)", (long long)height, (long long)width);
    pad_text(inside, sizeof inside, ones, &m, m.channels, 1);
    snprintf(name, sizeof name, "x%d", n->number);
    if (largest && inside_only) put_below(n, padded, inside);
    fprintf(n->to, "z%d = ", n->number);
    put_pooled(n, &m, largest ? "largest" : inside_only ? "sum" : "mean", largest && inside_only ? name : padded);
    if (!largest && inside_only) fprintf(n->to, "/"), put_pooled(n, &m, "sum", inside);
    fprintf(n->to, "; ");
    net_flows(n, "z", EG_SHAPE(formula_size(n->out)));
    return 1;
}

int net_put_global_pool(net *n, net_layer *layer) {
    if (n->padding && !net_drop_padding(n, n->out.dim[0])) return 0;
    if (n->padding) n->shape = n->now;
    n->number++;
    fprintf(n->to, "z%d = %s(%s, 0); ", n->number, strstr(layer->word[0], "max") ? "largest" : "mean",
            net_as(n, net_rows(n->shape)));
    net_flows(n, "z", n->out);
    return 1;
}

/* ---- zeros around, every pixel a block --------------------------------------------------------------- */

static eg_shape grid_of(eg_shape shape) { return EG_SHAPE(shape.dim[0], formula_size(shape) / shape.dim[0]); }

int net_put_zeros(net *n, net_layer *layer) {
    int64_t zeros[2], channels = n->shape.rank == 3 ? n->shape.dim[2] : 1;
    net_pair(layer, zeros, 1);
    long long down = zeros[0], right = n->shape.rank == 3 ? zeros[1] * channels : 0;
    n->number++;
    fprintf(n->to, "z%d = pad(%s, %lld, %lld, %lld, %lld); ", n->number, net_as(n, grid_of(n->shape)), down, down,
            right, right);
    net_flows(n, "z", grid_of(n->out));
    return 1;
}

/* Each number is a row of equal ones, and these rows are windows side by side. */
int net_put_upsample(net *n, net_layer *layer) {
    int64_t times[2], channels = n->shape.dim[n->shape.rank - 1];
    net_pair(layer, times, 2);
    if (n->shape.rank == 2) times[1] = 1;
    eg_shape grid = grid_of(n->out);
    long long down = times[0], right = times[1] * channels;
    n->number++;
    fprintf(n->to, "z%d = overlap(outer(%s, ones(%lld)), %lld, %lld, %lld, %lld, %lld, %lld, %lld); ", n->number,
            net_as(n, EG_SHAPE(formula_size(n->shape))), (long long)(times[0] * times[1]), (long long)grid.dim[0],
            (long long)grid.dim[1], down, right, down, right, (long long)channels);
    net_flows(n, "z", grid);
    return 1;
}
