# SPDX-License-Identifier: MIT
#
# command.sh SOURCE PROGRAM COMMAND: every "command:" line of the example's opening comment ends well, with the built command
# in the place of elegans, in a folder of its own.
source=$(realpath "$1") command=$(realpath "$3")
folder=$(mktemp -d) && cd "$folder" || exit 1
trap 'rm -rf "$folder"' EXIT
elegans() { "$command" "$@"; }
sed -n 's/^ \* command: //p' "$source" > commands
while IFS= read -r line; do
    eval "$line" > out 2>&1 < /dev/null || { echo "exit $?: $line"; cat out; exit 1; }
done < commands
