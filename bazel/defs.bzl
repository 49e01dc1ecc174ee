"""cc_library and its siblings with gyre's warnings and include prefix.

A header net/tcp.h is included as "gyre/net/tcp.h", by gyre itself and by its
users. Nothing is visible outside its package unless the target says so.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//bazel:copts.bzl", "GYRE_COPTS", "GYRE_C_COPTS")

def _warnings(srcs):
    """The warnings that the language of srcs knows; C and C++ don't mix in one target."""
    c = [src for src in srcs if src.endswith(".c")]
    cc = [src for src in srcs if src.endswith(".cc")]
    if c and cc:
        fail("C and C++ sources in one target: %s and %s" % (c[0], cc[0]))
    return GYRE_C_COPTS if c else GYRE_COPTS

def _prefix():
    return "gyre/" + native.package_name()

def _compiled(name, srcs, deps, copts, testonly):
    """The srcs, deps and copts of a target. Headers among srcs are for its own sources only.

    Bazel gives a prefix to those in hdrs alone, so they become a library of their own.
    """
    private = [src for src in srcs if src.endswith(".h")]
    if private:
        cc_library(
            name = name + "_private_headers",
            testonly = testonly,
            hdrs = private,
            include_prefix = _prefix(),
            visibility = ["//visibility:private"],
            deps = deps,
        )
        deps = deps + [":" + name + "_private_headers"]
    return {
        "copts": _warnings(srcs) + copts,
        "deps": deps,
        "srcs": [src for src in srcs if src not in private],
        "testonly": testonly,
    }

def gyre_cc_library(name, srcs = [], deps = [], copts = [], testonly = False, **kwargs):
    """A library whose headers are included as gyre/<package>/<header>."""
    kwargs.update(_compiled(name, srcs, deps, copts, testonly))
    cc_library(name = name, include_prefix = _prefix(), **kwargs)

def gyre_cc_binary(name, srcs = [], deps = [], copts = [], testonly = False, **kwargs):
    """A program in C++ or in C."""
    kwargs.update(_compiled(name, srcs, deps, copts, testonly))
    cc_binary(name = name, **kwargs)

def gyre_cc_test(name, srcs = [], deps = [], copts = [], size = "small", tags = [], **kwargs):
    """A GoogleTest program; main() is there already.

    Not in a sandbox: that takes root's privilege to lock memory away, and the rings of all tests
    that run at the time would have to share the few megabytes of one user.
    """
    deps = deps + ["@googletest//:gtest_main"]
    kwargs.update(_compiled(name, srcs, deps, copts, True))
    cc_test(name = name, size = size, tags = tags + ["no-sandbox"], **kwargs)

def gyre_cc_benchmark(name, srcs = [], deps = [], copts = [], tags = [], **kwargs):
    """A Google Benchmark program; main() is there already."""
    deps = deps + ["@google_benchmark//:benchmark_main"]
    kwargs.update(_compiled(name, srcs, deps, copts, True))
    cc_binary(name = name, tags = tags + ["benchmark"], **kwargs)
