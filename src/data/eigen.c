/* SPDX-License-Identifier: MIT
 *
 * eigen.c: the symmetric eigenproblem in float64, in the two classic stages (Wilkinson and Reinsch, "Handbook for
 * Automatic Computation II: Linear Algebra", 1971):
 *
 *     A = Q T Q'     Householder reflections H_k = I - beta v v' make A tridiagonal: Q = H_0 H_1 ... H_n-3
 *     T = S L S'     implicit QL with Wilkinson's shift makes T diagonal by plane rotations
 *
 * so the vectors are the columns of Q S. What is kept is its transpose, one vector per row, so that every loop runs
 * along memory. 4/3 n^3 + 3 n^3 operations; not for n beyond some thousands, and nothing for general matrices.
 */
#include "data/eigen.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

enum { MAX_SWEEPS = 60 }; /* of one eigenvalue; two or three is the rule */

/* ---- A to tridiagonal ----------------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Makes v [m] the reflection that maps itself to (e, 0, ..., 0); returns beta = 2 / v'v, 0 if there is nothing to do:
 * squares that are `negligible` are rounding, which would shrink from row to row until its own squares vanish. */
static double make_reflection(double *v, int64_t m, double negligible, double *e) {
    *e = v[0] * v[0] <= negligible ? 0 : v[0];
    if (dot(v + 1, v + 1, m - 1) <= negligible) return 0;
    *e = -copysign(sqrt(dot(v, v, m)), v[0]);
    v[0] -= *e;
    return 2 / dot(v, v, m);
}

/* B -= v w' + w v' with p = beta B v, w = p - (beta/2 p'v) v: H B H for the block B of a, rows and columns from
 * `first` on. */
static void reflect_block(int64_t n, double *a, int64_t first, const double *v, double beta, double *w) {
    int64_t m = n - first;
    for (int64_t i = 0; i < m; i++) w[i] = beta * dot(a + (first + i) * n + first, v, m);
    double half = beta / 2 * dot(w, v, m);
    for (int64_t i = 0; i < m; i++) w[i] -= half * v[i];
    for (int64_t i = 0; i < m; i++) {
        double *row = a + (first + i) * n + first;
        for (int64_t j = 0; j < m; j++) row[j] -= v[i] * w[j] + w[i] * v[j];
    }
}

/* diagonal d [n], off-diagonal e [n] (e[i] beside d[i], d[i+1]); reflection k stays in row k of a, right of the
 * diagonal, its beta in beta[k]. w [n] is scratch. */
static void make_tridiagonal(int64_t n, double *a, double *d, double *e, double *beta, double *w) {
    double negligible = dot(a, a, n * n) * (DBL_EPSILON * DBL_EPSILON * DBL_EPSILON * DBL_EPSILON);
    for (int64_t k = 0; k + 1 < n; k++) {
        double *v = a + k * n + k + 1;
        beta[k] = make_reflection(v, n - k - 1, negligible, &e[k]);
        if (beta[k] != 0) reflect_block(n, a, k + 1, v, beta[k], w);
    }
    for (int64_t i = 0; i < n; i++) d[i] = a[i * n + i];
    e[n - 1] = 0;
}

/* z = Q' = H_n-2 ... H_0, built from the last reflection so that only the block below right of k is touched. */
static void gather_reflections(int64_t n, const double *a, const double *beta, double *z) {
    memset(z, 0, (size_t)(n * n) * sizeof *z);
    for (int64_t i = 0; i < n; i++) z[i * n + i] = 1;
    for (int64_t k = n - 2; k >= 0; k--) {
        const double *v = a + k * n + k + 1;
        for (int64_t i = k + 1; beta[k] != 0 && i < n; i++) {
            double *row = z + i * n + k + 1, s = beta[k] * dot(row, v, n - k - 1);
            for (int64_t j = 0; j < n - k - 1; j++) row[j] -= s * v[j];
        }
    }
}

/* ---- tridiagonal to diagonal ---------------------------------------------------------------------------------- */

static void rotate_rows(double *upper, double *lower, int64_t n, double c, double s) {
    for (int64_t k = 0; k < n; k++) {
        double f = lower[k];
        lower[k] = s * upper[k] + c * f;
        upper[k] = c * upper[k] - s * f;
    }
}

/* One implicit QL sweep over the block l..m, whose off-diagonals are not negligible. */
static void sweep(int64_t n, int64_t l, int64_t m, double *d, double *e, double *z) {
    double g = (d[l + 1] - d[l]) / (2 * e[l]), s = 1, c = 1, p = 0;
    g = d[m] - d[l] + e[l] / (g + copysign(hypot(g, 1), g));
    for (int64_t i = m - 1; i >= l; i--) {
        double f = s * e[i], b = c * e[i], r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0) { /* the block falls apart here */
            d[i + 1] -= p;
            e[m] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        rotate_rows(z + i * n, z + (i + 1) * n, n, c, s);
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

static int64_t end_of_block(int64_t n, int64_t l, const double *d, const double *e) {
    int64_t m = l;
    while (m + 1 < n && !(fabs(e[m]) <= DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])))) m++;
    return m;
}

static eg_status make_diagonal(int64_t n, double *d, double *e, double *z) {
    for (int64_t l = 0; l < n; l++) {
        int sweeps = 0;
        for (int64_t m; (m = end_of_block(n, l, d, e)) > l; sweep(n, l, m, d, e, z))
            if (sweeps++ == MAX_SWEEPS)
                return eg_fail(EG_E_DIVERGED, "the eigenvalues of a %lld x %lld matrix were not found", (long long)n,
                               (long long)n);
    }
    return EG_OK;
}

/* ---- order and sign ------------------------------------------------------------------------------------------- */

static void swap_rows(double *a, double *b, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double keep = a[i];
        a[i] = b[i];
        b[i] = keep;
    }
}

static void put_in_order(int64_t n, double *values, double *vectors) {
    for (int64_t i = 0; i < n; i++) {
        int64_t best = i, largest = 0;
        for (int64_t j = i + 1; j < n; j++)
            if (values[j] > values[best]) best = j;
        if (best != i) {
            swap_rows(values + i, values + best, 1);
            swap_rows(vectors + i * n, vectors + best * n, n);
        }
        double *row = vectors + i * n;
        for (int64_t j = 1; j < n; j++)
            if (fabs(row[j]) > fabs(row[largest]) * (1 + 1e-9)) largest = j;
        double sign = row[largest] < 0 ? -1 : 1;
        for (int64_t j = 0; j < n; j++) row[j] *= sign;
    }
}

eg_status eg_symmetric_eigen(int64_t n, double *a, double *values, double *vectors) {
    double *scratch = eg_calloc(n > 0 ? (size_t)n : 1, 3 * sizeof *scratch);
    if (!scratch) return EG_E_MEMORY;
    double *e = scratch, *beta = scratch + n;
    eg_status status = EG_OK;
    if (n > 0) {
        make_tridiagonal(n, a, values, e, beta, scratch + 2 * n);
        gather_reflections(n, a, beta, vectors);
        status = make_diagonal(n, values, e, vectors);
    }
    if (status == EG_OK) put_in_order(n, values, vectors);
    eg_free(scratch);
    return status;
}
