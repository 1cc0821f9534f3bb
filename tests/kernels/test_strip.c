/* SPDX-License-Identifier: MIT
 *
 * Strip instructions: every op in every form, lengths around the vector widths, operands that share memory with the
 * result, special values. Plain ops are compared with C; all ops with the same op on other tables and in other forms.
 */
#include "kernels/kernel_test.h"

static const int arity[] = {
#define ARITY(name, n, text) n,
    EG_STRIP_LIST(ARITY)
#undef ARITY
};
static const char *const names[] = {
#define NAME(name, n, text) #name,
    EG_STRIP_LIST(NAME)
#undef NAME
};

/* Random bits: all exponents, denormals, infinities, NaN; and small whole numbers, so that comparisons are ever
 * equal. */
static float any_float(void) {
    switch (random_below(4)) {
    case 0:
        return bits_float(random_word());
    case 1:
        return (float)random_between(-3, 3);
    case 2:
        return random_below(2) ? -0.f : NAN;
    default:
        return 4 * random_float();
    }
}

static int is_plain(int op, int fused, float a, float b, float c, float *y) {
    /* clang-format off */
    switch (op) {
    case EG_STRIP_COPY: *y = a; return 1;
    case EG_STRIP_NEG: *y = -a; return 1;
    case EG_STRIP_ABS: *y = fabsf(a); return 1;
    case EG_STRIP_SQRT: *y = sqrtf(a); return 1;
    case EG_STRIP_RSQRT: *y = 1 / sqrtf(a); return 1;
    case EG_STRIP_RELU: *y = !(a < 0) ? a : 0; return 1;
    case EG_STRIP_FLOOR: *y = floorf(a); return 1;
    case EG_STRIP_ADD: *y = a + b; return 1;
    case EG_STRIP_SUB: *y = a - b; return 1;
    case EG_STRIP_MUL: *y = a * b; return 1;
    case EG_STRIP_DIV: *y = a / b; return 1;
    case EG_STRIP_MAX: *y = isnan(a) || isnan(b) ? NAN : a > b ? a : b; return 1;
    case EG_STRIP_MIN: *y = isnan(a) || isnan(b) ? NAN : a < b ? a : b; return 1;
    case EG_STRIP_EQ: *y = a == b; return 1;
    case EG_STRIP_NE: *y = a != b; return 1;
    case EG_STRIP_LT: *y = a < b; return 1;
    case EG_STRIP_LE: *y = a <= b; return 1;
    case EG_STRIP_GT: *y = a > b; return 1;
    case EG_STRIP_GE: *y = a >= b; return 1;
    case EG_STRIP_SELECT: *y = a != 0 ? b : c; return 1;
    case EG_STRIP_GATE: *y = a > b ? c : 0; return 1;
    case EG_STRIP_MULSUB: *y = a * (b - c); return 1;
    case EG_STRIP_SUBSQUARE: *y = a - multiply_add(0, b, b, -0.f); return 1;
    case EG_STRIP_MULADD: *y = multiply_add(fused, a, b, c); return 1;
    default: return 0;
    }
    /* clang-format on */
}

/* Operands a, b, c of n floats, or 16 for a constant; the result may be put over one of the vectors. */
static void check_form(const eg_kernels *k, int op, int form, int64_t n, int alias) {
    int64_t size = n > 16 ? n : 16;
    float *in[3], *d = guarded(n), *target = d;
    for (int q = 0; q < 3; q++) {
        in[q] = guarded(size);
        for (int64_t i = 0; i < size; i++) in[q][i] = any_float();
    }
    float *kept = eg_alloc((size_t)(3 * size) * sizeof *kept);
    for (int q = 0; q < 3; q++) memcpy(kept + q * size, in[q], (size_t)size * sizeof *kept);
    if (alias >= 0 && alias < arity[op] && !(form >> alias & 1)) target = in[alias];
    k->strip[op](n, target, in[0], arity[op] > 1 ? in[1] : NULL, arity[op] > 2 ? in[2] : NULL, (unsigned)form);

    for (int64_t i = 0; i < n; i++) {
        float x[3], want, group[3][16], result[16];
        for (int q = 0; q < 3; q++) x[q] = kept[q * size + (form >> q & 1 ? i % 16 : i)];
        for (int q = 0; q < 3; q++)
            for (int l = 0; l < 16; l++) group[q][l] = x[q];
        k->strip[op](16, result, group[0], group[1], group[2], 0);
        if (!is_plain(op, k->fused, x[0], x[1], x[2], &want)) want = result[(i * 7) % 16];
        if (!same(target[i], want))
            fail_msg("%s: %s form %d of (%.9g, %.9g, %.9g) is %.9g, not %.9g", k->name, names[op], form, (double)x[0],
                     (double)x[1], (double)x[2], (double)target[i], (double)want);
    }
    if (target != d)
        for (int64_t i = 0; i < n; i++) assert_true(untouched(d[i]));
    for (int q = 0; q < 3; q++) guarded_free(in[q], size);
    guarded_free(d, n);
    eg_free(kept);
}

static void test_every_form(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int op = 0; op < EG_STRIP_COUNT; op++)
            for (int form = 0; form < 1 << arity[op]; form++) {
                for (int64_t n = 0; n < 36; n++) check_form(k, op, form, n, (int)(n % 4) - 1);
                check_form(k, op, form, 100 + random_below(200), -1);
            }
    }
}

/* Tables that round a multiply-add alike agree bit for bit. */
static void test_tables_agree(void **state) {
    enum { N = 20000 };
    float *in[3], *d[2] = { random_floats(N), random_floats(N) };
    (void)state;
    for (int q = 0; q < 3; q++) {
        in[q] = random_floats(N);
        for (int i = 0; i < N; i++) in[q][i] = any_float();
    }
    FOR_TABLES(k) {
        FOR_TABLES(other) {
            if (other == k || other->fused != k->fused) continue;
            for (int op = 0; op < EG_STRIP_COUNT; op++) {
                k->strip[op](N, d[0], in[0], in[1], in[2], 0);
                other->strip[op](N, d[1], in[0], in[1], in[2], 0);
                for (int i = 0; i < N; i++)
                    if (!same(d[0][i], d[1][i]))
                        fail_msg("%s: %.9g from %s, %.9g from %s", names[op], (double)d[0][i], k->name,
                                 (double)d[1][i], other->name);
            }
        }
    }
    for (int q = 0; q < 3; q++) eg_free(in[q]);
    eg_free(d[0]), eg_free(d[1]);
}

/* A chain has the bits of its instructions one by one, also where results are stored over operands. */
#define ONE_(i) for (int j = 0; j < CHAIN_N; j++) value[i][j] = value[i][0];
#define DO_(r, OP, a, b, c) k->strip[EG_STRIP_##OP](CHAIN_N, value[r], value[a], value[b], value[c], 0);
#define VECTOR_(i) each[vectors++] = i;
#define RESULT_(r, i) results[nresults] = r, stored[nresults++] = i;
#define BY_HAND(NAME)                                        \
    case EG_CHAIN_##NAME##_:                                 \
        EG_CHAIN_##NAME(VECTOR_, ONE_, DO_, RESULT_) break;

enum { CHAIN_N = 16 * 7, CHAIN_VALUES = 32 };

static void check_chain(const eg_kernels *k, int chain) {
    static float value[CHAIN_VALUES][CHAIN_N], own[EG_CHAIN_OPERANDS][CHAIN_N];
    int each[EG_CHAIN_OPERANDS], results[EG_CHAIN_OPERANDS], stored[EG_CHAIN_OPERANDS], vectors = 0, nresults = 0;
    float *p[EG_CHAIN_OPERANDS];
    for (int i = 0; i < EG_CHAIN_OPERANDS; i++)
        for (int j = 0; j < CHAIN_N; j++) value[i][j] = fabsf(random_float());
    switch (chain) { EG_CHAIN_LIST(BY_HAND) }
    memcpy(own, value, sizeof own);
    for (int i = 0; i < EG_CHAIN_OPERANDS; i++) p[i] = own[i];
    for (int i = 0, over; i < nresults; i++)
        if ((over = vectors - nresults + i) >= 0) p[stored[i]] = own[each[over]];
    k->chain[chain](CHAIN_N, p);
    for (int i = 0; i < nresults; i++)
        for (int j = 0; j < CHAIN_N; j++) assert_true(same(p[stored[i]][j], value[results[i]][j]));
}

static void test_chains(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int chain = 0; chain < EG_CHAINS; chain++)
            if (k->chain[chain]) check_chain(k, chain);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_tables_agree),
        cmocka_unit_test(test_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
