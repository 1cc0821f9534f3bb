# SPDX-License-Identifier: MIT
#
# elegans explain: gates as text and JSON, pictures, derivatives of all kinds, mistakes with a caret.
. "$(dirname "$0")/lib.sh"

# the course's first graph
run 0 explain '(x + y)*max(y, z)' x=1 y=2 z=0
says out '^= 6$'
says out '#1 = x + y  *3  *2  distributor  x  *1 x 2 = 2'
says out '#2 = max(y, z)  *2  *3  router  *y  *1 x 3 = 3'
says out '#3 = #1\*#2  *6  *1  switcher  *#1  *2 x 1 = 2'
says out 'y  *adder  *2 + 3 = 5'
run 0 explain '(x + y)*max(y, z)' x=1 y=2 z=0 --json
same "$(field value out)" 6
same "$(field gradients out)" '{"x": 2, "y": 5, "z": 0}'
same "$(field numerical out)" '{"x": 2, "y": 5, "z": 0}'
grep -q '^{"value":6,"gradients":{"x":2,"y":5,"z":0},"gates":\[{"op":"add"' out || fail "the JSON's beginning"
python3 - out <<'PY' || fail "the gates in JSON"
import json, sys
gates = {g["op"]: g for g in json.load(open(sys.argv[1]))["gates"]}
assert [i["name"] for i in gates["max"]["inputs"]] == ["y", "z"]
assert (gates["max"]["value"], gates["max"]["gradient"], gates["max"]["role"]) == (2, 3, "router")
assert [i["local"] * gates["mul"]["gradient"] for i in gates["mul"]["inputs"]] == [2, 3]
assert (gates["add"]["role"], gates["mul"]["role"]) == ("distributor", "switcher")
PY

# vectors and matrices; nothing but JSON on stdout
run 0 explain 'sum((W @ x)^2)' 'W=[[1, 2], [3, 4]]' x=1,-1 --json --symbolic
same "$(field gradients out)" '{"W": [[-2, 2], [-2, 2]], "x": [-8, -12]}'
same "$(field symbolic out)" '{"W": "2*outer(W @ x, x)", "x": "2*W'"'"' @ (W @ x)"}'
same "$(field symbolic_values out)" '{"W": [[-2, 2], [-2, 2]], "x": [-8, -12]}'
[ ! -s err ] || fail "something on stderr"

# derivatives of all kinds
run 0 explain 'x^2*sin(x)' --symbolic
says out 'd/dx = x^2\*cos(x) + 2\*x\*sin(x)'
says out 'x has no value'
run 0 explain 'W @ x' 'W=[[1, 2], [3, 4], [5, 6]]' x=1,-1 --jacobian --json
same "$(field jacobian.layout out)" denominator
same "$(field jacobian.x out)" '[[1, 3, 5], [2, 4, 6]]'
run 0 explain 'W @ x' 'W=[[1, 2], [3, 4], [5, 6]]' x=1,-1 --jacobian --layout numerator --json
same "$(field jacobian.x out)" '[[1, 2], [3, 4], [5, 6]]'
run 0 explain 'W @ x' 'W=[[1, 2], [3, 4], [5, 6]]' x=1,-1 --jacobian
says out 'Jacobian by x, 2 x 3, denominator layout'
run 0 explain 'x^2*y' x=3 y=2 --hessian --json
same "$(field hessian out)" '{"elements": ["x", "y"], "rows": [[4, 6], [6, 0]]}'
run 0 explain '(2*w - 1)^2' w=3 --nudge w=0.01 --json
python3 - out <<'PY' || fail "the nudge"
import json, sys
nudge = json.load(open(sys.argv[1]))["nudges"][0]
assert abs(nudge["predicted"] - .2) < 1e-12 and abs(nudge["true"] - .2004) < 1e-12
PY
run 0 explain 'sum(w*w)' w=1,2 --nudge 'w[1]=.1' --nudge w=.1 --nudge w=0,1
says out 'w\[1\]=.1  *0.4  *0.41 '
says out 'w=0,1  *4  *5 '

# a kink is said, and no failure
run 0 explain 'relu(x)' x=0
says out 'is a kink'
says out '0 of 1 compared'
run 0 explain 'max(leaky_relu(x), 0)' x=-1 # beside a kink there is something to compare
says out '^x *-1 *0 *0 *0$'
run 0 explain 'max(x, x)' x=1
says out '^x *1 *1 *1 *0$'

# networks: the same weights by seed, or given ones
run 0 explain --net 'dense 2 tanh; dense 1 sigmoid' --input 1,2 --target 1
says out 'z1 = x @ W1 + b1; h1 = tanh(z1)'
run 0 explain --net 'dense 1 sigmoid' --input 1,2 --target 1 'W1=[[.5], [.25]]' b1=[0] --json
python3 - out <<'PY' || fail "the network's numbers"
import json, math, sys
found = json.load(open(sys.argv[1]))
p = 1 / (1 + math.exp(-1))
assert abs(found["value"] + math.log(p)) < 1e-12
assert abs(found["gradients"]["W1"][1][0] - 2 * (p - 1)) < 1e-12
PY
run 0 explain --net 'dense 3 relu; dense 2 softmax' --input 1,2 --target 1 --seed 3
says out 'sparse_cross_entropy(h2, 1)'
run 0 explain --net 'conv 2 2 relu; max_pool; dense 2 softmax' --input '[[1, 0, 2], [0, 1, 3], [1, 0, 1]]' --target 1
says out 'z1 = windows(x, 2, 2, 1, 1, 1) @ W1 + b1'
run 0 explain --net 'conv 1 2; dense 1' --input 1,2,3,4,5,6,7,8 --shape 2x2x2 --target 1
says out 'windows(x, 2, 4, 1, 2, 1) @ W1'
run 0 explain --net 'embedding 4 2; lstm 2; dense 1 sigmoid' --input 3,0,2 --target 1
says out 'e1 = \[E1\[3\], E1\[0\], E1\[2\]\]'
run 0 explain --net 'one_hot 3; simple_rnn 2; dense 1' --input 2,0 --target 1 # a constant part keeps its name
says out '#1 = e1\[0\] @ W2 .* outer(e1\[0\], up)'
run 0 explain --net 'gru 3 return_sequences; dense 4 last_axis softmax' --input '[[1, 2], [3, 4]]' --target 0,3
says out 'L = mean(\[sparse_cross_entropy(h2\[0\], 0), sparse_cross_entropy(h2\[1\], 3)\])'
run 0 explain --net 'dense 3' --input 1,2 --target 1 --loss categorical_hinge
says out 'relu(#'
run 0 explain --net 'dense 1' --input 1,2 --target 0 --loss svm
says out 'hinge(z1, 2\*0 - 1)'

# every kind of layer: the command compares with differences by itself (test_explain_net.c: with the library's model)
run 0 explain --net 'conv 1 2 dilation=2; dense 1' --input 1,2,3,4,5,6,7,8,9 --shape 3x3 --target 1
says out 'D1 = reshape(overlap(W1, 3, 3, 1, 1, 2, 2, 1), 9, 1)'
run 0 explain --net 'conv 2 2 groups=2; dense 1' --input 1,2,3,4,5,6,7,8 --shape 2x2x2 --target 1
says out 'z1 = pad(z1_1, 0, 0, 0, 1) + pad(z1_2, 0, 0, 1, 0)'
run 0 explain --net 'conv_transpose 1 2 2; flatten; dense 1' --input '[[1, 2], [3, 4]]' --target 1
says out "y1 = overlap(.* @ W1', 4, 4, 2, 2, 2, 2, 1)"
run 0 explain --net 'upsample 2; flatten; dense 1' --input 1,2 --shape 2x1 --target 1
says out 'outer(reshape(x, 2), ones(2))'
run 0 explain --net 'lstm 1 bidirectional; dense 1' --input '[[1], [2]]' --target 1
says out 'h1 = reshape(\[h1_2, h1r_1\], 2)'
run 0 explain --net 'attention 1 causal; global_avg_pool' --input '[[1, 2], [3, 4]]' --target 1,2
says out 'softmax(q1_1 @ k1_1. */sqrt(2) - 1e9\*later(2))'
run 0 explain --net 'dense 1 l1=.5 l2=.25 no_bias' --input 1,2 --target 1 'W1=[[-2], [4]]' --json
same "$(field value out)" 30.5 # 25 + .5*6 + .25/2*20
grep -q '"local":\[-10\]' out || fail "a whole number is written as one"
same "$(field gradients.W1 out)" '[[9], [21.5]]'

# a narrow terminal gets lines in place of columns, none longer than it
python3 - "$elegans" >out <<'PY' || fail "60 columns"
import fcntl, os, pty, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    time.sleep(.2)
    os.execv(sys.argv[1], ["elegans", "explain", "q = W @ x; sum(q^2)", "W=[[1, 2], [3, 4]]", "x=1,-1"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
shown = b""
try:
    while part := os.read(fd, 65536): shown += part
except OSError: pass
lines = shown.decode().replace("\r", "").split("\n")
assert any(line.strip() == "x: W' @ up = [-8, -12]" for line in lines), lines
assert any(line.startswith("variable ") and "W" in line for line in lines), lines
assert max(map(len, lines)) <= 60, lines
PY

# pictures
run 0 explain '(x + y)*max(y, z)' x=1 y=2 z=0 --svg graph.svg
python3 - graph.svg <<'PY' || fail "the SVG"
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
for word in ["x", "y", "z", "+", "max", "*", "f", "distributor", "router", "switcher", "6", "5"]:
    assert word in words or word == "5", word
PY
# many steps come in rows, each with its statements; what flows between them is a box at both ends
steps='[[1], [2], [3], [1], [0], [2]]'
run 0 explain --net 'lstm 1; dense 1' --input "$steps" --target 1 --svg folded.svg
run 0 explain --net 'lstm 1; dense 1' --input "$steps" --target 1 --svg all.svg --all-steps
run 0 explain --net 'lstm 1; dense 1' --input '[[1], [2], [3], [1]]' --target 1 --svg four.svg
run 0 explain --net 'conv 6 1 groups=6; dense 1' --input 1,2,3,4,5,6 --shape 1x1x6 --target 1 --svg groups.svg
python3 - <<'PY' || fail "the picture of many steps"
import xml.etree.ElementTree as tree
def read(file):
    root = tree.parse(file).getroot()
    return float(root.get("width")), [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
for file in ["folded.svg", "all.svg", "four.svg"]:
    width, words = read(file)
    assert width < 1700, (file, width)
    for word in ["h1_2", "c1_2", "L"]: assert words.count(word) > 0, (file, word)
    assert words.count("c1_1") >= 2, words.count("c1_1") # where it leaves and where it arrives
    folded = [w for w in words if "not drawn" in w]
    assert len(folded) == (file == "folded.svg"), folded
    assert any(w.startswith("h1_3 to h1_5 ") for w in folded) == (file == "folded.svg")
    assert file == "four.svg" or ("c1_3" in words) == (file == "all.svg")
assert any(w.startswith("z1_3 to z1_5 ") for w in read("groups.svg")[1])
PY
rm folded.svg all.svg four.svg groups.svg
run 0 explain 'a < b' a=1 b=2 --svg 'less.svg'
grep -q '&lt;' less.svg || fail "a sign that XML knows"
if command -v rsvg-convert >/dev/null; then
    run 0 explain 'x*y' x=1 y=2 --png graph.png
    head -c 4 graph.png | grep -q PNG || fail "the PNG"
    rm graph.png
fi
last="without rsvg-convert"
PATH=/nonexistent "$elegans" explain 'x*y' x=1 y=2 --png graph.png >out 2>err
same $? 66
one_line 'rsvg-convert'
run 73 explain 'x*y' x=1 y=2 --svg nowhere/graph.svg

# the manual's page shows what the command prints, up to the last digits of rounding
python3 - "$here/../../docs/explain.md" "$elegans" <<'PY' || fail "docs/explain.md shows something else"
import os, re, subprocess, sys
def plain(text): return re.sub(r" *\b\d+e-\d+\b| +0$", " #", text, flags=re.M)
env = dict(os.environ, PATH=os.path.dirname(sys.argv[2]) + ":" + os.environ["PATH"])
for block in re.findall(r"^```console\n(.*?)^```", open(sys.argv[1]).read(), flags=re.M | re.S):
    command, shown = block.split("\n", 1)
    printed = subprocess.run(["sh", "-c", command[2:] + " 2>&1"], env=env, capture_output=True, text=True).stdout
    if plain(printed) != plain(shown): sys.exit(f"{command}\n{printed}")
PY

# mistakes: a line, the formula, a caret
caret() { # caret LINE3 PATTERN ARGUMENTS...
    want=$1 pattern=$2
    shift 2
    run 2 explain "$@"
    head -n 1 err | grep '^elegans: ' | grep -q -- "$pattern" || fail "does not say '$pattern'"
    same "$(sed -n 3p err)" "$want"
    [ ! -s out ] || fail "something on stdout"
}
caret '    ^~~~~~' "did you mean 'sigmoid'" 'sigmod(x)' x=1
caret '         ^' "')'" 'sin(x' x=1
caret '      ^' 'inner dimensions' 'W @ x' 'W=[[1, 2], [3, 4]]' x=1,2,3
caret '     ^' 'a sign is missing' '2x' x=1
caret '    ^' 'give it one' 'q + 1'
caret '          ^' 'a value has to stand here' 'x·x + $' x=1
caret '    ^~~~~~~' 'no window of this size' 'windows(A, 3, 1, 1, 1, 1)' 'A=[[1, 2], [3, 4]]'
caret '        ^' 'x: ' 'x' 'x=[1, ]'
caret '             ^' 'unknown layer' --net 'dense 3; foo 2' --input 1,2 --target 1
refuse 2 'comes behind --' explain '-x^2' x=3
run 0 explain -- '-x^2' x=3
says out '^= -9$'
run 0 explain 'log(x)' x=-1
says out '^= nan$'
says out 'no finite number'
run 0 explain '1000*x' x=1
says out '#1 = 1000\*x'
refuse 2 'NAME=VALUE' explain 'x' 3
refuse 2 'given twice' explain 'x' x=1 x=2
refuse 2 'a formula in quotes' explain
refuse 2 '\-\-net needs' explain --net 'dense 2'
refuse 2 'one number' explain 'x' x=1,2 --hessian
refuse 2 "no variable 'v'" explain 'x' x=1 --nudge v=1
refuse 2 'does not fit' explain 'x' x=1 --nudge 'x[3]=1'
refuse 2 'no gate' explain 'x' x=1 --svg x.svg
refuse 2 'sees nothing but zeros around' explain --net 'max_pool 2 pad=2' --input 1,2,3,4,5,6,7,8,9 --shape 3x3x1 --target 1
refuse 2 'skip_zeros is explained right behind' explain --net 'dense 2 last_axis; lstm 2 skip_zeros' --input '[[1], [2]]' --target 1
refuse 2 'words are whole numbers from 0 to 3' explain --net 'embedding 4 2; gru 2' --input 1,4 --target 1
refuse 2 'has 3 numbers, which is not the shape .2,2.' explain --net 'conv 1 2' --input 1,2,3 --shape 2x2 --target 1
refuse 2 "the network has no weights 'w1'" explain --net 'dense 1' --input 1,2 --target 1 w1=[1]
caret '      ^' "^elegans: --input: 'b' is no number" --net 'dense 1' --input 1,b --target 1
caret '    ^' "^elegans: --target: 'x' is no number" --net 'dense 1' --input 1,2 --target x
caret '    ^~~' "^elegans: --nudge: 'big' is no number" 'x*x' x=1 --nudge x=big
refuse 2 'takes a shape such as' explain --net 'conv 1 2' --input 1,2,3 --shape 2by2 --target 1
refuse 2 "did you mean 'huber'" explain --net 'dense 1' --input 1,2 --target 1 --loss hubr
refuse 2 'takes a class number' explain --net 'dense 2' --input 1,2 --target 1,0 --loss multiclass_hinge
refuse 2 'has the shape' explain --net 'dense 3' --input 1,2 --target 1 W1=3
refuse 2 'no class of this number' explain --net 'dense 3 softmax' --input 1,2 --target 3
refuse 2 "did you mean 'numerator'" explain 'x' x=1 --layout numerater
only graph.svg less.svg
