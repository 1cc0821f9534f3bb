/* SPDX-License-Identifier: MIT
 *
 * test_001_recurrence.c: the slides "Text (1D Sequences)" and "Recurrent Neural Network": each word is a one-hot
 * vector, NN2 makes the next state of a state and a word, NN1 is NN2 with a dummy state fed in on the left, NN3 is a
 * logistic regressor. Composed by hand, word by word, this is the layer simple_rnn with one sigmoid neuron on top.
 */
#include "course.h"

#include <string.h>
#include <elegans/nn.h>

enum {
    WORDS = 4,
    UNITS = 3,
    LENGTH = 5,
    SENTENCES = 2,
    PARAMETERS = WORDS * UNITS + UNITS * UNITS + UNITS + UNITS + 1
};

static const double sentences[SENTENCES][LENGTH] = { { 0, 3, 1, 1, 2 }, { 2, 2, 0, 1, 3 } };

/* The networks' weights; NN2 has W, U, b, NN3 has v, c. */
typedef struct nets {
    eg_value *W, *U, *b, *v, *c;
} nets;

static double weight(int i) { return sin(1.3 * i + .4); }

static eg_value *parameter(const char *name, eg_shape shape, int *at) {
    double numbers[PARAMETERS];
    int64_t n = eg_shape_size(shape);
    for (int64_t i = 0; i < n; i++) numbers[i] = weight((*at)++);
    eg_value *var = eg_var(graph, name, EG_F64, shape);
    assert_int_equal(eg_state_add(values, var), EG_OK);
    assert_int_equal(eg_state_write(values, name, numbers, (size_t)n * sizeof *numbers), EG_OK);
    return var;
}

static nets weights(void) {
    int at = 0;
    nets n;
    n.W = parameter("simple_rnn/kernel", EG_SHAPE(WORDS, UNITS), &at);
    n.U = parameter("simple_rnn/recurrent_kernel", EG_SHAPE(UNITS, UNITS), &at);
    n.b = parameter("simple_rnn/bias", EG_SHAPE(UNITS), &at);
    n.v = parameter("dense/kernel", EG_SHAPE(UNITS, 1), &at);
    n.c = parameter("dense/bias", EG_SHAPE(1), &at);
    return n;
}

static eg_value *nn2(const nets *n, eg_value *state, eg_value *word) {
    return eg_tanh(eg_add(eg_add(eg_matmul(word, n->W), eg_matmul(state, n->U)), n->b));
}

static eg_value *nn1(const nets *n, eg_value *word) {
    eg_value *dummy = eg_full(graph, EG_F64, EG_SHAPE(SENTENCES, UNITS), 0);
    return nn2(n, dummy, word);
}

static eg_value *nn3(const nets *n, eg_value *state) { return eg_sigmoid(eg_add(eg_matmul(state, n->v), n->c)); }

/* The t-th word of all sentences as one-hot rows. */
static eg_value *word(int t) {
    double rows[SENTENCES * WORDS] = { 0 };
    for (int i = 0; i < SENTENCES; i++) rows[i * WORDS + (int)sentences[i][t]] = 1;
    return of(EG_SHAPE(SENTENCES, WORDS), rows);
}

static eg_value *by_hand(const nets *n) {
    eg_value *state = nn1(n, word(0));
    for (int t = 1; t < LENGTH; t++) state = nn2(n, state, word(t));
    return nn3(n, state);
}

/* The same weights under the same names: the model's variables are the graph's own. */
static eg_value *as_layers(void) {
    eg_model *m = eg_model_parse(EG_SHAPE(LENGTH), "one_hot 4; simple_rnn 3; dense 1 sigmoid");
    eg_value *y;
    assert_int_equal(eg_model_set_dtype(m, EG_F64), EG_OK);
    assert_int_equal(eg_model_build(m, of(EG_SHAPE(SENTENCES, LENGTH), sentences[0]), NULL, &y, NULL, NULL), EG_OK);
    eg_model_free(m);
    return y;
}

static void rnn_is_nn1_nn2_nn3(void **state) {
    (void)state;
    nets n = weights();
    double hand[SENTENCES], layers[SENTENCES];
    run(by_hand(&n), hand, SENTENCES);
    run(as_layers(), layers, SENTENCES);
    for (int i = 0; i < SENTENCES; i++) assert_true(fabs(hand[i] - layers[i]) < 1e-12);
    assert_true(fabs(hand[0] - hand[1]) > 1e-3); /* sentences are told apart */
}

/* Every copy of NN2 has the same weights: their gradient is the sum over the copies. */
static void gradients_sum_over_the_copies(void **state) {
    (void)state;
    nets n = weights();
    eg_value *wrt[] = { n.W, n.U, n.b, n.v, n.c }, *hand[5], *layers[5];
    assert_int_equal(eg_grad(eg_sum(eg_log(by_hand(&n))), wrt, 5, hand), EG_OK);
    assert_int_equal(eg_grad(eg_sum(eg_log(as_layers())), wrt, 5, layers), EG_OK);
    for (int k = 0; k < 5; k++) {
        double a[PARAMETERS], b[PARAMETERS], largest = 0;
        int64_t size = eg_shape_size(eg_value_shape(wrt[k]));
        run(hand[k], a, size);
        run(layers[k], b, size);
        for (int64_t i = 0; i < size; i++) {
            assert_true(fabs(a[i] - b[i]) < 1e-12);
            largest = fmax(largest, fabs(a[i]));
        }
        assert_true(largest > 1e-3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(rnn_is_nn1_nn2_nn3),
        SLIDE(gradients_sum_over_the_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
