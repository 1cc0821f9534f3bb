/* SPDX-License-Identifier: MIT
 *
 * test_explain_net.c: networks as formulas, `elegans explain --net`: what every kind of layer writes must be what the
 * library's model computes, forward and backward, and what differences say.
 */
#include "formula_test.h"

enum { MOST_NUMBERS = 128, MOST_PARAMETERS = 64 };

/* The loss is mean(y^2) plus penalties. */
typedef struct example {
    const char *net, *shape;
    const char *words; /* the input, where it is words; NULL: random numbers */
} example;

/* Of the loss: its value, the gradient by x, and by the parameters w what does not depend on how they are named and
 * cut into pieces: the sums of g, g^2 and g w. */
typedef struct answer {
    double loss, by_x[MOST_NUMBERS], sums[3];
} answer;

static void add_up(answer *a, const double *gradient, const double *weight, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        a->sums[0] += gradient[i];
        a->sums[1] += gradient[i] * gradient[i];
        a->sums[2] += gradient[i] * weight[i];
    }
}

/* ---- the library's model ----------------------------------------------------------------------------- */

static void run_model(eg_model *model, eg_value *const *root, int n, const double *x, eg_shape shape, answer *a) {
    eg_program *program = eg_program_new(eg_model_state(model), root, n, .executor = EG_REF);
    if (!program) fail_msg("%s", eg_error());
    assert_int_equal(eg_set(program, "x", x, (size_t)eg_shape_size(shape) * sizeof *x), EG_OK);
    assert_int_equal(eg_run(program), EG_OK);
    assert_int_equal(eg_fetch(program, 0, &a->loss, 1), EG_OK);
    assert_int_equal(eg_fetch(program, 1, a->by_x, eg_shape_size(shape)), EG_OK);
    for (int i = 2; i < n; i += 2) {
        int64_t size = eg_shape_size(eg_value_shape(root[i]));
        double *both = calloc((size_t)size, 2 * sizeof *both);
        assert_non_null(both);
        assert_int_equal(eg_fetch(program, i, both, size), EG_OK);
        assert_int_equal(eg_fetch(program, i + 1, both + size, size), EG_OK);
        add_up(a, both, both + size, size);
        free(both);
    }
    eg_program_free(program);
}

static void answer_of_model(const example *e, eg_shape shape, const double *x, answer *a) {
    eg_model *model = eg_model_parse(shape, e->net);
    eg_graph *g = eg_graph_new();
    eg_shape batch = { .rank = shape.rank + 1, .dim = { 1, shape.dim[0], shape.dim[1], shape.dim[2] } };
    eg_value *y, *penalty, *wrt[MOST_PARAMETERS], *by[MOST_PARAMETERS], *root[2 * MOST_PARAMETERS];
    assert_int_equal(eg_model_set_dtype(model, EG_F64), EG_OK);
    if (eg_model_init(model, 5, EG_KERAS) != EG_OK) fail_msg("%s: %s", e->net, eg_model_error(model));
    wrt[0] = eg_input(g, "x", EG_F64, batch);
    assert_int_equal(eg_model_build(model, wrt[0], NULL, &y, NULL, &penalty), EG_OK);
    int n = 1 + eg_model_variables(model, g, 1, wrt + 1, MOST_PARAMETERS - 1);
    assert_true(n <= MOST_PARAMETERS);
    root[0] = eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, eg_full(g, EG_F64, eg_value_shape(y), 0), y,
                      .mask = eg_model_mask(model));
    if (penalty) root[0] = eg_add(root[0], penalty);
    assert_int_equal(eg_grad(root[0], wrt, n, by), EG_OK);
    root[1] = by[0];
    for (int i = 1; i < n; i++) root[2 * i] = by[i], root[2 * i + 1] = wrt[i];
    run_model(model, root, 2 * n, x, shape, a);
    eg_model_free(model);
    eg_graph_free(g);
}

/* ---- the formula ------------------------------------------------------------------------------------- */

/* What training does not change: batch_norm's statistics. */
static int is_weight(const char *name) {
    return strcmp(name, "x") != 0 && strncmp(name, "mean", 4) != 0 && strncmp(name, "variance", 8) != 0;
}

/* Differences that settle agree with the gradient, as the command checks; most of them must settle, where all are
 * tried. */
static void agree_with_differences(formula *f, formula_node *root, const formula_flow *flow, const char *net) {
    int n = formula_variables(f), settled = 0;
    int64_t all = formula_elements(f);
    double **numeric = calloc((size_t)n, sizeof *numeric);
    for (int i = 0; i < n; i++) numeric[i] = calloc((size_t)formula_variable_at(f, i)->size, sizeof **numeric);
    formula_differences(f, root, numeric);
    no_mistake(f, net);
    for (int i = 0; i < n; i++) {
        for (int64_t k = 0; k < formula_variable_at(f, i)->size; k++) {
            if (isnan(numeric[i][k])) continue;
            near(flow->gradient[i][k], numeric[i][k], 1e-6, net);
            settled++;
        }
        free(numeric[i]);
    }
    free(numeric);
    if (all <= 2000 && settled * 2 < all) fail_msg("%s: %d of %d differences settle", net, settled, (int)all);
}

static void answer_of_formula(const example *e, eg_shape shape, const char *input, answer *a) {
    formula *f = formula_new();
    char *written = formula_net(f, &(formula_net_words){ e->net, input, "0", "mse", shape, 5 });
    no_mistake(f, e->net);
    formula_node *root = formula_parse(f, written);
    formula_flow flow;
    formula_flow_run(f, root, &flow);
    no_mistake(f, written);
    a->loss = *flow.value;
    for (int i = 0; i < formula_variables(f); i++) {
        const formula_variable *v = formula_variable_at(f, i);
        if (is_weight(v->name))
            add_up(a, flow.gradient[i], v->data, v->size);
        else if (strcmp(v->name, "x") == 0)
            memcpy(a->by_x, flow.gradient[i], (size_t)v->size * sizeof *a->by_x);
    }
    agree_with_differences(f, root, &flow, e->net);
    free(written);
    formula_free(f);
}

/* ---- both -------------------------------------------------------------------------------------------- */

static eg_shape shape_said(const char *said) {
    eg_shape shape = { .rank = 0 };
    for (char *end; *said; said = *end ? end + 1 : end) shape.dim[shape.rank++] = strtoll(said, &end, 10);
    return shape;
}

static void is_the_librarys(const example *e) {
    double x[MOST_NUMBERS];
    answer model = { .loss = 0 }, formula = { .loss = 0 };
    text input = { .n = 0 };
    eg_shape shape = shape_said(e->shape);
    const char *word = e->words;
    assert_true(eg_shape_size(shape) <= MOST_NUMBERS);
    seed = 11;
    for (int i = 0; i < eg_shape_size(shape); i++) {
        x[i] = .0001 * (roll(40000) - 20000); /* a tie in a window would be shared here */
        if (word) x[i] = strtod(word, (char **)&word), word += *word == ',';
        put(&input, i ? ", %.17g" : "%.17g", x[i]);
    }
    answer_of_model(e, shape, x, &model);
    answer_of_formula(e, shape, input.at, &formula);
    near(formula.loss, model.loss, 1e-12, e->net);
    for (int i = 0; i < eg_shape_size(shape); i++) near(formula.by_x[i], model.by_x[i], 1e-12, e->net);
    for (int i = 0; i < 3; i++) near(formula.sums[i], model.sums[i], 1e-11, e->net);
}

static void all_are_the_librarys(const example *e) {
    for (; e->net; e++) is_the_librarys(e);
}

static void dense_and_norms(void **state) {
    (void)state;
    all_are_the_librarys(
        (const example[]){ { "dense 3 tanh; dense 1 sigmoid", "2", NULL },
                           { "dense 4 relu no_bias; dense 3 softmax", "2", NULL },
                           { "flatten; dense 3 name=hidden; gelu; dropout .5; dense 2 elu", "2", NULL },
                           { "tanh; dense 3 relu; sigmoid; leaky_relu; dense 2 softplus", "3", NULL },
                           { "leaky_relu .1; dense 3; elu 2; dense 2; leaky_relu 0; dense 2", "4", NULL },
                           { "dense 3 tanh l1=.1; dense 2 l2=.3 l1=.01 no_bias", "2", NULL },
                           { "dense 4; batch_norm; relu; dense 2", "3", NULL },
                           { "dense 5; layer_norm; dense 2", "3", NULL },
                           { "layer_norm torch no_scale; simple_rnn 2", "3x4", NULL },
                           { "conv 2 2; layer_norm axes=2; dense 2", "3x4x2", NULL },
                           { "layer_norm axes=3 no_shift; flatten; dense 2", "3x2x4", NULL },
                           { "conv 2 2; batch_norm epsilon=.1; relu; dense 2", "4x4", NULL },
                           { "conv 4 2; group_norm 1; relu; group_norm 4 no_shift; dense 2", "4x4", NULL },
                           { "group_norm 2; conv 6 2; group_norm 3 epsilon=.1; dense 2", "3x3x4", NULL },
                           { "dense 6; group_norm 3; tanh; dense 2; group_norm 1", "4", NULL },
                           { 0 } });
}

static void images(void **state) {
    (void)state;
    all_are_the_librarys((const example[]){
        { "conv 2 3 relu; flatten; dense 2", "5x4", NULL },
        { "conv 2 3 relu same; max_pool; dense 3 softmax", "4x6", NULL },
        { "conv 3 3x2 2x1 tanh; conv 2 2 same; avg_pool 2; dense 1", "7x6x2", NULL },
        { "conv 2 3 2 same no_bias; max_pool 2 1; softmax", "6x6", NULL },
        { "conv 2 3 pad=1 tanh; global_avg_pool; dense 2", "4x4x3", NULL },
        { "conv 2 2 l2=.2; global_avg_pool", "3x3x2", NULL },
        { "zero_pad 1x2; conv 2 3 relu; global_max_pool", "3x4x2", NULL },
        { "conv1d 3 2 tanh; max_pool 2; dense 2", "7x2", NULL },
        { "spatial_dropout .5; conv1d 2 3 same; global_avg_pool", "5x2", NULL },
        { "conv 2 2 dilation=2 tanh; dense 2", "5x4x2", NULL },
        { "conv 2 3 same dilation=2x1; reshape 12x4; conv1d 3 2 dilation=3; dense 1", "6x4", NULL },
        { "conv 4 2 groups=2 relu; conv 6 3 same 2 groups=2 no_bias; dense 1", "4x5x4", NULL },
        { "conv1d 6 3 2 groups=3 dilation=2 pad=2 l1=.1; dense 1", "7x3", NULL },
        { "depthwise_conv 3 same multiplier=2; relu; dense 1", "4x3x3", NULL },
        { "depthwise_conv 2 2 dilation=2 no_bias tanh; dense 1", "5x5x2", NULL },
        { "conv_transpose 3 3 2 same tanh; dense 1", "3x2x2", NULL },
        { "conv_transpose 2 2 3 extra=1x0; conv_transpose 1 3 pad=1", "2x3x2", NULL },
        { "conv_transpose 4 3x2 2x1 groups=2 dilation=1x2 no_bias; dense 1", "3x2x4", NULL },
        { "conv1d_transpose 3 2 4; conv1d_transpose 2 3 2 same relu; dense 1", "4x2", NULL },
        { "upsample 2x3; conv 2 3; dense 1", "3x2x2", NULL },
        { "upsample 3; tanh; upsample; dense 1", "3x2", NULL },
        { "max_pool 3 2 same; dense 2", "5x4x2", NULL },
        { "conv1d 2 2; max_pool 3 2 pad=1; dense 1", "6x2", NULL },
        { "max_pool 2x1; avg_pool 1x2; dense 1", "4x6x2", NULL },
        { "avg_pool 3 2 same; dense 2", "5x4x2", NULL },
        { "avg_pool 3x2 2x1 pad=1 count_padding; avg_pool 2 pad=1; dense 1", "5x4x2", NULL },
        { 0 } });
}

static void recurrent_layers(void **state) {
    (void)state;
    all_are_the_librarys((const example[]){
        { "simple_rnn 3; dense 1 sigmoid", "4x2", NULL },
        { "simple_rnn 3 relu no_bias return_sequences; dense 2 last_axis softmax", "3x2", NULL },
        { "simple_rnn 2 torch l2=.1; dense 1", "3x2", NULL },
        { "simple_rnn 2 backwards return_sequences; simple_rnn 2 bidirectional; dense 1", "3x2", NULL },
        { "lstm 3; dense 2", "4x2", NULL },
        { "lstm 2 return_sequences no_bias; lstm 2 linear; dense 1", "3x2", NULL },
        { "lstm 2 bidirectional; dense 2", "4x2", NULL },
        { "lstm 2 bidirectional return_sequences no_forget_bias; lstm 2 backwards; dense 1", "3x2", NULL },
        { "lstm 2 torch recurrent_activation=tanh stateful=1; dense 2", "3x2", NULL },
        { "gru 3; dense 2", "4x2", NULL },
        { "gru 2 no_bias return_sequences; gru 3 reset_before; dense 2", "3x2", NULL },
        { "gru 2 torch return_sequences; gru 2 torch reset_before bidirectional; dense 2", "3x2", NULL },
        { "gru 2 torch bidirectional backwards return_sequences; dense 1", "3x2", NULL },
        { "gru 2 bidirectional return_sequences l1=.1; flatten; dense 1", "3x2", NULL },
        { "reshape 4x2; gru 2; dense 2", "8", NULL },
        { 0 } });
}

static void words(void **state) {
    (void)state;
    all_are_the_librarys((const example[]){
        { "embedding 6 3; lstm 2; dense 1 sigmoid", "4", "5,0,2,2" },
        { "embedding 6 2; flatten; dense 2 tanh", "3", "1,5,0" },
        { "one_hot 5; simple_rnn 3; dense 1 sigmoid", "3", "4,0,2" },
        { "embedding 6 3 mask_zero; flatten; dense 1", "4", "5,0,2,2" },
        { "embedding 6 3 mask_zero torch; lstm 2 skip_zeros; dense 1", "5", "0,5,0,2,0" },
        { "embedding 6 3 mask_zero; gru 2 skip_zeros return_sequences; dropout .5; gru 2 skip_zeros bidirectional; "
          "dense 1",
          "5", "0,5,0,2,0" },
        { "embedding 6 3 mask_zero; simple_rnn 2 skip_zeros bidirectional return_sequences; flatten; dense 1", "4",
          "0,1,4,0" },
        { "embedding 6 3 mask_zero; lstm 2 skip_zeros backwards; dense 1", "3", "0,0,0" },
        { "one_hot 3; lstm 2 skip_zeros; dense 1", "2", "0,2" },
        { "simple_rnn 2 skip_zeros; dense 1", "3x2", "0,1,0,0,2,0" },
        { 0 } });
}

/* A mask goes on to all that heed it. */
static void padding(void **state) {
    (void)state;
    all_are_the_librarys((const example[]){
        { "embedding 6 3 mask_zero; gru 2 return_sequences; dense 2 tanh last_axis", "5", "0,5,0,2,0" },
        { "embedding 6 3 mask_zero; dense 2 tanh last_axis; lstm 2 bidirectional; dense 1", "4", "0,5,2,0" },
        { "embedding 6 4 mask_zero; attention 2; dense 2 last_axis", "4", "3,5,0,0" },
        { "embedding 6 4 mask_zero; attention 2 causal; flatten; dense 2", "4", "0,5,2,0" },
        { "embedding 6 3 mask_zero; global_avg_pool; dense 2", "4", "3,5,0,0" },
        { "embedding 6 3 mask_zero; dense 2 last_axis; layer_norm; global_max_pool", "4", "0,5,0,1" },
        { "masking; dense 2 tanh last_axis; simple_rnn 2 return_sequences; dense 1 last_axis", "3x2", "0,1,0,0,2,0" },
        { "masking -1; lstm 2; dense 1", "3x2", "-1,-1,3,-1,2,0" },
        { "lstm 2 skip_zeros return_sequences; reshape 4; dense 1", "2x2", "0,0,1,3" },
        { 0 } });
}

static void attention(void **state) {
    (void)state;
    all_are_the_librarys((const example[]){
        { "attention 1; global_avg_pool", "3x4", NULL },
        { "embedding 5 4; position; attention 2 no_bias; dense 2", "3", "4,0,1" },
        { "attention 2 size=3; layer_norm; dense 3 last_axis softmax", "3x4", NULL },
        { "attention 2 causal; dense 1", "4x4", NULL },
        { "position sinusoidal; attention 1 size=3 causal no_bias; position; dense 1", "3x5", NULL },
        { 0 } });
}

/* ---- random networks --------------------------------------------------------------------------------- */

static const char *const over_images[] = { "conv 4 2 relu",
                                           "conv 2 3x2 2x1 same tanh l2=.1",
                                           "conv 4 2 pad=1 dilation=2x1 groups=2 no_bias",
                                           "depthwise_conv 2 same multiplier=2 elu",
                                           "conv_transpose 2 3x2 2 same",
                                           "conv_transpose 4 2 1x3 extra=1 dilation=2 groups=2 tanh",
                                           "max_pool 2x1",
                                           "avg_pool 3 2 same",
                                           "max_pool 3x2 1 pad=1",
                                           "upsample 2x1",
                                           "zero_pad",
                                           "batch_norm",
                                           "group_norm 2",
                                           "layer_norm axes=2",
                                           "leaky_relu .3",
                                           "spatial_dropout .3" };
static const char *const over_sequences[] = { "simple_rnn 2 return_sequences bidirectional",
                                              "simple_rnn 3 return_sequences backwards torch l1=.1",
                                              "lstm 2 return_sequences backwards bidirectional no_bias",
                                              "lstm 2 return_sequences torch recurrent_activation=tanh",
                                              "gru 2 return_sequences bidirectional torch",
                                              "gru 2 return_sequences reset_before linear l2=.1",
                                              "attention 2 causal no_bias",
                                              "attention 1 size=3",
                                              "position sinusoidal",
                                              "position",
                                              "layer_norm torch no_shift",
                                              "conv1d 4 2 same groups=2",
                                              "conv1d_transpose 2 3 2 dilation=2",
                                              "dense 4 last_axis tanh",
                                              "avg_pool 2 1",
                                              "upsample" };
static const char *const ends[] = { "softmax", "flatten; dense 2", "dense 2 softmax", "global_avg_pool; dense 1" };

static int can_be_made(const example *e) {
    eg_model *model = eg_model_parse(shape_said(e->shape), e->net);
    int good = eg_model_status(model) == EG_OK;
    eg_model_free(model);
    return good;
}

/* One to three layers of one kind and an end; those that do not fit together are left out. */
static int try_random(int number) {
    static const char *const images[] = { "4x4x2", "5x3x4", "3x4x2" }, *const sequences[] = { "3x2", "4x4", "5x2" };
    text net = { .n = 0 };
    seed = (uint64_t)number * 7919 + 1;
    int image = roll(2), layers = 1 + roll(3);
    for (int i = 0; i < layers; i++) put(&net, "%s; ", (image ? over_images : over_sequences)[roll(16)]);
    put(&net, "%s", ends[roll(4)]);
    example e = { net.at, (image ? images : sequences)[roll(3)], NULL };
    if (!can_be_made(&e)) return 0;
    is_the_librarys(&e);
    return 1;
}

static void forty_random_networks(void **state) {
    (void)state;
    int counted = 0, tried = 0;
    while (counted < 40 && tried < 120) counted += try_random(tried++);
    assert_int_equal(counted, 40);
}

/* What is not explained is said in a line of its own. */
static void others_are_refused(void **state) {
    static const struct {
        const char *net, *shape, *says;
    } rows[] = {
        { "max_pool 2 pad=2", "4x4x1", "sees nothing but zeros" },
        { "avg_pool 2x1 pad=0x1", "4x4x1", "sees nothing but zeros" },
        { "dense 2 last_axis; lstm 2 skip_zeros", "3x2", "right behind the input" },
        { "dense 2 last_axis; masking", "3x2", "right behind the input" },
        { "dense 2; embedding 3 2", "2", "words stand at the beginning" },
        { "conv 4 2 groups=3", "4x4x3", "groups do not divide" },
        { "lambda 2", "4", "unknown layer" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        text input = { .n = 0 };
        eg_shape shape = shape_said(rows[i].shape);
        for (int64_t k = 0; k < eg_shape_size(shape); k++) put(&input, k ? ",1" : "1");
        formula *f = formula_new();
        free(formula_net(f, &(formula_net_words){ rows[i].net, input.at, "0", "mse", shape, 5 }));
        if (formula_ok(f) || !strstr(formula_status(f)->text, rows[i].says))
            fail_msg("%s: '%s'", rows[i].net, formula_status(f)->text);
        formula_free(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_and_norms),
        cmocka_unit_test(images),
        cmocka_unit_test(recurrent_layers),
        cmocka_unit_test(words),
        cmocka_unit_test(padding),
        cmocka_unit_test(attention),
        cmocka_unit_test(forty_random_networks),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
