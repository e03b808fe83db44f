# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Recordings that are not whole: what every command says of them, and with what it ends."""
import contextlib
import json
import os
import struct
import subprocess

import pytest

import mp

FIXTURE = mp.ROOT / "tests/fixtures/minor-2.mprof"
EVENTS = 3  # type of a block


def blocks(data):
    """(offset, length, type) of each block, by the headers."""
    out, off = [], 16
    while off + 48 <= len(data):
        kind, _, stored = struct.unpack_from("<HHI", data, off + 4)
        out.append((off, 48 + stored, kind))
        off += 48 + stored
    return out


@pytest.fixture
def parts(tmp_path):
    """Paths of the recording whole, cut off before its last events, and with those damaged."""
    data = FIXTURE.read_bytes()
    last = [b for b in blocks(data) if b[2] == EVENTS][-1]
    (tmp_path / "whole").write_bytes(data)
    (tmp_path / "cut").write_bytes(data[:last[0] + 20])
    bad = bytearray(data)
    bad[last[0] + last[1] - 5] ^= 1
    (tmp_path / "bad").write_bytes(bad)
    return tmp_path


run = mp.memprof

COMMANDS = [("report",), ("report", "--json"), ("dump",), ("replay", "--plain"), ("top", "--plain", "-i"),
            ("export", "--format", "folded", "-o", "-")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_exit_code(parts, command):
    assert run(*command, parts / "whole").returncode == 0
    for name, word in (("cut", "truncated"), ("bad", "damaged")):
        p = run(*command, parts / name)
        assert p.returncode == 5, p.stderr
        assert word in p.stderr
        assert p.stdout


def report(path):
    return json.loads(run("report", "--json", path).stdout)


def numbers(v):
    """All numbers below v."""
    if isinstance(v, dict):
        return [n for x in v.values() for n in numbers(x)]
    if isinstance(v, list):
        return [n for x in v for n in numbers(x)]
    return [v] if isinstance(v, (int, float)) and not isinstance(v, bool) else []


def test_cut_off_is_the_truth_until_then(parts):
    whole, cut = report(parts / "whole"), report(parts / "cut")
    assert whole["target"]["exited"] is True and whole["target"]["exit_code"] == 0
    assert cut["recording"]["state"] == "truncated"
    assert cut["target"]["exited"] is None and cut["target"]["exit_code"] is None
    assert cut["recording"]["lost"]["disk"] is None
    assert 0 < cut["faults"]["total"] <= whole["faults"]["total"]
    assert cut["rss"]["end"] > 0
    assert {p["exited"] for p in cut["processes"]["list"]} == {None}


def test_behind_damage_nothing_is_claimed(parts):
    bad = report(parts / "bad")
    assert bad["recording"]["state"] == "damaged" and bad["recording"]["bad_blocks"] == 1
    assert bad["recording"]["lost"]["damaged"] > 0
    assert bad["target"]["comm"] == "spike"
    assert bad["target"]["exited"] is None
    for key in ("rss", "account", "classes", "faults", "calls"):
        assert numbers(bad[key]) == [], key
    assert numbers(bad["gc"]) == []
    assert bad["mappings"] is None or numbers([m["resident"] for m in bad["mappings"]]) == []


def test_the_first_lines_say_so(parts):
    cut = run("report", parts / "cut").stdout.splitlines()[:4]
    assert "truncated" in cut[0] and any("cut off" in line for line in cut)
    bad = run("report", parts / "bad").stdout.splitlines()[:6]
    assert "damaged" in bad[0] and any("blocks could not be read" in line for line in bad)


@contextlib.contextmanager
def fed(path):
    """A FIFO has somebody who opens it and writes nothing."""
    if not path.is_fifo():
        yield
        return
    with subprocess.Popen(["sh", "-c", f": > {path}"]) as p:
        yield
        p.wait(mp.DEADLINE)


def test_inputs_that_are_no_files(tmp_path):
    """A FIFO is waited for and read, as a pipe is: of one that ends without a byte nothing is there."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_bytes(b"hello\n" * 100)
    for path, code in (("fifo", 5), (".", 1), ("empty", 5), ("text", 1), ("/dev/zero", 1), ("none", 1)):
        with fed(tmp_path / path):
            p = run("report", tmp_path / path)
        assert p.returncode == code, (path, p.stderr)
        assert p.stderr.startswith("memprof: ") and not p.stdout


def test_symlink_is_followed(parts):
    (parts / "link").symlink_to(parts / "whole")
    assert run("report", parts / "link").returncode == 0


def test_hole_of_terabytes_costs_nothing(parts):
    """A block, a hole, and the rest: found again without reading what is not there."""
    data = FIXTURE.read_bytes()
    first = blocks(data)[0]
    with open(parts / "sparse", "wb") as f:
        f.write(data[:first[0] + first[1]])
        f.seek(1 << 42)
        f.write(data[first[0] + first[1]:])
    p = run("report", "--json", parts / "sparse")
    assert p.returncode == 5
    assert json.loads(p.stdout)["recording"]["state"] == "damaged"
    assert json.loads(p.stdout)["recording"]["blocks"] >= 5
