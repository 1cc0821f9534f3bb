/* SPDX-License-Identifier: MIT
 *
 * The first example of the course: 784 pixels, 512 relu, 10 softmax: 407,050 parameters, RMSprop,
 * cross-entropy. Without arguments it takes 3,000 drawn digits, so that it is done at once; the slide's run is
 *     11_mnist_dense mnist 5
 * (the slide reaches a test accuracy of .9793).
 *
 * Slides: 003 "A first example: classifying digits" to "Evaluation".
 * command: elegans train -d 'gen:digits?n=3000' -n 'dense 512 relu; dense 10 softmax' -o rmsprop -b 128 -e 2 --seed 1
 * prints: 407,050 parameters
 * prints: test accuracy 0.
 * prints: the first test image is a
 */
#include <elegans.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    const char *source = argc > 1 ? argv[1] : "gen:digits?n=3000";
    eg_data *train = eg_data_open(source, "train"), *test = eg_data_open(source, "test");
    eg_model *m =
        eg_sequential(EG_SHAPE(28, 28), eg_flatten(), eg_dense(512, .act = EG_RELU), eg_dense(10, .act = EG_SOFTMAX));
    char *summary = eg_model_summary(m);
    printf("%s", summary ? summary : "");
    printf("%lld,%03lld parameters\n", (long long)eg_model_parameters(m) / 1000,
           (long long)eg_model_parameters(m) % 1000);

    eg_model_compile(m, .optimizer = eg_rmsprop(), .seed = 1);
    eg_model_fit(m, train, .epochs = argc > 2 ? atoi(argv[2]) : 3, .batch = 128, .progress = stderr);
    printf("test accuracy %.4f\n", eg_model_evaluate(m, test).accuracy);

    eg_data *one = eg_data_range(test, 0, 1); /* the slide's prediction: ten probabilities */
    eg_tensor *p = eg_model_predict(m, eg_data_x(one)), *label = eg_model_predict_classes(m, eg_data_x(one));
    char *text = p ? eg_tensor_text(p) : NULL;
    if (text && label) printf("%s\nthe first test image is a %d\n", text, *(int *)eg_tensor_data(label));

    int bad = eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_string_free(summary), eg_string_free(text), eg_tensor_free(p), eg_tensor_free(label);
    eg_model_free(m), eg_data_free(one), eg_data_free(train), eg_data_free(test);
    return bad;
}
