# SPDX-License-Identifier: MIT
#
# course.sh: what docs/course.md names is there: examples, tests (file.function), words of the command; and every example is
# named there and listed in examples/README.md.
command=$(realpath "$1") bad=0
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT || exit 1
miss() { echo "docs/course.md: no $1"; bad=1; }
for name in $(grep -o '`[0-9][0-9]_[a-z0-9_]*`' docs/course.md | tr -d '`' | sort -u); do
    [ -f "examples/$name.c" ] || miss "example $name"
done
for name in $(grep -o '`test_[a-z0-9_]*\.[a-z0-9_]*`' docs/course.md | tr -d '`' | sort -u); do
    grep -q "^static void ${name#*.}(" "tests/course/${name%%.*}.c" || miss "test $name"
done
for word in $(grep -o 'elegans [a-z]*' docs/course.md | sed 's/elegans //' | sort -u); do
    "$command" help "$word" > /dev/null 2>&1 || miss "command $word"
done
# whole command lines run; those with ..., without a formula or data are words about an option
elegans() { "$command" "$@"; }
grep -o '`elegans [^`]*`' docs/course.md | tr -d '`' | grep -v '\.\.\.' |
    grep -E "^elegans (explain .*'|train -d '?gen:|race -|momentum -|picture )" | sort -u > "$folder/lines"
[ "$(wc -l < "$folder/lines")" -ge 24 ] || miss "command lines any more"
while IFS= read -r line; do
    (cd "$folder" && eval "$line") > "$folder/out" 2>&1 || miss "way to run: $line"
done < "$folder/lines"
for source in examples/[0-9][0-9]_*.c; do
    name=$(basename "$source" .c)
    grep -q "\`$name\`" docs/course.md || { echo "$name is not in docs/course.md"; bad=1; }
    grep -q "($name.c)" examples/README.md || { echo "$name is not in examples/README.md"; bad=1; }
    grep -q '^ \* prints: ' "$source" || { echo "$name says nothing of what it prints"; bad=1; }
    grep -q '^ \* command: ' "$source" || { echo "$name has no command line that does the same"; bad=1; }
    grep -Eq '[^*] (prints|command): ' "$source" && { echo "$name: a line for the tests stands inside another"; bad=1; }
    [ "$(wc -l < "$source")" -lt 80 ] || { echo "$name has 80 lines or more"; bad=1; }
done
exit $bad
