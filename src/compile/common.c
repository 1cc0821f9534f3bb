/* SPDX-License-Identifier: MIT
 *
 * common.c: merges equal subexpressions by hash-consing: a value whose op, attributes and (merged) inputs were seen
 * before is that earlier value. Inputs of commutative ops are put in one order first: large before small, of one size
 * more axes before fewer, constants last (later patterns rely on that), then what a walk from the roots meets first.
 * When they were built would not do: a C compiler may evaluate the arguments of a call in any order, and which product of
 * a sum becomes its muladd, and so bits, follows from the order here. Random values of the same step and site are equal
 * by definition and are merged; assigns are not.
 * Needs: nothing. Keeps: all bits (a NaN's payload aside). Breaks: nothing.
 */
#include "compile/pass.h"
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

typedef struct seen {
    eg_value **slot;
    size_t mask; /* slots - 1, a power of two at least twice the number of values */
    int *place;  /* [old id]: in eg_walk_order */
    int *now;    /* [new id]: the place of the first value that became it */
} seen;

/* Should `b` stand before `a`? */
static int comes_before(const seen *table, const eg_value *b, const eg_value *a) {
    int constant_a = a->op == EG_OP_CONST, constant_b = b->op == EG_OP_CONST;
    if (constant_a != constant_b) return constant_a;
    int64_t size_a = eg_count(&a->shape), size_b = eg_count(&b->shape);
    if (size_a != size_b) return size_b > size_a;
    if (a->shape.rank != b->shape.rank) return b->shape.rank > a->shape.rank; /* [1] stands as [2] would */
    return table->now[b->id] < table->now[a->id];
}

static eg_value *seen_or_new(seen *table, eg_value *value) {
    size_t i = (size_t)eg_node_hash(value) & table->mask;
    for (; table->slot[i]; i = (i + 1) & table->mask)
        if (eg_node_equal(table->slot[i], value)) return table->slot[i];
    table->slot[i] = value;
    return value;
}

static eg_value *common(eg_rewrite *r, const eg_value *old, eg_value **in) {
    seen *table = r->user;
    if (old->def->flags & EG_EFFECT) return NULL;
    if ((old->def->flags & EG_COMMUTATIVE) && comes_before(table, in[1], in[0])) {
        eg_value *first = in[0];
        in[0] = in[1];
        in[1] = first;
    }
    eg_value *now = eg_rewrite_copy(r, old, in);
    if (r->to->status != EG_OK) return now;
    eg_value *first = seen_or_new(table, now);
    if (first == now) table->now[now->id] = table->place[old->id];
    return first;
}

eg_status eg_pass_common(eg_unit *unit) {
    seen table = { 0 };
    size_t values = (size_t)unit->graph->n, size = 16;
    while (size < 2 * values) size *= 2;
    table.mask = size - 1;
    table.slot = eg_calloc(size, sizeof *table.slot);
    table.place = eg_calloc(5 * values + 1, sizeof *table.place);
    eg_status status = EG_E_MEMORY;
    if (table.slot && table.place) {
        table.now = table.place + values;
        int *order = table.now + values, n = eg_walk_order(unit->root, unit->nroots, order, order + values);
        for (int i = 0; i < n; i++) table.place[order[i]] = i;
        status = eg_rewrite_unit(unit, common, &table);
    }
    eg_free(table.slot);
    eg_free(table.place);
    return status;
}
