"""@relacy, which checks the models of //tests/models, as the system's package has it.

No registry has it, and only those who change how threads meet need it: where it is not installed,
its tests are skipped.
"""

_HERE = """
load("@rules_cc//cc:defs.bzl", "cc_library")

# Debian: relacy-dev
cc_library(
    name = "relacy",
    visibility = ["//visibility:public"],
)
"""

_MISSING = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "relacy",
    target_compatible_with = ["@platforms//:incompatible"],
    visibility = ["//visibility:public"],
)
"""

def _relacy_repository_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"relacy\")\n")
    here = ctx.path("/usr/include/relacy/relacy.hpp").exists
    ctx.file("BUILD.bazel", _HERE if here else _MISSING)

relacy_repository = repository_rule(implementation = _relacy_repository_impl, local = True)
