/* SPDX-License-Identifier: MIT
 *
 * test_explain_formula.c: the formulas of `elegans explain` from inside: random ones, whose derivative is found three
 * ways (the library's, as a formula, by differences); the slides' examples; mistakes and their places.
 */
#include "formula_test.h"

enum { MAX_ELEMENTS_HERE = 64, MAX_NAMES = 8 };

/* ---- one formula, three derivatives ------------------------------------------------------------------ */

typedef struct answers {
    formula *f;
    formula_node *root;
    formula_flow flow;
    double numeric[MAX_ELEMENTS_HERE], symbolic[MAX_ELEMENTS_HERE];
} answers;

static void differences_of(answers *a) {
    double *at[MAX_NAMES], *to = a->numeric;
    for (int i = 0; i < formula_variables(a->f); to += formula_variable_at(a->f, i++)->size) at[i] = to;
    formula_differences(a->f, a->root, at);
}

static void formulas_of(answers *a) {
    formula_node *node[MAX_NAMES];
    eg_shape shape[MAX_NAMES];
    formula_derive(a->f, a->root, node);
    for (int i = 0; i < formula_variables(a->f); i++) shape[i] = formula_variable_at(a->f, i)->shape;
    formula_evaluate(a->f, node, shape, formula_variables(a->f), a->symbolic);
}

/* The simplified derivative as text, read and evaluated again, is the same number. */
static void reads_back(answers *a, const char *text) {
    formula_node *node[MAX_NAMES];
    formula_derive(a->f, a->root, node);
    for (int i = 0; i < formula_variables(a->f); i++) {
        double want[MAX_ELEMENTS_HERE], got[MAX_ELEMENTS_HERE];
        char *printed = formula_text(node[i]);
        formula_node *again = formula_parse(a->f, printed);
        if (!formula_ok(a->f)) fail_msg("%s: '%s' cannot be read: %s", text, printed, formula_status(a->f)->text);
        assert_true(formula_evaluate(a->f, (formula_node *[]){ node[i], again },
                                     (eg_shape[]){ node[i]->shape, node[i]->shape }, 2, want));
        int64_t n = eg_shape_size(node[i]->shape);
        memcpy(got, want + n, (size_t)n * sizeof *got);
        for (int64_t k = 0; k < n; k++) near(got[k], want[k], 1e-9, printed);
        free(printed);
    }
}

/* A point where differences mean something: finite, no kink near, not so large that digits are lost. */
static int is_fit(const answers *a) {
    int64_t n = eg_shape_size(a->root->shape);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(a->flow.value[i]) || fabs(a->flow.value[i]) > 1e3) return 0;
    for (int64_t i = 0; i < formula_elements(a->f); i++)
        if (isnan(a->numeric[i]) || isnan(a->symbolic[i]) || fabs(a->numeric[i]) > 1e3) return 0;
    return a->flow.margin > .05;
}

static int agree(answers *a, const char *text) {
    char what[400];
    formula_flow_run(a->f, a->root, &a->flow);
    differences_of(a);
    formulas_of(a);
    no_mistake(a->f, text);
    if (!is_fit(a)) return 0;
    for (int i = 0, at = 0; i < formula_variables(a->f); i++)
        for (int64_t k = 0; k < formula_variable_at(a->f, i)->size; k++, at++) {
            snprintf(what, sizeof what, "%s by %s[%d]", text, formula_variable_at(a->f, i)->name, (int)k);
            near(a->flow.gradient[i][k], a->numeric[at], 1e-6, what);
            near(a->symbolic[at], a->flow.gradient[i][k], 1e-9, what);
        }
    reads_back(a, text);
    return 1;
}

/* ---- random formulas --------------------------------------------------------------------------------- */

enum { SCALAR, VECTOR, MATRIX };
static void grow(text *t, int rank, int depth);

static void leaf(text *t, int rank) {
    static const char *const names[][3] = { { "x", "y", "z" }, { "u", "v", "u" }, { "A", "B", "A" } };
    if (rank == SCALAR && roll(5) == 0)
        put(t, "%d", roll(3) + 1);
    else
        put(t, "%s", names[rank][roll(3)]);
}

static void unary(text *t, int rank, int depth) {
    static const char *const shape[] = { "exp(%s)",        "log(1 + (%s)^2)", "sqrt(1 + square(%s))",
                                         "tanh(%s)",       "sigmoid(%s)",     "relu(%s)",
                                         "sin(%s)",        "cos(%s)",         "abs(%s)",
                                         "softplus(%s)",   "erf(%s)",         "-(%s)",
                                         "(%s)^2",         "(%s)^3",          "square(%s)",
                                         "1/(2 + (%s)^2)", "gelu(%s)",        "silu(%s)",
                                         "leaky_relu(%s)", "elu(%s)",         "where(%s > 0, sin(x), x^2)" };
    text inner = { .n = 0 };
    grow(&inner, rank, depth - 1);
    const char *form = shape[roll(rank == SCALAR ? 21 : 20)], *hole = strstr(form, "%s");
    put(t, "(%.*s%s%s)", (int)(hole - form), form, inner.at, hole + 2);
}

static void binary(text *t, int rank, int depth) {
    static const char *const sign[] = { " + ", " - ", "*", "/(3 + sigmoid(", " max ", " min ", " < " };
    int which = roll(6), other = rank > SCALAR && roll(3) == 0 ? SCALAR : rank;
    if (which >= 4) {
        put(t, which == 4 ? "max(" : "min(");
        grow(t, rank, depth - 1);
        put(t, ", ");
        grow(t, other, depth - 1);
        put(t, ")");
        return;
    }
    put(t, "(");
    grow(t, rank, depth - 1);
    put(t, "%s", sign[which]);
    grow(t, other, depth - 1);
    put(t, which == 3 ? ")))" : ")");
}

/* What changes the rank: products of matrices, reductions, elements. */
static void other(text *t, int rank, int depth) {
    static const char *const scalars[] = { "sum(", "mean(", "logsumexp(", "norm(", "max(", "min(" };
    static const char *const rows[] = { "sum(", "mean(", "largest(", "logsumexp(" };
    int which = roll(4);
    if (rank == SCALAR && which < 2) {
        put(t, "%s", scalars[roll(6)]);
        grow(t, 1 + roll(2), depth - 1);
        put(t, ")");
    } else if (rank == SCALAR) {
        put(t, which == 2 ? "(" : "softmax(");
        grow(t, VECTOR, depth - 1);
        put(t, which == 2 ? " @ " : ")[%d]", roll(2));
        if (which == 2) grow(t, VECTOR, depth - 1), put(t, ")");
    } else if (rank == VECTOR && which == 0) {
        put(t, "%s", rows[roll(4)]);
        grow(t, MATRIX, depth - 1);
        put(t, ", %d)", roll(2));
    } else if (rank == VECTOR && which == 1) {
        put(t, roll(2) ? "softmax(" : "log_softmax(");
        grow(t, VECTOR, depth - 1);
        put(t, ")");
    } else if (rank == VECTOR) {
        put(t, "(");
        grow(t, which == 2 ? MATRIX : VECTOR, depth - 1);
        put(t, " @ ");
        grow(t, which == 2 ? VECTOR : MATRIX, depth - 1);
        put(t, ")");
    } else if (which == 0) {
        put(t, "outer(");
        grow(t, VECTOR, depth - 1);
        put(t, ", ");
        grow(t, VECTOR, depth - 1);
        put(t, ")");
    } else if (which == 1) {
        put(t, "(");
        grow(t, MATRIX, depth - 1);
        put(t, ")'");
    } else {
        put(t, which == 2 ? "(" : "[");
        grow(t, which == 2 ? MATRIX : VECTOR, depth - 1);
        put(t, which == 2 ? " @ " : ", ");
        grow(t, which == 2 ? MATRIX : VECTOR, depth - 1);
        put(t, which == 2 ? ")" : "]");
    }
}

static void grow(text *t, int rank, int depth) {
    static void (*const ways[])(text * t, int rank, int depth) = { unary, binary, binary, other };
    if (depth <= 0)
        leaf(t, rank);
    else
        ways[roll(4)](t, rank, depth);
}

/* Values of either sign, away from 0 and from each other. */
static void set_values(formula *f) {
    static const struct {
        const char *name;
        eg_shape shape;
    } all[] = { { "x", { 0, { 0 } } }, { "y", { 0, { 0 } } },    { "z", { 0, { 0 } } },   { "u", { 1, { 2 } } },
                { "v", { 1, { 2 } } }, { "A", { 2, { 2, 2 } } }, { "B", { 2, { 2, 2 } } } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        double data[4];
        for (int k = 0; k < 4; k++) data[k] = (roll(2) ? 1 : -1) * (.2 + .01 * roll(130));
        formula_set_data(f, all[i].name, all[i].shape, data);
    }
}

static int try_random(int number) {
    seed = (uint64_t)number * 7919 + 1;
    text t = { .n = 0 };
    grow(&t, roll(3), 2 + roll(3));
    answers a = { .f = formula_new() };
    assert_non_null(a.f);
    set_values(a.f);
    a.root = formula_parse(a.f, t.at);
    no_mistake(a.f, t.at);
    int counted = agree(&a, t.at);
    formula_free(a.f);
    return counted;
}

static void two_hundred_random_formulas(void **state) {
    (void)state;
    int counted = 0, tried = 0;
    while (counted < 200 && tried < 600) counted += try_random(tried++);
    assert_int_equal(counted, 200);
}

/* ---- the slides' examples ---------------------------------------------------------------------------- */

typedef struct given {
    const char *name, *value;
} given;

static answers answer(const char *text, const given *values) {
    answers a = { .f = formula_new() };
    for (; values->name; values++) formula_set(a.f, values->name, values->value);
    a.root = formula_parse(a.f, text);
    no_mistake(a.f, text);
    assert_true(agree(&a, text) || a.flow.margin <= .05);
    return a;
}
#define GIVEN(...) ((const given[]){ __VA_ARGS__, { 0 } })

static void x_plus_y_times_max(void **state) {
    (void)state;
    answers a = answer("(x + y)*max(y, z)", GIVEN({ "x", "1" }, { "y", "2" }, { "z", "0" }));
    static const char *const roles[] = { "distributor", "router", "switcher" };
    static const double value[] = { 3, 2, 6 }, gradient[] = { 2, 3, 1 }, back[][2] = { { 2, 2 }, { 3, 0 }, { 2, 3 } };
    assert_int_equal(a.flow.n, 3);
    assert_true(*a.flow.value == 6);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(a.flow.gate[i].node->op->role, roles[i]);
        assert_true(*a.flow.gate[i].value == value[i]);
        assert_true(*a.flow.gate[i].gradient == gradient[i]);
        for (int k = 0; k < 2; k++) {
            const formula_wire *wire = &a.flow.gate[i].wire[k];
            assert_true(*wire->gradient == back[i][k]);
            assert_true(*wire->local * gradient[i] == back[i][k]);
        }
    }
    assert_true(*a.flow.gradient[0] == 2 && *a.flow.gradient[1] == 5 && *a.flow.gradient[2] == 0);
    assert_int_equal(a.flow.uses[1], 2);
    formula_free(a.f);
}

/* f = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))): the chain of gates and the sigmoid block. */
static void sigmoid_gates(void **state) {
    (void)state;
    const given *values = GIVEN({ "w0", "2" }, { "x0", "-1" }, { "w1", "-3" }, { "x1", "-2" }, { "w2", "-3" });
    answers gates = answer("1/(1 + exp(-(w0*x0 + w1*x1 + w2)))", values);
    answers block = answer("sigmoid(w0*x0 + w1*x1 + w2)", values);
    double s = 1 / (1 + exp(-1)), slope = s * (1 - s), want[] = { -slope, 2 * slope, -2 * slope, -3 * slope, slope };
    near(*gates.flow.value, s, 1e-15, "value");
    for (int i = 0; i < 5; i++) {
        near(*gates.flow.gradient[i], want[i], 1e-14, "gates");
        near(*block.flow.gradient[i], want[i], 1e-14, "block");
    }
    assert_int_equal(gates.flow.n, 8);
    formula_free(gates.f);
    formula_free(block.f);
}

/* L = |Wx|^2: 2 W'q and 2 q x' */
static void squared_length(void **state) {
    (void)state;
    answers a = answer("q = W @ x; sum(q^2)", GIVEN({ "W", "[[1, -2], [.5, 3], [-1, 4]]" }, { "x", "2, -1.5" }));
    const double q[] = { 5, -3.5, -8 }, x[] = { 2, -1.5 }, w[3][2] = { { 1, -2 }, { .5, 3 }, { -1, 4 } };
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++) near(a.flow.gradient[0][2 * i + k], 2 * q[i] * x[k], 1e-14, "by W");
    for (int k = 0; k < 2; k++)
        near(a.flow.gradient[1][k], 2 * (w[0][k] * q[0] + w[1][k] * q[1] + w[2][k] * q[2]), 1e-14, "by x");
    for (int i = 0; i < 3; i++) near(a.flow.gate[1].wire[0].gradient[i], 2 * q[i], 1e-14, "by q");
    assert_string_equal(a.flow.label[a.flow.gate[0].node->id], "q");
    formula_free(a.f);
}

/* ---- derivatives as text ----------------------------------------------------------------------------- */

static void derivatives_are_short(void **state) {
    static const struct {
        const char *formula, *derivative; /* by x */
        given values[4];
    } rows[] = {
        { "x^2*sin(x)", "x^2*cos(x) + 2*x*sin(x)", { { "x", ".7" } } },
        { "3*x^4 - 2*x + 5", "12*x^3 - 2", { { "x", ".7" } } },
        { "sigmoid(x)", "sigmoid(x)*(1 - sigmoid(x))", { { "x", ".7" } } },
        { "1/(1 + exp(-x))", "exp(-x)/(exp(-x) + 1)^2", { { "x", ".7" } } },
        { "tanh(x)", "1 - tanh(x)^2", { { "x", ".7" } } },
        { "sqrt(x)", "1/(2*sqrt(x))", { { "x", ".7" } } },
        { "log(x^3)", "3/x", { { "x", ".7" } } },
        { "x/3", "1/3", { { "x", ".7" } } },
        { "x^y", "y*x^(y - 1)", { { "x", ".7" }, { "y", "2.5" } } },
        { "(x + 1)^2 - x^2 - 2*x", "0", { { "x", ".7" } } },
        { "sin(x)^2 + cos(x)^2", "0", { { "x", ".7" } } },
        { "exp(x)*exp(-x)", "0", { { "x", ".7" } } },
        { "leaky_relu(x)", "(x > 0) + 0.2*(x <= 0)", { { "x", ".7" } } },
        { "(x + y)*max(x, y)", "max(x, y) + (x + y)*(x > y)", { { "x", ".7" }, { "y", "3" } } },
        { "sum(square(W @ x))", "2*W' @ (W @ x)", { { "W", "[[1, 2], [3, 4]]" }, { "x", "1, 2" } } },
        { "norm(x)", "x/norm(x)", { { "x", "1, 2" } } },
        { "norm(x)^2", "2*x", { { "x", "1, 2" } } },
        { "logsumexp(x)", "softmax(x)", { { "x", "1, 2" } } },
        { "sum(x)", "1", { { "x", "1, 2" } } },
        { "bce(sigmoid(x), y)", "sigmoid(x) - y", { { "x", ".7" }, { "y", "1" } } },
        { "cross_entropy(softmax(x), y)", "softmax(x)*sum(y) - y", { { "y", "0, 1" }, { "x", "1, 2" } } },
        { "sparse_cross_entropy(softmax(x), 1)", "softmax(x) - unit(1, 3)", { { "x", "1, 2, .5" } } },
        { "cross_entropy(softmax(x), [0, 1, 0])", "softmax(x) - [0, 1, 0]", { { "x", "1, 2, .5" } } },
        { "sum([1, 2]*x)", "[1, 2]", { { "x", "1, 2" } } },
        { "sum([1, -1])*x", "0", { { "x", "3" } } },
        { "sparse_cross_entropy_logits(x, 1)", "softmax(x) - unit(1, 3)", { { "x", "1, 2, .5" } } },
        { "mean(square(A @ x - y))",
          "2*A' @ (A @ x - y)/3",
          { { "A", "[[1, 2], [3, 4], [5, 6]]" }, { "x", "1, 2" }, { "y", "1, 2, 3" } } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        answers a = answer(rows[i].formula, rows[i].values);
        formula_node *node[MAX_NAMES];
        formula_derive(a.f, a.root, node);
        char *printed = formula_text(node[formula_variable_named(a.f, "x") - formula_variable_at(a.f, 0)]);
        assert_string_equal(printed, rows[i].derivative);
        free(printed);
        formula_free(a.f);
    }
}

/* ---- the library's own losses ------------------------------------------------------------------------- */

static double library_loss(eg_loss_kind kind, const double *p, const double *y, eg_shape shape, int from_logits) {
    eg_graph *g = eg_graph_new();
    eg_tensor *tp = eg_tensor_from(EG_F64, shape, p), *ty = eg_tensor_from(EG_F64, shape, y);
    eg_value *loss =
        eg_loss(kind, eg_constant(g, ty), eg_constant(g, tp), .dialect = EG_TORCH, .from_logits = from_logits);
    eg_state *s = eg_state_new(0);
    eg_program *program = eg_program_new(s, &loss, 1, .executor = EG_REF);
    double out = (double)NAN;
    if (!program) fail_msg("%s", eg_error());
    assert_int_equal(eg_run(program), EG_OK);
    assert_int_equal(eg_fetch(program, 0, &out, 1), EG_OK);
    eg_program_free(program);
    eg_state_free(s);
    eg_tensor_free(tp);
    eg_tensor_free(ty);
    eg_graph_free(g);
    return out;
}

static void losses_are_the_librarys(void **state) {
    static const double p[6] = { .2, .3, .5, .1, .7, .2 }, z[6] = { 1, -2, .5, 0, 3, -1 };
    static const double one_hot[6] = { 0, 0, 1, 0, 1, 0 }, real[6] = { .3, 1, -1, 2, .5, 0 };
    static const double sign[6] = { 1, -1, 1, 1, -1, -1 };
    static const struct {
        const char *formula;
        eg_loss_kind kind;
        const double *p, *y;
        int logits;
    } rows[] = {
        { "mse(p, y)", EG_LOSS_MEAN_SQUARED_ERROR, z, real, 0 },
        { "mae(p, y)", EG_LOSS_MEAN_ABSOLUTE_ERROR, z, real, 0 },
        { "huber(p, y)", EG_LOSS_HUBER, z, real, 0 },
        { "half_squared_error(p, y)", EG_LOSS_HALF_SQUARED_ERROR, z, real, 0 },
        { "bce(p, y)", EG_LOSS_BINARY_CROSS_ENTROPY, p, one_hot, 0 },
        { "binary_cross_entropy_logits(p, y)", EG_LOSS_BINARY_CROSS_ENTROPY, z, one_hot, 1 },
        { "cross_entropy(p, y)", EG_LOSS_CATEGORICAL_CROSS_ENTROPY, p, one_hot, 0 },
        { "cross_entropy_logits(p, y)", EG_LOSS_CATEGORICAL_CROSS_ENTROPY, z, one_hot, 1 },
        { "hinge(p, y)", EG_LOSS_HINGE, z, sign, 0 },
        { "(multiclass_hinge(p[0], 2) + multiclass_hinge(p[1], 1))/2", EG_LOSS_MULTICLASS_HINGE, z, one_hot, 0 },
        { "(categorical_hinge(p[0], 2) + categorical_hinge(p[1], 1))/2", EG_LOSS_CATEGORICAL_HINGE, z, one_hot, 0 },
        { "(sparse_cross_entropy(p[0], 2) + nll(p[1], 1))/2", EG_LOSS_CATEGORICAL_CROSS_ENTROPY, p, one_hot, 0 },
        { "(sparse_cross_entropy_logits(p[0], 2) + sparse_cross_entropy_logits(p[1], 1))/2",
          EG_LOSS_CATEGORICAL_CROSS_ENTROPY, z, one_hot, 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        formula *f = formula_new();
        formula_set_data(f, "p", EG_SHAPE(2, 3), rows[i].p);
        formula_set_data(f, "y", EG_SHAPE(2, 3), rows[i].y);
        formula_node *node = formula_parse(f, rows[i].formula);
        double got = 0;
        formula_evaluate(f, &node, NULL, 1, &got);
        no_mistake(f, rows[i].formula);
        near(got, library_loss(rows[i].kind, rows[i].p, rows[i].y, EG_SHAPE(2, 3), rows[i].logits), 1e-12,
             rows[i].formula);
        formula_free(f);
    }
}

/* What images need: forward, and their derivatives as formulas and by differences. */
static void windows_of_a_matrix(void **state) {
    const given *values = GIVEN({ "A", "[[1, 2, 3, 5], [.5, -1, 4, 2], [7, -3, 6, 8]]" }, { "w", "1, -2, .5, 3" },
                                { "v", "[[1, 2], [3, -4], [5, 6], [7, 9]]" });
    answers a = answer("windows(A, 2, 2, 1, 2, 1) @ w", values);
    static const double want[] = { 1 - 4 + .25 - 3, 3 - 10 + 2 + 6, .5 + 2 + 3.5 - 9, 4 - 4 + 3 + 24 };
    (void)state;
    for (int i = 0; i < 4; i++) near(a.flow.value[i], want[i], 1e-14, "windows");
    formula_free(a.f);
    static const char *const more[] = { "sum(square(tanh(windows(A, 2, 2, 1, 1, 1) @ w)))",
                                        "sum(square(largest(windows(A, 2, 4, 1, 2, 2), 1)))",
                                        "sum(square(windows(pad(A, 1, 0, 2, -1), 2, 2, 1, 1, 1) @ w))",
                                        "sum(exp(overlap(v, 3, 3, 1, 2, 2, 1, 1)/9))",
                                        "sum(reshape(A, 2, 6)^2) + sum(reshape(v, 8)*2)" };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) formula_free(answer(more[i], values).f);
}

/* ---- Jacobian, Hessian ------------------------------------------------------------------------------- */

/* f = W x: the deck's Jacobian by x is W', d x m. */
static void jacobian_has_the_decks_layout(void **state) {
    (void)state;
    answers a = answer("W @ x", GIVEN({ "W", "[[1, 2], [3, 4], [5, 6]]" }, { "x", "1, -1" }));
    const double want[] = { 1, 3, 5, 2, 4, 6 };
    double j[6], numeric[6];
    formula_jacobian(a.f, a.root, 1, j, numeric);
    for (int i = 0; i < 6; i++) {
        assert_true(j[i] == want[i]);
        near(numeric[i], j[i], 1e-9, "differences");
    }
    formula_free(a.f);
}

static void hessian_of_rosenbrock(void **state) {
    (void)state;
    answers a = answer("(1 - x)^2 + 100*(y - x^2)^2", GIVEN({ "x", "-1.2" }, { "y", "1" }));
    double h[4], numeric[4], want[] = { 2 - 400 + 1200 * 1.44, 480, 480, 200 };
    formula_hessian(a.f, a.root, h, numeric);
    no_mistake(a.f, "hessian");
    for (int i = 0; i < 4; i++) near(h[i], want[i], 1e-12, "hessian"), near(numeric[i], want[i], 1e-7, "differences");
    formula_free(a.f);
}

/* ---- mistakes ---------------------------------------------------------------------------------------- */

static void mistakes_have_a_place(void **state) {
    static const struct {
        const char *text;
        int at, length;
        const char *says;
    } rows[] = {
        { "sigmod(x)", 0, 6, "did you mean 'sigmoid'" },
        { "sin(x", 5, 1, "')' or ','" },
        { "(x + y", 6, 1, "')' is missing" },
        { "x + ", 4, 1, "something is missing" },
        { "2x", 1, 1, "a sign is missing" },
        { "x y", 2, 1, "a sign is missing" },
        { "2*(x+1)(y)", 7, 1, "a sign is missing" },
        { "x + $", 4, 1, "a value has to stand here" },
        { "x + é*2", 4, 2, "a value has to stand here" },
        { "x)", 1, 1, "no bracket that this one closes" },
        { "W @ u", 2, 1, "inner dimensions 2 and 3 differ" },
        { "1 + v*u", 5, 1, "broadcast" },
        { "foo + 1", 0, 3, "has no value" },
        { "e^x", 0, 1, "exp(...)" },
        { "W.Tr @ u", 1, 1, "cannot be read" },
        { "xx + 1", 0, 2, "did you mean 'x'" },
        { "sin + 1", 0, 3, "write sin(...)" },
        { "x(3)", 0, 1, "is a variable, not a function" },
        { "atan2(x, y)", 0, 5, "no function" },
        { "sigmoid(x, y)", 0, 7, "takes 1 input" },
        { "where(x)", 0, 5, "takes 3 inputs" },
        { "mse(x)", 0, 3, "takes 2 inputs" },
        { "v[7]", 1, 3, "no place 7" },
        { "v[x]", 1, 3, "whole number" },
        { "v[0, 1]", 1, 6, "rank 1" },
        { "sum(W, 5)", 0, 3, "no axis 5" },
        { "[[1, 2], [3]]", 0, 13, "different lengths" },
        { "[[[1]]]", 0, 7, "at most two brackets" },
        { "|x", 2, 1, "'|' is missing" },
        { "x = 3; x", 0, 1, "has a value already" },
        { "mse(u, v)", 0, 3, "mse: " },
        { "softmax(x)", 0, 7, "rank 0" },
        { "", 0, 1, "something is missing" },
        { "v @ v @", 7, 1, "something is missing" },
        { "v @ x", 2, 1, "for numbers write *" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        formula *f = formula_new();
        formula_set(f, "x", "1.5");
        formula_set(f, "y", "pi/2");
        formula_set(f, "v", "1, 2");
        formula_set(f, "u", "[1, 2, 3]");
        formula_set(f, "W", "[[1, 2], [3, 4]]");
        no_mistake(f, "values");
        formula_parse(f, rows[i].text);
        const formula_mistake *m = formula_status(f);
        if (m->code == EG_OK) fail_msg("'%s' is no mistake", rows[i].text);
        if (m->at != rows[i].at || m->length != rows[i].length || !strstr(m->text, rows[i].says))
            fail_msg("'%s': '%s' at %d, %d bytes", rows[i].text, m->text, (int)m->at, (int)m->length);
        assert_string_equal(m->source, rows[i].text);
        formula_free(f);
    }
}

static void values_are_checked(void **state) {
    static const struct {
        const char *name, *value, *says;
    } rows[] = { { "a", "[1, 2", "']' or ','" },      { "2a", "1", "no name" },
                 { "a", "1/0", "not finite" },        { "a", "b", "'b' is no number" },
                 { "a", "", "something is missing" }, { "x", "1", "given twice" } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        formula *f = formula_new();
        formula_set(f, "x", "0");
        formula_set(f, rows[i].name, rows[i].value);
        if (formula_ok(f) || !strstr(formula_status(f)->text, rows[i].says))
            fail_msg("%s=%s: '%s'", rows[i].name, rows[i].value, formula_status(f)->text);
        formula_free(f);
    }
}

/* Brackets without end must not end the stack. */
static void deep_formulas_end(void **state) {
    (void)state;
    static char text[200001];
    static const char *const part[] = { "(", "-", "[", "|", "sin(", "2^" };
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        size_t n = strlen(part[i]);
        for (size_t k = 0; k + n < sizeof text; k++) text[k] = part[i][k % n];
        formula *f = formula_new();
        formula_parse(f, text);
        assert_false(formula_ok(f));
        formula_free(f);
    }
}

/* ---- understanding ----------------------------------------------------------------------------------- */

static void reads_as_written_by_hand(void **state) {
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        { "1 + 2*3^2", 19 },
        { "-2^2", -4 },
        { "(-2)^2", 4 },
        { "2^-1", .5 },
        { "2^3^2", 512 },
        { "2**3", 8 },
        { "7 - 2 - 1", 4 },
        { "8/4/2", 1 },
        { "3 − 2", 1 },
        { "3·2", 6 },
        { "3×2", 6 },
        { "-3² + 2³", -1 },
        { "[1, 2] @ [[1, 2], [3, 4]].T @ [1, 1]", 16 },
        { "1 ≤ 2", 1 },
        { "1 < 2 == 1", 1 },
        { "|-3|", 3 },
        { "||[3, 4]||", 5 },
        { "|[3, 4]|^2", 25 },
        { "max(1, 5, 3)", 5 },
        { "min([4, 2, 8])", 2 },
        { "[1, 2]'@[3, 4]", 11 },
        { "dot([1, 2], [3, 4])", 11 },
        { "[1, 2, 3][-1]", 3 },
        { "[[1, 2], [3, 4]][1, 0]", 3 },
        { "sum(T([[1, 2]]) @ [3])", 9 },
        { "a = 2; b = a + 1; a*b", 6 },
        { "f = 2*3", 6 },
        { "ln(exp(2))", 2 },
        { "where(1 > 2, 5, 6)", 6 },
        { "sin(pi/2)", 1 },
        { ".5 + 1e1", 10.5 },
        { "sum([1, 2] > 1)", 1 },
        { "+3", 3 },
        { "mean([[1, 2], [3, 4]])", 2.5 },
        { "sum([[1, 2], [3, 4]], 0)[1]", 6 },
        { "softplus(0)", .69314718055994530942 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        formula *f = formula_new();
        formula_node *node = formula_parse(f, rows[i].text);
        double got = 0;
        no_mistake(f, rows[i].text);
        assert_int_equal(node->shape.rank, 0);
        formula_evaluate(f, &node, NULL, 1, &got);
        near(got, rows[i].value, 1e-15, rows[i].text);
        formula_free(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_random_formulas),
        cmocka_unit_test(x_plus_y_times_max),
        cmocka_unit_test(sigmoid_gates),
        cmocka_unit_test(squared_length),
        cmocka_unit_test(derivatives_are_short),
        cmocka_unit_test(losses_are_the_librarys),
        cmocka_unit_test(windows_of_a_matrix),
        cmocka_unit_test(jacobian_has_the_decks_layout),
        cmocka_unit_test(hessian_of_rosenbrock),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(deep_formulas_end),
        cmocka_unit_test(reads_as_written_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
