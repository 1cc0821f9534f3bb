/* SPDX-License-Identifier: MIT
 *
 * table: CSV files as data sets: features, one-hot columns, targets, tasks, what a model asks for, and every
 * complaint.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <elegans/data.h>
#include "base/file.h"
#include "comma_locale.h"
#include "fault.h"
#include "folder.h"
#include "skipped.h"

static const char *put(const char *text) { return put_file("t.csv", text, strlen(text)); }

#define READ(text, ...) eg_data_open_(put(text), NULL, (eg_data_opt){ .size_ = sizeof(eg_data_opt), __VA_ARGS__ })

/* `message` without the path in front of it. */
static void expect_error(eg_data *data, eg_status status, const char *message) {
    const char *error = eg_data_error(data), *path = in_folder("t.csv");
    assert_int_equal(eg_data_status(data), status);
    assert_int_equal(strncmp(error, path, strlen(path)), 0);
    assert_string_equal(error + strlen(path) + 2, message);
    eg_data_free(data);
}
#define EXPECT_ERROR(text, status, message, ...) expect_error(READ(text, __VA_ARGS__), status, message)

static const float *x_of(const eg_data *data) {
    if (eg_data_status(data) != EG_OK) fail_msg("%s", eg_data_error(data));
    return eg_tensor_data(eg_data_x(data));
}
static int32_t label(const eg_data *data, int row) { return ((int32_t *)eg_tensor_data(eg_data_y(data)))[row]; }

static void test_text_classes(void **state) {
    (void)state;
    eg_data *data = READ("len,width,kind\n1,2,zebra\n3,4.5,ape\n5,6,zebra\n");
    assert_true(x_of(data)[3] == 4.5f);
    assert_int_equal(eg_data_task(data), EG_TASK_CLASSIFICATION);
    assert_int_equal(eg_data_classes(data), 2);
    assert_string_equal(eg_data_class_name(data, 0), "ape"); /* sorted */
    assert_int_equal(label(data, 0), 1);
    assert_int_equal(label(data, 1), 0);
    assert_string_equal(eg_data_target_name(data), "kind");
    assert_int_equal(eg_data_columns(data), 2);
    assert_string_equal(eg_data_column_name(data, 1), "width");
    char source[500];
    snprintf(source, sizeof source, "%s (CSV, 3 rows)", in_folder("t.csv"));
    assert_string_equal(eg_data_source(data), source);
    eg_data_free(data);
}

static void test_number_classes(void **state) {
    (void)state;
    eg_data *data = READ("x,y\n1,10\n2,9\n3,10\n4,9.0\n5,100\n6,9\n7,9\n8,9\n9,9\n");
    assert_int_equal(eg_data_classes(data), 3);
    assert_string_equal(eg_data_class_name(data, 0), "9"); /* by size, not by letters */
    assert_string_equal(eg_data_class_name(data, 2), "100");
    assert_int_equal(label(data, 3), 0); /* "9.0" is "9" */
    eg_data_free(data);
}

static void test_task(void **state) {
    (void)state;
    static const char numbers[] = "x,y\n1,10\n2,20\n3,30\n4,40\n";
    eg_data *data = READ(numbers);
    assert_int_equal(eg_data_task(data), EG_TASK_REGRESSION); /* each value once: not classes */
    assert_int_equal(eg_data_classes(data), 0);
    assert_int_equal(eg_data_outputs(data), 1);
    assert_true(((float *)eg_tensor_data(eg_data_y(data)))[3] == 40);
    eg_data_free(data);
    data = READ(numbers, .task = EG_TASK_CLASSIFICATION);
    assert_int_equal(eg_data_classes(data), 4);
    eg_data_free(data);
    data = READ("x,y\n1,0\n2,1\n3,1\n", .task = EG_TASK_REGRESSION);
    assert_int_equal(eg_data_task(data), EG_TASK_REGRESSION);
    eg_data_free(data);
    data = READ("x,y\n1,0\n2,1\n3,1\n");
    assert_int_equal(eg_data_task(data), EG_TASK_CLASSIFICATION);
    eg_data_free(data);
    data = READ("x,y\n1,0.5\n2,1\n3,1\n");
    assert_int_equal(eg_data_task(data), EG_TASK_REGRESSION);
    eg_data_free(data);
    EXPECT_ERROR("x,y\n1,a\n2,b\n", EG_E_DATA, "line 2, column 2 (y): 'a' is not a number",
                 .task = EG_TASK_REGRESSION);
}

static void test_target_choice(void **state) {
    (void)state;
    static const char text[] = "a,b,c\n1,2.5,3\n4,5.5,6\n";
    static const char *const same[] = { "b", "2" };
    for (int i = 0; i < 2; i++) {
        eg_data *data = READ(text, .target = same[i]);
        assert_string_equal(eg_data_target_name(data), "b");
        assert_string_equal(eg_data_column_name(data, 1), "c");
        assert_true(x_of(data)[1] == 3);
        eg_data_free(data);
    }
    eg_data *data = READ(text, .target = "-");
    assert_int_equal(eg_data_columns(data), 3);
    assert_null(eg_data_y(data));
    assert_null(eg_data_target_name(data));
    assert_int_equal(eg_data_task(data), EG_TASK_NONE);
    eg_data_free(data);
    EXPECT_ERROR("price,size\n1,2\n", EG_E_NAME, "unknown target column 'prise'; did you mean 'price'?",
                 .target = "prise");
    EXPECT_ERROR(text, EG_E_NAME, "unknown target column 'target' (there are a, b, c)", .target = "target");
    EXPECT_ERROR(text, EG_E_NAME, "target column 4 of a table of 3 columns", .target = "4");
    EXPECT_ERROR("y\n1\n2\n", EG_E_DATA, "has no column beside the target: there is nothing to learn from (of a text to go on with: text:FILE)");
}

static void test_one_hot(void **state) {
    (void)state;
    static const char text[] = "color,n,y\nred,1,0.5\nblue,2,1.5\nred,3,2.5\n?,4,1\n";
    EXPECT_ERROR(text, EG_E_DATA, "line 5, column 1 (color): the value is missing: fill it in or remove the row");
    eg_data *data = READ("color,n,y\nred,1,0.5\nblue,2,1.5\nred,3,2.5\n");
    assert_int_equal(eg_data_columns(data), 3);
    assert_string_equal(eg_data_column_name(data, 0), "color=blue");
    assert_string_equal(eg_data_column_name(data, 1), "color=red");
    static const float expected[] = { 0, 1, 1, 1, 0, 2, 0, 1, 3 };
    assert_memory_equal(x_of(data), expected, sizeof expected);
    eg_data_free(data);
    char many[4000] = "id,y\n";
    for (int i = 0; i < 80; i++) sprintf(many + strlen(many), "n%d,%d.5\n", i, i);
    EXPECT_ERROR(
        many, EG_E_DATA,
        "line 2, column 1 (id): a column of text with more than 64 different values: remove it or code it as "
        "numbers");
}

static void test_bad_cells(void **state) {
    (void)state;
    EXPECT_ERROR("a,petal_width,y\n1,2,0\n3,abc,1\n5,6,1\n", EG_E_DATA,
                 "line 3, column 2 (petal_width): 'abc' is not a number");
    EXPECT_ERROR("1,2,0\n3,4x,1\n5,6,1\n", EG_E_DATA, "line 2, column 2: '4x' is not a number");
    EXPECT_ERROR("a,y\n1,0\n,1\n", EG_E_DATA,
                 "line 3, column 1 (a): the value is missing: fill it in or remove the row");
    EXPECT_ERROR("a,y\n1,0\nnan,1\n", EG_E_DATA, "line 3, column 1 (a): 'nan' is not a finite number");
    EXPECT_ERROR("a,y\n1,0\n-inf,1\n", EG_E_DATA, "line 3, column 1 (a): '-inf' is not a finite number");
    EXPECT_ERROR("a,y\n1,0\n1e60,1\n", EG_E_DATA, "line 3, column 1 (a): 1e60 is too large for a 32-bit number");
    EXPECT_ERROR("a,y\n1,0.5\n2,nan\n", EG_E_DATA, "line 3, column 2 (y): 'nan' is not a finite number");
    EXPECT_ERROR("a,y\n1,0.5\n2,oops\n3,.7\n", EG_E_DATA, "line 3, column 2 (y): 'oops' is not a number");
    EXPECT_ERROR("a,y\n1,u\n2,?\n3,v\n", EG_E_DATA,
                 "line 3, column 2 (y): the target is missing: fill it in or remove the row");
    EXPECT_ERROR("a,y\n1,2\n1,2,3\n", EG_E_DATA, "line 3: 3 columns, but line 1 has 2");
    EXPECT_ERROR("", EG_E_DATA, "is empty: there are no rows");
}

/* What a model asks for: its columns wherever they are, its classes in its order. */
static void test_for_a_model(void **state) {
    (void)state;
    static const char *const columns[] = { "width", "color=blue", "color=red" };
    static const char *const classes[] = { "yes", "no" };
#define MODEL .columns = columns, .n_columns = 3, .classes = classes, .n_classes = 2
    eg_data *data = READ("extra,color,ok,width\nx,red,no,1\ny,blue,yes,2\n", MODEL, .target = "ok");
    static const float expected[] = { 1, 0, 1, 2, 1, 0 };
    assert_memory_equal(x_of(data), expected, sizeof expected);
    assert_int_equal(label(data, 0), 1);
    assert_string_equal(eg_data_class_name(data, 0), "yes");
    eg_data_free(data);
    data = READ("color,width\nred,1\n", MODEL, .target = "-");
    assert_memory_equal(x_of(data), expected, 3 * sizeof(float));
    assert_null(eg_data_y(data));
    eg_data_free(data);
    data = READ("1,red\n2,blue\n", MODEL, .target = "-"); /* no names: the model's order */
    assert_memory_equal(x_of(data), expected, sizeof expected);
    eg_data_free(data);
    data = READ("1,red,no\n2,blue,yes\n", MODEL);
    assert_memory_equal(x_of(data), expected, sizeof expected);
    assert_int_equal(label(data, 0), 1);
    eg_data_free(data);
    EXPECT_ERROR("color,ok,width\nred,maybe,1\n", EG_E_DATA,
                 "line 2, column 2 (ok): 'maybe' is none of the 2 classes (yes, no)", MODEL, .target = "ok");
    EXPECT_ERROR("color,width\npink,1\n", EG_E_DATA,
                 "line 2, column 1 (color): 'pink' is none of the 2 values that the model was trained on", MODEL,
                 .target = "-");
    EXPECT_ERROR("color,widht\nred,1\n", EG_E_DATA, "has no column 'width', which the model needs", MODEL,
                 .target = "-");
    EXPECT_ERROR("1,2,3,4\n", EG_E_DATA, "has no line of names and 4 columns, but the model needs 2", MODEL,
                 .target = "-");
#undef MODEL
}

static void test_locale(void **state) {
    (void)state;
    if (!enter_comma_locale()) SKIP("no locale with a decimal comma can be made here");
    eg_data *data = READ("a,y\n1.5,2.5\n2.5,3.5\n");
    setlocale(LC_ALL, "C");
    assert_true(x_of(data)[0] == 1.5f);
    eg_data_free(data);
}

static void test_options(void **state) {
    (void)state;
    eg_data *data = READ("a,b\nc,d\n", .no_header = 1);
    assert_int_equal(eg_data_rows(data), 2);
    assert_string_equal(eg_data_column_name(data, 0), "column_1=a");
    eg_data_free(data);
    data = READ("a;b,c\n1;2,3\n", .delimiter = ',');
    assert_string_equal(eg_data_target_name(data), "c");
    eg_data_free(data);
}

static eg_status read_once(void *path) {
    static const char *const columns[] = { "n", "color=red", "color=blue" };
    eg_data *data = eg_data_open(path, NULL, .target = "y", .columns = columns, .n_columns = 3);
    eg_status status = eg_data_status(data);
    eg_data_free(data);
    if (status != EG_OK) return status;
    data = eg_data_open(path, NULL);
    status = eg_data_status(data);
    eg_data_free(data);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    char path[400];
    strcpy(path, put("color,n,y\nred,1,u\nblue,2,v\nred,3,v\n"));
    assert_true(fault_loop(read_once, path) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_classes),  cmocka_unit_test(test_number_classes), cmocka_unit_test(test_task),
        cmocka_unit_test(test_target_choice), cmocka_unit_test(test_one_hot),        cmocka_unit_test(test_bad_cells),
        cmocka_unit_test(test_for_a_model),   cmocka_unit_test(test_locale),         cmocka_unit_test(test_options),
        cmocka_unit_test(test_faults),
    };
    return with_skipped(cmocka_run_group_tests(tests, make_folder, remove_folder));
}
