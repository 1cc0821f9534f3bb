#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the amalgamation, compiles it with one call, and runs every test of the library against the one object.
#   tools/check_amalgamation.sh <folder>
set -eu
out=$1
flags="-O1 -D_GNU_SOURCE -Iinclude -Isrc -Itests"
tools/amalgamate "$out"
(cd "$out" && ${CC:-cc} -c -O2 elegans.c)
passed=0 failed=0 skipped=0
for test in tests/*/test_*.c; do
    case $test in tests/cli/*) continue ;; esac # the command's, not the library's
    program=$out/$(echo "$test" | tr / _ | sed 's/\.c$//')
    code=0
    { ${CC:-cc} $flags "$test" "$out/elegans.o" -lcmocka -lm -pthread -o "$program" && "$program"; } >"$program.log" 2>&1 || code=$?
    case $code in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;; # tests/skipped.h
    *)
        tail -n 5 "$program.log"
        echo "failed: $test"
        failed=$((failed + 1))
        ;;
    esac
done
echo "elegans.c: $(wc -l <"$out/elegans.c") lines, elegans.o: $(wc -c <"$out/elegans.o") bytes"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
