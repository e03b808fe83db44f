# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The confusion matrix: every scenario of tests/diagnose is recorded by the real probes and
diagnosed. The expected class is first, its neighbours are absent, and what is healthy has no
finding above information. The rows go to build/diagnose/, where `make bench` counts them.

What a scenario shows must not depend on the machine's speed: work goes by count and is followed by
rest in proportion to what it took, and thresholds of time come with the scenario."""
import itertools
import json
import signal

import mp
import pytest
from diagnose import gc, heap, limit, native, pages
from diagnose.scenario import diagnose, keep, side_by_side
from group import memory_group

# One of each family by turns: of two side by side one works and one waits, as a rule.
ALL = [s for row in itertools.zip_longest(*(f.SCENARIOS for f in (heap, native, gc, pages, limit)))
       for s in row if s]

# What they say is of the control group that the tests run in, unless the scenario has its own.
OF_THE_GROUP = ("working-set", "limit-misfit", "oom-outside")


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def record(s, argv, folder, path):
    with mp.Workload(None, argv=argv, env=s.env, cwd=folder) as w, s.around(w):
        with mp.Recording(w.pid, path, *s.record) as r:
            if s.killed:
                w.go()
                r.wait()
                assert w.proc.wait(mp.DEADLINE) == -signal.SIGKILL
            else:
                w.step("done", quiet=not s.goes_on)
                r.stop()


def run(s, folder):
    """Records the scenario; the recording's path."""
    why = s.needs() if s.needs else None
    if why:
        mp.lacking(why)
    argv = s.argv(folder) if callable(s.argv) else s.argv
    path = folder / "scenario.mprof"
    if not s.group:
        record(s, argv, folder, path)
        return path
    with memory_group() as g:
        g.limit(s.group << 20)
        record(s, g.inside(argv), folder, path)
    return path


@pytest.fixture(scope="module")
def recorded(request, bpf):
    with side_by_side(request, "s", run) as paths:
        yield paths


@pytest.mark.parametrize("s", ALL, ids=str)
def test_scenario(s, recorded):
    path = recorded[s.name].result()
    d = diagnose(path, s.thresholds)
    found = [f for f in d["findings"] if s.group or f["class"] not in OF_THE_GROUP]
    keep(s, found)
    loud = [f["class"] for f in found if f["level"] != "info"]
    classes = [f["class"] for f in found]
    told = json.dumps(d, indent=1)
    if s.cls is None:
        assert set(loud) <= set(s.also), told
    else:
        assert classes and classes[0] == s.cls, told
        assert set(loud) <= {s.cls, *s.also}, told
    assert not set(classes) & set(s.absent), told
    if s.bytes:
        assert s.bytes[0] <= found[0]["bytes"] <= s.bytes[1], told
    if s.check:
        s.check(d, path)


def test_every_class_has_a_scenario():
    """Of what one machine can produce; docs/diagnosis.md names the others."""
    listed = {line.split(":")[0] for line in mp.memprof("diagnose", "--list", check=0).stdout.splitlines()
              if line and not line.startswith(" ")}
    shown = {s.cls for s in ALL if s.cls}
    text = (mp.ROOT / "docs/diagnosis.md").read_text()
    for cls in listed - shown:
        assert f"no scenario: {cls}" in text, f"{cls} has neither a scenario nor a reason in docs/diagnosis.md"
