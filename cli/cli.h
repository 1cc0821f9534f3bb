/* SPDX-License-Identifier: MIT
 *
 * cli.h: what the subcommands share. A subcommand is one file cmd_<name>.c with one literal of cli_command; its
 * options are one table, from which parsing, help, completion and settings files come. Conventions: data on stdout,
 * everything else on stderr; exit codes below; errors are one line "elegans: what: why".
 *
 *     common.c    errors, signals, opening models and data      option.c    the command line and its help
 *     terminal.c  width, colour, wrapping                       settings.c  settings files, --set, output files
 *     json.c      JSON lines                                    complete.c  completion for bash
 *     fetch.c     downloads by curl or wget
 */
#ifndef ELEGANS_CLI_H
#define ELEGANS_CLI_H

#include <stdio.h>
#include <elegans.h>

/* ---- exit codes ---------------------------------------------------------------------------------------- */

enum {
    CLI_GO_ON = -1, /* of functions that return an exit code: there is none yet */
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
/* Prints "elegans: ..." (printf) to stderr, on one line whatever the text holds, and returns `code`. */
int cli_error(int code, const char *format, ...) EG_PRINTF(2, 3);
int cli_no_memory(void);

/* ---- options ------------------------------------------------------------------------------------------- */

typedef enum cli_kind {
    CLI_FLAG,     /* int: 1 when given                                                   */
    CLI_TEXT,     /* const char *, NULL where absent                                     */
    CLI_WORD,     /* int64_t: place in the option's words, CLI_ABSENT where absent       */
    CLI_COUNT,    /* int64_t: 0 or more, or CLI_ABSENT                                   */
    CLI_POSITIVE, /* int64_t: 1 or more, or CLI_ABSENT                                   */
    CLI_SEED,     /* int64_t: the same without a limit                                   */
    CLI_REAL,     /* double; NAN where absent, HUGE_VAL for the option's word (one)      */
    CLI_BATCH,    /* int64_t: a positive number or "all" (EG_BATCH_ALL), or CLI_ABSENT   */
    CLI_MANY      /* cli_list of texts: may be repeated                                  */
} cli_kind;
#define CLI_ABSENT INT64_MIN

enum { CLI_MAX_LIST = 32, CLI_MAX_COUNT = 2147483647 };
typedef struct cli_list {
    int n;
    const char *item[CLI_MAX_LIST];
} cli_list;

/* What an option means for a settings file and for a run that is resumed. */
typedef enum cli_role {
    CLI_FIXED, /* decides the result: written, and the same when a run goes on  */
    CLI_LOOSE, /* written, but may be another when a run goes on                */
    CLI_ONCE   /* about this one call: never written                            */
} cli_role;

typedef struct cli_option {
    const char *name; /* without dashes */
    char letter;      /* short form, 0: none */
    cli_kind kind;
    size_t offset;        /* of the field in the command's options struct */
    const char *argument; /* "N", "FILE"; NULL for flags */
    const char *help;     /* one line */
    cli_role role;
    const char *const *words; /* of CLI_WORD, and one of CLI_REAL; ends with NULL */
    const char *group;        /* heading in help, on the first option of a group */
} cli_option;

typedef struct cli_command {
    const char *name;
    const char *summary;       /* one line for `elegans help` */
    const char *usage;         /* after the name: "MODEL --data SOURCE [options]" */
    const char *const *notes;  /* paragraphs after the options, wrapped; NULL at the end, or NULL */
    const char *examples;      /* whole lines of at most 80 columns */
    const cli_option *options; /* ends with a NULL name, or NULL */
    int (*run)(int argc, char **argv);
} cli_command;

extern const cli_command *const cli_commands[]; /* ends with NULL */
extern const cli_command cli_train, cli_evaluate, cli_predict, cli_inspect, cli_check, cli_explain, cli_race,
    cli_momentum, cli_tune, cli_picture, cli_profile, cli_help, cli_version;

/* Sets every field of `target` to "absent". */
void cli_defaults(const cli_command *command, void *target);
/* Parses argv[0..argc) over `target`; positional arguments go to `positional` (at most max, else an error). Returns
 * CLI_GO_ON, or an exit code: 0 after --help, 2 after a mistake. */
int cli_parse(const cli_command *command, int argc, char **argv, void *target, const char **positional, int max);
/* Sets one option by name ("lr", or with its group: "optimizer.lr"), as --set and settings files do; `where` begins
 * the message of a mistake. Returns CLI_GO_ON or CLI_USAGE. */
int cli_assign(const cli_command *command, const char *where, void *target, const char *name, const char *value);
/* The command's page, as wide as the terminal. */
void cli_print_help(const cli_command *command, FILE *stream);
const cli_command *cli_find(const char *name);
int cli_unknown_command(const char *name);
void cli_print_completion(FILE *stream);

static inline int64_t cli_or(int64_t value, int64_t otherwise) { return value == CLI_ABSENT ? otherwise : value; }

/* ---- settings and output files ------------------------------------------------------------------------- */

/* Reads lines "key = value" into `target`, whose texts then point into *text: free it after them. CLI_GO_ON or an
 * exit code. */
int cli_read_settings(const cli_command *command, const char *path, void *target, char **text);
/* Writes every setting that is not absent: into a stream; into a file, atomically. */
void cli_put_settings(const cli_command *command, const void *from, FILE *stream);
int cli_write_settings(const cli_command *command, const void *from, const char *path, const char *comment);
/* Writes `path` ("-": stdout) with this text, whole or not at all; CLI_GO_ON or an exit code with a message. */
int cli_write_text(const char *path, const char *text, size_t size);
/* The first CLI_FIXED option whose setting differs between two structs, or NULL. */
const cli_option *cli_changed_setting(const cli_command *command, const void *a, const void *b);
/* Can a file be written at `path`? Tries, and leaves nothing behind: CLI_GO_ON or an exit code with a message. */
int cli_check_writable(const char *path);
/* Is there room on its disk? The same. */
int cli_check_space(const char *path, int64_t bytes);
/* Is there a file that is not a regular one (a device, a pipe)? */
int cli_is_device(const char *path);

/* ---- terminal ------------------------------------------------------------------------------------------ */

int cli_is_terminal(FILE *stream);
int cli_columns(FILE *stream);                         /* width, 80 where unknown */
int cli_colour(FILE *stream);                          /* a terminal and no NO_COLOR */
const char *cli_style(FILE *stream, const char *code); /* "\033[<code>m" where colour is wanted, else "" */
void cli_bytes(char *text, size_t size, double bytes); /* "1.6 MB" */
int cli_wrap_columns(FILE *stream); /* for results: the terminal's width, elsewhere lines stay whole */
/* Words of `text` from column `indent` on, wrapped at `width` and where it has a newline, and a newline. */
void cli_print_wrapped(FILE *stream, const char *text, int indent, int width);
/* A shell's command line of `size` bytes, continued behind blanks that are not quoted by " \". */
void cli_print_command(FILE *stream, const char *text, size_t size, int width);
/* "label      words of the text ...", wrapped under its first word. */
void cli_tell(const char *label, const char *format, ...) EG_PRINTF(2, 3);

/* ---- JSON lines: one object a line --------------------------------------------------------------------- */

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
void cli_json_float(cli_json *json, const char *key, float number);
void cli_json_integer(cli_json *json, const char *key, int64_t number);
/* "loss":..,"accuracy":.. inside the open object: null where not computed; other metrics only where computed. */
void cli_json_score_fields(cli_json *json, const eg_scores *scores);
/* "key":{"loss":..,"accuracy":..}, or "key":null for NULL. */
void cli_json_scores(cli_json *json, const char *key, const eg_scores *scores);

/* The shortest decimal that reads back to the same number. */
void cli_put_real(FILE *stream, double number);
void cli_put_float(FILE *stream, float number);

/* ---- models and data ----------------------------------------------------------------------------------- */

/* Loads a model or says why not (returns NULL and *code). */
eg_model *cli_load_model(const char *path, int *code);
/* "4x4x2" after the words "check: --input", CLI_GO_ON or an exit code with a message. */
int cli_shape(const char *what, const char *text, eg_shape *shape);
/* Where the data come from: "shuffled:mnist" is mnist with the numbers of each sample in another order. */
const char *cli_plain_source(const char *source);
/* Gives the numbers of each sample another order, the same in all, if the source says so; data, or NULL without
 * memory. Nothing happens to a table: its columns have names. */
eg_data *cli_shuffled(eg_data *data, const char *source);
/* Opens data as the model wants to see it: its columns and classes. Returns NULL and *code on failure. */
eg_data *cli_open_for(const eg_model *model, const char *source, const char *part, int needs_target, int *code);
/* The part that evaluate and predict look at: what was said, else "test" where the source has one, else NULL. */
const char *cli_part(const char *said, const char *source);
/* "loss 0.0623  accuracy 0.9812": what was computed. */
void cli_print_scores(FILE *stream, const char *what, const eg_scores *scores);
/* Of a text: the loss of a character in nats and bits; of other data nothing. */
void cli_print_bits(FILE *stream, const eg_data *data, const eg_scores *scores);
/* The model's own error as a message and an exit code. */
int cli_model_error(const eg_model *model);
int cli_data_error(const eg_data *data);
/* Lets the library download data sets, by curl or wget. */
void cli_allow_downloads(void);
/* Runs a program without its input and output and returns its exit code: CLI_NOT_INSTALLED if it could not be
 * started, -1 if a signal ended it. */
enum { CLI_NOT_INSTALLED = 127 };
int cli_run_quietly(const char *const *words);

/* The next random number in [0, 1) (splitmix64), for draws of the command's own. */
double cli_uniform(uint64_t *state);

/* The number of the first SIGINT, SIGTERM or SIGHUP; 0 while there was none. A second one ends the process at once.
 */
extern volatile int cli_signal;
void cli_catch_signals(void);

#endif
