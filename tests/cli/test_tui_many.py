# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several processes in the terminal interface: the list and the tree, new children while
looking, execs, ends, and what is said of losses and hooks."""
import os
import re
import subprocess

import mp
import pytest


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_command("tmux")
    mp.need_bpf()


def tui(*args, cols=80, rows=24):
    return mp.Tmux([mp.MEMPROF, *args], cols, rows)


def leave(t):
    t.keys("q")
    assert t.wait_end() == 0


def test_two_pids_and_one_of_them():
    """The list first, then one, its neighbour, and back; the row is the kernel's figure."""
    with mp.Workload("dontneed", 4096) as a, mp.Workload("dontneed", 2048) as b:
        a.step("touched")
        b.step("touched")
        with tui("-p", a.pid, "-p", b.pid) as t:
            t.wait_text(r"2 processes +LIVE")
            for w, mib in (a, "1[67]"), (b, "(8|9)"):
                t.wait_text(rf"\b{w.pid} dontneed .* {mib}\.\d+ M ")
            t.keys(":", *f"process {b.pid}", "Enter")
            t.wait_text(rf"dontneed \({b.pid}\) of 2")
            t.keys("p")
            t.wait_text(rf"dontneed \({a.pid}\) of 2")
            t.keys("BSpace")
            t.wait_text("2 processes")
            leave(t)


def test_the_same_pid_twice_and_a_thread():
    """It is one process, and no list is shown of it."""
    with mp.Workload("threads-stack", 4) as w:
        w.step("deep")
        tid = next(t for t in map(int, os.listdir(f"/proc/{w.pid}/task")) if t != w.pid)
        with tui("-p", w.pid, "-p", w.pid, "-p", tid) as t:
            t.wait_text(rf"\({w.pid}\) +LIVE")
            leave(t)


def test_children_come_and_go():
    """--follow-forks: rows appear while one looks, under their parent, and say how they ended."""
    with mp.Workload("family", 3, 256) as w:
        with tui("--follow-forks", "-p", w.pid) as t:
            t.wait_text(r"1 process +LIVE")
            w.step("born")
            t.wait_text("4 processes")
            t.wait_text(rf"(?s)\b{w.pid} family .*(\d+   family .*){{3}}")
            w.step("ended")
            t.wait_text(r"3 ended")
            t.wait_text(r"( *\d+   family .* exited 0.*\n){3}")
            assert w.finish() == 0
            t.wait_text("all ended: w saves it, q leaves")
            t.keys("q")
            t.wait_text("nothing was saved: w saves it, q once more leaves")
            leave(t)


def test_saved_after_the_end(tmp_path):
    """What was saved when all had ended needs no second question, and has all of them."""
    path = tmp_path / "all.mprof"
    with mp.Workload("family", 2, 64) as w:
        with tui("--follow-forks", "-p", w.pid, cols=120) as t:
            t.wait_text("1 process +LIVE")
            w.step("born")
            t.wait_text("3 processes")
            assert w.finish() == 0
            t.wait_text("all ended")
            t.keys(":", *f"save {path}", "Enter")
            t.wait_text("saved to")
            leave(t)
    with tui("replay", path) as t:
        t.wait_text(r"3 processes +REPLAY")
        t.keys("Down", "Enter")
        t.wait_text(r"family \(\d+\) of 3 +REPLAY")
        leave(t)


def test_a_shell_and_what_it_becomes():
    """The view stays with a process that an exec gives another address space."""
    with mp.Workload("exec-self", 1024) as w:
        with tui("-p", w.pid) as t:
            t.wait_text("LIVE")
            w.step("before")
            w.step("after")
            t.wait_text(r"RSS +[23]\.\d+ M")
            assert w.finish() == 5
            t.wait_text(r"exited 5 at \d")
            t.keys("q")
            t.wait_text("q once more leaves")
            leave(t)


def test_storm_of_children():
    """A thousand short ones: the picture keeps coming, and the one that stays, its row."""
    with mp.Workload("fork-storm", 1000, 8, 16) as w:
        with tui("--follow-forks", "-p", w.pid) as t:
            t.wait_text("1 process +LIVE")
            w.go()
            t.wait_text(rf"1001 processes(?s:.*)\b{w.pid} fork-storm")
            t.keys("Enter")
            t.wait_text(rf"\({w.pid}\) of 1001")
            leave(t)


def test_hooks_and_polling():
    with mp.Workload("dontneed", 64) as w:
        with tui("--hooks", "none", "-p", w.pid) as t:
            t.wait_text("polling only")
            t.keys("H")
            t.wait_text("No hook is attached")
            t.keys("x")
            t.wait_gone("No hook is attached")
            leave(t)
        with tui("--hooks", "calls=off", "-p", w.pid) as t:
            t.wait_text("hooks: calls absent")
            leave(t)


def test_recorded_is_saved(tmp_path):
    """Nobody is asked to save what is being recorded."""
    with mp.Workload("dontneed", 64) as w:
        with tui("top", "-o", tmp_path / "r.mprof", "-p", w.pid) as t:
            t.wait_text("LIVE")
            assert w.finish() == 0
            text = t.wait_text(r"exited 0 at ")
            assert "w saves it" not in text
            leave(t)


def test_input_of_a_command():
    """It is said where a command's input and output are."""
    prog = mp.BUILD / "workloads" / "churn"
    with tui("--", prog, "--run", 4, 0) as t:
        t.wait_text("reads an empty input")
        t.keys("q")
        t.wait_end()


def test_plain_lines_of_a_family():
    """Each line names its process and comes when it happens, through a pipe too; at the end
    there is a line for each. No characters beside ASCII."""
    with mp.Workload("family", 2, 256) as w:
        p = subprocess.Popen([mp.MEMPROF, "--plain", "--interval", "0.1", "--follow-forks", "-p", str(w.pid)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, seen = mp.Lines(p.stdout.fileno()), []

            def until(regex):
                while not seen or not re.search(regex, seen[-1]):
                    line = out.next()
                    assert line is not None, f"no {regex} in\n" + "\n".join(seen)
                    seen.append(line)

            until("^ *time")
            w.step("born")
            until(rf"family \(\d+\): is watched, child of {w.pid}$")
            until(r"all: 3 processes, RSS ")
            assert w.finish() == 0
            until(r"All 3 processes, the largest first")
            until(rf"family \({w.pid}\): highest RSS .*, exited 0 at \d")
            assert all(line.isascii() for line in seen)
            assert p.wait(mp.DEADLINE) == 0
        finally:
            mp.stop(p)
            p.stdout.close()
            p.stderr.close()
