# SPDX-License-Identifier: MIT
#
# The README tells the truth: its program is the tour's, its commands run, its links lead somewhere.
. "$(dirname "$0")/lib.sh"
root=$here/../..

last="the README's program"
awk -v n=1 -f "$root/tests/tour/extract.awk" "$root/include/elegans.h" >out
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/README.md" >err
cmp -s out err || fail "the program is not the one in elegans.h"

for page in README.md docs/cli.md docs/recipe.md docs/pictures.md; do
    last="links of $page"
    for link in $(grep -o '](\([^)]*\))' "$root/$page" | tr -d '()]'); do
        [ -e "$root/$(dirname "$page")/$link" ] || fail "$link leads nowhere"
    done
done

# Its commands, on small data in place of the large.
sed -n 's/^    elegans \(train\|check\|explain\|race\)/elegans \1/p' "$root/README.md" >commands
[ "$(wc -l <commands)" -ge 4 ] || fail "no commands found"
printf 'a,species\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n7,x\n8,y\n9,x\n10,y\n' >iris.csv
sed -e 's/--data mnist/--data gen:digits?n=100/' -e 's/^elegans/"$elegans"/' -e 's/$/ || exit 1/' commands >commands.sh
last="the commands of the README: $(cat commands)"
(. ./commands.sh) >out 2>err || fail "a command fails"
run 0 inspect mnist.safetensors
printf 'a\n3\n' >new.csv
run 0 predict iris.safetensors --data new.csv --proba
