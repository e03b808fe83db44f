# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares memprof's word with the kernel's, page by page and mapping by mapping.

Two witnesses speak the same words: tests/tools/resident.c folds a recording, also
one that is being written, and tests/tools/pages.c reads smaps and pagemap. What
differs is told with the address, the mapping and the last operations there, taken
from the log of the workload (tests/workloads/shuffle.c). Equal is the only verdict
that passes; hugetlb, which no RSS counts, stands apart.
"""
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import time

import mp
from mp import PAGE

TOOLS = mp.BUILD / "tests" / "tools"
STEADY = 3.0  # seconds of its own until a steady model must have caught up with a process that stands still


class Map:
    """One mapping: as a witness said it."""

    def __init__(self, word, kernel):
        self.start, self.end = int(word[1], 16), int(word[2], 16)
        self.perms, self.off, self.ino = word[3], int(word[4], 16), int(word[5])
        self.resident = int(word[6])
        self.smaps, self.hugetlb = (int(word[7]), int(word[8])) if kernel else (self.resident, 0)
        self.name = (word[9] if len(word) > 9 else "") if kernel else (word[7] if len(word) > 7 else "")
        if self.name.startswith("/anon_hugepage"):
            self.hugetlb = self.hugetlb or -1

    def key(self):
        return (self.start, self.end, self.perms, self.name, self.ino, self.off if self.ino else 0)

    def __str__(self):
        off = f" +{self.off:#x} inode {self.ino}" if self.ino else ""
        return f"{self.start:#x}-{self.end:#x} {self.perms} {self.name or '(no name)'}{off}"


class Proc:
    """What one witness says of one process."""

    def __init__(self):
        self.maps, self.runs = [], []
        self.exited = False
        self.rss = {}
        self.total = self.orphans = 0

    def joined(self):
        """Mappings with neighbours joined that differ in nothing a witness shows."""
        out = []
        for m in self.maps:
            last = out[-1] if out else None
            if last and last[1] == m.start and last[2:5] == (m.perms, m.name, m.ino) and (
                    not m.ino or last[5] + (last[1] - last[0]) == m.off):
                out[-1] = (last[0], m.end, *last[2:])
            else:
                out.append(m.key())
        return out

    def at(self, addr):
        """The mapping that holds an address, in words."""
        for m in self.maps:
            if m.start <= addr < m.end:
                return str(m)
        return "(not mapped)"


def parse(text, kernel):
    """{pid: Proc} of what a tool printed; the kernel's tool names its process last."""
    procs, now, p = {}, 0, Proc()
    for line in text.splitlines():
        word = line.split(" ", 9 if kernel else 7)
        if word[0] == "state":
            now = int(word[2].partition("=")[2])
        elif word[0] == "proc":
            if not kernel:
                p = Proc()
            f = dict(w.split("=") for w in line.split()[2:])
            p.exited = f["exited"] == "1"
            p.rss = {k: int(f[k]) for k in ("anon", "file", "shmem")}
            p.total, p.orphans = int(f["total"]), int(f["orphans"])
            procs[int(word[1])] = p
        elif word[0] == "map":
            p.maps.append(Map(word, kernel))
        elif word[0] == "run":
            p.runs.append((int(word[1], 16), int(word[2], 16)))
    return procs, now


def model(path):
    """What the recording says of every process in it."""
    out = subprocess.run([str(TOOLS / "resident"), str(path)], capture_output=True, text=True,
                         errors="replace", timeout=600, check=True).stdout
    return parse(out, kernel=False)[0]


def kernel(pid):
    """What the kernel says of a process; None when it is gone."""
    p = subprocess.run([str(TOOLS / "pages"), str(pid)], capture_output=True, text=True,
                       errors="replace", timeout=600, check=False)
    return parse(p.stdout, kernel=True)[0].get(pid) if p.returncode == 0 else None


# --- comparing ---------------------------------------------------------------------


def minus(a, b):
    """Runs of a that are not in b; both sorted and disjoint."""
    out, k = [], 0
    for start, end in a:
        while k < len(b) and b[k][1] <= start:
            k += 1
        at, j = start, k
        while at < end and j < len(b) and b[j][0] < end:
            if b[j][0] > at:
                out.append((at, b[j][0]))
            at = max(at, b[j][1])
            j += 1
        if at < end:
            out.append((at, end))
    return out


class Log:
    """The operations of a workload, to be asked for those on a range."""

    def __init__(self, path):
        self.path = path

    def last(self, start, end, n=4):
        """The last n operations that met [start, end), or that name no address."""
        if not self.path or not os.path.exists(self.path):
            return []
        hits = []
        with open(self.path, encoding="ascii", errors="replace") as f:
            for line in f:
                w = line.split()
                if len(w) == 6 and (w[3] == "0" or int(w[3], 16) < end and int(w[4], 16) > start):
                    hits.append(line.strip())
        return hits[-n:]


def differences(have, want, log=None, most=8):
    """What memprof says (have) against the kernel (want), in lines; none when equal."""
    log = log or Log(None)
    out = []
    for k, n in want.rss.items():
        if have.rss[k] != n:
            out.append(f"rss {k}: {have.rss[k]} pages, kernel {n}")
    apart = [(m.start, m.end) for m in want.maps if m.hugetlb]
    for what, runs in (("not resident, memprof says it is", minus(minus(have.runs, want.runs), apart)),
                       ("resident, memprof says it is not", minus(want.runs, have.runs))):
        for start, end in runs[:most]:
            out.append(f"{(end - start) // PAGE} pages {start:#x}-{end:#x} {what}; in {want.at(start)}")
            out += [f"    op {ln}" for ln in log.last(start, end)]
        if len(runs) > most:
            out.append(f"... and {len(runs) - most} ranges more")
    a, b = have.joined(), want.joined()
    for who, only in (("memprof", set(a) - set(b)), ("kernel", set(b) - set(a))):
        for m in sorted(only)[:most]:
            out.append(f"mapping only {who} has: {m[0]:#x}-{m[1]:#x} {m[2]} {m[3]!r} "
                       f"inode {m[4]} +{m[5]:#x}")
            out += [f"    op {ln}" for ln in log.last(m[0], m[1])]
    return out


def self_check(p):
    """The kernel's witnesses agree among themselves, or the judge cannot judge."""
    wrong = [f"{m}: pagemap {m.resident}, smaps {m.smaps}" for m in p.maps
             if not m.hugetlb and m.resident != m.smaps]
    if p.total != sum(p.rss.values()):
        wrong.append(f"pagemap {p.total} pages, status {p.rss}")
    return wrong


def compare(path, pids, log=None):
    """Everything that differs between a recording and the processes now."""
    said, out = model(path), []
    for pid in pids:
        want = kernel(pid)
        have = said.get(pid)
        if want is None:
            out.append(f"process {pid} is gone")
        elif have is None or have.exited:
            out.append(f"process {pid} is not in the recording")
        else:
            out += [f"process {pid}: the kernel disagrees with itself: {ln}" for ln in self_check(want)]
            out += [f"process {pid}: {ln}" for ln in differences(have, want, log)]
    return out


def steady(r, pids, log=None, deadline=STEADY):
    """Waits until the recording being written says what the kernel says; the differences left."""
    had = mp.had_time(r.proc.pid, deadline)
    size = -1
    while True:
        over = had()
        if over or os.stat(r.path).st_size != size:
            size = os.stat(r.path).st_size
            wrong = compare(r.path, pids, log)
            if not wrong or over:
                return wrong
        mp.pause(0.05)


# --- settings of the machine ------------------------------------------------------------

PLACES = {
    "scan_sleep": "/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
    "pages_to_scan": "/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan",
    "nr_hugepages": "/proc/sys/vm/nr_hugepages",
    "ksm_run": "/sys/kernel/mm/ksm/run",
    "ksm_sleep": "/sys/kernel/mm/ksm/sleep_millisecs",
    "ksm_pages": "/sys/kernel/mm/ksm/pages_to_scan",
}


@contextlib.contextmanager
def setting(**values):
    """Files under /sys/kernel/mm and /proc/sys/vm hold these values meanwhile."""
    old = {}
    try:
        for name, value in values.items():
            path = pathlib.Path(PLACES[name])
            if not path.exists():
                continue
            before = path.read_text().strip()
            path.write_text(str(value))
            old[path] = before
        yield
    finally:
        for path, value in reversed(old.items()):
            path.write_text(value)


# --- a run of the generator ----------------------------------------------------------


class Trial:
    """One seed: recorded from quiet point to quiet point, judged at each.

    Between points the recording goes on or, by a draw of the same seed, is ended
    with SIGINT, judged once more, and begun anew in the middle.
    """

    def __init__(self, seed, folder, ops=300, every=60, threads=0, follow=False):
        self.seed, self.folder = seed, folder
        self.args = [seed, ops, every, threads, folder / "log"]
        self.log = Log(folder / "log")
        self.follow = follow
        self.draw = random.Random(seed)
        self.wrong = []   # what was found, in lines
        self.points = 0

    def repeat(self):
        """The command that shows it again."""
        return (f"SHUFFLE_SEED={self.seed} OPS={self.args[1]} EVERY={self.args[2]} THREADS={self.args[3]} "
                f"FOLLOW={int(self.follow)} tests/bpf/fuzz_residency.py")

    def note(self, when, wrong):
        if wrong:
            self.wrong.append(f"seed {self.seed}, {when}:")
            self.wrong += [f"  {ln}" for ln in wrong]

    def pids(self, w, step, before):
        """The processes to judge: children only if they were born into this recording."""
        kids = step.kids.split(",")
        for k in kids:
            mp.wait_until(lambda k=k: k == "0" or mp.proc_state(k) == "S", what="quiet child")
        return [w.pid, *(int(k) for k in kids if self.follow and k not in before)], kids

    def recording(self, w, n):
        args = ["--follow-forks"] if self.follow else []
        return mp.Recording(w.pid, self.folder / f"r{n}.mprof", *args)

    def run(self):
        """Plays the seed to its end, or to the first mismatch; self."""
        with mp.Workload("shuffle", *self.args, cwd=self.folder) as w:
            left = -(-self.args[1] // self.args[2])
            n, kids = 0, []
            while left and not self.wrong:
                n += 1
                with self.recording(w, n) as r:
                    left, kids = self.points_of(w, r, left, {"0", *kids})
        return self

    def later(self, r, pids):
        """Is it slow, or will it never be right? In words: it is wrong either way."""
        begin = time.monotonic()
        if steady(r, pids, deadline=4 * STEADY):
            return f"and still so {STEADY + 4 * STEADY:.0f} s after"
        return f"equal {STEADY + time.monotonic() - begin:.1f} s after"

    def points_of(self, w, r, left, before):
        """Judges points until the draw ends this recording; the points left, the children alive."""
        while left:
            s = w.step("quiet")
            left -= 1
            self.points += 1
            pids, kids = self.pids(w, s, before)
            wrong = steady(r, pids, self.log)
            if wrong:
                wrong.append(self.later(r, pids))
            self.note(f"steady at {s.ops} operations, {r.path}", wrong)
            if self.wrong or not left or self.draw.random() < 0.34:
                break
        r.proc.send_signal(signal.SIGINT)
        r.wait()
        if not self.wrong:
            self.note(f"settled at {s.ops} operations, {r.path}", compare(r.path, pids, self.log))
        return left, kids
