/* SPDX-License-Identifier: MIT
 *
 * scan_grad.c: the derivative of a scan is a scan that walks the other way:
 *
 *     carries          the adjoints of the forward carries, and for each captured value the sum of its adjoints so
 * far stacked operands the adjoints of the stacked results, slices of forward operands, and the residuals results the
 * adjoints of the stacked operands
 *
 * The body is differentiated in its own graph (eg_vjp), with parameters without a number as seeds; what that added is
 * copied into the new body, and nothing of the forward scan uses it. Residuals are the forward values that the
 * derivative reads: they become stacked results of the forward scan. A result of a product, a reduction or a
 * transcendental function is kept; what is cheap to compute from what is there anyhow is computed again; what depends
 * on captured values only is computed again too (and moved out of the loop by the compiler).
 *
 * Non-goals: trading more recomputation for less memory.
 */
#include <string.h>
#include "base/arena.h"
#include "ops/family.h"

enum { CHEAP_WORK = 4 }; /* of an elementwise op that is rather computed than kept */

/* What becomes of a value of the body in the derivative's body. */
enum { UNKNOWN, KEPT, AGAIN };

typedef struct backward {
    eg_value *scan;
    eg_body *body; /* the forward one */
    eg_graph *inner;
    int carries, stacked, nin, nout;
    eg_value *const *dout;     /* [nout] */
    eg_arena scratch;          /* of all that follows */
    eg_value **seed;           /* [nout]: params of `inner`; NULL where no adjoint arrives */
    eg_value **found;          /* [nin]: adjoints of the params; NULL: not wanted, or none */
    int n;                     /* values of `inner`, once it is differentiated */
    unsigned char *is_before;  /* [n]: depends on no seed: a forward value */
    unsigned char *is_varying; /* [n]: depends on a carry or a stacked operand */
    unsigned char *fate;       /* [n] */
    unsigned char *needed;     /* [n]: by the derivative; of forward values: read by what is none */
    int *mark, stamp;          /* [n]: visited by the current walk */
    eg_value **map;            /* [n]: in the derivative's body */
    eg_body *made;
    eg_value **operand;        /* of the new scan */
    eg_value **out;            /* its results */
    int *of, nresults;         /* which param of the forward body each is the adjoint of */
} backward;

static int is_param(const backward *b, const eg_value *v) {
    return v->op == EG_OP_PARAM && v->attr.index.index < b->nin && b->body->param[v->attr.index.index] == v;
}

/* ---- differentiating ------------------------------------------------------------------------- */

/* Seeds stand for adjoints: of the float carries, and of what arrived. Their number is not one of the body's. */
static void make_seeds(backward *b) {
    for (int k = 0; k < b->nout; k++) {
        const eg_value *out = b->body->out[k];
        eg_attr attr = { .index = { .index = b->nin + k, .shape = out->shape, .dtype = out->dtype } };
        if (eg_is_float(out->dtype) && (k < b->carries || b->dout[k]))
            b->seed[k] = eg_node(b->inner, EG_OP_PARAM, NULL, 0, &attr);
    }
}

/* A derivative that is nothing but zero. */
static int is_nothing(const eg_value *v) { return v->op == EG_OP_CONST && v->attr.number.number == 0; }

static eg_status differentiate(backward *b, const unsigned char *wanted) {
    int m = 0, n = 0;
    b->seed = EG_ARENA_ARRAY(&b->scratch, eg_value *, b->nout);
    b->found = EG_ARENA_ARRAY(&b->scratch, eg_value *, b->nin);
    eg_value **y = EG_ARENA_ARRAY(&b->scratch, eg_value *, 2 * (b->nout + b->nin));
    if (!b->seed || !b->found || !y) return EG_E_MEMORY;
    eg_value **dy = y + b->nout, **wrt = dy + b->nout, **found = wrt + b->nin;
    make_seeds(b);
    for (int k = 0; k < b->nout; k++) {
        if (!b->seed[k]) continue;
        y[m] = b->body->out[k];
        dy[m++] = b->seed[k];
    }
    for (int i = 0; i < b->nin; i++)
        if (i < b->carries ? eg_is_float(b->body->param[i]->dtype) : wanted[i]) wrt[n++] = b->body->param[i];
    if (m == 0 || n == 0) return EG_OK;
    EG_TRY(eg_vjp(y, dy, m, wrt, n, found));
    for (int i = 0; i < n; i++) {
        int64_t index = wrt[i]->attr.index.index;
        if (index < b->carries || !is_nothing(found[i])) b->found[index] = found[i];
    }
    return EG_OK;
}

/* ---- kept or computed again ------------------------------------------------------------------- */

static void classify(backward *b) {
    memset(b->is_before, 1, (size_t)b->n);
    for (int k = 0; k < b->nout; k++)
        if (b->seed[k]) b->is_before[b->seed[k]->id] = 0;
    for (int id = 0; id < b->n; id++) {
        const eg_value *v = b->inner->values[id];
        b->is_varying[id] = is_param(b, v) && v->attr.index.index < b->carries + b->stacked;
        for (int i = 0; i < v->nin; i++) {
            b->is_before[id] &= b->is_before[v->in[i]->id];
            b->is_varying[id] |= b->is_varying[v->in[i]->id];
        }
    }
}

/* A forward value that must not be computed a second time. */
static int is_dear(const backward *b, const eg_value *v) {
    if (v->op == EG_OP_PARAM) return is_param(b, v) && v->attr.index.index < b->carries;
    if (!b->is_varying[v->id] || (v->def->flags & EG_VIEW)) return 0;
    return !(v->def->flags & EG_ELEMENTWISE) || v->def->work > CHEAP_WORK;
}

static int64_t bytes_of(const eg_value *v) { return eg_count(&v->shape) * (int64_t)eg_dtype_size(v->dtype); }

/* Bytes that must be kept in addition if v is computed again. */
static int64_t missing(backward *b, const eg_value *v) {
    if (b->mark[v->id] == b->stamp || b->fate[v->id] == KEPT) return 0;
    b->mark[v->id] = b->stamp;
    if (is_dear(b, v)) return bytes_of(v);
    int64_t sum = 0;
    for (int i = 0; i < v->nin; i++) sum += missing(b, v->in[i]);
    return sum;
}

/* Has v computed again, out of what is kept. */
static void compute_again(backward *b, const eg_value *v) {
    if (b->fate[v->id] != UNKNOWN) return;
    b->fate[v->id] = is_dear(b, v) ? KEPT : AGAIN;
    for (int i = 0; i < v->nin && b->fate[v->id] == AGAIN; i++) compute_again(b, v->in[i]);
}

static int is_read(const backward *b, int id) { return b->needed[id] && b->is_before[id]; }

static void decide(backward *b) {
    for (int id = 0; id < b->n; id++)
        if (is_read(b, id) && is_dear(b, b->inner->values[id])) b->fate[id] = KEPT;
    for (int id = 0; id < b->n; id++) {
        const eg_value *v = b->inner->values[id];
        if (!is_read(b, id) || b->fate[id] != UNKNOWN) continue;
        b->stamp++;
        if (missing(b, v) <= bytes_of(v))
            compute_again(b, v);
        else
            b->fate[id] = KEPT;
    }
}

/* The derivative reads the forward values that it meets on its way back, and nothing of what these need. */
static eg_status choose(backward *b) {
    size_t n = (size_t)(b->n = b->inner->n);
    b->is_before = EG_ARENA_ARRAY(&b->scratch, unsigned char, 4 * n);
    b->map = EG_ARENA_ARRAY(&b->scratch, eg_value *, n);
    b->mark = EG_ARENA_ARRAY(&b->scratch, int, n);
    if (!b->is_before || !b->map || !b->mark) return EG_E_MEMORY;
    b->is_varying = b->is_before + n;
    b->fate = b->is_varying + n;
    b->needed = b->fate + n;
    classify(b);
    for (int i = 0; i < b->nin; i++)
        if (b->found[i]) b->needed[b->found[i]->id] = 1;
    eg_mark_inputs(b->inner, b->needed, b->is_before);
    decide(b);
    return EG_OK;
}

/* ---- the new scan's operands, which are its body's params --------------------------------------- */

static eg_value *add_operand(backward *b, eg_value *outer, const eg_shape *inner) {
    int index = b->made->nin++;
    b->operand[index] = outer;
    return eg_body_param(b->made, index, outer->dtype, inner);
}

/* An operand that stands for value v of the forward body. */
static void add_for(backward *b, const eg_value *v, eg_value *outer) {
    b->map[v->id] = add_operand(b, outer, &v->shape);
}

/* A forward value as a stacked result of the forward scan. */
static eg_value *residual(const backward *b, eg_value *v) {
    int k = b->carries;
    while (k < b->body->nout && b->body->out[k] != v) k++;
    if (k == b->body->nout && (k = eg_body_add_out(b->body, v)) < 0) return b->scan->graph->poison;
    return eg_part(b->scan, k);
}

static void add_stacked(backward *b) {
    for (int k = b->carries; k < b->nout; k++)
        if (b->seed[k]) add_for(b, b->seed[k], b->dout[k]);
    for (int i = b->carries; i < b->carries + b->stacked; i++) {
        const eg_value *param = b->body->param[i];
        if (b->fate[param->id] == AGAIN) add_for(b, param, b->scan->in[i]);
    }
    for (int id = 0; id < b->n; id++)
        if (b->fate[id] == KEPT) add_for(b, b->inner->values[id], residual(b, b->inner->values[id]));
}

static void add_captured(backward *b) {
    for (int i = b->carries + b->stacked; i < b->nin; i++) {
        const eg_value *param = b->body->param[i];
        if (b->fate[param->id] != AGAIN) continue;
        add_for(b, param, b->scan->in[i]);
        if (!eg_is_poison(b->map[param->id])) b->map[param->id]->layout = param->layout;
    }
}

/* ---- the new scan ------------------------------------------------------------------------------- */

static void copy_values(backward *b) {
    for (int id = 0; id < b->n; id++) {
        int is_new = b->fate[id] == AGAIN || (b->needed[id] && !b->is_before[id]);
        if (is_new && !b->map[id]) b->map[id] = eg_node_copy_mapped(b->made->graph, b->inner->values[id], b->map);
    }
}

static void add_result(backward *b, eg_value *value, int of) {
    b->of[b->nresults] = of;
    b->out[b->nresults++] = value;
}

/* The adjoints of the carries as they are before the loop, zeros where none arrives; and the sums, from zero on. */
static void add_carries(backward *b) {
    for (int i = 0; i < b->carries; i++) {
        if (!b->seed[i]) continue;
        add_for(b, b->seed[i], b->dout[i] ? b->dout[i] : eg_fill_like(b->scan->in[i], 0));
        add_result(b, NULL, i);
    }
    for (int i = b->carries + b->stacked; i < b->nin; i++) {
        const eg_value *in = b->scan->in[i];
        if (b->found[i]) add_result(b, add_operand(b, eg_fill_like(in, 0), &in->shape), i);
    }
}

/* Now that all is there: the next adjoints, the grown sums, the slices. */
static void complete(backward *b) {
    for (int k = 0; k < b->nresults; k++) {
        eg_value *found = b->map[b->found[b->of[k]]->id];
        b->out[k] = b->out[k] ? eg_add(b->out[k], found) : found;
    }
    for (int i = b->carries; i < b->carries + b->stacked; i++)
        if (b->found[i]) add_result(b, b->map[b->found[i]->id], i);
}

/* Each param of the forward body has at most two operands, as a slice or captured, and as a carry; each of its results
 * and each of its values has one. */
static eg_status allocate(backward *b) {
    int most = 2 * b->nin + b->nout + b->n;
    b->operand = EG_ARENA_ARRAY(&b->scratch, eg_value *, most);
    b->out = EG_ARENA_ARRAY(&b->scratch, eg_value *, b->nin);
    b->of = EG_ARENA_ARRAY(&b->scratch, int, b->nin);
    b->made = eg_body_new(b->scan->graph, most);
    if (!b->operand || !b->out || !b->of || !b->made) return EG_E_MEMORY;
    b->made->nin = 0;
    return EG_OK;
}

static eg_status build(backward *b, eg_value **din) {
    eg_graph *graph = b->scan->graph;
    EG_TRY(allocate(b));
    add_carries(b);
    int carries = b->nresults, before = b->made->nin;
    add_stacked(b);
    int stacked = b->made->nin - before;
    add_captured(b);
    if (graph->status != EG_OK) return graph->status;
    copy_values(b);
    complete(b);
    if (b->nresults == 0 || b->made->nin == 0) return EG_OK;
    EG_TRY(eg_body_finish(b->made, b->out, b->nresults));
    eg_attr attr = { .body = { .body = b->made,
                               .steps = b->scan->attr.body.steps,
                               .carries = carries,
                               .stacked = stacked,
                               .reverse = !b->scan->attr.body.reverse } };
    eg_value *scan = eg_node(graph, EG_OP_SCAN, b->operand, b->made->nin, &attr);
    for (int k = 0; k < b->nresults; k++) din[b->of[k]] = eg_part(scan, k);
    return EG_OK;
}

/* ---- the rule ------------------------------------------------------------------------------------- */

void eg_scan_vjp(eg_value *scan, eg_value *const *dout, const unsigned char *wanted, eg_value **din) {
    eg_body *body = scan->attr.body.body;
    backward b = { .scan = scan,
                   .body = body,
                   .inner = body->graph,
                   .carries = scan->attr.body.carries,
                   .stacked = scan->attr.body.stacked,
                   .nin = scan->nin,
                   .nout = body->nout,
                   .dout = dout };
    eg_status status = differentiate(&b, wanted);
    if (status == EG_OK) status = choose(&b);
    if (status == EG_OK) status = build(&b, din);
    if (status != EG_OK && scan->graph->status == EG_OK) eg_poison(scan->graph, status, "scan", "%s", eg_error());
    eg_arena_free(&b.scratch);
}
