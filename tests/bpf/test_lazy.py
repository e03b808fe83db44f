# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The staged experiment: 600 MB mapped, touched, collected, handed back, reused.

Once on the project's own collector and once as a real Go program.
"""
import os
import re
import subprocess

import mp
import pytest
from mp import PAGE

MB = 1 << 20
BIG = 600 * MB
# a large object may have a header before its first page
SLACK = 16


@pytest.fixture(scope="module")
def lazy(tmp_path_factory):
    """The scenario recorded: its report and the path of the recording."""
    mp.need_bpf()
    path = tmp_path_factory.mktemp("lazy") / "r.mprof"
    p = mp.memprof("record", "-o", path, "--", mp.MEMPROF, "demo", "lazy", "--child", check=0)
    return mp.report(path), path, p


def test_demo_tells_the_stages(tmp_path):
    mp.need_bpf()
    p = mp.memprof("demo", "lazy", "--plain", check=0, cwd=tmp_path)
    assert re.search(r"\b(600|601|602) ?M", p.stdout), p.stdout
    assert re.search(r"\b(300|301|302) ?M", p.stdout), p.stdout
    assert not os.listdir(tmp_path), "the demo left files behind"
    # the table by stages: RSS, used, committed, and the array's own resident pages
    table = p.stdout[p.stdout.rindex("Stage"):]

    def figures(stage):
        row = re.search(stage + r"((?: +[\d.]+(?: [KMG])?)+)", table)
        assert row, p.stdout
        return [f.strip() for f in re.findall(r"[\d.]+ ?[KMG]?", row[1])]

    before, after = figures("600 MB, untouched"), figures("every byte written")
    big = [f for f in after[1:] if re.fullmatch(r"60[0-3] M", f)]
    assert len(big) >= 3, f"used, committed, mapping: {after}"
    # RSS has the program's own pages too: what it grew by is the array
    assert before[0].endswith(" M") and after[0].endswith(" M"), table
    assert 599 <= float(after[0][:-2]) - float(before[0][:-2]) <= 602, table


def test_demo_list():
    p = mp.memprof("demo", "--list", check=0)
    assert re.search(r"^\s*lazy\b", p.stdout, re.M)


def test_demo_unknown():
    p = mp.memprof("demo", "nonsense", check=64)
    assert "nonsense" in p.stderr


def test_nothing_lost(lazy):
    mp.check_lossless(lazy[0])
    assert (lazy[0]["target"]["exited"], lazy[0]["target"]["exit_code"]) == (True, 0)


def test_stages_of_the_mapping(lazy):
    """Folded from the raw events by this test: pages of the array at each note."""
    rep, path, _ = lazy
    pages = [n for _, n, _ in stages(path)]
    assert len(pages) >= 4, "the scenario sets a note at each stage"
    whole, half = BIG // PAGE, BIG // 2 // PAGE
    assert in_order(pages, [
        lambda n: n <= SLACK,
        lambda n: 0 < n <= SLACK + 64,
        lambda n: whole <= n <= whole + SLACK,
        lambda n: n <= SLACK,
        lambda n: half <= n <= half + SLACK,
    ]), pages
    assert rep["faults"]["pages_added"] >= whole + half


def stages(path):
    """Notes with the array's resident pages as they were at the end of each stage."""
    r = mp.Replay(path, *longest(path))
    return r.notes + [("end", len(r.pages), r.rss)]


def longest(path):
    """The longest stretch without a hole that faults ever covered: the 600 MB array."""
    runs = []
    for line in mp.memprof("dump", path, check=0).stdout.splitlines():
        m = re.search(r" fault .* pages=(\d+) .*addr=(0x[0-9a-f]+)", line)
        if m:
            runs.append((int(m[2], 16), int(m[1]) * PAGE))
    runs.sort()
    best = lo = hi = 0
    found = (0, 0)
    for addr, size in runs:
        if addr > hi:
            lo, hi = addr, addr
        hi = max(hi, addr + size)
        if hi - lo > best:
            best, found = hi - lo, (lo, hi)
    assert best >= BIG, f"no stretch of faults over 600 MB, the longest has {best} bytes"
    return found


def in_order(values, tests):
    tests = list(tests)
    for v in values:
        if tests and tests[0](v):
            tests.pop(0)
    return not tests


def test_rss_follows(lazy):
    rep = lazy[0]
    s = rep["series"]["rss"]
    assert mp.rises_and_falls(s, -100 * MB, BIG, -100 * MB, BIG // 2), s
    assert BIG <= rep["rss"]["max"] <= BIG + 64 * MB


def test_heap_says_600_before_it_is_resident(lazy):
    """The lazy part: the heap has it, the resident set has not."""
    rep = lazy[0]
    (heap,) = [h for h in rep["heap"] if h["source"] == "gc"]
    assert heap["used"]["max"] >= BIG
    s = rep["series"]
    assert any(u is not None and r is not None and u >= BIG and r < 100 * MB
               for u, r in zip(s["heap_used"], s["rss"])), "never seen lazy"


def test_release_is_paired(lazy):
    """The collection that freed it, the call that paid it back, the fall of RSS."""
    rep = lazy[0]
    big = [c for c in rep["gc"]["collections"] if c["freed"] >= BIG - MB]
    assert big, rep["gc"]
    c = big[0]
    assert c["returned"] >= BIG - MB
    assert c["rss_fell"] >= BIG - MB
    assert c["return_lag_s"] is not None and c["return_lag_s"] >= 0
    assert rep["gc"]["owed"]["max"] >= 0


def test_report_tells_in_words(lazy):
    text = mp.memprof("report", lazy[1], check=0).stdout
    assert re.search(r"60\d ?M", text)


# --- Go ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    mp.need_bpf()
    go = mp.need_command("go")
    folder = tmp_path_factory.mktemp("go")
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPROXY="off", GOTOOLCHAIN="local",
               GOCACHE=str(folder / "cache"))
    src = mp.ROOT / "tests" / "workloads" / "go" / "lazy.go"
    subprocess.run([go, "build", "-o", str(folder / "lazy"), str(src)], check=True, env=env,
                   timeout=600)
    return str(folder / "lazy")


GO_STEPS = {  # resident pages of the whole process, at least and at most, over the start
    "made": (0, 40 * MB),      # the runtime's own tables for so large a span
    "few": (0, 40 * MB),       # huge pages may make 2 MB of a page
    "all": (BIG, BIG + 64 * MB),
    "released": (0, 40 * MB),
    "again": (BIG // 2, BIG // 2 + 64 * MB),
}


@pytest.mark.parametrize("last", list(GO_STEPS))
def test_go_stage(go_program, tmp_path, last):
    names = list(GO_STEPS)
    with mp.Workload("lazy", argv=[go_program]) as w:
        before = mp.kernel_rss(w.pid)["rss"]
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for name in names[:names.index(last) + 1]:
                w.step(name)
            with mp.frozen(w.pid):
                kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
                r.stop()
            rep = r.report()
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    low, high = GO_STEPS[last]
    assert low <= rep["rss"]["end"] - before <= high
    if last == "again":
        # up, down by the runtime's own calls, and up again; a call during which
        # another thread faulted is credited with what the model saw leave, or less
        assert rep["rss"]["max"] >= BIG
        assert rep["calls"]["madvise_by_advice"]["dontneed"]["rss_delta"] <= -(BIG // 2)
