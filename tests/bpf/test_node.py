# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A live Node.js with no flags: its heap beside its resident set."""
import os
import subprocess
import sys

import mp
import pytest

SCRIPT = str(mp.ROOT / "tests" / "workloads" / "node" / "steps.js")
MB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()
    mp.need_command("node")


def attach(w, path, steps, *args):
    """Records the steps; the report, the last step, the kernel's figures and mappings there."""
    with mp.Recording(w.pid, path, *args) as r:
        for name in steps:
            s = w.step(name)
        with mp.frozen(w.pid):
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
    return r.report(), s, kernel, maps


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """From the start to some 100 MB of live objects."""
    with mp.Workload("node", argv=["node", SCRIPT]) as w:
        yield attach(w, tmp_path_factory.mktemp("node") / "r", ["churned", "grown"])


def v8(rep):
    assert rep["heap"], "no heap source"
    (heap,) = [h for h in rep["heap"] if h["source"] == "v8"]
    return heap


def test_collections_are_seen(grown):
    rep, s, _, _ = grown
    assert rep["gc"]["minor"] + rep["gc"]["major"] > 0
    # the script counts them too; its own count is told a turn late
    n = rep["gc"]["minor"] + rep["gc"]["major"]
    assert abs(n - s.gcs) <= max(3, s.gcs // 4), (n, s.gcs)
    c = rep["gc"]["collections"]
    assert len(c) == n
    assert all(x["before"] > 0 and x["after"] > 0 and x["pause_s"] >= 0 for x in c)
    assert [x["t"] for x in c] == sorted(x["t"] for x in c)


def test_heap_is_what_the_runtime_says(grown):
    rep, s, _, _ = grown
    heap = v8(rep)
    assert heap["used"]["end"] == pytest.approx(s.used, rel=0.3)
    assert heap["committed"]["end"] == pytest.approx(s.total, rel=0.3)
    assert heap["used"]["max"] >= heap["used"]["end"]


def test_rss_is_the_kernels(grown):
    rep, _, kernel, _ = grown
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_account(rep)


def test_mappings_are_the_kernels(grown):
    rep, _, _, maps = grown
    mp.check_mappings(rep, maps)


def test_account_shows_the_heap(grown):
    a = grown[0]["account"]
    assert a["live_heap"] >= 80 * MB
    assert abs(a["unknown"]) <= 2 * MB


def test_buffers_are_not_heap(tmp_path):
    """100 MB of buffers: RSS grows, the heap does not."""
    with mp.Workload("node", argv=["node", SCRIPT]) as w:
        for name in ("churned", "grown"):
            w.step(name)
        rep, s, kernel, _ = attach(w, tmp_path / "r", ["buffers"])
    mp.check_rss(rep, kernel)
    assert rep["rss"]["end"] - rep["rss"]["start"] >= 90 * MB
    assert v8(rep)["used"]["end"] == pytest.approx(s.used, rel=0.3)


def test_dropped_heap_falls(tmp_path):
    """What the program dropped is collected; RSS follows by calls that memprof names."""
    with mp.Workload("node", argv=["node", SCRIPT]) as w:
        for name in ("churned", "grown", "buffers"):
            w.step(name)
        rep, s, kernel, _ = attach(w, tmp_path / "r", ["dropped"])
        assert w.finish() in (0, 6)
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    assert rep["gc"]["major"] > 0
    heap = v8(rep)
    assert heap["used"]["end"] < heap["used"]["max"] - 50 * MB
    assert heap["used"]["end"] == pytest.approx(s.used, rel=0.3, abs=16 * MB)
    given = sum(c["rss_delta"] or 0 for c in rep["calls"].values() if "rss_delta" in c)
    assert given < -50 * MB
    # by nothing else than those calls
    assert rep["rss"]["end"] - rep["rss"]["max"] == pytest.approx(given, abs=16 * MB)


def test_launched_node(tmp_path):
    """Launched by memprof: the heap is there from the first collection."""
    out = tmp_path / "r.mprof"
    code = "let a=[];for(let i=0;i<3e6;i++)a.push({i});process.exitCode=a.length===3e6?5:1"
    mp.memprof("record", "-o", out, "--", "node", "-e", code, check=5)
    rep = mp.report(out)
    mp.check_lossless(rep)
    assert v8(rep)["used"]["max"] >= 50 * MB
    assert rep["gc"]["minor"] + rep["gc"]["major"] > 0


MAPPER = """import mmap, sys
f = open(sys.argv[1], "rb")
m = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | int(sys.argv[2]))
f.close()
print("step start", flush=True)
sys.stdin.readline()
"""


def looks_like_v8(path, yes=True):
    """A library with the probe's function, or with another one."""
    name = "_ZN2v88internal4Heap15AddToRingBufferEPKc" if yes else "another"
    subprocess.run(["gcc", "-shared", "-fPIC", "-xc", "-o", path, "-"], check=True, timeout=600,
                   input=f"int {name}(int a) {{ return a + {len(str(path))}; }}".encode())


def v8_probes(tmp_path, mapped, prot):
    """The path of the mapped file is made a link to tmp_path/other: what is told of V8 then."""
    with mp.Workload(None, argv=[sys.executable, "-c", MAPPER, str(mapped), str(prot)]) as w:
        os.unlink(mapped)
        os.symlink(tmp_path / "other", mapped)
        os.symlink(tmp_path / "other", f"{mapped} (deleted)")  # as maps has it
        with mp.Recording(w.pid, tmp_path / "r") as r:
            r.stop()
    out = mp.memprof("dump", tmp_path / "r", check=0).stdout
    return [line for line in out.splitlines() if "probe.heap_v8" in line]


@pytest.mark.parametrize("real,prot,n", [(False, 4, 0), (True, 4, 1), (True, 0, 0)],
                         ids=["other", "mapped", "data"])
def test_probe_goes_into_what_is_mapped(tmp_path, real, prot, n):
    """A breakpoint never lands in a file that a path was made to lead to."""
    looks_like_v8(tmp_path / "other")
    looks_like_v8(tmp_path / "node", real)
    got = v8_probes(tmp_path, tmp_path / "node", prot)
    assert len(got) == n and all("rung=uprobe" in line for line in got), got
