# SPDX-License-Identifier: MIT
#
# Scalings by name, gaps in tables, the output of a hidden layer, parameters of another model, frozen layers.
. "$(dirname "$0")/lib.sh"

{ echo 'age,size,kind'; for i in 1 2 3 4 5 6 7 8 9; do echo "$i,?,low"; echo "$((i + 30)),$i,high"; done; } >gaps.csv

last="train --data gaps.csv"
"$elegans" train --data gaps.csv -q --out none >out 2>err
same $? 65
says err 'size): the value is missing'
run 0 train --data gaps.csv --missing median --scaling robust --net 'dense 3 tanh name=hidden; dense 2 softmax' \
    --epochs 60 -q --out first
printf 'age,size\n35,\n2,4\n' >new.csv
run 0 predict first --data new.csv
same "$(cat out)" "$(printf 'kind\nhigh\nlow')"
run 0 predict first --data new.csv --layer hidden
same "$(sed -n 1p out)" 'hidden_1,hidden_2,hidden_3'
same "$(wc -l <out)" 3
run 2 predict first --data new.csv --layer hiden
says err "did you mean 'hidden'?"
run 2 predict first --data new.csv --layer hidden --proba

# The frozen layer of the second model says what it said in the first.
"$elegans" predict first --data new.csv --layer hidden >before 2>err || fail "before"
run 0 train --data gaps.csv --missing median --net 'dense 3 tanh name=hidden; dense 4 relu; dense 2 softmax' \
    --epochs 5 --from first --freeze hidden --out second
says err '2 parameters of first, 4 of its own'
run 0 predict second --data new.csv --layer hidden
same "$(cat out)" "$(cat before)"
run 2 train --data gaps.csv --missing median --net 'dense 2 softmax' --freeze hidden -q --out third

# Two directions of wide data.
run 0 train --data 'gen:gauss?n=60,dims=6' --scaling whiten --epochs 3 -q --out white
run 0 inspect white
says out 'scaling: whiten'
