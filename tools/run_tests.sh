#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs all tests of a build folder and ends with one line: "N passed, N failed". Fails if a test fails, or if there are none.
#   tools/run_tests.sh <build folder> [arguments for ctest]
set -u
build=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
(cd "$build" && ctest --output-on-failure "$@" 2>&1) | tee "$log"
summary=$(grep -E '^[0-9]+% tests passed' "$log" | tail -n 1)
total=$(echo "$summary" | sed -n 's/.* out of \([0-9]*\)$/\1/p')
failed=$(echo "$summary" | sed -n 's/.*passed, \([0-9]*\) tests\{0,1\} failed.*/\1/p')
[ -n "$total" ] || total=0 failed=0
echo "$((total - failed)) passed, $failed failed"
[ "$total" -gt 0 ] && [ "$failed" -eq 0 ]
