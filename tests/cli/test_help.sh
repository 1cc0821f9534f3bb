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
all="train tune evaluate predict inspect check explain race momentum picture"
for command in $all help version; do
    says out "^  $command "
done
for command in $all help version; do
    run 0 $command --help
    narrow
    says out "^Usage: elegans $command"
    cp out page
    run 0 help $command
    cmp -s out page || fail "help $command is not $command --help"
done
for name in $all; do
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

# every example of every page runs as it stands, in order, where its files are there: a small iris.csv, a small mnist
python3 - "$elegans" $all <<'PY' || fail "an example of a help page"
import os, random, struct, subprocess, sys
random.seed(1)
rows = [(k, [random.gauss(k + j, .4) for j in range(4)]) for k in range(3) for _ in range(30)]
columns = "sepal_length,sepal_width,petal_length,petal_width"
def table(name, with_target):
    with open(name, "w") as f:
        f.write(columns + (",species" if with_target else "") + "\n")
        for k, x in rows: f.write(",".join(f"{v:.2f}" for v in x) + (f",kind_{k}" if with_target else "") + "\n")
table("iris.csv", True), table("new.csv", False)
open("poem.txt", "w").write("To be, or not to be, that is the question.\n" * 40)
os.makedirs("sets/mnist")
for part, n in ("train", 300), ("t10k", 40):
    with open(f"sets/mnist/{part}-images-idx3-ubyte", "wb") as f:
        f.write(struct.pack(">4i", 0x803, n, 28, 28))
        for i in range(n): f.write(bytes(200 if j // 79 == i % 10 else 9 for j in range(784)))
    with open(f"sets/mnist/{part}-labels-idx1-ubyte", "wb") as f:
        f.write(struct.pack(">2i", 0x801, n) + bytes(i % 10 for i in range(n)))
env = dict(os.environ, ELEGANS_DATA="sets", PATH=os.path.dirname(sys.argv[1]) + ":" + os.environ["PATH"])
for command in sys.argv[2:]:
    page = subprocess.run([sys.argv[1], "help", command], capture_output=True, text=True).stdout
    for line in page.split("\nExamples\n")[1].replace("\\\n", "").strip().split("\n"):
        done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True)
        if done.returncode and "no run to resume" not in done.stderr: # nobody stopped the first one
            sys.exit(f"{done.returncode}: {line}\n{done.stderr}")
PY
