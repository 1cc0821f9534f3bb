/* SPDX-License-Identifier: MIT
 *
 * formula_ops.c: what formulas are made of, one table. A row says how an op is written, how the library builds it,
 * its role among the gates and its derivative. Elementwise ops give the local derivative by each input as a formula
 * of the inputs a, b, c; all others give what goes back when `up` comes in, which for a product of matrices is the
 * smallest way to say it. Everything that can be written with these is a row of the second table.
 *
 * Ties of max, min and abs: the library shares or drops the gradient there, these formulas do not speak of it.
 */
#include <math.h>
#include <string.h>
#include "formula_inside.h"

/* ---- values ------------------------------------------------------------------------------------------ */

static int64_t whole(const formula_node *node, int i) { return (int64_t)node->in[i]->number; }

static eg_value *as_float(eg_value *truth) { return eg_cast(truth, EG_F64); }

static eg_value *build_number(const formula_node *node, eg_value *const *in) {
    return eg_full(eg_value_graph(in[0]), EG_F64, EG_SCALAR, node->number);
}

static eg_value *build_data(const formula_node *node, eg_value *const *in) {
    eg_tensor *tensor = eg_tensor_from(EG_F64, node->shape, node->data);
    eg_value *value = eg_constant(eg_value_graph(in[0]), tensor);
    eg_tensor_free(tensor);
    return value;
}

#define BUILD(name, expression)                                                    \
    static eg_value *build_##name(const formula_node *node, eg_value *const *in) { \
        (void)node;                                                                \
        return expression;                                                         \
    }
BUILD(neg, eg_neg(in[0]))
BUILD(exp, eg_exp(in[0]))
BUILD(log, eg_log(in[0]))
BUILD(sqrt, eg_sqrt(in[0]))
BUILD(tanh, eg_tanh(in[0]))
BUILD(sigmoid, eg_sigmoid(in[0]))
BUILD(relu, eg_relu(in[0]))
BUILD(sin, eg_sin(in[0]))
BUILD(cos, eg_cos(in[0]))
BUILD(abs, eg_abs(in[0]))
BUILD(softplus, eg_softplus(in[0]))
BUILD(erf, eg_erf(in[0]))
BUILD(square, eg_square(in[0]))
BUILD(floor, eg_floor(in[0]))
BUILD(sign, eg_sign(in[0]))
BUILD(step, eg_step(in[0]))
BUILD(sub, eg_sub(in[0], in[1]))
BUILD(div, eg_div(in[0], in[1]))
BUILD(pow, eg_pow(in[0], in[1]))
BUILD(max, eg_maximum(in[0], in[1]))
BUILD(min, eg_minimum(in[0], in[1]))
BUILD(less, as_float(eg_less(in[0], in[1])))
BUILD(less_equal, as_float(eg_less_equal(in[0], in[1])))
BUILD(greater, as_float(eg_greater(in[0], in[1])))
BUILD(greater_equal, as_float(eg_greater_equal(in[0], in[1])))
BUILD(equal, as_float(eg_equal(in[0], in[1])))
BUILD(not_equal, as_float(eg_not_equal(in[0], in[1])))
BUILD(norm, eg_sqrt(eg_sum(eg_square(in[0]))))
BUILD(softmax, eg_softmax(in[0], -1))
BUILD(log_softmax, eg_log_softmax(in[0], -1))
BUILD(matmul, eg_matmul(in[0], in[1]))
BUILD(transpose, node->in[0]->shape.rank < 2 ? eg_reshape_to(in[0], node->in[0]->shape) : eg_transpose(in[0]))

/* Is it 1 or 0 and nothing between? */
static int is_truth(const formula_node *node) { return node->op->precedence == 1; }

/* A comparison has its kink itself: its 0 is not near to one. */
static eg_value *build_where(const formula_node *node, eg_value *const *in) {
    eg_graph *graph = eg_value_graph(in[0]);
    eg_value *given = is_truth(node->in[0]) ? eg_greater(in[0], eg_const(graph, .5))
                                            : eg_not_equal(in[0], eg_const(graph, 0));
    return eg_where(given, in[1], in[2]);
}

/* Sums and products may have any number of inputs once they are simplified. */
static eg_value *build_add(const formula_node *node, eg_value *const *in) {
    eg_value *sum = in[0];
    for (int i = 1; i < node->n; i++) sum = eg_add(sum, in[i]);
    return sum;
}

static eg_value *build_mul(const formula_node *node, eg_value *const *in) {
    eg_value *product = in[0];
    for (int i = 1; i < node->n; i++) product = eg_mul(product, in[i]);
    return product;
}

/* ---- reductions: of everything, or along one axis ---------------------------------------------------- */

static eg_axes axes_of(const formula_node *node) {
    return node->n > 1 ? EG_AXES((int)whole(node, 1)) : (eg_axes){ 0 };
}

BUILD(sum, eg_sum(in[0], .axes = axes_of(node)))
BUILD(mean, eg_mean(in[0], .axes = axes_of(node)))
BUILD(largest, eg_max(in[0], .axes = axes_of(node)))
BUILD(smallest, eg_min(in[0], .axes = axes_of(node)))
BUILD(logsumexp, eg_logsumexp(in[0], .axes = axes_of(node)))

/* ---- movement ---------------------------------------------------------------------------------------- */

static eg_value *build_stack(const formula_node *node, eg_value *const *in) {
    eg_value *part[FORMULA_MAX_STACK];
    for (int i = 0; i < node->n; i++) {
        eg_shape shape = node->in[i]->shape, row = { .rank = shape.rank + 1, .dim = { 1 } };
        memcpy(row.dim + 1, shape.dim, (size_t)shape.rank * sizeof *shape.dim);
        part[i] = eg_reshape_to(in[i], row);
    }
    return eg_concat(part, node->n, 0);
}

static eg_value *build_at(const formula_node *node, eg_value *const *in) {
    int64_t index[2] = { whole(node, 1), node->n > 2 ? whole(node, 2) : 0 };
    eg_shape shape = node->in[0]->shape;
    if (node->n - 1 == shape.rank) return eg_at_(in[0], shape.rank, index);
    eg_value *row = eg_slice(in[0], 0, index[0], index[0] + 1); /* a row of a matrix */
    return eg_value_is_poisoned(row) ? row : eg_reshape_to(row, EG_SHAPE(shape.dim[1]));
}

static eg_value *build_outer(const formula_node *node, eg_value *const *in) {
    int64_t rows = formula_size(node->in[0]->shape), columns = formula_size(node->in[1]->shape);
    return eg_mul(eg_reshape_to(in[0], EG_SHAPE(rows, 1)), eg_reshape_to(in[1], EG_SHAPE(1, columns)));
}

static eg_shape shape_of_sizes(const formula_node *node) {
    eg_shape shape = { .rank = node->n };
    for (int i = 0; i < node->n; i++) shape.dim[i] = whole(node, i);
    return shape;
}

BUILD(ones, eg_full(eg_value_graph(in[0]), EG_F64, shape_of_sizes(node), 1))

/* unit(k, n): n zeros, but 1 at place k */
static eg_value *build_unit(const formula_node *node, eg_value *const *in) {
    eg_graph *graph = eg_value_graph(in[0]);
    eg_value *place = eg_full(graph, EG_I32, EG_SCALAR, (double)whole(node, 0));
    return as_float(eg_equal(eg_iota(graph, EG_I32, EG_SHAPE(whole(node, 1)), 0), place));
}

/* later(n): 1 where the column is a later step than the row */
static eg_value *build_later(const formula_node *node, eg_value *const *in) {
    eg_graph *graph = eg_value_graph(in[0]);
    int64_t n = whole(node, 0);
    return as_float(eg_greater(eg_iota(graph, EG_I32, EG_SHAPE(1, n), 1), eg_iota(graph, EG_I32, EG_SHAPE(n, 1), 0)));
}

/* waves(steps, size): sin and cos of step/10000^(2 i/size) in columns 2 i and 2 i + 1, the same every time */
static eg_value *build_waves(const formula_node *node, eg_value *const *in) {
    int64_t steps = whole(node, 0), size = whole(node, 1);
    eg_tensor *tensor = eg_tensor_new(EG_F64, EG_SHAPE(steps, size));
    if (!tensor) return in[0];
    double *to = eg_tensor_data(tensor);
    for (int64_t i = 0; i < steps * size; i++) {
        double angle = (double)(i / size) / pow(10000, (double)(i % size / 2 * 2) / (double)size);
        to[i] = i % size % 2 ? cos(angle) : sin(angle);
    }
    eg_value *value = eg_constant(eg_value_graph(in[0]), tensor);
    eg_tensor_free(tensor);
    return value;
}

/* ---- what goes back through gates that are not elementwise -------------------------------------------
 * Beside up and the inputs a, b, c, ... there are whole numbers: n and m, the first and last dim of a; r, how many of
 * its elements go into one of the result; k and l, indices (of a stack: which input). */

static int by_columns(const formula_node *node) { /* of a matrix: along its last axis */
    return node->n > 1 && node->in[0]->shape.rank == 2 && (whole(node, 1) == 1 || whole(node, 1) == -1);
}

static const char *back_sum(const formula_node *node, int i, eg_shape up) {
    (void)i;
    return by_columns(node) && up.rank > 0 ? "outer(up, ones(m))" : "up";
}

static const char *back_mean(const formula_node *node, int i, eg_shape up) {
    (void)i;
    return by_columns(node) && up.rank > 0 ? "outer(up, ones(m))/n" : "up/r";
}

/* of max(a, 0) and so on: the result is put beside its input again */
static const char *back_largest(const formula_node *node, int i, eg_shape up) {
    (void)i, (void)up;
    if (node->n == 1) return "up*(a == max(a))";
    return by_columns(node) ? "outer(up, ones(m))*(a == outer(largest(a, 1), ones(m)))" : "up*(a == largest(a, 0))";
}

static const char *back_smallest(const formula_node *node, int i, eg_shape up) {
    (void)i, (void)up;
    if (node->n == 1) return "up*(a == min(a))";
    return by_columns(node) ? "outer(up, ones(m))*(a == outer(smallest(a, 1), ones(m)))" : "up*(a == smallest(a, 0))";
}

static const char *back_logsumexp(const formula_node *node, int i, eg_shape up) {
    (void)i;
    if (node->n == 1) return node->in[0]->shape.rank < 2 ? "up*softmax(a)" : "up*exp(a - logsumexp(a))";
    return by_columns(node)              ? up.rank > 0 ? "outer(up, ones(m))*softmax(a)" : "up*softmax(a)"
           : node->in[0]->shape.rank < 2 ? "up*softmax(a)"
                                         : "up*exp(a - logsumexp(a, 0))";
}

static const char *back_norm(const formula_node *node, int i, eg_shape up) {
    (void)node, (void)i, (void)up;
    return "up*a/norm(a)";
}

static const char *back_softmax(const formula_node *node, int i, eg_shape up) {
    (void)i, (void)up;
    return node->shape.rank < 2 ? "softmax(a)*(up - sum(up*softmax(a)))"
                                : "softmax(a)*(up - outer(sum(up*softmax(a), 1), ones(m)))";
}

static const char *back_log_softmax(const formula_node *node, int i, eg_shape up) {
    (void)i, (void)up;
    return node->shape.rank < 2 ? "up - softmax(a)*sum(up)" : "up - softmax(a)*outer(sum(up, 1), ones(m))";
}

/* By the ranks of both sides: a row times a matrix is a row, a matrix times a column a column. */
static const char *back_matmul(const formula_node *node, int i, eg_shape up) {
    static const char *const table[2][2][2] = { { { "up*b", "up*a" }, { "b @ up", "outer(a, up)" } },
                                                { { "outer(up, b)", "a' @ up" }, { "up @ b'", "a' @ up" } } };
    (void)up;
    return table[node->in[0]->shape.rank == 2][node->in[1]->shape.rank == 2][i];
}

static const char *back_transpose(const formula_node *node, int i, eg_shape up) {
    (void)i;
    return node->shape.rank == 2 && up.rank > 0 ? "up'" : "up";
}

static const char *back_outer(const formula_node *node, int i, eg_shape up) {
    (void)node, (void)up;
    return i == 0 ? "up @ b" : "up' @ a";
}

static const char *back_stack(const formula_node *node, int i, eg_shape up) {
    (void)node, (void)i;
    return up.rank == 0 ? "up" : "up[k]";
}

static const char *back_at(const formula_node *node, int i, eg_shape up) {
    (void)i, (void)up;
    if (node->in[0]->shape.rank == 1) return "up*unit(k, n)";
    return node->n == 3 ? "up*outer(unit(k, n), unit(l, m))" : "outer(unit(k, n), up)";
}

static const char *back_reshape(const formula_node *node, int i, eg_shape up) {
    (void)i;
    if (up.rank == 0) return "up";
    return node->in[0]->shape.rank == 2 ? "reshape(up, n, m)" : "reshape(up, n)";
}

static const char *back_windows(const formula_node *node, int i, eg_shape up) {
    (void)node, (void)i, (void)up;
    return "overlap(up, n, m, b, c, d, e, f)";
}

static const char *back_overlap(const formula_node *node, int i, eg_shape up) {
    (void)node, (void)i, (void)up;
    return "windows(up, d, e, f, g, h)";
}

static const char *back_pad(const formula_node *node, int i, eg_shape up) {
    (void)node, (void)i, (void)up;
    return "pad(up, -b, -c, -d, -e)";
}

/* ---- the table --------------------------------------------------------------------------------------- */

#define FUNCTION(word, inputs, kind, part, ...)                                                             \
    {                                                                                                       \
        .name = #word, .least = inputs, .most = inputs, .flags = kind, .role = part, .build = build_##word, \
        __VA_ARGS__                                                                                         \
    }
#define OPERATOR(word, sign, level, part, ...)                                                                   \
    {                                                                                                            \
        .name = #word, .symbol = sign, .precedence = level, .least = 2, .most = 2, .flags = FORMULA_ELEMENTWISE, \
        .role = part, .build = build_##word, __VA_ARGS__                                                         \
    }
#define EACH FORMULA_ELEMENTWISE
#define LOCAL(...) .local = { __VA_ARGS__ }

const formula_op formula_ops[] = {
    { .name = "number", .build = build_number },
    { .name = "data", .build = build_data },
    { .name = "name" }, /* a variable: its value is an input of the graph */
    { .name = "stack",
      .least = 1,
      .most = FORMULA_MAX_STACK,
      .flags = FORMULA_LAZY,
      .role = "collector",
      .build = build_stack,
      .adjoint = back_stack },
    OPERATOR(add, "+", 2, "distributor", LOCAL("1", "1")),
    OPERATOR(sub, "-", 2, "distributor", LOCAL("1", "-1")),
    OPERATOR(mul, "*", 3, "switcher", LOCAL("b", "a")),
    OPERATOR(div, "/", 3, "scaler", LOCAL("1/b", "-a/b^2")),
    OPERATOR(pow, "^", 5, "scaler", LOCAL("b*a^(b - 1)", "a^b*log(a)")),
    OPERATOR(less, "<", 1, "stopper", LOCAL("0", "0")),
    OPERATOR(less_equal, "<=", 1, "stopper", LOCAL("0", "0")),
    OPERATOR(greater, ">", 1, "stopper", LOCAL("0", "0")),
    OPERATOR(greater_equal, ">=", 1, "stopper", LOCAL("0", "0")),
    OPERATOR(equal, "==", 1, "stopper", LOCAL("0", "0")),
    OPERATOR(not_equal, "!=", 1, "stopper", LOCAL("0", "0")),
    { .name = "matmul",
      .symbol = "@",
      .precedence = 3,
      .least = 2,
      .most = 2,
      .flags = FORMULA_LINEAR,
      .role = "switcher",
      .build = build_matmul,
      .adjoint = back_matmul },
    { .name = "neg",
      .symbol = "-",
      .precedence = 4,
      .least = 1,
      .most = 1,
      .flags = EACH,
      .role = "sign changer",
      .build = build_neg,
      LOCAL("-1") },
    { .name = "transpose",
      .symbol = "'",
      .precedence = 6,
      .least = 1,
      .most = 1,
      .flags = FORMULA_LINEAR | FORMULA_LAZY,
      .role = "mover",
      .build = build_transpose,
      .adjoint = back_transpose },
    FUNCTION(exp, 1, EACH, "scaler", LOCAL("exp(a)")),
    FUNCTION(log, 1, EACH, "scaler", LOCAL("1/a")),
    FUNCTION(sqrt, 1, EACH, "scaler", LOCAL("1/(2*sqrt(a))")),
    FUNCTION(tanh, 1, EACH, "scaler", LOCAL("1 - tanh(a)^2")),
    FUNCTION(sigmoid, 1, EACH, "scaler", LOCAL("sigmoid(a)*(1 - sigmoid(a))")),
    FUNCTION(relu, 1, EACH, "router", LOCAL("a > 0")),
    FUNCTION(sin, 1, EACH, "scaler", LOCAL("cos(a)")),
    FUNCTION(cos, 1, EACH, "scaler", LOCAL("-sin(a)")),
    FUNCTION(abs, 1, EACH, "scaler", LOCAL("sign(a)")),
    FUNCTION(softplus, 1, EACH, "scaler", LOCAL("sigmoid(a)")),
    FUNCTION(erf, 1, EACH, "scaler", LOCAL("2/sqrt(pi)*exp(-a^2)")),
    FUNCTION(square, 1, EACH, "scaler", LOCAL("2*a")),
    FUNCTION(floor, 1, EACH, "stopper", LOCAL("0")),
    FUNCTION(sign, 1, EACH, "stopper", LOCAL("0")),
    FUNCTION(step, 1, EACH, "stopper", LOCAL("0")),
    FUNCTION(max, 2, EACH, "router", LOCAL("a > b", "b > a")),
    FUNCTION(min, 2, EACH, "router", LOCAL("a < b", "b < a")),
    FUNCTION(where, 3, EACH, "router", LOCAL("0", "a != 0", "a == 0")),
    { .name = "sum",
      .least = 1,
      .most = 2,
      .flags = FORMULA_REDUCE | FORMULA_LINEAR | FORMULA_INDICES | FORMULA_LAZY,
      .role = "distributor",
      .build = build_sum,
      .adjoint = back_sum },
    { .name = "mean",
      .least = 1,
      .most = 2,
      .flags = FORMULA_REDUCE | FORMULA_LINEAR | FORMULA_INDICES | FORMULA_LAZY,
      .role = "distributor",
      .build = build_mean,
      .adjoint = back_mean },
    { .name = "largest",
      .written = "max",
      .least = 1,
      .most = 2,
      .flags = FORMULA_REDUCE | FORMULA_INDICES,
      .role = "router",
      .build = build_largest,
      .adjoint = back_largest },
    { .name = "smallest",
      .written = "min",
      .least = 1,
      .most = 2,
      .flags = FORMULA_REDUCE | FORMULA_INDICES,
      .role = "router",
      .build = build_smallest,
      .adjoint = back_smallest },
    { .name = "logsumexp",
      .least = 1,
      .most = 2,
      .flags = FORMULA_REDUCE | FORMULA_INDICES | FORMULA_LAZY,
      .role = "soft router",
      .build = build_logsumexp,
      .adjoint = back_logsumexp },
    FUNCTION(norm, 1, FORMULA_REDUCE, "scaler", .adjoint = back_norm),
    FUNCTION(softmax, 1, FORMULA_LAZY, "mixer", .adjoint = back_softmax),
    FUNCTION(log_softmax, 1, 0, "mixer", .adjoint = back_log_softmax),
    FUNCTION(outer, 2, FORMULA_LINEAR, "switcher", .adjoint = back_outer),
    { .name = "at",
      .least = 2,
      .most = 3,
      .flags = FORMULA_LINEAR | FORMULA_INDICES,
      .role = "router",
      .build = build_at,
      .adjoint = back_at },
    { .name = "reshape",
      .least = 2,
      .most = 3,
      .flags = FORMULA_LINEAR | FORMULA_INDICES | FORMULA_COUNTS | FORMULA_LAZY,
      .role = "mover",
      .build = formula_build_reshape,
      .adjoint = back_reshape },
    { .name = "windows",
      .least = 6,
      .most = 6,
      .flags = FORMULA_LINEAR | FORMULA_INDICES | FORMULA_COUNTS,
      .role = "mover",
      .build = formula_build_windows,
      .adjoint = back_windows,
      .wrong = formula_wrong_windows },
    { .name = "overlap",
      .least = 8,
      .most = 8,
      .flags = FORMULA_LINEAR | FORMULA_INDICES | FORMULA_COUNTS,
      .role = "mover",
      .build = formula_build_overlap,
      .adjoint = back_overlap,
      .wrong = formula_wrong_overlap },
    { .name = "pad",
      .least = 5,
      .most = 5,
      .flags = FORMULA_LINEAR | FORMULA_INDICES | FORMULA_COUNTS,
      .role = "mover",
      .build = formula_build_pad,
      .adjoint = back_pad,
      .wrong = formula_wrong_pad },
    { .name = "ones", .least = 1, .most = 2, .flags = FORMULA_SIZES, .build = build_ones },
    { .name = "unit", .least = 2, .most = 2, .flags = FORMULA_SIZES, .build = build_unit },
    { .name = "later", .least = 1, .most = 1, .flags = FORMULA_SIZES, .build = build_later },
    { .name = "waves", .least = 2, .most = 2, .flags = FORMULA_SIZES, .build = build_waves },
    { 0 }
};

/* y is the target, p the prediction, z logits, k a class number. Cross-entropies of probabilities are the plain
 * formulas: the library's losses also keep p away from 0. A matrix has a sample in each row. */
const formula_macro formula_macros[] = {
    { "ln", "a", "log(a)" },
    { "T", "a", "a'" },
    { "dot", "a b", "a @ b" },
    { "tan", "a", "sin(a)/cos(a)" },
    { "sinh", "a", "(exp(a) - exp(-a))/2" },
    { "cosh", "a", "(exp(a) + exp(-a))/2" },
    { "gelu", "a", "a/2*(1 + erf(a/sqrt(2)))" },
    { "silu", "a", "a*sigmoid(a)" },
    { "leaky_relu", "a", "where(a > 0, a, 0.2*a)" },
    { "elu", "a", "where(a > 0, a, exp(a) - 1)" },
    { "linear", "a", "a" },
    { "mse", "p y", "mean(square(y - p))" },
    { "mean_squared_error", "p y", "mean(square(y - p))" },
    { "half_squared_error", "p y", "mean(sum(square(y - p), -1))/2" },
    { "mae", "p y", "mean(abs(y - p))" },
    { "mean_absolute_error", "p y", "mean(abs(y - p))" },
    { "huber", "p y", "d = abs(y - p); mean(where(d <= 1, square(d)/2, d - 0.5))" },
    { "binary_cross_entropy", "p y", "-mean(y*log(p) + (1 - y)*log(1 - p))" },
    { "bce", "p y", "binary_cross_entropy(p, y)" },
    { "log_loss", "p y", "binary_cross_entropy(p, y)" },
    { "binary_cross_entropy_logits", "z y", "mean(y*softplus(-z) + (1 - y)*softplus(z))" },
    { "cross_entropy", "p y", "-mean(sum(y*log(p), -1))" },
    { "categorical_cross_entropy", "p y", "-mean(sum(y*log(p), -1))" },
    { "cross_entropy_logits", "z y", "-mean(sum(y*log_softmax(z), -1))" },
    { "sparse_cross_entropy", "p k", "-log(p[k])" },
    { "sparse_categorical_cross_entropy", "p k", "-log(p[k])" },
    { "nll", "p k", "-log(p[k])" },
    { "sparse_cross_entropy_logits", "z k", "logsumexp(z) - z[k]" },
    { "hinge", "p y", "mean(relu(1 - y*p))" },
    { "categorical_hinge", "p k", "relu(1 + max(p - 1e9*unit(k, p)) - p[k])" },
    { "multiclass_hinge", "p k", "sum(relu(1 + p - p[k])) - 1" },
    { 0 }
};

const formula_op *formula_op_named(const char *name) {
    for (const formula_op *op = formula_ops; op->name; op++)
        if (strcmp(op->name, name) == 0) return op;
    return NULL;
}
