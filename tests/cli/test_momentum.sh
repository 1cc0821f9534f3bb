# SPDX-License-Identifier: MIT
#
# Momentum: the article's figure, the damping of the two directions, the best pair for a ravine.
. "$(dirname "$0")/lib.sh"

# figure BETA DISTANCE TOLERANCE REACHED
figure() {
    run 0 momentum --alpha 0.003 --beta "$1" --json
    python3 - "$2" "$3" "$(field distance out)" <<'PY' || fail "distance with beta $1"
import sys
want, tolerance, got = map(float, sys.argv[1:])
sys.exit(abs(want - got) > tolerance)
PY
    same "$(field reached out)" "$4"
}
figure 0 1.134 5e-4 null
figure 0.6 0.346 5e-4 null
figure 0.8 0.0382 5e-5 139
figure 0.9 0.0001 5e-5 25

run 0 momentum --svg momentum.svg
says out 'distance to the goal 0.03817'
says out 'direction 1 .* overdamped'
says out 'direction 2 .* ripples'
python3 -c 'import xml.dom.minidom as x; x.parse("momentum.svg")' || fail "momentum.svg is no XML"
for word in diverges overdamped 'critically damped' ripples 'direction 2'; do says momentum.svg ">$word<"; done

# The best pair is where both directions are critically damped.
run 0 momentum --surface ravine --alpha 0.0330578512396694 --beta 0.669421487603306
says out 'best for both: alpha 0.03306, beta 0.66942, rate 0.818'
[ "$(grep -c 'critically damped' out)" = 2 ] || fail "not both critically damped"
run 0 momentum --surface ravine --alpha 0.021 --beta 0
says out 'diverges'
run 0 momentum --surface ravine --alpha 0.0198 --beta 0
says out 'from side to side'

refuse 2 'positive' momentum --alpha 0
refuse 2 'below 1' momentum --beta 1
refuse 2 'did you mean' momentum --surface ravin
