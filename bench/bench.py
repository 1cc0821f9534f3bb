#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures elegans beside its peers in one job and prints a table.

usage: bench.py BUILD [--rounds N] [--seconds S] [--markdown FILE] [--json FILE]

Both sides do the same work in turn, A B A B ..., each in a process of its own; a figure is the median of the rounds' medians, a
ratio is elegans' time over the peer's, round by round, as median and range: below 1 elegans is faster. Peers are measured at
their best setting (peer_torch.py says which) and only where they are installed.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def lines_of(command, **environment):
    """The JSON lines that a program prints; none if it cannot run."""
    try:
        # A forced core type would halve OpenBLAS: peers choose for themselves.
        clean = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
        done = subprocess.run(command, capture_output=True, text=True, env={**clean, **environment}, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode != 0:
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def python_with_torch():
    for python in ("/usr/bin/python3", sys.executable):
        if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
            return python
    return None


def sides_for(build, threads, seconds):
    """Commands whose lines are compared by name; the first is elegans."""
    sides = [[os.path.join(build, "bench_step"), "-j", "-t", str(threads)],
             [os.path.join(build, "bench_recurrent"), "-j", "-t", str(threads)]]
    python = python_with_torch()
    if python:
        sides.append([python, os.path.join(HERE, "peer_torch.py"), str(threads), str(seconds)])
    sides.append([os.path.join(build, "bench_product"), str(threads)])
    sides.append([os.path.join(build, "bench_conv"), str(threads), "networks"])
    if os.path.exists(os.path.join(build, "peer_openblas")):
        sides.append([os.path.join(build, "peer_openblas"), str(threads)])
    return sides


def collect(build, rounds, seconds):
    """figures[(name, threads)][side] = medians of the rounds, in microseconds; work[(name, threads)] = FLOPs."""
    figures, work = {}, {}
    keep_memory = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "2000000000"}
    for threads in (1, 2):
        for _ in range(rounds):
            for command in sides_for(build, threads, seconds):
                for line in lines_of(command, **keep_memory):
                    figures.setdefault((line["name"], threads), {}).setdefault(line["side"], []).append(line["us"])
                    work[line["name"], threads] = line.get("flops", work.get((line["name"], threads), 0))
    return figures, work


def start_up(build):
    """Milliseconds from starting the command to its end, median of 40."""
    times = []
    for _ in range(40):
        start = time.perf_counter()
        subprocess.run([os.path.join(build, "elegans"), "version"], stdout=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def stripped_size(path):
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        shutil.copy(path, copy)
        subprocess.run(["strip", copy], check=True)
        return os.path.getsize(copy)


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def microseconds(value):
    return f"{value:.3g} us" if value < 1000 else f"{value / 1000:.3g} ms"


def table_of(figures, work, peaks):
    rows = [["work", "threads", "elegans", "of FMA peak", "peer", "peer's time", "elegans / peer"]]
    for (name, threads), sides in sorted(figures.items()):
        own = sides.pop("elegans", None)
        if not own:
            continue
        median, done = statistics.median(own), work.get((name, threads), 0)
        share = f"{done / (median * 1e-6) / peaks[threads]:.0%}" if done > 1e6 and peaks.get(threads) else "-"
        for peer, times in sorted(sides.items()) or [("-", [])]:
            ratio = spread([a / b for a, b in zip(own, times)]) if times else "-"
            theirs = microseconds(statistics.median(times)) if times else "-"
            rows.append([name, str(threads), microseconds(median), share, peer, theirs, ratio])
    return rows


def markdown(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--markdown")
    parser.add_argument("--json")
    options = parser.parse_args()
    figures, work = collect(options.build, options.rounds, options.seconds)
    peaks = {}
    for threads in (1, 2):
        measured = figures.pop(("fma_peak", threads), {}).get("elegans")
        if measured:
            peaks[threads] = work["fma_peak", threads] / (statistics.median(measured) * 1e-6)
    sizes = {name: stripped_size(os.path.join(options.build, name)) for name in ("libelegans.so", "elegans")}
    facts = [
        f"machine: {platform.machine()}, {os.cpu_count()} processors, FMA peak "
        + ", ".join(f"{peak / 1e9:.0f} GFLOP/s on {threads}" for threads, peak in peaks.items()),
        f"start-up of the command: {start_up(options.build):.1f} ms",
        f"size: library {sizes['libelegans.so'] / 1000:.0f} KB, command {sizes['elegans'] / 1000:.0f} KB (stripped)",
    ]
    text = markdown(table_of({key: dict(value) for key, value in figures.items()}, work, peaks)) + "\n\n" + "\n".join(facts) + "\n"
    print(text, end="")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"figures": [{"name": n, "threads": t, "us": s} for (n, t), s in figures.items()], "facts": facts}, file, indent=1)


if __name__ == "__main__":
    main()
