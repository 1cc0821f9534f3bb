/* SPDX-License-Identifier: MIT
 *
 * test_recurrent.c: layers over sequences: how they are written, what they begin with, masks, kept states, a
 * transformer block. Their numbers are held against PyTorch in test_golden_recurrent.c.
 */
#include <math.h>
#include <string.h>

#include "fault.h"

#include <elegans/check.h>
#include <elegans/nn.h>

enum { MOST = 4096 };

/* Runs the model on x [batch, ...] and copies y; assigns are made too. */
static void run_model(eg_model *m, eg_shape shape, const float *x, float *out) {
    eg_graph *g = eg_graph_new();
    eg_value *in = eg_input(g, "x", EG_F32, shape), *root[8];
    if (eg_model_build(m, in, NULL, &root[0], NULL, NULL) != EG_OK) fail_msg("%s", eg_error());
    int n = 1 + eg_model_changes(m, root + 1, 7);
    eg_program *p = eg_program_new(eg_model_state(m), root, n);
    if (!p) fail_msg("%s", eg_error());
    assert_int_equal(eg_set(p, "x", x, sizeof *x * (size_t)eg_shape_size(shape)), EG_OK);
    assert_int_equal(eg_run(p), EG_OK);
    memcpy(out, eg_get(p, 0), sizeof *out * (size_t)eg_shape_size(eg_value_shape(root[0])));
    eg_program_free(p);
    eg_graph_free(g);
}

static eg_model *ready_model(eg_shape input, const char *text) {
    eg_model *m = eg_model_parse(input, text);
    if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
    assert_int_equal(eg_model_init(m, 7, EG_KERAS), EG_OK);
    return m;
}

static void fill(float *x, int64_t n, int seed) {
    for (int64_t i = 0; i < n; i++) x[i] = (float)sin((double)(i * 7 + seed) * .37);
}

static void assert_close(const float *a, const float *b, int n) {
    for (int i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) < 1e-6f)) fail_msg("element %d: %g and %g", i, (double)a[i], (double)b[i]);
}

/* ---- descriptions ------------------------------------------------------------------------------------ */

static void text_and_json_come_back(void **state) {
    static const char *const nets[] = {
        "embedding 50 8 mask_zero; lstm 16 return_sequences skip_zeros; gru 8 bidirectional; dense 2 softmax",
        "one_hot 20; position sinusoidal; attention 4 size=3 causal; simple_rnn 5 relu backwards no_bias",
        "embedding 9 6 torch init=normal(.1); position; gru 4 reset_before stateful=3 l2=0.01 frozen name=memory",
        "one_hot 9; lstm 4 recurrent_activation=step torch; dense 1",
        "one_hot 9; lstm 4 linear no_forget_bias recurrent_init=glorot_normal bias_init=constant(.5)",
    };
    (void)state;
    for (int i = 0; i < 5; i++) {
        eg_model *m = ready_model(EG_SHAPE(6), nets[i]);
        char *text = eg_model_text(m), *json = eg_model_json(m);
        eg_model *again = eg_model_parse(EG_SHAPE(6), text), *read = eg_model_from_json(json, strlen(json));
        char *second = eg_model_text(again), *third = eg_model_text(read);
        assert_string_equal(text, second);
        assert_string_equal(text, third);
        assert_int_equal(eg_model_parameters(m), eg_model_parameters(again));
        assert_int_equal(eg_model_parameters(m), eg_model_parameters(read));
        eg_string_free(text), eg_string_free(json), eg_string_free(second), eg_string_free(third);
        eg_model_free(m), eg_model_free(again), eg_model_free(read);
    }
}

static void parameters_are_counted_as_keras_does(void **state) {
    static const struct {
        const char *net;
        int64_t count;
    } cases[] = {
        { "simple_rnn 8", 8 * (3 + 8 + 1) },
        { "lstm 8", 4 * 8 * (3 + 8 + 1) },
        { "gru 8", 3 * 8 * (3 + 8 + 2) }, /* reset_after has two biases */
        { "gru 8 reset_before", 3 * 8 * (3 + 8 + 1) },
        { "lstm 8 bidirectional", 2 * 4 * 8 * (3 + 8 + 1) },
        { "attention size=2 3", 4 * (3 * 6) + 3 * 6 + 3 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_model *m = ready_model(EG_SHAPE(5, 3), cases[i].net);
        if (eg_model_parameters(m) != cases[i].count)
            fail_msg("%s: %d parameters", cases[i].net, (int)eg_model_parameters(m));
        eg_model_free(m);
    }
}

static void mistakes_are_named(void **state) {
    static const struct {
        eg_shape input;
        const char *net, *message;
    } cases[] = {
        { { 1, { 5 } }, "lstm 8", "its input is [steps, features], not [5]" },
        { { 2, { 5, 3 } }, "lstm 0", "units must be at least 1" },
        { { 2, { 5, 3 } }, "lstm 8 reset_before", "an option of gru" },
        { { 2, { 5, 3 } }, "gru 8 bidirectional stateful=2", "has no state to keep" },
        { { 2, { 5, 3 } }, "attention 2", "2 heads do not divide 3 features" },
        { { 2, { 5, 3 } }, "lstm 8 return_sequence", "did you mean" },
        { { 1, { 5 } }, "embedding 0 4", "words and size must be at least 1" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_model *m = eg_model_parse(cases[i].input, cases[i].net);
        if (!strstr(eg_model_error(m), cases[i].message)) fail_msg("%s: %s", cases[i].net, eg_model_error(m));
        eg_model_free(m);
    }
}

/* ---- first values -------------------------------------------------------------------------------------- */

static void read_parameter(eg_model *m, const char *name, float *out, size_t n) {
    if (eg_state_read(eg_model_state(m), name, out, n * sizeof *out) != EG_OK) fail_msg("%s", eg_error());
}

static void forget_gates_begin_open(void **state) {
    float bias[16], kernel[4 * 16];
    (void)state;
    eg_model *m = ready_model(EG_SHAPE(5, 3), "lstm 4");
    read_parameter(m, "lstm/bias", bias, 16);
    for (int i = 0; i < 16; i++) assert_true(bias[i] == (i / 4 == 1));
    read_parameter(m, "lstm/recurrent_kernel", kernel, 64);
    for (int i = 0; i < 4; i++) /* orthogonal rows */
        for (int j = 0; j < 4; j++) {
            double dot = 0;
            for (int k = 0; k < 16; k++) dot += (double)kernel[i * 16 + k] * (double)kernel[j * 16 + k];
            assert_true(fabs(dot - (i == j)) < 1e-5);
        }
    eg_model_free(m);
    m = ready_model(EG_SHAPE(5, 3), "lstm 4 torch");
    read_parameter(m, "lstm/recurrent_bias", bias, 16);
    for (int i = 0; i < 16; i++) assert_true(bias[i] != 0 && fabsf(bias[i]) <= .5f); /* 1 / sqrt(4) */
    eg_model_free(m);
}

/* ---- masks ------------------------------------------------------------------------------------------------ */

static eg_value *features(void *user, eg_value *x) { return (void)user, eg_slice(x, 2, 0, 3); }

/* The fourth column: a mask; or, of the first step, the length. */
static eg_value *column(void *user, eg_value *x) {
    eg_shape shape = eg_value_shape(x);
    eg_value *mask = eg_reshape_to(eg_slice(x, 2, 3, 4), EG_SHAPE(shape.dim[0], shape.dim[1]));
    return user ? mask : eg_slice(mask, 1, 0, 1);
}

static void masked_steps_leave_the_state(void **state) {
    enum { STEPS = 6, LENGTH = 4 };
    float x[STEPS * 4], cut[LENGTH * 3], masked[5], lengths[5], shorter[5];
    (void)state;
    eg_layer *(*make[])(eg_recurrent_opt) = { eg_simple_rnn_, eg_lstm_, eg_gru_ };
    for (int k = 0; k < 3; k++) {
        for (int by_length = 0; by_length < 2; by_length++) {
            eg_model *m = eg_model_new();
            eg_wire *in = eg_model_input(m, "x", EG_SHAPE(STEPS, 4));
            eg_wire *f = eg_apply(eg_lambda(features, NULL), in);
            eg_wire *c = eg_apply(eg_lambda(column, by_length ? NULL : m), in);
            eg_model_output(m, eg_apply(make[k]((eg_recurrent_opt){ .units = 5, .name = "cell" }), f, c));
            assert_int_equal(eg_model_init(m, 7, EG_KERAS), EG_OK);
            fill(x, STEPS * 4, 1);
            for (int t = 0; t < STEPS; t++) {
                x[t * 4 + 3] = by_length ? LENGTH : t < LENGTH;
                if (t < LENGTH) memcpy(cut + t * 3, x + t * 4, sizeof *x * 3);
            }
            run_model(m, EG_SHAPE(1, STEPS, 4), x, by_length ? lengths : masked);
            eg_model_free(m);
        }
        eg_model *m = eg_sequential(EG_SHAPE(LENGTH, 3), make[k]((eg_recurrent_opt){ .units = 5, .name = "cell" }));
        assert_int_equal(eg_model_init(m, 7, EG_KERAS), EG_OK);
        run_model(m, EG_SHAPE(1, LENGTH, 3), cut, shorter);
        eg_model_free(m);
        assert_close(masked, shorter, 5);
        assert_close(lengths, shorter, 5);
    }
}

/* Padding of word 0 through the text language. */
static void padding_is_skipped(void **state) {
    const float padded[6] = { 3, 1, 4, 0, 0, 0 }, bare[3] = { 3, 1, 4 };
    float a[8], b[8];
    (void)state;
    eg_model *m = ready_model(EG_SHAPE(6), "embedding 9 4 mask_zero; lstm 4 bidirectional skip_zeros");
    eg_model *n = ready_model(EG_SHAPE(3), "embedding 9 4 mask_zero; lstm 4 bidirectional skip_zeros");
    run_model(m, EG_SHAPE(1, 6), padded, a);
    run_model(n, EG_SHAPE(1, 3), bare, b);
    assert_close(a, b, 8);
    eg_model_free(m);
    eg_model_free(n);
}

/* ---- kept states --------------------------------------------------------------------------------------------- */

static void states_are_kept_until_they_are_reset(void **state) {
    enum { BATCH = 2, STEPS = 6, HALF = 3 };
    static const char *const nets[] = { "simple_rnn 4 stateful=2", "lstm 4 stateful=2", "gru 4 stateful=2" };
    static const char *const plain[] = { "simple_rnn 4", "lstm 4", "gru 4" };
    float x[BATCH * STEPS * 3], half[2][BATCH * HALF * 3], whole[BATCH * 4], first[BATCH * 4], second[BATCH * 4];
    (void)state;
    fill(x, BATCH * STEPS * 3, 2);
    for (int b = 0; b < BATCH; b++)
        for (int h = 0; h < 2; h++)
            memcpy(half[h] + b * HALF * 3, x + (b * STEPS + h * HALF) * 3, sizeof *x * HALF * 3);
    for (int k = 0; k < 3; k++) {
        eg_model *m = ready_model(EG_SHAPE(HALF, 3), nets[k]), *n = ready_model(EG_SHAPE(STEPS, 3), plain[k]);
        run_model(n, EG_SHAPE(BATCH, STEPS, 3), x, whole);
        for (int again = 0; again < 2; again++) {
            run_model(m, EG_SHAPE(BATCH, HALF, 3), half[0], first);
            run_model(m, EG_SHAPE(BATCH, HALF, 3), half[1], second);
            assert_close(second, whole, BATCH * 4);
            assert_int_equal(eg_model_reset_states(m), EG_OK);
        }
        eg_model_free(m);
        eg_model_free(n);
    }
}

static void a_stateful_layer_knows_its_rows(void **state) {
    (void)state;
    eg_model *m = ready_model(EG_SHAPE(3, 3), "gru 4 stateful=2");
    eg_graph *g = eg_graph_new();
    eg_value *y;
    assert_int_equal(eg_model_build(m, eg_input(g, "x", EG_F32, EG_SHAPE(5, 3, 3)), NULL, &y, NULL, NULL),
                     EG_E_SHAPE);
    assert_non_null(strstr(eg_error(), "keeps the states of 2 rows, this batch has 5"));
    assert_int_equal(eg_model_stateful_rows(m), 2);
    eg_graph_free(g);
    eg_model_free(m);
}

/* ---- embedding --------------------------------------------------------------------------------------------------
 */

static void embedding_looks_up_rows(void **state) {
    const float words[4] = { 2, 0, 5, 1 }; /* 5 is outside */
    float table[5 * 3], out[4 * 3], zero[3] = { 0 };
    (void)state;
    eg_model *m = ready_model(EG_SHAPE(4), "embedding 5 3");
    read_parameter(m, "embedding/embeddings", table, 15);
    run_model(m, EG_SHAPE(1, 4), words, out);
    assert_memory_equal(out, table + 6, 12);
    assert_memory_equal(out + 3, table, 12);
    assert_memory_equal(out + 6, zero, 12);
    assert_memory_equal(out + 9, table + 3, 12);
    for (int i = 0; i < 15; i++) assert_true(fabsf(table[i]) <= .05f);
    eg_model_free(m);
}

/* ---- a transformer block --------------------------------------------------------------------- */

/* x + attention(norm x), then x + mlp(norm x) */
static eg_wire *block(eg_wire *x, int64_t features) {
    eg_wire *seen = eg_apply(eg_attention(2, .causal = 1), eg_apply(eg_layer_norm(), x));
    x = eg_apply(eg_join(EG_JOIN_ADD), x, seen);
    eg_wire *inner = eg_apply(eg_dense(4 * features, .act = EG_GELU), eg_apply(eg_layer_norm(), x));
    return eg_apply(eg_join(EG_JOIN_ADD), x, eg_apply(eg_dense(features), inner));
}

static eg_model *transformer(void) {
    eg_model *m = eg_model_new();
    eg_wire *x = eg_apply(eg_positions(0), eg_apply(eg_embedding(7, .size = 8), eg_model_input(m, "x", EG_SHAPE(5))));
    eg_model_output(m, eg_apply(eg_dense(7), block(block(x, 8), 8)));
    if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
    assert_int_equal(eg_model_init(m, 3, EG_KERAS), EG_OK);
    return m;
}

/* What a step gives does not depend on later ones. */
static void attention_is_causal(void **state) {
    float x[5] = { 1, 2, 3, 4, 5 }, a[35], b[35];
    (void)state;
    eg_model *m = transformer();
    run_model(m, EG_SHAPE(1, 5), x, a);
    x[3] = 0;
    run_model(m, EG_SHAPE(1, 5), x, b);
    assert_memory_equal(a, b, sizeof *a * 21);
    assert_true(memcmp(a + 21, b + 21, sizeof *a * 7) != 0);
    eg_model_free(m);
}

/* It learns to say which word comes two places before. */
static void a_transformer_learns(void **state) {
    enum { BATCH = 16, STEPS = 150 };
    float words[BATCH * 5], rate = .3f, first = 0, last = 0;
    int32_t target[BATCH * 5];
    (void)state;
    for (int i = 0; i < BATCH * 5; i++) words[i] = (float)((i * 31 + i * i % 17) % 7);
    for (int i = 0; i < BATCH * 5; i++) target[i] = i % 5 < 2 ? 0 : (int32_t)words[i - 2];
    eg_model *m = transformer();
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(BATCH, 5)), *t = eg_input(g, "t", EG_I32, EG_SHAPE(BATCH, 5)), *y;
    assert_int_equal(eg_model_build(m, x, NULL, &y, NULL, NULL), EG_OK);
    eg_value *w[64], *d[64], *root[65];
    int n = eg_model_variables(m, g, 1, w, 64);
    root[0] = eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, t, y, .from_logits = 1);
    assert_int_equal(eg_grad(root[0], w, n, d), EG_OK);
    for (int i = 0; i < n; i++) root[1 + i] = eg_assign(w[i], eg_sub(w[i], eg_mul(d[i], eg_const(g, (double)rate))));
    eg_program *p = eg_program_new(eg_model_state(m), root, 1 + n);
    if (!p) fail_msg("%s", eg_error());
    eg_set(p, "x", words, sizeof words);
    eg_set(p, "t", target, sizeof target);
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(eg_run(p), EG_OK);
        last = *eg_get(p, 0);
        if (i == 0) first = last;
    }
    assert_true(first > 1.5f);
    if (!(last < .4f * first)) fail_msg("loss %g, at first %g", (double)last, (double)first);
    eg_program_free(p);
    eg_graph_free(g);
    eg_model_free(m);
}

/* ---- no memory ------------------------------------------------------------------------------- */

static eg_status build_lstm(void *context) {
    eg_status status = EG_E_MEMORY;
    eg_graph *g = eg_graph_new();
    eg_model *m = eg_sequential(EG_SHAPE(3), eg_embedding(5, .size = 2), eg_lstm(3, .return_sequences = 1),
                                eg_gru(2, .bidirectional = 1), eg_dense(1));
    (void)context;
    if (g && m && (status = eg_model_status(m)) == EG_OK) {
        eg_value *y, *w[16], *d[16];
        status = eg_model_build(m, eg_input(g, "x", EG_F32, EG_SHAPE(2, 3)), NULL, &y, NULL, NULL);
        int n = status == EG_OK ? eg_model_variables(m, g, 1, w, 16) : 0;
        if (status == EG_OK) status = eg_grad(eg_sum(y), w, n, d);
    } else if (m && status != EG_OK && status != EG_E_MEMORY) {
        fail_msg("%s", eg_model_error(m));
    }
    eg_model_free(m);
    eg_graph_free(g);
    return status;
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    assert_true(fault_loop(build_lstm, NULL) > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_json_come_back),
        cmocka_unit_test(parameters_are_counted_as_keras_does),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(forget_gates_begin_open),
        cmocka_unit_test(masked_steps_leave_the_state),
        cmocka_unit_test(padding_is_skipped),
        cmocka_unit_test(states_are_kept_until_they_are_reset),
        cmocka_unit_test(a_stateful_layer_knows_its_rows),
        cmocka_unit_test(embedding_looks_up_rows),
        cmocka_unit_test(attention_is_causal),
        cmocka_unit_test(a_transformer_learns),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
