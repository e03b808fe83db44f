# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon with hundreds of targets, and a thousand starts and exits a minute: `make soak-daemon`.

Its short form is a test of test_daemon_many.py. Its own memory must not follow the number of
processes that came and went.
"""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

import daemon
import mp
from daemon import Daemon

TARGETS = 200
A_MINUTE = 1000
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


def main(minutes):
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(Herd(where, TARGETS))
        d = stack.enter_context(Daemon(where, GROUPS, "keep-size = 64M"))
        end, told, born, first = time.monotonic() + 60 * minutes, 0, 0, None
        while time.monotonic() < end:
            born += sum(1 for _ in starts(where, A_MINUTE // 60, 0.5 / (A_MINUTE / 60)))
            mp.pause(0.4)
            if time.monotonic() > told + 60:
                told = time.monotonic()
                now = rss(d.pid)
                first = first or (now if born > 2 * A_MINUTE else None)
                print(f"{born} born, daemon takes {now >> 20} MB", flush=True)
        last = rss(d.pid)
        path = d.stop()
        rep = mp.report(path)
        mp.check_lossless(rep)
        if first and last > first * 1.25 + (8 << 20):
            sys.exit(f"the daemon grew from {first >> 20} to {last >> 20} MB")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
