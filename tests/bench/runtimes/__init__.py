# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a program of Node, Go or Java that allocates all the time pays while memprof records it.

A unit of its work takes some 50 ms. Of each the CPU time of the whole process is taken, as its own
clock in the kernel tells it. Units are done in blocks, without memprof and with it in turn, all in
one process that was warmed up; a block stands for its lower quartile, in which the rest of the
machine shows least. Each block with memprof is compared with the mean of the two beside it without,
so that what drifts (clock speed, neighbours) falls out. The estimate is the median of these ratios;
the interval holds it in 95 % of samples drawn from them again (bootstrap).

Beside it stands what is computed: collections a second of the program times what one costs, and
faults times what one costs (FAULT_US, of the part "faults"). The cost of a collection is measured in
the same way, with the program made to collect many times as often, where it is more than noise.

All collect in one thread: several wait for each other spinning, and their CPU time says who else
had the processors rather than what they did."""
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import time

from report import median, notes, record, table, target

HERE = os.path.dirname(os.path.abspath(__file__))
WARM, UNITS, LIMIT = 20, 14, 1.02
FIRST = 2  # units of a block left out: code pages that the probes changed are copied, caches are cold
FAULT_US = 0.1


def node(_, often):
    return ["node", "--single-threaded-gc", *(["--max-semi-space-size=1"] if often else []), f"{HERE}/alloc.js"]


def go(tmp, often):
    out = tmp / "alloc-go"
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOTOOLCHAIN="local", CGO_ENABLED="0", GOCACHE=str(tmp / "go"))
    subprocess.run(["go", "build", "-o", str(out), f"{HERE}/alloc.go"], check=True, env=env, timeout=300)
    return ["env", "GOMAXPROCS=1", out, *(["200"] if often else [])]


def java(tmp, often):
    subprocess.run(["javac", "-d", str(tmp), f"{HERE}/Alloc.java"], check=True, timeout=300)
    return ["java", "-XX:+UseSerialGC", "-Xmx256m", *(["-Xmn2m"] if often else []), "-cp", tmp, "Alloc", "2" if often else "8"]


PROGRAMS = {"node": node, "go": go, "java": java}


class Units:
    """The program, a unit of work at a time."""

    def __init__(self, proc):
        self.proc, self.clock = proc, ((~proc.pid) << 3) | 2  # CPU time of another process: clock_getcpuclockid()
        proc.lines.until("ready")
        self.block(WARM)

    def cpu(self):
        return time.clock_gettime(self.clock)

    def block(self, n=UNITS):
        """CPU seconds of each unit."""
        got = []
        for _ in range(n):
            before = self.cpu()
            os.write(self.proc.p.stdin.fileno(), b"\n")
            self.proc.lines.next()
            got.append(self.cpu() - before)
        return got


def stands_for(block):
    return statistics.quantiles(block[FIRST:], n=4, method="inclusive")[0]


def interval(values, draws=2000):
    """Of the median, 95 %."""
    rng = random.Random(1)
    got = sorted(median(rng.choices(values, k=len(values))) for _ in range(draws))
    return got[draws // 40], got[-draws // 40 - 1]


class Measure:
    """Blocks of a program without memprof and with it, and what memprof saw in those."""

    def __init__(self, proc, program, memprof, blocks):
        units = Units(proc(program))
        self.bare, self.ours, self.collections, self.faults, self.cpu = [stands_for(units.block())], [], 0, 0, 0.0
        for _ in range(blocks):
            x, start = memprof(units.proc.pid), units.cpu()
            self.ours.append(stands_for(units.block()))
            self.cpu += units.cpu() - start
            x.stop()
            rep = x.report()
            self.collections += rep["gc"]["minor"] + rep["gc"]["major"]
            self.faults += rep["faults"]["total"]
            self.bare.append(stands_for(units.block()))
        units.proc.end()

    def between(self):
        """The time without memprof that each block with it is compared with."""
        return [(a + b) / 2 for a, b in zip(self.bare, self.bare[1:])]

    def ratios(self):
        return [o / b for o, b in zip(self.ours, self.between())]

    def rate(self, n):
        return n / self.cpu

    def collection_us(self):
        """What a collection more costs, one value a block."""
        share = self.rate(self.collections)
        return [1e6 * (r - 1) / share for r in self.ratios()]


def row(name, m, often):
    us = often.collection_us()
    got, (low, high) = median(m.ratios()), interval(m.ratios())
    each, (us_low, us_high) = median(us), interval(us)
    computed = 1 + (m.rate(m.collections) * each + m.rate(m.faults) * FAULT_US) / 1e6
    record(f"runtime_{name}", "s", median(m.ours), {"none": median(m.bare)}, len(m.ours), high - low, ratio={"none": got},
           interval=[low, high], computed=computed)
    record(f"runtime_{name}_collection", "us", each, None, len(us), us_high - us_low, interval=[us_low, us_high])
    target(f"an allocating {name} program beside itself unwatched", got, LIMIT, show="{:.3f}")
    return [name, f"{1e3 * median(m.bare):.1f}", f"{1e3 * median(m.ours):.1f}", f"{got:.3f}", f"{low:.3f}–{high:.3f}",
            f"{computed:.3f}", f"{m.rate(m.collections):.0f}", f"{each:.1f} ({us_low:.1f}–{us_high:.1f})",
            f"{m.rate(m.faults):.0f}"]


def bench(tmp, proc, memprof, rounds):
    rows = []
    for name, make in PROGRAMS.items():
        if not shutil.which(name):
            notes.append(f"runtimes: {name} is not installed, left out")
            continue
        often = Measure(proc, make(tmp, True), memprof, rounds)
        rows.append(row(name, Measure(proc, make(tmp, False), memprof, 3 * rounds), often))
    table(f"CPU time of a unit of work of a program that allocates ({3 * rounds} blocks of {UNITS - FIRST} with memprof, "
          "each between two without)",
          ["", "none, ms", "memprof, ms", "ratio", "95 %", "computed", "collections/s", "µs each (95 %)", "faults/s"], rows)
