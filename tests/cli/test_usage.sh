# SPDX-License-Identifier: MIT
#
# Words that are not known, options that are not right: exit code 2 and one line that helps.
. "$(dirname "$0")/lib.sh"

refuse 2 'which command'
refuse 2 "did you mean 'train'" trian
refuse 2 'see: elegans help' xyzzy
refuse 2 "did you mean 'predict'" help predikt
refuse 2 'see: elegans train --help' train
refuse 2 'did you mean --optimizer' train --data gen:xor --optimiser adam
refuse 2 'unknown option --zzz' train --data gen:xor --zzz 1
refuse 2 'unknown option -Z' train -Z
refuse 2 '\-\-lr needs a value' train --data gen:xor --lr
refuse 2 '\-\-lr needs a value' train --data gen:xor --lr --epochs 3
refuse 2 "a number or 'auto', not 'much'" train --data gen:xor --lr much
refuse 2 "a number or 'auto', not 'nan'" train --data gen:xor --lr nan
refuse 2 '1 or more' train --data gen:xor --epochs 0
refuse 2 '1 or more' train --data gen:xor --epochs 99999999999
refuse 2 "or 'all'" train --data gen:xor --batch -3
refuse 2 "did you mean 'cosine'" train --data gen:xor --schedule cosin
refuse 2 "keras, torch or keras2" train --data gen:xor --dialect jax
refuse 2 'from 0 to below 1' train --data gen:xor --validation 1.5
refuse 2 "what is 'more'" train --data gen:xor more
refuse 2 'true or false' train --data gen:xor --json=maybe
refuse 2 "did you mean 'adam'" train --data gen:xor --optimizer adm
refuse 2 'unknown loss' train --data gen:xor --loss mze
refuse 2 "did you mean 'accuracy'" train --data gen:xor --metrics acuracy
refuse 2 'unknown initialiser' train --data gen:xor --init foo
refuse 2 'lr is -1' train --data gen:xor --lr -1
refuse 2 'not negative' train --data gen:xor --l2 -1
refuse 2 "did you mean 'dense'" train --data gen:xor --net 'dnse 3'
refuse 2 "did you mean 'relu'" train --data gen:xor --net 'dense 3 reluu'
refuse 2 'unknown generated set' train --data gen:nothing
refuse 2 'KEY=VALUE' train --data gen:xor --set lr
refuse 2 "did you mean 'lr'" train --data gen:xor --set lrr=1
refuse 2 "did you mean 'optimizer.lr'" train --data gen:xor --set data.lr=1
refuse 2 "no setting 'out'" train --data gen:xor --set out=x
refuse 2 'needs the --out' train --data gen:xor --resume
refuse 2 'not a file name' train --data gen:xor --out -
refuse 2 '\-\-data are needed' predict m
refuse 2 '\-\-data are needed' evaluate --data gen:xor
refuse 2 'a model file or --net' inspect
refuse 2 'not both' predict m --data gen:xor --classes --proba
refuse 2 'are needed' check --net 'dense 3'
refuse 2 'a shape such as' check --net 'dense 3' --input 4y4
refuse 2 'needs classes' train --data gen:sine --metrics mse,accuracy

# what the environment says is looked at as strictly
export EG_THREADS=2x
refuse 2 "EG_THREADS: '2x' is no number of threads" train --data gen:xor --quiet
run 0 train --data gen:xor --quiet --threads 1 --epochs 1
unset EG_THREADS
export EG_KERNELS=fast
refuse 2 "EG_KERNELS: unknown kernels 'fast' (there are ref, portable" train --data gen:xor --quiet
unset EG_KERNELS
only
