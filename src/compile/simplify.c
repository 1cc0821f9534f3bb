/* SPDX-License-Identifier: MIT
 *
 * simplify.c: algebra. A table gives each op its rules; a rule looks at a node that is about to be made (op,
 * inputs, attributes) and returns a simpler value or NULL. Results are made through the same table, so a rewrite is
 * simplified at once.
 *
 * What counts as equal: the same bits, with three choices. (1) The sign of a zero may change: x + 0 is x, -(a - b)
 * is b - a.
 * (2) Merged factors are powers of two of one direction, so that only denormals, which fast mode flushes, could
 * tell.
 * (3) A sum of n copies is n * x, and x^2 is x * x, which are the better rounded ones; a sum leaves out what is 0
 * for sure, which changes its order.
 * Never: 0 * x, x - x, x / x (infinities and NaN must come through), 1 / sqrt x, exp log x (rounding).
 * Needs: constants last in commutative ops (common). Keeps: bits as above. Breaks: nothing.
 */
#include <math.h>
#include "compile/pass.h"
#include "base/status.h"
#include "ops/family.h"
#include "ops/op.h"
#include "tensor/shape.h"

typedef struct call {
    eg_graph *graph;
    eg_op op;
    eg_value *const *in;
    int nin;
    const eg_attr *attr;
    eg_shape shape; /* of an elementwise result */
} call;

typedef eg_value *(*rule)(const call *c);

static eg_value *make(eg_graph *graph, eg_op op, eg_value *const *in, int nin, const eg_attr *attr);

/* ---- building ------------------------------------------------------------------------------------------------ */

static eg_value *make1(const call *c, eg_op op, eg_value *a) {
    return make(c->graph, op, &a, 1, NULL);
}

static eg_value *make2(const call *c, eg_op op, eg_value *a, eg_value *b) {
    eg_value *in[2] = { a, b };
    return make(c->graph, op, in, 2, NULL);
}

static eg_value *number(const call *c, eg_dtype dtype, double x) { return eg_filled(c->graph, dtype, NULL, x); }

static eg_value *to_shape(const call *c, eg_op op, eg_value *x, const eg_shape *shape) {
    eg_attr attr = { .shape = { .shape = *shape } };
    return make(c->graph, op, &x, 1, &attr);
}

/* x seen in a shape that it broadcasts to, or has the elements of. */
static eg_value *stretched(const call *c, eg_value *x, const eg_shape *shape) {
    if (eg_same_shape(&x->shape, shape)) return x;
    int same_size = eg_count(&x->shape) == eg_count(shape);
    return to_shape(c, same_size ? EG_OP_RESHAPE : EG_OP_EXPAND, x, shape);
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

static int is_number(const eg_value *v, double x) {
    return v->op == EG_OP_CONST && v->attr.number.number == x;
}

/* A constant's number as its dtype holds it. */
static double number_of(const eg_value *v) {
    return v->dtype == EG_F32 ? (float)v->attr.number.number : v->attr.number.number;
}

static int is_float(const eg_value *v) {
    return v->dtype == EG_F32 || v->dtype == EG_F64;
}

/* +-2^e with e small enough that its reciprocal is a normal float. */
static int is_power_of_two(double x) {
    int exponent;
    return fabs(frexp(x, &exponent)) == 0.5 && exponent > -120 && exponent < 120;
}

/* Input i alone, in the result's shape. */
static eg_value *only(const call *c, int i) {
    return stretched(c, c->in[i], &c->shape);
}

static int other(int i) {
    return 1 - i;
}

/* The position of an input that is made by `op`, or -1. */
static int find_input(const call *c, eg_op op) {
    for (int i = 0; i < c->nin; i++)
        if (c->in[i]->op == op) return i;
    return -1;
}

static int find_number(const call *c, double x) {
    for (int i = 0; i < c->nin; i++)
        if (is_number(c->in[i], x)) return i;
    return -1;
}

/* ---- any elementwise op -------------------------------------------------------------------------------------- */

/* Does v only put axes of length 1 before its input's? */
static int adds_leading_ones(const eg_value *v) {
    if (v->op != EG_OP_RESHAPE) return 0;
    int extra = v->shape.rank - v->in[0]->shape.rank;
    for (int i = 0; i < extra; i++)
        if (v->shape.dim[i] != 1) return 0;
    for (int i = 0; extra >= 0 && i < v->in[0]->shape.rank; i++)
        if (v->shape.dim[i + extra] != v->in[0]->shape.dim[i]) return 0;
    return extra >= 0;
}

static eg_value *narrow(const call *c, eg_value *v) {
    while (v->op == EG_OP_EXPAND || adds_leading_ones(v)) v = v->in[0];
    if (v->op == EG_OP_CONST && v->shape.rank > 0) return number(c, v->dtype, v->attr.number.number);
    return v;
}

/* Elementwise ops broadcast by themselves: f(expand a, b) is f(a, b), or expand f(a, b) where b is small too. */
static eg_value *narrow_inputs(const call *c) {
    eg_value *in[3];
    int changed = 0;
    for (int i = 0; i < c->nin; i++) {
        in[i] = narrow(c, c->in[i]);
        changed |= in[i] != c->in[i];
    }
    if (!changed) return NULL;
    eg_value *now = make(c->graph, c->op, in, c->nin, c->attr);
    return stretched(c, now, &c->shape);
}

/* ---- arithmetic ---------------------------------------------------------------------------------------------- */

static eg_value *add_zero(const call *c) {
    int i = find_number(c, 0);
    return i >= 0 ? only(c, other(i)) : NULL;
}

static eg_value *add_negated(const call *c) /* a + -b = a - b */
{
    int i = find_input(c, EG_OP_NEG);
    return i >= 0 ? make2(c, EG_OP_SUB, c->in[other(i)], c->in[i]->in[0]) : NULL;
}

static eg_value *subtract_zero(const call *c) {
    if (is_number(c->in[1], 0)) return only(c, 0);
    return is_number(c->in[0], 0) && is_float(c->in[1]) ? make1(c, EG_OP_NEG, only(c, 1)) : NULL;
}

static eg_value *subtract_negated(const call *c) /* a - -b = a + b, -a - b = -(a + b) */
{
    if (c->in[1]->op == EG_OP_NEG) return make2(c, EG_OP_ADD, c->in[0], c->in[1]->in[0]);
    if (c->in[0]->op != EG_OP_NEG || !eg_same_shape(&c->in[0]->shape, &c->shape)) return NULL;
    return make1(c, EG_OP_NEG, make2(c, EG_OP_ADD, c->in[0]->in[0], c->in[1]));
}

static eg_value *multiply_one(const call *c) {
    int one = find_number(c, 1), minus = find_number(c, -1);
    if (one >= 0) return only(c, other(one));
    return minus >= 0 ? make1(c, EG_OP_NEG, only(c, other(minus))) : NULL;
}

/* The sign moves out of a product or quotient, or into its constant. */
static eg_value *signed_factor(const call *c) {
    int i = find_input(c, EG_OP_NEG);
    if (i < 0) return NULL;
    eg_value *in[2] = { c->in[0], c->in[1] };
    in[i] = in[i]->in[0];
    eg_value *mate = in[other(i)];
    if (mate->op == EG_OP_NEG) in[other(i)] = mate->in[0];
    else if (mate->op == EG_OP_CONST) in[other(i)] = number(c, mate->dtype, -mate->attr.number.number);
    else if (eg_same_shape(&in[i]->shape, &c->shape)) return make1(c, EG_OP_NEG, make2(c, c->op, in[0], in[1]));
    else return NULL;
    return stretched(c, make2(c, c->op, in[0], in[1]), &c->shape);
}

/* (x * p) * q = x * (p q) when that is exact. */
static eg_value *merge_factors(const call *c) {
    const eg_value *inner = c->in[0];
    if (c->in[1]->op != EG_OP_CONST || inner->op != EG_OP_MUL || !is_float(inner)) return NULL;
    if (inner->in[1]->op != EG_OP_CONST) return NULL;
    double p = number_of(inner->in[1]), q = number_of(c->in[1]), pq = p * q;
    if (!(is_power_of_two(p) || is_power_of_two(q)) || !(fabs(pq) > 1e-30 && fabs(pq) < 1e30)) return NULL;
    if ((fabs(p) < 1) != (fabs(q) < 1) && fabs(p) != 1 && fabs(q) != 1) return NULL;
    return make2(c, EG_OP_MUL, inner->in[0], number(c, inner->dtype, pq));
}

static eg_value *divide_by_constant(const call *c) {
    if (!is_float(c->in[0]) || c->in[1]->op != EG_OP_CONST) return NULL;
    double d = number_of(c->in[1]);
    return is_power_of_two(d) ? make2(c, EG_OP_MUL, c->in[0], number(c, c->in[1]->dtype, 1 / d)) : NULL;
}

static eg_value *negate(const call *c) {
    eg_value *x = c->in[0];
    if (x->op == EG_OP_NEG) return x->in[0];
    if (x->op == EG_OP_SUB) return make2(c, EG_OP_SUB, x->in[1], x->in[0]);
    if (x->op != EG_OP_MUL || x->in[1]->op != EG_OP_CONST) return NULL;
    return make2(c, EG_OP_MUL, x->in[0], number(c, x->dtype, -x->in[1]->attr.number.number));
}

static eg_value *raise_to_constant(const call *c) {
    if (is_number(c->in[1], 1)) return only(c, 0);
    return is_number(c->in[1], 2) ? make2(c, EG_OP_MUL, c->in[0], c->in[0]) : NULL;
}

/* f(f(x)) = f(x): abs, relu, floor. */
static eg_value *applied_twice(const call *c) {
    return c->in[0]->op == c->op ? c->in[0] : NULL;
}

static eg_value *magnitude_of_negated(const call *c) {
    return c->in[0]->op == EG_OP_NEG ? make1(c, EG_OP_ABS, c->in[0]->in[0]) : NULL;
}

static eg_value *same_operands(const call *c) /* max(x, x) */
{
    return c->in[0] == c->in[1] ? c->in[0] : NULL;
}

/* ---- choice, conversion -------------------------------------------------------------------------------------- */

static eg_value *decided(const call *c) {
    if (c->in[0]->op == EG_OP_CONST) return only(c, is_number(c->in[0], 0) ? 2 : 1);
    return c->in[1] == c->in[2] ? only(c, 1) : NULL;
}

/* where(m, where(m, a, b), d) = where(m, a, d), and the same on the other side. */
static eg_value *decided_before(const call *c) {
    eg_value *in[3] = { c->in[0], c->in[1], c->in[2] };
    for (int i = 1; i < 3; i++)
        if (in[i]->op == EG_OP_WHERE && in[i]->in[0] == in[0]) in[i] = in[i]->in[i];
    if (in[1] == c->in[1] && in[2] == c->in[2]) return NULL;
    return stretched(c, make(c->graph, EG_OP_WHERE, in, 3, NULL), &c->shape);
}

/* Does every value of `narrow` survive in `wide`? */
static int holds(eg_dtype wide, eg_dtype narrow) {
    return wide == narrow || wide == EG_F64 || (narrow == EG_U8 && (wide == EG_F32 || wide == EG_I32));
}

static eg_value *convert(const call *c) {
    eg_value *x = c->in[0];
    eg_dtype to = (eg_dtype)c->attr->dtype.dtype;
    if (x->dtype == to) return x;
    if (x->op != EG_OP_CAST || !holds(x->dtype, x->in[0]->dtype)) return NULL;
    return x->in[0]->dtype == to ? x->in[0] : make(c->graph, EG_OP_CAST, x->in, 1, c->attr);
}

static eg_value *same_value(const call *c) /* detach: gradients are built by now */
{
    return c->in[0];
}

/* ---- movement ------------------------------------------------------------------------------------------------ */

static eg_value *moves_nothing(const call *c) {
    return eg_moves_nothing(c->op, &c->in[0]->shape, c->attr) ? c->in[0] : NULL;
}

/* reshape of reshape, expand of expand. */
static eg_value *movement_twice(const call *c) {
    return c->in[0]->op == c->op ? to_shape(c, c->op, c->in[0]->in[0], &c->attr->shape.shape) : NULL;
}

static eg_value *expand_nothing(const call *c) {
    if (eg_count(&c->in[0]->shape) != eg_count(&c->attr->shape.shape)) return NULL;
    return to_shape(c, EG_OP_RESHAPE, c->in[0], &c->attr->shape.shape);
}

/* A permutation that keeps the order of all axes longer than 1 moves nothing. */
static eg_value *permute_nothing(const call *c) {
    eg_shape shape = c->in[0]->shape;
    int last = -1;
    for (int i = 0; i < shape.rank; i++) {
        int axis = c->attr->permute.axis[i];
        shape.dim[i] = c->in[0]->shape.dim[axis];
        if (shape.dim[i] == 1) continue;
        if (axis < last) return NULL;
        last = axis;
    }
    return stretched(c, c->in[0], &shape);
}

static eg_value *permute_twice(const call *c) {
    const eg_value *x = c->in[0];
    if (x->op != EG_OP_PERMUTE) return NULL;
    eg_attr attr = *c->attr;
    for (int i = 0; i < x->shape.rank; i++) attr.permute.axis[i] = x->attr.permute.axis[c->attr->permute.axis[i]];
    return make(c->graph, EG_OP_PERMUTE, x->in, 1, &attr);
}

/* The one axis along which x is padded with zeros behind its ends, else -1. */
static int padded_axis(const eg_value *v) {
    int axis = -1;
    if (v->op != EG_OP_PAD) return -1;
    for (int i = 0; i < v->shape.rank; i++) {
        int64_t low = v->attr.pad.low[i], high = v->attr.pad.high[i];
        if (v->attr.pad.interior[i] || low < 0 || high < 0 || ((low || high) && axis >= 0)) return -1;
        if (low || high) axis = i;
    }
    return axis;
}

/* pad a + pad b, where b begins at the place where a ends, is the padded concatenation: what the gradients of slices
 * that lie side by side add up to. */
static eg_value *join_neighbours(const call *c) {
    for (int i = 0; i < 2; i++) {
        const eg_value *a = c->in[i], *b = c->in[other(i)];
        int axis = padded_axis(a);
        if (axis < 0 || padded_axis(b) != axis || !eg_same_shape(&a->shape, &b->shape)) continue;
        if (a->attr.pad.low[axis] + a->in[0]->shape.dim[axis] != b->attr.pad.low[axis]) continue;
        eg_value *both[2] = { a->in[0], b->in[0] };
        eg_attr along = { .axis = { .axis = axis } }, around = { .pad = { .low = { 0 } } };
        around.pad.low[axis] = a->attr.pad.low[axis];
        around.pad.high[axis] = b->attr.pad.high[axis];
        eg_value *joined = make(c->graph, EG_OP_CONCAT, both, 2, &along);
        return make(c->graph, EG_OP_PAD, &joined, 1, &around);
    }
    return NULL;
}

/* (x + pad a) + pad b = x + (pad a + pad b) where these are neighbours: each element is added to at most one of them. */
static eg_value *join_beyond(const call *c) {
    for (int i = 0; i < 2; i++) {
        const eg_value *sum = c->in[i];
        for (int k = 0; sum->op == EG_OP_ADD && k < 2; k++) {
            eg_value *pair[2] = { sum->in[k], c->in[other(i)] };
            eg_value *joined = join_neighbours(&(call){ .graph = c->graph, .op = EG_OP_ADD, .in = pair, .nin = 2 });
            if (joined) return make2(c, EG_OP_ADD, sum->in[other(k)], joined);
        }
    }
    return NULL;
}

/* concat of concat along the same axis */
static eg_value *concat_flat(const call *c) {
    enum { MOST = 32 };
    eg_value *in[MOST];
    int n = 0, flattened = 0;
    for (int i = 0; i < c->nin; i++) {
        int inner = c->in[i]->op == EG_OP_CONCAT && c->in[i]->attr.axis.axis == c->attr->axis.axis;
        int parts = inner ? c->in[i]->nin : 1;
        if (n + parts > MOST) return NULL;
        for (int k = 0; k < parts; k++) in[n++] = inner ? c->in[i]->in[k] : c->in[i];
        flattened |= inner;
    }
    return flattened ? make(c->graph, EG_OP_CONCAT, in, n, c->attr) : NULL;
}

static eg_value *concat_one(const call *c) {
    return c->nin == 1 ? c->in[0] : NULL;
}

/* ---- reductions ---------------------------------------------------------------------------------------------- */

static int reduces(const call *c, int axis) {
    return c->attr->reduce.mask >> axis & 1;
}

/* x in the shape of the reduction of an operand of that shape. */
static eg_value *as_reduced(const call *c, eg_value *x, const eg_shape *shape) {
    eg_shape reduced = eg_reduced_shape(shape, c->attr->reduce.mask, (int)c->attr->reduce.keep);
    return stretched(c, x, &reduced);
}

/* Over axes of length 1 there is nothing to reduce (logsumexp too: x + ln 1). */
static eg_value *reduce_nothing(const call *c) {
    eg_shape shape = c->in[0]->shape;
    for (int i = 0; i < shape.rank; i++)
        if (reduces(c, i) && shape.dim[i] != 1) return NULL;
    return as_reduced(c, c->in[0], &shape);
}

/* Axes of length 1 leave the mask, so that what is left is easier to recognise. */
static eg_value *reduce_less(const call *c) {
    eg_shape shape = c->in[0]->shape;
    eg_attr attr = *c->attr;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dim[i] == 1) attr.reduce.mask &= ~(1u << i);
    if (attr.reduce.mask == c->attr->reduce.mask) return NULL;
    return as_reduced(c, make(c->graph, c->op, c->in, 1, &attr), &shape);
}

static eg_value *sum_of_negated(const call *c) {
    if (c->in[0]->op != EG_OP_NEG) return NULL;
    return make1(c, EG_OP_NEG, make(c->graph, EG_OP_SUM, c->in[0]->in, 1, c->attr));
}

/* sum(expand x) over stretched axes only = n * x. */
static eg_value *sum_of_copies(const call *c) {
    const eg_value *wide = c->in[0];
    if (wide->op != EG_OP_EXPAND || !is_float(wide)) return NULL;
    eg_value *x = wide->in[0];
    eg_shape shape = wide->shape;
    int extra = shape.rank - x->shape.rank;
    double copies = 1;
    for (int i = 0; i < shape.rank; i++) {
        int64_t own = i < extra ? 1 : x->shape.dim[i - extra];
        if (reduces(c, i) && own != 1) return NULL;
        if (reduces(c, i)) copies *= (double)shape.dim[i];
        shape.dim[i] = own;
    }
    if (copies == 0) return NULL; /* an empty sum is 0 whatever x is */
    eg_value *scaled = make2(c, EG_OP_MUL, x, number(c, x->dtype, copies));
    return as_reduced(c, as_reduced(c, scaled, &shape), &wide->shape);
}

/* ---- products ------------------------------------------------------------------------------------------------ */

/* [.., m, k] x [k, n]: one product of all rows. */
static eg_value *matmul_rows(const call *c) {
    eg_value *a = c->in[0], *b = c->in[1];
    if (c->nin != 2 || b->shape.rank != 2 || a->shape.rank <= 2 || c->attr->matmul.ta) return NULL;
    eg_shape shape = a->shape;
    int64_t k = shape.dim[shape.rank - 1], m = 1;
    for (int i = 0; i < shape.rank - 1; i++) m *= shape.dim[i];
    shape.dim[shape.rank - 1] = b->shape.dim[c->attr->matmul.tb ? 0 : 1];
    eg_value *in[2] = { to_shape(c, EG_OP_RESHAPE, a, &EG_SHAPE(m, k)), b };
    return to_shape(c, EG_OP_RESHAPE, make(c->graph, EG_OP_MATMUL, in, 2, c->attr), &shape);
}

/* ---- pooling ------------------------------------------------------------------------------------------------- */

/* What is put to places of x and there passes relu's mask x > a is masked before, where it is fewer. */
static eg_value *mask_before_put(const call *c) {
    eg_value *mask = c->in[0], *y = c->in[1], *put = y->op == EG_OP_RESHAPE ? y->in[0] : y;
    if (put->op != EG_OP_PUT_ALONG || mask->op != EG_OP_GT || mask->in[1]->op != EG_OP_CONST) return NULL;
    if (!is_number(c->in[2], 0) || !eg_same_shape(&mask->in[0]->shape, &y->shape)) return NULL;
    if (2 * eg_count(&put->in[0]->shape) > eg_count(&put->shape)) return NULL;
    eg_value *places = put->in[1], *take[2] = { stretched(c, mask->in[0], &put->shape), places };
    eg_attr along = { .axis = { .axis = put->attr.scatter.axis } };
    eg_value *taken = make(c->graph, EG_OP_TAKE_ALONG, take, 2, &along);
    eg_value *where[3] = { make2(c, EG_OP_GT, taken, mask->in[1]), put->in[0], c->in[2] };
    eg_value *masked[2] = { make(c->graph, EG_OP_WHERE, where, 3, NULL), places };
    return stretched(c, make(c->graph, EG_OP_PUT_ALONG, masked, 2, &put->attr), &y->shape);
}

static int is_padded(const eg_value *window) {
    int64_t padding = 0;
    for (int i = 0; i < EG_SPATIAL; i++) padding |= window->attr.window.low[i] | window->attr.window.high[i];
    return padding != 0;
}

/* A sum over all pixels of what went to the places of a pool's largest elements: each has a place. */
static eg_value *sum_of_put(const call *c) {
    eg_value *y = c->in[0], *put = y->op == EG_OP_RESHAPE ? y->in[0] : y;
    if (put->op != EG_OP_PUT_ALONG || !is_float(put)) return NULL;
    const eg_value *places = put->in[1]->op == EG_OP_RESHAPE ? put->in[1]->in[0] : put->in[1];
    int last = y->shape.rank - 1, channels = put->shape.rank - 1;
    if (places->op != EG_OP_WINDOW_ARGMAX || is_padded(places) || put->attr.scatter.axis == channels) return NULL;
    if (y->shape.dim[last] != put->shape.dim[channels] || reduces(c, last)) return NULL;
    for (int i = 0; i < last; i++)
        if (!reduces(c, i) && y->shape.dim[i] != 1) return NULL;
    eg_attr all = { .reduce = { .mask = (1u << channels) - 1 } };
    return as_reduced(c, make(c->graph, EG_OP_SUM, put->in, 1, &all), &y->shape);
}

/* ---- the table ----------------------------------------------------------------------------------------------- */

/* The rules of each op, in the order in which they are tried. */
#define RULES(RULE) \
    RULE(ADD, add_zero) RULE(ADD, add_negated) RULE(ADD, join_neighbours) RULE(ADD, join_beyond) \
    RULE(SUB, subtract_zero) RULE(SUB, subtract_negated) \
    RULE(MUL, multiply_one) RULE(MUL, signed_factor) RULE(MUL, merge_factors) \
    RULE(DIV, divide_by_constant) RULE(DIV, signed_factor) \
    RULE(NEG, negate) \
    RULE(POW, raise_to_constant) \
    RULE(ABS, applied_twice) RULE(ABS, magnitude_of_negated) \
    RULE(RELU, applied_twice) \
    RULE(FLOOR, applied_twice) \
    RULE(MAXIMUM, same_operands) \
    RULE(MINIMUM, same_operands) \
    RULE(WHERE, decided) RULE(WHERE, decided_before) RULE(WHERE, mask_before_put) \
    RULE(CAST, convert) \
    RULE(DETACH, same_value) \
    RULE(RESHAPE, moves_nothing) RULE(RESHAPE, movement_twice) \
    RULE(EXPAND, moves_nothing) RULE(EXPAND, movement_twice) RULE(EXPAND, expand_nothing) \
    RULE(PERMUTE, permute_nothing) RULE(PERMUTE, permute_twice) \
    RULE(SLICE, moves_nothing) \
    RULE(PAD, moves_nothing) \
    RULE(FLIP, moves_nothing) \
    RULE(CONCAT, concat_one) RULE(CONCAT, concat_flat) \
    RULE(SUM, reduce_nothing) RULE(SUM, reduce_less) RULE(SUM, sum_of_negated) RULE(SUM, sum_of_copies) \
    RULE(SUM, sum_of_put) \
    RULE(MAX, reduce_nothing) RULE(MAX, reduce_less) \
    RULE(MIN, reduce_nothing) RULE(MIN, reduce_less) \
    RULE(LOGSUMEXP, reduce_nothing) RULE(LOGSUMEXP, reduce_less) \
    RULE(MATMUL, matmul_rows)

#define OP(op, rule) EG_OP_##op,
#define FUNCTION(op, rule) rule,
static const unsigned char rule_op[] = { RULES(OP) };
static const rule rules[] = { RULES(FUNCTION) };

/* The simpler value, or NULL where no rule applies. */
static eg_value *simpler(call *c) {
    eg_value *now = NULL;
    if (c->graph->status != EG_OK) return c->graph->poison;
    if (eg_op_table[c->op]->flags & EG_ELEMENTWISE) {
        c->shape = c->in[0]->shape; /* where operands do not broadcast, the node itself says so */
        for (int i = 1; i < c->nin; i++) eg_broadcast(&c->shape, &c->in[i]->shape, &c->shape);
        now = narrow_inputs(c);
    }
    for (size_t i = 0; i < sizeof rule_op && !now; i++)
        if (rule_op[i] == c->op) now = rules[i](c);
    return now;
}

static eg_value *make(eg_graph *graph, eg_op op, eg_value *const *in, int nin, const eg_attr *attr) {
    call c = { .graph = graph, .op = op, .in = in, .nin = nin, .attr = attr };
    eg_value *now = simpler(&c);
    return now ? now : eg_node(graph, op, in, nin, attr);
}

static eg_value *simplify(eg_rewrite *r, const eg_value *old, eg_value **in) {
    return simpler(&(call){ .graph = r->to, .op = old->op, .in = in, .nin = old->nin, .attr = &old->attr });
}

eg_status eg_pass_simplify(eg_unit *unit) {
    return eg_rewrite_unit(unit, simplify, NULL);
}
