/* SPDX-License-Identifier: MIT
 *
 * formula_net.h: what formula_net.c (the net, layers over vectors, norms), formula_image.c (layers over images) and
 * formula_sequence.c (layers over sequences) share. A layer is written as statements behind what flows; the layers
 * before it are written already.
 */
#ifndef ELEGANS_FORMULA_NET_H
#define ELEGANS_FORMULA_NET_H

#include "formula_inside.h"

typedef struct net {
    formula *f;
    FILE *to;
    FILE *penalties; /* " + 0.1*sum(abs(W1))": what is added to the loss */
    eg_model *model;
    const char *input; /* as the user gave it */
    int number;        /* of the layer: W3, z3, h3 */
    int parameters;    /* of the model's state that layers have taken */
    eg_shape shape,
        out;       /* of what flows, as layers see it, into the layer and out of it: [height, width, channels] */
    eg_shape now;  /* as the formula holds it: a vector or a matrix of the same numbers in the same order */
    char last[48]; /* its name: "x", "h1" */
    char view[96]; /* see net_as */
    const unsigned char *zero; /* by row of what flows as `zero_of`: is it all zeros? For skip_zeros */
    char zero_of[48];
    const unsigned char *padding; /* by row of what flows: is it masked? NULL: no row is */
    char activation[32]; /* the last one */
    const char *l1, *l2; /* the layer's penalties on its kernels; NULL: none */
} net;

/* The words of one layer's text. Each is used up by whoever knows it. */
enum { NET_WORDS = 24 };
typedef struct net_layer {
    char *word[NET_WORDS];
    int n;
    char used[NET_WORDS];
} net_layer;

int net_refuse(net *n, const char *format, const char *a, const char *b) EG_PRINTF(2, 0);
int net_flag(net_layer *layer, const char *word);
/* The text behind "key=", NULL if it is not said. */
const char *net_value(net_layer *layer, const char *key);
/* The next word that is a number, such as 3, or a number for each axis, such as 5x3 (3 is 3x3); or `otherwise`. */
const char *net_number_word(net_layer *layer); /* NULL if there is none */
int64_t net_number(net_layer *layer, int64_t otherwise);
void net_pair(net_layer *layer, int64_t pair[2], int64_t otherwise);
void net_value_pair(net_layer *layer, const char *key, int64_t pair[2], int64_t otherwise);
const char *net_activation_word(net_layer *layer, const char *otherwise);

/* What flows, with another shape: a name or "reshape(name, 4, 2)"; lives until the next call. */
const char *net_as(net *n, eg_shape shape);
/* A row for each pixel or step, a column for each channel or feature; vectors stay. */
eg_shape net_rows(eg_shape shape);
/* From now on "h3" flows, of that shape. */
void net_flows(net *n, const char *letter, eg_shape now);
void net_activate(net *n, const char *name);

/* Of what flows only the rows that are not masked, as a matrix of so many columns; refused where all are. */
int net_drop_padding(net *n, int64_t columns);

/* Sets the variable `name` to a part of the model's parameter `index` (counted from n->parameters), whose rows are
 * those of its last axis: of that shape, from row and column on. Or leaves the user's value if it has the shape. */
int net_weight(net *n, const char *name, int index, eg_shape shape, int64_t row, int64_t column);

/* The same with all rows of a kernel, which penalties act on. */
int net_kernel(net *n, const char *name, int index, eg_shape shape, int64_t column);

/* Layers over images. */
int net_put_conv(net *n, net_layer *layer);
int net_put_depthwise(net *n, net_layer *layer);
int net_put_pool(net *n, net_layer *layer);
int net_put_global_pool(net *n, net_layer *layer);
int net_put_zeros(net *n, net_layer *layer);
int net_put_upsample(net *n, net_layer *layer);

/* Layers over sequences. */
int net_put_embedding(net *n, net_layer *layer);
int net_put_masking(net *n, net_layer *layer);
int net_put_one_hot(net *n, net_layer *layer);
int net_put_recurrent(net *n, net_layer *layer);
int net_put_attention(net *n, net_layer *layer);
int net_put_position(net *n, net_layer *layer);

#endif
