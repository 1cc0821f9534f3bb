/* SPDX-License-Identifier: MIT
 *
 * Names, character by character: an LSTM reads the characters so far and says how probable each next one is; then it
 * makes up names of its own. Every tenth name is held out: its loss, per character, tells how well names were understood.
 * Without arguments the names are made of syllables, so that it is done at once; 32,032 real ones are learnt by
 *     43_names text:names.txt?every=10
 * which ends at 1.978 nats a character (2.85 bits; a guess among 27 has 3.30) after 13 seconds on two cores, or by the
 * command
 *     elegans train -d 'text:names.txt?every=10' -e 20 --lr .008 -o adam --schedule linear --seed 1 --out names \
 *         -n 'embedding tokens 32; lstm 128 return_sequences stateful=32; dropout .3; dense tokens softmax last_axis'
 *     elegans predict names --sample 80 --seed 1
 *
 * Slides: 001 "Text (1D Sequences)", "Recurrent Neural Network".
 * command: seq 1000 4000 > numbers.txt; elegans train -d 'text:numbers.txt?every=10' -e 1 --out m; elegans predict m --sample 80
 * prints: held out: #.#### nats a character = #.#### bits
 * prints: made up:
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two or three syllables each. */
static const char *syllables(void) {
    static const char *const part[] = { "an", "be", "da", "el", "is", "ka", "li", "ma", "na", "ra", "sa", "vi" };
    static char text[20000];
    for (size_t n = 0; n + 8 < sizeof text;) {
        for (int k = 2 + rand() % 2; k > 0; k--, n += 2) memcpy(text + n, part[rand() % 12], 2);
        text[n++] = '\n';
    }
    return text;
}

static eg_data *names(const char *source, const char *part) {
    return source ? eg_data_open(source, part)
                  : eg_data_from_text(syllables(), strlen(syllables()), part, .every = 10, .steps = 16);
}

int main(int argc, char **argv) {
    const char *source = argc > 1 ? argv[1] : NULL;
    srand(1);
    eg_data *train = names(source, "train");
    srand(1); /* the same names once more */
    eg_data *test = names(source, "test");
    int tokens = eg_data_classes(train), units = source ? 128 : 32;
    eg_model *m = eg_sequential(eg_data_sample_shape(train), eg_embedding(tokens, .size = 32),
                                eg_lstm(units, .return_sequences = 1, .stateful = 32), eg_dropout(.3),
                                eg_dense(tokens, .act = EG_SOFTMAX));
    eg_model_compile(m, .optimizer = eg_adam(.lr = source ? .008 : .02), .seed = 1);
    eg_model_fit(m, train, .epochs = source ? 20 : 8, .schedule = EG_SCHEDULE_LINEAR, .progress = stderr);
    double loss = eg_model_evaluate(m, test).loss;
    printf("held out: %.4f nats a character = %.4f bits\n(a guess among %d: %.4f nats)\n", loss, loss / log(2), tokens,
           log(tokens));
    char *text = eg_model_sample(m, .tokens = 70, .seed = 1, .temperature = .8);
    if (text) printf("made up:\n%s\n", text);
    int bad = !text || eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_data_status(train) == EG_OK ? eg_model_error(m) : eg_data_error(train));
    eg_string_free(text), eg_model_free(m), eg_data_free(train), eg_data_free(test);
    return bad;
}
