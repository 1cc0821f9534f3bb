/* SPDX-License-Identifier: MIT
 *
 * Preprocessing changes the shape of the cloud. Standardised: every column has mean 0 and deviation 1. PCA:
 * turned so that the columns do not correlate. Whitened: also of the same variance. ZCA: whitened and turned back.
 *
 * Slides: 002 "Data Pre-processing", "The first steps"; 004 "Input data should be normalized"; 003 "Preprocessing".
 * command: elegans picture preprocessing --svg clouds.svg
 * command: elegans train -d 'gen:gauss?n=200' --scaling whiten -n 'dense 1 sigmoid' --lr .3 -e 3
 * prints: none:        covariance [4.#### 2.####; 2.#### 1.####]
 * prints: standardise: covariance [1.0000 0.9###; 0.9### 1.0000]
 * prints: pca:         covariance [5.#### 0.0000; 0.0000 0.0###]
 * prints: whiten:      covariance [1.0000 0.0000; 0.0000 1.0000]
 * prints: zca:         covariance [1.0000 0.0000; 0.0000 1.0000]
 */
#include <elegans.h>
#include <stdio.h>
#include <math.h>
#include <string.h>

enum { N = 500 };

/* The covariances of the columns of x [N, 2]. */
static void show(const char *name, const float (*x)[2]) {
    double mean[2] = { 0 }, c[3] = { 0 };
    for (int i = 0; i < N; i++) mean[0] += (double)x[i][0] / N, mean[1] += (double)x[i][1] / N;
    for (int i = 0; i < N; i++) {
        double a = (double)x[i][0] - mean[0], b = (double)x[i][1] - mean[1];
        c[0] += a * a / N, c[1] += a * b / N, c[2] += b * b / N;
    }
    c[1] = fabs(c[1]) < 5e-5 ? 0 : c[1]; /* no "-0.0000" */
    printf("%s:%*scovariance [%.4f %.4f; %.4f %.4f]\n", name, (int)(12 - strlen(name)), "", c[0], c[1], c[1], c[2]);
}

int main(void) {
    static double noise[2 * N];
    static float x[N][2];
    eg_init_fill(EG_INIT(NORMAL, .a = 1), EG_KERAS, EG_SHAPE(N, 2), 1, "cloud", noise);
    for (int i = 0; i < N; i++) { /* a long cloud: x2 goes with x1 */
        x[i][0] = (float)(5 + 2 * noise[2 * i]);
        x[i][1] = (float)(2 * noise[2 * i] / 2 + .3 * noise[2 * i + 1]);
    }
    eg_tensor *t = eg_tensor_from(EG_F32, EG_SHAPE(N, 2), x);
    eg_data *data = eg_data_from(t, NULL, 0);
    const eg_scaling kinds[] = { EG_SCALING_NONE, EG_SCALING_STANDARDISE, EG_SCALING_PCA, EG_SCALING_WHITEN,
                                 EG_SCALING_ZCA };
    int bad = 0;
    for (int i = 0; i < 5 && !bad; i++) {
        eg_preprocess *fitted = eg_preprocess_fit(kinds[i], data, .epsilon = 1e-9);
        eg_tensor *out = fitted ? eg_preprocess_apply(fitted, t) : NULL;
        if (out) show(eg_scaling_name(kinds[i]), eg_tensor_data(out));
        bad = !out;
        eg_tensor_free(out), eg_preprocess_free(fitted);
    }
    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_data_free(data), eg_tensor_free(t);
    return bad;
}
