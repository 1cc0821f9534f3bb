/* SPDX-License-Identifier: MIT
 *
 * csv.c: one pass over the bytes packs the cells in place (unquoted, trimmed, each ended by a NUL), so that a table
 * costs its file plus 16 bytes a row and 4 a cell, for the number that it may be. Lenient where files differ (spaces
 * around cells, blank lines, a quote inside a bare cell), strict where a guess would change the data (ragged rows, open
 * quotes, zero bytes). Decimal commas are not read.
 */
#include "data/csv.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"

typedef struct scanner {
    char *p, *end; /* unread bytes */
    char *out;     /* where the next packed byte goes: never past p */
    char *text;
    char delimiter;
    int quick; /* a number ends where the delimiter stands, as it is no part of one */
    int64_t line;
    float *number;
    size_t numbers, room; /* cells of them */
    eg_csv *csv;          /* columns: of the first row, 0 before it */
} scanner;

/* ---- cells ----------------------------------------------------------------------------------------------------- */

static int is_space(const scanner *in, char c) { return c == ' ' || (c == '\t' && in->delimiter != '\t'); }
static void skip_spaces(scanner *in) {
    while (in->p < in->end && is_space(in, *in->p)) in->p++;
}
static int at_end_of_cell(const scanner *in) {
    return in->p == in->end || *in->p == in->delimiter || *in->p == '\n' || *in->p == '\r';
}

static eg_status quoted_cell(scanner *in, int column) {
    int64_t opened = in->line;
    for (in->p++;; in->p++) {
        if (in->p == in->end)
            return eg_fail(EG_E_DATA, "line %lld, column %d: the quote that opens here is never closed",
                           (long long)opened, column);
        if (*in->p == '"') {
            if (in->p + 1 == in->end || in->p[1] != '"') break;
            in->p++;
        }
        in->line += *in->p == '\n';
        *in->out++ = *in->p;
    }
    in->p++;
    skip_spaces(in);
    if (at_end_of_cell(in)) return EG_OK;
    return eg_fail(EG_E_DATA, "line %lld, column %d: text after the closing quote", (long long)in->line, column);
}

static void bare_cell(scanner *in) {
    char *first = in->out;
    while (!at_end_of_cell(in)) *in->out++ = *in->p++;
    while (in->out > first && is_space(in, in->out[-1])) in->out--;
}

/* A number as a float, NaN if it is none of them. */
static float number_of(const char *first, const char *end) {
    double value;
    if (first == end || eg_parse_double(first, end, &value) != end || !isfinite((float)value)) return NAN;
    return (float)value;
}

/* Most cells are a number and nothing else: they are read as they are found, and lie where they belong. */
static int number_cell(scanner *in, float *number) {
    double value;
    const char *after = in->quick ? eg_parse_double(in->p, in->end, &value) : NULL;
    if (!after || !isfinite((float)value)) return 0;
    char *start = in->p;
    in->p = start + (after - start);
    if (!at_end_of_cell(in)) return in->p = start, 0;
    if (in->out != start) memmove(in->out, start, (size_t)(after - start));
    in->out += after - start;
    *number = (float)value;
    return 1;
}

static eg_status any_cell(scanner *in, int column, float *number) {
    char *first = in->out;
    skip_spaces(in);
    if (in->p < in->end && *in->p == '"')
        EG_TRY(quoted_cell(in, column));
    else
        bare_cell(in);
    if (in->out - first > EG_CSV_MAX_CELL)
        return eg_fail(EG_E_LIMIT, "line %lld, column %d: a cell of more than %d bytes", (long long)in->line, column,
                       EG_CSV_MAX_CELL);
    *number = number_of(first, in->out);
    return EG_OK;
}

static eg_status one_cell(scanner *in, int column) {
    if (in->numbers == in->room) {
        in->room = 2 * in->room + 1024;
        EG_TRY(EG_GROW(in->csv->first_number, in->room));
        in->number = in->csv->first_number;
    }
    float *number = &in->number[in->numbers++];
    return number_cell(in, number) ? EG_OK : any_cell(in, column, number);
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static eg_status remember_row(eg_csv *csv, size_t start, int64_t line, int columns) {
    if (csv->rows == 0) csv->columns = columns;
    if (columns != csv->columns)
        return eg_fail(EG_E_DATA, "line %lld: %d column%s, but line %lld has %d", (long long)line, columns,
                       columns == 1 ? "" : "s", (long long)csv->first_place->line, csv->columns);
    EG_TRY(EG_GROW(csv->first_place, csv->rows + 1));
    csv->first_place[csv->rows++] = (eg_csv_place){ start, line };
    return EG_OK;
}

/* Ends a cell with a NUL: the byte that `p` stands on (a delimiter, a line end, or the spare byte) makes room for it.
 */
static void end_cell(scanner *in, int *more) {
    *more = in->p < in->end && *in->p == in->delimiter;
    if (in->p < in->end) {
        if (*in->p == '\r' && in->p + 1 < in->end && in->p[1] == '\n') in->p++;
        in->line += *in->p == '\n' || *in->p == '\r';
        in->p++;
    }
    *in->out++ = '\0';
}

static eg_status one_row(scanner *in) {
    int64_t line = in->line;
    size_t start = (size_t)(in->out - in->text);
    int columns = 0, more = 1;
    while (more) {
        if (columns == EG_CSV_MAX_COLUMNS)
            return eg_fail(EG_E_LIMIT, "line %lld: more than %d columns", (long long)line, EG_CSV_MAX_COLUMNS);
        EG_TRY(one_cell(in, ++columns));
        end_cell(in, &more);
    }
    if (columns == 1 && in->text[start] == '\0') { /* a blank line */
        in->out = in->text + start;
        in->numbers--;
        return EG_OK;
    }
    return remember_row(in->csv, start, line, columns);
}

/* ---- guessing -------------------------------------------------------------------------------------------------- */

static int count_delimiters(const char *p, const char *end, char delimiter, const char **next) {
    int count = 0, quoted = 0;
    for (; p < end && (quoted || (*p != '\n' && *p != '\r')); p++) {
        quoted ^= *p == '"';
        count += !quoted && *p == delimiter;
    }
    while (p < end && (*p == '\n' || *p == '\r')) p++;
    *next = p;
    return count;
}

/* The candidate that splits the first lines into equally many columns, and into the most; failing that, the most
 * frequent one of the first line. */
static char detect_delimiter(const char *text, const char *end) {
    static const char candidates[] = { ',', ';', '\t' };
    enum { LINES = 16 };
    int best_score = 0;
    char best = ',';
    for (size_t c = 0; c < sizeof candidates; c++) {
        const char *p = text;
        int first = count_delimiters(p, end, candidates[c], &p), steady = first > 0;
        for (int i = 1; i < LINES && p < end && steady; i++)
            steady = count_delimiters(p, end, candidates[c], &p) == first;
        int score = first > EG_CSV_MAX_COLUMNS ? EG_CSV_MAX_COLUMNS : first;
        if (steady) score += EG_CSV_MAX_COLUMNS;
        if (score > best_score) best = candidates[c], best_score = score;
    }
    return best;
}

/* Names are text: the first row is a header when no cell of it is a number, or when it has text above a column of
 * numbers. */
static eg_status detect_header(eg_csv *csv) {
    enum { ROWS = 20 };
    const char **head = EG_ARENA_ARRAY(&csv->arena, const char *, csv->columns),
               **cells = EG_ARENA_ARRAY(&csv->arena, const char *, csv->columns);
    char *text_below = EG_ARENA_ARRAY(&csv->arena, char, csv->columns);
    if (!head || !cells || !text_below) return EG_E_MEMORY;
    int64_t last = csv->rows < ROWS ? csv->rows : ROWS;
    double ignored;
    for (int64_t r = 1; r < last; r++) {
        eg_csv_row(csv, r, cells);
        for (int c = 0; c < csv->columns; c++) text_below[c] |= !eg_csv_is_number(cells[c], &ignored);
    }
    int numbers = 0, names = 0;
    eg_csv_row(csv, 0, head);
    for (int c = 0; c < csv->columns; c++) {
        int number = eg_csv_is_number(head[c], &ignored) || strcmp(head[c], "?") == 0;
        numbers += number;
        names += last > 1 && !number && head[c][0] != '\0' && !text_below[c];
    }
    csv->has_header = numbers == 0 || names > 0;
    return EG_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

/* Of two columns' places in the names: equal names stay in their order. */
static int by_name(const void *a, const void *b) {
    const char *const *x = *(const char *const *const *)a, *const *y = *(const char *const *const *)b;
    int order = strcmp(*x, *y);
    return order ? order : (x > y) - (x < y);
}

static eg_status check_names(eg_csv *csv) {
    const char ***order = EG_ARENA_ARRAY(&csv->arena, const char **, csv->columns);
    if (!order) return EG_E_MEMORY;
    for (int i = 0; i < csv->columns; i++) order[i] = &csv->names[i];
    qsort(order, (size_t)csv->columns, sizeof *order, by_name);
    for (int i = 1; i < csv->columns; i++)
        if (strcmp(*order[i - 1], *order[i]) == 0)
            return eg_fail(EG_E_DATA, "columns %d and %d have the same name \"%.100s\"",
                           (int)(order[i - 1] - csv->names) + 1, (int)(order[i] - csv->names) + 1, *order[i]);
    return EG_OK;
}

static eg_status name_columns(eg_csv *csv) {
    csv->names = EG_ARENA_ARRAY(&csv->arena, const char *, csv->columns);
    if (!csv->names) return EG_E_MEMORY;
    if (csv->has_header) eg_csv_row(csv, 0, csv->names);
    for (int i = 0; i < csv->columns; i++) {
        if (csv->names[i] && csv->names[i][0] != '\0') continue;
        if (!(csv->names[i] = eg_arena_format(&csv->arena, "column_%d", i + 1))) return EG_E_MEMORY;
    }
    return csv->has_header ? check_names(csv) : EG_OK;
}

/* The next 8 bytes are ASCII without a zero byte. */
static int is_plain(const char *p) {
    uint64_t bytes, ones = UINT64_MAX / 255;
    memcpy(&bytes, p, sizeof bytes);
    return (((bytes - ones) | bytes) & 128 * ones) == 0;
}

static int64_t line_of(const char *text, const char *at) {
    int64_t line = 1;
    for (const char *p = text; p < at; p++) line += *p == '\n';
    return line;
}

/* Names of columns and classes travel into model files, whose text is UTF-8. */
static eg_status check_bytes(const char *text, size_t size) {
    if (size >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
        return eg_fail(EG_E_DATA, "is UTF-16 text: save it as UTF-8");
    const char *end = text + size;
    for (const char *p = text; p < end;) {
        if (end - p >= 8 && is_plain(p)) {
            p += 8;
            continue;
        }
        int n = eg_utf8_length(p, end);
        if (*p == '\0')
            return eg_fail(EG_E_DATA, "line %lld: a zero byte: this is not a text table",
                           (long long)line_of(text, p));
        if (n == 0)
            return eg_fail(EG_E_DATA, "line %lld: byte 0x%02x is not UTF-8: save the table as UTF-8",
                           (long long)line_of(text, p), (unsigned char)*p);
        p += n;
    }
    return EG_OK;
}

static eg_status parse(char *text, size_t size, char delimiter, int no_header, eg_csv *out) {
    EG_TRY(check_bytes(text, size));
    char *end = text + size;
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3;
    out->delimiter = delimiter ? delimiter : detect_delimiter(text, end);
    scanner in = { .p = text,
                   .end = end,
                   .out = text,
                   .text = text,
                   .delimiter = out->delimiter,
                   .line = 1,
                   .quick = strchr(",;\t", out->delimiter) != NULL,
                   .csv = out };
    while (in.p < end) EG_TRY(one_row(&in));
    if (out->rows == 0) return eg_fail(EG_E_DATA, "is empty: there are no rows");
    out->text = text;
    out->end = in.out;
    out->place = out->first_place;
    if (!no_header) EG_TRY(detect_header(out));
    EG_TRY(name_columns(out));
    out->rows -= out->has_header;
    out->place += out->has_header;
    out->number = out->first_number + (out->has_header ? out->columns : 0);
    return out->rows > 0 ? EG_OK : eg_fail(EG_E_DATA, "holds a line of names but no rows of data");
}

eg_status eg_csv_parse(char *text, size_t size, char delimiter, int no_header, eg_csv *out) {
    *out = (eg_csv){ 0 };
    eg_status status = parse(text, size, delimiter, no_header, out);
    if (status != EG_OK) eg_csv_free(out);
    return status;
}

void eg_csv_free(eg_csv *csv) {
    eg_free(csv->first_place);
    eg_free(csv->first_number);
    eg_arena_free(&csv->arena);
    *csv = (eg_csv){ 0 };
}

void eg_csv_row(const eg_csv *csv, int64_t row, const char **cells) {
    const char *p = csv->text + csv->place[row].start;
    for (int i = 0; i < csv->columns; i++, p += strlen(p) + 1) cells[i] = p;
}

const char *eg_csv_last(const eg_csv *csv, int64_t row) {
    const char *first = csv->text + csv->place[row].start,
               *p = row + 1 < csv->rows ? csv->text + csv->place[row + 1].start : csv->end;
    for (p--; p > first && p[-1];) p--;
    return p;
}

int eg_csv_is_missing(const char *cell) { return cell[0] == '\0' || strcmp(cell, "?") == 0; }

int eg_csv_is_number(const char *cell, double *value) {
    const char *end = cell + strlen(cell);
    return eg_parse_double(cell, end, value) == end && end > cell;
}

eg_status eg_csv_fail(const eg_csv *csv, int64_t row, int column, const char *format, ...) {
    long long line = csv->place[row].line;
    va_list arguments;
    va_start(arguments, format);
    eg_failv(EG_E_DATA, format, arguments);
    va_end(arguments);
    return csv->has_header ? eg_context("line %lld, column %d (%.100s)", line, column + 1, csv->names[column])
                           : eg_context("line %lld, column %d", line, column + 1);
}
