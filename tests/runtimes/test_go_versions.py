# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Go live, over its versions: tables against debug information, figures against MemStats."""
import os
import pathlib
import re
import subprocess

import mp
import pytest
import rt

SRC = mp.ROOT / "tests" / "workloads" / "go"
TOOL = mp.ROOT / "tests" / "tools" / "go_layout.go"
TABLE = mp.ROOT / "user" / "rt" / "go_layout.c"

SPAN = 32768  # what a stack of the runtime's own goroutines takes

# field of the table -> what debug information calls it
FIELDS = {
    "ctl_limit": "gcControllerState.memoryLimit", "ctl_goal": "gcControllerState.gcPercentHeapGoal",
    "ctl_sweep": "gcControllerState.sweepDistMinTrigger", "ctl_triggered": "gcControllerState.triggered",
    "ctl_live": "gcControllerState.heapLive", "ctl_marked": "gcControllerState.heapMarked",
    "ctl_start": "gcControllerState.markStartTime", "ctl_inuse": "gcControllerState.heapInUse",
    "ctl_released": "gcControllerState.heapReleased", "ctl_free": "gcControllerState.heapFree",
    "ctl_alloc": "gcControllerState.totalAlloc", "ctl_freed": "gcControllerState.totalFree",
    "ctl_ready": "gcControllerState.mappedReady", "ms_sys": "mstats.stacks_sys",
    "ms_pause_ns": "mstats.pause_ns", "ms_pause_end": "mstats.pause_end", "ms_numgc": "mstats.numgc",
    "hs_size": "heapStatsDelta.size", "hs_stacks": "heapStatsDelta.inStacks",
}


def go(runtime, source, out, *flags):
    """Builds a program with that version; what is built once serves all tests."""
    root = pathlib.Path(os.path.realpath(runtime.program)).parent.parent
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPROXY="off", GOTOOLCHAIN="local", CGO_ENABLED="0",
               GOROOT=str(root), GOCACHE=str(mp.BUILD / "go-cache" / runtime.version))
    subprocess.run([runtime.program, "build", *flags, "-o", str(out), str(source)], check=True, env=env, timeout=300)
    return str(out)


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """Any version reads the debug information of all."""
    return go(rt.versions("go")[-1], TOOL, tmp_path_factory.mktemp("tool") / "tool")


def table(minor):
    """The row of go_layout.c for a version."""
    for row in re.findall(r"\{\n(.*?)\n\t\}", TABLE.read_text(), re.S):
        fields = {k: int(v) for k, v in re.findall(r"\.(\w+) = (\d+)", row)}
        if fields["from"] <= minor <= fields["to"]:
            return fields
    return None


@rt.each("go", since="1.19")
def test_table(runtime, tool, tmp_path):
    """Where every field lies, by the program's own debug information."""
    prog = go(runtime, SRC / "lazy.go", tmp_path / "prog")
    text = subprocess.run([tool, prog], check=True, capture_output=True, text=True, timeout=mp.DEADLINE).stdout
    found = {k: int(v) for k, v in (line.split() for line in text.splitlines())}
    row = table(runtime.numbers()[1])
    assert row, "a version without a table"
    assert {k: row.get(k, 0) for k in FIELDS} == {k: found[v] for k, v in FIELDS.items()}
    # six sizes in a row, the words of the three deltas at the beginning
    base = found["mstats.stacks_sys"]
    assert [found[f"mstats.{k}"] - base for k in
            ("mspan_sys", "mcache_sys", "buckhash_sys", "gcMiscSys", "other_sys")] == [8, 16, 24, 32, 40]
    assert found["mstats.heapStats"] == found["consistentHeapStats.stats"] == 0


def heap_events(path):
    out = mp.memprof("dump", path, check=0).stdout
    return [dict(re.findall(r"(\w+)=(\d+)B", line)) for line in out.splitlines() if " heap.go " in line]


@pytest.mark.parametrize("kind", ["whole", "stripped-pie"])
@rt.each("go", since="1.19")
def test_figures(runtime, kind, tmp_path):
    """Found running, then one collection and what it gave back; to the byte."""
    mp.need_bpf()
    flags = [] if kind == "whole" else ["-buildmode=pie", "-ldflags=-s -w"]
    with mp.Workload(None, argv=[go(runtime, SRC / "stages.go", tmp_path / "prog", *flags), "64"]) as w:
        for name in ("made", "few"):
            before = w.step(name)
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for name in ("all", "collected", "released"):
                mp.looked(r.proc.pid)  # at what one fault made resident as a huge page, too
                s = w.step(name)
            mp.looked(r.proc.pid)
            r.stop()
    told = heap_events(r.path)
    assert int(told[0]["used"]) == before.alloc
    rep = r.report()
    (heap,) = rep["heap"]
    sp = heap["spaces"]
    assert heap["source"] == "go" and heap["used"]["end"] == s.alloc and int(told[-1]["goal"]) == s.next
    assert (sp["in use"]["committed"], sp["other"]["committed"]) == (s.inuse, s.other)
    # when MemStats has been read the runtime's own goroutines take stacks and give back stacks and
    # work buffers, a span each, out of what is idle or, where nothing is, was released
    fields = {"idle": s.idle, "released": s.released, "stacks": s.stacks, "gc": s.gcsys}
    moved = {k: sp[k]["committed"] - v for k, v in fields.items()}
    assert sum(moved.values()) == 0, moved
    assert {abs(moved["stacks"]), abs(moved["gc"])} <= {0, SPAN, 2 * SPAN}, moved
    got = rep["gc"]["collections"]
    assert len(got) == s.gcs - before.gcs
    assert [c["reason"] for c in got].count("forced") == s.forced - before.forced
    (big,) = [c for c in got if c["freed"] >= 60 << 20]
    assert big["returned"] >= 0.95 * big["freed"] and big["rss_fell"] >= 0.95 * big["freed"]


@rt.each("go", until="1.18")
def test_too_old(runtime, tmp_path):
    """Said once, with what would tell of collections instead."""
    mp.need_bpf()
    if runtime.numbers() >= (1, 19):
        return
    with mp.Workload(None, argv=[go(runtime, SRC / "stages.go", tmp_path / "prog"), "16"]) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("made")
            r.stop()
    rep = r.report()
    assert rep["heap"] == [] and rep["probes"]["heap_go"] == "absent"
    out = mp.memprof("dump", r.path, check=0).stdout
    (line,) = [x for x in out.splitlines() if "probe.heap_go" in x]
    assert runtime.version in line and "gctrace" in line
