/* SPDX-License-Identifier: MIT
 *
 * body.c: graphs inside of graphs. A body is a function: its params stand for the inputs of the node that runs it, in
 * one step (a fused group) or many times (a scan).
 *
 * The body of a scan is built by the user, who writes formulas with whatever is at hand. While it is open, an operand
 * that belongs to a graph around it is captured: it becomes one more param, once. Constants are copied instead, so
 * that what is known stays known. A loop in a loop captures through the one around it.
 *
 * Non-goals: recursion, bodies that are shared by several nodes.
 */
#include "graph/node.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

/* ---- building -------------------------------------------------------------------------------------------------- */

/* Room for n params; what is there moves along. */
static eg_status reserve(eg_body *body, int n) {
    if (n <= body->capacity) return EG_OK;
    int grown = n > 2 * body->capacity ? n : 2 * body->capacity;
    eg_value **param = EG_ARENA_ARRAY(&body->outer->arena, eg_value *, grown);
    eg_value **in = EG_ARENA_ARRAY(&body->outer->arena, eg_value *, grown);
    if (!param || !in) return EG_E_MEMORY;
    if (body->capacity) memcpy(param, body->param, sizeof *param * (size_t)body->capacity);
    if (body->capacity) memcpy(in, body->in, sizeof *in * (size_t)body->capacity);
    body->param = param;
    body->in = in;
    body->capacity = grown;
    return EG_OK;
}

eg_body *eg_body_new(eg_graph *outer, int nin) {
    eg_body *body = EG_ARENA_NEW(&outer->arena, eg_body);
    if (body) {
        *body = (eg_body){ .outer = outer, .nin = nin };
        if (reserve(body, nin > 0 ? nin : 1) == EG_OK) body->graph = eg_graph_new();
    }
    if (!body || !body->graph) {
        eg_poison(outer, EG_E_MEMORY, "body", "no memory");
        return NULL;
    }
    body->graph->body = body;
    body->next = outer->bodies;
    outer->bodies = body;
    return body;
}

eg_value *eg_body_param(eg_body *body, int index, eg_dtype dtype, const eg_shape *shape) {
    if (!body) return eg_poison(NULL, EG_E_MEMORY, "param", "there is no body to build it in");
    eg_attr attr = { .index = { .index = index, .shape = *shape, .dtype = dtype } };
    body->param[index] = eg_node(body->graph, EG_OP_PARAM, NULL, 0, &attr);
    return body->param[index];
}

/* NULL if the results are values of the body's graph, and the graph has no error. */
static const char *body_fault(const eg_body *body, eg_value *const *outs, int nout) {
    if (body->graph->status != EG_OK) return body->graph->error;
    if (nout < 1) return "a body needs a result";
    for (int i = 0; i < body->nin; i++)
        if (!body->param[i]) return "a parameter was never made";
    for (int i = 0; i < nout; i++)
        if (!outs[i] || outs[i]->graph != body->graph) return "a result is not a value of the body";
    return NULL;
}

eg_status eg_body_finish(eg_body *body, eg_value *const *outs, int nout) {
    if (!body) return EG_E_MEMORY;
    body->graph->is_open = 0;
    const char *fault = body_fault(body, outs, nout);
    if (fault) {
        eg_status status = body->graph->status != EG_OK ? body->graph->status : EG_E_ARGUMENT;
        eg_poison(body->outer, status, "body", "%s", fault);
        return status;
    }
    body->out = eg_arena_copy(&body->outer->arena, outs, sizeof(eg_value *) * (size_t)nout);
    if (!body->out) {
        eg_poison(body->outer, EG_E_MEMORY, "body", "no memory");
        return EG_E_MEMORY;
    }
    body->nout = nout;
    return EG_OK;
}

int eg_body_add_out(eg_body *body, eg_value *out) {
    eg_value **outs = EG_ARENA_ARRAY(&body->outer->arena, eg_value *, body->nout + 1);
    if (!outs) {
        eg_poison(body->outer, EG_E_MEMORY, "body", "no memory");
        return -1;
    }
    memcpy(outs, body->out, sizeof *outs * (size_t)body->nout);
    outs[body->nout] = out;
    body->out = outs;
    return body->nout++;
}

/* ---- capturing ------------------------------------------------------------------------------------------------- */

void eg_body_open(eg_body *body) {
    body->graph->is_open = 1;
    body->graph->scope = body->outer->scope; /* the outer graph outlives the body */
}

int eg_is_around(const eg_graph *graph, const eg_graph *inner) {
    while (inner->body) {
        inner = inner->body->outer;
        if (inner == graph) return 1;
    }
    return 0;
}

eg_value *eg_capture(eg_graph *inner, eg_value *outer) {
    eg_body *body = inner->body;
    if (outer->graph != body->outer) outer = eg_capture(body->outer, outer);
    if (eg_is_poison(outer))
        return eg_poison(inner, outer->graph->status, "capture", "%s", outer->graph->error);
    if (outer->op == EG_OP_CONST) return eg_node_copy(inner, outer, NULL);
    for (int i = 0; i < body->nin; i++)
        if (body->in[i] == outer) return body->param[i];
    if (reserve(body, body->nin + 1) != EG_OK) return eg_poison(inner, EG_E_MEMORY, "capture", "no memory");
    int index = body->nin++;
    eg_value *param = eg_body_param(body, index, outer->dtype, &outer->shape);
    if (!eg_is_poison(param)) param->layout = outer->layout;
    body->in[index] = outer;
    return param;
}

/* ---- copies ---------------------------------------------------------------------------------------------------- */

/* The values that outputs need and all params, in order; map[old id] = new value. */
static eg_status copy_values(eg_body *copy, const eg_body *body, eg_value **map, const unsigned char *needed) {
    const eg_graph *from = body->graph;
    for (int id = 0; id < from->n; id++) {
        const eg_value *old = from->values[id];
        int is_param = old->op == EG_OP_PARAM && body->param[old->attr.index.index] == old;
        if (!needed[id] && !is_param) continue;
        map[id] = eg_node_copy_mapped(copy->graph, old, map);
        if (is_param) copy->param[old->attr.index.index] = map[id];
    }
    return copy->graph->status;
}

eg_body *eg_body_copy(eg_graph *outer, const eg_body *body) {
    size_t n = (size_t)body->graph->n;
    eg_body *copy = eg_body_new(outer, body->nin);
    eg_value **map = eg_calloc(n + 1, sizeof *map), **outs = eg_calloc((size_t)body->nout + 1, sizeof *outs);
    unsigned char *needed = eg_calloc(n + 1, 1);
    eg_status status = copy && map && outs && needed ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK) {
        eg_mark_needed(body->out, body->nout, needed);
        status = copy_values(copy, body, map, needed);
    }
    if (status == EG_OK) {
        for (int i = 0; i < body->nout; i++) outs[i] = map[body->out[i]->id];
        status = eg_body_finish(copy, outs, body->nout);
    }
    eg_free(map);
    eg_free(outs);
    eg_free(needed);
    return status == EG_OK ? copy : NULL;
}

/* ---- moving ---------------------------------------------------------------------------------------------------- */

static void own(eg_body *body, eg_graph *graph) {
    body->graph = graph;
    graph->body = body;
}

eg_body *eg_body_move(eg_graph *outer, eg_body *body) {
    eg_body *moved = EG_ARENA_NEW(&outer->arena, eg_body);
    if (!moved) return NULL;
    *moved = (eg_body){ .outer = outer, .nin = body->nin, .nout = body->nout, .capacity = body->nin, .origin = body };
    moved->param = eg_arena_copy(&outer->arena, body->param, sizeof *body->param * (size_t)body->nin);
    moved->in = EG_ARENA_ARRAY(&outer->arena, eg_value *, body->nin);
    moved->out = eg_arena_copy(&outer->arena, body->out, sizeof *body->out * (size_t)body->nout);
    if (!moved->param || !moved->in || !moved->out) return NULL;
    own(moved, body->graph);
    body->graph = NULL;
    moved->next = outer->bodies;
    outer->bodies = moved;
    return moved;
}

void eg_bodies_return(eg_graph *outer) {
    for (eg_body *body = outer->bodies; body; body = body->next) {
        if (!body->origin) continue;
        own(body->origin, body->graph);
        body->graph = NULL;
    }
}

/* ---- results --------------------------------------------------------------------------------------------------- */

eg_value *eg_part(eg_value *whole, int index) {
    eg_attr attr = { .index = { .index = index } };
    return index && !eg_is_poison(whole) ? eg_node1(EG_OP_PART, whole, &attr) : whole;
}
