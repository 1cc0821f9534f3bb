# SPDX-License-Identifier: MIT
#
# Pictures of a training: which there are, that they are well-formed and hold what they say; the line in the terminal.
. "$(dirname "$0")/lib.sh"

# drawn FOLDER NAME...: these pictures and no others, all of them XML, no number in them that is none.
drawn() {
    where=$1
    shift
    same "$(ls "$where" | tr '\n' ' ')" "$* "
    for picture in "$@"; do
        python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$where/$picture" || fail "$picture is no XML"
        ! grep -q '[^a-z]nan\|[^a-z]inf' "$where/$picture" || fail "$picture holds a NaN"
    done
}
count() { grep -c "$1" "$2"; }

run 0 train --data 'gen:spiral?n=40' --net 'dense 16 relu; dense 3 softmax' --epochs 3 --validation 0.25 --plot two
says err 'pictures .*two: curves.svg boundary.svg histograms.svg'
drawn two boundary.svg curves.svg histograms.svg
says two/curves.svg '>validation<'
says two/curves.svg '>accuracy<'
same "$(count '<circle' two/boundary.svg)" 124 # 90 to train on, 30 to validate, 4 in the legend
says two/histograms.svg 'dense 16 relu'
says two/histograms.svg 'dense_1/kernel'

run 0 train --data 'gen:sine?n=50' --net 'dense 8 tanh; dense 1' --epochs 2 --plot one -q
drawn one boundary.svg curves.svg histograms.svg
says one/boundary.svg 'the learnt function'
! grep -q validation one/curves.svg || fail "there was no validation"

run 0 train --data 'gen:digits?n=100' --net 'dense 12 relu; dense 10 softmax' --epochs 1 --plot images -q
drawn images curves.svg filters.svg histograms.svg
same "$(count '<image' images/filters.svg)" 12

# The first pixel of an image's PNG is the first weight's colour.
python3 - <<'PY' || fail "the images cannot be read"
import base64, re, struct, zlib
for data in re.findall(r"base64,([^\"]*)", open("images/filters.svg").read()):
    png = base64.b64decode(data)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, body, size = 8, b"", None
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        chunk = png[at + 8:at + 8 + length]
        assert zlib.crc32(kind + chunk) == struct.unpack(">I", png[at + 8 + length:at + 12 + length])[0]
        if kind == b"IHDR": size = struct.unpack(">II", chunk[:8])
        if kind == b"IDAT": body += chunk
        at += 12 + length
    assert size == (28, 28) and len(zlib.decompress(body)) == 28 * (1 + 3 * 28)
PY

# A table of more columns; the folder may be there; names are escaped.
printf 'a<b,"b & c",d,e\n1,2,3,x\n2,1,2,<y>\n3,2,1,x\n4,4,1,<y>\n5,1,2,x\n1,1,1,<y>\n' >table.csv
run 0 train --data table.csv --test-last 1 --epochs 1 --plot one -q
run 0 train --data table.csv --test-last 1 --epochs 1 --plot table -q
drawn table curves.svg histograms.svg
printf 'a<b,b & c,e\n1,2,x\n2,1,<y>\n3,2,x\n4,4,<y>\n5,1,x\n1,1,<y>\n' >table.csv
run 0 train --data table.csv --test-last 1 --epochs 1 --plot names -q
drawn names boundary.svg curves.svg histograms.svg
says names/boundary.svg 'a&lt;b'

# Preprocessing that mixes columns, and images under a convolution.
run 0 train --data 'gen:gauss?n=40,dims=3' --scaling pca --epochs 1 --plot mixed -q
drawn mixed curves.svg histograms.svg
run 0 train --data 'gen:digits?n=60' --net 'conv2d 4 5 relu; flatten; dense 10 softmax' --epochs 1 --plot conv -q
drawn conv curves.svg filters.svg histograms.svg
same "$(count '<image' conv/filters.svg)" 4

# A run that diverges keeps its curves.
run 70 train --data 'gen:sine?n=50' --net 'dense 8; dense 1' --optimizer sgd --lr 1e6 --epochs 30 --plot wild -q
run 73 train --data gen:xor --plot nowhere/here --epochs 1
one_line 'cannot create the folder'
run 0 train --data gen:xor --plot drawn --epochs 1 --dry-run -q

# On a terminal the loss is a line of blocks too.
python3 - "$elegans" <<'PY' || fail "no line of blocks in a terminal"
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "train", "--data", "gen:spiral?n=50", "--epochs", "30", "--validation", "0.2"])
seen = b""
try:
    while chunk := os.read(fd, 65536): seen += chunk
except OSError:
    pass
os.waitpid(pid, 0)
last = [line for line in seen.decode().split("\n") if "\u2588" in line][-1]
assert "loss" in last and "val_loss" in last, last
PY
