"""Checks the house rules that a compiler doesn't.

usage: tidy.py [--list] [RULE...]

Exceptions are in allowed.txt, each with its reason.
"""

import fnmatch
import pathlib
import sys

sys.dont_write_bytecode = True

from rules import RULES  # noqa: E402
from source import Tree  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def exceptions(text):
    """Yields (line, rule, pattern of paths) from the text of allowed.txt."""
    for number, line in enumerate(text.splitlines(), 1):
        entry, _, reason = line.partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        words = entry.split()
        if len(words) != 2 or words[0] not in RULES or not reason.strip():
            raise ValueError(f"allowed.txt:{number}: expected 'RULE PATH: reason', found '{line}'")
        yield number, words[0], words[1]


def check(tree, chosen, allowed):
    """Returns sentences about what breaks the chosen rules, or is allowed without need."""
    broken = []
    allowed = [entry for entry in exceptions(allowed) if entry[1] in chosen]
    used = set()
    for name in chosen:
        for path, line, what in RULES[name](tree):
            entries = [e for e in allowed if e[1] == name and fnmatch.fnmatch(path, e[2])]
            used.update(entries)
            if not entries:
                broken.append(f"{path}:{line}: {name}: {what}")
    for entry in allowed:
        if entry not in used:
            number, rule, path = entry
            broken.append(f"allowed.txt:{number}: nothing in {path} needs an exception from {rule}")
    return broken


def main(arguments):
    if arguments == ["--list"]:
        print("\n".join(RULES))
        return 0
    unknown = [name for name in arguments if name not in RULES]
    if unknown:
        print(f"no rule '{unknown[0]}'; there are: {', '.join(RULES)}", file=sys.stderr)
        return 2
    allowed = (HERE / "allowed.txt").read_text(encoding="utf-8")
    broken = check(Tree(HERE.parent.parent), arguments or list(RULES), allowed)
    print("\n".join(broken), end="\n" if broken else "")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
