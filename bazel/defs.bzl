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

def gyre_cc_library(name, srcs = [], hdrs = [], copts = [], deps = [], **kwargs):
    """A library whose headers are included as gyre/<package>/<header>.

    Headers in srcs are for its own sources only. Bazel gives a prefix to those in hdrs alone, so
    they are a library of their own.
    """
    prefix = "gyre/" + native.package_name()
    private = [src for src in srcs if src.endswith(".h")]
    if private:
        cc_library(
            name = name + "_private_headers",
            hdrs = private,
            include_prefix = prefix,
            testonly = kwargs.get("testonly", False),
            visibility = ["//visibility:private"],
            deps = deps,
        )
        srcs = [src for src in srcs if src not in private]
        deps = deps + [":" + name + "_private_headers"]
    cc_library(
        name = name,
        srcs = srcs,
        hdrs = hdrs,
        copts = _warnings(srcs) + copts,
        include_prefix = prefix,
        deps = deps,
        **kwargs
    )

def gyre_cc_binary(name, srcs = [], copts = [], **kwargs):
    """A program in C++ or in C."""
    cc_binary(name = name, srcs = srcs, copts = _warnings(srcs) + copts, **kwargs)

def gyre_cc_test(name, srcs = [], copts = [], deps = [], size = "small", **kwargs):
    """A GoogleTest program; main() is there already."""
    cc_test(
        name = name,
        size = size,
        srcs = srcs,
        copts = _warnings(srcs) + copts,
        deps = deps + ["@googletest//:gtest_main"],
        **kwargs
    )

def gyre_cc_benchmark(name, srcs = [], copts = [], deps = [], tags = [], **kwargs):
    """A Google Benchmark program; main() is there already."""
    cc_binary(
        name = name,
        testonly = True,
        srcs = srcs,
        copts = _warnings(srcs) + copts,
        tags = tags + ["benchmark"],
        deps = deps + ["@google_benchmark//:benchmark_main"],
        **kwargs
    )
