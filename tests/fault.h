/* SPDX-License-Identifier: MIT
 *
 * fault.h: the fault loop. A piece of work is run with its first allocation failing, then its second, and so on until
 * it gets through. Each failed run must report MEMORY with a message and leave no byte behind.
 */
#ifndef EG_TESTS_FAULT_H
#define EG_TESTS_FAULT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/status.h"

typedef eg_status fault_work(void *context);

/* Returns how many allocations failed before the work succeeded, so that a test can see that the loop did run. */
static inline int fault_loop(fault_work *work, void *context) {
    for (int sticky = 0;; sticky = 1) {
        size_t before = eg_memory().bytes;
        for (uint64_t n = 1;; n++) {
            eg_error_clear();
            eg_alloc_fail_at(n, sticky);
            eg_status status = work(context);
            eg_alloc_fail_at(0, 0);
            assert_int_equal(eg_memory().bytes, before);
            if (status == EG_OK && sticky) return (int)n - 1;
            if (status == EG_OK) break;
            assert_int_equal(status, EG_E_MEMORY);
            assert_int_equal(eg_error_status(), EG_E_MEMORY);
            assert_true(eg_error()[0] != '\0');
        }
    }
}

#endif
