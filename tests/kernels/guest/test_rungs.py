# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every rung of the ladder, by the tests of tests/bpf/test_hooks.py. These kernels have all."""
import mp
import pytest
import test_hooks
from test_hooks import (test_doctor_for_people, test_doctor_names_what_it_chose,  # noqa: F401
                        test_rung_dontneed, test_rung_exec_and_exit)


@pytest.mark.parametrize("feature,rung", test_hooks.LADDER)
def test_every_rung_is_here(feature, rung):
    rows = {f["name"]: {r["rung"]: r for r in f["rungs"]} for f in mp.doctor()["features"]}
    assert rows[feature][rung]["ok"], rows[feature][rung]


def test_the_probes_load():
    assert {"name": "probes", "ok": True, "value": "load and attach", "fix": None} \
        in mp.doctor()["checks"]


def test_best_rungs_are_chosen():
    chosen = {f["name"]: f["chosen"] for f in mp.doctor()["features"]}
    assert (chosen["faults"], chosen["calls"], chosen["tasks"]) == ("tp_btf", "fentry", "tp_btf")


def test_usdt_where_it_works():
    """Up to 5.14 not in libraries, and so never in a JVM."""
    rows = {f["name"]: {r["rung"]: r for r in f["rungs"]} for f in mp.doctor()["features"]}
    jvm, python = rows["heap_jvm"]["usdt"], rows["heap_python"]["usdt"]
    everywhere = mp.KERNEL >= (5, 15)
    assert jvm["ok"] == everywhere and (jvm["why"] is None) == everywhere
    assert python["ok"] and (python["why"] is None) == everywhere
    assert everywhere or ("5.15" in jvm["why"] and "5.15" in python["why"])


def test_no_hooks_says_how_far_off(tmp_path):
    """/proc/PID/status is off by what threads hold back: then the figure says so."""
    with mp.Workload("touch-threads", 4, 16) as w:
        with mp.Recording(w.pid, tmp_path / "r", "--hooks=none") as r:
            w.step("all")
            kernel = mp.kernel_rss(w.pid)
            r.stop()
        rss = r.report()["rss"]
    assert (rss["slack"] == 0) == (mp.KERNEL >= (6, 2))
    assert abs(rss["end"] - kernel["rss"]) <= rss["slack"]
