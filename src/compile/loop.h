/* SPDX-License-Identifier: MIT
 *
 * loop.h: what the passes over loops share: a scan taken to pieces, and put together again with other operands and
 * results.
 */
#ifndef EG_COMPILE_LOOP_H
#define EG_COMPILE_LOOP_H

#include "base/arena.h"
#include "compile/pass.h"

typedef enum eg_role { EG_CARRY, EG_STACKED, EG_CAPTURED, EG_ALIAS } eg_role;

enum { EG_LOOP_SETS = 4 };

typedef struct eg_loop {
    /* the old one */
    struct eg_loops *loops;
    const eg_value *scan;
    const eg_body *body;
    const eg_graph *from;   /* its body's graph */
    eg_value *const *in;    /* its operands' replacements */
    int carries;
    int64_t steps;
    eg_value **result;      /* [body->nout]: what stands for its results from now on; NULL: nobody reads it */
    /* what a pass finds out about the body */
    eg_arena scratch;       /* freed behind the pass */
    unsigned char *depends; /* [from->n]: on what changes from step to step: a mask of 1 << EG_CARRY, 1 << EG_STACKED */
    unsigned char *set[EG_LOOP_SETS]; /* [from->n]: zeros, for the pass to mark values in */
    eg_value **outer;       /* [from->n]: values where the scan stands: stacked if they change from step to step */
    /* the new one */
    eg_graph *to;           /* where it will stand */
    int noperands, nstacks, ncarries;
    struct {
        eg_role role;
        eg_value *outer;       /* in `to` */
        const eg_value *inner; /* the value of the old body that is its param from now on */
        const eg_value *next;  /* of a carry; of an alias: the inner value whose param it shares */
    } * operand;
    const eg_value **stack; /* [nstacks]: old body values that are stacked */
    eg_value **map;         /* [from->n]: in the new body */
    eg_value *made;         /* the new scan; NULL if nothing is left of it */
} eg_loop;

/* A pass over all scans of a unit: replaces one scan, that is, fills loop->result. */
typedef eg_status (*eg_loop_fn)(eg_loop *loop);

/* Does nothing where there is no scan. */
eg_status eg_rewrite_loops(eg_unit *unit, eg_loop_fn fn);

/* ---- the old loop ------------------------------------------------------------------------------- */

eg_role eg_role_of(const eg_loop *loop, int operand);
/* Is result k read by anyone? */
int eg_loop_is_read(const eg_loop *loop, int k);
/* Leaves the scan as it is. */
eg_status eg_loop_keep(eg_loop *loop);
/* Which operands of v change from step to step: bit i, as eg_can_lift wants them. */
unsigned eg_loop_lifted(const eg_loop *loop, const eg_value *v);
/* Computes v and what it needs where the scan stands; what depends on a carry must be there already. */
eg_value *eg_loop_outside(eg_loop *loop, const eg_value *v);

/* ---- the new loop ------------------------------------------------------------------------------- */

/* A value of the old body becomes a param. */
void eg_loop_operand(eg_loop *loop, eg_role role, eg_value *outer, const eg_value *inner, const eg_value *next);
/* Operand i of the old scan as it was. */
void eg_loop_same_operand(eg_loop *loop, int i);
/* A value of the old body is stacked; the same one is not stacked twice. */
void eg_loop_stacked(eg_loop *loop, const eg_value *inner);
/* Builds the body and the scan. */
eg_status eg_loop_build(eg_loop *loop);
eg_value *eg_loop_last(const eg_loop *loop, int carry);              /* a carry after the last step */
eg_value *eg_loop_stack(const eg_loop *loop, const eg_value *inner); /* a stacked result */

#endif
