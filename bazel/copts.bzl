"""The warnings every gyre target is built with.

Only warnings: the language standard, the optimisation and -Werror belong to
whoever builds, and are in .bazelrc for us.
"""

GYRE_C_COPTS = [
    "-Wall",
    "-Wextra",
]

GYRE_COPTS = GYRE_C_COPTS + ["-Woverloaded-virtual"]
