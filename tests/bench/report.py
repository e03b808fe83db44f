# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the parts of the benchmark share: statistics, the tables, what goes to bench.json."""
import statistics
import sys

results = []   # what goes to bench.json
verdicts = []  # (name, value, target, verdict) for the last table
notes = []


def median(values):
    return statistics.median(values)


def spread(values):
    """The distance of the quartiles over the median."""
    if len(values) < 2 or not median(values):
        return 0.0
    q = statistics.quantiles(values, n=4, method="inclusive")
    return (q[2] - q[0]) / abs(median(values))


def sig(v, digits=4):
    return float(f"{v:.{digits}g}") if isinstance(v, float) else v


def record(name, unit, ours, peers=None, runs=1, spread_=0.0, ratio=None, **more):
    """One measure of bench.json; `ratio` is ours over the peer's."""
    peers = {k: v for k, v in (peers or {}).items() if v is not None}
    if ratio is None:
        ratio = {k: sig(ours / v) for k, v in peers.items() if v}
    results.append({"name": name, "unit": unit, "ours": sig(ours, 6), "peers": {k: sig(v, 6) for k, v in peers.items()},
                    "ratio": ratio, "runs": runs, "spread": sig(spread_), **more})


def target(name, value, limit, unit="", least=False, show="{:.3g}"):
    """A number to reach, for the last table."""
    ok = value >= limit if least else value <= limit
    text = "PASS" if ok else "short by " + show.format(abs(value - limit)) + unit
    verdicts.append((name, show.format(value) + unit, ("≥ " if least else "≤ ") + show.format(limit) + unit, text))


def table(title, head, rows):
    print(f"\n{title}")
    rows = [[str(c) for c in r] for r in [head] + rows]
    width = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for k, r in enumerate(rows):
        cells = [r[0].ljust(width[0])] + [c.rjust(w) for c, w in zip(r[1:], width[1:])]
        print("  " + "  ".join(cells).rstrip())
        if k == 0:
            print("  " + "  ".join("-" * w for w in width))
    sys.stdout.flush()
