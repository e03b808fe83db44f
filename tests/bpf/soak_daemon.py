# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon with hundreds of targets, and a thousand starts and exits a minute: `make soak-daemon`.

Its short form is a test of test_daemon_many.py. Its own memory must not follow the number of
processes that came and went; meanwhile viewers, scrapes, reloads and incidents come and go.
"""
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import daemon
import mp
from daemon import Daemon

TARGETS = 200
A_MINUTE = 1000
KEEP_ENDED = 600  # seconds: the default of keep-ended; from then on as many are forgotten as come
HERD, MOMENT = daemon.own("herd"), daemon.own("moment")
GROUPS = f"[target herd]\nexe = {HERD}\n[target moment]\nexe = {MOMENT}"


class Herd:
    """`n` processes that sleep, of a name of their own."""

    def __init__(self, where, n):
        prog = os.path.join(where, HERD)
        if not os.path.exists(prog):
            daemon.copy_of(where, "/bin/sleep", HERD)
        self.procs = [subprocess.Popen([prog, "100000"], stdin=subprocess.DEVNULL) for _ in range(n)]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for p in self.procs:
            p.send_signal(signal.SIGKILL)
        for p in self.procs:
            p.wait(mp.DEADLINE)


def starts(where, n, every=0.0):
    """n short lives, one after the other; their pids."""
    prog = os.path.join(where, MOMENT)
    if not os.path.exists(prog):
        daemon.copy_of(where, "/bin/true", MOMENT)
    for _ in range(n):
        p = subprocess.Popen([prog], stdin=subprocess.DEVNULL)
        p.wait(mp.DEADLINE)
        yield p.pid
        if every:
            mp.pause(every)


def rss(pid):
    return mp.kernel_rss(pid)["rss"]


def chores(d, herd, minute):
    """What is asked of a daemon once a minute: its list, its metrics, a viewer, a reload, an incident."""
    assert d.list()["targets"]
    assert daemon.http(d.where / "metrics").startswith(b"HTTP/1.1 200 OK\r\n")
    out = d.where / "viewer.mprof"
    mp.memprof("record", "--connect", d.socket, "-p", herd.procs[minute % TARGETS].pid, "--duration", "2s", "-q", "-o", out)
    out.unlink()
    d.reload(GROUPS)
    if minute % 5 == 4:
        d.proc.send_signal(signal.SIGUSR1)


def verdict(sizes):
    """Flat: of four quarters the last is no more than the second. One size a second."""
    n = len(sizes) // 4
    if n < KEEP_ENDED:
        return "too short to say whether its memory is flat", False
    second, last = (statistics.median(sizes[k * n:(k + 1) * n]) for k in (1, 3))
    text = f"daemon: {second / 1e6:.1f} MB in the second quarter, {last / 1e6:.1f} MB in the last"
    return text, last > second * 1.03 + (1 << 20)


def main(seconds):
    print("seconds  born  RSS of the daemon", flush=True)
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(tempfile.TemporaryDirectory())
        herd = stack.enter_context(Herd(where, TARGETS))
        # ASan keeps freed memory back, and would show that instead
        # so much of the past lies in memory, too: it is to be full before the second quarter
        d = stack.enter_context(Daemon(where, GROUPS, "keep-size = 16M", "incidents-size = 64M",
                                       f"metrics = unix:{where}/metrics",
                                       env={"ASAN_OPTIONS": "quarantine_size_mb=8:detect_leaks=1"}))
        begin = time.monotonic()
        minute, born, sizes = 0, 0, []
        while time.monotonic() < begin + seconds:
            born += sum(1 for _ in starts(where, A_MINUTE // 60, 0.5 / (A_MINUTE / 60)))
            sizes.append(rss(d.pid))
            if time.monotonic() > begin + 60 * (minute + 1):
                print(f"{time.monotonic() - begin:7.0f} {born:5} {sizes[-1] / 1e6:8.1f} MB", flush=True)
                chores(d, herd, minute)
                minute += 1
            mp.pause(max(0, 60 * born / A_MINUTE - (time.monotonic() - begin)))
        path = d.stop()
        # the room for stacks is full in some minutes (docs/architecture.md, limits); nothing else is lost
        lost = mp.report(path)["recording"]["lost"]
        assert lost["total"] == lost["stack_table"], lost
    text, grown = verdict(sizes)
    print(f"{born} born in {time.monotonic() - begin:.0f} s, none lost, {lost['stack_table']} stacks without room; {text}")
    sys.exit(1 if grown else 0)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3600)
