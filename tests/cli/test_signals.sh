# SPDX-License-Identifier: MIT
#
# Ctrl-C and SIGTERM in the middle of an epoch: the run is saved, the exit code names the signal, and --resume ends in the
# very bits of a run that nobody stopped.
. "$(dirname "$0")/lib.sh"

start() { # the run of this test in the background, its process in $child
    "$elegans" train --data 'gen:digits?n=1500' --net 'dense 300 relu; dropout .1; dense 10 softmax' --batch 10 \
        --epochs 8 --seed 3 --validation .2 --json -q "$@" >out 2>err &
    child=$!
}
recipe() { start "$@" && wait $child; }
steps_per_epoch=120

recipe --out whole || fail "training"
whole=$(field weights_sha256 out)
same "$(field steps out)" $((8 * steps_per_epoch))

# stop SIGNAL CODE: starts a run, waits for its first epoch, stops it in the middle of a later one (or tries again).
stop() {
    for try in 1 2 3 4 5 6; do
        last="a run stopped by SIG$1, try $try"
        rm -f out stopped
        start --out run
        until grep -q '"epoch"' out 2>/dev/null || ! kill -0 $child 2>/dev/null; do sleep .01; done
        kill -s "$1" $child 2>/dev/null
        wait $child
        code=$?
        [ $code = 0 ] && continue
        same $code "$2"
        [ $(($(field steps out) % steps_per_epoch)) != 0 ] && return
    done
    fail "never stopped in the middle of an epoch"
}

for pair in INT:130 TERM:143; do
    stop "${pair%:*}" "${pair#*:}"
    one_line 'go on with: elegans train --resume --out run'
    same "$(field event out)" stopped
    same "$(field saved out)" run
    [ "$(field weights_sha256 out)" != "$whole" ] || fail "stopped at the end"
    run 0 inspect run # a stopped run is a model, too
    refuse 2 '\-\-batch cannot change' train --resume --out run --batch 11
    run 0 train --resume --out run --json -q --threads 1
    same "$(field weights_sha256 out)" "$whole"
    same "$(field steps out)" $((8 * steps_per_epoch))
    refuse 2 'no run to resume' train --resume --out run -q
done
only whole whole.config run run.config

# Without --out there is nothing to save, and that is said.
last="SIGINT without --out"
start
until grep -q '"epoch"' out; do sleep .01; done
kill -INT $child
wait $child
same $? 130
one_line 'nothing was saved'
same "$(field saved out)" null

# A limit of steps stops in mid-epoch, too, and is no error; a checkpoint after each epoch holds the run.
recipe --steps 150 --out limited || fail "--steps"
same "$(field steps out)" 150
recipe --checkpoint --out checked || fail "--checkpoint"
same "$(field weights_sha256 out)" "$whole"
