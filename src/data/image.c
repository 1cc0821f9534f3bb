/* SPDX-License-Identifier: MIT
 *
 * image.c: images to one size and place, so that a model trained on one kind of picture can read another: resize with
 * an antialiased triangle filter, and the frame of MNIST (content cut out, scaled into a box, centred by its mass).
 * Not an image library: no colour spaces, no files.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "data/preprocess.h"
#include "tensor/shape.h"

enum { MAX_SIDE = 1 << 15 };

/* n images of one size, one after the other. */
typedef struct images {
    int64_t n, height, width, channels;
    int rank;
} images;

static int64_t size_of(images i) { return i.height * i.width * i.channels; }

static eg_status look_at(const eg_tensor *tensor, images *out) {
    eg_shape shape = tensor ? eg_tensor_shape(tensor) : EG_SCALAR;
    if (shape.rank != 3 && shape.rank != 4)
        return eg_fail(EG_E_SHAPE, "images are [n,height,width] or [n,height,width,channels], not %s",
                       eg_shape_words(&shape));
    if (eg_tensor_dtype(tensor) != EG_U8 && eg_tensor_dtype(tensor) != EG_F32)
        return eg_fail(EG_E_DTYPE, "images are u8 or f32, not %s", eg_dtype_name(eg_tensor_dtype(tensor)));
    *out = (images){ shape.dim[0], shape.dim[1], shape.dim[2], shape.rank == 4 ? shape.dim[3] : 1, shape.rank };
    if (out->height > 0 && out->width > 0) return EG_OK;
    return eg_fail(EG_E_SHAPE, "images %s have no pixels", eg_shape_words(&shape));
}

static eg_status check_side(int64_t height, int64_t width) {
    if (height >= 1 && width >= 1 && height <= MAX_SIDE && width <= MAX_SIDE) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "an image of %lld x %lld: a side has 1 to %d pixels", (long long)height,
                   (long long)width, MAX_SIDE);
}

static eg_tensor *new_images(eg_dtype dtype, images i) {
    eg_shape shape = { .rank = i.rank, .dim = { i.n, i.height, i.width, i.channels } };
    return eg_tensor_shaped(dtype, &shape);
}

static void put(eg_tensor *tensor, int64_t i, double value) {
    if (eg_tensor_dtype(tensor) == EG_U8)
        ((unsigned char *)eg_tensor_data(tensor))[i] = (unsigned char)floor(fmin(fmax(value, 0), 255) + .5);
    else
        ((float *)eg_tensor_data(tensor))[i] = (float)value;
}

/* ---- one axis ------------------------------------------------------------------------------------------------- */

/* to[j], j < after: mean of from[i], i < before, with weights max(0, 1 - |i + 1/2 - (j + 1/2) scale| / support), the
 * support never less than one pixel of either side. from [outer,before,inner], to [outer,after,inner]; weight [before] is
 * scratch. */
static void resample(const double *from, int64_t outer, int64_t before, int64_t inner, double *to, int64_t after,
                     double *weight) {
    double scale = (double)before / (double)after, support = fmax(1, scale);
    for (int64_t j = 0; j < after; j++) {
        double centre = ((double)j + .5) * scale, weights = 0;
        int64_t first = (int64_t)fmax(0, floor(centre - support)), last = (int64_t)ceil(centre + support);
        if (last >= before) last = before - 1;
        for (int64_t i = first; i <= last; i++)
            weights += weight[i] = fmax(0, 1 - fabs((double)i + .5 - centre) / support);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t k = 0; k < inner; k++) {
                double sum = 0;
                for (int64_t i = first; i <= last; i++) sum += weight[i] * from[(o * before + i) * inner + k];
                to[(o * after + j) * inner + k] = sum / weights;
            }
    }
}

/* from [h,w,c] -> middle [h,w2,c] -> to [h2,w2,c]; behind `to` lies room for the weights of a side of `from`. */
static void resize(const double *from, images a, double *middle, double *to, images b) {
    double *weight = to + b.height * b.width * a.channels;
    resample(from, a.height, a.width, a.channels, middle, b.width, weight);
    resample(middle, 1, a.height, b.width * a.channels, to, b.height, weight);
}

/* Numbers that resize takes: images before, between, after, and weights. */
static size_t room_for(images a, images b) {
    int64_t longer = a.height > a.width ? a.height : a.width;
    return (size_t)(size_of(a) + a.height * b.width * a.channels + size_of(b) + longer);
}

static void get_image(const eg_tensor *tensor, int64_t first, int64_t size, double *out) {
    eg_elements x = eg_elements_of(tensor);
    for (int64_t i = 0; i < size; i++) out[i] = eg_element(x, first + i);
}

static eg_status resize_all(const eg_tensor *from, images a, eg_tensor *to, images b) {
    int64_t middle = a.height * b.width * a.channels;
    double *room = eg_alloc(room_for(a, b) * sizeof *room);
    if (!room) return EG_E_MEMORY;
    double *between = room + size_of(a), *out = between + middle;
    for (int64_t n = 0; n < a.n; n++) {
        get_image(from, n * size_of(a), size_of(a), room);
        resize(room, a, between, out, b);
        for (int64_t i = 0; i < size_of(b); i++) put(to, n * size_of(b) + i, out[i]);
    }
    eg_free(room);
    return EG_OK;
}

/* ---- the frame of MNIST --------------------------------------------------------------------------------------- */

typedef struct box {
    int64_t top, left, bottom, right; /* the last two are not in it */
} box;

static int is_ink(const double *image, images i, int64_t row, int64_t column) {
    for (int64_t c = 0; c < i.channels; c++)
        if (image[(row * i.width + column) * i.channels + c] != 0) return 1;
    return 0;
}

static box find_ink(const double *image, images i) {
    box b = { i.height, i.width, 0, 0 };
    for (int64_t r = 0; r < i.height; r++)
        for (int64_t c = 0; c < i.width; c++) {
            if (!is_ink(image, i, r, c)) continue;
            if (r < b.top) b.top = r;
            if (c < b.left) b.left = c;
            if (r >= b.bottom) b.bottom = r + 1;
            if (c >= b.right) b.right = c + 1;
        }
    return b;
}

/* The place of the mean along an axis of n elements of which each stands for `inner` numbers, repeated `outer` times.
 */
static double centre_of_mass(const double *image, int64_t outer, int64_t n, int64_t inner) {
    double mass = 0, moment = 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k < inner; k++) {
                double ink = fabs(image[(o * n + i) * inner + k]);
                mass += ink;
                moment += ink * ((double)i + .5);
            }
    return moment / mass;
}

static void paste(const double *image, images i, eg_tensor *to, int64_t number, images frame) {
    int64_t down = (int64_t)floor((double)frame.height / 2 -
                                  centre_of_mass(image, 1, i.height, i.width * i.channels) + .5);
    int64_t across = (int64_t)floor((double)frame.width / 2 -
                                    centre_of_mass(image, i.height, i.width, i.channels) + .5);
    for (int64_t r = 0; r < i.height; r++)
        for (int64_t c = 0; c < i.width; c++) {
            int64_t y = r + down, x = c + across;
            if (y < 0 || y >= frame.height || x < 0 || x >= frame.width) continue;
            for (int64_t k = 0; k < i.channels; k++)
                put(to, number * size_of(frame) + (y * frame.width + x) * i.channels + k,
                    image[(r * i.width + c) * i.channels + k]);
        }
}

/* The content's size when its longer side is `side`. */
static images scaled(images i, int64_t side) {
    int64_t longer = i.height > i.width ? i.height : i.width;
    images out = i;
    if (side == 0) return out;
    out.height = (i.height * side + longer / 2) / longer;
    out.width = (i.width * side + longer / 2) / longer;
    if (out.height < 1) out.height = 1;
    if (out.width < 1) out.width = 1;
    return out;
}

static eg_status centre_one(const double *image, images i, eg_tensor *to, int64_t number, images frame, int64_t side) {
    box b = find_ink(image, i);
    if (b.bottom == 0) return EG_OK; /* an empty image stays empty */
    images cut = i;
    cut.height = b.bottom - b.top;
    cut.width = b.right - b.left;
    images fit = scaled(cut, side);
    int64_t middle = cut.height * fit.width * i.channels;
    double *ink = eg_alloc(room_for(cut, fit) * sizeof *ink);
    if (!ink) return EG_E_MEMORY;
    double *between = ink + size_of(cut), *out = between + middle;
    for (int64_t r = 0; r < cut.height; r++)
        memcpy(ink + r * cut.width * i.channels, image + ((b.top + r) * i.width + b.left) * i.channels,
               (size_t)(cut.width * i.channels) * sizeof *ink);
    resize(ink, cut, between, out, fit);
    paste(out, fit, to, number, frame);
    eg_free(ink);
    return EG_OK;
}

static eg_status centre_all(const eg_tensor *from, images a, eg_tensor *to, images frame, int64_t side) {
    double *image = eg_alloc((size_t)size_of(a) * sizeof *image);
    if (!image) return EG_E_MEMORY;
    eg_status status = EG_OK;
    for (int64_t n = 0; n < a.n && status == EG_OK; n++) {
        get_image(from, n * size_of(a), size_of(a), image);
        status = centre_one(image, a, to, n, frame, side);
    }
    eg_free(image);
    return status;
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */

/* side < 0: resize the whole image. */
static eg_tensor *make(const eg_tensor *from, int64_t height, int64_t width, int64_t side) {
    images a;
    if (look_at(from, &a) != EG_OK || check_side(height, width) != EG_OK) return NULL;
    images b = a;
    b.height = height;
    b.width = width;
    eg_tensor *dense = eg_tensor_copy(from, eg_tensor_dtype(from)), *to = new_images(eg_tensor_dtype(from), b);
    eg_status status = dense && to ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK) status = side < 0 ? resize_all(dense, a, to, b) : centre_all(dense, a, to, b, side);
    eg_tensor_free(dense);
    if (status == EG_OK) return to;
    eg_tensor_free(to);
    return NULL;
}

eg_tensor *eg_image_resize(const eg_tensor *pictures, int64_t height, int64_t width) {
    return make(pictures, height, width, -1);
}

eg_tensor *eg_image_centre(const eg_tensor *pictures, int64_t height, int64_t width, int64_t side) {
    if (side >= 0 && side <= MAX_SIDE) return make(pictures, height, width, side);
    eg_fail(EG_E_ARGUMENT, "a box of %lld pixels", (long long)side);
    return NULL;
}
