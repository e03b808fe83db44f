# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`export --redact`: no path and no address of before, all figures as before."""
import gzip
import json
import os
import re
import shutil
import struct
import zlib

import mp
import pytest
from test_export_jsonl import session

SECRET = "very-private"  # of a folder, a program, a file and a thread
FIELD = re.compile(r' (addr|start|end|old|ret|ip\d?)=(0x[0-9a-f]+)')
LOW = (64 << 20) - 1


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A program of a private name in a private folder that maps a private file."""
    folder = tmp_path_factory.mktemp("redact") / SECRET
    folder.mkdir()
    program = folder / f"{SECRET}-program"
    shutil.copy(mp.BUILD / "workloads" / "file-map", program)
    hooks = [] if os.geteuid() == 0 else ["--hooks=none"]
    (folder / "data").write_bytes(os.urandom(64 * mp.PAGE))
    out = folder.parent / "r.mprof"
    argv = [str(program), str(folder / "data")]
    with mp.Workload("", argv=argv, cwd=folder) as w, mp.Recording(w.pid, out, *hooks) as r:
        for step in "mapped", "read", "written":
            w.step(step)
        r.stop()
    return out


@pytest.fixture(scope="module")
def redacted(real):
    out = real.parent / "shared.mprof"
    mp.memprof("export", real, "--format", "mprof", "--redact", "-o", out, check=0)
    return out


def dump(path, code=0):
    """Lines of the events; strings apart, and summaries and facts that differ left out."""
    lines = mp.memprof("dump", path, check=code).stdout.splitlines()
    return [ln for ln in lines if ln.split(None, 2)[1] not in ("str", "point.1s", "point.10s", "point.5min")]


def payloads(path):
    """All blocks of a recording, inflated, one after the other (memprof-recording(5))."""
    data = path.read_bytes()
    at, out = 16, [data[:16]]
    while at < len(data):
        flags, stored = struct.unpack_from("<HI", data, at + 6)
        body = data[at + 48:at + 48 + stored]
        out.append(zlib.decompress(body) if flags & 15 else body)
        at += 48 + stored
    return b"".join(out)


def addresses(path, code=0):
    """Every address that a dump shows, of what is mapped where the kernel chooses."""
    return {int(m[2], 16) for ln in dump(path, code) for m in FIELD.finditer(ln)
            if 1 << 40 < int(m[2], 16) < 1 << 47}


def figures(path, **kw):
    """The report without names, places, and what is of the file and not of the program."""
    def strip(o):
        if isinstance(o, dict):
            gone = {"comm", "exe", "name", "path"} | ({"blocks", "bytes", "events"} if "state" in o else set())
            return {k: strip(v) for k, v in o.items()
                    if k not in gone and not (k in ("start", "end") and isinstance(v, str))}
        if isinstance(o, list):
            texts = o and all(isinstance(x, str) for x in o)  # a stack: as many frames
            return len(o) if texts else [strip(x) for x in o]
        return o
    return strip(mp.report(path, **kw))


def test_figures_are_what_they_were(real, redacted):
    assert figures(redacted) == figures(real)
    assert mp.report(redacted)["recording"]["state"] == "clean"


def test_no_path_is_left(real, redacted):
    assert SECRET.encode() in payloads(real)
    data = payloads(redacted)
    assert SECRET.encode() not in data and SECRET[:10].encode() not in data
    rep = mp.report(redacted)
    names = {m["name"] for m in rep["mappings"] or []}
    assert {n for n in names if n.startswith("/")} == set()
    assert "libc.so.6" in names and "[stack]" in names and any(n.startswith("program-") for n in names)
    assert any(n.startswith("file-") for n in names)
    assert rep["target"]["exe"].startswith("program-") and rep["target"]["comm"].startswith("name-")
    for ln in dump(redacted):
        for text in re.findall(r'="((?:[^"\\]|\\.)*)"', ln):
            assert "/" not in text or "cgroup" in text, ln


def test_no_address_is_left(real, redacted):
    before, after = addresses(real), addresses(redacted)
    assert len(before) > 20 and len(before) == len(after)
    assert not before & after
    data = payloads(redacted)
    # a round address (file-map puts a page at 1 << 44) is the same bytes as any small number behind zeros
    told = [b for b in (struct.pack("<Q", a)[:6] for a in before) if len(b) - b.count(0) >= 4]
    assert len(told) > 20
    for b in told:
        assert b not in data
    # the pages of random places cannot be told from those of the redacted ones
    assert not {a >> 26 for a in before} & {a >> 26 for a in after}


def test_the_map_is_one(real, redacted):
    """Event by event: the same address becomes the same, in order, its low bits kept."""
    a, b = dump(real), dump(redacted)
    assert len(a) == len(b)
    to = {}
    for x, y in zip(a, b):
        assert x.split(" ", 2)[:2] == y.split(" ", 2)[:2]
        for m, n in zip(FIELD.finditer(x), FIELD.finditer(y), strict=True):
            assert m[1] == n[1]
            assert to.setdefault(int(m[2], 16), int(n[2], 16)) == int(n[2], 16), x
    order = sorted(to.items())
    assert [v for _, v in order] == sorted(set(to.values())), "the order is kept, and none become one"
    for before, after in order:
        assert before & LOW == after & LOW


@pytest.mark.parametrize("fmt", ["jsonl", "csv", "openmetrics", "folded", "perfetto", "pprof", "html"])
def test_every_format_is_free_of_them(real, tmp_path, fmt):
    formats = mp.memprof("export", "--list", check=0).stdout
    if fmt not in formats:
        pytest.skip(f"no format {fmt} yet")
    before = addresses(real)
    for args in [["--table", t] for t in ("series", "calls", "faults", "mappings", "releases", "sites",
                                          "processes")] if fmt == "csv" else [[]]:
        out = tmp_path / ("out" + "".join(args))
        mp.memprof("export", real, "--format", fmt, "--redact", "-o", out, *args, check=0)
        data = out.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        assert SECRET.encode() not in data and str(real.parent).encode() not in data
        text = data.decode(errors="replace")
        assert not before & {int(a, 16) for a in re.findall(r"0x([0-9a-f]{6,16})\b", text)}


def test_facts_that_stay_and_go(tmp_path):
    """Every type of event passes; the wall clock stays."""
    path = session(tmp_path / "r", 500, "every")
    out = tmp_path / "shared"
    mp.memprof("export", path, "--format", "mprof", "--redact", "-o", out, check=0)

    def lines(p):
        text = mp.memprof("export", p, "--format", "jsonl", check=0).stdout
        return [json.loads(ln) for ln in text.splitlines()]

    a, b = lines(path), lines(out)
    assert a[0] == b[0]
    gone = [ln for ln in a if ln["type"] == "meta" and ln["key"] in ("cmdline", "environ")]
    assert len(gone) == 2 and not [ln for ln in b if ln.get("key") in ("cmdline", "environ")]
    rest = [ln for ln in a if ln not in gone]
    assert [(ln["type"], ln["ts_ns"]) for ln in rest] == [(ln["type"], ln["ts_ns"]) for ln in b]


def test_again_without_redact(real, tmp_path):
    """A recording written anew is the recording."""
    out = tmp_path / "again"
    mp.memprof("export", real, "--format", "mprof", "-o", out, check=0)
    assert dump(out) == dump(real)
    assert figures(out) == figures(real)


def test_damage(tmp_path):
    """What damage left is redacted: state dumps, too."""
    path = session(tmp_path / "r", 4000)
    data = bytearray(path.read_bytes())
    at = data.index(b"MPB\x01", data.index(b"MPB\x01", 17) + 48) + 60
    data[at] ^= 0xff
    path.write_bytes(data)
    out = tmp_path / "shared"
    mp.memprof("export", path, "--format", "mprof", "--redact", "-o", out, check=5)
    a, b = figures(path, code=5), figures(out)
    assert a["recording"].pop("state") == "damaged" and b["recording"].pop("state") == "clean"
    assert (a["recording"].pop("bad_blocks"), b["recording"].pop("bad_blocks")) == (1, 0)
    assert a == b and a["recording"]["lost"]["damaged"] == b["recording"]["lost"]["damaged"]
    assert not addresses(path, 5) & addresses(out)


def test_a_recording_that_was_cut_off(real, tmp_path):
    """What is made of it ends as open as it does: nobody saw how it went on."""
    whole = real.read_bytes()
    path, out = tmp_path / "r", tmp_path / "shared"
    path.write_bytes(whole[:-96])  # END is what it lacks
    mp.memprof("export", path, "--format", "mprof", "--redact", "-o", out, check=5)
    a, b = figures(path, code=5), figures(out, code=5)
    assert a == b and b["recording"]["state"] == "truncated" and b["target"]["exited"] is None
