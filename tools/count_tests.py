"""Counts the test cases of one Bazel run: prints "<passed> <failed>".

usage: count_tests.py EVENTS [ROOT]

EVENTS is what --build_event_json_file wrote. ROOT is put before the paths that
it names, for a Bazel that ran in a root of its own. A test program that did not
get as far as reporting its cases counts as one failed case; so does a target
that did not build. Failed and skipped cases are named on stderr.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree


def test_cases(path):
    """Yields (name, outcome) of each case in a JUnit file; outcome is passed, failed or skipped."""
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed"
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            yield name, "skipped"
        else:
            yield name, "passed"


def report_path(event, root):
    """Where the JUnit file of a testResult event is, or None."""
    for output in event["testResult"].get("testActionOutput", []):
        if output.get("name") == "test.xml" and "uri" in output:
            return root + urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
    return None


def outcomes(event, root):
    """Yields (name, outcome) of each case behind a testResult event."""
    target = event["id"]["testResult"]["label"]
    status = event["testResult"].get("status", "NO_STATUS")
    path = report_path(event, root)
    cases = []
    if path:
        try:
            cases = list(test_cases(path))
        except (OSError, xml.etree.ElementTree.ParseError):
            pass  # the program died before it could write; its status says so below
    if status != "PASSED" and not any(outcome == "failed" for _, outcome in cases):
        cases.append((status.lower(), "failed"))
    for name, outcome in cases or [("all", "passed")]:
        yield target + " " + name, outcome


def main(events, root=""):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with open(events, encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            if "testResult" in event:
                found = outcomes(event, root)
            elif "targetCompleted" in event["id"] and not event.get("completed", {}).get("success"):
                label = event["id"]["targetCompleted"]["label"]
                # Marked as incompatible in its BUILD file, which `bazel test //...` passes over.
                skipped = event.get("aborted", {}).get("reason") == "SKIPPED"
                found = [(label, "skipped") if skipped else (label + " did not build", "failed")]
            else:
                continue
            for name, outcome in found:
                counts[outcome] += 1
                if outcome != "passed":
                    print(f"{outcome}: {name}", file=sys.stderr)
    print(counts["passed"], counts["failed"])


main(*sys.argv[1:])
