/* SPDX-License-Identifier: MIT
 *
 * sequence.c: the other layers over sequences [steps, features]: embedding and one_hot make them from whole numbers,
 * masking tells which steps are padding, position tells places apart, attention lets each step look at all others.
 * Non-goals: caches of keys and values for generation (a stateful recurrent layer generates in constant time).
 */
#include <math.h>

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
    eg_value *differs = eg_not_equal(x, eg_number(x, value));
    return eg_max(eg_cast(differs, x->dtype), .axes = EG_AXES(-1));
}

static const eg_kind_option masking_options[] = { EG_TAKES_BARE(VALUE, 0), EG_TAKES_NAME(0) };

static eg_status need_sequence(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)layer, (void)n, (void)out;
    return in->rank == 2 ? EG_OK : eg_fail(EG_E_SHAPE, "its input is [steps, features], not %s", eg_shape_words(in));
}

static eg_value *masking_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    b->mask = eg_mask_where_not(in[0], layer->number);
    return eg_mul(in[0], eg_mask_over(b->mask, in[0]));
}

const eg_layer_kind eg_kind_masking = { .name = "masking",
                                        .options = masking_options,
                                        .shape = need_sequence,
                                        .build = masking_build,
                                        .max_inputs = 1,
                                        .stepwise = EG_EACH_STEP };

eg_layer *eg_masking(double value) {
    eg_layer *layer = eg_layer_new(&eg_kind_masking, NULL);
    if (layer) layer->number = value == EG_ZERO ? 0 : value;
    return layer;
}

/* ---- embedding, one_hot ------------------------------------------------------------------------ */

#define GIVEN(field) offsetof(eg_embedding_opt, field)
static const eg_kind_option embedding_options[] = {
    EG_TAKES_BARE(WORDS, GIVEN(words)),
    EG_TAKES_BARE(FEATURES, GIVEN(size)),
    EG_TAKES_BARE(MASK_ZERO, GIVEN(mask_zero)),
    EG_TAKES_BARE(TORCH, GIVEN(dialect)),
    EG_TAKES(INIT, GIVEN(init)),
    EG_TAKES_BARE(FROZEN, GIVEN(frozen)),
    EG_TAKES_NAME(GIVEN(name)),
};
#undef GIVEN

static const eg_kind_option one_hot_options[] = { EG_TAKES_BARE(WORDS, 0), EG_TAKES_NAME(0) };

static eg_status with_features(const eg_shape *in, int64_t words, int64_t size, eg_shape *out) {
    if (words < 1 || size < 1) return eg_fail(EG_E_ARGUMENT, "words and size must be at least 1");
    if (in->rank + 2 > EG_MAX_RANK) return eg_fail(EG_E_SHAPE, "its input has too many axes");
    out->dim[out->rank++] = size;
    return EG_OK;
}

static eg_status embedding_shape(eg_layer *e, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    EG_TRY(with_features(in, e->words, e->units, out));
    eg_init init = e->kernel_init;
    if (init.kind == EG_INIT_DEFAULT) init = e->torch ? EG_INIT(NORMAL, .a = 1) : EG_INIT(UNIFORM, .a = .05);
    return eg_layer_weight(e, 0, "embeddings", &EG_SHAPE(e->words, e->units), &init, (double)e->words, EG_PLAIN);
}

/* Inputs are floats; whole numbers up to 2^24 come through as they are. */
static eg_value *whole_numbers(eg_value *x) { return x->dtype == EG_I32 ? x : eg_cast(x, EG_I32); }

static eg_value *embedding_build(eg_layer *e, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    eg_value *index = whole_numbers(in[0]);
    eg_value *y = eg_gather(eg_layer_variable(e, b, 0), index, 0);
    if (!e->mask_zero || eg_value_is_poisoned(y)) return y;
    b->mask = eg_cast(eg_not_equal(index, eg_number(index, 0)), b->dtype);
    return eg_mul(y, eg_mask_over(b->mask, y));
}

static eg_status one_hot_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    return with_features(in, layer->words, layer->words, out);
}

static eg_value *one_hot_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    return eg_one_hot(whole_numbers(in[0]), layer->words, b->dtype);
}

const eg_layer_kind eg_kind_embedding = { .name = "embedding",
                                          .options = embedding_options,
                                          .shape = embedding_shape,
                                          .build = embedding_build,
                                          .max_inputs = 1,
                                          .stepwise = EG_EACH_STEP };
const eg_layer_kind eg_kind_one_hot = { .name = "one_hot",
                                        .options = one_hot_options,
                                        .shape = one_hot_shape,
                                        .build = one_hot_build,
                                        .max_inputs = 1,
                                        .stepwise = EG_EACH_STEP };

eg_layer *eg_embedding_(eg_embedding_opt opt) { return eg_layer_made(&eg_kind_embedding, &opt, sizeof opt); }

eg_layer *eg_one_hot_layer(int64_t words) {
    eg_layer *layer = eg_layer_new(&eg_kind_one_hot, NULL);
    if (layer) layer->words = words;
    return layer;
}

/* ---- position ------------------------------------------------------------------------------------ */

static const eg_kind_option position_options[] = {
    EG_TAKES_BARE(SINUSOIDAL, 0),
    EG_TAKES_BARE(FROZEN, 0),
    EG_TAKES_NAME(0),
};

static eg_status position_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    EG_TRY(need_sequence(layer, in, n, out));
    if (layer->sinusoidal) return EG_OK;
    return eg_layer_weight(layer, 0, "positions", in, &EG_INIT(UNIFORM, .a = .05), (double)in->dim[0], EG_PLAIN);
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
    return eg_add(in[0], layer->sinusoidal ? waves(in[0]) : eg_layer_variable(layer, b, 0));
}

const eg_layer_kind eg_kind_position = {
    .name = "position", .options = position_options, .shape = position_shape, .build = position_build, .max_inputs = 1
};

eg_layer *eg_positions(int sinusoidal) {
    eg_layer *layer = eg_layer_new(&eg_kind_position, NULL);
    if (layer) layer->sinusoidal = sinusoidal != 0;
    return layer;
}

/* ---- attention ------------------------------------------------------------------------------------- */

#define GIVEN(field) offsetof(eg_attention_opt, field)
static const eg_kind_option attention_options[] = {
    EG_TAKES_BARE(HEADS, GIVEN(heads)),     EG_TAKES(FEATURES, GIVEN(size)),    EG_TAKES_BARE(CAUSAL, GIVEN(causal)),
    EG_TAKES_BARE(NO_BIAS, GIVEN(no_bias)), EG_TAKES(INIT, GIVEN(kernel_init)), EG_TAKES(BIAS_INIT, GIVEN(bias_init)),
    EG_TAKES_BARE(FROZEN, GIVEN(frozen)),   EG_TAKES_NAME(GIVEN(name)),
};
#undef GIVEN

enum { QUERY, KEY, VALUE, OUTPUT, PROJECTIONS };

static int64_t heads_of(const eg_layer *a) { return a->heads ? a->heads : 1; }
static int64_t size_of(const eg_layer *a, int64_t features) { return a->units ? a->units : features / heads_of(a); }

static eg_status add_projection(eg_layer *a, int which, int64_t inputs, int64_t outputs) {
    static const char names[PROJECTIONS][2][16] = { { "query_kernel", "query_bias" },
                                                    { "key_kernel", "key_bias" },
                                                    { "value_kernel", "value_bias" },
                                                    { "output_kernel", "output_bias" } };
    int first = (2 - a->no_bias) * which;
    double fan_in = (double)inputs;
    EG_TRY(
        eg_layer_weight(a, first, names[which][0], &EG_SHAPE(inputs, outputs), &a->kernel_init, fan_in, EG_KERNEL));
    if (a->no_bias) return EG_OK;
    return eg_layer_weight(a, first + 1, names[which][1], &EG_SHAPE(outputs), &a->bias_init, fan_in, EG_PLAIN);
}

static eg_status attention_shape(eg_layer *a, const eg_shape *in, int n, eg_shape *out) {
    (void)out;
    const eg_shape *keys = n > 1 ? &in[1] : in;
    if (in->rank != 2 || keys->rank != 2) return eg_fail(EG_E_SHAPE, "its inputs are [steps, features]");
    if (n > 2 && (in[2].rank != 1 || in[2].dim[0] != keys->dim[0]))
        return eg_fail(EG_E_SHAPE, "its mask is [%lld], one number for each key", (long long)keys->dim[0]);
    if (a->heads < 0 || a->units < 0) return eg_fail(EG_E_ARGUMENT, "heads and size must not be negative");
    if (a->causal && keys->dim[0] != in->dim[0])
        return eg_fail(EG_E_SHAPE, "causal attention is among the same steps");
    int64_t features = in->dim[1], inner = heads_of(a) * size_of(a, features);
    if (inner < 1 || (!a->units && features % heads_of(a)))
        return eg_fail(EG_E_SHAPE, "%lld heads do not divide %lld features: give the size of a head",
                       (long long)heads_of(a), (long long)features);
    EG_TRY(add_projection(a, QUERY, features, inner));
    EG_TRY(add_projection(a, KEY, keys->dim[1], inner));
    EG_TRY(add_projection(a, VALUE, keys->dim[1], inner));
    return add_projection(a, OUTPUT, inner, features);
}

/* x [batch, steps, in] W + b */
static eg_value *projected(const eg_layer *a, const eg_building *b, int which, eg_value *x) {
    int each = 2 - a->no_bias;
    eg_value *y = eg_matmul(x, eg_layer_variable(a, b, each * which));
    return a->no_bias ? y : eg_add(y, eg_layer_variable(a, b, each * which + 1));
}

/* [batch, steps, heads size] -> [batch, heads, steps, size] */
static eg_value *by_heads(const eg_layer *a, eg_value *x) {
    if (eg_value_is_poisoned(x)) return x;
    int64_t batch = x->shape.dim[0], steps = x->shape.dim[1], size = x->shape.dim[2] / heads_of(a);
    return eg_permute(eg_reshaped(x, &EG_SHAPE(batch, steps, heads_of(a), size)), EG_AXES(0, 2, 1, 3));
}

/* Scores of what must not be seen are as low as they can be without becoming infinite. */
static eg_value *hidden(const eg_layer *a, eg_value *scores, eg_value *mask) {
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

static eg_value *attention_build(eg_layer *a, eg_building *b, eg_value *const *in, int n) {
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
                                          .options = attention_options,
                                          .shape = attention_shape,
                                          .build = attention_build,
                                          .max_inputs = 3 };

eg_layer *eg_attention_(eg_attention_opt opt) { return eg_layer_made(&eg_kind_attention, &opt, sizeof opt); }
