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
#include "base/alloc.h"
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
    eg_value **seed;           /* [nout]: params of `inner`; NULL where no adjoint arrives */
    eg_value **found;          /* [nin]: adjoints of the params; NULL: not wanted, or none */
    int n;                     /* values of `inner`, once it is differentiated */
    unsigned char *is_after;   /* [n]: depends on a seed */
    unsigned char *is_varying; /* [n]: depends on a carry or a stacked operand */
    unsigned char *fate;       /* [n] */
    unsigned char *needed;     /* [n]: of the derivative's body */
    int *mark, stamp;          /* [n]: visited by the current walk */
    eg_value **map;            /* [n]: in the derivative's body */
    eg_value **operand;        /* of the new scan */
    eg_body *made;
} backward;

static int is_wanted(const backward *b, int i) { return b->found[i] != NULL; }

static int is_param(const backward *b, const eg_value *v) {
    return v->op == EG_OP_PARAM && v->attr.index.index < b->nin && b->body->param[v->attr.index.index] == v;
}

static int is_carry(const backward *b, const eg_value *v) {
    return is_param(b, v) && v->attr.index.index < b->carries;
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
    eg_value **y = eg_calloc((size_t)(2 * b->nout + 2 * b->nin) + 1, sizeof *y);
    if (!y) return EG_E_MEMORY;
    eg_value **dy = y + b->nout, **wrt = dy + b->nout, **found = wrt + b->nin;
    int m = 0, n = 0;
    make_seeds(b);
    for (int k = 0; k < b->nout; k++) {
        if (!b->seed[k]) continue;
        y[m] = b->body->out[k];
        dy[m++] = b->seed[k];
    }
    for (int i = 0; i < b->nin; i++)
        if (i < b->carries ? eg_is_float(b->body->param[i]->dtype) : wanted[i]) wrt[n++] = b->body->param[i];
    eg_status status = m > 0 && n > 0 ? eg_vjp(y, dy, m, wrt, n, found) : EG_OK;
    for (int i = 0; i < n && m > 0 && status == EG_OK; i++) {
        int index = (int)wrt[i]->attr.index.index;
        if (index < b->carries || !is_nothing(found[i])) b->found[index] = found[i];
    }
    eg_free(y);
    return status;
}

/* ---- kept or computed again ------------------------------------------------------------------- */

static void classify(backward *b) {
    for (int k = 0; k < b->nout; k++)
        if (b->seed[k]) b->is_after[b->seed[k]->id] = 1;
    for (int id = 0; id < b->n; id++) {
        const eg_value *v = b->inner->values[id];
        if (is_param(b, v) && v->attr.index.index < b->carries + b->stacked) b->is_varying[id] = 1;
        for (int i = 0; i < v->nin; i++) {
            b->is_after[id] |= b->is_after[v->in[i]->id];
            b->is_varying[id] |= b->is_varying[v->in[i]->id];
        }
    }
}

/* A forward value that must not be computed a second time. */
static int is_dear(const backward *b, const eg_value *v) {
    if (is_carry(b, v)) return 1;
    if (!b->is_varying[v->id] || v->op == EG_OP_PARAM) return 0;
    if (v->def->flags & EG_VIEW) return 0;
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

/* The forward values that the derivative reads: of what comes after, and of what is a derivative itself. */
static void mark_read(backward *b, unsigned char *read) {
    for (int id = b->n - 1; id >= 0; id--) {
        const eg_value *v = b->inner->values[id];
        if (!b->needed[id]) continue;
        if (!b->is_after[id]) {
            read[id] = 1;
            b->needed[id] = 0;
            continue;
        }
        for (int i = 0; i < v->nin; i++) b->needed[v->in[i]->id] = 1;
    }
}

static void decide(backward *b, const unsigned char *read) {
    for (int id = 0; id < b->n; id++)
        if (read[id] && is_dear(b, b->inner->values[id])) b->fate[id] = KEPT;
    for (int id = 0; id < b->n; id++) {
        const eg_value *v = b->inner->values[id];
        if (!read[id] || b->fate[id] != UNKNOWN) continue;
        b->stamp++;
        if (missing(b, v) <= bytes_of(v))
            compute_again(b, v);
        else
            b->fate[id] = KEPT;
    }
}

static eg_status choose(backward *b) {
    unsigned char *read = eg_calloc((size_t)b->n + 1, 1);
    if (!read) return EG_E_MEMORY;
    classify(b);
    for (int i = 0; i < b->nin; i++)
        if (b->found[i]) b->needed[b->found[i]->id] = 1;
    mark_read(b, read);
    decide(b, read);
    eg_free(read);
    return EG_OK;
}

/* ---- the new scan's operands, which are its body's params --------------------------------------- */

static eg_value *add_operand(backward *b, eg_value *outer, const eg_shape *inner) {
    int index = b->made->nin;
    if (index == b->made->capacity) {
        eg_poison(b->scan->graph, EG_E_INTERNAL, "scan", "more operands than were counted");
        return b->made->graph->poison;
    }
    b->made->nin++;
    b->operand[index] = outer;
    return eg_body_param(b->made, index, outer->dtype, inner);
}

/* The adjoint of result k as it is before the loop: zeros where none arrives. */
static eg_value *first_adjoint(const backward *b, int k) {
    return b->dout[k] ? b->dout[k] : eg_fill_like(b->scan->in[k], 0);
}

/* A forward value as a stacked result of the forward scan. */
static eg_value *residual(const backward *b, eg_value *v) {
    int k = b->carries;
    while (k < b->body->nout && b->body->out[k] != v) k++;
    if (k == b->body->nout && (k = eg_body_add_out(b->body, v)) < 0) return b->scan->graph->poison;
    return eg_part(b->scan, k);
}

static void add_residual(backward *b, eg_value *v) { b->map[v->id] = add_operand(b, residual(b, v), &v->shape); }

static void add_stacked(backward *b) {
    for (int k = b->carries; k < b->nout; k++)
        if (b->seed[k]) b->map[b->seed[k]->id] = add_operand(b, b->dout[k], &b->seed[k]->shape);
    for (int i = b->carries; i < b->carries + b->stacked; i++) {
        const eg_value *param = b->body->param[i];
        if (b->fate[param->id] == AGAIN) b->map[param->id] = add_operand(b, b->scan->in[i], &param->shape);
    }
    for (int id = 0; id < b->n; id++)
        if (b->fate[id] == KEPT) add_residual(b, b->inner->values[id]);
}

static void add_captured(backward *b) {
    for (int i = b->carries + b->stacked; i < b->nin; i++) {
        const eg_value *param = b->body->param[i];
        if (b->fate[param->id] != AGAIN) continue;
        eg_value *captured = b->map[param->id] = add_operand(b, b->scan->in[i], &param->shape);
        if (!eg_value_is_poisoned(captured)) captured->layout = param->layout;
    }
}

/* ---- the new scan ------------------------------------------------------------------------------- */

static eg_value *copy_in(backward *b, const eg_value *v) {
    eg_value *in[64], **list = v->nin <= 64 ? in : eg_alloc(sizeof *list * (size_t)v->nin);
    if (!list) return eg_poison(b->made->graph, EG_E_MEMORY, "scan", "no memory");
    for (int i = 0; i < v->nin; i++) list[i] = b->map[v->in[i]->id];
    eg_value *copy = eg_node_copy(b->made->graph, v, list);
    if (list != in) eg_free(list);
    return copy;
}

static void copy_values(backward *b) {
    for (int id = 0; id < b->n; id++) {
        int is_new = b->needed[id] || b->fate[id] == AGAIN;
        if (is_new && !b->map[id]) b->map[id] = copy_in(b, b->inner->values[id]);
    }
}

/* One place among the results: which param of the forward body the adjoint is for. */
typedef struct results {
    eg_value **out;
    int *of, n, carries;
} results;

static void add_result(results *r, eg_value *value, int of) {
    r->of[r->n] = of;
    r->out[r->n++] = value;
}

static void add_carries(backward *b, results *r) {
    for (int i = 0; i < b->carries; i++) {
        if (!b->seed[i]) continue;
        b->map[b->seed[i]->id] = add_operand(b, first_adjoint(b, i), &b->seed[i]->shape);
        add_result(r, NULL, i);
    }
    for (int i = b->carries + b->stacked; i < b->nin; i++) {
        if (!is_wanted(b, i)) continue;
        add_result(r, add_operand(b, eg_fill_like(b->scan->in[i], 0), &b->scan->in[i]->shape), i);
    }
    r->carries = r->n;
}

/* Now that all is there: the next adjoints, the grown sums, the slices. */
static void complete(backward *b, results *r) {
    for (int k = 0; k < r->n; k++) {
        eg_value *found = b->map[b->found[r->of[k]]->id];
        r->out[k] = r->out[k] ? eg_add(r->out[k], found) : found;
    }
    for (int i = b->carries; i < b->carries + b->stacked; i++)
        if (is_wanted(b, i)) add_result(r, b->map[b->found[i]->id], i);
}

static eg_status build(backward *b, results *r, eg_value **din) {
    eg_graph *graph = b->scan->graph;
    b->made = eg_body_new(graph, 2 * b->nin + b->nout + b->n);
    if (!b->made) return EG_E_MEMORY;
    b->made->nin = 0;
    add_carries(b, r);
    int before = b->made->nin;
    add_stacked(b);
    int stacked = b->made->nin - before;
    add_captured(b);
    if (graph->status != EG_OK) return graph->status;
    copy_values(b);
    complete(b, r);
    if (r->n == 0 || b->made->nin == 0) return EG_OK;
    EG_TRY(eg_body_finish(b->made, r->out, r->n));
    eg_attr attr = { .body = { .body = b->made,
                               .steps = b->scan->attr.body.steps,
                               .carries = r->carries,
                               .stacked = stacked,
                               .reverse = !b->scan->attr.body.reverse } };
    eg_value *scan = eg_node(graph, EG_OP_SCAN, b->operand, b->made->nin, &attr);
    for (int k = 0; k < r->n; k++) din[r->of[k]] = eg_part(scan, k);
    return EG_OK;
}

/* ---- the rule ------------------------------------------------------------------------------------- */

static eg_status allocate_lists(backward *b) {
    b->seed = eg_calloc((size_t)b->nout, sizeof(eg_value *));
    b->found = eg_calloc((size_t)b->nin, sizeof(eg_value *));
    return b->seed && b->found ? EG_OK : EG_E_MEMORY;
}

static eg_status allocate_tables(backward *b) {
    size_t n = (size_t)(b->n = b->inner->n);
    b->is_after = eg_calloc(4, n + 1); /* owns all four sets */
    b->map = eg_calloc(n + 1, sizeof *b->map);
    b->mark = eg_calloc(n + 1, sizeof *b->mark);
    b->operand = eg_calloc((size_t)(2 * b->nin + b->nout) + n + 1, sizeof *b->operand);
    if (!b->is_after || !b->map || !b->mark || !b->operand) return EG_E_MEMORY;
    b->is_varying = b->is_after + (n + 1);
    b->fate = b->is_after + 2 * (n + 1);
    b->needed = b->is_after + 3 * (n + 1);
    return EG_OK;
}

static eg_status run(backward *b, const unsigned char *wanted, eg_value **din) {
    EG_TRY(allocate_lists(b));
    EG_TRY(differentiate(b, wanted));
    EG_TRY(allocate_tables(b));
    EG_TRY(choose(b));
    results r = { .out = eg_calloc((size_t)(b->nin + b->nout), sizeof(eg_value *)),
                  .of = eg_calloc((size_t)(b->nin + b->nout), sizeof(int)) };
    eg_status status = r.out && r.of ? build(b, &r, din) : EG_E_MEMORY;
    eg_free(r.out);
    eg_free(r.of);
    return status;
}

void eg_scan_vjp(eg_value *scan, eg_value *const *dout, const unsigned char *wanted, eg_value **din) {
    backward b = { .scan = scan,
                   .body = scan->attr.body.body,
                   .carries = scan->attr.body.carries,
                   .stacked = scan->attr.body.stacked,
                   .nin = scan->nin,
                   .dout = dout };
    b.inner = b.body->graph;
    b.nout = b.body->nout;
    eg_status status = run(&b, wanted, din);
    if (status != EG_OK && scan->graph->status == EG_OK) eg_poison(scan->graph, status, "scan", "%s", eg_error());
    eg_free(b.seed);
    eg_free(b.found);
    eg_free(b.is_after);
    eg_free(b.map);
    eg_free(b.mark);
    eg_free(b.operand);
}
