# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scenarios: memory beside a managed heap. What runs without end (leaks.c) is found however long
the recording is; what has come in a burst (native-bursts.c, deep.c, smallbuf.js) is found after a
silence that is longer than the burst took. What the rules ask to be seen for seconds is seen for
a part of one."""
import glob

from diagnose.scenario import Scenario, node, workload

M = 1 << 20
BRIEF = {"window-least": 1, "native-rising": 1, "native-still": 0.5}
NEIGHBOURS = ("native-retention", "allocator-decay", "native-leak", "off-heap", "mmap-leak", "thread-stacks")


def library(name):
    """Its file, as a preload wants it, or None."""
    return next(iter(sorted(glob.glob(f"/usr/lib/*/lib{name}.so*"))), None)


def preload(name):
    return {"LD_PRELOAD": library(name) or ""}


def has(name):
    return lambda: None if library(name) else f"lib{name} is not installed"


def but(cls):
    return tuple(c for c in NEIGHBOURS if c != cls)


def cannot_tell(d, _path):
    """Without a heap beside it nobody knows what malloc's memory is for: said, and not loud."""
    f = d["findings"][0]
    assert f["level"] == "info" and f["confidence"] < 0.8, f
    assert "in use" in f["summary"], f


def of(cls, name, argv, least=64 * M, **kw):
    return Scenario(name, argv, cls=cls, bytes=(least, 4096 * M), absent=but(cls), thresholds=BRIEF, **kw)


SCENARIOS = [
    of("native-retention", "arenas", workload("native-bursts", 16, 200), least=150 * M, check=cannot_tell),
    of("native-retention", "arenas-of-bursts", workload("native-bursts", 8, 150, 2), least=100 * M,
       check=cannot_tell),
    of("native-retention", "node-small-buffers", node("smallbuf.js", flags=["--expose-gc"]), least=100 * M),
    of("allocator-decay", "jemalloc-idle", workload("native-bursts", 4, 200, 3, 0), env=preload("jemalloc"),
       needs=has("jemalloc")),
    of("native-leak", "malloc-leak", workload("leaks", "malloc")),
    of("mmap-leak", "mmap-leak", workload("leaks", "mmap")),
    of("mmap-leak", "mmap-leak-merged", workload("leaks", "merged")),
    of("mmap-leak", "malloc-leak-of-large-blocks", workload("leaks", "big")),
    of("mmap-leak", "mappings-untouched", workload("leaks", "maps"), least=0),
    of("thread-stacks", "threads-unjoined", workload("leaks", "unjoined"), least=0),
    of("thread-stacks", "threads-blocked", workload("leaks", "blocked"), least=4 * M),
    of("thread-stacks", "deep-stack", workload("deep", 1, 6), least=5 * M),
    of("thread-stacks", "deep-stacks", workload("deep", 24, 6), least=100 * M),
    Scenario("threads-detached", workload("leaks", "detached"), absent=NEIGHBOURS, thresholds=BRIEF),
    Scenario("threads-joined", workload("leaks", "joined"), absent=NEIGHBOURS, thresholds=BRIEF),
]
