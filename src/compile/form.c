/* SPDX-License-Identifier: MIT
 *
 * form.c: the normal form of a compiled graph (pass.h), as checks. Who breaks one is a pass, so each failure is
 * INTERNAL. The executor relies on what stands here and does not check it again.
 */
#include "compile/pass.h"
#include "base/status.h"
#include "ops/op.h"

/* ---- bodies -------------------------------------------------------------------------------------------------- */

/* Dim of a value at the right-aligned axis -2 or -1. */
static int64_t extent(const eg_value *v, int from_right) {
    return v->shape.rank >= from_right ? v->shape.dim[v->shape.rank - from_right] : 1;
}

const eg_value *eg_body_product(const eg_body *body) {
    for (int id = 0; id < body->graph->n; id++)
        if (eg_is_product(body->graph->values[id])) return body->graph->values[id];
    return NULL;
}

void eg_body_space(const eg_body *body, int64_t *rows, int64_t *columns) {
    const eg_value *product = eg_body_product(body);
    *rows = product ? product->shape.dim[0] : 1;
    *columns = product ? product->shape.dim[1] : 1;
    for (int id = 0; id < body->graph->n && !product; id++) {
        const eg_value *v = body->graph->values[id];
        if (extent(v, 2) > *rows) *rows = extent(v, 2);
        if (extent(v, 1) > *columns) *columns = extent(v, 1);
    }
}

typedef struct space {
    const eg_body *body;
    const eg_value *product;
    int64_t rows, columns;
} space;

static int is_product_operand(const space *s, const eg_value *v) {
    for (int i = 0; s->product && i < s->product->nin; i++)
        if (s->product->in[i] == v) return 1;
    return 0;
}

static int is_in_space(const space *s, const eg_value *v) {
    int64_t rows = extent(v, 2), columns = extent(v, 1);
    return v->shape.rank <= 2 && (rows == 1 || rows == s->rows) && (columns == 1 || columns == s->columns);
}

static int is_column_sums(const space *s, const eg_value *v) {
    return s->product && v->op == EG_OP_SUM && v->attr.reduce.mask == 1 && v->in[0] == s->product->in[1];
}

static const char *fault_of_param(const space *s, const eg_value *v) {
    if (!is_in_space(s, v) && !is_product_operand(s, v)) return "an operand outside its space";
    return v->dtype == EG_F64 ? "an f64 operand" : NULL;
}

static const char *fault_of_ramp(const space *s, const eg_value *v) {
    int fits = v->dtype == EG_F32 && extent(v, 2) == 1 && !s->product;
    return fits ? NULL : "a ramp that is no column value";
}

static const char *fault_of_reduction(const space *s, const eg_value *v) {
    if (is_column_sums(s, v)) {
        const eg_value *b = s->product->in[1];
        return s->product->attr.matmul.tb || b->layout != EG_ROWS ? "column sums of another form of B" : NULL;
    }
    if (s->product) return "a reduction in a product group";
    int last = v->in[0]->shape.rank - 1;
    if (v->attr.reduce.mask != 1u << last || !v->attr.reduce.keep) return "a reduction that is not along the rows";
    int fits = extent(v->in[0], 1) == s->columns && s->columns <= EG_GROUP_ROW;
    return fits ? NULL : "a reduction of rows of another length";
}

static const char *fault_of_elementwise(const space *s, const eg_value *v) {
    (void)s;
    if (v->dtype != EG_F32 && !(v->def->flags & EG_COMPARE)) return "an elementwise op of another dtype than f32";
    if (v->op == EG_OP_CAST && v->in[0]->dtype == EG_I32 && v->in[0]->op != EG_OP_PARAM)
        return "a cast of i32 that is no operand";
    for (int i = 0; i < v->nin; i++) {
        int may_be_mask = v->op == EG_OP_CAST || (v->op == EG_OP_WHERE && i == 0);
        if (v->in[i]->dtype != EG_F32 && !may_be_mask) return "an elementwise op that reads another dtype than f32";
    }
    return NULL;
}

static const char *fault_of_node(const space *s, const eg_value *v) {
    if (v->op == EG_OP_PARAM) return fault_of_param(s, v);
    if (eg_is_product(v)) return v == s->product ? NULL : "two products";
    if (is_column_sums(s, v)) return fault_of_reduction(s, v);
    if (!is_in_space(s, v)) return "a value outside its space";
    if (v->op == EG_OP_CONST) return v->shape.rank == 0 ? NULL : "a constant of more than one element";
    if (v->op == EG_OP_IOTA) return fault_of_ramp(s, v);
    if (v->def->attr == EG_ATTR_REDUCE) return fault_of_reduction(s, v);
    if (v->op == EG_OP_CAST || v->op == EG_OP_EXPAND || v->def->strip) return fault_of_elementwise(s, v);
    return "an op that groups do not have";
}

/* All in panels or scalars, or none in panels; what a product reads is its own affair. */
static const char *fault_of_layouts(const space *s) {
    int panels = 0, rows = 0;
    for (int i = 0; i < s->body->nin; i++) {
        const eg_value *param = s->body->param[i];
        if (is_product_operand(s, param) || eg_count(&param->shape) == 1) continue;
        *(param->layout == EG_PANELS ? &panels : &rows) = 1;
    }
    for (int i = 0; i < s->body->nout; i++)
        if (!is_column_sums(s, s->body->out[i])) *(s->body->out[i]->layout == EG_PANELS ? &panels : &rows) = 1;
    return panels && rows ? "operands and results in two layouts" : NULL;
}

static const char *fault_of_outs(const space *s) {
    for (int i = 0; i < s->body->nout; i++) {
        if (s->body->out[i]->op == EG_OP_PARAM) return "a result that is an operand";
        for (int j = 0; j < i; j++)
            if (s->body->out[i] == s->body->out[j]) return "a result twice";
    }
    return NULL;
}

static const char *fault_of_body(const eg_body *body) {
    space s = { .body = body, .product = eg_body_product(body) };
    const char *fault = NULL;
    eg_body_space(body, &s.rows, &s.columns);
    if (body->nin + body->nout > EG_GROUP_OPERANDS) return "more operands than a group may have";
    if (body->graph->n > EG_GROUP_NODES) return "more nodes than a group may have";
    for (int id = 0; id < body->graph->n && !fault; id++) fault = fault_of_node(&s, body->graph->values[id]);
    for (int i = 0; s.product && i < s.product->nin && !fault; i++)
        if (s.product->in[i]->op != EG_OP_PARAM) fault = "a product of something computed";
    if (!fault) fault = fault_of_outs(&s);
    return fault ? fault : fault_of_layouts(&s);
}

/* ---- the graph ----------------------------------------------------------------------------------------------- */

static const eg_value *seen_through(const eg_value *v) {
    while (v->op == EG_OP_RESHAPE) v = v->in[0];
    return v;
}

static const char *fault_of_assign(const eg_value *v) {
    const eg_graph *graph = v->graph;
    if (v->in[0]->layout != v->in[1]->layout) return "a value in another layout than the variable's";
    if (seen_through(v->in[1])->op == EG_OP_VAR) return "a variable as its value";
    for (int id = v->id + 1; id < graph->n; id++)
        for (int i = 0; i < graph->values[id]->nin; i++)
            if (seen_through(graph->values[id]->in[i]) == v->in[0]) return "a reader of the old value behind it";
    return NULL;
}

static const char *fault_of_product(const eg_unit *unit, const eg_value *v) {
    int flat = v->dtype == EG_F32 && v->in[0]->shape.rank == 2 && v->in[1]->shape.rank == 2;
    int panels = v->layout == EG_PANELS || v->in[0]->layout == EG_PANELS || v->in[1]->layout == EG_PANELS;
    if (!(flat && unit->layout)) return panels ? "panels where only rows are read" : NULL;
    if (v->attr.matmul.tb) return "a transposed B";
    return v->in[0]->layout == EG_PANELS && v->attr.matmul.ta ? "a transposed A in panels" : NULL;
}

static const char *fault_of_part(const eg_value *v) {
    const eg_value *before = v->graph->values[v->id - 1];
    int follows = before == v->in[0] || (before->op == EG_OP_PART && before->in[0] == v->in[0]);
    return follows ? NULL : "a place away from its group";
}

/* Who may read and write panels by nature; elementwise steps may where groups are not wanted. */
static int takes_panels(const eg_value *v) {
    return v->op == EG_OP_PACK || v->op == EG_OP_UNPACK || v->op == EG_OP_DETACH || v->def->attr == EG_ATTR_BODY
           || (v->def->flags & EG_ELEMENTWISE);
}

static const char *fault_of_loop(const eg_value *v) {
    for (int i = 0; i < v->nin; i++)
        if (v->in[i]->layout != v->attr.body.body->param[i]->layout) return "an operand in another layout than its param's";
    return NULL;
}

static const char *fault_of_step(const eg_unit *unit, const eg_value *v) {
    if (v->op == EG_OP_SCAN) return fault_of_loop(v);
    if (v->op == EG_OP_MATMUL) return fault_of_product(unit, v);
    if (v->op == EG_OP_ASSIGN) return fault_of_assign(v);
    if (v->op == EG_OP_PART) return fault_of_part(v);
    for (int i = 0; i < v->nin && !takes_panels(v); i++)
        if (v->in[i]->layout == EG_PANELS) return "an operand in panels";
    return NULL;
}

static const char *fault_of_value(const eg_unit *unit, const eg_value *v) {
    const char *fault = fault_of_step(unit, v);
    if (fault || v->op != EG_OP_FUSED) return fault;
    fault = fault_of_body(v->attr.body.body);
    const eg_value *product = eg_body_product(v->attr.body.body);
    return !fault && product ? fault_of_product(unit, product) : fault;
}

static eg_status verify_loop(const eg_unit *unit, const eg_value *v) {
    eg_unit inner = *unit;
    if (v->op != EG_OP_SCAN) return EG_OK;
    inner.graph = v->attr.body.body->graph;
    inner.root = v->attr.body.body->out;
    inner.nroots = v->attr.body.body->nout;
    return eg_compiled_verify(&inner);
}

eg_status eg_compiled_verify(const eg_unit *unit) {
    for (int id = 0; id < unit->graph->n; id++) {
        const eg_value *v = unit->graph->values[id];
        const char *fault = fault_of_value(unit, v);
        if (fault) return eg_fail(EG_E_INTERNAL, "compiled: value %d (%s) has %s", id, v->def->name, fault);
        EG_TRY(verify_loop(unit, v));
    }
    for (int i = 0; i < unit->nroots; i++)
        if (unit->root[i]->op != EG_OP_ASSIGN && unit->root[i]->layout != EG_ROWS)
            return eg_fail(EG_E_INTERNAL, "compiled: root %d is not in rows", i);
    return EG_OK;
}
