# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""MPGC_LOG for a program nobody rebuilt: the same run told in three styles."""
import json
import os
import re
import subprocess

import mp
import pytest

# formats as V8 (Node 20) and Go 1.19 print them
V8 = re.compile(r"\[(?P<pid>\d+):0x[0-9a-f]+\] +\d+ ms: (?P<name>Scavenge|Mark-Sweep|Mark-Compact) "
                r"(?P<a>\d+\.\d) \((?P<b>\d+\.\d)\) -> (?P<c>\d+\.\d) \((?P<d>\d+\.\d)\) MB, "
                r"\d+\.\d\d / \d+\.\d\d ms  "
                r"(\(\+ \d+\.\d ms in \d+ steps since start of marking, biggest step \d+\.\d ms, "
                r"walltime since start of marking \d+ ms\) )?"
                r"\(average mu = [01]\.\d{3}, current mu = [01]\.\d{3}\) [a-z ]+; ")
NUM = r"(0|0\.\d{2,3}|[1-9]\.\d|\d+)"
GO = re.compile(rf"gc (?P<n>\d+) @\d+\.\d{{3}}s \d+%: {NUM}\+{NUM}\+{NUM} ms clock, "
                rf"{NUM}\+{NUM}/{NUM}/{NUM}\+{NUM} ms cpu, \d+->\d+->\d+ MB, \d+ MB goal, "
                r"\d+ MB stacks, \d+ MB globals, \d+ P( \(forced\))?")
SCAV = re.compile(r"scav \d+ KiB work \(bg\), \d+ KiB work \(eager\), \d+ KiB now, \d+% util( \(forced\))?")


def run(setting, args=("binary-trees", "14")):
    p = subprocess.run([str(mp.BUILD / "examples" / args[0]), *args[1:]], capture_output=True, text=True,
                       env=dict(os.environ, MPGC_LOG=setting), timeout=600, check=False)
    assert p.returncode == 0, p.stderr
    return p


@pytest.fixture(scope="module")
def v8():
    return run("v8").stderr.splitlines()


def test_v8(v8):
    assert len(v8) > 10
    for line in v8:
        assert V8.fullmatch(line), line
    assert {V8.fullmatch(line)["name"] for line in v8} >= {"Scavenge"}


def test_go_in_a_file(tmp_path, v8):
    """As many collections: the program is deterministic, and so is its collector."""
    path = tmp_path / "go.log"
    p = run(f"go:{path}")
    assert p.stderr == ""
    lines = path.read_text().splitlines()
    n = [int(GO.fullmatch(line)["n"]) for line in lines if not line.startswith("scav")]
    assert n == list(range(1, len(v8) + 1))
    for line in lines:
        assert GO.fullmatch(line) or SCAV.fullmatch(line), line


def test_jsonl(v8):
    lines = [json.loads(line) for line in run("jsonl").stderr.splitlines()]
    gcs = [g for g in lines if g["type"] == "gc"]
    assert [g["n"] for g in gcs] == list(range(1, len(v8) + 1))
    for g, line in zip(gcs, v8):
        m = V8.fullmatch(line)
        assert {"minor": "Scavenge", "major": "Mark-Sweep", "compact": "Mark-Compact"}[g["kind"]] == m["name"]
        assert f"{g['before'] / 2**20:.1f}" == m["a"]
        assert f"{g['after'] / 2**20:.1f}" == m["c"]
        assert sum(g["phases_ns"].values()) >= 0


def test_unknown_style_is_said():
    p = run("v9", ("binary-trees", "6"))
    assert p.stderr == "libmpgc: MPGC_LOG=v9: v8, go, jsonl or none, then :PATH\n"


def test_no_such_folder():
    p = run("go:/nowhere/x", ("binary-trees", "6"))
    assert "/nowhere/x: No such file or directory" in p.stderr
