# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`export --format pprof` and `folded`, read by the programs that they are for.

pprof: go tool pprof. Folded stacks: speedscope, the page itself in Chromium, with the
table of functions that it shows.
"""
import base64
import collections
import gzip
import json
import os
import re
import subprocess
import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tests" / "export"))
import trace  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    mp.need_bpf()
    return tmp_path_factory.mktemp("stacks")


@pytest.fixture(scope="module")
def recording(folder):
    """A program that touches memory, gives it back and touches it again."""
    return mp.record_through(folder / "gc.mprof", "gc-release")


@pytest.fixture(scope="module")
def in_order(folder):
    """A program that touches all pages of 64 MiB, at two places, and keeps them."""
    return mp.record_through(folder / "order.mprof", "touch-order")


@pytest.fixture(scope="module")
def rep(recording):
    return mp.report(recording)


# --- pprof ------------------------------------------------------------------------


def pprof(*args):
    p = subprocess.run([mp.need_command("go"), "tool", "pprof", *map(str, args)], capture_output=True, text=True,
                       timeout=600, check=False, stdin=subprocess.DEVNULL)
    assert p.returncode == 0, p.stderr
    return p.stdout


class Raw:
    """What `pprof -raw` prints: samples with their values, labels and frames; mappings."""

    def __init__(self, path):
        text = pprof("-raw", "-symbolize=none", path)
        head, _, rest = text.partition("Samples:\n")
        samples, _, rest = rest.partition("Locations\n")
        locations, _, mappings = rest.partition("Mappings\n")
        self.head, self.mappings = head, mappings.splitlines()
        names, *lines = samples.splitlines()
        self.columns = names.replace("[dflt]", "").split()
        self.where = {int(m[1]): m[2] for m in re.finditer(
            r"^\s*(\d+): 0x[0-9a-f]+ (?:M=\d+ )?(.*?) :0(?::0)? s=0", locations, re.M)}
        self.samples = []
        for line in lines:
            m = re.match(r"^\s*((?:-?\d+ +)*-?\d+): ((?:\d+ )*)", line)
            if m:
                values = dict(zip(self.columns, map(int, m[1].split())))
                stack = [self.where[int(i)] for i in m[2].split()]
                self.samples.append((values, stack, {}))
            else:
                self.samples[-1][2].update(re.findall(r"(\w+):\[([^]]*)\]", line))

    def total(self, column, **labels):
        return sum(v[column] for v, _, have in self.samples
                   if all(have.get(k) == x for k, x in labels.items()))


@pytest.fixture(scope="module")
def raw(recording):
    out = recording.with_suffix(".pb.gz")
    mp.memprof("export", recording, "--format", "pprof", "-o", out, check=0)
    return Raw(out)


def test_the_columns(raw):
    assert raw.columns == ["faults/count", "rss/bytes", "reclaimed/bytes"]
    assert "PeriodType: pages count" in raw.head and "Period: 128" in raw.head
    assert re.search(r"^Time: 20\d\d-", raw.head, re.M) and "Duration: " in raw.head
    assert "Comment: memprof: a clean recording of 1 process" in raw.head


def test_totals_are_the_reports(raw, rep):
    assert raw.total("faults/count") == sum(s["pages"] for s in rep["sites"]) > 1000
    assert raw.total("reclaimed/bytes") == sum(r["released"] for r in rep["releases"])
    for cls, n in rep["classes"].items():
        assert raw.total("rss/bytes", memory=cls) == n, cls


def test_stacks_are_the_reports(raw, rep):
    """A stack of several threads or kinds of memory is several samples."""
    got = collections.Counter()
    for values, stack, _ in raw.samples:
        if values["faults/count"] and not stack[0].startswith("["):
            got[tuple(stack)] += values["faults/count"]
    want = collections.Counter()
    for s in rep["sites"]:
        if s["stack"]:
            want[tuple(map(trace.function, s["stack"]))] += s["pages"]
    assert got == want


def test_labels(raw, rep):
    pid = str(rep["target"]["pid"])
    assert {have["pid"] for _, _, have in raw.samples} == {pid}
    assert {have["process"] for _, _, have in raw.samples} == {"gc-release"}
    assert raw.total("reclaimed/bytes", call="madvise", advice="dontneed") > 0
    assert raw.total("faults/count", memory="heap") > 0


def test_the_first_mapping_is_the_program(raw, rep):
    exe = rep["target"]["exe"]
    notes = subprocess.run(["readelf", "-n", exe], capture_output=True, text=True, check=True).stdout
    build = re.search(r"Build ID: (\w+)", notes)[1]
    assert raw.mappings[0].split()[2:4] == [exe, build]


def test_pprof_prints_its_views(recording):
    out = recording.with_name("views.pb.gz")
    mp.memprof("export", recording, "--format", "pprof", "-o", out, check=0)
    assert "Type: rss" in pprof("-top", "-symbolize=none", out)
    assert "Type: reclaimed" in pprof("-traces", "-sample_index=reclaimed", "-symbolize=none", out)
    tags = pprof("-tags", "-sample_index=faults", "-symbolize=none", out)
    assert re.search(r"memory: Total \d+", tags) and "heap" in tags


def test_what_is_left_is_estimated(in_order):
    """All pages of 64 MiB are touched and stay: the samples must say so, within 5 sigma."""
    out = in_order.with_suffix(".pb.gz")
    mp.memprof("export", in_order, "--format", "pprof", "-o", out, check=0)
    raw = Raw(out)
    named = sum(v["rss/bytes"] for v, stack, have in raw.samples
                if have.get("memory") != "file" and not stack[0].startswith("[resident"))
    sigma = (64 << 20) / (16384 / 128) ** 0.5
    assert abs(named - (64 << 20)) < 5 * sigma
    assert named > 48 << 20


def test_a_profile_of_part_of_a_recording(recording, folder):
    data = recording.read_bytes()
    cut = folder / "cut.mprof"
    cut.write_bytes(data[:len(data) * 2 // 3])
    out = folder / "cut.pb.gz"
    mp.memprof("export", cut, "--format", "pprof", "-o", out, check=5)
    assert "a truncated recording" in Raw(out).head
    gzip.decompress(out.read_bytes())


# --- folded -----------------------------------------------------------------------------


def speedscope(path, rows):
    """{function: bytes in it and below} as speedscope's table shows it, once it has the rows."""
    packages = mp.npm_packages()
    # what its own command does: the profile as a script beside the page
    script = path.with_suffix(".js")
    data = base64.b64encode(path.read_bytes()).decode()
    script.write_text(f"speedscope.loadFileFromBase64({path.name!r}, {data!r})")
    p = subprocess.run([mp.need_command("node"), str(mp.ROOT / "tests" / "node" / "speedscope.js"),
                        mp.need_command("chromium"), f"{packages}/speedscope/dist/release/index.html", str(script),
                        str(rows)], capture_output=True, text=True, timeout=600, check=False,
                       env=dict(os.environ, NODE_PATH=packages))
    assert p.returncode == 0, p.stderr[-2000:]
    table = {c[2]: int(re.match(r"[\d,]+", c[0])[0].replace(",", "")) for c in json.loads(p.stdout)}
    assert table, p.stderr[-2000:]
    return table


def lines_of(path):
    out = []
    for line in path.read_text().splitlines():
        stack, _, n = line.rpartition(" ")
        out.append((stack.split(";"), int(n)))
    return out


@pytest.fixture(scope="module")
def folded(recording):
    out = recording.with_suffix(".folded")
    mp.memprof("export", recording, "--format", "folded", "-o", out, check=0)
    return out


def test_folded_lines(folded, rep):
    lines = lines_of(folded)
    assert sum(n for _, n in lines) == sum(s["bytes"] for s in rep["sites"])
    assert len({tuple(s) for s, _ in lines}) == len(lines), "a stack is one line"
    assert all(s[0] == "gc-release" and re.fullmatch(r"\[[\w ]+\]", s[1]) for s, _ in lines)
    want = collections.Counter()
    for s in rep["sites"]:
        want[";".join(map(trace.function, reversed(s["stack"]))) or "no stack"] += s["bytes"]
    got = collections.Counter()
    for s, n in lines:
        got[";".join(s[2:])] += n
    assert got == want


def test_speedscope_reads_folded_stacks(in_order):
    """Of few functions: its table draws the rows that the window shows."""
    out = in_order.with_suffix(".folded")
    mp.memprof("export", in_order, "--format", "folded", "-o", out, check=0)
    want = collections.Counter()
    for stack, n in lines_of(out):
        for frame in set(stack):
            want[frame] += n
    assert want["touch-order"] == sum(s["bytes"] for s in mp.report(in_order)["sites"]) > 48 << 20
    assert speedscope(out, len(want)) == want


def test_names_cannot_break_a_line(tmp_path_factory):
    """A process may call itself anything."""
    mp.need_bpf()
    path = tmp_path_factory.mktemp("names") / "bad.mprof"
    with mp.Workload("bad-name") as w:
        with mp.Recording(w.pid, path) as r:
            w.finish()
            r.wait()
    out = path.with_suffix(".folded")
    mp.memprof("export", path, "--format", "folded", "-o", out, check=0)
    for line in out.read_bytes().splitlines():
        assert re.fullmatch(rb"[^\x00-\x1f\x7f]+;\[[\w ]+\];.* \d+", line), line
