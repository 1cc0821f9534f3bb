/* SPDX-License-Identifier: MIT
 *
 * Which learning rate? The slide's rule: try a large value first, divide by 10 when training diverges. A run that
 * gives numbers that are not finite ends in an error that names the step, so a program can do just that.
 *
 * Slides: 004 "SGD learning rate".
 * command: elegans train -d 'gen:linear?n=200,dims=5' -n 'dense 32 relu; dense 1' -o sgd --lr auto -e 20
 * prints: lr 1: diverged
 * prints: settled on lr
 */
#include <elegans.h>
#include <stdio.h>

int main(void) {
    eg_data *data = eg_data_open("gen:linear?n=200,dims=5,noise=0.1", NULL);
    for (double lr = 10; lr > 1e-5; lr /= 10) {
        eg_model *m = eg_model_parse(EG_SHAPE(5), "dense 32 relu; dense 1");
        eg_model_compile(m, .optimizer = eg_sgd(.lr = lr), .seed = 1);
        eg_status status = eg_model_fit(m, data, .epochs = 20);
        double loss = eg_model_evaluate(m, data).loss;
        if (status == EG_E_DIVERGED)
            printf("lr %g: diverged (%s)\n", lr, eg_model_error(m));
        else
            printf("settled on lr %g: loss %.4f after 20 epochs\n", lr, loss);
        eg_model_free(m);
        if (status != EG_E_DIVERGED) break;
    }
    eg_data_free(data);
    return 0;
}
