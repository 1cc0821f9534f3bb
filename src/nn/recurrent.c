/* SPDX-License-Identifier: MIT
 *
 * recurrent.c: layers with a memory: simple_rnn, lstm, gru. Each is one step's formula, run over the steps of a
 * sequence by a scan; what depends on the inputs alone (x W + b for all steps) the compiler takes out of the loop, so
 * formulas are written as they stand in the books. Formulas and parameters: see elegans/nn.h.
 *
 * A kind of cell is one row of `cells`: how many gates and states it has, and its step. Sequences come batch first
 * and are walked time first.
 * Non-goals: dropout inside of a cell, peepholes.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"
#include "runtime/state.h"

enum { MOST_STATES = 2, DIRECTIONS = 2 };

typedef struct recurrent {
    eg_layer base;
    int64_t units, stateful;
    eg_activation_kind act, recurrent_act;
    int linear, return_sequences, bidirectional, backwards, skip_zeros, no_bias, no_forget_bias, reset_before, torch;
    eg_init kernel_init, recurrent_init, bias_init;
    double l1, l2;
} recurrent;

/* What a step computes with: the weights of one direction. */
typedef struct weights {
    const recurrent *layer;
    eg_value *kernel, *recurrent, *bias, *recurrent_bias; /* biases: NULL where there is none */
    int masked;
} weights;

typedef struct cell_kind {
    const eg_layer_kind *kind;
    int gates, states;
    /* x [batch, in] and state [batch, units] -> next */
    void (*step)(const weights *w, eg_value *x, eg_value *const *state, eg_value **next);
} cell_kind;

static const cell_kind *cell_of(const recurrent *r);

/* ---- one step ----------------------------------------------------------------------------------- */

static eg_value *with_bias(eg_value *x, eg_value *bias) { return bias ? eg_add(x, bias) : x; }
static eg_value *of_input(const weights *w, eg_value *x) { return with_bias(eg_matmul(x, w->kernel), w->bias); }
static eg_value *of_state(const weights *w, eg_value *h) {
    return with_bias(eg_matmul(h, w->recurrent), w->recurrent_bias);
}

static eg_value *gate(const weights *w, eg_value *all, int k) {
    int64_t units = w->layer->units;
    return eg_slice(all, 1, k * units, (k + 1) * units);
}

static eg_value *activated(const weights *w, eg_value *x) {
    const recurrent *r = w->layer;
    return r->linear ? x : eg_activate(x, r->act ? r->act : EG_TANH, 0);
}

static eg_value *opened(const weights *w, eg_value *x) {
    return eg_activate(x, w->layer->recurrent_act ? w->layer->recurrent_act : EG_SIGMOID, 0);
}

static void simple_step(const weights *w, eg_value *x, eg_value *const *state, eg_value **next) {
    next[0] = activated(w, eg_add(of_input(w, x), of_state(w, state[0])));
}

static void lstm_step(const weights *w, eg_value *x, eg_value *const *state, eg_value **next) {
    eg_value *all = eg_add(of_input(w, x), of_state(w, state[0]));
    eg_value *input = opened(w, gate(w, all, 0)), *forget = opened(w, gate(w, all, 1));
    eg_value *candidate = activated(w, gate(w, all, 2)), *output = opened(w, gate(w, all, 3));
    next[1] = eg_add(eg_mul(forget, state[1]), eg_mul(input, candidate));
    next[0] = eg_mul(output, activated(w, next[1]));
}

/* h' = z h + (1 - z) candidate */
static eg_value *mixed(eg_value *z, eg_value *h, eg_value *candidate) {
    return eg_add(eg_mul(z, h), eg_mul(eg_sub(eg_const(z->graph, 1), z), candidate));
}

static void gru_step(const weights *w, eg_value *x, eg_value *const *state, eg_value **next) {
    int update = w->layer->torch, reset = !update;
    eg_value *from_x = of_input(w, x), *from_h = of_state(w, state[0]);
    eg_value *z = opened(w, eg_add(gate(w, from_x, update), gate(w, from_h, update)));
    eg_value *r = opened(w, eg_add(gate(w, from_x, reset), gate(w, from_h, reset)));
    eg_value *candidate = activated(w, eg_add(gate(w, from_x, 2), eg_mul(r, gate(w, from_h, 2))));
    next[0] = mixed(z, state[0], candidate);
}

static void gru_step_reset_before(const weights *w, eg_value *x, eg_value *const *state, eg_value **next) {
    int64_t units = w->layer->units;
    int update = w->layer->torch, reset = !update;
    eg_value *from_x = of_input(w, x);
    eg_value *from_h = eg_matmul(state[0], eg_slice(w->recurrent, 1, 0, 2 * units));
    eg_value *z = opened(w, eg_add(gate(w, from_x, update), gate(w, from_h, update)));
    eg_value *r = opened(w, eg_add(gate(w, from_x, reset), gate(w, from_h, reset)));
    eg_value *after = eg_matmul(eg_mul(r, state[0]), gate(w, w->recurrent, 2));
    next[0] = mixed(z, state[0], activated(w, eg_add(gate(w, from_x, 2), after)));
}

static void gru_any_step(const weights *w, eg_value *x, eg_value *const *state, eg_value **next) {
    (w->layer->reset_before ? gru_step_reset_before : gru_step)(w, x, state, next);
}

/* The body of the loop. x[1], where there is one: whether each row's step counts; if not, its states stay. */
static void body(void *user, eg_graph *graph, eg_value *const *state, eg_value *const *x, eg_value **next,
                 eg_value **y) {
    const weights *w = user;
    const cell_kind *cell = cell_of(w->layer);
    (void)graph;
    cell->step(w, x[0], state, next);
    for (int i = 0; i < cell->states && w->masked; i++) next[i] = eg_where(x[1], next[i], state[i]);
    if (w->layer->return_sequences) y[0] = next[0];
}

/* ---- parameters ----------------------------------------------------------------------------------- */

static int directions(const recurrent *r) { return r->bidirectional ? 2 : 1; }
static int has_pair(const recurrent *r) {
    return cell_of(r)->gates == 3 && !r->reset_before && !r->torch;
} /* b [2, 3 units] */
static int has_second_bias(const recurrent *r) { return r->torch && !r->no_bias && !r->reset_before; }
static int parameters_of_direction(const recurrent *r) { return 2 + !r->no_bias + has_second_bias(r); }

static eg_init default_init(const recurrent *r, eg_init given, eg_init keras) {
    if (given.kind != EG_INIT_DEFAULT) return given;
    return r->torch ? EG_INIT(UNIFORM, .a = 1 / sqrt((double)r->units)) : keras;
}

static eg_status add_direction(recurrent *r, int d, int64_t inputs) {
    static const char *const names[DIRECTIONS][4] = { { "kernel", "recurrent_kernel", "bias", "recurrent_bias" },
                                                      { "backward_kernel", "backward_recurrent_kernel",
                                                        "backward_bias", "backward_recurrent_bias" } };
    const cell_kind *cell = cell_of(r);
    int64_t columns = cell->gates * r->units;
    int first = d * parameters_of_direction(r), is_lstm = cell->gates == 4;
    eg_parameter p = { .name = names[d][0],
                       .shape = EG_SHAPE(inputs, columns),
                       .fan_in = (double)r->units,
                       .kernel = 1,
                       .trainable = 1,
                       .l1 = r->l1,
                       .l2 = r->l2 };
    p.init = default_init(r, r->kernel_init, EG_INIT(DEFAULT));
    EG_TRY(eg_layer_parameter(&r->base, first, &p));
    p.name = names[d][1];
    p.shape = EG_SHAPE(r->units, columns);
    p.init = default_init(r, r->recurrent_init, EG_INIT(ORTHOGONAL));
    EG_TRY(eg_layer_parameter(&r->base, first + 1, &p));
    p.kernel = 0;
    p.l1 = p.l2 = 0;
    p.shape = has_pair(r) ? EG_SHAPE(2, columns) : EG_SHAPE(columns);
    p.init = default_init(r, r->bias_init, is_lstm && !r->no_forget_bias ? EG_INIT(LSTM_BIAS) : EG_INIT(ZEROS));
    for (int i = 2; i < parameters_of_direction(r); i++) {
        p.name = names[d][i];
        EG_TRY(eg_layer_parameter(&r->base, first + i, &p));
    }
    return EG_OK;
}

static eg_status add_states(recurrent *r) {
    static const char *const names[MOST_STATES] = { "state_h", "state_c" };
    for (int i = 0; i < cell_of(r)->states; i++) {
        eg_parameter p = {
            .name = names[i], .shape = EG_SHAPE(r->stateful, r->units), .init = EG_INIT(ZEROS), .is_state = 1
        };
        EG_TRY(eg_layer_parameter(&r->base, parameters_of_direction(r) + i, &p));
    }
    return EG_OK;
}

static eg_status check_options(const recurrent *r, const eg_shape *in, int n) {
    if (r->units < 1) return eg_fail(EG_E_ARGUMENT, "units must be at least 1, not %lld", (long long)r->units);
    if (!(r->l1 >= 0) || !(r->l2 >= 0)) return eg_fail(EG_E_ARGUMENT, "l1 and l2 must not be negative");
    if (r->stateful < 0) return eg_fail(EG_E_ARGUMENT, "stateful is a number of rows");
    if (r->stateful && r->bidirectional)
        return eg_fail(EG_E_ARGUMENT, "a layer in both directions has no state to keep");
    if (r->reset_before && cell_of(r)->gates != 3) return eg_fail(EG_E_ARGUMENT, "reset_before is an option of gru");
    if (in->rank != 2)
        return eg_fail(EG_E_SHAPE, "its input is [steps, features], not %s", eg_shape_words(in));
    if (n < 2 || (in[1].rank == 1 && (in[1].dim[0] == in->dim[0] || in[1].dim[0] == 1))) return EG_OK;
    return eg_fail(EG_E_SHAPE, "its second input is a mask [%lld] or a length [1], not %s", (long long)in->dim[0],
                   eg_shape_words(&in[1]));
}

static eg_status shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    recurrent *r = (recurrent *)layer;
    EG_TRY(check_options(r, in, n));
    for (int d = 0; d < directions(r); d++) EG_TRY(add_direction(r, d, in->dim[1]));
    if (r->stateful) EG_TRY(add_states(r));
    int64_t units = directions(r) * r->units;
    *out = r->return_sequences ? EG_SHAPE(in->dim[0], units) : EG_SHAPE(units);
    return EG_OK;
}

/* ---- the loop -------------------------------------------------------------------------------------- */

static weights weights_of(const recurrent *r, const eg_building *b, int d, int masked) {
    int first = d * parameters_of_direction(r);
    weights w = { .layer = r, .masked = masked };
    w.kernel = eg_layer_variable(&r->base, b, first);
    w.recurrent = eg_layer_variable(&r->base, b, first + 1);
    if (r->no_bias) return w;
    w.bias = eg_layer_variable(&r->base, b, first + 2);
    if (has_second_bias(r)) w.recurrent_bias = eg_layer_variable(&r->base, b, first + 3);
    if (!has_pair(r)) return w;
    eg_value *pair = w.bias;
    eg_shape one = EG_SHAPE(3 * r->units);
    w.bias = eg_reshaped(eg_slice(pair, 0, 0, 1), &one);
    w.recurrent_bias = eg_reshaped(eg_slice(pair, 0, 1, 2), &one);
    return w;
}

static eg_value *time_first(eg_value *x) { return eg_permute(x, EG_AXES(1, 0, 2)); }

/* [batch, steps]: 0 where a step is left out; NULL: all count. `given`: the second input, a mask or lengths. */
static eg_value *mask_of(const recurrent *r, const eg_building *b, eg_value *x, eg_value *given) {
    int64_t steps = x->shape.dim[1];
    if (!given) return b->mask || !r->skip_zeros ? b->mask : eg_mask_where_not(x, 0);
    if (given->shape.dim[1] == steps && steps != 1) return given;
    return eg_cast(eg_less(eg_iota(x->graph, given->dtype, EG_SHAPE(1, steps), 1), given), x->dtype);
}

/* Where the states begin: zeros, or what the last batch left. */
static eg_status first_states(const recurrent *r, eg_building *b, eg_value *x, eg_value **variable,
                              eg_value **state) {
    int64_t batch = x->shape.dim[0];
    if (r->stateful && r->stateful != batch)
        return eg_fail(EG_E_SHAPE, "keeps the states of %lld rows, this batch has %lld", (long long)r->stateful,
                       (long long)batch);
    for (int i = 0; i < cell_of(r)->states; i++) {
        variable[i] = r->stateful ? eg_layer_variable(&r->base, b, parameters_of_direction(r) + i) : NULL;
        state[i] = r->stateful ? eg_layer_current(b, variable[i])
                               : eg_full(b->graph, x->dtype, EG_SHAPE(batch, r->units), 0);
    }
    return EG_OK;
}

/* One direction: [batch, units] or [batch, steps, units]. mask: [steps, batch, 1] or NULL. */
static eg_value *walk(const recurrent *r, eg_building *b, eg_value *x, eg_value *mask, int d) {
    weights w = weights_of(r, b, d, mask != NULL);
    eg_value *variable[MOST_STATES], *state[MOST_STATES], *last[MOST_STATES], *all = NULL,
                                                                              *in[2] = { time_first(x), mask };
    if (first_states(r, b, x, variable, state) != EG_OK)
        return eg_poison(b->graph, eg_error_status(), r->base.kind->name, "%s", eg_error());
    int states = cell_of(r)->states;
    eg_scan_(b->graph, body, &w, last, &all,
             (eg_scan_opt){ .carry = state,
                            .ncarry = states,
                            .x = in,
                            .nx = 1 + w.masked,
                            .ny = r->return_sequences,
                            .steps = x->shape.dim[1],
                            .reverse = (d == 1) != (r->backwards != 0) });
    for (int i = 0; i < states && r->stateful; i++) eg_layer_change(b, variable[i], eg_stop_gradient(last[i]));
    return r->return_sequences ? time_first(all) : last[0];
}

static eg_value *build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    const recurrent *r = (const recurrent *)layer;
    eg_value *x = in[0], *half[DIRECTIONS];
    if (eg_value_is_poisoned(x)) return x;
    if (n > 1 && eg_value_is_poisoned(in[1])) return in[1];
    eg_value *mask = b->mask = mask_of(r, b, x, n > 1 ? in[1] : NULL);
    if (mask) mask = eg_not_equal(time_first(eg_mask_over(mask, x)), eg_full(b->graph, x->dtype, EG_SCALAR, 0));
    for (int d = 0; d < directions(r); d++) half[d] = walk(r, b, x, mask, d);
    return directions(r) == 1 ? half[0] : eg_concat(half, 2, r->return_sequences ? 2 : 1);
}

/* ---- the kinds -------------------------------------------------------------------------------------- */

static const eg_option options[] = {
    { "units", EG_OPTION_INT, offsetof(recurrent, units), 1, 0 },
    { "activation", EG_OPTION_ACTIVATION, offsetof(recurrent, act), 1, 0 },
    { "recurrent_activation", EG_OPTION_ACTIVATION, offsetof(recurrent, recurrent_act), 0, 0 },
    { "linear", EG_OPTION_FLAG, offsetof(recurrent, linear), 1, 0 },
    { "return_sequences", EG_OPTION_FLAG, offsetof(recurrent, return_sequences), 1, 0 },
    { "bidirectional", EG_OPTION_FLAG, offsetof(recurrent, bidirectional), 1, 0 },
    { "backwards", EG_OPTION_FLAG, offsetof(recurrent, backwards), 1, 0 },
    { "skip_zeros", EG_OPTION_FLAG, offsetof(recurrent, skip_zeros), 1, 0 },
    { "stateful", EG_OPTION_INT, offsetof(recurrent, stateful), 0, 0 },
    { "no_bias", EG_OPTION_FLAG, offsetof(recurrent, no_bias), 1, 0 },
    { "no_forget_bias", EG_OPTION_FLAG, offsetof(recurrent, no_forget_bias), 1, 0 },
    { "reset_before", EG_OPTION_FLAG, offsetof(recurrent, reset_before), 1, 0 },
    { "torch", EG_OPTION_FLAG, offsetof(recurrent, torch), 1, 0 },
    { "init", EG_OPTION_INIT, offsetof(recurrent, kernel_init), 0, 0 },
    { "recurrent_init", EG_OPTION_INIT, offsetof(recurrent, recurrent_init), 0, 0 },
    { "bias_init", EG_OPTION_INIT, offsetof(recurrent, bias_init), 0, 0 },
    { "l1", EG_OPTION_NUMBER, offsetof(recurrent, l1), 0, 0 },
    { "l2", EG_OPTION_NUMBER, offsetof(recurrent, l2), 0, 0 },
    { "frozen", EG_OPTION_FLAG, offsetof(recurrent, base.frozen), 1, 0 },
    { 0 },
};

#define RECURRENT_KIND(text) \
    { .name = text, .size = sizeof(recurrent), .max_inputs = 2, .options = options, .shape = shape, .build = build, \
      .stepwise = EG_KEEPS_STATES }

const eg_layer_kind eg_kind_simple_rnn = RECURRENT_KIND("simple_rnn");
const eg_layer_kind eg_kind_lstm = RECURRENT_KIND("lstm");
const eg_layer_kind eg_kind_gru = RECURRENT_KIND("gru");

static const cell_kind cells[] = {
    { &eg_kind_simple_rnn, 1, 1, simple_step },
    { &eg_kind_gru, 3, 1, gru_any_step },
    { &eg_kind_lstm, 4, 2, lstm_step },
};

static const cell_kind *cell_of(const recurrent *r) {
    const cell_kind *cell = cells;
    while (cell->kind != r->base.kind) cell++;
    return cell;
}

static double given(double x) { return x == EG_ZERO ? 0 : x; }

static eg_layer *new_recurrent(const eg_layer_kind *kind, eg_recurrent_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    recurrent *r = (recurrent *)eg_layer_new(kind, opt.name);
    if (!r) return NULL;
    r->units = opt.units, r->stateful = opt.stateful;
    r->act = opt.act, r->recurrent_act = opt.recurrent_act, r->linear = opt.linear != 0;
    r->return_sequences = opt.return_sequences != 0, r->bidirectional = opt.bidirectional != 0;
    r->backwards = opt.backwards != 0, r->skip_zeros = opt.skip_zeros != 0;
    r->no_bias = opt.no_bias != 0, r->no_forget_bias = opt.no_forget_bias != 0;
    r->reset_before = opt.reset_before != 0, r->torch = opt.dialect == EG_TORCH;
    r->kernel_init = opt.kernel_init, r->recurrent_init = opt.recurrent_init, r->bias_init = opt.bias_init;
    r->l1 = given(opt.l1), r->l2 = given(opt.l2);
    r->base.frozen = opt.frozen != 0;
    return &r->base;
}

eg_layer *eg_simple_rnn_(eg_recurrent_opt opt) { return new_recurrent(&eg_kind_simple_rnn, opt); }
eg_layer *eg_lstm_(eg_recurrent_opt opt) { return new_recurrent(&eg_kind_lstm, opt); }
eg_layer *eg_gru_(eg_recurrent_opt opt) { return new_recurrent(&eg_kind_gru, opt); }

/* ---- states ------------------------------------------------------------------------------------------- */

int64_t eg_model_stateful_rows(const eg_model *model) {
    for (int i = 0; model && i < model->nparameters; i++)
        if (model->parameters[i].is_state) return model->parameters[i].shape.dim[0];
    return 0;
}

eg_status eg_model_reset_states(eg_model *model) {
    for (int i = 0; i < model->nparameters; i++) {
        const eg_parameter *p = &model->parameters[i];
        const eg_variable *state = p->is_state ? eg_state_get(model->state, p->name) : NULL;
        if (state) memset(state->data, 0, state->bytes);
    }
    return EG_OK;
}
