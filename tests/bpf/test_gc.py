# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The collector's word against the kernel's: every madvise that libmpgc reports is one
that the kernel's hooks saw, by address, length, advice and thread, and the other way
round. And several heaps in one process.
"""
import collections
import pathlib
import re

import mp
import pytest

CALL = re.compile(r"call\.madvise +mm=\d+ tid=(\d+) advice=(\w+)\(\d+\).* ret=(-?\d+) "
                  r"addr=(0x[0-9a-f]+) len=(\d+)B")
RELEASE = re.compile(r"heap-range\.release +mm=\d+ tid=(\d+) advice=(\w+)\(\d+\) "
                     r"addr=(0x[0-9a-f]+) len=(\d+)B")
RESERVE = re.compile(r"heap-range\.reserve .* addr=(0x[0-9a-f]+) len=(\d+)B")


def maps_of(pid):
    return pathlib.Path(f"/proc/{pid}/maps").read_text()


class Witnesses:
    """What each side says of one run, as multisets of (address, length, advice, thread)."""

    def __init__(self, advice, rounds, folder):
        with mp.Workload("gc-release", advice, rounds) as w:
            with mp.Recording(w.pid, folder / "r") as r:
                w.step("heap")
                mp.wait_until(lambda: "memprof-gc:1" in maps_of(r.proc.pid), what="look at the segment")
                self.last = w.step("done")
                assert w.finish() == 0
                r.wait()
            self.rep = r.report()
            self.main = w.pid
        text = mp.memprof("dump", r.path, check=0).stdout
        self.heap = {(int(a, 16), int(n)) for a, n in RESERVE.findall(text)}
        self.collector = collections.Counter(
            (int(a, 16), int(n), adv, int(tid)) for tid, adv, a, n in RELEASE.findall(text))
        calls = collections.Counter(
            (int(a, 16), int(n), adv, int(tid)) for tid, adv, ret, a, n in CALL.findall(text)
            if adv in ("dontneed", "free"))
        # The collector's tables lie outside of the heap; other calls there are libc's.
        self.tables = {key for key in self.collector if not self.inside(key[0])}
        self.kernel = collections.Counter(
            {key: k for key, k in calls.items() if self.inside(key[0]) or key in self.tables})

    def inside(self, addr):
        return any(base <= addr < base + n for base, n in self.heap)


@pytest.fixture(scope="module", params=["dontneed", "free"])
def run(request, tmp_path_factory):
    mp.need_bpf()
    return request.param, Witnesses(request.param, 4, tmp_path_factory.mktemp("gc"))


def test_nothing_lost(run):
    mp.check_lossless(run[1].rep)


def test_every_release_is_a_call(run):
    _, w = run
    assert not w.collector - w.kernel, "told by the collector, not seen by the kernel"


def test_every_call_is_a_release(run):
    _, w = run
    assert not w.kernel - w.collector, "seen by the kernel, not told by the collector"


def test_there_was_something_to_match(run):
    """Many calls, of the main thread, of the release thread and of others."""
    advice, w = run
    assert len(w.heap) == 1
    assert sum(w.collector.values()) >= 20
    threads = {tid for _, _, _, tid in w.collector}
    assert w.main in threads
    assert len(threads) >= 3, threads
    assert {adv for _, _, adv, _ in w.collector} >= {advice}
    assert sum(n * k for (_, n, _, _), k in w.collector.items()) == w.last.released


def test_bits_of_free_blocks_are_among_them(run):
    assert run[1].tables


def test_collections_have_their_thread(run):
    _, w = run
    gcs = w.rep["gc"]
    assert gcs["minor"] + gcs["major"] == w.last.collections


# --- several heaps ------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["made", "collected", "destroyed"])
def test_heaps_are_summed(last, tmp_path):
    mp.need_bpf()
    steps = ["made", "collected", "destroyed"]
    with mp.Workload("gc-heaps", 3) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for name in steps[:steps.index(last) + 1]:
                at = w.step(name)
            r.stop()
        rep = r.report()
    mp.check_lossless(rep)
    (heap,) = [h for h in rep["heap"] if h["source"] == "gc"]
    assert heap["used"]["end"] == at.used
    assert heap["external"]["end"] == (30 << 20 if last != "destroyed" else 10 << 20)
    large = heap["spaces"]["large"]["used"]
    if last == "destroyed":
        assert 1 << 20 <= large < 2 << 20
    else:
        assert 6 << 20 <= large < 7 << 20


# --- a target that lies -------------------------------------------------------------------


def high_water(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)[1]) << 10


def test_hostile_segments(tmp_path):
    """It cannot hang memprof, crash it, or make it keep what it floods it with."""
    mp.need_bpf()
    with mp.Workload("gc-hostile") as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            mp.wait_until(lambda: maps_of(r.proc.pid).count("memprof-gc:1") >= 2, what="segments")
            w.step("many")
            mp.wait_until(lambda: maps_of(r.proc.pid).count("memprof-gc:1") >= 16, what="segments")
            # a session takes its looks in turn: the next picture comes all the same
            before = (tmp_path / "r").stat().st_size
            mp.wait_until(lambda: (tmp_path / "r").stat().st_size > before, what="more events")
            assert high_water(r.proc.pid) < 512 << 20
            r.stop()
        text = mp.memprof("report", tmp_path / "r", check=0).stdout
    assert "\033" not in text
    notes = set(re.findall(r"note\.program .*text=(.*)", mp.memprof("dump", tmp_path / "r", check=0).stdout))
    assert 100 < len(notes) <= 4096 + 1


# --- whose heap it is -------------------------------------------------------------------


@pytest.mark.parametrize("how", [[], ["copy"]], ids=["reads", "copies"])
def test_segment_of_another(how, tmp_path):
    """Who reads the segment of another process, or has what was in it, has no heap: that
    process has it."""
    mp.need_bpf()
    with mp.Workload("gc-reader", *how) as w:
        child = w.step("mapped").child
        assert "memprof-gc:1" in maps_of(w.pid), "the workload did not map it"
        for pid in w.pid, child:
            with mp.Recording(pid, tmp_path / str(pid)) as r:
                r.stop()
        assert mp.report(tmp_path / str(w.pid))["heap"] == []
        (heap,) = mp.report(tmp_path / str(child))["heap"]
        assert heap["source"] == "gc" and heap["used"]["end"] >= 8 << 20
        assert w.finish() == 0
