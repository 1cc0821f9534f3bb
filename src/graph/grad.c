/* SPDX-License-Identifier: MIT
 *
 * grad.c: reverse-mode differentiation, graph to graph.
 *
 * The idea: walk the values from the last to the first (of eg_walk_order, so that sums of adjoints do not depend on
 * the order in which values were built). Each one that lies between `wrt` and `y` (it depends on some
 * wrt, and some y needs it) hands its adjoint to its op's vjp rule, which builds the adjoints of the inputs as more
 * values. What arrives at an input is added up in `add_adjoint`, the one place that also sums over the axes that
 * broadcasting stretched, so that no rule has to. Since the derivatives are values of the same graph, they can be
 * differentiated again.
 *
 * An op of several results (scan) gets the adjoints of all its parts at once, when the walk reaches it: they stand
 * behind it.
 *
 * Only floats carry gradients. A float op without a rule (floor, detach, random) has derivative 0; internal ops,
 * which passes make, cannot be differentiated: differentiate first, compile then.
 */
#include "graph/node.h"

#include "base/status.h"
#include "ops/op.h"
#include "tensor/shape.h"

typedef struct walk {
    eg_graph *graph;
    eg_arena scratch;
    int n;                  /* values before the walk began */
    int *order, ordered;    /* ids of what some y needs, each behind its inputs */
    unsigned char *depends; /* [n]: it is or depends on some wrt, and can carry a gradient */
    eg_value **adjoint;     /* [n]: NULL while nothing arrived */
} walk;

static int is_float(const eg_value *value) { return value->dtype == EG_F32 || value->dtype == EG_F64; }
static int has_parts_rule(const eg_value *value) { return value->def->attr == EG_ATTR_BODY && value->def->vjp_parts; }

/* ---- adjoints -------------------------------------------------------------------------------------------------- */

eg_value *eg_sum_to(eg_value *value, const eg_shape *shape) {
    int extra = value->shape.rank - shape->rank;
    uint32_t mask = 0;
    for (int i = 0; i < value->shape.rank; i++) {
        int stretched = i < extra || (shape->dim[i - extra] == 1 && value->shape.dim[i] != 1);
        mask |= (uint32_t)stretched << i;
    }
    if (mask) value = eg_reduced(EG_OP_SUM, value, mask, extra == 0);
    return eg_reshaped(value, shape);
}

/* The adjoint that v is a multiple of, so many rules back: they multiply from the right. */
static eg_value *multiple_of(const walk *w, eg_value *v, int back) {
    for (; back > 0 && v; back--) v = v->op == EG_OP_MUL && v->id >= w->n ? v->in[0] : NULL;
    return v;
}

static eg_value *factor_of(eg_value *v, int back) {
    return back == 1 ? v->in[1] : eg_mul(factor_of(v->in[0], back - 1), v->in[1]);
}

/* u + v; g a + g b becomes g (a + b): a function's derivative is one factor then, known before g is. */
static eg_value *sum_of(const walk *w, eg_value *u, eg_value *v) {
    enum { MOST = 4 };
    for (int i = 1; i <= MOST; i++)
        for (int k = 1; k <= MOST; k++) {
            eg_value *g = multiple_of(w, u, i);
            if (!g || multiple_of(w, v, k) != g || !eg_same_shape(&g->shape, &u->shape)) continue;
            eg_value *a = factor_of(u, i), *b = factor_of(v, k);
            return a == b ? eg_node2(EG_OP_ADD, u, v, NULL) : eg_mul(g, eg_add(a, b));
        }
    return eg_node2(EG_OP_ADD, u, v, NULL);
}

/* Adds one contribution to the adjoint of `value`. A rule may also hand in less than the full shape (a scalar for all
 * elements): that is stretched. */
static void add_adjoint(walk *w, const eg_value *value, eg_value *part) {
    eg_value **total = &w->adjoint[value->id];
    eg_shape both;
    if (eg_broadcast(&part->shape, &value->shape, &both) == EG_OK) part = eg_expanded(part, &both);
    part = eg_sum_to(part, &value->shape);
    *total = *total ? sum_of(w, *total, part) : part;
}

/* ---- the walk -------------------------------------------------------------------------------------------------- */

static eg_status walk_start(walk *w, eg_graph *graph) {
    *w = (walk){ .graph = graph, .n = graph->n };
    w->order = EG_ARENA_ARRAY(&w->scratch, int, 3 * w->n);
    w->depends = EG_ARENA_ARRAY(&w->scratch, unsigned char, w->n);
    w->adjoint = EG_ARENA_ARRAY(&w->scratch, eg_value *, w->n);
    return w->order && w->depends && w->adjoint ? EG_OK : EG_E_MEMORY;
}

/* depends[id], from the first value to the last: a wrt, or a float with a rule and an input that depends. */
static void mark_depends(walk *w, eg_value *const *wrt, int n) {
    for (int i = 0; i < n; i++) w->depends[wrt[i]->id] = 1;
    for (int id = 0; id < w->n; id++) {
        const eg_value *value = w->graph->values[id];
        int has_rule = value->def->vjp || value->def->flags & EG_INTERNAL;
        int carries = (has_rule && is_float(value)) || has_parts_rule(value);
        for (int i = 0; carries && i < value->nin; i++)
            if (w->depends[value->in[i]->id]) w->depends[id] = 1;
    }
}

/* Whether the walk must go behind this value: some input wants the adjoint. */
static int goes_on(const walk *w, const eg_value *value) {
    if (!w->depends[value->id]) return 0;
    if (!w->adjoint[value->id] && !has_parts_rule(value)) return 0;
    for (int i = 0; i < value->nin; i++)
        if (w->depends[value->in[i]->id]) return 1;
    return 0;
}

/* The adjoints of all results of a value; 0 if there is none. */
static int gather_parts(walk *w, const eg_value *value, eg_value **dout) {
    int any = w->adjoint[value->id] != NULL;
    dout[0] = w->adjoint[value->id];
    for (int id = value->id + 1; id < w->n; id++) {
        const eg_value *part = w->graph->values[id];
        if (part->op != EG_OP_PART || part->in[0] != value || !w->adjoint[id]) continue;
        eg_value **total = &dout[part->attr.index.index];
        *total = *total ? eg_node2(EG_OP_ADD, *total, w->adjoint[id], NULL) : w->adjoint[id];
        any = 1;
    }
    return any;
}

static int is_wanted(const walk *w, const eg_value *in) { return w->depends[in->id] && is_float(in); }

/* Hands the adjoint to the rule, which fills din. */
static eg_status apply_rule(walk *w, eg_value *value, eg_value **din) {
    if (!has_parts_rule(value)) {
        value->def->vjp(value, w->adjoint[value->id], din);
        return EG_OK;
    }
    unsigned char *wanted = EG_ARENA_ARRAY(&w->scratch, unsigned char, value->nin);
    eg_value **dout = EG_ARENA_ARRAY(&w->scratch, eg_value *, value->attr.body.body->nout);
    if (!wanted || !dout) return EG_E_MEMORY;
    for (int i = 0; i < value->nin; i++) wanted[i] = (unsigned char)is_wanted(w, value->in[i]);
    if (gather_parts(w, value, dout)) value->def->vjp_parts(value, dout, wanted, din);
    return EG_OK;
}

/* A part hands nothing on: its whole collects it. */
static int is_collected(const eg_value *value) { return value->op == EG_OP_PART && has_parts_rule(value->in[0]); }

/* One value's rule; the new values keep the place and scope of the one that they are the derivative of. */
static void step_back(walk *w, eg_value *value) {
    if (!value->def->vjp) {
        if ((value->def->flags & EG_INTERNAL) && !is_collected(value))
            eg_poison(w->graph, EG_E_UNSUPPORTED, value->def->name,
                      "has no derivative: differentiate before compiling");
        return;
    }
    eg_place was = eg_place_of(w->graph, value);
    eg_value **din = EG_ARENA_ARRAY(&w->scratch, eg_value *, value->nin);
    if (!din || apply_rule(w, value, din) != EG_OK) eg_poison(w->graph, EG_E_MEMORY, "grad", "no memory");
    for (int i = 0; i < value->nin && w->graph->status == EG_OK; i++)
        if (din[i] && is_wanted(w, value->in[i])) add_adjoint(w, value->in[i], din[i]);
    eg_place_restore(w->graph, was);
}

static void walk_back(walk *w, eg_value *const *y, eg_value *const *seeds, int m) {
    w->ordered = eg_walk_order(y, m, w->order, w->order + w->n);
    for (int j = 0; j < m; j++)
        if (w->depends[y[j]->id]) add_adjoint(w, y[j], seeds[j]);
    for (int i = w->ordered - 1; i >= 0 && w->graph->status == EG_OK; i--) {
        eg_value *value = w->graph->values[w->order[i]];
        if (goes_on(w, value)) step_back(w, value);
    }
}

/* ---- the public calls ------------------------------------------------------------------------------------------ */

/* A value that may be differentiated, of this graph. */
static int is_fit(eg_graph *graph, const eg_value *value, const char *what, int i) {
    if (!value || value->graph != graph)
        eg_poison(graph, EG_E_ARGUMENT, "grad", "%s %d is %s", what, i, value ? "a value of another graph" : "NULL");
    else if (!is_float(value) && !eg_is_poison(value))
        eg_poison(graph, EG_E_DTYPE, "grad", "%s %d is %s: only f32 and f64 have gradients", what, i,
                  eg_dtype_name(value->dtype));
    return graph->status == EG_OK;
}

static void check_all(eg_graph *graph, eg_value *const *y, eg_value *const *seeds, int m, eg_value *const *wrt,
                      int n) {
    for (int j = 0; j < m; j++) {
        if (!is_fit(graph, y[j], "result", j) || !is_fit(graph, seeds[j], "seed", j)) return;
        if (y[j]->dtype != seeds[j]->dtype || !eg_same_shape(&y[j]->shape, &seeds[j]->shape))
            eg_poison(graph, EG_E_SHAPE, "grad", "seed %d is %s, its result is %s", j,
                      eg_type_words(seeds[j]->dtype, &seeds[j]->shape), eg_type_words(y[j]->dtype, &y[j]->shape));
    }
    for (int i = 0; i < n; i++)
        if (!is_fit(graph, wrt[i], "wrt", i)) return;
}

static void find(eg_graph *graph, eg_value *const *y, eg_value *const *seeds, int m, eg_value *const *wrt, int n,
                 eg_value **out) {
    walk w;
    if (walk_start(&w, graph) != EG_OK) {
        eg_poison(graph, EG_E_MEMORY, "grad", "no memory");
    } else {
        mark_depends(&w, wrt, n);
        walk_back(&w, y, seeds, m);
    }
    for (int i = 0; i < n && graph->status == EG_OK; i++)
        out[i] = w.adjoint[wrt[i]->id] ? w.adjoint[wrt[i]->id] : eg_fill_like(wrt[i], 0);
    eg_arena_free(&w.scratch);
}

eg_status eg_vjp(eg_value *const *y, eg_value *const *seeds, int m, eg_value *const *wrt, int n, eg_value **out) {
    eg_graph *graph = m > 0 && y[0] ? y[0]->graph : NULL;
    eg_value *poison =
        graph ? graph->poison : eg_poison(NULL, EG_E_ARGUMENT, "grad", "there is nothing to differentiate");
    if (graph && graph->status == EG_OK) check_all(graph, y, seeds, m, wrt, n);
    if (graph && graph->status == EG_OK) find(graph, y, seeds, m, wrt, n, out);
    eg_status status = eg_graph_status(graph);
    for (int i = 0; i < n && status != EG_OK; i++) out[i] = poison;
    return status == EG_OK || !graph ? status : eg_fail(status, "%s", graph->error);
}

eg_status eg_grad(eg_value *loss, eg_value *const *wrt, int n, eg_value **out) {
    if (loss && loss->graph->status == EG_OK && loss->shape.rank != 0)
        eg_poison(loss->graph, EG_E_SHAPE, "grad", "the loss has shape %s: take eg_sum or eg_mean of it first",
                  eg_shape_words(&loss->shape));
    eg_value *seed = loss && is_float(loss) && !eg_is_poison(loss) ? eg_fill_like(loss, 1) : loss;
    return eg_vjp(&loss, &seed, 1, wrt, n, out);
}
