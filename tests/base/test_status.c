/* SPDX-License-Identifier: MIT
 *
 * status: pinned values, the thread's message, context, errno.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/status.h"

static void test_values_are_pinned(void **state) {
    (void)state;
    assert_int_equal(EG_OK, 0);
    assert_int_equal(EG_E_INTERNAL, -1);
    assert_int_equal(EG_E_SHAPE, -4);
    assert_int_equal(EG_E_WRITE, -10);
    assert_int_equal(EG_E_LIMIT, -16);
}

static void test_names_and_texts(void **state) {
    (void)state;
    assert_string_equal(eg_status_name(EG_OK), "EG_OK");
    assert_string_equal(eg_status_name(EG_E_SHAPE), "EG_E_SHAPE");
    assert_string_equal(eg_status_name((eg_status)-99), "EG_E_?");
    assert_string_equal(eg_status_text(EG_E_SHAPE), "shapes do not fit together");
    assert_string_equal(eg_status_text(EG_OK), "success");
    assert_non_null(eg_status_text((eg_status)7));
}

static void test_message_and_context(void **state) {
    (void)state;
    eg_error_clear();
    assert_string_equal(eg_error(), "");
    assert_int_equal(eg_error_status(), EG_OK);
    assert_int_equal(eg_fail(EG_E_DATA, "line %d: %s", 7, "a letter"), EG_E_DATA);
    assert_int_equal(eg_context("%s", "train.csv"), EG_E_DATA);
    assert_string_equal(eg_error(), "train.csv: line 7: a letter");
    assert_int_equal(eg_fail(EG_E_NAME, "again: %s", eg_error()), EG_E_NAME); /* may quote the old message */
    assert_string_equal(eg_error(), "again: train.csv: line 7: a letter");
    eg_error_clear();
    assert_string_equal(eg_error(), "");
}

static void test_message_is_one_line_and_bounded(void **state) {
    (void)state;
    char huge[5000];
    memset(huge, 'x', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    eg_fail(EG_E_DATA, "%s", huge);
    assert_int_equal(strlen(eg_error()), 1023);
    eg_context("%s", huge);
    assert_int_equal(strlen(eg_error()), 1023);
    eg_fail(EG_E_DATA, "a\nb\rc\x1b[31md");
    assert_string_equal(eg_error(), "a b c [31md");
}

static void test_errno_maps(void **state) {
    (void)state;
    const struct {
        int code;
        eg_status status;
    } rows[] = { { ENOENT, EG_E_MISSING },   { EACCES, EG_E_PERMISSION },
                 { EPERM, EG_E_PERMISSION }, { EROFS, EG_E_PERMISSION },
                 { ENOSPC, EG_E_WRITE },     { EDQUOT, EG_E_WRITE },
                 { ENOMEM, EG_E_MEMORY },    { EIO, EG_E_IO } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        errno = rows[i].code;
        assert_int_equal(eg_fail_errno("out.bin: cannot write"), rows[i].status);
        assert_non_null(strstr(eg_error(), "out.bin: cannot write: "));
        assert_non_null(strstr(eg_error(), strerror(rows[i].code)));
    }
}

static void *fail_elsewhere(void *unused) {
    eg_fail(EG_E_IO, "the other thread's");
    return unused;
}

static void test_each_thread_has_its_own(void **state) {
    (void)state;
    pthread_t thread;
    eg_fail(EG_E_SHAPE, "mine");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(eg_error(), "mine");
    assert_int_equal(eg_error_status(), EG_E_SHAPE);
}

static eg_status passes_on(eg_status inner, int *reached) {
    EG_TRY(inner);
    *reached = 1;
    return EG_OK;
}

static void test_try(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(passes_on(EG_E_IO, &reached), EG_E_IO);
    assert_int_equal(reached, 0);
    assert_int_equal(passes_on(EG_OK, &reached), EG_OK);
    assert_int_equal(reached, 1);
}

static void test_version(void **state) {
    (void)state;
    assert_string_equal(eg_version(), "0.1.0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_pinned),
        cmocka_unit_test(test_names_and_texts),
        cmocka_unit_test(test_message_and_context),
        cmocka_unit_test(test_message_is_one_line_and_bounded),
        cmocka_unit_test(test_errno_maps),
        cmocka_unit_test(test_each_thread_has_its_own),
        cmocka_unit_test(test_try),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
