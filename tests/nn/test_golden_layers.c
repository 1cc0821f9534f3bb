/* SPDX-License-Identifier: MIT
 *
 * test_golden_layers.c: more than a thousand random layers, forward and gradients by input and parameters, in
 * float32 on the cpu engine, against PyTorch in float64. tools/golden_layers.py wrote the file and says what is in
 * it; inputs and parameters follow the same formula on both sides.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

enum { SAMPLES = 6, MOST_TENSORS = 8, MOST_NUMBERS = 32 };
#include "golden.h"

/* ---- layers ---------------------------------------------------------------------------------- */

/* What a record describes: a layer, the shape of its input without the batch, how its parameters are scaled. */
typedef struct described {
    eg_layer *layer;
    eg_shape input;
    int64_t batch;
    int training;
    double scale; /* of the first parameter */
} described;

static eg_shape image(const int *n, int spatial, int channels) {
    return spatial == 1 ? EG_SHAPE(n[0], channels) : EG_SHAPE(n[0], n[1], channels);
}

static described conv(const int *p) {
    int depthwise = p[0] == 2 && p[15] == p[4] && p[15] > 1;
    eg_conv_opt opt = { .size_ = sizeof opt,
                        .filters = depthwise ? p[5] / p[4] : p[5],
                        .size = { p[6], p[7] },
                        .stride = { p[8], p[9] },
                        .dilation = { p[10], p[11] },
                        .padding = p[12] ? EG_SAME : EG_VALID,
                        .groups = depthwise ? 0 : p[15] };
    if (!p[12]) opt.pad[0] = p[13], opt.pad[1] = p[14];
    eg_layer *layer = p[0] == 1 ? eg_conv1d_(opt) : depthwise ? eg_depthwise_conv2d_(opt) : eg_conv2d_(opt);
    return (described){ layer, image(p + 2, p[0], p[4]), p[1], 0, 1 };
}

static described conv_transpose(const int *p) {
    eg_conv_opt opt = { .size_ = sizeof opt,
                        .filters = p[5],
                        .size = { p[6], p[7] },
                        .stride = { p[8], p[9] },
                        .dilation = { p[10], p[11] },
                        .pad = { p[12], p[13] },
                        .extra = { p[14], p[15] },
                        .groups = p[16] };
    eg_layer *layer = p[0] == 1 ? eg_conv1d_transpose_(opt) : eg_conv2d_transpose_(opt);
    return (described){ layer, image(p + 2, p[0], p[4]), p[1], 0, 1 };
}

static described pool(const int *p) {
    eg_pool_opt opt = { .size_ = sizeof opt,
                        .size = { p[5], p[6] },
                        .stride = { p[7], p[8] },
                        .padding = p[9] ? EG_SAME : EG_VALID,
                        .pad = { p[10], p[11] },
                        .count_padding = p[12] == 2 };
    return (described){ p[12] ? eg_avg_pooling_(opt) : eg_max_pooling_(opt), image(p + 2, p[0], p[4]), p[1], 0, 1 };
}

static described batch_norm(const int *p) {
    eg_layer *layer = eg_batch_norm(.dialect = EG_TORCH, .momentum = p[6] / 100., .name = "norm");
    return (described){ layer, image(p + 2, p[0], p[4]), p[1], p[5], 1 };
}

static described layer_norm(const int *p) {
    eg_shape shape = { .rank = p[0], .dim = { p[2], p[3], p[4] } };
    return (described){ eg_layer_norm(.dialect = EG_TORCH, .axes = p[5]), shape, p[1], 0, 1 };
}

static described group_norm(const int *p) {
    return (described){ eg_group_norm(.dialect = EG_TORCH, .groups = p[5]), image(p + 2, p[0], p[4]), p[1], 0, 1 };
}

static described upsample(const int *p) {
    return (described){ eg_upsampling(p[5], p[0] == 1 ? p[5] : p[6]), image(p + 2, p[0], p[4]), p[1], 0, 1 };
}

static described dense(const int *p) {
    static const eg_activation_kind kinds[] = { EG_LINEAR,     EG_RELU, EG_TANH, EG_SIGMOID, EG_SOFTMAX,
                                                EG_LEAKY_RELU, EG_ELU,  EG_GELU, EG_SOFTPLUS };
    return (described){ eg_dense(p[2], .act = kinds[p[3]]), EG_SHAPE(p[1]), p[0], 0, .5 };
}

static described (*const describe[])(const int *p) = { conv,       conv_transpose, pool,     batch_norm,
                                                       layer_norm, group_norm,     upsample, dense };
enum { KINDS = sizeof describe / sizeof *describe };

/* ---- running --------------------------------------------------------------------------------- */

/* Parameter k is numbers(shape, 2 + k); the running variance is away from 0. */
static void set_parameters(eg_model *m, const described *d) {
    eg_graph *g = eg_graph_new();
    eg_value *w[8];
    int n = eg_model_variables(m, g, 0, w, 8);
    int64_t total = eg_model_parameters(m), at = 0;
    double *flat = malloc(sizeof *flat * (size_t)(total + 1));
    for (int k = 0; k < n; k++)
        for (int64_t i = 0, size = eg_shape_size(eg_value_shape(w[k])); i < size; i++)
            flat[at++] = k == 3 ? fabs(number(i, 5)) + .5 : number(i, 2 + k) * (k ? 1 : d->scale);
    assert_int_equal(eg_model_set_flat(m, flat, total), EG_OK);
    free(flat);
    eg_graph_free(g);
}

/* The weights of y's elements in the sum that is differentiated. */
static eg_value *weights_of(eg_value *y) {
    eg_shape shape = eg_value_shape(y);
    eg_tensor *t = eg_tensor_new(EG_F32, shape);
    float *data = eg_tensor_data(t);
    for (int64_t i = 0; i < eg_shape_size(shape); i++) data[i] = (float)number(i, 9);
    eg_value *value = eg_constant(eg_value_graph(y), t);
    eg_tensor_free(t);
    return value;
}

/* Roots: y, its gradients by x and the trained parameters, then assigns. */
static int build(eg_model *m, const described *d, eg_graph *g, eg_value **root, int *gradients) {
    eg_shape full = { .rank = d->input.rank + 1, .dim = { d->batch } };
    for (int i = 0; i < d->input.rank; i++) full.dim[i + 1] = d->input.dim[i];
    eg_value *wrt[8], *x = eg_input(g, "x", EG_F32, full), *step = eg_input(g, "step", EG_I32, EG_SCALAR);
    if (eg_model_build(m, x, d->training ? step : NULL, &root[0], NULL, NULL) != EG_OK) fail_msg("%s", eg_error());
    wrt[0] = x;
    *gradients = 1 + eg_model_variables(m, g, 1, wrt + 1, 7);
    eg_value *sum = eg_sum(eg_mul(root[0], weights_of(root[0])));
    if (eg_grad(sum, wrt, *gradients, root + 1) != EG_OK) fail_msg("%s", eg_error());
    int n = 1 + *gradients;
    return n + eg_model_changes(m, root + n, 4);
}

static void check_running(eg_model *m, const record *r, int first, int index) {
    static const char *const names[] = { "norm/moving_mean", "norm/moving_variance" };
    float now[64];
    for (int i = 0; first + i < r->ntensors; i++) {
        int64_t size = r->tensors[first + i].size;
        assert_int_equal(eg_state_read(eg_model_state(m), names[i], now, (size_t)size * sizeof *now), EG_OK);
        compare(r, first + i, now, size, index);
    }
}

static void check_record(const record *r, int index) {
    eg_value *root[16];
    int gradients;
    assert_true(r->kind < KINDS);
    described d = describe[r->kind](r->p);
    eg_model *m = eg_sequential(d.input, d.layer);
    if (eg_model_status(m) != EG_OK) fail_msg("record %d: %s", index, eg_model_error(m));
    set_parameters(m, &d);
    eg_graph *g = eg_graph_new();
    int n = build(m, &d, g, root, &gradients);
    eg_program *p = eg_program_new(eg_model_state(m), root, n, .executor = EG_CPU, .threads = 1);
    if (!p) fail_msg("record %d: %s", index, eg_error());
    int64_t size = eg_shape_size(d.input) * d.batch;
    float *x = malloc(sizeof *x * (size_t)size);
    for (int64_t i = 0; i < size; i++) x[i] = (float)number(i, 1);
    assert_int_equal(eg_set(p, "x", x, sizeof *x * (size_t)size), EG_OK);
    free(x);
    assert_int_equal(eg_set(p, "step", &(int32_t){ 1 }, sizeof(int32_t)), EG_OK);
    assert_int_equal(eg_run(p), EG_OK);
    assert_true(r->ntensors >= 1 + gradients);
    for (int i = 0; i <= gradients; i++) compare(r, i, eg_get(p, i), eg_shape_size(eg_value_shape(root[i])), index);
    check_running(m, r, 1 + gradients, index);
    eg_program_free(p);
    eg_graph_free(g);
    eg_model_free(m);
}

static void layers_agree_with_pytorch(void **state) {
    static unsigned char bytes[1 << 20];
    char magic[4];
    uint32_t count;
    record r;
    (void)state;
    FILE *file = fopen("tests/nn/golden_layers.bin", "rb");
    assert_non_null(file);
    reader in = { bytes, bytes + fread(bytes, 1, sizeof bytes, file) };
    fclose(file);
    take(&in, magic, 4);
    take(&in, &count, sizeof count);
    assert_memory_equal(magic, "EGGL", 4);
    assert_true(count >= 1000);
    for (uint32_t i = 0; i < count; i++) {
        take_record(&in, &r);
        check_record(&r, (int)i);
    }
    assert_ptr_equal(in.at, in.end);
    print_message("%u layers\n", count);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(layers_agree_with_pytorch) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
