/* SPDX-License-Identifier: MIT
 *
 * progress.c: how far a training has come. On a terminal a bar that is redrawn at most ten times a second and fits
 * its width; elsewhere one plain line for each epoch. Epochs that fly by, or of which there are very many, do not
 * all keep their line; the first and the last do:
 *
 *     epoch 1/5 469/469 ---------- 1.2s 2ms/step - loss: 0.2536 - accuracy: 0.9265
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/cpu.h"
#include "train/trainer.h"

enum { LINE = 256, BAR = 20, MOST_LINES = 20 };
static const double REDRAW = .1, KEEP = .5; /* seconds between drawings; between lines that stay on a terminal */

struct eg_bar {
    FILE *stream;
    int terminal, columns;
    int open;           /* the terminal's cursor stands behind a line that may be drawn over */
    double drawn, kept; /* clock of the last drawing, and of the last line that stays */
    char last[LINE];    /* an epoch that has not been kept, "" for none */
};

static int terminal_columns(FILE *stream) {
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

eg_bar *eg_bar_new(FILE *stream) {
    eg_bar *bar = stream ? eg_alloc(sizeof *bar) : NULL;
    if (!bar) return NULL;
    int terminal = isatty(fileno(stream));
    *bar =
        (eg_bar){ .stream = stream, .terminal = terminal, .columns = terminal ? terminal_columns(stream) : LINE - 1 };
    return bar;
}

/* Adds to a line that never grows past its end. */
static void put(char line[LINE], const char *format, ...) {
    size_t used = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, LINE - used, format, arguments);
    va_end(arguments);
}

static void put_seconds(char line[LINE], double seconds) {
    if (seconds >= 100)
        put(line, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
    else
        put(line, "%.1fs", seconds);
}

static void put_step_time(char line[LINE], double seconds) {
    if (seconds < 1e-3)
        put(line, " %.0fus/step", seconds * 1e6);
    else if (seconds < 1)
        put(line, " %.0fms/step", seconds * 1e3);
    else
        put(line, " %.1fs/step", seconds);
}

static void put_scores(char line[LINE], const char *prefix, const eg_scores *scores) {
    for (int i = 0; i < EG_SCORES; i++)
        if (!isnan(eg_score(scores, i))) put(line, " - %s%s: %.4f", prefix, eg_score_names[i], eg_score(scores, i));
}

static void put_bar(char line[LINE], double share, int width) {
    int full = (int)(share * width);
    put(line, " ");
    for (int i = 0; i < width; i++) put(line, i < full ? "-" : i == full ? ">" : ".");
}

static void compose(const eg_bar *bar, const eg_progress_info *info, char line[LINE]) {
    line[0] = 0;
    put(line, "epoch %d/%d %lld/%lld", info->epoch, info->epochs, (long long)info->batch, (long long)info->batches);
    if (bar->columns >= 100 || !bar->terminal)
        put_bar(line, (double)info->batch / (double)(info->batches ? info->batches : 1),
                bar->terminal ? BAR : BAR / 2);
    put(line, " ");
    put_seconds(line, info->seconds);
    if (info->batch && bar->columns >= 80) put_step_time(line, info->seconds / (double)info->batch);
    put_scores(line, "", &info->train);
    if (info->validation) put_scores(line, "val_", info->validation);
}

/* A terminal's line is drawn over the one before. The stream is the user's: nothing is printed that was not asked
 * for. */
static void show(const eg_bar *bar, const char *line, const char *end) {
    const char *parts[] = { bar->terminal ? "\r" : "", line, bar->terminal ? "\033[K" : "", end };
    for (int i = 0; i < 4; i++) fwrite(parts[i], 1, strlen(parts[i]), bar->stream);
    fflush(bar->stream);
}

static void draw(eg_bar *bar, char line[LINE], double now) {
    if (now - bar->drawn < REDRAW) return;
    bar->drawn = now;
    if (bar->columns < LINE) line[bar->columns - 1] = 0; /* a redrawn line must not wrap */
    show(bar, line, "");
    bar->open = 1;
}

/* A line that stays is whole: where it is wider than the terminal, the validation's scores get a line of their own.
 */
static void keep(eg_bar *bar, char line[LINE], double now) {
    char *validation = strstr(line, " - val_");
    if (bar->terminal && validation && (int)strlen(line) > bar->columns) {
        char rest[LINE] = "";
        put(rest, "%*s%s", (int)strcspn(line, "/"), "", validation + 1);
        *validation = 0;
        show(bar, line, "\n");
        show(bar, rest, "\n");
    } else {
        show(bar, line, "\n");
    }
    bar->kept = now;
    bar->open = 0;
    bar->last[0] = 0;
}

void eg_bar_batch(eg_bar *bar, const eg_progress_info *info) {
    if (!bar || !bar->terminal) return;
    char line[LINE];
    double now = eg_clock();
    if (now - bar->drawn < REDRAW) return;
    compose(bar, info, line);
    draw(bar, line, now);
}

static int stays(const eg_bar *bar, const eg_progress_info *info, double now) {
    int every = (info->epochs + MOST_LINES - 1) / MOST_LINES;
    if (info->epoch == 1 || info->epoch == info->epochs) return 1;
    return bar->terminal ? now - bar->kept >= KEEP : info->epoch % every == 0;
}

void eg_bar_epoch(eg_bar *bar, const eg_progress_info *info) {
    if (!bar) return;
    char line[LINE];
    double now = eg_clock();
    compose(bar, info, line);
    if (stays(bar, info, now)) {
        keep(bar, line, now);
        return;
    }
    memcpy(bar->last, line, sizeof line);
    if (bar->terminal) draw(bar, line, now);
}

/* The last epoch keeps its line also where a run ends early. */
void eg_bar_free(eg_bar *bar) {
    if (bar && bar->last[0]) keep(bar, bar->last, 0);
    if (bar && bar->open) {
        fputc('\n', bar->stream);
        fflush(bar->stream);
    }
    eg_free(bar);
}
