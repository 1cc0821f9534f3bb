/* SPDX-License-Identifier: MIT
 *
 * elegans/nn.h: layers, activations, initialisers, losses and the models made of them. A model is a description that
 * builds graphs; its parameters are the variables of its state. Shapes of layers leave out the batch axis, which
 * comes first.
 *
 *     eg_model *m = eg_sequential(EG_SHAPE(28, 28), eg_flatten(),
 *                                 eg_dense(512, .act = EG_RELU), eg_dense(10, .act = EG_SOFTMAX));
 *
 * or, where layers branch and join:
 *
 *     eg_model *m = eg_model_new();
 *     eg_wire *x = eg_model_input(m, "x", EG_SHAPE(784));
 *     eg_wire *h = eg_apply(eg_dense(64, .act = EG_RELU), x);
 *     eg_model_output(m, eg_apply(eg_dense(10), eg_apply(eg_join(EG_JOIN_CONCAT), h, x)));
 *
 * or as one line of text, which the command line and eg_model_parse share: "dense 512 relu; dense 10 softmax".
 *
 * Models are poisoned like graphs: the first mistake sticks (eg_model_status, eg_model_error), later calls do
 * nothing.
 * Two models must not be built into one graph when their layers have the same names: names are what variables are.
 */
#ifndef ELEGANS_NN_H
#define ELEGANS_NN_H

#include <elegans/graph.h>
#include <elegans/program.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- activations ----------------------------------------------------------------------------------------- */

/* X(NAME, "name", formula). EG_SOFTMAX works along the last axis. gelu is the exact form by erf. leaky_relu's slope
 * is .2 (Keras' activation; PyTorch's is .01), elu's alpha 1. */
#define EG_ACTIVATION_LIST(X)                              \
    X(LINEAR, "linear", "x")                               \
    X(STEP, "step", "x > 0 ? 1 : 0, derivative 0")         \
    X(RELU, "relu", "max(0, x)")                           \
    X(TANH, "tanh", "tanh x")                              \
    X(SIGMOID, "sigmoid", "1 / (1 + e^-x)")                \
    X(SOFTMAX, "softmax", "e^x_i / sum_j e^x_j")           \
    X(LEAKY_RELU, "leaky_relu", "x > 0 ? x : slope x")     \
    X(ELU, "elu", "x > 0 ? x : alpha (e^x - 1)")           \
    X(GELU, "gelu", "x/2 (1 + erf(x / sqrt 2))")           \
    X(SOFTPLUS, "softplus", "ln(1 + e^x)")

typedef enum eg_activation_kind {
#define EG_ACTIVATION_ENUM_(NAME, name, formula) EG_##NAME,
    EG_ACTIVATION_LIST(EG_ACTIVATION_ENUM_)
#undef EG_ACTIVATION_ENUM_
    EG_ACTIVATION_KINDS
} eg_activation_kind;

/* parameter: leaky_relu's slope, elu's alpha; 0: the default, EG_ZERO: zero. */
EG_API eg_value *eg_activate(eg_value *x, eg_activation_kind kind, double parameter);

/* ---- initialisers ---------------------------------------------------------------------------------------- */

/* fan_in, fan_out of a kernel (..., in, out). Uniform: limit sqrt(3 s/n); normal: truncated at 2 sigma with
 * sigma = sqrt(s/n)/.8796 (keras) or plain sqrt(s/n) (torch). glorot: s 1, n (in+out)/2; he: s 2, n in; lecun: s 1,
 * n in. */
#define EG_INIT_LIST(X)                                                                                            \
    X(DEFAULT, "default")           /* keras: Glorot uniform for kernels, zeros for biases; torch: torch_linear */ \
    X(ZEROS, "zeros")                                                                                              \
    X(CONSTANT, "constant")         /* a: the value */                                                             \
    X(NORMAL, "normal")             /* a: standard deviation (.05), b: mean */                                     \
    X(TRUNCATED_NORMAL, "truncated_normal")                                                                        \
    X(UNIFORM, "uniform")           /* -a .. a (.05) */                                                            \
    X(GLOROT_UNIFORM, "glorot_uniform") X(GLOROT_NORMAL, "glorot_normal")                                          \
    X(HE_UNIFORM, "he_uniform") X(HE_NORMAL, "he_normal")                                                          \
    X(LECUN_UNIFORM, "lecun_uniform") X(LECUN_NORMAL, "lecun_normal")                                              \
    X(ORTHOGONAL, "orthogonal")     /* a: gain (1) */                                                              \
    X(LSTM_BIAS, "lstm_bias")       /* zeros, and ones for the second quarter: the forget gates */                 \
    X(TORCH_LINEAR, "torch_linear") /* U(+-1/sqrt(fan_in)) for kernel and bias */

typedef enum eg_init_kind {
#define EG_INIT_ENUM_(NAME, name) EG_INIT_##NAME,
    EG_INIT_LIST(EG_INIT_ENUM_)
#undef EG_INIT_ENUM_
    EG_INIT_KINDS
} eg_init_kind;

typedef struct eg_init {
    eg_init_kind kind;
    double a, b; /* 0: the default, EG_ZERO: zero */
    int end_;    /* always 0 */
} eg_init;
#define EG_INIT(...) EG_INIT_MAKE_(__VA_ARGS__, .end_ = 0) /* EG_INIT(ZEROS), EG_INIT(NORMAL, .a = .01) */
#define EG_INIT_MAKE_(NAME, ...) ((eg_init){ .kind = EG_INIT_##NAME, __VA_ARGS__ })

/* Fills out[size] (row-major doubles) for a parameter of that shape; the numbers depend on seed and name alone. */
EG_API eg_status eg_init_fill(eg_init init, eg_dialect dialect, eg_shape shape, uint64_t seed, const char *name,
                              double *out);

/* ---- losses ---------------------------------------------------------------------------------------------- */

/* y = target, p = prediction, over the last axis where it says "classes"; mean over everything else.
 * Names are those of the field; eg_loss_named knows the aliases too ("mse", "nll", "log_loss", "bce", ...). */
#define EG_LOSS_LIST(X)                                                                                  \
    X(AUTO, "auto", "by the last activation and the targets")                                            \
    X(MEAN_SQUARED_ERROR, "mean_squared_error", "(y - p)^2")                                             \
    X(HALF_SQUARED_ERROR, "half_squared_error", "(y - p)^2 / 2, summed over outputs")                    \
    X(MEAN_ABSOLUTE_ERROR, "mean_absolute_error", "|y - p|")                                             \
    X(HUBER, "huber", "d = |y - p|; d <= delta ? d^2/2 : delta (d - delta/2)")                           \
    X(BINARY_CROSS_ENTROPY, "binary_cross_entropy", "-y ln p - (1 - y) ln(1 - p)")                       \
    X(CATEGORICAL_CROSS_ENTROPY, "categorical_cross_entropy", "-sum_j y_j ln p_j over classes")          \
    X(SPARSE_CATEGORICAL_CROSS_ENTROPY, "sparse_categorical_cross_entropy", "-ln p_y, y a class number") \
    X(HINGE, "hinge", "max(0, 1 - y p), y = +-1 (0/1 is converted)")                                     \
    X(CATEGORICAL_HINGE, "categorical_hinge", "max(0, 1 + max_{j != y} p_j - p_y)")                      \
    X(MULTICLASS_HINGE, "multiclass_hinge", "sum_{j != y} max(0, 1 + p_j - p_y)")

typedef enum eg_loss_kind {
#define EG_LOSS_ENUM_(NAME, name, formula) EG_LOSS_##NAME,
    EG_LOSS_LIST(EG_LOSS_ENUM_)
#undef EG_LOSS_ENUM_
    EG_LOSS_KINDS
} eg_loss_kind;

typedef enum eg_reduction_kind { EG_REDUCTION_MEAN, EG_REDUCTION_SUM, EG_REDUCTION_NONE } eg_reduction_kind;

typedef struct eg_loss_opt {
    size_t size_;
    eg_reduction_kind reduction;
    int from_logits;     /* p are logits: the stable form is built (cross-entropies) */
    double delta;        /* huber: 1 */
    eg_value *weights;   /* [batch] sample weights or NULL: sum(w l)/batch for MEAN, as in Keras */
    eg_dialect dialect;
    eg_value *mask;      /* [batch, steps] (eg_model_mask) or NULL: l [batch, steps] is of each step, 0 where the mask is;
                            sum(m w l)/sum(m) for MEAN, as in Keras: all steps that are there weigh the same */
} eg_loss_opt;

/* The loss as a value: scalar, or [batch] (masked: [batch, steps]) for EG_REDUCTION_NONE. y: for the losses over classes
 * class numbers [batch] or rows of p's shape, else p's shape; [batch] fits [batch,1], any dtype is cast. Probabilities
 * are renormalised (categorical) and clipped to [1e-7, 1 - 1e-7] (keras) or only kept above 1e-37 (torch). */
EG_API eg_value *eg_loss_(eg_loss_kind kind, eg_value *y, eg_value *p, eg_loss_opt opt);
#define eg_loss(...) EG_LOSS_CALL_(__VA_ARGS__, .size_ = sizeof(eg_loss_opt))
#define EG_LOSS_CALL_(kind, y, p, ...) eg_loss_(kind, y, p, (eg_loss_opt){ __VA_ARGS__ })

/* Kind by name or alias; NAME error with "did you mean". */
EG_API eg_status eg_loss_named(const char *name, eg_loss_kind *out);
EG_API eg_status eg_activation_named(const char *name, eg_activation_kind *out);
EG_API eg_status eg_init_named(const char *text, eg_init *out); /* "he_normal", "normal(.01)", "constant(.5)" */
EG_API const char *eg_loss_name(eg_loss_kind kind);
EG_API const char *eg_activation_name(eg_activation_kind kind);

/* ---- layers ---------------------------------------------------------------------------------------------- */

typedef struct eg_layer eg_layer;
typedef struct eg_model eg_model;
typedef struct eg_wire eg_wire;

/* y = act(x W + b): W [in, units], b [units] (the course's W x + b is the same with W transposed). x may have more
 * axes: the last one is `in`. Penalties on the kernel: l1 sum |w| + l2/2 sum w^2 (Keras' l2 is lambda sum w^2,
 * torch's weight_decay adds lambda w to the gradient as this l2 does). */
typedef struct eg_dense_opt {
    size_t size_;
    int64_t units;
    eg_activation_kind act;
    int no_bias;
    eg_init kernel_init, bias_init;
    double l1, l2;
    int frozen;          /* not trained */
    const char *name;    /* default: dense, dense_1, ... in order of building */
} eg_dense_opt;
EG_API eg_layer *eg_dense_(eg_dense_opt opt);
#define eg_dense(...) /* eg_dense(512, .act = EG_RELU) */ \
    eg_dense_((eg_dense_opt){ .size_ = sizeof(eg_dense_opt), .units = __VA_ARGS__ })

/* ---- layers over images: channels-last, [height, width, channels] or [length, channels] without the batch axis */

/* y = act(conv(x, W) + b): W [height, width, in / groups, filters] (Keras' order), the kernel not turned round. Lists have a
 * number for each axis; {5} is 5 for all. An image without channels, [height, width], has one. conv2d_transpose
 * (W [height, width, filters, in]) is the gradient of a convolution used forward, with the result of eg_conv_transpose;
 * depthwise_conv2d has `filters` (1) for each channel of its own. */
typedef struct eg_conv_opt {
    size_t size_;
    int64_t filters;
    int64_t size[2];     /* of the window */
    int64_t stride[2];   /* 1 */
    eg_padding padding;  /* EG_VALID, EG_SAME */
    int64_t pad[2];      /* or so many zeros on both sides */
    int64_t dilation[2]; /* 1 */
    int64_t groups;      /* 1 */
    int64_t extra[2];    /* transposed: so much longer at the end */
    eg_activation_kind act;
    int no_bias;
    eg_init kernel_init, bias_init;
    double l1, l2;       /* as of dense layers */
    int frozen;
    const char *name;
} eg_conv_opt;
EG_API eg_layer *eg_conv2d_(eg_conv_opt opt);
EG_API eg_layer *eg_conv1d_(eg_conv_opt opt);
EG_API eg_layer *eg_conv2d_transpose_(eg_conv_opt opt);
EG_API eg_layer *eg_conv1d_transpose_(eg_conv_opt opt);
EG_API eg_layer *eg_depthwise_conv2d_(eg_conv_opt opt);
#define EG_CONV_OPT_(...) ((eg_conv_opt){ .size_ = sizeof(eg_conv_opt), .filters = __VA_ARGS__ })
#define eg_conv2d(...) eg_conv2d_(EG_CONV_OPT_(__VA_ARGS__)) /* eg_conv2d(6, .size = { 5 }, .act = EG_RELU) */
#define eg_conv1d(...) eg_conv1d_(EG_CONV_OPT_(__VA_ARGS__))
#define eg_conv2d_transpose(...) eg_conv2d_transpose_(EG_CONV_OPT_(__VA_ARGS__))
#define eg_conv1d_transpose(...) eg_conv1d_transpose_(EG_CONV_OPT_(__VA_ARGS__))
#define eg_depthwise_conv2d(...) eg_depthwise_conv2d_(EG_CONV_OPT_(__VA_ARGS__)) /* eg_depthwise_conv2d(1, .size = { 3 }) */

typedef struct eg_pool_opt {
    size_t size_;
    int64_t size[2];     /* 2 */
    int64_t stride[2];   /* the size */
    eg_padding padding;
    int64_t pad[2];
    int count_padding;   /* average: padding counts as zeros (torch); else it is left out (Keras) */
    const char *name;
} eg_pool_opt;
EG_API eg_layer *eg_max_pooling_(eg_pool_opt opt); /* a tie gives the gradient to the first in the window */
EG_API eg_layer *eg_avg_pooling_(eg_pool_opt opt);
#define eg_max_pooling(...) eg_max_pooling_((eg_pool_opt){ .size_ = sizeof(eg_pool_opt), __VA_ARGS__ })
#define eg_avg_pooling(...) eg_avg_pooling_((eg_pool_opt){ .size_ = sizeof(eg_pool_opt), __VA_ARGS__ })
EG_API eg_layer *eg_global_max_pooling(void); /* [channels] */
EG_API eg_layer *eg_global_avg_pooling(void);
EG_API eg_layer *eg_zero_padding(int64_t height, int64_t width); /* so many zeros on both sides */
EG_API eg_layer *eg_upsampling(int64_t height, int64_t width);   /* so many times: nearest neighbour */
EG_API eg_layer *eg_spatial_dropout(double rate);                /* drops whole channels */

/* y = (x - mean) / sqrt(variance + epsilon) gamma + beta. batch_norm: statistics of each channel over the batch while
 * training, running averages afterwards and when frozen. layer_norm: over the last `axes` axes of each sample;
 * group_norm: over positions and groups of channels of each sample. */
typedef struct eg_norm_opt {
    size_t size_;
    eg_dialect dialect;  /* keras: momentum .99 (the old's share), epsilon 1e-3; torch: .1 (the new's share), 1e-5, and
                            the running variance is unbiased */
    double momentum, epsilon; /* 0: the default, EG_ZERO: zero */
    int64_t axes;        /* layer_norm: 1 */
    int64_t groups;      /* group_norm: 32 */
    int no_scale, no_shift, frozen;
    const char *name;
} eg_norm_opt;
EG_API eg_layer *eg_batch_norm_(eg_norm_opt opt);
EG_API eg_layer *eg_layer_norm_(eg_norm_opt opt);
EG_API eg_layer *eg_group_norm_(eg_norm_opt opt);
#define eg_batch_norm(...) eg_batch_norm_((eg_norm_opt){ .size_ = sizeof(eg_norm_opt), __VA_ARGS__ })
#define eg_layer_norm(...) eg_layer_norm_((eg_norm_opt){ .size_ = sizeof(eg_norm_opt), __VA_ARGS__ })
#define eg_group_norm(...) eg_group_norm_((eg_norm_opt){ .size_ = sizeof(eg_norm_opt), __VA_ARGS__ })

/* ---- layers over sequences: [steps, features] without the batch axis */

/* Sequences of different lengths are padded to one, and a mask [batch, steps], 0 for padding and else 1, goes with them from
 * layer to layer as long as values keep their steps (eg_model_mask is what arrives at the output):
 *
 *     made by       embedding with mask_zero (number 0), masking (steps whose features all have one value),
 *                   recurrent layers with skip_zeros or a second input
 *     heeded by     recurrent layers (the state stays as it is, in either direction), attention (padded keys are not
 *                   seen), global pooling and batch_norm (over the steps that are there), losses and metrics of fit and
 *                   evaluate (see eg_loss_opt); by no other layer: a convolution sees padding as what is there, zeros
 *     ended by      layers that do not give [steps, ...] of the same steps: flatten, the last state, pooling
 *
 * so a padded batch is the sequences one by one. A layer of several inputs goes on with the mask of its first one, a join
 * with the first that there is. */

/* A row of the table [words, size] for each whole number of the input, [..] -> [.., size]; zeros for a number outside.
 * mask_zero: number 0 is padding: it has zeros, and is masked. one_hot: the vector of `words` with a one in its place. */
typedef struct eg_embedding_opt {
    size_t size_;
    int64_t words, size;
    int mask_zero;
    eg_init init;        /* uniform(.05); torch: normal(1) */
    eg_dialect dialect;
    int frozen;
    const char *name;
} eg_embedding_opt;
EG_API eg_layer *eg_embedding_(eg_embedding_opt opt);
#define eg_embedding(number, ...) /* eg_embedding(10000, .size = 64) */ \
    eg_embedding_((eg_embedding_opt){ .size_ = sizeof(eg_embedding_opt), .words = (number), __VA_ARGS__ })
EG_API eg_layer *eg_one_hot_layer(int64_t words);
/* Steps whose features all are `value` (usually 0) are padding: masked, and zeros from here on (Keras' Masking). */
EG_API eg_layer *eg_masking(double value);
/* x + P: P [steps, features], a vector learnt for each place; sinusoidal: the fixed one of the transformer. */
EG_API eg_layer *eg_positions(int sinusoidal);

/* Recurrent layers, x [steps, in] -> the last state [units], or all states [steps, units] (return_sequences). The state
 * h begins with zeros. W [in, gates units], U [units, gates units], b [gates units]; kernel, recurrent_kernel, bias:
 *
 *     simple_rnn   h' = tanh(x W + b + h U)
 *     lstm         [i f g o] = x W + b + h U      c' = sigmoid(f) c + sigmoid(i) tanh(g)      h' = sigmoid(o) tanh(c')
 *     gru          [z r n] = x W + b_0, [z' r' n'] = h U + b_1      (b is [2, 3 units])
 *                  h' = Z h + (1 - Z) tanh(n + R n')      Z = sigmoid(z + z')      R = sigmoid(r + r')
 *                  reset_before: tanh(n + (R h) U_n), and one bias
 *
 * as Keras computes them: kernels Glorot uniform, recurrent kernels orthogonal, biases zero but the lstm's forget gates 1.
 * The torch dialect has a second bias (recurrent_bias), the gru's gates in the order r z n, and draws all of it from
 * U(+-1/sqrt(units)).
 *
 * Where the mask is 0 the step is left out, the state stays. A second input is a mask [steps] or lengths [1], the number
 * of steps that count; skip_zeros masks steps whose features are all 0, if they came without a mask. bidirectional: a
 * second layer walks from the last step to the first, and the two results stand side by side. stateful: the state is
 * kept from batch to batch of that many rows, as changes of every built graph (eg_model_changes), until
 * eg_model_reset_states; gradients stay within a batch, which is truncated backpropagation through time. */
typedef struct eg_recurrent_opt {
    size_t size_;
    int64_t units;
    eg_activation_kind act, recurrent_act; /* tanh, sigmoid (of gates) */
    int linear;          /* no activation in place of tanh */
    int return_sequences, bidirectional;
    int backwards;       /* from the last step to the first; y[t] still belongs to x[t] */
    int skip_zeros;
    int64_t stateful;    /* rows of a batch; 0: not */
    int no_bias, no_forget_bias, reset_before;
    eg_dialect dialect;
    eg_init kernel_init, recurrent_init, bias_init;
    double l1, l2;       /* on kernels, as of dense layers */
    int frozen;
    const char *name;
} eg_recurrent_opt;
EG_API eg_layer *eg_simple_rnn_(eg_recurrent_opt opt);
EG_API eg_layer *eg_lstm_(eg_recurrent_opt opt);
EG_API eg_layer *eg_gru_(eg_recurrent_opt opt);
#define EG_RECURRENT_OPT_(...) ((eg_recurrent_opt){ .size_ = sizeof(eg_recurrent_opt), .units = __VA_ARGS__ })
#define eg_simple_rnn(...) eg_simple_rnn_(EG_RECURRENT_OPT_(__VA_ARGS__)) /* eg_simple_rnn(32, .act = EG_RELU) */
#define eg_lstm(...) eg_lstm_(EG_RECURRENT_OPT_(__VA_ARGS__))
#define eg_gru(...) eg_gru_(EG_RECURRENT_OPT_(__VA_ARGS__))

/* Multi-head attention: queries from x [steps, features], keys and values from the second input, or from x itself;
 * y = concat over heads of softmax(q k' / sqrt(size)) v, times the output kernel. causal: a step sees no later one.
 * Keys where their mask is 0 are not seen; a third input [steps of keys] is a mask to use instead. */
typedef struct eg_attention_opt {
    size_t size_;
    int64_t heads;       /* 1 */
    int64_t size;        /* of a head's keys and values; features / heads */
    int causal, no_bias;
    eg_init kernel_init, bias_init;
    int frozen;
    const char *name;
} eg_attention_opt;
EG_API eg_layer *eg_attention_(eg_attention_opt opt);
#define eg_attention(...) /* eg_attention(4, .causal = 1) */ \
    eg_attention_((eg_attention_opt){ .size_ = sizeof(eg_attention_opt), .heads = __VA_ARGS__ })

/* ---- layers without parameters */

EG_API eg_layer *eg_activation(eg_activation_kind kind, double parameter);
EG_API eg_layer *eg_dropout(double rate);       /* training only: 0 with probability rate, else x/(1-rate) */
EG_API eg_layer *eg_flatten(void);
EG_API eg_layer *eg_reshape_(eg_shape shape);   /* without the batch axis; one dim may be -1 */
#define eg_reshape(...) eg_reshape_(EG_SHAPE(__VA_ARGS__))
typedef enum eg_join_kind {
    EG_JOIN_ADD, EG_JOIN_MULTIPLY, EG_JOIN_MAXIMUM, EG_JOIN_AVERAGE, EG_JOIN_CONCAT
} eg_join_kind;
EG_API eg_layer *eg_join(eg_join_kind kind);    /* several inputs; concat along the last axis */
EG_API eg_layer *eg_model_layer(eg_model *model); /* a whole model as a layer; takes it */
/* Any graph-building function as a layer without parameters. */
EG_API eg_layer *eg_lambda(eg_value *(*build)(void *user, eg_value *x), void *user);
EG_API void eg_layer_free(eg_layer *layer);     /* only for a layer that no model took */

/* ---- models ---------------------------------------------------------------------------------------------- */

/* Takes the layers, also when it fails. Never NULL except without memory. */
EG_API eg_model *eg_sequential_(eg_shape input, eg_layer *const *layers, int n);
#define eg_sequential(input, ...)                             \
    eg_sequential_(input, (eg_layer *[]){ __VA_ARGS__ },      \
                   (int)(sizeof((eg_layer *[]){ __VA_ARGS__ }) / sizeof(eg_layer *)))
/* "dense 512 relu; dropout .2; dense 10 softmax" (';' or newline between layers, options as key=value:
 * "dense 64 tanh no_bias init=he_normal l2=1e-4 name=hidden"). An activation's name alone is a layer too, '#' starts
 * a comment. A dense layer whose input is an image is preceded by flatten (unless it says last_axis). Mistakes are
 * told with line and column, unknown words with "did you mean"; see eg_model_error_position. */
EG_API eg_model *eg_model_parse(eg_shape input, const char *text);

EG_API eg_model *eg_model_new(void);
EG_API eg_wire *eg_model_input(eg_model *model, const char *name, eg_shape shape);
/* Applying a layer a second time shares its parameters. Takes the layer. */
EG_API eg_wire *eg_apply_(eg_layer *layer, eg_wire *const *in, int n);
#define eg_apply(layer, ...) \
    eg_apply_(layer, (eg_wire *[]){ __VA_ARGS__ }, (int)(sizeof((eg_wire *[]){ __VA_ARGS__ }) / sizeof(eg_wire *)))
EG_API void eg_model_output(eg_model *model, eg_wire *wire);
EG_API void eg_model_free(eg_model *model);

EG_API eg_status eg_model_status(const eg_model *model);
EG_API const char *eg_model_error(const eg_model *model);
/* Where the mistake is in the text that eg_model_parse read: a byte offset for a caret, -1 if none. */
EG_API int64_t eg_model_error_position(const eg_model *model);
EG_API eg_shape eg_model_input_shape(const eg_model *model);
EG_API eg_shape eg_model_output_shape(const eg_model *model);
EG_API int64_t eg_model_parameters(const eg_model *model);           /* scalars in all parameters */
EG_API int64_t eg_model_trainable(const eg_model *model);
/* Layer, type, output shape, parameters; totals with bytes. Allocated, free with eg_string_free. */
EG_API char *eg_model_summary(const eg_model *model);
/* The layers as text that eg_model_parse reads (sequential models), and the whole description as JSON. */
EG_API char *eg_model_text(const eg_model *model);
EG_API char *eg_model_json(const eg_model *model);
EG_API eg_model *eg_model_from_json(const char *json, size_t size);

/* Builds the model into a graph. x: [batch, input...], cast to the parameters' dtype. `step` (scalar i32) non-NULL
 * means training (dropout acts). Stores the output in *y and, where the last activation is softmax or sigmoid, its
 * argument in *logits (else NULL); *penalty gets the sum of all l1 and l2 terms (NULL if there are none). Any of the
 * three may be NULL. */
EG_API eg_status eg_model_build(eg_model *model, eg_value *x, eg_value *step, eg_value **y, eg_value **logits,
                                eg_value **penalty);
/* The parameters as variables of a graph, in order of the summary; trainable ones only if asked. Returns how many
 * there are; out gets at most max of them. */
EG_API int eg_model_variables(const eg_model *model, eg_graph *graph, int trainable_only, eg_value **out, int max);
/* The assigns that the last eg_model_build made beside the optimizer's (running statistics while training, states of
 * stateful layers always): roots of the program. Returns how many there are; out gets at most max of them. */
EG_API int eg_model_changes(const eg_model *model, eg_value **out, int max);
/* The mask of the output that the last eg_model_build made: [batch, steps] of 1 and 0 in that graph, NULL if all counts. */
EG_API eg_value *eg_model_mask(const eg_model *model);
/* Sets the states of stateful layers to zero; the rows that they are kept for, 0 without such layers. */
EG_API eg_status eg_model_reset_states(eg_model *model);
EG_API int64_t eg_model_stateful_rows(const eg_model *model);
/* The variables' values live here; parameters are initialised by eg_model_init (eg_model_compile calls it). */
EG_API eg_state *eg_model_state(eg_model *model);
/* EG_F32 (the default) or EG_F64, before the parameters have values. */
EG_API eg_status eg_model_set_dtype(eg_model *model, eg_dtype dtype);
EG_API eg_status eg_model_init(eg_model *model, uint64_t seed, eg_dialect dialect);
/* Gives every kernel whose layer names no initialiser this one; before eg_model_init. */
EG_API void eg_model_set_init(eg_model *model, eg_init init);
/* All parameters as one flat vector in order of the summary. n must be eg_model_parameters. */
EG_API eg_status eg_model_get_flat(const eg_model *model, double *out, int64_t n);
EG_API eg_status eg_model_set_flat(eg_model *model, const double *in, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
