# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A Node.js process with memprof-node: its segment and its collections in one heap."""
import os
import re
import subprocess
import types

import mp
import pytest
import segment

NODE = mp.ROOT / "tests" / "workloads" / "node"
JS = mp.BUILD / "memprof-node.js"
ENV = {"NODE_OPTIONS": f"--require {JS}", "MEMPROF_NODE_JS": str(JS)}
MB = 1 << 20
NONE = types.SimpleNamespace(arrays=0)


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()
    mp.need_command("node")


def heap_of(rep):
    assert [h["source"] for h in rep["heap"]] == ["v8"], "one heap, whoever told of it"
    return rep["heap"][0]


def test_what_no_collection_tells(tmp_path):
    """External memory, limit and spaces, equal to process.memoryUsage() of a program that waits."""
    with mp.Workload("", argv=["node", str(NODE / "steps.js")], env=ENV) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for name in ("churned", "grown", "buffers"):
                s = w.step(name)
            # the timer's turn comes behind the step
            mp.wait_until(lambda: segment.of_process(w.pid).arrays >= s.arrays, what="figures of the last step")
            r.stop()
        rep = r.report()
    heap = heap_of(rep)
    assert heap["used"]["end"] == pytest.approx(s.used, abs=2 * MB)
    assert heap["committed"]["end"] == pytest.approx(s.total, abs=2 * MB)
    assert heap["external"]["end"] == pytest.approx(s.external, abs=1 * MB)
    assert heap["external"]["end"] >= heap["arrays"] >= 100 * MB
    assert heap["arrays"] == pytest.approx(s.arrays, abs=1 * MB)
    assert heap["limit"] > 100 * MB
    assert heap["spaces"]["old_space"]["used"] + heap["spaces"]["large_object_space"]["used"] >= 100 * MB
    assert heap["spaces"]["new_space"]["committed"] > 0
    assert all(v["resident"] is None for v in heap["spaces"].values()), "V8 does not know it"
    n = rep["gc"]["minor"] + rep["gc"]["major"]
    assert abs(n - s.gcs) <= max(3, s.gcs // 4), "the probe tells of collections all the same"
    mp.check_lossless(rep)
    mp.check_account(rep)


def dump(path):
    return mp.memprof("dump", path, check=0).stdout.splitlines()


def test_collections_of_one_isolate_are_not_the_process(tmp_path):
    """A worker holds 80 MB, the main thread collects 10: the figure stays that of both."""
    with mp.Workload("", argv=["node", str(NODE / "figures.js"), "crowd"], env=ENV) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("churned")
            r.stop()
    alone, told = 0, []
    for line in dump(r.path):
        if " heap.v8 " in line and "used=?" not in line:
            told.append(int(re.search(r"used=(\d+)B", line)[1]))
        alone += bool(told) and " gc.minor " in line and int(re.search(r"after=(\d+)B", line)[1]) < 60 * MB
    assert alone > 3, "the main thread collects"
    assert len(told) > 3 and min(told) > 80 * MB, told
    (heap,) = r.report()["heap"]
    assert heap["used"]["end"] > 80 * MB


def test_what_was_written_before_a_collection_is_old(tmp_path):
    """The writer waits for a turn of its program: the probe knows better until then."""
    argv = ["node", "--expose-gc", str(NODE / "figures.js"), "late"]
    with mp.Workload("", argv=argv, env=ENV) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("blocked")
            r.stop()
    forced = behind = 0
    for line in dump(r.path):
        if " gc." in line:
            # until the next one, which has found more again
            behind = int(re.search(r"after=(\d+)B", line)[1]) if "reason=\"testing" in line else 0
            forced += behind > 0
        elif behind and " heap.v8 " in line and "external=?" not in line:
            assert int(re.search(r"used=(\d+)B", line)[1]) < behind + 20 * MB, line
    assert forced == 4


def test_a_short_life_is_seen(tmp_path):
    """The new mapping is looked at when it is made, not when the mappings are next read anyway:
    three tenths of a second of memprof's own time are enough."""
    code = ("const b = Buffer.alloc(50 << 20, 1); console.log(process.pid);"
            "process.stdin.on('end', () => console.log(b[0])).resume()")
    p = subprocess.Popen([mp.MEMPROF, "record", "-q", "-o", tmp_path / "r", "--", "node", "-e", code],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ, **ENV))
    try:
        pid = int(mp.Lines(p.stdout.fileno()).next())
        # the timer's turn comes behind the line
        mp.wait_until(lambda: 50 * MB <= (segment.of_process(pid) or NONE).arrays < segment.UNKNOWN, what="figures of the buffer")
        mp.looked(p.pid)
        p.communicate(timeout=mp.DEADLINE)
    finally:
        mp.stop(p)
    assert p.returncode == 0
    heap = heap_of(mp.report(tmp_path / "r"))
    assert heap["external"]["end"] >= heap["arrays"] >= 50 * MB
    assert heap["used"]["end"] > 1 * MB


def test_one_word_for_the_limit(tmp_path):
    """V8 counts young space in, the argument does not: the figure must not go to and fro."""
    code = ("let n = 40; (function again() { const a = []; for (let i = 0; i < 100000; i++) a.push({ i });"
            "if (n--) setTimeout(again, 10, 0); else console.log(v8.getHeapStatistics().heap_size_limit) })()")
    p = mp.memprof("record", "-q", "-o", tmp_path / "r", "--", "node", "--max-old-space-size=64", "-e", code, env=ENV,
                   check=0)
    lines = dump(tmp_path / "r")
    told = [i for i, line in enumerate(lines) if " heap.v8 " in line and f"limit={int(p.stdout)}B" in line]
    assert told
    behind = lines[told[0]:]
    assert [ln for ln in behind if " gc.m" in ln]
    assert {re.search(r"limit=(\S+)", ln)[1] for ln in behind if " heap.v8 " in ln} <= {f"{int(p.stdout)}B", "?"}
    assert heap_of(mp.report(tmp_path / "r"))["limit"] == int(p.stdout)
    assert "as of the last collection" not in mp.memprof("report", tmp_path / "r", check=0).stdout
