/* SPDX-License-Identifier: MIT
 *
 * test_model.c: sequential and functional models: what they compute, names, sharing, nesting, freezing, penalties,
 * flat vectors, mistakes.
 */
#include <math.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

enum { MOST = 64 };

static void well(const eg_model *model) {
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
}

static void set_flat(eg_model *model, const double *values, int64_t n) {
    if (eg_model_set_flat(model, values, n) != EG_OK) fail_msg("%s", eg_error());
}
#define FLAT(model, ...)                                                                                             \
    set_flat(model, (double[]){ __VA_ARGS__ }, (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)))

/* A graph in which the model is built for one batch of `x`. */
typedef struct built {
    eg_graph *graph;
    eg_value *x, *step, *y, *logits, *penalty;
} built;

static built build(eg_model *model, int64_t batch, int training) {
    eg_shape shape = eg_model_input_shape(model), full = { .rank = shape.rank + 1, .dim = { batch } };
    for (int i = 0; i < shape.rank; i++) full.dim[i + 1] = shape.dim[i];
    built b = { .graph = eg_graph_new() };
    b.x = eg_input(b.graph, "x", EG_F32, full);
    b.step = eg_input(b.graph, "step", EG_I32, EG_SCALAR);
    if (eg_model_build(model, b.x, training ? b.step : NULL, &b.y, &b.logits, &b.penalty) != EG_OK)
        fail_msg("%s", eg_error());
    return b;
}

/* Runs for a value of that graph, with float inputs x. */
static void run(eg_model *model, const built *b, eg_value *root, const float *x, double *out) {
    int32_t step = 3;
    eg_program *program = eg_program_new(eg_model_state(model), &root, 1, .executor = EG_REF);
    if (!program) fail_msg("%s", eg_error());
    assert_int_equal(eg_set(program, "x", x, (size_t)eg_shape_size(eg_value_shape(b->x)) * sizeof *x), EG_OK);
    assert_int_equal(eg_set(program, "step", &step, sizeof step), EG_OK);
    assert_int_equal(eg_run(program), EG_OK);
    assert_int_equal(eg_fetch(program, 0, out, eg_shape_size(eg_value_shape(root))), EG_OK);
    eg_program_free(program);
}

static void expect(eg_model *model, int64_t batch, const float *x, const double *want) {
    double got[MOST];
    well(model);
    built b = build(model, batch, 0);
    int64_t n = eg_shape_size(eg_value_shape(b.y));
    run(model, &b, b.y, x, got);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-6)) fail_msg("output %d is %.9g, not %.9g", (int)i, got[i], want[i]);
    eg_graph_free(b.graph);
}
#define EXPECT(model, batch, x, ...) expect(model, batch, x, (double[]){ __VA_ARGS__ })
#define FLOATS(...) ((float[]){ __VA_ARGS__ })

/* ---- sequential ------------------------------------------------------------------------------ */

static void a_dense_layer_is_x_w_plus_b(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(3));
    FLAT(m, 1, 2, 3, 4, 5, 6, .5, 0, -1);
    EXPECT(m, 2, FLOATS(1, 0, 2, -1), 1.5, 2, 2, -1.5, -1, -1);
    eg_model_free(m);
}

static void layers_follow_each_other(void **state) {
    (void)state;
    eg_model *m =
        eg_sequential(EG_SHAPE(2), eg_dense(2, .act = EG_RELU, .no_bias = 1), eg_dense(1, .act = EG_SIGMOID));
    assert_int_equal(eg_model_parameters(m), 4 + 3);
    FLAT(m, 1, -1, 1, -1, 2, 5, -1);
    EXPECT(m, 2, FLOATS(1, 1, -1, -2), 1 / (1 + exp(-3)), 1 / (1 + exp(-14)));
    eg_model_free(m);
}

static void flatten_and_reshape_keep_the_batch(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2, 3), eg_flatten(), eg_reshape(3, -1), eg_dense(1, .no_bias = 1));
    assert_true(eg_shape_equal(eg_model_output_shape(m), EG_SHAPE(3, 1)));
    FLAT(m, 1, 10);
    EXPECT(m, 1, FLOATS(1, 2, 3, 4, 5, 6), 21, 43, 65);
    eg_model_free(m);
}

static void names_count_by_kind(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(2), eg_dense(2, .name = "dense_2"), eg_dense(2), eg_dense(2));
    well(m);
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    eg_state *s = eg_model_state(m);
    static const char *const names[] = { "dense/kernel",   "dense/bias",   "dense_2/kernel", "dense_2/bias",
                                         "dense_3/kernel", "dense_3/bias", "dense_4/kernel", "dense_4/bias" };
    assert_int_equal(eg_state_count(s), 8);
    for (int i = 0; i < 8; i++) assert_string_equal(eg_state_name(s, i), names[i]);
    eg_model_free(m);
}

static void softmax_and_sigmoid_hand_out_their_logits(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(3), eg_activation(EG_SOFTMAX, 0));
    FLAT(m, 1, 2, 3, 4, 5, 6, .5, 0, -1);
    built b = build(m, 1, 0);
    double z[3];
    assert_non_null(b.logits);
    run(m, &b, b.logits, FLOATS(1, 0), z);
    assert_true(z[0] == 1.5 && z[1] == 2 && z[2] == 2);
    eg_graph_free(b.graph);
    eg_model_free(m);
    m = eg_sequential(EG_SHAPE(2), eg_dense(3, .act = EG_SOFTMAX), eg_dense(3, .act = EG_TANH));
    b = build(m, 1, 0);
    assert_null(b.logits);
    assert_null(b.penalty);
    eg_graph_free(b.graph);
    eg_model_free(m);
}

static void dropout_acts_in_training_only(void **state) {
    enum { WIDE = 50 };
    float ones[WIDE];
    double still[WIDE], shaken[WIDE];
    (void)state;
    for (int i = 0; i < WIDE; i++) ones[i] = 1;
    eg_model *m = eg_sequential(EG_SHAPE(WIDE), eg_dropout(.5));
    built b = build(m, 1, 0), t = build(m, 1, 1);
    run(m, &b, b.y, ones, still);
    run(m, &t, t.y, ones, shaken);
    int zeros = 0, twos = 0;
    for (int i = 0; i < WIDE; i++) {
        assert_true(still[i] == 1);
        zeros += shaken[i] == 0;
        twos += shaken[i] == 2;
    }
    assert_int_equal(zeros + twos, WIDE);
    assert_true(zeros > 10 && twos > 10);
    eg_graph_free(b.graph);
    eg_graph_free(t.graph);
    eg_model_free(m);
}

static void inputs_of_bytes_are_cast(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(1));
    eg_graph *g = eg_graph_new();
    eg_value *y;
    assert_int_equal(eg_model_build(m, eg_input(g, "x", EG_U8, EG_SHAPE(4, 2)), NULL, &y, NULL, NULL), EG_OK);
    assert_int_equal(eg_value_dtype(y), EG_F32);
    eg_graph_free(g);
    eg_model_free(m);
}

/* ---- functional ------------------------------------------------------------------------------ */

static void branches_join(void **state) {
    (void)state;
    eg_model *m = eg_model_new();
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2));
    eg_wire *h = eg_apply(eg_dense(1, .no_bias = 1), x);
    eg_model_output(m, eg_apply(eg_join(EG_JOIN_CONCAT), h, x));
    FLAT(m, 1, 1);
    EXPECT(m, 2, FLOATS(1, 2, 3, 4), 3, 1, 2, 7, 3, 4);
    eg_model_free(m);
}

static void each_way_of_joining(void **state) {
    static const double want[][2] = { { 3, 5 }, { 2, 4 }, { 2, 4 }, { 1.5, 2.5 } };
    (void)state;
    for (int kind = EG_JOIN_ADD; kind < EG_JOIN_CONCAT; kind++) {
        eg_model *m = eg_model_new();
        eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2));
        eg_wire *h = eg_apply(eg_dense(2, .no_bias = 1), x);
        eg_model_output(m, eg_apply(eg_join((eg_join_kind)kind), h, x));
        FLAT(m, 2, 0, 0, .25);
        EXPECT(m, 1, FLOATS(1, 4), want[kind][0],
               kind == EG_JOIN_MULTIPLY || kind == EG_JOIN_MAXIMUM ? 4 : want[kind][1]);
        eg_model_free(m);
    }
}

static void a_shared_layer_has_one_set_of_parameters(void **state) {
    (void)state;
    eg_model *m = eg_model_new();
    eg_layer *shared = eg_dense(2, .act = EG_RELU);
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2));
    eg_wire *once = eg_apply(shared, x);
    eg_model_output(m, eg_apply(shared, once));
    well(m);
    assert_int_equal(eg_model_parameters(m), 6);
    FLAT(m, 1, 2, 3, 4, 0, 1);
    EXPECT(m, 1, FLOATS(1, -1), 0, 1);  /* (1-3, 2-4+1) = (-2,-1) -> 0 -> (0,1) */
    EXPECT(m, 1, FLOATS(1, 1), 25, 37); /* (4,7) -> (25, 37) */
    eg_model_free(m);
}

static void a_shared_layer_needs_equal_inputs(void **state) {
    (void)state;
    eg_model *m = eg_model_new();
    eg_layer *shared = eg_dense(3);
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2));
    eg_model_output(m, eg_apply(shared, eg_apply(shared, x)));
    assert_int_equal(eg_model_status(m), EG_E_SHAPE);
    assert_string_equal(eg_model_error(m), "dense: shared, its kernel is [2,3], this input needs [3,3]");
    eg_model_free(m);
}

static eg_value *twice(void *user, eg_value *x) { return eg_mul(x, eg_const(eg_value_graph(x), *(double *)user)); }

static void a_function_is_a_layer(void **state) {
    double factor = 2;
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_lambda(twice, &factor), eg_dense(1, .no_bias = 1));
    FLAT(m, 1, 10);
    EXPECT(m, 1, FLOATS(1, 2), 42);
    eg_model_free(m);
}

static eg_value *no_batch(void *user, eg_value *x) { return (void)user, eg_sum(x); }

static void a_function_must_keep_the_batch(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_lambda(no_batch, NULL));
    assert_int_equal(eg_model_status(m), EG_E_SHAPE);
    assert_string_equal(eg_model_error(m), "lambda: the function does not keep the batch axis");
    eg_model_free(m);
}

/* ---- nested ---------------------------------------------------------------------------------- */

static void a_model_is_a_layer(void **state) {
    (void)state;
    eg_model *inner = eg_sequential(EG_SHAPE(2), eg_dense(2, .act = EG_RELU), eg_dense(1, .act = EG_SIGMOID));
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(2), eg_model_layer(inner));
    well(m);
    assert_int_equal(eg_model_parameters(m), 6 + 6 + 3);
    FLAT(m, 1, 0, 0, 1, 0, 0, /* inner: */ 1, -1, 1, -1, 0, 0, 2, 5, -1);
    EXPECT(m, 1, FLOATS(1, 1), 1 / (1 + exp(-3)));
    assert_int_equal(eg_state_find(eg_model_state(m), "model/dense_1/kernel"), 4);
    built b = build(m, 1, 0);
    assert_non_null(b.logits);
    eg_graph_free(b.graph);
    eg_model_free(m);
}

static void a_nested_model_brings_its_values(void **state) {
    double flat[9];
    (void)state;
    eg_model *inner = eg_sequential(EG_SHAPE(2), eg_dense(1));
    FLAT(inner, 7, 8, 9);
    eg_model *middle = eg_sequential(EG_SHAPE(2), eg_model_layer(inner));
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(2), eg_model_layer(middle));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    assert_int_equal(eg_model_get_flat(m, flat, 9), EG_OK);
    assert_true(flat[6] == 7 && flat[7] == 8 && flat[8] == 9);
    assert_true(eg_state_find(eg_model_state(m), "model/model/dense/bias") >= 0);
    eg_model_free(m);
}

static void a_model_is_a_layer_of_one_model_only(void **state) {
    (void)state;
    eg_model *inner = eg_sequential(EG_SHAPE(2), eg_dense(2));
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_model_layer(inner), eg_model_layer(inner));
    assert_int_equal(eg_model_status(m), EG_E_ARGUMENT);
    assert_string_equal(eg_model_error(m), "model_1: the model is a layer already");
    eg_model_free(m);
}

static void a_model_cannot_hold_itself(void **state) {
    (void)state;
    eg_model *m = eg_model_new();
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2));
    eg_model_output(m, eg_apply(eg_dense(2), x));
    eg_apply(eg_model_layer(m), x);
    assert_int_equal(eg_model_status(m), EG_E_ARGUMENT);
    eg_model_free(m);
}

static void nor_grow_when_it_is_a_layer(void **state) {
    (void)state;
    eg_model *inner = eg_model_new();
    eg_wire *x = eg_model_input(inner, "x", EG_SHAPE(2)), *h = eg_apply(eg_dense(2), x);
    eg_model_output(inner, h);
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_model_layer(inner));
    eg_apply(eg_model_layer(m), h); /* a ring */
    well(m);
    assert_int_equal(eg_model_status(inner), EG_E_ARGUMENT);
    eg_model_free(m);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void the_flat_vector_goes_round(void **state) {
    double in[15], out[15];
    (void)state;
    for (int i = 0; i < 15; i++) in[i] = i / 4.0 - 1;
    for (int dtype = EG_F32; dtype <= EG_F64; dtype++) {
        eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(3), eg_dense(1), eg_dense(1));
        assert_int_equal(eg_model_set_dtype(m, (eg_dtype)dtype), EG_OK);
        assert_int_equal(eg_model_get_flat(m, out, 15), EG_E_MISSING);
        assert_int_equal(eg_model_set_flat(m, in, 14), EG_E_SHAPE);
        assert_int_equal(eg_model_set_flat(m, in, 15), EG_OK);
        assert_int_equal(eg_model_get_flat(m, out, 15), EG_OK);
        assert_memory_equal(in, out, sizeof in);
        assert_int_equal(eg_model_set_dtype(m, dtype == EG_F32 ? EG_F64 : EG_F32), EG_E_ARGUMENT);
        eg_model_free(m);
    }
}

/* The numbers of a layer depend on the seed and its name, not on what was built before. */
static void first_values_do_not_depend_on_other_layers(void **state) {
    double a[6], b[9];
    (void)state;
    eg_model *one = eg_sequential(EG_SHAPE(2), eg_dense(2, .name = "out", .bias_init = EG_INIT(NORMAL)));
    eg_model *two = eg_sequential(EG_SHAPE(2), eg_dense(1, .no_bias = 1), eg_reshape(1), eg_dense(1, .no_bias = 1),
                                  eg_dense(2, .name = "out", .bias_init = EG_INIT(NORMAL)));
    assert_int_equal(eg_model_init(one, 5, EG_KERAS), EG_OK);
    assert_int_equal(eg_model_init(two, 5, EG_KERAS), EG_OK);
    assert_int_equal(eg_model_get_flat(one, a, 6), EG_OK);
    assert_int_equal(eg_model_get_flat(two, b, 7), EG_OK);
    assert_memory_equal(a + 4, b + 5, 2 * sizeof *a); /* the biases: same shape, same name */
    eg_model_free(one);
    eg_model_free(two);
}

static void default_values_follow_the_dialect(void **state) {
    enum { IN = 64, UNITS = 32, N = IN * UNITS + UNITS };
    static double flat[N];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(IN), eg_dense(UNITS));
    for (int dialect = EG_KERAS; dialect <= EG_TORCH; dialect++) {
        double limit = dialect == EG_TORCH ? 1 / sqrt(IN) : sqrt(6.0 / (IN + UNITS)), most = 0, bias = 0;
        assert_int_equal(eg_model_init(m, 1, (eg_dialect)dialect), EG_OK);
        assert_int_equal(eg_model_get_flat(m, flat, N), EG_OK);
        for (int i = 0; i < IN * UNITS; i++) most = fmax(most, fabs(flat[i]));
        for (int i = IN * UNITS; i < N; i++) bias = fmax(bias, fabs(flat[i]));
        assert_true(most <= limit && most > .98 * limit);
        assert_true(dialect == EG_TORCH ? bias <= limit && bias > .8 * limit : bias == 0);
    }
    eg_model_free(m);
}

static void frozen_layers_are_not_trainable(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(3, .frozen = 1, .l2 = 1), eg_dense(1));
    assert_int_equal(eg_model_parameters(m), 13);
    assert_int_equal(eg_model_trainable(m), 4);
    built b = build(m, 1, 0);
    eg_value *v[4];
    assert_int_equal(eg_model_variables(m, b.graph, 1, v, 4), 2);
    assert_string_equal(eg_value_name(v[0]), "dense_1/kernel");
    assert_int_equal(eg_model_variables(m, b.graph, 0, v, 1), 4);
    assert_string_equal(eg_value_name(v[0]), "dense/kernel");
    assert_null(b.penalty);
    eg_graph_free(b.graph);
    eg_model_free(m);
}

/* l1 sum |w| + l2/2 sum w^2, on kernels only */
static void penalties_are_of_kernels_only(void **state) {
    double got;
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(1, .l1 = .5, .l2 = .1), eg_dense(1, .l2 = 2), eg_dense(1));
    FLAT(m, 3, -4, 100, 5, 100, 7, 100);
    built b = build(m, 1, 1);
    run(m, &b, b.penalty, FLOATS(0, 0), &got);
    assert_true(fabs(got - (.5 * 7 + .05 * 25 + 25)) < 1e-6);
    eg_graph_free(b.graph);
    eg_model_free(m);
}

/* ---- summary --------------------------------------------------------------------------------- */

static void expect_summary(const eg_model *m, const char *want) {
    well(m);
    char *got = eg_model_summary(m);
    assert_non_null(got);
    assert_string_equal(got, want);
    eg_string_free(got);
}

static void summary_of_the_mnist_net(void **state) {
    (void)state;
    eg_model *m =
        eg_sequential(EG_SHAPE(28, 28), eg_flatten(), eg_dense(512, .act = EG_RELU), eg_dense(10, .act = EG_SOFTMAX));
    assert_int_equal(eg_model_parameters(m), 407050);
    expect_summary(m, "Layer (type)                Output shape          Parameters\n"
                      "============================================================\n"
                      "flatten (flatten)           (batch, 784)                   0\n"
                      "dense (dense)               (batch, 512)             401,920\n"
                      "dense_1 (dense)             (batch, 10)                5,130\n"
                      "============================================================\n"
                      "Total parameters: 407,050 (1.55 MB)\n"
                      "Trainable parameters: 407,050 (1.55 MB)\n"
                      "Non-trainable parameters: 0 (0.00 B)\n");
    eg_model_free(m);
}

static void summary_of_a_functional_model(void **state) {
    (void)state;
    eg_model *m = eg_model_new();
    eg_layer *shared = eg_dense(4, .frozen = 1);
    eg_wire *x = eg_model_input(m, "pixels", EG_SHAPE(4));
    eg_wire *h = eg_apply(shared, eg_apply(shared, x));
    eg_model_output(m, eg_apply(eg_join(EG_JOIN_CONCAT), h, x));
    expect_summary(m, "Layer (type)            Output shape          Parameters  Inputs\n"
                      "=======================================================================\n"
                      "pixels (input)          (batch, 4)                     0\n"
                      "dense (dense, frozen)   (batch, 4)                    20  pixels\n"
                      "dense (dense, frozen)   (batch, 4)                shared  dense\n"
                      "join (join)             (batch, 8)                     0  dense, pixels\n"
                      "=======================================================================\n"
                      "Total parameters: 20 (80.00 B)\n"
                      "Trainable parameters: 0 (0.00 B)\n"
                      "Non-trainable parameters: 20 (80.00 B)\n");
    eg_model_free(m);
}

static void no_line_of_a_summary_is_wider_than_80(void **state) {
    (void)state;
    static const char long_name[] = "a_name_that_goes_on_and_on_until_it_is_nearly_too_long_to_take_";
    eg_model *m = eg_model_new();
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(1000, 1000, 1000, 2));
    eg_wire *h = eg_apply(eg_dense(1000000, .name = long_name), x);
    eg_model_output(m, eg_apply(eg_join(EG_JOIN_ADD), h, h, h, h, h, h, h));
    well(m);
    char *text = eg_model_summary(m);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) assert_true(strcspn(line, "\n") <= 80);
    eg_string_free(text);
    eg_model_free(m);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void expect_mistake(eg_model *m, eg_status status, const char *message) {
    assert_int_equal(eg_model_status(m), status);
    assert_string_equal(eg_model_error(m), message);
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), status);
    assert_null(eg_model_summary(m));
    eg_model_free(m);
}

static void mistakes_stick_and_name_the_layer(void **state) {
    (void)state;
    expect_mistake(eg_sequential(EG_SHAPE(2), eg_dense(2), eg_dense(0), eg_dense(-1)), EG_E_ARGUMENT,
                   "dense_1: units must be at least 1, not 0");
    expect_mistake(eg_sequential(EG_SHAPE(2), eg_dropout(1)), EG_E_ARGUMENT,
                   "dropout: rate must be >= 0 and < 1, not 1");
    expect_mistake(eg_sequential(EG_SHAPE(6), eg_reshape(4, -1)), EG_E_SHAPE,
                   "reshape: [4,-1] cannot be made of [6]");
    expect_mistake(eg_sequential(EG_SHAPE(2), eg_dense(2, .name = "a"), eg_dense(2, .name = "a")), EG_E_NAME,
                   "two layers are named 'a'");
    expect_mistake(eg_sequential(EG_SHAPE(2), eg_dense(2, .name = "a/b")), EG_E_NAME,
                   "layer name 'a/b' may hold letters, digits, '_', '-' and '.' only");
    expect_mistake(eg_sequential(EG_SHAPE(2), eg_dense(2, .name = "optimizer")), EG_E_NAME,
                   "layer name 'optimizer' is reserved");
    expect_mistake(eg_sequential(EG_SHAPE(0), eg_dense(2)), EG_E_SHAPE,
                   "the input's shape must have at most 7 axes, each of at least 1, and a sane size");
    expect_mistake(eg_sequential(EG_SHAPE(1 << 30), eg_dense(1 << 30)), EG_E_LIMIT,
                   "dense: a parameter of shape [1073741824,1073741824] is too large");
    expect_mistake(eg_sequential(EG_SCALAR, eg_dense(2)), EG_E_SHAPE,
                   "dense: its input has no axis beside the batch");
}

static void mistakes_with_wires(void **state) {
    (void)state;
    eg_model *a = eg_model_new(), *b = eg_model_new();
    eg_wire *x = eg_model_input(a, "x", EG_SHAPE(2)), *y = eg_model_input(b, "y", EG_SHAPE(3));
    assert_int_equal(eg_model_status(a), EG_E_ARGUMENT); /* no output yet */
    assert_string_equal(eg_model_error(a), "the model has no output yet");
    eg_apply(eg_join(EG_JOIN_ADD), x, y);
    assert_string_equal(eg_model_error(a), "join: input 1 is a wire of another model");
    eg_apply(eg_join(EG_JOIN_ADD), y, eg_apply(eg_dense(2), y));
    assert_string_equal(eg_model_error(b), "join: inputs [3] and [2] do not fit");
    assert_null(eg_apply(eg_dense(2), (eg_wire *)NULL));
    eg_model_free(a);
    eg_model_free(b);
}

static void a_layer_belongs_to_one_model(void **state) {
    (void)state;
    eg_layer *d = eg_dense(2);
    eg_model *a = eg_sequential(EG_SHAPE(2), d), *b = eg_sequential(EG_SHAPE(2), d);
    well(a);
    assert_string_equal(eg_model_error(b), "layer 'dense' belongs to another model");
    eg_model_free(b);
    eg_model_free(a);
}

static void a_batch_of_another_shape_is_refused(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(1));
    eg_graph *g = eg_graph_new();
    assert_int_equal(eg_model_build(m, eg_input(g, "x", EG_F32, EG_SHAPE(4, 3)), NULL, NULL, NULL, NULL), EG_E_SHAPE);
    assert_string_equal(eg_error(), "the model's input is [batch] + [2], not [4,3]");
    eg_graph_free(g);
    eg_model_free(m);
}

static eg_status whole_life(void *context) {
    (void)context;
    double flat[11], factor = 1;
    eg_model *inner = eg_sequential(EG_SHAPE(2), eg_dense(1, .l1 = 1, .kernel_init = EG_INIT(ORTHOGONAL)));
    eg_model *m = eg_model_new();
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2)),
            *h = eg_apply(eg_dense(2), eg_apply(eg_lambda(twice, &factor), x));
    eg_model_output(m, eg_apply(eg_model_layer(inner), eg_apply(eg_join(EG_JOIN_ADD), h, x)));
    eg_status status = eg_model_status(m);
    if (status == EG_OK) status = eg_model_init(m, 1, EG_KERAS);
    if (status == EG_OK) status = eg_model_get_flat(m, flat, 9);
    eg_graph *g = status == EG_OK ? eg_graph_new() : NULL;
    if (g) {
        eg_value *y, *penalty;
        status = eg_model_build(m, eg_input(g, "x", EG_F32, EG_SHAPE(3, 2)), NULL, &y, NULL, &penalty);
    } else if (status == EG_OK) {
        status = EG_E_MEMORY;
    }
    char *text = status == EG_OK ? eg_model_summary(m) : NULL;
    if (status == EG_OK && !text) status = EG_E_MEMORY;
    eg_string_free(text);
    eg_graph_free(g);
    eg_model_free(m);
    return status;
}

static void every_failed_allocation_is_an_error(void **state) {
    (void)state;
    assert_true(fault_loop(whole_life, NULL) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dense_layer_is_x_w_plus_b),
        cmocka_unit_test(layers_follow_each_other),
        cmocka_unit_test(flatten_and_reshape_keep_the_batch),
        cmocka_unit_test(names_count_by_kind),
        cmocka_unit_test(softmax_and_sigmoid_hand_out_their_logits),
        cmocka_unit_test(dropout_acts_in_training_only),
        cmocka_unit_test(inputs_of_bytes_are_cast),
        cmocka_unit_test(branches_join),
        cmocka_unit_test(each_way_of_joining),
        cmocka_unit_test(a_shared_layer_has_one_set_of_parameters),
        cmocka_unit_test(a_shared_layer_needs_equal_inputs),
        cmocka_unit_test(a_function_is_a_layer),
        cmocka_unit_test(a_function_must_keep_the_batch),
        cmocka_unit_test(a_model_is_a_layer),
        cmocka_unit_test(a_nested_model_brings_its_values),
        cmocka_unit_test(a_model_is_a_layer_of_one_model_only),
        cmocka_unit_test(a_model_cannot_hold_itself),
        cmocka_unit_test(nor_grow_when_it_is_a_layer),
        cmocka_unit_test(the_flat_vector_goes_round),
        cmocka_unit_test(first_values_do_not_depend_on_other_layers),
        cmocka_unit_test(default_values_follow_the_dialect),
        cmocka_unit_test(frozen_layers_are_not_trainable),
        cmocka_unit_test(penalties_are_of_kernels_only),
        cmocka_unit_test(summary_of_the_mnist_net),
        cmocka_unit_test(summary_of_a_functional_model),
        cmocka_unit_test(no_line_of_a_summary_is_wider_than_80),
        cmocka_unit_test(mistakes_stick_and_name_the_layer),
        cmocka_unit_test(mistakes_with_wires),
        cmocka_unit_test(a_layer_belongs_to_one_model),
        cmocka_unit_test(a_batch_of_another_shape_is_refused),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
