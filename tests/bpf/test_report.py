# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`report --json` of real recordings against the contract: every key is there with its type
or null, and what must sum does. Further keys may be there; a missing one is a broken script."""
import json
import re

import mp
import pytest

# What a value may be: a number, text, true or false. Most may be null (not known); NEVER
# marks those that may not. A list has its element's shape, MAP the shape of every value.
NUM, STR, BOOL, HEX = "number", "string", "bool", "hex"
NEVER = "never null:"
RANGE = {"start": NUM, "max": NUM, "end": NUM}
CALL = {"calls": NUM, "failed": NUM, "bytes": NUM, "rss_delta": NUM, "seconds": NUM}


class Map(dict):
    """An object with any keys."""


class Nullable:
    """A list or object that is null where nothing of it can be known."""

    def __init__(self, shape):
        self.shape = shape


CONTRACT = {
    "version": NEVER + NUM,
    "recording": {"state": NEVER + STR, "duration_s": NEVER + NUM, "events": NEVER + NUM,
                  "blocks": NEVER + NUM, "bytes": NEVER + NUM,
                  "lost": Map({"total": NUM, "*": NUM})},
    "target": {"pid": NUM, "comm": STR, "exe": STR, "exited": BOOL, "exit_code": NUM},
    "probes": Map({"*": STR}),
    "rss": {"start": NUM, "max": NUM, "end": NUM, "anon": NUM, "file": NUM, "shmem": NUM,
            "swap": NUM, "lazyfree": NUM},
    "account": {"live_heap": NUM, "free_heap_resident": NUM, "arenas": NUM, "stacks": NUM,
                "other_anon": NUM, "file": NUM, "shmem": NUM, "unknown": NUM, "rss": NUM,
                "lazy_heap": NUM},
    "faults": {"total": NUM, "user": NUM, "kernel": NUM, "major": NUM, "cow": NUM,
               "pages_added": NUM},
    "calls": {"mmap": CALL, "munmap": CALL, "mremap": CALL, "brk": CALL, "madvise": CALL,
              "madvise_by_advice": Map({"*": {"calls": NUM, "bytes": NUM, "rss_delta": NUM}})},
    "heap": [{"source": NEVER + STR, "used": RANGE, "committed": RANGE, "external": RANGE, "arrays": NUM, "limit": NUM,
              "spaces": Map({"*": {"used": NUM, "committed": NUM, "resident": NUM}})}],
    "gc": {"minor": NUM, "major": NUM, "other": NUM, "pause_s": {"total": NUM, "p50": NUM, "max": NUM},
           "collections": [{"t": NEVER + NUM, "kind": NEVER + STR, "reason": STR, "before": NUM,
                            "after": NUM, "pause_s": NUM, "freed": NUM, "returned": NUM,
                            "rss_fell": NUM, "return_lag_s": NUM, "refaulted": NUM}],
           "owed": {"max": NUM, "end": NUM}},
    "mappings": Nullable([{"start": NEVER + HEX, "end": NEVER + HEX, "perms": NEVER + STR,
                           "name": NEVER + STR, "class": NEVER + STR, "resident": NUM, "faults": NUM,
                           "released": NUM}]),
    "sites": Nullable([{"pages": NEVER + NUM, "bytes": NEVER + NUM, "stack": Nullable([NEVER + STR])}]),
    "series": {"interval_s": NUM, "t": [NEVER + NUM], "rss": [NUM], "heap_used": [NUM],
               "heap_committed": [NUM], "external": [NUM], "owed": [NUM]},
}

FITS = {NUM: lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
        STR: lambda v: isinstance(v, str), BOOL: lambda v: isinstance(v, bool),
        HEX: lambda v: isinstance(v, str) and re.fullmatch(r"0x[0-9a-f]+", v)}


def walk(shape, v, path):
    """Every key of the shape, with a value that fits."""
    if isinstance(shape, Nullable):
        if v is None:
            return
        shape = shape.shape
    if isinstance(shape, str):
        if v is None:
            assert not shape.startswith(NEVER), f"{path} is null"
        else:
            assert FITS[shape.removeprefix(NEVER)](v), f"{path} is {v!r}"
    elif isinstance(shape, list):
        assert isinstance(v, list), f"{path} is {v!r}"
        for i, one in enumerate(v):
            walk(shape[0], one, f"{path}[{i}]")
    else:
        assert isinstance(v, dict), f"{path} is {v!r}"
        for k in shape.keys() - {"*"}:
            assert k in v, f"{path}.{k} is missing"
        for k, one in v.items():
            if k in shape or "*" in shape:
                walk(shape[k if k in shape else "*"], one, f"{path}.{k}")


def known(*values):
    return all(v is not None for v in values)


def check(rep):
    """The contract's shape, and its sums."""
    walk(CONTRACT, rep, "report")
    account, rss, faults = rep["account"], rep["rss"], rep["faults"]
    if known(account["rss"]):
        parts = [v for k, v in account.items() if k not in ("rss", "lazy_heap")]
        assert sum(v or 0 for v in parts) == account["rss"] == rss["end"]
        assert rss["anon"] + rss["file"] + rss["shmem"] == rss["end"] <= rss["max"]
    if rep["mappings"] is not None and known(account["rss"]):
        pages = sum(m["resident"] for m in rep["mappings"])
        # which pages of files came with others shows late: only these may be missing
        assert abs(account["rss"] - pages) <= abs(account["unknown"]) + rss["file"] + rss["shmem"]
        assert sum(rep["classes"].values()) == pages
        starts = [int(m["start"], 16) for m in rep["mappings"]]
        assert starts == sorted(starts)
        assert all(m["resident"] <= int(m["end"], 16) - int(m["start"], 16) for m in rep["mappings"])
    if known(faults["total"]):
        assert faults["user"] + faults["kernel"] == faults["total"]
        kinds = [v for v in faults["kinds"].values() if v is not None]
        assert sum(kinds) == faults["total"]
    for s in rep["sites"] or []:
        assert s["bytes"] == s["pages"] * mp.PAGE
        for frame in s["stack"] or []:
            assert re.fullmatch(r".+\+0x[0-9a-f]+( \(.+\))?|.+ offset 0x[0-9a-f]+|0x[0-9a-f]+", frame, re.S), frame
    series = rep["series"]
    assert len({len(v) for k, v in series.items() if k != "interval_s"}) == 1
    assert series["t"] == sorted(series["t"])
    gcs = rep["gc"]
    if known(gcs["minor"]):
        assert gcs["minor"] + gcs["major"] + gcs["other"] == len(gcs["collections"]) + gcs["older"]
    assert all(c["returned"] <= c["freed"] for c in gcs["collections"])
    lost = dict(rep["recording"]["lost"])
    total = lost.pop("total")
    assert total == (None if None in lost.values() else sum(lost.values()))
    return rep


COMMANDS = {
    "gc": ["{build}/examples/binary-trees", "14"],
    "none": ["{build}/examples/binary-trees", "18"],
    "node": ["node", "{src}/node/churn.js"],
    "java": ["java", "-XX:+UseSerialGC", "-version"],
    "go": ["go", "version"],
    "shell": ["sh", "-c", "for i in 1 2 3; do ls /usr/share/doc >/dev/null; done; true"],
}
ARGS = {"none": ["--hooks", "none"], "shell": ["--follow-forks"]}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Every program, recorded once; further files are damaged copies."""
    mp.need_bpf()
    dir = tmp_path_factory.mktemp("report")
    for name, cmd in COMMANDS.items():
        mp.need_command(cmd[0].format(build=mp.BUILD))
        argv = [c.format(build=mp.BUILD, src=mp.ROOT / "tests" / "workloads") for c in cmd]
        mp.memprof("record", "-q", "-o", dir / name, *ARGS.get(name, []), "--", *argv, check=0)
    data = (dir / "node").read_bytes()
    (dir / "cut").write_bytes(data[:len(data) // 2])
    (dir / "stub").write_bytes(data[:1500])
    (dir / "hole").write_bytes(data[:len(data) // 2] + bytes(500) + data[len(data) // 2 + 500:])
    return dir


CODES = {"cut": 5, "stub": 5, "hole": 5}


@pytest.mark.parametrize("name", [*COMMANDS, *CODES])
def test_contract(recordings, name):
    check(mp.report(recordings / name, code=CODES.get(name, 0)))


@pytest.mark.parametrize("name", [*COMMANDS, *CODES])
def test_text_fits(recordings, name):
    """Eighty columns, no control characters, and a first line that says what it is about."""
    text = mp.memprof("report", recordings / name, check=CODES.get(name, 0)).stdout
    assert max(map(len, text.splitlines())) <= 80, max(text.splitlines(), key=len)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert re.match(r"\S+ \(\d+\), .* recorded|No process was seen", text)


def test_what_is_not_seen_is_null(recordings):
    none = mp.report(recordings / "none")
    assert none["faults"]["total"] is None and none["calls"]["mmap"]["calls"] is None
    assert none["sites"] is None and none["releases"] is None
    assert none["gc"]["minor"] > 0, "the collector's own counters need no hooks"
    rep = mp.report(recordings / "shell")
    assert rep["gc"]["minor"] is None and rep["gc"]["owed"]["end"] is None
    assert "not seen: no heap source" in mp.memprof("report", recordings / "shell").stdout


def test_every_process_is_listed_and_can_be_reported(recordings):
    rep = mp.report(recordings / "shell")
    rows = rep["processes"]["list"]
    assert rep["processes"]["seen"] == len(rows) == 4
    assert [r["comm"] for r in rows].count("ls") == 3
    assert rep["processes"]["rss_max"] == max(r["rss_max"] for r in rows) == rows[0]["rss_max"]
    assert rep["processes"]["faults"] == sum(r["faults"] for r in rows)
    for row in rows:
        one = check(mp.report(recordings / "shell", pid=row["pid"]))
        assert one["target"]["pid"] == row["pid"] and one["target"]["comm"] == row["comm"]
        assert one["rss"]["max"] == row["rss_max"] and one["faults"]["total"] == row["faults"]
        assert row["exited"] and row["started_t"] <= row["exited_t"]
    text = mp.memprof("report", recordings / "shell").stdout
    assert "One of 4 processes" in text and len(re.findall(r"^\W+\d+ ls ", text, re.M)) == 3
    assert mp.memprof("report", recordings / "shell", "-p", "1", check=3).stderr


def test_the_recording_says_when_and_where(recordings):
    rec = mp.report(recordings / "gc")["recording"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rec["started_at"])
    assert rec["started_at"] < rec["ended_at"]
    assert rec["cpus"] >= 1 and rec["page_size"] == mp.PAGE and rec["kernel"] and rec["memprof"]
    assert rec["clocks"] == [] and rec["trigger"] is None
