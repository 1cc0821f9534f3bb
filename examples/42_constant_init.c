/* SPDX-License-Identifier: MIT
 *
 * All weights the same at the start: all hidden neurons compute the same, get the same gradient and stay the same for
 * ever. Four of them are one, and one cannot learn XOR. Small random numbers break the symmetry.
 *
 * Slides: 004 "Initialization and normalization" (constant initialisation: symmetry).
 * command: elegans train -d gen:xor -n 'dense 4 tanh; dense 1 sigmoid' --init 'constant(.5)' --lr .1 -b all -s 2
 * command: elegans train -d gen:xor -n 'dense 4 tanh; dense 1 sigmoid' --init 'normal(.5)' --lr .1 -b all -s 2
 * prints: constant(.5): the 4 hidden neurons are the same: yes
 * prints: normal(.5):   the 4 hidden neurons are the same: no, right: 4 of 4
 */
#include <elegans.h>
#include <stdio.h>

enum { UNITS = 4, INPUTS = 2, ALL = INPUTS * UNITS + UNITS + UNITS + 1 };

/* Trains on the four points of XOR; how many are right. */
static int learn(const char *init, const char *label) {
    double w[ALL] = { 0 };
    eg_init kernel;
    eg_data *data = eg_data_open("gen:xor", NULL);
    eg_model *m = eg_model_parse(EG_SHAPE(INPUTS), "dense 4 tanh; dense 1 sigmoid");
    eg_init_named(init, &kernel);
    eg_model_set_init(m, kernel);
    eg_model_compile(m, .optimizer = eg_adam(.lr = .05), .seed = 2);
    eg_model_fit(m, data, .epochs = 300, .batch = EG_BATCH_ALL);
    double right = eg_model_evaluate(m, data).accuracy * 4;
    if (eg_model_get_flat(m, w, ALL) != EG_OK) fprintf(stderr, "%s\n", eg_model_error(m));
    int same = 1; /* a column of the first kernel for each neuron */
    for (int k = 1; k < UNITS; k++)
        for (int i = 0; i < INPUTS; i++) same &= w[i * UNITS + k] == w[i * UNITS];
    printf("%s the %d hidden neurons are the same: %s, right: %.0f of 4\n", label, UNITS, same ? "yes" : "no", right);
    eg_model_free(m), eg_data_free(data);
    return same;
}

int main(void) {
    int constant = learn("constant(.5)", "constant(.5):"), normal = learn("normal(.5)", "normal(.5):  ");
    return !(constant && !normal);
}
