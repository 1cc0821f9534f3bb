# SPDX-License-Identifier: MIT
#
# Where --out cannot be written it is said before the training; whatever happens, the old file stays whole and no
# half-written one is left.
. "$(dirname "$0")/lib.sh"

train="train --data gen:spiral --epochs 2 -q"
run 0 $train --seed 5 --out model
only model model.config
before=$(cat model model.config | sha256sum)
unchanged() { same "$(cat model model.config | sha256sum)" "$before"; only model model.config "$@"; }

# ---- said at once: a run of hours would otherwise be lost at its end ----
long="train --data gen:digits --epochs 100000"
refuse 73 'folder does not exist' $long --out nowhere/model
refuse 73 'is a folder' $long --out .
refuse 73 'folder does not exist' $long --out model/model
mkdir model2.config
run 73 $long --out model2
one_line 'is a folder'
rmdir model2.config
long_name=$(printf '%0300d' 0)
run 73 $long --out "$long_name"
one_line 'too long'

# A folder that nobody may write in. Root may write everywhere but where the kernel says no.
mkdir closed && chmod 555 closed
if [ "$(id -u)" != 0 ]; then
    refuse 77 'closed/model' $long --out closed/model
elif chmod 777 . && setpriv --reuid=65534 --clear-groups "$elegans" version >out 2>err; then
    last="elegans as nobody"
    setpriv --reuid=65534 --clear-groups "$elegans" $long --out closed/model >out 2>err
    same $? 77
    one_line 'closed/model'
else
    run 77 $long --out /sys/kernel/model
    one_line '/sys/kernel/model'
fi
chmod 755 closed && rmdir closed

# ---- a disk that fills up while the file is written ----
refuse 73 'No space left' $train --out /dev/full
[ ! -e /dev/full.config ] || fail "settings beside a device"
last="a limit of 4 KB for files"
(ulimit -f 8 && exec "$elegans" train --data gen:spiral --net 'dense 2000 relu; dense 3 softmax' --epochs 1 -q --out model) >out 2>err
same $? 73
one_line 'model: cannot write'
unchanged
last="a standard output that is full"
"$elegans" inspect model >/dev/full 2>err
same $? 74
: >out
one_line 'standard output'

# ---- other failures ----
refuse 70 'diverged' train --data gen:spiral --optimizer sgd --lr 1e30 --epochs 5 -q --out model
unchanged
refuse 2 'did you mean' train --data gen:spiral --optimizer adm --out model
unchanged
refuse 66 'nothing.csv' train --data nothing.csv --out model
unchanged

# ---- and when all is well: the mode of the old file stays, a link is followed ----
chmod 640 model
run 0 $train --seed 6 --out model
same "$(stat -c %a model)" 640
ln -s model link
run 0 $train --seed 5 --out link
[ -L link ] || fail "the link was replaced by a file"
same "$(sha256sum <model)" "$(sha256sum <link)"
only model model.config link link.config

# ---- a narrow terminal: nothing is wider than it ----
last="60 columns"
python3 - "$elegans" >out <<'PY' || fail "wider than the terminal"
import fcntl, os, pty, re, struct, subprocess, sys, termios
commands = "train tune evaluate predict inspect check explain race momentum picture profile help".split()
lines = [[name, "--help"] for name in commands] + [
    ["help"], ["race", "--optimizers", "sgd,random"], ["race", "--surface", "rosenbrock", "--optimizers", "momentum"],
    ["picture", "--list"], ["check", "--net", "dense 3", "--input", "4"], ["momentum"],
    ["profile", "--net", "lstm 4; dense 3", "--input", "5x4", "--steps", "20"]]
for line in lines:
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    child = subprocess.Popen([sys.argv[1], *line], stdout=side)
    os.close(side)
    shown = b""
    try:
        while part := os.read(main, 65536): shown += part
    except OSError: pass
    os.close(main)
    assert child.wait() == 0, line
    for text in re.sub("\033\\[[0-9;]*m", "", shown.decode()).split("\r\n"):
        assert len(text) <= 60, (line, text)
PY
run 0 picture --list # lines that a program reads stay whole
same "$(wc -l <out)" 5
