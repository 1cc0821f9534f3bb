/* SPDX-License-Identifier: MIT
 *
 * preprocess.c: fitted scalings of any kind as a few named tensors, and the formulas that apply them in float64. A
 * model keeps the same tensors as variables and builds the same formulas into its graph (train/prepare.c).
 *
 *     two numbers per element   y_j = (x_j - shift_j) scale_j
 *     one matrix                y = (x - shift) M,  M [d,k]: U, or U L^-1/2, or U L^-1/2 U' with the covariance U L U';
 *                               of elements that are scaled first by S: the same of S cov S, behind S
 *     percentiles               y_j = mean over segments of clip((x_j - low) / (high - low), 0, 1)
 *
 * Sums run over the rows in order: no thread, no other result.
 */
#include "data/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "data/eigen.h"
#include "tensor/shape.h"

enum { SHIFT, SCALE, MATRIX, VARIANCE, QUANTILES, PARTS };
static const char *const part_names[PARTS] = { "shift", "scale", "matrix", "variance", "quantiles" };

enum { DEFAULT_QUANTILES = 100, MAX_QUANTILES = 10000, MAX_MATRIX = 8192 };

struct eg_preprocess {
    eg_scaling kind;
    eg_shape sample;
    int64_t width; /* d, the elements of a sample */
    eg_tensor *part[PARTS];
};

/* ---- one matrix: PCA and whitening ---------------------------------------------------------------------------- */

enum { TOGETHER = 8 }; /* rows that are added to the covariance in one pass over it */

static void add_rows(const double *rows, int n, int64_t d, double *sums) {
    for (int64_t i = 0; i < d; i++)
        for (int r = 0; r < n; r++) {
            const double *row = rows + r * d;
            double factor = row[i];
            for (int64_t j = i; j < d; j++) sums[i * d + j] += factor * row[j];
        }
}

/* `row` [d] is scratch. */
static void find_mean(const eg_tensor *x, int64_t n, int64_t d, double *mean, double *row) {
    memset(mean, 0, (size_t)d * sizeof *mean);
    for (int64_t r = 0; r < n; r++) {
        eg_elements(x, r * d, 1, d, row);
        for (int64_t j = 0; j < d; j++) mean[j] += row[j];
    }
    for (int64_t j = 0; j < d; j++) mean[j] /= (double)n;
}

/* covariance [d,d] with ddof 0; `rows` [TOGETHER,d] is scratch. */
static void find_covariance(const eg_tensor *x, int64_t n, int64_t d, const double *mean, double *rows, double *out) {
    memset(out, 0, (size_t)(d * d) * sizeof *out);
    for (int64_t r = 0; r < n; r += TOGETHER) {
        int count = n - r < TOGETHER ? (int)(n - r) : TOGETHER;
        eg_elements(x, r * d, 1, count * d, rows);
        for (int64_t i = 0; i < count * d; i++) rows[i] -= mean[i % d];
        add_rows(rows, count, d, out);
    }
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = i; j < d; j++) out[j * d + i] = out[i * d + j] /= (double)n;
}

/* Elements that are scaled first, x' = (x - a) s: their covariance is s_i s_j times that of x. Writes s, 1 without;
 * `numbers` [2 d] is scratch. */
static eg_status scale_first(const eg_data *data, eg_scaling first, int64_t d, float *numbers, double *scale,
                             double *covariance) {
    EG_TRY(eg_scaling_fit(first == EG_SCALING_AUTO ? EG_SCALING_NONE : first, data, numbers, numbers + d, NULL));
    eg_convert(EG_F64, scale, EG_F32, numbers + d, d);
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) covariance[i * d + j] *= scale[i] * scale[j];
    return EG_OK;
}

static int64_t count_components(const double *values, int64_t d, const eg_scaling_opt *opt) {
    int64_t most = opt->components > 0 ? opt->components : d, k = 0;
    double total = 0, held = 0;
    for (int64_t i = 0; i < d; i++) total += values[i];
    if (opt->variance <= 0) return most;
    while (k < most && (k == 0 || held < opt->variance * total)) held += values[k++];
    return k;
}

/* S U, S U L^-1/2 or S U L^-1/2 U': roots of L [k], vectors [d,d] (rows) and S's diagonal [d] into m [d,width]. */
static void fill_matrix(int turn_back, const double *roots, const double *vectors, const double *scale, int64_t d,
                        int64_t k, int64_t width, float *m) {
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < width; j++) {
            double sum = 0;
            for (int64_t c = 0; turn_back && c < k; c++) sum += vectors[c * d + i] * vectors[c * d + j] / roots[c];
            *m++ = (float)(scale[i] * (turn_back ? sum : vectors[j * d + i] / roots[j]));
        }
}

static eg_tensor *as_vector(const double *values, int64_t n) {
    eg_tensor *vector = eg_new_vector(EG_F32, n);
    if (vector) eg_convert(EG_F32, eg_tensor_data(vector), EG_F64, values, n);
    return vector;
}

/* values: the variances become their roots. */
static eg_status keep_directions(eg_preprocess *p, const double *mean, double *values, const double *vectors,
                                 const double *scale, const eg_scaling_opt *opt) {
    for (int64_t j = 0; j < p->width; j++) values[j] = fmax(0, values[j]);
    int64_t d = p->width, k = count_components(values, d, opt), width = p->kind == EG_SCALING_ZCA ? d : k;
    double epsilon = opt->epsilon == EG_ZERO ? 0 : opt->epsilon > 0 ? opt->epsilon : 1e-5;
    p->part[SHIFT] = eg_tensor_shaped(EG_F32, &p->sample);
    p->part[MATRIX] = eg_new_matrix(EG_F32, d, width);
    p->part[VARIANCE] = as_vector(values, k);
    if (!p->part[SHIFT] || !p->part[MATRIX] || !p->part[VARIANCE]) return EG_E_MEMORY;
    if (p->kind != EG_SCALING_PCA && epsilon == 0 && values[k - 1] <= 1e-12 * values[0])
        return eg_fail(EG_E_DATA, "%s without epsilon: direction %lld of the data has no variance",
                       eg_scaling_name(p->kind), (long long)k);
    eg_convert(EG_F32, eg_tensor_data(p->part[SHIFT]), EG_F64, mean, d);
    for (int64_t j = 0; j < k; j++) values[j] = p->kind == EG_SCALING_PCA ? 1 : sqrt(values[j] + epsilon);
    fill_matrix(p->kind == EG_SCALING_ZCA, values, vectors, scale, d, k, width, eg_tensor_data(p->part[MATRIX]));
    return EG_OK;
}

static eg_status fit_matrix(eg_preprocess *p, const eg_data *data, const eg_scaling_opt *opt) {
    int64_t d = p->width;
    if (d > MAX_MATRIX)
        return eg_fail(EG_E_LIMIT, "%s of samples with %lld elements: at most %d", eg_scaling_name(p->kind),
                       (long long)d, MAX_MATRIX);
    if (opt->components < 0 || opt->components > d)
        return eg_fail(EG_E_ARGUMENT, "%s of samples with %lld elements cannot keep %lld components",
                       eg_scaling_name(p->kind), (long long)d, (long long)opt->components);
    double *room = eg_alloc((size_t)(2 * d * d + (3 + TOGETHER) * d) * sizeof *room);
    if (!room) return EG_E_MEMORY;
    double *vectors = room + d * d, *mean = vectors + d * d, *values = mean + d, *scale = values + d;
    double *rows = scale + d;
    find_mean(data->x, eg_data_rows(data), d, mean, rows);
    find_covariance(data->x, eg_data_rows(data), d, mean, rows, room);
    eg_status status = scale_first(data, opt->first, d, (float *)rows, scale, room);
    if (status == EG_OK) status = eg_symmetric_eigen(d, room, values, vectors);
    if (status == EG_OK) status = keep_directions(p, mean, values, vectors, scale, opt);
    eg_free(room);
    return status;
}

/* ---- percentiles ---------------------------------------------------------------------------------------------- */

static eg_status fit_quantiles(eg_preprocess *p, const eg_data *data, const eg_scaling_opt *opt) {
    int64_t n = eg_data_rows(data), d = p->width, points = opt->quantiles > 0 ? opt->quantiles : DEFAULT_QUANTILES;
    if (points > MAX_QUANTILES)
        return eg_fail(EG_E_LIMIT, "%lld quantiles: at most %d", (long long)points, MAX_QUANTILES);
    if (points > n) points = n;
    if (points < 2) points = 2;
    p->part[QUANTILES] = eg_new_matrix(EG_F32, points, d);
    double *sorted = eg_alloc((size_t)n * sizeof *sorted);
    if (!p->part[QUANTILES] || !sorted) {
        eg_free(sorted);
        return EG_E_MEMORY;
    }
    float *table = eg_tensor_data(p->part[QUANTILES]);
    for (int64_t j = 0; j < d; j++) {
        eg_elements(data->x, j, d, n, sorted);
        eg_sort(sorted, n);
        for (int64_t i = 0; i < points; i++)
            table[i * d + j] = (float)eg_quantile(sorted, n, (double)i / (double)(points - 1));
    }
    eg_free(sorted);
    return EG_OK;
}

const eg_normal_fit eg_normal = {
    .split = .02425,
    .top = { -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02,
             -3.066479806614716e+01, 2.506628277459239e+00 },
    .bottom = { -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                -1.328068155288572e+01, 1 },
    .tail_top = { -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00,
                  4.374664141464968e+00, 2.938163982698783e+00 },
    .tail_bottom = { 7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1 }
};

static double polynomial(const double *c, int n, double x) {
    double sum = c[0];
    for (int i = 1; i < n; i++) sum = sum * x + c[i];
    return sum;
}

double eg_normal_quantile(double u) {
    double q = u - .5, near = fmin(u, 1 - u);
    if (near >= eg_normal.split)
        return q * polynomial(eg_normal.top, 6, q * q) / polynomial(eg_normal.bottom, 6, q * q);
    double t = sqrt(-2 * log(near));
    return copysign(polynomial(eg_normal.tail_top, 6, t) / polynomial(eg_normal.tail_bottom, 5, t), q);
}

/* The share of training values below v; where values are tied, the middle of their shares. table [points,d]. */
static double share_below(const float *table, int64_t points, int64_t d, double v) {
    double sum = 0;
    for (int64_t i = 0; i + 1 < points; i++) {
        double low = (double)table[i * d], high = (double)table[(i + 1) * d];
        sum += high > low ? fmin(fmax((v - low) / (high - low), 0), 1) : v > low ? 1 : v == low ? .5 : 0;
    }
    return sum / (double)(points - 1);
}

/* ---- fit ------------------------------------------------------------------------------------------------------ */

static eg_status fit_numbers(eg_preprocess *p, const eg_data *data, const eg_scaling_opt *opt) {
    (void)opt;
    p->part[SHIFT] = eg_tensor_shaped(EG_F32, &p->sample);
    p->part[SCALE] = eg_tensor_shaped(EG_F32, &p->sample);
    if (!p->part[SHIFT] || !p->part[SCALE]) return EG_E_MEMORY;
    return eg_scaling_fit(p->kind, data, eg_tensor_data(p->part[SHIFT]), eg_tensor_data(p->part[SCALE]), NULL);
}

static eg_status fit(eg_preprocess *p, eg_scaling kind, const eg_data *data, const eg_scaling_opt *opt) {
    EG_TRY(eg_scaling_resolve(kind, data, &p->kind));
    if (!(opt->variance >= 0 && opt->variance <= 1) || opt->quantiles < 0 || !(opt->epsilon >= 0))
        return eg_fail(EG_E_ARGUMENT, "%s: a share of variance is from 0 to 1, the other options are not negative",
                       eg_scaling_name(p->kind));
    p->sample = eg_data_sample_shape(data);
    p->width = eg_count(&p->sample);
    return (p->kind >= EG_SCALING_PCA        ? fit_matrix
            : p->kind >= EG_SCALING_QUANTILE ? fit_quantiles
                                             : fit_numbers)(p, data, opt);
}

eg_preprocess *eg_preprocess_fit_(eg_scaling kind, const eg_data *data, eg_scaling_opt opt) {
    eg_preprocess *p = eg_calloc(1, sizeof *p);
    if (!p || fit(p, kind, data, &opt) == EG_OK) return p;
    eg_preprocess_free(p);
    return NULL;
}

void eg_preprocess_free(eg_preprocess *fitted) {
    if (!fitted) return;
    for (int i = 0; i < PARTS; i++) eg_tensor_free(fitted->part[i]);
    eg_free(fitted);
}

eg_scaling eg_preprocess_kind(const eg_preprocess *fitted) { return fitted->kind; }

const eg_tensor *eg_preprocess_part(const eg_preprocess *fitted, const char *name) {
    for (int i = 0; i < PARTS; i++)
        if (strcmp(name, part_names[i]) == 0) return fitted->part[i];
    return NULL;
}

/* ---- apply ---------------------------------------------------------------------------------------------------- */

static void apply_numbers(const eg_preprocess *p, const double *x, float *y) {
    const float *shift = eg_tensor_data(p->part[SHIFT]), *scale = eg_tensor_data(p->part[SCALE]);
    for (int64_t j = 0; j < p->width; j++) y[j] = (float)((x[j] - (double)shift[j]) * (double)scale[j]);
}

static void apply_quantiles(const eg_preprocess *p, const double *x, float *y) {
    const float *table = eg_tensor_data(p->part[QUANTILES]);
    int64_t points = eg_shape_of(p->part[QUANTILES])->dim[0];
    for (int64_t j = 0; j < p->width; j++) {
        double u = share_below(table + j, points, p->width, x[j]);
        if (p->kind == EG_SCALING_QUANTILE_NORMAL)
            u = eg_normal_quantile(fmin(fmax(u, EG_NORMAL_MARGIN), 1 - EG_NORMAL_MARGIN));
        y[j] = (float)u;
    }
}

static void apply_matrix(const eg_preprocess *p, const double *x, float *y) {
    const float *shift = eg_tensor_data(p->part[SHIFT]), *m = eg_tensor_data(p->part[MATRIX]);
    int64_t k = eg_shape_of(p->part[MATRIX])->dim[1];
    for (int64_t c = 0; c < k; c++) {
        double sum = 0;
        for (int64_t j = 0; j < p->width; j++) sum += (x[j] - (double)shift[j]) * (double)m[j * k + c];
        y[c] = (float)sum;
    }
}

static eg_status check_samples(const eg_preprocess *fitted, const eg_tensor *x) {
    if (!fitted || !x) return eg_fail(EG_E_ARGUMENT, "preprocess: no fitted scaling or no samples");
    const eg_shape *shape = eg_shape_of(x);
    if (eg_tensor_dtype(x) != EG_F32 && eg_tensor_dtype(x) != EG_U8)
        return eg_fail(EG_E_DTYPE, "preprocess: samples are f32 or u8, not %s", eg_dtype_name(eg_tensor_dtype(x)));
    if (shape->rank > 0 && eg_count(shape) == shape->dim[0] * fitted->width) return EG_OK;
    return eg_fail(EG_E_SHAPE, "preprocess: fitted on samples of %lld elements, got %s for all of them",
                   (long long)fitted->width, eg_shape_words(shape));
}

eg_tensor *eg_preprocess_apply(const eg_preprocess *fitted, const eg_tensor *x) {
    if (check_samples(fitted, x) != EG_OK) return NULL;
    int64_t n = eg_shape_of(x)->dim[0], d = fitted->width;
    int64_t k = fitted->part[MATRIX] ? eg_shape_of(fitted->part[MATRIX])->dim[1] : d;
    eg_tensor *dense = eg_tensor_copy(x, eg_tensor_dtype(x)), *y = eg_new_matrix(EG_F32, n, k);
    double *row = eg_alloc((size_t)d * sizeof *row + 1);
    for (int64_t r = 0; dense && y && row && r < n; r++) {
        eg_elements(dense, r * d, 1, d, row);
        (fitted->part[MATRIX]      ? apply_matrix
         : fitted->part[QUANTILES] ? apply_quantiles
                                   : apply_numbers)(fitted, row, (float *)eg_tensor_data(y) + r * k);
    }
    if (!dense || !row) eg_tensor_free(y), y = NULL;
    eg_tensor_free(dense);
    eg_free(row);
    return y;
}
