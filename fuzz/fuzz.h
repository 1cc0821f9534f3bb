/* SPDX-License-Identifier: MIT
 *
 * fuzz.h: what every fuzz target shares. A target is one function: LLVMFuzzerTestOneInput takes any bytes, must
 * return 0, and says with FUZZ_EXPECT what has to hold. `make fuzz` runs it under libFuzzer with new inputs; the
 * tests run it through replay.c on its seeds, fuzz/corpus/<name>, with any compiler.
 */
#ifndef EG_FUZZ_H
#define EG_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FUZZ_EXPECT(condition)              \
    do {                                    \
        if (!(condition)) __builtin_trap(); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
