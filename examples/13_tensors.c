/* SPDX-License-Identifier: MIT
 *
 * A tensor is an array with n axes: 2 for samples, 3 for grey images or time series, 4 for colour images,
 * 5 for video. Reshaping and slicing are views; the smaller operand of a sum is repeated along the axes it lacks
 * (broadcasting). z[i][j] of a product is the inner product of row i and column j (the slide prints x[i,:] * y[:,j]).
 *
 * Slides: 003 "Tensors", "Element-wise operations", "Tensor dot", "Traditional holdout uses the last 10,000 images".
 * command: elegans explain 'A + b' A='[[1, 2], [3, 4]]' b=10,20
 * command: elegans explain 'A @ B' A='[[1, 2], [3, 4]]' B='[[5, 6], [7, 8]]'
 * prints: [[11 22]
 * prints:  [13 24]]
 * prints: images [70000,28,28], for training [60000,28,28], for testing [10000,28,28]
 * prints: video (samples, frames, height, width, channels) [2,8,32,32,3]: rank 5, 49152 numbers
 * prints: [[19. 22.]
 * prints:  [43. 50.]]
 */
#include <elegans.h>
#include <stdio.h>

static void show(const char *what, const eg_tensor *t) {
    char text[160];
    printf("%s %s: rank %d, %lld numbers\n", what, eg_shape_text(eg_tensor_shape(t), text, sizeof text),
           eg_tensor_shape(t).rank, (long long)eg_tensor_size(t));
}

/* Runs the formula and prints its value as NumPy would. */
static void run(eg_value *root) {
    eg_state *state = eg_state_new(1);
    eg_program *p = eg_program_new(state, &root, 1);
    if (!p || eg_run(p) != EG_OK) {
        fprintf(stderr, "%s\n", eg_error());
        return;
    }
    eg_tensor *t = eg_tensor_from(eg_value_dtype(root), eg_value_shape(root), eg_get_data(p, 0));
    char *text = t ? eg_tensor_text(t) : NULL;
    printf("%s\n", text ? text : eg_error());
    eg_string_free(text), eg_tensor_free(t), eg_program_free(p), eg_state_free(state);
}

int main(void) {
    const struct {
        const char *what;
        eg_shape shape;
    } kinds[] = {
        { "samples (samples, features)", EG_SHAPE(2, 784) },
        { "time series (samples, timesteps, features)", EG_SHAPE(2, 10, 3) },
        { "colour images (samples, height, width, channels)", EG_SHAPE(2, 32, 32, 3) },
        { "video (samples, frames, height, width, channels)", EG_SHAPE(2, 8, 32, 32, 3) },
    };
    for (int i = 0; i < 4; i++) {
        eg_tensor *t = eg_tensor_new(EG_F32, kinds[i].shape);
        show(kinds[i].what, t);
        eg_tensor_free(t);
    }

    eg_tensor *flat = eg_tensor_new(EG_U8, EG_SHAPE(70000, 784)),
              *images = eg_tensor_reshape(flat, EG_SHAPE(-1, 28, 28));
    eg_tensor *train = eg_tensor_slice(images, 0, 0, -10000, 1),
              *test = eg_tensor_slice(images, 0, -10000, INT64_MAX, 1);
    char a[160], b[160], c[160];
    printf("images %s, for training %s, for testing %s\n", eg_shape_text(eg_tensor_shape(images), a, sizeof a),
           eg_shape_text(eg_tensor_shape(train), b, sizeof b), eg_shape_text(eg_tensor_shape(test), c, sizeof c));
    eg_tensor_free(flat), eg_tensor_free(images), eg_tensor_free(train), eg_tensor_free(test);

    eg_graph *g = eg_graph_new();
    eg_tensor *x = eg_tensor_from(EG_I32, EG_SHAPE(2, 2), (int[]){ 1, 2, 3, 4 });
    eg_tensor *y = eg_tensor_from(EG_I32, EG_SHAPE(2), (int[]){ 10, 20 });
    run(eg_add(eg_constant(g, x), eg_constant(g, y)));
    eg_tensor *z = eg_tensor_from(EG_F32, EG_SHAPE(2, 2), (float[]){ 5, 6, 7, 8 });
    run(eg_matmul(eg_cast(eg_constant(g, x), EG_F32), eg_constant(g, z)));
    eg_tensor_free(x), eg_tensor_free(y), eg_tensor_free(z), eg_graph_free(g);
    return eg_error()[0] != 0;
}
