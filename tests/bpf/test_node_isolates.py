# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Worker threads of Node.js have heaps of their own: a process's figures are their sum."""
import mp
import pytest
import v8

SCRIPT = str(mp.ROOT / "tests" / "workloads" / "node" / "workers.js")
STEPS = {"alone": 1, "three": 3, "two": 2, "one": 1}  # isolates alive there


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Steps by name, and the events of heap and collections of the whole run."""
    mp.need_bpf()
    path = tmp_path_factory.mktemp("isolates") / "r"
    with mp.Workload("node", argv=[mp.need_command("node"), SCRIPT]) as w:
        with mp.Recording(w.pid, path) as r:
            steps = {name: w.step(name) for name in STEPS}
            r.stop()
    return steps, v8.events(path, "heap"), v8.events(path, "gc"), mp.report(path)


@pytest.mark.parametrize("name", STEPS)
def test_figures_are_the_sum_over_isolates(recorded, name):
    """Each isolate has just collected: what memprof adds up is what they say. Lines of V8
    have one decimal of a MB, and what a step itself allocates comes after them."""
    steps, heaps, _, _ = recorded
    s = steps[name]
    assert s.isolates == STEPS[name]
    got = v8.last_before(heaps, s.at)
    assert got["used"] == pytest.approx(s.used, abs=s.isolates * 0.5 * v8.MB)
    assert got["committed"] == pytest.approx(s.total, abs=s.isolates * v8.MB)
    # the last collection of each was a full one; telling of it may bring a small one
    assert got["live"] == pytest.approx(got["used"], abs=s.isolates * 0.5 * v8.MB)


def test_collections_keep_their_own_figures(recorded):
    """Before and after of a collection are its isolate's, not the sum's."""
    steps, _, gcs, _ = recorded
    last = {e["tid"]: e["after"] for e in gcs if e["ts_ns"] <= steps["three"].at}
    assert len(last) == 3
    assert sum(last.values()) == pytest.approx(steps["three"].used, abs=1.5 * v8.MB)
    assert all(e["flags"] == ["part", "marked"] for e in gcs)


def test_collections_begin_when_they_began(recorded):
    """From the entry of the function to its line: the pause lies in it, nearly whole."""
    _, _, gcs, _ = recorded
    for e in gcs:
        took = e["ts_ns"] - e["start_ns"]
        assert took >= e["pause_ns"] - 20_000, e


def test_faults_during_collections_are_told(recorded):
    """A part of all of them: marking and moving touch pages too."""
    _, _, _, rep = recorded
    assert 0 < rep["faults"]["during_gc"] < rep["faults"]["total"]
