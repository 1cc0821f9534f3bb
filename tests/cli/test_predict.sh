# SPDX-License-Identifier: MIT
#
# predict and evaluate need nothing but the model file: columns by name, classes by name, raw rows.
. "$(dirname "$0")/lib.sh"

{ echo 'x,y,kind'; for i in 1 2 3 4 5 6 7 8 9; do echo "$i,-$i,low"; echo "$((i + 30)),$i,high"; done; } >table.csv
mkdir made && cd made || exit 1
"$elegans" train --data ../table.csv --epochs 60 -q --out model --test-share 0 >../out 2>../err || fail "training"
cd .. && mv made/model moved && rm -r made

# Without the target, columns in another order, one too many: found by name.
printf 'y,extra,x\n-5,1,5\n5,1,35\n' >new.csv
run 0 predict moved --data new.csv
same "$(cat out)" "$(printf 'kind\nlow\nhigh')"
last="predict --data -"
"$elegans" predict moved --data - <new.csv >out 2>err || fail "stdin"
same "$(sed -n 3p out)" high
run 0 predict moved --data new.csv --json
same "$(field class out)" high
same "$(field row out)" 2
run 0 predict moved --data new.csv --first 1
same "$(wc -l <out)" 2
run 0 predict moved --data new.csv --proba
python3 - <<'PY' || fail "--proba"
rows = [line.split(",") for line in open("out").read().split()]
assert rows[0] == ["high", "low"] and len(rows) == 3
assert all(abs(sum(map(float, row)) - 1) < 1e-6 and min(map(float, row)) >= 0 for row in rows[1:])
assert float(rows[1][1]) > .5 and float(rows[2][0]) > .5
PY
run 0 train --data table.csv --net 'dense 1 tanh' --loss mse --epochs 2 -q --out turned # no probabilities
run 0 predict turned --data new.csv --proba
same "$(head -n 1 out)" output_1
run 0 evaluate moved --data table.csv
says out 'accuracy 1.0000  (18 samples)'
run 0 evaluate moved --data table.csv --json
same "$(field accuracy out)" 1
same "$(field samples out)" 18

# The report: by hand from the classes and the probabilities.
"$elegans" train --data gen:moons --net 'dense 1 sigmoid' --epochs 3 -q --out two >/dev/null 2>&1 || fail "training"
"$elegans" train --data gen:spiral --net 'dense 3 softmax' --epochs 9 -q --out three >/dev/null 2>&1 || fail "training"
for model in two three; do
    source=gen:spiral
    [ $model = two ] && source=gen:moons
    "$elegans" predict $model --data $source --proba >proba.csv 2>err || fail "--proba"
    run 0 evaluate $model --data $source --report
    cp out text
    run 0 evaluate $model --data $source --report --json
    python3 - $model <<'PY' || fail "--report of $model"
import json, sys
report = json.load(open("out"))
rows = [list(map(float, line.split(","))) for line in open("proba.csv").read().split()[1:]]
n, k = len(rows), len(rows[0])
assert n == report["samples"] and len(report["classes"]) == k
c = report["confusions"]
assert [sum(row) for row in c] == [each["support"] for each in report["classes"]] and sum(map(sum, c)) == n
assert [sum(row[i] for row in c) for i in range(k)] == [sum(max(r) == r[i] for r in rows) for i in range(k)]
for i, each in enumerate(report["classes"]):
    guessed = sum(row[i] for row in c)
    assert abs(each["recall"] - c[i][i] / each["support"]) < 1e-12 and abs(each["precision"] - c[i][i] / guessed) < 1e-12
assert abs(report["accuracy"] - sum(c[i][i] for i in range(k)) / n) < 1e-12 and .5 < report["roc_area"] < 1
assert "ROC area     %.4f" % report["roc_area"] in open("text").read()
PY
done
run 0 train --data gen:sine --epochs 1 -q --out wave
refuse 2 'needs a classification' evaluate wave --data gen:sine --report
refuse 65 'draws images' predict moved --data new.csv --show 1
run 0 inspect moved
says out 'classes: high, low'
says out 'columns: x, y'
says out 'scaling: standardise'

# Regression: numbers that read back.
run 0 train --data 'gen:linear?n=50' --epochs 20 -q --out line
run 0 predict line --data 'gen:linear?n=3' --json
python3 -c "float('$(field output out)'.strip('[]'))" || fail "regression"
run 0 predict line --data 'gen:linear?n=3'
same "$(wc -l <out)" 4

# Pictures: image and probabilities side by side, within 80 columns, without escape codes in a pipe.
run 0 train --data 'gen:digits?n=500' --net 'dense 32 relu; dense 10 softmax' --epochs 3 -q --out digits
run 0 predict digits --data gen:digits --show 2
same "$(grep -c ': predicted' out)" 2
says out '%'
python3 - <<'PY' || fail "--show"
text = open("out", encoding="utf-8").read()
assert "\033" not in text and max(map(len, text.splitlines())) <= 80 and "█" in text
PY
