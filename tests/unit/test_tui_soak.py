# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A few rounds of what `make soak` does for an hour: random keys, mouse and sizes.

`make asan` runs it under AddressSanitizer. The seed is in the output.
"""
import subprocess

import mp
import pytest

FRAMES = 401   # of a round without a terminal
BYTES = 10000  # at least, of a round on one


@pytest.mark.parametrize("how, rounds", [("grid", 6), ("pty", 2)], ids=["grid", "pty"])
def test_soak(how, rounds):
    """Rounds, not seconds: seconds of work on a free machine, and what hangs is ended."""
    p = subprocess.Popen([mp.BUILD / "tests/tools/soak_tui", how, f"{rounds}x"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, errors="replace")
    try:
        out, err = p.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        err += "\nit hung"
    assert p.returncode == 0, out[-300:] + err[-4000:]
    done = int(out.split()[-2])
    assert done == rounds * FRAMES if how == "grid" else done >= rounds * BYTES, out
