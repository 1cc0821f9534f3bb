/* SPDX-License-Identifier: MIT
 *
 * bench_conv.c: the three passes of convolution (forward, gradient by the image, gradient by the kernel), batch
 * 64, and what stands beside them in a network: max pooling both ways. One JSON line a figure.
 *
 *     bench_conv [threads [networks]]
 */
#include <elegans/nn.h>
#include <elegans/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

typedef struct shape {
    const char *name;
    int64_t size, channels, taps, out, same, groups, stride;
} shape;

static const shape shapes[] = {
    { "28x28x1 k5 -> 6", 28, 1, 5, 6, 0, 1, 1 },
    { "28x28x1 k5 same -> 6", 28, 1, 5, 6, 1, 1, 1 },
    { "14x14x6 k5 -> 16", 14, 6, 5, 16, 0, 1, 1 },
    { "5x5x16 k5 -> 120", 5, 16, 5, 120, 0, 1, 1 },
    { "32x32x3 k3 same -> 32", 32, 3, 3, 32, 1, 1, 1 },
    { "32x32x32 k3 same -> 32", 32, 32, 3, 32, 1, 1, 1 },
    { "16x16x64 k3 same -> 64", 16, 64, 3, 64, 1, 1, 1 },
    { "8x8x128 k3 same -> 128", 8, 128, 3, 128, 1, 1, 1 },
    { "4x4x256 k3 same -> 256", 4, 256, 3, 256, 1, 1, 1 },
    { "32x32x32 k3 same stride 2 -> 64", 32, 32, 3, 64, 1, 1, 2 },
    { "16x16x64 k1 -> 128", 16, 64, 1, 128, 0, 1, 1 },
    { "16x16x64 k3 same depthwise", 16, 64, 3, 64, 1, 64, 1 },
};

enum { BATCH = 64 };

static void run_program(void *user) { eg_run(user); }

/* Measures a program of one root, whose inputs are x and dy. */
static void measure(const char *what, const char *pass, eg_state *state, eg_value *root, eg_value *const *input,
                    int threads) {
    char name[96];
    eg_program *p = eg_program_new(state, &root, 1, .threads = threads);
    snprintf(name, sizeof name, "conv %s %s", what, pass);
    if (!p) fprintf(stderr, "%s: %s\n", name, eg_error());
    for (int i = 0; i < 2 && p; i++) {
        int64_t n = eg_shape_size(eg_value_shape(input[i]));
        float *data = malloc(sizeof *data * (size_t)n);
        for (int64_t k = 0; k < n && data; k++) data[k] = (float)(k * 7 % 97) * .02f - 1;
        if (data) eg_set(p, eg_value_name(input[i]), data, sizeof *data * (size_t)n);
        free(data);
    }
    if (p) bench_print(name, "elegans", threads, bench_median(run_program, p), eg_program_flops(p));
    if (p && getenv("BENCH_STEPS")) {
        char *text = eg_program_text(p);
        fputs(text, stderr);
        eg_string_free(text);
    }
    eg_program_free(p);
}

static void measure_shape(const shape *s, int threads) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(BATCH, s->size, s->size, s->channels)), *d[2];
    eg_value *w = eg_var(g, "w", EG_F32, EG_SHAPE(s->taps, s->taps, s->channels / s->groups, s->out));
    eg_value *y =
        eg_conv(x, w, .padding = s->same ? EG_SAME : EG_VALID, .groups = s->groups, .stride = { s->stride });
    eg_value *dy = eg_input(g, "dy", EG_F32, eg_value_shape(y));
    eg_init_normal(state, g, .1);
    if (eg_vjp(&y, &dy, 1, (eg_value *[]){ x, w }, 2, d) == EG_OK) {
        eg_value *input[] = { x, dy };
        measure(s->name, "fwd", state, y, input, threads);
        measure(s->name, "dX", state, d[0], input, threads);
        measure(s->name, "dW", state, d[1], input, threads);
    }
    eg_state_free(state);
    eg_graph_free(g);
}

static void measure_pool(int64_t size, int64_t channels, int threads) {
    char name[64];
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(BATCH, size, size, channels)), *d, *e, *y = eg_max_pool(x);
    eg_value *mean = eg_avg_pool(x), *dy = eg_input(g, "dy", EG_F32, eg_value_shape(y)), *input[] = { x, dy };
    snprintf(name, sizeof name, "%dx%dx%d", (int)size, (int)size, (int)channels);
    measure(name, "max pool", state, y, input, threads);
    if (eg_vjp(&y, &dy, 1, &x, 1, &d) == EG_OK) measure(name, "max pool and dX", state, d, input, threads);
    measure(name, "avg pool", state, mean, input, threads);
    if (eg_vjp(&mean, &dy, 1, &x, 1, &e) == EG_OK) measure(name, "avg pool dX", state, e, input, threads);
    eg_state_free(state);
    eg_graph_free(g);
}

/* ---- whole networks: one training step of Adam ----------------------------------------------------------- */

typedef struct network {
    const char *name, *layers;
    eg_shape input;
} network;

static const network networks[] = {
    { "lenet_64",
      "conv 6 5 same relu; max_pool; conv 16 5 relu; max_pool; dense 120 relu; dense 84 relu; dense 10",
      { 3, { 28, 28, 1 } } },
    { "vgg_small_64",
      "conv 32 3 same relu; conv 32 3 same relu; max_pool; conv 64 3 same relu; conv 64 3 same relu; max_pool;"
      "dense 128 relu; dense 10",
      { 3, { 32, 32, 3 } } },
};

static void fill(eg_program *p, eg_value *x) {
    int64_t n = eg_shape_size(eg_value_shape(x));
    float *data = malloc(sizeof *data * (size_t)n), rate = 1e-3f;
    int32_t y[BATCH], step = 1;
    for (int64_t k = 0; k < n && data; k++) data[k] = (float)(k * 7 % 97) * .01f;
    for (int i = 0; i < BATCH; i++) y[i] = i % 10;
    if (data) eg_set(p, "x", data, sizeof *data * (size_t)n);
    eg_set(p, "y", y, sizeof y);
    eg_set(p, "step", &step, sizeof step);
    eg_set(p, "lr", &rate, sizeof rate);
    free(data);
}

static void measure_network(const network *net, int threads) {
    enum { MOST = 64 };
    eg_value *w[MOST], *d[MOST], *root[4 * MOST], *logits;
    int roots = 1, count = 0;
    eg_graph *g = eg_graph_new();
    eg_model *m = eg_model_parse(net->input, net->layers);
    eg_optimizer *adam = eg_adam();
    eg_shape s = net->input;
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(BATCH, s.dim[0], s.dim[1], s.dim[2]));
    eg_value *y = eg_input(g, "y", EG_I32, EG_SHAPE(BATCH)), *step = eg_input(g, "step", EG_I32, EG_SCALAR);
    eg_value *lr = eg_input(g, "lr", EG_F32, EG_SCALAR);
    eg_model_init(m, 1, EG_KERAS);
    eg_model_build(m, x, step, &logits, NULL, NULL);
    root[0] = eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, y, logits, .from_logits = 1);
    int n = eg_model_variables(m, g, 1, w, MOST);
    if (eg_grad(root[0], w, n, d) == EG_OK) eg_optimizer_build(adam, step, lr, w, d, n, root + 1, &count);
    eg_program *p = eg_program_new(eg_model_state(m), root, roots + count, .threads = threads,
                                   .profile = getenv("BENCH_STEPS") != NULL);
    if (p) {
        fill(p, x);
        bench_print(net->name, "elegans", threads, bench_median(run_program, p), eg_program_flops(p));
        if (getenv("BENCH_STEPS")) {
            char *text = eg_program_text(p);
            fputs(text, stderr);
            eg_string_free(text);
        }
    } else {
        fprintf(stderr, "%s: %s\n", net->name, eg_error());
    }
    eg_program_free(p);
    eg_optimizer_free(adam);
    eg_graph_free(g);
    eg_model_free(m);
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) measure_network(&networks[i], threads);
    if (argc > 2) return 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) measure_shape(&shapes[i], threads);
    measure_pool(28, 6, threads);
    measure_pool(32, 32, threads);
    return 0;
}
