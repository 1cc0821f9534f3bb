/* SPDX-License-Identifier: MIT
 *
 * test_golden_keras.c: layers, masks, losses and initialisers against Keras in float64, where its formulas are its own.
 * tools/golden_keras.py wrote golden_keras.txt and says what is in it; layers stand there in the library's own
 * language. In float32 on the cpu engine.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

enum { SAMPLES = 5, MOST_TENSORS = 12 };

static FILE *file;
static char record[400]; /* the line of the record that is compared */

/* ---- numbers --------------------------------------------------------------------------------------------- */

/* numbers() of the tool. */
static double number(int64_t i, int seed) {
    int64_t n = (i * 7919 + (int64_t)seed * 104729 + i * i % 1009 * 31) % 257 - 128;
    return (double)n / 128;
}

static eg_shape shape_of(const char *text) {
    eg_shape shape = { 0 };
    for (char *end; *text; text = *end ? end + 1 : end) shape.dim[shape.rank++] = strtoll(text, &end, 10);
    return shape;
}

static eg_shape with_batch(int64_t batch, eg_shape sample) {
    eg_shape shape = { .rank = sample.rank + 1, .dim = { batch } };
    for (int i = 0; i < sample.rank; i++) shape.dim[i + 1] = sample.dim[i];
    return shape;
}

/* The next tensor of the file against these elements. */
static void compare(const float *got, int64_t size, const char *what) {
    long long count;
    if (fscanf(file, " tensor %lld", &count) != 1) fail_msg("%s: no tensor for %s", record, what);
    if (count != size) fail_msg("%s: %s has %lld elements, not %lld", record, what, (long long)size, count);
    for (int k = 0; k < SAMPLES && k < size; k++) {
        int64_t at = (int64_t)(((uint64_t)k * 2654435761u + 12345) % (uint64_t)size);
        double want, have = (double)got[at];
        assert_int_equal(fscanf(file, "%lf", &want), 1);
        if (!(fabs(want - have) <= 1e-5 + 1e-5 * fabs(want)))
            fail_msg("%s: %s, element %lld: %.9g, not %.9g", record, what, (long long)at, have, want);
    }
}

static eg_value *filled(eg_graph *g, eg_shape shape, double (*fill)(int64_t i)) {
    eg_tensor *t = eg_tensor_new(EG_F32, shape);
    for (int64_t i = 0; i < eg_shape_size(shape); i++) ((float *)eg_tensor_data(t))[i] = (float)fill(i);
    eg_value *value = eg_constant(g, t);
    eg_tensor_free(t);
    return value;
}

/* ---- layers ---------------------------------------------------------------------------------------------- */

static double nine(int64_t i) { return number(i, 9); }

static void set_parameters(eg_model *m) {
    eg_graph *g = eg_graph_new();
    eg_value *w[MOST_TENSORS];
    int n = eg_model_variables(m, g, 0, w, MOST_TENSORS);
    int64_t total = eg_model_parameters(m), at = 0;
    double *flat = malloc(sizeof *flat * (size_t)(total + 1));
    for (int k = 0; k < n; k++) {
        int variance = strstr(eg_value_name(w[k]), "moving_variance") != NULL;
        for (int64_t i = 0, size = eg_shape_size(eg_value_shape(w[k])); i < size; i++)
            flat[at++] = variance ? fabs(number(i, 2 + k)) + .5 : number(i, 2 + k);
    }
    assert_int_equal(eg_model_set_flat(m, flat, total), EG_OK);
    free(flat);
    eg_graph_free(g);
}

static void check_running(eg_model *m) {
    static const char *const names[] = { "norm/moving_mean", "norm/moving_variance" };
    float now[64];
    for (int i = 0; i < 2; i++) {
        eg_shape shape = eg_state_shape(eg_model_state(m), eg_state_find(eg_model_state(m), names[i]));
        size_t size = (size_t)eg_shape_size(shape);
        assert_int_equal(eg_state_read(eg_model_state(m), names[i], now, size * sizeof *now), EG_OK);
        compare(now, (int64_t)size, names[i]);
    }
}

static void set_inputs(eg_program *p, int64_t size) {
    float *x = malloc(sizeof *x * (size_t)size);
    for (int64_t i = 0; i < size; i++) x[i] = (float)number(i, 1);
    if (eg_set(p, "x", x, sizeof *x * (size_t)size) != EG_OK) fail_msg("%s: %s", record, eg_error());
    free(x);
}

static void check_layer(const char *text, eg_shape input, int64_t batch, int training) {
    eg_value *root[MOST_TENSORS + 4], *wrt[MOST_TENSORS];
    eg_model *m = eg_model_parse(input, text);
    if (eg_model_status(m) != EG_OK) fail_msg("%s: %s", record, eg_model_error(m));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    set_parameters(m);
    eg_graph *g = eg_graph_new();
    eg_shape full = with_batch(batch, input);
    eg_value *x = wrt[0] = eg_input(g, "x", EG_F32, full), *step = eg_input(g, "step", EG_I32, EG_SCALAR);
    if (eg_model_build(m, x, training ? step : NULL, root, NULL, NULL) != EG_OK) fail_msg("%s", eg_error());
    int n = 1 + eg_model_variables(m, g, 1, wrt + 1, MOST_TENSORS - 1);
    eg_value *sum = eg_sum(eg_mul(root[0], filled(g, eg_value_shape(root[0]), nine)));
    if (eg_grad(sum, wrt, n, root + 1) != EG_OK) fail_msg("%s: %s", record, eg_error());
    int changes = eg_model_changes(m, root + 1 + n, 4);
    eg_program *p = eg_program_new(eg_model_state(m), root, 1 + n + changes, .executor = EG_CPU, .threads = 1);
    if (!p) fail_msg("%s: %s", record, eg_error());
    set_inputs(p, eg_shape_size(full));
    assert_int_equal(eg_set(p, "step", &(int32_t){ 1 }, sizeof(int32_t)), EG_OK);
    assert_int_equal(eg_run(p), EG_OK);
    compare(eg_get(p, 0), eg_shape_size(eg_value_shape(root[0])), "the output");
    for (int i = 0; i < n; i++)
        compare(eg_get(p, 1 + i), eg_shape_size(eg_value_shape(wrt[i])), i ? eg_value_name(wrt[i]) : "x");
    if (training) check_running(m);
    eg_program_free(p);
    eg_graph_free(g);
    eg_model_free(m);
}

/* ---- masks ----------------------------------------------------------------------------------------------- */

static double weight(int64_t i) { return fabs(number(i, 3)) + .25; }

/* padded() of the tool, in x [batch, steps, features]. */
static void set_padded(eg_program *p, int64_t batch, int64_t steps, int64_t features) {
    float x[256] = { 0 };
    assert_true(batch * steps * features <= 256);
    for (int64_t i = 0; i < batch * steps * features; i++) {
        int64_t row = i / (steps * features), t = i / features % steps, length = 5 * row % steps + 1;
        if (row % 2 ? t >= steps - length : t < length) x[i] = (float)number(i, 1);
    }
    assert_int_equal(eg_set(p, "x", x, sizeof *x * (size_t)(batch * steps * features)), EG_OK);
}

static void check_masked(const char *text, eg_shape input, int64_t batch, int weighted) {
    char net[sizeof record + 16];
    eg_value *root[MOST_TENSORS + 4], *wrt[MOST_TENSORS], *y;
    snprintf(net, sizeof net, "masking; %s", text);
    eg_model *m = eg_model_parse(input, net);
    if (eg_model_status(m) != EG_OK) fail_msg("%s: %s", record, eg_model_error(m));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    set_parameters(m);
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, with_batch(batch, input)), *step = eg_full(g, EG_I32, EG_SCALAR, 1);
    if (eg_model_build(m, x, step, &y, NULL, NULL) != EG_OK) fail_msg("%s", eg_error());
    root[0] = eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, filled(g, eg_value_shape(y), nine), y, .mask = eg_model_mask(m),
                      .weights = weighted ? filled(g, EG_SHAPE(batch), weight) : NULL);
    int n = eg_model_variables(m, g, 1, wrt, MOST_TENSORS);
    if (eg_grad(root[0], wrt, n, root + 1) != EG_OK) fail_msg("%s: %s", record, eg_error());
    eg_program *p = eg_program_new(eg_model_state(m), root, 1 + n, .executor = EG_CPU, .threads = 1);
    if (!p) fail_msg("%s: %s", record, eg_error());
    set_padded(p, batch, input.dim[0], input.dim[1]);
    assert_int_equal(eg_run(p), EG_OK);
    compare(eg_get(p, 0), 1, "the loss");
    for (int i = 0; i < n; i++) compare(eg_get(p, 1 + i), eg_shape_size(eg_value_shape(wrt[i])), eg_value_name(wrt[i]));
    eg_program_free(p);
    eg_graph_free(g);
    eg_model_free(m);
}

/* ---- losses ---------------------------------------------------------------------------------------------- */

static int64_t width_of_y; /* for the one-hot targets below */
static double two(int64_t i) { return number(i, 2); }
static double is_positive(int64_t i) { return number(i, 2) > 0; }
static double sign(int64_t i) { return number(i, 2) > 0 ? 1 : -1; }
static double one_hot(int64_t i) { return i / width_of_y % width_of_y == i % width_of_y; }
static double class_of(int64_t i) { return (double)(i % width_of_y); }

static const struct targets {
    eg_loss_kind loss;
    double (*fill)(int64_t i);
    int probabilities;
} targets[] = {
    { EG_LOSS_MEAN_SQUARED_ERROR, two, 0 },
    { EG_LOSS_MEAN_ABSOLUTE_ERROR, two, 0 },
    { EG_LOSS_HUBER, two, 0 },
    { EG_LOSS_BINARY_CROSS_ENTROPY, is_positive, 1 },
    { EG_LOSS_CATEGORICAL_CROSS_ENTROPY, one_hot, 1 },
    { EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, class_of, 1 },
    { EG_LOSS_HINGE, sign, 0 },
    { EG_LOSS_CATEGORICAL_HINGE, one_hot, 1 },
};

static void check_loss(const char *name, eg_shape shape, double delta) {
    eg_loss_kind kind;
    assert_int_equal(eg_loss_named(name, &kind), EG_OK);
    const struct targets *t = targets;
    while (t->loss != kind) t++;
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    width_of_y = shape.dim[1];
    int sparse = kind == EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY;
    eg_value *p = eg_input(g, "x", EG_F32, shape), *seen = p, *root[2];
    if (t->probabilities) seen = eg_div(eg_add(p, eg_const(g, 1.5)), eg_const(g, 3));
    eg_value *y = filled(g, sparse ? EG_SHAPE(shape.dim[0]) : shape, t->fill);
    if (sparse) y = eg_cast(y, EG_I32);
    root[0] = eg_loss(kind, y, seen, .delta = delta, .weights = filled(g, EG_SHAPE(shape.dim[0]), weight));
    if (eg_grad(root[0], &seen, 1, &root[1]) != EG_OK) fail_msg("%s: %s", record, eg_error());
    eg_program *program = eg_program_new(state, root, 2, .executor = EG_CPU, .threads = 1);
    if (!program) fail_msg("%s: %s", record, eg_error());
    set_inputs(program, eg_shape_size(shape));
    assert_int_equal(eg_run(program), EG_OK);
    compare(eg_get(program, 0), 1, "the loss");
    compare(eg_get(program, 1), eg_shape_size(shape), "its gradient");
    eg_program_free(program);
    eg_state_free(state);
    eg_graph_free(g);
}

/* ---- initialisers ---------------------------------------------------------------------------------------- */

/* A uniform one fills its range; a normal one has its deviation, after it was cut off. */
static void check_init(const char *name, eg_shape shape) {
    eg_init init;
    assert_int_equal(eg_init_named(name, &init), EG_OK);
    int64_t n = eg_shape_size(shape);
    double *values = malloc(sizeof *values * (size_t)n), most = 0, squares = 0, want;
    assert_int_equal(eg_init_fill(init, EG_KERAS, shape, 7, "kernel", values), EG_OK);
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(values[i])), squares += values[i] * values[i];
    free(values);
    assert_int_equal(fscanf(file, " tensor 1 %lf", &want), 1);
    double have = strstr(name, "uniform") ? most : sqrt(squares / (double)n);
    int bounded = !strstr(name, "uniform") || have <= want * (1 + 1e-6);
    if (!bounded || fabs(have / want - 1) > .04) fail_msg("%s: %.9g, not %.9g", record, have, want);
}

/* ---- the file -------------------------------------------------------------------------------------------- */

/* A copy of column k of "kind a | b | c". */
static void column(int k, char out[400]) {
    const char *from = strchr(record, ' ') + 1;
    for (; k > 0; k--) from = strstr(from, " | ") + 3;
    snprintf(out, 400, "%.*s", (int)(strstr(from, " | ") ? (size_t)(strstr(from, " | ") - from) : strlen(from)),
             from);
}

static void all_agree_with_keras(void **state) {
    char kind[16], first[400], shape[400], third[400], fourth[400];
    int count = 0;
    (void)state;
    file = fopen("tests/nn/golden_keras.txt", "r");
    assert_non_null(file);
    for (; fscanf(file, " %399[^\n]", record) == 1; count++) {
        assert_int_equal(sscanf(record, "%15s", kind), 1);
        column(0, first);
        column(1, shape);
        if (strcmp(kind, "layer") == 0) {
            column(2, third);
            column(3, fourth);
            check_layer(first, shape_of(shape), atoi(third), atoi(fourth));
        } else if (strcmp(kind, "masked") == 0) {
            column(2, third);
            column(3, fourth);
            check_masked(first, shape_of(shape), atoi(third), atoi(fourth));
        } else if (strcmp(kind, "loss") == 0) {
            column(2, third);
            check_loss(first, shape_of(shape), atof(third));
        } else {
            assert_string_equal(kind, "init");
            check_init(first, shape_of(shape));
        }
    }
    fclose(file);
    assert_true(count >= 136);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_agree_with_keras) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
