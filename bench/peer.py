# SPDX-License-Identifier: MIT
"""What the sides written in Python share: reading works, measuring, answering bench.py (bench.h tells the protocol).

    peer_NAME.py THREADS                answers requests on standard input
    peer_NAME.py THREADS WORDS          does the works of works.txt whose name has the words (or of that kind)

A side is a function prepare(work) -> (call, side) or (calls, side), raising NotOffered(why) where it has no such work. Of several calls, ways of
doing the same work, the fastest is kept: a peer is measured at its best setting.
"""
import gc
import json
import os
import sys
import time

for key in [key for key in os.environ if key.startswith("OPENBLAS_")]:
    del os.environ[key]  # a forced core type would halve OpenBLAS: peers choose for themselves
THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
os.environ["OMP_NUM_THREADS"] = str(THREADS)


class NotOffered(Exception):
    """Why a peer cannot do a work."""


class Work:
    """A line of works.txt: kind, name, keys as a dict, layers as a list of lists of words."""

    def __init__(self, line):
        kind, self.name, keys, net = ([part.strip() for part in line.split("|")] + ["", ""])[:4]
        self.kind = kind
        self.keys = dict(pair.split("=") for pair in keys.split())
        self.layers = [layer.split() for layer in net.split(";") if layer.strip()]

    def number(self, key, otherwise=0):
        return int(self.keys.get(key, otherwise))

    def get(self, key, otherwise=""):
        return self.keys.get(key, otherwise)

    def input(self):
        return [int(n) for n in self.keys["input"].split("x")]

    def batches(self):
        """As many as bench_works.c has: 2 to 64, of about 32 MB in all."""
        size = 4 * self.number("batch", 1)
        for n in self.input():
            size *= n
        return max(2, min(64, int(32e6 / size)))


def measure(call, milliseconds):
    """Median, least and number of samples of as many calls as take 200 us, in microseconds of a call, after a warm-up."""
    clock, calls = time.perf_counter, 1
    end = clock() + milliseconds * 1e-3 * 0.2
    while True:
        start = clock()
        for _ in range(calls):
            call()
        taken = clock() - start
        if taken < 2e-4:
            calls *= 8 if taken < 2e-5 else 2
        if clock() >= end:
            break
    if taken > 0.5:  # once is enough
        return {"us": taken * 1e6, "least": taken * 1e6, "samples": 1}
    samples, end = [], clock() + milliseconds * 1e-3
    while len(samples) < 3 or (len(samples) < 1001 and clock() < end):
        start = clock()
        for _ in range(calls):
            call()
        samples.append((clock() - start) / calls * 1e6)
    samples.sort()
    return {"us": samples[len(samples) // 2], "least": samples[0], "samples": len(samples)}


class Ways:
    """Ways of doing the same work. They are tried (and compiled) once; the fastest is chosen when first measured."""

    def __init__(self, calls):
        calls, self.working, problem = [calls] if callable(calls) else calls, [], None
        for call in calls:
            try:
                call()
                call()
                self.working.append(call)
            except Exception as error:  # a way that this version or this work does not have
                problem = error
        if not self.working:
            raise problem

    def measure(self, milliseconds):
        if len(self.working) > 1:
            least = [measure(call, 40)["least"] for call in self.working]
            self.working = [self.working[least.index(min(least))]]
        return measure(self.working[0], milliseconds)


def serve(prepare):
    ways = None
    for line in sys.stdin:
        if line.startswith("work "):
            ways = None
            gc.collect()
            try:
                calls, side = prepare(Work(line[5:]))
                ways = Ways(calls)
                answer = {"ready": 1, "side": side, "flops": 0}
            except Exception as error:
                answer = {"no": str(error).splitlines()[0][:200] if str(error) else type(error).__name__}
        elif line.startswith("run ") and ways:
            answer = ways.measure(float(line[4:]))
        else:
            continue
        print(json.dumps(answer), file=ANSWERS, flush=True)


def print_all(prepare, words):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "works.txt"), encoding="utf-8") as file:
        works = [Work(line) for line in file if "|" in line and not line.startswith("#")]
    for work in works:
        if words not in work.name and words != work.kind:
            continue
        try:
            calls, side = prepare(work)
            figure = Ways(calls).measure(300)
            print(f"{side} {work.kind:8} {work.name:30} {figure['us']:12.4g} us  (least {figure['least']:.4g})", flush=True)
        except Exception as error:
            print(f"{work.kind:8} {work.name:30} {error}", flush=True)


def main(prepare):
    if len(sys.argv) > 2:
        print_all(prepare, sys.argv[2])
    else:
        serve(prepare)


# What a framework prints on standard output must not mix with the answers.
ANSWERS = os.fdopen(os.dup(1), "w")
if len(sys.argv) <= 2:
    os.dup2(2, 1)
