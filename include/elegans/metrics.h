/* SPDX-License-Identifier: MIT
 *
 * elegans/metrics.h: how good are these classes? The table of confusions and what follows from it, and the area under the ROC
 * curve. Pure functions on arrays: no model is needed.
 *
 *     eg_report report;
 *     eg_classification_report(truth, guess, n, classes, &report);
 *     printf("macro F1 %.4f\n", report.macro.f1);
 *     eg_report_free(&report);
 */
#ifndef ELEGANS_METRICS_H
#define ELEGANS_METRICS_H

#include <elegans/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* precision = hits / guessed, recall = hits / there are, f1 = 2 p r / (p + r); 0 where the denominator is 0. */
typedef struct eg_class_scores {
    double precision, recall, f1;
    int64_t support; /* samples of this class */
} eg_class_scores;

typedef struct eg_report {
    int classes;
    int64_t *confusion;        /* [classes][classes]: row = truth, column = guess */
    eg_class_scores *of_class; /* [classes] */
    eg_class_scores macro;     /* mean over the classes; support: all samples */
    double accuracy;
} eg_report;

/* DATA error for a class outside 0..classes-1. */
EG_API eg_status eg_classification_report(const int32_t *truth, const int32_t *guess, int64_t n, int classes, eg_report *out);
EG_API void eg_report_free(eg_report *report); /* zeroes it */
/* A table for people: precision, recall, f1, support of each class, then the confusions. `names` may be NULL.
 * Allocated, free with eg_string_free. */
EG_API char *eg_report_text(const eg_report *report, const char *const *names);

/* Area under the ROC curve: the chance that a sample of the class scores higher than one that is not (a tie counts half).
 * positive[i] non-zero: sample i is of the class. NaN when one of the two is missing. O(n log n). */
EG_API eg_status eg_auc(const int32_t *positive, const double *score, int64_t n, double *out);

#ifdef __cplusplus
}
#endif
#endif
