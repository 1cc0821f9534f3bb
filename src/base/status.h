/* SPDX-License-Identifier: MIT
 *
 * status.h: how the library reports failure to itself and to its user.
 *
 * A function that fails calls eg_fail (which records the thread's message and hands back the code) and returns.
 * A caller either passes the code on with EG_TRY or cleans up at one `done:` label. eg_context puts a prefix before
 * the message on its way up: "train.csv: line 7: ...".
 */
#ifndef EG_BASE_STATUS_H
#define EG_BASE_STATUS_H

#include <stdarg.h>
#include <elegans/base.h>

/* Records the thread's error message (printf format) and returns `status`. Messages are cut at 1023 bytes. */
eg_status eg_fail(eg_status status, const char *format, ...) EG_PRINTF(2, 3);
eg_status eg_failv(eg_status status, const char *format, va_list arguments);
/* Puts "prefix: " before the current message; returns the current status: return eg_context("%s", path). */
eg_status eg_context(const char *format, ...) EG_PRINTF(1, 2);
/* Maps errno to a status (ENOENT: MISSING, EACCES/EPERM/EROFS: PERMISSION, ENOSPC: WRITE, ...): "what: strerror". */
eg_status eg_fail_errno(const char *format, ...) EG_PRINTF(1, 2);
void eg_error_clear(void); /* forgets the thread's error; for tests */

#define EG_TRY(expr)                            \
    do {                                        \
        eg_status eg_try_ = (expr);             \
        if (eg_try_ != EG_OK) return eg_try_;   \
    } while (0)

#endif
