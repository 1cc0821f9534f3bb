/* SPDX-License-Identifier: MIT
 *
 * A large constant learning rate keeps a network from settling: let it fall. First the factors of each schedule over
 * twenty epochs, then a training that watches its validation loss: it divides the rate by 2 on a plateau, stops when
 * nothing gets better, and takes the best weights back.
 *
 * Slides: 004 "SGD learning rate" (multiply by beta < 1; ReduceLROnPlateau), "Stop when reaching criterion".
 * command: elegans train -d gen:moons --net 'dense 16 tanh; dense 1 sigmoid' --schedule cosine --lr .05 --epochs 20
 * prints: constant          1.000  1.000  1.000  1.000  1.000
 * prints: linear            1.000  0.750  0.500  0.250  0.000
 * prints: cosine            1.000  0.854  0.500  0.146  0.000
 * prints: multiply          1.000  0.774  0.599  0.463  0.358
 * prints: stopped after
 */
#include <elegans.h>
#include <stdio.h>

enum { EPOCHS = 20, LONG = 300 };

int main(void) {
    printf("%-16s", "epoch");
    for (int e = 0; e <= EPOCHS; e += 5) printf(" %6d", e);
    printf("\n");
    for (int s = 0; s < EG_SCHEDULES; s++) {
        printf("%-16s", eg_schedule_name((eg_schedule)s));
        for (int e = 0; e <= EPOCHS; e += 5)
            printf(" %6.3f", eg_schedule_factor((eg_schedule)s, (eg_schedule_opt){ 0 }, (double)e / EPOCHS, e));
        printf("\n");
    }

    eg_data *data = eg_data_open("gen:moons?n=300,noise=0.25", NULL);
    eg_model *m = eg_model_parse(EG_SHAPE(2), "dense 32 tanh; dense 1 sigmoid");
    eg_model_compile(m, .optimizer = eg_momentum(.lr = .2), .seed = 1);
    eg_callback callbacks[] = { eg_reduce_on_plateau(.factor = .5, .patience = 3),
                                eg_early_stopping(.patience = 10, .restore_best = 1) };
    eg_model_fit(m, data, .epochs = LONG, .validation_split = .3, .callbacks = callbacks, .n_callbacks = 2);
    const eg_history *h = eg_model_history(m);
    int bad = eg_model_status(m) != EG_OK, best = 0;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    for (int e = 1; !bad && e < h->epochs; e++)
        if (h->validation[e].loss < h->validation[best].loss) best = e;
    if (!bad && h->epochs < LONG)
        printf("stopped after %d epochs; the best was %d with validation loss %.4f; the rate fell from .2 to %g\n",
               h->epochs, best + 1, h->validation[best].loss, eg_model_lr(m));
    for (int i = 0; i < 2; i++) eg_callback_free(&callbacks[i]);
    eg_model_free(m), eg_data_free(data);
    return bad;
}
