/* SPDX-License-Identifier: MIT
 *
 * The naive search of deck 003: it learns, never gets worse, and costs two forward passes for each parameter.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <elegans.h>
#include "train/trainer.h"

static eg_model *net(int64_t hidden) {
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_dense(hidden, .act = EG_TANH), eg_dense(1, .act = EG_SIGMOID));
    eg_model_compile(model, .optimizer = eg_optimizer_new("coordinate", (eg_optimizer_opt){ .lr = .1 }), .seed = 2);
    return model;
}

static void test_it_learns_and_never_gets_worse(void **state) {
    (void)state;
    eg_data *data = eg_data_open("gen:xor", NULL);
    eg_model *model = net(40); /* more than one panel of columns */
    assert_int_equal(eg_model_fit(model, data, .epochs = 30, .batch = EG_BATCH_ALL), EG_OK);
    const eg_history *history = eg_model_history(model);
    for (int i = 1; i < history->epochs; i++) assert_true(history->train[i].loss <= history->train[i - 1].loss);
    assert_true(eg_model_evaluate(model, data).accuracy == 1);
    eg_model_free(model);
    eg_data_free(data);
}

static void test_a_sweep_costs_two_passes_a_parameter(void **state) {
    (void)state;
    eg_data *data = eg_data_open("gen:xor", NULL);
    eg_model *model = net(4);
    assert_int_equal(eg_model_fit(model, data, .epochs = 1, .batch = EG_BATCH_ALL), EG_OK);
    eg_program *program;
    int64_t rows = eg_data_rows(data), passes = 0;
    assert_int_equal(eg_step_program_get(model, EG_PROGRAM_EVALUATE, rows, data, 0, &program), EG_OK);
    assert_int_equal(eg_coordinate_sweep(model, program, .01, 1, &passes), EG_OK);
    assert_int_equal(passes, 2 * eg_model_parameters(model));
    eg_model_free(model);
    eg_data_free(data);
}

static void test_it_has_no_gradient_form(void **state) {
    (void)state;
    eg_optimizer *optimizer = eg_optimizer_new("coordinate", (eg_optimizer_opt){ 0 });
    eg_graph *g = eg_graph_new();
    eg_value *w = eg_var(g, "w", EG_F32, EG_SCALAR), *out[8];
    int n;
    assert_int_equal(eg_optimizer_build(optimizer, eg_input(g, "step", EG_I32, EG_SCALAR), eg_const(g, 1), &w, &w, 1, out, &n),
                     EG_E_ARGUMENT);
    eg_graph_free(g);
    eg_optimizer_free(optimizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_learns_and_never_gets_worse),
        cmocka_unit_test(test_a_sweep_costs_two_passes_a_parameter),
        cmocka_unit_test(test_it_has_no_gradient_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
