# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof doctor -p: which runtime a process holds, and how its heap is reached."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import mp
import pytest


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


def ask(argv, *args):
    """What doctor says of a program that stands still."""
    with mp.Workload("any", argv=argv) as w:
        return mp.memprof("doctor", "-p", w.pid, *args).stdout


def runtimes(argv):
    return json.loads(ask(argv, "--json"))["runtimes"]


def version_of(program):
    out = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return out.split()[-1].lstrip("v")


def test_python():
    (rt,) = runtimes(["/usr/bin/python3", "-c", "print('step start', flush=True); input()"])
    assert rt["name"] == "CPython" and rt["feature"] == "heap_python" and rt["route"] == "usdt"
    assert version_of("/usr/bin/python3").startswith(rt["version"] + ".")
    assert rt["give"] is None


def test_node():
    node = mp.need_command("node")
    (rt,) = runtimes([node, "-e", "console.log('step start'); process.stdin.resume()"])
    assert rt["feature"] == "heap_v8" and rt["route"] == "uprobe"
    assert rt["version"] == version_of(node)


def test_go(tmp_path):
    """The version is told by what the compiler left in the program, under whatever name that runs."""
    go = mp.need_command("go")
    program = tmp_path / "stands-still"
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOTOOLCHAIN="local", CGO_ENABLED="0",
               GOCACHE=str(mp.BUILD / "go-cache"))
    subprocess.run([go, "build", "-o", program, mp.ROOT / "tests" / "workloads" / "go" / "lazy.go"],
                   check=True, env=env, timeout=600)
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True,
                             env=env).stdout.strip().removeprefix("go")
    (rt,) = runtimes([program])
    assert rt["feature"] == "heap_go" and rt["version"] == version
    assert f"  Go {version}: {rt['route']}\n" in ask([program])


def test_no_way_says_what_would_give_one(tmp_path):
    bare = tmp_path / "python-bare"
    shutil.copy(mp.BUILD / "workloads" / "python-calls", bare)
    subprocess.run(["strip", "--keep-symbol=Py_InitializeEx", bare], check=True)
    (rt,) = runtimes([bare])
    assert rt["route"] == "absent" and rt["version"] is None
    assert "built without probes" in rt["why"] and "--with-dtrace" in rt["give"]
    text = ask([bare])
    assert "CPython of a version that is not told: no way to its heap" in text
    assert "-> at its start: a python that was built --with-dtrace" in text


def test_no_runtime():
    assert "none that memprof knows" in ask(["sh", "-c", "echo step start; read x"])


def test_without_a_process_nothing_is_said():
    assert "runtimes" not in mp.doctor()


def nothing_to_watch(pid, word):
    """What doctor says of a process without memory."""
    text = mp.memprof("doctor", "-p", pid, check=3).stdout
    assert word in text and "Runtimes" not in text and "PTRACE\n" not in text.split("\nCapabilities")[0]
    d = json.loads(mp.memprof("doctor", "--json", "-p", pid, check=3).stdout)
    (target,) = [c for c in d["checks"] if c["name"].startswith("target")]
    assert not target["ok"] and word in target["value"] and "runtimes" not in d


def test_a_zombie():
    child = subprocess.Popen(["true"])
    mp.wait_until(lambda: mp.proc_state(child.pid) == "Z", what="zombie")
    nothing_to_watch(child.pid, "a zombie")
    child.wait()


def test_a_kernel_thread():
    if not pathlib.Path("/proc/2/comm").exists() or mp.kernel_maps(2):
        pytest.skip("no kernel thread with pid 2 in this namespace")
    nothing_to_watch(2, "a kernel thread: nothing to watch")


def test_what_cannot_be_read_is_not_none():
    """Root of a user namespace of its own has every capability, and none over who is outside."""
    with mp.Workload("any", argv=["sh", "-c", "echo step start; read x"]) as w:
        wrap = mp.as_root_of_nobody()
        text = mp.memprof("doctor", "-p", w.pid, wrap=wrap, check=4).stdout
        assert f"Runtimes in pid {w.pid}\n  could not be read: Permission denied\n" in text
        assert "none that memprof knows" not in text and "needs" not in text.split("\nCapabilities")[0].split("target")[-1]
        d = json.loads(mp.memprof("doctor", "--json", "-p", w.pid, wrap=wrap, check=4).stdout)
        assert d["runtimes"] is None


def test_hooks_stand_in_columns():
    """No name is wider than its column."""
    rows = mp.memprof("doctor").stdout.split("\nHooks, in order of preference\n")[1].split("\n\n")[0].splitlines()
    assert any(r.startswith("  heap_python ") for r in rows)
    words = [[m.start() for m in re.finditer(r"\S+", r)][:3] for r in rows]
    assert len(set(map(tuple, words))) == 1, rows
