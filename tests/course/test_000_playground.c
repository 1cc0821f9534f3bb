/* SPDX-License-Identifier: MIT
 *
 * Deck 000's last demo, the playground's first screen: a disc in a ring, hidden layers of 4 and 2 tanh, one tanh out,
 * (y - f)^2 / 2 with labels +-1, weights uniform in +-.5, biases .1. The slide shows a test loss of .509 at epoch 0,
 * which is the median over seeds; nine of ten lie between .496 and .534.
 */
#include <stdlib.h>

#include "course/models.h"

#include <elegans.h>

enum { ROWS = 250, NETS = 101 };

static uint64_t chance;

static double between(double low, double high) {
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (double)(chance >> 11) * 0x1p-53;
}

static eg_data *disc_in_a_ring(void) {
    float x[ROWS][2], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        double r = i % 2 ? between(0, 2.5) : between(3.5, 5), t = between(0, 6.283185307179586);
        x[i][0] = (float)(r * sin(t));
        x[i][1] = (float)(r * cos(t));
        y[i] = i % 2 ? 1 : -1;
    }
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(ROWS, 2), x), *ty = eg_tensor_from(EG_F32, EG_SHAPE(ROWS), y);
    eg_data *data = eg_data_from(tx, ty, 0);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
    return data;
}

static eg_model *first_screen(uint64_t seed) {
    static const char net[] = "dense 4 tanh init=uniform(.5) bias_init=constant(.1);"
                              "dense 2 tanh init=uniform(.5) bias_init=constant(.1);"
                              "dense 1 tanh init=uniform(.5) bias_init=constant(.1)";
    eg_model *model = eg_model_parse(EG_SHAPE(2), net);
    eg_model_compile(model, .optimizer = eg_sgd(.lr = .03), .loss = EG_LOSS_HALF_SQUARED_ERROR, .seed = seed);
    return model;
}

static int ascending(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void before_training(void **state) {
    double loss[NETS];
    (void)state;
    chance = 1;
    eg_data *test = disc_in_a_ring();
    for (int i = 0; i < NETS; i++) {
        eg_model *model = first_screen((uint64_t)i);
        loss[i] = eg_model_evaluate(model, test).loss;
        eg_model_free(model);
    }
    qsort(loss, NETS, sizeof *loss, ascending);
    NEAR(loss[NETS / 2], .509, .004);
    assert_true(loss[NETS / 20] >= .496 && loss[NETS - 1 - NETS / 20] <= .534);
    eg_data_free(test);
}

static void after_training(void **state) {
    (void)state;
    chance = 2;
    eg_data *train = disc_in_a_ring(), *test = disc_in_a_ring();
    eg_model *model = first_screen(1);
    assert_int_equal(eg_model_fit(model, train, .epochs = 200, .batch = 10), EG_OK);
    assert_true(eg_model_evaluate(model, test).loss < .02);
    eg_model_free(model);
    eg_data_free(train);
    eg_data_free(test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(before_training),
        SLIDE(after_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
