# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the live view showed is what its recording shows: state for state, at many instants."""
import re
import subprocess

import pytest

import mp

COMMANDS = {
    "calls and faults": [mp.BUILD / "workloads" / "malloc-mix", "--run"],
    "a heap": [mp.BUILD / "examples" / "spike", "-q", "4", "1"],
    "mappings": [mp.BUILD / "workloads" / "map-storm", "--run"],
    "many processes": ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do ls /usr > /dev/null; done"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_states_are_equal(tmp_path, name):
    mp.need_bpf()
    p = subprocess.run([mp.BUILD / "tests/tools/live_replay", tmp_path / "r.mprof", *map(str, COMMANDS[name])],
                       capture_output=True, text=True, timeout=600, check=False)
    assert p.returncode == 0, p.stdout[-1000:] + p.stderr[-3000:]
    n, ring, events = map(int, re.search(r"(\d+) instants, (\d+) of them in the ring, (\d+) events", p.stdout).groups())
    assert n >= 3 and ring >= 3 and events > 100
    assert mp.memprof("report", tmp_path / "r.mprof").returncode == 0
