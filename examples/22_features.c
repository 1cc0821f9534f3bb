/* SPDX-License-Identifier: MIT
 *
 * A network is its own feature extractor: the neurons before the last layer are features, in which the problem has
 * become a linear one. Train a net on the spiral, cut its last layer off, and give its features to a plain softmax:
 * it now does what it cannot do on the coordinates.
 *
 * Slides: 001 "Neural Net Implicitly Does a Feature Extractor"; 003 "Geometric interpretation" (representations).
 * command: elegans train -d gen:spiral -n 'dense 50 relu; dense 3 softmax' -o adam --lr .01 -e 200 --out net.st
 * command: elegans predict net.st -d gen:spiral --layer dense --first 6
 * command: elegans train -d gen:spiral -n 'dense 50 relu; dense 3 softmax' --from net.st --freeze dense -e 9
 * prints: softmax on x1, x2:       accuracy 0.5
 * prints: the whole net:           accuracy 0.9
 * prints: softmax on its features: accuracy 0.9
 */
#include <elegans.h>
#include <stdio.h>

enum { UNITS = 50 };

static double learn(eg_model *m, const eg_data *data) {
    eg_model_compile(m, .optimizer = eg_adam(.lr = .01), .seed = 1);
    eg_model_fit(m, data, .epochs = 200);
    if (eg_model_status(m) != EG_OK) fprintf(stderr, "%s\n", eg_model_error(m));
    return eg_model_evaluate(m, data).accuracy;
}

int main(void) {
    eg_data *data = eg_data_open("gen:spiral?n=100,classes=3,noise=0.2", NULL);
    eg_model *line = eg_model_parse(EG_SHAPE(2), "dense 3 softmax");
    eg_model *net = eg_model_parse(EG_SHAPE(2), "dense 50 relu; dense 3 softmax");
    printf("softmax on x1, x2:       accuracy %.3f\n", learn(line, data));
    printf("the whole net:           accuracy %.3f\n", learn(net, data));

    /* What the hidden layer says about every point, taken out of the trained net by its name. */
    eg_tensor *x = eg_model_predict_layer(net, "dense", eg_data_x(data));
    eg_data *features = eg_data_from(x, eg_data_y(data), 3);
    eg_model *head = eg_model_parse(EG_SHAPE(UNITS), "dense 3 softmax");
    printf("softmax on its features: accuracy %.3f\n", learn(head, features));

    int bad = !x;
    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_tensor_free(x), eg_data_free(data), eg_data_free(features);
    eg_model_free(line), eg_model_free(net), eg_model_free(head);
    return bad;
}
