/* SPDX-License-Identifier: MIT
 *
 * AlexNet as a description: the shape after each layer and where its sixty million parameters are (nearly all of them
 * in the dense layers). The original ran as two groups of channels on two cards: 60,965,224 parameters; in one group
 * they are 62,378,344. Nothing is allocated for them here.
 *
 * Slides: 002 "CNN" (Krizhevsky et al. 2012, "AlexNet").
 * command: elegans inspect --input 227x227x3 -n 'conv 96 11 4 relu; max_pool 3 2; conv 256 5 same relu groups=2; max_pool 3 2; conv 384 3 same relu; conv 384 3 same relu groups=2; conv 256 3 same relu groups=2; max_pool 3 2; dense 4096 relu; dropout .5; dense 4096 relu; dropout .5; dense 1000 softmax'
 * prints: (batch, 55, 55, 96)
 * prints: (batch, 6, 6, 256)
 * prints: two groups: 60965224 parameters
 * prints: one group:  62378344 parameters
 */
#include <elegans.h>
#include <stdio.h>

#define DENSE "dense 4096 relu; dropout .5; dense 4096 relu; dropout .5; dense 1000 softmax"

static int show(const char *what, const char *net, int summary) {
    eg_model *m = eg_model_parse(EG_SHAPE(227, 227, 3), net);
    char *text = summary ? eg_model_summary(m) : NULL;
    if (text) printf("%s", text);
    printf("%s %lld parameters\n", what, (long long)eg_model_parameters(m));
    int bad = eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_string_free(text), eg_model_free(m);
    return bad;
}

int main(void) {
    int bad =
        show("two groups:",
             "conv 96 11 4 relu; max_pool 3 2; conv 256 5 same relu groups=2; max_pool 3 2; conv 384 3 same relu;"
             "conv 384 3 same relu groups=2; conv 256 3 same relu groups=2; max_pool 3 2;" DENSE,
             1);
    bad += show("one group: ",
                "conv 96 11 4 relu; max_pool 3 2; conv 256 5 same relu; max_pool 3 2; conv 384 3 same relu;"
                "conv 384 3 same relu; conv 256 3 same relu; max_pool 3 2;" DENSE,
                0);
    return bad != 0;
}
