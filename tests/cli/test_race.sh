# SPDX-License-Identifier: MIT
#
# The race: the table of steps to the goal, in both dialects; searches; the map; what is refused.
. "$(dirname "$0")/lib.sh"

# steps SURFACE "OPTIMIZER LR KERAS TORCH SLACK" ...: the first step at the goal. RMSprop and PyTorch's Nadam jump to
# and fro in Rosenbrock's valley: a rounding moves their arrival by a few steps.
steps() {
    surface=$1
    shift
    run 0 race --surface "$surface" --json
    python3 - "$surface" "$@" <<'PY' || fail "the table of $surface"
import json, sys
surface, rows = sys.argv[1], [row.split() for row in sys.argv[2:]]
got = {(r["optimizer"], r["dialect"]): r for r in map(json.loads, open("out"))}
for name, lr, keras, torch, slack in rows:
    for dialect, want in (("keras", int(keras)), ("torch", int(torch))):
        r = got[name, dialect]
        assert r["lr"] == float(lr), (name, r)
        if want:
            assert abs(r["steps"] - want) <= int(slack), (name, dialect, r["steps"], want)
        else:
            assert r["steps"] is None and r["made"] == 10000, (name, dialect, r)
PY
}
steps saddle "sgd .02 217 217 0" "momentum .02 50 50 0" "nesterov .02 46 46 0" "adagrad .05 213 188 0" \
    "rmsprop .02 57 14 0" "adadelta 1 52 42 0" "adam .02 61 61 0" "nadam .02 60 60 0" "adamax .02 88 88 0"
steps rosenbrock "sgd .001 7354 7354 0" "momentum .001 646 646 0" "nesterov .001 682 682 0" \
    "adagrad .3 4472 4472 0" "rmsprop .01 3156 3236 3" "adadelta 1 0 0 0" "adam .05 1160 1160 0" \
    "nadam .05 960 3664 4" "adamax .05 2963 2963 0"
steps ravine "sgd .019801980198019802 709 709 0" "momentum .03305785123966942 95 95 0"

# Every method of the library races.
run 0 race --optimizers adamw,coordinate,random --steps 100
[ "$(grep -c '^adamw' out)" = 2 ] || fail "adamw has two dialects"
says out '^coordinate  -  .* 69 '
run 0 race --optimizers coordinate,sgd --start 0.8,0 --steps 50 --dialect torch
says out '^sgd .* >50 .*, 0)' # from the ridge itself no gradient leads away
says out '^coordinate .* >50 '

run 0 race --seed 1 --optimizers random
cp out first
run 0 race --seed 1 --optimizers random
cmp -s first out || fail "the same seed ran another way"
run 0 race --optimizers sgd --lr 1000
says out 'diverged'

run 0 race --surface wells --steps 200 --svg map.svg
python3 -c 'import xml.dom.minidom as x; x.parse("map.svg")' || fail "map.svg is no XML"
says map.svg 'wells, formulas of torch'
says map.svg '>adadelta<'
only map.svg first

refuse 2 "did you mean 'saddle'" race --surface sadle
refuse 2 "did you mean 'adam'" race --optimizers adm
refuse 2 "did you mean 'adam'" race --lr adm=1
refuse 2 'positive number' race --lr adam=fast
refuse 2 'two numbers' race --start 1
run 73 race --svg nowhere/map.svg
