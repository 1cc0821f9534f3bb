/* SPDX-License-Identifier: MIT
 *
 * elegans/graph.h: formulas. A value (eg_value) is a node of an append-only graph: an op, its inputs, a dtype and a static
 * shape. Building a formula computes nothing; programs (elegans/program.h) do.
 *
 *     eg_value *h = eg_relu(eg_add(eg_matmul(x, W), b));
 *
 * Ownership: the graph owns its values, eg_graph_free frees them all; values are borrowed pointers.
 *
 * Errors: constructors never return NULL. A mistake (shapes that do not fit, mixed dtypes, values of two graphs) gives a
 * poisoned value, and everything built on it is poisoned too; the graph keeps the first message with the place in your
 * source: "matmul: [128,784] x [512,10]: inner dimensions 784 and 512 differ (model.c:42)". Check eg_graph_status once.
 *
 * Dtypes never mix by themselves: eg_cast converts. Constants made by eg_const are weak: they take the dtype of the
 * other operand. Comparisons give u8 (0 or 1). Elementwise functions broadcast as NumPy does.
 *
 * Gradients: each function's derivative is stated where it is not obvious. Un-broadcasting is automatic.
 */
#ifndef ELEGANS_GRAPH_H
#define ELEGANS_GRAPH_H

#include <elegans/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_graph eg_graph;
typedef struct eg_value eg_value;

EG_API eg_graph *eg_graph_new(void); /* NULL only without memory */
EG_API void eg_graph_free(eg_graph *graph);
EG_API eg_status eg_graph_status(const eg_graph *graph);
EG_API const char *eg_graph_error(const eg_graph *graph); /* "" while all is well */
/* Names put before the errors and the names of variables made until the matching pop: "dense_1/kernel". */
EG_API void eg_scope_push(eg_graph *graph, const char *name);
EG_API void eg_scope_pop(eg_graph *graph);

/* Remembers the calling thread's place for error messages; the macros at the end of this file call it for you. A library that
 * builds graphs for its user calls eg_here(NULL, 0) first: no place is better than that of an earlier line. */
EG_API void eg_here(const char *file, int line);

EG_API eg_shape eg_value_shape(const eg_value *value);
EG_API eg_dtype eg_value_dtype(const eg_value *value);
EG_API const char *eg_value_op(const eg_value *value);   /* "matmul" */
EG_API const char *eg_value_name(const eg_value *value); /* of inputs and variables; "" otherwise */
EG_API int eg_value_is_poisoned(const eg_value *value);
EG_API eg_graph *eg_value_graph(const eg_value *value);

/* ---- leaves ---------------------------------------------------------------------------------------------- */

/* Data that each run is given (eg_set, eg_bind). Names are unique among a graph's inputs. */
EG_API eg_value *eg_input(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape);
/* A variable: lives in an eg_state under this name and is shared by all programs of the state. Asking again for the same
 * name gives the same value. Rank-2 f32 variables of more than 16 columns made by eg_weight are stored in panels of 32
 * columns, which is what matmul reads fastest; eg_var stores rows. */
EG_API eg_value *eg_var(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape);
EG_API eg_value *eg_weight(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape);
EG_API eg_value *eg_const(eg_graph *graph, double number);                    /* weak scalar */
EG_API eg_value *eg_full(eg_graph *graph, eg_dtype dtype, eg_shape shape, double number);
EG_API eg_value *eg_constant(eg_graph *graph, const eg_tensor *tensor);       /* copies */
EG_API eg_value *eg_iota(eg_graph *graph, eg_dtype dtype, eg_shape shape, int axis); /* the index along `axis` */

/* ---- elementwise ----------------------------------------------------------------------------------------- */

EG_API eg_value *eg_neg(eg_value *x);
EG_API eg_value *eg_abs(eg_value *x);      /* derivative sign(x), 0 at 0 */
EG_API eg_value *eg_exp(eg_value *x);
EG_API eg_value *eg_log(eg_value *x);      /* natural */
EG_API eg_value *eg_sqrt(eg_value *x);     /* derivative 0 at 0, so that the norm of 0 is safe */
EG_API eg_value *eg_rsqrt(eg_value *x);    /* x^(-1/2) */
EG_API eg_value *eg_tanh(eg_value *x);
EG_API eg_value *eg_sigmoid(eg_value *x);  /* 1/(1+e^-x), no overflow at +-1000 */
EG_API eg_value *eg_relu(eg_value *x);     /* max(0,x); derivative 0 at 0 */
EG_API eg_value *eg_erf(eg_value *x);
EG_API eg_value *eg_softplus(eg_value *x); /* ln(1+e^x), no overflow */
EG_API eg_value *eg_sin(eg_value *x);
EG_API eg_value *eg_cos(eg_value *x);
EG_API eg_value *eg_floor(eg_value *x);    /* derivative 0 */
EG_API eg_value *eg_square(eg_value *x);   /* x * x */
EG_API eg_value *eg_sign(eg_value *x);     /* -1, 0, 1; derivative 0 */
EG_API eg_value *eg_step(eg_value *x);     /* 1 where x > 0, else 0; derivative 0 */
EG_API eg_value *eg_cast(eg_value *x, eg_dtype dtype); /* to integers: truncate, clamp; derivative passes between floats */
EG_API eg_value *eg_stop_gradient(eg_value *x);        /* x, derivative 0 */

EG_API eg_value *eg_add(eg_value *a, eg_value *b);
EG_API eg_value *eg_sub(eg_value *a, eg_value *b);
EG_API eg_value *eg_mul(eg_value *a, eg_value *b);
EG_API eg_value *eg_div(eg_value *a, eg_value *b);
EG_API eg_value *eg_pow(eg_value *a, eg_value *b);     /* the derivative by b is 0 where a = 0, so that 0^2 is safe */
EG_API eg_value *eg_maximum(eg_value *a, eg_value *b); /* a tie shares the gradient equally */
EG_API eg_value *eg_minimum(eg_value *a, eg_value *b);
EG_API eg_value *eg_equal(eg_value *a, eg_value *b);
EG_API eg_value *eg_not_equal(eg_value *a, eg_value *b);
EG_API eg_value *eg_less(eg_value *a, eg_value *b);
EG_API eg_value *eg_less_equal(eg_value *a, eg_value *b);
EG_API eg_value *eg_greater(eg_value *a, eg_value *b);
EG_API eg_value *eg_greater_equal(eg_value *a, eg_value *b);
EG_API eg_value *eg_where(eg_value *condition, eg_value *a, eg_value *b); /* condition u8; non-zero picks a */

/* ---- reductions: over the listed axes, or all of them ---------------------------------------------------- */

typedef struct eg_reduce_opt {
    size_t size_;
    eg_axes axes; /* empty: all */
    int keep;     /* keep reduced axes with size 1 */
} eg_reduce_opt;

EG_API eg_value *eg_sum_(eg_value *x, eg_reduce_opt opt);
EG_API eg_value *eg_mean_(eg_value *x, eg_reduce_opt opt);
EG_API eg_value *eg_max_(eg_value *x, eg_reduce_opt opt);       /* ties share the gradient equally */
EG_API eg_value *eg_min_(eg_value *x, eg_reduce_opt opt);
EG_API eg_value *eg_logsumexp_(eg_value *x, eg_reduce_opt opt); /* ln sum e^x; rows of -inf give -inf, gradient 0 */
EG_API eg_value *eg_argmax(eg_value *x, int axis);              /* i32, the first of ties; the axis is removed */
/* The same over several axes: where in them, taken row by row in their own order, the largest stands (all axes: of x flattened). */
EG_API eg_value *eg_argmax_over_(eg_value *x, eg_reduce_opt opt);
#define EG_FIRST_(f, T, x, ...) f(x, (T){ __VA_ARGS__ })
#define eg_sum(...) EG_FIRST_(eg_sum_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt)) /* eg_sum(x, .keep = 1) */
#define eg_mean(...) EG_FIRST_(eg_mean_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))
#define eg_max(...) EG_FIRST_(eg_max_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))
#define eg_min(...) EG_FIRST_(eg_min_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))
#define eg_logsumexp(...) EG_FIRST_(eg_logsumexp_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))
#define eg_argmax_over(...) EG_FIRST_(eg_argmax_over_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))

EG_API eg_value *eg_softmax(eg_value *x, int axis);     /* e^(x - logsumexp x); 0 in rows of -inf */
EG_API eg_value *eg_log_softmax(eg_value *x, int axis); /* x - logsumexp x */

/* ---- movement -------------------------------------------------------------------------------------------- */

EG_API eg_value *eg_reshape_to(eg_value *x, eg_shape shape);        /* one dim may be -1 */
EG_API eg_value *eg_permute(eg_value *x, eg_axes axes);             /* axes[i]: which old axis comes i-th */
EG_API eg_value *eg_transpose(eg_value *x);                         /* the last two axes */
EG_API eg_value *eg_expand(eg_value *x, eg_shape shape);            /* broadcast to shape */
EG_API eg_value *eg_slice(eg_value *x, int axis, int64_t start, int64_t stop); /* Python's start:stop */
/* start:stop:step of every axis at once, step > 0; arrays of `rank` numbers, already normalised (0 <= start <= stop). */
EG_API eg_value *eg_slice_all(eg_value *x, const int64_t *start, const int64_t *stop, const int64_t *step);
/* Zeros around (low, high, may be negative: then it cuts) and between elements (interior >= 0); arrays of `rank`. */
EG_API eg_value *eg_pad(eg_value *x, const int64_t *low, const int64_t *high, const int64_t *interior);
EG_API eg_value *eg_flip(eg_value *x, eg_axes axes);
EG_API eg_value *eg_concat(eg_value *const *values, int n, int axis);
EG_API eg_value *eg_at_(eg_value *x, int n, const int64_t *index);  /* one element as a scalar value */
#define eg_at(x, ...) \
    eg_at_(x, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ }) /* eg_at(w, 3, 5) */

/* ---- products, look-ups ---------------------------------------------------------------------------------- */

/* [..., m, k] x [..., k, n] -> [..., m, n]; leading axes broadcast. Rank 1 operands as in NumPy: [k] is a row before the
 * product (left) or a column (right), and the added axis is removed again. */
EG_API eg_value *eg_matmul(eg_value *a, eg_value *b);
/* out[..., i..., ...] = x[..., index[i...], ...]: index is i32 of any shape, put in place of `axis`.
 * An index outside 0..dim-1 gives zeros (and no gradient). */
EG_API eg_value *eg_gather(eg_value *x, eg_value *index, int axis);
/* Zeros of shape x' (x with `axis` of length `size`) plus, for each position of index, the matching slice of x. */
EG_API eg_value *eg_scatter_add(eg_value *x, eg_value *index, int axis, int64_t size);
/* index i32 [...] -> dtype [..., depth], 1 where the last axis equals the index; all 0 for an index outside. */
EG_API eg_value *eg_one_hot(eg_value *index, int64_t depth, eg_dtype dtype);

/* One index for each element: out[.., i, ..] = x[.., index[.., i, ..], ..] along `axis`, all other axes equal; zeros for an
 * index outside. put_along is its transpose: zeros of length `size` along the axis, plus x at its places. */
EG_API eg_value *eg_take_along(eg_value *x, eg_value *index, int axis);
EG_API eg_value *eg_put_along(eg_value *x, eg_value *index, int axis, int64_t size);

/* ---- images ----------------------------------------------------------------------------------------------------------
 * Channels-last: [batch, length, channels] or [batch, height, width, channels]. Lists have a number for each spatial axis; a
 * second number that is 0 repeats the first. */
typedef enum eg_padding {
    EG_VALID, /* zeros around as `low` and `high` say: none by default */
    EG_SAME   /* as many as make the result n / stride long, rounded up; the odd one at the bottom or right (as Keras) */
} eg_padding;

typedef struct eg_window_opt {
    size_t size_;
    int64_t size[2];          /* pooling: of the window; 2 */
    int64_t stride[2];        /* 1; of pooling: the size */
    eg_padding padding;
    int64_t low[2], high[2];  /* zeros before and behind each axis (negative: cut) */
    int64_t dilation[2];      /* 1 */
    int64_t groups;           /* 1; channels in so many groups that do not see each other */
    int64_t extra[2];         /* conv_transpose: this much longer at the end (torch: output_padding) */
    int count_padding;        /* avg_pool: divide by the whole window, padding counted (torch) */
} eg_window_opt;

/* w is [height, width, channels / groups, out] (Keras' order); depthwise: groups = channels. The kernel is not turned round. */
EG_API eg_value *eg_conv_(eg_value *x, eg_value *w, eg_window_opt opt);
/* The gradient of a conv by its image, used forward: w is [height, width, out / groups, channels of x]. The result is
 * (n - 1) stride + the kernel's extent - low - high + extra long; EG_SAME: n stride + extra. */
EG_API eg_value *eg_conv_transpose_(eg_value *x, eg_value *w, eg_window_opt opt);
EG_API eg_value *eg_max_pool_(eg_value *x, eg_window_opt opt); /* a tie gives the gradient to the first in the window */
EG_API eg_value *eg_avg_pool_(eg_value *x, eg_window_opt opt); /* padding is not counted (as Keras) */
#define EG_SECOND_(f, T, x, w, ...) f(x, w, (T){ __VA_ARGS__ })
#define eg_conv(...) EG_SECOND_(eg_conv_, eg_window_opt, __VA_ARGS__, .size_ = sizeof(eg_window_opt)) /* .stride = { 2 } */
#define eg_conv_transpose(...) EG_SECOND_(eg_conv_transpose_, eg_window_opt, __VA_ARGS__, .size_ = sizeof(eg_window_opt))
#define eg_max_pool(...) EG_FIRST_(eg_max_pool_, eg_window_opt, __VA_ARGS__, .size_ = sizeof(eg_window_opt)) /* .size = { 3 } */
#define eg_avg_pool(...) EG_FIRST_(eg_avg_pool_, eg_window_opt, __VA_ARGS__, .size_ = sizeof(eg_window_opt))
EG_API eg_value *eg_global_avg_pool(eg_value *x); /* [batch, channels] */
EG_API eg_value *eg_global_max_pool(eg_value *x); /* [batch, channels] */
EG_API eg_value *eg_zero_pad(eg_value *x, const int64_t *low, const int64_t *high);
EG_API eg_value *eg_upsample(eg_value *x, const int64_t *times); /* every element so many times: nearest neighbour */

/* ---- loops ----------------------------------------------------------------------------------------------- */

/* One step of a loop as a formula: from the carries and this step's slices x, the next carries (of the same dtypes and
 * shapes) and this step's slices y of the results. Build in `body` (constants) or from the operands; any value of the
 * graph outside may be used as it is: it is the same in every step. The callback is called once. */
typedef void (*eg_body_fn)(void *user, eg_graph *body, eg_value *const *carry, eg_value *const *x, eg_value **next_carry,
                           eg_value **y);

typedef struct eg_scan_opt {
    size_t size_;
    eg_value *const *carry; /* [ncarry]: before the first step */
    int ncarry;
    eg_value *const *x;     /* [nx]: stacked, x[i][t] is what step t gets; their first axes are equally long */
    int nx;
    int ny;                 /* results that are stacked */
    int64_t steps;          /* only needed where nx is 0 */
    int reverse;            /* from the last slice to the first; y[t] still belongs to x[t] */
} eg_scan_opt;

/* last[ncarry]: the carries after the last step (the first ones, if there is no step); stacked[ny]: [steps, ...]. Either may be
 * NULL. Differentiable again and again; the derivative is a loop the other way.
 *
 *     static void cell(void *w, eg_graph *body, eg_value *const *h, eg_value *const *x, eg_value **next, eg_value **y) {
 *         next[0] = y[0] = eg_tanh(eg_add(x[0], eg_matmul(h[0], w)));
 *     }
 *     eg_scan(graph, cell, w, &h_last, &h_all, .carry = &h0, .ncarry = 1, .x = &x, .nx = 1, .ny = 1);
 */
EG_API void eg_scan_(eg_graph *graph, eg_body_fn fn, void *user, eg_value **last, eg_value **stacked, eg_scan_opt opt);
#define eg_scan(graph, fn, user, last, stacked, ...) \
    eg_scan_(graph, fn, user, last, stacked, (eg_scan_opt){ .size_ = sizeof(eg_scan_opt), __VA_ARGS__ })

/* ---- random, state --------------------------------------------------------------------------------------- */

/* Random tensors are pure functions of the state's seed, `step` (a scalar i32 value, usually the training step) and
 * `site` (a number that is this place's own, e.g. eg_name_site("dropout_1")); see base/rng.h. */
EG_API eg_value *eg_random_uniform(eg_value *step, uint32_t site, eg_dtype dtype, eg_shape shape); /* [0, 1) */
EG_API eg_value *eg_random_normal(eg_value *step, uint32_t site, eg_dtype dtype, eg_shape shape);
/* 0 with probability rate, else 1/(1-rate). */
EG_API eg_value *eg_dropout_mask(eg_value *step, uint32_t site, double rate, eg_dtype dtype, eg_shape shape);
EG_API uint32_t eg_name_site(const char *name);

/* A root that stores `now` into the variable when the program ends; reads in the same program see the old value.
 * At most one assign for each variable of a program. */
EG_API eg_value *eg_assign(eg_value *var, eg_value *now);

/* ---- derivatives ----------------------------------------------------------------------------------------- */

/* out[i] = d loss / d wrt[i], as more values of the same graph (so they can be differentiated again). loss is a scalar of
 * a float dtype; a wrt that loss does not depend on gets zeros. Reverse mode. */
EG_API eg_status eg_grad(eg_value *loss, eg_value *const *wrt, int n, eg_value **out);
/* The same from given output adjoints: out[i] = sum_j seeds[j] . d y[j] / d wrt[i]. */
EG_API eg_status eg_vjp(eg_value *const *y, eg_value *const *seeds, int m, eg_value *const *wrt, int n, eg_value **out);

/* ---- text ------------------------------------------------------------------------------------------------ */

/* One line for each value that the roots need:  %3 = matmul %1, %2 : f32[128,512]   ...   return %3, %7
 * Allocated; free with eg_string_free. */
EG_API char *eg_graph_text(eg_value *const *roots, int n);
/* Reads such text into a new graph; roots get the returned values (at most max_roots; *n says how many).
 * NULL on failure with "line 3: ..." in eg_error(). */
EG_API eg_graph *eg_graph_parse(const char *text, eg_value **roots, int max_roots, int *n);
/* Graphviz. */
EG_API char *eg_graph_dot(eg_value *const *roots, int n);
/* Checks every invariant of the graph; INTERNAL and a message if one is broken. */
EG_API eg_status eg_graph_verify(const eg_graph *graph);

/* ---- where a formula was written --------------------------------------------------------------------------------------
 * Each constructor is wrapped so that an error message can name the caller's line. Define EG_NO_PLACES to turn it off. */
#ifndef EG_NO_PLACES
#define EG_HERE_(call) (eg_here(__FILE__, __LINE__), call)
#define eg_input(...) EG_HERE_(eg_input(__VA_ARGS__))
#define eg_var(...) EG_HERE_(eg_var(__VA_ARGS__))
#define eg_weight(...) EG_HERE_(eg_weight(__VA_ARGS__))
#define eg_const(...) EG_HERE_(eg_const(__VA_ARGS__))
#define eg_full(...) EG_HERE_(eg_full(__VA_ARGS__))
#define eg_constant(...) EG_HERE_(eg_constant(__VA_ARGS__))
#define eg_iota(...) EG_HERE_(eg_iota(__VA_ARGS__))
#define eg_neg(...) EG_HERE_(eg_neg(__VA_ARGS__))
#define eg_abs(...) EG_HERE_(eg_abs(__VA_ARGS__))
#define eg_exp(...) EG_HERE_(eg_exp(__VA_ARGS__))
#define eg_log(...) EG_HERE_(eg_log(__VA_ARGS__))
#define eg_sqrt(...) EG_HERE_(eg_sqrt(__VA_ARGS__))
#define eg_rsqrt(...) EG_HERE_(eg_rsqrt(__VA_ARGS__))
#define eg_tanh(...) EG_HERE_(eg_tanh(__VA_ARGS__))
#define eg_sigmoid(...) EG_HERE_(eg_sigmoid(__VA_ARGS__))
#define eg_relu(...) EG_HERE_(eg_relu(__VA_ARGS__))
#define eg_erf(...) EG_HERE_(eg_erf(__VA_ARGS__))
#define eg_softplus(...) EG_HERE_(eg_softplus(__VA_ARGS__))
#define eg_sin(...) EG_HERE_(eg_sin(__VA_ARGS__))
#define eg_cos(...) EG_HERE_(eg_cos(__VA_ARGS__))
#define eg_floor(...) EG_HERE_(eg_floor(__VA_ARGS__))
#define eg_square(...) EG_HERE_(eg_square(__VA_ARGS__))
#define eg_sign(...) EG_HERE_(eg_sign(__VA_ARGS__))
#define eg_step(...) EG_HERE_(eg_step(__VA_ARGS__))
#define eg_stop_gradient(...) EG_HERE_(eg_stop_gradient(__VA_ARGS__))
#define eg_cast(...) EG_HERE_(eg_cast(__VA_ARGS__))
#define eg_add(...) EG_HERE_(eg_add(__VA_ARGS__))
#define eg_sub(...) EG_HERE_(eg_sub(__VA_ARGS__))
#define eg_mul(...) EG_HERE_(eg_mul(__VA_ARGS__))
#define eg_div(...) EG_HERE_(eg_div(__VA_ARGS__))
#define eg_pow(...) EG_HERE_(eg_pow(__VA_ARGS__))
#define eg_maximum(...) EG_HERE_(eg_maximum(__VA_ARGS__))
#define eg_minimum(...) EG_HERE_(eg_minimum(__VA_ARGS__))
#define eg_equal(...) EG_HERE_(eg_equal(__VA_ARGS__))
#define eg_not_equal(...) EG_HERE_(eg_not_equal(__VA_ARGS__))
#define eg_less(...) EG_HERE_(eg_less(__VA_ARGS__))
#define eg_less_equal(...) EG_HERE_(eg_less_equal(__VA_ARGS__))
#define eg_greater(...) EG_HERE_(eg_greater(__VA_ARGS__))
#define eg_greater_equal(...) EG_HERE_(eg_greater_equal(__VA_ARGS__))
#define eg_matmul(...) EG_HERE_(eg_matmul(__VA_ARGS__))
#define eg_where(...) EG_HERE_(eg_where(__VA_ARGS__))
#define eg_sum_(...) EG_HERE_(eg_sum_(__VA_ARGS__))
#define eg_mean_(...) EG_HERE_(eg_mean_(__VA_ARGS__))
#define eg_max_(...) EG_HERE_(eg_max_(__VA_ARGS__))
#define eg_min_(...) EG_HERE_(eg_min_(__VA_ARGS__))
#define eg_logsumexp_(...) EG_HERE_(eg_logsumexp_(__VA_ARGS__))
#define eg_argmax(...) EG_HERE_(eg_argmax(__VA_ARGS__))
#define eg_argmax_over_(...) EG_HERE_(eg_argmax_over_(__VA_ARGS__))
#define eg_softmax(...) EG_HERE_(eg_softmax(__VA_ARGS__))
#define eg_log_softmax(...) EG_HERE_(eg_log_softmax(__VA_ARGS__))
#define eg_reshape_to(...) EG_HERE_(eg_reshape_to(__VA_ARGS__))
#define eg_permute(...) EG_HERE_(eg_permute(__VA_ARGS__))
#define eg_transpose(...) EG_HERE_(eg_transpose(__VA_ARGS__))
#define eg_expand(...) EG_HERE_(eg_expand(__VA_ARGS__))
#define eg_slice(...) EG_HERE_(eg_slice(__VA_ARGS__))
#define eg_slice_all(...) EG_HERE_(eg_slice_all(__VA_ARGS__))
#define eg_pad(...) EG_HERE_(eg_pad(__VA_ARGS__))
#define eg_flip(...) EG_HERE_(eg_flip(__VA_ARGS__))
#define eg_concat(...) EG_HERE_(eg_concat(__VA_ARGS__))
#define eg_at_(...) EG_HERE_(eg_at_(__VA_ARGS__))
#define eg_gather(...) EG_HERE_(eg_gather(__VA_ARGS__))
#define eg_scatter_add(...) EG_HERE_(eg_scatter_add(__VA_ARGS__))
#define eg_one_hot(...) EG_HERE_(eg_one_hot(__VA_ARGS__))
#define eg_take_along(...) EG_HERE_(eg_take_along(__VA_ARGS__))
#define eg_put_along(...) EG_HERE_(eg_put_along(__VA_ARGS__))
#define eg_conv_(...) EG_HERE_(eg_conv_(__VA_ARGS__))
#define eg_conv_transpose_(...) EG_HERE_(eg_conv_transpose_(__VA_ARGS__))
#define eg_max_pool_(...) EG_HERE_(eg_max_pool_(__VA_ARGS__))
#define eg_avg_pool_(...) EG_HERE_(eg_avg_pool_(__VA_ARGS__))
#define eg_global_avg_pool(...) EG_HERE_(eg_global_avg_pool(__VA_ARGS__))
#define eg_global_max_pool(...) EG_HERE_(eg_global_max_pool(__VA_ARGS__))
#define eg_zero_pad(...) EG_HERE_(eg_zero_pad(__VA_ARGS__))
#define eg_upsample(...) EG_HERE_(eg_upsample(__VA_ARGS__))
#define eg_scan_(...) EG_HERE_(eg_scan_(__VA_ARGS__))
#define eg_random_uniform(...) EG_HERE_(eg_random_uniform(__VA_ARGS__))
#define eg_random_normal(...) EG_HERE_(eg_random_normal(__VA_ARGS__))
#define eg_dropout_mask(...) EG_HERE_(eg_dropout_mask(__VA_ARGS__))
#define eg_assign(...) EG_HERE_(eg_assign(__VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
