"""In which functions the instructions are, by callgrind: what explains a row.

Each contender runs N and 2 N iterations, and half of that is subtracted, function by function. What
a compiler put into its caller counts there.
"""

import os
import re
import subprocess
import tempfile

from instructions import runs
from rounds import Failure

# Functions with less are one line.
LEAST = 1.0


def show(binary, rows, say):
    for name, contender, iterations, once, twice in runs(binary, rows, by_function):
        each = {function: (count - once.get(function, 0)) / iterations
                for function, count in twice.items()}
        say(f"\n{name}/{contender}: {sum(each.values()):.1f} instructions")
        for line in lines(each):
            say(line)


def lines(each):
    """The most first, the small ones together."""
    large = sorted(((count, function) for function, count in each.items() if count >= LEAST),
                   reverse=True)
    for count, function in large:
        yield f"{count:10.1f}  {function}"
    rest = sum(each.values()) - sum(count for count, _ in large)
    if rest >= 0.05:
        yield f"{rest:10.1f}  others"


def by_function(command):
    """Function -> instructions in it alone."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        try:
            done = subprocess.run(["valgrind", "--tool=callgrind", "--compress-strings=no",
                                   "--callgrind-out-file=" + out] + command,
                                  capture_output=True, text=True)
        except FileNotFoundError:
            raise Failure("there is no valgrind: apt-get install valgrind")
        if done.returncode != 0:
            raise Failure(f"callgrind of {' '.join(command)} failed: {done.stderr.strip()}")
        with open(out) as file:
            return counts(file)


def counts(file):
    found = {}
    function = None
    called = False
    for line in file:
        if line.startswith("fn="):
            function = short(line[3:].strip())
        elif line.startswith("calls="):
            called = True  # the next line is what was spent there
        elif re.match(r"[0-9+*-]", line):
            if not called:
                found[function] = found.get(function, 0) + int(line.split()[1])
            called = False
    return found


def short(name):
    """Without parameters, arguments of templates, and the numbers of compilers."""
    name = re.sub(r"\[clone [^]]*\]|'\d+$|\(anonymous namespace\)::", "", name)
    before = None
    while before != name:
        before = name
        name = re.sub(r"<[^<>]*>|\([^()]*\)", "", name)
    return re.sub(r"\s+(const)?", " ", name).strip()
