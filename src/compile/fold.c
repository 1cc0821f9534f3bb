/* SPDX-License-Identifier: MIT
 *
 * fold.c: computes what depends on constants only. One element is enough where all operands are filled tensors
 * (CONST); small literals (DATA, IOTA) are computed whole. Each op is rounded to its dtype at once, as the executor
 * would: one step of the op's float64 reference, then float. So add, mul, div, sqrt and all movement give the
 * executor's very bits; exp and its kind give the correctly rounded number, from which a kernel may differ by an
 * ulp.
 * Non-goals: random values (never folded), f64 results beyond what float64 gives, integer overflow (left to the
 * executor).
 * Needs: nothing. Keeps: all bits (but see above). Breaks: nothing.
 */
#include <math.h>
#include <string.h>
#include "compile/pass.h"
#include "base/arena.h"
#include "base/status.h"
#include "ops/op.h"
#include "tensor/shape.h"

enum { MAX_RESULT = 4096, MAX_OPERAND = 65536, MAX_ARITY = 8 };

static int is_literal(const eg_value *v) {
    return v->op == EG_OP_CONST || v->op == EG_OP_DATA || v->op == EG_OP_IOTA;
}

static int all_of(eg_value *const *in, int n, eg_op op) {
    for (int i = 0; i < n; i++)
        if (in[i]->op != op) return 0;
    return 1;
}

/* The number as the dtype holds it; *fits = 0 where the executor's answer is not ours to guess. */
static double rounded(eg_dtype dtype, double x, int *fits) {
    if (dtype == EG_F64) return x;
    if (dtype == EG_F32) return (float)x;
    double low = dtype == EG_U8 ? 0 : -2147483648.0, high = dtype == EG_U8 ? 255 : 2147483647.0;
    if (!(x >= low && x <= high) || x != floor(x)) *fits = 0;
    return x;
}

static eg_value *filled(eg_rewrite *r, const eg_value *old, double number) {
    return eg_filled(r->to, old->dtype, &old->shape, number);
}

/* f(filled, filled) is filled. */
static eg_value *fold_filled(eg_rewrite *r, const eg_value *old, eg_value **in) {
    double x[3] = { 0, 0, 0 };
    int fits = 1;
    for (int i = 0; i < old->nin; i++) x[i] = rounded(in[i]->dtype, in[i]->attr.number.number, &fits);
    double y = rounded(old->dtype, old->def->scalar(x[0], x[1], x[2]), &fits);
    return fits ? filled(r, old, y) : NULL;
}

/* ---- small literals, computed whole -------------------------------------------------------------------------- */

static double *spell(eg_arena *scratch, const eg_value *v) {
    int64_t n = eg_count(&v->shape);
    double *out = EG_ARENA_ARRAY(scratch, double, n);
    int fits = 1;
    if (out) eg_ref_run(&(eg_ref_call){ .value = v, .out = out });
    for (int64_t i = 0; i < n && out; i++) out[i] = rounded(v->dtype, out[i], &fits);
    return out;
}

static eg_value *no_memory(eg_rewrite *r) { return eg_poison(r->to, EG_E_MEMORY, "fold", "no memory for a literal"); }

static eg_value *literal(eg_rewrite *r, eg_arena *scratch, const eg_value *old, double *x) {
    int64_t n = eg_count(&old->shape);
    int fits = 1, equal = n > 0;
    for (int64_t i = 0; i < n; i++) {
        x[i] = rounded(old->dtype, x[i], &fits);
        if (memcmp(&x[i], &x[0], sizeof *x) != 0) equal = 0;
    }
    if (!fits) return NULL;
    if (equal) return filled(r, old, x[0]);
    void *bytes = eg_arena_alloc(scratch, (size_t)n * eg_dtype_size(old->dtype));
    if (!bytes) return no_memory(r);
    eg_convert(old->dtype, bytes, EG_F64, x, n);
    eg_attr attr = { .data = { .bytes = bytes, .shape = old->shape, .dtype = old->dtype } };
    return eg_node(r->to, EG_OP_DATA, NULL, 0, &attr);
}

static eg_value *fold_literals(eg_rewrite *r, eg_arena *scratch, const eg_value *old, eg_value **in) {
    const double *x[MAX_ARITY];
    int64_t n = eg_count(&old->shape);
    if (n > MAX_RESULT || old->nin > MAX_ARITY || !old->def->ref) return NULL;
    for (int i = 0; i < old->nin; i++) {
        if (eg_count(&in[i]->shape) > MAX_OPERAND) return NULL;
        x[i] = spell(scratch, in[i]);
        if (!x[i]) return no_memory(r);
    }
    double *y = EG_ARENA_ARRAY(scratch, double, n);
    if (!y) return no_memory(r);
    eg_ref_run(&(eg_ref_call){ .value = old, .in = x, .out = y });
    return literal(r, scratch, old, y);
}

static eg_value *fold(eg_rewrite *r, const eg_value *old, eg_value **in) {
    if (old->nin == 0 || (old->def->flags & (EG_LEAF | EG_EFFECT | EG_INTERNAL)) || old->def->attr == EG_ATTR_RANDOM)
        return NULL;
    for (int i = 0; i < old->nin; i++)
        if (!is_literal(in[i])) return NULL;
    int constant = all_of(in, old->nin, EG_OP_CONST);
    if (constant && (old->def->flags & EG_ELEMENTWISE)) return fold_filled(r, old, in);
    if (constant && (old->def->flags & EG_VIEW)) return filled(r, old, in[0]->attr.number.number);
    eg_arena scratch = EG_ARENA_INIT;
    eg_value *now = fold_literals(r, &scratch, old, in);
    eg_arena_free(&scratch);
    return now;
}

eg_status eg_pass_fold(eg_unit *unit) {
    return eg_rewrite_unit(unit, fold, NULL);
}
