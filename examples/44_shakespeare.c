/* SPDX-License-Identifier: MIT
 *
 * A character LSTM that writes plays. It reads 32 places of the text side by side, 64 characters at a time; the states
 * go on from piece to piece, gradients do not (truncated backpropagation through time). Then it is run one character at
 * a time, each drawn one its next input: at a low temperature it says what is likely, at a high one it raves.
 * Without arguments it learns small plays that are put together here, so that it is done at once; Shakespeare by
 *     44_shakespeare text:tinyshakespeare.txt 12
 * which ends at 1.523 nats a character of the last tenth (2.20 bits) after 1:51 minutes on two cores, or by the command
 *     elegans train -d text:tinyshakespeare.txt -e 12 --lr .004 -o adam --schedule cosine --seed 1 --out plays \
 *         -n 'embedding tokens 64; lstm 256 return_sequences stateful=32; dropout .3; dense tokens softmax last_axis'
 *     elegans predict plays --sample 500 --start ROMEO: --temperature .8 --seed 1
 *
 * Slides: 001 "Text (1D Sequences)", "Recurrent Neural Network".
 * command: seq 1000 1500 > n.txt; elegans train -d text:n.txt -e 1 --out m; elegans predict m --sample 9 --temperature .5
 * prints: held out: #.#### nats a character
 * prints: temperature 0.5
 * prints: temperature 1.5
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "KING:\nMy lord, I see thy crown.\n\n" */
static const char *plays(void) {
    static const char *const who[] = { "KING", "QUEEN", "FOOL" }, *const call[] = { "My lord", "Sweet cousin", "O heaven" },
                            *const what[] = { "see", "fear", "love" }, *const whom[] = { "crown", "sword", "ghost" };
    static char text[24000];
    for (size_t n = 0; n + 80 < sizeof text;)
        n += (size_t)sprintf(text + n, "%s:\n%s, I %s thy %s.\n\n", who[rand() % 3], call[rand() % 3], what[rand() % 3],
                             whom[rand() % 3]);
    return text;
}

int main(int argc, char **argv) {
    const char *source = argc > 1 ? argv[1] : NULL, *text = source ? NULL : plays();
    eg_data *part[2]; /* the training part, the last tenth */
    for (int i = 0; i < 2; i++)
        part[i] = source ? eg_data_open(source, i ? "test" : "train")
                         : eg_data_from_text(text, strlen(text), i ? "test" : "train", .rows = 32);
    int tokens = eg_data_classes(part[0]);
    eg_model *m = eg_sequential(eg_data_sample_shape(part[0]), eg_embedding(tokens, .size = 64),
                                eg_lstm(source ? 256 : 64, .return_sequences = 1, .stateful = 32), eg_dropout(.3),
                                eg_dense(tokens, .act = EG_SOFTMAX));
    eg_model_compile(m, .optimizer = eg_adam(.lr = source ? .004 : .01), .seed = 1);
    eg_model_fit(m, part[0], .epochs = argc > 2 ? atoi(argv[2]) : 12, .schedule = EG_SCHEDULE_COSINE, .progress = stderr);
    double loss = eg_model_evaluate(m, part[1]).loss;
    printf("held out: %.4f nats a character = %.4f bits\n(a guess among %d: %.4f nats)\n", loss, loss / log(2), tokens,
           log(tokens));
    int bad = eg_model_status(m) != EG_OK;
    for (int i = 0; i < 2 && !bad; i++) {
        char *play = eg_model_sample(m, .tokens = source ? 400 : 100, .temperature = i ? 1.5 : .5, .seed = 1);
        printf("---- temperature %.1f\n%s\n", i ? 1.5 : .5, play ? play : "");
        bad = !play;
        eg_string_free(play);
    }
    const char *why = eg_model_status(m) == EG_OK ? eg_error() : eg_model_error(m);
    if (bad) fprintf(stderr, "%s\n", eg_data_status(part[0]) == EG_OK ? why : eg_data_error(part[0]));
    eg_model_free(m), eg_data_free(part[0]), eg_data_free(part[1]);
    return bad;
}
