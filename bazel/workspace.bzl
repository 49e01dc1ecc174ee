"""For WORKSPACE builds: where gyre and its dependencies come from on Debian.

A repository that is already defined is left alone, so a monorepo that has its
own @liburing defines it before it calls gyre_system_deps().
"""

load("//bazel:llhttp.bzl", "llhttp_repository")
load("//bazel:relacy.bzl", "relacy_repository")

def _library(header, debs, module = "", least = ""):
    return struct(header = header, debs = debs, module = module, least = least)

# Repository -> a header that must be there, what to install when it is not, and,
# where an older one will not do, its pkg-config module and least version.
_SYSTEM = {
    "asio": _library("asio.hpp", "libasio-dev"),
    "boost.context": _library("boost/context/fiber.hpp", "libboost-context-dev"),
    "cli11": _library("CLI/CLI.hpp", "libcli11-dev"),
    "google_benchmark": _library("benchmark/benchmark.h", "libbenchmark-dev"),
    "googletest": _library("gmock/gmock.h", "libgtest-dev libgmock-dev"),
    "liburing": _library("liburing.h", "liburing-dev", module = "liburing", least = "2.3"),
}

_HERE = attr.label(default = "//bazel:BUILD.bazel")

def _system_library_impl(ctx):
    missing = not ctx.path("/usr/include/" + ctx.attr.header).exists
    wanted = ctx.attr.header
    if not missing and ctx.attr.module and ctx.which("pkg-config"):
        module, least = ctx.attr.module, ctx.attr.least
        missing = ctx.execute(["pkg-config", "--atleast-version=" + least, module]).return_code
        wanted = "%s >= %s" % (module, least)
    if missing:
        fail("%s not found: apt-get install %s" % (wanted, ctx.attr.debs))
    here = ctx.path(ctx.attr._here).dirname
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    build = here.get_child("system").get_child(ctx.name).get_child("BUILD.bazel")
    ctx.symlink(build, "BUILD.bazel")

_system_library = repository_rule(
    implementation = _system_library_impl,
    attrs = {
        "debs": attr.string(mandatory = True),
        "header": attr.string(mandatory = True),
        "least": attr.string(),
        "module": attr.string(),
        "_here": _HERE,
    },
    environ = ["PKG_CONFIG_PATH"],
    local = True,
)

def _compat_impl(ctx):
    src = ctx.path(ctx.attr._here).dirname.get_child("compat").get_child(ctx.name)
    for f in src.readdir():
        ctx.symlink(f, f.basename)

_compat = repository_rule(
    implementation = _compat_impl,
    attrs = {"_here": _HERE},
    local = True,
)

# buildifier: disable=unnamed-macro
def gyre_debian_toolchains():
    """Bazel 4.2.3's own rule repositories, from Debian's bazel-* packages."""
    for name, path in [
        ("platforms", "tools/platforms"),
        ("rules_java", "rules/java"),
        ("rules_proto", "rules/proto"),
    ]:
        if not native.existing_rule(name):
            native.local_repository(name = name, path = "/usr/share/bazel/" + path)

    # Debian's rules_cc 0.0.4 needs a newer Bazel than Debian's 4.2.3.
    for name in ["rules_cc", "remote_coverage_tools"]:
        if not native.existing_rule(name):
            _compat(name = name)

# buildifier: disable=unnamed-macro
def gyre_system_deps():
    """Third-party libraries as installed by apt."""
    for name, library in _SYSTEM.items():
        if not native.existing_rule(name):
            _system_library(
                name = name,
                debs = library.debs,
                header = library.header,
                least = library.least,
                module = library.module,
            )
    if not native.existing_rule("llhttp"):
        llhttp_repository(name = "llhttp")
    if not native.existing_rule("relacy"):
        relacy_repository(name = "relacy")
