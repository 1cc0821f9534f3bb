/* SPDX-License-Identifier: MIT
 *
 * The mechanics of a two-layer net worked by hand: h = phi(W x + b), log-odds = beta.h. Changing phi from
 * relu to tanh turns the class of the first point round.
 *
 * Slides: 000 "Sanity check" (both).
 * command: elegans explain 'beta @ relu(W @ x + b)' W='[[1, -1], [-2, 1], [0, 1]]' b=1,0,-1 beta=1,2,-1 x=1,-1
 * prints: relu x = ( 1, -1): log-odds  3.0000, p = 0.9526
 * prints: relu x = (-1,  1): log-odds  6.0000, p = 0.9975
 * prints: tanh x = ( 1, -1): log-odds -0.0310, p = 0.4922
 * prints: tanh x = (-1,  1): log-odds  1.2285, p = 0.7736
 */
#include <elegans.h>
#include <stdio.h>
#include <math.h>

int main(void) {
    /* The library writes x W + b: a kernel is [in][out], the slide's W transposed. */
    double parameters[] = { 1, -2, 0,  -1, 1, 1, /* W, [2][3] */
                            1, 0,  -1,           /* b */
                            1, 2,  -1 };         /* beta, [3][1] */
    const float x[2][2] = { { 1, -1 }, { -1, 1 } };
    int bad = 0;
    for (int tanh_ = 0; tanh_ < 2; tanh_++) {
        eg_model *m =
            eg_sequential(EG_SHAPE(2), eg_dense(3, .act = tanh_ ? EG_TANH : EG_RELU), eg_dense(1, .no_bias = 1));
        eg_model_set_flat(m, parameters, 12);
        eg_tensor *in = eg_tensor_from(EG_F32, EG_SHAPE(2, 2), x), *out = eg_model_predict(m, in);
        for (int i = 0; out && i < 2; i++) {
            double z = (double)((float *)eg_tensor_data(out))[i];
            printf("%s x = (%2g, %2g): log-odds %7.4f, p = %.4f\n", tanh_ ? "tanh" : "relu", (double)x[i][0],
                   (double)x[i][1], z, 1 / (1 + exp(-z)));
        }
        if (!out) bad = 1, fprintf(stderr, "%s\n", eg_error());
        eg_tensor_free(in), eg_tensor_free(out), eg_model_free(m);
    }
    return bad;
}
