/* SPDX-License-Identifier: MIT
 *
 * option.c: one table of options gives parsing, help and settings by name.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

enum { MAX_OPTIONS = 64 };

static const cli_option *find_option(const cli_command *command, const char *name, size_t length) {
    for (const cli_option *option = command->options; option && option->name; option++)
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0) return option;
    return NULL;
}

static const cli_option *find_letter(const cli_command *command, char letter) {
    for (const cli_option *option = command->options; option && option->name; option++)
        if (option->letter == letter) return option;
    return NULL;
}

static int unknown_option(const cli_command *command, const char *name, size_t length) {
    const char *names[MAX_OPTIONS];
    char word[64];
    int n = 0;
    for (const cli_option *option = command->options; option && option->name && n < MAX_OPTIONS; option++)
        names[n++] = option->name;
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    const char *meant = eg_did_you_mean(word, names, n);
    if (meant) return cli_error(CLI_USAGE, "%s: unknown option --%s; did you mean --%s?", command->name, word, meant);
    return cli_error(CLI_USAGE, "%s: unknown option --%s; see: elegans %s --help", command->name, word,
                     command->name);
}

/* ---- values ---------------------------------------------------------------------------------------------- */

static int parse_integer(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == 0;
}

static int parse_real(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == 0 && isfinite(*out);
}

static int parse_batch(const char *text, int64_t *out) {
    if (strcmp(text, "all") == 0) {
        *out = EG_BATCH_ALL;
        return 1;
    }
    return parse_integer(text, out) && *out > 0;
}

static const char *const kind_wants[] = { [CLI_INTEGER] = "a whole number",
                                          [CLI_COUNT] = "a whole number, 0 or more",
                                          [CLI_REAL] = "a number",
                                          [CLI_BATCH] = "a number of samples or 'all'",
                                          [CLI_MANY] = "fewer repetitions" };

/* Stores a value in its field; 0 if it is not of the option's kind. */
static int store(const cli_option *option, void *target, const char *value) {
    void *field = (char *)target + option->offset;
    switch (option->kind) {
    case CLI_FLAG:
        *(int *)field = value ? strcmp(value, "false") != 0 && strcmp(value, "0") != 0 : 1;
        return 1;
    case CLI_TEXT:
        *(const char **)field = value;
        return 1;
    case CLI_INTEGER:
        return parse_integer(value, field);
    case CLI_COUNT:
        return parse_integer(value, field) && *(int64_t *)field >= 0;
    case CLI_REAL:
        return parse_real(value, field);
    case CLI_BATCH:
        return parse_batch(value, field);
    case CLI_MANY: {
        cli_list *list = field;
        if (list->n == CLI_MAX_LIST) return 0;
        list->item[list->n++] = value;
        return 1;
    }
    }
    return 0;
}

static int set_option(const cli_command *command, const cli_option *option, void *target, const char *value) {
    if (store(option, target, value)) return -1;
    return cli_error(CLI_USAGE, "%s: --%s takes %s, not '%s'", command->name, option->name, kind_wants[option->kind],
                     value);
}

int cli_assign(const cli_command *command, void *target, const char *name, const char *value) {
    /* "optimizer.lr" is "lr": the part before the dot only says where it belongs. */
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    const cli_option *option = find_option(command, last, strlen(last));
    if (!option) return unknown_option(command, last, strlen(last));
    return set_option(command, option, target, value);
}

/* ---- the command line ------------------------------------------------------------------------------------ */

/* One argument that starts with a dash, at argv[*i]; moves *i over its value. */
static int parse_dashed(const cli_command *command, int argc, char **argv, int *i, void *target) {
    const char *word = argv[*i], *equals = NULL;
    const cli_option *option;
    if (word[1] == '-') {
        equals = strchr(word, '=');
        size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
        option = find_option(command, word + 2, length);
        if (!option) return unknown_option(command, word + 2, length);
    } else {
        option = word[2] == 0 ? find_letter(command, word[1]) : NULL;
        if (!option)
            return cli_error(CLI_USAGE, "%s: unknown option %s; see: elegans %s --help", command->name, word,
                             command->name);
    }
    if (option->kind == CLI_FLAG) return set_option(command, option, target, equals ? equals + 1 : NULL);
    if (!equals && *i + 1 >= argc)
        return cli_error(CLI_USAGE, "%s: --%s needs a value (%s)", command->name, option->name, option->argument);
    return set_option(command, option, target, equals ? equals + 1 : argv[++*i]);
}

int cli_parse(const cli_command *command, int argc, char **argv, void *target, const char **positional, int max) {
    int found = 0, only_positional = 0;
    for (int i = 0; i < argc; i++) {
        if (!only_positional && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            cli_print_help(command, stdout);
            return CLI_OK;
        }
        if (!only_positional && strcmp(argv[i], "--") == 0) {
            only_positional = 1;
        } else if (!only_positional && argv[i][0] == '-' && argv[i][1]) {
            int code = parse_dashed(command, argc, argv, &i, target);
            if (code >= 0) return code;
        } else if (found < max) {
            positional[found++] = argv[i];
        } else {
            return cli_error(CLI_USAGE, "%s: unexpected argument '%s'; see: elegans %s --help", command->name,
                             argv[i], command->name);
        }
    }
    return -1;
}

/* ---- help
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Words of `text` from column `indent` on, wrapped at `width`. */
static void print_wrapped(FILE *stream, const char *text, int indent, int width) {
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

static void print_option(const cli_option *option, FILE *stream, int width) {
    enum { INDENT = 26 };
    if (option->group) fprintf(stream, "\n%s\n", option->group);
    int used = fprintf(stream, "  --%s", option->name);
    if (option->letter) used += fprintf(stream, ", -%c", option->letter);
    if (option->argument) used += fprintf(stream, " %s", option->argument);
    if (used >= INDENT)
        fprintf(stream, "\n%*s", INDENT, "");
    else
        fprintf(stream, "%*s", INDENT - used, "");
    print_wrapped(stream, option->help, INDENT, width);
}

void cli_print_help(const cli_command *command, FILE *stream) {
    int width = cli_columns(stream);
    fprintf(stream, "elegans %s - ", command->name);
    print_wrapped(stream, command->summary, 4, width - 12);
    fprintf(stream, "\nUsage: elegans %s %s\n", command->name, command->usage);
    for (const cli_option *option = command->options; option && option->name; option++)
        print_option(option, stream, width);
    if (command->notes) fprintf(stream, "\n%s", command->notes);
    if (command->examples) fprintf(stream, "\nExamples\n%s", command->examples);
}
