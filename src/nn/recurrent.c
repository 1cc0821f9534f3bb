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

/* What a step computes with: the weights of one direction. */
typedef struct weights {
    const eg_layer *layer;
    eg_value *kernel, *recurrent, *bias, *recurrent_bias; /* biases: NULL where there is none */
    int masked;
} weights;

typedef struct cell_kind {
    const eg_layer_kind *kind;
    int gates, states;
    /* x [batch, in] and state [batch, units] -> next */
    void (*step)(const weights *w, eg_value *x, eg_value *const *state, eg_value **next);
} cell_kind;

static const cell_kind *cell_of(const eg_layer *r);

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
    const eg_layer *r = w->layer;
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

static int directions(const eg_layer *r) { return r->bidirectional ? 2 : 1; }
static int has_pair(const eg_layer *r) {
    return cell_of(r)->gates == 3 && !r->reset_before && !r->torch;
} /* b [2, 3 units] */
static int has_second_bias(const eg_layer *r) { return r->torch && !r->no_bias && !r->reset_before; }
static int parameters_of_direction(const eg_layer *r) { return 2 + !r->no_bias + has_second_bias(r); }

/* The initialiser is the one given, or the dialect's. */
static eg_status add(eg_layer *r, int index, const char *name, const eg_shape *shape, const eg_init *given,
                     const eg_init *keras, int kernel) {
    eg_init torch = EG_INIT(UNIFORM, .a = 1 / sqrt((double)r->units));
    const eg_init *init = given->kind != EG_INIT_DEFAULT ? given : r->torch ? &torch : keras;
    return eg_layer_weight(r, index, name, shape, init, (double)r->units, kernel);
}

static eg_status add_direction(eg_layer *r, int d, int64_t inputs) {
    static const char names[DIRECTIONS][4][26] = { { "kernel", "recurrent_kernel", "bias", "recurrent_bias" },
                                                   { "backward_kernel", "backward_recurrent_kernel", "backward_bias",
                                                     "backward_recurrent_bias" } };
    static const eg_init plain = { .kind = EG_INIT_DEFAULT }, orthogonal = { .kind = EG_INIT_ORTHOGONAL },
                         zeros = { .kind = EG_INIT_ZEROS }, open = { .kind = EG_INIT_LSTM_BIAS };
    const cell_kind *cell = cell_of(r);
    int64_t columns = cell->gates * r->units;
    int first = d * parameters_of_direction(r), is_lstm = cell->gates == 4;
    const eg_init *of_bias = is_lstm && !r->no_forget_bias ? &open : &zeros;
    eg_shape shape = EG_SHAPE(inputs, columns);
    EG_TRY(add(r, first, names[d][0], &shape, &r->kernel_init, &plain, EG_KERNEL));
    shape.dim[0] = r->units;
    EG_TRY(add(r, first + 1, names[d][1], &shape, &r->recurrent_init, &orthogonal, EG_KERNEL));
    shape = has_pair(r) ? EG_SHAPE(2, columns) : EG_SHAPE(columns);
    for (int i = 2; i < parameters_of_direction(r); i++)
        EG_TRY(add(r, first + i, names[d][i], &shape, &r->bias_init, of_bias, EG_PLAIN));
    return EG_OK;
}

static eg_status add_states(eg_layer *r) {
    static const char names[MOST_STATES][8] = { "state_h", "state_c" };
    for (int i = 0; i < cell_of(r)->states; i++) {
        eg_parameter p = {
            .name = names[i], .shape = EG_SHAPE(r->stateful, r->units), .init = EG_INIT(ZEROS), .is_state = 1
        };
        EG_TRY(eg_layer_parameter(r, parameters_of_direction(r) + i, &p));
    }
    return EG_OK;
}

static eg_status check_options(const eg_layer *r, const eg_shape *in, int n) {
    EG_TRY(eg_layer_check_units(r));
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

static eg_status shape(eg_layer *r, const eg_shape *in, int n, eg_shape *out) {
    EG_TRY(check_options(r, in, n));
    for (int d = 0; d < directions(r); d++) EG_TRY(add_direction(r, d, in->dim[1]));
    if (r->stateful) EG_TRY(add_states(r));
    int64_t units = directions(r) * r->units;
    *out = r->return_sequences ? EG_SHAPE(in->dim[0], units) : EG_SHAPE(units);
    return EG_OK;
}

/* ---- the loop -------------------------------------------------------------------------------------- */

/* Row i of b [2, columns] */
static eg_value *row(eg_value *pair, int i, int64_t columns) {
    return eg_reshaped(eg_slice(pair, 0, i, i + 1), &EG_SHAPE(columns));
}

static void find_weights(const eg_layer *r, const eg_building *b, int d, weights *w) {
    int first = d * parameters_of_direction(r);
    w->kernel = eg_layer_variable(r, b, first);
    w->recurrent = eg_layer_variable(r, b, first + 1);
    if (r->no_bias) return;
    w->bias = eg_layer_variable(r, b, first + 2);
    if (has_second_bias(r)) w->recurrent_bias = eg_layer_variable(r, b, first + 3);
    if (!has_pair(r)) return;
    eg_value *pair = w->bias;
    w->bias = row(pair, 0, 3 * r->units);
    w->recurrent_bias = row(pair, 1, 3 * r->units);
}

static eg_value *time_first(eg_value *x) { return eg_permute(x, EG_AXES(1, 0, 2)); }

/* [batch, steps]: 0 where a step is left out; NULL: all count. `given`: the second input, a mask or lengths. */
static eg_value *mask_of(const eg_layer *r, const eg_building *b, eg_value *x, eg_value *given) {
    int64_t steps = x->shape.dim[1];
    if (!given) return b->mask || !r->skip_zeros ? b->mask : eg_mask_where_not(x, 0);
    if (given->shape.dim[1] == steps && steps != 1) return given;
    return eg_cast(eg_less(eg_iota(x->graph, given->dtype, EG_SHAPE(1, steps), 1), given), x->dtype);
}

/* Where the states begin: zeros, or what the last batch left. */
static eg_status first_states(const eg_layer *r, eg_building *b, eg_value *x, eg_value **variable, eg_value **state) {
    int64_t batch = x->shape.dim[0];
    if (r->stateful && r->stateful != batch)
        return eg_fail(EG_E_SHAPE, "keeps the states of %lld rows, this batch has %lld", (long long)r->stateful,
                       (long long)batch);
    for (int i = 0; i < cell_of(r)->states; i++) {
        variable[i] = r->stateful ? eg_layer_variable(r, b, parameters_of_direction(r) + i) : NULL;
        state[i] = r->stateful ? eg_layer_current(b, variable[i])
                               : eg_full(b->graph, x->dtype, EG_SHAPE(batch, r->units), 0);
    }
    return EG_OK;
}

/* One direction: [batch, units] or [batch, steps, units]. mask: [steps, batch, 1] or NULL. */
static eg_value *walk(const eg_layer *r, eg_building *b, eg_value *x, eg_value *mask, int d) {
    weights w = { .layer = r, .masked = mask != NULL };
    find_weights(r, b, d, &w);
    eg_value *variable[MOST_STATES], *state[MOST_STATES], *last[MOST_STATES], *all = NULL,
                                                                              *in[2] = { time_first(x), mask };
    if (first_states(r, b, x, variable, state) != EG_OK) return eg_poison_last(b->graph, r->kind->name);
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

static eg_value *build(eg_layer *r, eg_building *b, eg_value *const *in, int n) {
    eg_value *x = in[0], *half[DIRECTIONS];
    eg_value *mask = b->mask = mask_of(r, b, x, n > 1 ? in[1] : NULL);
    if (mask) mask = eg_not_equal(time_first(eg_mask_over(mask, x)), eg_number(x, 0));
    for (int d = 0; d < directions(r); d++) half[d] = walk(r, b, x, mask, d);
    return directions(r) == 1 ? half[0] : eg_concat(half, 2, r->return_sequences ? 2 : 1);
}

/* ---- the kinds -------------------------------------------------------------------------------------- */

#define GIVEN(field) offsetof(eg_recurrent_opt, field)
static const eg_kind_option options[] = {
    EG_TAKES_BARE(UNITS, GIVEN(units)),
    EG_TAKES_BARE(ACTIVATION, GIVEN(act)),
    EG_TAKES(GATES, GIVEN(recurrent_act)),
    EG_TAKES_BARE(LINEAR, GIVEN(linear)),
    EG_TAKES_BARE(SEQUENCES, GIVEN(return_sequences)),
    EG_TAKES_BARE(BIDIRECTIONAL, GIVEN(bidirectional)),
    EG_TAKES_BARE(BACKWARDS, GIVEN(backwards)),
    EG_TAKES_BARE(SKIP_ZEROS, GIVEN(skip_zeros)),
    EG_TAKES(STATEFUL, GIVEN(stateful)),
    EG_TAKES_BARE(NO_BIAS, GIVEN(no_bias)),
    EG_TAKES_BARE(NO_FORGET_BIAS, GIVEN(no_forget_bias)),
    EG_TAKES_BARE(RESET_BEFORE, GIVEN(reset_before)),
    EG_TAKES_BARE(TORCH, GIVEN(dialect)),
    EG_TAKES(INIT, GIVEN(kernel_init)),
    EG_TAKES(RECURRENT_INIT, GIVEN(recurrent_init)),
    EG_TAKES(BIAS_INIT, GIVEN(bias_init)),
    EG_TAKES(L1, GIVEN(l1)),
    EG_TAKES(L2, GIVEN(l2)),
    EG_TAKES_BARE(FROZEN, GIVEN(frozen)),
    EG_TAKES_NAME(GIVEN(name)),
};
#undef GIVEN

#define RECURRENT_KIND(text) \
    { .name = text, .options = options, .shape = shape, .build = build, .max_inputs = 2, .stepwise = EG_KEEPS_STATES }

const eg_layer_kind eg_kind_simple_rnn = RECURRENT_KIND("simple_rnn");
const eg_layer_kind eg_kind_lstm = RECURRENT_KIND("lstm");
const eg_layer_kind eg_kind_gru = RECURRENT_KIND("gru");

static const cell_kind cells[] = {
    { &eg_kind_simple_rnn, 1, 1, simple_step },
    { &eg_kind_gru, 3, 1, gru_any_step },
    { &eg_kind_lstm, 4, 2, lstm_step },
};

static const cell_kind *cell_of(const eg_layer *r) {
    const cell_kind *cell = cells;
    while (cell->kind != r->kind) cell++;
    return cell;
}

eg_layer *eg_simple_rnn_(eg_recurrent_opt opt) { return eg_layer_made(&eg_kind_simple_rnn, &opt, sizeof opt); }
eg_layer *eg_lstm_(eg_recurrent_opt opt) { return eg_layer_made(&eg_kind_lstm, &opt, sizeof opt); }
eg_layer *eg_gru_(eg_recurrent_opt opt) { return eg_layer_made(&eg_kind_gru, &opt, sizeof opt); }

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
