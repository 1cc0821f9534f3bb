/* SPDX-License-Identifier: MIT
 *
 * lower_strip.c: groups of elementwise ops and row reductions as steps. A single op is a group too: its
 * operands are brought to a space of two dimensions, and a body with one node is made for it.
 *
 * Updates of many variables are many small groups with the same program. Neighbours of that kind become one
 * step with a segment for each, and segments that lie side by side in memory become one: a small network's
 * whole update is then a handful of calls.
 */
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"
#include "runtime/strip.h"
#include "tensor/shape.h"

enum { MOST_SEGMENTS = 64, MOST_PARAMS = 3 /* of a single op */ };

typedef struct segment {
    int64_t first, items;  /* among the step's items */
    int64_t panel_rows;    /* of an operand in panels whose last one has padding lanes to be cleared; 0: none */
    int64_t padding;       /* lanes to be cleared in each row of the last panel */
    int panels;            /* full operands are in panels */
    eg_rect rect;          /* rows > 1 only in a step of one segment */
    int storage[EG_STRIP_OPERANDS]; /* -1: a table, a constant, or unused */
} segment;

typedef struct strip_detail {
    const eg_strips *strips;
    int nsegments, nactive;
    segment *segment[MOST_SEGMENTS]; /* as lowered */
    segment *active[MOST_SEGMENTS];  /* as run: neighbours joined */
} strip_detail;

/* ---- running --------------------------------------------------------------------------------------------- */

static int64_t items_of(const eg_strips *s, const eg_rect *rect) {
    if (s->form == EG_BY_BLOCK) return (rect->rows + EG_BLOCK - 1) / EG_BLOCK;
    return s->flat ? (rect->columns + EG_STRIP - 1) / EG_STRIP : rect->rows;
}

static int64_t extent_of(const eg_strips *s, const eg_rect *whole) { return s->flat ? whole->columns : whole->rows; }

static int64_t unit_of(const eg_strips *s) { return s->form == EG_BY_BLOCK ? EG_BLOCK : s->flat ? EG_STRIP : 1; }

void eg_rect_set(const eg_strips *s, int64_t columns, eg_rect *out) {
    for (int o = 0; o < s->noperands; o++) {
        eg_extent extent = s->operand[o].extent;
        out->row[o] = extent == EG_OVER_ALL ? columns : extent == EG_OVER_ROWS;
    }
}

void eg_rect_move(const eg_strips *s, const eg_rect *whole, int64_t row, int64_t column, eg_rect *out) {
    out->is_first = row == 0 && column == 0;
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0) continue;
        int64_t at = row * whole->row[o];
        if (x->extent == EG_OVER_ALL || x->extent == EG_OVER_COLUMNS) at += column;
        out->base[o] = (unsigned char *)whole->base[o] + (size_t)at * eg_dtype_size(x->dtype);
        out->row[o] = whole->row[o];
    }
}

/* Strips begin at whole rows of panels, so each part can clean up after itself. */
static void clear_padding(const eg_strips *s, const segment *seg, int64_t from, int64_t to) {
    int64_t last_panel = seg->rect.columns - seg->panel_rows * EG_PANEL, begin = from * EG_STRIP, end = to * EG_STRIP;
    if (begin < last_panel) begin = last_panel;
    if (end > seg->rect.columns) end = seg->rect.columns;
    for (int o = 0; o < s->noperands; o++) {
        if (!s->operand[o].output || s->operand[o].extent != EG_OVER_ALL) continue;
        size_t size = eg_dtype_size(s->operand[o].dtype);
        unsigned char *base = seg->rect.base[o];
        for (int64_t i = begin + EG_PANEL; i <= end; i += EG_PANEL)
            memset(base + (size_t)(i - seg->padding) * size, 0, (size_t)seg->padding * size);
    }
}

/* Part [from, to) of a segment, in units. */
static void run_segment(const eg_strips *s, const eg_rect *whole, int64_t unit, int64_t from, int64_t to,
                        float *scratch) {
    int64_t extent = extent_of(s, whole), begin = from * unit, n = (to * unit < extent ? to * unit : extent) - begin;
    if (n == extent) {
        eg_strips_run(s, whole, scratch);
        return;
    }
    eg_rect part; /* large, and only what the operands need is read */
    part.roomy = 0;
    part.rows = s->flat ? 1 : n;
    part.columns = s->flat ? n : whole->columns;
    eg_rect_move(s, whole, s->flat ? 0 : begin, s->flat ? begin : 0, &part);
    eg_strips_run(s, &part, scratch);
}

/* Rows of a batch. */
static void run_strips_by_rows(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const strip_detail *d = step->detail;
    for (int i = 0; i < d->nsegments; i++) {
        const eg_rect *whole = &d->segment[i]->rect;
        run_segment(d->strips, whole, extent_of(d->strips, whole) / step->items, from, to, scratch);
    }
}

static void run_strips(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const strip_detail *d = step->detail;
    for (int i = 0; i < d->nactive; i++) {
        const segment *seg = d->active[i];
        int64_t begin = from - seg->first, end = to - seg->first;
        if (begin >= seg->items || end <= 0) continue;
        if (begin < 0) begin = 0;
        if (end > seg->items) end = seg->items;
        run_segment(d->strips, &seg->rect, unit_of(d->strips), begin, end, scratch);
        if (seg->panel_rows) clear_padding(d->strips, seg, begin, end);
    }
}

/* ---- segments that lie side by side ---------------------------------------------------------------------- */

static int64_t rounded_floats(int64_t n) { return (n + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK; }

/* Does b begin, in every operand, where a ends? The gap between is nobody's, so the strip may run over it. */
static int is_next(const eg_strips *s, const segment *a, const segment *b) {
    if (a->panel_rows || b->panel_rows) return 0;
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0 || x->extent != EG_OVER_ALL) continue;
        if (x->dtype != EG_F32 || x->table) return 0;
        if ((float *)a->rect.base[o] + rounded_floats(a->rect.columns) != (float *)b->rect.base[o]) return 0;
    }
    return 1;
}

/* Once addresses are known. */
static void join_segments(eg_cpu_step *step) {
    strip_detail *d = step->detail;
    int64_t items = 0;
    d->nactive = 0;
    if (step->run == run_strips_by_rows) return;
    for (int i = 0; i < d->nsegments; i++) {
        segment *last = d->nactive ? d->active[d->nactive - 1] : NULL;
        if (last && is_next(d->strips, last, d->segment[i])) {
            last->rect.columns = rounded_floats(last->rect.columns) + d->segment[i]->rect.columns;
        } else {
            d->active[d->nactive++] = d->segment[i];
        }
    }
    for (int i = 0; i < d->nactive; i++) {
        d->active[i]->rect.roomy = step->roomy && d->active[i]->rect.rows == 1;
        d->active[i]->first = items;
        d->active[i]->items = items_of(d->strips, &d->active[i]->rect);
        items += d->active[i]->items;
    }
    step->items = items;
}

/* Asks for the memory of each operand to lie in the order of the segments. */
static eg_status ask_for_neighbours(eg_cpu_run *run, const strip_detail *d) {
    int storage[MOST_SEGMENTS];
    for (int o = 0; o < d->strips->noperands; o++) {
        if (d->strips->operand[o].extent != EG_OVER_ALL || d->segment[0]->storage[o] < 0) continue;
        for (int i = 0; i < d->nsegments; i++) storage[i] = eg_storage_root(run, d->segment[i]->storage[o]);
        EG_TRY(eg_group_new(run, storage, d->nsegments));
    }
    return EG_OK;
}

eg_status eg_strip_steps_finish(eg_cpu_run *run) {
    for (int i = 0; i < run->nstep; i++) {
        if (run->step[i].run != run_strips) continue;
        const strip_detail *d = run->step[i].detail;
        if (d->nsegments > 1) EG_TRY(ask_for_neighbours(run, d));
    }
    return EG_OK;
}

/* ---- by the rows of a batch ------------------------------------------------------------------------------ */

/* Each operand is cut into as many equal pieces as the batch has rows, or stays as it is. */
static int segment_by_rows(const eg_cpu_run *run, const strip_detail *d, const segment *seg, int64_t rows) {
    const eg_strips *s = d->strips;
    if (extent_of(s, &seg->rect) % rows != 0 || seg->panels) return 0;
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0 || seg->storage[o] < 0 || x->extent == EG_OVER_ALL || x->extent == EG_OVER_ROWS) continue;
        if (x->output || !eg_storage_is_fixed(run, seg->storage[o])) return 0;
    }
    return 1;
}

static int strips_by_rows(const eg_cpu_run *run, eg_cpu_step *step, int64_t rows, int make) {
    const strip_detail *d = step->detail;
    for (int i = 0; i < d->nsegments; i++)
        if (!segment_by_rows(run, d, d->segment[i], rows)) return 0;
    if (make) step->run = run_strips_by_rows, step->items = rows;
    return 1;
}

/* ---- a group as a step ----------------------------------------------------------------------------------- */

static int reads_what_is_written(const eg_cpu_run *run, const eg_cpu_step *step, int storage) {
    for (int k = 0; k < step->nuse; k++) {
        const eg_use *use = &run->use[step->first_use + k];
        if (use->write && eg_storage_root(run, use->storage) == storage) return 1;
    }
    return 0;
}

/* Inputs may be lent from anywhere between two runs, slices move from step to step of a loop; and behind a part of
 * something lies another part. */
static int may_have_neighbours(const eg_cpu_run *run, const eg_strips *s, const segment *seg) {
    for (int o = 0; o < s->noperands; o++) {
        if (seg->storage[o] < 0 || s->operand[o].extent != EG_OVER_ALL) continue;
        const eg_storage *storage = &run->storage[seg->storage[o]];
        const eg_storage *root = &run->storage[eg_storage_root(run, seg->storage[o])];
        if (root->kind == EG_IN_INPUT || root->kind == EG_IN_LOOP || root->bytes != storage->bytes) return 0;
    }
    return 1;
}

static int same_place(const eg_cpu_run *run, int a, int b) {
    return eg_storage_root(run, a) == eg_storage_root(run, b) && eg_storage_at(run, a) == eg_storage_at(run, b);
}

/* May the group be one more segment of the last step: the same program, the same scalars, flat, independent? */
static int can_join(const eg_cpu_run *run, const eg_strips *s, const segment *seg) {
    const eg_cpu_step *step = run->last;
    if (!step || step->run != run_strips || !s->flat) return 0;
    const strip_detail *d = step->detail;
    if (d->nsegments == MOST_SEGMENTS || !eg_strips_equal(d->strips, s)) return 0;
    if (!may_have_neighbours(run, s, seg) || !may_have_neighbours(run, s, d->segment[0])) return 0;
    for (int o = 0; o < s->noperands; o++) {
        if (seg->storage[o] < 0 || s->operand[o].reg < 0) continue;
        int root = eg_storage_root(run, seg->storage[o]);
        if (s->operand[o].output) {
            if (s->operand[o].extent != EG_OVER_ALL) return 0;
            continue;
        }
        int other = d->segment[0]->storage[o];
        if (s->operand[o].extent == EG_OVER_NONE && !same_place(run, seg->storage[o], other)) return 0;
        if (reads_what_is_written(run, step, root)) return 0;
    }
    return 1;
}

static int64_t row_of(const eg_cpu_run *run, int storage) { return storage < 0 ? 0 : run->storage[storage].row; }

static int is_read(const eg_strips *s, const segment *seg, int o) {
    return s->operand[o].reg >= 0 && seg->storage[o] >= 0 && !s->operand[o].output;
}

/* Tells the plan what the segment reads and writes, and where the addresses belong. Params come first, so bit i
 * of `over` must become the number of the use of param i. */
static eg_status use_operands(eg_cpu_run *run, const eg_strips *s, segment *seg) {
    int base = run->last->nuse;
    for (int o = 0; o < s->noperands; o++)
        if (is_read(s, seg, o)) eg_step_reads_at(run, seg->storage[o], &seg->rect.base[o]);
    for (int o = 0; o < s->noperands; o++) {
        if (!s->operand[o].output || s->operand[o].reg < 0) continue;
        eg_use use = { .write = 1, .over_from = base };
        for (int i = 0, n = 0; i < s->nparams; i++)
            if (is_read(s, seg, i)) use.over |= (s->over[o] >> i & 1) << n++;
        eg_step_uses(run, seg->storage[o], &seg->rect.base[o], use);
        if (row_of(run, seg->storage[o])) eg_step_writes_at(run, eg_storage_root(run, seg->storage[o]), NULL);
    }
    return run->status;
}

static eg_status new_strip_step(eg_cpu_run *run, const eg_group_request *request, const eg_strips *s) {
    const char *name = s->form == EG_BY_BLOCK ? "strips by block"
                       : s->chain             ? "chain"
                       : s->flat              ? "strips"
                                              : "strips by row";
    eg_cpu_step *step = eg_step_new(run, request->value, name, run_strips, sizeof(strip_detail));
    if (!step) return EG_E_MEMORY;
    strip_detail *d = step->detail;
    d->strips = s;
    step->bound = join_segments;
    step->by_rows = strips_by_rows;
    step->scratch = s->scratch;
    return EG_OK;
}

/* Panels: the strip runs over the padding lanes too, and clears them if the program would not leave zeros there. */
static void use_panels(segment *seg, const eg_strips *s, const eg_shape *shape) {
    int64_t k = shape->dim[0], panels = (shape->dim[1] + EG_PANEL - 1) / EG_PANEL;
    int64_t padding = panels * EG_PANEL - shape->dim[1];
    seg->rect.columns = panels * k * EG_PANEL;
    seg->panels = 1;
    if (!s->keeps_zero && padding) {
        seg->panel_rows = k;
        seg->padding = padding;
    }
}

static segment *new_segment(eg_cpu_run *run, const eg_group_request *request, const eg_strips *s) {
    segment *seg = EG_ARENA_NEW(run->arena, segment);
    if (!seg) return NULL;
    seg->rect = (eg_rect){ .rows = s->rows, .columns = s->columns, .is_first = 1 };
    eg_rect_set(s, s->columns, &seg->rect);
    if (request->panels) use_panels(seg, s, request->panels);
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        int index = o - s->nparams;
        seg->storage[o] = x->output ? request->out[index] : o < s->nparams ? request->in[o] : -1;
        if (row_of(run, seg->storage[o])) seg->rect.row[o] = row_of(run, seg->storage[o]);
        seg->rect.base[o] = (void *)(uintptr_t)x->table;
    }
    return seg;
}

const eg_strips *eg_strips_for(eg_cpu_run *run, const eg_strips_request *request) {
    eg_strips_request full = *request;
    full.kernels = run->kernels;
    eg_strips *s = eg_strips_new(run->arena, &full);
    if (!s) return NULL;
    s->next = run->strips;
    run->strips = s;
    return s;
}

eg_status eg_lower_group(eg_cpu_run *run, const eg_group_request *request) {
    eg_strips_request of = { .body = request->body, .outer = request->outer };
    for (int i = 0; i < of.body->nin; i++) of.has_gaps |= row_of(run, request->in[i]) != 0;
    for (int i = 0; i < of.body->nout; i++) of.has_gaps |= row_of(run, request->out[i]) != 0;
    const eg_strips *s = eg_strips_for(run, &of);
    segment *seg = s ? new_segment(run, request, s) : NULL;
    if (!seg) return eg_error_status();
    if (!can_join(run, s, seg)) EG_TRY(new_strip_step(run, request, s));
    eg_cpu_step *step = run->last;
    strip_detail *d = step->detail;
    d->segment[d->nsegments++] = seg;
    step->work += s->work * (double)(seg->rect.rows * seg->rect.columns);
    step->flops += eg_value_flops(request->value);
    return use_operands(run, s, seg);
}

eg_status eg_lower_single(eg_cpu_run *run, const eg_value *v, const eg_shape *shapes, const eg_attr *attr,
                          eg_group_request *request) {
    eg_body *body = eg_body_new(run->program->unit.graph, v->nin);
    eg_value *param[MOST_PARAMS];
    if (!body) return EG_E_MEMORY;
    for (int q = 0; q < v->nin; q++) param[q] = eg_body_param(body, q, v->in[q]->dtype, &shapes[q]);
    eg_value *node = eg_node(body->graph, v->op, param, v->nin, attr);
    EG_TRY(eg_body_finish(body, &node, 1));
    request->value = v;
    request->body = body;
    return eg_lower_group(run, request);
}

/* ---- fused values ---------------------------------------------------------------------------------------- */

/* A filled tensor is a constant of the program, whatever its size: it needs no memory. */
static eg_status operand_storage(eg_cpu_run *run, const eg_value *v, int *storage) {
    *storage = v->op == EG_OP_CONST ? -1 : eg_storage_of(run, v);
    return *storage < 0 && v->op != EG_OP_CONST ? EG_E_MEMORY : EG_OK;
}

/* What concats alone read is made there. */
static int result_storage(eg_cpu_run *run, const eg_value *v) {
    int *known = &run->storage_of[v->id];
    if (*known < 0) *known = eg_storage_in_concat(run, v);
    return eg_storage_of(run, v);
}

eg_status eg_fused_storages(eg_cpu_run *run, const eg_value *v, int *in, int *out) {
    const eg_body *body = v->attr.body.body;
    for (int i = 0; i < v->nin; i++) EG_TRY(operand_storage(run, v->in[i], &in[i]));
    for (int i = 0; i < body->nout; i++) out[i] = -1;
    out[0] = result_storage(run, v);
    for (int i = v->id + 1; i < run->graph->n; i++) {
        const eg_value *part = run->graph->values[i];
        if (part->op != EG_OP_PART || part->in[0] != v) break;
        out[part->attr.index.index] = result_storage(run, part);
    }
    for (int i = 0; i < body->nout; i++) {
        const eg_value *o = body->out[i];
        if (out[i] < 0) out[i] = eg_storage_new(run, eg_stored_bytes(o->dtype, &o->shape, o->layout));
    }
    return EG_OK;
}

eg_status eg_lower_fused(eg_cpu_run *run, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    const eg_value *product = eg_body_product(body);
    if (product) return product->op == EG_OP_CONV ? eg_lower_conv_group(run, v) : eg_lower_product(run, v);
    int in[EG_GROUP_OPERANDS], out[EG_GROUP_OPERANDS];
    if (v->nin + body->nout > EG_GROUP_OPERANDS) return eg_fail(EG_E_INTERNAL, "a group of too many operands");
    EG_TRY(eg_fused_storages(run, v, in, out));
    return eg_lower_group(run, &(eg_group_request){ .value = v, .body = body, .outer = v->in, .in = in, .out = out,
                                                    .panels = v->layout == EG_PANELS ? &v->shape : NULL });
}

/* ---- single elementwise ops ------------------------------------------------------------------------------ */

/* The space [rows, columns] of a broadcast: columns are the last axes, as many as each operand walks as one or not at
 * all. Bit q: operand q varies over the columns; over one of the axes that are the rows; over all of these. */
typedef struct space {
    int64_t rows, columns;
    unsigned over_columns, over_rows, over_all_rows;
} space;

/* Bit q: does operand q vary over the axis that stands so far from the end? */
static unsigned varying(const eg_value *v, int from_end) {
    unsigned mask = 0;
    for (int q = 0; q < v->nin; q++) {
        const eg_shape *shape = &v->in[q]->shape;
        if (from_end <= shape->rank && shape->dim[shape->rank - from_end] != 1) mask |= 1u << q;
    }
    return mask;
}

static space space_of(const eg_value *v) {
    space sp = { .rows = 1, .columns = 1, .over_all_rows = ~0u };
    for (int from_end = 1; from_end <= v->shape.rank; from_end++) {
        int64_t dim = v->shape.dim[v->shape.rank - from_end];
        unsigned mask = varying(v, from_end);
        if (dim == 1) continue;
        if (sp.columns == 1) sp.over_columns = mask;
        if (sp.rows == 1 && sp.over_columns == mask) {
            sp.columns *= dim;
        } else {
            sp.rows *= dim;
            sp.over_rows |= mask, sp.over_all_rows &= mask;
        }
    }
    return sp;
}

static int is_strip_op(const eg_value *v) {
    if (v->op == EG_OP_CAST)
        return v->dtype != EG_F64 && v->in[0]->dtype != EG_F64 && (v->dtype == EG_F32 || v->in[0]->dtype != EG_I32);
    if (!v->def->strip || v->nin > MOST_PARAMS) return 0;
    for (int q = 0; q < v->nin; q++)
        if (v->in[q]->dtype != EG_F32 && !(v->op == EG_OP_WHERE && q == 0)) return 0;
    return v->dtype == EG_F32 || (v->def->flags & EG_COMPARE);
}

eg_status eg_lower_elementwise(eg_cpu_run *run, const eg_value *v) {
    if (!is_strip_op(v)) return eg_lower_reference(run, v);
    space sp = space_of(v);
    int in_panels = v->layout == EG_PANELS;
    if (in_panels) sp.rows = v->shape.dim[0], sp.columns = v->shape.dim[1];
    int in[MOST_PARAMS], out = eg_storage_of(run, v);
    eg_shape shapes[MOST_PARAMS];
    for (int q = 0; q < v->nin; q++) {
        int over_rows = (int)(sp.over_rows >> q & 1), over_columns = (int)(sp.over_columns >> q & 1);
        EG_TRY(operand_storage(run, v->in[q], &in[q]));
        if (in_panels) {
            over_rows = over_columns = v->in[q]->layout == EG_PANELS;
        } else if (in[q] < 0 || (over_rows && !(sp.over_all_rows >> q & 1))) {
            over_rows = over_columns = 1;
            if (in[q] >= 0) EG_TRY(eg_lower_expand_to(run, v->in[q], &v->shape, &in[q]));
        }
        shapes[q].rank = 2;
        shapes[q].dim[0] = over_rows ? sp.rows : 1, shapes[q].dim[1] = over_columns ? sp.columns : 1;
    }
    eg_group_request request = { .outer = v->in, .in = in, .out = &out, .panels = in_panels ? &v->shape : NULL };
    return out < 0 ? EG_E_MEMORY : eg_lower_single(run, v, shapes, &v->attr, &request);
}
