/* SPDX-License-Identifier: MIT
 *
 * op.h: what an op is. One op = one literal of this struct in its family's file + one line of ops.def + one
 * line of docs/ops.md. Nobody switches over ops outside the passes that are about those ops.
 */
#ifndef EG_OPS_OP_H
#define EG_OPS_OP_H

#include "graph/node.h"

enum eg_op_flags {
    EG_ELEMENTWISE = 1,  /* out[i] = f(in0[i], in1[i], ...) with broadcasting; has `scalar` */
    EG_COMMUTATIVE = 2,  /* the first two inputs may be swapped */
    EG_COMPARE = 4,      /* gives u8 0/1 */
    EG_VIEW = 8,         /* each element is one of the input's: reshape, permute, expand, slice, flip */
    EG_LEAF = 16,        /* data from outside: input, var, param; const, data, iota are none, they have `ref` */
    EG_EFFECT = 32,      /* a root by nature: assign */
    EG_INTERNAL = 64,    /* only passes make it */
    EG_CONDITION = 128   /* the first input is a u8 condition: weak constants take the dtype of the others (where) */
};

/* What infer decides. It reports a mistake with eg_fail(EG_E_SHAPE or EG_E_DTYPE, "text with both shapes"),
 * without the op's name and place: eg_node adds "matmul: " and " (model.c:42)". */
typedef struct eg_inferred {
    eg_dtype dtype;
    eg_shape shape;
} eg_inferred;

/* One call of the float64 reference: dense row-major doubles for every dtype (i32 and u8 are whole numbers). */
typedef struct eg_ref_call {
    const eg_value *value;   /* shapes, attributes; value->in[i]->shape */
    const double *const *in;
    double *out;             /* eg_count(&value->shape) doubles */
    uint64_t seed;           /* of the state, for random ops */
    double *margin;          /* NULL, or: lowered to the smallest distance to a kink that is met */
} eg_ref_call;

/* How the table-driven tests draw legal inputs. */
typedef enum eg_draw {
    EG_DRAW_NONE,            /* not drawn (leaves, effects) */
    EG_DRAW_REAL,            /* -2..2 */
    EG_DRAW_POSITIVE,        /* .3..2 */
    EG_DRAW_NONZERO,         /* +-(.3..2) */
    EG_DRAW_MASK,            /* u8 0/1 */
    EG_DRAW_INDEX,           /* i32 within the axis, now and then outside */
    EG_DRAW_DISTINCT         /* -2..2 with gaps >= .01 between any two: no ties for max, min, floor */
} eg_draw;

/* Small, because there are many: what one kind of ops has and another has not shares a place with what that one has. */
typedef struct eg_op_def {
    const char *name;        /* "matmul", as in graph text */
    signed char arity;       /* number of inputs, or -(minimum) where it may be more */
    unsigned char attr;      /* eg_attr_kind */
    unsigned char strip;     /* 1 + eg_strip_op of kernels.h for elementwise f32; 0: none. cast has none in general,
                                because a strip holds floats: a cast to f32 is COPY, one to integers must truncate */
    unsigned char work;      /* multiply-adds or cheap operations per output element (if there is no `flops`) */
    unsigned char flags;     /* eg_op_flags */
    unsigned char draw[3];   /* eg_draw */
    /* dtype and shape of the result from value->in and value->attr (value->dtype and ->shape are not set yet). */
    eg_status (*infer)(const eg_value *value, eg_inferred *out);
    union {
        /* adjoint of the result -> adjoints of the inputs; din[i] is NULL on entry and stays so where there is no
         * gradient. The shapes may still be broadcast ones: eg_vjp sums them to the inputs'. NULL: no gradient. */
        void (*vjp)(eg_value *value, eg_value *dout, eg_value **din);
        /* The same for an op with a body, which has several results: dout[k] is the adjoint of result k, or NULL; what
         * nobody wants may be left. */
        void (*vjp_parts)(eg_value *value, eg_value *const *dout, const unsigned char *wanted, eg_value **din);
    };
    union {
        double (*scalar)(double a, double b, double c); /* ELEMENTWISE */
        void (*ref)(const eg_ref_call *call);           /* all others; NULL for leaves, effects, FUSED, SCAN, PART */
    };
    union {
        double (*kink)(double a, double b);             /* ELEMENTWISE: distance to the next jump or bend; NULL: smooth */
        double (*flops)(const eg_value *value);         /* all others; NULL: work x elements */
    };
} eg_op_def;

extern const eg_op_def *const eg_op_table[EG_OP_COUNT];

const eg_op_def *eg_op_named(const char *name); /* NULL if unknown */

/* The value computed for all steps of a loop at once: of the inputs, those of the mask `lifted` (bit i; at least one)
 * are stacks with `steps` as an axis more in front, and so is the result. Built where the inputs are, which
 * map[id of the old input] names. */
int eg_can_lift(const eg_value *value, unsigned lifted);
eg_value *eg_lift(const eg_value *value, eg_value *const *map, unsigned lifted, int64_t steps);

/* Runs the reference of one value (elementwise ops by `scalar` with broadcasting, others by `ref`). */
void eg_ref_run(const eg_ref_call *call);
double eg_value_flops(const eg_value *value);

#endif
