# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof killed outright while its probes are in a runtime: no breakpoint stays behind.

A probe of a program is a breakpoint in its code. Nothing of memprof runs after SIGKILL;
the kernel takes the probes out when it closes memprof's files. Seen in the target's
own memory: its code is compared with the file it was mapped from, byte by byte. Each
runtime is a copy of the test's own: somebody else's probes are in the file that all share.
"""
import os
import pathlib
import shutil
import signal
import subprocess

import mp
import pytest

WORK = mp.ROOT / "tests" / "workloads"
BREAKPOINT = 0xCC  # int3
CHUNK = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


def go_program(tmp_path):
    mp.need_command("go")
    out = tmp_path / "lazy"
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOTOOLCHAIN="local", CGO_ENABLED="0",
               GOCACHE=str(mp.BUILD / "go-cache"))
    subprocess.run(["go", "build", "-o", str(out), str(WORK / "go" / "lazy.go")], check=True, env=env, timeout=600)
    return [str(out)]


def own(tmp_path, program):
    """A copy of a program that nobody else runs."""
    return shutil.copy(os.path.realpath(program), tmp_path / pathlib.Path(program).name)


# What to start, the steps it goes on with after memprof's end, and how it ends.
RUNTIMES = {
    "node": (lambda tmp: [own(tmp, mp.need_command("node")), str(WORK / "node" / "steps.js")], ["churned", "grown"], (0, 6)),
    "go": (go_program, ["made", "few", "all", "released", "again"], (4,)),
    "python": (lambda tmp: [own(tmp, "/usr/bin/python3"), str(WORK / "python" / "collect.py")], ["done"], (0,)),
}


def code(pid):
    """(start, end, offset, path) of the code that is mapped from files."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        w = line.split(None, 5)
        if w[1].startswith("r-x") and len(w) > 5 and w[5].startswith("/"):
            start, end = (int(x, 16) for x in w[0].split("-"))
            yield start, end, int(w[2], 16), w[5]


def changed(pid):
    """{address: (byte in memory, byte in the file)} where the code is not what its file has."""
    found = {}
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end, offset, path in code(pid):
            with open(path, "rb", buffering=0) as file:
                for at in range(start, end, CHUNK):
                    want = os.pread(file.fileno(), min(CHUNK, end - at), offset + at - start)
                    got = os.pread(mem.fileno(), len(want), at)
                    if got != want:
                        found.update((at + i, (g, f)) for i, (g, f) in enumerate(zip(got, want)) if g != f)
    return found


def placed(w, r, before):
    """The probes in its code, once they are there; if they do not come, what memprof says of it."""
    try:
        return mp.wait_until(lambda: {a: b for a, b in changed(w.pid).items() if a not in before}, what="probe")
    except AssertionError as e:
        r.stop()
        raise AssertionError(f"{e}: {r.report()['probes']}") from e


@pytest.mark.parametrize("name", RUNTIMES)
def test_killed_with_its_probes_in_place(tmp_path, name):
    program, steps, ends = RUNTIMES[name]
    with mp.Workload(name, argv=program(tmp_path)) as w:
        before = changed(w.pid)
        with mp.Recording(w.pid, tmp_path / "r") as r:
            probes = placed(w, r, before)
            assert {got for got, _ in probes.values()} == {BREAKPOINT}, probes
            assert all(file != BREAKPOINT for _, file in probes.values()), probes
            mp.stop(r.proc, signal.SIGKILL)
            mp.wait_until(lambda: changed(w.pid) == before, what="code as it was")
        for s in steps:  # collections among them: it runs over the places where the probes were
            w.step(s)
        assert changed(w.pid) == before
        # and it can be watched again
        with mp.Recording(w.pid, tmp_path / "again") as r:
            mp.wait_until(lambda: set(changed(w.pid)) >= set(probes), what="probe")
            r.stop()
        assert changed(w.pid) == before
        assert w.finish() in ends
