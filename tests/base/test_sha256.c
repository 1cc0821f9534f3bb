/* SPDX-License-Identifier: MIT
 *
 * sha256: the vectors of FIPS 180-4's examples, and that pieces of any size give the same hash.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

static void hash_in_pieces(const char *bytes, size_t size, size_t piece, char out[65]) {
    eg_sha256 hash;
    eg_sha256_init(&hash);
    for (size_t i = 0; i < size; i += piece) eg_sha256_add(&hash, bytes + i, size - i < piece ? size - i : piece);
    eg_sha256_hex(&hash, out);
}

static void test_vectors(void **state) {
    (void)state;
    const char *const rows[][2] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstno"
          "pqrstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    char hex[65];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hash_in_pieces(rows[i][0], strlen(rows[i][0]), 1000, hex);
        assert_string_equal(hex, rows[i][1]);
    }
}

static void test_a_million_letters(void **state) {
    (void)state;
    char *letters = malloc(1000000), hex[65];
    memset(letters, 'a', 1000000);
    hash_in_pieces(letters, 1000000, 4097, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(letters);
}

static void test_pieces(void **state) {
    (void)state;
    char text[300], whole[65], pieces[65];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 31);
    for (size_t size = 0; size <= sizeof text; size++) { /* all places where the padding can fall */
        hash_in_pieces(text, size, sizeof text, whole);
        hash_in_pieces(text, size, 1 + size % 67, pieces);
        assert_string_equal(whole, pieces);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors), cmocka_unit_test(test_a_million_letters),
                                        cmocka_unit_test(test_pieces) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
