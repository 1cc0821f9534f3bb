#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Accuracy of `elegans train` with nothing said against scikit-learn's MLPClassifier with its defaults, on the same folds.

    bench/compare_sklearn.py FOLDER [--repeats 10] [--elegans build/elegans] [--sets iris,wine] [--set KEY=VALUE ...]

FOLDER holds the tables (last column: the class). Every repeat shuffles the rows of each class with its own seed and
deals them around five folds; both sides learn four folds and are scored on the fifth, both on the same rows. elegans gets
two CSV files and standardises by itself; scikit-learn gets StandardScaler and MLPClassifier(random_state=repeat). A
repeat's accuracy is the share of all rows that were told right by the net that did not see them. The table gives the mean
over the repeats, +- their standard deviation, and the difference with its standard error; the repeats of both sides
are paired. Needs scikit-learn (python3 -m venv; pip install scikit-learn); one process, one thread.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
SETS = "iris,wine,breast_cancer,digits8x8"
FOLDS = 5


def read(path):
    with open(path, encoding="utf-8") as file:
        header, *lines = [line.strip() for line in file if line.strip()]
    return header, lines


def deal(labels, seed):
    """The fold of each row: a shuffle, then class by class around the folds."""
    order = list(range(len(labels)))
    random.Random(seed).shuffle(order)
    dealt, fold = {}, [0] * len(labels)
    for row in order:
        n = dealt.get(labels[row], 0)
        fold[row], dealt[labels[row]] = n % FOLDS, n + 1
    return fold


def write(path, header, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([header, *lines]) + "\n")


def ours(arguments, header, train, test, seed, folder):
    write(f"{folder}/train.csv", header, train)
    write(f"{folder}/test.csv", header, test)
    command = [arguments.elegans, "train", "--data", f"{folder}/train.csv", "--test", f"{folder}/test.csv", "--task",
               "classification", "--seed", str(seed), "--threads", "1", "--json", "-q"]
    for pair in arguments.set:
        command += ["--set", pair]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return round(json.loads(out.splitlines()[-1])["test"]["accuracy"] * len(test))


def theirs(train, test, seed):
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def split(lines):
        cells = [line.split(",") for line in lines]
        return [[float(cell) for cell in row[:-1]] for row in cells], [row[-1] for row in cells]

    x, y = split(train)
    net = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 epochs are its default, whether it converged or not
        net.fit(x, y)
    x, y = split(test)
    return sum(a == b for a, b in zip(net.predict(x), y))


def compare(arguments, name):
    header, lines = read(f"{arguments.folder}/{name}.csv")
    labels = [line.rsplit(",", 1)[1] for line in lines]
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, arguments.repeats + 1):
            fold, right = deal(labels, seed), [0, 0]
            for held in range(FOLDS):
                train = [line for line, f in zip(lines, fold) if f != held]
                test = [line for line, f in zip(lines, fold) if f == held]
                right[0] += ours(arguments, header, train, test, seed, folder)
                right[1] += 0 if arguments.alone else theirs(train, test, seed)
            scores.append([n / len(lines) for n in right])
    mine, other = zip(*scores)
    differences = [a - b for a, b in scores]
    error = statistics.stdev(differences) / len(scores) ** 0.5 if len(scores) > 1 else float("nan")
    print(f"| {name} | {statistics.mean(mine):.4f} +- {statistics.pstdev(mine):.4f} "
          f"| {statistics.mean(other):.4f} +- {statistics.pstdev(other):.4f} "
          f"| {statistics.mean(differences):+.4f} +- {error:.4f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--elegans", default="build/elegans")
    parser.add_argument("--sets", default=SETS)
    parser.add_argument("--set", action="append", default=[], help="a setting of elegans train, KEY=VALUE")
    parser.add_argument("--alone", action="store_true", help="elegans only")
    arguments = parser.parse_args()
    print("| set | elegans | MLPClassifier | difference |\n|---|---|---|---|", flush=True)
    for name in arguments.sets.split(","):
        compare(arguments, name)


if __name__ == "__main__":
    sys.exit(main())
