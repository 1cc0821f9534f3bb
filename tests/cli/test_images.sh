# SPDX-License-Identifier: MIT
#
# Folders of image files: a class for each folder, parts, one file, sizes; what is wrong with a folder or a file is one line.
. "$(dirname "$0")/lib.sh"

# Grey pictures of 8x8: bars that stand or lie, and colours; a broken, a short and a huge one.
last="python3"
python3 - <<'PY' || fail "no pictures"
import os, random, struct, zlib

def png(height, width, channels, pixels, say=None):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    stride = width * channels
    rows = b"".join(b"\0" + pixels[r * stride:(r + 1) * stride] for r in range(height))
    head = struct.pack(">IIBBBBB", *reversed(say or (height, width)), 8, 0 if channels == 1 else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

def put(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    open(path, "wb").write(data)

draw = random.Random(1)
def bar(lies):
    at = draw.randrange(8)
    return bytes((255 if (i // 8 if lies else i % 8) == at else 0) for i in range(64))
for part, n in ("train", 40), ("test", 8):
    for i in range(n):
        put(f"bars/{part}/it stands/{i}.png", png(8, 8, 1, bar(0)))
        put(f"bars/{part}/lying/{i}.png", png(8, 8, 1, bar(1)))
put("lone.png", png(8, 8, 1, bar(1)))
put("large.png", png(16, 12, 3, bytes(16 * 12 * 3)))
put("mixed/a/1.png", png(8, 8, 1, bar(0)))
put("mixed/b/2.png", png(9, 8, 3, bytes(9 * 8 * 3)))
put("broken/a/1.png", png(8, 8, 1, bar(0))[:60])
put("broken/b/2.png", png(8, 8, 1, bar(0)))
put("huge/a/1.png", png(8, 8, 1, bar(0), (30000, 30000)))
put("huge/b/2.png", png(8, 8, 1, bar(0)))
put("text/a/1.png", b"no picture\n")
put("text/b/2.png", png(8, 8, 1, bar(0)))
PY

"$elegans" train --data bars --epochs 1 -q --dry-run >out 2>err
if grep -q 'built without' err; then
    last="train --data bars"
    one_line 'is PNG, but this elegans was built without libpng'
    exit 77
fi

# ---- training, scores, answers ----
run 0 train --data bars --epochs 30 --out model --json
says err 'bars (80 images, samples of \[8,8,1\]): 2 classes, 80 rows to'
same "$(field test.accuracy out)" 1
run 0 inspect model
says out 'classes: it stands, lying'
run 0 evaluate model --data bars
says out 'test:.*accuracy 1.0000  (16 samples)'
run 0 predict model --data lone.png
same "$(cat out)" "file,prediction
lone.png,lying"
run 0 predict model --data 'bars/test/it stands' --first 2
same "$(cat out)" "file,prediction
0.png,it stands
1.png,it stands"
run 0 predict model --data bars --first 1 --json
same "$(field file out)" 'it stands/0.png'
run 0 predict model --data bars --show 1
says out 'it stands/0.png: predicted it stands, is it stands'
COLUMNS=60 run 0 predict model --data bars --show 1
run 0 predict model --data large.png # to the model's size and kind
ln -s bars/train linked
run 0 train --data linked --epochs 1
says err '16 to test' # a fifth, as nothing was said
says err 'chosen .*test rows'

# ---- sizes ----
refuse 65 'mixed/b/2.png: is 9x8x3 .*, but a/1.png is 8x8x1: say one size for all (--size 8x8x3)' train --data mixed
run 0 train --data mixed --size 8x8x3 --test-share 0 --epochs 1 --out colour -q
run 0 predict colour --data lone.png --show 1
refuse 65 '9x8x1\|--size 6x6x3' train --data mixed --size 6x6
refuse 2 'no size of images' train --data mixed --size 8x8x2
refuse 2 'takes a shape' train --data mixed --size big

# ---- what is wrong ----
refuse 65 'broken/a/1.png: is a damaged PNG' train --data broken
refuse 65 'huge/a/1.png: has 30000 x 30000 pixels' train --data huge
refuse 65 'text/a/1.png: is no image: PNG and JPEG can be read' train --data text
refuse 65 'bars/train/lying: there are no targets' train --data bars/train/lying
mkdir one
cp -r bars/train/lying one
refuse 65 "one: holds the folder of one class, 'lying'" train --data one
run 0 predict model --data one --first 1
mkdir one/other
refuse 65 'one/other: holds no images' train --data one
refuse 65 "mixed: the folder 'a' is none of the 2 classes" evaluate model --data mixed
cp lone.png mixed
refuse 65 "the image 'lone.png' lies beside the folders of classes" train --data mixed
refuse 66 'has no part "test"' predict model --data one --part test
mkdir nothing
refuse 66 'nothing: holds neither IDX files' train --data nothing
