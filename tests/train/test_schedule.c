/* SPDX-License-Identifier: MIT
 *
 * Each schedule at places where its formula can be checked by hand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <elegans.h>

static double at(eg_schedule schedule, eg_schedule_opt opt, double progress, double epochs) {
    return eg_schedule_factor(schedule, opt, progress, epochs);
}

static void test_by_hand(void **state) {
    (void)state;
    const eg_schedule_opt none = { 0 };
    static const struct {
        eg_schedule schedule;
        double p, e, factor;
    } rows[] = {
        { EG_SCHEDULE_CONSTANT, .7, 7, 1 },
        { EG_SCHEDULE_LINEAR, 0, 0, 1 },
        { EG_SCHEDULE_LINEAR, .75, 3, .25 },
        { EG_SCHEDULE_COSINE, .5, 5, .5 },
        { EG_SCHEDULE_COSINE, 1, 10, 0 },
        { EG_SCHEDULE_STEP, .1, 9.99, 1 },
        { EG_SCHEDULE_STEP, .1, 20, .01 },
        { EG_SCHEDULE_EXPONENTIAL, .1, 2, .81 },
        { EG_SCHEDULE_INVERSE_TIME, .1, 3, .25 },
        { EG_SCHEDULE_POLYNOMIAL, .5, 3, .25 },
        { EG_SCHEDULE_COSINE_RESTARTS, .1, 5, .5 },
        { EG_SCHEDULE_COSINE_RESTARTS, .1, 10, 1 },
        { EG_SCHEDULE_COSINE_RESTARTS, .1, 20, .5 }, /* the middle of a period of 20 */
        { EG_SCHEDULE_ONE_CYCLE, 0, 0, .04 },
        { EG_SCHEDULE_ONE_CYCLE, .3, 3, 1 },
        { EG_SCHEDULE_ONE_CYCLE, 1, 10, 1 / 250000. },
        { EG_SCHEDULE_MULTIPLY, .1, 2.5, .9025 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double factor = at(rows[i].schedule, none, rows[i].p, rows[i].e);
        if (!(fabs(factor - rows[i].factor) < 1e-12))
            fail_msg("%s at p %g, e %g: %g, not %g", eg_schedule_name(rows[i].schedule), rows[i].p, rows[i].e, factor,
                     rows[i].factor);
    }
}

static void test_options(void **state) {
    (void)state;
    assert_true(fabs(at(EG_SCHEDULE_LINEAR, (eg_schedule_opt){ .end = .5 }, 1, 9) - .5) < 1e-15);
    assert_true(fabs(at(EG_SCHEDULE_STEP, (eg_schedule_opt){ .factor = .5, .every = 2 }, 0, 5) - .25) < 1e-15);
    assert_true(fabs(at(EG_SCHEDULE_COSINE_RESTARTS, (eg_schedule_opt){ .every = 1, .grow = 1, .factor = .5 }, 0, 3) -
                     .125) < 1e-15);
}

static void test_warm_up_comes_first(void **state) {
    (void)state;
    eg_schedule_opt warm = { .warm_up = 4 };
    assert_true(at(EG_SCHEDULE_CONSTANT, warm, 0, 0) == 0);
    assert_true(at(EG_SCHEDULE_CONSTANT, warm, 0, 1) == .25);
    assert_true(at(EG_SCHEDULE_CONSTANT, warm, 0, 4) == 1);
}

static void test_names(void **state) {
    (void)state;
    for (int i = 0; i < EG_SCHEDULES; i++) {
        eg_schedule back;
        assert_int_equal(eg_schedule_named(eg_schedule_name((eg_schedule)i), &back), EG_OK);
        assert_int_equal(back, i);
    }
    eg_schedule none;
    assert_int_equal(eg_schedule_named("cosin", &none), EG_E_NAME);
    assert_non_null(strstr(eg_error(), "cosine"));
}

static void test_bad_options_stop_a_fit(void **state) {
    (void)state;
    eg_data *data = eg_data_open("gen:xor", NULL);
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 1 sigmoid");
    eg_model_compile(model);
    assert_int_equal(eg_model_fit(model, data, .schedule = EG_SCHEDULE_STEP, .schedule_opt = { .every = -1 }),
                     EG_E_ARGUMENT);
    eg_model_free(model);
    eg_data_free(data);
}

/* An option that a schedule does not have is a mistake, not silence; warm_up is all of theirs. */
static void test_options_that_a_schedule_has(void **state) {
    (void)state;
    /* by letters: factor, everY, power, end, grow */
    static const char has[EG_SCHEDULES][4] = { "", "e", "e", "fy", "fy", "fy", "pe", "fyg", "", "f" };
    static const struct {
        char letter;
        eg_schedule_opt opt;
    } given[] = { { 'f', { .factor = 1 } }, { 'y', { .every = 1 } }, { 'p', { .power = 1 } },
                  { 'e', { .end = 1 } },    { 'g', { .grow = 1 } } };
    eg_data *data = eg_data_open("gen:xor", NULL);
    for (int s = 0; s < EG_SCHEDULES; s++)
        for (int i = 0; i < 5; i++) {
            eg_schedule_opt opt = given[i].opt;
            opt.warm_up = 1;
            eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 1 sigmoid");
            eg_model_compile(model);
            int takes = strchr(has[s], given[i].letter) != NULL;
            eg_status status = eg_model_fit(model, data, .schedule = (eg_schedule)s, .schedule_opt = opt);
            if (status != (takes ? EG_OK : EG_E_ARGUMENT))
                fail_msg("%s with %c: status %d", eg_schedule_name((eg_schedule)s), given[i].letter, status);
            eg_model_free(model);
        }
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 1 sigmoid");
    eg_model_compile(model);
    eg_model_fit(model, data, .schedule = EG_SCHEDULE_POLYNOMIAL, .schedule_opt = { .factor = .5 });
    assert_non_null(strstr(eg_model_error(model), "schedule polynomial has no factor (it has warm_up, power, end)"));
    eg_model_free(model);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_warm_up_comes_first),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_bad_options_stop_a_fit),
        cmocka_unit_test(test_options_that_a_schedule_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
