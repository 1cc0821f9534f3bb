# SPDX-License-Identifier: MIT
#
# Data that is not there or not right: 66 and 65, never a crash, and the message names the place.
. "$(dirname "$0")/lib.sh"

# ---- missing ----
refuse 66 'nothing.csv' train --data nothing.csv
mkdir empty
refuse 66 'train-images-idx3-ubyte' train --data empty
refuse 66 'empty' train --data empty/nothing.csv
refuse 66 'nothing.config' train --config nothing.config
rmdir empty

# ---- CSV ----
: >empty.csv
refuse 65 'empty' train --data empty.csv
printf 'a,b,c\n' >header.csv
refuse 65 'header.csv' train --data header.csv
printf 'a,b,y\n1,2,0\n3,4\n5,6,1\n' >ragged.csv
refuse 65 'ragged.csv.*line 3' train --data ragged.csv
printf 'a,b,y\n1,2,0.5\n3,nan,1.5\n5,6,2.5\n' >nan.csv
refuse 65 'nan.csv' train --data nan.csv
printf 'a,b,y\n1,2,0.5\n3,,1.5\n5,6,2.5\n' >gap.csv
refuse 65 'line 3' train --data gap.csv
printf 'a,b,y\n1,2,0.5\n"3,4,1.5\n5,6,2.5\n' >quote.csv
refuse 65 'quote.csv' train --data quote.csv
printf 'a,y\n1,caf\351\n2,the\n' >latin.csv
refuse 65 'latin.csv' train --data latin.csv
printf 'a,b,y\n1,2,0\n3,4,1\n' >good.csv
refuse 2 "target" train --data good.csv --target nope
head -c 3000 /dev/urandom >noise.csv
run 65 train --data noise.csv
one_line noise.csv

# Text in a column that the model knows as numbers.
{ echo a,b,y; for i in 1 2 3 4 5 6 7 8 9 10; do echo "$i,$((i * i)),$((i % 2))"; done; } >numbers.csv
run 0 train --data numbers.csv --epochs 2 --out model -q
printf 'a,b,y\n1,two,0\n' >text.csv
refuse 65 'text.csv.*line 2' predict model --data text.csv
refuse 65 'text.csv.*line 2' evaluate model --data text.csv
printf 'a,c\n1,2\n' >columns.csv
run 65 predict model --data columns.csv
one_line "'b'"
refuse 66 'nothing.csv' predict model --data nothing.csv

# A class that the model has never seen; labels outside its outputs.
printf 'a,b,y\n1,2,7\n' >class.csv
run 65 evaluate model --data class.csv
one_line class.csv
refuse 65 'outside the model' train --data gen:spiral --net 'dense 2 softmax'
refuse 65 'outputs' train --data gen:linear --net 'dense 3'
refuse 65 'at least 2 outputs' train --data gen:linear --net 'dense 1' --loss nll
refuse 65 'cannot be made of' train --data gen:xor --net 'reshape 3,5; dense 2'
refuse 65 'samples of shape' evaluate model --data gen:digits?n=10
run 65 predict model --data gen:digits?n=10
refuse 65 'no rows' train --data gen:xor --test-last 4

# ---- IDX ----
python3 - <<'PY'
import struct
images = struct.pack(">HBBIII", 0, 8, 3, 6, 4, 4) + bytes(range(96))
labels = struct.pack(">HBBI", 0, 8, 1, 6) + bytes([0, 1, 2, 0, 1, 2])
import os
def write(name, images, labels):
    os.mkdir(name)
    open(name + "/train-images-idx3-ubyte", "wb").write(images)
    open(name + "/train-labels-idx1-ubyte", "wb").write(labels)
def flip(data, bit):
    data = bytearray(data)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)
write("good", images, labels)
write("short", images[:-7], labels)
write("long", images + b"x", labels)
write("header", images[:9], labels)
write("few", images, labels[:-1])
write("type", flip(images, 17), labels)
write("rank", flip(images, 25), labels)
write("count", flip(images, 32), labels)
write("huge", flip(images, 63), labels)
write("label", images, flip(labels, 24))
PY
run 0 train --data good --epochs 1 -q
for bad in short long header few type rank count huge label; do
    run 65 train --data $bad
    one_line "$bad"
done
gzip -c good/train-images-idx3-ubyte >images.gz && head -c 40 images.gz >cut.gz
mkdir gz && cp cut.gz gz/train-images-idx3-ubyte.gz && cp good/train-labels-idx1-ubyte gz/
run 65 train --data gz
one_line gz

# ---- MNIST: nowhere, and no network: one line; nothing is left behind but the empty folder ----
mkdir tools && printf '#!/bin/sh\nexit 6\n' >tools/curl && chmod +x tools/curl
PATH=$folder/tools:$PATH
refuse 66 'mnist is not here and could not be downloaded' train --data mnist
[ -z "$(find cache -type f)" ] || fail "a part of a download was left"

# ---- the pixels in another order: a dense network does not mind, if the order is the same ----
run 0 train --data 'shuffled:gen:digits?n=1000' --net 'dense 32 relu; dense 10 softmax' --epochs 5 --out mixed -q
run 0 evaluate mixed --data 'shuffled:gen:digits?n=1000' --json
python3 - out <<'PY' || fail "shuffled pixels are not learnt"
import json, sys
assert json.load(open(sys.argv[1]))["accuracy"] > .6
PY
run 0 evaluate mixed --data 'gen:digits?n=1000' --json
python3 - out <<'PY' || fail "nothing was shuffled"
import json, sys
assert json.load(open(sys.argv[1]))["accuracy"] < .4
PY
refuse 2 'unknown generated set' train --data shuffled:gen:nothing
