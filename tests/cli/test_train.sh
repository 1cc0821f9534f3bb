# SPDX-License-Identifier: MIT
#
# What train promises: the same bits for every number of threads and every repetition; settings in layers; JSON lines.
. "$(dirname "$0")/lib.sh"

# ---- determinism ----
run 0 train --data gen:digits?n=600 --net 'dense 256 relu; dense 10 softmax' -e 2 -b 64 -s 4 --json -q --threads 1 --out a
one=$(field weights_sha256 out)
run 0 train --data gen:digits?n=600 --net 'dense 256 relu; dense 10 softmax' -e 2 -b 64 -s 4 --json -q --threads 2 --out b
same "$(field weights_sha256 out)" "$one"
same "$(sha256sum <a)" "$(sha256sum <b)"
run 0 inspect a --json
same "$(field weights_sha256 out)" "$one"
same "$(field parameters out)" 203530
run 0 train --data gen:digits?n=600 --net 'dense 256 relu; dense 10 softmax' -e 2 -b 64 -s 5 --json -q
[ "$(field weights_sha256 out)" != "$one" ] || fail "the seed does nothing"

# ---- JSON lines ----
run 0 train --data gen:spiral --epochs 3 --json -q --validation .25 --metrics accuracy,mse --out m
same "$(wc -l <out)" 4
same "$(head -n 1 out | cut -c 1-34)" '{"event":"epoch","epoch":1,"loss":'
same "$(field event out)" end
for name in train.loss train.accuracy validation.loss validation.accuracy test.loss test.accuracy test.mse seconds; do
    python3 -c "assert float('$(field $name out)') >= 0" || fail "$name"
done
same "$(field saved out)" m
same "$(field parameters out)" 387
run 0 train --data gen:linear --epochs 2 --json -q
same "$(field validation out)" null
same "$(field saved out)" null
same "$(field test.accuracy out)" null
python3 -c "assert $(field peak_memory_bytes out) > 1e6" || fail "peak memory"
printf 'a,"na""me\\"\n1,"caf\303\251"\n2,"x,y"\n3,"caf\303\251"\n4,"x,y"\n5,"x,y"\n' >names.csv
run 0 train --data names.csv --epochs 1 --json -q --out named --test-share 0
same "$(field test out)" null
run 0 inspect named --json
same "$(field classes out)" '["caf\u00e9", "x,y"]'

# ---- a learning rate that is found on trial: the bits of the one that was said ----
run 0 train --data gen:moons --optimizer sgd --lr auto --epochs 3 -q --json --out found --plot pictures
same "$(head -n 1 out | cut -c 1-31)" '{"event":"rate","lr":1,"loss":0'
same "$(grep -c '"outcome":"picked"' out)" 1
hash=$(field weights_sha256 out)
[ -s pictures/rates.svg ] || fail "no picture of the rates"
lr=$(sed -n 's/^lr = //p' found.config)
run 0 train --data gen:moons --optimizer sgd --lr "$lr" --epochs 3 -q --json
same "$(field weights_sha256 out)" "$hash"
run 0 train --data gen:moons --lr auto --epochs 1
says err '^rate  *tried 1 '
says err 'picked'
run 0 train --data gen:moons --lr auto --dry-run -q
says out '^lr = auto$'
refuse 2 "takes a number or 'auto', not 'fast'" train --data gen:moons --lr fast
rm -r pictures
rm found found.config

# ---- settings: a file, over it the line, over both --set ----
run 0 train --data gen:spiral --dry-run -q --net 'dense 5 tanh
dense 3 softmax' --lr 0.25 --batch all --nesterov --optimizer sgd --momentum 0.5 -v .2
cp out settings
says settings '^net = dense 5 tanh\\ndense 3 softmax$'
says settings '^lr = 0.25$'
says settings '^batch = all$'
says settings '^nesterov = true$'
run 0 train --config settings --dry-run -q
cmp -s out settings || fail "settings do not read back"
run 0 train --config settings --lr 0.5 --set training.batch=7 --set seed=9 --batch 8 --dry-run -q
says out '^lr = 0.5$'
says out '^batch = 7$'
says out '^seed = 9$'
run 0 train --config settings --json -q --epochs 3 --out first
hash=$(field weights_sha256 out)
run 0 train --config first.config --json -q
same "$(field weights_sha256 out)" "$hash"
echo 'lrr = 1' >wrong
refuse 2 "wrong: line 1: .*did you mean 'lr'" train --config wrong
printf 'lr = 1\nbatch 3\n' >wrong
refuse 2 'wrong: line 2: not a setting' train --config wrong
rm wrong

# ---- what is picked is said; data on stdout, the rest on stderr ----
{ echo 'x,y,kind'; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "$i,$((i * i % 7)),k$((i % 3))"; done; } >table.csv
run 0 train --data table.csv --epochs 100
says err "classification of 'kind'"
says err 'standardise'
says err 'chosen .*task, net'
same "$(wc -l <out)" 1
says out '^test:  loss .*accuracy'
[ "$(grep -c '^epoch' err)" -le 21 ] || fail "too many lines of progress"
says err '^epoch 100/100 '
! grep -q "$(printf '\033')" err out || fail "escape codes without a terminal"
run 0 train --data table.csv --epochs 1 --target x --task regression
says err "regression of 'x'"
says out 'mae'
"$elegans" train --data - --epochs 1 -q --json --out piped <table.csv >out 2>err || fail "CSV on stdin"
run 0 train --data table.csv --epochs 1 -q --json
same "$(field weights_sha256 out)" "$(python3 -c "import json;print(json.loads('''$("$elegans" inspect piped --json)''')['weights_sha256'])")"
run 0 train --data table.csv --test table.csv -q --epochs 1
says out '(12 samples)'
run 0 train --data table.csv --test-last 5 -q --epochs 1
says out '(5 samples)'
# climbing the log-likelihood and descending on its negative end in the same bits
run 0 train --data gen:gauss --net 'dense 1 sigmoid' --loss log_likelihood --maximize --epochs 3 --json -q --plot climb
[ -s climb/histograms.svg ] || fail "no histograms of a climb"
rm -r climb
climbed=$(field weights_sha256 out)
run 0 train --data gen:gauss --net 'dense 1 sigmoid' --loss log_loss --epochs 3 --json -q
same "$(field weights_sha256 out)" "$climbed"
refuse 2 'say --maximize' train --data gen:gauss --loss log_likelihood
run 0 train --data gen:spiral --maximize --loss mse --optimizer sgd --lr .01 --epochs 2 --json -q
python3 - <<'PY' || fail "maximize does not climb"
import json
lines = [json.loads(line) for line in open("out")]
assert lines[1]["loss"] > lines[0]["loss"]
PY

# ---- a closed standard output or error hurts no file ----
"$elegans" train --data gen:xor --epochs 1 --json --out closed >&- 2>&- || fail "closed streams"
run 0 inspect closed
last="a reader that goes away"
{ "$elegans" train --data gen:spiral --epochs 3000 --json -q --out reader 2>err; echo $? >code; } | head -n 1 >/dev/null
same "$(cat code)" 141 # as tools end whose reader has gone: by SIGPIPE, without a word
[ ! -s err ] || fail "a reader that went away is no mistake"
run 0 inspect reader
