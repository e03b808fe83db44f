# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every Node.js there is, with nothing prepared: its collections are those that its own
--trace-gc prints in the same run, and what it pools is what its heap holds beyond its counters."""
import mp
import pytest
import rt
import v8

CHURN = """
const kept = [];
for (let i = 0; i < 150; i++) {
  const a = [];
  for (let k = 0; k < 4000; k++) a.push({ k, text: 'value ' + k });
  if (i % 5 === 0) kept.push(a);
}
console.log('kept', kept.length);
"""


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


@rt.each("node")
def test_events_are_the_lines(runtime, tmp_path):
    """Count, sizes and pauses; each began no later than its pause and after the one before it."""
    p = mp.memprof("record", "-o", tmp_path / "r", "--", runtime.program, "--trace-gc", "-e", CHURN,
                   check=0)
    lines = v8.lines(p.stdout)
    gcs = v8.events(tmp_path / "r", "gc")
    assert len(lines) >= 5 and len(gcs) == len(lines)
    for gc, line in zip(gcs, lines):
        v8.same_figures(gc, line)
        assert gc["start_ns"] <= gc["ts_ns"] - gc["pause_ns"] + 100_000, gc
    assert all(a["ts_ns"] <= b["start_ns"] for a, b in zip(gcs, gcs[1:]))
    if runtime.numbers() >= (10,):  # 8 has a second copy of the function that no name finds
        assert all("marked" in e["flags"] for e in gcs)
        assert mp.report(tmp_path / "r")["faults"]["during_gc"] > 0


def steps(runtime, path):
    script = str(mp.ROOT / "tests" / "workloads" / "node" / "workers.js")
    with mp.Workload("node", argv=[runtime.program, script]) as w:
        with mp.Recording(w.pid, path) as r:
            got = [w.step(name) for name in ("alone", "three", "two", "one")]
            r.stop()
    return got


@rt.each("node", since="12")
def test_isolates_are_summed(runtime, tmp_path):
    """With workers and after their end, as test_node_isolates.py has it."""
    got = steps(runtime, tmp_path / "r")
    heaps = v8.events(tmp_path / "r", "heap")
    for s in got:
        assert v8.last_before(heaps, s.at)["used"] == pytest.approx(s.used, abs=s.isolates * v8.MB)


@rt.each("node", since="16")
def test_pooled_pages(runtime, tmp_path):
    """After a burst V8 from 22 on keeps pages that none of its counters has: the heap's resident
    bytes are more than it says it has committed, and no more than that and what is pooled."""
    with v8.Scenario(runtime.program, "compare") as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            said = w.rounds()
            with mp.frozen(w.pid):
                kernel = mp.kernel_rss(w.pid)
                r.stop()
    rep = mp.report(tmp_path / "r")
    (heap,) = rep["heap"]
    resident, committed = rep["classes"]["heap"], heap["committed"]["end"]
    mp.check_rss(rep, kernel)
    assert committed == pytest.approx(said[-1]["heapTotal"], abs=2 * v8.MB)
    if runtime.numbers() < (22,):
        assert not heap["spaces"] and resident <= committed + 2 * v8.MB
        return
    pooled = heap["spaces"]["pooled"]
    assert pooled["used"] is None and pooled["committed"] > 16 * v8.MB
    assert resident <= committed + pooled["committed"] + 2 * v8.MB
    if runtime.version != "24":  # of whose heap itself less is resident
        assert resident > committed + 16 * v8.MB
