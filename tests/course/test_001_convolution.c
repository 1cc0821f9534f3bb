/* SPDX-License-Identifier: MIT
 *
 * Slides of deck 001 about images: "neuron that takes 5x5 grid from an image as input; make copies of it for every
 * 5x5 window; assign them all the same weights; pooling layer: is something present in any of the windows", and
 * what an MLP does not see: the order of its inputs.
 */
#include "course/models.h"

#include <elegans/train.h>
#include "base/rng.h"

enum { SIZE = 8, TAPS = 5, WINDOWS = SIZE - TAPS + 1, COPIES = WINDOWS * WINDOWS };

static void draw_image(double *image, double *flat) {
    for (int i = 0; i < SIZE * SIZE; i++) image[i] = sin(3 * i) + cos(i * i);
    for (int i = 0; i <= TAPS * TAPS; i++) flat[i] = .3 * sin(1 + 2 * i);
}

/* The 5x5 grid under copy number `copy`. */
static void grid_of(const double *image, int copy, double *grid) {
    for (int i = 0; i < TAPS * TAPS; i++)
        grid[i] = image[(copy / WINDOWS + i / TAPS) * SIZE + copy % WINDOWS + i % TAPS];
}

static eg_value *square_loss(eg_value *y) { return eg_sum(eg_square(y)); }

/* One neuron for each window, all with the same weights. Its gradient is the sum over the copies'. */
static void a_convolution_is_one_shared_neuron(void **state) {
    double image[SIZE * SIZE], flat[TAPS * TAPS + 1], grid[TAPS * TAPS], y[COPIES], one, d[TAPS * TAPS + 1];
    double sum[TAPS * TAPS + 1] = { 0 };
    (void)state;
    draw_image(image, flat);
    eg_model *shared = eg_sequential(EG_SHAPE(SIZE, SIZE, 1), eg_conv2d(1, .size = { TAPS }, .act = EG_TANH));
    eg_model *neuron = eg_sequential(EG_SHAPE(TAPS * TAPS), eg_dense(1, .act = EG_TANH));
    weigh(shared, flat, TAPS * TAPS + 1);
    weigh(neuron, flat, TAPS * TAPS + 1);
    run_with(shared, output(shared, of(EG_SHAPE(1, SIZE, SIZE, 1), image)), y, COPIES);
    for (int copy = 0; copy < COPIES; copy++) {
        grid_of(image, copy, grid);
        eg_value *out = output(neuron, of(EG_SHAPE(1, TAPS * TAPS), grid));
        run_with(neuron, out, &one, 1);
        NEAR(y[copy], one, 1e-14);
        gradients(neuron, square_loss(out), d);
        for (int i = 0; i <= TAPS * TAPS; i++) sum[i] += d[i];
    }
    gradients(shared, square_loss(output(shared, of(EG_SHAPE(1, SIZE, SIZE, 1), image))), d);
    for (int i = 0; i <= TAPS * TAPS; i++) NEAR(d[i], sum[i], 1e-12);
    eg_model_free(shared);
    eg_model_free(neuron);
}

/* A step neuron says where a bright spot is, the pool whether there is one in any of the windows. */
static void pooling_asks_whether_it_is_in_any_window(void **state) {
    double image[6 * 6] = { 0 }, y[4];
    (void)state;
    eg_model *m =
        eg_sequential(EG_SHAPE(6, 6, 1), eg_conv2d(1, .size = { 1 }, .act = EG_STEP), eg_max_pooling(.size = { 3 }));
    weigh(m, (double[]){ 1, -.5 }, 2);
    image[1 * 6 + 4] = 1; /* in the upper right quarter */
    run_with(m, output(m, of(EG_SHAPE(1, 6, 6, 1), image)), y, 4);
    assert_true(y[0] == 0 && y[1] == 1 && y[2] == 0 && y[3] == 0);
    eg_model_free(m);
}

/* ---- permuted pixels --------------------------------------------------------------------------- */

enum { IMAGES = 256, SIDE = 8, PIXELS = SIDE * SIDE };

/* Noise with a small upright or slanted cross somewhere (as many bright pixels in both): what it is, not where, is
 * the class. */
static eg_data *shapes(uint64_t seed, const int *order) {
    static const int upright[9] = { 0, 1, 0, 1, 1, 1, 0, 1, 0 }, slanted[9] = { 1, 0, 1, 0, 1, 0, 1, 0, 1 };
    static float x[IMAGES * PIXELS];
    int32_t y[IMAGES];
    uint64_t s = seed;
    for (int n = 0; n < IMAGES; n++) {
        float plain[PIXELS];
#define NEXT() ((s = s * 6364136223846793005u + 1442695040888963407u) >> 33)
        for (int i = 0; i < PIXELS; i++) plain[i] = (float)(NEXT() % 1000) * .0004f;
        y[n] = (int32_t)(NEXT() % 2);
        int row = (int)(NEXT() % (SIDE - 2)), column = (int)(NEXT() % (SIDE - 2));
        for (int i = 0; i < 9; i++)
            plain[(row + i / 3) * SIDE + column + i % 3] += (float)(y[n] ? slanted : upright)[i];
        for (int i = 0; i < PIXELS; i++) x[n * PIXELS + i] = plain[order ? order[i] : i];
    }
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(IMAGES, SIDE, SIDE), x),
              *ty = eg_tensor_from(EG_I32, EG_SHAPE(IMAGES), y);
    eg_data *data = eg_data_from(tx, ty, 2);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
    return data;
}

static double accuracy_of(const char *net, const int *order) {
    eg_data *train = shapes(1, order), *test = shapes(2, order);
    eg_model *m = eg_model_parse(EG_SHAPE(SIDE, SIDE), net);
    assert_int_equal(eg_model_compile(m, .optimizer = eg_adam(.lr = .01), .seed = 1), EG_OK);
    assert_int_equal(eg_model_fit(m, train, .epochs = 30, .batch = 32), EG_OK);
    double accuracy = eg_model_evaluate(m, test).accuracy;
    eg_model_free(m);
    eg_data_free(train);
    eg_data_free(test);
    return accuracy;
}

/* "Could permute the inputs and the learner would be oblivious": a network that looks at windows is not. (That an
 * MLP's loss is the same when the rows of W1 are permuted too stands in test_001_logistic_regression.c.) */
static void permuted_pixels_are_worse_for_a_cnn(void **state) {
    static const char net[] = "conv 8 3 relu; global_max_pool; dense 2 softmax";
    int order[PIXELS];
    int64_t random[PIXELS];
    (void)state;
    eg_rng rng = eg_rng_new(7, 7);
    eg_rng_permutation(&rng, random, PIXELS);
    for (int i = 0; i < PIXELS; i++) order[i] = (int)random[i];
    double plain = accuracy_of(net, NULL), permuted = accuracy_of(net, order);
    if (!(plain > .97 && permuted < plain - .15)) fail_msg("CNN: %g, permuted %g", plain, permuted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(a_convolution_is_one_shared_neuron),
        SLIDE(pooling_asks_whether_it_is_in_any_window),
        SLIDE(permuted_pixels_are_worse_for_a_cnn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
