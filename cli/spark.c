/* SPDX-License-Identifier: MIT
 *
 * spark.c: the line lies under the bar, which goes on drawing over its own line: it is written one line below, and
 * the cursor goes back up. Short runs show parts of epochs, long ones every so many-th epoch.
 */
#include <math.h>
#include <time.h>
#include "plot.h"
#include "spark.h"

enum { PARTS = 8, SHORT = 20 }; /* parts of an epoch that a run of so few epochs shows */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Half of the numbers make room for as many new ones. */
static void thin(spark *s) {
    for (int i = 0; i < SPARK_MOST / 2; i++) {
        s->train[i] = s->train[2 * i + 1];
        s->validation[i] = s->validation[2 * i + 1];
    }
    s->n = SPARK_MOST / 2;
    s->every *= 2;
}

static void keep(spark *s, const eg_progress_info *info) {
    if (++s->skipped < s->every) return;
    s->skipped = 0;
    if (s->n == SPARK_MOST) thin(s);
    s->train[s->n] = info->train.loss;
    s->validation[s->n++] = info->validation ? info->validation->loss : NAN;
    s->validated |= info->validation != NULL;
}

static void draw(const spark *s, const char *before, const char *after) {
    char line[4 * SPARK_MOST], second[4 * SPARK_MOST] = "", last[32] = "";
    int room = cli_columns(s->stream) - 14 - 8, width = s->validated ? (room - 18) / 2 : room;
    double scores[SPARK_MOST];
    int n = 0;
    if (s->n == 0 || width < 4) return;
    plot_spark(s->train, s->n, width, line, sizeof line);
    for (int i = 0; i < s->n; i++)
        if (isfinite(s->validation[i])) scores[n++] = s->validation[i];
    if (n > 0) {
        plot_spark(scores, n, width, second, sizeof second);
        snprintf(last, sizeof last, " %.4f", scores[n - 1]);
    }
    fprintf(s->stream, "%s\r%sloss%s %s %.4f%s%s%s\033[K%s", before, cli_style(s->stream, "1"),
            cli_style(s->stream, "0"), line, s->train[s->n - 1], n > 0 ? "  val_loss " : "", second, last, after);
    fflush(s->stream);
}

static void draw_below(spark *s) {
    double time = now();
    if (time - s->drawn < .1) return;
    s->drawn = time;
    draw(s, "\n", "\033[1A\r");
}

static eg_status on_batch(void *user, const eg_progress_info *info) {
    spark *s = user;
    int64_t part = info->batches / PARTS;
    if (info->epochs <= SHORT && part > 0 && info->batch % part == 0 && info->batch < info->batches) {
        eg_progress_info without = *info;
        without.validation = NULL;
        keep(s, &without);
    }
    draw_below(s);
    return EG_OK;
}

static eg_status on_epoch(void *user, const eg_progress_info *info) {
    keep(user, info);
    draw_below(user);
    return EG_OK;
}

eg_callback spark_callback(spark *s, FILE *stream) {
    *s = (spark){ .stream = stream, .every = 1 };
    return (eg_callback){ .user = s, .batch_end = on_batch, .epoch_end = on_epoch };
}

void spark_end(spark *s) { draw(s, "", "\n"); }
