# SPDX-License-Identifier: MIT
#
# How data are prepared, in little texts: scalings with their numbers, indicators of gaps, augmentation, class weights.
. "$(dirname "$0")/lib.sh"

# ---- scaling ----
run 0 train --data 'gen:gauss?n=60,dims=6' --scaling 'standardise; pca 2' --epochs 5 -q --json --out turned
same "$(field parameters out)" 257 # 2 x 64 + 64 + 64 + 1
run 0 inspect turned
says out 'scaling: pca'
run 0 predict turned --data 'gen:gauss?n=3,dims=6' --classes # raw rows of six numbers
same "$(wc -l <out)" 4
says turned.config '^scaling = standardise; pca 2$'
hash=$(sha256sum <turned)
run 0 train --config turned.config -q --out turned
same "$(sha256sum <turned)" "$hash"
run 0 train --data 'gen:gauss?n=60,dims=6' --scaling pca --epochs 5 -q --json
same "$(field parameters out)" 513
for kind in 'whiten 3 epsilon=1e-3' 'zca epsilon=0' 'pca variance=.9' 'robust; whiten components=2' 'quantile 20' \
    'quantile_normal points=30' 'min_max; zca'; do
    run 0 train --data 'gen:gauss?n=60,dims=6' --scaling "$kind" --epochs 1 -q
done
run 0 train --data 'gen:gauss?n=60,dims=6' --scaling 'robust; pca 3' --epochs 1 --plot pictures
says err '^scaling  *robust; pca 3$'
[ -s pictures/histograms.svg ] || fail "no histograms of a narrowed net"
rm -r pictures
refuse 2 "unknown scaling 'pcaa'; did you mean 'pca'" train --data gen:gauss --scaling pcaa
refuse 2 "there is no 'varianc' here; did you mean 'variance'" train --data gen:gauss --scaling 'pca varianc=.9'
refuse 2 "there is no 'epsilon' here" train --data gen:gauss --scaling 'pca epsilon=.9'
refuse 2 "variance takes a number from 0 to 1, not '2'" train --data gen:gauss --scaling 'pca variance=2'
refuse 2 'pca takes a whole number, not 1.5' train --data gen:gauss --scaling 'pca 1.5'
refuse 2 'two kinds are for pca, whiten and zca' train --data gen:gauss --scaling 'robust; min_max'
refuse 2 'before pca stands .*, not quantile' train --data gen:gauss --scaling 'quantile; pca'
refuse 2 'a kind is missing' train --data gen:gauss --scaling ''

# ---- gaps ----
{ echo 'age,size,kind'; for i in 1 2 3 4 5 6 7 8 9; do echo "$i,?,low"; echo "$i,3,high"; done; } >gaps.csv
run 0 train --data gaps.csv --missing 'median indicate' --test-share 0 -q --out seen --json
same "$(field train.accuracy out)" 1 # only the gaps tell the classes apart
run 0 inspect seen
says out 'size=?'
printf 'age,size\n4,\n4,3\n' >new.csv
run 0 predict seen --data new.csv
same "$(cat out)" "$(printf 'kind\nlow\nhigh')"
refuse 2 "there is no 'indicates' here; did you mean 'indicate'" train --data gaps.csv --missing 'mean indicates'
refuse 2 "did you mean 'mean'" train --data gaps.csv --missing medan

# ---- images centred by the model: digits that stand elsewhere are the same digits ----
python3 - <<'PY'
import random, struct
random.seed(3)
def idx(name, images):
    with open(name, "wb") as f:
        f.write(struct.pack(">BBBBIII", 0, 0, 8, 3, len(images), 12, 10))
        for image in images: f.write(bytes(image))
def stroke(n, down, across): # a bar or a square, with a brightness
    image = [0] * 120
    for i in range(4):
        for k in range(4 if n % 2 else 1): image[(4 + i + down) * 10 + 3 + k + across] = 100 + n
    return image
idx("train-images-idx3-ubyte", [stroke(n, 0, 0) for n in range(40)])
idx("there.idx", [stroke(n, -4, 3) for n in range(40)])
with open("train-labels-idx1-ubyte", "wb") as f: f.write(struct.pack(">BBBBI", 0, 0, 8, 1, 40) + bytes(n % 2 for n in range(40)))
PY
for scaling in auto standardise 'pca 3'; do
    run 0 train --data train-images-idx3-ubyte --centre --scaling "$scaling" --epochs 3 --out bars
    says err "^scaling  *centre, $scaling"
    says bars.config '^centre = true$'
    run 0 inspect bars
    says out '^scaling: centre, '
    run 0 inspect bars --json
    same "$(field centre out)" 1
    run 0 predict bars --data train-images-idx3-ubyte --proba
    mv out here
    run 0 predict bars --data there.idx --proba
    same "$(cat out)" "$(cat here)"
done
run 0 train --data train-images-idx3-ubyte --epochs 3 --out bars -q
run 0 inspect bars
says out '^scaling: bytes$'
run 0 predict bars --data there.idx --proba
[ "$(cat out)" != "$(cat here)" ] || fail "the model centres unasked"
run 0 train --data train-images-idx3-ubyte --from bars --centre --epochs 1 --out bars -q
run 0 inspect bars
says out '^scaling: centre, bytes$'
refuse 2 '--centre: it moves images, and the samples are none' train --data gen:spiral --centre
refuse 2 '--centre: it moves images, and the samples are none' train --data text:"$here/lib.sh" --centre

# ---- augmentation: other samples, the same for any number of threads; a stopped run goes on with it ----
run 0 train --data gen:digits?n=200 --epochs 2 -q --json --seed 3
plain=$(field weights_sha256 out)
run 0 train --data gen:digits?n=200 --epochs 2 -q --json --seed 3 --augment 'shift 2 rotate 10 noise 4' --threads 1
hash=$(field weights_sha256 out)
[ "$hash" != "$plain" ] || fail "augmentation does nothing"
run 0 train --data gen:digits?n=200 --epochs 2 -q --json --seed 3 --augment 'shift=2 rotate=10 noise=4' --threads 2
same "$(field weights_sha256 out)" "$hash"
run 0 train --data gen:digits?n=200 --epochs 1 --augment flip
says err '^augment  *flip$'
refuse 2 "there is no 'turn' here" train --data gen:digits --augment 'turn 3'
refuse 2 "rotate takes a number from 0 to 360, not '400'" train --data gen:digits --augment 'rotate 400'
refuse 65 'pixels move in samples' train --data gen:spiral --augment 'shift 1' -q

# ---- class weights ----
{ echo 'x,kind'; for i in 1 2 3 4 5 6 7 8; do echo "$i,a=b"; done; echo '3,c'; echo '4,c'; } >few.csv
run 0 train --data few.csv --test-share 0 --class-weights balanced --epochs 1 --json --out w
says err '^weights  *a=b 0.625, c 2.5$'
hash=$(field weights_sha256 out)
run 0 train --data few.csv --test-share 0 --class-weights 'a=b=0.625,c=2.5' --epochs 1 --json -q
same "$(field weights_sha256 out)" "$hash"
run 0 train --data few.csv --test-share 0 --epochs 1 --json -q
[ "$(field weights_sha256 out)" != "$hash" ] || fail "class weights do nothing"
refuse 2 "the data have no class 'd'" train --data few.csv --class-weights d=3
refuse 2 'takes balanced or CLASS=WEIGHT' train --data few.csv --class-weights balance
refuse 2 'takes balanced or CLASS=WEIGHT' train --data few.csv --class-weights c=-1
refuse 2 'there are no classes' train --data gen:sine --class-weights balanced
run 0 tune --data few.csv --test-share 0 --grid 'class-weights=balanced' --folds 2 -q --set epochs=1
