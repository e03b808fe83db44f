# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The collector's tests find mistakes: the most telling mutants; `make mutants` has all."""
import subprocess

from mp import BUILD, ROOT


def test_short_list_of_mutants():
    p = subprocess.run([str(ROOT / "tests/gc/mutants/run.py"), "--short", "--build", str(BUILD)],
                       capture_output=True, text=True, timeout=600, check=False)
    assert p.returncode == 0, p.stdout + p.stderr
