#!/bin/sh
# SPDX-License-Identifier: MIT
#
# How large the library and the command are, stripped, and what each layer adds in machine code.
#   tools/size_report.sh <build folder>
set -eu
build=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

stripped() {
    [ -e "$build/$1" ] || return 0
    cp -L "$build/$1" "$out/file"
    strip $2 "$out/file"
    printf '%-24s %9d bytes stripped\n' "$1" "$(wc -c <"$out/file")"
}
stripped libelegans.so ""
stripped libelegans.a --strip-unneeded
stripped elegans ""
echo
printf '%-24s %9s %9s %9s\n' layer text data bss
for folder in "$build"/CMakeFiles/eg_*.dir; do
    find "$folder" -name '*.o' -exec size {} + | awk -v layer="$(basename "$folder" .dir)" \
        '$1 ~ /^[0-9]+$/ && $NF != "(TOTALS)" { t += $1; d += $2; b += $3 }
         END { printf "%-24s %9d %9d %9d\n", layer, t, d, b }'
done
