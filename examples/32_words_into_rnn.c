/* SPDX-License-Identifier: MIT
 *
 * Words into a recurrent network: each word is a one-hot vector, the state goes from word to word, a logistic
 * regressor reads the last one. The sentences are generated, "[not] [very] good" among filler words, and "not" turns
 * the meaning round: a bag of words would have to be lucky, an order matters here ("not" counts only when it comes
 * before the adjective).
 *
 * Slides: 001 "Recurrent Neural Network" (one-hot words, NN1 is NN2 with a dummy input, NN3 a logistic regressor).
 * command: (echo words,good; for i in $(seq 40); do echo "a good film $i,1"; echo "not a good film $i,0"; done) > s.csv; elegans train -d s.csv --text words -e 30 -n 'one_hot tokens; simple_rnn 12; dense 1 sigmoid'
 * prints: before: accuracy 0.
 * prints: after:  accuracy 1.00 on 200 new sentences
 */
#include <elegans.h>
#include <stdio.h>
#include <stdlib.h>

enum { GOOD, BAD, NOT, FILLER, WORDS = 8, LENGTH = 6, N = 200, UNITS = 12, STEPS = 400, PARAMETERS = 5 };

/* words [LENGTH][N], y [N]: an adjective somewhere, "not" in half of the sentences, before or after it. */
static void generate(int32_t *words, float *y) {
    for (int n = 0; n < N; n++) {
        for (int t = 0; t < LENGTH; t++) words[t * N + n] = FILLER + rand() % (WORDS - FILLER);
        int adjective = rand() % LENGTH, bad = rand() % 2, other = rand() % (2 * LENGTH);
        words[adjective * N + n] = bad ? BAD : GOOD;
        if (other < LENGTH && other != adjective) words[other * N + n] = NOT;
        y[n] = (float)(other < adjective ? bad : !bad);
    }
}

static void step(void *w, eg_graph *body, eg_value *const *h, eg_value *const *x, eg_value **next, eg_value **y) {
    eg_value **p = w; /* W, U, b */
    (void)body, (void)y;
    next[0] = eg_tanh(eg_add(eg_add(eg_matmul(x[0], p[0]), eg_matmul(h[0], p[1])), p[2]));
}

int main(void) {
    static int32_t words[LENGTH * N];
    static float y[N];
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *x = eg_one_hot(eg_input(g, "words", EG_I32, EG_SHAPE(LENGTH, N)), WORDS, EG_F32);
    eg_value *w[PARAMETERS] = { eg_var(g, "W", EG_F32, EG_SHAPE(WORDS, UNITS)),
                                eg_var(g, "U", EG_F32, EG_SHAPE(UNITS, UNITS)),
                                eg_var(g, "b", EG_F32, EG_SHAPE(UNITS)), eg_var(g, "v", EG_F32, EG_SHAPE(UNITS)),
                                eg_var(g, "c", EG_F32, EG_SCALAR) };
    eg_value *h = eg_full(g, EG_F32, EG_SHAPE(N, UNITS), 0), *last, *want = eg_input(g, "y", EG_F32, EG_SHAPE(N));
    eg_scan(g, step, w, &last, NULL, .carry = &h, .ncarry = 1, .x = &x, .nx = 1);
    eg_value *z = eg_add(eg_matmul(last, w[3]), w[4]), *loss = eg_mean(eg_sub(eg_softplus(z), eg_mul(want, z)));
    eg_value *right = eg_mean(eg_cast(eg_equal(eg_step(z), want), EG_F32)), *slope[PARAMETERS];
    eg_grad(loss, w, PARAMETERS, slope);

    eg_optimizer *adam = eg_adam(.lr = .01);
    eg_value *now = eg_input(g, "step", EG_I32, EG_SCALAR), *rate = eg_const(g, .01);
    eg_value *root[2 + PARAMETERS * (1 + EG_OPTIMIZER_SLOTS)] = { loss, right };
    int n = 0, bad = eg_optimizer_build(adam, now, rate, w, slope, PARAMETERS, root + 2, &n) != EG_OK;
    eg_program *train = eg_program_new(state, root, 2 + n), *test = eg_program_new(state, root, 2);
    eg_init_normal(state, g, .4), eg_optimizer_init_slots(adam, state);
    bad = bad || !train || !test;
    for (int32_t t = 0; t <= STEPS && !bad; t++) { /* new sentences every time */
        eg_program *p = t == 0 || t == STEPS ? test : train;
        generate(words, y);
        bad = eg_set(p, "words", words, sizeof words) != EG_OK || eg_set(p, "y", y, sizeof y) != EG_OK ||
              eg_set(p, "step", &t, sizeof t) != EG_OK || eg_run(p) != EG_OK;
        if (bad || p == train) continue;
        printf("%s accuracy %.2f on %d new sentences, loss %.4f\n",
               t ? "after: " : "before:", (double)eg_get(p, 1)[0], N, (double)eg_get(p, 0)[0]);
    }
    if (bad) fprintf(stderr, "%s %s\n", eg_graph_error(g), eg_error());
    eg_program_free(train), eg_program_free(test), eg_state_free(state), eg_graph_free(g), eg_optimizer_free(adam);
    return bad;
}
