# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The probes on V8 against a program that has its functions and does what can be counted."""
import mp
import pytest
import v8

MB = v8.MB


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The steps by name, and the recording of a program that died in a collection."""
    mp.need_bpf()
    path = tmp_path_factory.mktemp("exact") / "r"
    with mp.Workload("node-like", argv=[str(mp.BUILD / "workloads" / "node-like"), "dies"]) as w:
        start = mp.Step(w.out.seen[0])
        with mp.Recording(w.pid, path) as r:
            steps = {name: w.step(name) for name in ("two", "one", "none")}
            w.go()
            assert w.proc.wait(mp.DEADLINE) == -6
            r.wait()
    steps["start"] = start
    return steps, path


def pages(path, where, inside):
    """Pages touched in the mapping that begins at `where`, while a collection ran or not."""
    return sum(e["pages"] for e in v8.events(path, "fault")
               if where <= int(e["addr"], 16) < where + 4096 * mp.PAGE and ("in-gc" in e["kind"]) == inside)


def test_faults_during_collections_are_exact(run):
    """On every thread, in nested collections, and behind a nested one that has ended."""
    steps, path = run
    start, two = steps["start"], steps["two"]
    assert two.inside == 3 * 2 * 40 + 3 * 25 + 2 * 40 + 25
    died = 40 + 25 + 40
    assert pages(path, getattr(start, "in"), True) == two.inside + died
    assert pages(path, getattr(start, "in"), False) == 0
    assert pages(path, start.out, False) == two.outside
    assert pages(path, start.out, True) == 0
    assert mp.report(path)["faults"]["during_gc"] >= two.inside + died


def test_heaps_are_summed_until_they_end(run):
    """The last one stays: it goes with the process."""
    used = [e["used"] for e in v8.events(run[1], "heap")]
    assert used == [40 * MB, 10 * MB, 60 * MB, 30 * MB, 10 * MB]
    pooled = [e["committed"] for e in v8.events(run[1], "space")]
    assert pooled[-2:] == [6 * MB, 3 * MB]


def test_collections_are_told_once_each(run):
    """Nested ones that said nothing are none; names' flags are with the reason."""
    a, b = v8.events(run[1], "gc")
    assert (a["before"], a["after"], b["before"], b["after"]) == (40 * MB, 10 * MB, 50 * MB, 20 * MB)
    assert (a["reason"], b["reason"]) == ("allocation failure", "allocation failure (reduce)")
    assert a["start_ns"] < a["ts_ns"] <= b["start_ns"] < b["ts_ns"]


def test_the_end_inside_a_collection_is_told(run):
    (note,) = v8.events(run[1], "note")
    assert note["text"].startswith("ended inside a collection of V8")


def test_turned_off(tmp_path):
    """No breakpoint in it, no figures, and why."""
    program = mp.BUILD / "workloads" / "node-like"
    mp.memprof("record", "--hooks", "heap_v8=off", "-o", tmp_path / "r", "--", program, "--run", check=0)
    assert not v8.events(tmp_path / "r", "heap", "gc")
    (probe,) = [e for e in v8.events(tmp_path / "r", "probe") if e["feature"] == "heap_v8"]
    assert probe["rung"] == "absent" and "--hooks" in probe["why"]
    assert mp.report(tmp_path / "r")["faults"]["during_gc"] is None
