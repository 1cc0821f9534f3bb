/* SPDX-License-Identifier: MIT
 *
 * describe.c: the summary table. One row for each wire (each layer of a chain), then the totals. Columns are as wide
 * as their content, 60 characters in all for usual names and never more than 80.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "nn/model.h"
#include "tensor/shape.h"

enum { COLUMNS = 4, CELL = 160 };

typedef struct row {
    char cell[COLUMNS][CELL]; /* layer, output shape, parameters, inputs */
} row;

/* "401,920" */
static void with_commas(char out[CELL], int64_t value) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value), used = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

/* Keras' form: 1.55 MB of 1024 x 1024 */
static void bytes_text(char out[CELL], double bytes) {
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB", "PB" };
    int unit = 0;
    while (bytes >= 1024 && unit < 5) bytes /= 1024, unit++;
    snprintf(out, CELL, "%.2f %s", bytes, units[unit]);
}

/* A text that may be cut, with an ellipsis, to `width` bytes */
static void cut(char *text, int width) {
    if ((int)strlen(text) > width) memcpy(text + width - 3, "...", 4);
}

static void shape_cell(char out[CELL], eg_shape shape) {
    eg_text text = { 0 };
    eg_text_add(&text, "(batch");
    for (int i = 0; i < shape.rank; i++) eg_text_format(&text, ", %lld", (long long)shape.dim[i]);
    eg_text_add(&text, ")");
    snprintf(out, CELL, "%s", text.data ? text.data : "");
    eg_text_free(&text);
}

static const char *wire_name(const eg_wire *wire) {
    return wire->layer ? wire->layer->name : wire->model->input_name;
}

static int64_t layer_parameters(const eg_model *model, const eg_layer *layer) {
    int64_t sum = 0;
    for (int i = 0; i < layer->nparameters; i++)
        sum += eg_count(&model->parameters[layer->first_parameter + i].shape);
    return sum;
}

static void inputs_cell(char out[CELL], const eg_wire *wire) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < wire->nin && used < CELL - 1; i++)
        used += (size_t)snprintf(out + used, CELL - used, "%s%s", i > 0 ? ", " : "", wire_name(wire->in[i]));
}

static row row_of(const eg_model *model, const eg_wire *wire) {
    row r;
    const eg_layer *layer = wire->layer;
    const char *type = layer ? layer->kind->name : "input";
    snprintf(r.cell[0], CELL, "%s (%s%s)", wire_name(wire), type, layer && layer->frozen ? ", frozen" : "");
    shape_cell(r.cell[1], wire->shape);
    if (layer && wire->application > 0)
        snprintf(r.cell[2], CELL, "shared");
    else
        with_commas(r.cell[2], layer ? layer_parameters(model, layer) : 0);
    inputs_cell(r.cell[3], wire);
    return r;
}

static const char column_titles[COLUMNS][16] = { "Layer (type)", "Output shape", "Parameters", "Inputs" };

typedef struct table {
    int columns, width[COLUMNS], total;
} table;

/* Least and most widths of the columns: with gaps of two 60 and 80 in all. */
static table measure(const eg_model *model, int chain) {
    static const int least[2][COLUMNS] = { { 22, 18, 12, 0 }, { 26, 20, 10, 0 } };
    static const int most[2][COLUMNS] = { { 26, 20, 14, 14 }, { 36, 26, 14, 0 } };
    table t = { .columns = chain ? 3 : 4 };
    memcpy(t.width, least[chain], sizeof t.width);
    for (int i = chain ? 1 : 0; i < model->nwires; i++) {
        row r = row_of(model, model->wires[i]);
        for (int c = 0; c < t.columns; c++) {
            int length = (int)strlen(r.cell[c]);
            if (length > t.width[c]) t.width[c] = length < most[chain][c] ? length : most[chain][c];
        }
    }
    for (int c = 0; c < t.columns; c++) t.total += t.width[c] + (c > 0 ? 2 : 0);
    return t;
}

static void put_row(eg_text *out, const table *t, row *r) {
    size_t start = out->length;
    for (int c = 0; c < t->columns; c++) {
        cut(r->cell[c], t->width[c]);
        eg_text_format(out, c == 2 ? "%s%*s" : "%s%-*s", c > 0 ? "  " : "", t->width[c], r->cell[c]);
    }
    while (out->length > start && out->data[out->length - 1] == ' ') out->data[--out->length] = '\0';
    eg_text_add(out, "\n");
}

static void put_rule(eg_text *out, const table *t, char c) {
    for (int i = 0; i < t->total; i++) eg_text_add_bytes(out, &c, 1);
    eg_text_add(out, "\n");
}

static void put_total(eg_text *out, const char *what, int64_t count, size_t size) {
    char number[CELL], bytes[CELL];
    with_commas(number, count);
    bytes_text(bytes, (double)count * (double)size);
    eg_text_format(out, "%s: %s (%s)\n", what, number, bytes);
}

char *eg_model_summary(const eg_model *model) {
    if (eg_model_check(model) != EG_OK) return NULL;
    eg_text out = { 0 };
    int chain = eg_model_is_chain(model);
    table t = measure(model, chain);
    row titles;
    for (int c = 0; c < COLUMNS; c++) snprintf(titles.cell[c], CELL, "%s", column_titles[c]);
    put_row(&out, &t, &titles);
    put_rule(&out, &t, '=');
    for (int i = chain ? 1 : 0; i < model->nwires; i++) {
        row r = row_of(model, model->wires[i]);
        put_row(&out, &t, &r);
    }
    put_rule(&out, &t, '=');
    int64_t all = eg_model_parameters(model), trainable = eg_model_trainable(model);
    size_t size = eg_dtype_size(model->dtype);
    put_total(&out, "Total parameters", all, size);
    put_total(&out, "Trainable parameters", trainable, size);
    put_total(&out, "Non-trainable parameters", all - trainable, size);
    if (!out.failed) return out.data;
    eg_text_free(&out);
    eg_fail(EG_E_MEMORY, "no memory for the summary");
    return NULL;
}
