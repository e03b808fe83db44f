# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof doctor -p: which runtime a process holds, and how its heap is reached."""
import json
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
