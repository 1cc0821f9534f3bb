/* SPDX-License-Identifier: MIT
 *
 * test_program.c: what a user of programs is promised, by both engines: assigns that commit at the end, inputs
 * set or lent, errors in the user's words, no allocation in a run, memory known before, failed allocations as
 * errors.
 */
#include "fault.h"

#include <elegans/nn.h>
#include <elegans/program.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "runtime/random_graph.h"

static eg_graph *graph;
static eg_state *state;

static int ready(void **unused) {
    (void)unused;
    graph = eg_graph_new();
    state = eg_state_new(3);
    return !graph || !state;
}

static int tidy(void **unused) {
    (void)unused;
    eg_graph_free(graph);
    eg_state_free(state);
    return 0;
}

static const eg_executor engines[] = { EG_CPU, EG_REF };

static void has(const char *name, float want) {
    float got = NAN;
    assert_int_equal(eg_state_read(state, name, &got, sizeof got), EG_OK);
    if (got != want) fail_msg("%s is %g, not %g", name, (double)got, (double)want);
}

static void put(const char *name, float value) { assert_int_equal(eg_state_write(state, name, &value, 4), EG_OK); }

static eg_value *scalar(const char *name) {
    eg_value *v = eg_var(graph, name, EG_F32, EG_SCALAR);
    assert_int_equal(eg_state_add(state, v), EG_OK);
    return v;
}

/* ---- assigns --------------------------------------------------------------------------------------------- */

static void reads_see_old_values(void **unused) {
    (void)unused;
    eg_value *a = scalar("a"), *b = scalar("b"), *sum = eg_add(a, b);
    eg_value *roots[] = { eg_assign(a, eg_add(a, eg_const(graph, 1))), sum,
                          eg_assign(b, eg_mul(a, eg_const(graph, 10))), a };
    for (int e = 0; e < 2; e++) {
        put("a", 2), put("b", 5);
        eg_program *p = eg_program_new(state, roots, 4, .executor = engines[e]);
        assert_non_null(p);
        assert_int_equal(eg_run(p), EG_OK);
        assert_true(eg_get(p, 1)[0] == 7 && eg_get(p, 3)[0] == 2);
        assert_null(eg_get(p, 0));
        has("a", 3), has("b", 20);
        assert_int_equal(eg_run(p), EG_OK);
        assert_true(eg_get(p, 1)[0] == 23 && eg_get(p, 3)[0] == 3);
        has("a", 4), has("b", 30);
        eg_program_free(p);
    }
}

static void two_variables_swap(void **unused) {
    (void)unused;
    eg_value *a = scalar("a"), *b = scalar("b");
    eg_value *roots[] = { eg_assign(a, b), eg_assign(b, a) };
    for (int e = 0; e < 2; e++) {
        put("a", 1), put("b", 2);
        eg_program *p = eg_program_new(state, roots, 2, .executor = engines[e]);
        eg_run(p);
        has("a", 2), has("b", 1);
        eg_program_free(p);
    }
}

static void swapped_matrices_in_panels(void **unused) {
    (void)unused;
    float x[6] = { 1, 2, 3, 4, 5, 6 }, y[6] = { -1, -2, -3, -4, -5, -6 }, z[6];
    eg_value *a = eg_weight(graph, "a", EG_F32, EG_SHAPE(2, 3)), *b = eg_weight(graph, "b", EG_F32, EG_SHAPE(2, 3));
    eg_value *roots[] = { eg_assign(a, b), eg_assign(b, a), eg_sum(a), a };
    eg_program *p = eg_program_new(state, roots, 4, .executor = EG_CPU);
    assert_non_null(p);
    eg_state_write(state, "a", x, sizeof x);
    eg_state_write(state, "b", y, sizeof y);
    eg_run(p);
    assert_true(eg_get(p, 2)[0] == 21);
    assert_memory_equal(eg_get(p, 3), x, sizeof x);
    eg_state_read(state, "a", z, sizeof z);
    assert_memory_equal(z, y, sizeof z);
    eg_state_read(state, "b", z, sizeof z);
    assert_memory_equal(z, x, sizeof z);
    eg_program_free(p);
}

/* A mask out of panels that another shape reads as one number stays in rows. */
static void a_mask_of_one_element(void **unused) {
    (void)unused;
    float one = 1, data[6] = { 1, 2, 3, 4, 5, 6 };
    eg_value *w = eg_weight(graph, "w", EG_F32, EG_SHAPE(1, 1)), *x = eg_input(graph, "x", EG_F32, EG_SHAPE(2, 3));
    eg_value *y = eg_where(eg_greater(w, eg_const(graph, 0)), x, eg_neg(x));
    eg_program *p = eg_program_new(state, &y, 1, .executor = EG_CPU);
    if (!p) fail_msg("%s", eg_error());
    eg_state_write(state, "w", &one, sizeof one);
    eg_set(p, "x", data, sizeof data);
    eg_run(p);
    assert_memory_equal(eg_get(p, 0), data, sizeof data);
    eg_program_free(p);
}

/* More look-ups in one group than it has room for index ramps. */
static void many_one_hots(void **unused) {
    (void)unused;
    eg_value *sum = NULL, *index = eg_input(graph, "i", EG_I32, EG_SHAPE(3));
    for (int i = 0; i < 30; i++) {
        eg_value *hot = eg_mul(eg_one_hot(index, 4, EG_F32), eg_const(graph, i + 1));
        sum = sum ? eg_add(eg_tanh(sum), hot) : hot;
    }
    eg_program *p = eg_program_new(state, &sum, 1, .executor = EG_CPU);
    if (!p) fail_msg("%s", eg_error());
    eg_set(p, "i", (int32_t[]){ 2, 0, 9 }, 12);
    eg_run(p);
    const float *y = eg_get(p, 0);
    assert_true(y[2] > 30 && y[4] > 30 && y[0] == 0 && y[11] == 0);
    eg_program_free(p);
}

/* The same new value for two variables, and one that is fetched too: no storage may be shared wrongly. */
static void one_value_for_two_variables(void **unused) {
    (void)unused;
    eg_value *a = scalar("a"), *b = scalar("b"), *c = eg_mul(eg_add(a, b), eg_const(graph, 2));
    eg_value *roots[] = { eg_assign(a, c), eg_assign(b, c), c, eg_add(c, a) };
    for (int e = 0; e < 2; e++) {
        put("a", 1), put("b", 2);
        eg_program *p = eg_program_new(state, roots, 4, .executor = engines[e]);
        eg_run(p);
        has("a", 6), has("b", 6);
        put("a", 100);
        assert_true(eg_get(p, 2)[0] == 6 && eg_get(p, 3)[0] == 7);
        eg_program_free(p);
    }
}

static void two_assigns_of_one_variable_are_an_error(void **unused) {
    (void)unused;
    eg_value *a = scalar("a");
    eg_value *roots[] = { eg_assign(a, eg_const(graph, 1)), eg_assign(a, eg_const(graph, 2)) };
    assert_null(eg_program_new(state, roots, 2));
    assert_true(strstr(eg_error(), "a") != NULL);
}

static void programs_share_their_state(void **unused) {
    (void)unused;
    eg_value *a = scalar("a"), *step = eg_assign(a, eg_add(a, eg_const(graph, 1))),
             *twice = eg_mul(a, eg_const(graph, 2));
    eg_program *train = eg_program_new(state, &step, 1), *test = eg_program_new(state, &twice, 1);
    for (int i = 1; i < 5; i++) {
        eg_run(train);
        eg_run(test);
        assert_true(eg_get(test, 0)[0] == (float)(2 * i));
    }
    eg_program_free(train);
    eg_program_free(test);
}

/* ---- inputs and results ---------------------------------------------------------------------------------- */

static void lent_data_is_read_at_each_run(void **unused) {
    (void)unused;
    _Alignas(64) float x[32] = { 1, 2, 3 };
    _Alignas(64) static float y[32] = { 5, 5, 5 };
    eg_value *sum = eg_sum(eg_square(eg_input(graph, "x", EG_F32, EG_SHAPE(3))));
    for (int e = 0; e < 2; e++) {
        eg_program *p = eg_program_new(state, &sum, 1, .executor = engines[e]);
        assert_int_equal(eg_bind(p, "x", x, 12), EG_OK);
        x[0] = 1;
        eg_run(p);
        assert_true(eg_get(p, 0)[0] == 14);
        x[0] = 3;
        eg_run(p);
        assert_true(eg_get(p, 0)[0] == 22);
        assert_int_equal(eg_bind(p, "x", y, 12), EG_OK);
        eg_run(p);
        assert_true(eg_get(p, 0)[0] == 75);
        assert_int_equal(eg_set(p, "x", x, 12), EG_OK);
        x[0] = 100;
        eg_run(p);
        assert_true(eg_get(p, 0)[0] == 22);
        eg_program_free(p);
    }
}

/* Lent data that does not even lie on a float's border. */
static void crooked_data_is_copied(void **unused) {
    (void)unused;
    static unsigned char raw[256];
    float x[5] = { 1, 2, 3, 4, 5 };
    eg_value *sum = eg_sum(eg_input(graph, "x", EG_F32, EG_SHAPE(5)));
    eg_program *p = eg_program_new(state, &sum, 1, .executor = EG_CPU);
    for (int shift = 0; shift < 8; shift++) {
        memcpy(raw + shift, x, sizeof x);
        assert_int_equal(eg_bind(p, "x", raw + shift, sizeof x), EG_OK);
        assert_int_equal(eg_run(p), EG_OK);
        assert_true(eg_get(p, 0)[0] == 15);
    }
    eg_program_free(p);
}

static void results_outlive_new_inputs(void **unused) {
    (void)unused;
    float x[2] = { 1, 2 }, y[2] = { 8, 9 };
    eg_value *in = eg_input(graph, "x", EG_F32, EG_SHAPE(2)), *roots[] = { in, eg_reshape_to(in, EG_SHAPE(2, 1)) };
    eg_program *p = eg_program_new(state, roots, 2, .executor = EG_CPU);
    eg_set(p, "x", x, sizeof x);
    eg_run(p);
    eg_set(p, "x", y, sizeof y);
    assert_memory_equal(eg_get(p, 0), x, sizeof x);
    assert_memory_equal(eg_get(p, 1), x, sizeof x);
    eg_program_free(p);
}

static void mistakes_are_told(void **unused) {
    (void)unused;
    float x[3] = { 0 };
    eg_value *in = eg_input(graph, "images", EG_F32, EG_SHAPE(3));
    eg_input(graph, "unused", EG_F32, EG_SHAPE(2));
    eg_value *roots[] = { eg_sum(in), eg_cast(in, EG_I32) };
    eg_program *p = eg_program_new(state, roots, 2);
    assert_non_null(p);
    assert_int_equal(eg_run(p), EG_E_MISSING);
    assert_string_equal(eg_error(), "input 'images' was never set");
    assert_null(eg_get(p, 0));
    assert_int_equal(eg_set(p, "image", x, 12), EG_E_NAME);
    assert_string_equal(eg_error(), "unknown input of the program 'image'; did you mean 'images'?");
    assert_int_equal(eg_set(p, "images", x, 8), EG_E_SHAPE);
    assert_string_equal(eg_error(), "input 'images' is f32[3]: 12 bytes, not 8");
    assert_int_equal(eg_bind(p, "images", NULL, 12), EG_E_ARGUMENT);
    assert_int_equal(eg_set(p, "unused", x, 8), EG_OK);
    assert_int_equal(eg_set(p, "unused", x, 12), EG_E_SHAPE);
    eg_set(p, "images", x, 12);
    assert_int_equal(eg_run(p), EG_OK);
    assert_null(eg_get(p, 1));
    assert_true(strstr(eg_error(), "i32") != NULL);
    assert_non_null(eg_get_data(p, 1));
    assert_null(eg_get(p, 2));
    double out[1];
    assert_int_equal(eg_fetch(p, 7, out, 1), EG_E_ARGUMENT);
    eg_program_free(p);
    assert_null(eg_program_new(state, roots, 0));
    assert_null(eg_program_new(NULL, roots, 1));
    assert_null(eg_program_new(state, roots, 1, .kernels = "mmx"));
    assert_int_equal(eg_error_status(), EG_E_NAME);
    assert_non_null(strstr(eg_error(), "program: unknown kernels 'mmx' (there are ref, portable"));
    eg_value *bad = eg_add(in, eg_input(graph, "y", EG_F32, EG_SHAPE(4)));
    assert_null(eg_program_new(state, &bad, 1));
    assert_true(strstr(eg_error(), "[3]") != NULL);
}

static void a_variable_of_another_shape_is_an_error(void **unused) {
    (void)unused;
    scalar("w");
    eg_graph *other = eg_graph_new();
    eg_value *sum = eg_sum(eg_var(other, "w", EG_F32, EG_SHAPE(3)));
    assert_null(eg_program_new(state, &sum, 1));
    assert_int_equal(eg_error_status(), EG_E_SHAPE);
    eg_graph_free(other);
}

static void dtypes_keep_their_meaning(void **unused) {
    (void)unused;
    int32_t big[3] = { 16777217, -16777217, 2147483647 };
    eg_value *x = eg_input(graph, "x", EG_I32, EG_SHAPE(3)), *one = eg_full(graph, EG_I32, EG_SCALAR, 1);
    eg_value *f = eg_full(graph, EG_F64, EG_SCALAR, 1e-3);
    eg_value *roots[] = { eg_sub(x, one), eg_equal(x, eg_add(x, one)), eg_mul(eg_cast(x, EG_F64), f),
                          eg_cast(x, EG_U8) };
    eg_program *p = eg_program_new(state, roots, 4, .executor = EG_CPU);
    assert_non_null(p);
    eg_set(p, "x", big, sizeof big);
    eg_run(p);
    const int32_t *less = eg_get_data(p, 0);
    assert_true(less[0] == 16777216 && less[1] == -16777218 && less[2] == 2147483646);
    const uint8_t *equal = eg_get_data(p, 1), *byte = eg_get_data(p, 3);
    assert_true(equal[0] == 0 && equal[1] == 0 && byte[0] == 255 && byte[1] == 0);
    const double *d = eg_get_data(p, 2);
    assert_true(d[0] == 16777217 * 1e-3);
    eg_program_free(p);
}

static void the_seed_draws_the_numbers(void **unused) {
    (void)unused;
    eg_value *step = eg_input(graph, "step", EG_I32, EG_SCALAR);
    eg_value *u = eg_random_uniform(step, 5, EG_F32, EG_SHAPE(1000));
    eg_program *a = eg_program_new(state, &u, 1, .executor = EG_CPU),
               *b = eg_program_new(state, &u, 1, .executor = EG_REF);
    float first[1000];
    for (int32_t k = 0; k < 3; k++) {
        eg_set(a, "step", &k, 4), eg_set(b, "step", &k, 4);
        eg_run(a), eg_run(b);
        assert_memory_equal(eg_get(a, 0), eg_get(b, 0), sizeof first);
        if (k) assert_memory_not_equal(eg_get(a, 0), first, sizeof first);
        memcpy(first, eg_get(a, 0), sizeof first);
    }
    eg_state_set_seed(state, 4);
    eg_run(a);
    assert_memory_not_equal(eg_get(a, 0), first, sizeof first);
    eg_program_free(a), eg_program_free(b);
}

static void denormals_are_flushed_and_the_mode_restored(void **unused) {
    (void)unused;
    volatile float tiny = 1e-30f;
    float x[16];
    for (int i = 0; i < 16; i++) x[i] = 1e-30f;
    eg_value *in = eg_input(graph, "x", EG_F32, EG_SHAPE(16)), *out = eg_mul(in, in);
    eg_value *scaled = eg_mul(eg_mul(in, eg_const(graph, 1e-10)), eg_const(graph, 1e10));
    (void)out;
    eg_program *p = eg_program_new(state, &scaled, 1, .executor = EG_CPU);
    eg_set(p, "x", x, sizeof x);
    eg_run(p);
    assert_true(tiny * 1e-10f > 0); /* this thread still has denormals */
    eg_program_free(p);
}

/* ---- looking --------------------------------------------------------------------------------------------- */

static void a_program_tells_about_itself(void **unused) {
    (void)unused;
    float x[8] = { 0 };
    eg_value *in = eg_input(graph, "x", EG_F32, EG_SHAPE(4, 2)), *w = eg_weight(graph, "w", EG_F32, EG_SHAPE(2, 5));
    eg_value *roots[] = { eg_relu(eg_matmul(in, w)) };
    for (int e = 0; e < 2; e++) {
        eg_program *p = eg_program_new(state, roots, 1, .executor = engines[e], .profile = 1);
        assert_true(eg_program_memory(p) > 8 * 4 && eg_program_memory(p) < 10000);
        assert_true(eg_program_steps(p) >= 1);
        assert_true(eg_program_flops(p) >= 2 * 4 * 2 * 5);
        eg_set(p, "x", x, sizeof x);
        eg_run(p), eg_run(p);
        char *text = eg_program_text(p);
        assert_non_null(text);
        if (engines[e] == EG_CPU)
            assert_true(strstr(text, "gemm") && strstr(text, "total") && strstr(text, "GFLOP/s"));
        eg_string_free(text);
        eg_program_free(p);
    }
}

/* ---- permutes around products of a batch ----------------------------------------------------------------- */

enum { RANK = 4, MOST = 2 * 3 * 5 * 6 };

/* An input that becomes `shape` when its axes are put in that order. */
static eg_value *permuted_input(const char *name, eg_shape shape, eg_axes order) {
    eg_shape before = shape;
    for (int i = 0; i < RANK; i++) before.dim[order.axis[i]] = shape.dim[i];
    return eg_permute(eg_input(graph, name, EG_F32, before), order);
}

/* Whole numbers, so that engines agree to the bit. */
static eg_program *products_of(eg_value **roots, eg_executor engine) {
    float numbers[MOST];
    for (int i = 0; i < MOST; i++) numbers[i] = (float)(i * 5 % 11 - 4);
    eg_program *p = eg_program_new(state, roots, 3, .executor = engine, .profile = 1);
    assert_non_null(p);
    assert_int_equal(eg_set(p, "a", numbers, sizeof(float) * 2 * 3 * 4 * 5), EG_OK);
    assert_int_equal(eg_set(p, "b", numbers, sizeof numbers), EG_OK);
    assert_int_equal(eg_run(p), EG_OK);
    return p;
}

static void products_take_permuted_operands(eg_axes order) {
    double want[MOST], got[MOST];
    eg_value *a = permuted_input("a", EG_SHAPE(2, 3, 4, 5), order);
    eg_value *b = eg_mul(permuted_input("b", EG_SHAPE(2, 3, 5, 6), order), eg_const(graph, 2));
    eg_value *at = eg_permute(a, EG_AXES(0, 1, 3, 2)), *bt = eg_permute(b, EG_AXES(0, 1, 3, 2));
    eg_value *roots[] = { eg_permute(eg_matmul(a, b), order), eg_matmul(b, bt),
                          eg_permute(eg_mul(eg_matmul(bt, at), eg_const(graph, 4)), order) };
    eg_program *cpu = products_of(roots, EG_CPU), *ref = products_of(roots, EG_REF);
    for (int i = 0; i < 3; i++) {
        int64_t n = eg_shape_size(roots[i]->shape);
        assert_int_equal(eg_fetch(cpu, i, got, n), EG_OK);
        assert_int_equal(eg_fetch(ref, i, want, n), EG_OK);
        for (int64_t k = 0; k < n; k++)
            if (got[k] != want[k]) fail_msg("root %d, element %d: %g, not %g", i, (int)k, got[k], want[k]);
    }
    char *text = eg_program_text(cpu);
    int is_heads = order.axis[0] == 0 && order.axis[1] == 2 && order.axis[3] == 3;
    if (is_heads) assert_null(strstr(text, "move")); /* attention's heads are not copied */
    eg_string_free(text);
    eg_program_free(cpu);
    eg_program_free(ref);
}

static void products_read_and_write_permutes_in_place(void **unused) {
    for (int i = 0; i < RANK * RANK * RANK * RANK; i++) {
        eg_axes order = { .n = RANK };
        unsigned seen = 0;
        for (int k = 0, rest = i; k < RANK; k++, rest /= RANK) order.axis[k] = rest % RANK, seen |= 1u << rest % RANK;
        if (seen != (1u << RANK) - 1) continue;
        products_take_permuted_operands(order);
        tidy(unused), ready(unused);
    }
}

/* Is `seen`, of a variable, the same whether that is assigned in the same run or not? */
static void sees_the_old_values(eg_value *assigned, eg_value *seen) {
    enum { MOST = 256 };
    double want[MOST], got[MOST];
    int64_t n = eg_shape_size(seen->shape);
    eg_value *roots[] = { assigned, seen };
    eg_program *alone = eg_program_new(state, &seen, 1, .executor = EG_CPU, .threads = 1);
    eg_program *both = eg_program_new(state, roots, 2, .executor = EG_CPU, .threads = 1);
    assert_true(alone && both && n <= MOST);
    assert_int_equal(eg_run(alone), EG_OK);
    assert_int_equal(eg_fetch(alone, 0, want, n), EG_OK);
    assert_int_equal(eg_run(both), EG_OK);
    assert_int_equal(eg_fetch(both, 1, got, n), EG_OK);
    assert_true(want[0] != 0);
    assert_memory_equal(got, want, (size_t)n * sizeof *got);
    eg_program_free(alone);
    eg_program_free(both);
}

static void products_see_the_old_values_of_a_permuted_variable(void **unused) {
    (void)unused;
    eg_value *w = eg_var(graph, "w", EG_F32, EG_SHAPE(2, 3, 5, 4)), *heads = eg_permute(w, EG_AXES(0, 2, 1, 3));
    eg_init_normal(state, graph, 1);
    eg_value *twice = eg_mul(w, eg_const(graph, 2)); /* has the variable's memory from here on, if nobody reads that */
    eg_value *others = eg_permute(twice, EG_AXES(0, 2, 3, 1));
    sees_the_old_values(eg_assign(w, twice), eg_matmul(heads, others));
}

/* ---- columns --------------------------------------------------------------------------------------------------- */

static eg_value *columns(eg_value *x, int k) { return eg_slice(x, 1, 4 * k, 4 * k + 4); }

/* How often `word` stands in what the program tells about itself. */
static int steps_called(eg_program *p, const char *word) {
    char *text = eg_program_text(p);
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++) n++;
    eg_string_free(text);
    return n;
}

static void groups_see_the_old_values_of_a_variables_columns(void **unused) {
    (void)unused;
    eg_value *w = eg_var(graph, "w", EG_F32, EG_SHAPE(34, 12));
    eg_init_normal(state, graph, 1);
    eg_value *twice = eg_flip(eg_mul(w, eg_const(graph, 2)), EG_AXES(0));
    sees_the_old_values(eg_assign(w, twice), eg_mul(columns(w, 0), columns(twice, 1)));
}

/* Slices that groups read, and results that concats read: only what a second concat reads, or is fetched, is moved. */
static void groups_read_and_write_columns_in_place(void **unused) {
    (void)unused;
    enum { N = 34 * 12 };
    float x[N];
    double want[N], got[N];
    for (int i = 0; i < N; i++) x[i] = (float)(i * 7 % 23 - 11);
    eg_value *in = eg_input(graph, "x", EG_F32, EG_SHAPE(34, 12));
    eg_value *all = eg_add(in, eg_const(graph, 1)), *fetched = columns(eg_flip(in, EG_AXES(0)), 1);
    eg_value *s = eg_mul(columns(all, 0), columns(all, 1)), *p = eg_add(s, columns(in, 2)), *q = eg_sub(s, fetched);
    eg_value *first[] = { p, q, p }, *second[] = { q, s };
    eg_value *roots[] = { eg_concat(first, 3, 1), eg_flip(eg_concat(second, 2, 1), EG_AXES(1)), fetched };
    for (int threads = 1; threads <= 2; threads++) {
        eg_program *cpu = eg_program_new(state, roots, 3, .threads = threads);
        eg_program *ref = eg_program_new(state, roots, 3, .executor = EG_REF);
        eg_set(cpu, "x", x, sizeof x), eg_set(ref, "x", x, sizeof x);
        assert_int_equal(eg_run(cpu), EG_OK);
        assert_int_equal(eg_run(ref), EG_OK);
        for (int i = 0; i < 3; i++) {
            int64_t n = eg_shape_size(roots[i]->shape);
            assert_int_equal(eg_fetch(cpu, i, got, n), EG_OK);
            assert_int_equal(eg_fetch(ref, i, want, n), EG_OK);
            for (int64_t k = 0; k < n; k++)
                if (got[k] != want[k]) fail_msg("root %d, element %d: %g, not %g", i, (int)k, got[k], want[k]);
        }
        /* two flips, the slice that is fetched, p where it is wanted again, q in the second concat */
        assert_int_equal(steps_called(cpu, " move "), 5);
        eg_program_free(cpu);
        eg_program_free(ref);
    }
}

/* ---- weights that a product turns on the way ------------------------------------------------------------------- */

/* Too large for the caches of three threads; neither rows nor columns are a whole number of panels. */
static void large_weights_are_turned_on_the_way(void **unused) {
    (void)unused;
    eg_value *x = eg_var(graph, "x", EG_F32, EG_SHAPE(20, 520)), *b = eg_var(graph, "b", EG_F32, EG_SHAPE(1201));
    eg_value *w = eg_weight(graph, "w", EG_F32, EG_SHAPE(1201, 520)),
             *u = eg_weight(graph, "u", EG_F32, EG_SHAPE(20, 520));
    eg_value *product = eg_matmul(x, eg_permute(w, EG_AXES(1, 0)));
    eg_value *roots[] = { product, eg_relu(eg_add(eg_matmul(u, eg_permute(w, EG_AXES(1, 0))), b)) };
    eg_init_normal(state, graph, 1);
    for (int i = 0; i < 2; i++) {
        eg_program *packed = eg_program_new(state, &roots[i], 1, .executor = EG_CPU, .no_layout = 1);
        assert_int_equal(eg_run(packed), EG_OK);
        assert_int_equal(steps_called(packed, " pack "), 1);
        for (int threads = 1; threads <= 3; threads++) {
            eg_program *p = eg_program_new(state, &roots[i], 1, .executor = EG_CPU, .threads = threads);
            assert_int_equal(eg_run(p), EG_OK);
            assert_int_equal(steps_called(p, " pack "), 0);
            assert_memory_equal(eg_get(p, 0), eg_get(packed, 0), sizeof(float) * 20 * 1201);
            eg_program_free(p);
        }
        eg_program_free(packed);
    }
}

static void products_see_the_old_values_of_turned_weights(void **unused) {
    (void)unused;
    eg_value *w = eg_weight(graph, "w", EG_F32, EG_SHAPE(16, 12800)), *turned = eg_permute(w, EG_AXES(1, 0));
    eg_init_normal(state, graph, 1);
    eg_value *twice = eg_mul(w, eg_const(graph, 2)); /* in the variable's place, if nobody reads that any more */
    sees_the_old_values(eg_assign(w, twice), eg_matmul(eg_slice(twice, 0, 5, 8), turned));
}

/* ---- chains ---------------------------------------------------------------------------------------------------- */

enum { GELU_ROOTS = 3 };

/* The columns are no whole number of vectors. */
static void gelu_behind_a_product(eg_value **roots) {
    eg_value *x = eg_var(graph, "x", EG_F32, EG_SHAPE(67, 20)), *w = eg_weight(graph, "w", EG_F32, EG_SHAPE(20, 103));
    eg_value *u = eg_weight(graph, "u", EG_F32, EG_SHAPE(103, 5)), *wrt[] = { x, w };
    eg_value *h = eg_activate(eg_matmul(x, w), EG_GELU, 0), *y = eg_matmul(h, u);
    eg_init_normal(state, graph, 1);
    roots[0] = h;
    assert_int_equal(eg_grad(eg_sum(eg_mul(y, y)), wrt, 2, roots + 1), EG_OK);
}

/* As one loop behind the product it has the bits of its ops one by one. */
static void gelu_is_a_chain(void **unused) {
    (void)unused;
    eg_value *roots[GELU_ROOTS];
    const eg_kernels *best = eg_kernels_best();
    gelu_behind_a_product(roots);
    eg_program *plain = eg_program_new(state, roots, GELU_ROOTS, .kernels = best->name, .no_fuse = 1);
    eg_run(plain);
    for (int threads = 1; threads <= 3; threads++) {
        eg_program *p = eg_program_new(state, roots, GELU_ROOTS, .kernels = best->name, .threads = threads);
        assert_int_equal(eg_run(p), EG_OK);
        assert_int_equal(steps_called(p, "gemm + chain"), best->chain[EG_CHAIN_GELU_] != NULL);
        for (int i = 0; i < GELU_ROOTS; i++)
            assert_memory_equal(eg_get(p, i), eg_get(plain, i), sizeof(float) * (size_t)eg_shape_size(roots[i]->shape));
        eg_program_free(p);
    }
    eg_program_free(plain);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* A chain of layers needs the room of few of them, whatever its length. */
static void memory_is_shared_over_time(void **unused) {
    (void)unused;
    eg_value *x = eg_input(graph, "x", EG_F32, EG_SHAPE(64, 64));
    eg_value *y = x;
    for (int i = 0; i < 30; i++) y = eg_matmul(eg_tanh(y), x);
    eg_value *roots[] = { y };
    eg_program *p = eg_program_new(state, roots, 1, .executor = EG_CPU);
    assert_non_null(p);
    assert_true(eg_program_memory(p) < 7 * 64 * 64 * 4);
    eg_program_free(p);
}

static eg_status make_program(void *context) {
    const random_graph *r = context;
    eg_state *s = eg_state_new(1);
    eg_status status = EG_E_MEMORY;
    if (s) {
        static int engine;
        eg_program *p = eg_program_new(s, r->root, r->nroots, .executor = engines[engine++ % 2], .threads = 2);
        status = p ? EG_OK : eg_error_status();
        eg_program_free(p);
    }
    eg_state_free(s);
    return status;
}

static void failed_allocations_are_errors(void **unused) {
    (void)unused;
    for (uint64_t seed = 1; seed < 12; seed++) {
        random_graph r = random_graph_new(seed);
        assert_int_equal(eg_graph_status(r.graph), EG_OK);
        assert_true(fault_loop(make_program, &r) > 3);
        random_graph_free(&r);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ready, tidy)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(reads_see_old_values),
        CASE(two_variables_swap),
        CASE(swapped_matrices_in_panels),
        CASE(a_mask_of_one_element),
        CASE(many_one_hots),
        CASE(one_value_for_two_variables),
        CASE(two_assigns_of_one_variable_are_an_error),
        CASE(programs_share_their_state),
        CASE(lent_data_is_read_at_each_run),
        CASE(crooked_data_is_copied),
        CASE(results_outlive_new_inputs),
        CASE(mistakes_are_told),
        CASE(a_variable_of_another_shape_is_an_error),
        CASE(dtypes_keep_their_meaning),
        CASE(the_seed_draws_the_numbers),
        CASE(denormals_are_flushed_and_the_mode_restored),
        CASE(a_program_tells_about_itself),
        CASE(products_read_and_write_permutes_in_place),
        CASE(products_see_the_old_values_of_a_permuted_variable),
        CASE(groups_read_and_write_columns_in_place),
        CASE(groups_see_the_old_values_of_a_variables_columns),
        CASE(large_weights_are_turned_on_the_way),
        CASE(products_see_the_old_values_of_turned_weights),
        CASE(gelu_is_a_chain),
        CASE(memory_is_shared_over_time),
        CASE(failed_allocations_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
