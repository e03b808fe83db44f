# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of live JVMs share: tests/bpf/test_jvm.py, tests/runtimes/test_jvm_versions.py."""
import os
import subprocess

import mp

SRC = mp.ROOT / "tests" / "workloads" / "java" / "Bursts.java"
MB = 1 << 20
HEAP = ["-Xms32m", "-Xmx256m"]
# What the program may have taken since the JVM last wrote its counters, while it printed its
# step: as coarse as the collector gives memory to threads. ZGC writes them at cycles only.
SLACK = {"Serial": MB, "Parallel": MB, "ConcMarkSweep": MB, "G1": 2 * MB, "Z": 8 * MB, "Shenandoah": 2 * MB}


def compiled(out, javac="javac"):
    """The folder of Bursts.class, for Java 8 and later."""
    subprocess.run([javac, "-nowarn", "--release", "8", "-d", out, SRC], check=True, timeout=600)
    return out


def java(classes, *flags, burst=400, program="java"):
    return [program, *HEAP, *flags, "-cp", str(classes), "Bursts", str(burst)]


def record(path, argv, *args, steps=("bursts", "idle"), pid_of=None):
    """Recorded from the step `start` on: report, the first and the last step, the kernel's RSS."""
    with mp.Workload(None, argv=argv) as w:
        pid = pid_of(w.pid) if pid_of else w.pid
        with mp.Recording(pid, path, *args) as r:
            first = mp.Step(w.out.seen[0])
            for name in steps:
                last = w.step(name)
                mp.looked(r.proc.pid)
            with mp.frozen(pid):
                kernel = mp.kernel_rss(pid)
                r.stop()
    return r.report(), first, last, kernel


def jvm(rep):
    (heap,) = [h for h in rep["heap"] if h["source"] == "jvm"]
    return heap


def collected(rep):
    """Collections; pauses of kind other (G1's remark and cleanup) are none."""
    assert rep["gc"]["older"] == 0
    return [c for c in rep["gc"]["collections"] if c["kind"] != "other"]


def total(rep):
    return len(collected(rep))


def survivors_differ(heap):
    """By what committed may be off: of Parallel's two survivor spaces, which it sizes one by one, that
    in use counts. While both are empty no counter tells which that is."""
    two = [s for name, s in heap["spaces"].items() if name in ("s0", "s1")]
    if len(two) < 2 or any(s["used"] for s in two):
        return {0}
    return {0, abs(two[0]["committed"] - two[1]["committed"])}


def check_figures(rep, last, slack):
    """What the counters say at the end is what MemoryMXBean said there."""
    heap = jvm(rep)
    assert abs(heap["used"]["end"] - last.used) <= slack, (heap["used"], last.used)
    assert abs(heap["committed"]["end"] - last.committed) in survivors_differ(heap), (heap, vars(last))
    assert heap["limit"] == 256 * MB
    assert last.max <= heap["limit"]
    assert 0 < heap["spaces"]["metaspace"]["used"] <= heap["spaces"]["metaspace"]["committed"]
    spaces = [s for n, s in heap["spaces"].items() if n not in ("metaspace", "class space")]
    assert sum(s["used"] for s in spaces) == heap["used"]["end"]


# Columns of `jstat -gc` of a space, capacity and used, and what memprof calls it.
JSTAT = {"eden": ("EC", "EU"), "young": ("EC", "EU"), "s0": ("S0C", "S0U"), "s1": ("S1C", "S1U"),
         "old": ("OC", "OU"), "Heap": ("OC", "OU"), "metaspace": ("MC", "MU"), "class space": ("CCSC", "CCSU")}


def jstat(pid, program):
    """Bytes by column; "-" is a space that the collector has not."""
    p = subprocess.run([program, "-J-Xmx32m", "-gc", str(pid)], capture_output=True, text=True, timeout=mp.DEADLINE,
                       check=True, env=dict(os.environ, LC_ALL="C"))
    head, row = (line.split() for line in p.stdout.splitlines())
    return {k: float(v) * 1024 for k, v in zip(head, row) if v != "-"}


def beside_jstat(path, argv, program, gc):
    """Figures between two collections beside jstat's, while every thread of the JVM stands still.

    Both read the same counters, which nobody writes meanwhile: what is left is that jstat prints
    tenths of KiB, 51 bytes off at most, and that G1 pads capacities by 8 or 24 bytes, which
    memprof takes off. So 100 bytes a space, however busy the machine is.
    """
    with mp.Workload(None, argv=argv) as w, mp.Recording(w.pid, path) as r:
        w.step("bursts")
        with mp.frozen(w.pid):
            told = jstat(w.pid, program)
            r.stop()
    heap = jvm(r.report())
    spaces, near = heap["spaces"], 100
    assert {JSTAT[n][1] for n in spaces} == {k for k in told if k.endswith("U")}
    for name, space in spaces.items():
        capacity, used = JSTAT[name]
        assert abs(space["used"] - told[used]) <= near, (name, space, told)
        if gc != "Shenandoah":  # what is its heap's limit in jstat, memprof has as committed from elsewhere
            assert abs(space["committed"] - told[capacity]) <= near, (name, space, told)
    assert abs(heap["used"]["end"] - sum(told.get(k, 0) for k in ("EU", "S0U", "S1U", "OU"))) <= 4 * near
    if gc == "Shenandoah":
        assert told["OC"] == heap["limit"] >= heap["committed"]["end"] >= heap["used"]["end"]
        return
    # of two survivors only the one with objects is memory that the JVM says it has, as in its MXBeans
    (survivor,) = [told[f"S{i}C"] for i in "01" if told.get(f"S{i}U")] or [0]
    assert abs(heap["committed"]["end"] - told.get("EC", 0) - survivor - told["OC"]) <= 4 * near, (heap, told)
