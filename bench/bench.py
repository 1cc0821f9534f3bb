#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures elegans beside its peers in one job and writes a table.

usage: bench.py BUILD [--only WORDS] [--sides NAMES] [--threads 1,2] [--rounds N] [--milliseconds N] [--peers FOLDER] [--lock FILE] [--fifo N]
                [--markdown FILE] [--json FILE] [--into FILE] [--readme FILE] [--from FILE]

Every side is a process of its own that stays warm; all are asked to do the same work of works.txt in turn, A B A B ...: a figure is the median
over the rounds of a side's own medians, a ratio is elegans' time over the peer's, round by round, as median and range: below 1 elegans is
faster. Peers are measured at their best setting (peer_*.py say which), and only where they are installed: --peers names a folder with a virtual
environment (`make bench-peers` makes it). What the machine can do at most is measured in the same job. --lock FILE is held during the rounds
of one work, for machines where others measure too; --fifo N runs the rounds (not the preparations) at that real-time priority where that is
allowed.
"""
import argparse
import datetime
import fcntl
import functools
import json
import os
import platform
import random
import select
import shlex
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
PREPARE_SECONDS, RUN_SECONDS, LONGEST_SECONDS, PAUSE_SECONDS = 300, 60, 20, 0.1
NUMBERS = 65536  # of the works of kind map
GROUPS = [
    ("gemm", "Products"), ("conv", "Convolutions, batch 64"), ("step", "Training steps"), ("build", "Building a program"),
    ("predict", "Predictions"), ("map", f"Functions of {NUMBERS:,} floats, time for each"), ("update", "Updates"), ("read", "Reading"), ("end", "From start to end"),
]


# ---- sides ----------------------------------------------------------------------------------------------------------


def at_start(cpus, niceness):
    os.sched_setaffinity(0, cpus)
    try:
        os.nice(niceness)
    except OSError:
        pass


def at_priority(pid, level):
    """Every thread of the process, where the system allows it."""
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setscheduler(int(task), os.SCHED_FIFO if level else os.SCHED_OTHER, os.sched_param(level))
    except OSError:
        pass


def threads_of(threads):
    """OpenMP's threads are bound: Linux wakes a thread beside its waker, and two of them may stay on one processor."""
    return {"OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "true", "EG_THREADS": str(threads)}


class Side:
    """A process that answers requests (bench.h). One that dies or hangs offers nothing from then on."""

    def __init__(self, command, threads, environment, niceness):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
        cpus = sorted(os.sched_getaffinity(0))[:threads]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**clean, **threads_of(threads), **environment}, preexec_fn=lambda: at_start(cpus, niceness))
        self.name = os.path.basename(next((word for word in command if word.endswith(".py")), command[0]))

    def ask(self, request, seconds):
        if not self.process:
            return {"no": "it stopped"}
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            if select.select([self.process.stdout], [], [], seconds)[0]:
                return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            pass
        self.end()
        return {"no": "it stopped"}

    def run(self, options):
        """A turn; others' threads that still spin for work are given time to fall asleep, and have no priority."""
        time.sleep(PAUSE_SECONDS)
        if options.fifo and self.process:
            at_priority(self.process.pid, options.fifo)
        times = self.ask(f"run {options.milliseconds}", RUN_SECONDS)
        if options.fifo and self.process:
            at_priority(self.process.pid, 0)
        return times

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def imports(python, module):
    try:
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True, timeout=120).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def python_sides(options):
    """(command, environment) of each peer in Python that can be imported: those of the folder, and Debian's PyTorch."""
    wanted = options.sides.split(",")
    return [(c, e) for c, e in all_python_sides(options.peers) if any(word in " ".join(c) for word in wanted)]


@functools.lru_cache
def all_python_sides(peers):
    python, found = os.path.join(peers, "bin", "python"), []
    shim = os.path.join(peers, "mkl.so")
    if os.path.exists(python):
        for script, module in (("peer_torch.py", "torch"), ("peer_jax.py", "jax"), ("peer_keras.py", "tensorflow"), ("peer_sklearn.py", "sklearn"), ("peer_files.py", "pandas")):
            if os.path.exists(os.path.join(HERE, script)) and imports(python, module):
                environment = {"GOMP_SPINCOUNT": "100000"} if module == "torch" else {}
                if module == "torch" and os.path.exists(shim):
                    environment["LD_PRELOAD"] = shim
                found.append(([python, os.path.join(HERE, script)], environment))
    for python in ("/usr/bin/python3", sys.executable):
        if imports(python, "torch"):
            found.append(([python, os.path.join(HERE, "peer_torch.py")], {}))
            break
    return found


def side_commands(options):
    programs = [name for name in ("bench_works", "bench_limits", "peer_openblas", "peer_onednn", "peer_fann")
                if os.path.exists(os.path.join(options.build, name))]
    commands = [([os.path.join(options.build, name), "-s", "-t"], {}) for name in programs] 
    wanted = options.sides.split(",") + ["bench_"]
    return [(c, e) for c, e in commands if any(word in " ".join(c) for word in wanted)] + python_sides(options)


# ---- works ----------------------------------------------------------------------------------------------------------


def works_of(only):
    with open(os.path.join(HERE, "works.txt"), encoding="utf-8") as file:
        lines = [line.strip() for line in file if "|" in line and not line.startswith("#")]
    parts = [[part.strip() for part in line.split("|")] for line in lines]
    works = [(p[0], p[1], line) for p, line in zip(parts, lines)]
    kinds = {work[0] for work in works}
    whole = [work for work in works if only not in kinds and only in work[1]]
    words = [word for word in only.split(",") if word]
    wanted = whole or [work for work in works if any(work[0] == word if word in kinds else word in work[1] for word in words)]
    if not wanted:
        sys.exit(f"bench.py: --only {only}: neither part of a name nor a kind in works.txt")
    return [work for work in works if work in wanted or work[0] == "limit"]


class Lock:
    """Held by one measurement at a time on this machine; nothing if no file is named."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.file = open(self.path, "a", encoding="utf-8") if self.path else None
        if self.file:
            fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        if self.file:
            self.file.close()


def measure_work(line, sides, options):
    """{side: {"us": [of the rounds], "flops": n}}, and {side's program: why not}."""
    ready, why = [], {}
    for side in sides:
        answer = side.ask("work " + line, PREPARE_SECONDS)
        if "ready" in answer:
            ready.append((side, answer))
        else:
            why[side.name] = answer["no"]
    figures = {answer["side"]: {"us": [], "flops": answer["flops"]} for _, answer in ready}
    with Lock(options.lock):
        for _ in range(options.rounds):
            for side, answer in ready:
                times = side.run(options)
                if "us" in times:
                    figures[answer["side"]]["us"].append(times["us"])
    return {name: figure for name, figure in figures.items() if figure["us"]}, why


# ---- from start to end --------------------------------------------------------------------------------------------


def data_folder():
    """Where mnist/ and tabular/ are."""
    for folder in (os.environ.get("ELEGANS_DATA", ""), os.path.join(HERE, "..", "..", "shared", "data")):
        if folder and os.path.isdir(os.path.join(folder, "tabular")):
            return folder
    return ""


def end_commands(line, options, threads, folder):
    """{side: (command, environment)} of a work from start to end."""
    _, _, keys, command = [part.strip() for part in line.split("|", 3)]
    task, data = keys.split("=")[1], data_folder()
    if not data and task != "spiral":
        return {}
    words = [word.format(data=data, out=os.path.join(folder, "model")) for word in shlex.split(command)]
    commands = {"elegans": ([os.path.join(options.build, "elegans"), *words, "--threads", str(threads)], {})}
    for python_command, environment in python_sides(options):
        modules = {"peer_torch.py": "torch", "peer_jax.py": "jax", "peer_keras.py": "tensorflow", "peer_sklearn.py": "sklearn"}
        module = modules.get(os.path.basename(python_command[1]))
        if not module or (module, task) in (("sklearn", "mnist"), ("tensorflow", "spiral")):
            continue  # no RMSprop; minutes for 10,000 epochs of one step
        name = module + " (Debian)" if python_command[0] == "/usr/bin/python3" else module
        commands[name] = ([python_command[0], os.path.join(HERE, "peer_ends.py"), module, task, data, os.path.join(folder, module), str(threads)], environment)
    return commands


def run_process(command, environment, threads, fifo):
    """Microseconds from start to end, and the peak of memory in bytes as far as looking every 5 ms shows it; None where it fails."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    cpus, start, peak = sorted(os.sched_getaffinity(0))[:threads], time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**clean, **threads_of(threads), **environment}, preexec_fn=lambda: at_start(cpus, -10 if fifo else 0))
    if fifo:
        at_priority(process.pid, fifo)
    status = f"/proc/{process.pid}/status"
    while process.poll() is None:
        try:
            with open(status, encoding="ascii") as file:
                peak = max([peak] + [int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM")])
        except OSError:
            pass
        try:
            process.wait(0.005)
        except subprocess.TimeoutExpired:
            pass
    return (None, peak) if process.returncode else ((time.perf_counter() - start) * 1e6, peak)


def measure_end(line, threads, options):
    figures, why = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        commands = end_commands(line, options, threads, folder)
        for _ in range(options.rounds):
            for name, (command, environment) in list(commands.items()):
                with Lock(options.lock):
                    us, peak = run_process(command, environment, threads, options.fifo)
                if us is None:
                    why[name] = "it failed"
                    continue
                figure = figures.setdefault(name, {"us": [], "flops": 0, "memory": 0})
                figure["us"].append(us)
                if us > LONGEST_SECONDS * 1e6:
                    del commands[name]  # once is enough
                figure["memory"] = max(figure["memory"], peak)
    return figures, why


def save(options, results):
    """After each work, so that a job that is stopped leaves what it has measured."""
    if options.json:
        facts = facts_of(options, limits_of(results))
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"facts": facts, "limits": limits_of(results), "results": results}, file, indent=1)


# ---- files to read --------------------------------------------------------------------------------------------------


def png_of(rows):
    """A grey image."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def make_files(folder):
    """idx/, table.csv and png/CLASS/, with random contents."""
    draw = random.Random(1)
    os.mkdir(os.path.join(folder, "idx"))
    with open(os.path.join(folder, "idx", "train-images-idx3-ubyte"), "wb") as file:
        file.write(struct.pack(">IIII", 0x803, 10000, 28, 28) + draw.randbytes(10000 * 784))
    with open(os.path.join(folder, "idx", "train-labels-idx1-ubyte"), "wb") as file:
        file.write(struct.pack(">II", 0x801, 10000) + bytes(i % 10 for i in range(10000)))
    with open(os.path.join(folder, "table.csv"), "w", encoding="utf-8") as file:
        file.write(",".join(f"x{i}" for i in range(20)) + ",kind\n")
        for i in range(10000):
            file.write(",".join(f"{draw.gauss(0, 10):.4f}" for _ in range(20)) + f",kind{i % 5}\n")
    for i in range(1000):
        os.makedirs(os.path.join(folder, "png", str(i % 10)), exist_ok=True)
        with open(os.path.join(folder, "png", str(i % 10), f"{i}.png"), "wb") as file:
            file.write(png_of([draw.randbytes(28) for _ in range(28)]))


def measure_all(options):
    """A list of {"kind", "name", "threads", "sides": {...}, "not": {...}}."""
    results, files = [], tempfile.TemporaryDirectory()
    make_files(files.name)
    for threads in [int(n) for n in options.threads.split(",")]:
        sides = [Side([*command, str(threads)], threads, environment, -10 if options.fifo else 0) for command, environment in side_commands(options)]
        for kind, name, line in works_of(options.only):
            line = line.replace("{files}", files.name)
            start = time.time()
            figures, why = measure_end(line, threads, options) if kind == "end" else measure_work(line, sides, options)
            results.append({"kind": kind, "name": name, "threads": threads, "sides": figures, "not": why})
            save(options, results)
            told = ", ".join(f"{side} {microseconds(statistics.median(f['us']))}" for side, f in figures.items())
            print(f"{threads} {kind:8} {name:30} {told}  [{time.time() - start:.0f} s]", file=sys.stderr, flush=True)
        for side in sides:
            side.end()
    return results


# ---- the machine and the program --------------------------------------------------------------------------------------


def limits_of(results):
    """{threads: {"FMA": FLOP/s, "read": B/s, "copy": B/s, "join": us}}: the best round of all jobs counts, for limits."""
    limits = {}
    for r in results:
        for figure in r["sides"].values() if r["kind"] == "limit" else []:
            us, of = min(figure["us"]), limits.setdefault(r["threads"], {})
            better, value = (min, us) if "join" in r["name"] else (max, figure["flops"] / us * 1e6)
            of[r["name"]] = better(of.get(r["name"], value), value)
    return limits


@functools.lru_cache
def start_up(build):
    """Milliseconds from starting the command to its end, median of 40."""
    times = []
    for _ in range(40):
        start = time.perf_counter()
        subprocess.run([os.path.join(build, "elegans"), "version"], stdout=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


@functools.lru_cache
def stripped_size(path):
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        shutil.copy(path, copy)
        subprocess.run(["strip", copy], check=True)
        return os.path.getsize(copy)


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def facts_of(options, limits):
    lines = [f"{datetime.date.today()}, {processor()}, {len(os.sched_getaffinity(0))} processors, {platform.freedesktop_os_release()['PRETTY_NAME']}"]
    for threads, of in sorted(limits.items()):
        join = of.get("fork and join", 0)
        lines.append(
            f"limits measured beside the works, {threads} thread{'s' if threads > 1 else ''}: {of.get('FMA, float32', 0) / 1e9:.0f} GFLOP/s of multiply-adds in registers; "
            f"memory: read {of.get('memory, read', 0) / 1e9:.0f} GB/s, copied {of.get('memory, copy', 0) / 1e9:.0f} GB/s (read + written)"
            + (f"; fork and join of threads {join:.2f} us" if threads > 1 else ""))
    return lines + [program_fact(options)]


def program_fact(options):
    sizes = {name: stripped_size(os.path.join(options.build, name)) for name in ("libelegans.so", "elegans")}
    return (f"start-up of the command {start_up(options.build):.1f} ms; stripped, the library has {sizes['libelegans.so'] / 1000:.0f} KB, the command {sizes['elegans'] / 1000:.0f} KB")


# ---- the table ----------------------------------------------------------------------------------------------------------


def microseconds(value):
    if value < 1:
        return f"{value * 1000:.3g} ns"
    return f"{value:.3g} us" if value < 1000 else f"{value / 1000:.3g} ms" if value < 1e6 else f"{value / 1e6:.3g} s"


def short(number):
    return f"{number:.3g}" if number < 999.5 else f"{number:.0f}"


def ranged(values):
    """12.3 us (12.1-12.9), in one unit."""
    middle = statistics.median(values)
    unit, size = next((u, s) for u, s in (("ns", 1e-3), ("us", 1), ("ms", 1e3), ("s", 1e6)) if middle < 999.5 * s or u == "s")
    return f"{short(middle / size)} {unit} ({short(min(values) / size)}-{short(max(values) / size)})"


def spread(values):
    form = ".2f" if statistics.median(values) >= 0.095 else ".2g"
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def own_of(result):
    own = result["sides"].get("elegans")
    return own["us"] if own else None


def ratios_of(result, peer):
    """elegans' time over the peer's in each round; none where one has no time."""
    return [a / b for a, b in zip(own_of(result) or [], result["sides"].get(peer, {"us": []})["us"])]


def megabytes(figure):
    return f", {figure['memory'] / 1e6:.0f} MB" if figure.get("memory") else ""


def peers_of(results):
    """Whoever did one of these works, in the order of their first."""
    return [name for name in dict.fromkeys(name for r in results for name in r["sides"]) if name != "elegans"]


def each_of(result):
    """A function's time for one number."""
    if result["kind"] != "map":
        return result
    return {**result, "sides": {name: {**f, "us": [us / NUMBERS for us in f["us"]]} for name, f in result["sides"].items()}}


def row_of(result, limits, peers):
    own, sides = own_of(result), result["sides"]
    median, done = statistics.median(own), sides["elegans"]["flops"]
    peak = limits.get(result["threads"], {}).get("FMA, float32")
    row = [result["name"], str(result["threads"]), ranged(own) + megabytes(sides["elegans"])]
    row.append(f"{done / median * 1e6 / peak:.0%}" if done > 1e4 and peak else "")
    best = min((name for name in peers if name in sides), key=lambda name: statistics.median(sides[name]["us"]), default=None)
    row.append(f"{microseconds(statistics.median(sides[best]['us']))}, {best}{megabytes(sides[best])}" if best else "")
    return row + [spread(ratios_of(result, peer)) if peer in sides else "" for peer in peers]


def rows_of(results, limits):
    results = [each_of(r) for r in results if own_of(r)]
    peers = peers_of(results)
    head = ["work", "threads", "elegans (range)", "of FMA peak", "fastest peer"] + [f"elegans / {peer}" for peer in peers]
    return [head] + [row_of(r, limits, peers) for r in results] if results else []


def table(rows):
    columns = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    rows = [[row[i] for i in columns] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def not_offered(results):
    """Which peers were there and could not do what, in lines."""
    reasons = {}
    for r in results:
        for side, why in r["not"].items():
            if r["kind"] != "limit" and side != "bench_limits" and "only" not in why and "not one of its works" not in why:
                reasons.setdefault((side, why), []).append(f"{r['name']} ({r['threads']})")
    return [f"- {side}: {', '.join(dict.fromkeys(names))}: {why}" for (side, why), names in reasons.items()]


def markdown(results, facts):
    limits, parts = limits_of(results), [fact[0].upper() + fact[1:] + "." for fact in facts]
    for kind, title in GROUPS:
        rows = rows_of([r for r in results if r["kind"] == kind], limits)
        if rows:
            parts.append(f"### {title}\n\n" + table(rows))
    missing = not_offered(results)
    if missing:
        parts.append("### Not offered, or not working\n\n" + "\n".join(missing))
    return "\n\n".join(parts) + "\n"


SHOWN = [  # in the README, on so many threads
    ("step", "MNIST 784-512-10, RMSprop", (1, 2)), ("step", "LeNet-5", (1, 2)), ("step", "CIFAR-shaped CNN", (1, 2)), ("step", "simple RNN 128", (1, 2)),
    ("step", "LSTM 128", (1, 2)), ("step", "GRU 128", (1, 2)), ("step", "transformer block 128", (1, 2)), ("step", "4-16-3, batch 32, Adam", (1,)),
    ("step", "2-100-3, batch 300", (1,)), ("predict", "MNIST 784-512-10, one", (1,)), ("predict", "LeNet-5, one", (1,)),
    ("gemm", "128x784 . 784x512", (1, 2)), ("gemm", "1024 square", (1, 2)), ("conv", "32x32x32 k3 32, forward", (1, 2)), ("map", "tanh", (1,)),
    ("end", "Iris 4-16-3, 100 epochs", (1, 2)), ("end", "spiral 2-100-3, 10,000 steps", (1, 2)), ("end", "MNIST 784-512-10, 5 epochs", (1, 2)),
]
KINDS_SHOWN = {"step": "training step: ", "predict": "prediction: ", "gemm": "product: ", "conv": "convolution: ", "map": "each of 65,536: ", "end": "start to end: "}


def figures(results):
    """The README's rows: elegans beside whichever peer is the fastest."""
    rows = [["", "threads", "elegans", "fastest peer", "elegans / peer"]]
    for kind, name, threads in SHOWN:
        for result in [each_of(r) for r in results if (r["kind"], r["name"]) == (kind, name) and r["threads"] in threads and own_of(r)]:
            sides = result["sides"]
            best = min((side for side in sides if side != "elegans"), key=lambda side: statistics.median(sides[side]["us"]), default=None)
            theirs = f"{best} {microseconds(statistics.median(sides[best]['us']))}{megabytes(sides[best])}" if best else ""
            own = microseconds(statistics.median(own_of(result))) + megabytes(sides["elegans"])
            rows.append([KINDS_SHOWN[kind] + name, str(result["threads"]), own, theirs, spread(ratios_of(result, best)) if best else ""])
    return table(rows)


def put_into(path, text):
    """Between the two marks of a document."""
    with open(path, encoding="utf-8") as file:
        before, _, rest = file.read().partition("<!-- bench.py writes from here -->")
    after = rest.partition("<!-- to here -->")[2]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}<!-- bench.py writes from here -->\n\n{text}\n<!-- to here -->{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--only", default="", help="a part of a name, or parts and kinds with commas between")
    parser.add_argument("--sides", default="", help="parts of the peers' commands, e.g. torch,openblas")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--milliseconds", type=float, default=40)
    parser.add_argument("--peers", default="")
    parser.add_argument("--lock", default=os.environ.get("BENCH_LOCK", ""))
    parser.add_argument("--fifo", type=int, default=0)
    parser.add_argument("--markdown")
    parser.add_argument("--json")
    parser.add_argument("--into", help="a document whose table is to be written anew")
    parser.add_argument("--readme", help="a document that gets a few of its figures")
    parser.add_argument("--from", dest="old", action="append", help="the --json of a run (several: joined): only write its tables again")
    options = parser.parse_args()
    if options.fifo:
        try:  # above what it measures, to be able to look at it
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(options.fifo + 1))
        except OSError:
            pass
    if options.old:
        runs = []
        for path in options.old:
            with open(path, encoding="utf-8") as file:
                runs.append(json.load(file))
        results = [result for run in runs for result in run["results"]]
        facts = runs[-1]["facts"][:1] + facts_of(options, limits_of(results))[1:]
    else:
        results = measure_all(options)
        facts = facts_of(options, limits_of(results))
    text = markdown(results, facts)
    print(text, end="")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text)
    if options.into:
        put_into(options.into, text)
    if options.readme:
        put_into(options.readme, "\n\n".join([facts[0][0].upper() + facts[0][1:] + "; " + facts[-1] + ".", figures(results)]) + "\n")


if __name__ == "__main__":
    main()
