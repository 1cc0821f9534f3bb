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
        { EG_E_UNAVAILABLE, CLI_BAD_DATA },
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

void cli_print_bits(FILE *stream, const eg_data *data, const eg_scores *scores) {
    const eg_text_opt *text = eg_data_text(data);
    if (!text || eg_data_columns(data)) return;
    fprintf(stream, "each %s: %.4f nats, %.4f bits (%lld of them)\n",
            text->unit == EG_TOKEN_WORD ? "word" : "character", scores->loss, scores->loss / log(2),
            (long long)(scores->n * text->steps));
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

int cli_shape(const char *what, const char *text, eg_shape *shape) {
    const char *at = text;
    *shape = EG_SCALAR;
    for (char *end; shape->rank < EG_MAX_RANK - 1; at = end + 1) {
        long long dim = strtoll(at, &end, 10);
        if (end == at || dim < 1 || dim > 1 << 20) break;
        shape->dim[shape->rank++] = dim;
        if (*end == 0) return CLI_GO_ON;
        if (*end != 'x' && *end != ',') break;
    }
    return cli_error(CLI_USAGE, "%s takes a shape such as 4 or 28x28, not '%s'", what, text);
}

/* ---- shuffled data -------------------------------------------------------------------------------------- */

static const char shuffled[] = "shuffled:";

static int is_shuffled(const char *source) { return strncmp(source, shuffled, sizeof shuffled - 1) == 0; }

const char *cli_plain_source(const char *source) {
    return is_shuffled(source) ? source + sizeof shuffled - 1 : source;
}

/* Number j of each row goes to place where[j]. */
static void move_numbers(unsigned char *row, unsigned char *copy, int64_t n, size_t size, const int64_t *where) {
    memcpy(copy, row, (size_t)n * size);
    for (int64_t j = 0; j < n; j++) memcpy(row + (size_t)where[j] * size, copy + (size_t)j * size, size);
}

static eg_data *with_numbers_moved(eg_data *data, int64_t n, const int64_t *where) {
    eg_tensor *x = eg_tensor_copy(eg_data_x(data), eg_tensor_dtype(eg_data_x(data)));
    size_t size = x ? eg_dtype_size(eg_tensor_dtype(x)) : 0;
    unsigned char *copy = malloc((size_t)n * size + 1);
    eg_data *moved = NULL;
    for (int64_t i = 0; x && copy && i < eg_data_rows(data); i++)
        move_numbers((unsigned char *)eg_tensor_data(x) + (size_t)(i * n) * size, copy, n, size, where);
    if (x && copy) moved = eg_data_from(x, eg_data_y(data), eg_data_classes(data));
    eg_tensor_free(x);
    free(copy);
    eg_data_free(data);
    return moved;
}

eg_data *cli_shuffled(eg_data *data, const char *source) {
    if (!data || !is_shuffled(source) || eg_data_status(data) != EG_OK || eg_data_columns(data) > 0) return data;
    int64_t n = eg_shape_size(eg_data_sample_shape(data));
    int64_t *where = malloc((size_t)n * sizeof *where);
    uint64_t chance = 1;
    for (int64_t i = 0; where && i < n; i++) where[i] = i;
    for (int64_t i = n - 1; where && i > 0; i--) { /* Fisher and Yates */
        int64_t j = (int64_t)(cli_uniform(&chance) * (double)(i + 1)), kept = where[i];
        where[i] = where[j], where[j] = kept;
    }
    eg_data *moved = where ? with_numbers_moved(data, n, where) : NULL;
    if (!where) eg_data_free(data);
    free(where);
    return moved;
}

/* ---- data for a model ----------------------------------------------------------------------------------- */

/* The size of images that the model takes; of any other input none. */
static eg_shape image_size(const eg_model *model) {
    eg_shape s = eg_model_input_shape(model);
    if (s.rank == 2) s = EG_SHAPE(s.dim[0], s.dim[1], 1);
    return s.rank == 3 && (s.dim[2] == 1 || s.dim[2] == 3) ? s : EG_SCALAR;
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
    eg_text_opt text = { .vocabulary = eg_model_vocabulary(model), .rows = eg_model_stateful_rows(model) };
    if (text.vocabulary) text.steps = eg_model_input_shape(model).dim[0];
    if (text.vocabulary && columns && n_columns) text.column = columns[0];
    if (columns && classes)
        data = eg_data_open(cli_plain_source(source), part, .target = target, .columns = n_columns ? columns : NULL,
                            .n_columns = n_columns, .classes = n_classes ? classes : NULL, .n_classes = n_classes,
                            .missing = eg_model_missing(model),
                            .task = n_classes ? EG_TASK_CLASSIFICATION : EG_TASK_NONE, .allow_download = 1,
                            .text = text, .image_size = image_size(model));
    free(columns);
    free(classes);
    data = cli_shuffled(data, source);
    if (data && eg_data_status(data) == EG_OK) return data;
    *code = cli_data_error(data);
    eg_data_free(data);
    return NULL;
}

const char *cli_part(const char *said, const char *source) {
    return said ? said : eg_data_has_part(cli_plain_source(source), "test") ? "test" : NULL;
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
    /* A reader of the JSON lines that goes away must not cost the run, which ends as if by this signal (main.c). */
    signal(SIGPIPE, SIG_IGN);
}
