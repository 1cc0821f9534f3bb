/* SPDX-License-Identifier: MIT
 *
 * terminal.c: how wide a stream is, whether it takes colour, and text wrapped to its width.
 */
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
        size_t length = strcspn(text, " ");
        if (column > indent && column + 1 + (int)length > width) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        }
        if (column > indent) column += fprintf(stream, " ");
        column += fprintf(stream, "%.*s", (int)length, text);
        text += length + (text[length] == ' ');
    }
    fprintf(stream, "\n");
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
