/* SPDX-License-Identifier: MIT
 *
 * image.c: images to one size and place, so that a model trained on one kind of picture can read another: resize with
 * an antialiased triangle filter, and the frame of MNIST (content cut out, scaled into a box, centred by its mass).
 * Not an image library: no colour spaces, no files.
 */
#include "data/image.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "data/preprocess.h"
#include "tensor/shape.h"

enum { MAX_SIDE = 1 << 15 };

/* Of one image; a tensor holds them one after the other. */
typedef struct extent {
    int64_t height, width, channels;
} extent;

static int64_t size_of(const extent *i) { return i->height * i->width * i->channels; }

static eg_status check_images(const eg_shape *shape, eg_dtype dtype) {
    if (shape->rank != 3 && shape->rank != 4)
        return eg_fail(EG_E_SHAPE, "images are [n,height,width] or [n,height,width,channels], not %s",
                       eg_shape_words(shape));
    if (dtype != EG_U8 && dtype != EG_F32)
        return eg_fail(EG_E_DTYPE, "images are u8 or f32, not %s", eg_dtype_name(dtype));
    if (shape->dim[1] > 0 && shape->dim[2] > 0) return EG_OK;
    return eg_fail(EG_E_SHAPE, "images %s have no pixels", eg_shape_words(shape));
}

static eg_status check_side(int64_t height, int64_t width) {
    if (height >= 1 && width >= 1 && height <= MAX_SIDE && width <= MAX_SIDE) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "an image of %lld x %lld: a side has 1 to %d pixels", (long long)height,
                   (long long)width, MAX_SIDE);
}

void eg_put_element(eg_dtype dtype, void *data, int64_t i, double value) {
    if (dtype == EG_U8)
        ((unsigned char *)data)[i] = (unsigned char)floor(fmin(fmax(value, 0), 255) + .5);
    else
        ((float *)data)[i] = (float)value;
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

/* from [h,w,c] -> middle [h,w2,c] -> to [h2,w2,c], which lie one behind the other; then room for the weights of a
 * side of `from`. Returns `to`. */
static const double *resize(double *from, const extent *a, const extent *b) {
    double *middle = from + size_of(a), *to = middle + a->height * b->width * a->channels, *weight = to + size_of(b);
    resample(from, a->height, a->width, a->channels, middle, b->width, weight);
    resample(middle, 1, a->height, b->width * a->channels, to, b->height, weight);
    return to;
}

/* Numbers that resize takes. */
static size_t room_for(const extent *a, const extent *b) {
    int64_t longer = a->height > a->width ? a->height : a->width;
    return (size_t)(size_of(a) + a->height * b->width * a->channels + size_of(b) + longer);
}

/* ---- the frame of MNIST --------------------------------------------------------------------------------------- */

/* Moves what is not 0 to the front and makes that the image; one without any gets a height of 0. */
static void cut_out(double *image, extent *size) {
    int64_t row = size->width * size->channels, top = size->height, bottom = 0, left = row, right = 0;
    for (int64_t r = 0; r < size->height; r++)
        for (int64_t c = 0; c < row; c++) {
            if (image[r * row + c] == 0) continue;
            if (r < top) top = r;
            if (c < left) left = c;
            if (c > right) right = c;
            bottom = r + 1;
        }
    left /= size->channels;
    size->height = bottom > top ? bottom - top : 0;
    size->width = right / size->channels + 1 - left;
    size_t kept = (size_t)(size->width * size->channels);
    for (int64_t r = 0; r < size->height; r++)
        memmove(image + (size_t)r * kept, image + (top + r) * row + left * size->channels, kept * sizeof *image);
}

/* How far content moves along an axis of n elements, of which each stands for `inner` numbers, repeated `outer`
 * times, so that its centre of mass comes into the middle of a side. */
static int64_t to_middle(const double *image, int64_t outer, int64_t n, int64_t inner, int64_t side) {
    double mass = 0, moment = 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k < inner; k++) {
                double ink = fabs(*image++);
                mass += ink;
                moment += ink * ((double)i + .5);
            }
    return (int64_t)floor((double)side / 2 - moment / mass + .5);
}

/* The content's size when its longer side is `side`. */
static extent scaled(const extent *i, int64_t side) {
    int64_t longer = i->height > i->width ? i->height : i->width;
    extent out = *i;
    if (side == 0) return out;
    out.height = (i->height * side + longer / 2) / longer;
    out.width = (i->width * side + longer / 2) / longer;
    if (out.height < 1) out.height = 1;
    if (out.width < 1) out.width = 1;
    return out;
}

/* An image into a frame of `dtype` that starts at element `first`, moved down and across; what leaves it is lost. */
static void paste(const double *image, const extent *i, int64_t down, int64_t across, eg_dtype dtype, void *to,
                  int64_t first, const extent *frame) {
    for (int64_t r = down; r < i->height + down; r++)
        for (int64_t c = across; c < i->width + across; c++)
            for (int64_t k = 0; k < i->channels; k++, image++)
                if (r >= 0 && r < frame->height && c >= 0 && c < frame->width)
                    eg_put_element(dtype, to, first + (r * frame->width + c) * i->channels + k, *image);
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */

/* side < 0: the whole image; else its content into the middle. */
static void make_one(double *room, extent from, eg_tensor *to, int64_t first, const extent *frame, int64_t side) {
    extent fit = *frame;
    int64_t down = 0, across = 0;
    if (side >= 0) {
        cut_out(room, &from);
        if (from.height == 0) return; /* an empty image stays empty */
        fit = scaled(&from, side);
    }
    const double *image = resize(room, &from, &fit);
    if (side >= 0) {
        down = to_middle(image, 1, fit.height, fit.width * fit.channels, frame->height);
        across = to_middle(image, fit.height, fit.width, fit.channels, frame->width);
    }
    paste(image, &fit, down, across, eg_tensor_dtype(to), eg_tensor_data(to), first, frame);
}

static eg_tensor *make(const eg_tensor *from, int64_t height, int64_t width, int64_t side) {
    eg_shape shape = from ? *eg_shape_of(from) : EG_SCALAR;
    eg_dtype dtype = from ? eg_tensor_dtype(from) : EG_F32;
    if (check_images(&shape, dtype) != EG_OK || check_side(height, width) != EG_OK) return NULL;
    extent a = { shape.dim[1], shape.dim[2], shape.rank == 4 ? shape.dim[3] : 1 };
    extent frame = { height, width, a.channels }, most = side < 0 ? frame : a;
    if (side > 0) most.height = most.width = side;
    shape.dim[1] = height;
    shape.dim[2] = width;
    eg_tensor *dense = eg_tensor_copy(from, dtype), *to = eg_tensor_shaped(dtype, &shape);
    double *room = eg_alloc(room_for(&a, &most) * sizeof *room);
    for (int64_t n = 0; n < shape.dim[0] && dense && to && room; n++) {
        eg_elements(dense, n * size_of(&a), 1, size_of(&a), room);
        make_one(room, a, to, n * size_of(&frame), &frame, side);
    }
    if (!dense || !room) eg_tensor_free(to), to = NULL;
    eg_tensor_free(dense);
    eg_free(room);
    return to;
}

eg_tensor *eg_image_resize(const eg_tensor *pictures, int64_t height, int64_t width) {
    return make(pictures, height, width, -1);
}

eg_tensor *eg_image_centre(const eg_tensor *pictures, int64_t height, int64_t width, int64_t side) {
    if (side >= 0 && side <= MAX_SIDE) return make(pictures, height, width, side);
    eg_fail(EG_E_ARGUMENT, "a box of %lld pixels", (long long)side);
    return NULL;
}
