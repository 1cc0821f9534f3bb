#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The first main job from one command: a 784-512relu-10softmax network learns MNIST by the course's recipe, is tested, and
# shows some of its answers. Where MNIST neither is nor can be fetched, digits that elegans draws take its place.
#   tools/demo.sh <build folder>
set -u
elegans=$1/elegans
model=$1/mnist.safetensors

train() {
    "$elegans" train --data "$1" --net 'dense 512 relu; dense 10 softmax' --optimizer rmsprop --batch 128 --epochs 5 --seed 1 \
        --out "$model"
}

data=mnist
train $data
status=$?
if [ $status = 66 ]; then # the input is not there, and the command has said so
    data=gen:digits
    echo "instead of MNIST: digits drawn by elegans itself ($data)"
    train $data
    status=$?
fi
[ $status = 0 ] || exit $status
"$elegans" predict "$model" --data $data --show 4 && echo "the model is in $model"
