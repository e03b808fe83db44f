# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Many of everything: mappings, calls, threads, processes. Short forms of what
`make bench` measures: nothing is lost, the figures are the kernel's, and memprof
itself stays within a bound that does not follow the number.
"""
import os

import mp
import pytest
from mp import PAGE

MB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def own_rss(recording):
    return mp.kernel_rss(recording.proc.pid)["rss"]


def exact(rep, kernel, maps):
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    mp.check_account(rep)


def test_many_mappings(tmp_path):
    """60,000 mappings made, touched, taken away, joined: the table is the kernel's, line by line."""
    with mp.Workload("many-maps", 60000) as w, mp.Recording(w.pid, tmp_path / "r.mprof") as r:
        for step in ("mapped", "touched", "fewer", "joined"):
            w.step(step)
        kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
        assert own_rss(r) < 160 * MB
        r.stop()
    rep = r.report()
    exact(rep, kernel, maps)
    assert {k for k in mp.mappings(rep) if k in maps} == set(maps)
    assert rep["calls"]["mmap"]["calls"] == 60000


def test_map_storm_beside_many_mappings(tmp_path):
    """10,000 mmap and munmap a second at random places among 50,000 mappings."""
    with mp.Workload("map-storm", 10000, 1500, 50000) as w, mp.Recording(w.pid, tmp_path / "r.mprof") as r:
        done = w.step("done")
        kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
        assert own_rss(r) < 160 * MB
        r.stop()
    rep = r.report()
    exact(rep, kernel, maps)
    assert rep["calls"]["mmap"]["calls"] == rep["calls"]["munmap"]["calls"] == done.pairs
    assert rep["calls"]["munmap"]["rss_delta"] == -done.pairs * PAGE


def test_threads_on_one_mapping(tmp_path):
    """64 threads fault on the same mapping, no two neighbours by one thread."""
    with mp.Workload("threads-fault", 64, 32, 3) as w, mp.Recording(w.pid, tmp_path / "r.mprof") as r:
        done = w.step("all")
        kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
        r.stop()
    rep = r.report()
    exact(rep, kernel, maps)
    assert mp.in_range(rep, done.map, done.end, "faults") == done.faults


def test_fork_storm(tmp_path):
    """Thousands of children that live for a moment: none is lost, and memprof does not grow with them."""
    pages = 16
    with mp.Workload("fork-storm", 6000, 8, pages) as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof", "--follow-forks") as r:
            done = w.step("done")
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            assert own_rss(r) < 200 * MB
            r.stop()
    rep = r.report()
    exact(rep, kernel, maps)
    p = rep["processes"]
    assert (p["seen"], p["ended"], p["forks"]) == (done.forks + 1, done.forks, done.forks)
    assert p["pages_added"] >= done.forks * pages


def test_fork_storm_of_programs(tmp_path):
    """Children that become other programs: each is one process, before and after its exec."""
    with mp.Workload("fork-storm", 300, 4, 1, "/bin/true") as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof", "--follow-forks") as r:
            done = w.step("done")
            kernel = mp.kernel_rss(w.pid)
            r.stop()
    rep = r.report()
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    assert rep["processes"]["seen"] == done.forks + 1
    assert rep["processes"]["ended"] == done.forks


def test_many_targets(tmp_path):
    """200 processes at once: every one's figures are its own."""
    with mp.Workload("family", 200, 32) as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof", "--follow-forks") as r:
            w.step("born")
            children = [int(t) for t in
                        open(f"/proc/{w.pid}/task/{w.pid}/children", encoding="ascii").read().split()]
            kernel = {c: mp.kernel_rss(c) for c in children}
            maps = {c: mp.kernel_mappings(c) for c in children[::40]}
            assert own_rss(r) < 160 * MB
            r.stop()
    rep = r.report()
    mp.check_lossless(rep)
    assert rep["processes"]["seen"] == 201
    for c in children[::40]:
        one = mp.report(r.path, pid=c)
        assert one["target"]["pid"] == c
        mp.check_rss(one, kernel[c])
        mp.check_mappings(one, maps[c])


def test_many_targets_by_pid(tmp_path):
    """The same, named one by one with -p; all end, and so does the recording."""
    with mp.Workload("family", 100, 8) as w:
        w.step("born")
        with open(f"/proc/{w.pid}/task/{w.pid}/children", encoding="ascii") as f:
            children = f.read().split()
        more = [a for c in children[1:] for a in ("-p", c)]
        with mp.Recording(children[0], tmp_path / "r.mprof", *more) as r:
            w.step("ended")
            r.wait()
    rep = r.report()
    mp.check_lossless(rep)
    assert (rep["processes"]["seen"], rep["processes"]["ended"]) == (100, 100)
    assert os.path.getsize(r.path) < 4 * MB
