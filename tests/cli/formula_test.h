/* SPDX-License-Identifier: MIT
 *
 * formula_test.h: what the tests of formulas and of networks as formulas share.
 */
#ifndef ELEGANS_FORMULA_TEST_H
#define ELEGANS_FORMULA_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../cli/formula.h"

static inline void no_mistake(const formula *f, const char *text) {
    if (!formula_ok(f)) fail_msg("%s: %s", text, formula_status(f)->text);
}

static inline void near(double got, double want, double tolerance, const char *what) {
    if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want)))) fail_msg("%s: %.15g, not %.15g", what, got, want);
}

static uint64_t seed;

/* 0 to n - 1, the same on every machine. */
static inline int roll(int n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)n);
}

/* Text that grows; one that grows too long fails the test. */
typedef struct text {
    char at[2000];
    size_t n;
} text;

static inline void put(text *t, const char *format, ...) EG_PRINTF(2, 3);
static inline void put(text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    t->n += (size_t)vsnprintf(t->at + t->n, sizeof t->at - t->n, format, arguments);
    va_end(arguments);
    assert_true(t->n < sizeof t->at);
}

#endif
