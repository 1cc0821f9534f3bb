/* SPDX-License-Identifier: MIT
 *
 * common.c: errors and exit codes, the terminal, JSON lines, signals, and opening models and data.
 */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli.h"

/* ---- errors ---------------------------------------------------------------------------------------------- */

int cli_exit_code(eg_status status) {
    static const struct {
        eg_status status;
        int code;
    } table[] = {
        { EG_OK, CLI_OK },
        { EG_E_ARGUMENT, CLI_USAGE },
        { EG_E_NAME, CLI_USAGE },
        { EG_E_SHAPE, CLI_BAD_DATA },
        { EG_E_DTYPE, CLI_BAD_DATA },
        { EG_E_DATA, CLI_BAD_DATA },
        { EG_E_LIMIT, CLI_BAD_DATA },
        { EG_E_UNSUPPORTED, CLI_BAD_DATA },
        { EG_E_MISSING, CLI_MISSING },
        { EG_E_IO, CLI_IO },
        { EG_E_WRITE, CLI_CANNOT_WRITE },
        { EG_E_PERMISSION, CLI_PERMISSION },
        { EG_E_DIVERGED, CLI_DIVERGED },
    };
    if (status == EG_E_STOPPED) return CLI_SIGNAL + (cli_signal ? cli_signal : SIGINT);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status) return table[i].code;
    return CLI_INTERNAL;
}

int cli_fail(eg_status status) {
    fprintf(stderr, "elegans: %s\n", *eg_error() ? eg_error() : eg_status_text(status));
    return cli_exit_code(status);
}

int cli_error(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("elegans: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return code;
}

/* ---- terminal -------------------------------------------------------------------------------------------- */

int cli_is_terminal(FILE *stream) { return isatty(fileno(stream)); }

int cli_columns(FILE *stream) {
    struct winsize size;
    if (cli_is_terminal(stream) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

int cli_colour(FILE *stream) {
    const char *no = getenv("NO_COLOR");
    return cli_is_terminal(stream) && !(no && *no);
}

void cli_bytes(char *text, size_t size, double bytes) {
    static const char *const units[] = { "bytes", "KB", "MB", "GB" };
    int unit = 0;
    while (bytes >= 1000 && unit < 3) bytes /= 1000, unit++;
    snprintf(text, size, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* ---- JSON lines ------------------------------------------------------------------------------------------ */

static void put_string(FILE *stream, const char *text) {
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(stream, "\\%c", c);
        else if (c < 0x20)
            fprintf(stream, "\\u%04x", c);
        else
            fputc(c, stream);
    }
    fputc('"', stream);
}

static void begin_item(cli_json *json, const char *key) {
    if (json->items[json->depth]++) fputc(',', json->stream);
    if (!key) return;
    put_string(json->stream, key);
    fputc(':', json->stream);
}

static void enter(cli_json *json, const char *key, char bracket) {
    if (json->depth || key) begin_item(json, key);
    fputc(bracket, json->stream);
    json->items[++json->depth] = 0;
}

static void leave(cli_json *json, char bracket) {
    json->depth--;
    fputc(bracket, json->stream);
    if (json->depth) return;
    fputc('\n', json->stream);
    fflush(json->stream);
}

void cli_json_open(cli_json *json, const char *key) { enter(json, key, '{'); }
void cli_json_close(cli_json *json) { leave(json, '}'); }
void cli_json_list(cli_json *json, const char *key) { enter(json, key, '['); }
void cli_json_list_end(cli_json *json) { leave(json, ']'); }

void cli_json_text(cli_json *json, const char *key, const char *text) {
    begin_item(json, key);
    if (text)
        put_string(json->stream, text);
    else
        fputs("null", json->stream);
}

/* The shortest of %.6g to %.17g that reads back to the same number. */
void cli_json_real(cli_json *json, const char *key, double number) {
    begin_item(json, key);
    if (!isfinite(number)) {
        fputs("null", json->stream);
        return;
    }
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    fputs(text, json->stream);
}

void cli_json_integer(cli_json *json, const char *key, int64_t number) {
    begin_item(json, key);
    fprintf(json->stream, "%lld", (long long)number);
}

typedef struct score_field {
    const char *name;
    size_t offset;
} score_field;

static const score_field score_fields[] = {
    { "loss", offsetof(eg_scores, loss) },   { "accuracy", offsetof(eg_scores, accuracy) },
    { "top_k", offsetof(eg_scores, top_k) }, { "mse", offsetof(eg_scores, mse) },
    { "mae", offsetof(eg_scores, mae) },     { "r2", offsetof(eg_scores, r2) },
};
enum { SCORE_FIELDS = sizeof score_fields / sizeof *score_fields };

static double score(const eg_scores *scores, int i) {
    return *(const double *)(const void *)((const char *)scores + score_fields[i].offset);
}

void cli_json_scores(cli_json *json, const eg_scores *scores) {
    for (int i = 0; i < SCORE_FIELDS; i++)
        if (!isnan(score(scores, i))) cli_json_real(json, score_fields[i].name, score(scores, i));
}

void cli_print_scores(FILE *stream, const char *what, const eg_scores *scores) {
    fprintf(stream, "%s:", what);
    for (int i = 0; i < SCORE_FIELDS; i++)
        if (!isnan(score(scores, i))) fprintf(stream, "  %s %.4f", score_fields[i].name, score(scores, i));
    fprintf(stream, "  (%lld samples)\n", (long long)scores->n);
}

/* ---- models and data ------------------------------------------------------------------------------------- */

eg_model *cli_load_model(const char *path, int *code) {
    eg_model *model = eg_model_load(path);
    if (model && eg_model_status(model) == EG_OK) return model;
    eg_status status = model ? eg_model_status(model) : EG_E_MEMORY;
    *code = cli_error(status == EG_E_NAME || status == EG_E_ARGUMENT ? CLI_BAD_DATA : cli_exit_code(status), "%s",
                      model ? eg_model_error(model) : eg_error());
    eg_model_free(model);
    return NULL;
}

eg_data *cli_open_for(const eg_model *model, const char *source, const char *part, int needs_target, int *code) {
    int n_columns = eg_model_columns(model), n_classes = eg_model_classes(model);
    const char **columns = calloc((size_t)n_columns + 1, sizeof *columns),
               **classes = calloc((size_t)n_classes + 1, sizeof *classes);
    if (!columns || !classes) {
        free(columns);
        free(classes);
        *code = cli_error(CLI_INTERNAL, "no memory");
        return NULL;
    }
    for (int i = 0; i < n_columns; i++) columns[i] = eg_model_column_name(model, i);
    for (int i = 0; i < n_classes; i++) classes[i] = eg_model_class_name(model, i);
    const char *target = eg_model_target_name(model);
    if (!needs_target)
        target = "-";
    else if (!*target)
        target = NULL;
    eg_data *data = eg_data_open(source, part, .target = target, .columns = n_columns ? columns : NULL,
                                 .n_columns = n_columns, .classes = n_classes ? classes : NULL,
                                 .n_classes = n_classes, .task = n_classes ? EG_TASK_CLASSIFICATION : EG_TASK_NONE);
    free(columns);
    free(classes);
    if (data && eg_data_status(data) == EG_OK) return data;
    *code = cli_error(data ? cli_exit_code(eg_data_status(data)) : CLI_INTERNAL, "%s",
                      data ? eg_data_error(data) : eg_error());
    eg_data_free(data);
    return NULL;
}

/* ---- signals --------------------------------------------------------------------------------------------- */

volatile int cli_signal;

static void on_signal(int number) {
    if (cli_signal) _exit(CLI_SIGNAL + number);
    cli_signal = number;
}

void cli_catch_signals(void) {
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
