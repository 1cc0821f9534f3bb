/* SPDX-License-Identifier: MIT
 *
 * safetensors: round trips to the bit, the exact bytes that are written, every rule of the format broken once, random
 * damage, atomic replacement, failed allocations.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/rng.h"
#include "fault.h"
#include "folder.h"
#include "formats/safetensors.h"

static eg_tensor *numbers(eg_dtype dtype, eg_shape shape) {
    eg_tensor *t = eg_tensor_new(dtype, shape);
    unsigned char *bytes = t ? eg_tensor_data(t) : NULL;
    for (size_t i = 0; t && i < (size_t)eg_tensor_size(t) * eg_dtype_size(dtype); i++)
        bytes[i] = (unsigned char)(37 * i + 1);
    return t;
}

/* ---- writing and reading back ---------------------------------------------------------------------------------- */

static void test_round_trip(void **state) {
    (void)state;
    static const eg_dtype dtypes[] = { EG_U8, EG_F32, EG_I32, EG_F64, EG_F32, EG_F32 };
    static const char *const names[] = { "bytes", "dense_1/kernel", "labels", "exact", "scalar", "empty" };
    const eg_shape shapes[] = { EG_SHAPE(3, 5),    EG_SHAPE(4, 2), EG_SHAPE(7),
                                EG_SHAPE(2, 1, 2), EG_SCALAR,      EG_SHAPE(0, 3) };
    eg_safetensors_item items[6];
    for (int i = 0; i < 6; i++) items[i] = (eg_safetensors_item){ names[i], numbers(dtypes[i], shapes[i]) };
    const eg_safetensors_string strings[] = { { "elegans", "{\"layers\":[]}" }, { "note", "\"quoted\" \xC3\xA9\n" } };
    char path[400];
    strcpy(path, in_folder("model.safetensors"));
    assert_int_equal(eg_safetensors_write(path, items, 6, strings, 2), EG_OK);

    eg_safetensors *file;
    assert_int_equal(eg_safetensors_read(path, &file), EG_OK);
    assert_int_equal(eg_safetensors_count(file), 6);
    for (int i = 0; i < 6; i++) {
        const eg_safetensors_entry *entry = eg_safetensors_find(file, names[i]);
        eg_tensor *t;
        assert_non_null(entry);
        assert_int_equal(entry->begin % eg_dtype_size(dtypes[i]), 0);
        assert_int_equal(eg_safetensors_tensor(file, entry, &t), EG_OK);
        assert_int_equal(eg_tensor_dtype(t), dtypes[i]);
        assert_true(eg_shape_equal(eg_tensor_shape(t), shapes[i]));
        size_t size = (size_t)eg_tensor_size(t) * eg_dtype_size(dtypes[i]);
        if (size > 0) assert_memory_equal(eg_tensor_data(t), eg_tensor_data(items[i].tensor), size);
        eg_tensor_free(t);
    }
    assert_null(eg_safetensors_find(file, "none"));
    assert_string_equal(eg_safetensors_metadata(file, "note"), strings[1].value);
    assert_null(eg_safetensors_metadata(file, "none"));
    assert_non_null(eg_safetensors_metadata(file, "elegans"));
    eg_safetensors_free(file);
    for (int i = 0; i < 6; i++) eg_tensor_free((eg_tensor *)(uintptr_t)items[i].tensor);
}

/* The header by falling element size, then name; padded to 8 with spaces; the same bytes for any order of the items.
 */
static void test_canonical_bytes(void **state) {
    (void)state;
    static const char header[] = "{\"d\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]},"
                                 "\"b\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[16,20]},"
                                 "\"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[20,21]}}";
    eg_tensor *a = numbers(EG_F32, EG_SHAPE(1, 2)), *b = numbers(EG_I32, EG_SHAPE(1));
    eg_tensor *c = numbers(EG_U8, EG_SHAPE(1)), *d = numbers(EG_F64, EG_SCALAR);
    eg_safetensors_item orders[2][4] = { { { "a", a }, { "b", b }, { "c", c }, { "d", d } },
                                         { { "c", c }, { "d", d }, { "b", b }, { "a", a } } };
    for (int i = 0; i < 2; i++) {
        char path[400];
        eg_bytes bytes;
        strcpy(path, in_folder("canonical.safetensors"));
        assert_int_equal(eg_safetensors_write(path, orders[i], 4, NULL, 0), EG_OK);
        assert_int_equal(eg_file_read(path, 0, &bytes), EG_OK);
        size_t padded = (sizeof header - 1 + 7) / 8 * 8;
        assert_int_equal(bytes.size, 8 + padded + 21);
        assert_int_equal(bytes.data[0] + 256 * bytes.data[1], padded);
        assert_memory_equal(bytes.data + 8, header, sizeof header - 1);
        for (size_t k = sizeof header - 1; k < padded; k++) assert_int_equal(bytes.data[8 + k], ' ');
        assert_memory_equal(bytes.data + 8 + padded + 8, eg_tensor_data(a), 8);
        eg_bytes_free(&bytes);
    }
    eg_tensor_free(a);
    eg_tensor_free(b);
    eg_tensor_free(c);
    eg_tensor_free(d);
}

static void test_views_and_nothing(void **state) {
    (void)state;
    eg_tensor *t = eg_tensor_from(EG_F32, EG_SHAPE(2, 3), (float[]){ 1, 2, 3, 4, 5, 6 }), *back;
    eg_tensor *turned = eg_tensor_permute(t, (int[]){ 1, 0 });
    char path[400];
    eg_safetensors *file;
    strcpy(path, in_folder("view.safetensors"));
    assert_int_equal(eg_safetensors_write(path, &(eg_safetensors_item){ "t", turned }, 1, NULL, 0), EG_OK);
    assert_int_equal(eg_safetensors_read(path, &file), EG_OK);
    assert_int_equal(eg_safetensors_tensor(file, eg_safetensors_at(file, 0), &back), EG_OK);
    assert_memory_equal(eg_tensor_data(back), ((float[]){ 1, 4, 2, 5, 3, 6 }), 24);
    eg_safetensors_free(file);
    eg_tensor_free(back);
    eg_tensor_free(turned);
    assert_int_equal(eg_safetensors_write(path, NULL, 0, NULL, 0), EG_OK);
    assert_int_equal(eg_safetensors_read(path, &file), EG_OK);
    assert_int_equal(eg_safetensors_count(file), 0);
    eg_safetensors_free(file);
    eg_safetensors_free(NULL);
    eg_tensor_free(t);
}

static void test_refused_and_kept(void **state) {
    (void)state;
    eg_tensor *t = numbers(EG_F32, EG_SHAPE(2));
    const eg_safetensors_item twice[] = { { "w", t }, { "w", t } };
    char path[400];
    eg_bytes bytes;
    struct stat st;
    strcpy(path, put_file("kept.safetensors", "old", 3));
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(eg_safetensors_write(path, twice, 2, NULL, 0), EG_E_DATA);
    assert_non_null(strstr(eg_error(), "the key \"w\" appears twice"));
    assert_int_equal(eg_file_read(path, 0, &bytes), EG_OK);
    assert_string_equal((char *)bytes.data, "old");
    eg_bytes_free(&bytes);
    assert_int_equal(eg_safetensors_write(path, twice, 1, NULL, 0), EG_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(eg_safetensors_write("/nowhere/at/all.safetensors", twice, 1, NULL, 0), EG_E_WRITE);
    eg_tensor_free(t);
}

/* ---- hostile files --------------------------------------------------------------------------------------------- */

static unsigned char made[4096];

/* length, header, then `data` zero bytes. */
static size_t make(const char *header, size_t data) {
    size_t n = strlen(header);
    memset(made, 0, sizeof made);
    for (int i = 0; i < 8; i++) made[i] = (unsigned char)((uint64_t)n >> (8 * i));
    memcpy(made + 8, header, n);
    return 8 + n + data;
}

/* Parses a copy whose end a sanitizer guards, and reads all that can be read. */
static eg_status parse(const unsigned char *bytes, size_t size) {
    unsigned char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    eg_safetensors *file;
    eg_status status = eg_safetensors_parse(copy, size, &file);
    for (int i = 0; status == EG_OK && i < eg_safetensors_count(file); i++) {
        eg_tensor *t;
        status = eg_safetensors_tensor(file, eg_safetensors_at(file, i), &t);
        eg_tensor_free(t);
        if (status == EG_E_UNSUPPORTED) status = EG_OK;
    }
    eg_safetensors_free(file);
    free(copy);
    return status;
}

#define ENTRY(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_good_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data;
    } cases[] = {
        { "{}", 0 },
        { "{}      ", 0 },
        { "{\"__metadata__\":{}}", 0 },
        { "{\"w\":" ENTRY("F32", "[2]", "[0,8]") "}", 8 },
        { "{\"w\":{\"shape\":[2],\"data_offsets\":[0,8],\"dtype\":\"F32\"}}", 8 },
        { "{\"b\":" ENTRY("U8", "[3]", "[8,11]") ",\"a\":" ENTRY("F64", "[]", "[0,8]") "}", 11 },
        { "{\"e\":" ENTRY("F32", "[0,9]", "[4,4]") ",\"a\":" ENTRY("I32", "[1,1]", "[0,4]") "}", 4 },
        { "{\"h\":" ENTRY("F16", "[3]", "[0,6]") ",\"q\":" ENTRY("F4", "[4]", "[6,8]") "}", 8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (parse(made, make(cases[i].header, cases[i].data)) != EG_OK)
            fail_msg("%s: %s", cases[i].header, eg_error());
}

static void test_bad_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *message;
    } cases[] = {
        { "", 0, "is not a safetensors file: no header starts at byte 8" },
        { " {}", 0, "is not a safetensors file: no header starts at byte 8" },
        { "[]", 0, "is not a safetensors file: no header starts at byte 8" },
        { "{} x", 0, "header: json: line 1, column 4: " },
        { "{\"w\":", 0, "header: json: line 1, column 6: the text ends too early" },
        { "{\"w\":" ENTRY("F32", "[1]", "[0,4]") ",\"w\":" ENTRY("F32", "[1]", "[4,8]") "}", 8, "appears twice" },
        { "{\"w\":3}", 0, "header: \"w\": is not { dtype, shape, data_offsets }" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "header: \"w\": is not { dtype, shape, data_offsets }" },
        { "{\"w\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "header: \"w\": dtype is not a string" },
        { "{\"w\":{\"type\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is not a string" },
        { "{\"w\":" ENTRY("F33", "[1]", "[0,4]") "}", 4, "header: \"w\": unknown dtype \"F33\"" },
        { "{\"w\":" ENTRY("F32", "1", "[0,4]") "}", 4, "header: \"w\": shape is not a list" },
        { "{\"w\":" ENTRY("F32", "[-1]", "[0,4]") "}", 4, "header: \"w\": shape holds something else than sizes" },
        { "{\"w\":" ENTRY("F32", "[1.0]", "[0,4]") "}", 4, "header: \"w\": shape holds something else than sizes" },
        { "{\"w\":" ENTRY("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4,
          "header: \"w\": rank 9, at most 8 can be read" },
        { "{\"w\":" ENTRY("F32", "[1]", "[0]") "}", 4, "header: \"w\": data_offsets is not a pair" },
        { "{\"w\":" ENTRY("F32", "[1]", "[4,0]") "}", 4, "header: \"w\": data_offsets is not a range" },
        { "{\"w\":" ENTRY("F32", "[1]", "[-4,0]") "}", 4, "header: \"w\": data_offsets is not a range" },
        { "{\"w\":" ENTRY("F32", "[2]", "[0,4]") "}", 4,
          "header: \"w\": [2] of F32 are 8 bytes, but data_offsets span 4" },
        { "{\"w\":" ENTRY("F4", "[3]", "[0,1]") "}", 1,
          "header: \"w\": [3] of F4 are 1 bytes, but data_offsets span 1" },
        { "{\"w\":" ENTRY("F32", "[4294967296,4294967296]", "[0,4]") "}", 4,
          "header: \"w\": shape [4294967296,4294967296] overflows" },
        { "{\"w\":" ENTRY("F32", "[4611686018427387904]", "[0,0]") "}", 0,
          "header: \"w\": shape [4611686018427387904] overflows" },
        { "{\"w\":" ENTRY("F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0,
          "header: \"w\": shape [4294967296,4294967296,0] overflows" },
        { "{\"a\":" ENTRY("F32", "[1]", "[0,4]") ",\"b\":" ENTRY("F32", "[1]", "[8,12]") "}", 12,
          "header: \"b\" starts at byte 8 of the data, after a hole at the end of 4 bytes" },
        { "{\"a\":" ENTRY("F32", "[2]", "[0,8]") ",\"b\":" ENTRY("F32", "[1]", "[4,8]") "}", 8,
          "header: \"b\" starts at byte 4 of the data, inside the first tensors of 8 bytes" },
        { "{\"a\":" ENTRY("F32", "[1]", "[4,8]") "}", 8,
          "header: \"a\" starts at byte 4 of the data, after a hole at the end of 0 bytes" },
        { "{\"a\":" ENTRY("F32", "[2]", "[0,8]") "}", 7,
          "is truncated: the header describes 8 bytes of data, the file holds 7" },
        { "{\"a\":" ENTRY("F32", "[1]", "[0,4]") "}", 5,
          "has bytes left over: the header describes 4 bytes of data, the file holds 5" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "header: \"__metadata__\": \"a\" is not a string" },
        { "{\"__metadata__\":{\"a\":\"x\\u0000y\"}}", 0, "header: \"__metadata__\": \"a\" holds a zero byte" },
        { "{\"__metadata__\":[]}", 0, "header: \"__metadata__\": is not an object" },
        { "{\"\xFF\":" ENTRY("F32", "[1]", "[0,4]") "}", 4, "header: json: line 1, column 3: " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        eg_status status = parse(made, make(cases[i].header, cases[i].data));
        if (status != EG_E_DATA || !strstr(eg_error(), cases[i].message))
            fail_msg("%s: %s", cases[i].header, eg_error());
    }
}

static void test_bad_lengths(void **state) {
    (void)state;
    make("{}", 0);
    assert_int_equal(parse(made, 7), EG_E_DATA);
    assert_string_equal(eg_error(), "is truncated: 7 bytes, a safetensors file has at least 8");
    assert_int_equal(parse(made, 9), EG_E_DATA);
    assert_string_equal(eg_error(), "is truncated: a header of 2 bytes in a file of 9");
    made[3] = 0x20; /* half a gigabyte of header */
    assert_int_equal(parse(made, 10), EG_E_DATA);
    assert_string_equal(eg_error(),
                        "is not a safetensors file: it asks for a header of 536870914 bytes, the limit is 100000000");
    memset(made, 0xFF, 8);
    assert_int_equal(parse(made, 10), EG_E_DATA);
}

static void test_unreadable_types(void **state) {
    (void)state;
    size_t size = make("{\"h\":" ENTRY("BF16", "[2]", "[0,4]") "}", 4);
    eg_safetensors *file;
    eg_tensor *t;
    assert_int_equal(eg_safetensors_parse(made, size, &file), EG_OK);
    assert_string_equal(eg_safetensors_at(file, 0)->type, "BF16");
    assert_int_equal(eg_safetensors_tensor(file, eg_safetensors_at(file, 0), &t), EG_E_UNSUPPORTED);
    assert_string_equal(eg_error(), "\"h\" is BF16: only F32, F64, I32 and U8 can be read");
    eg_safetensors_free(file);
}

static void test_many_in_any_order(void **state) {
    (void)state;
    enum { N = 60 };
    static char header[N * 64];
    size_t used = (size_t)sprintf(header, "{");
    for (int i = 0; i < N; i++) {
        int place = i * 37 % N; /* every place once, out of order */
        used += (size_t)sprintf(header + used, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                                i > 0 ? "," : "", place, place, place + 1);
    }
    strcpy(header + used, "}");
    static unsigned char bytes[sizeof header + 8 + N];
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(n >> (8 * i));
    memcpy(bytes + 8, header, n);
    eg_safetensors *file;
    assert_int_equal(eg_safetensors_parse(bytes, 8 + n + N, &file), EG_OK);
    for (int i = 0; i < N; i++) assert_int_equal(eg_safetensors_at(file, i)->begin, i);
    eg_safetensors_free(file);
}

static void test_damage(void **state) {
    (void)state;
    size_t size = make("{\"__metadata__\":{\"k\":\"v\"},\"a\":" ENTRY("F64", "[2,1]", "[0,16]") ",\"b\":" ENTRY(
                           "U8", "[3]", "[16,19]") "}",
                       19);
    eg_rng rng = eg_rng_new(3, 3);
    int good = 0, bad = 0;
    for (int round = 0; round < 20000; round++) {
        unsigned char copy[512];
        memcpy(copy, made, size);
        for (int i = (int)eg_rng_below(&rng, 3); i >= 0; i--)
            copy[eg_rng_below(&rng, size)] ^= (unsigned char)(1 << eg_rng_below(&rng, 8));
        eg_status status = parse(copy, round % 4 == 0 ? eg_rng_below(&rng, size) : size);
        assert_true(status == EG_OK || status == EG_E_DATA);
        good += status == EG_OK, bad += status != EG_OK;
    }
    assert_true(good > 100 && bad > 10000);
}

/* ---- failed allocations ---------------------------------------------------------------------------------------- */

static eg_status write_and_read(void *path) {
    eg_tensor *t = numbers(EG_F32, EG_SHAPE(2, 3)), *turned = t ? eg_tensor_permute(t, (int[]){ 1, 0 }) : NULL,
              *back = NULL;
    const eg_safetensors_item items[] = { { "a", t }, { "b", turned } };
    eg_safetensors *file = NULL;
    eg_status status =
        turned ? eg_safetensors_write(path, items, 2, &(eg_safetensors_string){ "k", "v" }, 1) : EG_E_MEMORY;
    if (status == EG_OK) status = eg_safetensors_read(path, &file);
    if (status == EG_OK) status = eg_safetensors_tensor(file, eg_safetensors_at(file, 1), &back);
    eg_tensor_free(back);
    eg_safetensors_free(file);
    eg_tensor_free(turned);
    eg_tensor_free(t);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    char path[400];
    strcpy(path, in_folder("fault.safetensors"));
    assert_true(fault_loop(write_and_read, path) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_canonical_bytes),
        cmocka_unit_test(test_views_and_nothing),
        cmocka_unit_test(test_refused_and_kept),
        cmocka_unit_test(test_good_headers),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_bad_lengths),
        cmocka_unit_test(test_unreadable_types),
        cmocka_unit_test(test_many_in_any_order),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
