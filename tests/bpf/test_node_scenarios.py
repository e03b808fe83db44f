# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Four Node.js programs with nothing prepared: one whose heap grows until its limit ends it,
one that grows outside the heap, one that drops both, one that goes idle after a burst. What memprof says against what the
program printed at the same moment (process.memoryUsage) and what the kernel says."""
import mp
import pytest
import v8

MB = v8.MB


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()
    mp.need_command("node")


def record(tmp, name, *flags, dies=False):
    """(rounds, heap events, collections, report, kernel's RSS at the end, recording)"""
    path, kernel = tmp.mktemp(name) / "r", None
    with v8.Scenario("node", name, *flags, err=path.parent / "err") as w:
        with mp.Recording(w.pid, path) as r:
            said = w.rounds()
            if dies:
                assert w.proc.wait(mp.DEADLINE) == -6  # SIGABRT
                r.wait()
            else:
                with mp.frozen(w.pid):
                    kernel = mp.kernel_rss(w.pid)
                    r.stop()
    return said, v8.events(path, "heap"), v8.events(path, "gc"), mp.report(path), kernel, path


@pytest.fixture(scope="module")
def died(tmp_path_factory):
    return record(tmp_path_factory, "heap", "--max-old-space-size=40", dies=True)


@pytest.fixture(scope="module")
def buffers(tmp_path_factory):
    return record(tmp_path_factory, "buffer")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return record(tmp_path_factory, "compare")


def test_the_last_collections_are_there(died):
    """Up to the one it died in: V8 itself repeats the last ones when it dies."""
    said, _, gcs, rep, _, path = died
    assert len(said) >= 3
    mp.check_lossless(rep)
    assert rep["target"]["exited"] and rep["target"]["exit_code"] is None  # a signal
    tail = v8.lines((path.parent / "err").read_text(errors="replace"))
    assert tail
    for gc, line in zip(gcs[::-1], tail[::-1]):
        v8.same_figures(gc, line)


def test_the_limit_is_known(died):
    """--max-old-space-size was among the arguments; nobody told memprof."""
    heap = died[3]["heap"][0]
    assert heap["limit"] == 40 * MB
    assert heap["used"]["max"] > 0.9 * heap["limit"]


def test_it_ended_inside_a_collection(died):
    (note,) = v8.events(died[5], "note")
    assert note["text"].startswith("ended inside a collection of V8"), note


def test_most_faults_come_while_it_collects(died):
    """Objects that live are moved: that is where a growing heap becomes resident. Of
    buffers nothing is moved."""
    f = died[3]["faults"]
    assert f["during_gc"] > 0.25 * f["total"]


def test_buffers_fault_outside_collections(buffers):
    f = buffers[3]["faults"]
    assert f["during_gc"] is None or f["during_gc"] < 0.05 * f["total"]


def test_rounds_say_what_memprof_says(died, buffers, compared):
    """RSS of each round. Between two figures of memprof's lie 5 ms, in which a round of 4 to
    10 MB can be done."""
    for said, _, _, _, _, path in (died, buffers, compared):
        rss = [e for e in v8.events(path, "rss") if e["source"] == "kernel"]
        for s in said:
            two = [v8.last_before(rss, s["begin"]), v8.last_before(rss, s["end"] + 5_000_000)]
            near = [e["anon"] + e["file"] + e["shmem"] for e in two]
            assert min(near) - 12 * MB <= s["rss"] <= max(near) + 12 * MB, (s, near)


def test_rss_at_the_end_is_the_kernels(buffers, compared):
    for _, _, _, rep, kernel, _ in (buffers, compared):
        mp.check_lossless(rep)
        mp.check_rss(rep, kernel)
        mp.check_account(rep)


def test_buffers_are_beside_the_heap(buffers):
    """200 MB: RSS and the program's own `external` grow, the heap does not."""
    said, heaps, _, rep, _, _ = buffers
    assert said[-1]["external"] - said[0]["external"] >= 180 * MB
    assert rep["rss"]["max"] - rep["rss"]["start"] >= 190 * MB
    assert all(e["used"] < 12 * MB for e in heaps)
    assert rep["account"]["live_heap"] < 12 * MB


def test_heap_at_collections_is_what_the_program_says(compared):
    """`kept` and `dropped` come right after a full collection."""
    said, heaps, _, _, _, _ = compared
    for s in (s for s in said if s["name"] in ("kept", "dropped")):
        e = v8.last_before(heaps, s["end"])
        assert e["used"] == pytest.approx(s["heapUsed"], abs=MB)
        assert e["committed"] == pytest.approx(s["heapTotal"], abs=2 * MB)


def test_what_was_dropped_is_freed_and_given_back(compared):
    """One collection frees it; the heap's part is credited to it, what is left is owed."""
    said, _, _, rep, _, _ = compared
    kept, dropped = (next(s for s in said if s["name"] == n) for n in ("kept", "dropped"))
    (c,) = [c for c in rep["gc"]["collections"] if c["freed"] > 30 * MB]
    assert c["freed"] == pytest.approx(kept["heapUsed"] - dropped["heapUsed"], abs=MB)
    assert 0 <= c["returned"] <= c["freed"] and rep["gc"]["owed"]["end"] < c["freed"] + MB
    assert (c["return_lag_s"] is None) == (c["returned"] == 0)
    # the buffers lie outside the heap: no collection is credited with them
    fell = kept["rss"] - rep["rss"]["end"]
    assert fell >= 50 * MB + c["returned"] - 8 * MB


def test_idle_after_a_burst(tmp_path_factory):
    """V8 collects and gives back by itself, from threads of its own, after the collection: the
    bytes are credited to it with a lag, and RSS fell by them."""
    said, _, _, rep, kernel, _ = record(tmp_path_factory, "idle")
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    c = max(rep["gc"]["collections"], key=lambda c: c["freed"])
    assert c["kind"] == "compact" and "testing" not in (c["reason"] or "")
    assert c["freed"] >= 30 * MB
    assert c["returned"] >= 20 * MB and c["return_lag_s"] > 0
    assert c["rss_fell"] == pytest.approx(c["returned"], abs=MB)
    assert said[0]["rss"] - rep["rss"]["end"] >= 0.8 * c["rss_fell"]
    assert rep["gc"]["owed"]["end"] <= rep["gc"]["owed"]["max"]
    assert rep["gc"]["owed"]["end"] <= rep["account"]["free_heap_resident"] + MB
