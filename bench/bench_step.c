/* SPDX-License-Identifier: MIT
 *
 * bench_step.c: how long one training step and one prediction take, with the networks written out in the graph API,
 * so that nothing but the engine is measured; 64 batches of random data in turn, as training has them. Prints the
 * median of many runs, with -p the profile of every step, with -j one JSON line for bench.py.
 *
 *     bench_step [-j] [-p] [-t threads] [name]
 */
#include <elegans/program.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"

enum { MOST_ROOTS = 64, MOST_LAYERS = 8, BATCHES = 64 };

typedef enum update { SGD, RMSPROP, ADAM, PREDICT } update;

typedef struct net {
    const char *name;
    int64_t batch;
    int units[MOST_LAYERS]; /* ends with 0 */
    int tanh, regression;
    update update;
    int repeat; /* steps in one measurement */
} net;

static const net nets[] = {
    { "mnist_rmsprop", 128, { 784, 512, 10 }, 0, 0, RMSPROP, 1 },
    { "mnist_adam", 128, { 784, 512, 10 }, 0, 0, ADAM, 1 },
    { "mnist_predict_128", 128, { 784, 512, 10 }, 0, 0, PREDICT, 1 },
    { "predict_mnist", 1, { 784, 512, 10 }, 0, 0, PREDICT, 20 },
    { "tiny_4_16_3_sgd", 32, { 4, 16, 3 }, 0, 0, SGD, 500 },
    { "tiny_4_16_3", 32, { 4, 16, 3 }, 0, 0, ADAM, 500 },
    { "predict_4_16_3", 1, { 4, 16, 3 }, 0, 0, PREDICT, 1000 },
    { "tiny_2_4_2_1", 10, { 2, 4, 2, 1 }, 1, 1, SGD, 500 },
    { "xor_2_2_1", 1, { 2, 2, 1 }, 1, 1, SGD, 1000 },
    { "spiral_2_100_3", 300, { 2, 100, 3 }, 0, 0, SGD, 20 },
    { "spiral_2_100_3_b32", 32, { 2, 100, 3 }, 0, 0, SGD, 100 },
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the network
 * ---------------------------------------------------------------------------------------------------- */

typedef struct model {
    eg_graph *graph;
    eg_value *weight[2 * MOST_LAYERS], *root[MOST_ROOTS];
    int nweights, nroots;
} model;

static eg_value *layer(model *m, const net *n, eg_value *x, int i) {
    char name[32];
    snprintf(name, sizeof name, "dense_%d/kernel", i);
    eg_value *w = eg_weight(m->graph, name, EG_F32, EG_SHAPE(n->units[i - 1], n->units[i]));
    snprintf(name, sizeof name, "dense_%d/bias", i);
    eg_value *b = eg_var(m->graph, name, EG_F32, EG_SHAPE(n->units[i]));
    m->weight[m->nweights++] = w;
    m->weight[m->nweights++] = b;
    eg_value *z = eg_add(eg_matmul(x, w), b);
    if (n->units[i + 1] == 0) return z;
    return n->tanh ? eg_tanh(z) : eg_relu(z);
}

static eg_value *loss_of(model *m, const net *n, eg_value *z, int outputs) {
    if (n->regression) {
        eg_value *y = eg_input(m->graph, "y", EG_F32, EG_SHAPE(n->batch, outputs));
        return eg_mean(eg_square(eg_sub(z, y)));
    }
    eg_value *target = eg_one_hot(eg_input(m->graph, "y", EG_I32, EG_SHAPE(n->batch)), outputs, EG_F32);
    return eg_mean(eg_neg(eg_sum(eg_mul(target, eg_log_softmax(z, 1)), .axes = EG_AXES(1))));
}

static eg_value *slot(model *m, const eg_value *w, const char *what) {
    char name[64];
    snprintf(name, sizeof name, "%s/%s", eg_value_name(w), what);
    eg_shape shape = eg_value_shape(w);
    return shape.rank == 2 ? eg_weight(m->graph, name, EG_F32, shape) : eg_var(m->graph, name, EG_F32, shape);
}

static void set(model *m, eg_value *var, eg_value *value) { m->root[m->nroots++] = eg_assign(var, value); }

static void update_one(model *m, update how, eg_value *w, eg_value *d, eg_value *rate) {
    eg_graph *g = m->graph;
    eg_value *step = eg_mul(rate, d);
    if (how == RMSPROP) {
        eg_value *v = slot(m, w, "v");
        eg_value *v1 = eg_add(eg_mul(v, eg_const(g, .9)), eg_mul(eg_square(d), eg_const(g, .1)));
        step = eg_mul(rate, eg_mul(d, eg_rsqrt(eg_add(v1, eg_const(g, 1e-7)))));
        set(m, v, v1);
    } else if (how == ADAM) {
        eg_value *v = slot(m, w, "v"), *a = slot(m, w, "m");
        eg_value *a1 = eg_add(eg_mul(a, eg_const(g, .9)), eg_mul(d, eg_const(g, .1)));
        eg_value *v1 = eg_add(eg_mul(v, eg_const(g, .999)), eg_mul(eg_square(d), eg_const(g, .001)));
        step = eg_div(eg_mul(rate, a1), eg_add(eg_sqrt(v1), eg_const(g, 1e-7)));
        set(m, v, v1);
        set(m, a, a1);
    }
    set(m, w, eg_sub(w, step));
}

static model build(const net *n) {
    model m = { .graph = eg_graph_new() };
    eg_value *x = eg_input(m.graph, "x", EG_F32, EG_SHAPE(n->batch, n->units[0])), *z = x, *gradient[2 * MOST_LAYERS];
    int i = 1;
    for (; n->units[i]; i++) z = layer(&m, n, z, i);
    if (n->update == PREDICT) {
        m.root[m.nroots++] = eg_softmax(z, 1);
        return m;
    }
    eg_value *loss = loss_of(&m, n, z, n->units[i - 1]), *rate = eg_input(m.graph, "rate", EG_F32, EG_SCALAR);
    m.root[m.nroots++] = loss;
    eg_grad(loss, m.weight, m.nweights, gradient);
    for (int k = 0; k < m.nweights; k++) update_one(&m, n->update, m.weight[k], gradient[k], rate);
    return m;
}

/* ---- measuring
 * -------------------------------------------------------------------------------------------------------- */

static float *random_rows(int64_t n, int seed) {
    float *x = aligned_alloc(64, ((size_t)n * 4 + 191) / 64 * 64);
    srand((unsigned)seed);
    for (int64_t i = 0; i < n; i++) x[i] = (float)rand() / (float)RAND_MAX;
    return x;
}

/* What the runs are fed with: BATCHES batches, each aligned as a batch buffer is. */
typedef struct feed {
    float *x, *y;
    int32_t *label;
    int64_t x_size, y_size; /* elements of a batch, rounded up to 16 */
} feed;

static feed make_feed(eg_program *p, const net *n) {
    int outputs = 0;
    for (int i = 0; n->units[i]; i++) outputs = n->units[i];
    feed f = { .x_size = (n->batch * n->units[0] + 15) / 16 * 16, .y_size = (n->batch * outputs + 15) / 16 * 16 };
    f.x = random_rows(f.x_size * BATCHES, 1);
    f.y = random_rows(f.y_size * BATCHES, 2);
    f.label = calloc((size_t)f.y_size * BATCHES, sizeof *f.label);
    for (int64_t i = 0; i < f.y_size * BATCHES; i++) f.label[i] = rand() % outputs;
    float rate = 1e-3f;
    if (n->update != PREDICT) eg_set(p, "rate", &rate, sizeof rate);
    return f;
}

static void free_feed(feed *f) {
    free(f->x);
    free(f->y);
    free(f->label);
}

static void run_step(eg_program *p, const net *n, const feed *f, int turn) {
    turn %= BATCHES;
    eg_bind(p, "x", f->x + turn * f->x_size, (size_t)(n->batch * n->units[0]) * sizeof(float));
    int outputs = 0;
    for (int i = 0; n->units[i]; i++) outputs = n->units[i];
    if (n->update != PREDICT && n->regression)
        eg_bind(p, "y", f->y + turn * f->y_size, (size_t)(n->batch * outputs) * sizeof(float));
    else if (n->update != PREDICT)
        eg_bind(p, "y", f->label + turn * f->y_size, (size_t)n->batch * sizeof(int32_t));
    eg_run(p);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* An optimizer starts from zeros; only weights are drawn. */
static void clear_slots(eg_state *state) {
    for (int i = 0; i < eg_state_count(state); i++) {
        const char *name = eg_state_name(state, i), *end = strrchr(name, '/');
        if (strcmp(end, "/v") != 0 && strcmp(end, "/m") != 0) continue;
        size_t n = (size_t)eg_shape_size(eg_state_shape(state, i));
        float *zeros = calloc(n, sizeof *zeros);
        eg_state_write(state, name, zeros, n * sizeof *zeros);
        free(zeros);
    }
}

static void measure(const net *n, int threads, int profile, int json) {
    enum { SAMPLES = 101 };
    static double seconds[SAMPLES];
    model m = build(n);
    eg_state *state = eg_state_new(1);
    double start = now();
    eg_program *p = eg_program_new(state, m.root, m.nroots, .threads = threads, .profile = profile);
    double compile = now() - start;
    if (!p) {
        printf("%s: %s\n", n->name, eg_error());
        exit(1);
    }
    eg_init_normal(state, m.graph, .05);
    clear_slots(state);
    feed f = make_feed(p, n);
    for (int i = 0; i < BATCHES; i++) run_step(p, n, &f, i);
    for (int i = 0, turn = 0; i < SAMPLES; i++) {
        start = now();
        for (int k = 0; k < n->repeat; k++) run_step(p, n, &f, turn++);
        seconds[i] = (now() - start) / n->repeat;
    }
    qsort(seconds, SAMPLES, sizeof *seconds, by_value);
    if (json)
        bench_print(n->name, "elegans", threads, seconds[SAMPLES / 2] * 1e6, eg_program_flops(p));
    else
        printf("%-32s %10.3f us  (min %.3f)  %2d steps, %zu bytes, compiled in %.0f us\n", n->name,
               seconds[SAMPLES / 2] * 1e6, seconds[0] * 1e6, eg_program_steps(p), eg_program_memory(p),
               compile * 1e6);
    char *text = profile ? eg_program_text(p) : NULL;
    if (text) puts(text);
    eg_string_free(text);
    eg_program_free(p);
    eg_state_free(state);
    eg_graph_free(m.graph);
    free_feed(&f);
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
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        if (strstr(nets[i].name, only)) measure(&nets[i], threads, profile, json);
    return 0;
}
