# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the daemon costs a whole host: ten processes that it watches, a hundred that it does not, all
of them busy (tests/workloads/busy.c).

The cost is counted in CPU time, so that other work on the machine stays out of it: by how much a
request of the one and of the other kind takes more of it while the daemon is there, and what the
daemon itself took. Together, over all the CPU time there was, they are the cost to the host. Windows
with the daemon and without are taken in turn; what is given are medians of neighbours.
"""
import contextlib
import json
import mmap
import os
import pathlib
import select
import signal
import struct
import subprocess
import time

from report import median, notes, record, sig, spread, table, target

WATCHED, OTHERS = 10, 100
WINDOW_S = 4.0


def cpu_s(pid):
    """user + system of the process, s."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Herd:
    """The busy processes: two copies of one program, so that the rule can tell them apart."""

    def __init__(self, build, tmp, proc):
        self.path = tmp / "counters"
        self.n = WATCHED + OTHERS
        self.path.write_bytes(bytes(16 * self.n))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 16 * self.n)
        names = {}
        for name in ("busy-watched", "busy-other"):
            names[name] = tmp / name
            names[name].write_bytes((build / "workloads" / "busy").read_bytes())
            names[name].chmod(0o755)
        self.procs = [proc([names["busy-watched" if i < WATCHED else "busy-other"], self.path, str(i)])
                      for i in range(self.n)]
        for p in self.procs:
            p.lines.next()

    def sums(self):
        """(requests, CPU ns) of the watched, and of the others."""
        v = struct.unpack(f"{2 * self.n}Q", self.map[:])
        return [(sum(v[2 * a:2 * b:2]), sum(v[2 * a + 1:2 * b:2])) for a, b in ((0, WATCHED), (WATCHED, self.n))]

    @contextlib.contextmanager
    def resting(self):
        """So that the daemon comes and goes in no time: a hundred and ten others are before it."""
        for p in self.procs:
            p.p.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for p in self.procs:
                p.p.send_signal(signal.SIGCONT)

    def end(self):
        for p in self.procs:
            p.end()
        self.map.close()
        self.file.close()


def window(herd, pid=None):
    """CPU time of a request of both kinds, ns; s of it that they took; the daemon's share of the host."""
    before, cpu, start = herd.sums(), cpu_s(pid) if pid else 0, time.monotonic()
    select.select([], [], [], WINDOW_S)
    after, took = herd.sums(), time.monotonic() - start
    own = (cpu_s(pid) - cpu) / took / os.cpu_count() if pid else 0.0
    return {"each": [(b[1] - a[1]) / max(1, b[0] - a[0]) for a, b in zip(before, after)],
            "used": [(b[1] - a[1]) / 1e9 for a, b in zip(before, after)], "own": own, "took": took}


def start_daemon(build, tmp, proc, hooks):
    conf = tmp / "memprof.conf"
    conf.write_text(f"[daemon]\nsocket = {tmp}/sock\nstate = {tmp}/state\nhooks = {hooks}\n\n"
                    "[target watched]\nexe = busy-watched\n")
    d = proc([build / "memprof", "daemon", "--config", conf], read="stderr")
    while "memprof: ready" not in d.lines.next():
        pass
    return d


def cost(there, without):
    """Of a host that does nothing else, as a share: what requests took more, and the daemon itself.
    Other work on this one would only make it smaller, so it is left out."""
    more = sum(u * (1 - b / a) for u, a, b in zip(there["used"], there["each"], without["each"]))
    own = there["own"] * there["took"] * os.cpu_count()
    return (more + own) / (sum(there["used"]) + own)


def rounds(build, tmp, proc, hooks, n):
    """(share of the host, of a watched request, of another's, the daemon's own) a round."""
    herd, out = Herd(build, tmp, proc), []
    try:
        before = window(herd)
        for _ in range(n):
            with herd.resting():
                d = start_daemon(build, tmp, proc, hooks)
            there = window(herd, d.pid)
            with herd.resting():
                d.end(signal.SIGTERM)
            after = window(herd)
            around = {"each": [(a + b) / 2 for a, b in zip(before["each"], after["each"])]}
            out.append((cost(there, around), *(a / b - 1 for a, b in zip(there["each"], around["each"])), there["own"]))
            before = after
    finally:
        herd.end()
    return out


def rung_of_calls(build):
    p = subprocess.run([build / "memprof", "doctor", "--json"], capture_output=True, check=False, timeout=60)
    return next(f["chosen"] for f in json.loads(p.stdout)["features"] if f["name"] == "calls")


def bench(build, tmp, proc, n):
    build, rows = pathlib.Path(build), []
    rung = rung_of_calls(build)
    for hooks in ("auto", "calls=off"):
        got = rounds(build, tmp, proc, hooks, n)
        cols = list(zip(*got))
        rows.append([hooks, *(f"{100 * median(c):+.2f} %" for c in cols[1:3]), f"{100 * median(cols[3]):.2f} %",
                     f"{100 * median(cols[0]):.2f} %", f"{100 * (max(cols[0]) - min(cols[0])):.2f}"])
        record(f"daemon_host_{hooks.replace('=', '_')}", "share of the host's CPU time", median(cols[0]), runs=n,
               spread_=spread(cols[0]), watched=sig(median(cols[1])), others=sig(median(cols[2])), own=sig(median(cols[3])))
        if hooks == "auto" and rung == "fentry":
            target("daemon: cost to the host, 10 watched and 100 not", 100 * median(cols[0]), 1.0, " %")
    table(f"The daemon: {WATCHED} processes watched, {OTHERS} not, all busy",
          ["hooks", "a watched request", "another's", "the daemon", "of the host", "range"], rows)
    if rung != "fentry":
        notes.append(f"daemon: at most 1 % of the host is asked where fentry exists; here calls are seen by {rung}, and "
                     "every process pays for every system call: the line with calls=off is without")
