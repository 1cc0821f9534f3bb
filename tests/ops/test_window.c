/* SPDX-License-Identifier: MIT
 *
 * test_window.c: convolution, pooling and what belongs to them, against numbers that can be checked by hand and
 * against loops written in another way; what they say when shapes do not fit.
 */
#define EG_NO_PLACES
#include "ops/evaluate.h"
#include "ops/window.h"

static eg_value *of(eg_dtype dtype, eg_shape shape) { return eg_full(graph, dtype, shape, 1); }
#define F(...) of(EG_F32, EG_SHAPE(__VA_ARGS__))

static void says(eg_value *value, eg_status status, const char *message) {
    assert_true(eg_value_is_poisoned(value));
    assert_string_equal(eg_graph_error(graph), message);
    assert_int_equal(eg_graph_status(graph), status);
    eg_graph_free(graph);
    graph = eg_graph_new();
}

/* 1 .. n in order. */
static eg_value *counted(eg_shape shape) {
    double *x = numbers(eg_shape_size(shape));
    for (int64_t i = 0; i < eg_shape_size(shape); i++) x[i] = (double)(i + 1);
    return literal(EG_F64, shape, x);
}

/* ---- convolution --------------------------------------------------------------------------------- */

static void a_kernel_slides_over_a_line(void **state) {
    (void)state;
    eg_value *x = counted(EG_SHAPE(1, 5, 1)), *w = literal(EG_F64, EG_SHAPE(3, 1, 1), (double[]){ 1, 10, 100 });
    IS(eg_conv(x, w), EG_SHAPE(1, 3, 1), 321, 432, 543);
    IS(eg_conv(x, w, .padding = EG_SAME), EG_SHAPE(1, 5, 1), 210, 321, 432, 543, 54);
    IS(eg_conv(x, w, .stride = { 2 }), EG_SHAPE(1, 2, 1), 321, 543);
    IS(eg_conv(x, w, .dilation = { 2 }), EG_SHAPE(1, 1, 1), 531);
    IS(eg_conv(x, w, .low = { 2 }, .high = { -1 }), EG_SHAPE(1, 4, 1), 100, 210, 321, 432);
    IS(eg_conv_transpose(counted(EG_SHAPE(1, 2, 1)), w), EG_SHAPE(1, 4, 1), 1, 12, 120, 200);
    IS(eg_conv_transpose(counted(EG_SHAPE(1, 2, 1)), w, .stride = { 2 }), EG_SHAPE(1, 5, 1), 1, 10, 102, 20, 200);
    IS(eg_conv_transpose(counted(EG_SHAPE(1, 2, 1)), w, .stride = { 2 }, .padding = EG_SAME), EG_SHAPE(1, 4, 1), 1,
       10, 102, 20);
}

/* An even kernel with "same" needs one zero more, at the right and at the bottom. */
static void same_puts_the_odd_zero_behind(void **state) {
    (void)state;
    eg_value *w = literal(EG_F64, EG_SHAPE(2, 2, 1, 1), (double[]){ 1, 10, 100, 1000 });
    IS(eg_conv(counted(EG_SHAPE(1, 2, 2, 1)), w, .padding = EG_SAME), EG_SHAPE(1, 2, 2, 1), 4321, 402, 43, 4);
}

/* Every element of every operand by division of its linear index: independent of the code under test. */
static void check_conv(eg_shape image, eg_shape kernel, eg_window_opt opt) {
    eg_value *x = drawn(image), *w = drawn(kernel), *y = eg_conv_(x, w, opt);
    const double *got = evaluate(y, NULL), *xs = evaluate(x, NULL), *ws = evaluate(w, NULL);
    int64_t n = eg_shape_size(y->shape), per_group = kernel.dim[3] / opt.groups, p[4], k[4];
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        split_index(y->shape, i, p);
        for (int64_t j = 0; j < eg_shape_size(kernel); j++) {
            split_index(kernel, j, k);
            int64_t at[] = { p[0], p[1] * opt.stride[0] + k[0] * opt.dilation[0] - opt.low[0],
                             p[2] * opt.stride[1] + k[1] * opt.dilation[1] - opt.low[1],
                             p[3] / per_group * kernel.dim[2] + k[2] };
            int inside = at[1] >= 0 && at[1] < image.dim[1] && at[2] >= 0 && at[2] < image.dim[2];
            if (k[3] == p[3] && inside) sum += xs[join_index(image, at)] * ws[j];
        }
        same_number(got[i], sum, i);
    }
}

static void convolution_is_its_sum(void **state) {
    (void)state;
    for (int i = 0; i < 60; i++) {
#define DRAW(n) ((int64_t)eg_rng_below(&random_seq, (n)))
        int64_t groups = 1 + DRAW(3), inner = 1 + DRAW(3);
        eg_window_opt opt = { .stride = { 1 + DRAW(3), 1 + DRAW(3) },
                              .dilation = { 1 + DRAW(2), 1 + DRAW(2) },
                              .low = { DRAW(3), DRAW(3) },
                              .high = { DRAW(3), DRAW(3) },
                              .groups = groups };
        check_conv(EG_SHAPE(1 + DRAW(3), 5 + DRAW(4), 5 + DRAW(4), groups * inner),
                   EG_SHAPE(1 + DRAW(3), 1 + DRAW(3), inner, groups * (1 + DRAW(3))), opt);
    }
}

static void convolution_mistakes(void **state) {
    (void)state;
    says(eg_conv(F(2, 8), F(3, 8)), EG_E_SHAPE,
         "conv: [2,8] is no image: [batch, length, channels] or [batch, height, width, channels]");
    says(eg_conv(F(2, 8, 8, 3), F(3, 3, 3)), EG_E_SHAPE, "conv: [2,8,8,3] by [3,3,3]: the ranks differ");
    says(eg_conv(F(2, 8, 8, 3), F(3, 3, 1, 4)), EG_E_SHAPE,
         "conv: [2,8,8,3] by [3,3,1,4]: the kernel's channels are 1, not 3");
    says(eg_conv(F(2, 8, 8, 3), F(3, 3, 1, 4), .groups = 2), EG_E_SHAPE,
         "conv: [2,8,8,3] by [3,3,1,4]: 2 groups do not divide 3 channels into 4");
    says(eg_conv(F(2, 8, 4, 3), F(3, 5, 3, 4)), EG_E_SHAPE,
         "conv: [2,8,4,3] by [3,5,3,4]: a window of 5 does not fit into the 4 of axis 2 with its padding");
    says(eg_conv(F(2, 8, 3), F(3, 3, 4), .stride = { -1 }), EG_E_ARGUMENT,
         "conv: [2,8,3]: stride -1, dilation 1 or padding (0, 0) makes no sense");
    says(eg_conv(of(EG_I32, EG_SHAPE(1, 3, 1)), of(EG_I32, EG_SHAPE(1, 1, 1))), EG_E_DTYPE,
         "conv: i32[1,3,1]: needs f32 or f64, convert with eg_cast");
    says(eg_conv_transpose(F(1, 3, 2), F(3, 4, 5)), EG_E_SHAPE,
         "conv_transpose: [1,3,2] by [3,4,5]: the kernel's last axis is 5, the image has 2 channels in 1 groups");
    says(eg_max_pool(F(1, 3, 3, 2), .size = { 4 }), EG_E_SHAPE,
         "window_argmax: [1,3,3,2]: a window of 4 does not fit into the 3 of axis 1 with its padding");
}

static void flops_of_a_convolution(void **state) {
    (void)state;
    assert_true(eg_value_flops(eg_conv(F(2, 6, 6, 4), F(3, 3, 2, 8), .groups = 2)) == 2. * 2 * 16 * 9 * 2 * 8);
}

/* ---- pooling ------------------------------------------------------------------------------------- */

static void pools(void **state) {
    (void)state;
    eg_value *x = counted(EG_SHAPE(1, 4, 4, 1)), *line = VEC(3, 1, 4, 1, 5);
    line = eg_reshape_to(line, EG_SHAPE(1, 5, 1));
    IS(eg_max_pool(x), EG_SHAPE(1, 2, 2, 1), 6, 8, 14, 16);
    IS(eg_avg_pool(x), EG_SHAPE(1, 2, 2, 1), 3.5, 5.5, 11.5, 13.5);
    IS(eg_max_pool(line, .size = { 3 }, .stride = { 1 }), EG_SHAPE(1, 3, 1), 4, 4, 5);
    IS(eg_max_pool(line, .size = { 3 }, .stride = { 2 }), EG_SHAPE(1, 2, 1), 4, 5);
    IS(eg_max_pool(eg_neg(line), .size = { 2 }, .padding = EG_SAME), EG_SHAPE(1, 3, 1), -1, -1, -5);
    IS(eg_avg_pool(line, .size = { 2 }, .padding = EG_SAME), EG_SHAPE(1, 3, 1), 2, 2.5, 5);
    IS(eg_avg_pool(line, .size = { 2 }, .padding = EG_SAME, .count_padding = 1), EG_SHAPE(1, 3, 1), 2, 2.5, 2.5);
    IS(eg_avg_pool(line, .size = { 2 }, .stride = { 3 }, .low = { 1 }), EG_SHAPE(1, 2, 1), 3, 2.5);
    IS(eg_global_avg_pool(counted(EG_SHAPE(1, 2, 2, 2))), EG_SHAPE(1, 2), 4, 5);
    IS(eg_global_max_pool(counted(EG_SHAPE(2, 2, 1, 2))), EG_SHAPE(2, 2), 3, 4, 7, 8);
}

static void a_window_of_padding_is_empty(void **state) {
    (void)state;
    eg_value *x = counted(EG_SHAPE(1, 2, 1));
    IS(eg_max_pool(x, .size = { 1 }, .stride = { 1 }, .low = { 1 }), EG_SHAPE(1, 3, 1), 0, 1, 2);
    IS(eg_avg_pool(x, .size = { 1 }, .stride = { 1 }, .low = { 1 }), EG_SHAPE(1, 3, 1), 0, 1, 2);
}

static void a_nan_is_the_largest(void **state) {
    (void)state;
    eg_value *x = eg_reshape_to(VEC(1, NAN, 2, 3), EG_SHAPE(1, 4, 1));
    IS(eg_max_pool(x), EG_SHAPE(1, 2, 1), NAN, 3);
}

static void a_tie_gives_the_gradient_to_the_first(void **state) {
    (void)state;
    eg_value *x = eg_reshape_to(VEC(2, 7, 7, 1, 7, 7), EG_SHAPE(1, 2, 3, 1)), *d;
    eg_value *y = eg_sum(eg_max_pool(x, .size = { 2, 2 }, .stride = { 1 }));
    assert_int_equal(eg_grad(y, &x, 1, &d), EG_OK);
    IS(d, EG_SHAPE(1, 2, 3, 1), 0, 2, 0, 0, 0, 0);
}

static void the_margin_is_the_lead_of_the_largest(void **state) {
    (void)state;
    double margin = 100;
    evaluate(eg_max_pool(eg_reshape_to(VEC(1, 3, 2.5, 2), EG_SHAPE(1, 4, 1)), .stride = { 1 }), &margin);
    assert_true(margin == .5);
}

static void padding_and_upsampling(void **state) {
    (void)state;
    int64_t low[] = { 1, 0 }, high[] = { 0, 2 }, times[] = { 2, 3 };
    IS(eg_zero_pad(counted(EG_SHAPE(1, 2, 1, 1)), low, high), EG_SHAPE(1, 3, 3, 1), 0, 0, 0, 1, 0, 0, 2, 0, 0);
    IS(eg_upsample(counted(EG_SHAPE(1, 2, 1, 1)), times), EG_SHAPE(1, 4, 3, 1), 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2);
    IS(eg_upsample(counted(EG_SHAPE(1, 2, 2)), times), EG_SHAPE(1, 4, 2), 1, 2, 1, 2, 3, 4, 3, 4);
    says(eg_upsample(F(1, 2, 2), (int64_t[]){ 0 }), EG_E_ARGUMENT, "upsample: 0 times as large");
}

/* ---- one index for each element -------------------------------------------------------------------- */

static void along_an_axis(void **state) {
    (void)state;
    eg_value *x = counted(EG_SHAPE(2, 3)), *index = literal(EG_I32, EG_SHAPE(2, 2), (double[]){ 2, 0, 1, 3 });
    IS(eg_take_along(x, index, 1), EG_SHAPE(2, 2), 3, 1, 5, 0);
    IS(eg_put_along(counted(EG_SHAPE(2, 2)), index, -1, 3), EG_SHAPE(2, 3), 2, 0, 1, 0, 3, 0);
    IS(eg_take_along(x, literal(EG_I32, EG_SHAPE(1, 3), (double[]){ 1, -1, 0 }), 0), EG_SHAPE(1, 3), 4, 0, 3);
    IS(eg_put_along(VEC(1, 2, 4), literal(EG_I32, EG_SHAPE(3), (double[]){ 1, 1, 0 }), 0, 2), EG_SHAPE(2), 4, 3);
    says(eg_take_along(F(2, 3), of(EG_I32, EG_SHAPE(3, 3)), 1), EG_E_SHAPE,
         "take_along: [2,3] and the index's [3,3] may differ along the axis only");
    says(eg_put_along(F(2, 3), of(EG_I32, EG_SHAPE(2, 2)), 1, 4), EG_E_SHAPE,
         "put_along: [2,3] and the index's [2,2] may not differ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_kernel_slides_over_a_line),
        CASE(same_puts_the_odd_zero_behind),
        CASE(convolution_is_its_sum),
        CASE(convolution_mistakes),
        CASE(flops_of_a_convolution),
        CASE(pools),
        CASE(a_window_of_padding_is_empty),
        CASE(a_nan_is_the_largest),
        CASE(a_tie_gives_the_gradient_to_the_first),
        CASE(the_margin_is_the_lead_of_the_largest),
        CASE(padding_and_upsampling),
        CASE(along_an_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
