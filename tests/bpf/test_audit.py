# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Looks at /proc: only where events leave something open, and the model true all the time.

What the model holds is compared page by page while the recording goes on (judge.steady),
and how often it was looked at is read from the recording.
"""
import contextlib
import os
import pathlib
import re
import subprocess

import judge
import mp
import pytest
from mp import PAGE


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data"
    path.write_bytes(bytes(range(1, 256)) * 2056)  # 128 pages and a bit
    return path


def looks(path):
    """How often /proc was looked at, as the recording has it."""
    n = {"all": 0, "suspect": 0, "hunt": 0, "snapshots": 0, "ns": 0}
    for line in mp.memprof("dump", path).stdout.splitlines():  # it may still be written
        m = re.search(r" meta\.(?:looks-)?(\S+) .* value=(\d+)", line)
        if m and m[1] in n:
            n[m[1]] = int(m[2])
    return n


def recorded_s(path):
    """Seconds that the recording covers by now."""
    out = subprocess.run([str(judge.TOOLS / "resident"), str(path)], capture_output=True, text=True,
                         errors="replace", timeout=600, check=True).stdout
    return int(re.search(r"now=(\d+)", out)[1]) / 1e9


def check_steady(r, w, what):
    wrong = judge.steady(r, [w.pid])
    assert not wrong, f"at {what}:\n" + "\n".join(wrong)


# name of a case: program, arguments, its steps after "start"
EXPLAINED = {
    "touch-order": ("touch-order", ["64"], ["mapped", "few", "all"]),
    "touch-random": ("touch-random", ["16", "6000", "7", "2"], ["drawn"]),
    "read-into": ("read-into", ["16", "pipe"], ["mapped", "read"]),
    "populate": ("populate", ["8"], ["map-populate", "madv-populate", "mlock"]),
    "munmap-part": ("munmap-part", ["4096"], ["touched", "middle", "head"]),
    "mremap": ("mremap-grow-move", ["1024"], ["touched", "moved", "grown", "shrunk"]),
    "brk": ("brk-updown", ["1024"], ["up", "touched", "down"]),
    "dontneed": ("dontneed", ["1024"], ["touched", "dontneed", "refault"]),
    "free": ("free-lazy", ["1024"], ["touched", "freed", "rewritten"]),
    "fork-cow": ("fork-cow", ["1024"], ["touched", "forked", "copied"]),
    "exec": ("exec-self", ["1024"], ["before", "after"]),
    "zero-read": ("zero-read", ["1024"], ["read", "written"]),
    "shared-map": ("shared-map", ["1024"], ["touched", "dontneed", "back"]),
    "file-map": ("file-map", ["FILE"], ["mapped", "read", "written"]),
    "stacks": ("threads-stack", ["8", "256"], ["deep", "joined"]),
    "map-over": ("map-over", ["1024"], ["touched", "over", "none", "removed"]),
    "huge-pages": ("huge-pages", ["8"], ["touched", "part"]),
    "collapse": ("audit-steps", ["collapse"], ["few", "collapsed", "split"]),
    "huge-zero": ("audit-steps", ["huge-zero"], ["read", "written"]),
    "dev-zero": ("audit-steps", ["dev-zero"], ["touched"]),
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_explained_without_a_search(tmp_path, data, case):
    """Events and the chunks they leave open are enough: no search, nothing looked at whole."""
    name, args, steps = EXPLAINED[case]
    with mp.Workload(name, *[str(data) if a == "FILE" else a for a in args]) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for s in steps:
                w.step(s)
                check_steady(r, w, s)
            r.stop()
            wrong = judge.compare(r.path, [w.pid])
            rep = r.report()
    assert not wrong, "at the end:\n" + "\n".join(wrong)
    mp.check_lossless(rep)
    n = looks(r.path)
    assert n["hunt"] == 0, n
    # at attach, at the end, and of the new program after an exec
    assert n["all"] == (3 if case == "exec" else 2), n


def test_nothing_happens_nothing_is_looked_at(tmp_path):
    with mp.Workload("audit-steps", "quiet", 256) as w:
        w.step("touched")
        with mp.Recording(w.pid, tmp_path / "r") as r:
            check_steady(r, w, "touched")
            # told once a second, and written a moment later
            mp.wait_until(lambda: looks(r.path)["all"], what="the first look told")
            before, t = looks(r.path), recorded_s(r.path)
            mp.wait_until(lambda: recorded_s(r.path) > t + 3, what="three seconds recorded")
            after = looks(r.path)
            r.stop()
    assert before["all"] == 1 and before["hunt"] == 0
    assert after == before


def test_remote_writer_is_found_live(tmp_path):
    """No event of the target: the counters differ, and it is searched for."""
    with mp.Workload("touch-order", 8) as w:
        s = w.step("mapped")
        with mp.Recording(w.pid, tmp_path / "r") as r:
            check_steady(r, w, "mapped")
            with open(f"/proc/{w.pid}/mem", "r+b", buffering=0) as mem:
                os.pwrite(mem.fileno(), b"x" * 256 * PAGE, s.map + 64 * PAGE)
            check_steady(r, w, "written from outside")
            r.stop()
    n = looks(r.path)
    assert n["hunt"] >= 1 and n["all"] == 2, n


def test_what_goes_on_is_not_accepted(tmp_path):
    """Pages come from outside while it is searched for them: the last one is found too."""
    with mp.Workload("audit-steps", "sparse", 128) as w:
        s = w.step("touched")
        with mp.Recording(w.pid, tmp_path / "r") as r:
            with open(f"/proc/{w.pid}/mem", "r+b", buffering=0) as mem:
                for i in range(32):
                    size = os.stat(r.path).st_size
                    os.pwrite(mem.fileno(), b"x", s.map + i * (4 << 20))
                    if i % 4 == 3:  # some while it looks, some in between
                        mp.wait_until(lambda: os.stat(r.path).st_size > size, what="a block")
            check_steady(r, w, "written from outside")
            r.stop()


def test_truncation_is_found_live(tmp_path):
    """A file is cut and a hole punched: pages go from every mapping without an event."""
    path = tmp_path / "data"
    path.write_bytes(b"x" * 1024 * PAGE)
    with mp.Workload("audit-steps", "truncate", path) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for s in "touched", "cut", "hole":
                w.step(s)
                check_steady(r, w, s)
            r.stop()
    assert looks(r.path)["hunt"] >= 2


@contextlib.contextmanager
def mounted(kind, where):
    where.mkdir()
    p = subprocess.run(["mount", "-t", kind, "memprof-test", str(where)], capture_output=True,
                       text=True, check=False)
    if p.returncode:
        mp.lacking(f"cannot mount {kind}: {p.stderr}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def test_any_tmpfs_is_shared_memory(tmp_path):
    """Known by its device, wherever it is mounted: told in the mapping, judged as shmem."""
    with mounted("tmpfs", tmp_path / "somewhere") as folder:
        (folder / "data").write_bytes(b"x" * 512 * PAGE)
        with mp.Workload("audit-steps", "tmpfs", folder / "data") as w:
            with mp.Recording(w.pid, tmp_path / "r") as r:
                for s in "read", "written":
                    last = w.step(s)
                    check_steady(r, w, s)
                kernel = mp.kernel_rss(w.pid)
                r.stop()
                rep = r.report()
    mp.check_rss(rep, kernel)
    assert rep["rss"]["shmem"] >= 256 * PAGE
    assert mp.mappings(rep)[last.map, last.end]["class"] == "shmem"
    assert looks(r.path)["hunt"] == 0


def test_errors_that_cancel(tmp_path):
    """As many pages of a file go as come to shared memory: the total does not show it."""
    path = tmp_path / "data"
    path.write_bytes(b"x" * 16 * PAGE)
    with mounted("tmpfs", tmp_path / "somewhere") as folder:
        (folder / "data").write_bytes(b"x" * 512 * PAGE)
        with mp.Workload("audit-steps", "two", path, folder / "data") as w:
            s = w.step("touched")
            with mp.Recording(w.pid, tmp_path / "r") as r:
                check_steady(r, w, "touched")
                before = mp.kernel_rss(w.pid)
                with open(f"/proc/{w.pid}/mem", "rb", buffering=0) as mem:
                    assert os.pread(mem.fileno(), PAGE, s.other) == b"x" * PAGE
                came = (mp.kernel_rss(w.pid)["shmem"] - before["shmem"]) // PAGE
                os.truncate(path, 0)
                after = mp.kernel_rss(w.pid)
                check_steady(r, w, "cut")
                r.stop()
    assert after["shmem"] - before["shmem"] == came * PAGE
    assert came != 16 or after["rss"] == before["rss"]  # fault-around as it usually is


def test_collapsed_pages_are_told_as_huge(tmp_path):
    with mp.Workload("audit-steps", "collapse") as w:
        w.step("few")
        with mp.Recording(w.pid, tmp_path / "r") as r:
            s = w.step("collapsed")
            check_steady(r, w, "collapsed")
            r.stop()
    if not s.ok:
        mp.lacking("no MADV_COLLAPSE here")
    huge = [ln for ln in mp.memprof("dump", r.path, check=0).stdout.splitlines()
            if "pages.resident" in ln and f"addr=0x{s.map:x}" in ln and "flags=0x1" in ln]
    assert huge


@contextlib.contextmanager
def huge_pool(pages):
    pool = pathlib.Path("/proc/sys/vm/nr_hugepages")
    before = pool.read_text()
    try:
        pool.write_text(str(int(before) + pages))
    except OSError as e:
        mp.lacking(f"no pool of huge pages: {e}")
    try:
        if int(pool.read_text()) < int(before) + pages:
            mp.lacking("no room for huge pages")
        yield
    finally:
        pool.write_text(before)


def test_hugetlb_is_beside_rss(tmp_path):
    with huge_pool(4), mp.Workload("audit-steps", "hugetlb") as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            s = w.step("touched")
            check_steady(r, w, "touched")
            kernel = mp.kernel_rss(w.pid)
            r.stop()
            rep = r.report()
    mp.check_rss(rep, kernel)
    assert rep["rss"]["hugetlb"] == 2 * (2 << 20)
    assert mp.in_range(rep, s.map, s.end, "resident") == 0
    assert rep["account"]["unknown"] == 0
    assert looks(r.path)["hunt"] == 0


# --- ends ---------------------------------------------------------------------


class Headless(mp.Workload):
    """A process whose first thread ends: it stands still when the others sleep."""

    def quiet(self):
        mp.wait_until(lambda: all(mp.thread_state(self.pid, t) in "SZ"
                                  for t in os.listdir(f"/proc/{self.pid}/task")), what="quiet point")


@pytest.mark.parametrize("attach", ["start", "alone"])
def test_first_thread_has_ended(tmp_path, attach):
    """/proc/PID of such a process has no memory; its other threads have."""
    with Headless("audit-steps", "leader-exits") as w:
        if attach == "alone":
            w.step("alone")
        with mp.Recording(w.pid, tmp_path / "r") as r:
            if attach == "start":
                w.step("alone")
            s = w.step("touched")
            tid = next(t for t in os.listdir(f"/proc/{w.pid}/task") if int(t) != w.pid)
            kernel, maps = mp.kernel_rss(tid), mp.kernel_mappings(tid)
            r.stop()
            rep = r.report()
        with mp.Recording(w.pid, tmp_path / "end") as r:
            assert w.finish() == 7
            r.wait(0)
            assert r.report()["target"]["exit_code"] == 7
    assert rep["target"]["exited"] is False
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    assert mp.in_range(rep, s.map, s.end, "resident") == 512 * PAGE


def before_exit_mm():
    """Does the tracepoint of an exit still see the memory? From 6.16 on."""
    return tuple(int(x) for x in os.uname().release.split(".")[:2]) >= (6, 16)


def test_last_figures_are_those_before_the_end(tmp_path):
    """Killed right after its work: RSS is what it had, not what the teardown left of it."""
    with mp.Workload("audit-steps", "ends", 4096) as w:
        before = mp.kernel_rss(w.pid)
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.finish()
            r.wait(0)
            rep = r.report()
    mp.check_lossless(rep)
    assert rep["target"]["signal"] == 9
    if not before_exit_mm():
        return
    assert rep["rss"]["end"] >= before["rss"] + 4096 * PAGE
    # what came with file faults right before the end is all that may be left open
    assert abs(rep["account"]["unknown"]) <= 64 * PAGE
