/* SPDX-License-Identifier: MIT
 *
 * settings.c: settings files, which are what a command's option table holds as lines "key = value", and the care that
 * a file is written whole or not at all. '#' starts a comment line; \n, \r and \\ stand for a newline, a return and a
 * backslash.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "cli.h"

/* ---- reading ------------------------------------------------------------------------------------------- */

static int cannot_read(const char *path) {
    int code = errno == EACCES || errno == EPERM     ? CLI_PERMISSION
               : errno == ENOENT || errno == ENOTDIR ? CLI_MISSING
                                                     : CLI_IO;
    return cli_error(code, "%s: cannot read: %s", path, strerror(errno));
}

/* The whole file as a text; NULL and *code on failure. */
static char *read_text(const char *path, int *code) {
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "r");
    struct stat st;
    char *text = NULL;
    if (!file || fstat(fileno(file), &st) != 0) {
        *code = cannot_read(path);
    } else if (S_ISDIR(st.st_mode)) {
        *code = cli_error(CLI_MISSING, "%s: is a folder, not a file", path);
    } else if (!(text = malloc(MOST + 1))) {
        *code = cli_no_memory();
    } else {
        size_t size = fread(text, 1, MOST, file);
        text[size] = 0;
        *code = ferror(file)                           ? cannot_read(path)
                : size == MOST || strlen(text) != size ? cli_error(CLI_USAGE, "%s: is not a settings file", path)
                                                       : CLI_GO_ON;
    }
    if (file) fclose(file);
    return text;
}

static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != '\\' || !from[1])
            *to++ = *from;
        else
            *to++ = *++from == 'n' ? '\n' : *from == 'r' ? '\r' : *from;
    }
    *to = 0;
}

static int read_line(const cli_command *command, const char *path, int number, char *line, void *target) {
    line += strspn(line, " \t");
    if (*line == 0 || *line == '#') return CLI_GO_ON;
    char *equals = strchr(line, '='), where[300];
    if (!equals) return cli_error(CLI_USAGE, "%s: line %d: not a setting: '%.60s'", path, number, line);
    char *end = equals;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *end = 0;
    char *value = equals + 1 + (equals[1] == ' ');
    unescape(value);
    snprintf(where, sizeof where, "%.200s: line %d: ", path, number);
    return cli_assign(command, where, target, line, value);
}

int cli_read_settings(const cli_command *command, const char *path, void *target, char **text) {
    int code = CLI_GO_ON, number = 1;
    *text = read_text(path, &code);
    for (char *line = *text, *next; code < 0 && line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        code = read_line(command, path, number, line, target);
    }
    return code;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static const void *field_of(const cli_option *option, const void *from) {
    return (const char *)from + option->offset;
}

static int is_absent(const cli_option *option, const void *from) {
    const void *field = field_of(option, from);
    switch (option->kind) {
    case CLI_FLAG:
        return !*(const int *)field;
    case CLI_TEXT:
        return !*(const char *const *)field;
    case CLI_REAL:
        return isnan(*(const double *)field);
    case CLI_MANY:
        return ((const cli_list *)field)->n == 0;
    default:
        return *(const int64_t *)field == CLI_ABSENT;
    }
}

static void put_text(const char *text, FILE *stream) {
    for (; *text; text++) {
        const char *escape = *text == '\n' ? "\\n" : *text == '\r' ? "\\r" : *text == '\\' ? "\\\\" : NULL;
        if (escape)
            fputs(escape, stream);
        else
            fputc(*text, stream);
    }
}

static void put_setting(const cli_option *option, const void *from, FILE *stream) {
    const void *field = field_of(option, from);
    fprintf(stream, "%s = ", option->name);
    switch (option->kind) {
    case CLI_TEXT:
        put_text(*(const char *const *)field, stream);
        break;
    case CLI_FLAG:
        fputs("true", stream);
        break;
    case CLI_REAL:
        if (isinf(*(const double *)field))
            fputs(option->words[0], stream);
        else
            cli_put_real(stream, *(const double *)field);
        break;
    case CLI_WORD:
        fputs(option->words[*(const int64_t *)field], stream);
        break;
    default:
        if (option->kind == CLI_BATCH && *(const int64_t *)field == EG_BATCH_ALL)
            fputs("all", stream);
        else
            fprintf(stream, "%lld", (long long)*(const int64_t *)field);
    }
    fputc('\n', stream);
}

void cli_put_settings(const cli_command *command, const void *from, FILE *stream) {
    for (const cli_option *option = command->options; option->name; option++)
        if (option->role != CLI_ONCE && !is_absent(option, from)) put_setting(option, from, stream);
}

static int cannot_write(const char *path) {
    int code = errno == EACCES || errno == EPERM || errno == EROFS ? CLI_PERMISSION : CLI_CANNOT_WRITE;
    if (errno == ENOENT || errno == ENOTDIR)
        return cli_error(code, "%s: cannot create: its folder does not exist", path);
    return cli_error(code, "%s: cannot write: %s", path, errno ? strerror(errno) : "not all of it was taken");
}

/* A new file beside `path`, under a name that nobody else has; NULL without memory or with errno set. */
static FILE *open_beside(const char *path, char **name) {
    size_t size = strlen(path) + 8;
    *name = malloc(size);
    if (!*name) return NULL;
    snprintf(*name, size, "%s.XXXXXX", path);
    int fd = mkstemp(*name);
    if (fd < 0) return NULL;
    mode_t mask = umask(0);
    umask(mask);
    FILE *file = fchmod(fd, 0666 & ~mask) == 0 ? fdopen(fd, "w") : NULL;
    if (file) return file;
    close(fd);
    unlink(*name);
    return NULL;
}

/* Ends a file of open_beside under its own name, or takes it away. */
static int keep(FILE *file, char *name, const char *path) {
    int good = fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0;
    good = fclose(file) == 0 && good;
    good = good && rename(name, path) == 0;
    int code = good ? CLI_GO_ON : cannot_write(path);
    if (!good) unlink(name);
    free(name);
    return code;
}

static int not_opened(char *name, const char *path) {
    int code = name ? cannot_write(path) : cli_no_memory();
    free(name);
    return code;
}

int cli_write_settings(const cli_command *command, const void *from, const char *path, const char *comment) {
    char *name;
    FILE *file = open_beside(path, &name);
    if (!file) return not_opened(name, path);
    fprintf(file, "# %s\n", comment);
    cli_put_settings(command, from, file);
    return keep(file, name, path);
}

/* A device or pipe is written as it is: it cannot be replaced. */
static int write_through(const char *path, const char *text, size_t size) {
    FILE *file = fopen(path, "w");
    int good = file && fwrite(text, 1, size, file) == size;
    if (file) good = fclose(file) == 0 && good;
    return good ? CLI_GO_ON : cannot_write(path);
}

int cli_write_text(const char *path, const char *text, size_t size) {
    char *name;
    struct stat st;
    if (strcmp(path, "-") == 0) return fwrite(text, 1, size, stdout) == size ? CLI_GO_ON : cannot_write("stdout");
    if (cli_is_device(path)) return write_through(path, text, size);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return cli_error(CLI_CANNOT_WRITE, "%s: is a folder", path);
    FILE *file = open_beside(path, &name);
    if (!file) return not_opened(name, path);
    fwrite(text, 1, size, file);
    return keep(file, name, path);
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

static int same_setting(const cli_option *option, const void *a, const void *b) {
    if (is_absent(option, a) || is_absent(option, b)) return is_absent(option, a) && is_absent(option, b);
    const void *x = field_of(option, a), *y = field_of(option, b);
    switch (option->kind) {
    case CLI_FLAG:
        return *(const int *)x == *(const int *)y;
    case CLI_TEXT:
        return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    case CLI_REAL:
        return *(const double *)x == *(const double *)y;
    case CLI_MANY:
        return 1;
    default:
        return *(const int64_t *)x == *(const int64_t *)y;
    }
}

const cli_option *cli_changed_setting(const cli_command *command, const void *a, const void *b) {
    for (const cli_option *option = command->options; option->name; option++)
        if (option->role == CLI_FIXED && !same_setting(option, a, b)) return option;
    return NULL;
}

/* ---- output files -------------------------------------------------------------------------------------- */

int cli_is_device(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int cli_check_writable(const char *path) {
    struct stat st;
    char *name = NULL;
    if (*path == 0 || strcmp(path, "-") == 0)
        return cli_error(CLI_USAGE, "'%s' is not a file name to save a model in", path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return cli_error(CLI_CANNOT_WRITE, "%s: is a folder", path);
    if (cli_is_device(path)) return access(path, W_OK) == 0 ? CLI_GO_ON : cannot_write(path);
    FILE *file = open_beside(path, &name);
    int code = file ? CLI_GO_ON : name ? cannot_write(path) : cli_no_memory();
    if (file) {
        fclose(file);
        unlink(name);
    }
    free(name);
    return code;
}

int cli_check_space(const char *path, int64_t bytes) {
    const char *slash = strrchr(path, '/');
    struct statvfs disk;
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int known = folder && !cli_is_device(path) && statvfs(folder, &disk) == 0;
    free(folder);
    if (!known || (double)disk.f_bavail * (double)disk.f_frsize >= (double)bytes) return CLI_GO_ON;
    char need[32], left[32];
    cli_bytes(need, sizeof need, (double)bytes);
    cli_bytes(left, sizeof left, (double)disk.f_bavail * (double)disk.f_frsize);
    return cli_error(CLI_CANNOT_WRITE, "%s: the model takes %s, the disk has %s left", path, need, left);
}
