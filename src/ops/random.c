/* SPDX-License-Identifier: MIT
 *
 * random.c: tensors of random numbers. They are pure functions of the state's seed, the step (their one
 * input) and the site (an attribute), element by element in row-major order (base/rng.h): the same in every
 * executor, for any number of threads, and for a run that was resumed. No generator state exists, and no
 * gradient.
 */
#include "ops/family.h"

static eg_status infer_random(const eg_value *value, eg_inferred *out) {
    const eg_value *step = value->in[0];
    EG_TRY(eg_need_dtype(step, EG_I32, "the step"));
    if (step->shape.rank) return eg_fail(EG_E_SHAPE, "the step %s must be a scalar", eg_shape_words(&step->shape));
    *out = (eg_inferred){ (eg_dtype)value->attr.random.dtype, value->attr.random.shape };
    if (!eg_is_float(out->dtype)) return eg_fail(EG_E_DTYPE, "random numbers are f32 or f64");
    return EG_OK;
}

static void ref_random(const eg_ref_call *call) {
    const eg_value *v = call->value;
    int32_t step = (int32_t)call->in[0][0]; /* an i32 value, so it is whole and in range */
    eg_rng_key key = { .seed = call->seed, .step = (uint32_t)step, .site = v->attr.random.site };
    int64_t n = eg_count(&v->shape);
    for (int64_t i = 0; i < n; i++)
        call->out[i] = v->op == EG_OP_RANDOM_NORMAL ? eg_rng_normal(key, (uint64_t)i)
                                                    : (double)eg_rng_uniform(key, (uint64_t)i);
}

const eg_op_def eg_op_random_uniform = { .name = "random_uniform", .arity = 1, .attr = EG_ATTR_RANDOM,
    .work = 10, .infer = infer_random, .ref = ref_random };
const eg_op_def eg_op_random_normal = { .name = "random_normal", .arity = 1, .attr = EG_ATTR_RANDOM, .work = 30,
    .infer = infer_random, .ref = ref_random };

static eg_value *random_node(eg_op op, eg_value *step, uint32_t site, eg_dtype dtype,
                             const eg_shape *shape) {
    eg_attr attr = { .random = { .shape = *shape, .site = site, .dtype = (int32_t)dtype } };
    return eg_node1(op, eg_firm(step, EG_I32), &attr);
}

eg_value *eg_random_uniform(eg_value *step, uint32_t site, eg_dtype dtype, eg_shape shape) {
    return random_node(EG_OP_RANDOM_UNIFORM, step, site, dtype, &shape);
}

eg_value *eg_random_normal(eg_value *step, uint32_t site, eg_dtype dtype, eg_shape shape) {
    return random_node(EG_OP_RANDOM_NORMAL, step, site, dtype, &shape);
}

uint32_t eg_name_site(const char *name) { return eg_site(name); }
