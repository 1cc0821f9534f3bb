/* SPDX-License-Identifier: MIT
 *
 * pass.h: the compiler. A unit holds a graph and its roots; each pass replaces the graph by a better one. Passes never
 * edit nodes: they copy what they keep (eg_rewrite) and build what they change. The list of passes, in order, is
 * eg_passes in compile.c; each file of this folder is one pass and starts with its contract: needs / keeps / breaks.
 *
 * EG_DUMP=<pass>[,<pass>...] or EG_DUMP=all prints the graph text before and after (through eg_log at DEBUG level when a
 * sink is set, else to stderr: the one place that does, because the user asked by the environment).
 */
#ifndef EG_COMPILE_PASS_H
#define EG_COMPILE_PASS_H

#include "graph/node.h"

typedef struct eg_unit {
    eg_graph *graph;       /* owned */
    eg_value **root;       /* [nroots]: values that are fetched, and ASSIGN nodes; allocated with eg_alloc */
    int nroots;
    /* What may be done. `fuse`: fused groups, epilogues. `layout`: panels. Off: simple steps, same results up to rounding
     * (bit-equal after contract). `fused_muladd`: the kernels round multiply-add once. */
    int fuse, layout, fused_muladd;
} eg_unit;

typedef struct eg_pass {
    const char *name;
    eg_status (*run)(eg_unit *unit);
} eg_pass;

extern const eg_pass eg_passes[]; /* ends with a NULL name */

/* Copies the values that roots need into a new unit. */
eg_status eg_unit_new(eg_unit *unit, eg_value *const *roots, int n);
void eg_unit_free(eg_unit *unit);
/* Runs all passes (with the verifier after each in debug builds), or only those up to and including `last`. */
eg_status eg_compile(eg_unit *unit, const char *last);
eg_status eg_pass_run(eg_unit *unit, const char *name); /* one pass, for tests */

/* ---- rewriting ---------------------------------------------------------------------------------------------------- */

typedef struct eg_rewrite {
    eg_unit *unit;
    eg_graph *from, *to;
    eg_value **map;        /* map[old id] = new value, NULL until visited */
    int *uses;             /* uses[old id]: how many inputs and roots read it */
    void *user;
} eg_rewrite;

/* Returns the replacement of `old` in rewrite->to; `in` are its inputs' replacements. NULL: copy it as it is. */
typedef eg_value *(*eg_rewrite_fn)(eg_rewrite *rewrite, const eg_value *old, eg_value **in);

/* Visits every needed value in order, then swaps the unit's graph. The engine of most passes. */
eg_status eg_rewrite_unit(eg_unit *unit, eg_rewrite_fn fn, void *user);

/* ---- the passes ----------------------------------------------------------------------------------------------------- */

eg_status eg_pass_dead(eg_unit *unit);       /* drops what no root needs                                      */
eg_status eg_pass_fold(eg_unit *unit);       /* computes what depends on constants only                       */
eg_status eg_pass_common(eg_unit *unit);     /* merges equal subexpressions                                   */
eg_status eg_pass_simplify(eg_unit *unit);   /* algebra: x*1, x+0, reshape of reshape, exp(log x), ...          */
eg_status eg_pass_contract(eg_unit *unit);   /* a*b+c -> muladd, matmul + bias row -> matmul with a start value */
eg_status eg_pass_transpose(eg_unit *unit);  /* permutes of the last two axes go into matmul's ta, tb            */
eg_status eg_pass_layout(eg_unit *unit);     /* panels: marks values, inserts pack and unpack                    */
eg_status eg_pass_fuse(eg_unit *unit);       /* elementwise and row-reduction groups, matmul epilogues: FUSED     */
eg_status eg_pass_schedule(eg_unit *unit);   /* reads of a variable before its assign; update groups side by side */

#endif
