# SPDX-License-Identifier: MIT
#
# Texts: the next character is learnt, the vocabulary is in the model, and the model file alone is enough to write on.
. "$(dirname "$0")/lib.sh"

awk 'BEGIN { for (i = 0; i < 2300; i++) print "spring day" }' >poem.txt
mkdir sets && mv poem.txt sets
export ELEGANS_DATA=$folder/sets
net='embedding tokens 8; gru 24 return_sequences stateful=32; dense tokens softmax last_axis'
run 0 train -d text:poem.txt -n "$net" -e 3 --lr .02 -o adam --seed 1 --validation .2 --out model
says out '^test:  loss .*  accuracy '
says out '^each character: 0\.[0-9]* nats, [01]\.[0-9]* bits (2048 of them)$'
says err 'poem.txt (text, 11 characters): samples \[64\],'
says err 'gru (gru) '
same "$(grep -c 'val_loss' err)" 3
cp out trained
run 0 evaluate model -d text:poem.txt
same "$(grep each out)" "$(grep each trained)"
rm -r sets # nothing but the model from here on
unset ELEGANS_DATA
run 0 predict model --sample 13 --start sp --temperature 0
same "$(cat out)" "$(printf 'spring day\nspri')" # 2 given, 13 written
run 0 predict model --sample 200 --seed 3 --temperature 2
cp out first
run 0 predict model --sample 200 --seed 3 --temperature 2 --threads 1
cmp -s out first || fail "the same seed writes another text"
run 0 predict model --sample 200 --seed 4 --temperature 2
cmp -s out first && fail "another seed writes the same text"
run 0 inspect model
says out '^vocabulary: 11 characters$'
run 0 inspect model --json
same "$(field unit out)" characters
says out '" ","a","d","g","i","n","p","r","s","y"'
refuse 65 "'X' is not in the vocabulary" predict model --sample 5 --start X
"$elegans" train --data gen:moons --epochs 1 -q --out points >/dev/null 2>&1
refuse 2 'learnt a text' predict points --sample 5
refuse 2 'temperature is 0 or more' predict model --sample 5 --temperature -1
refuse 2 'goes with --start' predict model --sample 5 --data x.csv
refuse 2 'go with --sample' predict model --data x.csv --seed 1
refuse 66 'no such file' train -d text:poem.txt
refuse 2 "did you mean 'every'" train -d 'text:poem.txt?evry=3'
refuse 66 'no such file' evaluate model -d text:poem.txt

# lines for themselves, words, a run that is stopped by --steps goes on
awk 'BEGIN { for (i = 100; i < 900; i++) print i * 7 }' >numbers.txt
refuse 65 'the 6 of the test set are not whole' train -d 'text:numbers.txt?every=10' -n "$net" --out lines
awk 'BEGIN { for (i = 100; i < 6000; i++) print i * 7 }' >numbers.txt
run 0 train -d 'text:numbers.txt?every=10' -e 1 -n "$net" --steps 20 --out lines
says err 'text, 11 characters'
refuse 65 'keeps the states of 32 rows' evaluate lines -d 'text:numbers.txt?every=10,rows=3'
run 0 train -d text:numbers.txt --test-share .2 -e 1 -n "$net" -q --plot pictures
[ -s pictures/histograms.svg ] || fail "no picture of the layers"
run 0 train -d 'text:numbers.txt?unit=words,most=20,steps=8' -e 1 -q --out words
run 0 predict words --sample 5

# attention reads the last characters again for each that it writes; what looks at later ones cannot write
run 0 train -d 'text:numbers.txt?steps=16' -e 1 -q --out attentive \
    -n 'embedding tokens 8; position; attention 2 causal; dense tokens softmax last_axis'
run 0 predict attentive --sample 40 --start 700 --seed 1
cp out first
run 0 predict attentive --sample 40 --start 700 --seed 1 --threads 1
cmp -s out first || fail "the same seed writes another text"
same "$(head -c 3 out)" 700
run 0 train -d 'text:numbers.txt?steps=16' -e 1 -q --out both --steps 2 \
    -n 'embedding tokens 8; gru 4 bidirectional return_sequences; dense tokens softmax last_axis'
refuse 2 "layer 'gru' looks at later steps, which are not there yet" predict both --sample 5
refuse 2 'numbers of words or characters must stay' train -d text:numbers.txt --scaling standardise --out x

# a column of texts
(echo review,stars,good; for i in 1 2 3 4 5 6 7 8 9; do echo "a good film,$i,yes"; echo "\"not, I say, a good film\",$i,no"; done) >reviews.csv
run 0 train -d reviews.csv --text review -e 40 --seed 1 --test-share 0 -q --out reviewer
run 0 evaluate reviewer -d reviews.csv
says out 'accuracy 1.0000  (18 samples)'
printf 'review\na good day\nnot a good film at all but long\n' >new.csv
run 0 predict reviewer -d new.csv
same "$(cat out)" "$(printf 'good\nyes\nno')"
run 0 predict reviewer -d new.csv --proba
says out '^no,yes$'
refuse 65 'the vocabulary has' predict reviewer --sample 3
refuse 2 "did you mean 'review'" train -d reviews.csv --text revew
run 0 train -d reviews.csv --text review --unit characters --length 5 --most 9 -e 1 -q --out letters
run 0 inspect letters --json
same "$(field input out)" '[5]'

# padding counts nowhere; numbers that are looked up are not scaled
run 0 train -d reviews.csv --text review -e 40 --seed 1 --test-share 0 -q --out pooled \
    -n 'embedding tokens 8 mask_zero; attention 2; global_avg_pool; dense 2 softmax'
run 0 evaluate pooled -d reviews.csv
says out '(18 samples)'
refuse 2 'must stay as they are' train -d reviews.csv --text review --scaling 'standardise; pca 2'
printf 'a,b,y\n1,2,x\n3,0,y\n2,2,x\n1,3,y\n' >ids.csv
refuse 2 'scaling min_max: the network looks its input up by number' train -d ids.csv --scaling min_max -n 'embedding 4 2; gru 2; dense 2 softmax'
run 0 train -d ids.csv -e 1 -q --out ids -n 'embedding 4 2; gru 2; dense 2 softmax'
run 0 inspect ids
says out '^scaling: none$'
