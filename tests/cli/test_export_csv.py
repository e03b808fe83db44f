# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`export --format csv`: read by sqlite3 and by Python, sums by the report."""
import csv
import datetime
import io
import json
import os
import re
import shutil
import struct
import subprocess

import mp
import pytest
from test_export_jsonl import WALL, session

TABLES = ["series", "collections", "calls", "faults", "mappings", "releases", "sites", "processes"]


def table(path, name, *args, code=0):
    """Rows as dictionaries; raw text is checked for its form on the way."""
    p = subprocess.run([mp.MEMPROF, "export", path, "--format", "csv", "--table", name, *map(str, args)],
                       capture_output=True, check=False)
    assert p.returncode == code, p.stderr
    text = p.stdout.decode()
    assert text.endswith("\r\n") and not re.search(r"(?<!\r)\n", text)
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(r) for r in rows} == {len(rows[0])}, "rows of one length"
    return [dict(zip(rows[0], r)) for r in rows[1:]]


def schema(name):
    return mp.memprof("export", "--schema", "--format", "csv", "--table", name, check=0).stdout


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return session(tmp_path_factory.mktemp("csv") / "r.mprof", 3000)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A program that gives back, recorded with what this machine allows."""
    hooks = [] if os.geteuid() == 0 else ["--hooks=none"]
    with mp.Workload("dontneed", 1024) as w:
        with mp.Recording(w.pid, tmp_path_factory.mktemp("csv") / "real.mprof", *hooks) as r:
            for s in "touched", "dontneed", "refault":
                w.step(s)
            r.stop()
    return r.path


def total(rows, key):
    return sum(float(r[key]) if "." in r[key] else int(r[key]) for r in rows if r[key])


def test_series(path):
    rep, rows = mp.report(path), table(path, "series")
    bands = ["live_heap", "free_heap_resident", "malloc_arenas", "brk", "stacks", "other_anon", "file",
             "shmem", "lazyfree", "unknown"]
    known = [r for r in rows if r["rss"]]
    assert len(known) > 1000
    for r in known:
        assert sum(int(r[b] or 0) for b in bands) == int(r["rss"]), r
    assert int(known[-1]["rss"]) == rep["rss"]["end"]
    assert max(int(r["rss_max"]) for r in known) == rep["rss"]["max"]
    assert total(rows, "faults") == rep["faults"]["total"]
    assert total(rows, "gc_major") == rep["gc"]["major"]
    assert total(rows, "gc_other") == rep["gc"]["other"]
    assert total(rows, "gc_pause_s") == pytest.approx(rep["gc"]["pause_s"]["total"])
    assert total(rows, "madvise_calls") == rep["calls"]["madvise"]["calls"]
    assert int(rows[-1]["owed"]) == rep["gc"]["owed"]["end"]
    # no source told of external memory: empty, not 0
    assert {r["external"] for r in rows} == {""}


def test_series_by_the_interval(path):
    fine, rows = table(path, "series"), table(path, "series", "--interval", "5")
    t = [float(r["t"]) for r in rows]
    assert len(rows) < len(fine) / 10 and all(4.9 < b - a < 5.1 for a, b in zip(t, t[1:]))
    for key in "faults", "gc_major", "madvise_dropped":
        assert total(rows, key) == total(fine, key) > 0


def test_wall_clock(path):
    row = table(path, "series")[0]
    at = datetime.datetime.strptime(row["time"][:-4], "%Y-%m-%dT%H:%M:%S.%f").replace(
        tzinfo=datetime.timezone.utc)
    assert abs(at.timestamp() - (WALL // 1000 / 1e6 + float(row["t"]))) < 1e-5
    assert row["time"].endswith("Z")


def test_collections_and_processes(path):
    rep = mp.report(path)
    rows = table(path, "collections")
    for r, g in zip(rows, rep["gc"]["collections"], strict=True):
        assert (r["kind"], int(r["before"]), int(r["after"]), int(r["freed"]), int(r["returned"])) == (
            g["kind"], g["before"], g["after"], g["freed"], g["returned"])
        assert float(r["pause_s"]) == g["pause_s"] and float(r["t"]) == g["t"]
        assert (float(r["return_lag_s"]) if r["return_lag_s"] else None) == g["return_lag_s"]
    (p,) = table(path, "processes")
    assert (int(p["pid"]), p["comm"], int(p["rss_max"])) == (100, "churn", rep["rss"]["max"])
    assert p["exit_code"] == "" and p["exe"] == ""
    assert table(path, "processes", "-p", 100) == [p]


def test_calls_faults_and_mappings(real):
    rep = mp.report(real)
    if rep["probes"]["calls"] == "absent":
        mp.lacking("no hook for calls")
    calls, faults = table(real, "calls"), table(real, "faults")
    assert total(faults, "pages") == rep["faults"]["total"]
    (drop,) = [c for c in calls if c["advice"] == "dontneed"]
    assert (int(drop["anon"]), int(drop["len"])) == (-512 * mp.PAGE, 512 * mp.PAGE)
    maps = table(real, "mappings")
    for r, m in zip(maps, rep["mappings"], strict=True):
        got = (r["addr"], r["name"], r["class"], int(r["resident"]), int(r["faults"]))
        assert got == (m["start"], m["name"], m["class"], m["resident"], m["faults"])
    rel = table(real, "releases")
    assert total([r for r in rel if r["advice"] == "dontneed"], "released") == 512 * mp.PAGE
    assert any(r["stack"] for r in rel)
    sites = table(real, "sites")
    assert total(sites, "pages") == sum(s["pages"] for s in rep["sites"])


@pytest.mark.parametrize("name", TABLES)
def test_sqlite_takes_every_table(real, tmp_path, name):
    """The statement creates it, .import fills it, the types are those of the schema."""
    mp.need_command("sqlite3")
    db, rows = tmp_path / "r.db", table(real, name)
    subprocess.run(["sqlite3", db], input=schema(name), text=True, check=True)
    out = tmp_path / "r.csv"
    mp.memprof("export", real, "--format", "csv", "--table", name, "-o", out, check=0)
    subprocess.run(["sqlite3", db, f".import --csv --skip 1 {out} {name}"], check=True)
    p = subprocess.run(["sqlite3", "-json", db, f"select * from {name}"], capture_output=True, text=True,
                       check=True)
    got = json.loads(p.stdout or "[]")
    assert len(got) == len(rows) > (0 if name in ("series", "processes") else -1)
    types = dict(re.findall(r'"(\w+)" (\w+)', schema(name).split("(", 1)[1]))
    for g, r in zip(got, rows):
        assert list(g) == list(r) == list(types)
        for key, value in g.items():
            if r[key] == "":
                assert value == ""
            elif types[key] == "INTEGER":
                assert isinstance(value, int) and value == int(r[key])
            elif types[key] == "REAL":
                assert value == pytest.approx(float(r[key]))
            else:
                assert value == r[key]


def test_sql_sums(path, tmp_path):
    mp.need_command("sqlite3")
    db, rep = tmp_path / "r.db", mp.report(path)
    subprocess.run(["sqlite3", db], input=schema("series"), text=True, check=True)
    text = mp.memprof("export", path, "--format", "csv", check=0).stdout  # series is the default
    subprocess.run(["sqlite3", db, ".import --csv --skip 1 /dev/stdin series"], input=text, text=True,
                   check=True)
    got = subprocess.run(["sqlite3", db, "select sum(faults), max(nullif(rss_max, '')), sum(gc_major) from series"],
                         capture_output=True, text=True, check=True).stdout.strip()
    assert got == f'{rep["faults"]["total"]}|{rep["rss"]["max"]}|{rep["gc"]["major"]}'


def test_text_from_outside(tmp_path):
    """Quotes, commas and control characters of names stay inside of their cell."""
    odd = session(tmp_path / "r", 50, "every")
    for name in TABLES:
        for r in table(odd, name):
            for value in r.values():
                assert not re.search(r"[\x00-\x1f\x7f]", value), repr(value)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_formula(tmp_path, name):
    """A program may have a name that a spreadsheet would work out."""
    shutil.copy("/bin/true", tmp_path / name)
    hooks = [] if os.geteuid() == 0 else ["--hooks=none"]
    mp.memprof("record", "-q", *hooks, "-o", tmp_path / "r.mprof", "--", tmp_path / name, check=0)
    (row,) = table(tmp_path / "r.mprof", "processes")
    assert name in mp.memprof("dump", tmp_path / "r.mprof", check=0).stdout
    assert "'" + name in row.values() and name not in row.values()


def test_what_cannot_be_replaced(path, tmp_path):
    """Nobody is told to remove a device or a directory."""
    for out in "/dev/null", tmp_path:
        assert "remove" not in mp.memprof("export", path, "--format", "csv", "-o", out, check=1).stderr
    p = mp.memprof("export", "--schema", "--format", "html", check=64)
    assert "jsonl" in p.stderr and "csv" in p.stderr


def test_no_such_table(path):
    p = mp.memprof("export", path, "--format", "csv", "--table", "nonsense", check=64)
    assert "series" in p.stderr and p.stdout == ""
    p = mp.memprof("export", path, "--format", "jsonl", "--table", "series", check=64)
    assert "jsonl" in p.stderr


def test_sums_behind_damage_are_empty(path, tmp_path):
    """The last events are unreadable: what was counted is not known, as in the report."""
    data, starts = bytearray(path.read_bytes()), []
    at = 16
    while at < len(data):
        kind, _, stored = struct.unpack_from("<HHI", data, at + 4)
        starts += [at] if kind == 3 else []
        at += 48 + stored
    data[starts[-1] + 60] ^= 0xff
    bad = tmp_path / "bad"
    bad.write_bytes(data)
    rep = mp.report(bad, code=5)
    (p,) = table(bad, "processes", code=5)
    assert rep["faults"]["total"] is None and rep["rss"]["max"] is None and rep["gc"]["major"] is None
    assert p["faults"] == p["rss_max"] == p["gc_major"] == p["pages_added"] == p["forks"] == ""
    assert p["comm"] == "churn"
