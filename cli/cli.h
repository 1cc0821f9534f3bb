/* SPDX-License-Identifier: MIT
 *
 * cli.h: what the subcommands share. A subcommand is one file cmd_<name>.c with one literal of cli_command; its
 * options are one table, from which parsing, help and configuration come. Conventions: data on stdout, everything
 * else on stderr; exit codes below; errors are one line "elegans: what: why".
 */
#ifndef ELEGANS_CLI_H
#define ELEGANS_CLI_H

#include <stdio.h>
#include <elegans.h>

/* ---- exit codes ------------------------------------------------------------------------------------------ */

enum {
    CLI_OK = 0,
    CLI_INTERNAL = 1,
    CLI_USAGE = 2,
    CLI_BAD_DATA = 65, /* bad data or model */
    CLI_MISSING = 66,  /* a missing input */
    CLI_DIVERGED = 70, /* NaN in training */
    CLI_CANNOT_WRITE = 73,
    CLI_IO = 74,
    CLI_PERMISSION = 77,
    CLI_SIGNAL = 128 /* + the signal's number: 130, 143 */
};

/* The exit code of a library status. */
int cli_exit_code(eg_status status);
/* Prints "elegans: <eg_error()>" to stderr and returns the exit code. */
int cli_fail(eg_status status);
/* Prints "elegans: ..." (printf) to stderr and returns `code`. */
int cli_error(int code, const char *format, ...) EG_PRINTF(2, 3);

/* ---- options --------------------------------------------------------------------------------------------- */

typedef enum cli_kind {
    CLI_FLAG,    /* int: 1 when given                                            */
    CLI_TEXT,    /* const char *                                                 */
    CLI_INTEGER, /* int64_t                                                      */
    CLI_COUNT,   /* int64_t, 0 or more                                           */
    CLI_REAL,    /* double; NAN where it was not given                           */
    CLI_BATCH,   /* int64_t: a positive number or "all" (EG_BATCH_ALL)           */
    CLI_MANY     /* cli_list of texts: may be repeated                           */
} cli_kind;

enum { CLI_MAX_LIST = 32 };
typedef struct cli_list {
    int n;
    const char *item[CLI_MAX_LIST];
} cli_list;

typedef struct cli_option {
    const char *name; /* without dashes */
    char letter;      /* short form, 0: none */
    cli_kind kind;
    size_t offset;        /* of the field in the command's options struct */
    const char *argument; /* "N", "FILE"; NULL for flags */
    const char *help;     /* one line */
    const char *group;    /* heading in help, on the first option of a group */
} cli_option;

typedef struct cli_command {
    const char *name;
    const char *summary;       /* one line for `elegans help` */
    const char *usage;         /* after the name: "MODEL --data SOURCE [options]" */
    const char *examples;      /* whole lines */
    const char *notes;         /* printed after the options, or NULL */
    const cli_option *options; /* ends with a NULL name */
    int (*run)(int argc, char **argv);
} cli_command;

extern const cli_command *const cli_commands[]; /* ends with NULL */
extern const cli_command cli_train, cli_evaluate, cli_predict, cli_inspect, cli_check, cli_help, cli_version;

/* Parses argv[0..argc) into `target` (already holding defaults); positional arguments go to `positional` (at most
 * max, else an error). Returns -1 to go on, or an exit code: 0 after --help, 2 after a mistake. */
int cli_parse(const cli_command *command, int argc, char **argv, void *target, const char **positional, int max);
/* Sets one option by name, as --set and configuration files do; CLI_USAGE with a message on a mistake. */
int cli_assign(const cli_command *command, void *target, const char *name, const char *value);
/* The command's page. */
void cli_print_help(const cli_command *command, FILE *stream);
const cli_command *cli_find(const char *name);

/* ---- terminal -------------------------------------------------------------------------------------------- */

int cli_is_terminal(FILE *stream);
int cli_columns(FILE *stream);                         /* width, 80 where unknown */
int cli_colour(FILE *stream);                          /* a terminal and no NO_COLOR */
void cli_bytes(char *text, size_t size, double bytes); /* "1.6 MB" */

/* ---- JSON lines: one object a line ----------------------------------------------------------------------- */

typedef struct cli_json {
    FILE *stream;
    int items[8], depth;
} cli_json;

void cli_json_open(cli_json *json, const char *key); /* { ; key NULL at the top */
void cli_json_close(cli_json *json);                 /* }, and a newline and flush at the top */
void cli_json_list(cli_json *json, const char *key); /* [ */
void cli_json_list_end(cli_json *json);
void cli_json_text(cli_json *json, const char *key, const char *text); /* NULL: null */
void cli_json_real(cli_json *json, const char *key, double number);    /* not finite: null */
void cli_json_integer(cli_json *json, const char *key, int64_t number);
/* "loss":..,"accuracy":.. of what was computed, inside the open object. */
void cli_json_scores(cli_json *json, const eg_scores *scores);

/* ---- models and data ------------------------------------------------------------------------------------- */

/* Loads a model or says why not (returns NULL and *code). */
eg_model *cli_load_model(const char *path, int *code);
/* Opens data as the model wants to see it: its columns and classes. */
eg_data *cli_open_for(const eg_model *model, const char *source, const char *part, int needs_target, int *code);
/* "loss 0.0623  accuracy 0.9812": what was computed. */
void cli_print_scores(FILE *stream, const char *what, const eg_scores *scores);

/* Counts SIGINT and SIGTERM; the number of the first one lies in cli_signal. A second SIGINT ends the process at
 * once. */
extern volatile int cli_signal;
void cli_catch_signals(void);

#endif
