/* SPDX-License-Identifier: MIT
 *
 * test_golden_recurrent.c: random recurrent layers and attention, forward and gradients by input and parameters, in
 * float32 on the cpu engine, against PyTorch in float64. tools/golden_recurrent.py wrote the file and says what is in
 * it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

enum { SAMPLES = 5, MOST_TENSORS = 12, MOST_NUMBERS = 16, RNN = 0, LSTM, GRU, ATTENTION };
#include "golden.h"

/* ---- layers ----------------------------------------------------------------------------------------- */

typedef struct described {
    eg_layer *layer;
    int64_t batch, steps, features;
    int lengths;
    double kernel_scale; /* of matrices whose rows are not the [2, 3 units] of a bias */
} described;

static described recurrent(int kind, const int *p) {
    eg_recurrent_opt opt = { .size_ = sizeof opt,
                             .units = p[3],
                             .dialect = p[4] ? EG_TORCH : EG_KERAS,
                             .return_sequences = p[5],
                             .bidirectional = p[6],
                             .backwards = p[7],
                             .act = p[8] ? EG_RELU : EG_LINEAR,
                             .no_bias = p[9],
                             .reset_before = p[10] };
    eg_layer *layer = kind == RNN ? eg_simple_rnn_(opt) : kind == LSTM ? eg_lstm_(opt) : eg_gru_(opt);
    return (described){ layer, p[0], p[1], p[2], p[11], 1 / sqrt(p[3] + p[2]) };
}

static described describe(const record *r) {
    if (r->kind != ATTENTION) return recurrent(r->kind, r->p);
    eg_layer *layer = eg_attention(r->p[3], .causal = r->p[4], .no_bias = r->p[5]);
    return (described){ layer, r->p[0], r->p[1], r->p[2], 0, .5 };
}

static void set_parameters(eg_model *m, const described *d) {
    eg_graph *g = eg_graph_new();
    eg_value *w[MOST_TENSORS];
    int n = eg_model_variables(m, g, 0, w, MOST_TENSORS);
    int64_t total = eg_model_parameters(m), at = 0;
    double *flat = malloc(sizeof *flat * (size_t)(total + 1));
    for (int k = 0; k < n; k++) {
        int is_bias = strstr(eg_value_name(w[k]), "bias") != NULL;
        for (int64_t i = 0, size = eg_shape_size(eg_value_shape(w[k])); i < size; i++)
            flat[at++] = number(i, 2 + k) * (is_bias ? .5 : d->kernel_scale);
    }
    assert_int_equal(eg_model_set_flat(m, flat, total), EG_OK);
    free(flat);
    eg_graph_free(g);
}

/* The layer alone, or with lengths that stand behind the features. */
static eg_value *all_but_last(void *user, eg_value *x) {
    (void)user;
    return eg_slice(x, 2, 0, -1);
}

static eg_value *last_of_first_step(void *user, eg_value *x) {
    (void)user;
    eg_shape shape = eg_value_shape(x);
    return eg_reshape_to(eg_slice(eg_slice(x, 1, 0, 1), 2, -1, shape.dim[2]), EG_SHAPE(shape.dim[0], 1));
}

static eg_model *model_of(const described *d) {
    if (!d->lengths) return eg_sequential(EG_SHAPE(d->steps, d->features), d->layer);
    eg_model *m = eg_model_new();
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(d->steps, d->features + 1));
    eg_wire *features = eg_apply(eg_lambda(all_but_last, NULL), x);
    eg_model_output(m, eg_apply(d->layer, features, eg_apply(eg_lambda(last_of_first_step, NULL), x)));
    return m;
}

static eg_value *weights_of(eg_value *y) {
    eg_tensor *t = eg_tensor_new(EG_F32, eg_value_shape(y));
    float *data = eg_tensor_data(t);
    for (int64_t i = 0; i < eg_shape_size(eg_value_shape(y)); i++) data[i] = (float)number(i, 9);
    eg_value *value = eg_constant(eg_value_graph(y), t);
    eg_tensor_free(t);
    return value;
}

/* Features, and lengths where there are some; the gradient by x then has a column of zeros more, which is cut off. */
static void feed(eg_program *p, const described *d) {
    int64_t columns = d->features + d->lengths, rows = d->batch * d->steps;
    float *x = malloc(sizeof *x * (size_t)(rows * columns));
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < d->features; i++) x[row * columns + i] = (float)number(row * d->features + i, 1);
        if (d->lengths) x[row * columns + d->features] = (float)(1 + (row / d->steps * 3 + 1) % d->steps);
    }
    assert_int_equal(eg_set(p, "x", x, sizeof *x * (size_t)(rows * columns)), EG_OK);
    free(x);
}

static void check_record(const record *r, int index) {
    eg_value *root[MOST_TENSORS + 1], *wrt[MOST_TENSORS];
    described d = describe(r);
    eg_model *m = model_of(&d);
    if (eg_model_status(m) != EG_OK) fail_msg("record %d: %s", index, eg_model_error(m));
    set_parameters(m, &d);
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(d.batch, d.steps, d.features + d.lengths));
    if (eg_model_build(m, x, NULL, &root[0], NULL, NULL) != EG_OK) fail_msg("record %d: %s", index, eg_error());
    wrt[0] = x;
    int n = 1 + eg_model_variables(m, g, 1, wrt + 1, MOST_TENSORS - 1);
    if (eg_grad(eg_sum(eg_mul(root[0], weights_of(root[0]))), wrt, n, root + 1) != EG_OK) fail_msg("%s", eg_error());
    if (d.lengths) root[1] = eg_slice(root[1], 2, 0, d.features);
    eg_program *p = eg_program_new(eg_model_state(m), root, 1 + n, .executor = EG_CPU, .threads = 1);
    if (!p) fail_msg("record %d: %s", index, eg_error());
    feed(p, &d);
    assert_int_equal(eg_run(p), EG_OK);
    assert_int_equal(r->ntensors, 1 + n);
    for (int i = 0; i <= n; i++)
        compare(r, i, eg_get(p, i), eg_shape_size(eg_value_shape(root[i])), index);
    eg_program_free(p);
    eg_graph_free(g);
    eg_model_free(m);
}

static void layers_agree_with_pytorch(void **state) {
    static unsigned char bytes[1 << 18];
    uint32_t count;
    record r;
    (void)state;
    FILE *file = fopen("tests/nn/golden_recurrent.bin", "rb");
    assert_non_null(file);
    reader in = { bytes, bytes + fread(bytes, 1, sizeof bytes, file) };
    fclose(file);
    take(&in, &count, sizeof count);
    assert_true(count >= 400);
    for (uint32_t i = 0; i < count; i++) {
        take_record(&in, &r);
        check_record(&r, (int)i);
    }
    assert_ptr_equal(in.at, in.end);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(layers_agree_with_pytorch) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
