"""The files of a tree, and just enough of C++ to judge them."""

import bisect
import pathlib
import re

ROOMS = ("runtime", "io", "net", "fs")
USERS = ("tests", "benchmarks", "examples")
CODE = {".h", ".cc", ".c"}
SCRIPTS = {".py", ".sh", ".bzl", ".bazel"}

_TOKEN = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<raw>\b(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<number>\b\d(?:'?[\w.])*)
      | (?P<char>'(?:\\.|[^'\\\n])+')""",
    re.DOTALL | re.VERBOSE,
)
_ACCESS = re.compile(r"^\s*(?:(?:public|protected|private)\s*:\s*)+")
_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def _is_guard(directives):
    words = [directive.split() for directive in directives]
    return len(words) == 2 and words == [["#ifndef", words[0][-1]], ["#define", words[0][-1]]]


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    """One file of C++ or C; `code` is its text with comments and literals blanked out."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.code = _TOKEN.sub(lambda m: m[0] if m["number"] else _spaces(m[0]), text)
        self._line_starts = [0] + [m.end() for m in re.finditer("\n", text)]

    @property
    def room(self):
        return self.path.split("/")[0]

    def line(self, offset):
        return bisect.bisect_right(self._line_starts, offset)

    def includes(self):
        """Yields (line, True if in quotes, path)."""
        for m in _INCLUDE.finditer(self.text):
            if self.code[m.start() : m.end()].strip():  # not in a comment
                yield self.line(m.start()), m[1] == '"', m[2]

    def directives(self):
        """Yields (line, directive), such as (3, "#if 0"), without those of an include guard."""
        found = [
            (self.line(m.start()), re.sub(r"# +", "#", " ".join(m[0].split())))
            for m in _DIRECTIVE.finditer(self.code)
        ]
        yield from found[2:] if _is_guard([text for _, text in found[:2]]) else found

    def guarded(self):
        """Whether including this file twice does no harm."""
        found = [" ".join(m[0].split()) for m in _DIRECTIVE.finditer(self.code)]
        return "#pragma once" in found or _is_guard(found[:2])

    def functions(self):
        """Yields (first line, last line, signature) of each function that has a body."""
        code = _DIRECTIVE.sub(lambda m: _spaces(m[0]), self.code)
        for start, end, signature in _function_bodies(code):
            yield self.line(start), self.line(end), signature


def _closing(code, opening):
    """The offset of the brace that closes the one at `opening`."""
    depth = 0
    for m in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if m[0] == "{" else -1
        if depth == 0:
            return m.start()
    return len(code) - 1


def _kind(header):
    """What a brace after `header` opens, outside of functions."""
    plain = re.sub(r"\b(alignas|decltype|noexcept)\s*\([^()]*\)|\[\[.*?\]\]", "", header)
    if re.match(r"\s*(inline\s+)?namespace\b", plain) or re.match(r"\s*extern\s*$", plain):
        return "namespace"
    if "(" not in plain:
        return "type" if re.search(r"\b(class|struct|union|enum)\b", plain) else "value"
    return "value" if plain.rstrip().endswith("=") else "function"


def _function_bodies(code):
    """Yields (start of the signature, closing brace, signature), outermost functions only."""
    depth, start, at = 0, 0, 0
    brackets = re.compile(r"[(){};]")
    while found := brackets.search(code, at):
        at = found.end()
        bracket = found[0]
        if bracket in "()":
            depth = max(0, depth + (1 if bracket == "(" else -1))
        elif bracket == "{":
            header = code[start : found.start()]
            kind = "value" if depth else _kind(header)
            if kind in ("namespace", "type"):
                start = at
                continue
            closing = _closing(code, found.start())
            at = closing + 1
            # What a comma or another brace follows initialises a member: `: a_{1}, b_{2} {`.
            if depth or code[at:].lstrip()[:1] in (",", "{"):
                continue
            if kind == "function":
                signature = _ACCESS.sub("", header).lstrip()
                yield found.start() - len(signature), closing, " ".join(signature.split())
            start = at
        elif depth == 0:
            start = at


class Tree:
    """The files that the rules look at, by their path from the root."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.texts = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if self._ours(path, name):
                self.texts[name] = path.read_text(encoding="utf-8")
        self.sources = {
            name: Source(name, text)
            for name, text in self.texts.items()
            if pathlib.PurePath(name).suffix in CODE and name.split("/")[0] in ROOMS + USERS
        }

    @staticmethod
    def _ours(path, name):
        top = name.split("/")
        if top[0] in (".git", "build") or any(part.startswith("bazel-") for part in top):
            return False
        known = path.suffix in CODE | SCRIPTS | {".md"} or name in ("dev", ".ci/run", "WORKSPACE")
        return known and path.is_file() and not path.is_symlink()

    def named(self, *suffixes):
        return {n: t for n, t in self.texts.items() if pathlib.PurePath(n).suffix in suffixes}
