/* SPDX-License-Identifier: MIT
 *
 * csv: cells, quotes, line ends, guesses of delimiter and header, and errors with their places; damaged tables never
 * crash.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/csv.h"
#include "fault.h"

/* Parses a copy of `text`, whose exact size a sanitizer guards. */
typedef struct table {
    char *text;
    eg_csv csv;
} table;

static eg_status parse(const char *text, size_t size, table *out) {
    out->text = malloc(size + 1);
    memcpy(out->text, text, size);
    return eg_csv_parse(out->text, size, 0, 0, &out->csv);
}

static table parsed(const char *text) {
    table t;
    if (parse(text, strlen(text), &t) != EG_OK) fail_msg("%s", eg_error());
    return t;
}

static void release(table *t) {
    eg_csv_free(&t->csv);
    free(t->text);
}

static const char *cell(const table *t, int64_t row, int column) {
    static const char *cells[16];
    eg_csv_row(&t->csv, row, cells);
    return cells[column];
}

static void expect_error(const char *text, size_t size, const char *message) {
    table t;
    assert_int_equal(parse(text, size, &t), EG_E_DATA);
    assert_string_equal(eg_error(), message);
    free(t.text);
}
#define EXPECT_ERROR(text, message) expect_error(text, sizeof text - 1, message)

static void test_cells_and_names(void **state) {
    (void)state;
    table t = parsed("a,b\n1,2\n3,4\n");
    assert_int_equal(t.csv.columns, 2);
    assert_int_equal(t.csv.rows, 2);
    assert_true(t.csv.has_header);
    assert_string_equal(t.csv.names[1], "b");
    assert_string_equal(cell(&t, 1, 0), "3");
    assert_int_equal(t.csv.place[1].line, 3);
    release(&t);
}

static void test_quotes(void **state) {
    (void)state;
    table t = parsed("name,\"say \"\"hi\"\", now\"\n\"a,b\"\"c\nd\",2\n \"e\" , 3 \n5'6\"7,4\n\"\",9");
    assert_string_equal(t.csv.names[1], "say \"hi\", now");
    assert_string_equal(cell(&t, 0, 0), "a,b\"c\nd");
    assert_string_equal(cell(&t, 1, 0), "e");
    assert_string_equal(cell(&t, 1, 1), "3");
    assert_string_equal(cell(&t, 2, 0), "5'6\"7");
    assert_string_equal(cell(&t, 3, 0), "");
    assert_int_equal(t.csv.place[1].line, 4); /* a line end inside quotes counts */
    release(&t);
}

static void test_line_ends_and_mark(void **state) {
    (void)state;
    table t = parsed("\xEF\xBB\xBF"
                     "a,b\r\n1,2\r\n\r\n\r\n3,4");
    assert_string_equal(t.csv.names[0], "a");
    assert_int_equal(t.csv.rows, 2);
    assert_string_equal(cell(&t, 0, 1), "2");
    assert_int_equal(t.csv.place[1].line, 5);
    release(&t);
    t = parsed("1,2\r3,4\r");
    assert_int_equal(t.csv.rows, 2);
    assert_int_equal(t.csv.place[1].line, 2);
    release(&t);
}

static void test_delimiter_is_found(void **state) {
    (void)state;
    static const struct {
        const char *text;
        char delimiter;
        int columns;
    } cases[] = {
        { "a;b\n1;2\n", ';', 2 }, { "a\tb\n1\t\n", '\t', 2 },       { "a b;c,d;e\n1;2;3\n", ';', 3 },
        { "x\n1\n2\n", ',', 1 },  { "\"a;b;c\",d\n1,2\n", ',', 2 }, { "1,5;2,5\n3;4\n", ';', 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        table t = parsed(cases[i].text);
        assert_int_equal(t.csv.delimiter, cases[i].delimiter);
        assert_int_equal(t.csv.columns, cases[i].columns);
        release(&t);
    }
}

static void test_header_is_found(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int header;
    } cases[] = {
        { "a,b\n1,2\n", 1 },    { "1,2\n3,4\n", 0 },        { "5.1,setosa\n4.9,virginica\n", 0 },
        { "2019,b\n1,2\n", 1 }, { "a,b\nx,y\n", 1 },        { "?,2\n3,4\n", 0 },
        { "x,1\ny,2\n", 0 },    { "len,kind\n1,red\n", 1 }, { ",b\n1,2\n", 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        table t = parsed(cases[i].text);
        if (t.csv.has_header != cases[i].header) fail_msg("header of case %zu", i);
        release(&t);
    }
    table t = parsed(",b\n1,2\n");
    assert_string_equal(t.csv.names[0], "column_1");
    release(&t);
}

static void test_errors_have_places(void **state) {
    (void)state;
    EXPECT_ERROR("a,b\n1,2\n3\n", "line 3: 1 column, but line 1 has 2");
    EXPECT_ERROR("a,b\n1,2,3\n", "line 2: 3 columns, but line 1 has 2");
    EXPECT_ERROR("a,b\n1,\"2\n3,4\n", "line 2, column 2: the quote that opens here is never closed");
    EXPECT_ERROR("a,b\n\"1\" x,2\n", "line 2, column 1: text after the closing quote");
    EXPECT_ERROR("a,b\n1,\0"
                 "2\n",
                 "line 2: a zero byte: this is not a text table");
    EXPECT_ERROR("a,b\n1,caf\xE9\n", "line 2: byte 0xe9 is not UTF-8: save the table as UTF-8");
    EXPECT_ERROR("", "is empty: there are no rows");
    EXPECT_ERROR("\n\n\r\n", "is empty: there are no rows");
    EXPECT_ERROR("a,b\n", "holds a line of names but no rows of data");
    EXPECT_ERROR("a,b,a\n1,2,3\n", "columns 1 and 3 have the same name \"a\"");
    EXPECT_ERROR("\xFF\xFE"
                 "a\0",
                 "is UTF-16 text: save it as UTF-8");
}

static void test_missing_and_numbers(void **state) {
    (void)state;
    double v;
    assert_true(eg_csv_is_missing(""));
    assert_true(eg_csv_is_missing("?"));
    assert_false(eg_csv_is_missing("0"));
    assert_true(eg_csv_is_number("-1.5e3", &v));
    assert_true(v == -1500);
    assert_false(eg_csv_is_number("1.5x", &v));
    assert_false(eg_csv_is_number("1,5", &v));
    assert_false(eg_csv_is_number("", &v));
}

/* Every table cut anywhere, and with random bytes changed, gives a table or a DATA error; all its cells can be read.
 */
static void test_damage(void **state) {
    (void)state;
    static const char good[] = "name,\"x, y\";z\r\n\"a\"\"b\",1;2\n\"c\nd\",-3.5e2;?\r\n,4;nan\n";
    enum { SIZE = sizeof good - 1 };
    eg_rng rng = eg_rng_new(1, 1);
    for (int round = 0; round < 20000; round++) {
        char bytes[SIZE];
        memcpy(bytes, good, SIZE);
        for (int i = (int)eg_rng_below(&rng, 4); i > 0; i--)
            bytes[eg_rng_below(&rng, SIZE)] = "\n\r,;\"? \t1a\0\x80"[eg_rng_below(&rng, 12)];
        size_t size = eg_rng_below(&rng, SIZE + 1);
        table t;
        if (parse(bytes, size, &t) == EG_OK) {
            size_t length = 0;
            for (int64_t r = 0; r < t.csv.rows; r++)
                for (int c = 0; c < t.csv.columns; c++) length += strlen(cell(&t, r, c));
            assert_true(length <= size);
            release(&t);
        } else {
            assert_int_equal(eg_error_status(), EG_E_DATA);
            free(t.text);
        }
    }
}

static eg_status parse_small(void *unused) {
    (void)unused;
    table t;
    static const char text[] = "a,b,\n1,2,3\n";
    eg_status status = parse(text, sizeof text - 1, &t);
    if (status == EG_OK) eg_csv_free(&t.csv);
    free(t.text);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    assert_true(fault_loop(parse_small, NULL) >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_and_names),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_line_ends_and_mark),
        cmocka_unit_test(test_delimiter_is_found),
        cmocka_unit_test(test_header_is_found),
        cmocka_unit_test(test_errors_have_places),
        cmocka_unit_test(test_missing_and_numbers),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
