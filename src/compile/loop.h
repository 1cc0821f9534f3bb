/* SPDX-License-Identifier: MIT
 *
 * loop.h: what the passes over loops share: a scan taken to pieces, and put together again with other operands and
 * results.
 */
#ifndef EG_COMPILE_LOOP_H
#define EG_COMPILE_LOOP_H

#include "compile/pass.h"

typedef enum eg_role { EG_CARRY, EG_STACKED, EG_CAPTURED, EG_ALIAS } eg_role;

static inline eg_role eg_role_of(const eg_value *scan, int operand) {
    if (operand < scan->attr.body.carries) return EG_CARRY;
    return operand < scan->attr.body.carries + scan->attr.body.stacked ? EG_STACKED : EG_CAPTURED;
}

/* ---- a pass over all scans of a unit ----------------------------------------------------------- */

typedef struct eg_loops eg_loops;

/* Replaces one scan: gives what stands for its results in the new graph, or NULL for those that nobody reads. `in`
 * are its operands' replacements. */
typedef eg_status (*eg_loop_fn)(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result);

struct eg_loops {
    eg_rewrite *rewrite;
    eg_loop_fn fn;
    eg_value ***result;     /* [from->n]: of scans: [nout] */
    unsigned char *is_read; /* [from->n]: somebody reads the value itself (of a scan: its first result) */
};

/* Does nothing where there is no scan. */
eg_status eg_rewrite_loops(eg_unit *unit, eg_loop_fn fn);
/* Is result k of the scan read by anyone? */
int eg_loop_is_read(const eg_loops *loops, const eg_value *scan, int k);
/* For an eg_loop_fn: leaves the scan as it is. */
eg_status eg_loop_keep(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result);

/* How a value of the body depends on what changes from step to step: a mask of 1 << EG_CARRY and 1 << EG_STACKED; 0:
 * it is the same in every step. depends[body->graph->n]. */
void eg_loop_depends(const eg_value *scan, unsigned char *depends);

/* ---- one scan, put together again --------------------------------------------------------------- */

typedef struct eg_loop {
    const eg_value *scan; /* the old one */
    const eg_graph *from; /* its body's graph */
    eg_graph *to;         /* where the new scan will stand */
    int noperands, nresults;
    struct {
        eg_role role;
        eg_value *outer;       /* in `to` */
        const eg_value *inner; /* the value of the old body that is its param from now on */
        const eg_value *next;  /* of a carry; of an alias: the inner value whose param it shares */
    } * operand;
    const eg_value **result; /* [nresults]: old body values that are stacked */
    int capacity, result_capacity;
    eg_value **map; /* [from->n]: in the new body */
    eg_value *made; /* the new scan; NULL if nothing is left of it */
    int ncarries;
} eg_loop;

eg_status eg_loop_start(eg_loop *loop, eg_graph *to, const eg_value *scan);
void eg_loop_end(eg_loop *loop);
/* A value of the old body becomes a param. Returns its number (of carries: among the carries, which is also the
 * number of its result), -1 without memory. */
int eg_loop_operand(eg_loop *loop, eg_role role, eg_value *outer, const eg_value *inner, const eg_value *next);
/* A value of the old body is stacked; the same one is not stacked twice. */
eg_status eg_loop_result(eg_loop *loop, const eg_value *inner);
/* Builds the body and the scan. */
eg_status eg_loop_build(eg_loop *loop);
eg_value *eg_loop_last(const eg_loop *loop, int carry);              /* a carry after the last step */
eg_value *eg_loop_stack(const eg_loop *loop, const eg_value *inner); /* a stacked result */

#endif
