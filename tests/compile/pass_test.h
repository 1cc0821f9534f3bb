/* SPDX-License-Identifier: MIT
 *
 * pass_test.h: text in, text out. A unit is parsed, a pass (or all up to one) runs, and the text that comes out is
 * compared.
 */
#ifndef EG_TESTS_PASS_TEST_H
#define EG_TESTS_PASS_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/status.h"
#include "compile/pass.h"

enum { PASS_ROOTS = 32 };

static inline eg_unit unit_of(const char *text) {
    eg_value *root[PASS_ROOTS];
    eg_unit unit;
    int n;
    eg_graph *graph = eg_graph_parse(text, root, PASS_ROOTS, &n);
    if (!graph) fail_msg("%s in\n%s", eg_error(), text);
    if (eg_unit_new(&unit, root, n) != EG_OK) fail_msg("%s", eg_error());
    eg_graph_free(graph);
    return unit;
}

/* Compares and frees. */
static inline void assert_unit(eg_unit *unit, const char *text) {
    char *now = eg_graph_text(unit->root, unit->nroots);
    assert_non_null(now);
    assert_string_equal(now, text);
    eg_string_free(now);
    eg_unit_free(unit);
}

static inline void becomes(const char *pass, const char *before, const char *after) {
    eg_unit unit = unit_of(before);
    if (eg_pass_run(&unit, pass) != EG_OK) fail_msg("%s", eg_error());
    assert_unit(&unit, after);
}

static inline void stays(const char *pass, const char *text) {
    becomes(pass, text, text);
}

#endif
