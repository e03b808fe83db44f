# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Swap, cgroup v2 and hugetlb: what the machines that build this project mostly lack."""
import ctypes
import json
import os
import pathlib
import subprocess

import mp
import pytest
from mp import PAGE

MODULE = "/memprof/brd.ko"
DISK = "/dev/ram0"


@pytest.fixture(scope="module")
def swap():
    """64 MB of swap on a disk in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    subprocess.run(["insmod", MODULE, "rd_nr=1", "rd_size=65536"], check=True)
    mp.wait_until(lambda: os.path.exists(DISK), what=DISK)
    subprocess.run(["mkswap", DISK], check=True, stdout=subprocess.DEVNULL)
    assert libc.swapon(DISK.encode(), 0) == 0, os.strerror(ctypes.get_errno())
    yield
    assert libc.swapoff(DISK.encode()) == 0, os.strerror(ctypes.get_errno())


def test_swap_out_and_in(swap, tmp_path):
    """Swap-out moves pages from RSS to swap; swap-in brings them back, as major faults."""
    with mp.Workload("swap-out", 1024) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("touched")
            s = w.step("out")
            out, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
        gone = r.report()
        with mp.Recording(w.pid, tmp_path / "r2") as r:
            w.step("in")
            back, maps2 = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
        came = r.report()
    assert s.given == 1024
    for rep, kernel, m in ((gone, out, maps), (came, back, maps2)):
        mp.check_lossless(rep)
        mp.check_rss(rep, kernel)
        mp.check_mappings(rep, m)
        assert rep["rss"]["swap"] == kernel["swap"]
    assert gone["rss"]["swap"] >= 900 * PAGE
    assert came["rss"]["swap"] <= 100 * PAGE
    assert came["faults"]["major"] >= gone["rss"]["swap"] // PAGE - 100
    assert mp.in_range(came, s.map, s.end, "resident") == 1024 * PAGE


def test_hugetlb_is_beside_rss(tmp_path):
    """Pages of the pool are in no RSS."""
    pool = pathlib.Path("/proc/sys/vm/nr_hugepages")
    pool.write_text("4")
    assert int(pool.read_text()) == 4
    try:
        with mp.Workload("hugetlb", 4) as w:
            with mp.Recording(w.pid, tmp_path / "r") as r:
                before = mp.kernel_rss(w.pid)
                w.step("touched")
                kernel = mp.kernel_rss(w.pid)
                status = pathlib.Path(f"/proc/{w.pid}/status").read_text()
                r.stop()
            rep = r.report()
        assert "HugetlbPages:\t    8192 kB" in status
        assert kernel["rss"] - before["rss"] < 64 * PAGE
        mp.check_lossless(rep)
        mp.check_rss(rep, kernel)
        mp.check_account(rep)
        assert rep["account"]["unknown"] == 0, rep["account"]
    finally:
        pool.write_text("0")


@pytest.fixture(scope="module")
def cgroup(tmp_path_factory):
    """The root of a cgroup v2 tree with the memory controller switched on."""
    root = tmp_path_factory.mktemp("cgroup")
    subprocess.run(["mount", "-t", "cgroup2", "none", root], check=True)
    (root / "cgroup.subtree_control").write_text("+memory")
    yield root
    subprocess.run(["umount", root], check=True)


def test_reclaim_by_cgroup_limit(swap, cgroup, tmp_path):
    """A limit below what is used: the kernel takes pages without any call of the target."""
    group = cgroup / "small"
    group.mkdir()
    with mp.Workload("dontneed", 4096) as w:
        (group / "cgroup.procs").write_text(str(w.pid))
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("touched")
            full = mp.kernel_rss(w.pid)
            used = int((group / "memory.current").read_text())
            (group / "memory.max").write_text(str(8 << 20))
            kernel = mp.wait_until(lambda: quiet_below(w.pid, full["rss"] - 1024 * PAGE),
                                   what="reclaim")
            maps = mp.kernel_mappings(w.pid)
            r.stop()
        rep = r.report()
    group.rmdir()
    assert used >= 4096 * PAGE
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    assert rep["rss"]["swap"] == kernel["swap"] > 0


def quiet_below(pid, limit):
    a = mp.kernel_rss(pid)
    return a if a["rss"] < limit and a == mp.kernel_rss(pid) else None


def diagnose(path, **thresholds):
    with open(f"{path}.thresholds", "x", encoding="utf-8") as f:
        f.writelines(f"{name.replace('_', '-')} = {v}\n" for name, v in thresholds.items())
    return json.loads(mp.memprof("diagnose", path, "--json", "--thresholds", f"{path}.thresholds", check=0).stdout)


@pytest.mark.parametrize("mode", ["anon", "tmpfs"])
def test_killed_for_memory(cgroup, tmp_path, mode):
    """By what it had itself, and by what is in no RSS; counters of the moment of the kill."""
    group = cgroup / mode
    group.mkdir()
    (group / "memory.max").write_text(str(32 << 20))
    if (group / "memory.swap.max").exists():
        (group / "memory.swap.max").write_text("0")
    with mp.Workload("limit", mode, 32) as w:
        (group / "cgroup.procs").write_text(str(w.pid))
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.go()
            r.wait()
            assert w.proc.wait(mp.DEADLINE) == -9
    mp.wait_until(lambda: not (group / "cgroup.procs").read_text(), what="end of the group's processes")
    rep = r.report()
    d = diagnose(tmp_path / "r", significant_bytes_limited="8M")
    group.rmdir()
    assert rep["probes"]["oom"] == "tracepoint"
    killed, = d["oom_killed"]
    assert killed["pid"] == w.pid and killed["limit"] == 32 << 20
    assert rep["cgroup"]["version"] == 2 and rep["cgroup"]["inactive_file"] is not None
    assert ("oom-outside" in [f["class"] for f in d["findings"]]) == (mode == "tmpfs"), d
    if mode == "anon":
        assert 24 << 20 <= killed["anon"] <= 48 << 20
    else:
        assert killed["anon"] <= 16 << 20


def test_swap_storm(swap, tmp_path):
    """What was sent to swap is wanted again: a class that other machines cannot produce."""
    with mp.Workload("limit", "swap", 16) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        w.step("done")
        r.stop()
    d = diagnose(tmp_path / "r", significant_bytes="4M", swap_in_rate=1)
    storm = [f for f in d["findings"] if f["class"] == "swap-storm"]
    assert len(storm) == 1 and 4 << 20 <= storm[0]["bytes"] <= 12 << 20, d
    assert "refault-thrash" not in [f["class"] for f in d["findings"]]
