/* SPDX-License-Identifier: MIT
 *
 * lower_reference.c: the step that runs anything. Operands are converted to doubles, the op's own reference
 * computes, the result is converted back. float64 and integer arithmetic live here, and whatever no fast step
 * was written for. The doubles are planned like any other memory.
 */
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "tensor/shape.h"

typedef struct reference_detail {
    const eg_program *program; /* for the seed of the moment */
    const eg_value *value;
    void **at;                 /* [1 + nin]: the result, the operands */
    double *doubles;           /* all operands, then the result */
    const double **operand;    /* [nin]: into doubles */
} reference_detail;

static void run_reference(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)from, (void)to, (void)scratch;
    const reference_detail *d = step->detail;
    const eg_value *v = d->value;
    double *next = d->doubles;
    for (int i = 0; i < v->nin; i++) {
        int64_t n = eg_count(&v->in[i]->shape);
        eg_convert(EG_F64, next, v->in[i]->dtype, d->at[1 + i], n);
        d->operand[i] = next;
        next += n;
    }
    eg_ref_run(&(eg_ref_call){ .value = v, .in = d->operand, .out = next, .seed = eg_state_seed(d->program->state) });
    eg_convert(v->dtype, d->at[0], EG_F64, next, eg_count(&v->shape));
}

eg_status eg_lower_reference(eg_cpu_run *run, const eg_value *v) {
    if (!v->def->ref) return eg_fail(EG_E_INTERNAL, "no step for %s", eg_value_op(v));
    eg_cpu_step *step = eg_step_new(run, v, "reference", run_reference, sizeof(reference_detail));
    if (!step) return EG_E_MEMORY;
    reference_detail *d = step->detail;
    d->program = run->program;
    d->value = v;
    d->at = EG_ARENA_ARRAY(run->arena, void *, 1 + v->nin);
    d->operand = EG_ARENA_ARRAY(run->arena, const double *, v->nin);
    if (!d->at || !d->operand) return EG_E_MEMORY;
    int64_t doubles = eg_count(&v->shape);
    for (int i = 0; i < v->nin; i++) doubles += eg_count(&v->in[i]->shape);
    step->work = 10 * (double)doubles;
    step->flops = eg_value_flops(v);
    eg_step_computes(run, d->at);
    int temporary = eg_storage_new(run, (size_t)doubles * sizeof(double));
    return eg_step_writes_at(run, temporary, &d->doubles);
}
