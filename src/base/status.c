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

/* The name and the text of each status, one after the other; their values are 0, -1, -2, ... */
static const char words[] =
#define WORDS(name, value, text) "EG_E_" #name "\0" text "\0"
    EG_STATUS_LIST(WORDS);
#undef WORDS
enum {
#define PLACE(name, value, text) PLACE_##name,
    EG_STATUS_LIST(PLACE)
#undef PLACE
        STATUS_COUNT
};
#define CHECK(name, value, text) _Static_assert(PLACE_##name == -(value), "the list is in the order of the values");
EG_STATUS_LIST(CHECK)
#undef CHECK

static const char *words_of(eg_status status, int skipped) {
    const char *word = words;
    for (int i = 2 * -(int)status + skipped; i > 0; i--) word += strlen(word) + 1;
    return word;
}

static int is_status(eg_status status) { return status <= 0 && status > -STATUS_COUNT; }

const char *eg_status_name(eg_status status) {
    return status == EG_OK ? "EG_OK" : is_status(status) ? words_of(status, 0) : "EG_E_?";
}

const char *eg_status_text(eg_status status) { return is_status(status) ? words_of(status, 1) : "an unknown status"; }

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
