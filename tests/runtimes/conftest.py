# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Says at the end which versions of which runtimes were run."""
import collections
import re

import rt

_ran = collections.defaultdict(set)


def pytest_runtest_logreport(report):
    m = re.search(r"tests/runtimes/.*\[(?:.*-)?(%s)-([\w.]+)" % "|".join(rt.PROGRAM), report.nodeid)
    if m and report.when == "call" and not report.skipped:
        _ran[m[1]].add(m[2])


def order(version):
    return [int(x) if x.isdigit() else 0 for x in version.split(".")]


def pytest_terminal_summary(terminalreporter):
    if not _ran:
        return
    terminalreporter.section("runtimes run")
    for kind in rt.PROGRAM:
        v = sorted(_ran[kind], key=order)
        terminalreporter.line(f"{kind}: {len(v)} version{'' if len(v) == 1 else 's'} {' '.join(v)}".rstrip())
