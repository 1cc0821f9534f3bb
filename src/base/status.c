/* SPDX-License-Identifier: MIT
 *
 * status.c: the thread's last error: one code and one line of text, kept in a fixed buffer so that reporting a
 * failure can never itself fail. New messages are formatted aside first, since their arguments may quote the old one.
 */
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 1024 };

static _Thread_local char last_message[MESSAGE_SIZE];
static _Thread_local eg_status last_status;

typedef struct status_row {
    eg_status status;
    const char *name, *text;
} status_row;

static const status_row status_table[] = {
#define ROW(name, value, text) { EG_E_##name, "EG_E_" #name, text },
    EG_STATUS_LIST(ROW)
#undef ROW
};
enum { STATUS_COUNT = sizeof status_table / sizeof status_table[0] };

static const status_row *row_of(eg_status status) {
    for (int i = 0; i < (int)STATUS_COUNT; i++)
        if (status_table[i].status == status) return &status_table[i];
    return NULL;
}

const char *eg_status_name(eg_status status) {
    const status_row *row = row_of(status);
    return status == EG_OK ? "EG_OK" : row ? row->name : "EG_E_?";
}

const char *eg_status_text(eg_status status) {
    const status_row *row = row_of(status);
    return row ? row->text : "an unknown status";
}

const char *eg_error(void) { return last_message; }
eg_status eg_error_status(void) { return last_status; }

void eg_error_clear(void) {
    last_message[0] = '\0';
    last_status = EG_OK;
}

/* A message is one line for a terminal or a log, whatever bytes a hostile file put into the names it quotes. */
static void keep(eg_status status, const char *message) {
    size_t n = 0;
    for (; message[n] != '\0'; n++) {
        unsigned char c = (unsigned char)message[n];
        last_message[n] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    last_message[n] = '\0';
    last_status = status;
}

eg_status eg_failv(eg_status status, const char *format, va_list arguments) {
    char message[MESSAGE_SIZE];
    vsnprintf(message, sizeof message, format, arguments);
    keep(status, message);
    return status;
}

eg_status eg_fail(eg_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    eg_failv(status, format, arguments);
    va_end(arguments);
    return status;
}

/* Writes "<formatted><between><tail>" as the message, each part cut where the buffer ends. */
static void keep_joined(eg_status status, const char *format, va_list arguments, const char *tail) {
    char message[MESSAGE_SIZE];
    vsnprintf(message, sizeof message, format, arguments);
    size_t used = strlen(message);
    snprintf(message + used, sizeof message - used, ": %s", tail);
    keep(status, message);
}

eg_status eg_context(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    keep_joined(last_status, format, arguments, last_message);
    va_end(arguments);
    return last_status;
}

static const struct {
    int code;
    eg_status status;
} errno_table[] = {
    { ENOENT, EG_E_MISSING },   { ENOTDIR, EG_E_MISSING },       { EACCES, EG_E_PERMISSION },
    { EPERM, EG_E_PERMISSION }, { EROFS, EG_E_PERMISSION },      { ENOSPC, EG_E_WRITE },
    { EDQUOT, EG_E_WRITE },     { EFBIG, EG_E_WRITE },           { EISDIR, EG_E_WRITE },
    { ENOMEM, EG_E_MEMORY },    { ENAMETOOLONG, EG_E_ARGUMENT },
};

eg_status eg_fail_errno(const char *format, ...) {
    int code = errno;
    eg_status status = EG_E_IO;
    for (size_t i = 0; i < sizeof errno_table / sizeof errno_table[0]; i++)
        if (errno_table[i].code == code) status = errno_table[i].status;
    va_list arguments;
    va_start(arguments, format);
    keep_joined(status, format, arguments, strerror(code));
    va_end(arguments);
    return status;
}
