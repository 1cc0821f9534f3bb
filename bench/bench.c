/* SPDX-License-Identifier: MIT
 *
 * bench.c: see bench.h.
 */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int bench_profile;

/* ---- works ------------------------------------------------------------------------------------------------- */

static char *trimmed(char *text) {
    text += strspn(text, " \t\n");
    for (size_t n = strlen(text); n && strchr(" \t\n", text[n - 1]);) text[--n] = 0;
    return text;
}

static void parse(bench_work *w, const char *line) {
    const char **field[] = { &w->kind, &w->name, &w->keys, &w->net };
    snprintf(w->line, sizeof w->line, "%s", line);
    char *at = w->line;
    for (int i = 0; i < 4; i++) {
        char *bar = at ? strchr(at, '|') : NULL;
        if (bar) *bar = 0;
        *field[i] = at ? trimmed(at) : "";
        at = bar ? bar + 1 : NULL;
    }
}

static const char *value_of(const bench_work *w, const char *key) {
    size_t n = strlen(key);
    for (const char *at = w->keys; (at = strstr(at, key)); at += n)
        if ((at == w->keys || at[-1] == ' ') && at[n] == '=') return at + n + 1;
    return NULL;
}

double bench_number(const bench_work *work, const char *key, double otherwise) {
    const char *value = value_of(work, key);
    return value ? strtod(value, NULL) : otherwise;
}

int bench_is(const bench_work *work, const char *key, const char *word) {
    const char *value = value_of(work, key);
    size_t n = strlen(word);
    return value && strncmp(value, word, n) == 0 && (value[n] == 0 || value[n] == ' ');
}

float *bench_floats(int64_t n, unsigned seed) {
    float *x = aligned_alloc(64, ((size_t)n * sizeof *x + 191) / 64 * 64);
    if (!x) exit(1);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 0x1p-24f;
    }
    return x;
}

/* ---- measuring --------------------------------------------------------------------------------------------- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double seconds_of(const bench_job *j, int64_t calls) {
    double start = now();
    for (int64_t i = 0; i < calls; i++) j->call(j->user);
    return now() - start;
}

typedef struct figure {
    double median, least; /* microseconds of a call */
    int samples;
} figure;

/* Samples of as many calls as take 200 us, for so many milliseconds, but three at least, after a warm-up. */
static figure measure(const bench_job *j, double milliseconds) {
    enum { MOST = 1001 };
    static double sample[MOST];
    int64_t calls = 1;
    double end = now() + milliseconds * 1e-3 * .2;
    do {
        double taken = seconds_of(j, calls);
        if (taken < 2e-4) calls *= taken < 2e-5 ? 8 : 2;
    } while (now() < end);
    end = now() + milliseconds * 1e-3;
    int n = 0;
    while (n < 3 || (n < MOST && now() < end)) sample[n++] = seconds_of(j, calls) / (double)calls * 1e6;
    qsort(sample, (size_t)n, sizeof *sample, by_value);
    return (figure){ sample[n / 2], sample[0], n };
}

/* ---- what is asked ----------------------------------------------------------------------------------------- */

static void end(bench_job *job) {
    if (job->call && job->end) job->end(job->user);
    *job = (bench_job){ 0 };
}

static int serve(bench_prepare prepare, int threads) {
    static bench_work work;
    bench_job job = { 0 };
    char line[600];
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "work ", 5) == 0) {
            end(&job);
            parse(&work, line + 5);
            const char *why = prepare(&work, threads, &job);
            if (why)
                printf("{\"no\": \"%s\"}\n", why);
            else
                printf("{\"ready\": 1, \"side\": \"%s\", \"flops\": %.6g}\n", job.side, job.flops);
        } else if (strncmp(line, "run ", 4) == 0 && job.call) {
            figure f = measure(&job, strtod(line + 4, NULL));
            printf("{\"us\": %.6g, \"least\": %.6g, \"samples\": %d}\n", f.median, f.least, f.samples);
        }
        fflush(stdout);
    }
    end(&job);
    return 0;
}

static void print_one(bench_prepare prepare, const bench_work *work, int threads) {
    bench_job job = { 0 };
    const char *why = prepare(work, threads, &job);
    if (why) return;
    figure f = measure(&job, 300);
    printf("%-8s %-30s %12.4g us  (least %.4g)", work->kind, work->name, f.median, f.least);
    if (job.flops > 0) printf("  %7.1f GFLOP/s", job.flops / f.median * 1e-3);
    putchar('\n');
    char *text = bench_profile && job.text ? job.text(job.user) : NULL;
    if (text) puts(text);
    free(text);
    end(&job);
}

static int print_all(bench_prepare prepare, int threads, const char *words) {
    static bench_work work;
    char line[512];
    FILE *file = fopen(BENCH_WORKS, "r");
    if (!file) return perror(BENCH_WORKS), 1;
    while (fgets(line, sizeof line, file)) {
        if (!strchr(line, '|') || line[0] == '#') continue;
        parse(&work, line);
        if (strstr(work.name, words) || strcmp(work.kind, words) == 0) print_one(prepare, &work, threads);
    }
    fclose(file);
    return 0;
}

int bench_main(int argc, char **argv, bench_prepare prepare) {
    int threads = 1, asked = 0;
    const char *words = "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "-p") == 0)
            bench_profile = 1;
        else if (strcmp(argv[i], "-s") == 0)
            asked = 1;
        else
            words = argv[i];
    }
    return asked ? serve(prepare, threads) : print_all(prepare, threads, words);
}
