# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Inside a test machine: every result goes to the console as one line for the host."""
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "bpf")]
pytest.register_assert_rewrite("mp", "test_hooks", "test_workloads")

MARK = "@@memprof "


def pytest_collection_modifyitems(items):
    """Runs what the host selected."""
    chosen = ROOT / "selected"
    if chosen.exists():
        ids = set(chosen.read_text().splitlines())
        items[:] = [i for i in items if i.nodeid.split("/")[-1] in ids]


def pytest_runtest_logreport(report):
    if report.when != "call" and report.outcome == "passed":
        return
    why = report.longrepr
    if report.skipped and isinstance(why, tuple):
        why = why[2]
    line = {"id": report.nodeid.split("/")[-1], "outcome": report.outcome,
            "why": str(why or "")[-6000:], "seconds": round(report.duration, 1)}
    os.write(1, ("\n" + MARK + json.dumps(line) + "\n").encode())
