/* SPDX-License-Identifier: MIT
 *
 * lower_product.c: matrix products. Operands are read where they lie: rows, panels, or either of them
 * transposed by its strides; only a B that is transposed, or whose rows lie badly, is packed first, or a few panels at
 * a time as the product comes to them. How they run: product_run.c.
 *
 * Where only products of a batch read a permute (the heads of attention), or a permute alone reads such a product, it
 * is no step: they read or write the memory on its other side, by its strides.
 *
 * The result's memory is that of an output that may be made in place, so that a bias and an activation cost no
 * memory at all.
 */
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"
#include "runtime/product.h"
#include "runtime/strip.h"
#include "tensor/shape.h"

/* ---- operands -------------------------------------------------------------------------------------------- */

static int64_t panels_of(int64_t n) { return (n + EG_PANEL - 1) / EG_PANEL; }

static int64_t axis(const eg_value *v, int from_end) { return v->shape.dim[v->shape.rank - from_end]; }

/* How A and C lie. */
static eg_status set_rows(eg_arena *arena, eg_product *d, const eg_value *a, int ta, eg_layout c_layout) {
    eg_gemm *g = &d->g;
    g->a_row = ta ? 1 : g->k;
    g->a_k = ta ? g->m : 1;
    if (a->layout == EG_PANELS) {
        int64_t runs = panels_of(g->k), *at = EG_ARENA_ARRAY(arena, int64_t, runs);
        if (!at) return EG_E_MEMORY;
        for (int64_t i = 0; i < runs; i++) at[i] = i * g->m * EG_PANEL;
        g->a_runs = at;
        g->run = g->a_row = EG_PANEL;
        g->a_k = 1;
    }
    d->in_panels = g->c_padded = c_layout == EG_PANELS;
    g->c_row = d->in_panels ? EG_PANEL : g->n;
    g->c_panel = d->in_panels ? EG_PANEL * g->m : EG_PANEL;
    return EG_OK;
}

/* Each thread reads its own part of the larger operand: of A's rows, which it has written itself where the product
 * before was cut alike, or of B's panels, if there are enough for everybody. Rows where both are alike: processors fetch
 * ahead along a row of C, into the part that another thread writes. */
static void set_items(eg_cpu_step *step, eg_product *d) {
    enum { ENOUGH_PANELS = 4 };
    int shares_lines = !d->in_panels && d->g.n % EG_BLOCK != 0; /* of C: parts of its rows would meet in them */
    d->by_rows = d->g.m >= (shares_lines ? d->g.n / 4 : d->g.n) || d->panels < ENOUGH_PANELS;
    step->items = d->by_rows ? d->g.m : d->panels;
    step->flops = 2. * (double)(d->g.m * d->g.n) * (double)d->g.k;
    step->work = step->flops / 200 + .03 * (double)(d->g.m * d->g.n);
}

/* Operands of the finish that are read whole must not change; the uses end with them. */
static int finish_by_rows(const eg_cpu_run *run, const eg_cpu_step *step, const eg_strips *s) {
    const eg_use *use = &run->use[step->first_use + step->nuse];
    for (int o = s ? s->noperands - 1 : -1; o >= 0; o--) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0 || x->table) continue;
        use--;
        if (x->extent == EG_OVER_ALL || x->extent == EG_OVER_ROWS) continue;
        if (x->output || !eg_storage_is_fixed(run, use->storage)) return 0;
    }
    return 1;
}

/* Uses are A, B, perhaps a start, and then what is written. */
static int product_by_rows(const eg_cpu_run *run, eg_cpu_step *step, int64_t rows, int make) {
    eg_product *d = step->detail;
    const eg_use *use = &run->use[step->first_use];
    if (d->g.m != rows || d->g.a_k != 1 || d->g.a_runs || d->in_panels) return 0;
    if (!eg_storage_is_fixed(run, use[1].storage)) return 0;
    if (!use[2].write && !eg_storage_is_fixed(run, use[2].storage)) return 0;
    if (!finish_by_rows(run, step, d->finish)) return 0;
    if (make) d->by_rows = 1, step->items = rows;
    return 1;
}

/* ---- packing --------------------------------------------------------------------------------------------- */

typedef struct pack_detail {
    eg_packing packing;
    float *out;
    const eg_kernels *kernels;
    const int64_t *in_at;    /* where each matrix of a batch begins; NULL: there is one */
    int64_t out_size;        /* from one to the next */
    int64_t panels;          /* of one matrix */
} pack_detail;

/* Panels of the transpose: each of 32 source columns gives 32 rows of every result panel. */
static void turn_panel(const eg_packing *d, const eg_kernels *kernels, const float *in, float *out, int64_t p) {
    int64_t columns = d->n - p * EG_PANEL;
    if (columns > EG_PANEL) columns = EG_PANEL;
    in += p * EG_PANEL * EG_PANEL; /* row 32 p of the first panel */
    for (int64_t q = 0; q < d->k; q += EG_PANEL, in += EG_PANEL * d->n, out += EG_PANEL * EG_PANEL) {
        int64_t rows = d->k - q < EG_PANEL ? d->k - q : EG_PANEL;
        eg_pack(kernels, out, in, rows, columns, 1, EG_PANEL, 0, 1);
    }
}

void eg_packing_run(const eg_packing *d, const eg_kernels *kernels, const float *in, float *out, int64_t p0,
                    int64_t p1) {
    for (int64_t p = p0; p < p1; p++, out += d->k * EG_PANEL) {
        if (d->turns_panels)
            turn_panel(d, kernels, in, out, p);
        else
            eg_pack(kernels, out, in + p * EG_PANEL * d->b_n, d->k, d->n - p * EG_PANEL, d->b_k, d->b_n, 0, 1);
    }
}

static void run_pack(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const pack_detail *d = step->detail;
    for (int64_t i = from; i < to; i++) {
        int64_t batch = i / d->panels, p = i % d->panels;
        const float *in = d->packing.in + (d->in_at ? d->in_at[batch] : 0);
        eg_packing_run(&d->packing, d->kernels, in, d->out + batch * d->out_size + p * d->packing.k * EG_PANEL, p,
                       p + 1);
    }
}

/* Of a matrix [k,n] in rows, or of its transpose [n,k]. */
static eg_packing packing_of_rows(int64_t k, int64_t n, int is_transposed) {
    return (eg_packing){ .k = k, .n = n, .b_k = is_transposed ? 1 : n, .b_n = is_transposed ? k : 1 };
}

/* Of `count` matrices. */
static pack_detail *new_pack(eg_cpu_run *run, const eg_value *v, eg_packing packing, int64_t count) {
    eg_cpu_step *step = eg_step_new(run, v, "pack", run_pack, sizeof(pack_detail));
    if (!step) return NULL;
    pack_detail *d = step->detail;
    d->kernels = run->kernels;
    d->packing = packing;
    d->panels = panels_of(packing.n);
    d->out_size = d->panels * EG_PANEL * packing.k;
    step->items = d->panels * count;
    step->work = .15 * (double)(packing.k * packing.n * count);
    return d;
}

/* Is it the B' of one product, which turns it a few panels at a time, because all of it would not stay in a thread's
 * L2 cache but A does? The variable is then read while that runs, which the schedule knows. */
static int is_turned_on_the_way(const eg_cpu_run *run, const eg_value *v) {
    enum { LARGE = 3 << 16, FITS = 1 << 17 }; /* floats */
    if (v->op != EG_OP_PACK || !v->attr.pack.transpose || eg_count(&v->shape) < LARGE * run->threads) return 0;
    if (run->graph != run->program->unit.graph) return 0; /* in a loop values lie elsewhere in each step */
    const eg_value *reader = eg_next_reader(run, v, v);
    if (!reader || eg_next_reader(run, v, reader)) return 0;
    const eg_value *product = reader->op == EG_OP_FUSED ? eg_body_product(reader->attr.body.body) : reader;
    if (!product || product->op != EG_OP_MATMUL || eg_operand_of(reader, product, 1) != v) return 0;
    return axis(product, 2) * axis(v, 2) <= FITS;
}

static eg_packing packing_of(const eg_value *v) {
    eg_packing packing = packing_of_rows(axis(v, 2), axis(v, 1), v->attr.pack.transpose != 0);
    packing.turns_panels = v->in[0]->layout == EG_PANELS;
    return packing;
}

eg_status eg_lower_pack(eg_cpu_run *run, const eg_value *v) {
    if (is_turned_on_the_way(run, v)) return EG_OK;
    pack_detail *d = new_pack(run, v, packing_of(v), 1);
    if (!d) return EG_E_MEMORY;
    eg_step_reads(run, v->in[0], &d->packing.in);
    return eg_step_writes(run, v, &d->out);
}

typedef struct unpack_detail {
    float *out;
    const float *in;
    int64_t k, n;
} unpack_detail;

static void run_unpack(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const unpack_detail *d = step->detail;
    eg_unpack(d->out, d->n, d->in, d->k, d->n, from, to);
}

eg_status eg_lower_unpack_to(eg_cpu_run *run, const eg_value *v, int to, int from) {
    eg_cpu_step *step = eg_step_new(run, v, "unpack", run_unpack, sizeof(unpack_detail));
    if (!step) return EG_E_MEMORY;
    unpack_detail *d = step->detail;
    d->k = v->shape.dim[0], d->n = v->shape.dim[1];
    step->items = panels_of(d->n);
    step->work = .1 * (double)(d->k * d->n);
    eg_step_reads_at(run, from, &d->in);
    return eg_step_writes_at(run, to, &d->out);
}

eg_status eg_lower_unpack(eg_cpu_run *run, const eg_value *v) {
    return eg_lower_unpack_to(run, v, eg_storage_of(run, v), eg_storage_of(run, v->in[0]));
}

/* Whole pages from row to row, all rows of a panel compete for a few lines of each cache, and every one of a large B
 * needs a page's address of its own: worth a copy when many rows of C read it. */
static int lies_badly(int64_t m, int64_t k, int64_t n) {
    enum { PAGE = 1024, LARGE = 1 << 20, MANY = 192, DEEP = 256 };
    return m >= MANY && k >= DEEP && (n % PAGE == 0 || k * n >= LARGE);
}

/* ---- one product ----------------------------------------------------------------------------------------- */

/* May C be stored in whole vectors, each row over the beginning of the next, the last into the room behind it? */
static int has_room(const eg_product *d) {
    int64_t n = d->g.n, lanes = d->kernels->lanes;
    int64_t end = (d->g.m - 1) * n + (n + lanes - 1) / lanes * lanes;
    return end <= (d->g.m * n + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK;
}

/* Once addresses are known. */
static void settle_product(eg_cpu_step *step) {
    eg_product *d = step->detail;
    if (d->gate >= 0 && d->whole.base[d->gate] == d->g.c) {
        d->g.ending = EG_END_GATE;
        d->finish = NULL;
        step->kernel = "gemm";
    }
    d->one_tile = d->kernels->one_tile(&d->tile, &d->g);
    d->tile.padded = step->roomy && has_room(d) && d->g.ending != EG_END_GATE;
    if (!d->finish || d->in_panels) return;
    eg_rect_flatten(d->finish, &d->whole);
    d->whole.roomy = step->roomy && d->whole.rows == 1;
}

const eg_value *eg_operand_of(const eg_value *value, const eg_value *product, int q) {
    const eg_value *operand = q < product->nin ? product->in[q] : NULL;
    if (value == product) return operand;
    const eg_body *body = value->attr.body.body;
    for (int i = 0; i < body->nin; i++)
        if (body->param[i] == operand) return value->in[i];
    return NULL;
}

static void turn_on_the_way(eg_cpu_run *run, eg_cpu_step *step, const eg_value *pack) {
    enum { AT_ONCE = 1 << 16 };
    eg_product *d = step->detail;
    d->turned = packing_of(pack);
    d->turned_at_once = 1 + AT_ONCE / (EG_PANEL * d->turned.k);
    d->by_rows = 0, step->items = d->panels;
    step->scratch = (size_t)(d->turned_at_once * EG_PANEL * d->turned.k);
    eg_step_reads(run, pack->in[0], &d->turned.in);
}

/* Appends the step, with A, B and the start value in use; C is the caller's. */
static eg_status new_product(eg_cpu_run *run, const eg_value *v, const eg_value *product, eg_product **out) {
    const eg_value *a = eg_operand_of(v, product, 0), *b = eg_operand_of(v, product, 1);
    const eg_value *start = eg_operand_of(v, product, 2);
    int ta = product->attr.matmul.ta, tb = product->attr.matmul.tb;
    int64_t m = axis(a, ta ? 1 : 2), k = axis(a, ta ? 2 : 1), n = axis(b, tb ? 2 : 1);
    int turned = is_turned_on_the_way(run, b), b_at = turned ? -1 : eg_storage_of(run, b);
    eg_layout b_layout = b->layout;
    if (tb || (b_layout == EG_ROWS && lies_badly(m, k, n))) {
        pack_detail *p = new_pack(run, v, packing_of_rows(k, n, tb), 1);
        if (!p) return EG_E_MEMORY;
        b_at = eg_floats_new(run, p->out_size);
        b_layout = EG_PANELS;
        eg_step_reads(run, b, &p->packing.in);
        eg_step_writes_at(run, b_at, &p->out);
    }
    eg_cpu_step *step = eg_step_new(run, v, "gemm", eg_product_run, sizeof(eg_product));
    if (!step) return EG_E_MEMORY;
    eg_product *d = *out = step->detail;
    d->kernels = run->kernels;
    d->gate = -1;
    d->g.m = m, d->g.n = n, d->g.k = k;
    d->panels = panels_of(n);
    EG_TRY(set_rows(run->arena, d, a, ta, product->layout));
    d->g.b_k = b_layout == EG_PANELS ? EG_PANEL : n;
    d->g.b_panel = b_layout == EG_PANELS ? EG_PANEL * k : EG_PANEL;
    set_items(step, d);
    step->by_rows = turned ? NULL : product_by_rows;
    step->bound = settle_product;
    eg_step_reads(run, a, &d->g.a);
    if (turned)
        turn_on_the_way(run, step, b);
    else
        eg_step_reads_at(run, b_at, &d->g.b);
    return start ? eg_step_reads(run, start, &d->g.bias) : run->status;
}

/* ---- products of a batch --------------------------------------------------------------------------------- */

static int is_batch(const eg_value *v) {
    if (v->op != EG_OP_MATMUL || v->dtype != EG_F32 || v->shape.rank < 3) return 0;
    return v->in[0]->shape.rank > 1 && v->in[1]->shape.rank > 1;
}

int eg_is_root(const eg_cpu_run *run, const eg_value *v) {
    const eg_unit *unit = &run->program->unit;
    for (int i = 0; i < unit->nroots; i++)
        if (unit->root[i] == v) return 1;
    return 0;
}

const eg_value *eg_next_reader(const eg_cpu_run *run, const eg_value *v, const eg_value *after) {
    for (int id = after->id + 1; id < run->graph->n; id++)
        for (int i = 0; i < run->graph->values[id]->nin && run->needed[id]; i++)
            if (run->graph->values[id]->in[i] == v) return run->graph->values[id];
    return NULL;
}

/* In a loop's body they are copies, since values there lie elsewhere in each step; so are those of a variable, which
 * may be assigned before the product reads them. */
static int is_permute(const eg_cpu_run *run, const eg_value *v) {
    if (v->op != EG_OP_PERMUTE || v->dtype != EG_F32 || v->shape.rank < 2) return 0;
    return run->graph == run->program->unit.graph && eg_behind_views(v->in[0])->op != EG_OP_VAR;
}

/* Do only products read the permute, and does one of their axes remain without gaps? */
static int is_read_by_strides(const eg_cpu_run *run, const eg_value *permute) {
    int last = permute->shape.rank - 1;
    const int32_t *from = permute->attr.permute.axis;
    if (!is_permute(run, permute) || eg_is_root(run, permute)) return 0;
    if (from[last] != last && from[last - 1] != last) return 0;
    for (const eg_value *v = permute; (v = eg_next_reader(run, permute, v));)
        if (!is_batch(v)) return 0;
    return 1;
}

static int is_written_by_strides(const eg_cpu_run *run, const eg_value *permute) {
    if (!is_permute(run, permute)) return 0;
    const eg_value *product = permute->in[0], *reader = eg_next_reader(run, product, product);
    int last = permute->shape.rank - 1;
    if (!is_batch(product) || eg_is_root(run, product) || permute->attr.permute.axis[last] != last) return 0;
    return reader == permute && !eg_next_reader(run, product, reader) && !is_read_by_strides(run, permute);
}

int eg_is_by_strides(const eg_cpu_run *run, const eg_value *permute) {
    return is_read_by_strides(run, permute) || is_written_by_strides(run, permute);
}

/* Where a value of a product lies: in the memory of which value, and the way from index to index of each axis. */
typedef struct place {
    const eg_value *memory;
    int64_t stride[EG_MAX_RANK];
} place;

static place place_of_operand(const eg_cpu_run *run, const eg_value *v) {
    place p = { .memory = v };
    eg_shape_strides(&v->shape, p.stride);
    if (!is_read_by_strides(run, v)) return p;
    int64_t stride[EG_MAX_RANK];
    p.memory = v->in[0];
    eg_shape_strides(&p.memory->shape, stride);
    for (int i = 0; i < v->shape.rank; i++) p.stride[i] = stride[v->attr.permute.axis[i]];
    return p;
}

static place place_of_result(const eg_cpu_run *run, const eg_value *v) {
    place p = { .memory = v };
    const eg_value *permute = eg_next_reader(run, v, v);
    eg_shape_strides(&v->shape, p.stride);
    if (!permute || !is_written_by_strides(run, permute)) return p;
    int64_t stride[EG_MAX_RANK];
    p.memory = permute;
    eg_shape_strides(&permute->shape, stride);
    for (int i = 0; i < v->shape.rank; i++) p.stride[permute->attr.permute.axis[i]] = stride[i];
    return p;
}

static int64_t matrices_of(const eg_value *v) {
    eg_shape leading = v->shape;
    leading.rank -= 2;
    return eg_count(&leading);
}

/* Where the matrix for each of `to`'s begins in v, which is broadcast over its leading axes. */
static int64_t *batch_starts(eg_cpu_run *run, const eg_value *v, const int64_t *stride, const eg_value *to) {
    int64_t count = matrices_of(to), *start = EG_ARENA_ARRAY(run->arena, int64_t, count);
    for (int64_t i = 0; start && i < count; i++) {
        int64_t rest = i;
        for (int ax = to->shape.rank - 3, own = v->shape.rank - 3; ax >= 0; ax--, own--) {
            if (own >= 0 && v->shape.dim[own] != 1) start[i] += rest % to->shape.dim[ax] * stride[own];
            rest /= to->shape.dim[ax];
        }
    }
    return start;
}

/* B's matrices [k,n] in panels, one after the other, in memory of their own. */
static int pack_batch(eg_cpu_run *run, const eg_value *v, place *b, int64_t k, int64_t n) {
    const eg_value *from = v->in[1];
    int rank = from->shape.rank, tb = v->attr.matmul.tb;
    int64_t count = matrices_of(from), b_k = b->stride[rank - (tb ? 1 : 2)], b_n = b->stride[rank - (tb ? 2 : 1)];
    pack_detail *p = new_pack(run, v, (eg_packing){ .k = k, .n = n, .b_k = b_k, .b_n = b_n }, count);
    if (!p) return -1;
    p->in_at = batch_starts(run, from, b->stride, from);
    if (!p->in_at) return -1;
    int panels = eg_floats_new(run, p->out_size * count);
    eg_step_reads(run, b->memory, &p->packing.in);
    eg_step_writes_at(run, panels, &p->out);
    for (int64_t i = rank - 3, size = p->out_size; i >= 0; size *= from->shape.dim[i--]) b->stride[i] = size;
    return panels;
}

static eg_status lower_batch(eg_cpu_run *run, const eg_value *v) {
    const eg_value *a = v->in[0], *b = v->in[1];
    int ta = v->attr.matmul.ta, tb = v->attr.matmul.tb;
    place from_a = place_of_operand(run, a), from_b = place_of_operand(run, b), to = place_of_result(run, v);
    const int64_t *a_end = &from_a.stride[a->shape.rank], *b_end = &from_b.stride[b->shape.rank];
    int64_t m = axis(v, 2), n = axis(v, 1), k = axis(a, ta ? 2 : 1);
    int in_place = b_end[tb ? -2 : -1] == 1;
    int b_at = in_place ? eg_storage_of(run, from_b.memory) : pack_batch(run, v, &from_b, k, n);
    eg_cpu_step *step = b_at < 0 ? NULL : eg_step_new(run, v, "gemm batch", eg_product_run_batch, sizeof(eg_product));
    if (!step) return EG_E_MEMORY;
    eg_product *d = step->detail;
    d->kernels = run->kernels;
    d->panels = panels_of(n);
    d->g.m = m, d->g.n = n, d->g.k = k;
    d->g.a_row = a_end[ta ? -1 : -2], d->g.a_k = a_end[ta ? -2 : -1];
    d->g.b_k = in_place ? b_end[tb ? -1 : -2] : EG_PANEL, d->g.b_panel = in_place ? EG_PANEL : EG_PANEL * k;
    d->g.c_row = to.stride[v->shape.rank - 2], d->g.c_panel = EG_PANEL;
    d->a_at = batch_starts(run, a, from_a.stride, v);
    d->b_at = batch_starts(run, b, from_b.stride, v);
    d->c_at = batch_starts(run, v, to.stride, v);
    if (!d->a_at || !d->b_at || !d->c_at) return EG_E_MEMORY;
    set_items(step, d);
    step->items = matrices_of(v);
    step->work *= (double)step->items;
    step->flops *= (double)step->items;
    eg_step_reads(run, from_a.memory, &d->g.a);
    eg_step_reads_at(run, b_at, &d->g.b);
    return eg_step_writes(run, to.memory, &d->g.c);
}

eg_status eg_lower_matmul(eg_cpu_run *run, const eg_value *v) {
    if (v->dtype != EG_F32 || v->in[0]->shape.rank < 2 || v->in[1]->shape.rank < 2) return eg_lower_reference(run, v);
    if (is_batch(v)) return lower_batch(run, v);
    eg_product *d = NULL;
    EG_TRY(new_product(run, v, v, &d));
    return eg_step_writes(run, v, &d->g.c);
}

/* ---- product groups -------------------------------------------------------------------------------------- */

/* The product, if it is an output; else one that may be made in place. */
static int place_of(const eg_body *body, const eg_value *product, const eg_strips *s) {
    for (int i = 0; i < body->nout; i++)
        if (body->out[i] == product) return i;
    int c = s ? s->product : -1;
    for (int i = 0; c >= 0 && i < body->nout; i++)
        if (s->over[s->nparams + i] >> c & 1) return i;
    return -1;
}

static int has_elementwise(const eg_body *body, const eg_value *product) {
    for (int i = 0; i < body->nout; i++)
        if (body->out[i] != product && body->out[i]->op != EG_OP_SUM) return 1;
    return 0;
}

/* A column operand has nothing to read behind its end. */
static int may_run_over_padding(const eg_strips *s) {
    for (int o = 0; o < s->noperands; o++)
        if (s->operand[o].reg >= 0 && s->operand[o].extent == EG_OVER_COLUMNS) return 0;
    return s->keeps_zero;
}

eg_status eg_finish_uses(eg_cpu_run *run, const eg_finish *f, eg_rect *whole, int c) {
    const eg_strips *s = f->strips;
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0) continue;
        whole->base[o] = (void *)(uintptr_t)x->table;
        if (x->table) continue;
        int storage = o == s->product ? c : x->output ? f->out[o - s->nparams] : f->in[o];
        eg_step_uses(run, storage, &whole->base[o], (eg_use){ .write = x->output || o == s->product });
    }
    return run->status;
}

eg_status eg_finish_new(eg_cpu_run *run, const eg_value *v, eg_finish *out) {
    const eg_body *body = v->attr.body.body;
    const eg_value *product = eg_body_product(body);
    EG_TRY(eg_fused_storages(run, v, out->in, out->out));
    out->strips = NULL;
    if (has_elementwise(body, product)) {
        eg_strips_request request = { .body = body, .outer = v->in, .product = product, .by_row = 1 };
        out->strips = eg_strips_for(run, &request);
        if (!out->strips) return eg_error_status();
    }
    out->place = place_of(body, product, out->strips);
    return EG_OK;
}

/* A product with a short k is little more than storing C, and does a finish on the way that is no more than a relu; or
 * no more than what passes one backwards, if C takes the place of what that looks at: settle_product sees whether it
 * does. Returns whether nothing is left for a finish. */
static int set_ending(eg_cpu_run *run, eg_product *d, const eg_finish *f) {
    const eg_strips *s = f->strips;
    const eg_strip_instruction *code = s->instruction;
    if (d->g.k == 0 || d->g.k > run->kernels->short_k || d->g.a_runs || d->in_panels) return 0;
    if (s->ninstructions != 1 || f->place < 0 || code->d != s->nparams + f->place) return 0;
    if (code->fn == run->kernels->strip[EG_STRIP_RELU] && code->a == s->product) {
        d->g.ending = EG_END_RELU;
        return 1;
    }
    if (code->fn != run->kernels->strip[EG_STRIP_GATE] || code->c != s->product || code->a >= s->nparams) return 0;
    if (s->operand[code->a].extent != EG_OVER_ALL || !s->constant[code->b] || *s->constant[code->b] != 0) return 0;
    if (run->storage[eg_storage_root(run, f->in[code->a])].kind != EG_IN_ARENA) return 0;
    d->gate = code->a;
    run->use[run->nuse - 1].over_from = run->last->nuse, run->use[run->nuse - 1].over = 1; /* it is read next */
    return 0;
}

eg_status eg_lower_product(eg_cpu_run *run, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    const eg_value *product = eg_body_product(body);
    eg_finish f;
    eg_product *d = NULL;
    EG_TRY(eg_finish_new(run, v, &f));
    EG_TRY(new_product(run, v, product, &d));
    eg_cpu_step *step = run->last;
    for (int i = 0; i < body->nout; i++) {
        if (body->out[i]->op != EG_OP_SUM) continue;
        step->by_rows = NULL;
        eg_step_writes_at(run, f.out[i], &d->g.column_sums);
    }
    int c = f.place >= 0 ? f.out[f.place]
                         : eg_storage_new(run, eg_stored_bytes(EG_F32, &product->shape, product->layout));
    eg_step_writes_at(run, c, &d->g.c);
    if (!f.strips || run->status != EG_OK || set_ending(run, d, &f)) return run->status;
    d->finish = f.strips;
    d->over_padding = d->in_panels && may_run_over_padding(d->finish);
    step->kernel = d->finish->chain ? "gemm + chain" : "gemm + strips";
    step->scratch += d->finish->scratch;
    step->work += d->finish->work * (double)(d->g.m * d->g.n);
    d->whole.is_first = 1;
    if (!d->in_panels) {
        d->whole.rows = d->g.m, d->whole.columns = d->g.n;
        eg_rect_set(d->finish, d->g.n, &d->whole);
    }
    return eg_finish_uses(run, &f, &d->whole, c);
}
