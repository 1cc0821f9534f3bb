# SPDX-License-Identifier: MIT
#
# Every option of train that changes how is learnt does so; what is the same in two ways has the same bits.
. "$(dirname "$0")/lib.sh"

# weights OPTION...: the hash of what was learnt from the moons in six epochs
weights() {
    last="train $*"
    "$elegans" train --data gen:moons --net 'dense 6 tanh; dense 1 sigmoid' --epochs 6 --batch 20 --json "$@" >out 2>err ||
        fail "exit code $?"
    sed -n 's/.*"weights_sha256":"\([0-9a-f]*\)".*/\1/p' out
}
both() { a=$(weights $1) && b=$(weights $2) && [ -n "$a" ] && [ -n "$b" ] || exit 1; }
differ() {
    both "$1" "$1 $2"
    [ "$a" != "$b" ] || fail "$2 changes nothing"
}
alike() {
    both "$1" "$2"
    same "$a" "$b"
}

differ '-o sgd --lr .5' '--momentum .5'
differ '-o sgd --momentum .5 --lr .5' --nesterov
differ '-o sgd --lr .5' '--clip-value .01'
differ '-o sgd --lr .5' '--clip-norm .01'
differ '-o sgd --lr .5' '--clip-global-norm .01'
differ '-o sgd --lr .5' '--weight-decay .1'
differ '-o sgd --lr .5' '--l1 .01'
differ '-o sgd --lr .5' '--l2 .01'
differ '-o sgd --lr .05' '--reduction sum'
differ '-o sgd --lr .5' '--shuffle off'
differ '-o sgd --lr .5' '--shuffle replacement'
differ '-o sgd --lr .5' '--warm-up 3'
differ '-o sgd --lr .5' '--seed 1'
differ '-o rmsprop' '--rho .5'
differ '-o rmsprop' '--dialect torch'
differ '-o rmsprop' '--dialect keras2'
differ '-o adam' '--beta1 .5'
differ '-o adam' '--beta2 .5'
differ '-o adam' '--epsilon .1'
differ '-o sgd --lr .1 --loss huber' '--delta .01'
differ '-o sgd --lr .5 --schedule linear' '--schedule-end .5'
differ '-o sgd --lr .5 --schedule step' '--schedule-every 2'
differ '-o sgd --lr .5 --schedule step --schedule-every 2' '--schedule-factor .5'
for schedule in linear cosine step exponential inverse_time polynomial cosine_restarts one_cycle multiply; do
    every=
    [ $schedule = step ] && every='--schedule-every 2'
    differ '-o sgd --lr .5' "--schedule $schedule $every"
done

alike '-o momentum --lr .5' '-o sgd --momentum .9 --lr .5'
alike '-o nesterov --lr .5' '-o sgd --momentum .9 --nesterov --lr .5'
alike '-o sgd --lr .5' '-o sgd --lr .5 --clip-global-norm 1e9'
alike '-o sgd --lr .5' '-o sgd --lr .5 --schedule step --schedule-every 2 --schedule-factor 1'
alike '-o sgd --lr .5' '-o sgd --lr .5 --schedule constant'
refuse 2 'schedule constant has no factor (it has warm_up)' train --data gen:xor -o sgd --schedule-factor .5
refuse 2 'schedule one_cycle has no every (it has warm_up)' train --data gen:xor --schedule one_cycle --schedule-every 3
refuse 2 'schedule step has no end (it has warm_up, factor, every)' train --data gen:xor --schedule step --schedule-end .1

# A training that ends by itself says so; its scores stand in the logs.
run 0 train --data 'gen:moons?noise=.3' -o adam --lr .05 --epochs 400 --early-stopping 3 --validation .2 --log log.csv --tensorboard board
says err 'ended  *after [0-9]* of 400 epochs; the weights are those of the best'
same "$(head -n 1 log.csv)" epoch,accuracy,loss,val_accuracy,val_loss
epochs=$(sed -n 's/ended  *after \([0-9]*\) .*/\1/p' err)
same "$(wc -l <log.csv)" $((epochs + 1))
[ -s board/events.out.tfevents.* ] || fail "no events"
run 0 train --data gen:moons -o sgd --lr .1 --epochs 400 --tolerance 1e-3
says err 'ended  *after [0-9]* of 400 epochs: the loss stands still'
run 0 train --data gen:moons --epochs 4 --early-stopping 9
grep -q '^ended' err && fail "it was not ended"

# On a plateau the rate falls to a tenth, again and again: at the end nothing changes any more.
run 0 train --data gen:moons --net 'dense 1 sigmoid' -o sgd --lr 9 --epochs 60 --plateau 1 --log log.csv
awk -F, '{ before = now; now = $3 } END { exit !((now - before) ^ 2 < 1e-12) }' log.csv || fail "the rate did not fall"

# The first line of a table may be data.
printf '1,2,a\n2,1,b\n3,2,a\n4,1,b\n' >plain.csv
run 0 train --data plain.csv --no-header --test-share 0 --epochs 1
says err '4 rows'
