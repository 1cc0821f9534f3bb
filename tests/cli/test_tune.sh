# SPDX-License-Identifier: MIT
#
# The search for settings: every combination of a grid, draws from ranges, folds, order, a signal, what is refused.
. "$(dirname "$0")/lib.sh"

small="--data gen:moons?n=60,noise=.2 --epochs 3 --folds 3"
run 0 tune $small --grid lr=0.0001,0.01,0.1 --grid 'net=dense 1 sigmoid | dense 8 relu; dense 1 sigmoid' --svg tune.svg
same "$(grep -c '^ *[1-6]  ' out)" 6
same "$(grep -c '^trial ./6 ' err)" 6
says out '^best: --set lr=0.* --set .net=dense 8 relu; dense 1 sigmoid.$'
python3 - <<'PY' || fail "the table is not sorted"
rows = [line.split() for line in open("out") if line[:4].strip().isdigit()]
scores = [float(row[1]) for row in rows]
assert scores == sorted(scores, reverse=True) and len(set(scores)) > 1, scores
PY
python3 -c 'import xml.dom.minidom as x; x.parse("tune.svg")' || fail "tune.svg is no XML"
says tune.svg '>held-out rows<'

# The mean over folds is that of the folds' own trainings: leave one of four rows out.
run 0 tune $small --grid lr=0.05 --json -q
[ ! -s err ] || fail "not quiet"
same "$(field event out)" best
same "$(field settings.lr out)" 0.05
cp out first
run 0 tune $small --grid lr=0.05 --json -q
cmp -s first out || fail "the same seed found something else"
run 0 tune $small --grid lr=0.05 --json -q --seed 1
cmp -s first out && fail "another seed changed nothing"
run 0 tune $small --set lr=0.05 --grid epochs=3 --json -q
same "$(field validation out)" "$(field validation first)"

# Without anything to choose: the score of the settings as they are.
run 0 tune $small --set lr=0.05
says out '^   1  0.* as they are$'
run 0 tune $small --set lr=0.05 --json -q
same "$(field settings out)" '{}'
same "$(field validation out)" "$(field validation first)"
refuse 2 'draws from a --grid or a --range' tune $small --trials 3

# Drawn trials: within their ranges, whole numbers whole, the same from the same seed.
ranges="--range lr=1e-4..1e-1:log --range batch=4..9 --trials 12"
run 0 tune $small $ranges --grid optimizer=sgd,adam --json -q
cp out first
python3 - <<'PY' || fail "what was drawn"
import json
trials = [json.loads(line)["settings"] for line in open("out")][:-1]
assert len(trials) == 12
assert {t["optimizer"] for t in trials} == {"sgd", "adam"}
lr = [float(t["lr"]) for t in trials]
assert all(1e-4 <= x <= 1e-1 for x in lr) and min(lr) < 1e-3 < 1e-2 < max(lr), lr
assert all(4 <= int(t["batch"]) <= 9 for t in trials) and len({t["batch"] for t in trials}) > 3
PY
run 0 tune $small $ranges --grid optimizer=sgd,adam --json -q
cmp -s first out || fail "the same seed drew something else"

# Numbers are compared by mae, smaller first; a training that diverges is last.
run 0 tune --data 'gen:sine?n=60' --net 'dense 8; dense 1' --optimizer sgd --epochs 20 --grid lr=1e6,0.01,0.1 --folds 2
says out '^rank  mae '
says out '^   3  diverged .* lr=1e6'
run 0 tune --data 'gen:sine?n=60' --epochs 2 --grid lr=0.01 --folds 2 --by r2 --json -q
same "$(field by out)" r2

# A signal: what is done so far is told.
"$elegans" tune --data 'gen:digits?n=500' --net 'dense 64 relu; dense 10 softmax' --epochs 10 --folds 2 \
    --grid lr=0.001,0.002,0.003,0.004,0.005,0.006,0.007,0.008,0.009 --grid batch=1,2,4 >out 2>err </dev/null &
last="tune and a signal"
while ! grep -q '^trial 1/' err; do sleep 0.05; done
kill -TERM $!
wait $!
same $? 143
says err 'stopped after [0-9]* of 27 trials'
says out '^best: '

refuse 2 'fold 0 of 5 over 4 rows' tune --data gen:xor
refuse 2 'needed' tune --grid lr=1
refuse 2 "did you mean 'lr'" tune --data gen:xor --grid lrr=1,2
refuse 2 'lr' tune --data gen:xor --grid lr=1,fast
refuse 2 'stays the same' tune --data gen:xor --grid data=a,b
refuse 2 'LOW..HIGH' tune --data gen:xor --range lr=1
refuse 2 'above 0' tune --data gen:xor --range lr=-1..1:log
refuse 2 'take the place' tune --data gen:xor --grid lr=1 --validation 0.5
refuse 2 'needs classes' tune --data gen:sine --grid lr=1 --by accuracy
refuse 2 'from 2 to' tune --data gen:xor --grid lr=1 --folds 1
