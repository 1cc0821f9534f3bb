/* SPDX-License-Identifier: MIT
 *
 * test_reference.c: the float64 references against numbers known by hand and against plain loops over index
 * arithmetic that share no code with them: every op, with broadcasting, empty axes, rank 0 and rank 8.
 */
#define EG_NO_PLACES
#include "ops/evaluate.h"

/* ---- elementwise ----------------------------------------------------------------------------- */

static void functions_have_their_known_values(void **state) {
    (void)state;
    IS(eg_neg(VEC(1, -2)), EG_SHAPE(2), -1, 2);
    IS(eg_abs(VEC(1, -2, 0)), EG_SHAPE(3), 1, 2, 0);
    IS(eg_exp(VEC(0, 1, -INFINITY)), EG_SHAPE(3), 1, 2.718281828459045, 0);
    IS(eg_log(VEC(1, 2.718281828459045, 0, -1)), EG_SHAPE(4), 0, 1, -INFINITY, NAN);
    IS(eg_sqrt(VEC(0, 2, -1)), EG_SHAPE(3), 0, 1.4142135623730951, NAN);
    IS(eg_rsqrt(VEC(4, 0)), EG_SHAPE(2), .5, INFINITY);
    IS(eg_tanh(VEC(0, .5, 1000)), EG_SHAPE(3), 0, .46211715726000976, 1);
    IS(eg_sigmoid(VEC(0, 1, 1000, -1000)), EG_SHAPE(4), .5, .7310585786300049, 1, 0);
    IS(eg_relu(VEC(-1, 0, 2, NAN)), EG_SHAPE(4), 0, 0, 2, NAN);
    IS(eg_erf(VEC(0, .5, -3)), EG_SHAPE(3), 0, .5204998778130465, -.9999779095030014);
    IS(eg_softplus(VEC(0, 1000, -1000, -INFINITY, NAN)), EG_SHAPE(5), .6931471805599453, 1000, 0, 0, NAN);
    IS(eg_sin(VEC(0, 1)), EG_SHAPE(2), 0, .8414709848078965);
    IS(eg_cos(VEC(0, 1)), EG_SHAPE(2), 1, .5403023058681398);
    IS(eg_floor(VEC(1.5, -1.5, 2)), EG_SHAPE(3), 1, -2, 2);
    IS(eg_square(VEC(3, -2)), EG_SHAPE(2), 9, 4);
    IS(eg_sign(VEC(3, -2, 0)), EG_SHAPE(3), 1, -1, 0);
    IS(eg_step(VEC(3, -2, 0)), EG_SHAPE(3), 1, 0, 0);
    IS(eg_stop_gradient(VEC(3, -2)), EG_SHAPE(2), 3, -2);
}

static void two_operands_have_their_known_values(void **state) {
    (void)state;
    eg_value *a = VEC(1, -2, 0, 4), *b = VEC(2, -2, 3, .5);
    IS(eg_add(a, b), EG_SHAPE(4), 3, -4, 3, 4.5);
    IS(eg_sub(a, b), EG_SHAPE(4), -1, 0, -3, 3.5);
    IS(eg_mul(a, b), EG_SHAPE(4), 2, 4, 0, 2);
    IS(eg_div(a, b), EG_SHAPE(4), .5, 1, 0, 8);
    IS(eg_pow(VEC(2, 0, 0, -2, 4), VEC(10, 0, 2, 3, .5)), EG_SHAPE(5), 1024, 1, 0, -8, 2);
    IS(eg_maximum(a, b), EG_SHAPE(4), 2, -2, 3, 4);
    IS(eg_minimum(a, b), EG_SHAPE(4), 1, -2, 0, .5);
    IS(eg_maximum(VEC(NAN, 1, NAN), VEC(1, NAN, NAN)), EG_SHAPE(3), NAN, NAN, NAN);
    IS(eg_minimum(VEC(NAN, 1, NAN), VEC(1, NAN, NAN)), EG_SHAPE(3), NAN, NAN, NAN);
    IS(eg_equal(a, b), EG_SHAPE(4), 0, 1, 0, 0);
    IS(eg_not_equal(a, b), EG_SHAPE(4), 1, 0, 1, 1);
    IS(eg_less(a, b), EG_SHAPE(4), 1, 0, 1, 0);
    IS(eg_less_equal(a, b), EG_SHAPE(4), 1, 1, 1, 0);
    IS(eg_greater(a, b), EG_SHAPE(4), 0, 0, 0, 1);
    IS(eg_greater_equal(a, b), EG_SHAPE(4), 0, 1, 0, 1);
    IS(eg_where(eg_less(a, b), a, VEC(7)), EG_SHAPE(4), 1, 7, 0, 7);
    IS(eg_node3(EG_OP_MULADD, a, b, VEC(1), NULL), EG_SHAPE(4), 3, 5, 1, 3);
}

static void integers_truncate_and_clamp(void **state) {
    (void)state;
    eg_value *big = literal(EG_I32, EG_SHAPE(2), (double[]){ INT32_MAX, INT32_MIN });
    eg_value *bytes = literal(EG_U8, EG_SHAPE(2), (double[]){ 200, 3 });
    IS(eg_add(big, eg_const(graph, 1)), EG_SHAPE(2), INT32_MAX, INT32_MIN + 1);
    IS(eg_neg(big), EG_SHAPE(2), -(double)INT32_MAX, INT32_MAX);
    IS(eg_mul(bytes, bytes), EG_SHAPE(2), 255, 9);
    IS(eg_neg(bytes), EG_SHAPE(2), 0, 0);
    IS(eg_sum(bytes), EG_SCALAR, 203);
    IS(eg_cast(VEC(-3.7, 3.7, 1e20, NAN), EG_I32), EG_SHAPE(4), -3, 3, INT32_MAX, 0);
    IS(eg_cast(VEC(-3.7, 3.7, 256, NAN), EG_U8), EG_SHAPE(4), 0, 3, 255, 0);
    IS(eg_cast(bytes, EG_F32), EG_SHAPE(2), 200, 3);
    IS(eg_max(literal(EG_I32, EG_SHAPE(0), NULL)), EG_SCALAR, INT32_MIN);
}

/* Every pair of shapes, element by element: a - 2b shows which operand was read where. */
static void broadcasting_reads_the_right_elements(void **state) {
    static const eg_shape pairs[][2] = {
        { { 0, { 0 } }, { 0, { 0 } } },
        { { 0, { 0 } }, { 2, { 2, 3 } } },
        { { 1, { 3 } }, { 2, { 2, 3 } } },
        { { 2, { 2, 1 } }, { 2, { 1, 3 } } },
        { { 3, { 4, 1, 3 } }, { 2, { 2, 1 } } },
        { { 2, { 0, 3 } }, { 2, { 1, 1 } } },
        { { 8, { 2, 1, 3, 1, 1, 2, 1, 2 } }, { 8, { 1, 2, 1, 2, 2, 1, 2, 1 } } },
        { { 8, { 1, 2, 3, 1, 2, 2, 1, 2 } }, { 3, { 2, 3, 1 } } },
    };
    int64_t index[EG_MAX_RANK];
    (void)state;
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        eg_value *a = drawn(pairs[k][0]), *b = drawn(pairs[k][1]), *y = eg_sub(a, eg_mul(b, eg_const(graph, 2)));
        const double *xa = evaluate(a, NULL), *xb = evaluate(b, NULL), *got = evaluate(y, NULL);
        for (int64_t i = 0; i < eg_shape_size(y->shape); i++) {
            split_index(y->shape, i, index);
            double want = xa[broadcast_index(a->shape, y->shape, index)] -
                          2 * xb[broadcast_index(b->shape, y->shape, index)];
            same_number(got[i], want, i);
        }
    }
}

static void margins_are_the_distance_to_the_kink(void **state) {
    struct { eg_value *value; double margin; } rows[] = {
        { eg_relu(VEC(-1, .25, 3)), .25 },
        { eg_abs(VEC(-.5, 2)), .5 },
        { eg_floor(VEC(1.25, 2.9)), .1 },
        { eg_maximum(VEC(1, 2), VEC(1.5, 7)), .5 },
        { eg_less(VEC(1, 2), VEC(1.25, 7)), .25 },
        { eg_cast(VEC(.25, 1.75), EG_I32), .25 },
        { eg_cast(VEC(.5, -.5), EG_I32), .5 },
        { eg_max(VEC(3, 1, 2.75)), .25 },
        { eg_min(VEC(3, 1, 1.125)), .125 },
        { eg_argmax(VEC(3, 1, 2.5), 0), .5 },
        { eg_logsumexp(VEC(3, 3)), 9 }, /* smooth: the margin stays as it was */
        { eg_exp(VEC(0)), 9 },
        { eg_equal(literal(EG_I32, EG_SHAPE(1), (double[]){ 2 }), eg_const(graph, 2)), 9 }, /* exact */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double margin = 9;
        evaluate(rows[i].value, &margin);
        if (fabs(margin - rows[i].margin) > 1e-12) fail_msg("row %zu: margin %g", i, margin);
    }
}

/* ---- reductions ------------------------------------------------------------------------------ */

enum { SUM, MAX, MIN, LOGSUMEXP };

/* One element into a row's running value; logsumexp as plain ln sum e^x. */
static double fold(int kind, double so_far, double x) {
    if (kind == SUM) return so_far + x;
    if (kind == MAX) return fmax(so_far, x);
    if (kind == MIN) return fmin(so_far, x);
    return log(exp(so_far) + exp(x));
}

static void check_reduction(eg_value *x, unsigned mask, int kind) {
    static const double start[] = { 0, -INFINITY, INFINITY, -INFINITY };
    eg_value *(*const reduce[])(eg_value *, eg_reduce_opt) = { eg_sum_, eg_max_, eg_min_, eg_logsumexp_ };
    eg_shape kept = x->shape;
    eg_axes axes = { 0 };
    int64_t index[EG_MAX_RANK];
    for (int d = 0; d < kept.rank; d++)
        if (mask >> d & 1) axes.axis[axes.n++] = d, kept.dim[d] = 1;
    double *want = numbers(eg_shape_size(kept));
    const double *in = evaluate(x, NULL);
    for (int64_t i = 0; i < eg_shape_size(kept); i++) want[i] = start[kind];
    for (int64_t i = 0; i < eg_shape_size(x->shape); i++) {
        split_index(x->shape, i, index);
        int64_t at = broadcast_index(kept, x->shape, index);
        want[at] = fold(kind, want[at], in[i]);
    }
    same_numbers(reduce[kind](x, (eg_reduce_opt){ .axes = axes, .keep = 1 }), kept, want);
}

static void reductions_fold_the_right_elements(void **state) {
    static const eg_shape shapes[] = {
        { 1, { 5 } }, { 2, { 3, 4 } }, { 2, { 3, 0 } }, { 2, { 0, 3 } }, { 3, { 2, 3, 4 } }, { 4, { 2, 1, 3, 2 } },
        { 8, { 2, 1, 2, 1, 3, 1, 2, 2 } },
    };
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (unsigned mask = 1; mask < 1u << shapes[k].rank; mask++)
            for (int kind = SUM; kind <= LOGSUMEXP; kind++) check_reduction(drawn(shapes[k]), mask, kind);
}

static void reductions_have_their_known_values(void **state) {
    (void)state;
    eg_value *x = eg_reshape_to(VEC(1, 2, 3, 4, 5, 6), EG_SHAPE(2, 3));
    IS(eg_sum(x), EG_SCALAR, 21);
    IS(eg_sum(x, .axes = EG_AXES(0)), EG_SHAPE(3), 5, 7, 9);
    IS(eg_mean(x, .axes = EG_AXES(-1), .keep = 1), EG_SHAPE(2, 1), 2, 5);
    IS(eg_mean(eg_reshape_to(VEC(), EG_SHAPE(0))), EG_SCALAR, NAN);
    IS(eg_sum(eg_at(x, 1, 2)), EG_SCALAR, 6);
    IS(eg_max(VEC(1, NAN, 3)), EG_SCALAR, NAN);
    IS(eg_min(VEC(1, NAN, 3)), EG_SCALAR, NAN);
    IS(eg_argmax(x, 0), EG_SHAPE(3), 1, 1, 1);
    IS(eg_argmax(VEC(3, 7, 7, 1), 0), EG_SCALAR, 1);
    IS(eg_argmax(VEC(3, NAN, 7, NAN), -1), EG_SCALAR, 1);
    IS(eg_argmax(VEC(-INFINITY, -INFINITY), 0), EG_SCALAR, 0);
    x = eg_reshape_to(VEC(1, 2, 3, 9, 5, 6, 8, 7, 0, 9, 9, 1), EG_SHAPE(2, 3, 2));
    IS(eg_argmax_over(x), EG_SCALAR, 3);
    IS(eg_argmax_over(x, .axes = EG_AXES(-1, 1), .keep = 1), EG_SHAPE(2, 1, 1), 3, 3);
    IS(eg_argmax_over(x, .axes = EG_AXES(0, 1)), EG_SHAPE(2), 5, 1);
    IS(eg_argmax_over(eg_sum(x)), EG_SCALAR, 0);
}

static void logsumexp_is_stable_and_guards_its_rows(void **state) {
    const double inf = INFINITY;
    (void)state;
    IS(eg_logsumexp(VEC(1000, 1001, 1002)), EG_SCALAR, 1002.4076059644444);
    IS(eg_logsumexp(VEC(-1000, -1001)), EG_SCALAR, -1000 + .31326168751822286);
    IS(eg_logsumexp(VEC(-inf, -inf)), EG_SCALAR, -inf);
    IS(eg_logsumexp(VEC(-inf, 3)), EG_SCALAR, 3);
    IS(eg_logsumexp(VEC(1, inf)), EG_SCALAR, inf);
    IS(eg_logsumexp(VEC(1, NAN)), EG_SCALAR, NAN);
    IS(eg_softmax(VEC(-inf, -inf), 0), EG_SHAPE(2), 0, 0);
    IS(eg_log_softmax(VEC(-inf, 2), 0), EG_SHAPE(2), -inf, 0);
}

/* ---- movement -------------------------------------------------------------------------------- */

/* Checks y against x element by element: `from` turns an index of y into one of x, or returns 0 where y is zero. */
static void check_moved(eg_value *x, eg_value *y,
                        int (*from)(const eg_value *y, const int64_t *index, int64_t *old)) {
    const double *in = evaluate(x, NULL), *got = evaluate(y, NULL);
    int64_t index[EG_MAX_RANK], old[EG_MAX_RANK];
    for (int64_t i = 0; i < eg_shape_size(y->shape); i++) {
        split_index(y->shape, i, index);
        same_number(got[i], from(y, index, old) ? in[join_index(x->shape, old)] : 0, i);
    }
}

static int from_permuted(const eg_value *y, const int64_t *index, int64_t *old) {
    for (int d = 0; d < y->shape.rank; d++) old[y->attr.permute.axis[d]] = index[d];
    return 1;
}

static int from_sliced(const eg_value *y, const int64_t *index, int64_t *old) {
    for (int d = 0; d < y->shape.rank; d++) old[d] = y->attr.slice.start[d] + index[d] * y->attr.slice.step[d];
    return 1;
}

static int from_flipped(const eg_value *y, const int64_t *index, int64_t *old) {
    for (int d = 0; d < y->shape.rank; d++)
        old[d] = y->attr.axes.mask >> d & 1 ? y->shape.dim[d] - 1 - index[d] : index[d];
    return 1;
}

static int from_padded(const eg_value *y, const int64_t *index, int64_t *old) {
    for (int d = 0; d < y->shape.rank; d++) {
        int64_t at = index[d] - y->attr.pad.low[d], gap = y->attr.pad.interior[d] + 1;
        if (at < 0 || at % gap || at / gap >= y->in[0]->shape.dim[d]) return 0;
        old[d] = at / gap;
    }
    return 1;
}

static int from_expanded(const eg_value *y, const int64_t *index, int64_t *old) {
    eg_shape shape = y->in[0]->shape;
    for (int d = 0; d < shape.rank; d++) old[d] = shape.dim[d] == 1 ? 0 : index[d + y->shape.rank - shape.rank];
    return 1;
}

static void movement_takes_the_right_elements(void **state) {
    (void)state;
    eg_value *x = drawn(EG_SHAPE(3, 4, 5)), *wide = drawn(EG_SHAPE(2, 1, 3, 1, 2, 1, 2, 3));
    check_moved(x, eg_permute(x, EG_AXES(2, 0, 1)), from_permuted);
    check_moved(wide, eg_permute(wide, EG_AXES(7, 0, 6, 1, 5, 2, 4, 3)), from_permuted);
    check_moved(x, eg_slice(x, 1, 1, 3), from_sliced);
    check_moved(x, eg_slice_all(x, (int64_t[]){ 1, 0, 1 }, (int64_t[]){ 3, 4, 5 }, (int64_t[]){ 1, 3, 2 }),
                from_sliced);
    check_moved(x, eg_slice(x, 0, 2, 2), from_sliced);
    check_moved(x, eg_flip(x, EG_AXES(0, 2)), from_flipped);
    check_moved(wide, eg_flip(wide, EG_AXES(-1, 2)), from_flipped);
    check_moved(wide, eg_expand(wide, EG_SHAPE(2, 2, 3, 3, 2, 1, 2, 3)), from_expanded);
    eg_value *row = drawn(EG_SHAPE(4, 1));
    check_moved(row, eg_expand(row, EG_SHAPE(2, 4, 3)), from_expanded);
    check_moved(row, eg_expand(row, EG_SHAPE(0, 4, 3)), from_expanded);
}

/* All combinations of zeros and cuts at both ends and zeros between, for lengths 0 to 4. */
static void padding_of_every_kind(void **state) {
    (void)state;
    for (int64_t n = 0; n < 5; n++)
        for (int64_t low = -3; low <= 2; low++)
            for (int64_t high = -3; high <= 2; high++)
                for (int64_t interior = 0; interior < 3; interior++) {
                    int64_t length = low + high + n + (n ? (n - 1) * interior : 0);
                    if (length < 0 || (low == 0 && high == 0 && interior == 0)) continue;
                    eg_value *x = drawn(EG_SHAPE(2, n));
                    eg_value *y =
                        eg_pad(x, (int64_t[]){ 1, low }, (int64_t[]){ 0, high }, (int64_t[]){ 1, interior });
                    same_shape(y, EG_SHAPE(4, length));
                    check_moved(x, y, from_padded);
                }
}

static void joined_and_reshaped(void **state) {
    (void)state;
    eg_value *a = eg_reshape_to(VEC(1, 2, 3, 4), EG_SHAPE(2, 2)), *b = eg_reshape_to(VEC(5, 6), EG_SHAPE(2, 1));
    IS(eg_concat((eg_value *[]){ a, b, eg_slice(a, 1, 0, 0) }, 3, -1), EG_SHAPE(2, 3), 1, 2, 5, 3, 4, 6);
    IS(eg_concat((eg_value *[]){ a, eg_transpose(b) }, 2, 0), EG_SHAPE(3, 2), 1, 2, 3, 4, 5, 6);
    IS(eg_concat((eg_value *[]){ a }, 1, 0), EG_SHAPE(2, 2), 1, 2, 3, 4);
    IS(eg_reshape_to(eg_transpose(a), EG_SHAPE(4)), EG_SHAPE(4), 1, 3, 2, 4);
    IS(eg_at(a, 1, 0), EG_SCALAR, 3);
    IS(eg_at(a, -1, -1), EG_SCALAR, 4);
    IS(eg_slice(VEC(0, 1, 2, 3, 4), 0, -2, INT64_MAX), EG_SHAPE(2), 3, 4);
    IS(eg_slice(VEC(0, 1, 2, 3, 4), 0, INT64_MIN, -3), EG_SHAPE(2), 0, 1);
    IS(eg_iota(graph, EG_I32, EG_SHAPE(2, 3), 0), EG_SHAPE(2, 3), 0, 0, 0, 1, 1, 1);
    IS(eg_iota(graph, EG_F32, EG_SHAPE(2, 3), -1), EG_SHAPE(2, 3), 0, 1, 2, 0, 1, 2);
    IS(eg_full(graph, EG_F32, EG_SHAPE(2), .5), EG_SHAPE(2), .5, .5);
}

static void constants_copy_strided_tensors(void **state) {
    const float numbers_[] = { 1, 2, 3, 4, 5, 6 };
    (void)state;
    eg_tensor *tensor = eg_tensor_from(EG_F32, EG_SHAPE(2, 3), numbers_);
    eg_tensor *view = eg_tensor_permute(tensor, (int[]){ 1, 0 });
    eg_value *value = eg_constant(graph, view);
    eg_tensor_free(view);
    eg_tensor_free(tensor);
    IS(value, EG_SHAPE(3, 2), 1, 4, 2, 5, 3, 6);
}

/* ---- products and look-ups ------------------------------------------------------------------- */

static void check_product(eg_shape sa, eg_shape sb, int ta, int tb, int has_start) {
    eg_value *a = drawn(sa), *b = drawn(sb);
    eg_value *start = has_start ? drawn(EG_SHAPE(sb.dim[sb.rank - (tb ? 2 : 1)])) : NULL;
    eg_attr attr = { .matmul = { ta, tb } };
    eg_value *y = eg_node(graph, EG_OP_MATMUL, (eg_value *[]){ a, b, start }, 2 + has_start, &attr);
    const double *xa = evaluate(a, NULL), *xb = evaluate(b, NULL), *got = evaluate(y, NULL);
    const double *xs = has_start ? evaluate(start, NULL) : NULL;
    int64_t k = sa.dim[sa.rank - (ta ? 2 : 1)], index[EG_MAX_RANK], at[EG_MAX_RANK];
    for (int64_t i = 0; i < eg_shape_size(y->shape); i++) {
        split_index(y->shape, i, index);
        int64_t r = index[y->shape.rank - 2], c = index[y->shape.rank - 1];
        double sum = xs ? xs[c] : 0;
        for (int64_t q = 0; q < k; q++) {
            eg_shape whole = y->shape; /* broadcast over the leading axes; the last two are given */
            memcpy(at, index, sizeof at);
            at[whole.rank - 2] = ta ? q : r, at[whole.rank - 1] = ta ? r : q;
            double left = xa[broadcast_index(sa, whole, at)];
            at[whole.rank - 2] = tb ? c : q, at[whole.rank - 1] = tb ? q : c;
            sum += left * xb[broadcast_index(sb, whole, at)];
        }
        same_number(got[i], sum, i);
    }
}

static void products_multiply_the_right_elements(void **state) {
    (void)state;
    for (int form = 0; form < 8; form++) {
        int ta = form & 1, tb = form >> 1 & 1, start = form >> 2;
        eg_shape a = ta ? EG_SHAPE(4, 3) : EG_SHAPE(3, 4), b = tb ? EG_SHAPE(5, 4) : EG_SHAPE(4, 5);
        check_product(a, b, ta, tb, start);
        a = ta ? EG_SHAPE(2, 1, 4, 3) : EG_SHAPE(2, 1, 3, 4), b = tb ? EG_SHAPE(3, 5, 4) : EG_SHAPE(3, 4, 5);
        check_product(a, b, ta, tb, start);
        check_product(ta ? EG_SHAPE(0, 3) : EG_SHAPE(3, 0), tb ? EG_SHAPE(5, 0) : EG_SHAPE(0, 5), ta, tb, start);
        check_product(ta ? EG_SHAPE(4, 0) : EG_SHAPE(0, 4), tb ? EG_SHAPE(5, 4) : EG_SHAPE(4, 5), ta, tb, start);
    }
    check_product(EG_SHAPE(1, 2, 1, 2, 1, 2, 2, 3), EG_SHAPE(2, 1, 1, 1, 2, 1, 3, 2), 0, 0, 0);
}

static void products_follow_numpys_rules_for_rank_1(void **state) {
    (void)state;
    eg_value *m = eg_reshape_to(VEC(1, 2, 3, 4, 5, 6), EG_SHAPE(2, 3));
    IS(eg_matmul(VEC(1, 1), m), EG_SHAPE(3), 5, 7, 9);
    IS(eg_matmul(m, VEC(1, 0, 1)), EG_SHAPE(2), 4, 10);
    IS(eg_matmul(VEC(1, 2, 3), VEC(1, 2, 3)), EG_SCALAR, 14);
    IS(eg_matmul(eg_reshape_to(m, EG_SHAPE(1, 2, 3)), VEC(1, 0, 1)), EG_SHAPE(1, 2), 4, 10);
    IS(eg_matmul(VEC(1, 1), eg_reshape_to(m, EG_SHAPE(1, 2, 3))), EG_SHAPE(1, 3), 5, 7, 9);
    IS(eg_matmul(eg_reshape_to(m, EG_SHAPE(2, 1, 3)), eg_transpose(m)), EG_SHAPE(2, 1, 2), 14, 32, 32, 77);
}

static void look_ups_take_the_right_slices(void **state) {
    (void)state;
    eg_value *x = eg_reshape_to(VEC(1, 2, 3, 4, 5, 6), EG_SHAPE(3, 2));
    eg_value *index = literal(EG_I32, EG_SHAPE(2, 2), (double[]){ 2, 0, 0, 2 });
    eg_value *outside = literal(EG_I32, EG_SHAPE(3), (double[]){ 1, -1, INT32_MAX });
    IS(eg_gather(x, index, 0), EG_SHAPE(2, 2, 2), 5, 6, 1, 2, 1, 2, 5, 6);
    IS(eg_gather(x, outside, 1), EG_SHAPE(3, 3), 2, 0, 0, 4, 0, 0, 6, 0, 0);
    IS(eg_gather(VEC(7, 8), eg_const(graph, 1), 0), EG_SCALAR, 8);
    IS(eg_gather(eg_slice(x, 0, 0, 0), outside, 0), EG_SHAPE(3, 2), 0, 0, 0, 0, 0, 0);
    IS(eg_scatter_add(eg_reshape_to(VEC(1, 2, 3, 4), EG_SHAPE(2, 2)), index, 0, 4), EG_SHAPE(4), 5, 0, 5, 0);
    IS(eg_scatter_add(x, outside, 0, 2), EG_SHAPE(2, 2), 0, 0, 1, 2);
    IS(eg_scatter_add(x, literal(EG_I32, EG_SHAPE(2), (double[]){ 1, 1 }), 1, 2), EG_SHAPE(3, 2), 0, 3, 0, 7, 0, 11);
    IS(eg_one_hot(outside, 2, EG_F32), EG_SHAPE(3, 2), 0, 1, 0, 0, 0, 0);
}

/* ---- random ---------------------------------------------------------------------------------- */

static void random_numbers_are_those_of_their_key(void **state) {
    enum { N = 4000 };
    (void)state;
    eg_value *step = eg_full(graph, EG_I32, EG_SCALAR, 3);
    const double *u = evaluate(eg_random_uniform(step, 11, EG_F32, EG_SHAPE(2, N / 2)), NULL);
    const double *z = evaluate(eg_random_normal(step, 11, EG_F64, EG_SHAPE(N)), NULL);
    const double *other = evaluate(eg_random_uniform(eg_const(graph, 4), 11, EG_F32, EG_SHAPE(N)), NULL);
    eg_rng_key key = { .seed = 5, .step = 3, .site = 11 };
    double mean = 0, square = 0, same = 0;
    for (int i = 0; i < N; i++) {
        assert_true(u[i] == (double)eg_rng_uniform(key, (uint64_t)i) && z[i] == eg_rng_normal(key, (uint64_t)i));
        mean += u[i] / N, square += z[i] * z[i] / N, same += u[i] == other[i];
    }
    assert_true(fabs(mean - .5) < .02 && fabs(square - 1) < .1 && same < 3);
    assert_int_equal(eg_name_site("dropout_1"), eg_site("dropout_1"));
}

static void dropout_keeps_the_mean(void **state) {
    enum { N = 10000 };
    (void)state;
    const double *mask = evaluate(eg_dropout_mask(eg_const(graph, 1), 2, .2, EG_F64, EG_SHAPE(N)), NULL);
    const double *all = evaluate(eg_dropout_mask(eg_const(graph, 1), 2, 0, EG_F64, EG_SHAPE(4)), NULL);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        assert_true(mask[i] == 0 || mask[i] == 1 / (1 - .2));
        sum += mask[i];
    }
    assert_true(fabs(sum / N - 1) < .02);
    for (int i = 0; i < 4; i++) assert_true(all[i] == 1);
}

/* ---- layouts --------------------------------------------------------------------------------- */

static void packing_is_the_same_matrix(void **state) {
    eg_attr plain = { .pack = { .transpose = 0 } }, swapped = { .pack = { .transpose = 1 } };
    (void)state;
    eg_value *x = literal(EG_F32, EG_SHAPE(2, 3), (double[]){ 1, 2, 3, 4, 5, 6 });
    IS(eg_node1(EG_OP_UNPACK, eg_node1(EG_OP_PACK, x, &plain), &plain), EG_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    IS(eg_node1(EG_OP_PACK, x, &swapped), EG_SHAPE(3, 2), 1, 4, 2, 5, 3, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(functions_have_their_known_values),
        CASE(two_operands_have_their_known_values),
        CASE(integers_truncate_and_clamp),
        CASE(broadcasting_reads_the_right_elements),
        CASE(margins_are_the_distance_to_the_kink),
        CASE(reductions_fold_the_right_elements),
        CASE(reductions_have_their_known_values),
        CASE(logsumexp_is_stable_and_guards_its_rows),
        CASE(movement_takes_the_right_elements),
        CASE(padding_of_every_kind),
        CASE(joined_and_reshaped),
        CASE(constants_copy_strided_tensors),
        CASE(products_multiply_the_right_elements),
        CASE(products_follow_numpys_rules_for_rank_1),
        CASE(look_ups_take_the_right_slices),
        CASE(random_numbers_are_those_of_their_key),
        CASE(dropout_keeps_the_mean),
        CASE(packing_is_the_same_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
