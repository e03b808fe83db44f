# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A daemon that begins a new session: what was seen is kept, what counts goes on, watching goes on."""
import os
import pathlib
import re
import signal
import subprocess

import daemon
import mp

PAGES = (64 << 20) // 4096


def own_copy(where):
    return daemon.copy_of(where, mp.BUILD / "workloads" / "touch-order", f"renewed-{os.getpid()}")


def page(d):
    return subprocess.run(["curl", "-sS", "--unix-socket", d.where / "metrics.sock", "http://localhost/metrics"],
                          capture_output=True, text=True, check=True, timeout=mp.DEADLINE).stdout


def counter(d, name, labels=""):
    """The sum of that counter of the group."""
    return sum(int(m) for m in re.findall(rf'^{name}\{{[^}}]*{labels}[^}}]*\}} (\d+)$', page(d), re.M))


def counted(d):
    return counter(d, "memprof_page_faults_total", 'group="one"')


def faults_of(path, pid):
    return next(p["faults"] for p in mp.report(path)["processes"]["list"] if p["pid"] == pid)


def test_begins_anew(tmp_path):
    mp.need_command("curl")
    prog = own_copy(tmp_path)
    with daemon.Daemon(tmp_path, f"[target one]\nexe = {prog}\n", f"metrics = unix:{tmp_path}/metrics.sock") as d, \
            mp.Workload("", argv=[str(prog)]) as w:
        w.step("mapped")
        w.step("few")
        mp.wait_until(lambda: counted(d) >= 16, what="the first pages to be counted")
        before = counted(d)
        d.proc.send_signal(signal.SIGUSR2)
        d.says("asked for by a signal: a new session has begun")
        assert counted(d) >= before
        w.step("all")
        mp.wait_until(lambda: counted(d) >= before + PAGES - 16, what="the other pages to be counted")
        line = d.says("incident saved: ")
        put_aside = pathlib.Path(line.split("incident saved: ")[1])
        second = d.stop()
        assert "-ANEW-" in put_aside.name
        assert 16 <= faults_of(put_aside / "recording.mprof", w.pid) < PAGES
        assert faults_of(second, w.pid) >= PAGES - 16
        # what was there before is known in the new one too: by looking
        (proc,) = [p for p in mp.report(second)["processes"]["list"] if p["pid"] == w.pid]
        assert proc["rss_max"] >= 64 << 20


def test_rests_counts_and_jobs_go_on(tmp_path):
    """A condition that still holds fires no second incident, what was counted stays, and a command
    that runs is waited for."""
    mp.need_command("curl")
    prog, release = own_copy(tmp_path), tmp_path / "release"
    os.mkfifo(release)
    group = (f"[target one]\nexe = {prog}\ntrigger = rss>40M\nrest = 1h\n"
             f"command = read line < {release}; echo came $MEMPROF_INCIDENT\n")
    with daemon.Daemon(tmp_path, group, f"metrics = unix:{tmp_path}/metrics.sock", "command-user = root") as d, \
            mp.Workload("", argv=[str(prog)]) as w:
        w.step("mapped")
        w.step("few")
        w.step("all")
        first = d.says("incident saved: ").split("incident saved: ")[1]
        assert counter(d, "memprof_incidents_total", 'outcome="saved"') == 1
        d.proc.send_signal(signal.SIGUSR2)
        d.says("a new session has begun")
        # its trigger fires again, since it begins anew, and rests
        d.says("it rests after its last incident")
        assert counter(d, "memprof_triggers_fired_total") >= 2
        assert counter(d, "memprof_incidents_total", 'outcome="saved"') >= 1
        release.write_text("now\n")
        d.says(f"came {first}")


def test_a_viewer_goes_on(tmp_path):
    """With the daemon's next session, and with the next daemon after one that was killed."""
    prog = own_copy(tmp_path)
    group = f"[target one]\nexe = {prog}\n"
    with daemon.Daemon(tmp_path, group) as d, mp.Workload("", argv=[str(prog)]) as w, \
            mp.Tmux([mp.MEMPROF, "top", "--connect", d.socket], 120, 30) as t:
        t.wait_text(rf"\({w.pid}\)")
        d.proc.send_signal(signal.SIGUSR2)
        d.says("a new session has begun")
        t.wait_text("what was before is not in it")
        t.wait_text(rf"\({w.pid}\) *LIVE")
        t.keys("End")  # what was said has been read
        mp.wait_until(lambda: "what was before" not in t.screen(), what="end of what was said")
        mp.stop(d.proc, signal.SIGKILL)
        t.wait_text("the daemon has gone: the connection broke off")
        with daemon.Daemon(tmp_path, group) as e:
            t.wait_text("what was before is not in it")
            t.wait_text(rf"\({w.pid}\) *LIVE")
            t.keys("q")
            assert t.wait_end() == 0
            e.stop()
