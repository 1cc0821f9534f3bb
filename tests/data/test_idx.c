/* SPDX-License-Identifier: MIT
 *
 * idx: element types, packed and plain, every way in which a file can be wrong, and damage by random bits.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "data/idx.h"
#include "fault.h"
#include "idx_files.h"
#include "skipped.h"

static unsigned char bytes[1024], packed[1024];

/* Parses a copy whose end a sanitizer guards. */
static eg_status parse(const unsigned char *data, size_t size, eg_tensor **out) {
    unsigned char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    eg_status status = eg_idx_parse(copy, size, out);
    free(copy);
    return status;
}

static eg_tensor *parsed(size_t size) {
    eg_tensor *t;
    if (parse(bytes, size, &t) != EG_OK) fail_msg("%s", eg_error());
    return t;
}

static void expect_error(const unsigned char *data, size_t size, eg_status status, const char *message) {
    eg_tensor *t;
    assert_int_equal(parse(data, size, &t), status);
    assert_string_equal(eg_error(), message);
    assert_null(t);
}

static void test_bytes(void **state) {
    (void)state;
    eg_tensor *t = parsed(make_idx(bytes, 8, 3, (int[]){ 4, 2, 3 }));
    assert_true(eg_shape_equal(eg_tensor_shape(t), EG_SHAPE(4, 2, 3)));
    assert_int_equal(eg_tensor_dtype(t), EG_U8);
    assert_int_equal(((unsigned char *)eg_tensor_data(t))[23], 23);
    eg_tensor_free(t);
}

static void test_other_elements(void **state) {
    (void)state;
    static const struct {
        unsigned char code, size, element[8];
        eg_dtype dtype;
        double value;
    } cases[] = {
        { 0x09, 1, { 0xFE }, EG_I32, -2 },
        { 0x0B, 2, { 0xFF, 0x38 }, EG_I32, -200 },
        { 0x0C, 4, { 0, 1, 0, 2 }, EG_I32, 65538 },
        { 0x0D, 4, { 0xC0, 0x20, 0, 0 }, EG_F32, -2.5 },
        { 0x0E, 8, { 0x3F, 0xF8, 0, 0, 0, 0, 0, 0 }, EG_F64, 1.5 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(bytes, (unsigned char[]){ 0, 0, cases[i].code, 1, 0, 0, 0, 3 }, 8);
        for (int k = 0; k < 3; k++) memcpy(bytes + 8 + k * cases[i].size, cases[i].element, cases[i].size);
        eg_tensor *t = parsed(8u + 3u * cases[i].size);
        assert_int_equal(eg_tensor_dtype(t), cases[i].dtype);
        for (int64_t k = 0; k < 3; k++) assert_true(eg_tensor_get(t, &k) == cases[i].value);
        eg_tensor_free(t);
    }
}

static void test_empty(void **state) {
    (void)state;
    eg_tensor *t = parsed(make_idx(bytes, 8, 2, (int[]){ 0, 3 }));
    assert_true(eg_shape_equal(eg_tensor_shape(t), EG_SHAPE(0, 3)));
    eg_tensor_free(t);
}

static void test_errors(void **state) {
    (void)state;
    size_t size = make_idx(bytes, 8, 3, (int[]){ 4, 2, 3 });
    expect_error(bytes, 3, EG_E_DATA, "is truncated: 3 bytes, an IDX header has at least 4");
    expect_error(bytes, 15, EG_E_DATA, "is truncated: 15 bytes, its header alone has 16");
    expect_error(bytes, size - 1, EG_E_DATA,
                 "is truncated: 39 bytes, but [4,2,3] elements of 1 byte after a header of 16 are 40");
    expect_error(bytes, size + 2, EG_E_DATA,
                 "has bytes left over: 42 bytes, but [4,2,3] elements of 1 byte after a header of 16 are 40");
    bytes[2] = 7;
    expect_error(bytes, size, EG_E_DATA, "byte 2: 0x07 is no IDX element type");
    bytes[2] = 8, bytes[3] = 9;
    expect_error(bytes, size, EG_E_DATA, "byte 3: rank 9, from 1 to 8 can be read");
    bytes[3] = 0;
    expect_error(bytes, size, EG_E_DATA, "byte 3: rank 0, from 1 to 8 can be read");
    bytes[3] = 3, bytes[0] = 'P', bytes[1] = 'K';
    expect_error(bytes, size, EG_E_DATA, "is not an IDX file: it starts with 50 4b, not 00 00");
    make_idx(bytes, 8, 3, (int[]){ 4, 2, 3 });
    memset(bytes + 4, 0xFF, 12);
    expect_error(
        bytes, size, EG_E_DATA,
        "byte 4: an array of [4294967295,4294967295,4294967295] elements, above the limit of 2147483648 bytes");
}

static void test_packed(void **state) {
    (void)state;
    size_t size = make_idx(bytes, 8, 3, (int[]){ 4, 2, 3 });
    size_t n = pack(bytes, size, packed, sizeof packed);
    if (n == 0) SKIP("no gzip");
    eg_tensor *t;
    if (parse(packed, n, &t) == EG_E_UNAVAILABLE) SKIP("built without zlib");
    assert_non_null(t);
    assert_int_equal(((unsigned char *)eg_tensor_data(t))[23], 23);
    eg_tensor_free(t);

    for (size_t cut = 2; cut < n; cut++) {
        assert_int_equal(parse(packed, cut, &t), EG_E_DATA);
        assert_non_null(strstr(eg_error(), "truncated"));
    }
    packed[n] = 0;
    expect_error(packed, n + 1, EG_E_DATA, "has 1 bytes left over after the gzip stream");
    packed[n - 8] ^= 1;
    expect_error(packed, n, EG_E_DATA, "is damaged: gzip: incorrect data check");
    n = pack(bytes, size - 1, packed, sizeof packed);
    expect_error(packed, n, EG_E_DATA,
                 "is truncated: 39 bytes, but [4,2,3] elements of 1 byte after a header of 16 are 40");
    n = pack(bytes, size + 1, packed, sizeof packed);
    expect_error(packed, n, EG_E_DATA,
                 "has bytes left over: 41 bytes, but [4,2,3] elements of 1 byte after a header of 16 are 40");
    memset(bytes + 5, 0x7F, 3); /* 8 million rows promised by a file of 60 bytes: refused before any allocation */
    n = pack(bytes, size, packed, sizeof packed);
    size_t before = eg_memory().peak_bytes;
    assert_int_equal(parse(packed, n, &t), EG_E_DATA);
    assert_true(eg_memory().peak_bytes < before + 1000000);
}

/* Bits of a packed file: zlib's sum catches what its structure does not. */
static void test_damage(void **state) {
    (void)state;
    size_t size = make_idx(bytes, 8, 2, (int[]){ 16, 3 });
    size_t n = pack(bytes, size, packed, sizeof packed);
    unsigned char *files[] = { bytes, packed };
    size_t sizes[] = { size, n };
    eg_rng rng = eg_rng_new(2, 2);
    for (int round = 0; round < 4000; round++) {
        unsigned char copy[1024];
        int which = round % 2;
        if (sizes[which] == 0) continue;
        memcpy(copy, files[which], sizes[which]);
        for (int i = (int)eg_rng_below(&rng, 4); i >= 0; i--)
            copy[eg_rng_below(&rng, sizes[which])] ^= (unsigned char)(1 << eg_rng_below(&rng, 8));
        eg_tensor *t;
        eg_status status = parse(copy, sizes[which], &t);
        assert_true(status == EG_OK || status == EG_E_DATA || status == EG_E_UNAVAILABLE);
        if (status == EG_OK) {
            if (which == 1) assert_memory_equal(eg_tensor_data(t), bytes + 12, 48);
            assert_true((size_t)eg_tensor_size(t) <= size);
        }
        eg_tensor_free(t);
    }
}

static void test_file(void **state) {
    (void)state;
    eg_tensor *t;
    char message[500];
    const char *path = put_images("some-images-idx3-ubyte", 4);
    assert_int_equal(eg_idx_read(path, &t), EG_OK);
    eg_tensor_free(t);
    path = put_file("short", "\0\0\x08\x01\0\0\0\x05xyz", 11);
    assert_int_equal(eg_idx_read(path, &t), EG_E_DATA);
    snprintf(message, sizeof message,
             "%s: is truncated: 11 bytes, but [5] elements of 1 byte after a header of 8 are 13", path);
    assert_string_equal(eg_error(), message);
    assert_int_equal(eg_idx_read(in_folder("none"), &t), EG_E_MISSING);
}

static eg_status read_once(void *path) {
    eg_tensor *t;
    eg_status status = eg_idx_read(path, &t);
    eg_tensor_free(t);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    char path[400];
    size_t size = make_idx(bytes, 9, 2, (int[]){ 16, 3 });
    strcpy(path, put_file("plain", bytes, size));
    assert_true(fault_loop(read_once, path) >= 2);
    size_t n = pack(bytes, size, packed, sizeof packed);
    if (n == 0) return;
    strcpy(path, put_file("packed.gz", packed, n));
    if (read_once(path) != EG_E_UNAVAILABLE) assert_true(fault_loop(read_once, path) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),  cmocka_unit_test(test_other_elements), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_packed),         cmocka_unit_test(test_damage),
        cmocka_unit_test(test_file),   cmocka_unit_test(test_faults),
    };
    return with_skipped(cmocka_run_group_tests(tests, make_folder, remove_folder));
}
