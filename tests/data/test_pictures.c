/* SPDX-License-Identifier: MIT
 *
 * pictures: every kind of PNG and JPEG becomes grey or colour bytes; damage is an error with the file's name; folders become
 * classes, parts and names of rows.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <elegans/data.h>
#include "base/rng.h"
#include "data/picture.h"
#include "fault.h"
#include "folder.h"
#include "picture_files.h"
#include "skipped.h"

static const unsigned char mean[4] = { 200, 128, 128, 128 };

/* A copy whose end a sanitizer guards; NULL with the error set. */
static eg_tensor *read_picture(const unsigned char *data, size_t size) {
    unsigned char *copy = malloc(size + !size);
    memcpy(copy, data, size);
    eg_tensor *t = NULL;
    eg_error_clear();
    eg_status status = eg_picture_read(copy, size, &t);
    assert_true((status == EG_OK) == (t != NULL));
    free(copy);
    return t;
}

static void need(bytes file) {
    eg_tensor *t = read_picture(file.data, file.size);
    if (!t && eg_error_status() == EG_E_UNAVAILABLE) {
        assert_non_null(strstr(eg_error(), "this elegans was built without lib"));
        SKIP("built without the library");
    }
    if (!t) fail_msg("%s", eg_error());
    eg_tensor_free(t);
}

static void need_png(void) { need(make_flat_png(1, 1, 1, 0)); }
static void need_jpeg(void) { need(make_jpeg(8, 8, 1, mean)); }

static void expect_pixels(bytes file, eg_shape shape, const unsigned char *pixels) {
    eg_tensor *t = read_picture(file.data, file.size);
    if (!t) fail_msg("%s", eg_error());
    assert_int_equal(eg_tensor_dtype(t), EG_U8);
    assert_true(eg_shape_equal(eg_tensor_shape(t), shape));
    assert_memory_equal(eg_tensor_data(t), pixels, (size_t)eg_tensor_size(t));
    eg_tensor_free(t);
}

static void expect_refused(bytes file, eg_status status, const char *words) {
    assert_null(read_picture(file.data, file.size));
    if (eg_error_status() != status || !strstr(eg_error(), words))
        fail_msg("%s: %s", eg_status_name(eg_error_status()), eg_error());
}

/* ---- PNG ------------------------------------------------------------------------------------------------------- */

static void test_png_kinds(void **state) {
    (void)state;
    need_png();
    static const struct {
        int kind, bits, interlaced, channels;
        unsigned char rows[32];
        size_t size;
        unsigned char pixels[16];
    } cases[] = { /* 2 x 2 */
        { GREY, 8, 0, 1, { 0, 10, 20, 0, 30, 40 }, 6, { 10, 20, 30, 40 } },
        { GREY, 8, 0, 1, { 1, 10, 20, 2, 30, 40 }, 6, { 10, 30, 40, 70 } }, /* filters: to the left, above */
        { GREY, 1, 0, 1, { 0, 0x40, 0, 0x80 }, 4, { 0, 255, 255, 0 } },
        { GREY, 2, 0, 1, { 0, 0x10, 0, 0xB0 }, 4, { 0, 85, 170, 255 } },
        { GREY, 16, 0, 1, { 0, 1, 0, 2, 0, 0, 0x80, 0x7F, 0x80, 0xFF }, 10, { 1, 2, 128, 128 } },
        { GREY_ALPHA, 8, 0, 1, { 0, 10, 0, 20, 9, 0, 30, 0, 40, 9 }, 10, { 10, 20, 30, 40 } },
        { RGB, 8, 0, 3, { 0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12 }, 14, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } },
        { RGBA, 8, 0, 3, { 0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 7, 8, 9, 99, 10, 11, 12, 0 }, 18,
          { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } },
        { PALETTE, 1, 0, 3, { 0, 0x40, 0, 0x80 }, 4, { 1, 2, 3, 40, 50, 60, 40, 50, 60, 1, 2, 3 } },
        { PALETTE, 8, 0, 3, { 0, 0, 1, 0, 1, 0 }, 6, { 1, 2, 3, 40, 50, 60, 40, 50, 60, 1, 2, 3 } },
        { GREY, 8, 1, 1, { 0, 10, 0, 20, 0, 30, 40 }, 7, { 10, 20, 30, 40 } }, /* passes 1, 6 and 7 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_pixels(make_png(2, 2, cases[i].kind, cases[i].bits, cases[i].interlaced, cases[i].rows, cases[i].size),
                      EG_SHAPE(1, 2, 2, cases[i].channels), cases[i].pixels);
}

static void test_png_damage(void **state) {
    (void)state;
    need_png();
    bytes file = make_flat_png(3, 3, 3, 7);
    for (size_t cut = 8; cut < file.size; cut++) {
        bytes part = file;
        part.size = cut;
        expect_refused(part, EG_E_DATA, "is a damaged PNG: it ends too early");
    }
    for (size_t cut = 0; cut < 3; cut++) expect_refused((bytes){ .size = cut }, EG_E_DATA, "is no image");
    bytes changed = file;
    changed.data[50] ^= 1; /* in the pixels: a sum tells */
    expect_refused(changed, EG_E_DATA, "is a damaged PNG: IDAT: incorrect data check");
    unsigned char rows[4] = { 0, 1, 0, 2 };
    expect_refused(make_png(2, 2, GREY, 8, 0, rows, 4), EG_E_DATA, "is a damaged PNG: Not enough image data");
    expect_refused(make_png(0, 2, GREY, 8, 0, rows, 4), EG_E_DATA, "is a damaged PNG");
}

/* What a header promises and the file cannot hold, or nobody wants, is refused before there is room for it. */
static void test_png_promises(void **state) {
    (void)state;
    need_png();
    unsigned char rows[4] = { 0, 1, 0, 2 };
    size_t before = eg_memory().peak_bytes;
    expect_refused(make_png(8000, 8000, GREY, 8, 0, rows, 4), EG_E_DATA, "cannot hold 8000 x 8000 pixels");
    expect_refused(make_png(30000, 30000, GREY, 1, 0, rows, 4), EG_E_LIMIT, "has 30000 x 30000 pixels: at most 32768");
    expect_refused(make_png(1, 40000, GREY, 8, 0, rows, 4), EG_E_DATA, "is a damaged PNG");
    expect_refused(make_png(0x7FFFFFFF, 0x7FFFFFFF, RGBA, 16, 0, rows, 4), EG_E_DATA, "is a damaged PNG");
    bytes text = make_flat_png(2, 2, 1, 0);
    memcpy(text.data + 33, "\x7E\0\0\0zTXt", 8); /* behind IHDR: a chunk of 2 GB */
    expect_refused(text, EG_E_DATA, "is a damaged PNG");
    assert_true(eg_memory().peak_bytes < before + 2000000);
}

/* ---- JPEG ------------------------------------------------------------------------------------------------------ */

static void test_jpeg(void **state) {
    (void)state;
    need_jpeg();
    unsigned char pixels[9 * 17 * 3];
    memset(pixels, 200, sizeof pixels);
    expect_pixels(make_jpeg(9, 17, 1, mean), EG_SHAPE(1, 9, 17, 1), pixels);
    expect_pixels(make_jpeg(9, 17, 3, mean), EG_SHAPE(1, 9, 17, 3), pixels);
    static const unsigned char red[3] = { 100, 128, 178 }; /* R = Y + 1.402 (Cr - 128), G = Y - .714 (Cr - 128), B = Y */
    for (int i = 0; i < 17; i++) memcpy(pixels + 3 * i, (unsigned char[]){ 170, 64, 100 }, 3);
    expect_pixels(make_jpeg(1, 17, 3, red), EG_SHAPE(1, 1, 17, 3), pixels);
}

static void test_jpeg_damage(void **state) {
    (void)state;
    need_jpeg();
    bytes file = make_jpeg(16, 16, 3, mean);
    for (size_t cut = 3; cut < file.size - 2; cut++) {
        bytes part = file;
        part.size = cut;
        expect_refused(part, EG_E_DATA, "is a damaged JPEG: ");
    }
    expect_refused(make_jpeg(8, 8, 4, mean), EG_E_UNSUPPORTED, "is a JPEG of 4 components (CMYK)");
    bytes large = make_jpeg(8, 8, 1, mean);
    for (size_t i = 0; i + 9 < large.size; i++)
        if (memcmp(large.data + i, "\xFF\xC0", 2) == 0) memset(large.data + i + 5, 0x1F, 4);
    expect_refused(large, EG_E_DATA, "cannot hold 7967 x 7967 pixels");
    for (size_t i = 0; i + 9 < large.size; i++)
        if (memcmp(large.data + i, "\xFF\xC0", 2) == 0) memset(large.data + i + 5, 0xFF, 4);
    assert_null(read_picture(large.data, large.size));
    expect_refused(large, EG_E_DATA, "is a damaged JPEG: Maximum supported image dimension");
}

/* Whatever bits change: a picture or an error with words. */
static void test_bits(void **state) {
    (void)state;
    bytes files[] = { make_flat_png(5, 4, 3, 9), make_jpeg(16, 9, 3, mean) };
    eg_rng rng = eg_rng_new(3, 3);
    for (int round = 0; round < 4000; round++) {
        bytes file = files[round % 2];
        for (int i = (int)eg_rng_below(&rng, 4); i >= 0; i--)
            file.data[eg_rng_below(&rng, file.size)] ^= (unsigned char)(1 << eg_rng_below(&rng, 8));
        eg_tensor *t = read_picture(file.data, file.size);
        assert_true(t || eg_error()[0] != '\0');
        eg_tensor_free(t);
    }
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

static void make_folder_in(const char *name) { assert_int_equal(mkdir(in_folder(name), 0777), 0); }
static void put_bytes(const char *name, bytes file) { put_file(name, file.data, file.size); }

/* pets/{train/{a cat,dog},test/dog}: flat pictures of known values. */
static void put_pets(void) {
    static const char *const folders[] = { "pets",           "pets/train", "pets/train/dog", "pets/train/a cat",
                                           "pets/test",      "pets/test/dog" };
    if (eg_data_has_part(in_folder("pets"), "train")) return;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) make_folder_in(folders[i]);
    put_bytes("pets/train/dog/10.png", make_flat_png(4, 6, 1, 10));
    put_bytes("pets/train/dog/9.png", make_flat_png(4, 6, 1, 9));
    put_bytes("pets/train/dog/.hidden", (bytes){ .size = 3 });
    put_bytes("pets/train/a cat/x.png", make_flat_png(4, 6, 1, 7));
    put_bytes("pets/test/dog/1.png", make_flat_png(4, 6, 1, 100));
    put_file("pets/train/LICENCE", "free", 4);
}

static int first_pixel(const eg_data *data, int64_t row) {
    int64_t size = eg_shape_size(eg_data_sample_shape(data));
    return ((unsigned char *)eg_tensor_data(eg_data_x(data)))[row * size];
}
static int32_t label(const eg_data *data, int row) { return ((int32_t *)eg_tensor_data(eg_data_y(data)))[row]; }

static void expect_error(eg_data *data, eg_status status, const char *words) {
    if (eg_data_status(data) != status || !strstr(eg_data_error(data), words))
        fail_msg("%s: %s", eg_status_name(eg_data_status(data)), eg_data_error(data));
    eg_data_free(data);
}

static void test_classes(void **state) {
    (void)state;
    need_png();
    put_pets();
    eg_data *data = eg_data_open(in_folder("pets"), NULL);
    assert_string_equal(eg_data_error(data), "");
    assert_int_equal(eg_data_rows(data), 3);
    assert_true(eg_shape_equal(eg_data_sample_shape(data), EG_SHAPE(4, 6, 1)));
    assert_int_equal(eg_data_classes(data), 2);
    assert_string_equal(eg_data_class_name(data, 0), "a cat");
    assert_int_equal(label(data, 0), 0);
    assert_int_equal(label(data, 1), 1);
    assert_string_equal(eg_data_row_name(data, 1), "dog/10.png");
    assert_int_equal(first_pixel(data, 1), 10);
    assert_null(eg_data_row_name(data, 3));
    assert_non_null(strstr(eg_data_source(data), "pets (3 images, samples of [4,6,1])"));
    eg_data *some = eg_data_take(data, (int64_t[]){ 2, 0 }, 2), *last = eg_data_range(data, 2, 3);
    assert_string_equal(eg_data_row_name(some, 0), "dog/9.png");
    assert_string_equal(eg_data_row_name(some, 1), "a cat/x.png");
    assert_string_equal(eg_data_row_name(last, 0), "dog/9.png");
    eg_data_free(some);
    eg_data_free(last);
    eg_data_free(data);
}

static void test_parts(void **state) {
    (void)state;
    need_png();
    put_pets();
    assert_true(eg_data_has_part(in_folder("pets"), "test"));
    assert_false(eg_data_has_part(in_folder("pets/train"), "test"));
    eg_data *data = eg_data_open(in_folder("pets"), "test");
    assert_string_equal(eg_data_error(data), "");
    assert_int_equal(eg_data_classes(data), 2); /* those of the training part */
    assert_int_equal(label(data, 0), 1);
    assert_int_equal(first_pixel(data, 0), 100);
    eg_data_free(data);
    expect_error(eg_data_open(in_folder("pets/train"), "test"), EG_E_MISSING, "pets/train: has no part \"test\"");
    /* A model's own classes; none of them; no targets; no folders. */
    const char *const classes[] = { "dog", "cow", "a cat" };
    data = eg_data_open(in_folder("pets"), NULL, .classes = classes, .n_classes = 3);
    assert_int_equal(label(data, 0), 2);
    assert_int_equal(label(data, 1), 0);
    eg_data_free(data);
    expect_error(eg_data_open(in_folder("pets"), NULL, .classes = classes, .n_classes = 2), EG_E_DATA,
                 "pets/train: the folder 'a cat' is none of the 2 classes (dog, ...)");
    data = eg_data_open(in_folder("pets"), NULL, .target = "-");
    assert_null(eg_data_y(data));
    eg_data_free(data);
    data = eg_data_open(in_folder("pets/train/dog"), NULL);
    assert_null(eg_data_y(data));
    assert_int_equal(eg_data_rows(data), 2);
    assert_string_equal(eg_data_row_name(data, 1), "9.png");
    eg_data_free(data);
    expect_error(eg_data_open(in_folder("pets/test"), NULL), EG_E_DATA, "pets/test: holds the folder of one class, 'dog'");
}

static void test_one(void **state) {
    (void)state;
    need_png();
    const char *path = put_file("one.png", make_flat_png(2, 3, 3, 8).data, make_flat_png(2, 3, 3, 8).size);
    eg_data *data = eg_data_open(path, NULL);
    assert_true(eg_shape_equal(eg_tensor_shape(eg_data_x(data)), EG_SHAPE(1, 2, 3, 3)));
    assert_string_equal(eg_data_row_name(data, 0), path);
    assert_null(eg_data_y(data));
    eg_data_free(data);
}

/* Grey is .299 R + .587 G + .114 B, colour of grey three times the same, sizes go through eg_image_resize. */
static void test_sizes(void **state) {
    (void)state;
    need_png();
    bytes file = make_png(1, 2, RGB, 8, 0, (unsigned char[]){ 0, 255, 0, 0, 10, 200, 30 }, 7);
    const char *path = put_file("colours.png", file.data, file.size);
    eg_data *data = eg_data_open(path, NULL, .image_size = EG_SHAPE(1, 2, 1));
    assert_memory_equal(eg_tensor_data(eg_data_x(data)), ((unsigned char[]){ 76, 124 }), 2);
    eg_data_free(data);
    data = eg_data_open(path, NULL, .image_size = EG_SHAPE(3, 5));
    eg_tensor *as_is = NULL;
    assert_int_equal(eg_picture_read(file.data, file.size, &as_is), EG_OK);
    eg_tensor *resized = eg_image_resize(as_is, 3, 5);
    assert_true(eg_shape_equal(eg_data_sample_shape(data), EG_SHAPE(3, 5, 3)));
    assert_memory_equal(eg_tensor_data(eg_data_x(data)), eg_tensor_data(resized), 45);
    eg_tensor_free(as_is);
    eg_tensor_free(resized);
    eg_data_free(data);
    bytes grey = make_flat_png(1, 2, 1, 77);
    put_file("grey.png", grey.data, grey.size);
    data = eg_data_open(in_folder("grey.png"), NULL, .image_size = EG_SHAPE(1, 2, 3));
    assert_memory_equal(eg_tensor_data(eg_data_x(data)), "MMMMMM", 6);
    eg_data_free(data);
    expect_error(eg_data_open(path, NULL, .image_size = EG_SHAPE(1, 2, 2)), EG_E_ARGUMENT, "[1,2,2] is no size of images");
    expect_error(eg_data_open(path, NULL, .image_size = EG_SHAPE(0, 2)), EG_E_ARGUMENT, "[0,2] is no size of images");
}

static void test_mixed(void **state) {
    (void)state;
    need_png();
    make_folder_in("mixed");
    put_bytes("mixed/a.png", make_flat_png(4, 6, 1, 10));
    put_bytes("mixed/b.png", make_flat_png(4, 6, 3, 20));
    expect_error(eg_data_open(in_folder("mixed"), NULL), EG_E_DATA,
                 "mixed/b.png: is 4x6x3 (height, width, channels), but a.png is 4x6x1: say one size for all (--size 4x6x3)");
    eg_data *data = eg_data_open(in_folder("mixed"), NULL, .image_size = EG_SHAPE(4, 6, 3));
    assert_true(eg_shape_equal(eg_data_sample_shape(data), EG_SHAPE(4, 6, 3)));
    eg_data_free(data);
    put_bytes("mixed/b.png", make_flat_png(3, 6, 1, 20));
    expect_error(eg_data_open(in_folder("mixed"), NULL), EG_E_DATA, "b.png: is 3x6x1");
    put_file("mixed/b.png", "GIF89a", 6);
    expect_error(eg_data_open(in_folder("mixed"), NULL), EG_E_DATA, "mixed/b.png: is no image: PNG and JPEG can be read");
}

static void test_other_folders(void **state) {
    (void)state;
    make_folder_in("empty");
    expect_error(eg_data_open(in_folder("empty"), NULL), EG_E_MISSING, "empty: holds neither IDX files");
    make_folder_in("stray");
    make_folder_in("stray/a");
    make_folder_in("stray/b");
    expect_error(eg_data_open(in_folder("stray"), NULL), EG_E_DATA, "stray/a: holds no images");
    put_file("stray/c.JPG", "", 0);
    expect_error(eg_data_open(in_folder("stray"), NULL), EG_E_DATA, "stray: the image 'c.JPG' lies beside the folders");
}

/* ---- no memory ------------------------------------------------------------------------------------------------- */

static eg_status open_once(void *path) {
    eg_data *data = eg_data_open(path, NULL, .image_size = EG_SHAPE(2, 2, 3));
    eg_status status = eg_data_status(data);
    if (!data) eg_fail(EG_E_MEMORY, "no data set");
    eg_data_free(data);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    need_png();
    put_pets();
    char path[400];
    strcpy(path, in_folder("pets"));
    assert_true(fault_loop(open_once, path) >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_kinds), cmocka_unit_test(test_png_damage),  cmocka_unit_test(test_png_promises),
        cmocka_unit_test(test_jpeg),      cmocka_unit_test(test_jpeg_damage), cmocka_unit_test(test_bits),
        cmocka_unit_test(test_classes),   cmocka_unit_test(test_parts),       cmocka_unit_test(test_one),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_mixed),       cmocka_unit_test(test_other_folders),
        cmocka_unit_test(test_faults),
    };
    return with_skipped(cmocka_run_group_tests(tests, make_folder, remove_folder));
}
