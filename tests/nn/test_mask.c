/* SPDX-License-Identifier: MIT
 *
 * test_mask.c: a padded batch is the sequences one by one: outputs, losses and gradients, with the padding behind or in
 * front; where masks come from and where they end. What Keras makes of masks is in test_golden_keras.c.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

enum { STEPS = 6, ROWS = 4, MOST = 1024, PARAMETERS = 24 };
static const int lengths[ROWS] = { 6, 3, 1, 4 };

static eg_model *ready(eg_model *m) {
    if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
    assert_int_equal(eg_model_init(m, 7, EG_KERAS), EG_OK);
    return m;
}

/* ---- one by one ------------------------------------------------------------------------------------------ */

/* y^2/2 summed over the steps that are there and the outputs, and its gradients by all parameters, added to out. */
static int add_results(eg_model *m, const float *words, int64_t batch, int64_t steps, double *out) {
    eg_graph *g = eg_graph_new();
    eg_value *root[1 + PARAMETERS], *wrt[PARAMETERS], *y;
    if (eg_model_build(m, eg_input(g, "x", EG_F32, EG_SHAPE(batch, steps)), NULL, &y, NULL, NULL) != EG_OK)
        fail_msg("%s", eg_error());
    eg_value *none = eg_full(g, EG_F32, eg_value_shape(y), 0);
    root[0] = eg_loss(EG_LOSS_HALF_SQUARED_ERROR, none, y, .mask = eg_model_mask(m), .reduction = EG_REDUCTION_SUM);
    int n = eg_model_variables(m, g, 1, wrt, PARAMETERS), at = 0;
    if (eg_grad(root[0], wrt, n, root + 1) != EG_OK) fail_msg("%s", eg_error());
    eg_program *p = eg_program_new(eg_model_state(m), root, 1 + n);
    if (!p) fail_msg("%s", eg_error());
    assert_int_equal(eg_set(p, "x", words, sizeof *words * (size_t)(batch * steps)), EG_OK);
    assert_int_equal(eg_run(p), EG_OK);
    for (int i = 0; i <= n; i++)
        for (int64_t j = 0, size = eg_shape_size(eg_value_shape(root[i])); j < size; j++)
            out[at++] += (double)eg_get(p, i)[j];
    eg_program_free(p);
    eg_graph_free(g);
    assert_true(at <= MOST);
    return at;
}

static float word(int row, int t) { return (float)(1 + (row * 5 + t * 3) % 8); }

#define WORDS "embedding 9 4 init=uniform(1) mask_zero; "

static void padding_changes_nothing(void **state) {
    static const char *const nets[] = {
        WORDS "lstm 3 return_sequences; dense 2 last_axis",
        WORDS "gru 3 bidirectional return_sequences; simple_rnn 2 backwards return_sequences",
        WORDS "lstm 3 backwards; dense 2",
        WORDS "dropout .5; dense 3 relu last_axis; gru 3 bidirectional; dense 2",
        WORDS "attention 2; layer_norm; dense 2 last_axis",
        WORDS "attention 2 causal; global_avg_pool; dense 2",
        WORDS "dense 3 tanh last_axis; global_max_pool; dense 2",
        WORDS "conv1d 3 3 same; global_max_pool",
        "embedding 9 4; dense 3 last_axis", /* not masked: sums differ */
    };
    enum { NETS = sizeof nets / sizeof *nets };
    (void)state;
    for (int k = 0; k < 2 * NETS; k++) {
        int in_front = k % 2, n = 0;
        double together[MOST] = { 0 }, apart[MOST] = { 0 }, most = 0;
        float padded[ROWS * STEPS] = { 0 };
        for (int row = 0; row < ROWS; row++) {
            float bare[STEPS];
            for (int t = 0; t < lengths[row]; t++)
                bare[t] = padded[row * STEPS + t + (in_front ? STEPS - lengths[row] : 0)] = word(row, t);
            eg_model *m = ready(eg_model_parse(EG_SHAPE(lengths[row]), nets[k / 2]));
            add_results(m, bare, 1, lengths[row], apart);
            eg_model_free(m);
        }
        eg_model *m = ready(eg_model_parse(EG_SHAPE(STEPS), nets[k / 2]));
        n = add_results(m, padded, ROWS, STEPS, together);
        for (int i = 0; i < n; i++) most = fmax(most, fabs(together[i] - apart[i]) / (fabs(apart[i]) + .01));
        if ((most < 1e-4) != (k / 2 < NETS - 1)) fail_msg("%s: padding makes a difference of %g", nets[k / 2], most);
        assert_true(apart[0] > 1e-4); /* there is something to compare */
        eg_model_free(m);
    }
}

/* ---- where masks come from, and where they end ------------------------------------------------------------- */

/* Builds the model for two rows of x and gives the output and its mask, if there is one. */
static int mask_of(eg_model *m, const float *x, float *mask, float *y) {
    eg_graph *g = eg_graph_new();
    eg_shape in = eg_model_input_shape(m), shape = { .rank = in.rank + 1, .dim = { 2 } };
    memcpy(shape.dim + 1, in.dim, sizeof *in.dim * (size_t)in.rank);
    eg_value *root[2];
    if (eg_model_build(m, eg_input(g, "x", EG_F32, shape), NULL, root, NULL, NULL) != EG_OK) fail_msg("%s", eg_error());
    root[1] = eg_model_mask(m);
    eg_program *p = eg_program_new(eg_model_state(m), root, root[1] ? 2 : 1);
    if (!p) fail_msg("%s", eg_error());
    assert_int_equal(eg_set(p, "x", x, sizeof *x * (size_t)eg_shape_size(shape)), EG_OK);
    assert_int_equal(eg_run(p), EG_OK);
    if (y) memcpy(y, eg_get(p, 0), sizeof *y * (size_t)eg_shape_size(eg_value_shape(root[0])));
    if (root[1]) memcpy(mask, eg_get(p, 1), sizeof *mask * (size_t)eg_shape_size(eg_value_shape(root[1])));
    eg_program_free(p);
    eg_graph_free(g);
    return root[1] != NULL;
}

static void masks_flow_as_long_as_steps_stay(void **state) {
    static const float x[8] = { 0, 3, 1, 2, 5, 0, 0, 0 }, want[8] = { 0, 1, 1, 1, 1, 0, 0, 0 };
    static const struct {
        const char *net;
        int masked;
    } cases[] = {
        { "embedding 9 4 mask_zero", 1 },
        { "embedding 9 4", 0 },
        { "embedding 9 4; lstm 3 return_sequences skip_zeros", 0 }, /* no row of the table is zeros */
        { "embedding 9 4 mask_zero; lstm 3 return_sequences; dense 2 softmax last_axis; tanh; spatial_dropout .1", 1 },
        { "embedding 9 4 mask_zero; position; attention 2; layer_norm; batch_norm; reshape 4x2x2", 1 },
        { "embedding 9 4 mask_zero; lstm 4", 0 },            /* [4] */
        { "embedding 9 4 mask_zero; global_max_pool", 0 },   /* [4] too: as many features as steps */
        { "embedding 9 4 mask_zero; flatten", 0 },
        { "embedding 9 4 mask_zero; max_pool 2; dense 2 last_axis", 0 },
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        float mask[8];
        eg_model *m = ready(eg_model_parse(EG_SHAPE(4), cases[k].net));
        int masked = mask_of(m, x, mask, NULL);
        if (strstr(cases[k].net, "skip_zeros")) {
            for (int i = 0; i < 8; i++) assert_true(masked && mask[i] == 1);
        } else if (masked != cases[k].masked || (masked && memcmp(mask, want, sizeof mask) != 0)) {
            fail_msg("%s", cases[k].net);
        }
        eg_model_free(m);
    }
}

static eg_value *one_feature(void *user, eg_value *x) { return (void)user, eg_slice(x, 2, 0, 1); }

/* Joins go on with the first mask that there is; a model within a model takes one in and gives it out. */
static void branches_and_nested_models_know_masks(void **state) {
    static const float x[8] = { 0, 3, 1, 2, 5, 0, 0, 0 }, want[8] = { 0, 1, 1, 1, 1, 0, 0, 0 };
    float mask[8];
    (void)state;
    eg_model *inner = eg_sequential(EG_SHAPE(4, 2), eg_gru(3, .return_sequences = 1), eg_dense(2));
    eg_model *m = eg_model_new();
    eg_wire *in = eg_model_input(m, "x", EG_SHAPE(4));
    eg_wire *plain = eg_apply(eg_lambda(one_feature, NULL), eg_apply(eg_embedding(9, .size = 2), in));
    eg_wire *e = eg_apply(eg_model_layer(inner), eg_apply(eg_embedding(9, .size = 2, .mask_zero = 1), in));
    eg_model_output(m, eg_apply(eg_join(EG_JOIN_CONCAT), plain, e));
    ready(m);
    assert_true(mask_of(m, x, mask, NULL));
    assert_memory_equal(mask, want, sizeof mask);
    eg_model_free(m);
}

static eg_value *first_column(void *user, eg_value *x) {
    (void)user;
    return eg_reshape_to(eg_slice(x, 2, 0, 1), EG_SHAPE(2, 3));
}

static eg_value *length(void *user, eg_value *x) { return eg_slice(first_column(user, x), 1, 0, 1); }

/* A second input of a recurrent layer is the mask from there on. */
static void given_masks_flow(void **state) {
    static const float x[12] = { 1, 7, 1, 7, 0, 7, 2, 7, 0, 7, 0, 7 };
    static const int want[2][6] = { { 1, 1, 0, 1, 0, 0 }, { 1, 0, 0, 1, 1, 0 } };
    (void)state;
    for (int by_length = 0; by_length < 2; by_length++) {
        float mask[6];
        eg_model *m = eg_model_new();
        eg_wire *in = eg_model_input(m, "x", EG_SHAPE(3, 2));
        eg_wire *given = eg_apply(eg_lambda(by_length ? length : first_column, NULL), in);
        eg_model_output(m, eg_apply(eg_dense(2), eg_apply(eg_lstm(3, .return_sequences = 1), in, given)));
        ready(m);
        assert_true(mask_of(m, x, mask, NULL));
        for (int i = 0; i < 6; i++) assert_int_equal(mask[i] != 0, want[by_length][i]);
        eg_model_free(m);
    }
}

/* Padding may have a value of its own, and is zeros behind the layer. */
static void masking_has_a_value(void **state) {
    static const float x[12] = { -1, -1, 2, -1, 0, 0, -1, -1, -1, -1, 3, 4 };
    static const float want[12] = { 0, 0, 2, -1, 0, 0, 0, 0, 0, 0, 3, 4 }, steps[6] = { 0, 1, 1, 0, 0, 1 };
    float mask[6], y[12];
    (void)state;
    eg_model *made[2] = { eg_sequential(EG_SHAPE(3, 2), eg_masking(-1)), eg_model_parse(EG_SHAPE(3, 2), "masking -1") };
    char *text = eg_model_text(made[0]);
    assert_non_null(strstr(text, "masking -1"));
    eg_string_free(text);
    for (int i = 0; i < 2; i++) {
        assert_true(mask_of(ready(made[i]), x, mask, y));
        assert_memory_equal(mask, steps, sizeof mask);
        for (int j = 0; j < 12; j++) assert_true(y[j] == want[j]);
        eg_model_free(made[i]);
    }
    eg_model *m = eg_model_parse(EG_SHAPE(5), "masking");
    assert_non_null(strstr(eg_model_error(m), "its input is [steps, features], not [5]"));
    eg_model_free(m);
}

/* A sequence of nothing but padding: the first state, pools of 0, attention finite. */
static void nothing_is_finite(void **state) {
    static const char *const nets[] = { "lstm 3 bidirectional", "global_avg_pool", "global_max_pool" };
    static const float x[8] = { 0 };
    float mask[8], y[32];
    (void)state;
    for (int k = 0; k < 3; k++) {
        char net[80];
        snprintf(net, sizeof net, "embedding 9 3 mask_zero; %s", nets[k]);
        eg_model *m = ready(eg_model_parse(EG_SHAPE(4), net));
        mask_of(m, x, mask, y);
        for (int i = 0; i < 6; i++) assert_true(y[i] == 0);
        eg_model_free(m);
    }
    eg_model *m = ready(eg_model_parse(EG_SHAPE(4), "embedding 9 4 mask_zero; attention 2"));
    mask_of(m, x, mask, y);
    for (int i = 0; i < 32; i++) assert_true(isfinite(y[i]));
    eg_model_free(m);
}

/* ---- the loss ---------------------------------------------------------------------------------------------- */

static double loss_of(eg_loss_kind kind, eg_reduction_kind reduction, int weighted, int masked) {
    static const float p[12] = { .5f, 1, -1, 2, 0, 3, 1, 1, .25f, -2, 4, 0 }, w[2] = { 2, .5f };
    float m[6] = { 1, 0, 1, 0, 0, 1 }, result;
    if (!masked) memset(m, 0, sizeof m);
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *value = eg_input(g, "p", EG_F32, EG_SHAPE(2, 3, 2)), *mask = eg_input(g, "m", EG_F32, EG_SHAPE(2, 3));
    eg_value *root = eg_loss(kind, eg_full(g, EG_F32, EG_SHAPE(2, 3, 2), 1), value, .mask = mask, .reduction = reduction,
                             .weights = weighted ? eg_input(g, "w", EG_F32, EG_SHAPE(2)) : NULL);
    eg_program *program = eg_program_new(state, &root, 1);
    if (!program) fail_msg("%s", eg_error());
    eg_set(program, "p", p, sizeof p), eg_set(program, "m", m, sizeof m);
    if (weighted) eg_set(program, "w", w, sizeof w);
    assert_int_equal(eg_run(program), EG_OK);
    result = *eg_get(program, 0);
    eg_program_free(program);
    eg_state_free(state);
    eg_graph_free(g);
    return (double)result;
}

/* sum(m w l) / sum(m), l the mean (half: half the sum) over the two outputs of a step. */
static void a_masked_loss_is_a_mean_over_steps(void **state) {
    const double l[3] = { (.25 + 0) / 2, (1 + 4) / 2., (9 + 1) / 2. }; /* of the steps that are there */
    (void)state;
    assert_true(fabs(loss_of(EG_LOSS_MEAN_SQUARED_ERROR, EG_REDUCTION_MEAN, 0, 1) - (l[0] + l[1] + l[2]) / 3) < 1e-6);
    assert_true(fabs(loss_of(EG_LOSS_MEAN_SQUARED_ERROR, EG_REDUCTION_SUM, 0, 1) - (l[0] + l[1] + l[2])) < 1e-6);
    assert_true(fabs(loss_of(EG_LOSS_HALF_SQUARED_ERROR, EG_REDUCTION_MEAN, 0, 1) - (l[0] + l[1] + l[2]) / 3) < 1e-6);
    assert_true(fabs(loss_of(EG_LOSS_MEAN_SQUARED_ERROR, EG_REDUCTION_MEAN, 1, 1) - (2 * l[0] + 2 * l[1] + l[2] / 2) / 3) < 1e-6);
    assert_true(loss_of(EG_LOSS_MEAN_SQUARED_ERROR, EG_REDUCTION_MEAN, 0, 0) == 0); /* no step at all */
    eg_graph *g = eg_graph_new();
    eg_value *p = eg_input(g, "p", EG_F32, EG_SHAPE(2, 3)), *mask = eg_input(g, "m", EG_F32, EG_SHAPE(2, 3));
    assert_true(eg_value_is_poisoned(eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, p, p, .mask = mask)));
    assert_non_null(strstr(eg_graph_error(g), "the mask [2,3] is not one number for each step of [2,3]"));
    eg_graph_free(g);
}

/* ---- no memory ------------------------------------------------------------------------------------------------ */

static eg_status build_masked(void *context) {
    (void)context;
    eg_model *m = eg_sequential(EG_SHAPE(3), eg_embedding(5, .size = 2, .mask_zero = 1),
                                eg_gru(2, .return_sequences = 1), eg_dense(2));
    eg_graph *g = eg_graph_new();
    eg_status status = g && m ? eg_model_status(m) : EG_E_MEMORY;
    eg_value *y;
    if (status == EG_OK) status = eg_model_build(m, eg_input(g, "x", EG_F32, EG_SHAPE(2, 3)), NULL, &y, NULL, NULL);
    if (status == EG_OK) {
        eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, y, y, .mask = eg_model_mask(m));
        if (eg_graph_status(g) != EG_OK) status = eg_fail(eg_graph_status(g), "%s", eg_graph_error(g));
    }
    eg_model_free(m);
    eg_graph_free(g);
    return status;
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    assert_true(fault_loop(build_masked, NULL) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(masks_flow_as_long_as_steps_stay),
        cmocka_unit_test(branches_and_nested_models_know_masks),
        cmocka_unit_test(given_masks_flow),
        cmocka_unit_test(masking_has_a_value),
        cmocka_unit_test(nothing_is_finite),
        cmocka_unit_test(a_masked_loss_is_a_mean_over_steps),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
