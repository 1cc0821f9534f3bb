/* SPDX-License-Identifier: MIT
 *
 * Truncated backpropagation through time. A text of brackets, "(a....b)", in which the closing one must fit an opening
 * one 7 characters before it, is learnt
 *   in pieces of 5 characters that know nothing of each other: both brackets never are in one piece, it must guess;
 *   in the same pieces with kept states: the state tells what was opened, though the gradient stays within 5 characters;
 *   in pieces of 60 with kept states: the gradient goes back to the opening bracket itself.
 *
 * Slides: 001 "Recurrent Neural Network" (the copies of NN2 share their weights, however many there are).
 * command: seq -f '(%06g)' 300 > b.txt; seq -f '[%06g]' 300 >> b.txt; elegans train -d 'text:b.txt?steps=5,rows=8,every=9' -e 2 -n 'one_hot tokens; lstm 24 return_sequences stateful=8; dense tokens softmax last_axis'
 * prints: pieces of  5 without states: the bracket fits in  ## %
 * prints: states carry what was opened across pieces
 */
#include <elegans.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 8, LINES = 3600, ROWS = 30, SIZE = LINE * LINES, KINDS = 6 };

/* Lines of eight: an opening bracket, six letters, the closing one that fits. */
static const char *brackets(void) {
    static char text[SIZE + 2];
    for (int i = 0; i < LINES; i++) {
        int kind = rand() % 2;
        for (int k = 1; k < LINE - 1; k++) text[i * LINE + k] = (char)('a' + rand() % 2);
        text[i * LINE] = "(["[kind], text[i * LINE + LINE - 1] = ")]"[kind];
    }
    text[SIZE] = '(';
    return text;
}

/* How often the fitting closing bracket is more probable than the other, in percent. Numbers: ( 0, ) 1, [ 2, ] 3. */
static double fitting(eg_model *m, const eg_data *data) {
    eg_model_reset_states(m);
    eg_tensor *out = eg_model_predict(m, eg_data_x(data));
    const float *p = out ? eg_tensor_data(out) : NULL;
    const int32_t *y = eg_tensor_data(eg_data_y(data));
    int right = 0, all = 0;
    for (int64_t i = 0; p && i < eg_tensor_size(eg_data_y(data)); i++, p += KINDS)
        if (y[i] == 1 || y[i] == 3) all++, right += p[y[i]] > p[4 - y[i]];
    eg_tensor_free(out);
    return all ? 100. * right / all : 0;
}

int main(void) {
    const struct {
        int steps, stateful, epochs;
    } way[3] = { { 5, 0, 8 }, { 5, ROWS, 8 }, { 60, ROWS, 40 } };
    const char *text = brackets();
    double share[3] = { 0 };
    int bad = 0;
    for (int i = 0; i < 3 && !bad; i++) {
        eg_data *train = eg_data_from_text(text, SIZE / 2 + 1, NULL, .steps = way[i].steps, .rows = ROWS);
        eg_data *test = eg_data_from_text(text + SIZE / 2, SIZE / 2 + 1, NULL, .steps = way[i].steps, .rows = ROWS);
        eg_model *m = eg_sequential(EG_SHAPE(way[i].steps), eg_one_hot_layer(KINDS),
                                    eg_lstm(24, .return_sequences = 1, .stateful = way[i].stateful),
                                    eg_dense(KINDS, .act = EG_SOFTMAX));
        eg_model_compile(m, .optimizer = eg_adam(.lr = .01), .seed = 1);
        eg_model_fit(m, train, .epochs = way[i].epochs, .batch = ROWS);
        share[i] = fitting(m, test);
        printf("pieces of %2d %s states: the bracket fits in %3.0f %%\n", way[i].steps,
               way[i].stateful ? "with   " : "without", share[i]);
        bad = eg_model_status(m) != EG_OK;
        if (bad) fprintf(stderr, "%s%s\n", eg_data_error(train), eg_model_error(m));
        eg_model_free(m), eg_data_free(train), eg_data_free(test);
    }
    if (share[1] > share[0] + 20 && share[2] > share[0] + 20) printf("states carry what was opened across pieces\n");
    return bad;
}
