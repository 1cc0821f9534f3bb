# SPDX-License-Identifier: MIT
#
# profile: a line for each step, sorted by time, with a bound; loops; predictions of a model file; JSON lines.
. "$(dirname "$0")/lib.sh"

run 0 profile --net 'dense 16 relu; dense 3 softmax' --input 4 --steps 20 --threads 1
says out '^training step of 32 samples, adam, 1 thread: '
says out '^at most: '
same "$(awk '/ us / && !/:/ { if (last && $1 > last) bad = 1; last = $1 } END { print bad + 0 }' out)" 0
grep -Eq ' (compute|memory|overhead) +(fused|matmul) f32' out || fail "no step with its bound"

# A loop's steps stand below it.
run 0 profile --net 'simple_rnn 8 return_sequences; dense 3 softmax last_axis' --input 5x4 --batch 2 --steps 20 --optimizer sgd
says out '(below) .* loop'
same "$(awk '/loop$/ { getline; print /  fused|  matmul|  slice/ ? "in" : "out"; exit }' out)" in

# A model file; JSON lines whose times come to the total.
run 0 train --data gen:xor --net 'dense 8 tanh; dense 1 sigmoid' --epochs 2 --out m.safetensors --quiet
run 0 profile m.safetensors --predict --batch 1 --steps 20 --json
python3 - <<'PY' || fail "the steps do not come to the total"
import json
lines = [json.loads(line) for line in open("out")]
total, steps = lines[-1], lines[:-1]
assert total["event"] == "total" and total["batch"] == 1 and total["peak_flops_per_second"] > 0
assert steps and all(step["bound"] in ("compute", "memory", "overhead") for step in steps)
assert abs(sum(step["seconds"] for step in steps) - total["seconds"]) < 1e-9
assert sum(step["flops"] for step in steps) > 0
PY
run 0 profile --data gen:moons --steps 5
says out ' adam'
run 0 profile --net 'dense 3' --input 4 --loss huber --optimizer rmsprop --steps 5

refuse 2 'are needed' profile
refuse 2 'are needed' profile --net 'dense 3'
refuse 2 'in place of a model file' profile m.safetensors --net 'dense 3'
refuse 2 "did you mean 'dense'" profile --net 'dnse 3' --input 4
refuse 2 'unknown loss' profile --net 'dense 3' --input 4 --loss foo
refuse 2 'rmsprop' profile --net 'dense 3' --input 4 --optimizer rmsprob
refuse 66 'nothing.safetensors' profile nothing.safetensors
