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

/* Remembers the caller's place for error messages; the macros at the end of this file call it for you. */
EG_API void eg_here(const char *file, int line);

EG_API eg_shape eg_value_shape(const eg_value *value);
EG_API eg_dtype eg_value_dtype(const eg_value *value);
EG_API const char *eg_value_op(const eg_value *value);   /* "matmul" */
EG_API const char *eg_value_name(const eg_value *value); /* of inputs and variables; "" otherwise */
EG_API int eg_value_is_poisoned(const eg_value *value);
EG_API eg_graph *eg_value_graph(const eg_value *value);

/* ---- leaves ----------------------------------------------------------------------------------------------------- */

/* Data that each run is given (eg_set, eg_bind). Names are unique among a graph's inputs. */
EG_API eg_value *eg_input(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape);
/* A variable: lives in an eg_state under this name and is shared by all programs of the state. Asking again for the same
 * name gives the same value. Rank-2 f32 variables made by eg_weight are stored in panels of 32 columns, which is what
 * matmul reads fastest; eg_var stores rows. */
EG_API eg_value *eg_var(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape);
EG_API eg_value *eg_weight(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape);
EG_API eg_value *eg_const(eg_graph *graph, double number);                    /* weak scalar */
EG_API eg_value *eg_full(eg_graph *graph, eg_dtype dtype, eg_shape shape, double number);
EG_API eg_value *eg_constant(eg_graph *graph, const eg_tensor *tensor);       /* copies */
EG_API eg_value *eg_iota(eg_graph *graph, eg_dtype dtype, eg_shape shape, int axis); /* the index along `axis` */

/* ---- elementwise -------------------------------------------------------------------------------------------------- */

EG_API eg_value *eg_neg(eg_value *x);
EG_API eg_value *eg_abs(eg_value *x);      /* derivative sign(x), 0 at 0 */
EG_API eg_value *eg_exp(eg_value *x);
EG_API eg_value *eg_log(eg_value *x);      /* natural */
EG_API eg_value *eg_sqrt(eg_value *x);
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

/* ---- reductions: over the listed axes, or all of them -------------------------------------------------------------- */

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
#define EG_FIRST_(f, T, x, ...) f(x, (T){ __VA_ARGS__ })
#define eg_sum(...) EG_FIRST_(eg_sum_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt)) /* eg_sum(x, .keep = 1) */
#define eg_mean(...) EG_FIRST_(eg_mean_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))
#define eg_max(...) EG_FIRST_(eg_max_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))
#define eg_min(...) EG_FIRST_(eg_min_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))
#define eg_logsumexp(...) EG_FIRST_(eg_logsumexp_, eg_reduce_opt, __VA_ARGS__, .size_ = sizeof(eg_reduce_opt))

EG_API eg_value *eg_softmax(eg_value *x, int axis);     /* e^(x - logsumexp x) */
EG_API eg_value *eg_log_softmax(eg_value *x, int axis); /* x - logsumexp x */

/* ---- movement ----------------------------------------------------------------------------------------------------- */

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

/* ---- products, look-ups --------------------------------------------------------------------------------------------- */

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

/* ---- random, state -------------------------------------------------------------------------------------------------- */

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

/* ---- derivatives ----------------------------------------------------------------------------------------------------- */

/* out[i] = d loss / d wrt[i], as more values of the same graph (so they can be differentiated again). loss is a scalar of
 * a float dtype; a wrt that loss does not depend on gets zeros. Reverse mode. */
EG_API eg_status eg_grad(eg_value *loss, eg_value *const *wrt, int n, eg_value **out);
/* The same from given output adjoints: out[i] = sum_j seeds[j] . d y[j] / d wrt[i]. */
EG_API eg_status eg_vjp(eg_value *const *y, eg_value *const *seeds, int m, eg_value *const *wrt, int n, eg_value **out);

/* ---- text ------------------------------------------------------------------------------------------------------------ */

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
#define eg_input(g, name, dtype, ...) EG_HERE_(eg_input(g, name, dtype, __VA_ARGS__))
#define eg_var(g, name, dtype, ...) EG_HERE_(eg_var(g, name, dtype, __VA_ARGS__))
#define eg_weight(g, name, dtype, ...) EG_HERE_(eg_weight(g, name, dtype, __VA_ARGS__))
#define eg_const(g, number) EG_HERE_(eg_const(g, number))
#define eg_full(g, dtype, ...) EG_HERE_(eg_full(g, dtype, __VA_ARGS__))
#define eg_constant(g, tensor) EG_HERE_(eg_constant(g, tensor))
#define eg_iota(g, dtype, ...) EG_HERE_(eg_iota(g, dtype, __VA_ARGS__))
#define eg_neg(x) EG_HERE_(eg_neg(x))
#define eg_abs(x) EG_HERE_(eg_abs(x))
#define eg_exp(x) EG_HERE_(eg_exp(x))
#define eg_log(x) EG_HERE_(eg_log(x))
#define eg_sqrt(x) EG_HERE_(eg_sqrt(x))
#define eg_rsqrt(x) EG_HERE_(eg_rsqrt(x))
#define eg_tanh(x) EG_HERE_(eg_tanh(x))
#define eg_sigmoid(x) EG_HERE_(eg_sigmoid(x))
#define eg_relu(x) EG_HERE_(eg_relu(x))
#define eg_erf(x) EG_HERE_(eg_erf(x))
#define eg_softplus(x) EG_HERE_(eg_softplus(x))
#define eg_sin(x) EG_HERE_(eg_sin(x))
#define eg_cos(x) EG_HERE_(eg_cos(x))
#define eg_floor(x) EG_HERE_(eg_floor(x))
#define eg_square(x) EG_HERE_(eg_square(x))
#define eg_sign(x) EG_HERE_(eg_sign(x))
#define eg_step(x) EG_HERE_(eg_step(x))
#define eg_stop_gradient(x) EG_HERE_(eg_stop_gradient(x))
#define eg_cast(x, dtype) EG_HERE_(eg_cast(x, dtype))
#define eg_add(a, b) EG_HERE_(eg_add(a, b))
#define eg_sub(a, b) EG_HERE_(eg_sub(a, b))
#define eg_mul(a, b) EG_HERE_(eg_mul(a, b))
#define eg_div(a, b) EG_HERE_(eg_div(a, b))
#define eg_pow(a, b) EG_HERE_(eg_pow(a, b))
#define eg_maximum(a, b) EG_HERE_(eg_maximum(a, b))
#define eg_minimum(a, b) EG_HERE_(eg_minimum(a, b))
#define eg_equal(a, b) EG_HERE_(eg_equal(a, b))
#define eg_not_equal(a, b) EG_HERE_(eg_not_equal(a, b))
#define eg_less(a, b) EG_HERE_(eg_less(a, b))
#define eg_less_equal(a, b) EG_HERE_(eg_less_equal(a, b))
#define eg_greater(a, b) EG_HERE_(eg_greater(a, b))
#define eg_greater_equal(a, b) EG_HERE_(eg_greater_equal(a, b))
#define eg_matmul(a, b) EG_HERE_(eg_matmul(a, b))
#define eg_where(c, a, b) EG_HERE_(eg_where(c, a, b))
#define eg_sum_(x, ...) EG_HERE_(eg_sum_(x, __VA_ARGS__))
#define eg_mean_(x, ...) EG_HERE_(eg_mean_(x, __VA_ARGS__))
#define eg_max_(x, ...) EG_HERE_(eg_max_(x, __VA_ARGS__))
#define eg_min_(x, ...) EG_HERE_(eg_min_(x, __VA_ARGS__))
#define eg_logsumexp_(x, ...) EG_HERE_(eg_logsumexp_(x, __VA_ARGS__))
#define eg_argmax(x, axis) EG_HERE_(eg_argmax(x, axis))
#define eg_softmax(x, axis) EG_HERE_(eg_softmax(x, axis))
#define eg_log_softmax(x, axis) EG_HERE_(eg_log_softmax(x, axis))
#define eg_reshape_to(x, ...) EG_HERE_(eg_reshape_to(x, __VA_ARGS__))
#define eg_permute(x, ...) EG_HERE_(eg_permute(x, __VA_ARGS__))
#define eg_transpose(x) EG_HERE_(eg_transpose(x))
#define eg_expand(x, ...) EG_HERE_(eg_expand(x, __VA_ARGS__))
#define eg_slice(x, axis, start, stop) EG_HERE_(eg_slice(x, axis, start, stop))
#define eg_slice_all(x, start, stop, step) EG_HERE_(eg_slice_all(x, start, stop, step))
#define eg_pad(x, low, high, interior) EG_HERE_(eg_pad(x, low, high, interior))
#define eg_flip(x, ...) EG_HERE_(eg_flip(x, __VA_ARGS__))
#define eg_concat(values, n, axis) EG_HERE_(eg_concat(values, n, axis))
#define eg_at_(x, n, ...) EG_HERE_(eg_at_(x, n, __VA_ARGS__))
#define eg_gather(x, index, axis) EG_HERE_(eg_gather(x, index, axis))
#define eg_scatter_add(x, index, axis, size) EG_HERE_(eg_scatter_add(x, index, axis, size))
#define eg_one_hot(index, depth, dtype) EG_HERE_(eg_one_hot(index, depth, dtype))
#define eg_random_uniform(step, site, dtype, ...) EG_HERE_(eg_random_uniform(step, site, dtype, __VA_ARGS__))
#define eg_random_normal(step, site, dtype, ...) EG_HERE_(eg_random_normal(step, site, dtype, __VA_ARGS__))
#define eg_dropout_mask(step, site, rate, dtype, ...) EG_HERE_(eg_dropout_mask(step, site, rate, dtype, __VA_ARGS__))
#define eg_assign(var, now) EG_HERE_(eg_assign(var, now))
#endif

#ifdef __cplusplus
}
#endif
#endif
