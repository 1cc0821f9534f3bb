#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The WebAssembly build (web/CMakeLists.txt) and what runs of it in node.
#   tools/wasm.sh build  FOLDER              builds in FOLDER; 77 where a tool is missing
#   tools/wasm.sh update FOLDER              the same, but only where it was built before
#   tools/wasm.sh run    FOLDER WHAT ...     web/test.mjs there
set -eu
cd "$(dirname "$0")/.."
what=$1 folder=$2
shift 2

skip() {
    echo "skipped: web: $1"
    exit 77
}
need() { command -v "$1" >/dev/null || skip "no $1 (Debian: $2)"; }
need clang clang
need wasm-ld lld
need node nodejs
printf '#include <stdio.h>\nint main(void) { return puts(""); }' |
    clang --target=wasm32-wasi -x c - -o /dev/null 2>/dev/null ||
    skip "clang cannot link for wasm32-wasi (Debian: wasi-libc, libclang-rt-14-dev-wasm32)"

case $what in
build) cmake -S web -B "$folder" --toolchain "$PWD/web/wasm.cmake" >/dev/null ;;
*) [ -f "$folder/CMakeCache.txt" ] || skip "not built (make wasm)" ;;
esac
case $what in
run) exec node web/test.mjs "$folder" "$@" ;;
*) exec cmake --build "$folder" -j "${JOBS:-2}" ;;
esac
