#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs each fuzz target of a build folder for some seconds, starting from its seeds in fuzz/corpus/<name>. New inputs go to a
# folder in the build; an input that breaks something is left there and named.
#   tools/run_fuzzers.sh <build folder> <seconds each>
set -eu
build=$1
seconds=$2
status=0
for target in "$build"/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target")
    name=${name#fuzz_}
    found=$build/corpus/$name
    mkdir -p "$found"
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$found/broken-" "$found" "fuzz/corpus/$name" >"$build/$name.log" 2>&1; then
        echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log") inputs, nothing broke"
    else
        tail -n 30 "$build/$name.log"
        echo "fuzz $name: BROKEN, see $build/$name.log"
        status=1
    fi
done
exit $status
