/* SPDX-License-Identifier: MIT
 *
 * step.c: recipe + model -> graph -> program. One training step is one program: preprocessing, forward, loss,
 * penalties, gradients, clipping, update, and the sums that metrics need. Programs are kept for each batch size they
 * were asked for.
 *
 *     x (bytes or floats) --prepare--> model --> p, logits --> loss + penalty --grad--> update (assigns)
 *                                              p, y --> sums
 */
#include <string.h>
#include "graph/node.h"
#include "runtime/state.h"
#include "tensor/shape.h"
#include "train/trainer.h"

typedef eg_step_graph builder;

static void add_root(builder *b, eg_value *value) { b->root[b->roots++] = value; }

/* ---- inputs ---------------------------------------------------------------------------------------------- */

static eg_value *input(builder *b, const char *name, eg_dtype dtype, const eg_shape *shape) {
    return eg_leaf(b->graph, EG_OP_INPUT, name, dtype, shape, EG_ROWS);
}

static void build_inputs(builder *b, const eg_step_program *wanted, const eg_data *data) {
    const eg_shape none = { 0 };
    eg_shape shape = eg_batch_shape(wanted->batch, eg_prepare_shape(b->model));
    b->x = input(b, "x", wanted->x_dtype, &shape);
    if (wanted->kind != EG_PROGRAM_PREDICT) {
        shape = eg_tensor_shape(eg_data_y(data));
        shape.dim[0] = wanted->batch;
        b->y = input(b, "y", eg_tensor_dtype(eg_data_y(data)), &shape);
        shape.rank = 1;
        if (wanted->weighted) b->weights = input(b, "weights", EG_F32, &shape);
    }
    if (wanted->kind == EG_PROGRAM_TRAIN) {
        b->step = input(b, "step", EG_I32, &none);
        b->lr = input(b, "lr", b->trainer->recipe.dtype, &none);
    }
}

/* ---- loss ------------------------------------------------------------------------------------------------ */

static int is_cross_entropy(eg_loss_kind kind) {
    return kind == EG_LOSS_BINARY_CROSS_ENTROPY || kind == EG_LOSS_CATEGORICAL_CROSS_ENTROPY ||
           kind == EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY;
}

static int takes_class_numbers(eg_loss_kind kind, int64_t outputs) {
    return kind == EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY ||
           (outputs > 1 && (kind == EG_LOSS_CATEGORICAL_HINGE || kind == EG_LOSS_MULTICLASS_HINGE));
}

/* Targets in the form that the loss takes: class numbers as they are, or numbers shaped like p. */
static eg_value *loss_target(const builder *b, eg_value *p) {
    int64_t outputs = p->shape.dim[p->shape.rank - 1];
    int classes = b->y->dtype == EG_I32;
    if (takes_class_numbers(b->trainer->loss, outputs)) return classes ? b->y : eg_argmax(b->y, -1);
    if (classes && outputs > 1) return eg_one_hot(b->y, outputs, p->dtype);
    return eg_reshaped(b->y->dtype == p->dtype ? b->y : eg_cast(b->y, p->dtype), &p->shape);
}

/* A number for each step is masked; what is not leaves the mask to the function. */
static eg_value *custom_loss(const builder *b) {
    const eg_recipe *recipe = &b->trainer->recipe;
    eg_value *loss = recipe->loss_fn(recipe->loss_user, b->y, b->p), *mask = eg_model_mask(b->model);
    if (loss->shape.rank == 0) return loss;
    int steps = mask && eg_same_shape(&loss->shape, &mask->shape);
    return eg_loss_reduce(loss, &(eg_loss_opt){ .reduction = recipe->reduction, .mask = steps ? mask : NULL });
}

/* The stable form from logits wherever the last layer ends in softmax, sigmoid or nothing. */
static eg_value *data_loss(const builder *b) {
    const eg_recipe *recipe = &b->trainer->recipe;
    if (recipe->loss_fn) return custom_loss(b);
    int linear = eg_model_last_activation(b->model) == EG_LINEAR;
    int stable = is_cross_entropy(b->trainer->loss) && (b->logits || linear);
    eg_value *p = stable && b->logits ? b->logits : b->p;
    eg_value *weights = b->weights;
    if (weights && recipe->dtype != EG_F32) weights = eg_cast(weights, recipe->dtype);
    return eg_loss(b->trainer->loss, loss_target(b, p), p, .reduction = recipe->reduction, .from_logits = stable,
                   .delta = recipe->huber_delta, .weights = weights, .mask = eg_model_mask(b->model),
                   .dialect = recipe->dialect);
}

/* ---- gradients, update ----------------------------------------------------------------------------------- */

static eg_status build_update(builder *b, eg_value *objective) {
    int n = eg_model_variables(b->model, b->graph, 1, NULL, 0), count = 0;
    eg_value **variables = eg_calloc((size_t)n + 1, 2 * sizeof *variables), **gradient = variables + n;
    if (!variables) return EG_E_MEMORY;
    eg_model_variables(b->model, b->graph, 1, variables, n);
    eg_status status = eg_grad(objective, variables, n, gradient);
    b->backward = b->graph->n;
    if (status == EG_OK)
        status = eg_optimizer_build(b->trainer->recipe.optimizer, b->step, b->lr, variables, gradient, n,
                                    b->root + b->roots, &count);
    b->roots += count;
    eg_free(variables);
    return status;
}

/* Classes are told from the logits where there are any: softmax and sigmoid do not change which is largest. */
static void add_sums(builder *b) {
    eg_value *mask = eg_model_mask(b->model);
    b->trainer->masked = mask != NULL;
    unsigned sums = eg_sums_needed(b->trainer);
    double threshold = eg_threshold(b->trainer, eg_model_last_activation(b->model));
    for (int i = 0; i < EG_SUM_KINDS; i++) {
        int by_rank = b->logits && (i == EG_SUM_HITS || i == EG_SUM_TOP_K);
        if (sums >> i & 1)
            add_root(b, eg_sum_build(b->trainer, (eg_sum_kind)i, b->y, by_rank ? b->logits : b->p,
                                     by_rank ? 0 : threshold, mask));
    }
}

/* Running statistics while training; states of stateful layers in every program. */
static void add_changes(builder *b) {
    b->roots += eg_model_changes(b->model, b->root + b->roots, b->capacity - b->roots);
}

static eg_status build_training_roots(builder *b, eg_program_kind kind) {
    const eg_recipe *recipe = &b->trainer->recipe;
    EG_TRY(eg_model_penalty(b->model, b->graph, recipe->l1, recipe->l2, &b->penalty));
    eg_value *loss = data_loss(b), *penalty = b->penalty;
    eg_value *zero = eg_full(b->graph, loss->dtype, EG_SCALAR, 0);
    eg_value *objective = penalty ? eg_add(loss, penalty) : loss;
    add_root(b, objective);
    add_root(b, penalty ? penalty : zero);
    add_sums(b);
    add_changes(b);
    if (kind != EG_PROGRAM_TRAIN) return EG_OK;
    /* Ascent climbs the data term; penalties still hold back. */
    if (recipe->maximize) objective = penalty ? eg_sub(penalty, loss) : eg_neg(loss);
    b->forward = b->graph->n;
    return build_update(b, objective);
}

/* ---- the program ----------------------------------------------------------------------------------------- */

static eg_status build(builder *b, eg_program_kind kind) {
    b->capacity = 2 + EG_SUM_KINDS + (b->model->state->n + 1) * (1 + EG_OPTIMIZER_SLOTS) + 8;
    b->root = eg_calloc((size_t)b->capacity, sizeof *b->root);
    if (!b->root) return EG_E_MEMORY;
    eg_value *x = eg_prepare_build(b->model, b->x);
    b->prepared = b->graph->n;
    EG_TRY(eg_model_build(b->model, x, b->step, &b->p, &b->logits, NULL));
    if (kind != EG_PROGRAM_PREDICT) return build_training_roots(b, kind);
    add_root(b, b->p);
    add_changes(b);
    return EG_OK;
}

eg_program *eg_step_compile(const eg_step_graph *graph, eg_value *const *roots, int n, int no_fuse) {
    const eg_recipe *recipe = &graph->trainer->recipe;
    return eg_program_new(graph->model->state, roots, n, .executor = recipe->executor, .threads = recipe->threads,
                          .no_fuse = no_fuse);
}

eg_status eg_step_graph_new(eg_model *model, const eg_step_program *wanted, const eg_data *data, eg_step_graph *out) {
    *out = (builder){ .model = model, .trainer = model->train, .graph = eg_graph_new() };
    if (!out->graph) return EG_E_MEMORY;
    build_inputs(out, wanted, data);
    eg_status status = build(out, wanted->kind), mistake = eg_graph_status(out->graph);
    return mistake == EG_OK ? status : eg_fail(mistake, "%s", eg_graph_error(out->graph));
}

void eg_step_graph_free(eg_step_graph *graph) {
    eg_free(graph->root);
    eg_graph_free(graph->graph);
}

static eg_status make_program(eg_model *model, eg_step_program *wanted, const eg_data *data) {
    builder b;
    eg_status status = eg_step_graph_new(model, wanted, data, &b);
    if (status == EG_OK) {
        wanted->program = eg_step_compile(&b, b.root, b.roots, 0);
        status = wanted->program ? EG_OK : eg_error_status();
    }
    /* Slots that start at a number other than 0 are written once, before the run's first step. */
    if (status == EG_OK && wanted->kind == EG_PROGRAM_TRAIN && !b.trainer->slots_ready) {
        status = eg_optimizer_init_slots(b.trainer->recipe.optimizer, model->state);
        b.trainer->slots_ready = status == EG_OK;
    }
    if (status != EG_OK) eg_program_free(wanted->program);
    eg_step_graph_free(&b);
    return status;
}

static eg_status get_program(eg_model *model, eg_step_program *wanted, const eg_data *data, eg_program **out) {
    eg_trainer *trainer = model->train;
    eg_step_program *known = trainer->programs;
    wanted->output = model->output->index;
    while (known && memcmp(known, wanted, offsetof(eg_step_program, program)) != 0) known = known->next;
    if (!known) {
        EG_TRY(make_program(model, wanted, data));
        known = eg_alloc(sizeof *known);
        if (!known) {
            eg_program_free(wanted->program);
            return EG_E_MEMORY;
        }
        *known = *wanted;
        known->next = trainer->programs;
        trainer->programs = known;
    }
    *out = known->program;
    return EG_OK;
}

eg_status eg_step_program_get(eg_model *model, eg_program_kind kind, int64_t batch, const eg_data *data, int weighted,
                              eg_program **out) {
    eg_step_program wanted = {
        .kind = kind, .batch = batch, .x_dtype = eg_tensor_dtype(eg_data_x(data)), .weighted = weighted
    };
    return get_program(model, &wanted, data, out);
}

eg_status eg_predict_program_get(eg_model *model, int64_t batch, eg_dtype x_dtype, eg_program **out) {
    eg_step_program wanted = { .kind = EG_PROGRAM_PREDICT, .batch = batch, .x_dtype = x_dtype };
    return get_program(model, &wanted, NULL, out);
}

/* ---- results
 * -----------------------------------------------------------------------------------------------------------------
 */

static double scalar_root(const eg_program *program, int root) {
    double value = 0;
    eg_fetch(program, root, &value, 1);
    return value;
}

double eg_step_collect(const eg_trainer *trainer, const eg_program *program, int64_t samples, eg_totals *totals) {
    double loss = scalar_root(program, 0), now[EG_SUM_KINDS] = { 0 };
    unsigned sums = eg_sums_needed(trainer);
    for (int i = 0, root = 2; i < EG_SUM_KINDS; i++)
        if (sums >> i & 1) totals->sum[i] += now[i] = scalar_root(program, root++);
    double share = trainer->masked ? now[EG_SUM_STEPS] : (double)samples;
    if (trainer->recipe.reduction == EG_REDUCTION_SUM) share = 1;
    totals->loss += loss * share;
    totals->penalty += scalar_root(program, 1) * share;
    totals->n += samples;
    totals->batches++;
    return loss;
}
