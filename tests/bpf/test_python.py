# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Collections of CPython and CRuby that nobody prepared, against what they say of themselves."""
import csv
import re
import shutil
import subprocess

import mp
import pytest

WORK = mp.ROOT / "tests" / "workloads"
PYTHON = "/usr/bin/python3"  # Debian's is built with probes


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


def watch(tmp_path, name, argv=None, how=()):
    """Attached at the first quiet point; the path of the recording and the last step."""
    with mp.Workload(name, argv=argv) as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof", *how) as r:
            s = w.step("done")
            r.stop()
    return r.path, s


def collections(path):
    """(kind, start, end, reason) of each as recorded, ns on the clock of the machine."""
    text = mp.memprof("dump", path, check=0).stdout
    first = int(re.search(r"meta\.start-ts .* value=(\d+)", text)[1])
    rows = re.findall(r"^([\d.]+) gc\.(\w+) .* pause=(\d+)ns .* reason=\"(.*)\"", text, re.M)
    out = []
    for t, kind, pause, reason in rows:
        end = first + int(t.replace(".", ""))
        out.append((kind, end - int(pause), end, reason))
    return out


KINDS = {0: "minor", 1: "other", 2: "major"}


def told(n):
    """A count of objects as the reason tells it: above a hundred its first two digits."""
    return f"some {str(n)[:2]}{'0' * (len(str(n)) - 2)}" if n >= 100 else str(n)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    path, s = watch(tmp_path_factory.mktemp("py"), "python", [PYTHON, WORK / "python" / "collect.py"])
    spans = [tuple(map(int, x.split(","))) for x in s.spans.split(";")]
    return path, [int(x) for x in s.n.split("/")], spans


def test_python_collections_are_its_own(python):
    path, n, spans = python
    got = collections(path)
    assert [sum(g[0] == KINDS[k] for g in got) for k in range(3)] == n
    assert [g[0] for g in got] == [KINDS[s[0]] for s in spans]
    assert [g[3] for g in got] == [f"generation {s[0]}, collected {told(s[3])} objects" for s in spans]
    assert mp.report(path)["probes"]["heap_python"] == "usdt"


def test_python_pauses_lie_within_the_callbacks(python):
    """gc.callbacks are called right before and right behind the collection."""
    path, _, spans = python
    got = collections(path)
    assert len(got) == len(spans)
    for (_, start, end, _), (_, began, ended, _) in zip(got, spans):
        # recorded times are whole microseconds
        assert began - 1000 <= start <= end <= ended + 1000


def test_python_that_collects_all_the_time_is_let_alone(tmp_path):
    """Probes would cost it more than the one or two per cent that looking on may."""
    path = tmp_path / "r.mprof"
    code = "import gc\nfor _ in range(5000): gc.collect(0)"
    mp.memprof("record", "-o", path, "--", PYTHON, "-c", code)
    assert mp.report(path)["probes"]["heap_python"] == "absent"
    assert "taken away: " in mp.memprof("dump", path).stdout


def test_python_tells_no_sizes(python):
    """What nobody told is a dash or null, in every view."""
    path = python[0]
    rep = mp.report(path)
    (heap,) = rep["heap"]
    assert heap["source"] == "python"
    assert all(v is None for k in ("used", "committed", "external") for v in heap[k].values())
    assert [rep["gc"][k] for k in ("minor", "other", "major")] == python[1]
    assert rep["gc"]["owed"] == {"max": None, "end": None}
    for c in rep["gc"]["collections"]:
        assert c["pause_s"] > 0
        assert {c[k] for k in ("before", "after", "freed", "returned", "rss_fell", "refaulted")} == {None}
    acc = rep["account"]
    assert acc["live_heap"] is None and acc["free_heap_resident"] is None
    assert set(v for k in ("heap_used", "heap_committed") for v in rep["series"][k]) == {None}
    text = mp.memprof("report", path, check=0).stdout
    assert re.search(r"major +- -> +- .* - +- +- generatio", text), text
    rows = mp.memprof("export", path, "--format", "csv", "--table", "collections", check=0).stdout
    col = next(csv.DictReader(rows.splitlines()))
    assert [col[k] for k in ("before", "after", "freed", "returned", "rss_fell", "refaulted", "reused")] == [""] * 7


def test_calls_of_the_function_where_there_are_no_probes(tmp_path):
    path, _ = watch(tmp_path, "python-calls")
    got = collections(path)
    assert [g[3] for g in got] == (["generation 0, collected 10 objects"] * 50 +
                                   ["generation 1, collected 11 objects"] * 5 +
                                   ["generation 2, collected 12 objects"] * 2 +
                                   ["some generation, collected 9 objects"])
    assert [g[0] for g in got[-3:]] == ["major", "major", "other"]
    assert mp.report(path)["probes"]["heap_python"] == "uprobe"


def test_without_probes_and_symbols_it_says_so(tmp_path):
    """A stripped interpreter: the reason is told, and no collection is made up."""
    bare = tmp_path / "python-bare"
    shutil.copy(mp.BUILD / "workloads" / "python-calls", bare)
    subprocess.run(["strip", "--keep-symbol=Py_InitializeEx", bare], check=True)
    path, _ = watch(tmp_path, "python-bare", [bare])
    assert not collections(path)
    rep = mp.report(path)
    assert rep["probes"]["heap_python"] == "absent" and rep["gc"]["minor"] is None
    assert "built without probes" in mp.memprof("report", path, check=0).stdout


def test_ruby_collections_are_its_own(tmp_path):
    ruby = mp.need_command("ruby")
    path, s = watch(tmp_path, "ruby", [ruby, WORK / "ruby" / "collect.rb"])
    got = collections(path)
    assert len(got) == s.n and s.n > 3
    assert {(g[0], g[3]) for g in got} == {("other", "marking")}
    assert all(a[2] <= b[1] for a, b in zip(got, got[1:]))
    assert mp.report(path)["probes"]["heap_ruby"] == "usdt"


def test_hooks_can_leave_them_out(tmp_path):
    path, _ = watch(tmp_path, "python-calls", how=["--hooks", "heap_python=off"])
    assert not collections(path)
    assert mp.report(path)["probes"]["heap_python"] == "absent"
