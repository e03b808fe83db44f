# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every rung of the attachment ladder that works here tells the same truth."""
import os

import mp
import pytest
from mp import PAGE

# rungs by feature, as bpf/events.h names them
LADDER = [("faults", "tp_btf"), ("faults", "tracepoint"), ("faults", "perf"),
          ("calls", "tp_btf"), ("calls", "fentry"), ("calls", "tracepoint"),
          ("tasks", "tp_btf"), ("tasks", "tracepoint")]


def wrap():
    """Classic tracepoints need tracefs: given to memprof alone."""
    return mp.WITH_TRACEFS if os.geteuid() == 0 and mp.shutil.which("unshare") else []


def test_doctor_names_what_it_chose():
    d = mp.doctor()
    names = [f["name"] for f in d["features"]]
    assert {"faults", "calls", "tasks"} <= set(names)
    for f in d["features"]:
        working = [r["rung"] for r in f["rungs"] if r["ok"]]
        assert f["chosen"] in ["absent", "proc", *(working or [None])], f
        for r in f["rungs"]:
            assert r["ok"] or r["why"], f"{f['name']}: no reason why not {r['rung']}"
    assert d["checks"]


def test_doctor_for_people():
    p = mp.memprof("doctor", check=0)
    for word in ("faults", "calls", "BTF"):
        assert word.lower() in p.stdout.lower()


def works(feature, rung):
    """Whether doctor says the rung works here; it must have said why when it does not."""
    mp.need_bpf()
    rungs = {f["name"]: {r["rung"]: r for r in f["rungs"]} for f in mp.doctor(wrap())["features"]}
    r = rungs[feature][rung]
    assert r["ok"] or r["why"], f"{feature}: no reason why not {rung}"
    return r["ok"]


def check_refused(tmp_path, feature, rung):
    """A rung this kernel lacks, demanded: never a quiet fall-back to another."""
    with mp.Workload("touch-order", 16) as w:
        p = mp.memprof("record", "-p", w.pid, "-o", tmp_path / "r", "--duration=0.2",
                       f"--hooks={feature}={rung}")
        w.finish()
    if feature == "calls":  # goes on without, and says so
        assert p.returncode == 0, p.stderr
        assert mp.report(tmp_path / "r")["probes"]["calls"] == "absent"
    else:
        assert p.returncode == 4 and feature in p.stderr, p.stderr


def hooks(feature, rung):
    """That rung for that feature. Calls else by a rung that is quick to attach."""
    quick = ",calls=tp_btf" if feature != "calls" else ""
    return f"--hooks={feature}={rung}{quick}"


@pytest.mark.parametrize("feature,rung", LADDER)
def test_rung_touch_order(tmp_path, feature, rung):
    if not works(feature, rung):
        check_refused(tmp_path, feature, rung)
        return
    with mp.Workload("touch-order", 16) as w:
        with mp.Recording(w.pid, tmp_path / "r", hooks(feature, rung), wrap=wrap()) as r:
            s = [w.step(x) for x in ("mapped", "few", "all")][-1]
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
            rep = r.report()
    assert rep["probes"][feature] == rung
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    assert mp.in_range(rep, s.map, s.end, "faults") == 4096
    assert rep["faults"]["pages_added"] >= 4096


@pytest.mark.parametrize("feature,rung", LADDER)
def test_rung_dontneed(tmp_path, feature, rung):
    if not works(feature, rung):
        check_refused(tmp_path, feature, rung)
        return
    with mp.Workload("dontneed", 1024) as w:
        with mp.Recording(w.pid, tmp_path / "r", hooks(feature, rung), wrap=wrap()) as r:
            s = [w.step(x) for x in ("touched", "dontneed", "refault")][-1]
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
            rep = r.report()
    assert rep["probes"][feature] == rung
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    c = rep["calls"]["madvise_by_advice"]["dontneed"]
    assert (c["calls"], c["bytes"]) == (1, 512 * PAGE)
    # a rung that cannot read the counters says so
    assert c["rss_delta"] in (-512 * PAGE, None)
    assert mp.in_range(rep, s.map, s.end, "faults") == 1024 + 128


@pytest.mark.parametrize("feature,rung", [x for x in LADDER if x[0] == "tasks"])
def test_rung_exec_and_exit(tmp_path, feature, rung):
    if not works(feature, rung):
        check_refused(tmp_path, feature, rung)
        return
    with mp.Workload("exec-self", 256) as w:
        with mp.Recording(w.pid, tmp_path / "r", hooks(feature, rung), wrap=wrap()) as r:
            w.step("before")
            w.step("after")
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
            rep = r.report()
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    with mp.Workload("exit-early", 9) as w:
        with mp.Recording(w.pid, tmp_path / "e", hooks(feature, rung), wrap=wrap()) as r:
            w.finish()
            r.wait(0)
            rep = r.report()
    assert (rep["target"]["exited"], rep["target"]["exit_code"]) == (True, 9)


def test_no_hooks_only_polls(tmp_path):
    """Without any hook the counters are still the kernel's; faults and calls are not known."""
    with mp.Workload("dontneed", 1024) as w:
        with mp.Recording(w.pid, tmp_path / "r", "--hooks=none") as r:
            w.step("touched")
            kernel = mp.kernel_rss(w.pid)
            r.stop()
            rep = r.report()
    assert rep["recording"]["state"] == "clean"
    assert rep["probes"]["faults"] == "absent"
    assert rep["probes"]["calls"] == "absent"
    mp.check_rss(rep, kernel)
    assert not rep["faults"]["total"], "faults without a hook"


def test_no_hooks_sees_the_end(tmp_path):
    with mp.Workload("exit-early", 3) as w:
        with mp.Recording(w.pid, tmp_path / "r", "--hooks=none") as r:
            w.finish()
            r.wait(0)
            rep = r.report()
    assert rep["target"]["exited"] is True
    assert rep["target"]["exit_code"] in (None, 3)


def test_unknown_hook_is_usage(tmp_path):
    for bad in ("--hooks=faults=nonsense", "--hooks=nonsense=tp_btf", "--hooks=nonsense"):
        p = mp.memprof("record", "-p", os.getpid(), "-o", tmp_path / "r", bad, check=64)
        assert "nonsense" in p.stderr
