# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Collects C test programs beside Python tests and prints one closing count.

A file tests/<dir>/test_x.c is built to $MEMPROF_BUILD/tests/<dir>/test_x, a cmocka
program. It is run once; each of its TAP lines becomes a test of its own.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("MEMPROF_BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD


# A background job of a shell ignores interrupts, and what it starts inherits that: memprof
# would not end when a test asks it to.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The lanes that last longest are begun first; the files after them go where there is room.
LANES = {"kernels": "kernels", "bpf": "live", "runtimes": "live"}
ORDER = ["kernels", "live", "diagnose", "daemon"]


def lane(item):
    """What runs in one process, in order: a file, or all of what measures live processes. The
    scenarios of the diagnosis are as many again, and compare nothing by the byte; those of the
    daemon watch programs of their own names."""
    for name in ("diagnose", "daemon"):
        if item.path.parent.name == "bpf" and item.path.name.startswith("test_" + name):
            return name
    return LANES.get(item.path.parent.name, str(item.path.relative_to(ROOT)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lane(item)))
    rank = {name: n for n, name in enumerate(ORDER)}
    items.sort(key=lambda i: rank.get(lane(i), len(ORDER)))


@pytest.fixture
def open_folder():
    """pytest's own folders can be entered by root alone."""
    folder = tempfile.mkdtemp(prefix="memprof-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".c" and file_path.name.startswith("test_"):
        return CFile.from_parent(parent, path=file_path)
    return None


class CFile(pytest.File):
    """One cmocka program; names are read from the source so that a crash fails each."""

    def collect(self):
        names = re.findall(r"cmocka_unit_test\w*\(\s*(\w+)", self.path.read_text())
        self.results = None
        for name in names:
            yield CTest.from_parent(self, name=name)

    def result(self, name):
        if self.results is None:
            self.results = self.run()
        return self.results.get(name)

    def run(self):
        prog = BUILD / self.path.relative_to(ROOT).with_suffix("")
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
        try:
            p = subprocess.run([str(prog)], capture_output=True, text=True, errors="replace",
                               timeout=600, env=env, cwd=ROOT, check=False)
            out, rc = p.stdout + p.stderr, p.returncode
        except (OSError, subprocess.TimeoutExpired) as e:
            out, rc = str(e), -1
        self.output, self.rc = out, rc
        res = dict((name, ok) for ok, name in re.findall(r"^(not ok|ok) \d+ - (\w+)$", out, re.M))
        # cmocka 1.1.5 writes a skip as "not ok 8 # SKIP name"
        res.update((name, "skipped") for name in re.findall(r"^(?:not )?ok \d+ # SKIP (\w+)", out, re.M))
        return res


class CTest(pytest.Item):
    def runtest(self):
        got = self.parent.result(self.name)
        if got == "skipped":
            pytest.skip("skipped by the program")
        if got != "ok" or self.parent.rc < 0:
            raise CTestFailed(self.parent.output[-6000:])

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, CTestFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, 0, self.name


class CTestFailed(Exception):
    pass


def pytest_sessionfinish(session, exitstatus):
    # No test found is a failure, not a success.
    if session.testscollected == 0:
        session.exitstatus = 1


def pytest_unconfigure(config):
    rep = config.pluginmanager.get_plugin("terminalreporter")
    if rep is None:
        return
    n = {k: len(rep.stats.get(k, [])) for k in ("passed", "failed", "error", "skipped")}
    print(f"\n{n['passed']} passed, {n['failed'] + n['error']} failed, {n['skipped']} skipped")
