/* SPDX-License-Identifier: MIT
 *
 * log: what reaches the sink.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/log.h"

typedef struct heard {
    int count;
    eg_log_level level;
    char line[2000];
} heard;

static void listen(void *user, eg_log_level level, const char *line) {
    heard *h = user;
    h->count++;
    h->level = level;
    snprintf(h->line, sizeof h->line, "%s", line);
}

static void test_sink(void **state) {
    (void)state;
    heard h = { 0 };
    eg_remark(EG_LOG_INFO, "dropped");
    eg_set_log(listen, &h);
    eg_remark(EG_LOG_WARNING, "%d rows\nskipped", 3);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.level, EG_LOG_WARNING);
    assert_string_equal(h.line, "3 rows skipped");
    char huge[3000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    eg_remark(EG_LOG_DEBUG, "%s", huge);
    assert_int_equal(strlen(h.line), 1023);
    eg_set_log(NULL, NULL);
    eg_remark(EG_LOG_INFO, "dropped");
    assert_int_equal(h.count, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sink) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
