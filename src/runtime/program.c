/* SPDX-License-Identifier: MIT
 *
 * program.c: the user's side of a program: compile, name, check, hand to the engine. Everything that can go
 * wrong goes wrong here, before the first run; eg_run itself only misses inputs.
 */
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/status.h"
#include "kernels/kernels.h"
#include "ops/op.h"
#include "runtime/runtime.h"
#include "tensor/shape.h"

/* ---- ports ----------------------------------------------------------------------------------------------- */

static size_t rounded(size_t bytes) { return (bytes + EG_ALIGN - 1) / EG_ALIGN * EG_ALIGN; }

/* One port for each input of the user's graph: those that died on the way are still known by name. */
static eg_status make_ports(eg_program *p, const eg_graph *graph) {
    int n = 0;
    for (int i = 0; i < graph->n; i++) n += graph->values[i]->op == EG_OP_INPUT;
    p->input = EG_ARENA_ARRAY(&p->arena, eg_port, n);
    if (!p->input) return EG_E_MEMORY;
    for (int i = 0; i < graph->n; i++) {
        const eg_value *v = graph->values[i];
        if (v->op != EG_OP_INPUT) continue;
        eg_port *port = &p->input[p->ninputs++];
        port->name = eg_arena_strdup(&p->arena, v->name);
        if (!port->name) return EG_E_MEMORY;
        port->dtype = v->dtype;
        port->shape = v->shape;
        port->bytes = eg_stored_bytes(v->dtype, &v->shape, EG_ROWS);
    }
    return EG_OK;
}

/* Ties the ports to the compiled graph, and gives each that is needed its place in one block. */
static eg_status place_ports(eg_program *p) {
    size_t size = 0;
    for (int i = 0; i < p->ninputs; i++) {
        p->input[i].value = eg_graph_find(p->unit.graph, EG_OP_INPUT, p->input[i].name);
        if (p->input[i].value) size += rounded(p->input[i].bytes + EG_ALIGN);
    }
    p->input_bytes = size;
    if (size == 0) return EG_OK;
    unsigned char *at = p->inputs = eg_calloc(1, size);
    if (!at) return EG_E_MEMORY;
    for (int i = 0; i < p->ninputs; i++) {
        if (!p->input[i].value) continue;
        p->input[i].own = at;
        at += rounded(p->input[i].bytes + EG_ALIGN);
    }
    return EG_OK;
}

/* ---- variables ------------------------------------------------------------------------------------------- */

/* Where the compiled graph reads a variable in a group: variables that neighbouring groups read as the same
 * operand, like all first moments, are to be neighbours in memory. */
typedef struct newcomers {
    const eg_value **var;
    int *operand,
        *order; /* operand[i]: of the last group that reads var[i], its update, -1: none; order: the memory's */
    int n;
} newcomers;

static void find_operands(newcomers *c, const eg_graph *graph) {
    for (int i = 0; i < graph->n; i++) {
        const eg_value *v = graph->values[i];
        for (int q = 0; v->op == EG_OP_FUSED && q < v->nin; q++)
            for (int k = 0; v->in[q]->op == EG_OP_VAR && k < c->n; k++)
                if (c->var[k] == v->in[q]) c->operand[k] = q;
    }
}

/* Sorted by operand; equal ones stay in the order of the graph. */
static void sort_newcomers(newcomers *c) {
    for (int i = 0; i < c->n; i++) {
        int at = i;
        for (; at > 0 && c->operand[c->order[at - 1]] > c->operand[i]; at--) c->order[at] = c->order[at - 1];
        c->order[at] = i;
    }
}

static eg_status add_variables(eg_program *p) {
    const eg_graph *graph = p->unit.graph;
    newcomers c = { EG_ARENA_ARRAY(&p->arena, const eg_value *, graph->n), EG_ARENA_ARRAY(&p->arena, int, graph->n),
                    EG_ARENA_ARRAY(&p->arena, int, graph->n), 0 };
    if (!c.var || !c.operand || !c.order) return EG_E_MEMORY;
    for (int i = 0; i < graph->n; i++) {
        const eg_value *v = graph->values[i];
        if (v->op != EG_OP_VAR) continue;
        if (eg_state_get(p->state, v->name)) {
            EG_TRY(eg_state_add(p->state, v));
        } else {
            c.operand[c.n] = -1;
            c.var[c.n++] = v;
        }
    }
    find_operands(&c, graph);
    sort_newcomers(&c);
    return c.n ? eg_state_add_many(p->state, c.var, c.order, c.n) : EG_OK;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static eg_status check_roots(const eg_state *state, eg_value *const *roots, int n) {
    if (!state) return eg_fail(EG_E_ARGUMENT, "program: no state");
    if (n <= 0) return eg_fail(EG_E_ARGUMENT, "program: no roots");
    return eg_roots_check(roots, n);
}

static const eg_engine *engine_of(eg_executor executor) {
    const char *kernels = getenv("EG_KERNELS");
    if (executor == EG_EXECUTOR_AUTO) executor = kernels && strcmp(kernels, "ref") == 0 ? EG_REF : EG_CPU;
    return executor == EG_REF ? &eg_engine_ref : &eg_engine_cpu;
}

static eg_status choose_kernels(eg_program *p) {
    const char *name = p->opt.kernels ? p->opt.kernels : getenv("EG_KERNELS");
    if (name && strcmp(name, "ref") == 0) name = NULL;
    p->kernels = name && *name ? eg_kernels_named(name) : eg_kernels_best();
    if (p->kernels) return EG_OK;
    const char *there[5] = { "ref" };
    int n = 1;
    for (const eg_kernels *k; n < 5 && (k = eg_kernels_table(n - 1)); n++) there[n] = k->name;
    eg_fail_unknown("kernels", name, there, n);
    return eg_context("%s", p->opt.kernels ? "program" : "EG_KERNELS");
}

static eg_status start(eg_program *p) {
    EG_TRY(add_variables(p));
    EG_TRY(place_ports(p));
    return p->engine->start(p);
}

static eg_status build(eg_program *p, eg_value *const *roots, int n) {
    EG_TRY(choose_kernels(p));
    EG_TRY(make_ports(p, roots[0]->graph));
    EG_TRY(eg_unit_new(&p->unit, roots, n));
    if (p->engine->compiles) {
        p->unit.fuse = !p->opt.no_fuse;
        p->unit.layout = !p->opt.no_layout;
        p->unit.fused_muladd = p->kernels->fused;
        EG_TRY(eg_compile(&p->unit, NULL));
    }
    return start(p);
}

eg_program *eg_program_new_(eg_state *state, eg_value *const *roots, int n, eg_program_opt opt) {
    if (check_roots(state, roots, n) != EG_OK) return NULL;
    eg_program *p = eg_calloc(1, sizeof *p);
    if (!p) return NULL;
    p->state = state;
    p->opt = opt;
    p->engine = engine_of(opt.executor);
    if (build(p, roots, n) == EG_OK) return p;
    eg_program_free(p);
    return NULL;
}

void eg_program_free(eg_program *p) {
    if (!p) return;
    p->engine->stop(p);
    eg_unit_free(&p->unit);
    eg_free(p->inputs);
    eg_arena_free(&p->arena);
    eg_free(p);
}

/* ---- inputs ---------------------------------------------------------------------------------------------- */

static eg_status fail_unknown_input(const eg_program *p, const char *name) {
    const char *known[64];
    int n = 0;
    for (; n < p->ninputs && n < 64; n++) known[n] = p->input[n].name;
    return eg_fail_unknown("input of the program", name, known, n);
}

/* Names are short: this is faster than to call strcmp. */
static int is_name(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* Inputs are set in the same order before each run: the search begins behind the last one. */
static eg_status find_input(eg_program *p, const char *name, size_t bytes, int *out) {
    int i = p->found;
    for (int left = p->ninputs; left > 0; left--) {
        if (++i >= p->ninputs) i = 0;
        const eg_port *port = &p->input[i];
        if (!is_name(port->name, name)) continue;
        if (bytes != port->bytes)
            return eg_fail(EG_E_SHAPE, "input '%s' is %s%s: %zu bytes, not %zu", name, eg_dtype_name(port->dtype),
                           eg_shape_words(&port->shape), port->bytes, bytes);
        *out = p->found = i;
        return EG_OK;
    }
    return fail_unknown_input(p, name);
}

static void lend(eg_program *p, int input, const void *data) {
    if (p->input[input].data == data) return;
    p->input[input].data = data;
    p->engine->bound(p, input);
}

eg_status eg_set(eg_program *p, const char *input, const void *data, size_t bytes) {
    int i = 0;
    EG_TRY(find_input(p, input, bytes, &i));
    if (!p->input[i].value) return EG_OK;
    if (bytes) memcpy(p->input[i].own, data, bytes);
    p->input[i].crooked = NULL;
    lend(p, i, p->input[i].own);
    return EG_OK;
}

eg_status eg_bind(eg_program *p, const char *input, const void *data, size_t bytes) {
    int i = 0;
    EG_TRY(find_input(p, input, bytes, &i));
    if (!data) return eg_fail(EG_E_ARGUMENT, "input '%s': no data to bind", input);
    if (!p->input[i].value) return EG_OK;
    int aligned = (uintptr_t)data % EG_ALIGN == 0;
    p->input[i].crooked = aligned ? NULL : data;
    lend(p, i, aligned ? data : p->input[i].own);
    return EG_OK;
}

eg_status eg_run(eg_program *p) {
    for (int i = 0; i < p->ninputs; i++) {
        const eg_port *port = &p->input[i];
        if (!port->value) continue;
        if (!port->data) return eg_fail(EG_E_MISSING, "input '%s' was never set", port->name);
        if (port->crooked && port->bytes) memcpy(port->own, port->crooked, port->bytes);
    }
    p->was_run = 1;
    return p->engine->run(p);
}

/* ---- results --------------------------------------------------------------------------------------------- */

static eg_status check_result(const eg_program *p, int root) {
    if (root < 0 || root >= p->unit.nroots)
        return eg_fail(EG_E_ARGUMENT, "the program has %d roots, no number %d", p->unit.nroots, root);
    if (eg_root_is_effect(p, root)) return eg_fail(EG_E_ARGUMENT, "root %d is an assign: it has no result", root);
    if (!p->was_run) return eg_fail(EG_E_MISSING, "no result before the first run");
    return EG_OK;
}

const void *eg_get_data(const eg_program *p, int root) {
    return check_result(p, root) == EG_OK ? p->engine->data(p, root) : NULL;
}

const float *eg_get(const eg_program *p, int root) {
    if (check_result(p, root) != EG_OK) return NULL;
    eg_dtype dtype = p->unit.root[root]->dtype;
    if (dtype == EG_F32) return p->engine->data(p, root);
    eg_fail(EG_E_DTYPE, "root %d is %s: eg_get is for f32, see eg_get_data", root, eg_dtype_name(dtype));
    return NULL;
}

eg_status eg_fetch(const eg_program *p, int root, double *out, int64_t n) {
    EG_TRY(check_result(p, root));
    int64_t size = eg_count(&p->unit.root[root]->shape);
    p->engine->fetch(p, root, out, n < size ? n : size);
    return EG_OK;
}

/* ---- looking --------------------------------------------------------------------------------------------- */

size_t eg_program_memory(const eg_program *p) { return p->engine->memory(p) + p->input_bytes; }

int eg_program_steps(const eg_program *p) { return p->engine->steps(p); }

double eg_program_margin(const eg_program *p) { return p->engine->margin(p); }

static double graph_flops(const eg_graph *graph) {
    double sum = 0;
    for (int i = 0; i < graph->n; i++) {
        const eg_value *v = graph->values[i];
        sum += v->op == EG_OP_FUSED ? graph_flops(v->attr.body.body->graph) : eg_value_flops(v);
    }
    return sum;
}

double eg_program_flops(const eg_program *p) { return graph_flops(p->unit.graph); }

char *eg_program_text(const eg_program *p) {
    eg_text text = { 0 };
    p->engine->describe(p, &text);
    if (!text.failed && text.data) return text.data;
    eg_text_free(&text);
    return NULL;
}
