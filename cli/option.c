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

/* ---- finding ------------------------------------------------------------------------------------------- */

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

/* The heading that an option stands under. */
static const char *group_of(const cli_command *command, const cli_option *option) {
    while (!option->group && option > command->options) option--;
    return option->group ? option->group : "";
}

/* The option's name that a wrong word is closest to, or NULL. */
static const char *meant_option(const cli_command *command, const char *word) {
    const char *names[MAX_OPTIONS];
    int n = 0;
    for (const cli_option *option = command->options; option && option->name && n < MAX_OPTIONS; option++)
        names[n++] = option->name;
    return eg_did_you_mean(word, names, n);
}

static int unknown_option(const cli_command *command, const char *name, size_t length) {
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < 60 ? length : 60), name);
    const char *meant = meant_option(command, word);
    if (meant) return cli_error(CLI_USAGE, "%s: unknown option --%s; did you mean --%s?", command->name, word, meant);
    return cli_error(CLI_USAGE, "%s: unknown option --%s; see: elegans %s --help", command->name, word,
                     command->name);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static int parse_integer(const char *text, int64_t least, int64_t most, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || isspace((unsigned char)*text) || value < least || value > most)
        return 0;
    *out = value;
    return 1;
}

static int parse_real(const char *text, double *out) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || isspace((unsigned char)*text) || !isfinite(value)) return 0;
    *out = value;
    return 1;
}

static int parse_batch(const char *text, int64_t *out) {
    if (strcmp(text, "all") != 0) return parse_integer(text, 1, CLI_MAX_COUNT, out);
    *out = EG_BATCH_ALL;
    return 1;
}

static int parse_flag(const char *text, int *out) {
    if (!text || strcmp(text, "true") == 0 || strcmp(text, "1") == 0) return *out = 1;
    if (strcmp(text, "false") != 0 && strcmp(text, "0") != 0) return 0;
    *out = 0;
    return 1;
}

static int parse_word(const char *text, const char *const *words, int64_t *out) {
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return 1;
        }
    return 0;
}

static int add_to_list(cli_list *list, const char *text) {
    if (list->n == CLI_MAX_LIST) return 0;
    list->item[list->n++] = text;
    return 1;
}

/* Stores a value in its field; 0 if it is not of the option's kind. */
static int store(const cli_option *option, void *target, const char *value) {
    void *field = (char *)target + option->offset;
    switch (option->kind) {
    case CLI_FLAG:
        return parse_flag(value, field);
    case CLI_TEXT:
        *(const char **)field = value;
        return 1;
    case CLI_WORD:
        return parse_word(value, option->words, field);
    case CLI_COUNT:
        return parse_integer(value, 0, CLI_MAX_COUNT, field);
    case CLI_POSITIVE:
        return parse_integer(value, 1, CLI_MAX_COUNT, field);
    case CLI_SEED:
        return parse_integer(value, 0, INT64_MAX, field);
    case CLI_REAL:
        if (option->words && strcmp(option->words[0], value) == 0) return *(double *)field = HUGE_VAL, 1;
        return parse_real(value, field);
    case CLI_BATCH:
        return parse_batch(value, field);
    case CLI_MANY:
        return add_to_list(field, value);
    }
    return 0;
}

/* "constant, linear or cosine" */
static void list_words(const char *const *words, char *out, size_t size) {
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; words[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s",
                                 i == 0         ? ""
                                 : words[i + 1] ? ", "
                                                : " or ",
                                 words[i]);
}

static int wrong_value(const char *where, const cli_option *option, const char *value) {
    static const char *const wants[] = { [CLI_FLAG] = "true or false",
                                         [CLI_COUNT] = "a whole number, 0 or more",
                                         [CLI_SEED] = "a whole number",
                                         [CLI_POSITIVE] = "a whole number, 1 or more",
                                         [CLI_REAL] = "a number",
                                         [CLI_BATCH] = "a number of samples or 'all'",
                                         [CLI_MANY] = "at most 32 repetitions",
                                         [CLI_TEXT] = "a text" };
    if (option->kind == CLI_REAL && option->words)
        return cli_error(CLI_USAGE, "%s%s takes a number or '%s', not '%s'", where, option->name, option->words[0],
                         value);
    if (option->kind != CLI_WORD)
        return cli_error(CLI_USAGE, "%s%s takes %s, not '%s'", where, option->name, wants[option->kind], value);
    char list[160];
    list_words(option->words, list, sizeof list);
    int n = 0;
    while (option->words[n]) n++;
    const char *meant = eg_did_you_mean(value, option->words, n);
    if (meant)
        return cli_error(CLI_USAGE, "%s%s takes %s, not '%s'; did you mean '%s'?", where, option->name, list, value,
                         meant);
    return cli_error(CLI_USAGE, "%s%s takes %s, not '%s'", where, option->name, list, value);
}

static int set_option(const char *where, const cli_option *option, void *target, const char *value) {
    return store(option, target, value) ? CLI_GO_ON : wrong_value(where, option, value ? value : "");
}

void cli_defaults(const cli_command *command, void *target) {
    for (const cli_option *option = command->options; option && option->name; option++) {
        void *field = (char *)target + option->offset;
        switch (option->kind) {
        case CLI_FLAG:
            *(int *)field = 0;
            break;
        case CLI_TEXT:
            *(const char **)field = NULL;
            break;
        case CLI_REAL:
            *(double *)field = (double)NAN;
            break;
        case CLI_MANY:
            *(cli_list *)field = (cli_list){ 0 };
            break;
        case CLI_WORD:
        case CLI_COUNT:
        case CLI_POSITIVE:
        case CLI_SEED:
        case CLI_BATCH:
            *(int64_t *)field = CLI_ABSENT;
            break;
        }
    }
}

/* ---- by name ------------------------------------------------------------------------------------------- */

/* Is `name` ("optimizer.lr") preceded by the option's own heading, or by nothing? */
static int right_group(const cli_command *command, const cli_option *option, const char *name, size_t length) {
    const char *group = group_of(command, option);
    return length == 0 || (strlen(group) == length && strncasecmp(group, name, length) == 0);
}

int cli_assign(const cli_command *command, const char *where, void *target, const char *name, const char *value) {
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    const cli_option *option = find_option(command, last, strlen(last));
    if (!option || option->role == CLI_ONCE) {
        const char *meant = option ? NULL : meant_option(command, last);
        return cli_error(CLI_USAGE, "%sthere is no setting '%.60s'%s%s%s", where, name,
                         meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    }
    if (!right_group(command, option, name, dot ? (size_t)(dot - name) : 0)) {
        char group[32];
        int n = snprintf(group, sizeof group, "%s", group_of(command, option));
        for (int i = 0; i < n; i++) group[i] = (char)tolower((unsigned char)group[i]);
        return cli_error(CLI_USAGE, "%sthere is no setting '%.60s'; did you mean '%s.%s'?", where, name, group, last);
    }
    return set_option(where, option, target, value);
}

/* ---- the command line ---------------------------------------------------------------------------------- */

/* Is the word after an option another option, and not its value? (Negative numbers and "-" are values.) */
static int is_option(const cli_command *command, const char *word) {
    if (strncmp(word, "--", 2) == 0) return find_option(command, word + 2, strcspn(word + 2, "=")) != NULL;
    return word[0] == '-' && word[1] && !word[2] && find_letter(command, word[1]);
}

/* One argument that starts with a dash, at argv[*i]; moves *i over its value. */
static int parse_dashed(const cli_command *command, int argc, char **argv, int *i, void *target) {
    const char *word = argv[*i], *equals = NULL;
    const cli_option *option;
    char where[40];
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        equals = word[2 + length] ? word + 2 + length : NULL;
        option = find_option(command, word + 2, length);
        if (!option) return unknown_option(command, word + 2, length);
    } else {
        option = word[2] == 0 ? find_letter(command, word[1]) : NULL;
        if (!option)
            return cli_error(CLI_USAGE, "%s: unknown option %s; see: elegans %s --help", command->name, word,
                             command->name);
    }
    snprintf(where, sizeof where, "%s: --", command->name);
    if (option->kind == CLI_FLAG) return set_option(where, option, target, equals ? equals + 1 : NULL);
    if (!equals && (*i + 1 >= argc || is_option(command, argv[*i + 1])))
        return cli_error(CLI_USAGE, "%s: --%s needs a value (%s)", command->name, option->name, option->argument);
    return set_option(where, option, target, equals ? equals + 1 : argv[++*i]);
}

static int is_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

int cli_parse(const cli_command *command, int argc, char **argv, void *target, const char **positional, int max) {
    int found = 0, only_positional = 0;
    for (int i = 0; i < argc; i++) {
        if (!only_positional && is_help(argv[i])) {
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
            return cli_error(CLI_USAGE, "%s: what is '%s'? see: elegans %s --help", command->name, argv[i],
                             command->name);
        }
    }
    return CLI_GO_ON;
}

/* ---- help ---------------------------------------------------------------------------------------------- */

static void print_heading(FILE *stream, const char *heading) {
    fprintf(stream, "\n%s%s%s\n", cli_style(stream, "1"), heading, cli_style(stream, "0"));
}

static void print_option(const cli_option *option, FILE *stream, int width) {
    enum { INDENT = 26 };
    if (option->group) print_heading(stream, option->group);
    int used = fprintf(stream, "  --%s", option->name);
    if (option->letter) used += fprintf(stream, ", -%c", option->letter);
    if (option->argument) used += fprintf(stream, " %s", option->argument);
    if (used >= INDENT)
        fprintf(stream, "\n%*s", INDENT, "");
    else
        fprintf(stream, "%*s", INDENT - used, "");
    cli_print_wrapped(stream, option->help, INDENT, width);
}

void cli_print_help(const cli_command *command, FILE *stream) {
    int width = cli_columns(stream);
    char text[400];
    snprintf(text, sizeof text, "elegans %s - %s", command->name, command->summary);
    cli_print_wrapped(stream, text, 0, width);
    snprintf(text, sizeof text, "elegans %s %s", command->name, command->usage);
    fprintf(stream, "\nUsage: ");
    cli_print_wrapped(stream, text, 7, width);
    for (const cli_option *option = command->options; option && option->name; option++)
        print_option(option, stream, width);
    for (int i = 0; command->notes && command->notes[i]; i++) {
        fputc('\n', stream);
        cli_print_wrapped(stream, command->notes[i], 0, width);
    }
    if (!command->examples) return;
    print_heading(stream, "Examples");
    for (const char *line = command->examples; *line; line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        cli_print_command(stream, line, length, width);
        line += length;
    }
}
