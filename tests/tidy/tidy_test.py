"""Plants what each rule forbids, and sees that it is found there, and only there."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import tidy  # noqa: E402
from source import Source, Tree  # noqa: E402


def broken(rule, files, allowed=""):
    """What `rule` says of a tree of those files, as "path:line"; lines are counted from 1."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        found = tidy.check(Tree(root), [rule], allowed)
    return [":".join(sentence.split(":")[:2]) for sentence in found]


def functions(code):
    return [(first, last) for first, last, _ in Source("net/x.cc", code).functions()]


class Lexing(unittest.TestCase):
    def test_comments_and_literals_are_blank_and_lines_stay(self):
        text = "a /* { \n */ b \"{\" '{' R\"x(\n{)x\" // {\nc 1'000"
        code = Source("net/x.cc", text).code
        words = [line.split() for line in code.split("\n")]
        self.assertEqual(words, [["a"], ["b"], [], ["c", "1'000"]])

    def test_functions_in_namespaces_and_classes(self):
        code = "namespace n {\nclass c : d {\n public:\n  int f() const {\n  go();\n  }\n};\n}\n"
        self.assertEqual(functions(code), [(4, 6)])

    def test_a_constructor_with_braces_among_its_members(self):
        code = "c::c(int a)\n    : a_{a}, b_(2),\n      d_{3} {\n  go();\n}\n"
        self.assertEqual(functions(code), [(1, 5)])

    def test_templates_and_trailing_types(self):
        code = "template <class T>\nauto f(T t) -> int {\n}\nstruct alignas(64) s {\n  int a;\n};\n"
        self.assertEqual(functions(code), [(1, 3)])

    def test_tables_are_no_functions(self):
        code = "const int table[f(2)] = {\n1,\n2};\nenum class e : int { a, b };\n"
        self.assertEqual(functions(code), [])

    def test_lambdas_belong_to_their_function(self):
        code = "int f() {\n  g([] {\n    h();\n  });\n}\nint i() {\n}\n"
        self.assertEqual(functions(code), [(1, 5), (6, 7)])


class Rules(unittest.TestCase):
    def test_lines(self):
        files = {"net/a.h": "int a;\t\nint b; \n" + "x" * 101 + "\n" + "y" * 100 + "\nlast"}
        places = ["net/a.h:1", "net/a.h:1", "net/a.h:2", "net/a.h:3", "net/a.h:5"]
        self.assertEqual(broken("lines", files), places)
        self.assertEqual(broken("lines", {"README.md": "x" * 101 + "\n"}), [])

    def test_files(self):
        files = {"net/a.cc": "\n" * 601, "net/b.cc": "\n" * 600, "ARCHITECTURE.md": "\n" * 151}
        self.assertEqual(broken("files", files), ["ARCHITECTURE.md:1", "net/a.cc:1"])

    def test_functions(self):
        files = {
            "net/a.cc": "\nvoid f() {\n" + "g();\n" * 69 + "}\n",
            "net/b.cc": "\nvoid f() {\n" + "g();\n" * 68 + "}\n",
            "tools/a.py": "def f():\n" + "    g()\n" * 70,
        }
        self.assertEqual(broken("functions", files), ["net/a.cc:2", "tools/a.py:1"])

    def test_names(self):
        files = {
            "net/tcp_util.h": "",
            "net/based.h": "class loop_manager {};\nclass engine;\nstruct managers { };\n",
        }
        self.assertEqual(broken("names", files), ["net/based.h:1", "net/tcp_util.h:1"])

    def test_marks(self):
        mark = "FIX" + "ME"
        files = {"net/a.h": f"\n// {mark}: it\n", "dev": f"# {mark}\n", "net/b.h": f"int {mark}_;"}
        self.assertEqual(broken("marks", files), ["dev:1", "net/a.h:2"])

    def test_arrows(self):
        files = {
            "runtime/task.h": '#include "gyre/io/ring.h"\n',
            "io/ring.h": '#include "gyre/runtime/task.h"\n// #include "gyre/net/tcp.h"\n',
            "net/tcp.h": '#include "gyre/fs/file.h"\n#include "gyre/io/ring.h"\n',
            "fs/file.h": '#include "file.h"\n#include <vector>\n#include <gyre/io/ring.h>\n',
            "examples/a.cc": '#include "gyre/net/tcp.h"\n#include "gyre/tests/a.h"\n',
            "tests/a.h": '#include "gyre/fs/file.h"\n#include "gyre/fs/missing.h"\n',
        }
        places = ["examples/a.cc:2", "fs/file.h:1", "fs/file.h:3"]
        places += ["net/tcp.h:1", "runtime/task.h:1", "tests/a.h:2"]
        self.assertEqual(broken("arrows", files), places)

    def test_cycles(self):
        files = {
            "io/a.h": '#include "gyre/io/b.h"\n#include "gyre/io/c.h"\n',
            "io/b.h": '#include "gyre/io/c.h"\n',
            "io/c.h": "",
        }
        self.assertEqual(broken("cycles", files), [])
        files["io/c.h"] = '#include "gyre/io/a.h"\n'
        self.assertEqual(broken("cycles", files), ["io/a.h:1"])

    def test_kernel(self):
        files = {
            "net/a.cc": "#include <liburing.h>\n#include <sys/socket.h>\n",
            "runtime/a.cc": "#include <sys/socket.h>\n#include <thread>\n",
            "io/a.cc": "#include <liburing.h>\n#include <sys/epoll.h>\n",
            "tests/a.cc": "#include <sys/epoll.h>\n",
        }
        self.assertEqual(broken("kernel", files), ["net/a.cc:1", "runtime/a.cc:1", "tests/a.cc:1"])

    def test_conditions(self):
        files = {
            "net/a.cc": "#include <a>\n#  ifdef A\n#endif\n// #if B\n",
            "io/a.cc": "#if A\n#endif\n",
            "net/a.h": "#ifndef GYRE_A_H_\n#define GYRE_A_H_\n#ifdef __cplusplus\n#endif\n#endif\n",
        }
        self.assertEqual(broken("conditions", files), ["net/a.cc:2"])

    def test_macros(self):
        files = {"net/a.h": "#pragma once\n" + "#define A 1\n" * 6, "tests/a.h": "#define A 1\n"}
        self.assertEqual(broken("macros", files), [])
        files["runtime/a.h"] = "#define B(x) \\\n  x\n"
        self.assertEqual(broken("macros", files), ["runtime/a.h:1"])

    def test_guards(self):
        files = {
            "net/a.h": "// why\n#pragma once\n",
            "net/b.h": "#include <vector>\n",
            "net/c.h": "#ifndef C\n#define C\n#endif\n",
            "net/d.h": "#ifndef C\n#define D\n#endif\n",
            "net/e.cc": "int a;\n",
        }
        self.assertEqual(broken("guards", files), ["net/b.h:1", "net/d.h:1"])

    def test_calls(self):
        code = "// assert(x)\nassert(x);\nstatic_assert(x);\nstd::this_thread::sleep_for(x);\n"
        self.assertEqual(broken("calls", {"net/a.cc": code}), ["net/a.cc:2", "net/a.cc:4"])
        self.assertEqual(broken("calls", {"examples/a.cc": code}), [])
        code = "sprintf(a);\nsnprintf(a);\n"
        self.assertEqual(broken("calls", {"examples/a.c": code}), ["examples/a.c:1"])

    def test_visibility(self):
        text = "package(default_visibility = [])\n"
        files = {"net/BUILD.bazel": text, "net/inner/BUILD.bazel": text, "tests/BUILD.bazel": text}
        places = ["net/BUILD.bazel:1", "net/inner/BUILD.bazel:1"]
        self.assertEqual(broken("visibility", files), places)

    def test_links(self):
        text = "[a](net/a.h)\n[b](https://example.org)\n[c](#here)\n[d](net/b.h#there)\n"
        self.assertEqual(broken("links", {"README.md": text, "net/a.h": ""}), ["README.md:4"])


class Exceptions(unittest.TestCase):
    FILES = {"net/a.h": "\t\n"}

    def test_an_exception_with_a_reason_holds_for_its_rule_and_path(self):
        self.assertEqual(broken("lines", self.FILES, "lines net/*: a table\n"), [])
        self.assertEqual(len(broken("lines", self.FILES, "marks net/*: a table\n")), 2)

    def test_an_exception_that_nothing_needs_is_an_error(self):
        self.assertEqual(broken("lines", {}, "# why\nlines net/*: a table\n"), ["allowed.txt:2"])

    def test_an_exception_without_a_reason_is_refused(self):
        for entry in ("lines net/*:", "lines: why", "rows net/*: why"):
            with self.assertRaises(ValueError):
                broken("lines", self.FILES, entry)


class TheTree(unittest.TestCase):
    def test_links_of_bazel_and_the_repository_itself_are_left_alone(self):
        files = {"bazel-out/a.h": "\t\n", ".git/a.h": "\t\n", "picture.svg": "\t\n"}
        self.assertEqual(broken("lines", files), [])


if __name__ == "__main__":
    unittest.main()
