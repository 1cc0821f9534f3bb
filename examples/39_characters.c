/* SPDX-License-Identifier: MIT
 *
 * A recurrent network that writes: from the characters so far, the probabilities of the next one. It learns a text,
 * by default a few rivers, else a file (39_characters names.txt), in pieces of 16 characters; then it writes by
 * itself: each character that it draws is its next input, the state goes on.
 *
 * Slides: 001 "Text (1D Sequences)", "Recurrent Neural Network".
 * command: seq 1000 1600 > n.txt; elegans train -d text:n.txt -e 2 --out m -n 'one_hot tokens; simple_rnn 64 return_sequences; dense tokens softmax last_axis'; elegans predict m --sample 80
 * prints: before: 4.## nats a character (a guess among 128: 4.85)
 * prints: after:  0.
 */
#include <elegans.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { KINDS = 128, LENGTH = 16, BATCH = 32, UNITS = 64, W = 5, STEPS = 600, SIZE = LENGTH * BATCH, MOST = 2000000 };
static char text[MOST] =
    "amazon\nnile\nrhine\ndanube\nvolga\nganges\nmekong\ntigris\ncongo\nniger\nindus\nelbe\noder\nseine\n"
    "loire\nthames\ntagus\nebro\ntiber\npo\nvistula\ndon\nural\nlena\namur\nyukon\nmurray\norinoco\n";

static void cell(void *user, eg_graph *body, eg_value *const *h, eg_value *const *x, eg_value **next, eg_value **y) {
    eg_value **w = user; /* h' = tanh(x Wx + h Wh + b), logits = h' V + c */
    (void)body;
    next[0] = eg_tanh(eg_add(eg_add(eg_matmul(x[0], w[0]), eg_matmul(h[0], w[1])), w[2]));
    y[0] = eg_add(eg_matmul(next[0], w[3]), w[4]);
}

/* Logits [length, batch, KINDS] for the input "in" [length, batch]; *h is the first state and becomes the last. */
static eg_value *reader(eg_graph *g, int length, int batch, eg_value **h, eg_value **w) {
    const int64_t rows[W] = { KINDS, UNITS, 1, UNITS, 1 }, columns[W] = { UNITS, UNITS, UNITS, KINDS, KINDS };
    for (int i = 0; i < W; i++)
        w[i] = eg_var(g, (const char *[W]){ "Wx", "Wh", "b", "V", "c" }[i], EG_F32, EG_SHAPE(rows[i], columns[i]));
    eg_value *x = eg_one_hot(eg_input(g, "in", EG_I32, EG_SHAPE(length, batch)), KINDS, EG_F32), *last, *y;
    eg_scan(g, cell, w, &last, &y, .carry = h, .ncarry = 1, .x = &x, .nx = 1, .ny = 1);
    *h = last;
    return y;
}

int main(int argc, char **argv) {
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    int size = (int)(file ? fread(text, 1, MOST, file) : argc > 1 ? 0 : strlen(text)), n = 0;
    eg_graph *g = eg_graph_new(), *one = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *w[W], *slope[W], *h = eg_full(g, EG_F32, EG_SHAPE(BATCH, UNITS), 0);
    eg_value *now = eg_input(g, "step", EG_I32, EG_SCALAR), *want = eg_input(g, "out", EG_I32, EG_SHAPE(SIZE));
    eg_value *z = eg_reshape_to(reader(g, LENGTH, BATCH, &h, w), EG_SHAPE(SIZE, KINDS));
    eg_value *loss = eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, want, z, .from_logits = 1);
    eg_value *root[1 + W * (1 + EG_OPTIMIZER_SLOTS)] = { loss };
    eg_optimizer *adam = eg_adam();
    eg_grad(loss, w, W, slope);
    eg_optimizer_build(adam, now, eg_const(g, .005), w, slope, W, root + 1, &n);
    eg_value *said[2] = { NULL, eg_input(one, "h", EG_F32, EG_SHAPE(1, UNITS)) }; /* one character at a time */
    said[0] = eg_softmax(reader(one, 1, 1, &said[1], w), -1);
    eg_program *p = eg_program_new(state, root, 1 + n), *q = eg_program_new(state, said, 2);
    eg_init_normal(state, g, .1), eg_optimizer_init_slots(adam, state);

    int bad = !p || !q || size < 2;
    static int32_t a[LENGTH][BATCH], b[LENGTH][BATCH];
    for (int32_t t = 0; t <= STEPS && !bad; t++) {
        for (int j = 0, at = rand() % size; j < BATCH; j++, at = rand() % size)
            for (int i = 0; i < LENGTH; i++)
                a[i][j] = text[(at + i) % size] & 127, b[i][j] = text[(at + i + 1) % size] & 127;
        bad = eg_set(p, "in", a, sizeof a) || eg_set(p, "out", b, sizeof b) || eg_set(p, "step", &t, 4) || eg_run(p);
        if (t == 0) printf("before: %.2f nats a character (a guess among 128: 4.85)\n", (double)eg_get(p, 0)[0]);
    }
    if (!bad) printf("after:  %.2f\n", (double)eg_get(p, 0)[0]);
    float memory[UNITS] = { 0 };
    for (int32_t c = '\n', t = 0; t < 80 && !bad; t++) {
        bad = eg_set(q, "h", memory, sizeof memory) || eg_set(q, "in", &c, sizeof c) || eg_run(q);
        double u = rand() / (RAND_MAX + 1.);
        for (c = 0; c < KINDS - 1 && (u -= (double)eg_get(q, 0)[c]) >= 0;) c++;
        memcpy(memory, eg_get(q, 1), sizeof memory);
        putchar(c);
    }
    if (bad) fprintf(stderr, "%s\n", size < 2 ? "there is no text to learn" : eg_error());
    eg_program_free(p), eg_program_free(q), eg_state_free(state), eg_graph_free(g), eg_graph_free(one),
        eg_optimizer_free(adam);
    return (file && fclose(file)) || bad;
}
