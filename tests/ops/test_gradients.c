/* SPDX-License-Identifier: MIT
 *
 * Every op with a derivative rule against central differences in float64, over at least 100 random shapes each, with
 * broadcast and empty axes. The loss is the sum of the result times random weights, so that no gradient cancels. The
 * rule's own derivative is checked in the same way for some of the shapes. An op is drawn by its row in the op table
 * (what numbers) and by its attribute kind (what shapes and attributes: the table `drawers` below).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/evaluate.h"

enum { SHAPES = 120, SECOND = 15, MOST_LEAVES = 4, MOST_SAMPLES = 10, SLOTS = 1024 };

/* One case: an op's result with its leaves. */
typedef struct trial {
    eg_op op;
    eg_graph *graph;
    eg_rng rng;
    eg_value *leaf[MOST_LEAVES];
    int nleaves;
    int64_t slot[SLOTS]; /* a permutation: distinct numbers take the next one */
    int nslots;
} trial;

/* What was seen of one op. */
typedef struct tally {
    int64_t compared, nonzero, second_nonzero;
    int empty, broadcast;
} tally;

/* ---- shapes
 * -------------------------------------------------------------------------------------------------------- */

static int64_t below(trial *t, int64_t bound) { return (int64_t)eg_rng_below(&t->rng, (uint64_t)bound); }

/* 1 to 4, now and then 0. */
static int64_t draw_dim(trial *t) { return below(t, 12) == 0 ? 0 : 1 + below(t, 4); }

static eg_shape draw_shape(trial *t, int least_rank, int most_rank) {
    eg_shape shape = { .rank = least_rank + (int)below(t, most_rank - least_rank + 1) };
    for (int d = 0; d < shape.rank; d++) shape.dim[d] = draw_dim(t);
    return shape;
}

/* A shape that broadcasts to `to`: leading axes missing, some axes 1. */
static eg_shape draw_narrower(trial *t, eg_shape to) {
    int missing = below(t, 3) == 0 ? (int)below(t, to.rank + 1) : 0;
    eg_shape shape = { .rank = to.rank - missing };
    for (int d = 0; d < shape.rank; d++) shape.dim[d] = below(t, 4) == 0 ? 1 : to.dim[d + missing];
    return shape;
}

static eg_value *add_leaf(trial *t, eg_shape shape) {
    char name[2] = { (char)('a' + t->nleaves), 0 };
    eg_draw draw = eg_op_table[t->op]->draw[t->nleaves < 3 ? t->nleaves : 2];
    eg_dtype dtype = draw == EG_DRAW_MASK ? EG_U8 : draw == EG_DRAW_INDEX ? EG_I32 : EG_F64;
    return t->leaf[t->nleaves++] = eg_input(t->graph, name, dtype, shape);
}

/* ---- one op with random shapes and attributes, by the kind of its attributes
 * ---------------------------------------- */

static eg_value *node(trial *t, const eg_attr *attr) { return eg_node(t->graph, t->op, t->leaf, t->nleaves, attr); }

static eg_value *draw_elementwise(trial *t) {
    eg_shape full = draw_shape(t, 0, 3);
    for (int i = 0; i < eg_op_table[t->op]->arity; i++) add_leaf(t, draw_narrower(t, full));
    return node(t, NULL);
}

static eg_value *draw_cast(trial *t) {
    add_leaf(t, draw_shape(t, 0, 3));
    return node(t, &(eg_attr){ .dtype = { EG_F32 } });
}

static eg_value *draw_reduce(trial *t) {
    eg_shape shape = draw_shape(t, 0, 4);
    add_leaf(t, shape);
    uint32_t mask = (uint32_t)below(t, 1 << shape.rank);
    return node(t, &(eg_attr){ .reduce = { mask, (uint32_t)below(t, 2) } });
}

/* reshape: axes joined, split off as 1, or in another order; expand: from a narrower shape. */
static eg_value *draw_to_shape(trial *t) {
    eg_shape full = draw_shape(t, 0, 3), to = { .rank = 1, .dim = { eg_shape_size(full) } };
    if (t->op == EG_OP_EXPAND) {
        add_leaf(t, draw_narrower(t, full));
        return node(t, &(eg_attr){ .shape = { full } });
    }
    add_leaf(t, full);
    if (below(t, 2)) {
        to.rank = full.rank + 1;
        to.dim[0] = 1;
        for (int d = 0; d < full.rank; d++) to.dim[d + 1] = full.dim[full.rank - 1 - d];
    }
    return node(t, &(eg_attr){ .shape = { to } });
}

static eg_value *draw_permute(trial *t) {
    int64_t order[EG_MAX_RANK];
    eg_attr attr = { 0 };
    eg_shape shape = draw_shape(t, 0, 4);
    eg_rng_permutation(&t->rng, order, shape.rank);
    for (int d = 0; d < shape.rank; d++) attr.permute.axis[d] = (int32_t)order[d];
    add_leaf(t, shape);
    return node(t, &attr);
}

static eg_value *draw_slice(trial *t) {
    eg_attr attr = { 0 };
    eg_shape shape = draw_shape(t, 0, 3);
    for (int d = 0; d < shape.rank; d++) {
        attr.slice.start[d] = below(t, 4) == 0 ? below(t, shape.dim[d] + 1) : 0;
        attr.slice.stop[d] = shape.dim[d] - (below(t, 4) == 0 ? below(t, shape.dim[d] - attr.slice.start[d] + 1) : 0);
        attr.slice.step[d] = 1 + below(t, 3);
    }
    add_leaf(t, shape);
    return node(t, &attr);
}

static eg_value *draw_pad(trial *t) {
    eg_attr attr = { 0 };
    eg_shape shape = draw_shape(t, 0, 3);
    for (int d = 0; d < shape.rank; d++) {
        int64_t cut = shape.dim[d] > 1 ? 1 : 0;
        attr.pad.low[d] = below(t, 3) - cut;
        attr.pad.high[d] = below(t, 3) - (attr.pad.low[d] < 0 ? 0 : cut);
        attr.pad.interior[d] = below(t, 3);
    }
    add_leaf(t, shape);
    return node(t, &attr);
}

static eg_value *draw_flip(trial *t) {
    eg_shape shape = draw_shape(t, 0, 3);
    add_leaf(t, shape);
    return node(t, &(eg_attr){ .axes = { (uint64_t)below(t, 1 << shape.rank) } });
}

static eg_value *draw_gather(trial *t) {
    eg_shape shape = draw_shape(t, 1, 3);
    int64_t axis = below(t, shape.rank);
    add_leaf(t, shape);
    add_leaf(t, draw_shape(t, 0, 2));
    return node(t, &(eg_attr){ .axis = { .axis = axis } });
}

static eg_value *draw_concat(trial *t) {
    eg_shape shape = draw_shape(t, 1, 3);
    int64_t axis = below(t, shape.rank), n = 1 + below(t, 3);
    for (int64_t i = 0; i < n; i++) {
        shape.dim[axis] = draw_dim(t);
        add_leaf(t, shape);
    }
    return node(t, &(eg_attr){ .axis = { .axis = axis } });
}

/* The index has another length on the axis; x and the index are alike for put_along. */
static eg_value *draw_along(trial *t) {
    eg_shape shape = draw_shape(t, 1, 3);
    int64_t axis = below(t, shape.rank);
    add_leaf(t, shape);
    if (t->op == EG_OP_TAKE_ALONG) shape.dim[axis] = draw_dim(t);
    add_leaf(t, shape);
    if (t->op == EG_OP_TAKE_ALONG) return node(t, &(eg_attr){ .axis = { .axis = axis } });
    return node(t, &(eg_attr){ .scatter = { axis, 1 + below(t, 4) } });
}

static eg_value *draw_axis(trial *t) {
    if (t->op == EG_OP_TAKE_ALONG) return draw_along(t);
    return t->op == EG_OP_GATHER ? draw_gather(t) : draw_concat(t);
}

/* A geometry in which the window fits, on `spatial` axes of an image and of a result of that many positions. */
static eg_attr draw_window_attr(trial *t, int spatial, eg_shape *image, int64_t *positions) {
    eg_attr attr = { .window = { .groups = 1 } };
    for (int a = 0; a < spatial; a++) {
        int64_t taps = 1 + below(t, 3), stride = 1 + below(t, 3), spread = 1 + below(t, 3) / 2, dilation = 1 + below(t, 3) / 2;
        int64_t extent = (taps - 1) * dilation + 1, low = below(t, 4) - 1, n = 1 + below(t, 4);
        int64_t high = below(t, 4) - 1, room = (n - 1) * spread + 1 + low + high;
        if (room < extent) high += extent - room, room = extent;
        attr.window.size[a] = taps, attr.window.stride[a] = stride, attr.window.spread[a] = spread;
        attr.window.dilation[a] = dilation, attr.window.low[a] = low, attr.window.high[a] = high;
        image->dim[1 + a] = n, positions[a] = (room - extent) / stride + 1;
    }
    image->dim[0] = below(t, 10) == 0 ? 0 : 1 + below(t, 2);
    image->rank = spatial + 2;
    return attr;
}

static eg_value *draw_window(trial *t) {
    int spatial = 1 + (int)below(t, 2);
    eg_shape image = { 0 };
    int64_t positions[EG_SPATIAL];
    eg_attr attr = draw_window_attr(t, spatial, &image, positions);
    image.dim[spatial + 1] = draw_dim(t);
    add_leaf(t, image);
    return node(t, &attr);
}

/* Now and then in the form `kernel`, whose padding must leave nothing over. */
static eg_value *draw_conv(trial *t) {
    int spatial = 1 + (int)below(t, 2), is_kernel = below(t, 3) == 0;
    eg_shape image = { 0 }, other = { .rank = spatial + 2 };
    int64_t positions[EG_SPATIAL], out = draw_dim(t), inner = draw_dim(t);
    eg_attr attr = draw_window_attr(t, spatial, &image, positions);
    attr.window.groups = 1 + below(t, 3) / 2;
    attr.window.kernel = is_kernel;
    image.dim[spatial + 1] = inner * attr.window.groups;
    for (int a = 0; a < spatial; a++) {
        int64_t extent = (attr.window.size[a] - 1) * attr.window.dilation[a] + 1;
        int64_t room = (image.dim[1 + a] - 1) * attr.window.spread[a] + 1 + attr.window.low[a] + attr.window.high[a];
        if (is_kernel) attr.window.high[a] -= room - extent - (positions[a] - 1) * attr.window.stride[a];
        other.dim[is_kernel + a] = is_kernel ? positions[a] : attr.window.size[a];
    }
    if (is_kernel) other.dim[0] = image.dim[0];
    else other.dim[spatial] = inner;
    other.dim[spatial + 1] = out * attr.window.groups;
    add_leaf(t, image);
    add_leaf(t, other);
    if (!is_kernel && below(t, 3) == 0) add_leaf(t, EG_SHAPE(out * attr.window.groups));
    return node(t, &attr);
}

static eg_value *draw_scatter(trial *t) {
    if (t->op == EG_OP_PUT_ALONG) return draw_along(t);
    eg_shape shape = draw_shape(t, 1, 3), index = { 0 };
    int64_t axis = below(t, shape.rank);
    index.rank = (int)below(t, shape.rank - axis + 1);
    for (int d = 0; d < index.rank; d++) index.dim[d] = shape.dim[axis + d];
    add_leaf(t, shape);
    add_leaf(t, index);
    return node(t, &(eg_attr){ .scatter = { axis, 1 + below(t, 4) } });
}

static eg_shape matrices(eg_shape batch, int64_t m, int64_t n, int swapped) {
    batch.dim[batch.rank++] = swapped ? n : m;
    batch.dim[batch.rank++] = swapped ? m : n;
    return batch;
}

static eg_value *draw_matmul(trial *t) {
    eg_shape batch = draw_shape(t, 0, 2);
    int64_t m = draw_dim(t), n = draw_dim(t), k = draw_dim(t);
    int ta = (int)below(t, 2), tb = (int)below(t, 2);
    add_leaf(t, matrices(draw_narrower(t, batch), m, k, ta));
    add_leaf(t, matrices(draw_narrower(t, batch), k, n, tb));
    if (below(t, 3) == 0) add_leaf(t, EG_SHAPE(n));
    return node(t, &(eg_attr){ .matmul = { ta, tb } });
}

static eg_value *(*const drawers[EG_ATTR_KINDS])(trial *t) = {
    [EG_ATTR_NONE] = draw_elementwise, [EG_ATTR_DTYPE] = draw_cast,      [EG_ATTR_REDUCE] = draw_reduce,
    [EG_ATTR_SHAPE] = draw_to_shape,   [EG_ATTR_PERMUTE] = draw_permute, [EG_ATTR_SLICE] = draw_slice,
    [EG_ATTR_PAD] = draw_pad,          [EG_ATTR_AXES] = draw_flip,       [EG_ATTR_AXIS] = draw_axis,
    [EG_ATTR_SCATTER] = draw_scatter,  [EG_ATTR_MATMUL] = draw_matmul,
    [EG_ATTR_CONV] = draw_conv,        [EG_ATTR_WINDOW] = draw_window,
};

/* ---- numbers
 * -------------------------------------------------------------------------------------------------------- */

static double draw_number(trial *t, eg_draw draw) {
    double unit = eg_rng_double(&t->rng);
    switch (draw) {
    case EG_DRAW_POSITIVE:
        return .3 + 1.7 * unit;
    case EG_DRAW_NONZERO:
        return (.3 + 1.7 * unit) * (below(t, 2) ? 1 : -1);
    case EG_DRAW_MASK:
        return (double)below(t, 2);
    case EG_DRAW_INDEX:
        return (double)(below(t, 7) - 1);
    case EG_DRAW_DISTINCT:
        return -5 + .01 * (double)t->slot[t->nslots++ % SLOTS] + .001 * unit;
    case EG_DRAW_NONE:
    case EG_DRAW_REAL:
        break;
    }
    return 4 * unit - 2;
}

static void fill_leaves(trial *t, evaluation *e) {
    for (int i = 0; i < t->nleaves; i++) {
        double *at = evaluation_leaf(e, t->leaf[i]);
        for (size_t k = 0; k < element_count(t->leaf[i]); k++)
            at[k] = draw_number(t, eg_op_table[t->op]->draw[i < 3 ? i : 2]);
    }
}

/* sum value * weights, of literal random weights in +-(.5..1.5). */
static eg_value *weighted_sum(trial *t, eg_value *value) {
    double *weights = malloc(sizeof(double) * (element_count(value) + 1));
    for (size_t k = 0; k < element_count(value); k++)
        weights[k] = (.5 + eg_rng_double(&t->rng)) * (below(t, 2) ? 1 : -1);
    eg_attr attr = { .data = { weights, value->shape, EG_F64 } };
    eg_value *literal = eg_node(t->graph, EG_OP_DATA, NULL, 0, &attr);
    free(weights);
    return eg_sum(eg_mul(eg_cast(value, EG_F64), literal));
}

/* ---- comparing
 * ------------------------------------------------------------------------------------------------------ */

static double difference(evaluation *e, eg_value *loss, double *at, double step) {
    double x = *at;
    *at = x + step;
    double up = *evaluate(e, loss);
    *at = x - step;
    double down = *evaluate(e, loss);
    *at = x;
    return (up - down) / (2 * step);
}

static int agrees(double analytic, double numeric) {
    return fabs(analytic - numeric) <= 1e-6 * fmax(fmax(fabs(analytic), fabs(numeric)), .01);
}

/* The derivative by one leaf at up to MOST_SAMPLES elements; how many were not 0. */
static int64_t compare(trial *t, evaluation *e, eg_value *loss, eg_value *leaf, eg_value *derivative, tally *seen) {
    int64_t n = eg_shape_size(leaf->shape), samples = n < MOST_SAMPLES ? n : MOST_SAMPLES, nonzero = 0;
    if (!eg_shape_equal(derivative->shape, leaf->shape))
        fail_msg("%s: shape of a gradient", eg_op_table[t->op]->name);
    for (int64_t s = 0; s < samples; s++) {
        int64_t k = samples < n ? below(t, n) : s;
        double analytic = evaluate(e, derivative)[k], numeric = 0;
        int good = 0;
        for (double step = 1e-5; step < 1e-3 && !good; step *= 10) {
            numeric = difference(e, loss, &e->value[leaf->id][k], step);
            good = agrees(analytic, numeric);
        }
        if (!good) {
            char *text = eg_graph_text(&loss, 1);
            fail_msg("%s: d/d%s[%lld] is %.12g, numerically %.12g\n%s", eg_op_table[t->op]->name, leaf->name,
                     (long long)k, analytic, numeric, text);
        }
        seen->compared++;
        nonzero += analytic != 0;
    }
    return nonzero;
}

static int collect_floats(const trial *t, eg_value **wrt) {
    int n = 0;
    for (int i = 0; i < t->nleaves; i++)
        if (t->leaf[i]->dtype == EG_F64) wrt[n++] = t->leaf[i];
    return n;
}

/* Differentiates `loss` by all float leaves and compares; the derivatives come back in d. */
static int64_t check(trial *t, eg_value *loss, eg_value **d, tally *seen) {
    eg_value *wrt[MOST_LEAVES];
    int64_t nonzero = 0;
    int n = collect_floats(t, wrt);
    if (eg_grad(loss, wrt, n, d) != EG_OK) fail_msg("%s", eg_graph_error(t->graph));
    evaluation e = evaluation_new(t->graph);
    fill_leaves(t, &e);
    for (int i = 0; i < n; i++) nonzero += compare(t, &e, loss, wrt[i], d[i], seen);
    evaluation_free(&e);
    return nonzero;
}

/* A loss made of the gradients: its derivative is a Hessian-vector product. */
static eg_value *loss_of_gradients(trial *t, eg_value **d, int n) {
    eg_value *sum = weighted_sum(t, d[0]);
    for (int i = 1; i < n; i++) sum = eg_add(sum, weighted_sum(t, d[i]));
    return sum;
}

static void check_trial(trial *t, int second, tally *seen) {
    eg_value *wrt[MOST_LEAVES], *d[MOST_LEAVES], *dd[MOST_LEAVES];
    eg_value *value = drawers[eg_op_table[t->op]->attr](t);
    if (eg_value_is_poisoned(value)) fail_msg("%s", eg_graph_error(t->graph));
    eg_value *loss = weighted_sum(t, value);
    for (int i = 0; i < t->nleaves; i++) {
        seen->empty += eg_shape_size(t->leaf[i]->shape) == 0;
        seen->broadcast += !eg_shape_equal(t->leaf[i]->shape, value->shape);
    }
    seen->nonzero += check(t, loss, d, seen);
    if (second) seen->second_nonzero += check(t, loss_of_gradients(t, d, collect_floats(t, wrt)), dd, seen);
}

/* Ops whose derivative does not depend on the operands at all. */
static int is_linear(eg_op op) {
    static const eg_op linear[] = { EG_OP_NEG,     EG_OP_ABS,     EG_OP_RELU,    EG_OP_ADD,    EG_OP_SUB,
                                    EG_OP_MAXIMUM, EG_OP_MINIMUM, EG_OP_WHERE,   EG_OP_SUM,    EG_OP_MAX,
                                    EG_OP_MIN,     EG_OP_RESHAPE, EG_OP_PERMUTE, EG_OP_EXPAND, EG_OP_SLICE,
                                    EG_OP_PAD,     EG_OP_FLIP,    EG_OP_CONCAT,  EG_OP_GATHER, EG_OP_SCATTER_ADD,
                                    EG_OP_CAST,    EG_OP_TAKE_ALONG, EG_OP_PUT_ALONG, EG_OP_WINDOW_SUM };
    for (size_t i = 0; i < sizeof linear / sizeof linear[0]; i++)
        if (linear[i] == op) return 1;
    return 0;
}

static tally check_op(eg_op op) {
    tally seen = { 0 };
    for (int i = 0; i < SHAPES; i++) {
        trial t = { .op = op, .graph = eg_graph_new(), .rng = eg_rng_new(1000 + (uint64_t)op, (uint32_t)i) };
        eg_rng_permutation(&t.rng, t.slot, SLOTS);
        check_trial(&t, i % (SHAPES / SECOND) == 0, &seen);
        eg_graph_free(t.graph);
    }
    return seen;
}

static void every_rule_agrees_with_differences(void **state) {
    (void)state;
    int rules = 0;
    for (int op = 0; op < EG_OP_COUNT; op++) {
        const eg_op_def *def = eg_op_table[op];
        if (!def->vjp || def->attr == EG_ATTR_BODY) continue;
        if (!drawers[def->attr]) fail_msg("%s: nobody draws its attributes", def->name);
        tally seen = check_op((eg_op)op);
        if (seen.nonzero < 100 || 5 * seen.nonzero < seen.compared)
            fail_msg("%s: of %d gradients only %d are not 0", def->name, (int)seen.compared, (int)seen.nonzero);
        if (seen.empty < 3) fail_msg("%s: %d empty shapes were drawn", def->name, seen.empty);
        if (def->arity > 1 && def->flags & EG_ELEMENTWISE && seen.broadcast < 30)
            fail_msg("%s: no broadcasting", def->name);
        if (!is_linear((eg_op)op) && seen.second_nonzero < 20) fail_msg("%s: second derivatives are 0", def->name);
        rules++;
    }
    assert_true(rules >= 35);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_rule_agrees_with_differences) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
