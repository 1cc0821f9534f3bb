/* SPDX-License-Identifier: MIT
 *
 * text: a text cut into samples whose targets are the next tokens, its parts, its files, and columns of texts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <elegans/data.h>
#include "base/file.h"
#include "fault.h"
#include "folder.h"

static char alphabet[2001]; /* abc...zabc...z */

static const float *x_of(const eg_data *data) {
    if (eg_data_status(data) != EG_OK) fail_msg("%s", eg_data_error(data));
    return eg_tensor_data(eg_data_x(data));
}
static const int32_t *y_of(const eg_data *data) { return eg_tensor_data(eg_data_y(data)); }

static void expect_error(eg_data *data, eg_status status, const char *message) {
    assert_int_equal(eg_data_status(data), status);
    if (!strstr(eg_data_error(data), message)) fail_msg("'%s' does not say '%s'", eg_data_error(data), message);
    eg_data_free(data);
}

static void targets_are_the_next_tokens(void **state) {
    (void)state;
    eg_data *data = eg_data_from_text(alphabet, 2000, NULL, .steps = 10, .rows = 4);
    const float *x = x_of(data);
    const int32_t *y = y_of(data);
    assert_int_equal(eg_data_rows(data), 4 * 49); /* 1999 / 10 pieces for 4 rows */
    assert_true(eg_shape_equal(eg_tensor_shape(eg_data_y(data)), EG_SHAPE(196, 10)));
    assert_int_equal(eg_data_classes(data), 26);
    assert_string_equal(eg_data_class_name(data, 3), "d");
    assert_int_equal(eg_data_text(data)->rows, 4);
    for (int64_t row = 0; row < 196; row++)
        for (int64_t t = 0; t < 10; t++) {
            int64_t place = (row % 4) * 490 + row / 4 * 10 + t; /* row + 4 goes on where the row ends */
            assert_int_equal((int)x[row * 10 + t], place % 26);
            assert_int_equal(y[row * 10 + t], (place + 1) % 26);
        }
    eg_data_free(data);
}

static void short_texts_have_fewer_rows(void **state) {
    (void)state;
    eg_data *data = eg_data_from_text(alphabet, 31, NULL, .steps = 10);
    x_of(data);
    assert_int_equal(eg_data_rows(data), 3);
    assert_int_equal(eg_data_text(data)->rows, 3);
    eg_data_free(data);
    expect_error(eg_data_from_text(alphabet, 10, NULL, .steps = 10), EG_E_DATA, "10 tokens are too few");
    expect_error(eg_data_from_text(alphabet, 31, NULL, .steps = 10, .rows = 4), EG_E_DATA, "for 4 rows of 10 steps");
    expect_error(eg_data_from_text("", 0, NULL), EG_E_DATA, "no tokens");
    expect_error(eg_data_from_text("a\xff", 2, NULL), EG_E_DATA, "no UTF-8");
    expect_error(eg_data_from_text(NULL, 0, NULL), EG_E_ARGUMENT, "there is none");
    expect_error(eg_data_from_text(alphabet, 31, NULL, .steps = -1), EG_E_ARGUMENT, "steps and rows");
}

static void the_last_tenth_is_held_out(void **state) {
    (void)state;
    eg_data *train = eg_data_from_text(alphabet, 2000, "train", .steps = 5, .rows = 1);
    eg_data *test = eg_data_from_text(alphabet, 2000, "test", .steps = 5, .rows = 1);
    assert_int_equal((int)x_of(test)[0], 1800 % 26);
    assert_int_equal(eg_data_rows(test), 199 / 5);
    assert_int_equal(eg_data_rows(train), 1799 / 5);
    eg_data_free(train);
    eg_data_free(test);
}

/* The tokens of a set with one row, as text. */
static char *read_back(const eg_data *data) {
    int64_t n = eg_tensor_size(eg_data_x(data));
    int32_t *numbers = calloc((size_t)n, sizeof *numbers);
    for (int64_t i = 0; i < n; i++) numbers[i] = (int32_t)x_of(data)[i];
    char *text = eg_vocabulary_decode(eg_data_text(data)->vocabulary, numbers, n);
    free(numbers);
    return text;
}

static void lines_are_held_out_and_mixed(void **state) {
    (void)state;
    char text[400] = "", *train, *test;
    for (int i = 0; i < 60; i++) snprintf(text + strlen(text), 8, "%c%d\n", i % 3 == 2 ? 't' : 'n', i % 10);
    eg_data *a = eg_data_from_text(text, strlen(text) - 1, "train", .steps = 1, .rows = 1, .every = 3);
    eg_data *b = eg_data_from_text(text, strlen(text) - 1, "test", .steps = 1, .rows = 1, .every = 3);
    train = read_back(a), test = read_back(b);
    assert_int_equal(strlen(train), 40 * 3 - 1); /* the last newline is a target only */
    assert_int_equal(strlen(test), 20 * 3 - 1);
    assert_null(strchr(train, 't'));
    assert_null(strchr(test, 'n'));
    assert_memory_not_equal(test, "t2\nt5\nt8\nt1\n", 12); /* not in the order of the file */
    eg_string_free(train);
    eg_string_free(test);
    eg_data_free(a);
    eg_data_free(b);
}

static void words_and_the_most_frequent_of_them(void **state) {
    (void)state;
    const char *text = "the cat sat on the mat. the cat ran.";
    eg_data *data = eg_data_from_text(text, strlen(text), NULL, .unit = EG_TOKEN_WORD, .steps = 2, .rows = 1, .most = 3);
    x_of(data);
    assert_int_equal(eg_data_classes(data), 4); /* the . cat, and all others */
    assert_string_equal(eg_data_class_name(data, 0), "the");
    assert_int_equal(y_of(data)[1], 3);
    eg_data_free(data);
}

static void a_vocabulary_is_shared(void **state) {
    (void)state;
    eg_data *first = eg_data_from_text(alphabet, 500, NULL, .steps = 5);
    x_of(first);
    eg_data *second = eg_data_from_text("zzyzx", 5, NULL, .steps = 4, .vocabulary = eg_data_text(first)->vocabulary);
    eg_data_free(first); /* its vocabulary lives on */
    assert_int_equal((int)x_of(second)[0], 25);
    assert_int_equal(eg_data_classes(second), 26);
    expect_error(eg_data_from_text("ab-c", 4, NULL, .steps = 1, .vocabulary = eg_data_text(second)->vocabulary), EG_E_DATA,
                 "'-' is not in the vocabulary");
    eg_data_free(second);
}

static void sources_name_files_and_settings(void **state) {
    (void)state;
    char source[500];
    put_file("poem.txt", alphabet, 1000);
    snprintf(source, sizeof source, "text:%s?steps=8,rows=2&unit=characters", in_folder("poem.txt"));
    eg_data *data = eg_data_open(source, NULL);
    x_of(data);
    assert_int_equal(eg_data_rows(data), 899 / 8 / 2 * 2); /* the training part */
    assert_non_null(strstr(eg_data_source(data), "poem.txt (text, 26 characters)"));
    eg_data_free(data);
    assert_true(eg_data_has_part(source, "test"));
    assert_int_equal(setenv("ELEGANS_DATA", folder, 1), 0);
    data = eg_data_open("text:poem.txt", "test");
    assert_int_equal((int)x_of(data)[0], 900 % 26);
    eg_data_free(data);
    expect_error(eg_data_open("text:poem.txt?step=3", NULL), EG_E_NAME, "did you mean 'steps'");
    expect_error(eg_data_open("text:poem.txt?steps=x", NULL), EG_E_ARGUMENT, "a whole number from 1 on");
    expect_error(eg_data_open("text:poem.txt?steps=0", NULL), EG_E_ARGUMENT, "a whole number from 1 on");
    expect_error(eg_data_open("text:poem.txt?unit=bytes", NULL), EG_E_ARGUMENT, "characters and words");
    expect_error(eg_data_open("text:poem.txt?unit", NULL), EG_E_NAME, "unknown key");
    expect_error(eg_data_open("text:nothing.txt", NULL), EG_E_MISSING, "no such file");
    assert_false(eg_data_has_part("text:nothing.txt", "train"));
    assert_int_equal(unsetenv("ELEGANS_DATA"), 0);
}

static void a_column_of_texts_is_padded_in_front(void **state) {
    (void)state;
    const char *csv = "id,review,good\n7,\"fine, very fine\",yes\n8,bad,no\n9,,no\n";
    const char *path = put_file("reviews.csv", csv, strlen(csv));
    eg_data *data = eg_data_open(path, NULL, .text.column = "review", .text.unit = EG_TOKEN_WORD);
    /* by frequency and then by code: fine 0, "," 1, bad 2, very 3, all others 4 */
    static const float wanted[12] = { 1, 2, 4, 1, 0, 0, 0, 3, 0, 0, 0, 0 };
    assert_memory_equal(x_of(data), wanted, sizeof wanted);
    assert_int_equal(eg_data_columns(data), 1);
    assert_string_equal(eg_data_column_name(data, 0), "review");
    assert_int_equal(eg_data_classes(data), 2);
    assert_int_equal(y_of(data)[0], 1);
    eg_scaling chosen;
    float shift[4], scale[4];
    assert_int_equal(eg_scaling_fit(EG_SCALING_AUTO, data, shift, scale, &chosen), EG_OK);
    assert_int_equal(chosen, EG_SCALING_NONE); /* numbers of words have no mean */
    const eg_text_opt *text = eg_data_text(data);
    const char *other = "good,review\nyes,a very fine bad bad one\n";
    eg_data *more = eg_data_open(put_file("more.csv", other, strlen(other)), NULL, .target = "good", .text = *text);
    static const float last[4] = { 1, 3, 3, 5 }; /* the last four of six */
    assert_memory_equal(x_of(more), last, sizeof last);
    eg_data_free(data);
    eg_data_free(more);
    expect_error(eg_data_open(path, NULL, .text.column = "revew"), EG_E_NAME, "did you mean 'review'");
}

static eg_status read_all(void *context) {
    (void)context;
    eg_data *a = eg_data_from_text(alphabet, 400, "test", .steps = 3, .every = 2);
    eg_status status = eg_data_status(a);
    eg_data_free(a);
    if (status != EG_OK) return status;
    eg_data *b = eg_data_open(in_folder("reviews.csv"), NULL, .text.column = "review");
    status = eg_data_status(b);
    eg_data_free(b);
    return status;
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    alphabet[200] = '\n';
    put_file("reviews.csv", "review,good\nfine,1\nbad,0\n", 25);
    assert_true(fault_loop(read_all, NULL) > 20);
    alphabet[200] = (char)('a' + 200 % 26);
}

int main(void) {
    for (int i = 0; i < 2000; i++) alphabet[i] = (char)('a' + i % 26);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_the_next_tokens),      cmocka_unit_test(short_texts_have_fewer_rows),
        cmocka_unit_test(the_last_tenth_is_held_out),       cmocka_unit_test(lines_are_held_out_and_mixed),
        cmocka_unit_test(words_and_the_most_frequent_of_them), cmocka_unit_test(a_vocabulary_is_shared),
        cmocka_unit_test(sources_name_files_and_settings),  cmocka_unit_test(a_column_of_texts_is_padded_in_front),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
