# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Go programs that nobody prepared: their heap as MemStats has it, beside their resident set."""
import json
import os
import re
import subprocess

import mp
import pytest

MB = 1 << 20
SRC = mp.ROOT / "tests" / "workloads" / "go"
STRIPPED = ["-ldflags=-s -w"]
KINDS = {"whole": [], "stripped": STRIPPED, "pie": ["-buildmode=pie", *STRIPPED]}


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()
    mp.need_command("go")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build(program, kind): the path of the program, built once."""
    folder = tmp_path_factory.mktemp("go")
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPROXY="off", GOTOOLCHAIN="local", CGO_ENABLED="0",
               GOCACHE=str(mp.BUILD / "go-cache"))

    def build(name, kind="stripped"):
        out = folder / f"{name}-{kind}"
        if not out.exists():
            subprocess.run(["go", "build", *KINDS[kind], "-o", str(out), str(SRC / f"{name}.go")],
                           check=True, env=env, timeout=600)
        return str(out)
    return build


def heap(rep):
    (h,) = [h for h in rep["heap"] if h["source"] == "go"]
    return h


def dump(path, kind):
    """Time in seconds and fields of the events of one kind."""
    out = mp.memprof("dump", path, check=0).stdout
    return [(float(line.split()[0]), dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line)))
            for line in out.splitlines() if line.split()[1] == kind]


def number(text):
    m = re.fullmatch(r"(\d+)(B|ns)?", text)
    return int(m[1]) if m else None


SPAN = 32768  # what a stack of the runtime's own goroutines takes


def same_figures(h, step, moved=0):
    """To the byte: MemStats was read last, and nothing was allocated since; but pages that
    the runtime itself may have moved from one state to another in the background."""
    spaces = h["spaces"]
    assert h["used"]["end"] == step.alloc
    for figure, own in ((h["committed"]["end"], step.inuse + step.idle),
                        (spaces["in use"]["committed"], step.inuse),
                        (spaces["idle"]["committed"], step.idle),
                        (spaces["released"]["committed"], step.released),
                        (spaces["stacks"]["committed"], step.stacks),
                        (spaces["gc"]["committed"], step.gcsys),
                        (spaces["other"]["committed"], step.other)):
        assert abs(figure - own) <= moved


@pytest.mark.parametrize("kind", list(KINDS))
def test_found_running(tmp_path, build, kind):
    """Attached between two collections: the figures are there at once, before the next one."""
    with mp.Workload(None, argv=[build("stages", kind), "64"]) as w:
        for name in ("made", "few", "all"):
            s = w.step(name)
        with mp.Recording(w.pid, tmp_path / "r") as r:
            r.stop()
    rep = r.report()
    assert rep["gc"]["major"] == 0
    same_figures(heap(rep), s)
    (last,) = {e["goal"] for _, e in dump(r.path, "heap.go")}
    assert number(last) == s.next
    assert heap(rep)["limit"] is None


# --- the staged experiment --------------------------------------------------------------

BIG = 600
STAGES = {  # RSS over the start in MB at least and at most; the runtime's own tables are some 20
    "made": (0, 40),
    "few": (0, 40),        # huge pages may make 2 MB of a page
    "all": (BIG, BIG + 40),
    "collected": (0, BIG + 40),  # falls as the runtime's scavenger goes
    "released": (0, 40),
    "again": (BIG // 2, BIG // 2 + 40),
}


class Staged:
    pass


@pytest.fixture(scope="module")
def staged(tmp_path_factory, build):
    """All stages in one recording; MemStats and RSS at each."""
    q = Staged()
    q.steps, q.rss = {}, {}
    with mp.Workload(None, argv=[build("stages"), str(BIG)]) as w:
        q.start = mp.kernel_rss(w.pid)["rss"]
        with mp.Recording(w.pid, tmp_path_factory.mktemp("staged") / "r") as r:
            for name in STAGES:
                q.steps[name] = w.step(name)
                q.rss[name] = mp.kernel_rss(w.pid)["rss"]
                mp.looked(r.proc.pid)
            r.stop()
        q.path = r.path
        q.rep = r.report()
    return q


@pytest.mark.parametrize("stage", list(STAGES))
def test_stage(staged, stage):
    low, high = STAGES[stage]
    assert low * MB <= staged.rss[stage] - staged.start <= high * MB
    s = staged.steps[stage]
    told = [[number(e[k]) for k in ("used", "goal", "committed")] for _, e in dump(staged.path, "heap.go")]
    assert [s.alloc, s.next] in [x[:2] for x in told]
    # what is idle is given back in the background after a collection; and the runtime's own
    # goroutines may take stacks of a span each when MemStats has been read
    near = [abs(x[2] - s.inuse - s.idle) for x in told if x[:2] == [s.alloc, s.next]]
    assert min(near) <= 2 * SPAN or stage == "collected"


def test_stages_end(staged):
    mp.check_lossless(staged.rep)
    mp.check_account(staged.rep)
    same_figures(heap(staged.rep), staged.steps["again"], moved=4 * SPAN)
    assert heap(staged.rep)["used"]["max"] >= BIG * MB
    a = staged.rep["account"]
    assert BIG // 2 * MB <= a["live_heap"] + a["free_heap_resident"] <= (BIG // 2 + 20) * MB


def test_what_was_freed_was_returned(staged):
    """The collection that found the slice dead, and the calls that gave it back."""
    big = [c for c in staged.rep["gc"]["collections"] if c["freed"] >= BIG * MB * 0.99]
    assert len(big) == 1
    (c,) = big
    assert c["reason"] == "forced" and c["kind"] == "major"
    assert c["before"] >= BIG * MB and c["after"] < MB
    assert c["returned"] >= 0.98 * BIG * MB
    assert c["rss_fell"] >= 0.98 * BIG * MB
    assert c["return_lag_s"] is not None and c["return_lag_s"] >= 0
    assert 0 < c["pause_s"] < 1
    assert staged.rep["calls"]["madvise_by_advice"]["dontneed"]["rss_delta"] <= -0.98 * BIG * MB


def test_number_of_collections(staged):
    s = staged.steps["again"]
    assert staged.rep["gc"]["major"] == s.gcs
    reasons = [c["reason"] for c in staged.rep["gc"]["collections"]]
    assert reasons.count("forced") == s.forced


# --- collections ----------------------------------------------------------------------------

LINE = re.compile(r"gc (\d+) @([\d.]+)s \d+%: ([\d.]+)\+([\d.]+)\+([\d.]+) ms clock, .* (\d+)->(\d+)->(\d+) MB,"
                  r" (\d+) MB goal,.*?( \(forced\))?$")


def churned(tmp_path, program):
    """Launched by memprof: MemStats at the end, gctrace's lines and the report."""
    out, err = tmp_path / "r.mprof", tmp_path / "stderr"
    with err.open("wb") as f:
        p = subprocess.Popen([mp.MEMPROF, "record", "-o", str(out), "--", program, "40000"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=f,
                             env=dict(os.environ, GODEBUG="gctrace=1"))
        done = mp.Step(mp.Lines(p.stdout.fileno()).next())
        mp.looked(p.pid)
        p.communicate(b"\n", timeout=mp.DEADLINE)
    assert p.returncode == 0
    return done, [x for x in err.read_text().splitlines() if x.startswith("gc ")], mp.report(out)


def test_collections_are_those_of_gctrace(tmp_path, build):
    """A program from its first instruction on: every line, and its figures."""
    done, text, rep = churned(tmp_path, build("churn"))
    lines = [LINE.match(x) for x in text]
    assert len(lines) > 10 and all(lines), text
    mp.check_lossless(rep)
    got = rep["gc"]["collections"]
    assert len(got) == len(lines) == done.gcs
    # the same log beside the recording says nothing twice
    joined = json.loads(mp.memprof("report", "--json", "--gc-log", tmp_path / "stderr", tmp_path / "r.mprof").stdout)
    assert joined["gc"]["major"] == len(got)
    for c, m in zip(got, lines):
        # at the end of marking, and what was live then; the log's MB are cut off
        assert (c["before"] // MB, c["after"] // MB) == (int(m[7]), int(m[8])), (c, m[0])
    # the log's own "(forced)" is also at a cycle that a forced one follows at once
    assert [c["reason"] for c in got].count("forced") == done.forced
    # a look that falls between a record and the runtime's own note of it finds no pause
    pauses = [(c["pause_s"], (float(m[3]) + float(m[5])) / 1e3) for c, m in zip(got, lines)
              if c["pause_s"] is not None]
    assert len(pauses) >= len(lines) - 2
    # the log has two digits of each half, and leaves out attempts to end marking that failed
    assert all(a >= 0.94 * b - 2e-6 for a, b in pauses), pauses
    known = round(rep["gc"]["pause_s"]["total"] * 1e9)
    # each was cut to the tick of a recording, a microsecond
    assert 0 <= done.pause - known < (1000 * len(lines) if len(pauses) == len(lines) else done.pause)


def test_memory_limit(tmp_path, build):
    """GOMEMLIMIT with GOGC=off: the goal is that of the limit."""
    with mp.Workload(None, argv=[build("stages"), "64"], env={"GOMEMLIMIT": "500MiB", "GOGC": "off"}) as w:
        for name in ("made", "few", "all"):
            s = w.step(name)
        with mp.Recording(w.pid, tmp_path / "r") as r:
            r.stop()
    assert heap(r.report())["limit"] == 500 * MB
    (goal,) = {e["goal"] for _, e in dump(r.path, "heap.go")}
    # stacks and tables come and go by pages and count against the limit
    assert number(goal) == s.next


def test_no_goal(tmp_path, build):
    """GOGC=off without a limit: nothing starts a collection, and nothing says it would."""
    with mp.Workload(None, argv=[build("stages"), "64"], env={"GOGC": "off"}) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("made")
            r.stop()
    assert {e["goal"] for _, e in dump(r.path, "heap.go")} == {"?"}
    # the program's own before it says so
    assert [c["reason"] for c in r.report()["gc"]["collections"]] == ["forced"]
