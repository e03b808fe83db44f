# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`export --format jsonl`: every line by its own schema, sums by the report."""
import collections
import copy
import json
import os

import mp
import pytest

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

WALL = 1_600_000_000_123_456_789


def session(path, steps, *more):
    mp.subprocess.run([mp.BUILD / "tests/tools/session", path, str(steps), str(WALL), *more], check=True)
    return path


def lines(path, *args, code=0):
    text = mp.memprof("export", path, "--format", "jsonl", *args, check=code).stdout
    assert text.endswith("\n")
    return [json.loads(ln) for ln in text.splitlines()]


@pytest.fixture(scope="module")
def schema():
    s = json.loads(mp.memprof("export", "--schema", "--format", "jsonl", check=0).stdout)
    jsonschema.Draft202012Validator.check_schema(s)
    return s


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """A recording with every type of event."""
    return session(tmp_path_factory.mktemp("jsonl") / "every.mprof", 200, "every")


def validators(schema):
    return {name: jsonschema.Draft202012Validator(dict(d, **{"$schema": schema["$schema"]}))
            for name, d in schema["$defs"].items()}


def test_lines_are_what_the_schema_says(schema, every):
    by_type = validators(schema)
    got = lines(every)
    for ln in got:
        by_type[ln["type"]].validate(ln)
    # and no line is what another one's schema allows
    whole = jsonschema.Draft202012Validator(schema)
    for name in by_type:
        whole.validate(next(ln for ln in got if ln["type"] == name or name == "keyframe"))


def test_every_type_has_lines(schema, every):
    # state dumps stand in a recording that is read from the middle on
    assert {ln["type"] for ln in lines(every)} == set(schema["$defs"]) - {"keyframe"}


def test_the_schema_refuses_what_is_none(schema, every):
    by_type = validators(schema)
    seen = set()
    for ln in lines(every):
        if ln["type"] in seen:
            continue
        seen.add(ln["type"])
        for key in ln:
            less = copy.copy(ln)
            del less[key]
            # what is told of some calls only may lack
            if key in schema["$defs"][ln["type"]]["required"]:
                assert not by_type[ln["type"]].is_valid(less), f"{ln} without {key}"
        assert not by_type[ln["type"]].is_valid(dict(ln, more=1))
        assert not by_type[ln["type"]].is_valid(dict(ln, ts_ns="1"))


def test_frame_of_the_stream(every):
    """The first line has the wall clock, the last the state; all have their time."""
    got = lines(every)
    start = got[0]["ts_ns"]
    assert got[0]["type"] == "recording" and got[0]["wall_ns"] == WALL
    assert got[-1]["type"] == "end" and got[-1]["state"] == "clean"
    assert [ln["type"] for ln in got].count("recording") == 1
    for ln in got:
        assert abs(ln["t"] - (ln["ts_ns"] - start) / 1e9) < 1e-6, ln


def test_sums_are_the_reports(tmp_path):
    path = session(tmp_path / "r", 3000)
    rep, got = mp.report(path), lines(path)
    by_type = collections.defaultdict(list)
    for ln in got:
        by_type[ln["type"]].append(ln)
    assert sum(ln["pages"] for ln in by_type["fault"]) == rep["faults"]["total"] > 0
    calls = [ln for ln in by_type["call"] if ln["call"] == "madvise" and ln["advice"] == "dontneed"]
    assert len(calls) == rep["calls"]["madvise_by_advice"]["dontneed"]["calls"] > 0
    assert sum(ln["len"] for ln in calls) == rep["calls"]["madvise"]["bytes"]
    assert sum(ln["anon"] + ln["file"] + ln["shmem"] for ln in calls) == rep["calls"]["madvise"]["rss_delta"]
    assert len(by_type["gc"]) == rep["gc"]["major"] > 0
    assert [ln["before"] for ln in by_type["gc"]] == [g["before"] for g in rep["gc"]["collections"]]
    assert sum(ln["pause_ns"] for ln in by_type["gc"]) / 1e9 == pytest.approx(rep["gc"]["pause_s"]["total"])
    assert by_type["rss"][-1]["anon"] == rep["rss"]["anon"]
    assert by_type["rss"][-1]["lazyfree"] is None is rep["rss"]["lazyfree"]
    last = [ln for ln in got if ln["type"] in ("heap", "gc")][-1]
    assert last.get("used", last.get("after")) == rep["heap"][0]["used"]["end"]
    assert got[-1]["events"] == rep["recording"]["events"]


def test_one_process(tmp_path):
    """-p: its events, and those that are nobody's."""
    mp.need_bpf()
    out = tmp_path / "r"
    mp.memprof("record", "--follow-forks", "-q", "-o", out, "--", "sh", "-c", "ls / >&2; ls / >&2", check=0)
    pids = {ln["pid"] for ln in lines(out) if ln["type"] == "fault"}
    assert len(pids) == 3
    for pid in pids:
        got = lines(out, "-p", pid)
        assert {ln["pid"] for ln in got if ln["type"] == "fault"} == {pid}
        assert {ln["pid"] for ln in got} <= {pid, None}


def test_damage_is_told(tmp_path):
    """A block less: the state dump behind it is marked, and the end says so."""
    path = session(tmp_path / "r", 4000)
    data = bytearray(path.read_bytes())
    at = data.index(b"MPB\x01", data.index(b"MPB\x01", 17) + 48) + 60
    data[at] ^= 0xff
    path.write_bytes(data)
    got = lines(path, code=5)
    assert got[-1]["state"] == "damaged"
    assert [ln["cause"] for ln in got if ln["type"] == "loss"] == ["damaged"]
    dump = [ln for ln in got if ln.get("state") is True]
    assert {"map", "rss", "task"} <= {ln["type"] for ln in dump}


def test_real_program(tmp_path, schema):
    """Stacks have their frames, calls their call."""
    hooks = [] if os.geteuid() == 0 else ["--hooks=none"]
    with mp.Workload("dontneed", 1024) as w:
        with mp.Recording(w.pid, tmp_path / "r", *hooks) as r:
            w.step("touched")
            w.step("dontneed")
            r.stop()
    by_type = validators(schema)
    got = lines(r.path)
    for ln in got:
        by_type[ln["type"]].validate(ln)
    stacks = {ln["id"]: ln for ln in got if ln["type"] == "stack"}
    for s in stacks.values():
        assert len(s["frames"]) == len(s["ips"]) > 0
    used = {ln["stack"] for ln in got if ln["type"] == "site"} - {None}
    assert used <= set(stacks)
    if not hooks:
        assert any("dontneed" in f for s in stacks.values() for f in s["frames"])
        calls = [ln for ln in got if ln["type"] == "call" and ln["call"] == "madvise"]
        assert [(ln["len"], ln["anon"]) for ln in calls] == [(512 * mp.PAGE, -512 * mp.PAGE)]
