# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What stands beside RSS: the control group's charge, pages shared since a fork, pages
mapped more than once, huge pages. The group is made by the test, and removed."""
import json
import pathlib
import re
import subprocess
import sys

import mp
import pytest
from group import memory_group, mount_of

MB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


@pytest.fixture
def group():
    with memory_group() as g:
        yield g


def test_charge(tmp_path, group):
    """What is charged is the group's own figures; more than RSS, where others are in it."""
    group.limit(512 * MB)
    with mp.Workload("touch-order", 32) as other, mp.Workload("touch-order", 64) as w:
        for p in (other, w):
            group.take(p.pid)
        for s in ("mapped", "few", "all"):
            other.step(s)
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for s in ("mapped", "few", "all"):
                w.step(s)
            charged = group.charged()
            r.stop()
    rep = r.report()
    g = rep["cgroup"]
    assert g["version"] == group.version and g["path"] == group.name
    assert g["limit"] == 512 * MB
    # charges are taken in batches of 64 pages a CPU
    assert abs(g["charged"]["end"] - charged) <= 4 * MB
    assert g["charged"]["start"] <= g["charged"]["end"] - 50 * MB
    assert g["charged"]["max"] >= g["charged"]["end"]
    assert g["anon"] == pytest.approx(96 * MB, abs=4 * MB)
    assert g["beyond_rss"] == g["charged"]["end"] - rep["rss"]["end"]
    assert g["beyond_rss"] >= 28 * MB
    text = mp.memprof("report", tmp_path / "r", check=0).stdout
    assert "Control group" in text and group.name in text


def test_no_group(tmp_path):
    """In the root group nothing is charged: null, never 0."""
    root = mount_of("cgroup", "memory")
    if not root:
        pytest.skip("version 2: every process's group has figures but the root's")
    with mp.Workload("touch-order", 4) as w:
        (root / "cgroup.procs").write_text(str(w.pid))
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("mapped")
            r.stop()
    assert r.report()["cgroup"] is None
    assert "Control group" not in mp.memprof("report", tmp_path / "r", check=0).stdout


def test_shared_since_fork(tmp_path):
    """Parent and child have the same pages in their RSS: shown, and gone when copied."""
    got = {}
    for last in ("forked", "copied"):
        with mp.Workload("fork-cow", 4096) as w, mp.Recording(w.pid, tmp_path / last) as r:
            for s in ("touched", "forked", "copied"):
                w.step(s)
                if s == last:
                    break
            rollup, kernel = mp.smaps_rollup(w.pid), mp.kernel_rss(w.pid)
            r.stop()
        got[last] = rep = r.report()
        assert rep["rss"]["shared_anon"] == kernel["anon"] - rollup["Pss_Anon"]
        assert rep["rss"]["private_dirty"] == rollup["Private_Dirty"]
        assert rep["rss"]["anon_huge"] == rollup["AnonHugePages"]
        # its part of libc's pages changes with every other process that comes and goes
        rest = rep["rss"]["pss"] - rollup["Pss_Anon"]
        assert -1024 <= rest <= kernel["file"] + kernel["shmem"]
    # the child has written half of 16 MiB: half of the rest is its part
    assert 4 * MB <= got["forked"]["rss"]["shared_anon"] < 5 * MB
    assert got["copied"]["rss"]["shared_anon"] < MB
    text = mp.memprof("report", tmp_path / "forked", check=0).stdout
    assert "carried by others" in text


# by 100 MiB a second
GROWS = """import os, time
kept, begin = [], time.monotonic()
while len(kept) < 80:
    if len(kept) < 20 * (time.monotonic() - begin):
        kept.append(bytearray(b"x") * (5 << 20))
os.kill(os.getpid(), 9)
"""


def test_what_came_since_is_nobody_elses(tmp_path):
    """It never forked: of what it took since the last reading nothing is carried by others."""
    mp.memprof("record", "-o", tmp_path / "r", "--", sys.executable, "-c", GROWS)
    for at in ([], ["--at", "2.7"], ["--at", "3.2"]):
        p = mp.memprof("report", "--json", tmp_path / "r", *at, check=0)
        rss = json.loads(p.stdout)["rss"]
        assert (rss["shared_anon"] or 0) < MB, (at, rss)
        assert rss["pss"] is None or rss["pss"] <= rss["end"]
        assert "carried by others" not in mp.memprof("report", tmp_path / "r", *at, check=0).stdout
    rss = mp.report(tmp_path / "r")["rss"]
    assert rss["pss"] is None and rss["private_dirty"] is None and rss["shared_anon"] is None


def test_huge_pages(tmp_path):
    with mp.Workload("huge-pages", 8) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        w.step("touched")
        rollup = mp.smaps_rollup(w.pid)
        r.stop()
    rss = r.report()["rss"]
    assert rss["anon_huge"] == rollup["AnonHugePages"]
    assert rss["anon_huge"] >= 8 * 2 * MB
    # of each the workload touched one page
    assert rss["huge_unasked"] == 8 * 511 * mp.PAGE


def test_gone_before_it_was_asked(tmp_path):
    """Who has ended cannot be asked any more: null."""
    mp.memprof("record", "-o", tmp_path / "r", "--", "true", check=0)
    rss = mp.report(tmp_path / "r")["rss"]
    assert rss["pss"] is None and rss["private_dirty"] is None and rss["shared_anon"] is None


def test_mapped_more_than_once(tmp_path):
    """The kernel's witness is Pss: it counts such a page once."""
    mp.need_command("java")
    mp.need_command("javac")
    subprocess.run(["javac", "-d", str(tmp_path), str(mp.ROOT / "tests" / "workloads" / "java" / "Steps.java")],
                   check=True, timeout=600)
    argv = ["java", "-XX:+UseZGC", "-Xms64m", "-Xmx256m", "-cp", str(tmp_path), "Steps"]
    with mp.Workload("", argv=argv) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        w.step("grown")
        w.step("dropped")
        with mp.frozen(w.pid):
            smaps = pathlib.Path(f"/proc/{w.pid}/smaps").read_text()
            r.stop()
    rss = pss = 0
    for part in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", smaps):
        if "/memfd:java_heap" in part.splitlines()[0]:
            rss += int(re.search(r"^Rss:\s+(\d+)", part, re.M)[1]) * 1024
            pss += int(re.search(r"^Pss:\s+(\d+)", part, re.M)[1]) * 1024
    again = r.report()["rss"]["multi_mapped"]
    assert rss > pss
    assert abs(again - (rss - pss)) <= 64 * 1024  # Pss is rounded by mapping
    assert "mapped more than once" in mp.memprof("report", tmp_path / "r", check=0).stdout


EAT = """
import mmap, sys
print("step start", flush=True)
sys.stdin.readline()
held = []
while True:
    held.append(mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    held[-1].write(b"x" * (1 << 20))
"""


def dump(path, kind):
    return [line for line in mp.memprof("dump", path, check=0).stdout.splitlines() if f" {kind} " in line]


@pytest.fixture
def tight(group):
    group.limit(64 * MB)
    return group


def test_killed_for_memory(tmp_path, tight):
    """Who it was, and what it had at that moment: not what was left when it had been taken apart."""
    with mp.Workload(None, argv=[sys.executable, "-c", EAT]) as w:
        tight.take(w.pid)
        r = mp.Recording(w.pid, tmp_path / "r")
        with r:
            w.go()
            assert w.proc.wait(mp.DEADLINE) == -9
            r.wait()
    target = r.report()["target"]
    killed = target["oom_killed"]
    assert 48 * MB <= killed["anon"] <= 80 * MB  # what it had before it came into the group is not charged there
    assert target["signal"] == 9
    line, = dump(tmp_path / "r", "task.oom")
    assert f"victim={w.pid}" in line
    assert r.report()["probes"]["oom"] == "tracepoint"


def test_neighbour_killed_for_memory(tmp_path, tight):
    """A process of the same group that is not watched."""
    with mp.Workload("touch-order", 4) as w, mp.Workload(None, argv=[sys.executable, "-c", EAT]) as other:
        for p in (w, other):
            tight.take(p.pid)
        (pathlib.Path("/proc") / str(other.pid) / "oom_score_adj").write_text("1000")
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("mapped")
            other.go()
            # dead and not yet waited for: it can still be asked which group it was in
            mp.wait_until(lambda: mp.proc_state(other.pid) == "Z", what="end of the neighbour")
            w.step("few")
            r.stop()
    line, = dump(tmp_path / "r", "task.oom")
    assert f"victim={other.pid}" in line and " mm=0 " in line
    rep = r.report()
    assert rep["target"]["oom_killed"] is None
    assert rep["cgroup"]["oom_kills"] >= 1


def test_status_beside_the_counters(tmp_path):
    """VmPTE, VmSize, threads, as /proc has them at the end."""
    with mp.Workload("touch-order", 64) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        for s in ("mapped", "few", "all"):
            w.step(s)
        status = pathlib.Path(f"/proc/{w.pid}/status").read_text()
        r.stop()
    target = r.report()["target"]
    for key, name in (("locked", "VmLck"), ("page_tables", "VmPTE"), ("vsize", "VmSize")):
        assert target[key] == int(re.search(rf"^{name}:\s+(\d+) kB", status, re.M)[1]) * 1024
    assert target["threads"] == 1
