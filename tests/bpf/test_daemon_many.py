# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon with hundreds of targets and many short lives: none is missed, nothing is lost."""
import mp
import pytest
import soak_daemon
from daemon import Daemon
from soak_daemon import GROUPS, Herd, starts

TARGETS, LIVES = 200, 150


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def test_many_targets_and_short_lives(tmp_path):
    with Herd(tmp_path, TARGETS // 2) as before, Daemon(tmp_path, GROUPS) as d, Herd(tmp_path, TARGETS // 2) as after:
        lives = set(starts(tmp_path, LIVES))
        own = soak_daemon.rss(d.pid)
        path = d.stop()
    rep = mp.report(path)
    mp.check_lossless(rep)
    rows = {p["pid"]: p for p in rep["processes"]["list"]}
    herd = {p.pid for p in before.procs + after.procs}
    assert herd <= set(rows)
    assert rep["processes"]["seen"] == TARGETS + LIVES and rep["processes"]["ended"] == LIVES
    # of those that have ended the table of the recording keeps the last ones
    assert lives & set(rows) and not [p for p in lives & set(rows) if not rows[p]["exited"]]
    assert not [p for p in herd if rows[p]["exited"]]
    assert own < 400 << 20
