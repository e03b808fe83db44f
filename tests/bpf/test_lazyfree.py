# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What calls give back, and what MADV_FREE leaves to the kernel until it is short of memory.

The kernel is made short in a memory control group of the test's own. pagemap tells
which pages it took; the report has to say the same.
"""
import contextlib
import os
import pathlib
import re
import struct
import time

import mp
import pytest
from mp import PAGE

PAGES = 2048
BATCHES = 31 * (os.cpu_count() or 1) * PAGE  # the kernel may count so many late, the model none
V1 = pathlib.Path("/sys/fs/cgroup/memory")
V2 = pathlib.Path("/sys/fs/cgroup")


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


class Group:
    """A control group whose limit can be lowered."""

    def __init__(self, pid):
        v2 = (V2 / "cgroup.controllers").exists()
        self.root = V2 if v2 else V1
        self.usage, self.limit = (("memory.current", "memory.max") if v2 else
                                  ("memory.usage_in_bytes", "memory.limit_in_bytes"))
        self.path = self.root / f"memprof-test-{os.getpid()}-{pid}"
        try:
            self.path.mkdir()
            (self.path / "cgroup.procs").write_text(str(pid))
            (self.path / self.limit).read_text()
        except OSError as e:
            self.close()
            mp.lacking(f"no memory control group: {e}")

    def squeeze(self, pages):
        """Takes so many pages from the group: the kernel has to find them."""
        used = int((self.path / self.usage).read_text())
        (self.path / self.limit).write_text(str(used - pages * PAGE))

    def close(self):
        with contextlib.suppress(OSError):
            for pid in (self.path / "cgroup.procs").read_text().split():
                (self.root / "cgroup.procs").write_text(pid)
        with contextlib.suppress(OSError):
            mp.wait_until(self.gone, what="empty group")

    def gone(self):
        try:
            self.path.rmdir()
        except OSError:
            return False
        return True


@contextlib.contextmanager
def group(pid):
    g = Group(pid)
    try:
        yield g
    finally:
        g.close()


def present(pid, start, pages):
    """Which pages of a range are there: [bool]."""
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as f:
        raw = os.pread(f.fileno(), pages * 8, start // PAGE * 8)
    return [bool(e >> 63) for (e,) in struct.iter_unpack("<Q", raw)]


def row(rep, call, advice=None):
    """The rows of a kind of release, added up."""
    rows = [r for r in rep["releases"] if (r["call"], r["advice"]) == (call, advice)]
    assert rows, rep["releases"]
    out = {k: sum(r[k] for r in rows) for k, v in rows[0].items() if isinstance(v, (int, float))}
    out["refaulted"] = {w: sum(r["refaulted"][w] for r in rows) for w in rows[0]["refaulted"]}
    return out


def lazy_read(pid):
    return mp.smaps_rollup(pid)["LazyFree"]


def test_left_to_the_kernel(tmp_path):
    """Given up, not taken: still in RSS, and known as a part of it."""
    with mp.Workload("free-lazy", PAGES) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        w.step("touched")
        s = w.step("freed")
        kernel, lazy = mp.kernel_rss(w.pid), lazy_read(w.pid)
        r.stop()
        rep = r.report()
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_account(rep)
    free = row(rep, "madvise", "free")
    assert (free["calls"], free["asked"], free["lazy"]) == (1, s.lazy * PAGE, s.lazy * PAGE)
    assert (free["released"], free["taken"], free["kept"], free["absent"]) == (0, 0, 0, 0)
    assert s.lazy * PAGE - BATCHES <= lazy <= s.lazy * PAGE
    assert abs(rep["rss"]["lazyfree"] - lazy) <= BATCHES
    lazy = rep["rss"]["lazyfree"]
    assert rep["account"]["lazyfree"] == rep["lazyfree"]["bytes"] == rep["lazyfree"]["kernel"] == lazy
    assert sum(rep["lazyfree"]["age"].values()) == s.lazy * PAGE
    assert 0 < rep["lazyfree"]["oldest_s"] <= rep["recording"]["duration_s"]
    assert rep["lazyfree"]["taken"] == 0 and rep["lazyfree"]["taken_t"] is None


def test_written_again(tmp_path):
    """A rewrite takes pages back without a word: the kernel's figure says how many."""
    with mp.Workload("free-lazy", PAGES) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        for name in ("touched", "freed", "rewritten"):
            s = w.step(name)
        lazy = lazy_read(w.pid)
        r.stop()
        rep = r.report()
    assert lazy <= s.lazy * PAGE
    assert abs(rep["rss"]["lazyfree"] - lazy) <= BATCHES
    assert rep["account"]["lazyfree"] == rep["rss"]["lazyfree"]
    mp.check_account(rep)
    assert rep["lazyfree"]["taken"] == 0


def test_the_kernel_takes(tmp_path):
    """Short of memory the kernel takes lazy pages; touched again they come back."""
    with mp.Workload("free-lazy", PAGES) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        with group(w.pid) as g:
            w.step("touched")
            s = w.step("freed")
            g.squeeze(256)
            there = present(w.pid, s.map, PAGES)
            gone = there.count(False)
            assert 128 <= gone <= s.lazy, "the kernel was not short of memory"
            assert all(there[s.lazy:]), "no page was taken that had not been given up"
            # the recorder's scan has seen it when the taken pages are known; nothing else can say
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
            rep = r.report()
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    mp.check_account(rep)
    free = row(rep, "madvise", "free")
    assert free["taken"] == gone * PAGE
    assert free["released"] == 0
    assert rep["lazyfree"]["taken"] == gone * PAGE
    assert 0 < rep["lazyfree"]["taken_t"] <= rep["recording"]["duration_s"]
    assert rep["account"]["lazyfree"] <= (s.lazy - gone) * PAGE


def test_taken_and_touched_again(tmp_path):
    began = time.monotonic()
    with mp.Workload("free-lazy", PAGES) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        with group(w.pid) as g:
            w.step("touched")
            s = w.step("freed")
            g.squeeze(256)
            gone = present(w.pid, s.map, PAGES)[:s.lazy // 2].count(False)
            assert gone > 0
            (g.path / g.limit).write_text(str(1 << 40))
            w.step("rewritten")  # the first half of what was given up
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
            rep = r.report()
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    free = row(rep, "madvise", "free")
    check_refaulted(free["refaulted"], gone * PAGE, began)
    assert free["taken"] >= gone * PAGE


AGES = {"within_1s": 1, "within_10s": 10, "within_60s": 60, "later": float("inf")}


def check_refaulted(got, all_of_them, began):
    """All came back, and none of them is older than what has passed since it was given back."""
    most = time.monotonic() - began
    assert sum(got.values()) == all_of_them
    older = [age for age, at_least in zip(AGES, [0, *AGES.values()]) if at_least >= most]
    assert set(got) == set(AGES) and not any(got[age] for age in older), (got, most)


def recorded(tmp_path, name, steps, *args):
    """A workload of 1024 pages recorded from its start to the last of its steps."""
    with mp.Workload(name, 1024) as w, mp.Recording(w.pid, tmp_path / f"r{len(args)}", *args) as r:
        last = [w.step(s) for s in steps][-1]
        r.stop()
        rep = r.report()
    mp.check_lossless(rep)
    return rep, last


def test_asked_and_released(tmp_path):
    """A half was given back, a quarter of that touched again."""
    began = time.monotonic()
    rep, s = recorded(tmp_path, "dontneed", ["touched", "dontneed", "refault"])
    drop = row(rep, "madvise", "dontneed")
    assert drop["calls"] == 1
    assert drop["asked"] == drop["released"] == drop["anon"] == s.given * PAGE
    assert (drop["absent"], drop["kept"], drop["lazy"], drop["taken"]) == (0, 0, 0, 0)
    check_refaulted(drop["refaulted"], s.back * PAGE, began)
    total = rep["calls"]["madvise"]
    assert (total["asked"], total["released"]) == (s.given * PAGE, s.given * PAGE)
    assert rep["calls"]["madvise_by_advice"]["dontneed"]["released"] == s.given * PAGE


def test_by_place(tmp_path):
    """The place is one in the program, and without stacks it is not told."""
    if not [r for r in mp.rungs("stacks") if r != "absent"]:
        mp.lacking("no stacks here")
    rep, _ = recorded(tmp_path, "dontneed", ["touched", "dontneed", "refault"])
    frames = [f for r in rep["releases"] if r["advice"] == "dontneed" for f in r["stack"] or []]
    assert re.match(r"madvise\+0x[0-9a-f]+ \(libc", frames[0]), frames
    assert any(re.fullmatch(r"main\+0x[0-9a-f]+ \(dontneed\)", f) for f in frames), frames
    rep, _ = recorded(tmp_path, "dontneed", ["touched", "dontneed", "refault"], "--no-stacks")
    assert [r["stack"] for r in rep["releases"]] == [None] * len(rep["releases"])


@pytest.mark.parametrize("name,steps,call", [
    ("munmap-part", ["touched", "middle", "head"], "munmap"),
    ("brk-updown", ["up", "touched", "down"], "brk"),
    ("map-over", ["touched", "over", "none"], "mmap"),
])
def test_other_calls(tmp_path, name, steps, call):
    """Released is what the counters fell by, and no more than was asked for."""
    rep, _ = recorded(tmp_path, name, steps)
    got = row(rep, call)
    assert 0 < got["released"] == got["anon"] <= got["asked"]
    assert got["asked"] == got["released"] + got["absent"] + got["kept"]
    assert got["released"] == -rep["calls"][call]["rss_delta"]
    assert rep["calls"][call]["released"] == got["released"]
