/* SPDX-License-Identifier: MIT
 *
 * csv.h: text tables as RFC 4180 and the world write them: quotes, CRLF, a byte order mark, comma, semicolon or tab,
 * with or without a line of names. Cells stay text here; what they mean is decided by table.c.
 */
#ifndef EG_DATA_CSV_H
#define EG_DATA_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <elegans/base.h>
#include "base/arena.h"

enum { EG_CSV_MAX_COLUMNS = 100000, EG_CSV_MAX_CELL = 1 << 20 };
#define EG_CSV_MAX_BYTES ((size_t)2 << 30)

typedef struct eg_csv_place {
    size_t start; /* where a row begins in the packed text */
    int64_t line; /* in the file, from 1 */
} eg_csv_place;

typedef struct eg_csv {
    int columns;
    int64_t rows; /* without the header */
    char delimiter;
    int has_header;
    const char **names; /* [columns]; "column_3" where there is no header or an empty cell */
    /* The packed text: each row is `columns` strings, one after the other, each ended by a NUL. */
    const char *text, *end;
    const eg_csv_place *place; /* [rows] */
    const float *number; /* [rows,columns] the cells that are finite numbers of 32 bits; NaN: what else they are says `text` */
    eg_csv_place *first_place; /* the allocations, header row included */
    float *first_number;
    eg_arena arena;
} eg_csv;

/* Parses text[0..size) in place (it is overwritten, and must outlive the table); text[size] must be writable.
 * delimiter 0: detected. DATA errors name line and column. */
eg_status eg_csv_parse(char *text, size_t size, char delimiter, int no_header, eg_csv *out);
void eg_csv_free(eg_csv *csv);

/* Pointers to the cells of a row: cells[columns]. */
void eg_csv_row(const eg_csv *csv, int64_t row, const char **cells);

/* The last of them alone. */
const char *eg_csv_last(const eg_csv *csv, int64_t row);

/* 1 for an empty cell or "?". */
int eg_csv_is_missing(const char *cell);
/* 1 if the whole cell is one number. */
int eg_csv_is_number(const char *cell, double *value);

/* DATA error "line 7, column 3 (petal_width): ..." for a cell. */
eg_status eg_csv_fail(const eg_csv *csv, int64_t row, int column, const char *format, ...) EG_PRINTF(4, 5);

#endif
