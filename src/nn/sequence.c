/* SPDX-License-Identifier: MIT
 *
 * sequence.c: the other layers over sequences [steps, features]: embedding and one_hot make them from whole numbers,
 * masking tells which steps are padding, position tells places apart, attention lets each step look at all others.
 * Non-goals: caches of keys and values for generation (a stateful recurrent layer generates in constant time).
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"
#include "tensor/shape.h"

/* ---- masks --------------------------------------------------------------------------------------- */

int eg_mask_fits(const eg_value *mask, const eg_value *y) {
    int fits = y->shape.rank > mask->shape.rank;
    for (int i = 0; fits && i < mask->shape.rank; i++) fits = y->shape.dim[i] == mask->shape.dim[i];
    return fits;
}

eg_value *eg_mask_over(eg_value *mask, const eg_value *x) {
    eg_shape shape = mask->shape;
    while (shape.rank < x->shape.rank) shape.dim[shape.rank++] = 1;
    return eg_reshaped(mask->dtype == x->dtype ? mask : eg_cast(mask, x->dtype), &shape);
}

eg_value *eg_mask_where_not(eg_value *x, double value) {
    eg_value *differs = eg_not_equal(x, eg_full(x->graph, x->dtype, EG_SCALAR, value));
    return eg_max(eg_cast(differs, x->dtype), .axes = EG_AXES(-1));
}

typedef struct masking {
    eg_layer base;
    double value;
} masking;

static const eg_option masking_options[] = { { "value", EG_OPTION_NUMBER, offsetof(masking, value), 1, 0 }, { 0 } };

static eg_status masking_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)layer, (void)n;
    *out = *in;
    return in->rank == 2 ? EG_OK : eg_fail(EG_E_SHAPE, "its input is [steps, features], not %s", eg_shape_words(in));
}

static eg_value *masking_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    if (eg_value_is_poisoned(in[0])) return in[0];
    b->mask = eg_mask_where_not(in[0], ((const masking *)layer)->value);
    return eg_mul(in[0], eg_mask_over(b->mask, in[0]));
}

const eg_layer_kind eg_kind_masking = { .name = "masking",
                                        .size = sizeof(masking),
                                        .max_inputs = 1,
                                        .options = masking_options,
                                        .shape = masking_shape,
                                        .build = masking_build,
                                        .stepwise = EG_EACH_STEP };

eg_layer *eg_masking(double value) {
    masking *m = (masking *)eg_layer_new(&eg_kind_masking, NULL);
    if (m) m->value = value == EG_ZERO ? 0 : value;
    return m ? &m->base : NULL;
}

/* ---- embedding, one_hot ------------------------------------------------------------------------ */

typedef struct embedding {
    eg_layer base;
    int64_t words, size;
    int mask_zero, torch;
    eg_init init;
} embedding;

static const eg_option embedding_options[] = {
    { "words", EG_OPTION_INT, offsetof(embedding, words), 1, 0 },
    { "size", EG_OPTION_INT, offsetof(embedding, size), 1, 0 },
    { "mask_zero", EG_OPTION_FLAG, offsetof(embedding, mask_zero), 1, 0 },
    { "torch", EG_OPTION_FLAG, offsetof(embedding, torch), 1, 0 },
    { "init", EG_OPTION_INIT, offsetof(embedding, init), 0, 0 },
    { "frozen", EG_OPTION_FLAG, offsetof(embedding, base.frozen), 1, 0 },
    { 0 },
};

static const eg_option one_hot_options[] = { { "words", EG_OPTION_INT, offsetof(embedding, words), 1, 0 }, { 0 } };

static eg_status with_features(const eg_shape *in, int64_t words, int64_t size, eg_shape *out) {
    if (words < 1 || size < 1) return eg_fail(EG_E_ARGUMENT, "words and size must be at least 1");
    if (in->rank + 2 > EG_MAX_RANK) return eg_fail(EG_E_SHAPE, "its input has too many axes");
    *out = *in;
    out->dim[out->rank++] = size;
    return EG_OK;
}

static eg_status embedding_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    embedding *e = (embedding *)layer;
    (void)n;
    EG_TRY(with_features(in, e->words, e->size, out));
    eg_init init = e->init;
    if (init.kind == EG_INIT_DEFAULT) init = e->torch ? EG_INIT(NORMAL, .a = 1) : EG_INIT(UNIFORM, .a = .05);
    return eg_layer_parameter(layer, 0,
                              &(eg_parameter){ .name = "embeddings",
                                               .shape = EG_SHAPE(e->words, e->size),
                                               .init = init,
                                               .fan_in = (double)e->words,
                                               .trainable = 1 });
}

/* Inputs are floats; whole numbers up to 2^24 come through as they are. */
static eg_value *whole_numbers(eg_value *x) { return x->dtype == EG_I32 ? x : eg_cast(x, EG_I32); }

static eg_value *embedding_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    const embedding *e = (const embedding *)layer;
    (void)n;
    if (eg_value_is_poisoned(in[0])) return in[0];
    eg_value *index = whole_numbers(in[0]);
    eg_value *y = eg_gather(eg_layer_variable(layer, b, 0), index, 0);
    if (!e->mask_zero || eg_value_is_poisoned(y)) return y;
    b->mask = eg_cast(eg_not_equal(index, eg_full(b->graph, EG_I32, EG_SCALAR, 0)), b->dtype);
    return eg_mul(y, eg_mask_over(b->mask, y));
}

static eg_status one_hot_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    return with_features(in, ((embedding *)layer)->words, ((embedding *)layer)->words, out);
}

static eg_value *one_hot_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    if (eg_value_is_poisoned(in[0])) return in[0];
    return eg_one_hot(whole_numbers(in[0]), ((const embedding *)layer)->words, b->dtype);
}

const eg_layer_kind eg_kind_embedding = { .name = "embedding",
                                          .size = sizeof(embedding),
                                          .max_inputs = 1,
                                          .options = embedding_options,
                                          .shape = embedding_shape,
                                          .build = embedding_build,
                                          .stepwise = EG_EACH_STEP };
const eg_layer_kind eg_kind_one_hot = { .name = "one_hot",
                                        .size = sizeof(embedding),
                                        .max_inputs = 1,
                                        .options = one_hot_options,
                                        .shape = one_hot_shape,
                                        .build = one_hot_build,
                                        .stepwise = EG_EACH_STEP };

eg_layer *eg_embedding_(eg_embedding_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    embedding *e = (embedding *)eg_layer_new(&eg_kind_embedding, opt.name);
    if (!e) return NULL;
    e->words = opt.words, e->size = opt.size, e->mask_zero = opt.mask_zero != 0, e->init = opt.init;
    e->torch = opt.dialect == EG_TORCH;
    e->base.frozen = opt.frozen != 0;
    return &e->base;
}

eg_layer *eg_one_hot_layer(int64_t words) {
    embedding *e = (embedding *)eg_layer_new(&eg_kind_one_hot, NULL);
    if (e) e->words = words;
    return e ? &e->base : NULL;
}

/* ---- position ------------------------------------------------------------------------------------ */

typedef struct position {
    eg_layer base;
    int sinusoidal;
} position;

static const eg_option position_options[] = {
    { "sinusoidal", EG_OPTION_FLAG, offsetof(position, sinusoidal), 1, 0 },
    { "frozen", EG_OPTION_FLAG, offsetof(position, base.frozen), 1, 0 },
    { 0 },
};

static eg_status position_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    *out = *in;
    if (in->rank != 2) return eg_fail(EG_E_SHAPE, "its input is [steps, features], not %s", eg_shape_words(in));
    if (((position *)layer)->sinusoidal) return EG_OK;
    return eg_layer_parameter(layer, 0,
                              &(eg_parameter){ .name = "positions",
                                               .shape = *in,
                                               .fan_in = (double)in->dim[0],
                                               .init = EG_INIT(UNIFORM, .a = .05),
                                               .trainable = 1 });
}

/* P[t, 2 i] = sin(t / 10000^(2 i / size)), P[t, 2 i + 1] = cos of the same. */
static eg_value *waves(eg_value *x) {
    int64_t steps = x->shape.dim[1], size = x->shape.dim[2], n = steps * size;
    double *table = eg_alloc((size_t)n * 2 * sizeof *table + 1);
    if (!table) return eg_poison(x->graph, EG_E_MEMORY, "position", "no memory");
    for (int64_t i = 0; i < n; i++) {
        double angle = (double)(i / size) / pow(10000, (double)(i % size / 2 * 2) / (double)size);
        table[i] = i % size % 2 ? cos(angle) : sin(angle);
    }
    eg_convert(x->dtype, table + n, EG_F64, table, n);
    eg_attr attr = { .data = { .bytes = table + n, .shape = EG_SHAPE(steps, size), .dtype = x->dtype } };
    eg_value *literal = eg_node(x->graph, EG_OP_DATA, NULL, 0, &attr);
    eg_free(table);
    return literal;
}

static eg_value *position_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    if (eg_value_is_poisoned(in[0])) return in[0];
    return eg_add(in[0], ((const position *)layer)->sinusoidal ? waves(in[0]) : eg_layer_variable(layer, b, 0));
}

const eg_layer_kind eg_kind_position = { .name = "position",
                                         .size = sizeof(position),
                                         .max_inputs = 1,
                                         .options = position_options,
                                         .shape = position_shape,
                                         .build = position_build };

eg_layer *eg_positions(int sinusoidal) {
    position *p = (position *)eg_layer_new(&eg_kind_position, NULL);
    if (p) p->sinusoidal = sinusoidal != 0;
    return p ? &p->base : NULL;
}

/* ---- attention ------------------------------------------------------------------------------------- */

typedef struct attention {
    eg_layer base;
    int64_t heads, size;
    int causal, no_bias;
    eg_init kernel_init, bias_init;
} attention;

static const eg_option attention_options[] = {
    { "heads", EG_OPTION_INT, offsetof(attention, heads), 1, 0 },
    { "size", EG_OPTION_INT, offsetof(attention, size), 0, 0 },
    { "causal", EG_OPTION_FLAG, offsetof(attention, causal), 1, 0 },
    { "no_bias", EG_OPTION_FLAG, offsetof(attention, no_bias), 1, 0 },
    { "init", EG_OPTION_INIT, offsetof(attention, kernel_init), 0, 0 },
    { "bias_init", EG_OPTION_INIT, offsetof(attention, bias_init), 0, 0 },
    { "frozen", EG_OPTION_FLAG, offsetof(attention, base.frozen), 1, 0 },
    { 0 },
};

enum { QUERY, KEY, VALUE, OUTPUT, PROJECTIONS };

static int64_t heads_of(const attention *a) { return a->heads ? a->heads : 1; }
static int64_t size_of(const attention *a, int64_t features) { return a->size ? a->size : features / heads_of(a); }

static eg_status add_projection(attention *a, int which, int64_t inputs, int64_t outputs) {
    static const char *const names[PROJECTIONS][2] = { { "query_kernel", "query_bias" },
                                                       { "key_kernel", "key_bias" },
                                                       { "value_kernel", "value_bias" },
                                                       { "output_kernel", "output_bias" } };
    int each = 2 - a->no_bias;
    eg_parameter p = { .name = names[which][0],
                       .shape = EG_SHAPE(inputs, outputs),
                       .init = a->kernel_init,
                       .fan_in = (double)inputs,
                       .kernel = 1,
                       .trainable = 1 };
    EG_TRY(eg_layer_parameter(&a->base, each * which, &p));
    if (a->no_bias) return EG_OK;
    p.name = names[which][1], p.shape = EG_SHAPE(outputs), p.init = a->bias_init, p.kernel = 0;
    return eg_layer_parameter(&a->base, each * which + 1, &p);
}

static eg_status attention_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    attention *a = (attention *)layer;
    const eg_shape *keys = n > 1 ? &in[1] : in;
    if (in->rank != 2 || keys->rank != 2) return eg_fail(EG_E_SHAPE, "its inputs are [steps, features]");
    if (n > 2 && (in[2].rank != 1 || in[2].dim[0] != keys->dim[0]))
        return eg_fail(EG_E_SHAPE, "its mask is [%lld], one number for each key", (long long)keys->dim[0]);
    if (a->heads < 0 || a->size < 0) return eg_fail(EG_E_ARGUMENT, "heads and size must not be negative");
    if (a->causal && keys->dim[0] != in->dim[0])
        return eg_fail(EG_E_SHAPE, "causal attention is among the same steps");
    int64_t features = in->dim[1], inner = heads_of(a) * size_of(a, features);
    if (inner < 1 || (!a->size && features % heads_of(a)))
        return eg_fail(EG_E_SHAPE, "%lld heads do not divide %lld features: give the size of a head",
                       (long long)heads_of(a), (long long)features);
    EG_TRY(add_projection(a, QUERY, features, inner));
    EG_TRY(add_projection(a, KEY, keys->dim[1], inner));
    EG_TRY(add_projection(a, VALUE, keys->dim[1], inner));
    EG_TRY(add_projection(a, OUTPUT, inner, features));
    *out = *in;
    return EG_OK;
}

/* x [batch, steps, in] W + b */
static eg_value *projected(const attention *a, const eg_building *b, int which, eg_value *x) {
    int each = 2 - a->no_bias;
    eg_value *y = eg_matmul(x, eg_layer_variable(&a->base, b, each * which));
    return a->no_bias ? y : eg_add(y, eg_layer_variable(&a->base, b, each * which + 1));
}

/* [batch, steps, heads size] -> [batch, heads, steps, size] */
static eg_value *by_heads(const attention *a, eg_value *x) {
    if (eg_value_is_poisoned(x)) return x;
    int64_t batch = x->shape.dim[0], steps = x->shape.dim[1], size = x->shape.dim[2] / heads_of(a);
    return eg_permute(eg_reshaped(x, &EG_SHAPE(batch, steps, heads_of(a), size)), EG_AXES(0, 2, 1, 3));
}

/* Scores of what must not be seen are as low as they can be without becoming infinite. */
static eg_value *hidden(const attention *a, eg_value *scores, eg_value *mask) {
    eg_value *low = eg_const(scores->graph, -1e30);
    int64_t queries = scores->shape.dim[2], keys = scores->shape.dim[3];
    if (a->causal) {
        eg_value *from = eg_iota(scores->graph, EG_I32, EG_SHAPE(queries, 1), 0);
        eg_value *to = eg_iota(scores->graph, EG_I32, EG_SHAPE(1, keys), 1);
        scores = eg_where(eg_less_equal(to, from), scores, low);
    }
    if (!mask) return scores;
    eg_value *seen = eg_reshaped(mask, &EG_SHAPE(scores->shape.dim[0], 1, 1, keys));
    return eg_where(eg_not_equal(seen, eg_const(scores->graph, 0)), scores, low);
}

static eg_value *attention_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    const attention *a = (const attention *)layer;
    for (int i = 0; i < n; i++)
        if (eg_value_is_poisoned(in[i])) return in[i];
    eg_value *keys_from = n > 1 ? in[1] : in[0];
    eg_value *q = by_heads(a, projected(a, b, QUERY, in[0]));
    eg_value *k = by_heads(a, projected(a, b, KEY, keys_from)), *v = by_heads(a, projected(a, b, VALUE, keys_from));
    double scale = 1 / sqrt((double)size_of(a, in[0]->shape.dim[2]));
    eg_value *scores = eg_matmul(eg_mul(q, eg_const(b->graph, scale)), eg_transpose(k));
    if (eg_value_is_poisoned(scores)) return scores;
    eg_value *share = eg_softmax(hidden(a, scores, n > 2 ? in[2] : b->masks[n > 1]), -1);
    eg_value *mixed = eg_permute(eg_matmul(share, v), EG_AXES(0, 2, 1, 3));
    if (eg_value_is_poisoned(mixed)) return mixed;
    int64_t batch = mixed->shape.dim[0], steps = mixed->shape.dim[1];
    eg_value *joined = eg_reshaped(mixed, &EG_SHAPE(batch, steps, mixed->shape.dim[2] * mixed->shape.dim[3]));
    return projected(a, b, OUTPUT, joined);
}

const eg_layer_kind eg_kind_attention = { .name = "attention",
                                          .size = sizeof(attention),
                                          .max_inputs = 3,
                                          .options = attention_options,
                                          .shape = attention_shape,
                                          .build = attention_build };

eg_layer *eg_attention_(eg_attention_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    attention *a = (attention *)eg_layer_new(&eg_kind_attention, opt.name);
    if (!a) return NULL;
    a->heads = opt.heads, a->size = opt.size, a->causal = opt.causal != 0, a->no_bias = opt.no_bias != 0;
    a->kernel_init = opt.kernel_init, a->bias_init = opt.bias_init;
    a->base.frozen = opt.frozen != 0;
    return &a->base;
}
