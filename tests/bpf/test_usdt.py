# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The USDT probes of libmpgc: in the library and in programs linked with it, with
semaphores, and they fire for whoever listens.

Listens with perf_event_open(2) and the kernel's uprobe PMU alone: a probe's address and
its semaphore are what a reader of the ELF notes knows, and the kernel raises the
semaphore (ref_ctr_offset) while the event is open.
"""
import ctypes
import os
import pathlib
import re
import struct
import subprocess

import mp
import pytest

PROBES = {"gc__begin": 4, "gc__end": 5, "phase__begin": 2, "phase__end": 4, "mark__begin": 4,
          "release": 6, "limit": 4}
PMU = pathlib.Path("/sys/bus/event_source/devices/uprobe/type")


def notes(path):
    """{name: (location, semaphore, arguments)} of provider memprof_gc, file offsets."""
    out = subprocess.run(["readelf", "-nW", str(path)], capture_output=True, text=True, check=True).stdout
    secs = subprocess.run(["readelf", "-lW", str(path)], capture_output=True, text=True, check=True).stdout
    loads = [tuple(int(x, 16) for x in m) for m in
             re.findall(r"^\s*LOAD\s+(0x\w+) (0x\w+) 0x\w+ (0x\w+)", secs, re.M)]

    def offset(addr):
        for off, va, size in loads:
            if va <= addr < va + size:
                return addr - va + off
        raise AssertionError(hex(addr))

    found = {}
    for m in re.finditer(r"Provider: memprof_gc\s+Name: (\S+)\s+Location: (0x\w+), Base: 0x\w+, "
                         r"Semaphore: (0x\w+)\s+Arguments: (.*)", out):
        sema = int(m[3], 16)
        assert sema, f"{m[1]} has no semaphore"
        found.setdefault(m[1], []).append((offset(int(m[2], 16)), offset(sema), m[4].split()))
    return found


@pytest.mark.parametrize("name", ["libmpgc.so", "examples/binary-trees"])
def test_notes(name):
    found = notes(mp.BUILD / name)
    assert set(found) == set(PROBES)
    for probe, sites in found.items():
        for _, _, args in sites:
            assert len(args) == PROBES[probe], (probe, args)


class Probe:
    """Counts the hits of one probe in every process, by perf_event_open."""

    def __init__(self, path, site):
        self.path = ctypes.create_string_buffer(os.fsencode(str(path)))
        location, semaphore, _ = site
        attr = struct.pack("=IIQQQQQ", int(PMU.read_text()), 112, semaphore << 32, 0, 0, 0, 0)
        attr += struct.pack("=IIQQ", 0, 0, ctypes.addressof(self.path), location)
        self.attr = ctypes.create_string_buffer(attr.ljust(112, b"\0"), 112)

    def open(self, pid):
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.syscall(ctypes.c_long(298), self.attr, ctypes.c_int(pid), ctypes.c_int(-1),
                          ctypes.c_int(-1), ctypes.c_ulong(8))
        assert fd >= 0, os.strerror(ctypes.get_errno())
        return fd


def count(path, args):
    """Hits of every probe while `path args` runs, started after they were set."""
    found = notes(path)
    reader, writer = os.pipe()
    p = subprocess.Popen(["sh", "-c", 'read x; exec "$@"', "sh", str(path), *args], stdin=reader,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=dict(os.environ, MPGC_LOG="go"))
    os.close(reader)
    fds = {}
    try:
        for name, sites in found.items():
            fds[name] = [Probe(path, s).open(p.pid) for s in sites]
        os.write(writer, b"\n")
        os.close(writer)
        out, err = p.communicate(timeout=mp.DEADLINE)
        assert p.returncode == 0, err
        hits = {n: sum(struct.unpack("=Q", os.read(fd, 8))[0] for fd in f) for n, f in fds.items()}
    finally:
        mp.stop(p)
        for f in fds.values():
            for fd in f:
                os.close(fd)
    return hits, err.splitlines()


@pytest.fixture(scope="module")
def hits():
    if os.geteuid() != 0 or not PMU.exists():
        mp.lacking("uprobes")
    if os.uname().machine != "x86_64":
        mp.lacking("the number of perf_event_open here")
    return count(mp.BUILD / "examples" / "binary-trees", ["13"])


def test_every_collection(hits):
    n, log = hits
    gcs = sum(line.startswith("gc ") for line in log)
    assert gcs > 5
    assert n["gc__begin"] == gcs
    assert n["gc__end"] == gcs


def test_phases_come_in_pairs(hits):
    n, _ = hits
    assert n["phase__end"] >= n["phase__begin"] > n["gc__begin"]


def test_quiet_without_a_limit(hits):
    n, _ = hits
    assert n["limit"] == 0
