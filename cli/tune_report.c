/* SPDX-License-Identifier: MIT
 *
 * tune_report.c: what came out of the trials: lines while they run, a table, JSON, and a picture in which each trial
 * is a row with its score on the training rows and on the held-out ones: a long gap is overfitting.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "plot.h"
#include "tune.h"

/* ---- words ----------------------------------------------------------------------------------------------- */

/* "lr=0.01 net=dense 8 relu; dense 1": words before whole networks. `quote`: as options for a shell. */
static void put_settings(const tune *t, const tune_trial *trial, int quote, char *out, size_t size) {
    size_t used = 0;
    snprintf(out, size, "%s", t->settings || quote ? "" : "as they are");
    for (int i = 0; i < 2 * t->settings && used < size; i++) {
        int k = i % t->settings, spaces = strpbrk(tune_value(trial, k), " ;&|()*?'\"") != NULL;
        if (spaces != i / t->settings) continue;
        used += (size_t)snprintf(out + used, size - used, quote && spaces ? "%s%s'%s=%s'" : "%s%s%s=%s",
                                 used ? " " : "", quote ? "--set " : "", t->setting[k].key, tune_value(trial, k));
    }
}

void tune_tell(const tune *t, int i) {
    const tune_trial *trial = &t->trial[i];
    char settings[400];
    put_settings(t, trial, 0, settings, sizeof settings);
    fprintf(stderr, "trial %d/%d  ", i + 1, t->trials);
    if (isnan(trial->held))
        fprintf(stderr, "diverged");
    else
        fprintf(stderr, "%s %.4f +- %.4f", t->measure->name, trial->held, trial->held_deviation);
    fprintf(stderr, "  %s\n", settings);
}

static void put_trial(cli_json *json, const tune *t, const tune_trial *trial) {
    cli_json_open(json, "settings");
    for (int k = 0; k < t->settings; k++) cli_json_text(json, t->setting[k].key, tune_value(trial, k));
    cli_json_close(json);
    cli_json_text(json, "by", t->measure->name);
    cli_json_integer(json, "folds", t->folds);
    cli_json_real(json, "train", trial->train);
    cli_json_real(json, "train_deviation", trial->train_deviation);
    cli_json_real(json, "validation", trial->held);
    cli_json_real(json, "validation_deviation", trial->held_deviation);
}

void tune_print_trial(const tune *t, int i) {
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "trial");
    cli_json_integer(&json, "trial", i + 1);
    put_trial(&json, t, &t->trial[i]);
    cli_json_close(&json);
}

void tune_print_best(const tune *t, int done) {
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "best");
    cli_json_integer(&json, "done", done);
    cli_json_integer(&json, "trials", t->trials);
    put_trial(&json, t, &t->trial[0]);
    cli_json_close(&json);
}

/* ---- the table ------------------------------------------------------------------------------------------- */

/* Trials with a score before those without, and those done before the others. */
static int larger_first(const void *a, const void *b) {
    const tune_trial *x = a, *y = b;
    int known_x = x->done && !isnan(x->held), known_y = y->done && !isnan(y->held);
    if (known_x != known_y) return known_y - known_x;
    if (!known_x) return y->done - x->done;
    return (x->held < y->held) - (x->held > y->held);
}

static int smaller_first(const void *a, const void *b) {
    const tune_trial *x = a, *y = b;
    int known = x->done && y->done && !isnan(x->held) && !isnan(y->held);
    return known ? larger_first(b, a) : larger_first(a, b);
}

void tune_sort(tune *t) {
    qsort(t->trial, (size_t)t->trials, sizeof *t->trial, t->measure->larger_is_better ? larger_first : smaller_first);
}

void tune_print_table(const tune *t, int done) {
    char settings[400];
    printf("%4s  %-18s  %-8s  %s\n", "rank", t->measure->name, "training", "settings");
    for (int i = 0; i < done; i++) {
        const tune_trial *trial = &t->trial[i];
        put_settings(t, trial, 0, settings, sizeof settings);
        if (isnan(trial->held))
            printf("%4d  %-18s  %-8s  %s\n", i + 1, "diverged", "", settings);
        else
            printf("%4d  %.4f +- %-8.4f  %8.4f  %s\n", i + 1, trial->held, trial->held_deviation, trial->train,
                   settings);
    }
    if (isnan(t->trial[0].held) || !t->settings) return;
    put_settings(t, &t->trial[0], 1, settings, sizeof settings);
    printf("best: %s\n", settings);
}

/* ---- the picture ----------------------------------------------------------------------------------------- */

enum { MOST_ROWS = 40, ROW = 22, CHART = 420, TOP = 30, MARGIN = 10, MOST_LABEL = 330 };

/* A row's name, cut with dots where it is too long. */
static void name_row(const tune *t, int i, char *out, size_t size) {
    char settings[400];
    put_settings(t, &t->trial[i], 0, settings, sizeof settings);
    int length = snprintf(out, size - 4, "%d  %s", i + 1, settings);
    if (length > (int)size - 5) length = (int)size - 5;
    while (length > 4 && picture_text_width(out, 12) > MOST_LABEL) {
        while (length > 4 && (out[length - 1] & 0xc0) == 0x80) length--;
        strcpy(out + --length, "...");
    }
}

static double label_width(const tune *t, int rows) {
    char name[120];
    double width = 60;
    for (int i = 0; i < rows; i++) {
        name_row(t, i, name, sizeof name);
        width = fmax(width, picture_text_width(name, 12));
    }
    return width + 16;
}

static void include_spread(plot_range *r, double mean, double deviation) {
    plot_include(r, (double[]){ mean - deviation, mean + deviation }, 2, 1);
}

static void draw_row(const plot *c, const tune *t, int i) {
    const tune_trial *trial = &t->trial[i];
    char name[120];
    double y = plot_y(c, -i);
    name_row(t, i, name, sizeof name);
    picture_text(c->picture, c->left - 10, y + 4, FONT(.anchor = PICTURE_END), "%s", name);
    if (isnan(trial->held)) {
        picture_text(c->picture, c->left + 8, y + 4, FONT(.colour = PICTURE_GREY), "diverged");
        return;
    }
    double train = plot_x(c, trial->train), held = plot_x(c, trial->held);
    picture_line(c->picture, train, y, held, y, PEN(.stroke = "#b0b0b0", .width = 2));
    picture_line(c->picture, plot_x(c, trial->held - trial->held_deviation), y,
                 plot_x(c, trial->held + trial->held_deviation), y, PEN(.stroke = PICTURE_RED, .width = 1));
    picture_circle(c->picture, train, y, 4.5, PEN(.fill = PICTURE_BLUE, .stroke = "#ffffff"));
    picture_circle(c->picture, held, y, 4.5, PEN(.fill = PICTURE_RED, .stroke = "#ffffff"));
}

/* An upper bound of 1 is kept: no score lies beyond. */
static plot_range scores_range(const tune *t, int rows) {
    plot_range r = PLOT_NOTHING;
    for (int i = 0; i < rows; i++) {
        include_spread(&r, t->trial[i].held, t->trial[i].held_deviation);
        include_spread(&r, t->trial[i].train, 0);
    }
    return plot_padded(r);
}

int tune_draw(const tune *t, int done, const char *path) {
    const plot_entry entries[] = { { "training rows", PEN(.fill = PICTURE_BLUE), 4.5 },
                                   { "held-out rows", PEN(.fill = PICTURE_RED), 4.5 },
                                   { "+- deviation", PEN(.stroke = PICTURE_RED, .width = 1), 0 } };
    int rows = done < MOST_ROWS ? done : MOST_ROWS;
    double labels = label_width(t, rows), height = rows * ROW;
    char title[120];
    picture p;
    snprintf(title, sizeof title, "%s over %d folds%s", t->measure->name, t->folds,
             t->measure->larger_is_better ? "" : " (smaller is better)");
    picture_open(&p, labels + CHART + 130 + 2 * MARGIN, height + TOP + 60, "training against validation by trial");
    plot c = plot_begin(&p, (plot_opt){ .left = MARGIN + labels,
                                        .top = MARGIN,
                                        .width = CHART,
                                        .height = height + TOP + 36,
                                        .x = scores_range(t, rows),
                                        .y = { -rows + .5, .5, 0 },
                                        .title = title,
                                        .x_label = t->measure->name,
                                        .no_y = 1 });
    for (int i = 0; i < rows; i++) draw_row(&c, t, i);
    plot_legend(&p, MARGIN + labels + CHART + 4, TOP + 4, entries, 3);
    return picture_save(&p, path);
}
