/* SPDX-License-Identifier: MIT
 *
 * lower_scan.c: loops. The body of a scan is lowered and planned once, as a run of its own; the scan is one step of
 * the outer run that goes through the body's steps again and again. What lies elsewhere each time (slices of stacked
 * operands and results, carries) are ports: addresses that are written into the body's steps before each pass through
 * them.
 *
 * Nothing is copied from step to step. A carry has two slots, which are read and written in turn; a carry that is
 * also stacked has one slot for each step and one more, so that the carry, its stack, and the stack of what it was
 * before each step are the same memory:
 *
 *     slot          0      1      2    ...    T         (in reverse: from the last to the first)
 *     before step   0      1      2           -
 *     after step    -      0      1          T-1
 *
 * The body's own memory lies in the outer run's arena for as long as the loop runs.
 *
 * Where each row of a batch goes its own way through all steps, threads do not share each step: each takes some rows
 * through the whole loop, with a copy of the body's steps of its own, and none waits for another before the end.
 */
#include <string.h>
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"
#include "tensor/shape.h"

/* One place in the body that moves: in pass k at base + bytes * (first + step * k), or between two slots in turn. */
typedef struct port {
    unsigned char *base; /* in the outer run */
    size_t bytes;
    int64_t first, step;
    int in_turn;
} port;

typedef struct first_value {
    unsigned char *to;
    const unsigned char *from;
    size_t bytes, at;
} first_value;

typedef struct scan_detail {
    eg_cpu_run **loop;  /* [copies] */
    int64_t copies;
    int64_t batch;      /* rows of a loop that is cut by them; else 1 */
    int64_t steps;
    port *port;         /* [loop->nports] */
    first_value *carry; /* [ncarries]: into the slot before the first step */
    int ncarries;
} scan_detail;

/* ---- running --------------------------------------------------------------------------------------------- */

static void point(const scan_detail *d, const eg_cpu_run *loop, int index, int64_t pass) {
    const port *p = &d->port[index];
    int64_t slot = p->in_turn ? (p->first + pass) & 1 : p->first + p->step * pass;
    for (int i = loop->port_fixup[index]; i < loop->port_fixup[index + 1]; i++) {
        unsigned char *at = p->base + (size_t)slot * p->bytes + loop->fixup[i].at;
        memcpy(loop->fixup[i].slot, &at, sizeof at); /* the slot is a pointer of any type */
    }
}

/* All steps for the rows [begin, end). */
static void run_rows(const scan_detail *d, eg_cpu_run *loop, size_t begin, size_t end) {
    for (int i = 0; i < d->ncarries; i++) {
        const first_value *carry = &d->carry[i];
        size_t row = carry->bytes / (size_t)d->batch, at = begin * row;
        if (row) memcpy(carry->to + carry->at + at, carry->from + at, (end - begin) * row);
    }
    if (d->batch > 1) loop->begin = (int64_t)begin, loop->end = (int64_t)end;
    for (int64_t pass = 0; pass < d->steps; pass++) {
        for (int i = 0; i < loop->nports; i++)
            if (pass == 0 || d->port[i].in_turn || d->port[i].step) point(d, loop, i, pass);
        eg_cpu_run_steps(loop);
    }
}

/* Items are the copies of the body. */
static void run_scan(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const scan_detail *d = step->detail;
    if (step->parts == 1) from = 0, to = 1;
    int64_t pieces = step->parts == 1 ? 1 : d->copies;
    for (int64_t i = from; i < to; i++)
        run_rows(d, d->loop[i], (size_t)(d->batch * i / pieces), (size_t)(d->batch * (i + 1) / pieces));
}

static void settle_loop(eg_cpu_step *step) {
    const scan_detail *d = step->detail;
    for (int64_t i = 0; i < d->copies; i++) eg_cpu_settle_loop(d->loop[i]);
}

eg_cpu_run *eg_cpu_loop_of(const eg_cpu_step *step) {
    return step->run == run_scan ? ((const scan_detail *)step->detail)->loop[0] : NULL;
}

/* ---- where carries and results lie -------------------------------------------------------------------------- */

typedef struct lowering {
    eg_cpu_run *run, *loop;
    const eg_value *scan;
    const eg_body *body;
    scan_detail *detail;
    int64_t steps;
    int64_t way; /* 1, in reverse -1 */
    int carries, nout;
    int *copied; /* [nout]: see place_outputs */
    int *buffer; /* [nout]: of a carry: its slots; of a stacked result of its own: the stack; -1: a carry's */
    int *stacked; /* [carries]: it has a slot for each step */
} lowering;

static size_t bytes_of(const eg_value *v) { return eg_stored_bytes(v->dtype, &v->shape, EG_ROWS); }

/* The carry whose slots hold the stacked result k, or -1. */
static int carry_behind(const lowering *l, int k) {
    for (int i = 0; i < l->carries; i++)
        if (l->body->out[k] == l->body->out[i] || l->body->out[k] == l->body->param[i]) return i;
    return -1;
}

static int64_t slots(const lowering *l, int carry) { return l->stacked[carry] ? l->steps + 1 : 2; }

/* Which slot a carry is in before pass 0, and after the last one. */
static int64_t first_slot(const lowering *l, int carry) { return l->stacked[carry] && l->way < 0 ? l->steps : 0; }
static int64_t last_slot(const lowering *l, int carry) {
    return l->stacked[carry] ? (l->way < 0 ? 0 : l->steps) : l->steps & 1;
}

static eg_status make_buffers(lowering *l) {
    for (int k = l->carries; k < l->nout; k++)
        if (carry_behind(l, k) >= 0) l->stacked[carry_behind(l, k)] = 1;
    for (int k = 0; k < l->nout; k++) {
        int64_t n = k < l->carries ? slots(l, k) : l->steps;
        l->buffer[k] = -1;
        if (k >= l->carries && carry_behind(l, k) >= 0) continue;
        l->buffer[k] = eg_storage_new(l->run, (size_t)n * bytes_of(l->body->out[k]));
        if (l->buffer[k] < 0) return EG_E_MEMORY;
    }
    return EG_OK;
}

/* What the outer graph sees of result k. */
static int result_storage(lowering *l, int k) {
    size_t bytes = bytes_of(l->body->out[k]);
    if (k < l->carries) return eg_storage_part(l->run, l->buffer[k], (size_t)last_slot(l, k) * bytes, bytes);
    if (l->buffer[k] >= 0) return l->buffer[k];
    int carry = carry_behind(l, k), is_after = l->body->out[k] == l->body->out[carry];
    size_t at = is_after == (l->way > 0) ? bytes : 0;
    return eg_storage_part(l->run, l->buffer[carry], at, (size_t)l->steps * bytes);
}

static eg_status place_results(lowering *l) {
    eg_cpu_run *run = l->run;
    for (int k = 0; k < l->nout; k++) {
        int storage = result_storage(l, k);
        if (storage < 0) return EG_E_MEMORY;
        if (k == 0) run->storage_of[l->scan->id] = storage;
        for (int id = l->scan->id + 1; id < run->graph->n; id++) {
            const eg_value *part = run->graph->values[id];
            if (part->op == EG_OP_PART && part->in[0] == l->scan && part->attr.index.index == k)
                run->storage_of[id] = storage;
        }
    }
    return EG_OK;
}

/* ---- ports ---------------------------------------------------------------------------------------------------- */

/* A new port and the storage of the body that lies there. The outer step, which is the last one, uses `buffer`; the
 * ports of all copies of the body are the same. */
static int new_port(lowering *l, const eg_value *inner, int buffer, port *p) {
    int index = l->loop->nports++, storage = eg_storage_new(l->loop, bytes_of(inner));
    if (storage < 0 || buffer < 0) return -1;
    eg_storage *s = &l->loop->storage[storage];
    s->kind = EG_IN_LOOP;
    s->bytes = eg_stored_bytes(inner->dtype, &inner->shape, inner->layout);
    s->input = index;
    s->fixed = !p->step && !p->in_turn;
    if (l->loop != l->detail->loop[0]) return storage;
    p->bytes = bytes_of(inner);
    l->detail->port[index] = *p;
    if (eg_step_reads_at(l->run, buffer, &l->detail->port[index].base) != EG_OK) return -1;
    return storage;
}

static void set_carry_port(const lowering *l, int carry, int is_after, port *p) {
    p->in_turn = !l->stacked[carry];
    p->step = p->in_turn ? 0 : l->way;
    p->first = first_slot(l, carry) + (p->in_turn ? is_after : is_after * l->way);
}

static void set_stack_port(const lowering *l, port *p) {
    p->step = l->way;
    p->first = l->way < 0 ? l->steps - 1 : 0;
}

static eg_status place_params(lowering *l) {
    int stacked = l->carries + l->scan->attr.body.stacked;
    for (int i = 0; i < l->body->nin; i++) {
        const eg_value *param = l->body->param[i];
        int buffer = i < l->carries ? l->buffer[i] : eg_storage_of(l->run, l->scan->in[i]);
        port p = { 0 };
        if (i < l->carries)
            set_carry_port(l, i, 0, &p);
        else if (i < stacked)
            set_stack_port(l, &p);
        int storage = new_port(l, param, buffer, &p);
        if (storage < 0) return EG_E_MEMORY;
        l->loop->storage_of[param->id] = storage;
    }
    return EG_OK;
}

/* Is it computed by the body, and may it be right where the result belongs? A loop in the loop has its own places. */
static int may_be_placed(const lowering *l, const eg_value *v) {
    int is_of_loop = v->op == EG_OP_SCAN || (v->op == EG_OP_PART && v->in[0]->op == EG_OP_SCAN);
    return v->nin > 0 && !is_of_loop && l->loop->storage_of[v->id] < 0;
}

/* The storage that the body's output k is written to. A value that has its place already (it is an operand, a
 * constant, or two results at once) is copied there at the end: copied[k]. */
static eg_status place_outputs(lowering *l) {
    for (int k = 0; k < l->nout; k++) {
        const eg_value *out = l->body->out[k], *base = eg_behind_views(out);
        l->copied[k] = -1;
        if (l->buffer[k] < 0) continue;
        port p = { 0 };
        if (k < l->carries)
            set_carry_port(l, k, 1, &p);
        else
            set_stack_port(l, &p);
        int storage = new_port(l, out, l->buffer[k], &p);
        if (storage < 0) return EG_E_MEMORY;
        if (may_be_placed(l, base))
            l->loop->storage_of[base->id] = storage;
        else
            l->copied[k] = storage;
    }
    return EG_OK;
}

static eg_status copy_outputs(lowering *l) {
    for (int k = 0; k < l->nout; k++) {
        if (l->copied[k] < 0) continue;
        const eg_value *out = l->body->out[k];
        EG_TRY(eg_lower_copy(l->loop, out, l->copied[k], eg_storage_of(l->loop, out)));
    }
    return EG_OK;
}

/* ---- the step ---------------------------------------------------------------------------------------------------
 */

static eg_status place_carries(lowering *l) {
    for (int i = 0; i < l->carries; i++) {
        first_value *carry = &l->detail->carry[i];
        carry->bytes = bytes_of(l->body->out[i]);
        carry->at = (size_t)first_slot(l, i) * carry->bytes;
        eg_step_reads(l->run, l->scan->in[i], &carry->from);
        eg_step_writes_at(l->run, l->buffer[i], &carry->to);
    }
    for (int k = l->carries; k < l->nout; k++)
        if (l->buffer[k] >= 0) eg_step_writes_at(l->run, l->buffer[k], NULL);
    return l->run->status;
}

static eg_cpu_run *new_loop(eg_cpu_run *run, const eg_body *body, int threads) {
    eg_cpu_run *loop = EG_ARENA_NEW(run->arena, eg_cpu_run);
    if (!loop) return NULL;
    loop->program = run->program;
    loop->arena = run->arena;
    loop->kernels = run->kernels;
    loop->graph = body->graph;
    loop->threads = threads;
    loop->parts = 1;
    loop->next_loop = run->loops;
    run->loops = loop;
    loop->storage_of = EG_ARENA_ARRAY(run->arena, int, body->graph->n);
    loop->needed = EG_ARENA_ARRAY(run->arena, unsigned char, body->graph->n);
    if (!loop->storage_of || !loop->needed) return NULL;
    for (int i = 0; i < body->graph->n; i++) loop->storage_of[i] = -1;
    return loop;
}

/* A copy of the body, without its memory. */
static eg_status lower_body(lowering *l, int64_t copy, int threads) {
    l->loop = l->detail->loop[copy] = new_loop(l->run, l->body, threads);
    if (!l->loop) return EG_E_MEMORY;
    EG_TRY(place_params(l));
    EG_TRY(place_outputs(l));
    EG_TRY(eg_cpu_lower_values(l->loop, l->body->out, l->nout));
    return copy_outputs(l);
}

static eg_status plan_body(lowering *l, eg_cpu_run *loop) {
    EG_TRY(eg_strip_steps_finish(loop));
    EG_TRY(eg_cpu_plan_loop(loop));
    int memory = eg_storage_new(l->run, loop->memory_bytes);
    return eg_step_writes_at(l->run, memory, &loop->memory);
}

static void add_up(eg_cpu_step *step, const eg_cpu_run *loop, int64_t steps) {
    for (int i = 0; i < loop->nstep; i++) {
        step->work += loop->step[i].work * (double)steps;
        step->flops += loop->step[i].flops * (double)steps;
    }
}

/* ---- by the rows of a batch --------------------------------------------------------------------------------- */

static int all_by_rows(eg_cpu_run *loop, int64_t batch, int make) {
    for (int i = 0; i < loop->nstep; i++) {
        eg_cpu_step *step = &loop->step[i];
        if (!step->by_rows || !step->by_rows(loop, step, batch, make)) return 0;
    }
    return 1;
}

/* How many threads may take rows of their own; 1: the rows depend on each other, or it is not worth it. */
static int64_t copies_worth(const lowering *l, double work) {
    int64_t least_rows = eg_least_work_of_a_part > 0 ? 8 : 1, batch = l->detail->batch, n = l->run->threads;
    for (int k = 0; k < l->nout; k++)
        if (batch < 2 || eg_count(&l->body->out[k]->shape) % batch != 0) return 1;
    if (n > batch / least_rows) n = batch / least_rows;
    if (eg_least_work_of_a_part > 0 && work < eg_least_work_of_a_part * (double)n)
        n = (int64_t)(work / eg_least_work_of_a_part);
    return n > 1 && all_by_rows(l->detail->loop[0], batch, 0) ? n : 1;
}

static eg_status lower_copies(lowering *l, eg_cpu_step *step) {
    scan_detail *d = l->detail;
    d->batch = l->body->out[0]->shape.rank ? l->body->out[0]->shape.dim[0] : 1;
    step->items = d->copies = copies_worth(l, step->work);
    if (d->copies == 1) d->batch = 1;
    for (int64_t i = 1; i < d->copies; i++) EG_TRY(lower_body(l, i, 1));
    for (int64_t i = 0; d->copies > 1 && i < d->copies; i++) {
        d->loop[i]->threads = 1;
        all_by_rows(d->loop[i], d->batch, 1);
    }
    for (int64_t i = 0; i < d->copies; i++) EG_TRY(plan_body(l, d->loop[i]));
    return EG_OK;
}

eg_status eg_lower_scan(eg_cpu_run *run, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    lowering l = { .run = run,
                   .scan = v,
                   .body = body,
                   .steps = v->attr.body.steps,
                   .carries = v->attr.body.carries,
                   .nout = body->nout,
                   .way = v->attr.body.reverse ? -1 : 1 };
    eg_cpu_step *step = eg_step_new(run, v, "loop", run_scan, sizeof(scan_detail));
    if (!step) return EG_E_MEMORY;
    int index = run->nstep - 1;
    l.detail = step->detail;
    step->bound = settle_loop;
    l.detail->steps = l.steps;
    l.detail->ncarries = l.carries;
    l.detail->carry = EG_ARENA_ARRAY(run->arena, first_value, l.carries);
    l.detail->port = EG_ARENA_ARRAY(run->arena, port, body->nin + body->nout);
    l.detail->loop = EG_ARENA_ARRAY(run->arena, eg_cpu_run *, run->threads);
    l.buffer = EG_ARENA_ARRAY(run->arena, int, 2 * l.nout + l.carries);
    if (!l.detail->carry || !l.detail->port || !l.detail->loop || !l.buffer) return EG_E_MEMORY;
    l.copied = l.buffer + l.nout;
    l.stacked = l.copied + l.nout;
    EG_TRY(make_buffers(&l));
    EG_TRY(place_results(&l));
    EG_TRY(place_carries(&l));
    EG_TRY(lower_body(&l, 0, run->threads));
    add_up(&run->step[index], l.loop, l.steps);
    return lower_copies(&l, &run->step[index]);
}
