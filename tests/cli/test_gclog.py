# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof gclog: every log of tests/gclogs against what was counted in it, and what
happens to logs on their way: mixed, cut, compressed, with other line ends."""
import gzip
import json
import random
import re
import subprocess

import mp
import pytest

LOGS = mp.ROOT / "tests" / "gclogs"
MIB = 1 << 20


def rows():
    found = {p.name[:-3]: p for p in LOGS.glob("*/*.gz")}
    table = [line.split("\t") for line in (LOGS / "expected.tsv").read_text().splitlines()]
    assert len(table) == len(found) == 190
    return [(found[r[0]], r) for r in table]


ROWS = rows()


def one(path, **kw):
    doc = json.loads(mp.memprof("gclog", "--json", path, check=0, **kw).stdout)
    assert doc["version"] == 1 and len(doc["files"]) == 1
    return doc["files"][0]


def number(text):
    return None if text == "-" else float(text)


def near(bytes_, mib):
    """Equal but for the rounding of a log's last digit."""
    if mib is None:
        return bytes_ is None
    return bytes_ is not None and abs(bytes_ / MIB - mib) < 0.06


@pytest.mark.parametrize("path,row", ROWS, ids=[r[0] for _, r in ROWS])
def test_as_counted(path, row):
    f = one(path)
    cols, s = f["collections"], f["summary"]
    assert f["events"] == len(cols) == int(row[2])
    assert s["minor"] + s["major"] + s["other"] == f["events"]
    sized = [c for c in cols if c["before"] is not None]
    first, last = (sized[0], sized[-1]) if sized else ({"before": None, "after": None},) * 2
    assert near(first["before"], number(row[3])) and near(first["after"], number(row[4]))
    assert near(last["before"], number(row[5])) and near(last["after"], number(row[6]))
    highest = max([v for v in (s["heap_before_max"], s["heap_after_max"]) if v is not None], default=None)
    assert near(highest, number(row[7]))
    if f["runtime"] == "go":
        assert near(max(c["goal"] for c in cols), number(row[8]))
    else:
        assert near(s["committed_max"], number(row[8]))
    assert (s["pause_s_total"] or 0) * 1e3 == pytest.approx(float(row[9]), rel=1e-3, abs=0.01)
    runtime = {"v8": "v8", "go": "go", "jvm": "jvm"}[path.parent.name]
    assert f["runtime"] == (runtime if f["events"] else None)
    # the only record that the cutting of a file went through
    assert f["bad_lines"] == (1 if row[0] == "j8-Serial-heapatgc-tenuring.log" else 0)


@pytest.mark.parametrize("name", ["v8/node20-leak-oom64.log.gz", "jvm/j17-G1-gcstar.log.gz", "go/go1.24-churn.log.gz",
                                  "jvm/j8-G1-details-datestamps.log.gz", "jvm/j8-ConcMarkSweep-heapatgc-tenuring.log.gz"])
def test_on_their_way(name, tmp_path):
    """The same collections plain, from stdin, with CRLF, within other output, from two members
    of one compressed file, and without the last line's end."""
    want = one(LOGS / name)["collections"]
    data = gzip.decompress((LOGS / name).read_bytes())
    assert len(want) > 5
    (tmp_path / "plain").write_bytes(data)
    with open(tmp_path / "plain", "rb") as stdin:
        assert one("-", stdin=stdin)["collections"] == want
    (tmp_path / "crlf").write_bytes(data.replace(b"\n", b"\r\n"))
    assert one(tmp_path / "crlf")["collections"] == want
    noise = re.sub(rb"\n(?=\[|gc |\d+\.\d+: |20\d\d-)", b"\nrequest 17 took [3] ms: ok (2)\n\n", data)
    assert noise != data
    (tmp_path / "noise").write_bytes(noise)
    assert one(tmp_path / "noise")["collections"] == want
    half = data.index(b"\n", len(data) // 2) + 1
    (tmp_path / "members.gz").write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
    assert one(tmp_path / "members.gz")["collections"] == want
    (tmp_path / "no-end").write_bytes(data.rstrip(b"\n"))
    assert one(tmp_path / "no-end")["collections"] == want


def test_cut_anywhere(tmp_path):
    """A part has the collections of that part, and at most one line that cannot be read."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rnd = random.Random(seed)
    for path, _ in rnd.sample(ROWS, 25):
        data = gzip.decompress(path.read_bytes())
        want = one(path)
        cut = rnd.randrange(len(data))
        (tmp_path / "part").write_bytes(data[:cut])
        got = one(tmp_path / "part")
        n = got["events"]
        assert n <= want["events"] and got["bad_lines"] <= want["bad_lines"] + 1, (path, cut)
        keys = ["kind", "before", "after", "pause_s"]
        # of the last one digits may be missing
        for a, b in zip(got["collections"][:-1], want["collections"]):
            assert [a[k] for k in keys] == [b[k] for k in keys], (path, cut)


def test_damaged_compression(tmp_path):
    data = (LOGS / "go/go1.24-churn.log.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(data[:len(data) // 2])
    p = mp.memprof("gclog", "--json", tmp_path / "cut.gz", check=5)
    assert "compressed data" in p.stderr
    f = json.loads(p.stdout)["files"][0]
    assert 5 < f["events"] < 67


def test_what_is_no_log(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(1 << 20))
    (tmp_path / "line").write_bytes(b"[GC (" * (1 << 18))
    for name in "empty", "zeros", "line":
        f = one(tmp_path / name)
        assert f["events"] == 0 and f["runtime"] is None and f["collections"] == []
        assert f["summary"]["heap_after_max"] is None
    assert "no collections" in mp.memprof("gclog", tmp_path / "empty").stdout
    assert "cannot read" in mp.memprof("gclog", tmp_path / "nowhere", check=3).stderr
    assert "directory" in mp.memprof("gclog", tmp_path, check=3).stderr
    mp.memprof("gclog", check=64)
    # one that is there is read all the same
    p = mp.memprof("gclog", tmp_path / "nowhere", LOGS / "go/go1.24-churn.log.gz", check=3)
    assert "67 collections" in p.stdout


def test_names_are_cleaned(tmp_path):
    evil = b"[0.1s][info][gc] GC(0) Pause \x1b[31mYoung (\x1b]0;x\x07) 6M->1M(34M) 1.450ms\n"
    (tmp_path / "evil").write_bytes(evil)
    assert "\x1b" not in mp.memprof("gclog", tmp_path / "evil").stdout
    one(tmp_path / "evil")


def test_text():
    out = mp.memprof("gclog", LOGS / "v8/node20-compare-trace-gc.log.gz").stdout
    n = one(LOGS / "v8/node20-compare-trace-gc.log.gz")["events"]
    assert f"v8 trace-gc, {n} collections" in out
    assert re.search(r"pauses .* in all, median .* longest", out)


@pytest.mark.parametrize("style", ["v8", "go", "jsonl"])
def test_our_own(style, tmp_path):
    """What the collector prints of itself: as many collections as it says it had."""
    log = tmp_path / "log"
    subprocess.run([mp.BUILD / "examples" / "binary-trees", "12"], env={"MPGC_LOG": f"{style}:{log}"},
                   check=True, capture_output=True, timeout=mp.DEADLINE)
    lines = [x for x in log.read_text().splitlines()
             if not x.startswith(("scav ", '{"type":"release"'))]
    f = one(log)
    assert f["events"] == len(lines) > 3 and f["bad_lines"] == 0
    assert f["runtime"] == {"v8": "v8", "go": "go", "jsonl": "gc"}[style]
    assert f["summary"]["heap_before_max"] > MIB // 2
    if style == "jsonl":
        own = json.loads(lines[3])
        c = f["collections"][3]
        assert [c["before"], c["after"], c["kind"]] == [own["before"], own["after"], own["kind"]]
        assert c["pause_s"] == pytest.approx(own["pause_ns"] / 1e9)
