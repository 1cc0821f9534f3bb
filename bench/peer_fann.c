/* SPDX-License-Identifier: MIT
 *
 * peer_fann.c: FANN's side of the benchmark: dense networks by incremental training for a batch of 1, by batch training else. It has
 * mean squared error only, and no softmax: classes are taught as ones and zeros on sigmoids. Its layers have no own
 * derivative of relu either (sigmoid stands in for it), which costs it nothing that counts.
 */
#include <fann.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum { MOST_LAYERS = 8 };

typedef struct training {
    struct fann *net;
    struct fann_train_data *data;
    int one; /* a batch of 1 */
} training;

static void train(void *user) {
    training *t = user;
    if (t->one)
        fann_train(t->net, t->data->input[0], t->data->output[0]);
    else
        fann_train_epoch(t->net, t->data);
}

static void run(void *user) {
    training *t = user;
    fann_run(t->net, t->data->input[0]);
}

static void end_training(void *user) {
    training *t = user;
    fann_destroy(t->net);
    fann_destroy_train(t->data);
}

/* Units of "dense 16 relu; dense 3" after `first`; 0 where another layer stands. */
static unsigned units_of(const char *net, unsigned first, unsigned units[MOST_LAYERS]) {
    unsigned n = 0;
    units[n++] = first;
    for (const char *at = net; at && n < MOST_LAYERS; at = strchr(at, ';')) {
        at += strspn(at, "; ");
        if (strncmp(at, "dense ", 6) != 0) return 0;
        units[n++] = (unsigned)strtoul(at + 6, NULL, 10);
    }
    return n;
}

static const char *prepare(const bench_work *w, int threads, bench_job *job) {
    static training t;
    unsigned units[MOST_LAYERS], batch = (unsigned)bench_number(w, "batch", 1);
    int step = strcmp(w->kind, "step") == 0, predict = strcmp(w->kind, "predict") == 0;
    unsigned layers = units_of(w->net, (unsigned)bench_number(w, "input", 1), units);
    if ((!step && !predict) || !layers || strstr(w->keys, "x")) return "dense networks only";
    if (step && !bench_is(w, "optimizer", "sgd")) return "it has gradient descent only";
    if (predict && batch > 1) return "it has one row at a time only";
    if (threads > 1) return "it has one thread only";
    t = (training){ fann_create_standard_array(layers, units), fann_create_train(batch, units[0], units[layers - 1]),
                    batch == 1 };
    if (!t.net || !t.data) return "no memory";
    fann_set_activation_function_hidden(t.net, strstr(w->net, "tanh") ? FANN_SIGMOID_SYMMETRIC : FANN_SIGMOID);
    fann_set_activation_function_output(t.net, bench_is(w, "loss", "mse") ? FANN_LINEAR : FANN_SIGMOID);
    fann_set_training_algorithm(t.net, batch == 1 ? FANN_TRAIN_INCREMENTAL : FANN_TRAIN_BATCH);
    fann_set_learning_rate(t.net, 1e-3f);
    for (unsigned i = 0; i < batch; i++) {
        for (unsigned k = 0; k < units[0]; k++) t.data->input[i][k] = (float)((i * 7 + k * 13) % 97) / 97;
        for (unsigned k = 0; k < units[layers - 1]; k++) t.data->output[i][k] = i % units[layers - 1] == k;
    }
    *job = (bench_job){ step ? train : run, end_training, &t, 0, NULL, "FANN" };
    return NULL;
}

int main(int argc, char **argv) { return bench_main(argc, argv, prepare); }
