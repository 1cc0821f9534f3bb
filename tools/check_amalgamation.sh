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
passed=0 failed=0
for test in tests/*/test_*.c; do
    grep -q 'libelegans\|build/elegans' "$test" && continue # runs the built command
    program=$out/$(echo "$test" | tr / _ | sed 's/\.c$//')
    if ${CC:-cc} $flags "$test" "$out/elegans.o" -lcmocka -lm -pthread -o "$program" 2>"$program.log" &&
        "$program" >"$program.log" 2>&1; then
        passed=$((passed + 1))
    else
        tail -n 5 "$program.log"
        echo "failed: $test"
        failed=$((failed + 1))
    fi
done
echo "elegans.c: $(wc -l <"$out/elegans.c") lines, elegans.o: $(wc -c <"$out/elegans.o") bytes"
echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
