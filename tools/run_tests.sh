#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs all tests of a build folder and ends with one line: "N passed, N failed, N skipped". Skipped is what needs something
# that is not here, each with a line that says what. Fails if a test fails, or if none passes.
#   tools/run_tests.sh <build folder> [arguments for ctest]
set -u
build=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
(cd "$build" && ctest --output-on-failure "$@" 2>&1) | tee "$log"
count() { grep -cE "^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*$1" "$log"; }
total=$(count '') passed=$(count ' Passed +[0-9.]+ sec$') skipped=$(count 'Skipped +[0-9.]+ sec$')
[ "$skipped" = 0 ] || grep -h '^skipped: ' "$build/Testing/Temporary/LastTest.log"
echo "$passed passed, $((total - passed - skipped)) failed, $skipped skipped"
[ "$passed" -gt 0 ] && [ "$((passed + skipped))" = "$total" ]
