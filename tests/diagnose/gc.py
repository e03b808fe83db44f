# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scenarios of what a collector keeps, fills or cannot free (user/diagnose/rules_gc.c). Where a
rule asks for time without use, the program rests for longer than the threshold given here."""
import mp
from diagnose.scenario import Scenario, go, java, missing, node, workload

MB = 1 << 20
IDLE = {"settle": 0.3, "settle-go": 0.3, "no-collection": 0.3}
SPARSE = {"sparse-for": 0}  # of these two the spaces tell what is pinned
PRELOAD = mp.BUILD / "memprof-node.js"
REST = 2500  # ms


def jvm(*args, flags=()):
    return lambda _: java("Keeps", *args, flags=flags)


def golang(*args):
    return lambda _: go("keeps", *args)


def verdict(words, advice=""):
    """The finding says which of two ways it is, and its advice is for this runtime."""
    def check(d, path):
        (f,) = [f for f in d["findings"] if f["class"] == "heap-retained"]
        assert words in f["summary"], f
        assert any(r["value"] == words for r in f["evidence"]), f
        assert any(advice in a for a in f["advice"]), f
    return check


def level(expected):
    def check(d, path):
        assert d["findings"][0]["level"] == expected, d["findings"][0]
    return check


def told(d, path):
    """No estimate where the runtime tells."""
    assert not any(r["what"] == "estimate" for r in d["findings"][0]["evidence"]), d["findings"][0]


SCENARIOS = [
    # --- the collector has the pages free, and keeps them
    Scenario("retained-serial", jvm("burst", 300, REST, flags=["-XX:+UseSerialGC", "-Xms300m", "-Xmx700m"]),
             "heap-retained", (150 * MB, 420 * MB), absent=("heap-leak", "heap-fragmented", "pretouch"),
             thresholds=IDLE, needs=missing("javac"),
             check=verdict("the collector keeps it", "-XX:-ShrinkHeapInSteps")),
    Scenario("retained-parallel", jvm("burst", 300, REST, flags=["-XX:+UseParallelGC", "-Xmx700m"]),
             "heap-retained", (150 * MB, 480 * MB), absent=("heap-leak", "heap-fragmented", "pretouch"),
             thresholds=IDLE, needs=missing("javac"),
             check=verdict("the collector keeps it", "-XX:+UseG1GC")),
    Scenario("retained-go", golang("idle", 256, REST), "heap-retained", (200 * MB, 280 * MB),
             absent=("heap-leak", "heap-fragmented", "lazyfree"), thresholds=IDLE, needs=missing("go"),
             env={"GOGC": "off"},  # else its scavenger returns it, as fast as it finds a processor
             check=verdict("the collector keeps it", "debug.FreeOSMemory()")),
    Scenario("retained-gc", workload("gc-keeps", "idle", 200, REST), "heap-retained", (180 * MB, 230 * MB),
             absent=("heap-leak", "heap-fragmented", "lazyfree"), thresholds=IDLE,
             check=verdict("the collector keeps it", "gc_release_all()")),
    # --- G1 gives back what it collects: nothing to say; where it does not collect, that
    Scenario("returned-g1", jvm("burst", 300, REST, flags=["-XX:+UseG1GC", "-Xmx700m"]),
             absent=("heap-retained", "heap-fragmented"), thresholds=IDLE, needs=missing("javac")),
    Scenario("uncollected-g1", jvm("asis", 300, REST, flags=["-XX:+UseG1GC", "-Xmx700m"]),
             "heap-retained", thresholds=IDLE, needs=missing("javac"),
             check=verdict("no collection happened", "G1PeriodicGCInterval")),
    # --- few survivors in many pages
    Scenario("fragmented-go", golang("sparse", 160, 500), "heap-fragmented", (100 * MB, 200 * MB), thresholds=SPARSE,
             absent=("heap-retained", "heap-leak", "native-retention"), needs=missing("go")),
    Scenario("fragmented-gc", workload("gc-keeps", "sparse", 200, 4), "heap-fragmented", (150 * MB, 230 * MB),
             thresholds=SPARSE,
             absent=("heap-retained", "heap-leak", "native-retention")),
    # --- beside the heap
    Scenario("external-gc", workload("gc-keeps", "external", 0, 200), "off-heap", (180 * MB, 210 * MB),
             absent=("heap-leak", "heap-retained", "native-retention")),
    Scenario("told-node", node("buffers.js", 200), "off-heap", (180 * MB, 220 * MB),
             absent=("heap-leak", "heap-retained", "native-retention"), needs=missing("node"),
             env={"NODE_OPTIONS": f"--require {PRELOAD}", "MEMPROF_NODE_JS": str(PRELOAD)}, check=told),
    Scenario("buffers-node", node("buffers.js", 200), "off-heap", (150 * MB, 260 * MB),
             absent=("heap-leak", "heap-retained", "native-retention"), needs=missing("node")),
    Scenario("direct-java", jvm("direct", 250, 0), "off-heap", (150 * MB, 300 * MB),
             absent=("heap-leak", "heap-retained", "native-retention"), needs=missing("javac")),
    # --- the limit
    Scenario("thrash-go", golang("spin", 88, 3500), "gc-thrash", (80 * MB, 100 * MB),
             absent=("heap-leak", "refault-thrash"), env={"GOMEMLIMIT": "94MiB", "GOGC": "off"},
             also=("heap-limit-near",), thresholds={"thrash-for": 1, "thrash-rate-go": 0.3}, needs=missing("go")),
    Scenario("thrash-gc", workload("gc-keeps", "thrash", 150, 150), "gc-thrash", (140 * MB, 170 * MB),
             absent=("heap-leak", "refault-thrash"), also=("heap-limit-near",),
             thresholds={"thrash-for": 0.3, "thrash-rate": 0.5}),
    # --- nobody's incident
    Scenario("pretouched-java", jvm("rest", 300, flags=["-Xms300m", "-Xmx300m", "-XX:+AlwaysPreTouch"]),
             "pretouch", (250 * MB, 310 * MB), absent=("heap-retained", "heap-leak"), needs=missing("javac"),
             check=level("info")),
    Scenario("fills-java", jvm("saw", 5, 400, flags=["-XX:+UseSerialGC", "-Xms400m", "-Xmx400m"]),
             "heap-fills", absent=("heap-retained", "heap-leak", "cache-growth"), needs=missing("javac"),
             check=level("info")),
]
