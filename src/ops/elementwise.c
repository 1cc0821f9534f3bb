/* SPDX-License-Identifier: MIT
 *
 * elementwise.c: ops whose result at an index depends on the operands at that index (broadcast as NumPy
 * does). Each has a scalar function in double, the distance to its kink if it has one, and a derivative made
 * of ops of this file.
 *
 * Derivatives are finite wherever the value is, at the price of a convention at the edges: abs'(0) =
 * relu'(0) = sqrt'(0) = 0, a tie of maximum or minimum shares the gradient equally. log and rsqrt have none
 * at 0: there the value is infinite too. A rule never multiplies by an infinite factor that a later select
 * would drop, because 0 * inf = NaN one derivative on.
 */
#include "ops/family.h"

/* ---- infer ----------------------------------------------------------------------------------- */

static eg_status broadcast_inputs(const eg_value *value, eg_shape *out) {
    *out = value->in[0]->shape;
    for (int i = 1; i < value->nin; i++) EG_TRY(eg_broadcast(out, &value->in[i]->shape, out));
    return EG_OK;
}

/* Any one dtype. */
static eg_status infer_number(const eg_value *value, eg_inferred *out) {
    EG_TRY(eg_need_same_dtype(value, 0));
    out->dtype = value->in[0]->dtype;
    return broadcast_inputs(value, &out->shape);
}

static eg_status infer_float(const eg_value *value, eg_inferred *out) {
    EG_TRY(infer_number(value, out));
    return eg_need_float(value->in[0]);
}

static eg_status infer_compare(const eg_value *value, eg_inferred *out) {
    EG_TRY(infer_number(value, out));
    out->dtype = EG_U8;
    return EG_OK;
}

static eg_status infer_where(const eg_value *value, eg_inferred *out) {
    EG_TRY(eg_need_dtype(value->in[0], EG_U8, "the condition"));
    EG_TRY(eg_need_same_dtype(value, 1));
    out->dtype = value->in[1]->dtype;
    return broadcast_inputs(value, &out->shape);
}

static eg_status infer_cast(const eg_value *value, eg_inferred *out) {
    *out = (eg_inferred){ (eg_dtype)value->attr.dtype.dtype, value->in[0]->shape };
    return EG_OK;
}

/* ---- scalars: a, b, c are the operands' elements, absent ones 0 ------------------------------ */

#define SCALAR(name, expression)                       \
    static double name(double a, double b, double c) { \
        (void)b, (void)c;                              \
        return expression;                             \
    }

static double stable_sigmoid(double x) {
    double e = exp(-fabs(x)); /* in (0, 1]: no overflow */
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

SCALAR(scalar_copy, a)
SCALAR(scalar_neg, -a)
SCALAR(scalar_abs, fabs(a))
SCALAR(scalar_exp, exp(a))
SCALAR(scalar_log, log(a))
SCALAR(scalar_sqrt, sqrt(a))
SCALAR(scalar_rsqrt, 1 / sqrt(a))
SCALAR(scalar_tanh, tanh(a))
SCALAR(scalar_sigmoid, stable_sigmoid(a))
SCALAR(scalar_relu, a > 0 || isnan(a) ? a : 0)
SCALAR(scalar_erf, erf(a))
SCALAR(scalar_softplus, (a > 0 ? a : isnan(a) ? a : 0) + log1p(exp(-fabs(a))))
SCALAR(scalar_sin, sin(a))
SCALAR(scalar_cos, cos(a))
SCALAR(scalar_floor, floor(a))
SCALAR(scalar_add, a + b)
SCALAR(scalar_sub, a - b)
SCALAR(scalar_mul, a * b)
SCALAR(scalar_div, a / b)
SCALAR(scalar_pow, pow(a, b))
SCALAR(scalar_maximum, a > b || isnan(a) ? a : b)
SCALAR(scalar_minimum, a < b || isnan(a) ? a : b)
SCALAR(scalar_eq, a == b)
SCALAR(scalar_ne, a != b)
SCALAR(scalar_lt, a < b)
SCALAR(scalar_le, a <= b)
SCALAR(scalar_gt, a > b)
SCALAR(scalar_ge, a >= b)
SCALAR(scalar_where, a != 0 ? b : c)
SCALAR(scalar_muladd, a * b + c)

/* ---- kinks: how far the operands are from a place where the function jumps or bends ---------- */

static double kink_at_zero(double a, double b) {
    (void)b;
    return fabs(a);
}

static double kink_at_tie(double a, double b) { return fabs(a - b); }

static double kink_at_whole(double a, double b) {
    (void)b;
    return fabs(a - round(a));
}

/* Truncation is constant over (-1, 1). */
static double kink_at_truncation(double a, double b) { return fabs(a) < 1 ? 1 - fabs(a) : kink_at_whole(a, b); }

/* ---- derivatives ----------------------------------------------------------------------------- */

static void vjp_neg(eg_value *y, eg_value *dout, eg_value **din) {
    (void)y;
    din[0] = eg_neg(dout);
}

static void vjp_abs(eg_value *y, eg_value *dout, eg_value **din) { din[0] = eg_mul(dout, eg_sign(y->in[0])); }

static void vjp_exp(eg_value *y, eg_value *dout, eg_value **din) { din[0] = eg_mul(dout, y); }

static void vjp_log(eg_value *y, eg_value *dout, eg_value **din) { din[0] = eg_div(dout, y->in[0]); }

/* 1/(2y), and 0 at y = 0. */
static void vjp_sqrt(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *at_zero = eg_equal(y, eg_number(y, 0));
    eg_value *half = eg_where(at_zero, eg_number(y, 0), eg_number(y, .5));
    eg_value *divisor = eg_where(at_zero, eg_number(y, 1), y);
    din[0] = eg_mul(dout, eg_div(half, divisor));
}

/* -y^3 / 2 */
static void vjp_rsqrt(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *cube = eg_mul(eg_mul(y, y), y);
    din[0] = eg_mul(dout, eg_mul(cube, eg_number(y, -.5)));
}

/* 1 - y^2 */
static void vjp_tanh(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_mul(dout, eg_sub(eg_number(y, 1), eg_mul(y, y)));
}

/* y (1 - y) */
static void vjp_sigmoid(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_mul(dout, eg_mul(y, eg_sub(eg_number(y, 1), y)));
}

/* y > 0 exactly where x > 0, so the input need not be kept. */
static void vjp_relu(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_where(eg_greater(y, eg_number(y, 0)), dout, eg_number(y, 0));
}

/* 2/sqrt(pi) e^(-x^2) */
static void vjp_erf(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *x = y->in[0], *bell = eg_exp(eg_neg(eg_mul(x, x)));
    din[0] = eg_mul(dout, eg_mul(bell, eg_number(x, 1.1283791670955126)));
}

static void vjp_softplus(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_mul(dout, eg_sigmoid(y->in[0]));
}

static void vjp_sin(eg_value *y, eg_value *dout, eg_value **din) { din[0] = eg_mul(dout, eg_cos(y->in[0])); }

static void vjp_cos(eg_value *y, eg_value *dout, eg_value **din) { din[0] = eg_neg(eg_mul(dout, eg_sin(y->in[0]))); }

static void vjp_cast(eg_value *y, eg_value *dout, eg_value **din) {
    if (eg_is_float(y->dtype) && eg_is_float(y->in[0]->dtype)) din[0] = eg_cast(dout, y->in[0]->dtype);
}

static void vjp_add(eg_value *y, eg_value *dout, eg_value **din) {
    (void)y;
    din[0] = din[1] = dout;
}

static void vjp_sub(eg_value *y, eg_value *dout, eg_value **din) {
    (void)y;
    din[0] = dout;
    din[1] = eg_neg(dout);
}

static void vjp_mul(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_mul(dout, y->in[1]);
    din[1] = eg_mul(dout, y->in[0]);
}

static void vjp_div(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_div(dout, y->in[1]);
    din[1] = eg_neg(eg_mul(din[0], y));
}

/* b - 1, but 1 where a = b = 0: there d/da is b a^1 = 0 and not 0 * 0^-1. */
static eg_value *pow_exponent(eg_value *a, eg_value *b) {
    if (b->op == EG_OP_CONST && b->attr.number.number != 0) return eg_number(b, b->attr.number.number - 1);
    eg_value *zero = eg_number(b, 0), *one = eg_number(b, 1), *less = eg_sub(b, one);
    return eg_where(eg_equal(a, zero), eg_where(eg_equal(b, zero), one, less), less);
}

/* d/da = b a^(b-1); d/db = a^b ln a where a > 0, else 0. */
static void vjp_pow(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *a = y->in[0], *b = y->in[1], *zero = eg_number(a, 0);
    din[0] = eg_mul(dout, eg_mul(b, eg_pow(a, pow_exponent(a, b))));
    eg_value *positive = eg_greater(a, zero);
    eg_value *log_a = eg_log(eg_where(positive, a, eg_number(a, 1)));
    din[1] = eg_mul(dout, eg_mul(eg_where(positive, y, zero), log_a));
}

/* Of maximum and minimum: all to the operand that wins, half to each at a tie. */
static void vjp_extreme(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *a = y->in[0], *b = y->in[1], *more = eg_greater(a, b), *less = eg_less(a, b);
    eg_value *half = eg_where(eg_equal(a, b), eg_mul(dout, eg_number(dout, .5)), eg_number(dout, 0));
    int is_max = y->op == EG_OP_MAXIMUM;
    din[0] = eg_where(is_max ? more : less, dout, half);
    din[1] = eg_where(is_max ? less : more, dout, half);
}

static void vjp_where(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *zero = eg_number(dout, 0);
    din[1] = eg_where(y->in[0], dout, zero);
    din[2] = eg_where(y->in[0], zero, dout);
}

static void vjp_muladd(eg_value *y, eg_value *dout, eg_value **din) {
    vjp_mul(y, dout, din);
    din[2] = dout;
}

/* ---- the ops --------------------------------------------------------------------------------- */

#define UNARY .arity = 1, .flags = EG_ELEMENTWISE, .infer = infer_float

const eg_op_def eg_op_neg = { .name = "neg", .arity = 1, .flags = EG_ELEMENTWISE, .strip = EG_STRIP_NEG + 1,
    .work = 1, .infer = infer_number, .vjp = vjp_neg, .scalar = scalar_neg, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_abs = { .name = "abs", .arity = 1, .flags = EG_ELEMENTWISE, .strip = EG_STRIP_ABS + 1,
    .work = 1, .infer = infer_number, .vjp = vjp_abs, .scalar = scalar_abs, .kink = kink_at_zero,
    .draw = { EG_DRAW_NONZERO } };
const eg_op_def eg_op_exp = { .name = "exp", UNARY, .strip = EG_STRIP_EXP + 1, .work = 10, .vjp = vjp_exp,
    .scalar = scalar_exp, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_log = { .name = "log", UNARY, .strip = EG_STRIP_LOG + 1, .work = 12, .vjp = vjp_log,
    .scalar = scalar_log, .draw = { EG_DRAW_POSITIVE } };
const eg_op_def eg_op_sqrt = { .name = "sqrt", UNARY, .strip = EG_STRIP_SQRT + 1, .work = 4, .vjp = vjp_sqrt,
    .scalar = scalar_sqrt, .draw = { EG_DRAW_POSITIVE } };
const eg_op_def eg_op_rsqrt = { .name = "rsqrt", UNARY, .strip = EG_STRIP_RSQRT + 1, .work = 6, .vjp = vjp_rsqrt,
    .scalar = scalar_rsqrt, .draw = { EG_DRAW_POSITIVE } };
const eg_op_def eg_op_tanh = { .name = "tanh", UNARY, .strip = EG_STRIP_TANH + 1, .work = 15, .vjp = vjp_tanh,
    .scalar = scalar_tanh, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_sigmoid = { .name = "sigmoid", UNARY, .strip = EG_STRIP_SIGMOID + 1, .work = 14,
    .vjp = vjp_sigmoid, .scalar = scalar_sigmoid, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_relu = { .name = "relu", UNARY, .strip = EG_STRIP_RELU + 1, .work = 1, .vjp = vjp_relu,
    .scalar = scalar_relu, .kink = kink_at_zero, .draw = { EG_DRAW_NONZERO } };
const eg_op_def eg_op_erf = { .name = "erf", UNARY, .strip = EG_STRIP_ERF + 1, .work = 20, .vjp = vjp_erf,
    .scalar = scalar_erf, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_softplus = { .name = "softplus", UNARY, .strip = EG_STRIP_SOFTPLUS + 1, .work = 24,
    .vjp = vjp_softplus, .scalar = scalar_softplus, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_sin = { .name = "sin", UNARY, .strip = EG_STRIP_SIN + 1, .work = 15, .vjp = vjp_sin,
    .scalar = scalar_sin, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_cos = { .name = "cos", UNARY, .strip = EG_STRIP_COS + 1, .work = 15, .vjp = vjp_cos,
    .scalar = scalar_cos, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_floor = { .name = "floor", UNARY, .strip = EG_STRIP_FLOOR + 1, .work = 1,
    .scalar = scalar_floor, .kink = kink_at_whole, .draw = { EG_DRAW_DISTINCT } };

const eg_op_def eg_op_cast = { .name = "cast", .arity = 1, .attr = EG_ATTR_DTYPE, .flags = EG_ELEMENTWISE,
    .work = 1, .infer = infer_cast, .vjp = vjp_cast, .scalar = scalar_copy, .kink = kink_at_truncation,
    .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_detach = { .name = "detach", .arity = 1, .flags = EG_ELEMENTWISE,
    .strip = EG_STRIP_COPY + 1, .infer = infer_number, .scalar = scalar_copy, .draw = { EG_DRAW_REAL } };

const eg_op_def eg_op_add = { .name = "add", .arity = 2, .flags = EG_ELEMENTWISE | EG_COMMUTATIVE,
    .strip = EG_STRIP_ADD + 1, .work = 1, .infer = infer_number, .vjp = vjp_add, .scalar = scalar_add,
    .draw = { EG_DRAW_REAL, EG_DRAW_REAL } };
const eg_op_def eg_op_sub = { .name = "sub", .arity = 2, .flags = EG_ELEMENTWISE, .strip = EG_STRIP_SUB + 1,
    .work = 1, .infer = infer_number, .vjp = vjp_sub, .scalar = scalar_sub,
    .draw = { EG_DRAW_REAL, EG_DRAW_REAL } };
const eg_op_def eg_op_mul = { .name = "mul", .arity = 2, .flags = EG_ELEMENTWISE | EG_COMMUTATIVE,
    .strip = EG_STRIP_MUL + 1, .work = 1, .infer = infer_number, .vjp = vjp_mul, .scalar = scalar_mul,
    .draw = { EG_DRAW_REAL, EG_DRAW_REAL } };
const eg_op_def eg_op_div = { .name = "div", .arity = 2, .flags = EG_ELEMENTWISE, .strip = EG_STRIP_DIV + 1,
    .work = 4, .infer = infer_float, .vjp = vjp_div, .scalar = scalar_div,
    .draw = { EG_DRAW_REAL, EG_DRAW_NONZERO } };
const eg_op_def eg_op_pow = { .name = "pow", .arity = 2, .flags = EG_ELEMENTWISE, .strip = EG_STRIP_POW + 1,
    .work = 25, .infer = infer_float, .vjp = vjp_pow, .scalar = scalar_pow,
    .draw = { EG_DRAW_POSITIVE, EG_DRAW_REAL } };
const eg_op_def eg_op_maximum = { .name = "maximum", .arity = 2, .flags = EG_ELEMENTWISE | EG_COMMUTATIVE,
    .strip = EG_STRIP_MAX + 1, .work = 1, .infer = infer_number, .vjp = vjp_extreme, .scalar = scalar_maximum,
    .kink = kink_at_tie, .draw = { EG_DRAW_DISTINCT, EG_DRAW_DISTINCT } };
const eg_op_def eg_op_minimum = { .name = "minimum", .arity = 2, .flags = EG_ELEMENTWISE | EG_COMMUTATIVE,
    .strip = EG_STRIP_MIN + 1, .work = 1, .infer = infer_number, .vjp = vjp_extreme, .scalar = scalar_minimum,
    .kink = kink_at_tie, .draw = { EG_DRAW_DISTINCT, EG_DRAW_DISTINCT } };

#define COMPARES .arity = 2, .work = 1, .infer = infer_compare, .kink = kink_at_tie, \
    .draw = { EG_DRAW_DISTINCT, EG_DRAW_DISTINCT }

const eg_op_def eg_op_eq = { .name = "eq", COMPARES, .flags = EG_ELEMENTWISE | EG_COMPARE | EG_COMMUTATIVE,
    .strip = EG_STRIP_EQ + 1, .scalar = scalar_eq };
const eg_op_def eg_op_ne = { .name = "ne", COMPARES, .flags = EG_ELEMENTWISE | EG_COMPARE | EG_COMMUTATIVE,
    .strip = EG_STRIP_NE + 1, .scalar = scalar_ne };
const eg_op_def eg_op_lt = { .name = "lt", COMPARES, .flags = EG_ELEMENTWISE | EG_COMPARE,
    .strip = EG_STRIP_LT + 1, .scalar = scalar_lt };
const eg_op_def eg_op_le = { .name = "le", COMPARES, .flags = EG_ELEMENTWISE | EG_COMPARE,
    .strip = EG_STRIP_LE + 1, .scalar = scalar_le };
const eg_op_def eg_op_gt = { .name = "gt", COMPARES, .flags = EG_ELEMENTWISE | EG_COMPARE,
    .strip = EG_STRIP_GT + 1, .scalar = scalar_gt };
const eg_op_def eg_op_ge = { .name = "ge", COMPARES, .flags = EG_ELEMENTWISE | EG_COMPARE,
    .strip = EG_STRIP_GE + 1, .scalar = scalar_ge };

const eg_op_def eg_op_where = { .name = "where", .arity = 3, .flags = EG_ELEMENTWISE | EG_CONDITION,
    .strip = EG_STRIP_SELECT + 1, .work = 1, .infer = infer_where, .vjp = vjp_where, .scalar = scalar_where,
    .draw = { EG_DRAW_MASK, EG_DRAW_REAL, EG_DRAW_REAL } };
const eg_op_def eg_op_muladd = { .name = "muladd", .arity = 3,
    .flags = EG_ELEMENTWISE | EG_COMMUTATIVE | EG_INTERNAL, .strip = EG_STRIP_MULADD + 1, .work = 2,
    .infer = infer_float, .vjp = vjp_muladd, .scalar = scalar_muladd,
    .draw = { EG_DRAW_REAL, EG_DRAW_REAL, EG_DRAW_REAL } };

/* ---- constructors ---------------------------------------------------------------------------- */

eg_value *eg_neg(eg_value *x) { return eg_node1(EG_OP_NEG, x, NULL); }
eg_value *eg_abs(eg_value *x) { return eg_node1(EG_OP_ABS, x, NULL); }
eg_value *eg_exp(eg_value *x) { return eg_node1(EG_OP_EXP, x, NULL); }
eg_value *eg_log(eg_value *x) { return eg_node1(EG_OP_LOG, x, NULL); }
eg_value *eg_sqrt(eg_value *x) { return eg_node1(EG_OP_SQRT, x, NULL); }
eg_value *eg_rsqrt(eg_value *x) { return eg_node1(EG_OP_RSQRT, x, NULL); }
eg_value *eg_tanh(eg_value *x) { return eg_node1(EG_OP_TANH, x, NULL); }
eg_value *eg_sigmoid(eg_value *x) { return eg_node1(EG_OP_SIGMOID, x, NULL); }
eg_value *eg_relu(eg_value *x) { return eg_node1(EG_OP_RELU, x, NULL); }
eg_value *eg_erf(eg_value *x) { return eg_node1(EG_OP_ERF, x, NULL); }
eg_value *eg_softplus(eg_value *x) { return eg_node1(EG_OP_SOFTPLUS, x, NULL); }
eg_value *eg_sin(eg_value *x) { return eg_node1(EG_OP_SIN, x, NULL); }
eg_value *eg_cos(eg_value *x) { return eg_node1(EG_OP_COS, x, NULL); }
eg_value *eg_floor(eg_value *x) { return eg_node1(EG_OP_FLOOR, x, NULL); }
eg_value *eg_stop_gradient(eg_value *x) { return eg_node1(EG_OP_DETACH, x, NULL); }
eg_value *eg_add(eg_value *a, eg_value *b) { return eg_node2(EG_OP_ADD, a, b, NULL); }
eg_value *eg_sub(eg_value *a, eg_value *b) { return eg_node2(EG_OP_SUB, a, b, NULL); }
eg_value *eg_mul(eg_value *a, eg_value *b) { return eg_node2(EG_OP_MUL, a, b, NULL); }
eg_value *eg_div(eg_value *a, eg_value *b) { return eg_node2(EG_OP_DIV, a, b, NULL); }
eg_value *eg_pow(eg_value *a, eg_value *b) { return eg_node2(EG_OP_POW, a, b, NULL); }
eg_value *eg_maximum(eg_value *a, eg_value *b) { return eg_node2(EG_OP_MAXIMUM, a, b, NULL); }
eg_value *eg_minimum(eg_value *a, eg_value *b) { return eg_node2(EG_OP_MINIMUM, a, b, NULL); }
eg_value *eg_equal(eg_value *a, eg_value *b) { return eg_node2(EG_OP_EQ, a, b, NULL); }
eg_value *eg_not_equal(eg_value *a, eg_value *b) { return eg_node2(EG_OP_NE, a, b, NULL); }
eg_value *eg_less(eg_value *a, eg_value *b) { return eg_node2(EG_OP_LT, a, b, NULL); }
eg_value *eg_less_equal(eg_value *a, eg_value *b) { return eg_node2(EG_OP_LE, a, b, NULL); }
eg_value *eg_greater(eg_value *a, eg_value *b) { return eg_node2(EG_OP_GT, a, b, NULL); }
eg_value *eg_greater_equal(eg_value *a, eg_value *b) { return eg_node2(EG_OP_GE, a, b, NULL); }

eg_value *eg_cast(eg_value *x, eg_dtype dtype) {
    eg_attr attr = { .dtype = { .dtype = dtype } };
    if (x->weak) return eg_firm(x, dtype);
    return x->dtype == dtype ? x : eg_node1(EG_OP_CAST, x, &attr);
}

eg_value *eg_where(eg_value *condition, eg_value *a, eg_value *b) {
    return eg_node3(EG_OP_WHERE, eg_firm(condition, EG_U8), a, b, NULL);
}
