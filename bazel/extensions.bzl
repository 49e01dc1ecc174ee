"""For Bzlmod: repositories that no registry has. Bazel 4 cannot read this file."""

load("//bazel:llhttp.bzl", "llhttp_repository")
load("//bazel:relacy.bzl", "relacy_repository")

def _llhttp_impl(_ctx):
    llhttp_repository(name = "llhttp")

llhttp = module_extension(implementation = _llhttp_impl)

def _relacy_impl(_ctx):
    relacy_repository(name = "relacy")

relacy = module_extension(implementation = _relacy_impl)
