/* SPDX-License-Identifier: MIT
 *
 * json: what must be read, what must be refused and where, what is written, and that what is written is read back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "fault.h"

static const eg_json *parse(eg_arena *arena, const char *text) { return eg_json_parse(arena, text, strlen(text)); }

static void test_values(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    const eg_json *root =
        parse(&arena, " {\"a\": [1, -2.5e1, true, false, null],\n  \"s\": \"\\u0041\\n\\ud83d\\ude00\",\"o\":{}} ");
    assert_non_null(root);
    assert_int_equal(root->type, EG_JSON_OBJECT);
    assert_int_equal(root->length, 3);
    const eg_json *item = eg_json_get(root, "a")->first;
    assert_int_equal(eg_json_get(root, "a")->length, 5);
    assert_true(item->type == EG_JSON_INT && item->integer == 1 && item->number == 1);
    item = item->next;
    assert_true(item->type == EG_JSON_DOUBLE && item->number == -25);
    assert_true(item->next->type == EG_JSON_BOOL && item->next->boolean);
    assert_true(item->next->next->type == EG_JSON_BOOL && !item->next->next->boolean);
    assert_true(item->next->next->next->type == EG_JSON_NULL && !item->next->next->next->next);
    const eg_json *s = eg_json_get(root, "s");
    assert_string_equal(s->string, "A\n\xF0\x9F\x98\x80");
    assert_int_equal(s->length, 6);
    assert_int_equal(s->line, 2);
    assert_int_equal(s->column, 8);
    assert_int_equal(eg_json_get(root, "o")->length, 0);
    eg_arena_free(&arena);
}

static void test_numbers_are_exact(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    const eg_json *v = parse(&arena, "9223372036854775807");
    assert_true(v->type == EG_JSON_INT && v->integer == INT64_MAX);
    v = parse(&arena, "-9223372036854775808");
    assert_true(v->type == EG_JSON_INT && v->integer == INT64_MIN);
    v = parse(&arena, "9223372036854775808");
    assert_true(v->type == EG_JSON_DOUBLE && v->number == 0x1p63);
    v = parse(&arena, "-0");
    assert_true(v->type == EG_JSON_DOUBLE && v->number == 0 && signbit(v->number));
    v = parse(&arena, "0.1e1");
    assert_true(v->type == EG_JSON_DOUBLE && v->number == 1);
    v = parse(&arena, "1e-400");
    assert_true(v->type == EG_JSON_DOUBLE && v->number == 0);
    eg_arena_free(&arena);
}

static void test_getters(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    const eg_json *root = parse(&arena, "{\"n\":3,\"d\":0.5,\"s\":\"x\",\"b\":true,\"z\":null}");
    assert_true(eg_json_int(root, "n", 9) == 3 && eg_json_int(root, "d", 9) == 9 &&
                eg_json_int(root, "none", 9) == 9);
    assert_true(eg_json_number(root, "n", 9) == 3 && eg_json_number(root, "d", 9) == .5 &&
                eg_json_number(root, "s", 9) == 9);
    assert_string_equal(eg_json_string(root, "s", "y"), "x");
    assert_string_equal(eg_json_string(root, "z", "y"), "y");
    assert_null(eg_json_get(NULL, "n"));
    assert_null(eg_json_get(eg_json_get(root, "n"), "n"));
    assert_int_equal(eg_json_get(root, "z")->type, EG_JSON_NULL);
    eg_arena_free(&arena);
}

static const char *const good[] = {
    "null",
    " true\r\n",
    "[]",
    "[ ]",
    "{}",
    "{ }",
    "[[[]]]",
    "\"\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "0",
    "-1",
    "1.5E+3",
    "[1,2]",
    "{\"\":1}",
    "{\"a\":1,\"A\":2}",
    "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
    "\"\\u0000\"",
    "\"\x7F\"",
    "\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"",
};

static const struct {
    const char *text, *where;
} bad[] = {
    { "", "line 1, column 1: the text ends" },
    { "  ", "line 1, column 3: the text ends" },
    { "nul", "line 1, column 1" },
    { "True", "line 1, column 1: a value" },
    { "1 2", "line 1, column 3: nothing may follow" },
    { "[1,]", "line 1, column 4: a value" },
    { "[1 2]", "line 1, column 4: \",\" or \"]\"" },
    { "[1}", "line 1, column 3" },
    { "[\n\n 1,\n  x]", "line 4, column 3: a value" },
    { "[", "line 1, column 2: the text ends" },
    { "{", "line 1, column 2: the text ends" },
    { "{\"a\"}", "line 1, column 5: \":\"" },
    { "{\"a\":}", "line 1, column 6: a value" },
    { "{\"a\":1,}", "line 1, column 8: a string" },
    { "{a:1}", "line 1, column 2: a string" },
    { "{1:2}", "line 1, column 2: a string" },
    { "{\"a\":1 \"b\":2}", "line 1, column 8: \",\" or \"}\"" },
    { "{\"a\":1,\"b\":2,\n\"a\":3}", "line 2, column 5: the key \"a\" appears twice" },
    { "{\"\\u0061\":1,\"a\":2}", "the key \"a\" appears twice" },
    { "{\"a\\u0000b\":1}", "a key with a NUL" },
    { "01", "line 1, column 2: a number does not start with 0" },
    { "-", "line 1, column 2" },
    { "-01", "a number does not start with 0" },
    { "1.", "line 1, column 3" },
    { ".5", "line 1, column 1" },
    { "1e", "line 1, column 3" },
    { "1e+", "line 1, column 4" },
    { "+1", "line 1, column 1" },
    { "1.5.2", "nothing may follow" },
    { "0x10", "nothing may follow" },
    { "NaN", "a value" },
    { "Infinity", "a value" },
    { "[1e999]", "line 1, column 2: a number too large" },
    { "\"abc", "line 1, column 5: the text ends" },
    { "\"a\nb\"", "line 1, column 3: a control character" },
    { "\"\\x\"", "line 1, column 3: an unknown escape" },
    { "\"\\", "the text ends" },
    { "\"\\u12\"", "four hexadecimal digits" },
    { "\"\\u12G4\"", "four hexadecimal digits" },
    { "\"\\u00 1\"", "four hexadecimal digits" },
    { "\"\\u001\x11\"", "four hexadecimal digits" },
    { "\"\\ud800\"", "half of a surrogate pair" },
    { "\"\\udc00\"", "half of a surrogate pair" },
    { "\"\\ud800\\u0041\"", "half of a surrogate pair" },
    { "\"\\ud800x\"", "half of a surrogate pair" },
    { "\"\x80\"", "line 1, column 2: bytes that are not UTF-8" },
    { "\"\xC0\xAF\"", "not UTF-8" },
    { "\"\xC3\"", "not UTF-8" },
    { "\"\xE0\x80\x80\"", "not UTF-8" },
    { "\"\xED\xA0\x80\"", "not UTF-8" },
    { "\"\xF0\x80\x80\x80\"", "not UTF-8" },
    { "\"\xF4\x90\x80\x80\"", "not UTF-8" },
    { "\"\xF8\x88\x80\x80\x80\"", "not UTF-8" },
    { "\xEF\xBB\xBF{}", "line 1, column 1: a value" },
    { "// c\n1", "a value" },
    { "'a'", "a value" },
};

static void test_good_corpus(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        eg_arena arena = EG_ARENA_INIT;
        if (!parse(&arena, good[i])) fail_msg("%s: %s", good[i], eg_error());
        eg_arena_free(&arena);
    }
}

static void test_bad_corpus(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        eg_arena arena = EG_ARENA_INIT;
        eg_error_clear();
        if (parse(&arena, bad[i].text)) fail_msg("accepted: %s", bad[i].text);
        assert_int_equal(eg_error_status(), EG_E_DATA);
        if (!strstr(eg_error(), bad[i].where))
            fail_msg("%s: said \"%s\", not \"%s\"", bad[i].text, eg_error(), bad[i].where);
        eg_arena_free(&arena);
    }
}

/* Every prefix of a valid text, in a block of exactly its size, so that a read past the end is caught by the
 * sanitizers. */
static void test_prefixes(void **state) {
    (void)state;
    const char text[] = "{\"k\":[1,-2.5e3,\"\\u00e9\\ud83d\\ude00\xC3\xA9\",true,null,{\"z\":false}]}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        eg_arena arena = EG_ARENA_INIT;
        char *copy = test_malloc(n + 1); /* cmocka guards its end */
        memcpy(copy, text, n);
        assert_null(eg_json_parse(&arena, copy, n));
        test_free(copy);
        eg_arena_free(&arena);
    }
}

static void test_nul_byte_inside(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    assert_null(eg_json_parse(&arena, "1\0", 2));
    assert_null(eg_json_parse(&arena, "\"a\0b\"", 5));
    const eg_json *v = eg_json_parse(&arena, "\"a\\u0000b\"", 10);
    assert_int_equal(v->length, 3);
    assert_memory_equal(v->string, "a\0b", 4);
    eg_arena_free(&arena);
}

static void test_depth(void **state) {
    (void)state;
    char text[2 * EG_JSON_MAX_DEPTH + 4];
    for (int depth = EG_JSON_MAX_DEPTH; depth <= EG_JSON_MAX_DEPTH + 1; depth++) {
        eg_arena arena = EG_ARENA_INIT;
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        const eg_json *root = eg_json_parse(&arena, text, 2 * (size_t)depth);
        assert_int_equal(root != NULL, depth == EG_JSON_MAX_DEPTH);
        eg_arena_free(&arena);
    }
    eg_arena arena = EG_ARENA_INIT;
    char *deep = eg_arena_alloc(&arena, 1000000);
    memset(deep, '[', 1000000);
    assert_null(eg_json_parse(&arena, deep, 1000000));
    assert_non_null(strstr(eg_error(), "nested too deeply"));
    eg_arena_free(&arena);
}

static void test_many_keys(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    eg_text text = { 0 };
    eg_json_writer w = { .text = &text };
    eg_json_begin(&w, NULL, '{');
    for (int i = 0; i < 50000; i++) eg_json_put_int(&w, eg_arena_format(&arena, "key_%d", i), i);
    eg_json_end(&w, '}');
    const eg_json *root = eg_json_parse(&arena, text.data, text.length);
    assert_non_null(root);
    assert_int_equal(eg_json_int(root, "key_49999", -1), 49999);
    text.length--;
    eg_text_add(&text, ",\"key_31415\":0}");
    assert_null(eg_json_parse(&arena, text.data, text.length));
    assert_non_null(strstr(eg_error(), "\"key_31415\" appears twice"));
    eg_text_free(&text);
    eg_arena_free(&arena);
}

static void write_sample(eg_text *text, int indent) {
    eg_json_writer w = { .text = text, .indent = indent };
    eg_json_begin(&w, NULL, '{');
    eg_json_put_int(&w, "n", INT64_MIN);
    eg_json_put_number(&w, "x", 0.1);
    eg_json_put_number(&w, "bad", (double)NAN);
    eg_json_put_string(&w, "s", "q\"b\\n\n\x01\xC3\xA9");
    eg_json_put_string(&w, "none", NULL);
    eg_json_begin(&w, "list", '[');
    eg_json_put_bool(&w, NULL, 1);
    eg_json_put_bool(&w, NULL, 0);
    eg_json_put_raw(&w, NULL, "{\"raw\":[]}");
    eg_json_end(&w, ']');
    eg_json_begin(&w, "empty", '{');
    eg_json_end(&w, '}');
    eg_json_put_null(&w, "k\"");
    eg_json_end(&w, '}');
}

static void test_writer(void **state) {
    (void)state;
    eg_text text = { 0 };
    write_sample(&text, 0);
    assert_string_equal(text.data,
                        "{\"n\":-9223372036854775808,\"x\":0.1,\"bad\":null,\"s\":\"q\\\"b\\\\n\\n\\u0001\xC3\xA9\","
                        "\"none\":null,\"list\":[true,false,{\"raw\":[]}],\"empty\":{},\"k\\\"\":null}");
    text.length = 0;
    write_sample(&text, 2);
    assert_string_equal(text.data,
                        "{\n  \"n\": -9223372036854775808,\n  \"x\": 0.1,\n  \"bad\": null,\n"
                        "  \"s\": \"q\\\"b\\\\n\\n\\u0001\xC3\xA9\",\n  \"none\": null,\n  \"list\": [\n"
                        "    true,\n    false,\n    {\"raw\":[]}\n  ],\n  \"empty\": {},\n  \"k\\\"\": null\n}");
    eg_arena arena = EG_ARENA_INIT;
    const eg_json *root = eg_json_parse(&arena, text.data, text.length);
    assert_non_null(root);
    assert_string_equal(eg_json_string(root, "s", ""), "q\"b\\n\n\x01\xC3\xA9");
    eg_arena_free(&arena);
    eg_text_free(&text);
}

static void test_writer_output_is_always_valid(void **state) {
    (void)state;
    eg_rng rng = eg_rng_new(11, 0);
    for (int round = 0; round < 2000; round++) {
        char junk[24];
        size_t n = (size_t)eg_rng_below(&rng, sizeof junk);
        for (size_t i = 0; i < n; i++) junk[i] = (char)(1 + eg_rng_below(&rng, 255));
        junk[n] = '\0';
        eg_text text = { 0 };
        eg_arena arena = EG_ARENA_INIT;
        eg_json_writer w = { .text = &text };
        eg_json_put_string(&w, NULL, junk);
        if (!eg_json_parse(&arena, text.data, text.length)) fail_msg("%s: %s", text.data, eg_error());
        eg_arena_free(&arena);
        eg_text_free(&text);
    }
}

static void test_writer_misuse_is_marked(void **state) {
    (void)state;
    eg_text text = { 0 };
    eg_json_writer w = { .text = &text };
    eg_json_end(&w, ']');
    assert_true(text.failed);
    eg_text_free(&text);
    w = (eg_json_writer){ .text = &text };
    for (int i = 0; i < EG_JSON_MAX_DEPTH; i++) eg_json_begin(&w, NULL, '[');
    assert_false(text.failed);
    eg_json_begin(&w, NULL, '[');
    assert_true(text.failed);
    eg_text_free(&text);
}

static eg_status round_trip(void *unused) {
    (void)unused;
    eg_arena arena = EG_ARENA_INIT;
    eg_text text = { 0 };
    write_sample(&text, 1);
    int ok = !text.failed && eg_json_parse(&arena, text.data, text.length);
    eg_text_free(&text);
    eg_arena_free(&arena);
    return ok ? EG_OK : eg_error_status();
}

static void test_failed_allocations(void **state) {
    (void)state;
    assert_true(fault_loop(round_trip, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_numbers_are_exact),
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_good_corpus),
        cmocka_unit_test(test_bad_corpus),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_nul_byte_inside),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_output_is_always_valid),
        cmocka_unit_test(test_writer_misuse_is_marked),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
