"""Statistics over rounds, and how they are printed.

A ratio is taken within a round, where both servers met the same noise; its median and range are
over the rounds.
"""

import statistics

BASE = "raw_uring"

CPU = lambda r: r["server"]["cpu_ns_per_message"]
RATE = lambda r: r["messages_per_second"]
RATE_OF_CPU = lambda r: 1e9 / CPU(r)

# What is shown of a run, in this order: name, unit, number of a report, digits.
COLUMNS = [
    ("CPU/message", "ns", CPU, 0),
    ("messages/s", "", RATE, 0),
    ("p50", "us", lambda r: r["latency_ns"]["p50"] / 1e3, 0),
    ("p99", "us", lambda r: r["latency_ns"]["p99"] / 1e3, 0),
    ("p99.9", "us", lambda r: r["latency_ns"]["p99_9"] / 1e3, 0),
]

# Shares of the measured time.
NOISE = 0.02


def present(reports):
    """Without the rounds in which the server failed."""
    return [r for r in reports if r is not None]


def ratios(mine, base, value):
    """Median, least and most of value(mine)/value(base), round by round; None without a round."""
    each = [value(a) / value(b) for a, b in zip(mine, base) if a and b and value(b) > 0]
    if not each:
        return None
    return statistics.median(each), min(each), max(each)


def longest_wait_ms(reports):
    """From the first connect on."""
    return max(max(r["longest_wait_ns"], r["longest_early_wait_ns"])
               for r in present(reports)) / 1e6


def disturbed(report):
    """Whether something else had one of the cores, or packets were lost."""
    waited = max(report[side]["wait_ns"] for side in ("server", "client"))
    return waited / 1e9 > NOISE * report["seconds"] or report["kernel"]["tcp_retransmits"] > 0


def undisturbed(reports):
    return [r for r in present(reports) if not disturbed(r)]


def median_text(reports, value, digits):
    numbers = [value(r) for r in present(reports)]
    return f"{statistics.median(numbers):.{digits}f}" if numbers else "failed"


def cell_text(reports, base, column):
    _, _, value, digits = column
    text = median_text(reports, value, digits)
    return f"{text} {ratio_text(ratios(reports, base, value))}".rstrip()


def ratio_text(ratio):
    return f"{ratio[0]:.2f} [{ratio[1]:.2f}..{ratio[2]:.2f}]" if ratio else ""


def cell_lines(size, connections, results, rounds):
    """The table of one cell: results is contender -> list of reports, one a round."""
    base = results.get(BASE, [])
    head = [f"{size} B x {connections}"]
    head += [f"{name} {unit}".strip() for name, unit, _, _ in COLUMNS]
    head += ["longest wait ms", "disturbed"]
    rows = [head]
    for name, reports in results.items():
        others = base if name != BASE else []
        row = ["  " + name] + [cell_text(reports, others, column) for column in COLUMNS]
        row.append(f"{longest_wait_ms(reports):.0f}" if present(reports) else "failed")
        row.append(f"{len(reports) - len(undisturbed(reports))} of {rounds}")
        rows.append(row)
    return aligned(rows)


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]
