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

#include "base/status.h"
#include "ops/op.h"

typedef struct sinking {
    eg_loop *loop;
    unsigned char *uses;  /* of the body's values: by values and results of the body; 2: or more */
    unsigned char *feeds; /* a carry that stays needs it */
    unsigned char *waits; /* it is computed after the loop */
    const eg_value **sum; /* [carries]: what is added in each step; NULL: a carry that stays */
} sinking;

/* ---- carries that add up ------------------------------------------------------------------------------ */

static void use(sinking *s, const eg_value *v) {
    if (s->uses[v->id] < 2) s->uses[v->id]++;
}

static void count_uses(sinking *s) {
    unsigned char *needed = s->loop->set[3];
    eg_mark_needed(s->loop->body->out, s->loop->body->nout, needed);
    for (int id = 0; id < s->loop->from->n; id++) {
        const eg_value *v = s->loop->from->values[id];
        for (int i = 0; needed[id] && i < v->nin; i++) use(s, v->in[i]);
    }
    for (int k = 0; k < s->loop->body->nout; k++) use(s, s->loop->body->out[k]);
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
    if (v->op == EG_OP_SUM) return s->loop->depends[v->in[0]->id] && v->in[0]->shape.rank < EG_MAX_RANK;
    if (v->op == EG_OP_SCATTER_ADD)
        return v->attr.scatter.axis == 0 && s->loop->depends[v->in[0]->id] && v->in[0]->shape.rank < EG_MAX_RANK;
    return v->op == EG_OP_MATMUL && v->nin == 2 && v->in[0]->shape.rank == 2 && v->in[1]->shape.rank == 2 &&
           s->loop->depends[v->in[0]->id] && s->loop->depends[v->in[1]->id];
}

/* The other operand of an add that the carry goes through, and through nothing else. */
static const eg_value *addend(const sinking *s, int carry) {
    const eg_value *param = s->loop->body->param[carry], *next = s->loop->body->out[carry];
    if (next->op != EG_OP_ADD || s->uses[next->id] != 1 || s->uses[param->id] != 1) return NULL;
    if (!eg_same_shape(&next->in[0]->shape, &next->in[1]->shape)) return NULL;
    const eg_value *other = next->in[0] == param ? next->in[1] : next->in[1] == param ? next->in[0] : NULL;
    return other && can_sum(s, other) ? other : NULL;
}

/* ---- what waits ------------------------------------------------------------------------------------------- */

static void mark_feeds(sinking *s) {
    for (int i = 0; i < s->loop->carries; i++)
        if (!s->sum[i]) s->feeds[s->loop->body->out[i]->id] = 1;
    eg_mark_inputs(s->loop->from, s->feeds, NULL);
}

/* No carry needs it, it is a product or what is made of one, and all steps of it can be computed at once. */
static void mark_waits(sinking *s) {
    for (int id = 0; id < s->loop->from->n; id++) {
        const eg_value *v = s->loop->from->values[id];
        int heavy = v->op == EG_OP_MATMUL;
        for (int i = 0; i < v->nin; i++) heavy |= s->waits[v->in[i]->id];
        s->waits[id] = heavy && !s->feeds[id] && s->loop->depends[id] && eg_can_lift(v, eg_loop_lifted(s->loop, v));
    }
}

/* ---- what must be stacked for it ---------------------------------------------------------------------------- */

/* Does it come out of the loop if it is read behind it? What is the same in every step, or a stack, is there. */
static int comes_out(const sinking *s, const eg_value *v) {
    int is_there = v->op == EG_OP_PARAM && s->loop->depends[v->id] == 1 << EG_STACKED;
    return s->loop->depends[v->id] && !s->waits[v->id] && !is_there;
}

static void want(sinking *s, const eg_value *v) {
    if (comes_out(s, v)) eg_loop_stacked(s->loop, v);
    for (int i = 0; s->waits[v->id] && i < v->nin; i++) want(s, v->in[i]);
}

static void want_sum(sinking *s, const eg_value *v) {
    int inner = v->op == EG_OP_ADD || is_linear(v);
    for (int i = 0; i < v->nin; i++) inner ? want_sum(s, v->in[i]) : want(s, v->in[i]);
}

/* ---- after the loop ------------------------------------------------------------------------------------------- */

static eg_value *after(sinking *s, const eg_value *v) { return eg_loop_outside(s->loop, v); }

/* A stack of matrices as one matrix [steps x k, n], where the product sums over k; `turned`: they are [n, k]. */
static eg_value *all_rows(sinking *s, const eg_value *v, int turned) {
    eg_value *x = after(s, v);
    eg_attr swap = { .permute = { { 0, 2, 1 } } };
    if (turned) x = eg_node1(EG_OP_PERMUTE, x, &swap);
    if (eg_is_poison(x)) return x;
    return eg_reshaped(x, &EG_SHAPE(s->loop->steps * x->shape.dim[1], x->shape.dim[2]));
}

static eg_value *sum_of_products(sinking *s, const eg_value *v) {
    eg_attr attr = { .matmul = { 1, 0 } };
    eg_value *a = all_rows(s, v->in[0], !v->attr.matmul.ta), *b = all_rows(s, v->in[1], v->attr.matmul.tb);
    return eg_node2(EG_OP_MATMUL, a, b, &attr);
}

/* Columns of a matrix: of all rows of all steps, as the product beside it reads them. */
static eg_value *sum_of_sums(sinking *s, const eg_value *v) {
    int is_columns = v->in[0]->shape.rank == 2 && v->attr.reduce.mask == 1;
    eg_value *all = is_columns ? all_rows(s, v->in[0], 0) : after(s, v->in[0]);
    return eg_reshaped(eg_reduced(EG_OP_SUM, all, is_columns ? 1 : v->attr.reduce.mask << 1 | 1, 0), &v->shape);
}

/* The index may be the same in every step. */
static eg_value *sum_of_scatters(sinking *s, const eg_value *v) {
    eg_value *index = after(s, v->in[1]);
    if (!s->loop->depends[v->in[1]->id]) index = eg_repeated(index, s->loop->steps);
    return eg_node2(EG_OP_SCATTER_ADD, after(s, v->in[0]), index, &v->attr);
}

/* The sum of v over all steps. */
static eg_value *total(sinking *s, const eg_value *v) {
    eg_place was = eg_place_of(s->loop->to, v);
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
    eg_place_restore(s->loop->to, was);
    return sum;
}

/* ---- the new loop ----------------------------------------------------------------------------------------------- */

static void list_parts(sinking *s) {
    eg_loop *loop = s->loop;
    for (int i = 0; i < loop->body->nin; i++)
        if (i >= loop->carries || !s->sum[i]) eg_loop_same_operand(loop, i);
    for (int k = loop->carries; k < loop->body->nout; k++) {
        const eg_value *out = loop->body->out[k];
        if (s->waits[out->id]) want(s, out);
        else eg_loop_stacked(loop, out);
    }
    for (int i = 0; i < loop->carries; i++)
        if (s->sum[i]) want_sum(s, s->sum[i]);
}

static eg_status rebuild(sinking *s) {
    eg_loop *loop = s->loop;
    int carry = 0;
    list_parts(s);
    EG_TRY(eg_loop_build(loop));
    for (int k = 0; k < loop->nstacks; k++) {
        const eg_value *v = loop->stack[k];
        if (comes_out(s, v)) loop->outer[v->id] = eg_loop_stack(loop, v);
    }
    for (int k = 0; k < loop->body->nout; k++) {
        const eg_value *out = loop->body->out[k];
        if (k >= loop->carries)
            loop->result[k] = s->waits[out->id] ? after(s, out) : eg_loop_stack(loop, out);
        else if (!s->sum[k])
            loop->result[k] = eg_loop_last(loop, carry++);
        else
            loop->result[k] = eg_node2(EG_OP_ADD, loop->in[k], total(s, s->sum[k]), NULL);
    }
    return loop->to->status;
}

/* Is there anything to take out? */
static int choose(sinking *s) {
    const eg_loop *loop = s->loop;
    int any = 0;
    count_uses(s);
    for (int i = 0; i < loop->carries; i++) any |= (s->sum[i] = addend(s, i)) != NULL;
    mark_feeds(s);
    mark_waits(s);
    for (int k = loop->carries; k < loop->body->nout; k++) any |= s->waits[loop->body->out[k]->id];
    return any;
}

static eg_status sink(eg_loop *loop) {
    sinking s = { loop, loop->set[0], loop->set[1], loop->set[2],
                  EG_ARENA_ARRAY(&loop->scratch, const eg_value *, loop->carries) };
    if (!s.sum) return EG_E_MEMORY;
    return choose(&s) ? rebuild(&s) : eg_loop_keep(loop);
}

eg_status eg_pass_sink(eg_unit *unit) { return eg_rewrite_loops(unit, sink); }
