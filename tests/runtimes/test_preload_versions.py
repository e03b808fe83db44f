# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof-node in every Node: figures to the byte, or silence."""
import json
import os
import subprocess

import mp
import pytest
import rt
from segment import same, segment

JS = mp.BUILD / "memprof-node.js"
SCRIPT = mp.ROOT / "tests" / "workloads" / "node" / "figures.js"


def node(runtime, *args, **env):
    full = dict(os.environ, NODE_OPTIONS=f"--require {JS}", MEMPROF_NODE_JS=str(JS), MEMPROF_NODE_INTERVAL_MS="1000",
                **env)
    p = subprocess.run([runtime.program, *map(str, args)], env=full, stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=mp.DEADLINE, check=False)
    assert p.returncode == 0, p.stderr
    return p


def told(runtime, what):
    p = node(runtime, SCRIPT, what)
    assert not p.stderr
    return [json.loads(line) for line in p.stdout.splitlines()]


@rt.each("node")
def test_nothing_is_kept_alive_or_said(runtime):
    p = node(runtime, "-p", "6 * 7")
    assert (p.stdout, p.stderr) == ("42\n", "")


@rt.each("node")
def test_figures(runtime):
    if runtime.numbers() < (10, 2):
        p = node(runtime, "-p", "6 * 7", MEMPROF_NODE_DEBUG="1")
        assert p.stderr.startswith("memprof-node: does nothing: ")
        return
    (o,) = told(runtime, "one")
    s = segment(o)
    same(s, o["said"])
    assert s.used > 50 << 20 and s.external > 30 << 20
    assert s.limit == o["limit"]
    assert set(s.spaces) == {n[:27] for n in o["spaces"]}
    assert sum(used for used, _ in s.spaces.values()) == pytest.approx(s.used, abs=1 << 20)


@rt.each("node", since="12")
def test_workers(runtime):
    workers, alone = told(runtime, "workers")
    same(segment(workers), workers["said"])
    same(segment(alone), alone["said"])
