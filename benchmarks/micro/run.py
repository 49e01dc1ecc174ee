#!/usr/bin/env python3
"""What do tasks, timers, channels and the like cost, in Gyre, by hand, and in Asio?

    ./dev bench micro
    ./dev bench micro --rows task,yield --rounds 15
    ./dev bench micro --instructions --json micro.json

README.md in the folder above says what is measured and what it doesn't show.
"""

import argparse
import json
import os
import statistics
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "benchmarks", "echo"))

import instructions  # noqa: E402
import machine  # noqa: E402
import where  # noqa: E402
from aims import aims  # noqa: E402
from rounds import Failure, binary_in, rows_of, run_round  # noqa: E402
from table import aligned, ratio_text  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench micro", description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--rows", default="", help="which ones, separated by commas; all if empty")
    add("--rounds", type=int, default=7, help="each contender once per round, in a new process")
    add("--seconds", type=float, default=0.05, help="least time of each measurement")
    add("--instructions", action="store_true", help="count instructions too: some minutes more")
    add("--where", action="store_true", help="count them function by function too")
    add("--json", help="write every run and the machine's facts to this file")
    add("--bin", default=os.path.join(ROOT, "bazel-bin"), help="where the built program is")
    add("--strict", action="store_true", help="exit with 1 when an aim is missed")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        raise Failure("--rounds and --seconds: expected positive numbers")
    return options


def say(text=""):
    print(text, flush=True)


def table_lines(rows):
    lines = [["", "ns", "range", "to the first", "instructions"]]
    for name, row in rows.items():
        lines.append([name, "", "", "", ""])
        lines += [contender_line(row, contender) for contender in row.contenders]
    return aligned(lines)


def contender_line(row, contender):
    if not row.measured(contender):
        return ["  " + contender, "failed", row.errors.get(contender, ""), "", ""]
    times = row.times[contender]
    ratio = row.ratio(contender) if contender != row.base else None
    counted = row.instructions.get(contender)
    return ["  " + contender, f"{statistics.median(times):.2f}",
            f"{min(times):.2f}..{max(times):.2f}", ratio_text(ratio),
            f"{counted:.1f}" if counted is not None else ""]


def run(options):
    binary = binary_in(options.bin)
    rows = rows_of(binary, [name for name in options.rows.split(",") if name])
    facts = {name: fact for name, fact in machine.facts(ROOT).items()
             if not name.startswith(("tcp_", "somaxconn", "netdev_"))}
    for name, value in facts.items():
        say(f"{name:24}{value}")
    say(f"\n{options.rounds} rounds, each contender once in each; ratios are within a round: "
        "median [least..most]")
    runs = [run_round(binary, rows, index, options.seconds) for index in range(options.rounds)]
    if options.instructions:
        instructions.count(binary, rows, say)
    if options.where:
        where.show(binary, rows, say)
    say()
    for line in table_lines(rows):
        say(line)
    found = list(aims(rows))
    if found:
        say("\nAims")
    for text, met in found:
        say(f"  {'met   ' if met else 'missed'}  {text}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": facts, "options": vars(options), "rounds": runs,
                       "instructions": {name: row.instructions for name, row in rows.items()},
                       "aims": found}, file, indent=1)
    failed = any("gyre" in row.errors for row in rows.values())
    return 1 if failed or options.strict and not all(met for _, met in found) else 0


def main():
    try:
        return run(parse_arguments())
    except Failure as failure:
        print(f"bench micro: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
