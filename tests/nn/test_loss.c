/* SPDX-License-Identifier: MIT
 *
 * test_loss.c: each loss against hand-computed numbers, its derivative at kinks and far out, reductions, weights, the
 * forms in which targets may come, names.
 */
#include <string.h>

#include "course/course.h"

#include <elegans/nn.h>

static eg_value *classes(int n, const int32_t *numbers) {
    eg_tensor *tensor = eg_tensor_from(EG_I32, EG_SHAPE(n), numbers);
    eg_value *value = eg_constant(graph, tensor);
    eg_tensor_free(tensor);
    return value;
}
#define CLASSES(...) classes((int)(sizeof((int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t)), (int32_t[]){ __VA_ARGS__ })

#define EACH(kind, ...) eg_loss(EG_LOSS_##kind, __VA_ARGS__, .reduction = EG_REDUCTION_NONE)

/* ---- differences ----------------------------------------------------------------------------- */

static void squared_and_absolute_errors(void **state) {
    (void)state;
    eg_value *y = MATRIX(2, 2, 1, 2, 0, -1), *p = MATRIX(2, 2, 3, 2, 1, 1);
    EXACT(EACH(MEAN_SQUARED_ERROR, y, p), EG_SHAPE(2), 2, 2.5);
    EXACT(EACH(HALF_SQUARED_ERROR, y, p), EG_SHAPE(2), 2, 2.5);
    EXACT(EACH(MEAN_ABSOLUTE_ERROR, y, p), EG_SHAPE(2), 1, 1.5);
    EXACT(slope(eg_loss(EG_LOSS_HALF_SQUARED_ERROR, y, p, .reduction = EG_REDUCTION_SUM), p), EG_SHAPE(2, 2), 2, 0, 1,
          2);
    EXACT(slope(eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, y, p), p), EG_SHAPE(2, 2), 1, 0, .5, 1);
    EXACT(slope(eg_loss(EG_LOSS_MEAN_ABSOLUTE_ERROR, y, p), p), EG_SHAPE(2, 2), .25, 0, .25, .25);
}

static void huber_bends_at_delta(void **state) {
    (void)state;
    eg_value *y = VECTOR(0, 0, 0, 0), *p = VECTOR(.5, 1, 3, -3);
    EXACT(EACH(HUBER, y, p), EG_SHAPE(4), .125, .5, 2.5, 2.5);
    EXACT(EACH(HUBER, y, p, .delta = 2), EG_SHAPE(4), .125, .5, 4, 4);
    EXACT(slope(eg_loss(EG_LOSS_HUBER, y, p, .reduction = EG_REDUCTION_SUM), p), EG_SHAPE(4), .5, 1, 1, -1);
}

/* Over one class every cross-entropy is 0 and every margin empty: a mistake, and said. */
static void losses_over_classes_need_two(void **state) {
    (void)state;
    static const eg_loss_kind kinds[] = { EG_LOSS_CATEGORICAL_CROSS_ENTROPY, EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY,
                                          EG_LOSS_CATEGORICAL_HINGE, EG_LOSS_MULTICLASS_HINGE };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        eg_graph *g = eg_graph_new();
        eg_value *p = eg_input(g, "p", EG_F64, EG_SHAPE(3, 1)), *y = eg_input(g, "y", EG_F64, EG_SHAPE(3, 1));
        assert_true(eg_value_is_poisoned(eg_loss(kinds[i], y, p)));
        assert_int_equal(eg_graph_status(g), EG_E_SHAPE);
        assert_non_null(strstr(eg_graph_error(g), "at least 2 outputs"));
        eg_graph_free(g);
    }
}

/* ---- binary cross-entropy -------------------------------------------------------------------- */

static void binary_from_probabilities(void **state) {
    (void)state;
    eg_value *y = VECTOR(1, 0, 1, .5), *p = VECTOR(.8, .8, .5, .25);
    EXACT(EACH(BINARY_CROSS_ENTROPY, y, p), EG_SHAPE(4), -log(.8), -log(.2), log(2), -.5 * log(.25) - .5 * log(.75));
    eg_value *sure = VECTOR(0, 1), *wrong = VECTOR(1, 0);
    PRINTED(EACH(BINARY_CROSS_ENTROPY, wrong, sure), EG_SHAPE(2), 1e-8, -log(1e-7), -log(1e-7)); /* clipped */
    PRINTED(EACH(BINARY_CROSS_ENTROPY, wrong, sure, .dialect = EG_TORCH), EG_SHAPE(2), 1e-8, -log(1e-37),
            -log(1e-37));
    PRINTED(EACH(BINARY_CROSS_ENTROPY, sure, sure), EG_SHAPE(2), 1e-12, -log(1 - 1e-7), -log(1 - 1e-7));
}

static void binary_from_logits_is_finite_and_exact(void **state) {
    (void)state;
    eg_value *y = VECTOR(1, 0, 1, 0, 1, .5), *z = VECTOR(1000, -1000, -1000, 1000, 0, 2);
    eg_value *loss = EACH(BINARY_CROSS_ENTROPY, y, z, .from_logits = 1);
    EXACT(loss, EG_SHAPE(6), 0, 0, 1000, 1000, log(2), log1p(exp(2)) - 1);
    double s = 1 / (1 + exp(-2));
    EXACT(slope(eg_sum(loss), z), EG_SHAPE(6), 0, 0, -1, 1, -.5, s - .5);
}

static void binary_from_logits_equals_from_probabilities(void **state) {
    (void)state;
    double a[4];
    eg_value *y = VECTOR(1, 0, 1, 0), *z = VECTOR(.3, -2, 4, 1.5);
    run(EACH(BINARY_CROSS_ENTROPY, y, z, .from_logits = 1), a, 4);
    is_close(EACH(BINARY_CROSS_ENTROPY, y, eg_sigmoid(z)), EG_SHAPE(4), a, 1e-12);
}

/* ---- categorical cross-entropy --------------------------------------------------------------- */

static void categorical_from_probabilities(void **state) {
    (void)state;
    eg_value *y = MATRIX(2, 3, 1, 0, 0, 0, .5, .5), *p = MATRIX(2, 3, .5, .3, .2, .2, .2, .6);
    EXACT(EACH(CATEGORICAL_CROSS_ENTROPY, y, p), EG_SHAPE(2), -log(.5), -.5 * log(.2) - .5 * log(.6));
    eg_value *twice = eg_mul(p, eg_const(graph, 2)); /* keras renormalises, torch takes what it gets */
    EXACT(EACH(CATEGORICAL_CROSS_ENTROPY, y, twice), EG_SHAPE(2), -log(.5), -.5 * log(.2) - .5 * log(.6));
    EXACT(EACH(CATEGORICAL_CROSS_ENTROPY, y, twice, .dialect = EG_TORCH), EG_SHAPE(2), -log(1),
          -.5 * log(.4) - .5 * log(1.2));
    eg_value *sure = MATRIX(1, 2, 0, 1), *wrong = MATRIX(1, 2, 1, 0);
    EXACT(EACH(CATEGORICAL_CROSS_ENTROPY, wrong, sure), EG_SHAPE(1), -log(1e-7));
}

static void categorical_from_logits(void **state) {
    (void)state;
    eg_value *z = MATRIX(3, 3, 1, 2, 3, 1000, 1001, 1002, 1000, -1000, 0);
    eg_value *each = EACH(SPARSE_CATEGORICAL_CROSS_ENTROPY, CLASSES(0, 1, 1), z, .from_logits = 1);
    PRINTED(each, EG_SHAPE(3), 5e-5, 2.4076, 1.4076, 2000);
    double p[9];
    run(eg_softmax(z, -1), p, 9);
    EXACT(slope(eg_sum(each), z), EG_SHAPE(3, 3), p[0] - 1, p[1], p[2], p[3], p[4] - 1, p[5], p[6], p[7] - 1, p[8]);
}

/* Class numbers as i32 [batch], as a column of floats, or one-hot rows: the same loss. */
static void targets_come_in_three_forms(void **state) {
    (void)state;
    double want[2];
    eg_value *z = MATRIX(2, 3, .1, -.4, 2, 1, 0, -1), *one_hot = MATRIX(2, 3, 0, 0, 1, 1, 0, 0);
    run(EACH(SPARSE_CATEGORICAL_CROSS_ENTROPY, CLASSES(2, 0), z, .from_logits = 1), want, 2);
    is_close(EACH(SPARSE_CATEGORICAL_CROSS_ENTROPY, MATRIX(2, 1, 2, 0), z, .from_logits = 1), EG_SHAPE(2), want,
             1e-12);
    is_close(EACH(CATEGORICAL_CROSS_ENTROPY, one_hot, z, .from_logits = 1), EG_SHAPE(2), want, 1e-12);
    is_close(EACH(CATEGORICAL_CROSS_ENTROPY, CLASSES(2, 0), z, .from_logits = 1), EG_SHAPE(2), want, 1e-12);
    is_close(EACH(SPARSE_CATEGORICAL_CROSS_ENTROPY, CLASSES(2, 0), eg_softmax(z, -1)), EG_SHAPE(2), want, 1e-6);
}

static void more_axes_are_averaged(void **state) {
    (void)state;
    double each[2];
    eg_value *flat = MATRIX(2, 3, 1, 2, 3, 1, 1, 5), *cube = eg_reshape_to(flat, EG_SHAPE(1, 2, 3));
    run(EACH(SPARSE_CATEGORICAL_CROSS_ENTROPY, CLASSES(0, 2), flat, .from_logits = 1), each, 2);
    eg_value *y = eg_reshape_to(CLASSES(0, 2), EG_SHAPE(1, 2));
    EXACT(EACH(SPARSE_CATEGORICAL_CROSS_ENTROPY, y, cube, .from_logits = 1), EG_SHAPE(1), (each[0] + each[1]) / 2);
}

/* ---- hinge ----------------------------------------------------------------------------------- */

static void binary_hinge(void **state) {
    (void)state;
    eg_value *y = VECTOR(1, -1, 0, 1), *p = VECTOR(.25, .5, -3, 1); /* 0 counts as -1 */
    eg_value *each = EACH(HINGE, y, p);
    EXACT(each, EG_SHAPE(4), .75, 1.5, 0, 0);
    EXACT(slope(eg_sum(each), p), EG_SHAPE(4), -1, 1, 0, 0); /* 0 at the kink */
}

static void class_hinges(void **state) {
    (void)state;
    eg_value *p = MATRIX(3, 3, 1, 2, 3, -1, -2, -3, 5, 1, 4.5);
    eg_value *y = CLASSES(1, 2, 0);
    EXACT(EACH(CATEGORICAL_HINGE, y, p), EG_SHAPE(3), 2, 3, .5);
    EXACT(EACH(MULTICLASS_HINGE, y, p), EG_SHAPE(3), 0 + 2, 3 + 2, .5);
    eg_value *sum = eg_sum(EACH(MULTICLASS_HINGE, y, p));
    EXACT(slope(sum, p), EG_SHAPE(3, 3), 0, -1, 1, 1, 1, -2, -1, 0, 1);
    EXACT(slope(eg_sum(EACH(CATEGORICAL_HINGE, y, p)), p), EG_SHAPE(3, 3), 0, -1, 1, 1, 0, -1, -1, 0, 1);
}

/* ---- reductions, weights, mistakes ----------------------------------------------------------- */

static void reductions_and_weights(void **state) {
    (void)state;
    eg_value *y = VECTOR(0, 0, 0), *p = VECTOR(1, 2, 3), *w = VECTOR(1, 0, 2);
    EXACT(eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, y, p), EG_SCALAR, 14.0 / 3);
    EXACT(eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, y, p, .reduction = EG_REDUCTION_SUM), EG_SCALAR, 14);
    EXACT(eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, y, p, .weights = w), EG_SCALAR,
          19.0 / 3); /* by the batch, not by sum w */
    EXACT(EACH(MEAN_SQUARED_ERROR, y, p, .weights = w), EG_SHAPE(3), 1, 0, 18);
}

/* A sum with lr/n is a mean with lr. */
static void mean_is_sum_over_n(void **state) {
    (void)state;
    eg_value *y = MATRIX(2, 2, 1, 2, 0, -1), *p = MATRIX(2, 2, 3, 2, 1, 1);
    double sum = number(eg_loss(EG_LOSS_HALF_SQUARED_ERROR, y, p, .reduction = EG_REDUCTION_SUM));
    EXACT(eg_loss(EG_LOSS_HALF_SQUARED_ERROR, y, p), EG_SCALAR, sum / 2);
}

static void a_column_fits_a_vector_and_nothing_stretches(void **state) {
    (void)state;
    eg_value *column = MATRIX(3, 1, 1, 2, 3), *vector = VECTOR(0, 0, 0);
    EXACT(eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, vector, column), EG_SCALAR, 14.0 / 3);
    EXACT(eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, column, vector), EG_SCALAR, 14.0 / 3);
    eg_value *bad = eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, vector, MATRIX(3, 2, 1, 2, 3, 4, 5, 6));
    assert_true(eg_value_is_poisoned(bad));
    assert_int_equal(eg_graph_status(graph), EG_E_SHAPE);
    assert_non_null(strstr(eg_graph_error(graph), "mean_squared_error: targets [3] do not fit predictions [3,2]"));
}

static void weights_of_another_length_are_refused(void **state) {
    (void)state;
    eg_value *y = VECTOR(0, 0, 0);
    assert_true(eg_value_is_poisoned(eg_loss(EG_LOSS_HUBER, y, y, .weights = VECTOR(1, 2))));
    assert_int_equal(eg_graph_status(graph), EG_E_SHAPE);
}

static void auto_is_no_loss_by_itself(void **state) {
    (void)state;
    eg_value *y = VECTOR(0, 0, 0);
    assert_true(eg_value_is_poisoned(eg_loss(EG_LOSS_AUTO, y, y)));
    assert_int_equal(eg_graph_status(graph), EG_E_ARGUMENT);
}

static void names_and_aliases(void **state) {
    static const struct {
        const char *alias;
        eg_loss_kind kind;
    } rows[] = {
        { "mse", EG_LOSS_MEAN_SQUARED_ERROR },
        { "mae", EG_LOSS_MEAN_ABSOLUTE_ERROR },
        { "bce", EG_LOSS_BINARY_CROSS_ENTROPY },
        { "log_loss", EG_LOSS_BINARY_CROSS_ENTROPY },
        { "binary_crossentropy", EG_LOSS_BINARY_CROSS_ENTROPY },
        { "nll", EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY },
        { "cross_entropy", EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY },
        { "categorical_crossentropy", EG_LOSS_CATEGORICAL_CROSS_ENTROPY },
        { "auto", EG_LOSS_AUTO },
    };
    (void)state;
    eg_loss_kind kind;
    for (int i = 0; i < EG_LOSS_KINDS; i++) {
        assert_int_equal(eg_loss_named(eg_loss_name((eg_loss_kind)i), &kind), EG_OK);
        assert_int_equal(kind, i);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(eg_loss_named(rows[i].alias, &kind), EG_OK);
        assert_int_equal(kind, rows[i].kind);
    }
    assert_int_equal(eg_loss_named("hubre", &kind), EG_E_NAME);
    assert_non_null(strstr(eg_error(), "did you mean 'huber'?"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(squared_and_absolute_errors),
        SLIDE(huber_bends_at_delta),
        SLIDE(binary_from_probabilities),
        SLIDE(binary_from_logits_is_finite_and_exact),
        SLIDE(binary_from_logits_equals_from_probabilities),
        SLIDE(categorical_from_probabilities),
        SLIDE(categorical_from_logits),
        SLIDE(targets_come_in_three_forms),
        SLIDE(more_axes_are_averaged),
        SLIDE(binary_hinge),
        SLIDE(class_hinges),
        SLIDE(losses_over_classes_need_two),
        SLIDE(reductions_and_weights),
        SLIDE(mean_is_sum_over_n),
        SLIDE(a_column_fits_a_vector_and_nothing_stretches),
        SLIDE(weights_of_another_length_are_refused),
        SLIDE(auto_is_no_loss_by_itself),
        SLIDE(names_and_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
