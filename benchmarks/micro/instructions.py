"""Instructions in user mode that one iteration takes: a second opinion, without noise.

Each contender runs N and 2 N iterations, and half of that is subtracted: starting, the end and what
is set up once don't count.
"""

import os
import re
import subprocess
import tempfile

from rounds import Failure

# A multiple of all batches; the million timers take more.
ITERATIONS = 128_000
ITERATIONS_OF = {"timer_fire": 1_000_000}

# Who waits by looking: its instructions say nothing.
LEFT_OUT = ("post_awake", "post_asleep", "nop_beside_batch")


def count(binary, rows, say):
    counter = by_perf if perf_counts() else by_callgrind
    say(f"\ncounting instructions by {counter.__name__[3:]}")
    for name, contender, iterations, once, twice in runs(binary, rows, counter):
        rows[name].instructions[contender] = (twice - once) / iterations


def runs(binary, rows, counter):
    """Of each contender: what `counter` says of so many iterations, and of twice as many."""
    for name, row in rows.items():
        if name in LEFT_OUT:
            continue
        iterations = ITERATIONS_OF.get(name, ITERATIONS)
        for contender in row.contenders:
            if contender in row.errors:
                continue
            command = [binary, f"--benchmark_filter=^{name}/{contender}(/|$)", "--iterations"]
            yield (name, contender, iterations, counter(command + [str(iterations)]),
                   counter(command + [str(2 * iterations)]))


def perf_counts():
    try:
        return by_perf(["true"]) > 0
    except (Failure, OSError):
        return False


def by_perf(command):
    done = subprocess.run(["perf", "stat", "-x", ",", "-e", "instructions:u"] + command,
                          capture_output=True, text=True)
    found = re.search(r"^(\d+),", done.stderr, re.MULTILINE)
    if done.returncode != 0 or not found:
        raise Failure(f"perf counts no instructions of {command[0]}: {done.stderr.strip()}")
    return int(found.group(1))


def by_callgrind(command):
    with tempfile.TemporaryDirectory() as folder:
        out = "--callgrind-out-file=" + os.path.join(folder, "out")
        try:
            done = subprocess.run(["valgrind", "--tool=callgrind", out] + command,
                                  capture_output=True, text=True)
        except FileNotFoundError:
            raise Failure("neither perf counts instructions here nor is there valgrind: "
                          "apt-get install valgrind")
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise Failure(f"callgrind of {' '.join(command)} failed: {done.stderr.strip()}")
    return int(found.group(1))
