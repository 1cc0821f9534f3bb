/* SPDX-License-Identifier: MIT
 *
 * fold.c: cross-validation's folds: every row is held out once, and each fold has its share of every class. Which row
 * falls into which fold depends on the seed alone.
 */
#include "base/alloc.h"
#include "base/rng.h"
#include "base/status.h"
#include "data/set.h"

/* Deals the rows, in a random order, class by class around the folds: rows of `fold` go behind all others.
 * Returns how many are kept for training. */
static int64_t deal(const int64_t *order, int64_t n, const int32_t *labels, int64_t *dealt, int folds, int fold,
                    int64_t *rows) {
    int64_t kept = 0, held = n;
    for (int64_t i = 0; i < n; i++) {
        int class = labels ? labels[order[i]] : 0;
        if (dealt[class]++ % folds == fold)
            rows[--held] = order[i];
        else
            rows[kept++] = order[i];
    }
    return kept;
}

eg_status eg_data_fold(const eg_data *data, int folds, int fold, uint64_t seed, eg_data **train, eg_data **held_out) {
    *train = *held_out = NULL;
    EG_TRY(eg_data_check(data));
    int64_t n = eg_data_rows(data);
    if (folds < 2 || folds > n || fold < 0 || fold >= folds)
        return eg_fail(EG_E_ARGUMENT, "fold %d of %d over %lld rows", fold, folds, (long long)n);
    const int32_t *labels = eg_data_labels(data);
    int classes = labels ? data->info->classes : 1;
    int64_t *order = eg_calloc((size_t)n, sizeof *order), *rows = eg_calloc((size_t)n, sizeof *rows);
    int64_t *dealt = eg_calloc((size_t)classes, sizeof *dealt);
    eg_status status = order && rows && dealt ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK) {
        eg_rng rng = eg_rng_new(seed, eg_site("data/fold"));
        eg_rng_permutation(&rng, order, n);
        int64_t kept = deal(order, n, labels, dealt, folds, fold, rows);
        *train = eg_data_take(data, rows, kept);
        *held_out = eg_data_take(data, rows + kept, n - kept);
        status = *train && *held_out ? eg_data_status(*train) : EG_E_MEMORY;
        if (status == EG_OK) status = eg_data_status(*held_out);
    }
    if (status != EG_OK) {
        eg_data_free(*train);
        eg_data_free(*held_out);
        *train = *held_out = NULL;
    }
    eg_free(order);
    eg_free(rows);
    eg_free(dealt);
    return status;
}
