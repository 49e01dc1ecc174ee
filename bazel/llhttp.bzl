"""@llhttp, the HTTP parser of //examples, as the system's packages have it.

Debian 12 has its C sources inside node-llhttp; newer releases have a library,
libllhttp-dev. Either way the target is @llhttp//:llhttp and the header
<llhttp.h>. It is looked for only when something that needs it is built.

Newer ones are strict; the older one, unless it is told to be, skips what stands
where some line ends should be, and so finds requests where a proxy sees none.
"""

_FROM_SOURCES = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "llhttp",
    srcs = {srcs},
    hdrs = ["include/llhttp.h"],
    copts = ["-w"],
    defines = ["LLHTTP_STRICT_MODE=1"],
    includes = ["include"],
    visibility = ["//visibility:public"],
)
"""

_FROM_LIBRARY = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "llhttp",
    linkopts = ["-lllhttp"],
    visibility = ["//visibility:public"],
)
"""

def _llhttp_repository_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"llhttp\")\n")
    if ctx.path("/usr/include/llhttp.h").exists:
        ctx.file("BUILD.bazel", _FROM_LIBRARY)
        return
    sources = ctx.path("/usr/share/llhttp")
    header = ctx.path("/usr/share/include/llhttp/llhttp.h")
    if not sources.exists or not header.exists:
        fail("llhttp.h not found: apt-get install libllhttp-dev (Debian 13 and newer) " +
             "or node-llhttp (Debian 12)")
    srcs = []
    for f in sources.readdir():
        if f.basename.endswith(".c"):
            ctx.symlink(f, f.basename)
            srcs.append(f.basename)
    ctx.symlink(header, "include/llhttp.h")
    ctx.file("BUILD.bazel", _FROM_SOURCES.format(srcs = repr(sorted(srcs))))

llhttp_repository = repository_rule(implementation = _llhttp_repository_impl, local = True)
