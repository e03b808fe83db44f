# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A live bash: forks, pipes and execs all the time."""
import subprocess

import mp
import pytest

SCRIPT = str(mp.ROOT / "tests" / "workloads" / "shell" / "steps.sh")
STEPS = ["grown", "forked", "dropped"]


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()
    mp.need_command("bash")


@pytest.mark.parametrize("last", STEPS)
def test_bash(tmp_path, last):
    with mp.Workload("bash", argv=["bash", "--norc", SCRIPT]) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for name in STEPS[:STEPS.index(last) + 1]:
                w.step(name)
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
            rep = r.report()
        assert rep["target"]["comm"] == "bash"
        mp.check_lossless(rep)
        mp.check_rss(rep, kernel)
        mp.check_mappings(rep, maps)
        mp.check_account(rep)
        assert not rep["heap"]


def test_launched_bash(tmp_path):
    """Children come and go; the status is the shell's own."""
    out = tmp_path / "r.mprof"
    argv = [mp.MEMPROF, "record", "--follow-forks", "-o", str(out), "--", "bash", "--norc", SCRIPT]
    p = subprocess.run(argv, input="\n" * 9, capture_output=True, text=True, timeout=600, check=False)
    assert p.returncode == 2, p.stderr
    rep = mp.report(out)
    mp.check_lossless(rep)
    assert (rep["target"]["comm"], rep["target"]["exit_code"]) == ("bash", 2)
