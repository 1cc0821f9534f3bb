# SPDX-License-Identifier: MIT
#
# prints.sh SOURCE PROGRAM: the example ends well, and every "prints:" line of its opening comment is in what it prints;
# # stands for any digit.
source=$1 program=$2
out=$("$program") || { echo "$program failed"; exit 1; }
missing=$(sed -n 's/^ \* prints: //p' "$source" | while IFS= read -r line; do
    pattern=$(printf '%s' "$line" | sed 's/[][\\.*^$]/\\&/g; s/#/[0-9]/g')
    printf '%s\n' "$out" | grep -q -e "$pattern" || printf 'does not print: %s\n' "$line"
done)
[ -z "$missing" ] && exit 0
printf '%s\nbut:\n%s\n' "$missing" "$out"
exit 1
