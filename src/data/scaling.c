/* SPDX-License-Identifier: MIT
 *
 * scaling.c: shift and scale of each element of a sample, fitted on training data: x' = (x - shift) * scale. Sums run
 * over the rows in order, in float64, so that the result does not depend on threads. Applying them is the model's
 * work.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "data/preprocess.h"
#include "tensor/shape.h"

static const char *const names[EG_SCALING_KINDS] = {
#define NAME(NAME, name, formula) name,
    EG_SCALING_LIST(NAME)
#undef NAME
};

const char *eg_scaling_name(eg_scaling kind) { return (unsigned)kind < EG_SCALING_KINDS ? names[kind] : "?"; }

eg_status eg_scaling_named(const char *name, eg_scaling *out) {
    static const struct {
        const char *name;
        eg_scaling kind;
    } aliases[] = { { "standardize", EG_SCALING_STANDARDISE },
                    { "standard", EG_SCALING_STANDARDISE },
                    { "minmax", EG_SCALING_MIN_MAX },
                    { "whitening", EG_SCALING_WHITEN } };
    for (int i = 0; i < EG_SCALING_KINDS; i++)
        if (strcmp(name, names[i]) == 0) return *out = (eg_scaling)i, EG_OK;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(name, aliases[i].name) == 0) return *out = aliases[i].kind, EG_OK;
    return eg_fail_unknown("scaling", name, names, EG_SCALING_KINDS);
}

/* ---- fitting: least, greatest, mean and deviation per element, then two numbers of them ----------------------- */

typedef struct column_facts {
    double least, greatest, sum, squares; /* squares: of the distance to the mean */
} column_facts;

/* All elements are seen twice, so one is read where it lies. */
static double element(const void *data, eg_dtype dtype, int64_t i) {
    return dtype == EG_U8 ? ((const unsigned char *)data)[i] : (double)((const float *)data)[i];
}

static void gather_facts(const eg_tensor *x, int64_t rows, int64_t width, column_facts *facts) {
    const void *data = eg_tensor_data(x);
    eg_dtype dtype = eg_tensor_dtype(x);
    for (int64_t j = 0; j < width; j++)
        facts[j] = (column_facts){ .least = (double)INFINITY, .greatest = -(double)INFINITY };
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j++) {
            double v = element(data, dtype, r * width + j);
            if (v < facts[j].least) facts[j].least = v;
            if (v > facts[j].greatest) facts[j].greatest = v;
            facts[j].sum += v;
        }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j++) {
            double distance = element(data, dtype, r * width + j) - facts[j].sum / (double)rows;
            facts[j].squares += distance * distance;
        }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double eg_quantile(const double *sorted, int64_t n, double share) {
    double place = share * (double)(n - 1);
    int64_t below = (int64_t)floor(place);
    if (below >= n - 1) return sorted[n - 1];
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (place - (double)below);
}

void eg_sort(double *values, int64_t n) { qsort(values, (size_t)n, sizeof *values, compare_doubles); }

void eg_elements(const eg_tensor *x, int64_t first, int64_t step, int64_t n, double *out) {
    eg_dtype dtype = eg_tensor_dtype(x);
    const char *bytes = eg_tensor_data(x);
    for (int64_t i = 0; i < n; i++)
        eg_convert(EG_F64, &out[i], dtype, bytes + (size_t)(first + i * step) * eg_dtype_size(dtype), 1);
}

static eg_status fit_robust(const eg_data *data, float *shift, float *scale) {
    int64_t rows = eg_data_rows(data), width = eg_data_sample_size(data);
    double *sorted = eg_alloc((size_t)rows * sizeof *sorted);
    if (!sorted) return EG_E_MEMORY;
    for (int64_t j = 0; j < width; j++) {
        eg_elements(data->x, j, width, rows, sorted);
        eg_sort(sorted, rows);
        double spread = eg_quantile(sorted, rows, .75) - eg_quantile(sorted, rows, .25);
        shift[j] = (float)eg_quantile(sorted, rows, .5);
        scale[j] = spread > 0 ? (float)(1 / spread) : 1;
    }
    eg_free(sorted);
    return EG_OK;
}

/* Mean and standard deviation, or least and range. */
static eg_status fit_facts(int standardise, const eg_data *data, float *shift, float *scale) {
    int64_t rows = eg_data_rows(data), width = eg_data_sample_size(data);
    column_facts *facts = eg_alloc((size_t)width * sizeof *facts + 1);
    if (!facts) return EG_E_MEMORY;
    gather_facts(data->x, rows, width, facts);
    for (int64_t j = 0; j < width; j++) {
        const column_facts *f = &facts[j];
        double spread = standardise ? sqrt(f->squares / (double)rows) : f->greatest - f->least;
        int constant = f->least == f->greatest;
        shift[j] = (float)(standardise && !constant ? f->sum / (double)rows : f->least);
        scale[j] = constant ? 1 : (float)(1 / spread);
    }
    eg_free(facts);
    return EG_OK;
}

eg_status eg_scaling_resolve(eg_scaling kind, const eg_data *data, eg_scaling *out) {
    EG_TRY(eg_data_check(data));
    if ((unsigned)kind >= EG_SCALING_KINDS) return eg_fail(EG_E_ARGUMENT, "%d is no scaling", (int)kind);
    *out = kind;
    if (kind == EG_SCALING_AUTO && eg_tensor_dtype(eg_data_x(data)) == EG_U8)
        *out = EG_SCALING_BYTES;
    else if (kind == EG_SCALING_AUTO)
        *out = eg_data_columns(data) > 0 && !eg_data_text(data) ? EG_SCALING_STANDARDISE : EG_SCALING_NONE;
    if (*out == EG_SCALING_NONE) return EG_OK;
    if (eg_data_text(data))
        return eg_fail(EG_E_ARGUMENT, "scaling %s: numbers of words or characters must stay as they are", names[*out]);
    if (*out == EG_SCALING_BYTES) return EG_OK;
    int64_t bad = eg_data_first_bad_row(data);
    if (eg_data_rows(data) == 0) return eg_fail(EG_E_DATA, "no rows to fit the scaling on");
    if (bad >= 0) return eg_fail(EG_E_DATA, "row %lld holds a value that is not finite", (long long)bad + 1);
    return EG_OK;
}

/* The kinds that are a shift and a scale come first. */
eg_status eg_scaling_fit(eg_scaling kind, const eg_data *data, float *shift, float *scale, eg_scaling *chosen) {
    EG_TRY(eg_scaling_resolve(kind, data, &kind));
    if (chosen) *chosen = kind;
    if (kind > EG_SCALING_ROBUST) return eg_fail(EG_E_ARGUMENT, "%s is more than a shift and a scale", names[kind]);
    if (kind == EG_SCALING_ROBUST) return fit_robust(data, shift, scale);
    if (kind >= EG_SCALING_STANDARDISE) return fit_facts(kind == EG_SCALING_STANDARDISE, data, shift, scale);
    for (int64_t j = 0; j < eg_data_sample_size(data); j++)
        shift[j] = 0, scale[j] = kind == EG_SCALING_BYTES ? 1.0f / 255 : 1;
    return EG_OK;
}
