# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One file under several mounts, as in containers of one image: a probe hangs on the file below."""
import re
import shutil
import subprocess
from collections import Counter

import mp
import pytest

PYTHON = "/usr/bin/python3"
PROGRAM = """
import gc, sys
gc.disable()
print("step start", flush=True)
sys.stdin.readline()
[gc.collect() for _ in range(5)]
print("step done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def mounts(tmp_path):
    """The same layer twice: two devices, one inode."""
    mp.need_bpf()
    low = tmp_path / "low"
    low.mkdir()
    shutil.copy(PYTHON, low / "python3")
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / ("over-" + name)).mkdir()
        how = f"lowerdir={low}:{tmp_path / ('over-' + name)}"
        if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", how, tmp_path / name]).returncode:
            pytest.skip("no overlay can be mounted here")
        made.append(tmp_path / name)
    yield made
    for m in made:
        subprocess.run(["umount", m], check=True)


def test_told_once(tmp_path, mounts):
    a, b = (m / "python3" for m in mounts)
    assert a.stat().st_dev != b.stat().st_dev and a.stat().st_ino == b.stat().st_ino
    with mp.Workload(None, argv=[a, "-c", PROGRAM]) as w, mp.Workload(None, argv=[b, "-c", PROGRAM]) as v:
        with mp.Recording(w.pid, tmp_path / "r.mprof", "-p", str(v.pid)) as r:
            w.step("done")
            v.step("done")
            r.stop()
    mms = re.findall(r"gc\.major +mm=(\d+)", mp.memprof("dump", r.path).stdout)
    assert sorted(Counter(mms).values()) == [5, 5]
