/* SPDX-License-Identifier: MIT
 *
 * cpu.c: the float32 engine: lowers, plans and binds at the start; a run is one loop over the steps. A step
 * that is worth it is cut into parts for the thread pool; how it is cut cannot change a bit of the result.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/cpu.h"
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/pool.h"
#include "tensor/shape.h"

/* ---- starting -------------------------------------------------------------------------------------------- */

static eg_status start(eg_program *p, eg_cpu_run *run) {
    int n = p->unit.graph->n;
    run->program = p;
    run->arena = &p->arena;
    run->graph = p->unit.graph;
    run->kernels = p->kernels;
    run->storage_of = EG_ARENA_ARRAY(run->arena, int, n);
    run->needed = EG_ARENA_ARRAY(run->arena, unsigned char, n);
    run->result = EG_ARENA_ARRAY(run->arena, void *, p->unit.nroots);
    if (!run->storage_of || !run->needed || !run->result) return EG_E_MEMORY;
    run->nports = p->ninputs;
    run->threads = p->opt.threads;
    if (run->threads <= 0) EG_TRY(eg_threads_find(&run->threads));
    EG_TRY(eg_cpu_lower(run));
    EG_TRY(eg_cpu_plan(run));
    if (run->parts > 1) eg_pool_prepare(run->parts);
    return EG_OK;
}

static eg_status cpu_start(eg_program *p) {
    eg_cpu_run *run = p->run = EG_ARENA_NEW(&p->arena, eg_cpu_run);
    return run ? start(p, run) : EG_E_MEMORY;
}

void eg_cpu_run_free(eg_cpu_run *run) {
    for (eg_cpu_run *loop = run->loops; loop; loop = loop->next_loop) {
        loop->memory = NULL; /* lent by this run */
        eg_cpu_run_free(loop);
    }
    eg_free(run->storage);
    eg_free(run->step);
    eg_free(run->use);
    eg_free(run->fixup);
    eg_free(run->group);
    eg_free(run->memory);
    eg_free(run->constants);
    eg_free(run->scratch);
}

static void cpu_stop(eg_program *p) {
    if (p->run) eg_cpu_run_free(p->run);
}

/* ---- running --------------------------------------------------------------------------------------------- */

typedef struct job {
    const eg_cpu_run *run;
    const eg_cpu_step *step;
} job;

static void run_part(void *context, int part) {
    const job *j = context;
    const eg_cpu_step *step = j->step;
    int64_t from = step->items * part / step->parts, to = step->items * (part + 1) / step->parts;
    step->run(step, from, to, j->run->scratch + (size_t)part * j->run->scratch_floats);
}

/* A small net's steps take little longer than such a call. */
static inline __attribute__((always_inline)) void run_step(const eg_cpu_run *run, const eg_cpu_step *step) {
    if (run->end) step->run(step, run->begin, run->end, run->scratch);
    else if (step->parts == 1) step->run(step, 0, step->items, run->scratch);
    else eg_pool_run(step->parts, run_part, &(job){ run, step });
}

static void run_measured(eg_cpu_run *run) {
    for (int i = 0; i < run->nstep; i++) {
        eg_cpu_step *step = &run->step[i];
        double before = eg_clock();
        run_step(run, step);
        double seconds = eg_clock() - before;
        step->seconds += seconds;
        if (run->profiled == 0 || seconds < step->fastest) step->fastest = seconds;
    }
    run->profiled++;
}

void eg_cpu_run_steps(eg_cpu_run *run) {
    if (run->program->opt.profile) {
        run_measured(run);
    } else {
        for (const eg_cpu_step *step = run->step, *end = step + run->nstep; step < end; step++) run_step(run, step);
    }
}

static eg_status cpu_run(eg_program *p) {
    unsigned mode = eg_denormals_flush();
    eg_cpu_run_steps(p->run);
    eg_denormals_restore(mode);
    return EG_OK;
}

static void cpu_bound(eg_program *p, int input) { eg_cpu_bind(p->run, input); }

/* ---- results --------------------------------------------------------------------------------------------- */

static const void *cpu_data(const eg_program *p, int root) { return ((const eg_cpu_run *)p->run)->result[root]; }

static void cpu_fetch(const eg_program *p, int root, double *out, int64_t n) {
    eg_convert(EG_F64, out, p->unit.root[root]->dtype, cpu_data(p, root), n);
}

/* ---- looking --------------------------------------------------------------------------------------------- */

static size_t memory_of(const eg_cpu_run *run) {
    size_t bytes = run->constant_bytes + (size_t)run->parts * run->scratch_floats * sizeof(float);
    for (const eg_cpu_run *loop = run->loops; loop; loop = loop->next_loop) bytes += memory_of(loop);
    return bytes;
}

static size_t cpu_memory(const eg_program *p) {
    const eg_cpu_run *run = p->run;
    return memory_of(run) + run->memory_bytes;
}

static int cpu_steps(const eg_program *p) { return ((const eg_cpu_run *)p->run)->nstep; }

static double cpu_margin(const eg_program *p) { return (void)p, INFINITY; }

/* Rates are those of the fastest run: the mean also holds what else the machine did. */
static void describe_time(eg_text *text, const eg_cpu_run *run, const eg_cpu_step *step, double total) {
    eg_text_format(text, " %9.2f us %5.1f %%, fastest %9.2f us %7.1f GFLOP/s %7.1f GB/s",
                   step->seconds / (double)run->profiled * 1e6, 100 * step->seconds / total, step->fastest * 1e6,
                   step->flops / step->fastest * 1e-9, step->bytes / step->fastest * 1e-9);
}

static void describe_step(eg_text *text, const eg_cpu_run *run, const eg_cpu_step *step, int depth,
                          double total) {
    const eg_value *v = step->value;
    eg_text_format(text, "%*s%%%-4d %-14s %s%-14s %-16s %d part%s %12.0f flops %10.0f bytes", 2 * depth, "", v->id,
                   eg_value_op(v), eg_dtype_name(v->dtype), eg_shape_words(&v->shape), step->kernel, step->parts,
                   step->parts > 1 ? "s" : " ", step->flops, step->bytes);
    if (run->profiled) describe_time(text, run, step, total);
    eg_text_add(text, "\n");
}

/* The steps of a loop stand behind it, one pass through them each; shares are of the loop. */
static double describe_steps(eg_text *text, const eg_cpu_run *run, int depth) {
    double total = 0;
    for (int i = 0; i < run->nstep; i++) total += run->step[i].seconds;
    for (int i = 0; i < run->nstep; i++) {
        const eg_cpu_run *loop = eg_cpu_loop_of(&run->step[i]);
        describe_step(text, run, &run->step[i], depth, total);
        if (loop) describe_steps(text, loop, depth + 1);
    }
    return total;
}

static void cpu_describe(const eg_program *p, eg_text *text) {
    const eg_cpu_run *run = p->run;
    double total = describe_steps(text, run, 0), fastest = 0;
    for (int i = 0; i < run->nstep; i++) fastest += run->step[i].fastest;
    if (run->profiled)
        eg_text_format(text, "total %.2f us, fastest %.2f us\n", total / (double)run->profiled * 1e6, fastest * 1e6);
}

const eg_engine eg_engine_cpu = { "cpu",     1,          cpu_start, cpu_run,      cpu_bound,  cpu_data,
                                  cpu_fetch, cpu_memory, cpu_steps, cpu_describe, cpu_margin, cpu_stop };
