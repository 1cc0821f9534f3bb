/* SPDX-License-Identifier: MIT
 *
 * preprocess_missing.c: what gaps in samples (NaN) are replaced by, fitted on training data. Reading gaps is the
 * table's work, replacing them the model's.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "data/preprocess.h"

static const char *const names[EG_MISSING_KINDS] = { "error", "mean", "median", "frequent" };

const char *eg_missing_name(eg_missing kind) { return (unsigned)kind < EG_MISSING_KINDS ? names[kind] : "?"; }

eg_status eg_missing_named(const char *name, eg_missing *out) {
    for (int i = 0; i < EG_MISSING_KINDS; i++)
        if (strcmp(name, names[i]) == 0) return *out = (eg_missing)i, EG_OK;
    return eg_fail_unknown("way to fill gaps", name, names, EG_MISSING_KINDS);
}

/* ---- the three rules: values [n], ascending, n > 0 ------------------------------------------------------------ */

static double mean(const double *values, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    return sum / (double)n;
}

static double median(const double *values, int64_t n) { return eg_quantile(values, n, .5); }

static double most_frequent(const double *values, int64_t n) {
    int64_t best = 0, most = 0;
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && values[end] == values[i];) end++;
        if (end - i > most) most = end - i, best = i;
    }
    return values[best];
}

eg_status eg_missing_fit(eg_missing kind, const eg_data *data, float *fill) {
    static double (*const rules[EG_MISSING_KINDS])(const double *values, int64_t n) = {
        [EG_MISSING_MEAN] = mean, [EG_MISSING_MEDIAN] = median, [EG_MISSING_FREQUENT] = most_frequent
    };
    if ((unsigned)kind >= EG_MISSING_KINDS || !rules[kind])
        return eg_fail(EG_E_ARGUMENT, "'%s' is no way to fill gaps", eg_missing_name(kind));
    int64_t rows = eg_data_rows(data), width = eg_data_sample_size(data);
    double *values = eg_alloc((size_t)rows * sizeof *values + 1);
    if (!values) return EG_E_MEMORY;
    for (int64_t j = 0; j < width; j++) {
        int64_t there = 0;
        eg_elements(data->x, j, width, rows, values);
        for (int64_t r = 0; r < rows; r++)
            if (!isnan(values[r])) values[there++] = values[r];
        eg_sort(values, there);
        fill[j] = there > 0 ? (float)rules[kind](values, there) : 0;
    }
    eg_free(values);
    return EG_OK;
}

eg_data *eg_data_filled(const eg_data *data, const float *fill) {
    eg_tensor *x = eg_tensor_copy(data->x, EG_F32);
    eg_data *out = NULL;
    int64_t width = eg_data_sample_size(data), n = eg_data_rows(data) * width;
    for (int64_t i = 0; x && i < n; i++) {
        float *v = (float *)eg_tensor_data(x) + i;
        if (isnan(*v)) *v = fill[i % width];
    }
    if (x) out = eg_data_from(x, NULL, 0);
    if (out) out->info->columns = data->info->columns; /* they tell what AUTO means; their names stay behind */
    eg_tensor_free(x);
    return out;
}
