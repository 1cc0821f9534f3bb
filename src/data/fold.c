/* SPDX-License-Identifier: MIT
 *
 * fold.c: a data set in two: by a share, or as cross-validation's folds, of which every row is held out by one.
 * Either part has its share of every class. Which row falls into which depends on the seed alone.
 */
#include <math.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/status.h"
#include "data/set.h"

/* How rows are dealt: in a random order, class by class. */
typedef struct deal {
    const char *site;
    int folds, fold; /* around the folds: rows of `fold` go behind all others; folds 0: */
    double share;    /* the first rows of a class go to the front, so many of them */
} deal;

/* left[c]: how many rows of class c go to the front; without classes all rows are of class 0. */
static void count_shares(const int32_t *labels, int64_t n, double share, int64_t *left, int classes) {
    for (int64_t i = 0; i < n; i++) left[labels ? labels[i] : 0]++;
    int64_t sum = 0;
    for (int c = 0; c < classes; c++) sum += left[c] = (int64_t)floor(share * (double)left[c] + .5);
    for (int c = 0; c < classes && sum == n; c++) /* rounding took all: the second part gets one */
        if (left[c] > 0) left[c]--, sum--;
}

/* Rows of both parts, [n]; returns how many are in the first. */
static int64_t deal_rows(const deal *how, const int64_t *order, int64_t n, const int32_t *labels, int64_t *count,
                         int64_t *rows) {
    int64_t front = 0, back = n;
    for (int64_t i = 0; i < n; i++) {
        int64_t *c = &count[labels ? labels[order[i]] : 0];
        int to_back = how->folds ? (*c)++ % how->folds == how->fold : --*c < 0;
        rows[to_back ? --back : front++] = order[i];
    }
    return front == 0 && !how->folds ? 1 : front;
}

static eg_status part(const eg_data *data, uint64_t seed, const deal *how, eg_data **first, eg_data **second) {
    int64_t n = eg_data_rows(data);
    const int32_t *labels = eg_data_labels(data);
    int classes = labels ? data->info->classes : 1;
    int64_t *order = eg_calloc((size_t)(2 * n + classes), sizeof *order);
    if (!order) return EG_E_MEMORY;
    int64_t *rows = order + n, *count = rows + n;
    eg_rng rng = eg_rng_new(seed, eg_site(how->site));
    eg_rng_permutation(&rng, order, n);
    if (!how->folds) count_shares(labels, n, how->share, count, classes);
    int64_t cut = deal_rows(how, order, n, labels, count, rows);
    *first = eg_data_take(data, rows, cut);
    *second = eg_data_take(data, rows + cut, n - cut);
    eg_free(order);
    eg_status status = eg_data_status(*first) == EG_OK ? eg_data_status(*second) : eg_data_status(*first);
    if (status == EG_OK) return EG_OK;
    eg_data_free(*first);
    eg_data_free(*second);
    *first = *second = NULL;
    return status;
}

eg_status eg_data_split(const eg_data *data, double share, uint64_t seed, eg_data **first, eg_data **second) {
    *first = *second = NULL;
    EG_TRY(eg_data_check(data));
    if (!(share > 0 && share < 1))
        return eg_fail(EG_E_ARGUMENT, "a split by %g: the share is between 0 and 1", share);
    if (eg_data_rows(data) < 2) return eg_fail(EG_E_DATA, "%lld rows cannot be split", (long long)eg_data_rows(data));
    return part(data, seed, &(deal){ .site = "data/split", .share = share }, first, second);
}

eg_status eg_data_fold(const eg_data *data, int folds, int fold, uint64_t seed, eg_data **train, eg_data **held_out) {
    *train = *held_out = NULL;
    EG_TRY(eg_data_check(data));
    if (folds < 2 || folds > eg_data_rows(data) || fold < 0 || fold >= folds)
        return eg_fail(EG_E_ARGUMENT, "fold %d of %d over %lld rows", fold, folds, (long long)eg_data_rows(data));
    return part(data, seed, &(deal){ .site = "data/fold", .folds = folds, .fold = fold }, train, held_out);
}
