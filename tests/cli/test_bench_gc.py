# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The collector's benchmarks: every counterpart does what gc/examples/ do."""
import json
import re
import subprocess
import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tests" / "bench"))
import collector  # noqa: E402

PEERS = [p for p in collector.LABEL if p != "ours"]


@pytest.fixture(scope="module")
def built():
    return collector.build(mp.BUILD)


def output(args):
    p = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=600, check=False)
    assert p.returncode == 0, f"{args}\n{p.stdout}\n{p.stderr}"
    return p.stdout


def figures_away(program, text):
    """Times and RSS differ; what the program computed does not."""
    return re.sub(r"[\d.]+", "N", text) if program == "spike" else text


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("program", collector.PROGRAMS)
def test_same_work(built, program, peer):
    programs, missing = built
    if peer in missing:
        pytest.skip(missing[peer])
    if (program, peer) not in programs:
        assert peer in collector.PROGRAMS[program][2]
        return
    args = collector.PROGRAMS[program][1].split()
    ours, theirs = (output([*programs[program, p], *args]) for p in ("ours", peer))
    assert figures_away(program, ours) == figures_away(program, theirs)
    assert re.search(r"\d", ours)


@pytest.mark.parametrize("peer", ["ours", "bdwgc", "node", "go"])
def test_pauses_are_reported(built, peer):
    programs, missing = built
    if peer in missing:
        pytest.skip(missing[peer])
    run = [*programs["queue", peer], *(["-v", "200000"] if peer == "ours" else ["200000", "-v"])]
    p = subprocess.run([str(a) for a in run], capture_output=True, text=True, timeout=600, check=True)
    found = collector.pauses_of(p.stderr)
    assert found, p.stderr
    for n, p50, p99, longest in found.values():
        assert n > 0
        assert 0 < p50 <= p99 <= longest < 10e6


def test_what_a_run_takes(built):
    """timed counts the program, not the Python that started it."""
    assert built
    timed = mp.BUILD / "bench" / "gc" / "timed"
    if not timed.exists():
        pytest.skip("make bench builds it")
    p = subprocess.run([timed, "sh", "-c", "exit 3"], capture_output=True, text=True, timeout=600, check=True)
    wall, cpu, peak, status = p.stderr.split()
    assert status == "3"
    assert float(wall) > 0 and float(cpu) >= 0
    assert 100 < int(peak) < 8192


def test_three_collectors():
    """What the table says of moving and of memory follows from what each collector is."""
    exe = mp.BUILD / "bench" / "gc" / "collectors"
    if not exe.exists():
        pytest.skip("make bench builds it")
    found = {}
    for line in output([exe, "2", "1"]).splitlines():
        x = json.loads(line)
        if not x.get("lacks"):
            found[x["collector"], x["objects"], x["heap"], x["warm"]] = x
    assert {k[0] for k in found} >= {"Scavenge", "Mark-Sweep"}
    for (name, _, heap, warm), x in found.items():
        assert x["of"] > 0 and x["ms"] > 0 and 1.9 < x["live_mb"] <= 2
        if name == "Scavenge":
            assert x["moved"] == x["of"]
        if name == "Mark-Compact" and heap == "fragmented":
            assert x["moved"] > 0
        assert x["held_mb"] > 0.8 * x["live_mb"]
        if name == "Scavenge" and not warm:
            assert x["extra_mb"] > 0.8 * x["live_mb"]  # the copies


def test_latencies():
    exe = mp.BUILD / "bench" / "gc" / "latency"
    if not exe.exists():
        pytest.skip("make bench builds it")
    found = {x["name"]: x["ns"] for x in map(json.loads, output([exe]).splitlines())}
    assert len(found) >= 10
    assert all(0 < ns < 1e7 for ns in found.values()), found
