/* SPDX-License-Identifier: MIT
 *
 * elegans.h: the umbrella header, and the tour.
 *
 * elegans builds, trains, saves and runs neural networks from C. Link with -lelegans -lm -lpthread (and -lz where the library
 * was built with it). A network in twenty lines:
 *
 *     #include <elegans.h>
 *
 *     int main(int argc, char **argv) {
 *         const char *source = argc > 1 ? argv[1] : "gen:digits"; // or "mnist", a folder of IDX files, a CSV file
 *         eg_data *train = eg_data_open(source, "train"), *test = eg_data_open(source, "test");
 *
 *         eg_model *m = eg_sequential(EG_SHAPE(28, 28),
 *                                     eg_flatten(),
 *                                     eg_dense(512, .act = EG_RELU),
 *                                     eg_dense(10, .act = EG_SOFTMAX));
 *         eg_model_compile(m, .optimizer = eg_rmsprop(.lr = 1e-3), .seed = 1);
 *         eg_model_fit(m, train, .epochs = 5, .batch = 128, .progress = stderr);
 *         printf("test accuracy %.4f\n", eg_model_evaluate(m, test).accuracy);
 *         eg_model_save(m, "digits.safetensors");
 *
 *         int bad = eg_model_status(m) != EG_OK; // one check: the first error sticks to the model
 *         if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
 *         eg_model_free(m), eg_data_free(train), eg_data_free(test);
 *         return bad;
 *     }
 *
 * Below models there are formulas. Every gradient is a value that can be printed, and the update is part of the program:
 *
 *     #include <elegans.h>
 *     #include <stdio.h>
 *
 *     int main(void) { // XOR from values up
 *         const float X[4][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } }, Y[4][1] = { { 0 }, { 1 }, { 1 }, { 0 } };
 *         eg_graph *g = eg_graph_new();
 *         eg_state *s = eg_state_new(1);
 *         eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(4, 2)), *y = eg_input(g, "y", EG_F32, EG_SHAPE(4, 1));
 *         eg_value *W = eg_var(g, "W", EG_F32, EG_SHAPE(2, 8)), *b = eg_var(g, "b", EG_F32, EG_SHAPE(8));
 *         eg_value *V = eg_var(g, "V", EG_F32, EG_SHAPE(8, 1)), *c = eg_var(g, "c", EG_F32, EG_SHAPE(1));
 *
 *         eg_value *h = eg_tanh(eg_add(eg_matmul(x, W), b));
 *         eg_value *loss = eg_mean(eg_square(eg_sub(eg_add(eg_matmul(h, V), c), y)));
 *
 *         eg_value *w[] = { W, b, V, c }, *d[4], *root[5] = { loss };
 *         eg_grad(loss, w, 4, d); // more values of the same graph
 *         for (int i = 0; i < 4; i++) root[1 + i] = eg_assign(w[i], eg_sub(w[i], eg_mul(eg_const(g, .1), d[i])));
 *
 *         eg_program *p = eg_program_new(s, root, 5); // one training step
 *         eg_init_normal(s, g, .5);
 *         eg_set(p, "x", X, sizeof X), eg_set(p, "y", Y, sizeof Y);
 *         for (int i = 0; i < 2000 && eg_run(p) == EG_OK; i++)
 *             if (i % 500 == 0) printf("%4d %.4f\n", i, (double)eg_get(p, 0)[0]);
 *         printf("%4d %.4f\n", 2000, (double)eg_get(p, 0)[0]);
 *         int bad = eg_graph_status(g) != EG_OK;
 *         if (bad) fprintf(stderr, "%s\n", eg_graph_error(g));
 *         eg_program_free(p), eg_state_free(s), eg_graph_free(g);
 *         return bad;
 *     }
 *
 * The headers, from the bottom up; each can be read as a page of a manual:
 *
 *     elegans/base.h     status codes, the last error's message, the memory hook
 *     elegans/tensor.h   arrays: dtypes, shapes, views, printing
 *     elegans/graph.h    formulas: values, ops, gradients, graph text
 *     elegans/program.h  running formulas: variables, programs, threads, profile
 *     elegans/check.h    is a gradient right?
 *     elegans/optim.h    optimizers
 *     elegans/nn.h       layers, losses, initialisers, models
 *     elegans/data.h     data sets and preprocessing
 *     elegans/train.h    compile, fit, evaluate, predict, save, load
 *     elegans/callbacks.h  early stopping, plateaus, checkpoints, logs
 *     elegans/metrics.h  confusions, precision, recall, F1, area under the curve
 *
 * Conventions. Options are designated initialisers in which 0 means "the default"; EG_ZERO means zero. *_new and *_free go in
 * pairs and *_free(NULL) is fine; getters borrow; constructors take what they are given also when they fail. Errors are
 * an eg_status and one line of text; graphs, models and data sets remember their first.
 */
#ifndef ELEGANS_H
#define ELEGANS_H

#include <elegans/base.h>
#include <elegans/tensor.h>
#include <elegans/graph.h>
#include <elegans/program.h>
#include <elegans/check.h>
#include <elegans/optim.h>
#include <elegans/nn.h>
#include <elegans/data.h>
#include <elegans/train.h>
#include <elegans/callbacks.h>
#include <elegans/metrics.h>

#endif
