/* SPDX-License-Identifier: MIT
 *
 * tune.h: the trials of `elegans tune`, and how they are told: tune_report.c sorts, prints and draws them.
 */
#ifndef ELEGANS_CLI_TUNE_H
#define ELEGANS_CLI_TUNE_H

#include <elegans.h>

enum { TUNE_SETTINGS = 8, TUNE_VALUES = 64, TUNE_TRIALS = 100000, TUNE_FOLDS = 100 };

typedef struct tune_measure {
    const char *name;
    size_t offset; /* in eg_scores */
    int larger_is_better;
} tune_measure;

typedef struct tune_setting {
    char key[48], *text; /* of --grid or --range; the values point into it */
    int n, is_range, log, whole;
    const char *value[TUNE_VALUES];
    double low, high;
} tune_setting;

typedef struct tune_trial {
    const char *chosen[TUNE_SETTINGS];                   /* of a list, or NULL: */
    char drawn[TUNE_SETTINGS][24];                       /* from a range */
    double train, train_deviation, held, held_deviation; /* NaN: diverged */
    int done;
} tune_trial;

typedef struct tune {
    tune_setting setting[TUNE_SETTINGS];
    tune_trial *trial;
    const tune_measure *measure;
    int settings, trials, folds;
} tune;

static inline const char *tune_value(const tune_trial *trial, int k) {
    return trial->chosen[k] ? trial->chosen[k] : trial->drawn[k];
}

void tune_tell(const tune *t, int trial); /* a line on stderr */
void tune_print_trial(const tune *t, int trial);
void tune_sort(tune *t); /* the best first, diverged ones and those not done last */
void tune_print_table(const tune *t, int done);
void tune_print_best(const tune *t, int done); /* JSON */
int tune_draw(const tune *t, int done, const char *path);

#endif
