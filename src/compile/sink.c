/* SPDX-License-Identifier: MIT
 *
 * sink.c: takes out of loops what can wait until they have ended.
 *
 * A carry that only adds up, s' = s + f(t), with f a product, a sum, a scatter, or movement and sums of these, is no
 * carry any more: what f reads is stacked, and the sum over all steps is one product whose inner axis runs over steps
 * and rows:
 *
 *     sum over t of a[t]' b[t]  =  A' B,  A and B all rows of all steps
 *
 * That is the gradient of a weight in a loop. And a stacked result that no carry needs, y[t] = b[t] W, is computed
 * from the stack of b at once: the gradient of a loop's input, an output layer inside of a loop.
 *
 * The order of summation changes, so results are equal up to rounding only (they are the better rounded ones: a
 * product sums in one chain as well, from 0). Non-goals: moving what is elementwise only. Needs: pruned loops, sums
 * in the form add (simplify); before contract. Keeps: results up to rounding. Breaks: nothing.
 */
#include "compile/loop.h"

#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

typedef struct sinking {
    const eg_value *scan;
    const eg_body *body;
    const eg_graph *from;
    eg_graph *to;
    eg_value *const *in;
    eg_loop loop;
    int64_t steps;
    int *uses;              /* [from->n]: by values and results of the body */
    unsigned char *depends; /* [from->n]: masks of eg_loop_depends; 0: the same in every step */
    unsigned char *feeds;   /* [from->n]: a carry that stays needs it */
    unsigned char *waits;   /* [from->n]: is computed after the loop */
    const eg_value **sum;   /* [carries]: what is added in each step; NULL: a carry that stays */
    eg_value **outer;       /* [from->n]: after the loop; stacked if it depends on anything */
} sinking;

/* ---- carries that add up ------------------------------------------------------------------------------ */

static void count_uses(sinking *s, const unsigned char *needed) {
    for (int id = 0; id < s->from->n; id++) {
        const eg_value *v = s->from->values[id];
        for (int i = 0; needed[id] && i < v->nin; i++) s->uses[v->in[i]->id]++;
    }
    for (int k = 0; k < s->body->nout; k++) s->uses[s->body->out[k]->id]++;
}

static int is_linear(const eg_value *v) {
    return v->op == EG_OP_RESHAPE || v->op == EG_OP_PERMUTE || v->op == EG_OP_PAD || v->op == EG_OP_SLICE ||
           v->op == EG_OP_FLIP || v->op == EG_OP_NEG;
}

/* Can the sum over the steps be computed from stacks, and is it worth it? */
static int can_sum(const sinking *s, const eg_value *v) {
    if (v->op == EG_OP_ADD)
        return eg_same_shape(&v->in[0]->shape, &v->in[1]->shape) && can_sum(s, v->in[0]) && can_sum(s, v->in[1]);
    if (is_linear(v)) return can_sum(s, v->in[0]);
    if (v->op == EG_OP_SUM) return s->depends[v->in[0]->id] && v->in[0]->shape.rank < EG_MAX_RANK;
    if (v->op == EG_OP_SCATTER_ADD)
        return v->attr.scatter.axis == 0 && s->depends[v->in[0]->id] && v->in[0]->shape.rank < EG_MAX_RANK;
    return v->op == EG_OP_MATMUL && v->nin == 2 && v->in[0]->shape.rank == 2 && v->in[1]->shape.rank == 2 &&
           s->depends[v->in[0]->id] && s->depends[v->in[1]->id];
}

/* The other operand of an add that the carry goes through, and through nothing else. */
static const eg_value *addend(const sinking *s, int carry) {
    const eg_value *param = s->body->param[carry], *next = s->body->out[carry];
    if (next->op != EG_OP_ADD || s->uses[next->id] != 1 || s->uses[param->id] != 1) return NULL;
    if (!eg_same_shape(&next->in[0]->shape, &next->in[1]->shape)) return NULL;
    const eg_value *other = next->in[0] == param ? next->in[1] : next->in[1] == param ? next->in[0] : NULL;
    return other && can_sum(s, other) ? other : NULL;
}

/* ---- what waits ------------------------------------------------------------------------------------------- */

static void mark_feeds(sinking *s) {
    for (int i = 0; i < s->scan->attr.body.carries; i++)
        if (!s->sum[i]) s->feeds[s->body->out[i]->id] = 1;
    for (int id = s->from->n - 1; id >= 0; id--) {
        const eg_value *v = s->from->values[id];
        for (int i = 0; s->feeds[id] && i < v->nin; i++) s->feeds[v->in[i]->id] = 1;
    }
}

static unsigned lifted_mask(const sinking *s, const eg_value *v) {
    unsigned mask = 0;
    for (int i = 0; i < v->nin && i < 32; i++) mask |= (unsigned)(s->depends[v->in[i]->id] != 0) << i;
    return mask;
}

/* No carry needs it, it is a product or what is made of one, and all steps of it can be computed at once. */
static void mark_waits(sinking *s) {
    for (int id = 0; id < s->from->n; id++) {
        const eg_value *v = s->from->values[id];
        int heavy = v->op == EG_OP_MATMUL;
        for (int i = 0; i < v->nin; i++) heavy |= s->waits[v->in[i]->id];
        s->waits[id] = heavy && !s->feeds[id] && s->depends[id] && eg_can_lift(v, lifted_mask(s, v));
    }
}

/* ---- what must be stacked for it ---------------------------------------------------------------------------- */

static int is_stacked_operand(const sinking *s, const eg_value *v) {
    return v->op == EG_OP_PARAM && eg_role_of(s->scan, (int)v->attr.index.index) == EG_STACKED;
}

static eg_status want(sinking *s, const eg_value *v) {
    if (!s->depends[v->id] || is_stacked_operand(s, v)) return EG_OK;
    if (!s->waits[v->id]) return eg_loop_result(&s->loop, v);
    for (int i = 0; i < v->nin; i++) EG_TRY(want(s, v->in[i]));
    return EG_OK;
}

static eg_status want_sum(sinking *s, const eg_value *v) {
    int inner = v->op == EG_OP_ADD || is_linear(v);
    for (int i = 0; i < v->nin; i++) EG_TRY(inner ? want_sum(s, v->in[i]) : want(s, v->in[i]));
    return EG_OK;
}

/* ---- after the loop ------------------------------------------------------------------------------------------- */

static eg_value *after(sinking *s, const eg_value *v) {
    eg_value *small[8], **in = v->nin <= 8 ? small : eg_alloc(sizeof *in * (size_t)v->nin);
    if (s->outer[v->id]) return s->outer[v->id];
    if (!in) return eg_poison(s->to, EG_E_MEMORY, "sink", "no memory");
    int varies = s->depends[v->id] != 0, is_made = v->op != EG_OP_PARAM && (!varies || s->waits[v->id]);
    for (int i = 0; is_made && i < v->nin; i++) in[i] = after(s, v->in[i]);
    eg_place was = eg_place_of(s->to, v);
    if (!varies && v->op == EG_OP_PARAM)
        s->outer[v->id] = s->in[v->attr.index.index];
    else if (is_stacked_operand(s, v))
        s->outer[v->id] = s->in[v->attr.index.index];
    else if (!is_made)
        s->outer[v->id] = eg_loop_stack(&s->loop, v);
    else
        s->outer[v->id] = varies ? eg_lift(v, in, lifted_mask(s, v), s->steps) : eg_node_copy(s->to, v, in);
    eg_place_restore(s->to, was);
    if (in != small) eg_free(in);
    return s->outer[v->id];
}

/* A stack of matrices as one matrix [steps x k, n], where the product sums over k; `turned`: they are [n, k]. */
static eg_value *all_rows(sinking *s, const eg_value *v, int turned) {
    eg_value *x = after(s, v);
    eg_attr swap = { .permute = { { 0, 2, 1 } } };
    if (turned && !eg_value_is_poisoned(x)) x = eg_node1(EG_OP_PERMUTE, x, &swap);
    if (eg_value_is_poisoned(x)) return x;
    return eg_reshaped(x, &EG_SHAPE(s->steps * x->shape.dim[1], x->shape.dim[2]));
}

static eg_value *sum_of_products(sinking *s, const eg_value *v) {
    eg_attr attr = { .matmul = { 1, 0 } };
    eg_value *a = all_rows(s, v->in[0], !v->attr.matmul.ta), *b = all_rows(s, v->in[1], v->attr.matmul.tb);
    return eg_node2(EG_OP_MATMUL, a, b, &attr);
}

/* Columns of a matrix: of all rows of all steps, as the product beside it reads them. */
static eg_value *sum_of_sums(sinking *s, const eg_value *v) {
    if (v->in[0]->shape.rank == 2 && v->attr.reduce.mask == 1) {
        eg_attr columns = { .reduce = { .mask = 1 } };
        return eg_reshaped(eg_node1(EG_OP_SUM, all_rows(s, v->in[0], 0), &columns), &v->shape);
    }
    eg_attr attr = { .reduce = { .mask = v->attr.reduce.mask << 1 | 1 } };
    eg_value *sum = eg_node1(EG_OP_SUM, after(s, v->in[0]), &attr);
    return eg_reshaped(sum, &v->shape);
}

/* The index may be the same in every step. */
static eg_value *sum_of_scatters(sinking *s, const eg_value *v) {
    eg_value *index = after(s, v->in[1]);
    eg_attr repeat = { .shape = { eg_stacked_shape(&v->in[1]->shape, s->steps) } };
    if (!s->depends[v->in[1]->id]) index = eg_node1(EG_OP_EXPAND, index, &repeat);
    return eg_node2(EG_OP_SCATTER_ADD, after(s, v->in[0]), index, &v->attr);
}

/* The sum of v over all steps. */
static eg_value *total(sinking *s, const eg_value *v) {
    eg_place was = eg_place_of(s->to, v);
    eg_value *sum;
    if (v->op == EG_OP_ADD)
        sum = eg_node2(EG_OP_ADD, total(s, v->in[0]), total(s, v->in[1]), NULL);
    else if (is_linear(v))
        sum = eg_node1(v->op, total(s, v->in[0]), &v->attr);
    else if (v->op == EG_OP_MATMUL)
        sum = sum_of_products(s, v);
    else if (v->op == EG_OP_SUM)
        sum = sum_of_sums(s, v);
    else
        sum = sum_of_scatters(s, v);
    eg_place_restore(s->to, was);
    return sum;
}

/* ---- the new loop ------------------------------------------------------------------------------------------------
 */

static eg_status list_parts(sinking *s) {
    int carries = s->scan->attr.body.carries;
    for (int i = 0; i < s->body->nin; i++) {
        eg_role role = eg_role_of(s->scan, i);
        if (role == EG_CARRY && s->sum[i]) continue;
        const eg_value *next = role == EG_CARRY ? s->body->out[i] : NULL;
        if (eg_loop_operand(&s->loop, role, s->in[i], s->body->param[i], next) < 0) return EG_E_MEMORY;
    }
    for (int k = carries; k < s->body->nout; k++)
        EG_TRY(s->waits[s->body->out[k]->id] ? want(s, s->body->out[k]) : eg_loop_result(&s->loop, s->body->out[k]));
    for (int i = 0; i < carries; i++)
        if (s->sum[i]) EG_TRY(want_sum(s, s->sum[i]));
    return EG_OK;
}

static eg_status rebuild(sinking *s, eg_value **result) {
    int carries = s->scan->attr.body.carries, carry = 0;
    EG_TRY(eg_loop_start(&s->loop, s->to, s->scan));
    EG_TRY(list_parts(s));
    EG_TRY(eg_loop_build(&s->loop));
    for (int k = 0; k < s->body->nout; k++) {
        const eg_value *out = s->body->out[k];
        if (k >= carries)
            result[k] = s->waits[out->id] ? after(s, out) : eg_loop_stack(&s->loop, out);
        else if (!s->sum[k])
            result[k] = eg_loop_last(&s->loop, carry++);
        else
            result[k] = eg_node2(EG_OP_ADD, s->in[k], total(s, s->sum[k]), NULL);
    }
    return s->to->status;
}

/* Is there anything to take out? */
static int choose(sinking *s, const unsigned char *needed) {
    int any = 0, carries = s->scan->attr.body.carries;
    eg_loop_depends(s->scan, s->depends);
    count_uses(s, needed);
    for (int i = 0; i < carries; i++) any |= (s->sum[i] = addend(s, i)) != NULL;
    mark_feeds(s);
    mark_waits(s);
    for (int k = carries; k < s->body->nout; k++) any |= s->waits[s->body->out[k]->id];
    return any;
}

static eg_status allocate(sinking *s) {
    size_t n = (size_t)s->from->n;
    s->depends = eg_calloc(4, n + 1); /* owns three sets and a spare one */
    s->outer = eg_calloc(n + 1, sizeof *s->outer);
    s->uses = eg_calloc(n + 1, sizeof *s->uses);
    s->sum = eg_calloc((size_t)s->scan->attr.body.carries + 1, sizeof *s->sum);
    if (!s->depends || !s->outer || !s->uses || !s->sum) return EG_E_MEMORY;
    s->feeds = s->depends + (n + 1);
    s->waits = s->depends + 2 * (n + 1);
    return EG_OK;
}

static eg_status sink(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result) {
    sinking s = { .scan = scan,
                  .body = scan->attr.body.body,
                  .from = scan->attr.body.body->graph,
                  .to = loops->rewrite->to,
                  .in = in,
                  .steps = scan->attr.body.steps };
    eg_status status = allocate(&s);
    if (status == EG_OK) {
        unsigned char *needed = s.depends + 3 * ((size_t)s.from->n + 1);
        eg_mark_needed(s.body->out, s.body->nout, needed);
        status = choose(&s, needed) ? rebuild(&s, result) : eg_loop_keep(loops, scan, in, result);
    }
    eg_loop_end(&s.loop);
    eg_free(s.depends);
    eg_free(s.outer);
    eg_free(s.uses);
    eg_free(s.sum);
    return status;
}

eg_status eg_pass_sink(eg_unit *unit) { return eg_rewrite_loops(unit, sink); }
