/* SPDX-License-Identifier: MIT
 *
 * Confusions and what follows from them, against numbers worked out by hand, and the area under the curve against its
 * definition, pair by pair.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <elegans.h>
#include "base/alloc.h"

static const int32_t truth[] = { 0, 0, 0, 0, 1, 1, 1, 2, 2, 2 }, guess[] = { 0, 0, 1, 2, 1, 1, 0, 2, 2, 2 };

static void assert_near(double a, double b) { assert_true(fabs(a - b) < 1e-12); }

static void test_report_by_hand(void **state) {
    (void)state;
    eg_report r;
    assert_int_equal(eg_classification_report(truth, guess, 10, 3, &r), EG_OK);
    const int64_t confusion[] = { 2, 1, 1, 1, 2, 0, 0, 0, 3 };
    assert_memory_equal(r.confusion, confusion, sizeof confusion);
    assert_near(r.accuracy, .7);
    assert_near(r.of_class[0].precision, 2. / 3);
    assert_near(r.of_class[0].recall, .5);
    assert_near(r.of_class[0].f1, 4. / 7);
    assert_near(r.of_class[2].precision, .75);
    assert_near(r.of_class[2].recall, 1);
    assert_near(r.macro.recall, (.5 + 2. / 3 + 1) / 3);
    assert_int_equal(r.macro.support, 10);
    eg_report_free(&r);
}

static void test_a_class_that_is_never_guessed_scores_zero(void **state) {
    (void)state;
    const int32_t one[] = { 0, 1 }, none[] = { 0, 0 };
    eg_report r;
    assert_int_equal(eg_classification_report(one, none, 2, 3, &r), EG_OK);
    assert_near(r.of_class[1].precision, 0);
    assert_near(r.of_class[1].f1, 0);
    assert_near(r.of_class[2].recall, 0);
    eg_report_free(&r);
}

static void test_report_as_text(void **state) {
    (void)state;
    static const char *const names[] = { "setosa", "versicolor", "virginica" };
    eg_report r;
    eg_classification_report(truth, guess, 10, 3, &r);
    char *text = eg_report_text(&r, names);
    assert_non_null(strstr(text, "    versicolor     0.6667   0.6667   0.6667        3\n"));
    assert_non_null(strstr(text, "        setosa      2      1      1\n"));
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) assert_true(strcspn(line, "\n") <= 60);
    eg_string_free(text);
    eg_report_free(&r);
}

static void test_bad_classes(void **state) {
    (void)state;
    eg_report r;
    assert_int_equal(eg_classification_report(truth, guess, 10, 2, &r), EG_E_DATA);
    assert_int_equal(eg_classification_report(truth, guess, 10, 0, &r), EG_E_ARGUMENT);
}

/* The share of (positive, negative) pairs in the right order, a tie counting half. */
static double by_pairs(const int32_t *positive, const double *score, int n) {
    double right = 0, pairs = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (positive[i] && !positive[j]) {
                pairs++;
                right += score[i] > score[j] ? 1 : score[i] == score[j] ? .5 : 0;
            }
    return right / pairs;
}

static void test_auc_is_the_share_of_ordered_pairs(void **state) {
    (void)state;
    srand(5);
    for (int round = 0; round < 200; round++) {
        int32_t positive[30];
        double score[30], auc;
        int n = 2 + rand() % 29;
        for (int i = 0; i < n; i++) positive[i] = rand() % 2, score[i] = rand() % 8;
        positive[0] = 1;
        positive[1] = 0;
        assert_int_equal(eg_auc(positive, score, n, &auc), EG_OK);
        assert_near(auc, by_pairs(positive, score, n));
    }
}

static void test_auc_needs_both_kinds(void **state) {
    (void)state;
    const int32_t all[] = { 1, 1 };
    const double score[] = { 1, 2 }, bad[] = { 1, (double)NAN };
    double auc;
    assert_int_equal(eg_auc(all, score, 2, &auc), EG_OK);
    assert_true(isnan(auc));
    assert_int_equal(eg_auc(all, bad, 2, &auc), EG_E_DATA);
}

static void test_folds_cover_every_row_once(void **state) {
    (void)state;
    eg_data *data = eg_data_open("gen:gauss?n=53,classes=3", NULL);
    int64_t rows = eg_data_rows(data), seen = 0, per_class[5][3] = { { 0 } };
    for (int fold = 0; fold < 5; fold++) {
        eg_data *train, *held;
        assert_int_equal(eg_data_fold(data, 5, fold, 9, &train, &held), EG_OK);
        assert_int_equal(eg_data_rows(train) + eg_data_rows(held), rows);
        const int32_t *y = eg_tensor_data(eg_data_y(held));
        for (int64_t i = 0; i < eg_data_rows(held); i++) per_class[fold][y[i]]++;
        seen += eg_data_rows(held);
        eg_data_free(train);
        eg_data_free(held);
    }
    assert_int_equal(seen, rows);
    for (int class = 0; class < 3; class ++) /* classes are spread evenly: no fold differs by more than one */
        for (int fold = 1; fold < 5; fold++) assert_true(llabs(per_class[fold][class] - per_class[0][class]) <= 1);
    eg_data *train, *held;
    assert_int_equal(eg_data_fold(data, 1, 0, 9, &train, &held), EG_E_ARGUMENT);
    assert_int_equal(eg_data_fold(data, 5, 5, 9, &train, &held), EG_E_ARGUMENT);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_by_hand),
        cmocka_unit_test(test_a_class_that_is_never_guessed_scores_zero),
        cmocka_unit_test(test_report_as_text),
        cmocka_unit_test(test_bad_classes),
        cmocka_unit_test(test_auc_is_the_share_of_ordered_pairs),
        cmocka_unit_test(test_auc_needs_both_kinds),
        cmocka_unit_test(test_folds_cover_every_row_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
