"""Runs of the program, and what they come to."""

import json
import os
import statistics
import subprocess

PROGRAM = "benchmarks/micro/micro"

# A round ends by itself; this is for one that doesn't.
ROUND_SECONDS_MAX = 600


class Failure(Exception):
    """The benchmark can't go on; the text is one sentence for the user."""


class Row:
    """contender -> nanoseconds, one a round; the first contender is the base."""

    def __init__(self, contenders):
        self.contenders = contenders
        self.base = contenders[0]
        self.times = {name: [] for name in contenders}
        self.instructions = {}
        self.errors = {}

    def measured(self, name):
        return bool(self.times.get(name))

    def median(self, name):
        return statistics.median(self.times[name])

    def ratio(self, name):
        """Median, least and most of the ratio to the base within a round; None without one."""
        each = [a / b for a, b in zip(self.times[name], self.times[self.base]) if b > 0]
        return (statistics.median(each), min(each), max(each)) if each else None


def rows_of(binary, chosen):
    """Row -> its contenders in their order, of those whose row is chosen; all without a choice."""
    listed = call([binary, "--benchmark_list_tests"]).split()
    rows = {}
    for name in listed:
        row, contender = name.split("/")[:2]
        rows.setdefault(row, []).append(contender)
    unknown = [name for name in chosen if name not in rows]
    if unknown:
        raise Failure(f"no row {unknown[0]}: expected some of {', '.join(rows)}")
    return {name: Row(rows[name]) for name in chosen or rows}


def call(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ROUND_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(command)} took more than {ROUND_SECONDS_MAX} s")
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)} failed: {done.stderr.strip() or done.returncode}")
    return done.stdout


def binary_in(folder):
    path = os.path.join(folder, PROGRAM)
    if not os.access(path, os.X_OK):
        raise Failure(f"{PROGRAM} isn't built: bazel build --config=opt //benchmarks/micro")
    return path


def filter_of(names):
    return f"--benchmark_filter=^({'|'.join(names)})/"


def run_round(binary, rows, index, seconds):
    """One process; which contender begins changes from round to round. Gives the raw report."""
    text = call([binary, "--first", str(index), filter_of(rows), "--benchmark_format=json",
                 f"--benchmark_min_time={seconds}"])
    report = json.loads(text)
    for run in report["benchmarks"]:
        name, contender, *clock = run["name"].split("/")
        if run.get("error_occurred"):
            rows[name].errors[contender] = run["error_message"]
            continue
        time = run["real_time" if clock else "cpu_time"]
        rows[name].times[contender].append(time)
    return report["benchmarks"]
