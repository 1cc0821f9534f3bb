/* SPDX-License-Identifier: MIT
 *
 * test_image.c: layers over images and normalisation: what they compute, what they are as text and JSON, how many
 * parameters known networks have, what training changes beside the optimizer.
 */
#include <math.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

enum { MOST = 256 };

static eg_model *parsed(eg_shape input, const char *text) {
    eg_model *m = eg_model_parse(input, text);
    if (eg_model_status(m) != EG_OK) fail_msg("'%s': %s", text, eg_model_error(m));
    return m;
}

/* ---- shapes, parameters, text ---------------------------------------------------------------- */

static void shapes_and_parameters(void **state) {
    static const struct {
        eg_shape input;
        const char *text;
        eg_shape output;
        int64_t parameters;
    } rows[] = {
        { { 3, { 28, 28, 3 } }, "conv 8 5", { 3, { 24, 24, 8 } }, 5 * 5 * 3 * 8 + 8 },
        { { 3, { 32, 32, 3 } }, "conv 1 5", { 3, { 28, 28, 1 } }, 76 },
        { { 2, { 28, 28 } }, "conv 6 5 same relu", { 3, { 28, 28, 6 } }, 156 },
        { { 3, { 9, 8, 2 } }, "conv2d 4 3x2 stride=2x1 no_bias", { 3, { 4, 7, 4 } }, 3 * 2 * 2 * 4 },
        { { 3, { 9, 8, 4 } }, "conv 6 3 2 pad=1 groups=2", { 3, { 5, 4, 6 } }, 3 * 3 * 2 * 6 + 6 },
        { { 3, { 9, 9, 2 } }, "conv 1 3 dilation=2 same", { 3, { 9, 9, 1 } }, 19 },
        { { 2, { 100, 5 } }, "conv1d 7 9 stride=3", { 2, { 31, 7 } }, 9 * 5 * 7 + 7 },
        { { 1, { 100 } }, "conv1d 2 3 same", { 2, { 100, 2 } }, 8 },
        { { 3, { 7, 7, 4 } }, "conv_transpose 3 2 2", { 3, { 14, 14, 3 } }, 2 * 2 * 3 * 4 + 3 },
        { { 3, { 7, 7, 4 } }, "conv_transpose 3 3 stride=2 same", { 3, { 14, 14, 3 } }, 3 * 3 * 3 * 4 + 3 },
        { { 3, { 7, 7, 4 } }, "conv_transpose 3 3 stride=2 pad=1 extra=1", { 3, { 14, 14, 3 } }, 3 * 3 * 3 * 4 + 3 },
        { { 2, { 5, 4 } }, "conv1d_transpose 3 2 3", { 2, { 15, 3 } }, 2 * 3 * 4 + 3 }, /* Keras: at least n stride */
        { { 2, { 5, 4 } }, "conv1d_transpose 3 2 3 pad=0", { 2, { 14, 3 } }, 2 * 3 * 4 + 3 }, /* torch */
        { { 2, { 5, 4 } }, "conv1d_transpose 3 3 stride=2", { 2, { 11, 3 } }, 3 * 3 * 4 + 3 },
        { { 3, { 8, 6, 2 } }, "max_pool 2x1", { 3, { 4, 6, 2 } }, 0 }, /* the stride of each axis is its size */
        { { 3, { 8, 6, 2 } }, "avg_pool 1x3", { 3, { 8, 2, 2 } }, 0 },
        { { 3, { 8, 8, 2 } }, "max_pool 3x2 stride=2", { 3, { 3, 4, 2 } }, 0 },
        { { 3, { 8, 8, 5 } }, "depthwise_conv 3 same", { 3, { 8, 8, 5 } }, 3 * 3 * 5 + 5 },
        { { 3, { 8, 8, 5 } }, "depthwise_conv 3 multiplier=2 no_bias", { 3, { 6, 6, 10 } }, 3 * 3 * 10 },
        { { 3, { 9, 9, 2 } }, "max_pool", { 3, { 4, 4, 2 } }, 0 },
        { { 3, { 9, 9, 2 } }, "max_pool 3 2 same", { 3, { 5, 5, 2 } }, 0 },
        { { 3, { 9, 9, 2 } }, "avg_pool 3 pad=1 count_padding", { 3, { 3, 3, 2 } }, 0 },
        { { 2, { 9, 2 } }, "avg_pool 3", { 2, { 3, 2 } }, 0 },
        { { 3, { 9, 9, 2 } }, "global_avg_pool", { 1, { 2 } }, 0 },
        { { 2, { 9, 2 } }, "global_max_pool", { 1, { 2 } }, 0 },
        { { 3, { 9, 8, 2 } }, "zero_pad 1x0", { 3, { 11, 8, 2 } }, 0 },
        { { 3, { 3, 2, 2 } }, "upsample 2x3", { 3, { 6, 6, 2 } }, 0 },
        { { 3, { 3, 2, 8 } }, "batch_norm", { 3, { 3, 2, 8 } }, 32 },
        { { 1, { 8 } }, "batch_norm .9 no_scale", { 1, { 8 } }, 24 },
        { { 3, { 3, 2, 8 } }, "layer_norm axes=3", { 3, { 3, 2, 8 } }, 96 },
        { { 3, { 3, 2, 8 } }, "group_norm 4 torch", { 3, { 3, 2, 8 } }, 16 },
        { { 3, { 3, 2, 8 } }, "spatial_dropout .3", { 3, { 3, 2, 8 } }, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char a[160], b[160];
        eg_model *m = parsed(rows[i].input, rows[i].text);
        if (!eg_shape_equal(eg_model_output_shape(m), rows[i].output))
            fail_msg("'%s' gives %s, not %s", rows[i].text, eg_shape_text(eg_model_output_shape(m), a, sizeof a),
                     eg_shape_text(rows[i].output, b, sizeof b));
        if (eg_model_parameters(m) != rows[i].parameters)
            fail_msg("'%s' has %d parameters", rows[i].text, (int)eg_model_parameters(m));
        eg_model_free(m);
    }
}

static void known_networks_have_their_parameters(void **state) {
    static const struct {
        eg_shape input;
        int64_t parameters;
        const char *text;
    } rows[] = {
        { { 2, { 28, 28 } },
          61706,
          "conv 6 5 same tanh; avg_pool; conv 16 5 tanh; avg_pool; dense 120 tanh; dense 84 tanh; dense 10" },
        { { 2, { 28, 28 } },
          44426,
          "conv 6 5 relu; max_pool; conv 16 5 relu; max_pool; dense 120 relu; dense 84 relu; dense 10 softmax" },
        { { 3, { 227, 227, 3 } },
          62378344,
          "conv 96 11 4 relu; max_pool 3 2; conv 256 5 same relu; max_pool 3 2; conv 384 3 same relu;"
          "conv 384 3 same relu; conv 256 3 same relu; max_pool 3 2; dense 4096 relu; dropout .5; dense 4096 relu;"
          "dropout .5; dense 1000 softmax" },
        { { 3, { 227, 227, 3 } },
          60965224,
          "conv 96 11 4 relu; max_pool 3 2; conv 256 5 same relu groups=2; max_pool 3 2; conv 384 3 same relu;"
          "conv 384 3 same relu groups=2; conv 256 3 same relu groups=2; max_pool 3 2; dense 4096 relu;"
          "dropout .5; dense 4096 relu; dropout .5; dense 1000 softmax" },
        { { 3, { 224, 224, 3 } },
          138357544, /* VGG-16 */
          "conv 64 3 same relu; conv 64 3 same relu; max_pool; conv 128 3 same relu; conv 128 3 same relu; max_pool;"
          "conv 256 3 same relu; conv 256 3 same relu; conv 256 3 same relu; max_pool; conv 512 3 same relu;"
          "conv 512 3 same relu; conv 512 3 same relu; max_pool; conv 512 3 same relu; conv 512 3 same relu;"
          "conv 512 3 same relu; max_pool; dense 4096 relu; dense 4096 relu; dense 1000 softmax" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_model *m = parsed(rows[i].input, rows[i].text);
        assert_int_equal(eg_model_parameters(m), rows[i].parameters);
        eg_model_free(m);
    }
}

static void functions_are_what_the_text_says(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(8, 8, 2), eg_zero_padding(1, 0), eg_upsampling(2, 1),
                                eg_max_pooling(.size = { 2 }), eg_avg_pooling(.size = { 2 }, .stride = { 1 }),
                                eg_depthwise_conv2d(1, .size = { 2 }), eg_conv2d_transpose(3, .size = { 2 }),
                                eg_spatial_dropout(.5), eg_global_max_pooling());
    char *text = eg_model_text(m);
    assert_non_null(text);
    assert_string_equal(text, "zero_pad 1x0; upsample 2x1; max_pool 2; avg_pool 2 1; depthwise_conv 2 multiplier=1; "
                              "conv_transpose 3 2; spatial_dropout 0.5; global_max_pool");
    assert_true(eg_shape_equal(eg_model_output_shape(m), EG_SHAPE(3)));
    eg_string_free(text);
    eg_model_free(m);
}

static void text_and_json_come_back(void **state) {
    static const char *const rows[][2] = {
        { "conv 6 5x3 relu same groups=1", "conv 6 5x3 relu same groups=1" },
        { "conv 4 3 2 valid", "conv 4 3 2" },
        { "conv filters=4 size=3 padding=same stride=1x2 init=he_normal l2=.5 name=c",
          "conv 4 3 1x2 same init=he_normal l2=0.5 name=c" },
        { "conv1d 4 3 dilation=2; max_pool 2; global_avg_pool", NULL },
        { "conv_transpose 4 3 pad=1 stride=2 extra=1 no_bias; zero_pad 2; upsample 2", NULL },
        { "depthwise_conv 3 multiplier=2 frozen; avg_pool 2 1 same count_padding", NULL },
        { "batch_norm .9 epsilon=0.01 torch; layer_norm axes=2 no_shift; group_norm 3", NULL },
        { "batch_norm 0 epsilon=0; spatial_dropout 0.5", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_shape input = strstr(rows[i][0], "conv1d") ? EG_SHAPE(12, 3) : EG_SHAPE(12, 12, 3);
        eg_model *m = parsed(input, rows[i][0]);
        char *text = eg_model_text(m), *json = eg_model_json(m);
        if (rows[i][1]) assert_string_equal(text, rows[i][1]);
        eg_model *again = parsed(input, text), *read = eg_model_from_json(json, strlen(json));
        char *second = eg_model_text(again), *third = eg_model_text(read);
        if (!third) fail_msg("'%s': %s", json, eg_model_error(read));
        assert_string_equal(second, text);
        assert_string_equal(third, text);
        eg_string_free(text), eg_string_free(json), eg_string_free(second), eg_string_free(third);
        eg_model_free(m), eg_model_free(again), eg_model_free(read);
    }
}

static void mistakes(void **state) {
    static const struct {
        eg_shape input;
        const char *text, *message;
    } rows[] = {
        { { 1, { 8 } }, "conv 4 3", "net: column 1: conv: its input [8] is no image [height, width, channels]" },
        { { 3, { 8, 8, 1 } },
          "conv1d 4 3",
          "net: column 1: conv1d: its input [8,8,1] is no sequence [length, channels]" },
        { { 3, { 8, 8, 1 } }, "conv 4", "net: column 1: conv: the size of its window is missing" },
        { { 3, { 8, 8, 1 } }, "conv 4 0", "net: column 1: conv: size must be at least 1, not 0" },
        { { 3, { 8, 8, 1 } }, "conv 0 3", "net: column 1: conv: filters must be at least 1, not 0" },
        { { 3, { 8, 8, 1 } }, "conv 4 3x3x3", "net: column 1: conv: size has 3 numbers for 2 axes" },
        { { 3, { 8, 8, 3 } }, "conv 4 3 groups=2", "net: column 1: conv: 2 groups do not divide 3 channels into 4" },
        { { 3, { 4, 8, 3 } },
          "conv 4 5",
          "net: column 1: conv: [1,4,8,3] by [5,5,3,4]: a window of 5 does not fit into the 4 of axis 1 with its "
          "padding" },
        { { 3, { 8, 8, 3 } }, "conv 4 3 same pad=1", "net: column 1: conv: its padding is 'same' and a number" },
        { { 3, { 8, 8, 3 } }, "conv 4 3 sane", "net: column 10: unknown word for conv 'sane'; did you mean 'same'?" },
        { { 1, { 8 } },
          "max_pool",
          "net: column 1: max_pool: its input [8] is no image [height, width, channels] or sequence [length, "
          "channels]" },
        { { 3, { 8, 8, 3 } }, "group_norm 2", "net: column 1: group_norm: 2 groups do not divide 3 channels" },
        { { 3, { 8, 8, 3 } }, "batch_norm 2", "net: column 1: batch_norm: momentum must be between 0 and 1" },
        { { 3, { 8, 8, 3 } }, "upsample 0", "net: column 1: upsample: size must be at least 1, not 0" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_model *m = eg_model_parse(rows[i].input, rows[i].text);
        assert_int_not_equal(eg_model_status(m), EG_OK);
        if (!strstr(eg_model_error(m), rows[i].message))
            fail_msg("'%s' says\n%s\nnot\n%s", rows[i].text, eg_model_error(m), rows[i].message);
        eg_model_free(m);
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The model's output, and what its changes make of the variables, for one batch. */
static void run(eg_model *m, int64_t batch, const float *x, int training, double *out) {
    eg_shape shape = eg_model_input_shape(m), full = { .rank = shape.rank + 1, .dim = { batch } };
    for (int i = 0; i < shape.rank; i++) full.dim[i + 1] = shape.dim[i];
    eg_graph *g = eg_graph_new();
    eg_value *input = eg_input(g, "x", EG_F32, full), *step = eg_input(g, "step", EG_I32, EG_SCALAR), *root[8];
    int32_t third = 3;
    if (eg_model_build(m, input, training ? step : NULL, &root[0], NULL, NULL) != EG_OK) fail_msg("%s", eg_error());
    int n = 1 + eg_model_changes(m, root + 1, 7);
    assert_true(training || n == 1);
    eg_program *p = eg_program_new(eg_model_state(m), root, n, .executor = EG_REF);
    if (!p) fail_msg("%s", eg_error());
    assert_int_equal(eg_set(p, "x", x, (size_t)eg_shape_size(full) * sizeof *x), EG_OK);
    assert_int_equal(eg_set(p, "step", &third, sizeof third), EG_OK);
    assert_int_equal(eg_run(p), EG_OK);
    assert_int_equal(eg_fetch(p, 0, out, eg_shape_size(eg_value_shape(root[0]))), EG_OK);
    eg_program_free(p);
    eg_graph_free(g);
}

static void close_to(const double *got, const double *want, int n) {
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-6)) fail_msg("number %d is %.9g, not %.9g", i, got[i], want[i]);
}
#define CLOSE(got, ...) \
    close_to(got, (double[]){ __VA_ARGS__ }, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)))

static void a_convolution_adds_its_bias_and_activates(void **state) {
    double flat[] = { 1, -1, 2, 3 - 2.5 }, y[MOST];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(4, 1), eg_conv1d(1, .size = { 3 }, .act = EG_RELU));
    assert_int_equal(eg_model_set_flat(m, flat, 4), EG_OK);
    run(m, 1, (float[]){ 1, 2, 3, -4 }, 0, y);
    CLOSE(y, 5.5, 0);
    eg_model_free(m);
}

static void transposed_as_keras_where_the_stride_is_larger(void **state) {
    double flat[] = { 1, 10 }, y[MOST];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2, 1), eg_conv1d_transpose(1, .size = { 2 }, .stride = { 2 }, .no_bias = 1));
    assert_int_equal(eg_model_set_flat(m, flat, 2), EG_OK);
    run(m, 1, (float[]){ 3, 4 }, 0, y);
    CLOSE(y, 3, 30, 4, 40);
    eg_model_free(m);
}

/* x: two channels, four samples. */
static const float samples[] = { 1, 10, 3, 10, 5, 14, 7, 14 };

static void batch_norm_uses_the_batch_and_keeps_running_averages(void **state) {
    double y[MOST], flat[8];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_batch_norm(.momentum = .75, .epsilon = EG_ZERO));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    assert_int_equal(eg_model_trainable(m), 4);
    run(m, 4, samples, 1, y);
    double s = sqrt(5);
    CLOSE(y, -3 / s, -1, -1 / s, -1, 1 / s, 1, 3 / s, 1);
    assert_int_equal(eg_model_get_flat(m, flat, 8), EG_OK);
    CLOSE(flat, 1, 1, 0, 0, 1, 3, 2, 1.75); /* gamma, beta, mean / 4, .75 + variance / 4 */
    run(m, 1, (float[]){ 1 + 1.4142135f, 3 }, 0, y);
    CLOSE(y, 1, 0);
    eg_model_free(m);
}

static void torch_takes_the_new_share_and_the_unbiased_variance(void **state) {
    double y[MOST], flat[8];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_batch_norm(.dialect = EG_TORCH));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    run(m, 4, samples, 1, y);
    assert_int_equal(eg_model_get_flat(m, flat, 8), EG_OK);
    CLOSE(flat, 1, 1, 0, 0, .4, 1.2, .9 + .1 * 20 / 3, .9 + .1 * 16 / 3);
    CLOSE(y, -3 / sqrt(5 + 1e-5));
    eg_model_free(m);
}

static void a_frozen_batch_norm_changes_nothing(void **state) {
    double y[MOST], flat[8];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_batch_norm(.frozen = 1, .epsilon = EG_ZERO));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    run(m, 4, samples, 1, y);
    CLOSE(y, 1, 10, 3, 10);
    assert_int_equal(eg_model_get_flat(m, flat, 8), EG_OK);
    CLOSE(flat, 1, 1, 0, 0, 0, 0, 1, 1);
    assert_int_equal(eg_model_trainable(m), 0);
    eg_model_free(m);
}

/* The second use starts from what the first one left: one assign in the end. */
static void a_shared_batch_norm_changes_twice(void **state) {
    double y[MOST], flat[8];
    (void)state;
    eg_model *m = eg_model_new();
    eg_layer *norm = eg_batch_norm(.momentum = .5, .no_scale = 1, .no_shift = 1, .epsilon = EG_ZERO);
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2)), *once = eg_apply(norm, x);
    eg_model_output(m, eg_apply(norm, once));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    run(m, 4, samples, 1, y);
    assert_int_equal(eg_model_get_flat(m, flat, 4), EG_OK);
    CLOSE(flat, 1, 3, (.5 + 2.5) / 2 + .5, (.5 + 2) / 2 + .5);
    eg_model_free(m);
}

static void a_nested_batch_norm_changes_the_outer_model(void **state) {
    double y[MOST], flat[8];
    (void)state;
    eg_model *inner = eg_sequential(EG_SHAPE(2), eg_batch_norm(.momentum = .5, .no_scale = 1, .no_shift = 1));
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_model_layer(inner));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    run(m, 4, samples, 1, y);
    assert_int_equal(eg_model_get_flat(m, flat, 4), EG_OK);
    CLOSE(flat, 2, 6, 3, 2.5);
    eg_model_free(m);
}

static void layer_norm_and_group_norm(void **state) {
    double y[MOST];
    const float x[] = { 1, 3, 2, 2, 5, 7, 2, 6 }; /* two positions of four channels */
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2, 4), eg_layer_norm(.epsilon = EG_ZERO));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    run(m, 1, x, 0, y);
    double a = sqrt(2), b = sqrt(3.5);
    CLOSE(y, -a, a, 0, 0, 0, 2 / b, -3 / b, 1 / b);
    eg_model_free(m);
    m = eg_sequential(EG_SHAPE(2, 4), eg_group_norm(.groups = 2, .epsilon = EG_ZERO));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    run(m, 1, x, 1, y); /* the same while training */
    double c = sqrt(5), d = sqrt(3);
    CLOSE(y, -3 / c, -1 / c, -1 / d, -1 / d, 1 / c, 3 / c, -1 / d, 3 / d);
    eg_model_free(m);
}

static void spatial_dropout_drops_whole_channels(void **state) {
    double y[MOST];
    float x[2 * 5 * 16];
    int dropped = 0;
    (void)state;
    for (int i = 0; i < 2 * 5 * 16; i++) x[i] = 1;
    eg_model *m = eg_sequential(EG_SHAPE(5, 16), eg_spatial_dropout(.5));
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    run(m, 2, x, 1, y);
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < 16; c++) {
            double first = y[n * 80 + c];
            assert_true(first == 0 || first == 2);
            dropped += first == 0;
            for (int p = 1; p < 5; p++) assert_true(y[n * 80 + p * 16 + c] == first);
        }
    assert_in_range(dropped, 5, 27);
    run(m, 2, x, 0, y);
    for (int i = 0; i < 160; i++) assert_true(y[i] == 1);
    eg_model_free(m);
}

/* ---- functional ------------------------------------------------------------------------------ */

/* Two convolutions with a way around them; where the size changes, the way has a convolution of 1x1. */
static eg_wire *residual(eg_wire *x, int64_t filters, int64_t stride) {
    eg_wire *h =
        eg_apply(eg_conv2d(filters, .size = { 3 }, .stride = { stride }, .padding = EG_SAME, .no_bias = 1), x);
    h = eg_apply(eg_activation(EG_RELU, 0), eg_apply(eg_batch_norm(), h));
    h = eg_apply(eg_batch_norm(), eg_apply(eg_conv2d(filters, .size = { 3 }, .padding = EG_SAME, .no_bias = 1), h));
    if (stride > 1)
        x = eg_apply(eg_batch_norm(),
                     eg_apply(eg_conv2d(filters, .size = { 1 }, .stride = { stride }, .no_bias = 1), x));
    return eg_apply(eg_activation(EG_RELU, 0), eg_apply(eg_join(EG_JOIN_ADD), h, x));
}

/* One step of plain gradient descent along the loss of one batch lowers it. */
static void a_small_residual_network_learns(void **state) {
    enum { BATCH = 4, STEPS = 12 };
    eg_value *w[32], *d[32], *root[64], *p, *logits;
    float x[BATCH * 8 * 8 * 3];
    int32_t y[BATCH] = { 0, 1, 2, 1 }, step = 1;
    (void)state;
    eg_model *m = eg_model_new();
    eg_wire *h = eg_model_input(m, "x", EG_SHAPE(8, 8, 3));
    h = residual(eg_apply(eg_conv2d(4, .size = { 3 }, .padding = EG_SAME), h), 4, 1);
    h = eg_apply(eg_global_avg_pooling(), residual(h, 8, 2));
    eg_model_output(m, eg_apply(eg_dense(3, .act = EG_SOFTMAX), h));
    assert_int_equal(eg_model_parameters(m), 112 + 2 * (144 + 16) + (288 + 32) + (576 + 32) + (32 + 32) + 27);
    assert_int_equal(eg_model_init(m, 3, EG_KERAS), EG_OK);
    eg_graph *g = eg_graph_new();
    eg_value *input = eg_input(g, "x", EG_F32, EG_SHAPE(BATCH, 8, 8, 3)),
             *target = eg_input(g, "y", EG_I32, EG_SHAPE(BATCH));
    assert_int_equal(eg_model_build(m, input, eg_input(g, "step", EG_I32, EG_SCALAR), &p, &logits, NULL), EG_OK);
    root[0] = eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, target, logits, .from_logits = 1);
    int n = eg_model_variables(m, g, 1, w, 32), roots = 1;
    assert_int_equal(eg_grad(root[0], w, n, d), EG_OK);
    for (int i = 0; i < n; i++) root[roots++] = eg_assign(w[i], eg_sub(w[i], eg_mul(d[i], eg_const(g, .1))));
    roots += eg_model_changes(m, root + roots, 64 - roots);
    assert_int_equal(roots, 1 + n + 2 * 5);
    eg_program *program = eg_program_new(eg_model_state(m), root, roots, .executor = EG_CPU);
    if (!program) fail_msg("%s", eg_error());
    for (int i = 0; i < BATCH * 8 * 8 * 3; i++) x[i] = (float)((i * 37 + i / 192 * 11) % 19) / 9.f - 1;
    eg_set(program, "x", x, sizeof x), eg_set(program, "y", y, sizeof y), eg_set(program, "step", &step, sizeof step);
    float first = 0;
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(eg_run(program), EG_OK);
        if (i == 0) first = eg_get(program, 0)[0];
    }
    assert_true(eg_get(program, 0)[0] < .5f * first);
    eg_program_free(program);
    eg_graph_free(g);
    eg_model_free(m);
}

static eg_status whole_life(void *context) {
    (void)context;
    eg_model *m = eg_model_parse(EG_SHAPE(8, 8),
                                 "conv 4 3 same relu; batch_norm; max_pool; depthwise_conv 3 same; avg_pool 3 1 same;"
                                 "group_norm 2; conv_transpose 2 2 2; upsample; zero_pad; global_max_pool; dense 2");
    eg_status status = eg_model_status(m);
    eg_graph *g = status == EG_OK ? eg_graph_new() : NULL;
    if (g) {
        eg_value *y, *changes[4], *step = eg_input(g, "step", EG_I32, EG_SCALAR);
        status = eg_model_build(m, eg_input(g, "x", EG_F32, EG_SHAPE(2, 8, 8)), step, &y, NULL, NULL);
        if (status == EG_OK) eg_model_changes(m, changes, 4);
        if (status == EG_OK) status = eg_graph_status(g);
        if (status != EG_OK) eg_fail(status, "%s", "no memory");
    } else if (status == EG_OK) {
        status = EG_E_MEMORY;
    }
    eg_graph_free(g);
    eg_model_free(m);
    return status;
}

static void every_failed_allocation_is_an_error(void **state) {
    (void)state;
    assert_true(fault_loop(whole_life, NULL) > 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_parameters),
        cmocka_unit_test(known_networks_have_their_parameters),
        cmocka_unit_test(functions_are_what_the_text_says),
        cmocka_unit_test(text_and_json_come_back),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(a_convolution_adds_its_bias_and_activates),
        cmocka_unit_test(transposed_as_keras_where_the_stride_is_larger),
        cmocka_unit_test(batch_norm_uses_the_batch_and_keeps_running_averages),
        cmocka_unit_test(torch_takes_the_new_share_and_the_unbiased_variance),
        cmocka_unit_test(a_frozen_batch_norm_changes_nothing),
        cmocka_unit_test(a_shared_batch_norm_changes_twice),
        cmocka_unit_test(a_nested_batch_norm_changes_the_outer_model),
        cmocka_unit_test(layer_norm_and_group_norm),
        cmocka_unit_test(spatial_dropout_drops_whole_channels),
        cmocka_unit_test(a_small_residual_network_learns),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
