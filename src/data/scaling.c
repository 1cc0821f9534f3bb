/* SPDX-License-Identifier: MIT
 *
 * scaling.c: shift and scale of each element of a sample, fitted on training data: x' = (x - shift) * scale. Sums run
 * over the rows in order, in float64, so that the result does not depend on threads. Applying them is the model's
 * work.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "data/set.h"

static const char *const names[EG_SCALING_KINDS] = { "auto", "none", "bytes", "standardise", "min_max" };

const char *eg_scaling_name(eg_scaling kind) { return (unsigned)kind < EG_SCALING_KINDS ? names[kind] : "?"; }

eg_status eg_scaling_named(const char *name, eg_scaling *out) {
    static const struct {
        const char *name;
        eg_scaling kind;
    } aliases[] = { { "standardize", EG_SCALING_STANDARDISE },
                    { "standard", EG_SCALING_STANDARDISE },
                    { "minmax", EG_SCALING_MIN_MAX } };
    for (int i = 0; i < EG_SCALING_KINDS; i++)
        if (strcmp(name, names[i]) == 0) return *out = (eg_scaling)i, EG_OK;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(name, aliases[i].name) == 0) return *out = aliases[i].kind, EG_OK;
    return eg_fail_unknown("scaling", name, names, EG_SCALING_KINDS);
}

/* ---- fitting: least, greatest, mean and deviation per element, then two numbers of them ------------------------ */

typedef struct column_facts {
    double least, greatest, sum, squares; /* squares: of the distance to the mean */
} column_facts;

/* The samples' elements, of one of the two types. */
typedef struct elements {
    const unsigned char *u8;
    const float *f32;
} elements;

static elements elements_of(const eg_tensor *x) {
    const void *first = eg_tensor_data(x);
    int bytes = eg_tensor_dtype(x) == EG_U8;
    return (elements){ .u8 = bytes ? first : NULL, .f32 = bytes ? NULL : first };
}

static double element(elements x, int64_t i) { return x.u8 ? x.u8[i] : (double)x.f32[i]; }

static void gather_facts(elements x, int64_t rows, int64_t width, column_facts *facts) {
    for (int64_t j = 0; j < width; j++)
        facts[j] = (column_facts){ .least = (double)INFINITY, .greatest = -(double)INFINITY };
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j++) {
            double v = element(x, r * width + j);
            if (v < facts[j].least) facts[j].least = v;
            if (v > facts[j].greatest) facts[j].greatest = v;
            facts[j].sum += v;
        }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j++) {
            double distance = element(x, r * width + j) - facts[j].sum / (double)rows;
            facts[j].squares += distance * distance;
        }
}

static void standardise(const column_facts *facts, int64_t rows, float *shift, float *scale) {
    int constant = facts->least == facts->greatest;
    *shift = (float)(constant ? facts->least : facts->sum / (double)rows);
    *scale = constant ? 1 : (float)(1 / sqrt(facts->squares / (double)rows));
}

static void min_max(const column_facts *facts, int64_t rows, float *shift, float *scale) {
    (void)rows;
    *shift = (float)facts->least;
    *scale = facts->least == facts->greatest ? 1 : (float)(1 / (facts->greatest - facts->least));
}

typedef void (*facts_rule)(const column_facts *facts, int64_t rows, float *shift, float *scale);

static eg_status fit_facts(facts_rule rule, const eg_data *data, float *shift, float *scale) {
    int64_t rows = eg_data_rows(data), width = eg_shape_size(eg_data_sample_shape(data)),
            bad = eg_data_first_bad_row(data);
    if (rows == 0) return eg_fail(EG_E_DATA, "no rows to fit the scaling on");
    if (bad >= 0) return eg_fail(EG_E_DATA, "row %lld holds a value that is not finite", (long long)bad + 1);
    column_facts *facts = eg_calloc(width > 0 ? (size_t)width : 1, sizeof *facts);
    if (!facts) return EG_E_MEMORY;
    gather_facts(elements_of(eg_data_x(data)), rows, width, facts);
    for (int64_t j = 0; j < width; j++) rule(&facts[j], rows, &shift[j], &scale[j]);
    eg_free(facts);
    return EG_OK;
}

static eg_scaling resolve(eg_scaling kind, const eg_data *data) {
    if (kind != EG_SCALING_AUTO) return kind;
    if (eg_tensor_dtype(eg_data_x(data)) == EG_U8) return EG_SCALING_BYTES;
    return eg_data_columns(data) > 0 ? EG_SCALING_STANDARDISE : EG_SCALING_NONE;
}

eg_status eg_scaling_fit(eg_scaling kind, const eg_data *data, float *shift, float *scale, eg_scaling *chosen) {
    static const facts_rule rules[EG_SCALING_KINDS] = {
        [EG_SCALING_STANDARDISE] = standardise, [EG_SCALING_MIN_MAX] = min_max
    };
    if (eg_data_status(data) != EG_OK) return eg_fail(eg_data_status(data), "%s", eg_data_error(data));
    if ((unsigned)kind >= EG_SCALING_KINDS) return eg_fail(EG_E_ARGUMENT, "%d is no scaling", (int)kind);
    kind = resolve(kind, data);
    if (chosen) *chosen = kind;
    if (rules[kind]) return fit_facts(rules[kind], data, shift, scale);
    int64_t width = eg_shape_size(eg_data_sample_shape(data));
    for (int64_t j = 0; j < width; j++) {
        shift[j] = 0;
        scale[j] = kind == EG_SCALING_BYTES ? 1.0f / 255 : 1;
    }
    return EG_OK;
}
