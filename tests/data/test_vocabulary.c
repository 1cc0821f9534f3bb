/* SPDX-License-Identifier: MIT
 *
 * vocabulary: characters and words as numbers and back, order, rare and unknown tokens, texts that are none.
 */
#include <stdlib.h>
#include <string.h>
#include <elegans.h>
#include "../fault.h"

static void assert_encoded(const eg_vocabulary *v, const char *text, const int32_t *want, int n) {
    eg_tensor *numbers = eg_vocabulary_encode(v, text, strlen(text));
    if (!numbers) fail_msg("%s", eg_error());
    assert_int_equal(eg_tensor_size(numbers), n);
    for (int i = 0; i < n; i++) assert_int_equal(((const int32_t *)eg_tensor_data(numbers))[i], want[i]);
    eg_tensor_free(numbers);
}

static void assert_decoded(const eg_vocabulary *v, const int32_t *numbers, int n, const char *want) {
    char *text = eg_vocabulary_decode(v, numbers, n);
    if (!text) fail_msg("%s", eg_error());
    assert_string_equal(text, want);
    eg_string_free(text);
}

static void test_characters(void **state) {
    (void)state;
    const char text[] = "hello \xC3\xA9\n";
    eg_vocabulary *v = eg_vocabulary_fit(text, strlen(text)); /* newline, blank, e, h, l, o, e' */
    assert_int_equal(eg_vocabulary_size(v), 7);
    assert_string_equal(eg_vocabulary_token(v, 6), "\xC3\xA9");
    const int32_t want[8] = { 3, 2, 4, 4, 5, 1, 6, 0 };
    assert_encoded(v, text, want, 8);
    assert_decoded(v, want, 8, text);
    assert_decoded(v, want, 0, "");
    assert_null(eg_vocabulary_encode(v, "hell\nlex", 8));
    assert_string_equal(eg_error(), "line 2, byte 3: 'x' is not in the vocabulary");
    assert_null(eg_vocabulary_decode(v, (int32_t[]){ 7 }, 1));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    eg_vocabulary_free(v);
}

/* "the" 3 times, "," and "cat" twice, the rest once: those of a count by their bytes. */
static void test_words(void **state) {
    (void)state;
    const char text[] = "the cat, the dog,  don't\nthe cat.";
    eg_vocabulary *v = eg_vocabulary_fit(text, strlen(text), .unit = EG_TOKEN_WORD);
    const char *const order[] = { "the", ",", "cat", "\n", ".", "dog", "don't" };
    assert_int_equal(eg_vocabulary_size(v), 7);
    for (int i = 0; i < 7; i++) assert_string_equal(eg_vocabulary_token(v, i), order[i]);
    const int32_t want[10] = { 0, 2, 1, 0, 5, 1, 6, 3, 0, 2 };
    assert_encoded(v, "the cat, the dog, don't\nthe cat", want, 10);
    assert_decoded(v, want, 10, "the cat, the dog, don't\nthe cat");
    eg_vocabulary_free(v);
    v = eg_vocabulary_fit(text, strlen(text), .unit = EG_TOKEN_WORD, .most = 3);
    assert_int_equal(eg_vocabulary_size(v), 4);
    assert_int_equal(eg_vocabulary_has_unknown(v), 1);
    assert_encoded(v, "the dog the cow", (int32_t[]){ 0, 3, 0, 3 }, 4);
    assert_decoded(v, (int32_t[]){ 0, 3, 2 }, 3, "the \xEF\xBF\xBD cat");
    eg_vocabulary_free(v);
}

/* Enough words for the table to grow several times. */
static void test_many(void **state) {
    (void)state;
    char text[20000] = "";
    size_t size = 0;
    for (int i = 0; i < 2000; i++) size += (size_t)snprintf(text + size, sizeof text - size, "w%d ", i * 7919 % 3001);
    eg_vocabulary *v = eg_vocabulary_fit(text, size, .unit = EG_TOKEN_WORD);
    assert_int_equal(eg_vocabulary_size(v), 2000);
    for (int i = 0; i < 2000; i++) assert_encoded(v, eg_vocabulary_token(v, i), &(int32_t){ i }, 1);
    eg_vocabulary_free(v);
}

static void test_mistakes(void **state) {
    (void)state;
    assert_null(eg_vocabulary_fit("", 0));
    assert_null(eg_vocabulary_fit("a\nb\xFF", 4));
    assert_string_equal(eg_error(), "line 2, byte 2: the text is no UTF-8");
    assert_null(eg_vocabulary_new(EG_TOKEN_CHARACTER, (const char *const[]){ "a", "a" }, 2, 0));
    assert_string_equal(eg_error(), "vocabulary: 'a' is there twice");
    assert_null(eg_vocabulary_new(EG_TOKEN_CHARACTER, (const char *const[]){ "ab" }, 1, 0));
    assert_null(eg_vocabulary_new(EG_TOKEN_WORD, (const char *const[]){ "a b" }, 1, 0));
    assert_null(eg_vocabulary_new(EG_TOKEN_WORD, (const char *const[]){ "" }, 1, 0));
    assert_null(eg_vocabulary_new(EG_TOKEN_WORD, NULL, 0, 1));
}

static void test_in_a_model(void **state) {
    (void)state;
    char path[] = "/tmp/elegans-vocabulary-XXXXXX";
    assert_true(mkstemp(path) >= 0);
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 1");
    eg_model_compile(model);
    assert_null(eg_model_vocabulary(model));
    eg_model_set_vocabulary(model, eg_vocabulary_fit("to be or not", 12, .unit = EG_TOKEN_WORD, .unknown = 1));
    assert_int_equal(eg_model_save(model, path), EG_OK);
    eg_model *back = eg_model_load(path);
    const eg_vocabulary *v = eg_model_vocabulary(back);
    if (!v) fail_msg("%s", eg_model_error(back));
    assert_int_equal(eg_vocabulary_size(v), 5);
    assert_int_equal(eg_vocabulary_unit(v), EG_TOKEN_WORD);
    assert_encoded(v, "to be free", (int32_t[]){ 3, 0, 4 }, 3);
    eg_model_free(back);
    eg_model_free(model);
    remove(path);
}

static eg_status there_and_back(void *context) {
    eg_vocabulary *v = eg_vocabulary_fit(context, strlen(context));
    eg_tensor *numbers = v ? eg_vocabulary_encode(v, context, strlen(context)) : NULL;
    char *text = numbers ? eg_vocabulary_decode(v, eg_tensor_data(numbers), eg_tensor_size(numbers)) : NULL;
    eg_status status = text ? EG_OK : eg_error_status();
    eg_string_free(text);
    eg_tensor_free(numbers);
    eg_vocabulary_free(v);
    return status;
}

static void test_without_memory(void **state) {
    (void)state;
    assert_true(fault_loop(there_and_back, "to be or not to be") > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters), cmocka_unit_test(test_words),      cmocka_unit_test(test_many),
        cmocka_unit_test(test_mistakes),   cmocka_unit_test(test_in_a_model), cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
