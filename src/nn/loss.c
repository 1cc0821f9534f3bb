/* SPDX-License-Identifier: MIT
 *
 * loss.c: the losses. Each is a formula for one number per sample, [batch]; weights and the reduction over the batch
 * come after. From logits the stable forms are built, so that logits of +-1000 give finite losses and gradients.
 *
 * Targets may be class numbers or one-hot rows wherever a loss is about classes, and [batch] fits [batch,1].
 */
#include <elegans/nn.h>

#include <string.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"
#include "nn/words.h"

/* What the formulas are made of. y and p have the same shape and dtype. */
typedef struct terms {
    eg_value *y, *p;
    int one_hot; /* y was made from class numbers: each row sums to 1 */
    const eg_loss_opt *opt;
} terms;

static eg_value *number(const eg_value *like, double value) { return eg_const(like->graph, value); }

/* ---- per-element and per-row formulas -------------------------------------------------------- */

static eg_value *squared(const terms *t) { return eg_square(eg_sub(t->y, t->p)); }
static eg_value *half_squared(const terms *t) { return eg_mul(squared(t), number(t->p, .5)); }
static eg_value *absolute(const terms *t) { return eg_abs(eg_sub(t->y, t->p)); }

static eg_value *huber(const terms *t) {
    double delta = t->opt->delta == 0 ? 1 : t->opt->delta;
    eg_value *d = absolute(t), *limit = number(d, delta);
    eg_value *near = eg_mul(eg_square(d), number(d, .5));
    eg_value *far = eg_mul(eg_sub(d, number(d, delta / 2)), limit);
    return eg_where(eg_less_equal(d, limit), near, far);
}

/* The smallest probability: keras clips to [1e-7, 1 - 1e-7]; torch only keeps the logarithm finite. */
static double floor_of(const terms *t) { return t->opt->dialect == EG_TORCH ? 1e-37 : 1e-7; }

static eg_value *clip(const terms *t, eg_value *p) {
    p = eg_maximum(p, number(p, floor_of(t)));
    return t->opt->dialect == EG_TORCH ? p : eg_minimum(p, number(p, 1 - 1e-7));
}

/* -y ln p - (1-y) ln(1-p); from logits y softplus(-z) + (1-y) softplus(z), exact in both tails, derivative sigmoid(z)
 * - y */
static eg_value *binary(const terms *t) {
    eg_value *y = t->y, *rest = eg_sub(number(y, 1), y);
    if (t->opt->from_logits) return eg_add(eg_mul(y, eg_softplus(eg_neg(t->p))), eg_mul(rest, eg_softplus(t->p)));
    eg_value *p = clip(t, t->p), *q = eg_sub(number(p, 1), p);
    if (t->opt->dialect == EG_TORCH) q = eg_maximum(q, number(q, floor_of(t)));
    return eg_neg(eg_add(eg_mul(y, eg_log(p)), eg_mul(rest, eg_log(q))));
}

typedef eg_value *reduction(eg_value *x, eg_reduce_opt opt);
static eg_value *over_last(reduction *reduce, eg_value *x, int keep) {
    return reduce(x, (eg_reduce_opt){ .axes = EG_AXES(-1), .keep = keep });
}
static eg_value *last_sum(eg_value *x) { return over_last(eg_sum_, x, 0); }

/* From logits: sum_j y_j (ln sum e^z - z_j), derivative p - y; ln sum e^z - z_y for class numbers */
static eg_value *categorical(const terms *t) {
    if (t->opt->from_logits && t->one_hot)
        return eg_sub(over_last(eg_logsumexp_, t->p, 0), last_sum(eg_mul(t->y, t->p)));
    if (t->opt->from_logits) return eg_neg(last_sum(eg_mul(t->y, eg_log_softmax(t->p, -1))));
    eg_value *p = t->p;
    if (t->opt->dialect != EG_TORCH) p = eg_div(p, over_last(eg_sum_, p, 1));
    return eg_neg(last_sum(eg_mul(t->y, eg_log(clip(t, p)))));
}

static eg_value *hinge(const terms *t) {
    eg_value *sign = eg_where(eg_equal(t->y, number(t->y, 0)), eg_fill_like(t->y, -1), t->y);
    return eg_relu(eg_sub(number(t->p, 1), eg_mul(sign, t->p)));
}

/* 1 + p_j - p_y for every j, shape of p */
static eg_value *margins(const terms *t) {
    eg_value *own = over_last(eg_sum_, eg_mul(t->y, t->p), 1);
    return eg_add(eg_sub(t->p, own), number(t->p, 1));
}

static eg_value *is_other(const terms *t) { return eg_equal(t->y, number(t->y, 0)); }

/* Keras takes the largest of (1-y) p, which lets the class itself in as a 0; here it is the largest of the others. */
static eg_value *categorical_hinge(const terms *t) {
    eg_value *others = eg_where(is_other(t), margins(t), eg_fill_like(t->p, 0));
    return eg_relu(over_last(eg_max_, others, 0));
}

static eg_value *multiclass_hinge(const terms *t) {
    eg_value *each = eg_relu(margins(t));
    return last_sum(eg_where(is_other(t), each, eg_fill_like(each, 0)));
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { CLASSES = 1, SUM_OUTPUTS = 2 };

static const struct loss {
    eg_value *(*formula)(const terms *t);
    int flags; /* CLASSES: targets over the last axis, which the formula removes; SUM_OUTPUTS: summed over outputs,
                  not averaged */
} losses[EG_LOSS_KINDS] = {
    [EG_LOSS_MEAN_SQUARED_ERROR] = { squared, 0 },
    [EG_LOSS_HALF_SQUARED_ERROR] = { half_squared, SUM_OUTPUTS },
    [EG_LOSS_MEAN_ABSOLUTE_ERROR] = { absolute, 0 },
    [EG_LOSS_HUBER] = { huber, 0 },
    [EG_LOSS_BINARY_CROSS_ENTROPY] = { binary, 0 },
    [EG_LOSS_CATEGORICAL_CROSS_ENTROPY] = { categorical, CLASSES },
    [EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY] = { categorical, CLASSES },
    [EG_LOSS_HINGE] = { hinge, 0 },
    [EG_LOSS_CATEGORICAL_HINGE] = { categorical_hinge, CLASSES },
    [EG_LOSS_MULTICLASS_HINGE] = { multiclass_hinge, CLASSES },
};

static const char *const names[EG_LOSS_KINDS] = {
#define NAME(NAME, name, formula) [EG_LOSS_##NAME] = name,
    EG_LOSS_LIST(NAME)
#undef NAME
};

static const char *const aliases[EG_LOSS_KINDS] = {
    [EG_LOSS_MEAN_SQUARED_ERROR] = "mse l2 squared_error",
    [EG_LOSS_HALF_SQUARED_ERROR] = "half_mse",
    [EG_LOSS_MEAN_ABSOLUTE_ERROR] = "mae l1 absolute_error",
    [EG_LOSS_HUBER] = "smooth_l1",
    [EG_LOSS_BINARY_CROSS_ENTROPY] = "bce binary_crossentropy log_loss logistic",
    [EG_LOSS_CATEGORICAL_CROSS_ENTROPY] = "cce categorical_crossentropy",
    [EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY] =
        "scce sparse_categorical_crossentropy cross_entropy crossentropy nll negative_log_likelihood "
        "softmax_cross_entropy",
    [EG_LOSS_HINGE] = "svm",
};

eg_status eg_loss_named(const char *name, eg_loss_kind *out) {
    int index;
    EG_TRY(eg_word_index("loss", name, names, EG_LOSS_KINDS, aliases, EG_LOSS_KINDS, &index));
    *out = (eg_loss_kind)index;
    return EG_OK;
}

const char *eg_loss_name(eg_loss_kind kind) { return (unsigned)kind < EG_LOSS_KINDS ? names[kind] : "?"; }

/* ---- targets --------------------------------------------------------------------------------- */

static eg_value *wrong_targets(const eg_value *y, const eg_value *p, const char *name) {
    return eg_poison(p->graph, EG_E_SHAPE, name, "targets %s do not fit predictions %s", eg_shape_words(&y->shape),
                     eg_shape_words(&p->shape));
}

/* shape without its last axis */
static eg_shape without_last(eg_shape shape) {
    shape.rank--;
    shape.dim[shape.rank] = 0;
    return shape;
}

static int has_last(const eg_shape *shape, int64_t size) {
    return shape->rank > 0 && shape->dim[shape->rank - 1] == size;
}

/* y as class numbers, [batch...], of rank one less than p; NULL if it is not that */
static eg_value *class_numbers(eg_value *y, const eg_value *p) {
    if (p->shape.rank < 1) return NULL;
    eg_shape rows = without_last(p->shape);
    if (y->shape.rank == p->shape.rank && has_last(&y->shape, 1) && !has_last(&p->shape, 1)) {
        eg_shape squeezed = without_last(y->shape);
        return eg_same_shape(&squeezed, &rows) ? eg_reshaped(y, &squeezed) : NULL;
    }
    return eg_same_shape(&y->shape, &rows) ? y : NULL;
}

/* y with the shape and dtype of p */
static eg_value *fit_targets(eg_value *y, eg_value *p, int flags, const char *name) {
    if (eg_same_shape(&y->shape, &p->shape)) return y->dtype == p->dtype ? y : eg_cast(y, p->dtype);
    if (flags & CLASSES) {
        eg_value *index = class_numbers(y, p);
        if (!index) return wrong_targets(y, p, name);
        if (index->dtype != EG_I32) index = eg_cast(index, EG_I32);
        return eg_one_hot(index, p->shape.dim[p->shape.rank - 1], p->dtype);
    }
    int a_column = y->shape.rank + 1 == p->shape.rank && has_last(&p->shape, 1);
    int a_row = p->shape.rank + 1 == y->shape.rank && has_last(&y->shape, 1);
    if ((!a_column && !a_row) || eg_count(&y->shape) != eg_count(&p->shape)) return wrong_targets(y, p, name);
    y = eg_reshaped(y, &p->shape);
    return y->dtype == p->dtype ? y : eg_cast(y, p->dtype);
}

/* ---- reduction ------------------------------------------------------------------------------- */

/* [batch, ...] -> [batch], masked: [batch, steps] */
static eg_value *per_sample(eg_value *each, int flags, const eg_value *mask) {
    eg_axes axes = { 0 };
    for (int i = mask ? mask->shape.rank : 1; i < each->shape.rank; i++) axes.axis[axes.n++] = i;
    if (axes.n == 0) return each;
    return (flags & SUM_OUTPUTS ? eg_sum_ : eg_mean_)(each, (eg_reduce_opt){ .axes = axes });
}

eg_value *eg_loss_reduce(eg_value *each, const eg_loss_opt *opt) {
    eg_value *mask = opt->mask && !eg_value_is_poisoned(each) ? eg_mask_over(opt->mask, each) : NULL;
    if (mask) each = eg_mul(each, mask);
    if (opt->weights) each = eg_mul(each, mask ? eg_mask_over(opt->weights, each) : opt->weights);
    if (opt->reduction == EG_REDUCTION_NONE) return each;
    if (opt->reduction == EG_REDUCTION_MEAN && !mask) return eg_mean(each);
    eg_value *sum = eg_sum(each);
    return opt->reduction == EG_REDUCTION_SUM ? sum : eg_div(sum, eg_maximum(eg_sum(mask), number(mask, 1)));
}

/* Over one class a cross-entropy is 0 and a margin empty, whatever the output: it would teach nothing. */
int eg_loss_fits(eg_loss_kind kind, const eg_shape *output) {
    return (unsigned)kind >= EG_LOSS_KINDS || !(losses[kind].flags & CLASSES) || !has_last(output, 1);
}

eg_value *eg_loss_(eg_loss_kind kind, eg_value *y, eg_value *p, eg_loss_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    if (eg_value_is_poisoned(y)) return y;
    if (eg_value_is_poisoned(p)) return p;
    const char *name = eg_loss_name(kind);
    if ((unsigned)kind >= EG_LOSS_KINDS || !losses[kind].formula)
        return eg_poison(p->graph, EG_E_ARGUMENT, "loss", "'%s' is none that can be built by itself", name);
    eg_shape samples = { .rank = p->shape.rank > 0, .dim = { p->shape.dim[0] } };
    if (opt.weights && !eg_same_shape(&opt.weights->shape, &samples))
        return eg_poison(p->graph, EG_E_SHAPE, name, "the weights must be one number for each sample");
    if (opt.mask && !eg_mask_fits(opt.mask, p))
        return eg_poison(p->graph, EG_E_SHAPE, name, "the mask %s is not one number for each step of %s",
                         eg_shape_words(&opt.mask->shape), eg_shape_words(&p->shape));
    if (!eg_loss_fits(kind, &p->shape)) return eg_poison(p->graph, EG_E_SHAPE, name, EG_LOSS_NEEDS_CLASSES);
    int one_hot = (losses[kind].flags & CLASSES) && !eg_same_shape(&y->shape, &p->shape);
    terms t = { fit_targets(y, p, losses[kind].flags, name), p, one_hot, &opt };
    if (eg_value_is_poisoned(t.y)) return t.y;
    return eg_loss_reduce(per_sample(losses[kind].formula(&t), losses[kind].flags, opt.mask), &opt);
}
