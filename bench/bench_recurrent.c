/* SPDX-License-Identifier: MIT
 *
 * bench_recurrent.c: how long one training step of a recurrent net takes: a model of characters, 65 one-hot features,
 * 128 units, 64 steps, batch 32, a dense layer of 65 on every state, cross-entropy, Adam. Prints the median of many
 * runs, with -p the profile of every step, with -j one JSON line for bench.py.
 *
 *     bench_recurrent [-j] [-p] [-t threads] [name]
 */
#include <elegans/nn.h>
#include <elegans/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"

enum { BATCH = 32, STEPS = 64, WORDS = 65, BATCHES = 8, SAMPLES = 61 };

static const struct {
    const char *name, *net;
} nets[] = {
    { "rnn_128", "simple_rnn 128 return_sequences; dense 65 last_axis" },
    { "lstm_128", "lstm 128 return_sequences; dense 65 last_axis" },
    { "gru_128", "gru 128 return_sequences; dense 65 last_axis" },
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct feed {
    float *x;      /* [BATCHES][BATCH][STEPS][WORDS] */
    int32_t *next; /* [BATCHES][BATCH][STEPS] */
} feed;

static feed make_feed(void) {
    enum { ALL = BATCHES * BATCH * STEPS };
    feed f = { aligned_alloc(64, sizeof(float) * ALL * WORDS), aligned_alloc(64, sizeof(int32_t) * ALL) };
    memset(f.x, 0, sizeof(float) * ALL * WORDS);
    srand(1);
    for (int i = 0; i < ALL; i++) {
        f.x[i * WORDS + rand() % WORDS] = 1;
        f.next[i] = rand() % WORDS;
    }
    return f;
}

static void run_step(eg_program *p, const feed *f, int turn) {
    enum { ONE = BATCH * STEPS };
    turn %= BATCHES;
    eg_bind(p, "x", f->x + (size_t)turn * ONE * WORDS, sizeof(float) * ONE * WORDS);
    eg_bind(p, "next", f->next + (size_t)turn * ONE, sizeof(int32_t) * ONE);
    eg_run(p);
}

/* Roots of a training step: the loss, and what Adam assigns. */
static int build(eg_model *m, eg_graph *g, const eg_optimizer *adam, eg_value **root) {
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(BATCH, STEPS, WORDS)), *w[32], *d[32], *y;
    eg_value *next = eg_input(g, "next", EG_I32, EG_SHAPE(BATCH, STEPS)),
             *step = eg_input(g, "step", EG_I32, EG_SCALAR);
    if (eg_model_build(m, x, NULL, &y, NULL, NULL) != EG_OK) return 0;
    root[0] = eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, next, y, .from_logits = 1);
    int n = eg_model_variables(m, g, 1, w, 32), updates = 0;
    if (eg_grad(root[0], w, n, d) != EG_OK) return 0;
    eg_value *rate = eg_input(g, "rate", EG_F32, EG_SCALAR);
    if (eg_optimizer_build(adam, step, rate, w, d, n, root + 1, &updates) != EG_OK) return 0;
    return 1 + updates;
}

static void report(const char *name, const eg_program *p, double *seconds, double compile, int threads, int json) {
    qsort(seconds, SAMPLES, sizeof *seconds, by_value);
    if (json)
        bench_print(name, "elegans", threads, seconds[SAMPLES / 2] * 1e6, eg_program_flops(p));
    else
        printf("%-12s %10.1f us  (min %.1f)  %5.1f GFLOP/s, %d steps, %zu bytes, compiled in %.0f us\n", name,
               seconds[SAMPLES / 2] * 1e6, seconds[0] * 1e6, eg_program_flops(p) / seconds[SAMPLES / 2] * 1e-9,
               eg_program_steps(p), eg_program_memory(p), compile * 1e6);
}

static void measure(int which, const feed *f, int threads, int profile, int json) {
    static double seconds[SAMPLES];
    eg_model *m = eg_model_parse(EG_SHAPE(STEPS, WORDS), nets[which].net);
    eg_model_init(m, 1, EG_KERAS);
    eg_graph *g = eg_graph_new();
    eg_optimizer *adam = eg_adam();
    eg_value *root[256];
    int n = build(m, g, adam, root), count = 0;
    double start = now();
    eg_program *p = n ? eg_program_new(eg_model_state(m), root, n, .threads = threads, .profile = profile) : NULL;
    double compile = now() - start;
    if (!p) {
        printf("%s: %s\n", nets[which].name, eg_error());
        exit(1);
    }
    eg_optimizer_init_slots(adam, eg_model_state(m));
    eg_set(p, "rate", &(float){ 1e-3f }, sizeof(float));
    for (int i = -10; i < SAMPLES; i++) {
        eg_set(p, "step", &(int32_t){ count++ }, sizeof(int32_t));
        start = now();
        run_step(p, f, count);
        if (i >= 0) seconds[i] = now() - start;
    }
    report(nets[which].name, p, seconds, compile, threads, json);
    char *text = profile ? eg_program_text(p) : NULL;
    if (text) puts(text);
    eg_string_free(text);
    eg_program_free(p);
    eg_optimizer_free(adam);
    eg_graph_free(g);
    eg_model_free(m);
}

int main(int argc, char **argv) {
    int threads = 1, profile = 0, json = 0;
    const char *only = "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-p") == 0)
            profile = 1;
        else if (strcmp(argv[i], "-j") == 0)
            json = 1;
        else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else
            only = argv[i];
    }
    feed f = make_feed();
    for (int i = 0; i < (int)(sizeof nets / sizeof *nets); i++)
        if (strstr(nets[i].name, only)) measure(i, &f, threads, profile, json);
    free(f.x);
    free(f.next);
    return 0;
}
