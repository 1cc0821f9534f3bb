/* SPDX-License-Identifier: MIT
 *
 * preprocess: the eigenproblem by hand cases, orthogonality and A v = l v; PCA, whitening, robust and quantile scaling
 * against NumPy and scikit-learn on the same five to ten rows.
 */
#include <math.h>
#include <string.h>
#include <elegans.h>
#include "base/rng.h"
#include "data/eigen.h"
#include "data/preprocess.h"
#include "../fault.h"

static eg_data *table(const float *values, int rows, int columns) {
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(rows, columns), values);
    eg_data *data = eg_data_from(x, NULL, 0);
    eg_tensor_free(x);
    return data;
}

static const float five[10] = { 2, 1, 3, 5, 1, 0, 4, 2, 6, 9 };

static void assert_near(const float *have, const double *want, int n, double tolerance) {
    for (int i = 0; i < n; i++)
        if (!(fabs((double)have[i] - want[i]) <= tolerance))
            fail_msg("element %d is %.9g, not %.9g", i, (double)have[i], want[i]);
}

/* ---- eigenvalues ----------------------------------------------------------------------------------------------- */

static void test_two_by_two(void **state) {
    (void)state;
    double a[4] = { 2, 1, 1, 2 }, values[2], vectors[4];
    assert_int_equal(eg_symmetric_eigen(2, a, values, vectors), EG_OK);
    assert_true(fabs(values[0] - 3) < 1e-14 && fabs(values[1] - 1) < 1e-14);
    assert_true(fabs(vectors[0] - sqrt(.5)) < 1e-14 && fabs(vectors[1] - sqrt(.5)) < 1e-14);
    assert_true(fabs(vectors[2] + vectors[3]) < 1e-14);
    double one[1] = { -4 };
    assert_int_equal(eg_symmetric_eigen(1, one, values, vectors), EG_OK);
    assert_true(values[0] == -4 && vectors[0] == 1);
}

/* The path of n points has eigenvalues 2 - 2 cos(k pi / (n + 1)). */
static void test_path_graph(void **state) {
    (void)state;
    enum { N = 9 };
    double a[N * N] = { 0 }, values[N], vectors[N * N];
    for (int i = 0; i < N; i++) {
        a[i * N + i] = 2;
        if (i + 1 < N) a[i * N + i + 1] = a[(i + 1) * N + i] = -1;
    }
    assert_int_equal(eg_symmetric_eigen(N, a, values, vectors), EG_OK);
    for (int k = 0; k < N; k++) assert_true(fabs(values[k] - (2 - 2 * cos((N - k) * acos(-1) / (N + 1)))) < 1e-13);
}

static double product(const double *a, const double *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void test_random_matrices(void **state) {
    (void)state;
    enum { N = 40 };
    static double a[N * N], copy[N * N], values[N], vectors[N * N];
    for (uint32_t seed = 0; seed < 5; seed++) {
        eg_rng rng = eg_rng_new(seed, eg_site("test"));
        int rank = seed == 4 ? 3 : N; /* the last one repeats the eigenvalue 0 */
        for (int i = 0; i < N * N; i++) a[i] = 0;
        for (int r = 0; r < rank; r++) {
            double v[N];
            for (int i = 0; i < N; i++) v[i] = eg_rng_gauss(&rng);
            for (int i = 0; i < N * N; i++) a[i] += v[i / N] * v[i % N] * (r % 2 ? 1 : -.5);
        }
        for (int i = 0; i < N * N; i++) copy[i] = a[i];
        assert_int_equal(eg_symmetric_eigen(N, a, values, vectors), EG_OK);
        for (int i = 0; i < N; i++) {
            const double *v = vectors + i * N;
            assert_true(i == 0 || values[i] <= values[i - 1]);
            for (int j = 0; j < N; j++) {
                assert_true(fabs(product(v, vectors + j * N, N) - (i == j)) < 1e-12);
                assert_true(fabs(product(copy + j * N, v, N) - values[i] * v[j]) < 1e-10);
            }
        }
    }
}

/* The covariance of few patterns in many pixels: beyond their directions there is nothing but rounding of rounding. */
static void test_rank_of_two_among_many(void **state) {
    (void)state;
    enum { N = 120, ROWS = 40 };
    static double x[ROWS][N], a[N * N], values[N], vectors[N * N];
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < 16; i++)
            if (r % 2 || i % 4 == 0) x[r][(4 + i / 4) * 10 + 3 + i % 4] = 100 + r;
    for (int i = 0; i < N; i++) {
        double mean = 0;
        for (int r = 0; r < ROWS; r++) mean += x[r][i] / ROWS;
        for (int r = 0; r < ROWS; r++) x[r][i] -= mean;
    }
    for (int i = 0; i < N * N; i++)
        for (int r = 0; r < ROWS; r++) a[i] += x[r][i / N] * x[r][i % N] / ROWS;
    double trace = 0;
    for (int i = 0; i < N; i++) trace += a[i * N + i];
    assert_int_equal(eg_symmetric_eigen(N, a, values, vectors), EG_OK);
    assert_true(values[1] > 1 && fabs(values[0] + values[1] - trace) < 1e-12 * trace);
    for (int i = 0; i < N; i++) {
        assert_true(i < 2 || fabs(values[i]) < 1e-12 * trace);
        for (int j = 0; j <= i; j++) assert_true(fabs(product(vectors + i * N, vectors + j * N, N) - (i == j)) < 1e-12);
    }
}

static void test_a_nan_ends(void **state) {
    (void)state;
    double a[9] = { 1, NAN, 2, NAN, 3, 4, 2, 4, 5 }, values[3], vectors[9];
    assert_int_equal(eg_symmetric_eigen(3, a, values, vectors), EG_E_DIVERGED);
}

/* ---- scalings -------------------------------------------------------------------------------------------------- */

static void assert_scaled(eg_scaling kind, eg_scaling_opt opt, const double *want, int width, double tolerance) {
    eg_data *data = table(five, 5, 2);
    eg_preprocess *fitted = eg_preprocess_fit_(kind, data, opt);
    if (!fitted) fail_msg("%s", eg_error());
    eg_tensor *y = eg_preprocess_apply(fitted, eg_data_x(data));
    assert_non_null(y);
    assert_int_equal(eg_tensor_shape(y).dim[1], width);
    assert_near(eg_tensor_data(y), want, 5 * width, tolerance);
    eg_tensor_free(y);
    eg_preprocess_free(fitted);
    eg_data_free(data);
}

static void test_robust(void **state) {
    (void)state; /* medians 3 and 2, quartiles 2 4 and 1 5 */
    assert_scaled(EG_SCALING_ROBUST, (eg_scaling_opt){ 0 },
                  (double[]){ -.5, -.25, 0, .75, -1, -.5, .5, 0, 1.5, 1.75 }, 2, 1e-7);
}

static void test_pca(void **state) {
    (void)state;
    assert_scaled(EG_SCALING_PCA, (eg_scaling_opt){ 0 },
                  (double[]){ -2.683157562, -.025797207, 1.350177850, -.881487251, -4.020436809, -.485888738,
                              -.907284458, 1.332979712, 6.260700979, .060193483 },
                  2, 1e-6);
    assert_scaled(EG_SCALING_PCA, (eg_scaling_opt){ .components = 1 },
                  (double[]){ -2.683157562, 1.350177850, -4.020436809, -.907284458, 6.260700979 }, 1, 1e-6);
    /* the first direction holds 13.041 of 13.6 = 95.89 % of the variance */
    assert_scaled(EG_SCALING_PCA, (eg_scaling_opt){ .variance = .958 },
                  (double[]){ -2.683157562, 1.350177850, -4.020436809, -.907284458, 6.260700979 }, 1, 1e-6);
    assert_scaled(EG_SCALING_PCA, (eg_scaling_opt){ .variance = .96 },
                  (double[]){ -2.683157562, -.025797207, 1.350177850, -.881487251, -4.020436809, -.485888738,
                              -.907284458, 1.332979712, 6.260700979, .060193483 },
                  2, 1e-6);
}

static void test_whitening(void **state) {
    (void)state;
    assert_scaled(EG_SCALING_WHITEN, (eg_scaling_opt){ 0 },
                  (double[]){ -.742998612, -.034508226, .373880492, -1.179141637, -1.113307325, -.649960213,
                              -.251237983, 1.783090882, 1.733663428, .080519193 },
                  2, 1e-6);
    assert_scaled(EG_SCALING_ZCA, (eg_scaling_opt){ 0 },
                  (double[]){ -.356886666, -.652586901, -.895695673, .853165215, -1.072399502, -.715444469,
                              1.492246286, -1.007836613, .832735554, 1.522702768 },
                  2, 1e-6);
}

/* Whitened data has the identity as its covariance. */
static void test_whitened_covariance(void **state) {
    (void)state;
    for (eg_scaling kind = EG_SCALING_WHITEN; kind <= EG_SCALING_ZCA; kind++) {
        eg_data *data = eg_data_open("gen:gauss?n=300,dims=4,noise=2", NULL);
        eg_preprocess *fitted = eg_preprocess_fit(kind, data, .epsilon = EG_ZERO);
        assert_int_equal(eg_preprocess_kind(fitted), kind);
        eg_tensor *y = eg_preprocess_apply(fitted, eg_data_x(data));
        int64_t n = eg_data_rows(data), d = eg_shape_size(eg_data_sample_shape(data));
        const float *v = eg_tensor_data(y);
        for (int64_t i = 0; i < d; i++)
            for (int64_t j = 0; j < d; j++) {
                double sum = 0;
                for (int64_t r = 0; r < n; r++) sum += (double)v[r * d + i] * (double)v[r * d + j];
                assert_true(fabs(sum / (double)n - (i == j)) < 1e-5);
            }
        eg_tensor_free(y);
        eg_preprocess_free(fitted);
        eg_data_free(data);
    }
}

/* scikit-learn's QuantileTransformer, ties included. */
/* "standardise; pca" is PCA of what standardise gives; whiten and zca too, and robust before them. */
static void test_scaled_first(void **state) {
    (void)state;
    static const eg_scaling firsts[] = { EG_SCALING_STANDARDISE, EG_SCALING_ROBUST, EG_SCALING_MIN_MAX };
    static const eg_scaling kinds[] = { EG_SCALING_PCA, EG_SCALING_WHITEN, EG_SCALING_ZCA };
    eg_data *data = table(five, 5, 2);
    for (int i = 0; i < 9; i++) {
        eg_preprocess *one = eg_preprocess_fit(kinds[i % 3], data, .first = firsts[i / 3]);
        eg_preprocess *scaler = eg_preprocess_fit(firsts[i / 3], data);
        eg_tensor *scaled = eg_preprocess_apply(scaler, eg_data_x(data));
        eg_data *between = eg_data_from(scaled, NULL, 0);
        eg_preprocess *turner = eg_preprocess_fit(kinds[i % 3], between);
        eg_tensor *have = eg_preprocess_apply(one, eg_data_x(data)), *want = eg_preprocess_apply(turner, scaled);
        for (int k = 0; k < 10; k++) {
            double a = (double)((const float *)eg_tensor_data(have))[k];
            double b = (double)((const float *)eg_tensor_data(want))[k];
            assert_true(fabs(a - b) < 2e-5);
        }
        eg_tensor_free(have);
        eg_tensor_free(want);
        eg_preprocess_free(turner);
        eg_data_free(between);
        eg_tensor_free(scaled);
        eg_preprocess_free(scaler);
        eg_preprocess_free(one);
    }
    assert_null(eg_preprocess_fit(EG_SCALING_PCA, data, .first = EG_SCALING_QUANTILE));
    assert_non_null(strstr(eg_error(), "quantile"));
    eg_data_free(data);
}

static void test_quantiles(void **state) {
    (void)state;
    eg_data *data = table((float[]){ 1, 2, 2, 2, 5, 7, 7, 9, 10, 30 }, 10, 1);
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(7, 1), (float[]){ 1.5f, 2, 3.5f, 7, 8, 20, 25 });
    const double uniform[7] = { .0555555556, .2222222222, .3888888889, .6111111111, .7222222222, .9444444444,
                                .9722222222 };
    const double normal[7] = { -1.593218818, -.764709674, -.282216147, .282216147, .589455798, 1.593218818,
                               1.914505825 };
    eg_preprocess *fitted = eg_preprocess_fit(EG_SCALING_QUANTILE, data);
    eg_tensor *y = eg_preprocess_apply(fitted, x);
    assert_near(eg_tensor_data(y), uniform, 7, 1e-7);
    eg_tensor_free(y);
    eg_preprocess_free(fitted);
    fitted = eg_preprocess_fit(EG_SCALING_QUANTILE_NORMAL, data);
    y = eg_preprocess_apply(fitted, x);
    assert_near(eg_tensor_data(y), normal, 7, 1e-6);
    eg_tensor_free(y);
    eg_preprocess_free(fitted);
    fitted = eg_preprocess_fit(EG_SCALING_QUANTILE, data, .quantiles = 3); /* 1, 6, 30 */
    assert_near(eg_tensor_data(eg_preprocess_part(fitted, "quantiles")), (double[]){ 1, 6, 30 }, 3, 0);
    eg_preprocess_free(fitted);
    eg_tensor_free(x);
    eg_data_free(data);
}

static void test_normal_quantile(void **state) {
    (void)state;
    const double u[7] = { 1e-7, .001, .02, .3, .5, .84134474, .999 };
    const double z[7] = { -5.1993375821928165, -3.090232306167813, -2.053748910631823, -.5244005127080409, 0,
                          .9999999749203428, 3.090232306167813 };
    for (int i = 0; i < 7; i++) assert_true(fabs(eg_normal_quantile(u[i]) - z[i]) < 1e-8);
}

/* ---- mistakes -------------------------------------------------------------------------------------------------- */

static void test_mistakes(void **state) {
    (void)state;
    eg_data *data = table(five, 5, 2);
    assert_null(eg_preprocess_fit(EG_SCALING_PCA, data, .components = 3));
    assert_string_equal(eg_error(), "pca of samples with 2 elements cannot keep 3 components");
    assert_null(eg_preprocess_fit(EG_SCALING_PCA, data, .variance = 1.5));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    float shift[2], scale[2];
    assert_int_equal(eg_scaling_fit(EG_SCALING_PCA, data, shift, scale, NULL), EG_E_ARGUMENT);
    eg_preprocess *fitted = eg_preprocess_fit(EG_SCALING_PCA, data);
    assert_null(eg_preprocess_part(fitted, "scale"));
    eg_tensor *wide = eg_tensor_new(EG_F32, EG_SHAPE(4, 3));
    assert_null(eg_preprocess_apply(fitted, wide));
    assert_int_equal(eg_error_status(), EG_E_SHAPE);
    eg_tensor_free(wide);
    eg_preprocess_free(fitted);
    eg_data_free(data);
    data = table((float[]){ 1, 2, 2, 4, 3, 6 }, 3, 2); /* on a line */
    assert_null(eg_preprocess_fit(EG_SCALING_WHITEN, data, .epsilon = EG_ZERO));
    assert_string_equal(eg_error(), "whiten without epsilon: direction 2 of the data has no variance");
    eg_data_free(data);
}

static eg_status fit_and_apply(void *context) {
    eg_data *data = context;
    for (eg_scaling kind = EG_SCALING_NONE; kind < EG_SCALING_KINDS; kind++) {
        eg_preprocess *fitted = eg_preprocess_fit(kind, data);
        eg_tensor *y = fitted ? eg_preprocess_apply(fitted, eg_data_x(data)) : NULL;
        eg_status status = y ? EG_OK : eg_error_status();
        eg_tensor_free(y);
        eg_preprocess_free(fitted);
        if (status != EG_OK) return status;
    }
    return EG_OK;
}

static void test_without_memory(void **state) {
    (void)state;
    eg_data *data = table(five, 5, 2);
    assert_true(fault_loop(fit_and_apply, data) > 20);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_by_two),      cmocka_unit_test(test_path_graph),
        cmocka_unit_test(test_random_matrices), cmocka_unit_test(test_rank_of_two_among_many), cmocka_unit_test(test_a_nan_ends),
        cmocka_unit_test(test_robust),          cmocka_unit_test(test_pca),
        cmocka_unit_test(test_whitening),       cmocka_unit_test(test_whitened_covariance),
        cmocka_unit_test(test_scaled_first), cmocka_unit_test(test_quantiles),       cmocka_unit_test(test_normal_quantile),
        cmocka_unit_test(test_mistakes),        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
