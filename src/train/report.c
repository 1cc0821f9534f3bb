/* SPDX-License-Identifier: MIT
 *
 * report.c: confusions, precision, recall, F1 and the area under the ROC curve.
 */
#include <elegans/metrics.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"

/* ---- report --------------------------------------------------------------------------------------------------- */

void eg_report_free(eg_report *report) {
    eg_free(report->confusion);
    eg_free(report->of_class);
    *report = (eg_report){ 0 };
}

static eg_status count_confusions(const int32_t *truth, const int32_t *guess, int64_t n, eg_report *out) {
    for (int64_t i = 0; i < n; i++) {
        if (truth[i] < 0 || truth[i] >= out->classes || guess[i] < 0 || guess[i] >= out->classes)
            return eg_fail(EG_E_DATA, "sample %lld: class %d, guessed %d, of %d classes", (long long)i + 1, truth[i],
                           guess[i], out->classes);
        out->confusion[truth[i] * out->classes + guess[i]]++;
    }
    return EG_OK;
}

static double share(int64_t part, int64_t whole) { return whole ? (double)part / (double)whole : 0; }

static eg_class_scores scores_of(const eg_report *r, int class) {
    int64_t hits = r->confusion[class * r->classes + class], guessed = 0, there = 0;
    for (int other = 0; other < r->classes; other++) {
        guessed += r->confusion[other * r->classes + class];
        there += r->confusion[class * r->classes + other];
    }
    eg_class_scores s = { share(hits, guessed), share(hits, there), 0, there };
    if (s.precision + s.recall > 0) s.f1 = 2 * s.precision * s.recall / (s.precision + s.recall);
    return s;
}

static void summarise(eg_report *r) {
    int64_t hits = 0;
    for (int class = 0; class < r->classes; class ++) {
        eg_class_scores s = r->of_class[class] = scores_of(r, class);
        r->macro.precision += s.precision / r->classes;
        r->macro.recall += s.recall / r->classes;
        r->macro.f1 += s.f1 / r->classes;
        r->macro.support += s.support;
        hits += r->confusion[class * r->classes + class];
    }
    r->accuracy = share(hits, r->macro.support);
}

eg_status eg_classification_report(const int32_t *truth, const int32_t *guess, int64_t n, int classes,
                                   eg_report *out) {
    *out = (eg_report){ 0 };
    if (classes < 1 || classes > 10000) return eg_fail(EG_E_ARGUMENT, "a report of %d classes", classes);
    out->classes = classes;
    out->confusion = eg_calloc((size_t)classes * (size_t)classes, sizeof *out->confusion);
    out->of_class = eg_calloc((size_t)classes, sizeof *out->of_class);
    eg_status status = out->confusion && out->of_class ? count_confusions(truth, guess, n, out) : EG_E_MEMORY;
    if (status == EG_OK)
        summarise(out);
    else
        eg_report_free(out);
    return status;
}

/* ---- text -------------------------------------------------------------------------------------------------------
 */

enum { NAME = 14 };

static void put_name(eg_text *text, const char *const *names, int class) {
    if (names)
        eg_text_format(text, "%*.*s", NAME, NAME, names[class]);
    else
        eg_text_format(text, "%*d", NAME, class);
}

static void put_scores(eg_text *text, const eg_class_scores *s) {
    eg_text_format(text, "%11.4f%9.4f%9.4f%9lld\n", s->precision, s->recall, s->f1, (long long)s->support);
}

static void put_confusions(eg_text *text, const eg_report *r, const char *const *names) {
    eg_text_format(text, "\nconfusions (rows: truth, columns: guess)\n");
    for (int truth = 0; truth < r->classes; truth++) {
        put_name(text, names, truth);
        for (int guess = 0; guess < r->classes; guess++)
            eg_text_format(text, "%7lld", (long long)r->confusion[truth * r->classes + guess]);
        eg_text_add(text, "\n");
    }
}

char *eg_report_text(const eg_report *r, const char *const *names) {
    eg_text text = { 0 };
    eg_text_format(&text, "%*s%11s%9s%9s%9s\n", NAME, "", "precision", "recall", "f1", "support");
    for (int class = 0; class < r->classes; class ++) {
        put_name(&text, names, class);
        put_scores(&text, &r->of_class[class]);
    }
    eg_text_format(&text, "%*s", NAME, "macro mean");
    put_scores(&text, &r->macro);
    eg_text_format(&text, "%*s%11.4f\n", NAME, "accuracy", r->accuracy);
    if (r->classes <= 20) put_confusions(&text, r, names);
    if (text.failed) eg_text_free(&text);
    return text.data;
}

/* ---- ROC ----------------------------------------------------------------------------------------------------------
 */

typedef struct ranked {
    double score;
    int positive;
} ranked;

static int by_score(const void *a, const void *b) {
    double x = ((const ranked *)a)->score, y = ((const ranked *)b)->score;
    return (x > y) - (x < y);
}

/* Sum of the positives' ranks, a tie sharing the mean of its ranks (Mann and Whitney). */
static double rank_sum(const ranked *sorted, int64_t n) {
    double sum = 0;
    for (int64_t first = 0, end; first < n; first = end) {
        int64_t positives = 0;
        for (end = first; end < n && sorted[end].score == sorted[first].score; end++)
            positives += sorted[end].positive;
        sum += (double)positives * (double)(first + 1 + end) / 2;
    }
    return sum;
}

eg_status eg_auc(const int32_t *positive, const double *score, int64_t n, double *out) {
    *out = (double)NAN;
    ranked *sorted = eg_calloc((size_t)n + 1, sizeof *sorted);
    if (!sorted) return EG_E_MEMORY;
    int64_t positives = 0;
    eg_status status = EG_OK;
    for (int64_t i = 0; i < n; i++) {
        sorted[i] = (ranked){ score[i], positive[i] != 0 };
        positives += sorted[i].positive;
        if (isnan(score[i])) status = eg_fail(EG_E_DATA, "score %lld is not a number", (long long)i + 1);
    }
    if (status == EG_OK && positives > 0 && positives < n) {
        qsort(sorted, (size_t)n, sizeof *sorted, by_score);
        double p = (double)positives, q = (double)(n - positives);
        *out = (rank_sum(sorted, n) - p * (p + 1) / 2) / (p * q);
    }
    eg_free(sorted);
    return status;
}
