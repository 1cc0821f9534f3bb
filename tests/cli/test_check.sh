# SPDX-License-Identifier: MIT
#
# check: a line for each parameter; zeros are named; JSON lines.
. "$(dirname "$0")/lib.sh"

run 0 check --net 'dense 5 tanh; dense 3 softmax' --input 4
same "$(grep -c '^ok ' out)" 4
run 0 check --net 'dense 8 gelu; dropout .2; dense 1 sigmoid' --input 3x3 --json
same "$(field parameter out)" dense_1/bias
same "$(field result out)" ok
python3 -c "assert $(field worst_error out) < 1e-6" || fail "the error is large"
# as in a training: batch_norm takes the batch (frozen, its running averages), dropout drops
run 0 check --net 'conv 3 2 relu; batch_norm; spatial_dropout .3; batch_norm frozen; dense 2 softmax' --input 5x5x2
same "$(grep -c '^ok ' out)" 6
run 0 check --net 'dense 3 step; dense 2' --input 4
says out 'dense/kernel .*proves nothing'
run 0 check --net 'dense 3 tanh; dense 2' --input 4 --samples 2
same "$(grep -c ' 2 checked' out)" 4
run 1 check --net 'dense 3 tanh; dense 2' --input 4 --rtol 1e-13
says out '^FAIL .*  at dense'
refuse 2 'more than 0' check --net 'dense 3' --input 4 --rtol 0
refuse 2 'unknown loss' check --net 'dense 3' --input 4 --loss foo
refuse 2 "did you mean 'dense'" check --net 'dnse 3' --input 4
