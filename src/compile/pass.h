/* SPDX-License-Identifier: MIT
 *
 * pass.h: the compiler. A unit holds a graph and its roots; each pass replaces the graph by a better one. Passes
 * never edit nodes: they copy what they keep (eg_rewrite) and build what they change. The list of passes, in order,
 * is eg_passes in compile.c; each file of this folder is one pass and starts with its contract: needs / keeps /
 * breaks.
 *
 * Each pass runs on the bodies of scans too, as units of their own, from the inside out.
 *
 * EG_DUMP=<pass>[,<pass>...] or EG_DUMP=all prints the graph text before and after (dump.c).
 */
#ifndef EG_COMPILE_PASS_H
#define EG_COMPILE_PASS_H

#include "graph/node.h"

typedef struct eg_unit {
    eg_graph *graph;       /* owned */
    eg_value **root;       /* [nroots]: values that are fetched, and ASSIGN nodes; allocated with eg_alloc */
    int nroots;
    /* What may be done. `fuse`: fused groups, epilogues. `layout`: panels. Off: simple steps, same results up to
     * rounding (bit-equal after contract). `fused_muladd`: the kernels round multiply-add once. */
    int fuse, layout, fused_muladd;
} eg_unit;

typedef struct eg_pass {
    const char *name;
    eg_status (*run)(eg_unit *unit);
} eg_pass;

extern const eg_pass eg_passes[]; /* ends with a NULL name */

/* Copies the values that roots need into a new unit; all three switches are on. On failure the unit is empty. */
eg_status eg_unit_new(eg_unit *unit, eg_value *const *roots, int n);
void eg_unit_free(eg_unit *unit);
/* Runs all passes (with the verifier after each in debug builds and sanitized ones, or with EG_VERIFY=1), or those up to and including
 * the last one called `last`. A failed unit is still whole: what its last good pass left. */
eg_status eg_compile(eg_unit *unit, const char *last);
eg_status eg_pass_run(eg_unit *unit, const char *name); /* one pass, for tests */

/* ---- EG_DUMP ------------------------------------------------------------------------------------------------- */

/* Does EG_DUMP ask for this: the name of a pass, or "plan", the memory plan that the runtime makes behind them? */
int eg_dump_wanted(const char *name);
void eg_dump(const char *when, const char *name, const char *text);
void eg_dump_check(void); /* says which of EG_DUMP's words are none */

/* ---- rewriting ----------------------------------------------------------------------------------------------- */

typedef struct eg_rewrite {
    eg_unit *unit;
    eg_graph *from, *to;
    eg_value **map;        /* map[old id] = new value, NULL until visited */
    int *uses;             /* uses[old id]: how many inputs and roots read it */
    eg_arena scratch;      /* freed behind the pass */
    void *user;
    int is_lent;           /* `from` is the user's */
} eg_rewrite;

/* Returns the replacement of `old` in rewrite->to; `in` are its inputs' replacements. NULL: copy it as it is. */
typedef eg_value *(*eg_rewrite_fn)(eg_rewrite *rewrite, const eg_value *old, eg_value **in);

/* The value as it is, in the new graph. A body goes over instead of being copied, unless the old graph is the user's. */
eg_value *eg_rewrite_copy(eg_rewrite *rewrite, const eg_value *old, eg_value *const *in);

/* Visits every needed value in order, then swaps the unit's graph. The engine of most passes. */
eg_status eg_rewrite_unit(eg_unit *unit, eg_rewrite_fn fn, void *user);
/* The same for the values order[0..n) (old ids, each behind its inputs); a value that is not listed must get its map
 * entry from fn before anyone reads it. */
eg_status eg_rewrite_ordered(eg_unit *unit, const int *order, int n, eg_rewrite_fn fn, void *user);

/* Sorts n things so that edge[i][0] comes before edge[i][1] for all m edges; of those that are ready the one with
 * the smallest key is next (ties: the smaller number). INTERNAL if there is a cycle. */
eg_status eg_order(int n, int (*edge)[2], int m, const int64_t *key, int *order);

/* ---- the passes ---------------------------------------------------------------------------------------------- */

eg_status eg_pass_dead(eg_unit *unit);       /* drops what no root needs                                      */
eg_status eg_pass_fold(eg_unit *unit);       /* computes what depends on constants only                       */
eg_status eg_pass_common(eg_unit *unit);     /* merges equal subexpressions                                   */
eg_status eg_pass_simplify(eg_unit *unit);   /* algebra: x*1, x+0, reshape of reshape, ...          */
eg_status eg_pass_contract(eg_unit *unit);   /* a*b+c -> muladd, matmul + bias row -> matmul with a start value */
eg_status eg_pass_prune(eg_unit *unit);      /* what loops carry and stack for nobody; loops of no or one step     */
eg_status eg_pass_hoist(eg_unit *unit);      /* out of loops before they begin: what depends on no carry         */
eg_status eg_pass_sink(eg_unit *unit);       /* out of loops after their end: sums over steps, products of results */
eg_status eg_pass_flatten(eg_unit *unit);    /* on matrices that are seen with more axes: on the matrix         */
eg_status eg_pass_transpose(eg_unit *unit);  /* permutes of the last two axes go into matmul's ta, tb            */
eg_status eg_pass_lower(eg_unit *unit);      /* argmax compared with labels: in ops that groups have              */
eg_status eg_pass_layout(eg_unit *unit);     /* panels: marks values, inserts pack and unpack                    */
eg_status eg_pass_invariant(eg_unit *unit);  /* out of loops: what layout put there and is the same in every step */
eg_status eg_pass_fuse(eg_unit *unit);       /* elementwise and row-reduction groups, matmul epilogues: FUSED     */
eg_status eg_pass_schedule(eg_unit *unit);   /* reads of a variable before its assign; update groups side by side */

/* ---- the normal form of a compiled graph ----------------------------------------------------------------------
 *
 * What an executor is given after the last pass. Everything said here is checked by eg_compiled_verify.
 *
 * ORDER. graph->values in order is the order of execution; roots are in the order that was asked for.
 *
 * SIMPLE STEPS. Any op of ops.def may stand alone, of any dtype and rank, all inputs and results in ROWS (but for
 * what is said under layout). With unit->fuse, what is left alone is what no group can hold: movement, f64 and
 * integer arithmetic, casts to integers, matmul without epilogue, gather, random, reductions that are not over
 * trailing axes or have longer rows. RESHAPE is always a view of ROWS (no work; it is what "view" means below).
 * DETACH, of any dtype, is a copy that schedule asked for. CONST is a filled tensor.
 *
 * GROUPS. A FUSED node has inputs in[0..nin), its body's params in the same order with the same dtype, shape and
 * layout. Output 0 is the FUSED node itself, output i > 0 is PART{i} of it; each PART stands right behind its FUSED
 * node. No output is a param, none appears twice, each is read by someone. nin + nout <= EG_GROUP_OPERANDS, at most
 * EG_GROUP_NODES nodes. Body nodes stand in order of execution. There are two kinds:
 *
 * (1) strip groups. Space [R,C] = eg_body_space(). Every value in the body has rank <= 2 and, aligned to the right,
 *     each dim is 1 or that of the space: [R,C] full, [R,1] row value, [C] or [1,C] column value, [] or [1] or
 *     [1,1] scalar. Nodes:
 *       PARAM      f32; u8 (a mask, or bytes); i32, read by CAST to f32 only
 *       CONST      f32, u8: one element       IOTA  f32 along the last axis: [C] or [1,C]
 *       f32 elementwise ops (strip != 0 in the op table, that is one strip instruction), compares f32 -> u8,
 *       WHERE with a u8 condition, CAST u8 -> f32 (nothing to do in float registers) and i32 -> f32 (of a param)
 *       EXPAND     to a broadcast shape: a COPY
 *       SUM MAX MIN LOGSUMEXP over the last axis with keep = 1 (full -> [R,1]; [C] -> [1]); then C <= EG_GROUP_ROW
 *     A group with R = 1 over a whole tensor of any rank gets its operands through RESHAPE views outside.
 *     LOGSUMEXP means these bits everywhere: m = max x, m0 = |m| < inf ? m : 0, s = sum e^(x - m0), m0 + ln s.
 *     Row reductions sum by the rule of kernels.h. Simple steps keep the same bits: when the reduced axes longer
 *     than 1 are the last of the axes longer than 1, they are one row of their product; when they are the first,
 *     column_reduce, in order of the rows.
 * (2) product groups. Exactly one MATMUL (rank 2, ta, tb as below, all its inputs PARAMs; f32) of shape [M,N], or one
 *     plain CONV (f32, inputs PARAMs of rank 3 or 4 in ROWS) with the flag `rows`, that is of shape [M,N] too; the
 *     other nodes are elementwise as in (1) over the space [M,N] (row, column and scalar operands allowed) without
 *     reductions and ramps, or SUM over axis 0 (keep 0: [N]; keep 1: [1,N]) of the PARAM that is the product's B (in
 *     ROWS, tb = 0, N > 1): its column sums, always an output, read by no other node of the body. The MATMUL itself
 *     may be an output too.
 *
 * MATMUL. in = a, b and optionally start, f32 [N]: the accumulators' first value (rank 2 only). With unit->layout,
 * every rank-2 f32 product has tb = 0 and B in ROWS or PANELS; A may be in PANELS only with ta = 0 (runs of 32).
 * Without unit->layout, and for rank > 2 or other dtypes, all is in ROWS and tb may be 1.
 *
 * LAYOUT. PANELS occur as: VAR of eg_weight and what is assigned to it; inputs A, B and the result of rank-2 f32
 * MATMUL; groups in which EVERY operand and result is either PANELS of one shape [k,n] or a scalar (a flat loop over
 * ceil(n/32) * k * 32 elements: the executor must leave zeros in padding lanes, whatever f(0) is; inside, u8 masks
 * lie in panels too); simple elementwise steps of the same kind, without unit->fuse; product groups whose [M,N]
 * values are all PANELS; PACK, UNPACK.
 * PACK{transpose 0}: ROWS -> PANELS; PACK{transpose 1}: ROWS or PANELS [n,k] -> PANELS [k,n]; UNPACK: PANELS -> ROWS.
 *
 * ASSIGN. A root; in = VAR, new value (same layout, dtype, shape; the value may be a FUSED, PART, MATMUL, view,
 * INPUT ..., but no VAR or view of one). It stands where the store may happen: no node behind it reads the VAR or a
 * view of it, and no root is such a VAR or view (schedule puts a DETACH there). Each ASSIGN stands at once behind its
 * value's last PART when that is allowed. Its producer may write straight into the variable when no node between
 * producer and ASSIGN reads the VAR, and the producer itself is a strip group that reads the VAR as a PARAM of the
 * result's own shape (element by element), or does not read it. */
enum {
    EG_GROUP_OPERANDS = 16, /* params + outputs of a body */
    EG_GROUP_NODES = 64,    /* nodes of a body */
    EG_GROUP_ROW = 8192     /* longest row with a reduction in a group */
};

/* The space [R,C] of a group: the largest extents of its values, right-aligned (of a product group: [M,N]). */
void eg_body_space(const eg_body *body, int64_t *rows, int64_t *columns);
/* The product of a product group; NULL for a strip group. */
const eg_value *eg_body_product(const eg_body *body);
/* Checks the normal form. */
eg_status eg_compiled_verify(const eg_unit *unit);

#endif
