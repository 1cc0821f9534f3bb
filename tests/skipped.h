/* SPDX-License-Identifier: MIT
 *
 * skipped.h: a test that cannot run here (its data are not at hand, or a library is not) says so. The program's exit code
 * is 77 then, and the case counts as skipped, not as passed: `return with_skipped(cmocka_run_group_tests(...))`.
 */
#ifndef EG_TESTS_SKIPPED_H
#define EG_TESTS_SKIPPED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static int skipped;

#define SKIP(why) (skipped = 1, print_message("skipped: %s: %s\n", __func__, why), skip())

static inline int with_skipped(int failed) { return failed == 0 && skipped ? 77 : failed; }

#endif
