# SPDX-License-Identifier: MIT
#
# Figures of the course, and models as circles and links: there, well-formed, with what they say in them.
. "$(dirname "$0")/lib.sh"

whole() {
    python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$1" || fail "$1 is no XML"
    ! grep -q '[^a-z]nan\|[^a-z]inf' "$1" || fail "$1 holds a NaN"
}

run 0 picture --list
cp out list
[ "$(wc -l <list)" -ge 5 ] || fail "too few pictures"
for name in $(cut -d ' ' -f 1 list); do
    run 0 picture "$name" --svg "$name.svg"
    whole "$name.svg"
    run 0 picture "$name"
    cmp -s out "$name.svg" || fail "$name: another picture on standard output"
done
for word in relu gelu softplus derivative; do says activations.svg ">$word<"; done
says descent.svg 'one example a step: 1280 steps'
says preprocessing.svg 'turned by PCA'
says losses.svg '0-1 loss'

same "$(grep -c 'whitened' preprocessing.svg)" 2

run 0 train --data 'gen:moons?n=40' --net 'dense 4 tanh; dropout .1; dense 3 relu; dense 1 sigmoid' --epochs 1 --out net -q
run 0 inspect net --svg net.svg
whole net.svg
same "$(grep -c '<circle' net.svg)" 10                    # 2 + 4 + 3 + 1
same "$(grep -c '<path.*stroke="#\(0072b2\|d55e00\)"' net.svg)" 25 # 8 + 12 + 3 links, 2 in the legend
says net.svg '4 units'
run 0 train --data 'gen:digits?n=30' --net 'conv2d 3 5; flatten; dense 20; dense 10 softmax' --epochs 1 --out net -q
run 0 inspect net --svg net.svg --json
whole net.svg
says net.svg '\[24,24,3\]'
says net.svg '1728 numbers'
field parameters out >/dev/null

refuse 2 "did you mean 'zigzag'" picture zigzg
refuse 2 'list' picture nothing-like-it
refuse 2 'which one' picture
run 73 picture zigzag --svg nowhere/here.svg
