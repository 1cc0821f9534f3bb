/* SPDX-License-Identifier: MIT
 *
 * common.c: errors and exit codes, signals, and opening models and data.
 */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"

/* ---- errors -------------------------------------------------------------------------------------------- */

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

int cli_error(int code, const char *format, ...) {
    char line[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = ' ';
    fprintf(stderr, "elegans: %s\n", line);
    return code;
}

int cli_fail(eg_status status) {
    return cli_error(cli_exit_code(status), "%s", *eg_error() ? eg_error() : eg_status_text(status));
}

int cli_no_memory(void) { return cli_error(CLI_INTERNAL, "there is not enough memory"); }

int cli_model_error(const eg_model *model) {
    return cli_error(cli_exit_code(eg_model_status(model)), "%s", eg_model_error(model));
}

int cli_data_error(const eg_data *data) {
    return data ? cli_error(cli_exit_code(eg_data_status(data)), "%s", eg_data_error(data)) : cli_no_memory();
}

/* ---- scores -------------------------------------------------------------------------------------------- */

void cli_print_scores(FILE *stream, const char *what, const eg_scores *scores) {
    const struct {
        const char *name;
        double value;
    } fields[] = { { "loss", scores->loss }, { "accuracy", scores->accuracy }, { "top_k", scores->top_k },
                   { "mse", scores->mse },   { "mae", scores->mae },           { "r2", scores->r2 } };
    fprintf(stream, "%s:", what);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!isnan(fields[i].value)) fprintf(stream, "  %s %.4f", fields[i].name, fields[i].value);
    fprintf(stream, "  (%lld samples)\n", (long long)scores->n);
}

/* ---- models and data ----------------------------------------------------------------------------------- */

eg_model *cli_load_model(const char *path, int *code) {
    eg_model *model = eg_model_load(path);
    if (model && eg_model_status(model) == EG_OK) return model;
    eg_status status = model ? eg_model_status(model) : EG_E_MEMORY;
    /* A bad word in a file is bad data, not bad usage. */
    int in_file = status == EG_E_NAME || status == EG_E_ARGUMENT;
    *code = model ? cli_error(in_file ? CLI_BAD_DATA : cli_exit_code(status), "%s", eg_model_error(model))
                  : cli_no_memory();
    eg_model_free(model);
    return NULL;
}

/* `n` names of the model as a list, NULL without memory. */
static const char **names_of(const eg_model *model, int n, const char *(*name)(const eg_model *, int)) {
    const char **names = calloc((size_t)n + 1, sizeof *names);
    for (int i = 0; names && i < n; i++) names[i] = name(model, i);
    return names;
}

eg_data *cli_open_for(const eg_model *model, const char *source, const char *part, int needs_target, int *code) {
    int n_columns = eg_model_columns(model), n_classes = eg_model_classes(model);
    const char **columns = names_of(model, n_columns, eg_model_column_name);
    const char **classes = names_of(model, n_classes, eg_model_class_name);
    const char *target = eg_model_target_name(model);
    if (!*target) target = NULL;
    if (!needs_target && n_columns)
        target = "-"; /* the rows of a table need none; other sources have theirs beside */
    eg_data *data = NULL;
    if (columns && classes)
        data = eg_data_open(source, part, .target = target, .columns = n_columns ? columns : NULL,
                            .n_columns = n_columns, .classes = n_classes ? classes : NULL, .n_classes = n_classes,
                            .missing = eg_model_missing(model), .task = n_classes ? EG_TASK_CLASSIFICATION : EG_TASK_NONE, .allow_download = 1);
    free(columns);
    free(classes);
    if (data && eg_data_status(data) == EG_OK) return data;
    *code = cli_data_error(data);
    eg_data_free(data);
    return NULL;
}

const char *cli_part(const char *said, const char *source) {
    return said ? said : eg_data_has_part(source, "test") ? "test" : NULL;
}

/* ---- chance --------------------------------------------------------------------------------------------- */

double cli_uniform(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* ---- signals ------------------------------------------------------------------------------------------- */

volatile int cli_signal;

static void on_signal(int number) {
    if (cli_signal) _exit(CLI_SIGNAL + number);
    cli_signal = number;
}

void cli_catch_signals(void) {
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
    /* A reader of the JSON lines that goes away must not cost the run: the failed write is told at the end. */
    signal(SIGPIPE, SIG_IGN);
}
