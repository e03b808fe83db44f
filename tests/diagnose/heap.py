# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scenarios: heap. The programs work by count: on a fast machine some are done in a part of a
second, and that is to be enough."""
from diagnose.scenario import Scenario, go, java, missing, node, workload

SHORT = {"window-least": 0.05}
LEAK = {"absent": ("queue-backlog", "cache-growth", "pinned-slice"), "goes_on": True}
FEW = {"leak-collections": 99, **SHORT}
OFTEN = {"minor-rate": 0.5, **SHORT}  # a busy machine collects less often


# V8's heap grows threefold and more between major collections; here they are to come soon
SOON = ("--heap-growing-percent=60",)


def leaks(mode, cls, size=160, name=None, thresholds=SHORT, flags=SOON, **more):
    return Scenario(name or f"node-{mode}", node("leaks.js", mode, size, flags=flags), cls, thresholds=thresholds,
                    **more)


def shapes(mode, cls, **more):
    return Scenario(f"gc-{mode}", workload("heap-shapes", mode), cls, thresholds=SHORT, **more)


SCENARIOS = [
    shapes("leak", "heap-leak", **LEAK),
    # pages with a few messages that are left in them stay
    shapes("queue", "queue-backlog", also=("heap-fragmented", "heap-retained"), absent=("heap-leak", "cache-growth")),
    shapes("cache", "cache-growth", absent=("heap-leak",)),
    shapes("waves", None, absent=("queue-backlog", "heap-leak")),
    shapes("full", "heap-limit-near", absent=("heap-leak", "cache-growth")),
    *(leaks(mode, "heap-leak", **LEAK) for mode in ("collection", "listener", "timer", "closure", "cycle")),
    leaks("collection", "heap-leak", 200, "node-as-it-is", flags=(), **LEAK),
    leaks("slice", "pinned-slice", 320, absent=("heap-leak", "cache-growth", "off-heap"), goes_on=True),
    leaks("zipf", "cache-growth", absent=("heap-leak",)),
    leaks("loaded", "cache-growth", absent=("heap-leak",)),
    leaks("lru", None),  # fills, and is bounded: seldom told from a leak so soon, never above information
    leaks("steady", None, absent=("heap-leak", "queue-backlog")),
    leaks("sawtooth", "gc-frequent", thresholds=OFTEN, absent=("heap-leak", "cache-growth", "rising")),
    leaks("collection", "growth-over-baseline", 100, "node-baseline", FEW, (), absent=("heap-leak", "rising"),
          goes_on=True),
    leaks("collection", "rising", 100, "node-rising", {"baseline-growth": 1e12, **FEW}, (), absent=("heap-leak",),
          goes_on=True),
    # What is made while the collector marks seems to live: marking late and long, as on a busy
    # machine, is to be little of what is there.
    Scenario("go-goroutines", lambda _: go("leaks", 150), "heap-leak", env={"GOGC": "20"},
             thresholds=SHORT, needs=missing("go"), **LEAK),
    Scenario("java-static-map", lambda _: java("Leaks", 150), "heap-leak", thresholds=SHORT,
             needs=missing("javac"), **LEAK),
]
