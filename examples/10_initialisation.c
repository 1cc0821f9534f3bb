/* SPDX-License-Identifier: MIT
 *
 * A normal signal goes through ten layers of 500 units; how much of it is left depends on the weights'
 * deviation alone. Too small: it dies out. Too large: tanh saturates at +-1 and passes no gradient. Glorot's
 * (Xavier's) keeps it alive through tanh, He's through relu. Zeros are a saddle point: nothing but the last bias
 * learns.
 *
 * Slides: 004 "Initialization and normalization".
 * command: n=$(yes 'dense 99 tanh;' | head -10); elegans train -d gen:moons -n "$n dense 1 sigmoid" --init 'normal(1)' -e 1 --plot saturated
 * command: n=$(yes 'dense 99 relu;' | head -10); elegans train -d gen:moons -n "$n dense 1 sigmoid" --init he_normal -e 1 --plot alive
 * prints: tanh normal(.01)   0.0000
 * prints: tanh normal(.1)    0.7
 * prints: tanh normal(1)     0.98
 * prints: tanh glorot_normal 0.2
 * prints: relu glorot_normal 0.0
 * prints: relu he_normal     0.
 * prints: zeros: the kernel after 50 steps is still 0
 */
#include <elegans.h>
#include <stdio.h>
#include <math.h>
#include <string.h>

enum { LAYERS = 10, UNITS = 500, SAMPLES = 50, N = SAMPLES * UNITS };

/* The deviation of the last layer's activations. */
static int spread(const char *act, const char *init) {
    char net[LAYERS * 16 + 1] = "";
    for (int i = 0; i < LAYERS; i++) snprintf(net + strlen(net), 16, "dense %d %s;", UNITS, act);
    static double noise[N];
    static float x[N];
    eg_init kernel;
    eg_model *m = eg_model_parse(EG_SHAPE(UNITS), net);
    eg_init_named(init, &kernel);
    eg_model_set_init(m, kernel);
    eg_model_init(m, 1, EG_KERAS); /* biases are zero */
    eg_init_fill(EG_INIT(NORMAL, .a = 1), EG_KERAS, EG_SHAPE(SAMPLES, UNITS), 2, "x", noise);
    for (int i = 0; i < N; i++) x[i] = (float)noise[i];
    eg_tensor *in = eg_tensor_from(EG_F32, EG_SHAPE(SAMPLES, UNITS), x), *out = eg_model_predict(m, in);
    double sum = 0, squares = 0;
    for (int i = 0; out && i < N; i++) {
        double h = (double)((float *)eg_tensor_data(out))[i];
        sum += h, squares += h * h;
    }
    printf("%s %-13s %.4f\n", act, init, sqrt(squares / N - sum / N * sum / N));
    if (!out) fprintf(stderr, "%s\n", eg_error());
    int bad = !out;
    eg_tensor_free(in), eg_tensor_free(out), eg_model_free(m);
    return bad;
}

int main(void) {
    int bad = spread("tanh", "normal(.01)") + spread("tanh", "normal(.1)") + spread("tanh", "normal(1)") +
              spread("tanh", "glorot_normal") + spread("relu", "glorot_normal") + spread("relu", "he_normal");
    double w[4] = { 0 };
    eg_data *data = eg_data_open("gen:gauss?n=50", NULL);
    eg_model *m =
        eg_sequential(EG_SHAPE(2), eg_dense(1, .act = EG_TANH), eg_dense(1, .act = EG_SIGMOID, .no_bias = 1));
    eg_model_set_init(m, EG_INIT(ZEROS));
    eg_model_compile(m, .optimizer = eg_sgd(.lr = 1), .seed = 1);
    eg_model_fit(m, data, .epochs = 50, .batch = EG_BATCH_ALL);
    bad += eg_model_get_flat(m, w, 4) != EG_OK;
    if (w[0] == 0 && w[1] == 0 && w[3] == 0) printf("zeros: the kernel after 50 steps is still 0\n");
    eg_model_free(m), eg_data_free(data);
    return bad != 0;
}
