# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debian's kernels 5.10, 6.1 and 6.12, emulated: each test of guest/ on each of them.

Every kernel that a test asks for is booted once, two at a time, when the first of its results is asked for.
build/kernels/ keeps what the machines said.
"""
import concurrent.futures
import os
import re
import subprocess
import sys

import machine
import mp
import pytest

BOTH = 2  # machines at a time: each has two CPUs of its own, seldom busy both


def guest_tests():
    """The ids of the tests in guest/; they are collected here and run there."""
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    p = subprocess.run([sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider",
                        str(machine.HERE / "guest")], capture_output=True, text=True, cwd=mp.ROOT,
                       env=env, timeout=600, check=False)
    ids = re.findall(r"^tests/kernels/guest/(\S+::.*)$", p.stdout, re.M)
    assert ids, p.stdout + p.stderr
    return ids


def pytest_generate_tests(metafunc):
    if "test" in metafunc.fixturenames:
        ids = guest_tests()
        cases = [(k, t) for k in machine.SUITES for t in ids]
        metafunc.parametrize("kernel,test", cases, ids=[f"{k}-{t}" for k, t in cases])


@pytest.fixture(scope="module")
def machines(request):
    """{version: future of its Machine}, of those that are asked for."""
    wanted = {}
    for i in request.session.items:
        if getattr(i, "module", None) is request.module:
            wanted.setdefault(i.callspec.params["kernel"], []).append(i.callspec.params["test"])
    try:
        start = machine.common()
    except machine.Missing as e:
        pytest.skip(str(e))
    with concurrent.futures.ThreadPoolExecutor(BOTH) as pool:
        yield {k: pool.submit(machine.Machine(k, t, start).run) for k, t in wanted.items()}


def test_on(machines, kernel, test):
    try:
        m = machines[kernel].result()
    except machine.Missing as e:
        pytest.skip(str(e))
    r = m.results.get(test)
    if not r:
        pytest.fail(f"the machine ended before; it said:\n{m.console[-3000:]}", pytrace=False)
    if r["outcome"] == "skipped":
        pytest.skip(f"{kernel}: {r['why']}")
    if r["outcome"] != "passed":
        pytest.fail(f"on {kernel}:\n{r['why']}", pytrace=False)
