/* SPDX-License-Identifier: MIT
 *
 * bench_step.c: how long one training step and one prediction take, with the networks written out in the graph API, so that
 * nothing but the engine is measured. Prints the median of many runs, and with -p the profile of every step.
 *
 *     bench_step [-p] [-t threads] [name]
 */
#include <elegans/program.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_ROOTS = 64, MOST_LAYERS = 8 };

typedef enum update { SGD, RMSPROP, ADAM, PREDICT } update;

typedef struct net {
    const char *name;
    int64_t batch;
    int units[MOST_LAYERS]; /* ends with 0 */
    int tanh, regression;
    update update;
    int repeat;             /* steps in one measurement */
} net;

static const net nets[] = {
    { "mnist 784-512-10 b128 rmsprop", 128, { 784, 512, 10 }, 0, 0, RMSPROP, 1 },
    { "mnist 784-512-10 b128 predict", 128, { 784, 512, 10 }, 0, 0, PREDICT, 1 },
    { "mnist 784-512-10 b1 predict", 1, { 784, 512, 10 }, 0, 0, PREDICT, 20 },
    { "4-16-3 relu b32 sgd", 32, { 4, 16, 3 }, 0, 0, SGD, 500 },
    { "4-16-3 relu b32 adam", 32, { 4, 16, 3 }, 0, 0, ADAM, 500 },
    { "4-16-3 relu b1 predict", 1, { 4, 16, 3 }, 0, 0, PREDICT, 1000 },
    { "2-4-2-1 tanh b10 sgd", 10, { 2, 4, 2, 1 }, 1, 1, SGD, 500 },
    { "2-2-1 tanh b1 sgd", 1, { 2, 2, 1 }, 1, 1, SGD, 1000 },
    { "2-100-3 relu b300 sgd", 300, { 2, 100, 3 }, 0, 0, SGD, 20 },
    { "2-100-3 relu b32 sgd", 32, { 2, 100, 3 }, 0, 0, SGD, 100 },
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the network ---------------------------------------------------------------------------------------------------- */

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
        step = eg_div(step, eg_add(eg_sqrt(v1), eg_const(g, 1e-7)));
        set(m, v, v1);
    } else if (how == ADAM) {
        eg_value *v = slot(m, w, "v"), *a = slot(m, w, "m");
        eg_value *v1 = eg_add(eg_mul(v, eg_const(g, .999)), eg_mul(eg_square(d), eg_const(g, .001)));
        eg_value *a1 = eg_add(eg_mul(a, eg_const(g, .9)), eg_mul(d, eg_const(g, .1)));
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

/* ---- measuring -------------------------------------------------------------------------------------------------------- */

static float *random_rows(int64_t n, int seed) {
    float *x = aligned_alloc(64, ((size_t)n * 4 + 191) / 64 * 64);
    srand((unsigned)seed);
    for (int64_t i = 0; i < n; i++) x[i] = (float)rand() / (float)RAND_MAX;
    return x;
}

static void feed(eg_program *p, const net *n, float **x) {
    int outputs = 0;
    for (int i = 0; n->units[i]; i++) outputs = n->units[i];
    *x = random_rows(n->batch * n->units[0], 1);
    eg_bind(p, "x", *x, (size_t)(n->batch * n->units[0]) * 4);
    if (n->update == PREDICT) return;
    float rate = 1e-3f, *y = random_rows(n->batch * outputs, 2);
    int32_t *label = malloc((size_t)n->batch * 4);
    for (int64_t i = 0; i < n->batch; i++) label[i] = rand() % outputs;
    if (n->regression) eg_set(p, "y", y, (size_t)(n->batch * outputs) * 4);
    else eg_set(p, "y", label, (size_t)n->batch * 4);
    eg_set(p, "rate", &rate, 4);
    free(y);
    free(label);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const net *n, int threads, int profile) {
    enum { SAMPLES = 101 };
    static double seconds[SAMPLES];
    model m = build(n);
    eg_state *state = eg_state_new(1);
    eg_init_normal(state, m.graph, .05);
    double start = now();
    eg_program *p = eg_program_new(state, m.root, m.nroots, .threads = threads, .profile = profile);
    double compile = now() - start;
    if (!p) {
        printf("%s: %s\n", n->name, eg_error());
        exit(1);
    }
    float *x;
    feed(p, n, &x);
    for (int i = 0; i < SAMPLES; i++) {
        start = now();
        for (int k = 0; k < n->repeat; k++) eg_run(p);
        seconds[i] = (now() - start) / n->repeat;
    }
    qsort(seconds, SAMPLES, sizeof *seconds, by_value);
    printf("%-32s %10.3f us  (min %.3f)  %2d steps, %zu bytes, compiled in %.0f us\n", n->name, seconds[SAMPLES / 2] * 1e6,
           seconds[0] * 1e6, eg_program_steps(p), eg_program_memory(p), compile * 1e6);
    char *text = profile ? eg_program_text(p) : NULL;
    if (text) puts(text);
    eg_string_free(text);
    eg_program_free(p);
    eg_state_free(state);
    eg_graph_free(m.graph);
    free(x);
}

int main(int argc, char **argv) {
    int threads = 1, profile = 0;
    const char *only = "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-p") == 0) profile = 1;
        else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc) threads = atoi(argv[++i]);
        else only = argv[i];
    }
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        if (strstr(nets[i].name, only)) measure(&nets[i], threads, profile);
    return 0;
}
