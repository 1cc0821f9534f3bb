/* SPDX-License-Identifier: MIT
 *
 * preprocess.h: what the fitting of scalings shares: elements of any type, sorted values, resolved kinds.
 */
#ifndef EG_DATA_PREPROCESS_H
#define EG_DATA_PREPROCESS_H

#include "data/set.h"

/* n elements of a contiguous tensor, from number `first` on, `step` apart. */
void eg_elements(const eg_tensor *x, int64_t first, int64_t step, int64_t n, double *out);
void eg_sort(double *values, int64_t n); /* ascending */
/* NumPy's linear percentile at share 0 to 1. */
double eg_quantile(const double *sorted, int64_t n, double share);
/* What AUTO means for the data; DATA error where the kind cannot be fitted to it. */
eg_status eg_scaling_resolve(eg_scaling kind, const eg_data *data, eg_scaling *out);
/* The standard normal's quantile function as two quotients of polynomials, highest power first (P. J. Acklam's
 * coefficients, relative error < 1.2e-9): for q = u - 1/2 and u >= split: q top(q^2) / bottom(q^2); for smaller u,
 * with t = sqrt(-2 ln u): tail_top(t) / tail_bottom(t); above 1 - split by symmetry. */
typedef struct eg_normal_fit {
    double split;
    double top[6], bottom[6], tail_top[6], tail_bottom[5];
} eg_normal_fit;
extern const eg_normal_fit eg_normal;
/* Shares are kept this far from 0 and 1 before, so that 1 - margin is a float32 as well: 2^-23, deviates +-5.17. */
#define EG_NORMAL_MARGIN 0x1p-23
double eg_normal_quantile(double u);

#endif
