# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof diff on real programs: the cause that is known by construction comes first, and
everything sums."""
import datetime
import json
import re

import mp
import pytest

MB = 1 << 20
CHURN = str(mp.ROOT / "tests" / "workloads" / "node" / "churn.js")


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


def diff(*args, code=0):
    """The object, after what must hold of any: rows sum to the difference, the text is told."""
    d = json.loads(mp.memprof("diff", *args, "--json", check=code).stdout)
    whole = d["rss"]["change"]
    assert whole == d["rss"]["b"] - d["rss"]["a"]
    assert sum(r["change"] for r in d["account"] if r["change"] is not None) == whole
    for table in ("classes", "mappings"):
        if d[table] is not None:
            assert sum(r["change"] for r in d[table]) == whole
            assert sum(r["b"] for r in d[table]) == d["rss"]["b"]
    for table in ("account", "classes", "mappings", "touched", "released"):
        sizes = [abs(r["change"]) for r in d[table] or [] if r["change"] is not None]
        tail = 1 if table == "account" and d[table][-1]["part"] == "not_comparable" else 0
        assert sizes[:len(sizes) - tail] == sorted(sizes[:len(sizes) - tail], reverse=True)
    text = mp.memprof("diff", *args, check=code).stdout
    assert max(map(len, text.splitlines())) <= 80
    return d


def part(d, name):
    (row,) = [r for r in d["account"] if r["part"] == name]
    return row["change"]


def heap(d):
    return sum(r["change"] or 0 for r in d["account"]
               if r["part"] in ("live_heap", "free_heap_resident", "unsplit_heap", "lazyfree"))


# --- two runs with other settings ---------------------------------------------------------


@pytest.fixture(scope="module")
def arenas(tmp_path_factory):
    """Eight threads that allocate 10 MB each: from one arena, and from their own."""
    dir = tmp_path_factory.mktemp("arenas")
    for name, env in (("one", {"MALLOC_ARENA_MAX": "1"}), ("own", {})):
        with mp.Workload("malloc-mix", 8, 10, env=env) as w, mp.Recording(w.pid, dir / name) as r:
            w.step("full")
            r.stop()
    return dir / "one", dir / "own"


def test_arenas_come_first(arenas):
    d = diff(*arenas)
    assert {d["account"][0]["part"], d["account"][1]["part"]} == {"arenas", "brk"}
    assert part(d, "arenas") > 50 * MB and part(d, "brk") < -50 * MB
    assert {d["classes"][0]["class"], d["classes"][1]["class"]} == {"arena", "brk"}
    assert d["mappings"][0]["n_b"] >= 8 or d["mappings"][1]["n_b"] >= 8
    assert not d["not_alike"] and not d["same_recording"]


def test_the_other_way_round_is_the_same_with_the_other_sign(arenas):
    d, e = diff(*arenas), diff(*reversed(arenas))
    assert d["rss"]["change"] == -e["rss"]["change"]
    assert {r["part"]: r["change"] for r in d["account"]} == {r["part"]: -r["change"] for r in e["account"]}
    assert d["a"]["pid"] == e["b"]["pid"]


def test_a_recording_does_not_differ_from_itself(arenas):
    d = diff(arenas[0], arenas[0])
    assert d["rss"]["change"] == 0
    for table in ("account", "classes", "mappings", "touched", "released"):
        assert not [r for r in d[table] if r["change"]]


def test_a_young_generation_that_may_grow(tmp_path):
    """At the highest RSS more of V8's heap is resident, whatever lives."""
    mp.need_command("node")
    for name, mb in (("small", 1), ("large", 64)):
        mp.memprof("record", "-q", "-o", tmp_path / name, "--", "node",
                   f"--max-semi-space-size={mb}", CHURN, check=0)
    d = diff(f"{tmp_path}/small@peak", f"{tmp_path}/large@peak")
    assert d["classes"][0]["class"] == "heap" and d["classes"][0]["change"] > 8 * MB
    assert d["account"][0]["part"] in ("free_heap_resident", "live_heap") and heap(d) > 8 * MB
    assert d["gc"]["minor"]["change"] < 0, "a larger young generation is collected less often"
    assert d["beside"]["heap_committed"]["change"] > 8 * MB


# --- one recording, two instants --------------------------------------------------------------


@pytest.fixture(scope="module")
def lazy(tmp_path_factory):
    """The demo: 600 MB touched, dropped and given back, 300 MB made. Seconds of its
    notes, which come before what they tell."""
    path = tmp_path_factory.mktemp("lazy") / "r"
    mp.memprof("demo", "lazy", "--plain", "-o", path, check=0, env={"MEMPROF_DEMO_PACE_MS": "200"})
    text = mp.memprof("dump", path, check=0).stdout
    notes = re.findall(r"^([\d.]+) note.program .*text=\"(\d) ", text, re.M)
    return path, {int(n): float(t) for t, n in notes}


def test_what_grew(lazy):
    """Every byte was written: it is live, and nothing came back."""
    path, at = lazy
    d = diff(path, "--from", at[3], "--to", at[4])
    assert d["same_recording"] and d["a"]["at_s"] == at[3] and d["b"]["at_s"] == at[4]
    assert d["account"][0]["part"] == "live_heap" and part(d, "live_heap") > 590 * MB
    assert d["classes"][0]["class"] == "heap"
    assert d["touched"][0]["outside_noise"]
    assert d["touched"][0]["change"] == pytest.approx(600 * MB, rel=0.1)


def test_what_was_given_back(lazy):
    path, at = lazy
    d = diff(f"{path}@{at[4]}", f"{path}@{at[5]}s")
    assert d["same_recording"] and d["rss"]["change"] < -590 * MB
    assert d["account"][0]["part"] == "live_heap"
    assert d["released"][0]["call"] == "madvise" and d["released"][0]["change"] > 590 * MB
    assert d["gc"]["major"]["change"] >= 1 and d["gc"]["freed"]["change"] > 590 * MB
    assert not any(r["outside_noise"] for r in d["touched"] if r["change"] < 0)
    assert any("gave back" in s for s in d["summary"])


def test_names_of_instants(lazy, tmp_path):
    path, at = lazy
    peak = diff(f"{path}@start", f"{path}@peak")
    assert peak["rss"]["b"] == mp.report(path)["rss"]["max"]
    assert diff(path, "--from", at[2])["b"]["at_s"] == diff(path, "--to", "end")["b"]["at_s"]
    ms = diff(path, "--from", f"{int(at[2] * 1000)}ms", "--to", at[3])
    assert ms["a"]["at_s"] == pytest.approx(at[2], abs=0.002)
    odd = tmp_path / "night@5s"
    odd.write_bytes(path.read_bytes())
    assert diff(odd, path)["a"]["path"] == str(odd)


def test_time_of_the_day(lazy):
    """10:05:30 is the first time that clocks show it in the recording."""
    path, at = lazy
    text = mp.memprof("dump", path, check=0).stdout
    wall = int(re.search(r"meta.wall-ns .*value=(\d+)", text)[1])
    when = datetime.datetime.fromtimestamp(wall / 1e9 + at[3])
    clock = f"{when:%H:%M:%S}.{when.microsecond:06d}"
    d = diff(path, "--from", "start", "--to", clock)
    assert d["b"]["at_s"] == pytest.approx(at[3], abs=0.3)


# --- what cannot be compared -------------------------------------------------------------------


def test_other_programs_and_hooks(arenas, tmp_path):
    """What is not alike is said; what one side did not see is null, and the rest sums."""
    with mp.Workload("dontneed") as w, mp.Recording(w.pid, tmp_path / "r", "--hooks", "none") as r:
        r.stop()
    d = diff(arenas[0], tmp_path / "r")
    what = {f["what"] for f in d["not_alike"]}
    assert {"program", "faults seen by", "calls seen by"} <= what
    assert d["faulted"]["b"] is None and d["faulted"]["change"] is None
    assert d["touched"] is None and d["released"] is None


def test_a_cut_recording_is_compared_and_exits_5(arenas, tmp_path):
    data = arenas[1].read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(data[:len(data) * 2 // 3])
    d = json.loads(mp.memprof("diff", arenas[1], cut, "--json", check=5).stdout)
    assert d["b"]["state"] == "truncated" and d["a"]["state"] == "clean"
    assert any("cut off" in s for s in d["summary"])
    assert "truncated" in mp.memprof("diff", f"{cut}@0", f"{cut}@peak", check=5).stderr


@pytest.mark.parametrize("args, code, word", [
    (["{a}"], 64, "two"),
    ([], 64, "two"),
    (["{a}", "{b}", "{b}"], 64, "two"),
    (["{a}", "{b}", "--from", "1"], 64, "two"),
    (["{a}@soon", "{b}"], 64, "not a time"),
    (["{a}", "--from", "25:00"], 64, "not a time"),
    (["{a}", "--from", "1h"], 64, "reach"),
    (["{a}", "--from", "end", "--to", "start"], 64, "later"),
    (["{a}", "{b}", "-p", "1"], 3, "not in"),
    (["{a}", "/nonexistent"], 1, "cannot read"),
    (["{a}", "/dev/null"], 1, "cannot read"),
])
def test_what_is_refused(arenas, args, code, word):
    a, b = arenas
    p = mp.memprof("diff", *[x.format(a=a, b=b) for x in args], check=code)
    assert word in p.stderr and not p.stdout
    assert len(p.stderr.splitlines()) <= 6
