# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""All workloads at all their quiet points, by the tests of tests/bpf/test_workloads.py.

Loading probes takes seconds in an emulated machine. So one memprof watches all workloads
at once, from one quiet point of each to another, and the report of each is judged: five
recordings instead of eighty. That they are as exact alone is told by test_rungs.py.
"""
import contextlib
import inspect

import mp
import pytest
import test_workloads
from test_workloads import *  # noqa: F403: its tests are this module's tests

# Of the tests that record for themselves these; the others are not about the kernel.
ALONE = {"test_exec_then_exit", "test_remote_writer", "test_launched_at_a_quiet_point",
         "test_follow_forks"}
for _name, _test in list(globals().items()):
    if _name.startswith("test_") and inspect.isfunction(_test) and _name not in ALONE \
            and "runs" not in inspect.signature(_test).parameters:
        del globals()[_name]
del test_text_report_and_dump  # noqa: F821: of the first process of a recording

class Seen:
    """What test_workloads.Run is, of one case out of many recorded at once."""

    def __init__(self, case, path):
        self.case, self.path = case, path
        self.steps, self.rep = {}, None

    def mapping(self, what):
        return mp.in_range(self.rep, self.last.map, self.last.end, what)


def record(first, back, folder, data):
    """Records all cases from their step `first` ("start", or steps before the last) to the
    one `back` steps before the last; those that have it."""
    cases = {}
    for case, (_, _, steps) in test_workloads.CASES.items():
        begin = -1 if first == "start" else len(steps) - 1 - first
        end = len(steps) - 1 - back
        if end > begin and (first == "start" or begin >= 0):
            cases[case] = (begin, end)
    path = folder / f"{first}-{back}.mprof"
    seen = {c: Seen(c, path) for c in cases}
    with contextlib.ExitStack() as stack:
        loads = {}
        for c, (begin, _) in cases.items():
            name, args, steps = test_workloads.CASES[c]
            w = loads[c] = stack.enter_context(
                mp.Workload(name, *[str(data) if a == "FILE" else a for a in args]))
            for s in steps[:begin + 1]:
                seen[c].steps[s] = w.step(s)
            seen[c].before = mp.kernel_rss(w.pid)
        pids = [w.pid for w in loads.values()]
        more = [x for p in pids[1:] for x in ("-p", str(p))]
        with mp.Recording(pids[0], path, *more) as r:
            for c, (begin, end) in cases.items():
                steps = test_workloads.CASES[c][2]
                for s in steps[begin + 1:end + 1]:
                    seen[c].steps[s] = loads[c].step(s)
                seen[c].last = seen[c].steps[steps[end]]
            for c, w in loads.items():
                seen[c].kernel = mp.kernel_rss(w.pid)
                seen[c].maps = mp.kernel_mappings(w.pid)
                seen[c].rollup = mp.smaps_rollup(w.pid)
            r.stop()
        for c, w in loads.items():
            seen[c].rep = mp.report(path, pid=w.pid)
    return seen


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    done = {}
    folder = tmp_path_factory.mktemp("runs")
    data = folder / "data"
    data.write_bytes(bytes(range(1, 256)) * 2056)  # 128 pages and a bit

    def run(case, last=None, first="start"):
        steps = test_workloads.CASES[case][2]
        back = len(steps) - 1 - steps.index(last or steps[-1])
        key = (first if first == "start" else len(steps) - 1 - steps.index(first), back)
        if key not in done:
            done[key] = record(*key, folder, data)
        return done[key][case]

    return run
