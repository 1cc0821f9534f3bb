# SPDX-License-Identifier: MIT
#
# Help pages: on stdout, within 80 columns, every option of a command, examples that run as they stand.
. "$(dirname "$0")/lib.sh"

narrow() {
    [ "$(awk '{ if (length($0) > most) most = length($0) } END { print most }' out)" -le 80 ] || fail "wider than 80 columns"
    [ ! -s err ] || fail "something on stderr"
}
run 0 help
narrow
for command in train evaluate predict inspect check help version; do
    says out "^  $command "
done
for command in train evaluate predict inspect check help version; do
    run 0 $command --help
    narrow
    says out "^Usage: elegans $command"
    cp out page
    run 0 help $command
    cmp -s out page || fail "help $command is not $command --help"
done
for name in train evaluate predict inspect check; do
    run 0 help $name
    says out '^Examples$'
done
run 0 help train
for option in data target test-last net loss metrics l1 l2 init optimizer lr momentum batch epochs seed threads json resume \
    dry-run config set; do
    says out "^  --$option"
done
run 0 --help
run 0 -h
run 0 version
says out '^elegans [0-9]*\.[0-9]*\.[0-9]*$'
run 0 --version
run 0 help --completion bash
bash -n out 2>err || fail "completion is not bash"
last="completion in bash"
bash -c '. ./out; COMP_WORDS=(elegans train --schedule c); COMP_CWORD=3; _elegans; echo "${COMPREPLY[@]}"
         COMP_WORDS=(elegans pre); COMP_CWORD=1; _elegans; echo "${COMPREPLY[@]}"
         COMP_WORDS=(elegans predict m --pro); COMP_CWORD=3; _elegans; echo "${COMPREPLY[@]}"' >words 2>err
same "$(tr '\n' ' ' <words)" "constant cosine cosine_restarts predict --proba "
