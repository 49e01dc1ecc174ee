#!/usr/bin/env python3
"""How much does an echoed message cost on one core, in Gyre, in C, and in Asio?

    ./dev bench echo
    ./dev bench echo --quick
    ./dev bench echo --sizes 64 --connections 50,500 --contenders raw_uring,gyre --json out.json

README.md beside this folder says what is measured and what it doesn't show.
"""

import argparse
import json
import os
import signal
import sys

import machine
import table
from contenders import DEFAULT, Failure, Server, commands
from measure import load_command, run_load
from single import IDLE_RUNS, IDLE_SECONDS, idle, round_trips, syscalls

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECTIONS = ["matrix", "spin", "idle", "syscalls"]

# Start and end of a server and a load generator, and the connecting of few or many.
START_SECONDS = 0.3
CONNECT_SECONDS = 0.0004


def numbers(text):
    values = [int(part) for part in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected positive numbers")
    return values


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench echo", description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--backend", default="auto", help="Gyre's backend")
    add("--sizes", type=numbers, default=[64, 1024, 16384], help="bytes a message")
    add("--connections", type=numbers, default=[1, 50, 500, 5000])
    add("--rounds", type=int, default=5, help="each contender once per round, in turn")
    add("--seconds", type=float, default=2.0, help="measured per run")
    add("--warmup", type=float, default=0.5, help="under load before that")
    add("--contenders", default=",".join(DEFAULT), help="raw_uring comes first")
    add("--sections", default=",".join(SECTIONS), help="which parts to run")
    add("--spin-us", type=int, default=200, help="Gyre's spin where servers spin, in microseconds")
    add("--quick", action="store_true", help="two rounds of half a second: a look, not a result")
    add("--json", help="write every run and the machine's facts to this file")
    add("--bin", default=os.path.join(ROOT, "bazel-bin"), help="where the built programs are")
    add("--server-core", type=int, default=0)
    add("--load-core", type=int, default=1)
    add("--strict", action="store_true", help="exit with 1 when an aim is missed")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.warmup = 2, 0.5, 0.2
    options.contenders = options.contenders.split(",")
    options.sections = options.sections.split(",")
    return options


class Bench:
    """What all sections need: the programs, the cores, the settings, the runs so far."""

    def __init__(self, options):
        self.options = options
        self.known = commands(options.backend, options.spin_us)
        self.load = self.program("benchmarks/load/load")
        self.runs = []
        self.failures = []  # (contender, sentence)

    def program(self, name):
        path = os.path.join(self.options.bin, name)
        if not os.access(path, os.X_OK):
            raise Failure(f"{name} isn't built: bazel build --config=opt //benchmarks/... "
                          "//examples/...")
        return path

    def server(self, name, spin=False, more=()):
        program, spin_arguments, others = self.known[name]
        arguments = ["--port", "0"] + others + (spin_arguments if spin else []) + list(more)
        return Server([self.program(program)] + arguments, self.options.server_core)

    def load_command(self, server, connections, size, **settings):
        settings.setdefault("seconds", self.options.seconds)
        settings.setdefault("warmup", self.options.warmup)
        return load_command(self.load, server.port, self.options.load_core, connections, size,
                            **settings)

    def measure(self, name, connections, size, spin=False):
        """Starts the contender, loads it, ends it. None when it failed, which is said."""
        with self.server(name, spin=spin) as server:
            command = self.load_command(server, connections, size, spin=spin, pid=server.pid)
            report = run_load(command, self.options.seconds + self.options.warmup)
        report["contender"] = name
        self.runs.append(report)
        if report["errors"] == 0:
            return report
        self.failures.append((name, f"{name}, {size} B x {connections}: {report['errors']} "
                                    f"errors, the first: {report['first_error']}"))
        say(self.failures[-1][1])
        return None

    def rounds(self, names, connections, size, spin=False):
        """contender -> a report or None per round; who begins changes from round to round."""
        results = {name: [] for name in names}
        for i in range(self.options.rounds):
            first = i % len(names)
            for name in names[first:] + names[:first]:
                results[name].append(self.measure(name, connections, size, spin))
        return results


def check(options, bench):
    unknown = [n for n in options.contenders if n not in bench.known]
    if unknown:
        raise Failure(f"no contender {unknown[0]}: expected some of {', '.join(bench.known)}")
    unknown = [n for n in options.sections if n not in SECTIONS]
    if unknown:
        raise Failure(f"no section {unknown[0]}: expected some of {', '.join(SECTIONS)}")
    if options.rounds < 1 or options.seconds <= 0 or options.warmup < 0:
        raise Failure("--rounds, --seconds and --warmup: expected positive numbers")
    for core in (options.server_core, options.load_core):
        if core not in os.sched_getaffinity(0):
            raise Failure(f"core {core} can't be used: server and load need a core each, and "
                          f"there are {sorted(os.sched_getaffinity(0))}")
    for name in options.contenders:
        bench.program(bench.known[name][0])


def say(text=""):
    print(text, flush=True)


def estimate_seconds(options):
    run = options.seconds + options.warmup + START_SECONDS
    total = 0.0
    if "matrix" in options.sections:
        each = sum(run + c * CONNECT_SECONDS for c in options.connections)
        total += len(options.sizes) * len(options.contenders) * options.rounds * each
    if "spin" in options.sections:
        total += 2 * len(options.contenders) * options.rounds * run
    if "idle" in options.sections:
        total += IDLE_RUNS * (IDLE_SECONDS + 1)
    if "syscalls" in options.sections:
        total += 3 * len(options.contenders) * (run + 1)
    return total


def run_matrix(bench):
    options = bench.options
    say(f"\nRatios are to {table.BASE}, within a round: median [least..most] of "
        f"{options.rounds} rounds.")
    cells = {}
    for size in options.sizes:
        for connections in options.connections:
            results = bench.rounds(options.contenders, connections, size)
            cells[size, connections] = results
            say()
            for line in table.cell_lines(size, connections, results, options.rounds):
                say(line)
    return cells


def matrix_aims(cells, backend):
    """(what, whether met) for what Gyre promises of the matrix."""
    for (size, connections), results in cells.items():
        if "gyre" not in results:
            continue
        if size == 64 and connections in (50, 500):
            yield from (epoll_aims if backend == "epoll" else cpu_aims)(connections, results)
        if connections == 5000 and table.present(results["gyre"]):
            calm = table.undisturbed(results["gyre"])
            wait = table.longest_wait_ms(calm or results["gyre"])
            where = f"{len(calm)} undisturbed rounds" if calm else "rounds that were all disturbed"
            yield (f"longest wait, {size} B x 5000, in {where}: {wait:.0f} ms, at most 100",
                   wait <= 100)


def cpu_aims(connections, results):
    for other, most in (("raw_uring", 1.05), ("raw_epoll", 1.0), ("asio", 1.0)):
        ratio = table.ratios(results["gyre"], results.get(other, []), table.CPU)
        if ratio:
            yield (f"CPU per message, 64 B x {connections}: {ratio[0]:.3f} of {other}, "
                   f"at most {most}", ratio[0] <= most)


def epoll_aims(connections, results):
    for what, value in (("a second", table.RATE), ("a second of CPU", table.RATE_OF_CPU)):
        ratio = table.ratios(results["gyre"], results.get("raw_epoll", []), value)
        if ratio:
            yield (f"messages {what}, 64 B x {connections}: {ratio[0]:.3f} of raw_epoll, "
                   f"at least 0.95", ratio[0] >= 0.95)


def run_sections(bench):
    sections = bench.options.sections
    aims = []
    if "matrix" in sections:
        aims += matrix_aims(run_matrix(bench), bench.options.backend)
    if "spin" in sections:
        aims += round_trips(bench, say)
    if "idle" in sections:
        aims += idle(bench, say)
    if "syscalls" in sections:
        aims += syscalls(bench, say)
    return aims


def run(options):
    bench = Bench(options)
    check(options, bench)
    facts = machine.facts(ROOT)
    for name, value in facts.items():
        say(f"{name:24}{value}")
    say(f"\nserver on core {options.server_core}, load on core {options.load_core}; this takes "
        f"about {estimate_seconds(options) / 60:.0f} min")
    aims = []
    try:
        aims = run_sections(bench)
    finally:
        if options.json:
            with open(options.json, "w") as file:
                json.dump({"machine": facts, "options": vars(options), "runs": bench.runs,
                           "aims": aims}, file, indent=1)
    if aims:
        say("\nAims")
    for text, met in aims:
        say(f"  {'met   ' if met else 'missed'}  {text}")
    for _, text in bench.failures:
        say(f"  failed  {text}")
    ours_failed = any(name.startswith("gyre") for name, _ in bench.failures)
    return 1 if ours_failed or options.strict and not all(met for _, met in aims) else 0


def main():
    # Ended from outside, it still ends its server.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return run(parse_arguments())
    except Failure as failure:
        print(f"bench echo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
