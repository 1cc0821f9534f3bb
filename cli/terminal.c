/* SPDX-License-Identifier: MIT
 *
 * terminal.c: how wide a stream is, whether it takes colour, and text wrapped to its width.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli.h"

int cli_is_terminal(FILE *stream) { return isatty(fileno(stream)); }

int cli_columns(FILE *stream) {
    struct winsize size;
    if (cli_is_terminal(stream) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

int cli_wrap_columns(FILE *stream) { return cli_is_terminal(stream) ? cli_columns(stream) : INT_MAX; }

int cli_colour(FILE *stream) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if ((no && *no) || (term && strcmp(term, "dumb") == 0)) return 0;
    return cli_is_terminal(stream);
}

const char *cli_style(FILE *stream, const char *code) {
    static char text[4][16];
    static int turn;
    if (!cli_colour(stream)) return "";
    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof text[turn], "\033[%sm", code);
    return text[turn];
}

void cli_bytes(char *text, size_t size, double bytes) {
    static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB" };
    int unit = 0;
    while (bytes >= 1000 && unit < 4) bytes /= 1000, unit++;
    snprintf(text, size, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void cli_print_wrapped(FILE *stream, const char *text, int indent, int width) {
    int column = indent;
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (column > indent && (text[-1] == '\n' || (int)length >= width - column)) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        }
        if (column > indent) column += fprintf(stream, " ");
        column += fprintf(stream, "%.*s", (int)length, text);
        text += length + (text[length] != '\0');
    }
    fprintf(stream, "\n");
}

void cli_print_command(FILE *stream, const char *text, size_t size, int width) {
    int column = 0;
    for (size_t at = 0, length; at < size; at += length) {
        char quote = 0;
        for (length = 0; at + length < size && (text[at + length] != ' ' || quote || length == 0); length++)
            if (text[at + length] == '\'') quote = !quote;
        if (column > 6 && column + (int)length + 2 > width) {
            fprintf(stream, " \\\n     ");
            column = 5;
        }
        column += fprintf(stream, "%.*s", (int)length, text + at);
    }
    fputc('\n', stream);
}

void cli_tell(const char *label, const char *format, ...) {
    enum { INDENT = 11 };
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s%-*s%s", cli_style(stderr, "1"), INDENT, label, cli_style(stderr, "0"));
    cli_print_wrapped(stderr, text, INDENT, cli_columns(stderr));
}
