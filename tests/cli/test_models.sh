# SPDX-License-Identifier: MIT
#
# Model files that are not: 65 or 66 for every command that reads one, never a crash.
. "$(dirname "$0")/lib.sh"

run 0 train --data gen:spiral --epochs 2 --out model -q
for command in inspect "predict --data gen:spiral" "evaluate --data gen:spiral"; do
    name=${command%% *}
    rest=${command#"$name"}
    refuse 66 'nothing' "$name" nothing $rest
    refuse 66 'folder' "$name" . $rest
    refuse 65 'truncated' "$name" /dev/null $rest
done

python3 - <<'PY'
import json, struct
whole = open("model", "rb").read()
size = struct.unpack("<Q", whole[:8])[0]
header, data = json.loads(whole[8:8 + size]), whole[8 + size:]
def write(name, header, data=data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    open(name, "wb").write(struct.pack("<Q", len(text)) + text + data)
def edit(name, change):
    copy = json.loads(json.dumps(header))
    change(copy)
    write(name, copy)
def metadata(name, key, change):
    def f(h):
        inner = json.loads(h["__metadata__"][key])
        change(inner)
        h["__metadata__"][key] = json.dumps(inner)
    edit(name, f)
write("bad_same", header)  # the edits below start from something good
open("bad_cut", "wb").write(whole[:-5])
open("bad_more", "wb").write(whole + b"12345")
open("bad_size", "wb").write(struct.pack("<Q", 1 << 40) + whole[8:])
write("bad_json", b"{" + b"[" * 5000)
write("bad_utf8", json.dumps(header).encode().replace(b"dense", b"d\xffnse", 1))
edit("bad_offset", lambda h: h["dense/kernel"].update(data_offsets=[4, 4 + 2 * 64 * 4]))
edit("bad_overlap", lambda h: h["dense/bias"].update(data_offsets=h["dense/kernel"]["data_offsets"]))
edit("bad_shape", lambda h: h["dense/kernel"].update(shape=[64, 2]))
edit("bad_dtype", lambda h: h["dense/kernel"].update(dtype="I32"))
edit("bad_missing", lambda h: h["__metadata__"].pop("model"))
edit("bad_format", lambda h: h["__metadata__"].update(format="elegans 99"))
edit("bad_model", lambda h: h["__metadata__"].update(model="{}"))
edit("bad_recipe", lambda h: h["__metadata__"].update(recipe="[1"))
metadata("bad_loss", "recipe", lambda r: r.update(loss="nonsense"))
metadata("bad_optimizer", "recipe", lambda r: r["optimizer"].update(name="nonsense"))
metadata("bad_classes", "data", lambda d: d.update(classes=[1, 2, 3]))
PY
run 0 inspect bad_same
rm bad_same
for bad in bad_*; do
    run 65 inspect $bad
    one_line "$bad"
    [ ! -s out ] || fail "something on stdout"
done

# Every single flipped bit of the header, and a cut after every 37 bytes: an error or a model, in time.
python3 - "$elegans" <<'PY' || fail "a broken model file"
import random, subprocess, sys
whole = open("model", "rb").read()
size = 8 + int.from_bytes(whole[:8], "little")
random.seed(1)
broken = [whole[:n] for n in range(0, len(whole), 97)]
for bit in random.sample(range(8 * size), 60):
    copy = bytearray(whole)
    copy[bit // 8] ^= 1 << bit % 8
    broken.append(bytes(copy))
for content in broken:
    open("broken", "wb").write(content)
    p = subprocess.run([sys.argv[1], "inspect", "broken"], capture_output=True)
    lines = p.stderr.decode("utf-8", "replace").splitlines()
    good = p.returncode == 0 or p.returncode == 65 and len(lines) == 1 and lines[0].startswith("elegans: ")
    if not good:
        sys.exit(f"{len(content)} bytes: exit code {p.returncode}: {lines}")
PY

# a network that nobody trained
run 0 inspect --net 'conv 6 5 same relu; max_pool; conv 16 5 relu; max_pool; dense 120; dense 84; dense 10' --input 28x28
says out '^parameters: 61706 '
run 0 inspect --net 'dense 3 tanh; dense 1' --input 2 --json --svg net.svg
same "$(field parameters out)" 13
same "$(field weights_sha256 out)" null
grep -q '<svg' net.svg || fail "no picture"
refuse 2 'takes a shape such as' inspect --net 'dense 3' --input 2x
refuse 2 'needs --input' inspect --net 'dense 3'
refuse 2 'model file or --net' inspect
refuse 2 'model file or --net' inspect model --net 'dense 3'
refuse 2 'did you mean' inspect --net 'desne 3' --input 2
