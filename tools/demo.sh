#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The first main job from one command: a 784-512relu-10softmax network learns MNIST by the course's recipe, is tested, and
# shows some of its answers. Where MNIST neither is nor can be fetched, digits that elegans draws take its place.
#   tools/demo.sh <build folder> [data source]
set -u
elegans=$1/elegans
data=${2:-mnist}

# Shows a command as one would type it, and runs it.
show() {
    printf '\n$ %s' "$elegans"
    for word; do
        case $word in *[!A-Za-z0-9_./:=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$elegans" "$@"
}

train() {
    show train --data "$data" --net 'dense 512 relu; dense 10 softmax' --optimizer rmsprop --batch 128 --epochs 5 --seed 1 \
        --out "$model"
}

model=$1/mnist.safetensors
train
status=$?
if [ $status = 66 ] && [ "$data" = mnist ]; then # the input is not there, and the command has said so
    echo "instead of MNIST: digits that elegans draws itself, of strokes, jitter and noise"
    data=gen:digits
    model=$1/digits.safetensors
    train
    status=$?
fi
[ $status = 0 ] || exit $status
show predict "$model" --data "$data" --show 4 || exit
printf '\nThe model is in %s; `%s help` tells what else there is.\n' "$model" "$elegans"
