/* SPDX-License-Identifier: MIT
 *
 * lower_product.c: matrix products. Operands are read where they lie: rows, panels, or either of them
 * transposed by its strides; only a B that is transposed, or whose rows lie badly, is packed first. How they run:
 * product_run.c.
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

/* m, n, k and how A and C lie. */
static eg_status set_sizes(eg_cpu_run *run, eg_product *d, const eg_value *a, const eg_value *b, int ta, int tb,
                           eg_layout c_layout) {
    eg_gemm *g = &d->g;
    d->kernels = run->kernels;
    d->batch = 1;
    g->m = axis(a, ta ? 1 : 2);
    g->k = axis(a, ta ? 2 : 1);
    g->n = axis(b, tb ? 2 : 1);
    g->a_row = ta ? 1 : g->k;
    g->a_k = ta ? g->m : 1;
    if (a->layout == EG_PANELS) {
        int64_t runs = panels_of(g->k), *at = EG_ARENA_ARRAY(run->arena, int64_t, runs);
        if (!at) return EG_E_MEMORY;
        for (int64_t i = 0; i < runs; i++) at[i] = i * g->m * EG_PANEL;
        g->a_runs = at;
        g->run = EG_PANEL;
        g->a_row = EG_PANEL;
        g->a_k = 1;
    }
    d->panels = panels_of(g->n);
    d->in_panels = g->c_padded = c_layout == EG_PANELS;
    g->c_row = d->in_panels ? EG_PANEL : g->n;
    g->c_panel = d->in_panels ? EG_PANEL * g->m : EG_PANEL;
    d->c_size = g->m * g->n;
    return EG_OK;
}

static void set_b(eg_gemm *g, eg_layout layout) {
    g->b_k = layout == EG_PANELS ? EG_PANEL : g->n;
    g->b_panel = layout == EG_PANELS ? EG_PANEL * g->k : EG_PANEL;
}

/* Enough panels for everybody: cut along them, so that each thread reads its own part of B; else along the rows. */
static void set_items(eg_cpu_step *step, eg_product *d) {
    enum { ENOUGH_PANELS = 4 };
    d->by_rows = d->panels < ENOUGH_PANELS;
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
    const eg_kernels *kernels;
    float *out;
    const float *in;
    int64_t k, n, b_k, b_n;  /* of the result; where (q, j) lies in `in` */
    int64_t in_size, out_size; /* from one matrix of a batch to the next */
    int64_t panels;            /* of one matrix */
} pack_detail;

static void run_pack(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const pack_detail *d = step->detail;
    for (int64_t i = from; i < to; i++) {
        int64_t batch = i / d->panels, p = i % d->panels;
        d->kernels->pack(d->out + batch * d->out_size, d->in + batch * d->in_size, d->k, d->n, d->b_k, d->b_n, p,
                         p + 1);
    }
}

/* Panels [n,k] to panels [k,n]: each panel of 32 source columns gives 32 rows of every result panel. */
static void run_repack(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const pack_detail *d = step->detail;
    for (int64_t p = from; p < to; p++) {
        for (int64_t q = 0; q < d->k; q += EG_PANEL) {
            int64_t rows = d->k - q < EG_PANEL ? d->k - q : EG_PANEL, columns = d->n - p * EG_PANEL;
            if (columns > EG_PANEL) columns = EG_PANEL;
            const float *in = d->in + q * d->n + p * EG_PANEL * EG_PANEL; /* panel q/32 of [n,k], row 32 p */
            d->kernels->pack(d->out + (p * d->k + q) * EG_PANEL, in, rows, columns, 1, EG_PANEL, 0, 1);
        }
    }
}

eg_status eg_lower_pack(eg_cpu_run *run, const eg_value *v) {
    int transpose = v->attr.pack.transpose != 0, from_panels = v->in[0]->layout == EG_PANELS;
    eg_cpu_step *step = eg_step_new(run, v, "pack", from_panels ? run_repack : run_pack, sizeof(pack_detail));
    if (!step) return EG_E_MEMORY;
    if (from_panels && !transpose) return eg_fail(EG_E_INTERNAL, "pack: panels are packed already");
    pack_detail *d = step->detail;
    int64_t k = v->shape.dim[0], n = v->shape.dim[1];
    *d = (pack_detail){ .kernels = run->kernels, .k = k, .n = n, .b_k = transpose ? 1 : n, .b_n = transpose ? k : 1,
                        .panels = panels_of(n) };
    step->items = d->panels;
    step->work = .15 * (double)(k * n);
    EG_TRY(eg_step_reads(run, v->in[0], &d->in));
    return eg_step_writes(run, v, &d->out);
}

typedef struct unpack_detail {
    const eg_kernels *kernels;
    float *out;
    const float *in;
    int64_t k, n;
} unpack_detail;

static void run_unpack(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const unpack_detail *d = step->detail;
    d->kernels->unpack(d->out, d->n, d->in, d->k, d->n, from, to);
}

eg_status eg_lower_unpack_to(eg_cpu_run *run, const eg_value *v, int to, int from) {
    eg_cpu_step *step = eg_step_new(run, v, "unpack", run_unpack, sizeof(unpack_detail));
    if (!step) return EG_E_MEMORY;
    unpack_detail *d = step->detail;
    *d = (unpack_detail){ .kernels = run->kernels, .k = v->shape.dim[0], .n = v->shape.dim[1] };
    step->items = panels_of(d->n);
    step->work = .1 * (double)(d->k * d->n);
    EG_TRY(eg_step_uses(run, from, &d->in, (eg_use){ 0 }));
    return eg_step_uses(run, to, &d->out, (eg_use){ .write = 1 });
}

eg_status eg_lower_unpack(eg_cpu_run *run, const eg_value *v) {
    int to = eg_storage_of(run, v), from = eg_storage_of(run, v->in[0]);
    return to < 0 || from < 0 ? EG_E_MEMORY : eg_lower_unpack_to(run, v, to, from);
}

/* Whole pages from row to row, all rows of a panel compete for a few lines of each cache, and every one of a large B
 * needs a page's address of its own: worth a copy when many rows of C read it. */
static int lies_badly(int64_t m, int64_t k, int64_t n) {
    enum { PAGE = 1024, LARGE = 1 << 20, MANY = 64, DEEP = 256 };
    return m >= MANY && k >= DEEP && (n % PAGE == 0 || k * n >= LARGE);
}

/* B, which may be `transposed`, becomes panels in memory of its own; `count` matrices one after the other. */
static eg_status pack_b(eg_cpu_run *run, const eg_value *v, const eg_value *b, int transposed, int64_t k, int64_t n,
                        int64_t count, int *storage) {
    eg_cpu_step *step = eg_step_new(run, v, "pack", run_pack, sizeof(pack_detail));
    if (!step) return EG_E_MEMORY;
    pack_detail *d = step->detail;
    *d = (pack_detail){ .kernels = run->kernels, .k = k, .n = n, .b_k = transposed ? 1 : n,
                        .b_n = transposed ? k : 1, .in_size = k * n, .out_size = panels_of(n) * EG_PANEL * k,
                        .panels = panels_of(n) };
    step->items = d->panels * count;
    step->work = .15 * (double)(k * n * count);
    *storage = eg_storage_new(run, EG_IN_ARENA, (size_t)(d->out_size * count) * sizeof(float));
    EG_TRY(eg_step_reads(run, b, &d->in));
    return eg_step_uses(run, *storage, &d->out, (eg_use){ .write = 1 });
}

/* ---- one product ----------------------------------------------------------------------------------------- */

typedef struct product_request {
    const eg_value *value, *a, *b, *start; /* start may be NULL */
    int ta, tb;
    eg_layout c_layout;
} product_request;

/* Appends the step, with A, B and the start value in use; C is the caller's. */
static eg_status new_product(eg_cpu_run *run, const product_request *r, eg_product **out) {
    int b = eg_storage_of(run, r->b);
    eg_layout b_layout = r->b->layout;
    int64_t m = axis(r->a, r->ta ? 1 : 2), k = axis(r->b, r->tb ? 1 : 2), n = axis(r->b, r->tb ? 2 : 1);
    if (r->tb || (b_layout == EG_ROWS && lies_badly(m, k, n))) {
        EG_TRY(pack_b(run, r->value, r->b, r->tb, k, n, 1, &b));
        b_layout = EG_PANELS;
    }
    eg_cpu_step *step = eg_step_new(run, r->value, "gemm", eg_product_run, sizeof(eg_product));
    if (!step) return EG_E_MEMORY;
    eg_product *d = *out = step->detail;
    EG_TRY(set_sizes(run, d, r->a, r->b, r->ta, r->tb, r->c_layout));
    set_b(&d->g, b_layout);
    set_items(step, d);
    step->by_rows = product_by_rows;
    EG_TRY(eg_step_reads(run, r->a, &d->g.a));
    EG_TRY(eg_step_uses(run, b, &d->g.b, (eg_use){ 0 }));
    return r->start ? eg_step_reads(run, r->start, &d->g.bias) : EG_OK;
}

/* ---- product groups -------------------------------------------------------------------------------------- */

const eg_value *eg_outer_of(const eg_value *fused, const eg_value *param) {
    const eg_body *body = fused->attr.body.body;
    for (int i = 0; i < body->nin; i++)
        if (body->param[i] == param) return fused->in[i];
    return NULL;
}

/* The output whose memory the product itself uses: the product, if it is one; else one that may be made in
 * place. */
int eg_finish_place(const eg_body *body, const eg_value *product, const eg_strips *s) {
    if (!s) return 0;
    for (int i = 0; i < body->nout; i++)
        if (body->out[i] == product) return i;
    int c = eg_strips_product(s);
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

eg_status eg_finish_uses(eg_cpu_run *run, const eg_strips *s, eg_rect *whole, const int *in, const int *out, int c) {
    int product = eg_strips_product(s);
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0) continue;
        whole->base[o] = (void *)(uintptr_t)x->table;
        if (x->table) continue;
        int storage = o == product ? c : x->output ? out[o - s->nparams] : in[o];
        EG_TRY(eg_step_uses(run, storage, &whole->base[o], (eg_use){ .write = x->output || o == product }));
    }
    return EG_OK;
}

eg_status eg_finish_strips(eg_cpu_run *run, const eg_value *v, const eg_strips **out) {
    const eg_body *body = v->attr.body.body;
    const eg_value *product = eg_body_product(body);
    *out = NULL;
    if (!has_elementwise(body, product)) return EG_OK;
    *out = eg_strips_for(run, &(eg_strips_request){ .body = body, .outer = v->in, .product = product, .by_row = 1 });
    return *out ? EG_OK : eg_error_status();
}

/* How operands in rows go on; the bases are filled in where they are used. */
static void set_whole(eg_product *d) {
    if (d->in_panels) return;
    d->whole.rows = d->g.m, d->whole.columns = d->g.n, d->whole.is_first = 1;
    for (int o = 0; o < d->finish->noperands; o++) {
        eg_extent extent = d->finish->operand[o].extent;
        d->whole.row[o] = extent == EG_OVER_ALL ? d->g.n : extent == EG_OVER_ROWS;
    }
}

eg_status eg_lower_product(eg_cpu_run *run, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    const eg_value *product = eg_body_product(body);
    int in[EG_GROUP_OPERANDS], out[EG_GROUP_OPERANDS], c = -1;
    EG_TRY(eg_fused_storages(run, v, in, out));
    const eg_strips *s;
    EG_TRY(eg_finish_strips(run, v, &s));
    product_request request = { .value = v,
                                .a = eg_outer_of(v, product->in[0]),
                                .b = eg_outer_of(v, product->in[1]),
                                .start = product->nin > 2 ? eg_outer_of(v, product->in[2]) : NULL,
                                .ta = product->attr.matmul.ta,
                                .tb = product->attr.matmul.tb,
                                .c_layout = product->layout };
    eg_product *d = NULL;
    EG_TRY(new_product(run, &request, &d));
    int own = eg_finish_place(body, product, s);
    for (int i = 0; i < body->nout; i++) {
        if (body->out[i] == product || i == own) c = out[i];
        if (body->out[i]->op != EG_OP_SUM) continue;
        run->step[run->nstep - 1].by_rows = NULL;
        EG_TRY(eg_step_uses(run, out[i], &d->g.column_sums, (eg_use){ .write = 1 }));
    }
    if (c < 0) c = eg_storage_new(run, EG_IN_ARENA, eg_stored_bytes(EG_F32, &product->shape, product->layout));
    EG_TRY(eg_step_uses(run, c, &d->g.c, (eg_use){ .write = 1 }));
    if (!s) return EG_OK;
    d->finish = s;
    d->over_padding = d->in_panels && may_run_over_padding(s);
    run->step[run->nstep - 1].kernel = "gemm + strips";
    run->step[run->nstep - 1].scratch = s->scratch;
    run->step[run->nstep - 1].work += s->work * (double)d->c_size;
    set_whole(d);
    return eg_finish_uses(run, s, &d->whole, in, out, c);
}

/* ---- products that stand alone --------------------------------------------------------------------------- */

/* Where each product of a batch begins in an operand of leading axes `shape`, whose matrices have `size` floats. */
static int64_t *batch_starts(eg_cpu_run *run, const eg_shape *operand, const eg_shape *result, int64_t size) {
    eg_shape leading = *operand, to = *result;
    leading.rank = operand->rank - 2;
    to.rank = result->rank - 2;
    int64_t count = eg_count(&to), stride[EG_MAX_RANK], *start = EG_ARENA_ARRAY(run->arena, int64_t, count);
    if (!start) return NULL;
    eg_broadcast_strides(&leading, &to, stride);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        for (int ax = to.rank - 1; ax >= 0; ax--) {
            start[i] += rest % to.dim[ax] * stride[ax] * size;
            rest /= to.dim[ax];
        }
    }
    return start;
}

static int64_t leading_size(eg_shape shape) {
    shape.rank -= 2;
    return eg_count(&shape);
}

static eg_status lower_batch(eg_cpu_run *run, const eg_value *v) {
    const eg_value *a = v->in[0], *b = v->in[1];
    int ta = v->attr.matmul.ta, tb = v->attr.matmul.tb, b_storage = eg_storage_of(run, b);
    int64_t k = axis(b, tb ? 1 : 2), n = axis(b, tb ? 2 : 1), b_size = tb ? panels_of(n) * EG_PANEL * k : k * n;
    if (tb) EG_TRY(pack_b(run, v, b, 1, k, n, leading_size(b->shape), &b_storage));
    eg_cpu_step *step = eg_step_new(run, v, "gemm batch", eg_product_run_batch, sizeof(eg_product));
    if (!step) return EG_E_MEMORY;
    eg_product *d = step->detail;
    EG_TRY(set_sizes(run, d, a, b, ta, tb, EG_ROWS));
    set_b(&d->g, tb ? EG_PANELS : EG_ROWS);
    set_items(step, d);
    step->items = d->batch = leading_size(v->shape);
    step->work *= (double)d->batch;
    step->flops *= (double)d->batch;
    d->a_at = batch_starts(run, &a->shape, &v->shape, d->g.m * d->g.k);
    d->b_at = batch_starts(run, &b->shape, &v->shape, b_size);
    if (!d->a_at || !d->b_at) return EG_E_MEMORY;
    EG_TRY(eg_step_reads(run, a, &d->g.a));
    EG_TRY(eg_step_uses(run, b_storage, &d->g.b, (eg_use){ 0 }));
    return eg_step_writes(run, v, &d->g.c);
}

eg_status eg_lower_matmul(eg_cpu_run *run, const eg_value *v) {
    const eg_value *a = v->in[0], *b = v->in[1];
    if (v->dtype != EG_F32 || a->shape.rank < 2 || b->shape.rank < 2) return eg_lower_reference(run, v);
    if (v->shape.rank > 2) return lower_batch(run, v);
    product_request request = { .value = v, .a = a, .b = b, .start = v->nin > 2 ? v->in[2] : NULL,
                                .ta = v->attr.matmul.ta, .tb = v->attr.matmul.tb, .c_layout = v->layout };
    eg_product *d = NULL;
    EG_TRY(new_product(run, &request, &d));
    return eg_step_writes(run, v, &d->g.c);
}
