# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`export --format perfetto`: the trace says what the report says, and is a trace."""
import os
import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tests" / "export"))
import trace  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    mp.need_bpf()
    mp.need_command("protoc")
    return tmp_path_factory.mktemp("perfetto")


@pytest.fixture(scope="module")
def recording(folder):
    """A program that collects garbage and gives it back."""
    return mp.record_through(folder / "gc.mprof", "gc-release")


def export(recording, *args, code=0):
    out = recording.parent / f"{recording.stem}-{len(os.listdir(recording.parent))}.trace"
    p = mp.memprof("export", recording, "--format", "perfetto", "-o", out, *args, check=code)
    return trace.Trace(out), p


@pytest.fixture(scope="module")
def both(recording):
    return export(recording)[0], mp.report(recording)


def exit_of(t):
    return t.instants[t.track("events")][-1]["ts"]


def test_the_last_figures_are_the_reports(both):
    t, rep = both
    end = exit_of(t)

    def last(name):
        v = [x for ts, x in t.counter(name) if ts <= end]  # afterwards its memory is gone
        return v[-1] if v else 0
    assert last("RSS") == rep["rss"]["end"]
    assert max(v for _, v in t.counter("RSS")) == rep["rss"]["max"]
    for name, key in (("RSS anonymous", "anon"), ("RSS files", "file"), ("RSS shared memory", "shmem"),
                      ("swap", "swap")):
        assert last(name) == rep["rss"][key], name
    acc = rep["account"]
    assert last("live heap") == acc["live_heap"]
    assert last("free heap, resident") == acc["free_heap_resident"]
    assert last("heap used (gc)") == rep["heap"][0]["used"]["end"]
    assert last("heap committed (gc)") == rep["heap"][0]["committed"]["end"]
    assert last("freed, not returned (owed)") == rep["gc"]["owed"]["end"]
    for s, v in rep["heap"][0]["spaces"].items():
        if v["used"]:
            assert last(f"{s} used (gc)") == v["used"]


def test_the_bands_sum_to_rss(both):
    """At every instant that all of them were sampled."""
    t, _ = both
    group = t.track("RSS by what it is for")
    bands = [u for u, d in t.tracks.items() if d["parent_uuid"] == [group]
             and "not in RSS" not in d["name"][0]]
    assert len(bands) > 4
    at = {}
    for u in bands:
        for ts, v in t.counters[u]:
            at.setdefault(ts, []).append((u, v))
    rss = dict(t.counter("RSS"))
    now, total, checked = {}, None, 0
    for ts in sorted(set(at) | set(rss)):
        now.update(at.get(ts, []))
        total = rss.get(ts, total)
        if ts in at:
            assert sum(now.values()) == total, ts
            checked += 1
    assert checked > 10


def test_faults_of_all_slots_are_all_faults(both):
    t, rep = both
    v = t.counter("page faults per 10 ms")
    assert sum(x for _, x in v) == rep["faults"]["total"]
    assert v[-1][1] == 0, "the last slot is over"
    assert all(ts % 10_000_000 == 0 for ts, _ in v)


def test_process_stats_are_the_counters(both):
    t, _ = both
    (stats,) = t.stats.values()
    anon = dict(t.counter("RSS anonymous"))
    now, seen = 0, 0
    for ts, s in stats:
        now = anon.get(ts, now)
        assert s["rss_anon_kb"] == [now // 1024]
        parts = [s[k][0] for k in ("rss_anon_kb", "rss_file_kb", "rss_shmem_kb")]
        assert s["vm_rss_kb"] == [sum(parts)]
        seen += 1
    assert seen > 10 and set(anon) <= {ts for ts, _ in stats}


def test_collections_are_the_reports(both):
    t, rep = both
    got = sorted(t.named("m") and [e for e in t.named("") if e["name"][0].endswith(" collection")],
                 key=lambda e: e["end"])
    want = rep["gc"]["collections"]
    assert len(got) == len(want) > 100
    for key in ("freed", "returned", "rss_fell", "refaulted"):
        assert sum(trace.note(e, key) for e in got) == sum(c[key] for c in want), key
    assert sorted(trace.note(e, "reason") for e in got) == sorted(c["reason"] for c in want)
    phases = [e for e in t.named("") if e["categories"] == ["gc"] and e["name"] in (["mark"], ["copy"])]
    assert any(e["depth"] == 1 for e in phases), "phases lie in their collections"


def test_calls_are_the_reports(both):
    t, rep = both
    for name in ("madvise", "munmap", "mmap", "brk"):
        got = [e for e in t.named(name) if e["categories"] == ["call"]]
        assert len(got) == rep["calls"][name]["calls"], name
        assert sum(trace.note(e, "rss_bytes") for e in got) == rep["calls"][name]["rss_delta"], name


def test_arrows_lead_from_collections_over_calls_to_falls(both):
    t, _ = both
    whole = 0
    for points in t.flows.values():
        kinds = [e["categories"][0] for _, e in points]
        if len(points) == 1:
            continue  # a release that no collection claimed
        assert kinds in (["gc", "call", "rss"], ["call", "rss"], ["gc"] * (len(kinds) - 2) + ["call", "rss"]), kinds
        call, fell = points[-2][1], points[-1][1]
        assert call["end"] == fell["ts"]
        whole += kinds[0] == "gc"
    assert whole > 20
    # what was paid back by calls is told on them, and on the collections
    calls = sum(trace.note(e, "returned_of_collections") or 0 for e in t.named("madvise"))
    gcs = sum(trace.note(e, "returned") for e in t.named("") if e["name"][0].endswith(" collection"))
    assert 0 < calls <= gcs


def test_stacks_of_sampled_faults(both):
    t, rep = both
    samples = [e for v in t.instants.values() for e in v if e["name"] == ["page fault (sampled)"]]
    assert sum(trace.note(e, "stands_for_bytes") for e in samples) == sum(s["bytes"] for s in rep["sites"])
    frames = [[f["function_name"][0] for f in reversed(e["callstack"][0]["frames"])]
              for e in samples if e["callstack"]]
    known = [list(map(trace.function, s["stack"])) for s in rep["sites"]]
    assert frames and all(any(f == k[:len(f)] for k in known) for f in frames)


def test_clocks_are_told(both):
    t, _ = both
    assert t.clocks and {1, 3, 6} <= set(t.clocks[0])


def test_threads_have_the_names_of_the_report(both):
    t, rep = both
    threads = {d["thread"][0]["tid"][0]: d["thread"][0] for d in t.tracks.values() if d["thread"]}
    assert all(d["pid"] == [rep["target"]["pid"]] for d in threads.values())
    assert threads[rep["target"]["pid"]]["thread_name"] == ["gc-release"]


def test_a_small_aim_leaves_out_what_matters_least(recording, both):
    whole, _ = both
    t, p = export(recording, "--max-size", "60K")
    assert "left out" in p.stderr and "trace_processor" in p.stderr
    assert len(t.packets) < len(whole.packets) / 2
    assert t.instants[t.track("events")] and t.counter("RSS")
    faults = next(n for n in (f"page faults per {10 << k} ms" for k in range(12)) if t.has(n))
    assert sum(v for _, v in t.counter(faults)) == mp.report(recording)["faults"]["total"]


def test_of_a_part_of_a_recording(recording, folder):
    """The part that is left is a trace like another, and the exit status says what it is."""
    data = recording.read_bytes()
    for size in (len(data) // 5, len(data) // 2, len(data) - 7):
        cut = folder / f"cut{size}.mprof"
        cut.write_bytes(data[:size])
        t, _ = export(cut, code=5)
    assert t.tracks, "all but the end mark was there"
    hole = folder / "hole.mprof"
    at = len(data) // 2
    hole.write_bytes(data[:at] + bytes(64) + data[at + 64:])
    t, _ = export(hole, code=5)
    assert t.dropped >= 1, "a loss is told as one"


def test_children_have_tracks_of_their_own(folder):
    path = folder / "family.mprof"
    p = mp.memprof("record", "-q", "--follow-forks", "-o", path, "--", "sh", "-c", "true; ls / >/dev/null; true")
    assert p.returncode == 0, p.stderr
    t, _ = export(path)
    procs = {d["process"][0]["process_name"][0] for d in t.tracks.values() if d["process"]}
    assert {"sh", "ls"} <= procs
    for u, d in t.tracks.items():
        if d["name"] == ["RSS"]:
            assert t.counters[u][-1][1] == 0, "who has ended has no memory"
    main = mp.report(path)["target"]["pid"]
    t, _ = export(path, "-p", main)
    assert len([d for d in t.tracks.values() if d["process"]]) == 1
