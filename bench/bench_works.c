/* SPDX-License-Identifier: MIT
 *
 * bench_works.c: elegans' side of the benchmark: every work of works.txt becomes one program, and a call is what a
 * user's loop would do: bind the next batch, run.
 *
 *     bench_works [-t threads] [-p] [words of a name, or a kind]      e.g. bench_works -p LeNet, bench_works conv
 */
#include <elegans/data.h>
#include <elegans/nn.h>
#include <elegans/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum { MOST_ROOTS = 256, MOST_INPUTS = 2, LINE = 64 };

/* An input's batches, one after the other; what has only one is bound once. */
typedef struct feed {
    char *data;
    size_t bytes, stride;
    const char *name;
} feed;

typedef struct run {
    eg_graph *graph;
    eg_state *state; /* owned, unless it is the model's */
    eg_model *model;
    eg_optimizer *optimizer;
    eg_value *step, *root[MOST_ROOTS]; /* step: how many steps were made, an input */
    eg_program *program;
    feed input[MOST_INPUTS];
    int roots, inputs, batches, counts; /* counts: the optimizer wants the number of the step */
    int32_t turn;
    const bench_work *work; /* of a build */
} run;

static void end_run(void *user) {
    run *r = user;
    eg_program_free(r->program);
    eg_graph_free(r->graph);
    if (!r->model) eg_state_free(r->state);
    eg_model_free(r->model);
    eg_optimizer_free(r->optimizer);
    for (int i = 0; i < r->inputs; i++) free(r->input[i].data);
    free(r);
}

static void next_batch(void *user) {
    run *r = user;
    int turn = r->turn++ % r->batches;
    for (int i = 0; i < r->inputs; i++) {
        const feed *f = &r->input[i];
        eg_bind(r->program, f->name, f->data + (size_t)turn * f->stride, f->bytes);
    }
    if (r->counts) eg_set(r->program, "step", &r->turn, sizeof r->turn);
    eg_run(r->program);
}

static void same_batch(void *user) { eg_run(((run *)user)->program); }

static char *profile_of(void *user) {
    char *text = eg_program_text(((run *)user)->program), *copy = text ? strdup(text) : NULL;
    eg_string_free(text);
    return copy;
}

/* ---- inputs ------------------------------------------------------------------------------------------------ */

/* 2 to 64 batches, of about 32 MB in all: enough that they do not all sit in a cache of a core. */
static int batches_for(eg_shape x) {
    double n = 32e6 / (4. * (double)eg_shape_size(x));
    return n < 2 ? 2 : n > 64 ? 64 : (int)n;
}

/* Fills every batch of an input: floats in [0, 1), or classes below `classes`. */
static void fill(run *r, const eg_value *input, int batches, int64_t classes) {
    int64_t n = eg_shape_size(eg_value_shape(input)), stride = (n + 15) / 16 * 16;
    float *x = bench_floats(stride * batches, (unsigned)r->inputs + 1);
    for (int64_t i = 0; classes && i < stride * batches; i++) {
        int32_t label = (int32_t)(x[i] * (float)classes);
        memcpy(&x[i], &label, sizeof label);
    }
    r->input[r->inputs++] = (feed){ (char *)x, (size_t)n * 4, (size_t)stride * 4, eg_value_name(input) };
}

/* ---- products and convolutions ----------------------------------------------------------------------------- */

static eg_value *two(eg_graph *g, const char *name, int64_t rows, int64_t columns, int weight) {
    eg_shape s = EG_SHAPE(rows, columns);
    return weight ? eg_weight(g, name, EG_F32, s) : eg_input(g, name, EG_F32, s);
}

static void build_gemm(run *r, const bench_work *w, bench_job *job) {
    int64_t m = (int64_t)bench_number(w, "m", 1), k = (int64_t)bench_number(w, "k", 1);
    int64_t n = (int64_t)bench_number(w, "n", 1);
    int weight = bench_is(w, "b", "weight"), a_turned = bench_is(w, "form", "atb"), turned = bench_is(w, "form", "abt");
    eg_value *a = a_turned ? two(r->graph, "a", k, m, 0) : two(r->graph, "a", m, k, 0);
    eg_value *b = turned ? two(r->graph, "b", n, k, weight) : two(r->graph, "b", k, n, weight);
    fill(r, a, 1, 0);
    if (!weight) fill(r, b, 1, 0);
    r->root[r->roots++] = eg_matmul(a_turned ? eg_transpose(a) : a, turned ? eg_transpose(b) : b);
    job->flops = 2. * (double)(m * n * k);
}

static void build_conv(run *r, const bench_work *w, bench_job *job) {
    int64_t size = (int64_t)bench_number(w, "size", 8), taps = (int64_t)bench_number(w, "taps", 3);
    int64_t channels = (int64_t)bench_number(w, "channels", 1), out = (int64_t)bench_number(w, "out", 8);
    int same = bench_number(w, "same", 0) > 0;
    int64_t side = same ? size : size - taps + 1;
    eg_value *x = eg_input(r->graph, "x", EG_F32, EG_SHAPE(64, size, size, channels)), *d[2];
    eg_value *k = eg_var(r->graph, "w", EG_F32, EG_SHAPE(taps, taps, channels, out));
    eg_value *y = eg_conv(x, k, .padding = same ? EG_SAME : EG_VALID);
    eg_value *dy = eg_input(r->graph, "dy", EG_F32, eg_value_shape(y));
    if (!bench_is(w, "pass", "data")) fill(r, x, 1, 0);
    if (!bench_is(w, "pass", "forward")) fill(r, dy, 1, 0);
    eg_vjp(&y, &dy, 1, (eg_value *[]){ x, k }, 2, d);
    r->root[r->roots++] = bench_is(w, "pass", "forward") ? y : d[bench_is(w, "pass", "weights")];
    job->flops = 2. * 64 * (double)(side * side * taps * taps * channels * out);
}

/* ---- functions and updates --------------------------------------------------------------------------------- */

static void build_map(run *r, const bench_work *w, bench_job *job) {
    static const struct {
        const char *name;
        eg_value *(*build)(eg_value *);
    } functions[] = { { "exp", eg_exp }, { "tanh", eg_tanh }, { "sigmoid", eg_sigmoid }, { "relu", eg_relu } };
    eg_shape s = EG_SHAPE((int64_t)bench_number(w, "n", 1));
    (void)job;
    if (bench_is(w, "op", "normal")) {
        r->root[r->roots++] = eg_random_normal(r->step, 1, EG_F32, s);
        r->counts = 1;
        return;
    }
    eg_value *x = eg_input(r->graph, "x", EG_F32, s);
    fill(r, x, 1, 0);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (bench_is(w, "op", functions[i].name)) r->root[r->roots++] = functions[i].build(x);
}

static const char *optimizer_of(const bench_work *w) {
    return bench_is(w, "optimizer", "adam") ? "adam" : bench_is(w, "optimizer", "rmsprop") ? "rmsprop" : "sgd";
}

/* The update of the variables by their gradients, after the roots that are there. */
static void build_update(run *r, const bench_work *w, eg_value *const *var, eg_value *const *d, int n) {
    eg_value *rate = eg_input(r->graph, "rate", EG_F32, EG_SCALAR);
    int count = 0;
    r->optimizer = EG_OPTIMIZER_(optimizer_of(w), .lr = 1e-3);
    r->counts = bench_is(w, "optimizer", "adam");
    if (eg_optimizer_build(r->optimizer, r->step, rate, var, d, n, r->root + r->roots, &count) != EG_OK)
        fprintf(stderr, "%s: %s\n", w->name, eg_error());
    r->roots += count;
}

static void build_one_update(run *r, const bench_work *w, bench_job *job) {
    eg_shape s = EG_SHAPE((int64_t)bench_number(w, "n", 1));
    eg_value *var = eg_var(r->graph, "w", EG_F32, s), *d = eg_input(r->graph, "d", EG_F32, s);
    (void)job;
    fill(r, d, 1, 0);
    build_update(r, w, &var, &d, 1);
}

/* ---- networks ---------------------------------------------------------------------------------------------- */

static eg_shape shape_of(const bench_work *w) { /* of input=28x28x1 */
    const char *at = strstr(w->keys, "input=");
    eg_shape s = EG_SCALAR;
    for (char *end = (char *)at + 5; at && (end[0] == '=' || end[0] == 'x') && s.rank < 3;)
        s.dim[s.rank++] = strtoll(end + 1, &end, 10);
    return s;
}

static eg_wire *piece(eg_wire *x, eg_shape s, const char *text) {
    return eg_apply(eg_model_layer(eg_model_parse(s, text)), x);
}

/* "block HEADS HIDDEN; layers": see works.txt. */
static eg_model *block_model(eg_shape s, const char *net) {
    int heads = 1, hidden = 1;
    char attention[LINE], dense[LINE];
    sscanf(net, "block %d %d", &heads, &hidden);
    snprintf(attention, sizeof attention, "layer_norm; attention %d causal", heads);
    snprintf(dense, sizeof dense, "layer_norm; dense %d gelu last_axis; dense %d last_axis", hidden, (int)s.dim[1]);
    eg_model *m = eg_model_new();
    eg_wire *x = eg_model_input(m, "x", s), *h = eg_apply(eg_join(EG_JOIN_ADD), x, piece(x, s, attention));
    eg_wire *y = eg_apply(eg_join(EG_JOIN_ADD), h, piece(h, s, dense));
    eg_model_output(m, piece(y, s, strchr(net, ';') + 1));
    return m;
}

static eg_model *model_of(const bench_work *w) {
    eg_shape s = shape_of(w);
    return strncmp(w->net, "block ", 6) == 0 ? block_model(s, w->net) : eg_model_parse(s, w->net);
}

static eg_shape with_batch(const bench_work *w, eg_shape s) {
    memmove(s.dim + 1, s.dim, sizeof *s.dim * (size_t)s.rank);
    s.dim[0] = (int64_t)bench_number(w, "batch", 1);
    s.rank++;
    return s;
}

static eg_value *build_forward(run *r, const bench_work *w, int training) {
    eg_value *y = NULL, *x = eg_input(r->graph, "x", EG_F32, with_batch(w, shape_of(w)));
    r->model = model_of(w);
    if (eg_model_init(r->model, 1, EG_KERAS) != EG_OK) return NULL;
    r->state = eg_model_state(r->model);
    eg_model_build(r->model, x, training ? r->step : NULL, &y, NULL, NULL);
    r->batches = batches_for(eg_value_shape(x));
    fill(r, x, r->batches, 0);
    return y;
}

static void build_step(run *r, const bench_work *w, bench_job *job) {
    enum { MOST = 64 };
    eg_value *var[MOST], *d[MOST], *p = build_forward(r, w, 1);
    (void)job;
    if (!p) return;
    int mse = bench_is(w, "loss", "mse");
    eg_shape s = eg_value_shape(p);
    int64_t classes = mse ? 0 : s.dim[--s.rank];
    eg_value *y = eg_input(r->graph, "y", mse ? EG_F32 : EG_I32, s);
    fill(r, y, r->batches, classes);
    eg_loss_kind kind = mse ? EG_LOSS_MEAN_SQUARED_ERROR : EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY;
    r->root[r->roots++] = eg_loss(kind, y, p, .from_logits = !mse);
    int n = eg_model_variables(r->model, r->graph, 1, var, MOST);
    if (eg_grad(r->root[0], var, n, d) == EG_OK) build_update(r, w, var, d, n);
}

static void build_predict(run *r, const bench_work *w, bench_job *job) {
    (void)job;
    eg_value *y = build_forward(r, w, 0);
    if (y) r->root[r->roots++] = y;
}

/* ---- all kinds --------------------------------------------------------------------------------------------- */

static const struct {
    const char *kind;
    void (*build)(run *, const bench_work *, bench_job *);
} kinds[] = { { "gemm", build_gemm }, { "conv", build_conv }, { "step", build_step }, { "predict", build_predict },
              { "map", build_map },   { "update", build_one_update } };

/* Builds and compiles; NULL with an error told on stderr, or where elegans has no such work. */
static run *make(const bench_work *w, const char *kind, int threads, bench_job *job) {
    run *r = calloc(1, sizeof *r);
    if (!r) exit(1);
    r->graph = eg_graph_new();
    r->step = eg_input(r->graph, "step", EG_I32, EG_SCALAR);
    r->batches = 1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0) kinds[i].build(r, w, job);
    if (!r->state) r->state = eg_state_new(1);
    r->program = r->roots ? eg_program_new(r->state, r->root, r->roots, .threads = threads, .profile = bench_profile)
                          : NULL;
    if (!r->program) {
        if (r->roots) fprintf(stderr, "%s: %s\n", w->name, eg_error());
        end_run(r);
        return NULL;
    }
    if (!r->model) eg_init_normal(r->state, r->graph, .05);
    if (r->optimizer) eg_optimizer_init_slots(r->optimizer, r->state);
    eg_set(r->program, "rate", &(float){ 1e-3f }, sizeof(float));
    next_batch(r);
    return r;
}

typedef struct building {
    const bench_work *work;
    int threads;
} building;

static void build_program(void *user) {
    bench_job ignored = { 0 };
    building *b = user;
    run *r = make(b->work, "step", b->threads, &ignored);
    if (r) end_run(r);
}

static void read_files(void *user) { eg_data_free(eg_data_open(user, "train")); }

/* path=/a/folder, up to a blank. */
static const char *prepare_read(const bench_work *work, bench_job *job) {
    static char path[512];
    const char *at = strstr(work->keys, "path=");
    if (!at) return "no path";
    snprintf(path, sizeof path, "%s", at + 5);
    path[strcspn(path, " ")] = 0;
    eg_data *data = eg_data_open(path, "train");
    int well = data && eg_data_status(data) == EG_OK;
    eg_data_free(data);
    job->call = read_files;
    job->user = path;
    return well ? NULL : "it cannot read this";
}

static const char *prepare(const bench_work *work, int threads, bench_job *job) {
    static building whole;
    job->side = "elegans";
    if (strcmp(work->kind, "read") == 0) return prepare_read(work, job);
    if (strcmp(work->kind, "build") == 0) {
        whole = (building){ work, threads };
        job->call = build_program;
        job->user = &whole;
        return NULL;
    }
    run *r = make(work, work->kind, threads, job);
    if (!r) return "not one of its works";
    job->user = r;
    job->call = r->batches > 1 || r->counts ? next_batch : same_batch;
    job->end = end_run;
    job->text = profile_of;
    if (r->model) job->flops = eg_program_flops(r->program);
    return NULL;
}

int main(int argc, char **argv) { return bench_main(argc, argv, prepare); }
