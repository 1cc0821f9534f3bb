/* SPDX-License-Identifier: MIT
 *
 * score.c: metrics. A program returns sums over its batch (score = a function of the epoch's totals), so that metrics
 * cost one small fused group, and means over batches of unequal size are right.
 *
 * accuracy = hits / n; top_k = hits among the k largest / n; mse, mae = sums / (n outputs);
 * r2 = 1 - sum (y - p)^2 / sum (y - mean y)^2, over all outputs together.
 * Masked: n and all sums are of the steps that are there.
 */
#include <math.h>
#include "graph/node.h"
#include "tensor/shape.h"
#include "train/trainer.h"

/* Which sums a metric needs. */
static const unsigned needed_by[EG_METRIC_KINDS] = {
    [EG_METRIC_ACCURACY] = 1u << EG_SUM_HITS,
    [EG_METRIC_TOP_K] = 1u << EG_SUM_TOP_K,
    [EG_METRIC_MSE] = 1u << EG_SUM_SQUARED,
    [EG_METRIC_MAE] = 1u << EG_SUM_ABSOLUTE,
    [EG_METRIC_R2] = 1u << EG_SUM_SQUARED | 1u << EG_SUM_TARGET | 1u << EG_SUM_TARGET_SQUARED,
};

unsigned eg_sums_needed(const eg_trainer *trainer) {
    unsigned sums = trainer->masked ? 1u << EG_SUM_STEPS : 0;
    for (int i = 0; i < EG_MAX_METRICS; i++) sums |= needed_by[trainer->recipe.metrics[i]];
    return sums;
}

/* ---- graph side ------------------------------------------------------------------------------------------ */

/* Class targets as numbers [n, outputs] in p's dtype: one-hot, or 0/1 for a single output. */
static eg_value *dense_target(eg_value *y, eg_value *p) {
    int64_t outputs = p->shape.dim[p->shape.rank - 1];
    if (y->dtype == EG_I32 && outputs > 1) return eg_one_hot(y, outputs, p->dtype);
    return eg_reshaped(eg_cast(y, p->dtype), &p->shape);
}

/* [n, 1] -> class numbers [n]: whether it is above the threshold. */
static eg_value *above(eg_value *x, double threshold) {
    eg_shape shape = x->shape;
    shape.rank -= shape.rank > 1;
    return eg_cast(eg_greater(eg_reshaped(x, &shape), eg_const(x->graph, threshold)), EG_I32);
}

/* [n] class numbers of outputs, or of targets that came as one-hot rows. */
static eg_value *class_of(eg_value *x, double threshold) {
    return x->shape.rank > 1 && x->shape.dim[x->shape.rank - 1] > 1 ? eg_argmax(x, -1) : above(x, threshold);
}

double eg_threshold(const eg_trainer *trainer, eg_activation_kind last) {
    if (last == EG_SIGMOID || last == EG_STEP || last == EG_SOFTMAX) return .5;
    return trainer->loss == EG_LOSS_BINARY_CROSS_ENTROPY || trainer->loss == EG_LOSS_HINGE ? 0 : .5;
}

static eg_value *hits(const eg_trainer *trainer, eg_value *y, eg_value *p, double threshold) {
    (void)trainer;
    return eg_cast(eg_equal(class_of(p, threshold), y->dtype == EG_I32 ? y : class_of(y, .5)), p->dtype);
}

/* The class is among the k largest: fewer than k outputs are larger than the one of the class. */
static eg_value *top_k(const eg_trainer *trainer, eg_value *y, eg_value *p, double threshold) {
    (void)threshold;
    eg_value *own = eg_sum(eg_mul(dense_target(y, p), p), .axes = EG_AXES(-1), .keep = 1);
    eg_value *larger = eg_sum(eg_cast(eg_greater(p, own), p->dtype), .axes = EG_AXES(-1));
    return eg_cast(eg_less(larger, eg_const(p->graph, trainer->recipe.top_k)), p->dtype);
}

static eg_value *squared(const eg_trainer *trainer, eg_value *y, eg_value *p, double threshold) {
    (void)trainer, (void)threshold;
    return eg_square(eg_sub(dense_target(y, p), p));
}

static eg_value *absolute(const eg_trainer *trainer, eg_value *y, eg_value *p, double threshold) {
    (void)trainer, (void)threshold;
    return eg_abs(eg_sub(dense_target(y, p), p));
}

static eg_value *target(const eg_trainer *trainer, eg_value *y, eg_value *p, double threshold) {
    (void)trainer, (void)threshold;
    return dense_target(y, p);
}

static eg_value *target_squared(const eg_trainer *trainer, eg_value *y, eg_value *p, double threshold) {
    (void)trainer, (void)threshold;
    return eg_square(dense_target(y, p));
}

/* A number for each row, each step, or each output of them. */
typedef eg_value *(*term_fn)(const eg_trainer *, eg_value *y, eg_value *p, double threshold);

static const term_fn terms[EG_SUM_STEPS] = {
    [EG_SUM_HITS] = hits,         [EG_SUM_TOP_K] = top_k,   [EG_SUM_SQUARED] = squared,
    [EG_SUM_ABSOLUTE] = absolute, [EG_SUM_TARGET] = target, [EG_SUM_TARGET_SQUARED] = target_squared,
};

eg_value *eg_sum_build(const eg_trainer *trainer, eg_sum_kind kind, eg_value *y, eg_value *p, double threshold,
                       eg_value *mask) {
    if (kind == EG_SUM_STEPS) return eg_sum(mask);
    eg_value *each = terms[kind](trainer, y, p, threshold);
    return eg_sum(mask ? eg_mul(each, eg_mask_over(mask, each)) : each);
}

/* ---- totals to scores ------------------------------------------------------------------------------------ */

const char *const eg_score_names[EG_SCORES] = { "loss", "accuracy", "top_k", "mse", "mae", "r2" };

void eg_scores_clear(eg_scores *scores) {
    for (double *each = (double *)scores; each <= &scores->penalty; each++) *each = (double)NAN;
    scores->n = 0;
}

static double r2(const double *sum, double count) {
    double mean = sum[EG_SUM_TARGET] / count;
    double variation = sum[EG_SUM_TARGET_SQUARED] - count * mean * mean;
    return variation > 0 ? 1 - sum[EG_SUM_SQUARED] / variation : (double)NAN;
}

/* A class for each sample, or for each step of a sequence [steps, classes], of those that are there. */
void eg_scores_from(const eg_model *model, const eg_totals *totals, eg_scores *out) {
    const eg_recipe *recipe = &eg_trainer_peek(model)->recipe;
    const eg_shape *output = &model->output->shape;
    const double *sum = totals->sum;
    eg_scores_clear(out);
    out->n = totals->n;
    if (totals->n == 0) return;
    double n = (double)totals->n, all = (double)eg_count(output);
    double width = output->rank > 1 ? (double)output->dim[output->rank - 1] : all, choices = n * (all / width);
    if (sum[EG_SUM_STEPS] > 0) n = choices = sum[EG_SUM_STEPS];
    double elements = choices * width, divisor = recipe->reduction == EG_REDUCTION_SUM ? 1 : n;
    out->loss = totals->loss / divisor;
    out->penalty = totals->penalty / divisor;
    const double scores[EG_METRIC_KINDS] = {
        [EG_METRIC_ACCURACY] = sum[EG_SUM_HITS] / choices,
        [EG_METRIC_TOP_K] = sum[EG_SUM_TOP_K] / choices,
        [EG_METRIC_MSE] = sum[EG_SUM_SQUARED] / elements,
        [EG_METRIC_MAE] = sum[EG_SUM_ABSOLUTE] / elements,
        [EG_METRIC_R2] = r2(sum, elements),
    };
    for (int i = 0; i < EG_MAX_METRICS; i++) {
        eg_metric metric = recipe->metrics[i];
        if (metric != EG_METRIC_NONE) ((double *)out)[metric] = scores[metric];
    }
}
