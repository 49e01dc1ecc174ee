"""What Gyre aims at, row by row."""

# Row -> most nanoseconds; the figures of others were measured where these aims come from.
NANOSECONDS = {
    "task": (5, "by hand 4.4-5.7, libfork 6.3, Asio 11.7"),
    "yield": (3, "co_context 2.6, Asio 49"),
    "spawn_join": (30, ""),
    "when_all": (11, "a child"),
    "channel_round_trip": (15, "cppcoro 31"),
    "mutex": (1.5, ""),
    "post_awake": (500, ""),
    "timer_arm": (8, "Seastar 9-20"),
    "timer_cancel": (3, "Seastar 8-16"),
}

# Row -> most times what the first contender of the row takes.
RATIO = {
    "nop_1": 1.08,
    "nop_128": 1.10,
    "post_asleep": 1.10,
    "metrics_nop_1": 1.02,
    "metrics_nop_128": 1.02,
    "metrics_echo": 1.02,
}

OURS = "gyre"


def aims(rows):
    """(what, whether met) for rows: name -> object with `median` and `ratio` of a contender."""
    for name, row in rows.items():
        if not row.measured(OURS):
            continue
        if name in NANOSECONDS:
            most, others = NANOSECONDS[name]
            took = row.median(OURS)
            yield (f"{name}: {took:.2f} ns, at most {most}" + (f" ({others})" if others else ""),
                   took <= most)
        if name in RATIO and row.measured(row.base):
            ratio = row.ratio(OURS)[0]
            yield (f"{name}: {ratio:.3f} of {row.base}, at most {RATIO[name]}",
                   ratio <= RATIO[name])
