/* SPDX-License-Identifier: MIT
 *
 * png.c: libpng behind eg_png_read. Memory comes from the library's own door, reading stays inside the bytes, a damaged
 * file comes back as an error through libpng's jump. Colour profiles and gamma are not applied: pixels are as stored.
 */
#include "data/picture.h"

#ifdef EG_HAVE_PNG
#include <png.h>
#include <setjmp.h>
#endif
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

#ifdef EG_HAVE_PNG

/* zlib's technical notes: 258 bytes in 2 bits. What libpng needs beside the file: a row, zlib's window. */
enum { DEFLATE_BEST_RATIO = 1032, ROOM = 1 << 20 };

typedef struct reading {
    png_structp png;
    png_infop info;
    const unsigned char *bytes;
    size_t size, at;
    int no_memory;
    eg_tensor *out;
} reading;

/* libpng only warns of a chunk that says it is longer than the file, and makes room for it. */
static png_voidp take_memory(png_structp png, png_alloc_size_t size) {
    reading *in = png_get_mem_ptr(png);
    if (size > in->size + ROOM) return NULL;
    void *block = eg_alloc(size);
    in->no_memory |= !block;
    return block;
}

static void give_memory(png_structp png, png_voidp block) {
    (void)png;
    eg_free(block);
}

static void on_error(png_structp png, png_const_charp message) {
    const reading *in = png_get_error_ptr(png);
    if (!in->no_memory) eg_fail(EG_E_DATA, "is a damaged PNG: %s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

static void next_bytes(png_structp png, png_bytep out, size_t size) {
    reading *in = png_get_io_ptr(png);
    if (size > in->size - in->at) png_error(png, "it ends too early");
    memcpy(out, in->bytes + in->at, size);
    in->at += size;
}

/* Every kind becomes 8 bits of grey or of red, green, blue. */
static void expect_bytes(reading *in) {
    png_set_expand(in->png);
    png_set_scale_16(in->png);
    png_set_strip_alpha(in->png);
}

static eg_status read_pixels(reading *in) {
    png_set_read_fn(in->png, in, next_bytes);
    png_set_user_limits(in->png, EG_PICTURE_MAX_SIDE, EG_PICTURE_MAX_SIDE);
    png_read_info(in->png, in->info);
    size_t height = png_get_image_height(in->png, in->info), width = png_get_image_width(in->png, in->info);
    size_t packed = png_get_rowbytes(in->png, in->info);
    int passes = png_set_interlace_handling(in->png);
    expect_bytes(in);
    png_read_update_info(in->png, in->info);
    int channels = png_get_channels(in->png, in->info);
    EG_TRY(eg_picture_new((int64_t)height, (int64_t)width, channels, packed * height / DEFLATE_BEST_RATIO, in->size,
                          &in->out));
    unsigned char *pixels = eg_tensor_data(in->out);
    for (; passes > 0; passes--)
        for (size_t r = 0; r < height; r++) png_read_row(in->png, pixels + r * width * (size_t)channels, NULL);
    png_read_end(in->png, NULL);
    return EG_OK;
}

static eg_status guarded(reading *in) {
    if (setjmp(png_jmpbuf(in->png))) return in->no_memory ? EG_E_MEMORY : EG_E_DATA;
    in->info = png_create_info_struct(in->png);
    return in->info ? read_pixels(in) : EG_E_MEMORY;
}

eg_status eg_png_read(const unsigned char *bytes, size_t size, eg_tensor **out) {
    reading in = { .bytes = bytes, .size = size };
    in.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &in, on_error, on_warning, &in, take_memory, give_memory);
    if (!in.png) return in.no_memory ? EG_E_MEMORY : eg_fail(EG_E_UNAVAILABLE, "is PNG, but libpng does not start");
    eg_status status = guarded(&in);
    png_destroy_read_struct(&in.png, &in.info, NULL);
    if (status == EG_OK)
        *out = in.out;
    else
        eg_tensor_free(in.out);
    return status;
}

#else

eg_status eg_png_read(const unsigned char *bytes, size_t size, eg_tensor **out) {
    (void)bytes, (void)size, (void)out;
    return eg_fail(EG_E_UNAVAILABLE, "is PNG, but this elegans was built without libpng");
}

#endif
