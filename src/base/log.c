/* SPDX-License-Identifier: MIT
 *
 * log.c: one sink for the process. It may be called from any thread; a sink that cares takes its own lock.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic(eg_log_sink) log_sink;
static _Atomic(void *) log_user;

void eg_set_log(eg_log_sink sink, void *user) {
    atomic_store(&log_sink, NULL); /* nobody may see the new sink with the old user */
    atomic_store(&log_user, user);
    atomic_store(&log_sink, sink);
}

void eg_remark(eg_log_level level, const char *format, ...) {
    eg_log_sink sink = atomic_load(&log_sink);
    if (!sink) return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c != '\0'; c++)
        if (*c == '\n') *c = ' ';
    sink(atomic_load(&log_user), level, line);
}
