#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the kernels for the other processors, with whatever cross compilers are installed:
#   AArch64 (gcc-aarch64-linux-gnu): the portable and the NEON build; where qemu-user and an AArch64 libcmocka are
#           installed (or unpacked in the folder $EG_ARM_LIBS), the kernel tests run as well;
#   WebAssembly (clang): the portable build with 128-bit SIMD.
# A compiler that is missing is named and skipped; a warning or an error fails.
set -e
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags="-std=gnu17 -O2 -Wall -Wextra -Wpedantic -Wconversion -Werror -ffp-contract=off -fno-math-errno -Iinclude -Isrc -D_GNU_SOURCE"
per_isa="tile strip reduce convert random transpose window isa"

if command -v aarch64-linux-gnu-gcc >/dev/null; then
    for f in $per_isa angle copy gemm pack table; do aarch64-linux-gnu-gcc $flags -c src/kernels/$f.c -o "$out/$f.o"; done
    for f in $per_isa; do aarch64-linux-gnu-gcc $flags -DEG_ISA_NEON -c src/kernels/$f.c -o "$out/neon_$f.o"; done
    echo "aarch64: portable and neon compile"
    libs=${EG_ARM_LIBS:-/usr/lib/aarch64-linux-gnu}
    if command -v qemu-aarch64 >/dev/null && [ -e "$libs/libcmocka.so.0" ]; then
        for f in alloc cpu rng status text; do aarch64-linux-gnu-gcc $flags -c src/base/$f.c -o "$out/$f.o"; done
        for t in tests/kernels/test_*.c; do
            aarch64-linux-gnu-gcc $flags -Wno-pedantic -Itests "$t" "$out"/*.o -o "$out/test" \
                "$libs/libcmocka.so.0" -lm -lpthread
            qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$libs" "$out/test" 2>&1 | tail -1
        done
    fi
else
    echo "aarch64: no aarch64-linux-gnu-gcc, skipped"
fi

if command -v clang >/dev/null; then
    for f in $per_isa angle copy gemm pack table; do
        clang $flags --target=wasm32 -msimd128 -Itools/wasm-include -c src/kernels/$f.c -o "$out/wasm_$f.o"
    done
    echo "wasm32: portable compiles with simd128"
else
    echo "wasm32: no clang, skipped"
fi
