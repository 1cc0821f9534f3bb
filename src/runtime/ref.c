/* SPDX-License-Identifier: MIT
 *
 * ref.c: the oracle. Every value is a dense row-major array of doubles, whatever its dtype; every op runs its
 * own naive reference. One block of memory is laid out at the start and nothing is allocated afterwards. Fused
 * groups are interpreted value by value, so that the same code also checks what the passes made. No speed is
 * wanted here. A scan copies slices into its body's parameters and results out of it, step by step.
 *
 * State stays in its declared dtype: variables are read into doubles at the start of a run and rounded when an
 * assign commits at its end.
 */
#include <float.h>
#include <string.h>
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"
#include "runtime/runtime.h"
#include "tensor/shape.h"

/* The values of one graph: the program's, or that of a body. */
typedef struct ref_frame {
    const eg_graph *graph;
    unsigned char *needed;    /* [graph->n] */
    double **at;              /* [graph->n]: the elements */
    double *kink;             /* [graph->n]: smallest distance to a kink of the last run */
    struct ref_frame **body;  /* [graph->n]: of FUSED and SCAN values */
    int is_loop;              /* of a SCAN: params have memory of their own */
    double **result;          /* of a body: [outputs] */
} ref_frame;

typedef struct ref_run {
    ref_frame *frame;
    double *block;            /* all elements of all frames */
    int64_t block_size;       /* doubles */
    size_t results_bytes;
    void **result;            /* [nroots] */
    unsigned char *scratch;   /* a variable in rows, for panels */
    double margin;
    int steps;
} ref_run;

/* ---- laying out ------------------------------------------------------------------------------------------ */

/* The values of a FUSED node are its body's outputs and, inside, its inputs: no memory of their own. */
static int owns_memory(const ref_frame *frame, const eg_value *v) {
    if (v->op == EG_OP_PARAM) return frame->is_loop;
    return v->def->attr != EG_ATTR_BODY && v->op != EG_OP_PART && v->op != EG_OP_ASSIGN;
}

static int is_computed(const eg_value *v) {
    return !(v->def->flags & (EG_LEAF | EG_EFFECT)) && v->op != EG_OP_PART && v->op != EG_OP_FUSED &&
           v->op != EG_OP_CONST && v->op != EG_OP_DATA;
}

static ref_frame *frame_new(eg_program *p, ref_run *run, const eg_graph *graph, eg_value *const *roots, int nroots);

/* Doubles of result k of a scan. */
static int64_t result_size(const eg_value *scan, int k) {
    int64_t n = eg_count(&scan->attr.body.body->out[k]->shape);
    return k < scan->attr.body.carries ? n : n * scan->attr.body.steps;
}

static ref_frame *body_frame_new(eg_program *p, ref_run *run, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    ref_frame *frame = frame_new(p, run, body->graph, body->out, body->nout);
    if (!frame) return NULL;
    frame->result = EG_ARENA_ARRAY(&p->arena, double *, body->nout);
    if (!frame->result) return NULL;
    if (v->op != EG_OP_SCAN) return frame;
    frame->is_loop = 1;
    for (int k = 0; k < body->nout; k++) run->block_size += result_size(v, k) + 1;
    for (int i = 0; i < body->nin; i++) { /* those that nobody reads get their slices too */
        frame->needed[body->param[i]->id] = 1;
        run->block_size += eg_count(&body->param[i]->shape) + 1;
    }
    return frame;
}

static ref_frame *frame_new(eg_program *p, ref_run *run, const eg_graph *graph, eg_value *const *roots, int nroots) {
    ref_frame *frame = EG_ARENA_NEW(&p->arena, ref_frame);
    if (!frame) return NULL;
    frame->graph = graph;
    frame->needed = EG_ARENA_ARRAY(&p->arena, unsigned char, graph->n);
    frame->at = EG_ARENA_ARRAY(&p->arena, double *, graph->n);
    frame->body = EG_ARENA_ARRAY(&p->arena, ref_frame *, graph->n);
    if (!frame->needed || !frame->at || !frame->body) return NULL;
    eg_mark_needed(roots, nroots, frame->needed);
    for (int i = 0; i < graph->n; i++) {
        const eg_value *v = graph->values[i];
        if (!frame->needed[i]) continue;
        if (owns_memory(frame, v)) run->block_size += eg_count(&v->shape) + 1; /* never empty */
        run->steps += is_computed(v);
        if (v->def->attr != EG_ATTR_BODY) continue;
        frame->body[i] = body_frame_new(p, run, v);
        if (!frame->body[i]) return NULL;
    }
    return frame;
}

static double *frame_place(ref_frame *frame, double *next);

/* Params and results of the body of `v`, and the memory between: a loop's are copied, a group's are tied to the outer
 * values. */
static double *body_place(const ref_frame *frame, const eg_value *v, double *next) {
    const eg_body *body = v->attr.body.body;
    ref_frame *inner = frame->body[v->id];
    for (int k = 0; k < body->nout && inner->is_loop; k++) {
        inner->result[k] = next;
        next += result_size(v, k) + 1;
    }
    for (int k = 0; k < body->nin && !inner->is_loop; k++) inner->at[body->param[k]->id] = frame->at[v->in[k]->id];
    next = frame_place(inner, next);
    for (int k = 0; k < body->nout && !inner->is_loop; k++) inner->result[k] = inner->at[body->out[k]->id];
    return next;
}

/* Hands out the block in the order of the values. */
static double *frame_place(ref_frame *frame, double *next) {
    for (int i = 0; i < frame->graph->n; i++) {
        const eg_value *v = frame->graph->values[i];
        if (!frame->needed[i]) continue;
        if (owns_memory(frame, v)) {
            frame->at[i] = next;
            next += eg_count(&v->shape) + 1;
        } else if (frame->body[i]) {
            next = body_place(frame, v, next);
            frame->at[i] = frame->body[i]->result[0];
        } else if (v->op == EG_OP_PART) {
            frame->at[i] = frame->body[v->in[0]->id]->result[v->attr.index.index];
        }
    }
    return next;
}

/* Constants are computed once. */
static void fill_constants(ref_frame *frame) {
    for (int i = 0; i < frame->graph->n; i++) {
        const eg_value *v = frame->graph->values[i];
        if (!frame->needed[i]) continue;
        int64_t n = eg_count(&v->shape);
        if (v->op == EG_OP_CONST) {
            for (int64_t k = 0; k < n; k++) frame->at[i][k] = v->attr.number.number;
        } else if (v->op == EG_OP_DATA) {
            eg_convert(EG_F64, frame->at[i], v->dtype, v->attr.data.bytes, n);
        } else if (frame->body[i]) {
            fill_constants(frame->body[i]);
        }
    }
}

/* Each aligned to 64 bytes, 64 readable ones behind it. */
static eg_status make_results(eg_program *p, ref_run *run) {
    int n = p->unit.nroots;
    run->result = EG_ARENA_ARRAY(&p->arena, void *, n);
    if (!run->result) return EG_E_MEMORY;
    for (int i = 0; i < n; i++) {
        if (eg_root_is_effect(p, i)) continue;
        size_t bytes = (size_t)eg_count(&p->unit.root[i]->shape) * sizeof(double) + 2 * EG_ALIGN;
        char *memory = eg_arena_alloc(&p->arena, bytes);
        if (!memory) return EG_E_MEMORY;
        run->result[i] = memory + (-(uintptr_t)memory & (EG_ALIGN - 1));
        run->results_bytes += bytes;
    }
    return EG_OK;
}

static eg_status make_scratch(eg_program *p, ref_run *run) {
    size_t most = 1;
    for (int i = 0; i < p->unit.graph->n; i++) {
        const eg_value *v = p->unit.graph->values[i];
        size_t bytes = v->op == EG_OP_VAR ? eg_stored_bytes(v->dtype, &v->shape, EG_ROWS) : 0;
        if (bytes > most) most = bytes;
    }
    run->scratch = eg_alloc(most);
    return run->scratch ? EG_OK : EG_E_MEMORY;
}

static eg_status ref_start(eg_program *p) {
    ref_run *run = p->run = EG_ARENA_NEW(&p->arena, ref_run);
    if (!run) return EG_E_MEMORY;
    run->frame = frame_new(p, run, p->unit.graph, p->unit.root, p->unit.nroots);
    if (!run->frame) return EG_E_MEMORY;
    run->block = eg_calloc((size_t)run->block_size + 1, sizeof *run->block);
    if (!run->block) return EG_E_MEMORY;
    frame_place(run->frame, run->block);
    fill_constants(run->frame);
    EG_TRY(make_results(p, run));
    return make_scratch(p, run);
}

static void ref_stop(eg_program *p) {
    ref_run *run = p->run;
    if (!run) return;
    eg_free(run->block);
    eg_free(run->scratch);
}

/* ---- running --------------------------------------------------------------------------------------------- */

/* The oracle packs nothing: panels are just a matrix (pack may transpose it). */
static void copy_matrix(const eg_value *v, double *out, const double *in) {
    int64_t k = v->shape.dim[0], n = v->shape.dim[1];
    int transpose = v->op == EG_OP_PACK && v->attr.pack.transpose;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++) out[i * n + j] = transpose ? in[j * k + i] : in[i * n + j];
}

static void run_value(eg_program *p, ref_frame *frame, const eg_value *v) {
    ref_run *run = p->run;
    const double *in[64];
    const double **operand = in;
    for (int k = 0; k < v->nin; k++) operand[k] = frame->at[v->in[k]->id];
    if (v->op == EG_OP_PACK || v->op == EG_OP_UNPACK) {
        copy_matrix(v, frame->at[v->id], in[0]);
        return;
    }
    eg_ref_run(&(eg_ref_call){ v, operand, frame->at[v->id], p->state->seed, &run->margin });
}

static void run_frame(eg_program *p, ref_frame *frame);

/* The elements of a value like `v`. */
static void copy(const eg_value *v, double *to, const double *from) {
    memcpy(to, from, (size_t)eg_count(&v->shape) * sizeof *to);
}

/* The operands that stay, and the carries before the first step. */
static void enter_scan(const ref_frame *frame, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    int first = v->attr.body.carries, end = first + v->attr.body.stacked;
    for (int i = 0; i < v->nin; i++) {
        const eg_value *param = body->param[i];
        if (i < first || i >= end) copy(param, frame->body[v->id]->at[param->id], frame->at[v->in[i]->id]);
    }
}

/* What step t leaves: slices of the stacked results, then the carries. All of these are taken before any is handed on,
 * as one may be another's next one. */
static void leave_step(const ref_frame *inner, const eg_value *v, int64_t t) {
    const eg_body *body = v->attr.body.body;
    for (int k = 0; k < body->nout; k++) {
        const eg_value *out = body->out[k];
        copy(out, inner->result[k] + (k < v->attr.body.carries ? 0 : t * eg_count(&out->shape)), inner->at[out->id]);
    }
    for (int k = 0; k < v->attr.body.carries; k++)
        copy(body->param[k], inner->at[body->param[k]->id], inner->result[k]);
}

static void run_scan(eg_program *p, ref_frame *frame, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    ref_frame *inner = frame->body[v->id];
    int64_t steps = v->attr.body.steps;
    int first = v->attr.body.carries;
    enter_scan(frame, v);
    for (int64_t step = 0; step < steps; step++) {
        int64_t t = v->attr.body.reverse ? steps - 1 - step : step;
        for (int i = first; i < first + v->attr.body.stacked; i++) {
            const eg_value *param = body->param[i];
            copy(param, inner->at[param->id], frame->at[v->in[i]->id] + t * eg_count(&param->shape));
        }
        run_frame(p, inner);
        leave_step(inner, v, t);
    }
    for (int k = 0; k < first && steps == 0; k++)
        copy(body->param[k], inner->result[k], inner->at[body->param[k]->id]);
}

static void run_frame(eg_program *p, ref_frame *frame) {
    for (int i = 0; i < frame->graph->n; i++) {
        const eg_value *v = frame->graph->values[i];
        if (!frame->needed[i]) continue;
        if (v->op == EG_OP_FUSED) run_frame(p, frame->body[i]);
        else if (v->op == EG_OP_SCAN) run_scan(p, frame, v);
        else if (is_computed(v)) run_value(p, frame, v);
    }
}

static void read_leaves(eg_program *p) {
    ref_run *run = p->run;
    for (int i = 0; i < p->ninputs; i++) {
        const eg_port *port = &p->input[i];
        if (!port->value || !run->frame->needed[port->value->id]) continue;
        eg_convert(EG_F64, run->frame->at[port->value->id], port->dtype, port->data, eg_count(&port->shape));
    }
    for (int i = 0; i < p->unit.graph->n; i++) {
        const eg_value *v = p->unit.graph->values[i];
        if (v->op != EG_OP_VAR || !run->frame->needed[i]) continue;
        eg_state_read(p->state, v->name, run->scratch, eg_stored_bytes(v->dtype, &v->shape, EG_ROWS));
        eg_convert(EG_F64, run->frame->at[i], v->dtype, run->scratch, eg_count(&v->shape));
    }
}

static void commit(eg_program *p, const eg_value *assign) {
    ref_run *run = p->run;
    const eg_value *var = assign->in[0];
    eg_convert(var->dtype, run->scratch, EG_F64, run->frame->at[assign->in[1]->id], eg_count(&var->shape));
    eg_state_write(p->state, var->name, run->scratch, eg_stored_bytes(var->dtype, &var->shape, EG_ROWS));
}

static eg_status ref_run_all(eg_program *p) {
    ref_run *run = p->run;
    run->margin = DBL_MAX;
    read_leaves(p);
    run_frame(p, run->frame);
    for (int i = 0; i < p->unit.nroots; i++) {
        const eg_value *root = p->unit.root[i];
        if (!run->result[i]) continue;
        eg_convert(root->dtype, run->result[i], EG_F64, run->frame->at[root->id], eg_count(&root->shape));
    }
    for (int i = 0; i < p->unit.nroots; i++)
        if (eg_root_is_effect(p, i)) commit(p, p->unit.root[i]);
    return EG_OK;
}

/* ---- looking --------------------------------------------------------------------------------------------- */

static void ref_bound(eg_program *p, int input) { (void)p, (void)input; } /* inputs are read afresh by each run */

static const void *ref_data(const eg_program *p, int root) { return ((const ref_run *)p->run)->result[root]; }

static void ref_fetch(const eg_program *p, int root, double *out, int64_t n) {
    const ref_run *run = p->run;
    if (n > 0) memcpy(out, run->frame->at[p->unit.root[root]->id], (size_t)n * sizeof *out);
}

static size_t ref_memory(const eg_program *p) {
    const ref_run *run = p->run;
    return (size_t)run->block_size * sizeof(double) + run->results_bytes;
}

static int ref_steps(const eg_program *p) { return ((const ref_run *)p->run)->steps; }

static double ref_margin(const eg_program *p) { return ((const ref_run *)p->run)->margin; }

static void ref_describe(const eg_program *p, eg_text *text) {
    const ref_run *run = p->run;
    for (int i = 0; i < p->unit.graph->n; i++) {
        const eg_value *v = p->unit.graph->values[i];
        if (!run->frame->needed[i] || (v->op != EG_OP_FUSED && !is_computed(v))) continue;
        eg_text_format(text, "%%%-4d %-12s %s%-16s reference %12.0f flops\n", i, eg_value_op(v),
                       eg_dtype_name(v->dtype), eg_shape_words(&v->shape),
                       v->op == EG_OP_FUSED ? 0. : eg_value_flops(v));
    }
}

const eg_engine eg_engine_ref = { "ref", 0, ref_start, ref_run_all, ref_bound, ref_data, ref_fetch, ref_memory,
                                  ref_steps, ref_describe, ref_margin, ref_stop };
