/* SPDX-License-Identifier: MIT
 *
 * model.h: what a model is made of, for this folder and for the training layer.
 *
 * A model is a list of layers and a list of wires. A wire is a layer applied to other wires, so the list of wires is
 * in topological order; wire 0 is the input. A layer applied twice shares its parameters. A layer kind is one literal
 * of eg_layer_kind: options, output shape, formula. Text, JSON and C options are read and written once, from the table
 * of options.
 */
#ifndef EG_NN_MODEL_H
#define EG_NN_MODEL_H

#include <elegans/nn.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

enum { EG_EACH_STEP = 1, EG_KEEPS_STATES };
enum {
    EG_MAX_LAYERS = 4096,
    EG_MAX_WIRES = 65536,
    EG_MAX_NAME = 63, /* bytes of a layer's name */
    EG_MAX_NESTING = 12
};
#define EG_MAX_PARAMETERS ((int64_t)1 << 40) /* scalars of one parameter */

/* ---- layers ---------------------------------------------------------------------------------- */

/* One named tensor that a layer owns: "dense/kernel". */
typedef struct eg_parameter {
    const char *name;
    double fan_in;     /* of the layer, for initialisers of its bias */
    int kernel;        /* penalties apply; stored as matmul likes it */
    int trainable;     /* by its nature: statistics are not */
    int frozen;        /* its layer is frozen */
    int is_state;      /* what a stateful layer keeps from batch to batch */
    double l1, l2;     /* the layer's own penalty */
    eg_model *from;    /* NULL, or the nested model that it comes from (its values are taken over) */
    const char *inner; /* its name there */
    eg_shape shape;
    eg_init init;
} eg_parameter;

/* A variable that training changes beside the optimizer (running statistics), and what it becomes. */
typedef struct eg_change {
    eg_value *variable, *now;
    struct eg_change *next;
} eg_change;

/* What a layer's formula may use. */
typedef struct eg_building {
    eg_graph *graph;
    eg_value *step;      /* scalar i32 while training, else NULL */
    const char *prefix;  /* "" or "model_1/": put before parameters' names */
    eg_dtype dtype;
    eg_change **changes; /* in and out: list in the graph's memory */
    uint32_t application; /* which use of this layer it is, counted through nested models */
    eg_value *logits;    /* out: the argument of a last softmax or sigmoid; NULL before the call */
    eg_value *mask;      /* in: of the first input; out: of the output, kept where that has the same steps. NULL: none */
    eg_value *const *masks; /* of all inputs */
} eg_building;

/* ---- options: words of the text language, keys of JSON and fields of the C options, from one table -------------- */

typedef enum eg_option_type {
    EG_OPTION_INT, EG_OPTION_NUMBER, EG_OPTION_FLAG, EG_OPTION_ACTIVATION, EG_OPTION_INIT, EG_OPTION_SHAPE,
    EG_OPTION_JOIN, EG_OPTION_PADDING, EG_OPTION_TYPES
} eg_option_type;

/* X(NAME, name, type, field of eg_layer, zeroable: the default of this number is not 0, a written 0 is EG_ZERO) */
#define EG_OPTION_LIST(X)                                           \
    X(UNITS, "units", INT, units, 0)                                \
    X(FILTERS, "filters", INT, units, 0)                            \
    X(MULTIPLIER, "multiplier", INT, units, 0)                      \
    X(WORDS, "words", INT, words, 0)                                \
    X(FEATURES, "size", INT, units, 0)                              \
    X(HEADS, "heads", INT, heads, 0)                                \
    X(GROUPS, "groups", INT, groups, 0)                             \
    X(AXES, "axes", INT, axes, 0)                                   \
    X(STATEFUL, "stateful", INT, stateful, 0)                       \
    X(SHAPE, "shape", SHAPE, size, 0)                               \
    X(SIZE, "size", SHAPE, size, 0)                                 \
    X(STRIDE, "stride", SHAPE, stride, 0)                           \
    X(PAD, "pad", SHAPE, pad, 0)                                    \
    X(DILATION, "dilation", SHAPE, dilation, 0)                     \
    X(EXTRA, "extra", SHAPE, extra, 0)                              \
    X(PADDING, "padding", PADDING, padding, 0)                      \
    X(HOW, "how", JOIN, join, 0)                                    \
    X(ACTIVATION, "activation", ACTIVATION, act, 0)                 \
    X(GATES, "recurrent_activation", ACTIVATION, recurrent_act, 0)  \
    X(ALPHA, "alpha", NUMBER, number, 1)                            \
    X(RATE, "rate", NUMBER, number, 0)                              \
    X(VALUE, "value", NUMBER, number, 0)                            \
    X(MOMENTUM, "momentum", NUMBER, number, 1)                      \
    X(EPSILON, "epsilon", NUMBER, epsilon, 1)                       \
    X(L1, "l1", NUMBER, l1, 0)                                      \
    X(L2, "l2", NUMBER, l2, 0)                                      \
    X(INIT, "init", INIT, kernel_init, 0)                           \
    X(RECURRENT_INIT, "recurrent_init", INIT, recurrent_init, 0)    \
    X(BIAS_INIT, "bias_init", INIT, bias_init, 0)                   \
    X(NO_BIAS, "no_bias", FLAG, no_bias, 0)                         \
    X(NO_FORGET_BIAS, "no_forget_bias", FLAG, no_forget_bias, 0)    \
    X(NO_SCALE, "no_scale", FLAG, no_scale, 0)                      \
    X(NO_SHIFT, "no_shift", FLAG, no_shift, 0)                      \
    X(LINEAR, "linear", FLAG, linear, 0)                            \
    X(SEQUENCES, "return_sequences", FLAG, return_sequences, 0)     \
    X(BIDIRECTIONAL, "bidirectional", FLAG, bidirectional, 0)       \
    X(BACKWARDS, "backwards", FLAG, backwards, 0)                   \
    X(SKIP_ZEROS, "skip_zeros", FLAG, skip_zeros, 0)                \
    X(RESET_BEFORE, "reset_before", FLAG, reset_before, 0)          \
    X(TORCH, "torch", FLAG, torch, 0)                               \
    X(COUNT_PADDING, "count_padding", FLAG, count_padding, 0)       \
    X(MASK_ZERO, "mask_zero", FLAG, mask_zero, 0)                   \
    X(SINUSOIDAL, "sinusoidal", FLAG, sinusoidal, 0)                \
    X(CAUSAL, "causal", FLAG, causal, 0)                            \
    X(LAST_AXIS, "last_axis", FLAG, last_axis, 0)                   \
    X(FROZEN, "frozen", FLAG, frozen, 0)

enum {
    EG_ID_END,
#define EG_OPTION_ENUM(NAME, name, type, field, zeroable) EG_ID_##NAME,
    EG_OPTION_LIST(EG_OPTION_ENUM)
#undef EG_OPTION_ENUM
    EG_OPTIONS
};

/* Fields that are all zero bytes are left out of text and JSON. */
typedef struct eg_option {
    const char *name;
    unsigned short offset;  /* within the layer */
    unsigned char type;     /* eg_option_type */
    unsigned char zeroable;
} eg_option;

extern const eg_option eg_options[EG_OPTIONS];

/* An option of a kind. In text the value of a bare one may stand alone: "512", "relu". */
typedef struct eg_kind_option {
    unsigned char option, bare;
    unsigned short given; /* where the kind's C options have it; 0: nowhere (there is their size) */
} eg_kind_option;
#define EG_TAKES(NAME, given) { EG_ID_##NAME, 0, given }
#define EG_TAKES_BARE(NAME, given) { EG_ID_##NAME, 1, given }
#define EG_TAKES_NAME(given) { EG_ID_END, 0, given } /* ends the list */

typedef struct eg_layer_kind {
    const char *name; /* "dense", in text, JSON, summary, and the stem of layer names */
    const eg_kind_option *options;
    /* *out is the first input's shape (all without the batch axis) and becomes the output's; checks the options and
     * adds the parameters on first use. NULL: it stays as it is. */
    eg_status (*shape)(eg_layer *layer, const eg_shape *in, int n, eg_shape *out);
    eg_value *(*build)(eg_layer *layer, eg_building *b, eg_value *const *in, int n);
    unsigned char max_inputs;     /* 0: any number */
    unsigned char stepwise;       /* over a sequence, each step by itself: EG_EACH_STEP; with states: EG_KEEPS_STATES */
    unsigned char ends_activated; /* its activation is the last thing that it does */
    unsigned char hidden;         /* not in the text language */
} eg_layer_kind;

/* What is read most stands first, where an address is short. */
struct eg_layer {
    const eg_layer_kind *kind;
    eg_model *model;        /* whose it is; NULL until one takes it */
    int first_parameter, nparameters; /* its range of the model's */

    /* What it was told. Each kind has some of these; what it does not have is 0. */
    int64_t units;          /* outputs: of a convolution its filters, of attention the size of a head */
    int64_t words, heads, groups, axes, stateful;
    double number;          /* the activation's parameter, a dropout's rate, what is masked, a norm's momentum */
    double epsilon;
    eg_activation_kind act, recurrent_act;
    eg_padding padding;
    eg_join_kind join;
    unsigned char no_bias, no_forget_bias, no_scale, no_shift, linear, return_sequences, bidirectional, backwards;
    unsigned char skip_zeros, reset_before, torch, count_padding, mask_zero, sinusoidal, causal, frozen;
    unsigned char last_axis; /* its input has more axes: said in text, where a flatten would be put before it */
    double l1, l2;
    eg_init kernel_init, recurrent_init, bias_init;
    eg_shape size;          /* of the window; how many times; the shape itself */
    eg_shape stride, pad, dilation, extra;
    eg_model *inner;        /* a model as a layer */
    int repeated;           /* the model given was another one's layer already */
    eg_value *(*formula)(void *user, eg_value *x); /* a function as a layer */
    void *user;

    eg_layer *next;         /* in the model's list */
    int index;              /* place in the list */
    int applications;
    char name[EG_MAX_NAME + 2]; /* one byte more, to see that a name is too long */
};

extern const eg_layer_kind *const eg_layer_kinds[]; /* ends with NULL */
extern const eg_layer_kind eg_kind_dense, eg_kind_activation, eg_kind_dropout, eg_kind_flatten, eg_kind_reshape,
    eg_kind_join, eg_kind_model, eg_kind_lambda, eg_kind_conv, eg_kind_conv1d, eg_kind_conv_transpose,
    eg_kind_conv1d_transpose, eg_kind_depthwise_conv, eg_kind_max_pool, eg_kind_avg_pool, eg_kind_global_max_pool,
    eg_kind_global_avg_pool, eg_kind_zero_pad, eg_kind_upsample, eg_kind_batch_norm, eg_kind_layer_norm,
    eg_kind_group_norm, eg_kind_spatial_dropout, eg_kind_embedding, eg_kind_one_hot, eg_kind_position,
    eg_kind_masking, eg_kind_simple_rnn, eg_kind_lstm, eg_kind_gru, eg_kind_attention;

const eg_layer_kind *eg_layer_kind_named(const char *name); /* NULL if there is none */
/* Numbers of one sample, and of what the model says to it. */
int64_t eg_model_input_size(const eg_model *model);
int64_t eg_model_output_size(const eg_model *model);
/* A layer of that kind, all options 0; name may be NULL. NULL without memory. */
eg_layer *eg_layer_new(const eg_layer_kind *kind, const char *name);
/* The same with the C options of the kind, which begin with their size (0: `size` bytes). */
eg_layer *eg_layer_made(const eg_layer_kind *kind, const void *given, size_t size);
/* The layer's parameter number `index` ("kernel": the layer's name is put before), added when it is not there yet;
 * SHAPE error if it is there otherwise, which happens when a layer is shared. */
eg_status eg_layer_parameter(eg_layer *layer, int index, const eg_parameter *parameter);
/* The same for one that training changes; kernels have the layer's penalties. */
eg_status eg_layer_weight(eg_layer *layer, int index, const char *name, const eg_shape *shape, const eg_init *init,
                          double fan_in, int kernel);
enum { EG_PLAIN, EG_KERNEL };
eg_status eg_layer_check_units(const eg_layer *layer); /* its first option, at least 1 */
eg_shape eg_with_batch(int64_t batch, const eg_shape *sample);
/* The shape of what the formula makes of so many inputs of that shape, from the formula itself. */
eg_status eg_layer_probe(eg_layer *layer, int64_t batch, const eg_shape *in, eg_shape *out);
/* That parameter as a variable of the graph under construction. */
eg_value *eg_layer_variable(const eg_layer *layer, const eg_building *b, int index);
/* Training changes the variable to `now`. A layer that is used twice changes it twice: the second time starts from what
 * eg_layer_current gives, which is the variable itself before the first. */
void eg_layer_change(eg_building *b, eg_value *variable, eg_value *now);
eg_value *eg_layer_current(const eg_building *b, eg_value *variable);

/* Has y the axes of the mask, and features behind them? */
int eg_mask_fits(const eg_value *mask, const eg_value *y);
/* A mask [batch, steps] as numbers of x's dtype that broadcast over the features of x [batch, steps, ...]. */
eg_value *eg_mask_over(eg_value *mask, const eg_value *x);
/* The mask of steps where some feature of x [batch, steps, features] is not `value`. */
eg_value *eg_mask_where_not(eg_value *x, double value);

/* x activated; softmax and sigmoid leave x in b->logits. */
eg_value *eg_layer_activate(eg_building *b, eg_value *x, eg_activation_kind kind, double parameter);

const char *eg_init_name(eg_init_kind kind);

/* Reads one option's value from a word of text or a JSON value; writes it. */
eg_status eg_option_parse(const eg_option *option, eg_layer *layer, const char *word);
eg_status eg_option_from_json(const eg_option *option, eg_layer *layer, const eg_json *value);
int eg_option_is_default(const eg_option *option, const eg_layer *layer);
void eg_option_text(const eg_option *option, const eg_layer *layer, eg_text *out);
void eg_option_json(const eg_option *option, const eg_layer *layer, eg_json_writer *w);
/* The words of an option that is a choice, ended by NULL; NULL for all others. */
const char *const *eg_option_choices(const eg_option *option);
const eg_kind_option *eg_option_named(const eg_layer_kind *kind, const char *name); /* NULL if it has no such option */
/* A list of at most EG_MAX_RANK - 1 whole numbers. */
void eg_json_put_shape(eg_json_writer *w, const char *key, const eg_shape *shape);
eg_status eg_json_read_shape(const eg_json *list, eg_shape *out);

/* ---- models ---------------------------------------------------------------------------------- */

struct eg_wire {
    eg_model *model;
    int index;
    eg_layer *layer;     /* NULL: the input */
    int application;     /* which use of the layer */
    eg_wire **in;
    int nin;
    eg_shape shape;      /* without the batch axis */
};

struct eg_model {
    eg_arena arena;                 /* wires, parameters, names */
    eg_status status;
    int64_t error_at;               /* byte of the text that was parsed, -1 */
    eg_layer *first, *last;         /* the layers, in order of first use */
    int nlayers;
    eg_wire **wires;                /* [0] is the input */
    int nwires, capacity;
    const char *input_name;
    eg_wire *output;
    eg_parameter *parameters;       /* all of them, nested ones included, in order of the summary */
    int nparameters, parameter_capacity;
    eg_change *changes;             /* of the last build for training, in that graph's memory */
    eg_value *mask;                 /* of the last build's output, in that graph */
    eg_state *state;
    int initialised;
    eg_dtype dtype;
    int taken;                      /* it is a layer of another model */
    int depth;                      /* how deep models are nested in it */
    void *train;                    /* the training layer's part */
    void (*train_free)(void *train);
    eg_wire poison;                 /* handed out after a mistake */
    char error[512];                /* of the status */
};

static inline int eg_parameter_trains(const eg_parameter *p) { return p->trainable && !p->frozen; }
/* The last wire that the layer of that name made; NAME error with "did you mean". */
eg_status eg_model_wire_of(const eg_model *model, const char *layer, eg_wire **out);
/* Freezes a layer's parameters or lets them train again. */
eg_status eg_model_freeze_layer(eg_model *model, const char *layer, int frozen);
/* Makes the named layer the last one: whatever comes after it is gone. Only before the parameters have values. */
eg_status eg_model_cut(eg_model *model, const char *layer);

/* eg_model_status, and the model's error as the thread's. */
eg_status eg_model_check(const eg_model *model);
/* Remembers the thread's current error if it is the model's first one; returns that status. */
eg_status eg_model_poison(eg_model *model);
/* A parameter as a variable of a graph, with the layout that every graph of this model gives it. */
eg_value *eg_model_variable(eg_graph *graph, const eg_parameter *parameter, const char *prefix, eg_dtype dtype);
/* Builds with a prefix before the parameters' names (a nested model). b->mask: in of x, out of y; b->logits: out. */
eg_status eg_model_build_in(eg_model *model, eg_building *b, eg_value *x, eg_value **y);
/* l1 sum |w| + l2/2 sum w^2 over all trainable kernels, the layers' own penalties plus these; NULL if all are 0. */
eg_status eg_model_penalty(const eg_model *model, eg_graph *graph, double l1, double l2, eg_value **out);
/* What is left of a loss of each sample, or step: weighted, masked, added up as the options say. (loss.c) */
eg_value *eg_loss_reduce(eg_value *each, const eg_loss_opt *opt);
/* Has the output what the loss is about: at least two classes where it is over classes? (loss.c) */
int eg_loss_fits(eg_loss_kind kind, const eg_shape *output);
#define EG_LOSS_NEEDS_CLASSES "is over classes, at least 2 outputs; for one there are binary_cross_entropy and hinge"
/* The activation that the output ends in (EG_LINEAR if none). */
eg_activation_kind eg_model_last_activation(const eg_model *model);
int eg_model_is_chain(const eg_model *model); /* each wire feeds the next one: sequential */
eg_model *eg_model_from_json_value(const eg_json *json, int depth);
eg_status eg_model_write_json(const eg_model *model, eg_json_writer *w, const char *key);
/* The model in the JSON of a layer that is one. */
eg_status eg_layer_read_model(eg_layer *layer, const eg_json *json, int depth);
/* The name that a layer of the kind gets after so many others: dense, dense_1, ... */
void eg_layer_default_name(const eg_layer_kind *kind, int others, char name[EG_MAX_NAME + 2]);
/* How many layers of its kind are in the model's list, up to the layer where it is there. */
int eg_layer_others(const eg_model *model, const eg_layer *layer);

#endif
