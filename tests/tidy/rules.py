"""The house rules. Each yields (path, line, what is wrong and what to do about it)."""

import ast
import pathlib
import re

from source import CODE, ROOMS, SCRIPTS

LINE_COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
ARCHITECTURE_LINES_MAX = 150
MACROS_MAX = 6


def lines(tree):
    """A line fits a screen, and a difference between two files is one that can be seen."""
    for path, text in tree.texts.items():
        prose = path.endswith(".md")
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > LINE_COLUMNS_MAX and not prose:
                yield path, number, f"{len(line)} columns; at most {LINE_COLUMNS_MAX}"
            if "\t" in line:
                yield path, number, "a tab; indent with spaces"
            if line != line.rstrip():
                yield path, number, "spaces at the end of the line"
        if text and not text.endswith("\n"):
            yield path, text.count("\n") + 1, "no newline at the end of the file"


def files(tree):
    """A file has one reason to exist, and can be read in one go."""
    for path, text in tree.texts.items():
        count = text.count("\n")
        if pathlib.PurePath(path).suffix in CODE | SCRIPTS and count > FILE_LINES_MAX:
            yield path, 1, f"{count} lines; at most {FILE_LINES_MAX}: split it"
        if path == "ARCHITECTURE.md" and count > ARCHITECTURE_LINES_MAX:
            yield path, 1, f"{count} lines; at most {ARCHITECTURE_LINES_MAX}"


def functions(tree):
    """A function fits a screen, signature included."""
    found = [
        (path, first, last, signature)
        for path, source in tree.sources.items()
        for first, last, signature in source.functions()
    ]
    for path, text in tree.named(".py").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.append((path, node.lineno, node.end_lineno, node.name))
    for path, first, last, signature in found:
        count = last - first + 1
        if count > FUNCTION_LINES_MAX:
            yield path, first, f"{count} lines; at most {FUNCTION_LINES_MAX}: {signature[:60]}"


_EMPTY_NAMES = {"util", "utils", "helper", "helpers", "manager", "impl", "base", "common", "misc"}
_SECOND_NAMES = {
    "executor": "loop",
    "engine": "loop or backend",
    "proactor": "backend",
    "reactor": "backend",
    "future": "task",
    "manager": "what it does",
    "helper": "what it does",
    "util": "what it does",
}


_TYPE = re.compile(r"\b(?:class|struct)\s+(?:\[\[.*?\]\]\s*)?(\w+)[^;(){}]*\{")


def names(tree):
    """One word per concept, and no name that says nothing about what is in it."""
    for path, source in tree.sources.items():
        pure = pathlib.PurePath(path)
        words = {w for part in pure.parts[:-1] + (pure.stem,) for w in part.lower().split("_")}
        for word in sorted(words & _EMPTY_NAMES):
            yield path, 1, f"'{word}' in a file's name; name what is in it"
        for m in _TYPE.finditer(source.code):
            for word in sorted(set(m[1].lower().split("_")) & set(_SECOND_NAMES)):
                better = _SECOND_NAMES[word]
                yield path, source.line(m.start()), f"type {m[1]}: for '{word}' say {better}"


_MARKS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def marks(tree):
    """Nothing is left for later inside the tree: do it, or open an issue."""
    for path, text in tree.texts.items():
        for m in _MARKS.finditer(text):
            yield path, text.count("\n", 0, m.start()) + 1, f"{m[1]}; do it now, or open an issue"


# Whom each room may include, besides itself.
_BELOW = {
    "runtime": set(),
    "io": {"runtime"},
    "net": {"io", "runtime"},
    "fs": {"io", "runtime"},
    "examples": set(ROOMS),
    "benchmarks": set(ROOMS),
    "tests": set(ROOMS) | {"examples", "benchmarks"},
}


def arrows(tree):
    """Includes point down: examples, benchmarks, tests -> net, fs -> io -> runtime."""
    for path, source in tree.sources.items():
        if path.startswith("tests/consumer/"):
            continue  # a workspace of its own
        for line, quoted, included in source.includes():
            if not quoted:
                if included.startswith("gyre/"):
                    yield path, line, f"<{included}>; gyre's own headers are in quotes"
                continue
            inner = included.removeprefix("gyre/")
            if inner == included or inner not in tree.sources:
                yield path, line, f'"{included}"; "gyre/<folder>/<header>", or <...> if not ours'
            elif inner.split("/")[0] not in _BELOW[source.room] | {source.room}:
                below = ", ".join(sorted(_BELOW[source.room])) or "no other folder"
                yield path, line, f'"{included}" from {source.room}/, which may know {below}'


def cycles(tree):
    """No header includes itself by way of others."""
    graph = {
        path: [i.removeprefix("gyre/") for _, quoted, i in source.includes() if quoted]
        for path, source in tree.sources.items()
    }
    done = set()

    def visit(path, trail):
        if path in trail:
            yield path, 1, "include cycle: " + " -> ".join(trail[trail.index(path) :] + [path])
        elif path in graph and path not in done:
            for included in graph[path]:
                yield from visit(included, trail + [path])
            done.add(path)

    for path in graph:
        yield from visit(path, [])


_KERNEL_HEADERS = re.compile(r"liburing|linux/io_uring|sys/(epoll|eventfd|timerfd|signalfd)\.h")
_RUNTIME_HEADERS = re.compile(r"(sys|linux|netinet|arpa|net)/|(unistd|fcntl|poll|signal|netdb)\.h")


def kernel(tree):
    """Only io/ talks to the kernel's event interfaces; runtime/ knows no system call."""
    for path, source in tree.sources.items():
        for line, _, included in source.includes():
            if source.room != "io" and _KERNEL_HEADERS.match(included):
                yield path, line, f"<{included}>; only io/ talks to the kernel's event interfaces"
            elif source.room == "runtime" and _RUNTIME_HEADERS.match(included):
                yield path, line, f"<{included}>; runtime/ knows threads and clocks only"


def conditions(tree):
    """What a machine can do is asked at run time, and in io/."""
    for path, source in tree.sources.items():
        for line, directive in source.directives():
            word, _, condition = directive.partition(" ")
            if word in ("#if", "#ifdef", "#ifndef", "#elif") and source.room != "io":
                if condition != "__cplusplus":  # a header of C and of C++
                    yield path, line, f"{directive[:40]}; ask at run time, or do it in io/"


def macros(tree):
    """A macro is for what a function can't do; the rooms have a handful between them."""
    found = [
        (path, line, directive)
        for path, source in tree.sources.items()
        if source.room in ROOMS
        for line, directive in source.directives()
        if directive.startswith("#define")
    ]
    for path, line, directive in found[MACROS_MAX:]:
        yield path, line, f"{directive[:40]}: {len(found)} macros; the rooms have {MACROS_MAX}"


def guards(tree):
    """Each header may be included twice."""
    for path, source in tree.sources.items():
        if path.endswith(".h") and not source.guarded():
            yield path, 1, "no #pragma once"


_OLD_STRINGS = r"\b(?:strcpy|strcat|sprintf|vsprintf|gets)\s*\("
_OLD_NUMBERS = r"\b(?:atoi|atol|atoll|atof)\s*\("
_PRINTS = r"\bstd::(?:cout|cerr|clog)\b|\bf?printf\s*\(|\bf?puts\s*\("
_SLEEPS = r"\b(?:usleep|nanosleep)\s*\(|(?<!\w)::sleep\s*\(|\bthis_thread::sleep_"
_CALLS = [
    (_OLD_STRINGS, None, "snprintf, or a std::string_view"),
    (_OLD_NUMBERS, None, "std::from_chars, or strtol in C: they report errors"),
    (r"\bs?rand\s*\(", None, "a std::mt19937_64 with a seed that is printed"),
    (r"\busing\s+namespace\s+std\s*;", None, "the names, one by one"),
    (r"\bstd::endl\b", None, "'\\n': endl also flushes"),
    (r"\bassert\s*\(", ROOMS, "gyre::check: it is on in every build and says what to do"),
    (_PRINTS, ROOMS, "the log hook, or a result"),
    (r"\bthrow\b", ("io", "net", "fs"), "a result: outcomes of I/O are values"),
    (_SLEEPS, ROOMS + ("tests",), "a wait for the event itself"),
]


def calls(tree):
    """Calls that have a better replacement."""
    for path, source in tree.sources.items():
        for pattern, rooms, better in _CALLS:
            if rooms and source.room not in rooms:
                continue
            for m in re.finditer(pattern, source.code):
                yield path, source.line(m.start()), f"{m[0].strip()}; use {better}"


def visibility(tree):
    """A room's target is private unless it says otherwise itself."""
    for path, text in tree.texts.items():
        if path.split("/")[0] in ROOMS and path.endswith("BUILD.bazel"):
            for m in re.finditer("default_visibility", text):
                line = text.count("\n", 0, m.start()) + 1
                yield path, line, "default_visibility; each public target says so itself"


def links(tree):
    """A link from one of our pages to another file leads somewhere."""
    for path, text in tree.named(".md").items():
        for m in re.finditer(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", text):
            to = m[1]
            if not re.match(r"[a-z]+:", to) and not (tree.root / path).parent.joinpath(to).exists():
                yield path, text.count("\n", 0, m.start()) + 1, f"link to {to}, which is not there"


RULES = {
    rule.__name__: rule
    for rule in (
        lines,
        files,
        functions,
        names,
        marks,
        arrows,
        cycles,
        kernel,
        conditions,
        macros,
        guards,
        calls,
        visibility,
        links,
    )
}
