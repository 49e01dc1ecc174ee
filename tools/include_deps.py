#!/usr/bin/env python3
"""Finds includes of gyre's headers that come from targets which are not named in deps.

Reads what `bazel query --output=xml //...` prints, and the sources named there. Prints what is
wrong, a line each, and ends with status 1 then.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

INCLUDE = re.compile(r'^#include "gyre/([^"]+)"', re.MULTILINE)


def labels(rule, attribute):
    return [label.get("value") for label in rule.findall(f"./list[@name='{attribute}']/label")]


def files(rule, attribute, endings):
    for label in labels(rule, attribute):
        if label.startswith("//") and label.endswith(endings):
            yield label.removeprefix("//").replace(":", "/").removeprefix("/")


def main():
    rules = {
        rule.get("name"): rule
        for rule in ElementTree.parse(sys.stdin).getroot().iter("rule")
        if rule.get("class").startswith("cc_")
    }
    exporters = {}
    for name, rule in rules.items():
        for header in files(rule, "hdrs", (".h", ".cc")):
            exporters.setdefault(header, set()).add(name)

    wrong = set()
    for name, rule in rules.items():
        # bazel/defs.bzl makes a target of the headers that only the target's own sources include.
        reach = {name, name.removesuffix("_private_headers"), *labels(rule, "deps")}
        for source in [*files(rule, "srcs", (".cc", ".c")), *files(rule, "hdrs", ".h")]:
            with open(source, encoding="utf-8") as file:
                included = INCLUDE.findall(file.read())
            for header in included:
                of = exporters.get(header, {"no target"})
                if not of & reach:
                    of = " or ".join(sorted(of))
                    wrong.add(f'{source}: "gyre/{header}" is of {of}, not in deps of {name}')
    for line in sorted(wrong):
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
