/* SPDX-License-Identifier: MIT
 *
 * table.c: what the cells of a table mean. One look over all cells counts numbers, texts and gaps per column; then
 *   a column of numbers is a feature; a number column with a text in it is an error that names the cell;
 *   a column of text is one feature "column=value" per value, 1 where the row has it (one-hot);
 *   the target is classes (text, or few whole numbers) or a number; class names are sorted.
 * A model that predicts gives its own feature and class names, and the table is read into those.
 * A gap is an error, or a NaN that a model's fitted preprocessing fills, if the user says how: no decision of a reader.
 */
#include "data/table.h"
#include "data/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "tensor/shape.h"

/* A target is taken for classes without being told if its whole numbers are few, and few against the number of rows.
 */
enum { FEW_CLASSES = 20, ROWS_PER_CLASS = 3 };

/* ---- values: the different contents of a column, sorted -------------------------------------------------------- */

typedef struct value {
    const char *text;
    double number; /* NaN for text */
    int index;     /* of the class */
} value;

typedef struct values {
    value *item;
    int n, limit; /* a column with more than `limit` values stops counting at limit + 1 */
} values;

/* Numbers by size before texts by bytes, so that "10" follows "9" and "1.0" is "1". */
static int compare_values(const value *a, const value *b) {
    int a_text = isnan(a->number), b_text = isnan(b->number);
    if (a_text != b_text) return a_text - b_text;
    if (a_text) return strcmp(a->text, b->text);
    return (a->number > b->number) - (a->number < b->number);
}

/* Where `wanted` is, or where it belongs. */
static int find_value(const values *set, const value *wanted, int *found) {
    int low = 0, high = set->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (compare_values(&set->item[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < set->n && compare_values(&set->item[low], wanted) == 0;
    return low;
}

/* `is_text`: a number counts as text, too. */
static value value_of(const char *text, int is_text) {
    value v = { .text = text };
    if (is_text || !eg_csv_is_number(text, &v.number)) v.number = (double)NAN;
    return v;
}

static eg_status add_value(values *set, const value *v) {
    if (set->n > set->limit) return EG_OK;
    int found, at = find_value(set, v, &found);
    if (found) return EG_OK;
    EG_TRY(EG_GROW(set->item, set->n + 1));
    memmove(set->item + at + 1, set->item + at, (size_t)(set->n - at) * sizeof *set->item);
    set->item[at] = *v;
    set->n++;
    return EG_OK;
}

/* ---- columns --------------------------------------------------------------------------------------------------- */

typedef struct column {
    int64_t numbers, texts, gaps;
    int64_t first_text; /* row */
    values values;
} column;

/* One feature of the data set. */
typedef struct feature {
    int column;
    const char *value; /* NULL: the number; else 1 where the cell is this text */
    const char *name;
} feature;

typedef struct reading {
    const eg_csv *csv;
    const eg_data_opt *opt;
    eg_data *data;
    int target; /* -1: none */
    column *columns;
    const char **cells; /* scratch: one row, */
    int64_t split;      /* this one; -1: none yet */
    feature *features;
    int n_features;
} reading;

static int is_text_column(const column *c) { return c->texts > 0 && c->texts >= c->numbers; }

/* A row is split into its cells when somebody asks for one; the last is found from behind. */
static const char *cell_of(reading *in, int64_t row, int c) {
    if (in->split == row) return in->cells[c];
    if (c == in->csv->columns - 1) return eg_csv_last(in->csv, row);
    eg_csv_row(in->csv, in->split = row, in->cells);
    return in->cells[c];
}

static const float *numbers_of(const reading *in, int64_t row) { return in->csv->number + row * in->csv->columns; }

/* A cell that is no plain number: a gap, a text, nan, inf. */
static void count_other(column *column, const char *cell, int64_t row) {
    double ignored;
    if (eg_csv_is_missing(cell))
        column->gaps++;
    else if (eg_csv_is_number(cell, &ignored))
        column->numbers++;
    else if (column->texts++ == 0)
        column->first_text = row;
}

static void count_cells(reading *in) {
    for (int64_t r = 0; r < in->csv->rows; r++) {
        const float *number = numbers_of(in, r);
        for (int c = 0; c < in->csv->columns; c++)
            if (isnan(number[c]))
                count_other(&in->columns[c], cell_of(in, r, c), r);
            else
                in->columns[c].numbers++;
    }
}

/* Contents of features are kept as text, those of the target by what they mean. */
static eg_status add_content(reading *in, int64_t row, int c) {
    const char *cell = cell_of(in, row, c);
    if (eg_csv_is_missing(cell)) return EG_OK;
    value v = value_of(cell, c != in->target);
    return add_value(&in->columns[c].values, &v);
}

static int has_values(const reading *in, int c) { return c == in->target || is_text_column(&in->columns[c]); }

static eg_status look_at_cells(reading *in) {
    int first = in->csv->columns, last = 0;
    count_cells(in);
    for (int c = 0; c < in->csv->columns; c++) {
        if (!has_values(in, c)) continue;
        if (c < first) first = c;
        last = c;
        in->columns[c].values.limit = c == in->target ? EG_DATA_MAX_CLASSES : EG_TABLE_MAX_VALUES;
    }
    for (int64_t r = 0; r < in->csv->rows; r++)
        for (int c = first; c <= last; c++)
            if (has_values(in, c)) EG_TRY(add_content(in, r, c));
    return EG_OK;
}

static eg_status fail_not_number(reading *in, int64_t row, int c) {
    return eg_csv_fail(in->csv, row, c, "'%.60s' is not a number", cell_of(in, row, c));
}

static eg_status fail_missing(const reading *in, int64_t row, int c) {
    return eg_csv_fail(in->csv, row, c, "the %s is missing: fill it in or remove the row",
                       c == in->target ? "target" : "value");
}

static eg_status cell_number(reading *in, int64_t row, int c, float *out) {
    double number;
    if (!isnan(*out = numbers_of(in, row)[c])) return EG_OK;
    const char *cell = cell_of(in, row, c);
    if (eg_csv_is_missing(cell))
        return c != in->target && in->opt->missing != EG_MISSING_ERROR ? EG_OK : fail_missing(in, row, c);
    if (!eg_csv_is_number(cell, &number)) return fail_not_number(in, row, c);
    if (!isfinite(number)) return eg_csv_fail(in->csv, row, c, "'%.60s' is not a finite number", cell);
    *out = (float)number;
    if (!isfinite(*out)) return eg_csv_fail(in->csv, row, c, "%.60s is too large for a 32-bit number", cell);
    return EG_OK;
}

/* ---- which columns are read ------------------------------------------------------------------------------------ */

static int find_column(const eg_csv *csv, const char *name, size_t length) {
    for (int c = 0; c < csv->columns; c++)
        if (strncmp(csv->names[c], name, length) == 0 && csv->names[c][length] == '\0') return c;
    return -1;
}

enum { MAX_CANDIDATES = 1000 }; /* columns that are looked at for a name that may be meant */

/* The user names the target, the file lacks what a model needs: one is a wrong word, the other wrong data. */
static eg_status fail_no_target(const reading *in, const char *name) {
    int n = in->csv->columns < MAX_CANDIDATES ? in->csv->columns : MAX_CANDIDATES;
    return eg_fail_unknown("target column", name, in->csv->names, n);
}

static eg_status fail_no_feature(const char *name) {
    return eg_fail(EG_E_DATA, "has no column '%.100s', which the model needs", name);
}

/* A name, or a number from 1. A model's reader may do without the target. */
static eg_status find_target(reading *in) {
    const char *wanted = in->opt->target;
    int64_t number;
    in->target = in->csv->columns - 1;
    if (!wanted) return EG_OK;
    in->target = -1;
    if (strcmp(wanted, "-") == 0) return EG_OK;
    in->target = find_column(in->csv, wanted, strlen(wanted));
    if (in->target >= 0) return EG_OK;
    const char *end = wanted + strlen(wanted);
    if (eg_parse_int(wanted, end, &number) != end) return fail_no_target(in, wanted);
    if (number < 1 || number > in->csv->columns)
        return eg_fail(EG_E_NAME, "target column %s of a table of %d columns", wanted, in->csv->columns);
    in->target = (int)number - 1;
    return EG_OK;
}

static eg_status add_feature(reading *in, int c, const char *text, const char *name) {
    EG_TRY(EG_GROW(in->features, in->n_features + 1));
    name = name ? eg_arena_strdup(&in->data->info->arena, name)
                : eg_arena_format(&in->data->info->arena, "%s=%s", in->csv->names[c], text);
    if (!name) return EG_E_MEMORY;
    in->features[in->n_features++] = (feature){ c, text, name };
    return EG_OK;
}

/* The feature "column=?": where the gaps are. */
static const char GAP[] = "?";

static eg_status add_indicator(reading *in, int c) {
    int wanted = in->opt->indicate_missing && in->opt->missing != EG_MISSING_ERROR && in->columns[c].gaps > 0;
    return wanted ? add_feature(in, c, GAP, NULL) : EG_OK;
}

static eg_status add_column(reading *in, int c) {
    const column *column = &in->columns[c];
    if (!is_text_column(column)) {
        if (column->texts > 0) return fail_not_number(in, column->first_text, c);
        EG_TRY(add_feature(in, c, NULL, in->csv->names[c]));
        return add_indicator(in, c);
    }
    if (column->values.n > EG_TABLE_MAX_VALUES)
        return eg_csv_fail(in->csv, column->first_text, c,
                           "a column of text with more than %d different values: remove it or code it as numbers",
                           EG_TABLE_MAX_VALUES);
    for (int i = 0; i < column->values.n; i++) EG_TRY(add_feature(in, c, column->values.item[i].text, NULL));
    return add_indicator(in, c);
}

static eg_status choose_all(reading *in) {
    for (int c = 0; c < in->csv->columns; c++)
        if (c != in->target) EG_TRY(add_column(in, c));
    if (in->n_features > 0) return EG_OK;
    return eg_fail(EG_E_DATA, "has no column beside the target: there is nothing to learn from (of a text to go on with: text:FILE)");
}

/* A model's feature: a column's name, or "column=value". */
static eg_status choose_named(reading *in, const char *name) {
    int c = find_column(in->csv, name, strlen(name));
    if (c >= 0) return add_feature(in, c, NULL, name);
    for (const char *equal = strchr(name, '='); equal; equal = strchr(equal + 1, '=')) {
        c = find_column(in->csv, name, (size_t)(equal - name));
        if (c < 0) continue;
        const char *text = eg_arena_strdup(&in->data->info->arena, equal + 1);
        return text ? add_feature(in, c, text, name) : EG_E_MEMORY;
    }
    return fail_no_feature(name);
}

/* Whether feature i of the model is read from another column than the one before it: "color=red", "color=blue" are
 * one, and so are "age", "age=?". */
static int starts_column(const eg_data_opt *opt, int i) {
    const char *name = opt->columns[i], *equal = strchr(name, '=');
    if (i == 0 || !equal) return 1;
    const char *before = opt->columns[i - 1];
    size_t length = (size_t)(equal - name);
    return strncmp(name, before, length) != 0 || (before[length] != '=' && before[length] != '\0');
}

/* A table without names is taken in the model's order; a column too many is its target. */
static eg_status choose_in_order(reading *in) {
    const eg_data_opt *opt = in->opt;
    int needed = 0, there = in->csv->columns - (in->target >= 0);
    for (int i = 0; i < opt->n_columns; i++) needed += starts_column(opt, i);
    if (there != needed && !(in->target < 0 && there == needed + 1))
        return eg_fail(EG_E_DATA, "has no line of names and %d columns, but the model needs %d", there, needed);
    for (int i = 0, c = -1; i < opt->n_columns; i++) {
        const char *equal = strchr(opt->columns[i], '=');
        if (starts_column(opt, i)) c += 1 + (c + 1 == in->target);
        EG_TRY(add_feature(in, c, equal ? equal + 1 : NULL, opt->columns[i]));
    }
    return EG_OK;
}

static eg_status choose_for_model(reading *in) {
    const eg_data_opt *opt = in->opt;
    if (!in->csv->has_header) return choose_in_order(in);
    for (int i = 0; i < opt->n_columns; i++) EG_TRY(choose_named(in, opt->columns[i]));
    return EG_OK;
}

/* ---- features -------------------------------------------------------------------------------------------------- */

/* Whether the cell is what the feature stands for. */
static int is_hit(const feature *f, const char *cell) {
    return strcmp(f->value, GAP) == 0 ? eg_csv_is_missing(cell) : strcmp(f->value, cell) == 0;
}

/* A row of the one-hot features of column c starts at `first`; one of them must match, unless all they tell is where
 * the gaps are. Returns the feature after them. */
static eg_status read_one_hot(reading *in, int64_t row, int first, float *out, int *after) {
    int c = in->features[first].column, i = first, hits = 0;
    const char *cell = cell_of(in, row, c);
    int gap = eg_csv_is_missing(cell), fills = in->opt->missing != EG_MISSING_ERROR;
    int indicator = strcmp(in->features[first].value, GAP) == 0;
    if (gap && !fills) return fail_missing(in, row, c);
    for (; i < in->n_features && in->features[i].column == c && in->features[i].value; i++) {
        int hit = is_hit(&in->features[i], cell);
        out[i] = (float)hit;
        hits += hit;
    }
    *after = i;
    if (hits > 0 || gap || indicator) return EG_OK;
    return eg_csv_fail(in->csv, row, c, "'%.60s' is none of the %d values that the model was trained on", cell,
                       i - first);
}

static eg_status read_row(reading *in, int64_t row, float *out) {
    const float *number = numbers_of(in, row);
    for (int i = 0; i < in->n_features;) {
        const feature *f = &in->features[i];
        if (f->value)
            EG_TRY(read_one_hot(in, row, i, out, &i));
        else if (!isnan(out[i] = number[f->column]))
            i++;
        else
            EG_TRY(cell_number(in, row, f->column, &out[i++]));
    }
    return EG_OK;
}

static eg_status name_features(reading *in) {
    eg_data_info *info = in->data->info;
    info->column_names = EG_ARENA_ARRAY(&info->arena, const char *, in->n_features);
    if (!info->column_names) return EG_E_MEMORY;
    for (int i = 0; i < in->n_features; i++) info->column_names[i] = in->features[i].name;
    info->columns = in->n_features;
    return EG_OK;
}

static eg_status read_features(reading *in) {
    EG_TRY(name_features(in));
    in->data->x = eg_tensor_unset(EG_F32, &EG_SHAPE(in->csv->rows, in->n_features));
    if (!in->data->x) return EG_E_MEMORY;
    in->data->info->missing = in->opt->missing;
    float *x = eg_tensor_data(in->data->x);
    for (int64_t r = 0; r < in->csv->rows; r++) EG_TRY(read_row(in, r, x + r * in->n_features));
    return EG_OK;
}

/* One column is read as texts, the others are not. */
static eg_status read_texts(reading *in) {
    eg_data_info *info = in->data->info;
    const char *name = in->opt->text.column;
    int c = find_column(in->csv, name, strlen(name));
    if (c < 0) return eg_fail_unknown("column of text", name, in->csv->names, in->csv->columns);
    EG_TRY(add_feature(in, c, NULL, name));
    EG_TRY(name_features(in));
    int64_t rows = in->csv->rows;
    eg_text all = { 0 };
    size_t *end = eg_calloc((size_t)rows + 1, sizeof *end);
    for (int64_t r = 0; end && r < rows; r++) {
        eg_text_format(&all, r ? " %s" : "%s", cell_of(in, r, c));
        end[r] = all.length;
    }
    eg_status status = end && !all.failed ? eg_text_column(in->data, all.data ? all.data : "", end, rows, &in->opt->text)
                                          : EG_E_MEMORY;
    info->text.column = info->column_names[0];
    eg_text_free(&all);
    eg_free(end);
    return status;
}

/* ---- target ---------------------------------------------------------------------------------------------------- */

static int looks_like_classes(const column *target, int64_t rows) {
    const values *v = &target->values;
    for (int i = 0; i < v->n; i++)
        if (!isfinite(v->item[i].number) || v->item[i].number != floor(v->item[i].number)) return 0;
    return v->n > 1 && v->n <= FEW_CLASSES && (v->n == 2 || rows >= (int64_t)ROWS_PER_CLASS * v->n);
}

static eg_task detect_task(const reading *in) {
    const column *target = &in->columns[in->target];
    if (in->opt->n_classes > 0) return EG_TASK_CLASSIFICATION;
    if (in->opt->task != EG_TASK_NONE) return in->opt->task;
    if (target->texts > 0) return is_text_column(target) ? EG_TASK_CLASSIFICATION : EG_TASK_REGRESSION;
    return looks_like_classes(target, in->csv->rows) ? EG_TASK_CLASSIFICATION : EG_TASK_REGRESSION;
}

/* The classes of the table, in order; numbers are named by their shortest text. */
static eg_status name_found_classes(reading *in, values *set) {
    eg_data_info *info = in->data->info;
    info->class_names = EG_ARENA_ARRAY(&info->arena, const char *, set->n);
    if (!info->class_names) return EG_E_MEMORY;
    for (int i = 0; i < set->n; i++) {
        value *v = &set->item[i];
        eg_text number = { 0 };
        if (!isnan(v->number)) eg_text_number(&number, v->number);
        info->class_names[i] =
            number.failed ? NULL : eg_arena_strdup(&info->arena, number.data ? number.data : v->text);
        eg_text_free(&number);
        if (!info->class_names[i]) return EG_E_MEMORY;
        v->index = i;
    }
    info->classes = set->n;
    return EG_OK;
}

/* The model's classes in the model's order, sorted for look-up. */
static eg_status name_given_classes(reading *in, values *set) {
    eg_data_info *info = in->data->info;
    int n = in->opt->n_classes;
    *set = (values){ .limit = n };
    EG_TRY(eg_data_name_classes(info, in->opt->classes, n));
    for (int i = 0; i < n; i++) {
        value v = value_of(info->class_names[i], 0);
        v.index = i;
        EG_TRY(add_value(set, &v));
    }
    return EG_OK;
}

static eg_status fail_unknown_class(reading *in, int64_t row) {
    const eg_data_info *info = in->data->info;
    enum { SHOWN = 160 };
    eg_text list = { 0 };
    for (int i = 0; i < info->classes && list.length < SHOWN && !list.failed; i++)
        eg_text_format(&list, i > 0 ? ", %s" : "%s", info->class_names[i]);
    eg_csv_fail(in->csv, row, in->target, "'%.60s' is none of the %d classes (%.*s%s)", cell_of(in, row, in->target),
                info->classes, SHOWN - 1, list.data ? list.data : "", list.length >= SHOWN ? "..." : "");
    eg_text_free(&list);
    return EG_E_DATA;
}

static eg_status read_labels(reading *in, const values *set) {
    in->data->y = eg_new_vector(EG_I32, in->csv->rows);
    if (!in->data->y) return EG_E_MEMORY;
    int32_t *y = eg_tensor_data(in->data->y);
    for (int64_t r = 0; r < in->csv->rows; r++) {
        const char *cell = cell_of(in, r, in->target);
        if (eg_csv_is_missing(cell)) return fail_missing(in, r, in->target);
        value v = value_of(cell, 0);
        int found, at = find_value(set, &v, &found);
        if (!found) return fail_unknown_class(in, r);
        y[r] = set->item[at].index;
    }
    return EG_OK;
}

static eg_status read_classes(reading *in) {
    column *target = &in->columns[in->target];
    if (in->opt->n_classes > 0) {
        values given;
        eg_status status = name_given_classes(in, &given);
        if (status == EG_OK) status = read_labels(in, &given);
        eg_free(given.item);
        return status;
    }
    if (target->values.n > EG_DATA_MAX_CLASSES)
        return eg_fail(EG_E_LIMIT, "the target \"%.100s\" has more than %d classes", in->csv->names[in->target],
                       EG_DATA_MAX_CLASSES);
    EG_TRY(name_found_classes(in, &target->values));
    return read_labels(in, &target->values);
}

static eg_status read_numbers(reading *in) {
    const column *target = &in->columns[in->target];
    if (target->texts > 0) return fail_not_number(in, target->first_text, in->target);
    in->data->y = eg_new_matrix(EG_F32, in->csv->rows, 1);
    if (!in->data->y) return EG_E_MEMORY;
    float *y = eg_tensor_data(in->data->y);
    for (int64_t r = 0; r < in->csv->rows; r++) EG_TRY(cell_number(in, r, in->target, &y[r]));
    return EG_OK;
}

static eg_status read_target(reading *in) {
    eg_data_info *info = in->data->info;
    if (in->target < 0) return EG_OK;
    info->target_name = eg_arena_strdup(&info->arena, in->csv->names[in->target]);
    if (!info->target_name) return EG_E_MEMORY;
    info->task = detect_task(in);
    return info->task == EG_TASK_CLASSIFICATION ? read_classes(in) : read_numbers(in);
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

static eg_status read_table(reading *in) {
    int columns = in->csv->columns;
    in->columns = eg_calloc((size_t)columns, sizeof *in->columns);
    in->cells = eg_calloc((size_t)columns, sizeof *in->cells);
    if (!in->columns || !in->cells) return EG_E_MEMORY;
    EG_TRY(find_target(in));
    EG_TRY(look_at_cells(in));
    if (in->opt->text.column) {
        EG_TRY(read_texts(in));
        return read_target(in);
    }
    EG_TRY(in->opt->n_columns > 0 ? choose_for_model(in) : choose_all(in));
    EG_TRY(read_features(in));
    return read_target(in);
}

eg_status eg_table_read(const eg_csv *csv, const eg_data_opt *opt, eg_data *data) {
    reading in = { .csv = csv, .opt = opt, .data = data, .target = -1, .split = -1 };
    eg_status status = read_table(&in);
    for (int c = 0; in.columns && c < csv->columns; c++) eg_free(in.columns[c].values.item);
    eg_free(in.columns);
    eg_free(in.cells);
    eg_free(in.features);
    return status;
}
