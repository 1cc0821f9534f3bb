/* SPDX-License-Identifier: MIT
 *
 * text: growth, numbers out and in (shortest, exact, in a locale with a comma), and "did you mean".
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"
#include "comma_locale.h"
#include "fault.h"
#include "skipped.h"

static void test_grows(void **state) {
    (void)state;
    eg_text text = { 0 };
    assert_null(text.data);
    for (int i = 0; i < 1000; i++) eg_text_format(&text, "%d,", i);
    eg_text_add_bytes(&text, "a\0b", 3);
    eg_text_add(&text, "");
    assert_int_equal(text.length, 10 * 2 + 90 * 3 + 900 * 4 + 3);
    assert_memory_equal(text.data + text.length - 7, "999,a\0b", 7);
    assert_int_equal(text.data[text.length], 0);
    eg_text_free(&text);
    assert_null(text.data);
}

static eg_status write_much(void *unused) {
    (void)unused;
    eg_text text = { 0 };
    for (int i = 0; i < 100; i++) eg_text_add(&text, "twelve bytes");
    eg_status status = text.failed ? eg_error_status() : EG_OK;
    if (status == EG_OK) assert_int_equal(text.length, 1200);
    assert_true(text.length % 12 == 0);
    eg_text_free(&text);
    return status;
}

static void test_failed_allocations(void **state) {
    (void)state;
    assert_true(fault_loop(write_much, NULL) > 2);
}

static void expect_number(double value, const char *expected) {
    eg_text text = { 0 };
    eg_text_number(&text, value);
    assert_string_equal(text.data, expected);
    eg_text_free(&text);
}

static void expect_float(float value, const char *expected) {
    eg_text text = { 0 };
    eg_text_float(&text, value);
    assert_string_equal(text.data, expected);
    eg_text_free(&text);
}

static void test_shortest_numbers(void **state) {
    (void)state;
    expect_number(0.1, "0.1");
    expect_number(-0.0, "-0");
    expect_number(0.1 + 0.2, "0.30000000000000004");
    expect_number(1e-30, "1e-30");
    expect_number(-1.5e300, "-1.5e300");
    expect_number(123456789, "123456789");
    expect_number(1.2345678901234567e16, "12345678901234568");
    expect_number(1e16, "10000000000000000");
    expect_number(1e17, "1e17");
    expect_number(0.00001, "0.00001");
    expect_number(0.0000012, "1.2e-6");
    expect_number(5e-324, "5e-324");
    expect_number(DBL_MAX, "1.7976931348623157e308");
    expect_number(DBL_MIN, "2.2250738585072014e-308");
    expect_number(0x1p-44,
                  "5.684341886080802e-14"); /* below a power of two the closest 16 digits read back as another */
    expect_number((double)NAN, "nan");
    expect_number((double)-INFINITY, "-inf");
    expect_float(0.1f, "0.1");
    expect_float(16777216.0f, "16777216");
    expect_float(0x1p87f, "1.5474251e26");
    expect_float(FLT_MAX, "3.4028235e38");
    expect_float(0x1p-149f, "1e-45");
    expect_float(0.3f, "0.3");
}

/* A double or float of random bits, so that all exponents come up. */
static double random_double(eg_rng *rng) {
    uint64_t bits = eg_rng_below(rng, UINT64_MAX);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void test_numbers_read_back(void **state) {
    (void)state;
    eg_rng rng = eg_rng_new(1, 0);
    eg_text text = { 0 };
    for (int i = 0; i < 20000; i++) {
        double value = random_double(&rng), back;
        float narrow = (float)value;
        text.length = 0;
        eg_text_number(&text, value);
        assert_ptr_equal(eg_parse_double(text.data, text.data + text.length, &back), text.data + text.length);
        assert_true(back == value || (isnan(back) && isnan(value)));
        if (!isfinite(narrow)) continue;
        text.length = 0;
        eg_text_float(&text, narrow);
        assert_true(strtof(text.data, NULL) == narrow);
        assert_true(text.length <= 18);
    }
    eg_text_free(&text);
}

static void test_fewest_digits(void **state) {
    (void)state;
    eg_rng rng = eg_rng_new(2, 0);
    for (int i = 0; i < 5000; i++) { /* a decimal of 15 digits comes back as itself */
        char written[40], digits[20];
        int point;
        uint64_t whole = 100000000000000 + eg_rng_below(&rng, 900000000000000);
        int exponent = (int)eg_rng_below(&rng, 500) - 250;
        snprintf(written, sizeof written, "%llue%d", (unsigned long long)whole, exponent);
        int n = eg_shortest_digits(strtod(written, NULL), 0, digits, &point);
        assert_true(n <= 15);
        assert_memory_equal(digits, written, (size_t)n);
        assert_int_equal(point, 15 + exponent);
    }
}

static void test_round_digits(void **state) {
    (void)state;
    char digits[20];
    int point;
    eg_round_digits(9.9996, 4, digits, &point);
    assert_string_equal(digits, "1000");
    assert_int_equal(point, 2);
    eg_round_digits(2.5, 1, digits, &point); /* an exact tie goes to the even digit */
    assert_string_equal(digits, "2");
    eg_round_digits(0.000123456, 3, digits, &point);
    assert_string_equal(digits, "123");
    assert_int_equal(point, -3);
}

static const char *parse(const char *text, double *value) {
    return eg_parse_double(text, text + strlen(text), value);
}

static void test_parse_double(void **state) {
    (void)state;
    const struct {
        const char *text;
        double value;
        int used;
    } rows[] = {
        { "0", 0, 1 },
        { "-12.5", -12.5, 5 },
        { "+3", 3, 2 },
        { ".5", .5, 2 },
        { "5.", 5, 2 },
        { "1e3", 1000, 3 },
        { "1E-3x", 1e-3, 4 },
        { "1e", 1, 1 },
        { "1e+", 1, 1 },
        { "1.5.2", 1.5, 3 },
        { "1,5", 1, 1 },
        { "inf", (double)INFINITY, 3 },
        { "-Infinity", (double)-INFINITY, 9 },
        { "1e999", (double)INFINITY, 5 },
        { "1e-999", 0, 6 },
        { "0e999999999999999999", 0, 20 },
        { "1e99999999999999999999", (double)INFINITY, 22 },
        { "9007199254740993", 9007199254740992.0, 16 },
        { "9007199254740993.0000000001", 9007199254740994.0, 27 },
        { "2.2250738585072011e-308", 0x0.fffffffffffffp-1022, 23 },
        { "4.9e-324", 5e-324, 8 },
        { "2.4e-324", 0, 8 },
        { "0.000000000000000000000000000001e30", 1, 35 },
        { "100000000000000000000000e-23", 1, 28 },
        { "179769313486231570000000000000000e276", DBL_MAX, 37 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double value = -1;
        const char *after = parse(rows[i].text, &value);
        assert_non_null(after);
        assert_int_equal(after - rows[i].text, rows[i].used);
        assert_true(value == rows[i].value);
    }
    double value;
    assert_true(parse("nan", &value) && isnan(value));
    assert_true(parse("-0", &value) && value == 0 && signbit(value));
    const char *const bad[] = { "", "-", "+", ".", "e5", "x", "-.", "i", " 1" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_null(parse(bad[i], &value));
}

static void test_parse_is_bounded(void **state) {
    (void)state;
    double value;
    int64_t whole;
    const char *text = "12345";
    assert_ptr_equal(eg_parse_double(text, text + 2, &value), text + 2);
    assert_true(value == 12);
    assert_ptr_equal(eg_parse_int(text, text + 3, &whole), text + 3);
    assert_int_equal(whole, 123);
    assert_null(eg_parse_double(text, text, &value));
}

/* Half-way between two doubles, decided by a digit a thousand places further on. */
static void test_parse_long_numbers(void **state) {
    (void)state;
    char text[3000] = "9007199254740993.";
    double value;
    memset(text + 17, '0', 2000);
    assert_non_null(parse(text, &value));
    assert_true(value == 9007199254740992.0);
    text[2017] = '1';
    assert_non_null(parse(text, &value));
    assert_true(value == 9007199254740994.0);
    memset(text, '7', 2999);
    assert_non_null(parse(text, &value));
    assert_true(isinf(value));
    text[1] = '.';
    assert_non_null(parse(text, &value));
    assert_true(value == 70.0 / 9);
    memset(text, '0', 1200);
    text[1] = '.', text[1200] = '5', text[1201] = '\0';
    strcat(text, "e1199");
    assert_non_null(parse(text, &value));
    assert_true(value == 5);
}

/* Every path against the C library, which is correctly rounded. */
static void test_parse_against_libc(void **state) {
    (void)state;
    eg_rng rng = eg_rng_new(3, 0);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        snprintf(text, sizeof text, "%.*e", (int)eg_rng_below(&rng, 25),
                 i % 2 ? random_double(&rng) : eg_rng_gauss(&rng));
        double value;
        if (!strchr(text, 'e')) continue;
        assert_non_null(parse(text, &value));
        assert_true(value == strtod(text, NULL));
    }
}

/* 19 digits and fewer with small exponents: half-way between two doubles, one beside it, anywhere. */
static void test_parse_short_numbers(void **state) {
    (void)state;
    eg_rng rng = eg_rng_new(4, 0);
    for (int i = 0; i < 50000; i++) {
        char text[64];
        int bits = 54 + (int)eg_rng_below(&rng, 10), tens = (int)eg_rng_below(&rng, 3), scaled = 0;
        uint64_t m = (UINT64_C(1) << 53 | eg_rng_below(&rng, UINT64_C(1) << 53)) << (bits - 54);
        m += i % 2 ? eg_rng_below(&rng, 3) - 1 : eg_rng_below(&rng, UINT64_C(1) << (bits - 53));
        for (; scaled < tens && m < UINT64_MAX / 100; scaled++) m *= 10;
        int exponent = i % 4 ? (int)eg_rng_below(&rng, 49) - 24 : -scaled;
        int digits = snprintf(text, sizeof text, ".%llu", (unsigned long long)m) - 1;
        snprintf(text + 1 + digits, 16, "e%d", exponent + digits * (int)(i % 3 != 0));
        double value;
        assert_ptr_equal(parse(text, &value), text + strlen(text));
        if (value != strtod(text, NULL)) fail_msg("%s: %a, not %a", text, value, strtod(text, NULL));
    }
}

static void test_parse_int(void **state) {
    (void)state;
    const struct {
        const char *text;
        int64_t value;
        int used; /* -1: refused */
    } rows[] = { { "0", 0, 1 },
                 { "-42x", -42, 3 },
                 { "+7", 7, 2 },
                 { "9223372036854775807", INT64_MAX, 19 },
                 { "-9223372036854775808", INT64_MIN, 20 },
                 { "9223372036854775808", 0, -1 },
                 { "-9223372036854775809", 0, -1 },
                 { "99999999999999999999", 0, -1 },
                 { "", 0, -1 },
                 { "-", 0, -1 },
                 { "a", 0, -1 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value = 77;
        const char *after = eg_parse_int(rows[i].text, rows[i].text + strlen(rows[i].text), &value);
        assert_int_equal(after ? after - rows[i].text : -1, rows[i].used);
        if (after) assert_int_equal(value, rows[i].value);
    }
}

/* In a country that writes 1,5. */
static void test_comma_locale(void **state) {
    if (!enter_comma_locale()) SKIP("no locale with a decimal comma can be made here");
    double value;
    const char *after = parse("1.5", &value);
    eg_text text = { 0 };
    eg_text_format(&text, "%g %.2f", 1.5, 2.25);
    assert_string_equal(text.data, "1.5 2.25");
    eg_text_free(&text);
    char users[16];
    snprintf(users, sizeof users, "%g", 1.5);
    assert_string_equal(users, "1,5"); /* the user's own locale is back */
    test_shortest_numbers(state);
    test_parse_double(state);
    setlocale(LC_ALL, "C");
    assert_true(after && *after == '\0' && value == 1.5);
}

static void test_did_you_mean(void **state) {
    (void)state;
    const char *const names[] = { "adam", "adamw", "rmsprop", "sgd", "categorical_crossentropy" };
    assert_string_equal(eg_did_you_mean("adm", names, 5), "adam");
    assert_string_equal(eg_did_you_mean("rmspop", names, 5), "rmsprop");
    assert_string_equal(eg_did_you_mean("RMSProp", names, 5), "rmsprop");
    assert_string_equal(eg_did_you_mean("sdg", names, 5), "sgd");
    assert_string_equal(eg_did_you_mean("categorical_cross_entropy", names, 5), "categorical_crossentropy");
    assert_null(eg_did_you_mean("lion", names, 5));
    assert_null(eg_did_you_mean("x", names, 5));
    assert_null(eg_did_you_mean("", names, 5));
    assert_null(eg_did_you_mean("adm", names, 0));
    char endless[500];
    memset(endless, 'a', sizeof endless);
    endless[499] = '\0';
    assert_null(eg_did_you_mean(endless, names, 5));
}

static void test_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int length;
    } cases[] = {
        { "a", 1 },
        { "\xC3\xA9", 2 },
        { "\xE2\x82\xAC", 3 },
        { "\xF0\x9F\x98\x80", 4 },
        { "\xE9", 0 },
        { "\xC3", 0 },
        { "\xC0\x80", 0 },
        { "\xE0\x80\x80", 0 },
        { "\xED\xA0\x80", 0 },
        { "\xF4\x90\x80\x80", 0 },
        { "\x80", 0 },
        { "\xE2\x82"
          "A",
          0 },
        { "\xF5\x80\x80\x80", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(eg_utf8_length(cases[i].text, cases[i].text + strlen(cases[i].text)), cases[i].length);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_failed_allocations),
        cmocka_unit_test(test_shortest_numbers),
        cmocka_unit_test(test_numbers_read_back),
        cmocka_unit_test(test_fewest_digits),
        cmocka_unit_test(test_round_digits),
        cmocka_unit_test(test_parse_double), cmocka_unit_test(test_parse_short_numbers),
        cmocka_unit_test(test_parse_is_bounded),
        cmocka_unit_test(test_parse_long_numbers),
        cmocka_unit_test(test_parse_against_libc),
        cmocka_unit_test(test_parse_int),
        cmocka_unit_test(test_comma_locale),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_did_you_mean),
    };
    return with_skipped(cmocka_run_group_tests(tests, NULL, NULL));
}
