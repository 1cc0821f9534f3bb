/* SPDX-License-Identifier: MIT
 *
 * eigen.h: eigenvalues and eigenvectors of a symmetric matrix, for PCA and whitening.
 */
#ifndef EG_DATA_EIGEN_H
#define EG_DATA_EIGEN_H

#include <elegans/base.h>

/* a [n,n], symmetric, is destroyed. values [n] come out from the largest to the smallest, vectors [n,n] with one
 * vector of length 1 per row, its element of largest magnitude positive. MEMORY, or DIVERGED if the iteration does
 * not end (values that are not finite). */
eg_status eg_symmetric_eigen(int64_t n, double *a, double *values, double *vectors);

#endif
