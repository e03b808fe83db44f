# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stacks and sites as they come from the kernel: each known before it is used, each
call with its own, faults sampled with weights that add up."""
import os
import re

import mp
import pytest


def record(tmp_path, name, *args, opts=()):
    mp.need_bpf()
    path = tmp_path / "r"
    mp.memprof("record", "-o", path, *opts, "--", mp.BUILD / "workloads" / name, *map(str, args),
               check=0)
    lines = []
    for line in mp.memprof("dump", path, check=0).stdout.splitlines():
        ts, kind, rest = line.split(None, 2)
        lines.append((ts, kind, dict(re.findall(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S+)', rest))))
    return path, lines


def test_every_call_has_its_site(tmp_path):
    _, lines = record(tmp_path, "many-calls", 500)
    frames, sites, calls = {}, {}, 0
    for ts, kind, f in lines:
        if kind == "stack":
            frames[f["id"]] = frames.get(f["id"], 0) + 1
        elif kind == "site.call":
            sites[f["tid"]] = (ts, f["stack"])
        elif kind.startswith("call.") and kind != "call.mprotect":
            calls += 1
            at, stack = sites.pop(f["tid"], (None, None))
            assert at == ts, f"{kind} at {ts} has no site: {at}"
            assert stack in frames
    assert calls > 500


def test_more_stacks_than_there_is_room(tmp_path):
    """What finds no room is counted, and told once at most: it fills no table of the reader's."""
    stacks, room = 20000, 16384
    path, lines = record(tmp_path, "many-stacks", stacks, opts=["-q"])
    told = {f["id"] for _, kind, f in lines if kind == "stack"}
    sites = [f["stack"] for _, kind, f in lines if kind == "site.call"]
    # on each processor one may be told that finds no room; the other CPU's probe may be about to
    assert room - 8 <= len(told) <= room + 4 * os.cpu_count()
    named = [s for s in sites if s != "0"]
    assert set(named) <= told
    rep = mp.report(path, code=None)
    lost = rep["recording"]["lost"]
    assert lost["stack_table"] == lost["total"] >= stacks - room
    assert rep["probes"]["stacks"] != "absent"


def test_fault_weights_add_up(tmp_path):
    """32,768 pages in order, one sample for 128: 256 of them, give or take 16."""
    _, lines = record(tmp_path, "touch-order", 128)
    got = [int(f["pages"]) for _, kind, f in lines if kind == "site.fault"]
    assert len(set(got)) == 1
    assert abs(sum(got) - 32768) < 5 * 16 * got[0]


def test_no_stacks(tmp_path):
    for opt in ("--no-stacks", "--hooks=stacks=off"):
        path, lines = record(tmp_path, "touch-order", 16, opts=[opt])
        assert not [kind for _, kind, _ in lines if kind in ("stack", "site.fault", "site.call")]
        assert mp.report(path)["probes"]["stacks"] == "absent"
        path.unlink()


def test_majors_are_the_kernels(tmp_path):
    """A file whose pages were dropped from the page cache is read through a mapping."""
    mp.need_bpf()
    big = mp.BUILD / f"major-{os.getpid()}"
    big.write_bytes(os.urandom(1 << 20) * 8)
    try:
        fd = os.open(big, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        with mp.Workload("file-map", big) as w:
            with mp.Recording(w.pid, tmp_path / "r") as r:
                before = majors(w.pid)
                w.step("mapped")
                w.step("read")
                want = majors(w.pid) - before
                r.stop()
        dump = mp.memprof("dump", tmp_path / "r", check=0).stdout
    finally:
        big.unlink()
    if not want:
        pytest.skip("the file's pages could not be dropped from the page cache")
    got = re.findall(r" major +mm=\d+ tid=\d+.* addr=(0x[0-9a-f]+)", dump)
    assert len(got) == want


def majors(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        return int(f.read().rsplit(")", 1)[1].split()[9])


def test_caller_of_the_wrapper_is_in_the_stack(tmp_path):
    """libc's madvise keeps no frame: its caller, in the program, must not be left out."""
    mp.need_bpf()
    with mp.Workload("dontneed", 1024) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            for step in ("touched", "dontneed", "refault"):
                w.step(step)
            r.stop()
    (place,) = [x for x in mp.report(tmp_path / "r")["releases"] if x["call"] == "madvise"]
    assert place["stack"][0].startswith("madvise+0x") and "(libc" in place["stack"][0], place
    assert place["stack"][1].startswith("main+0x") and place["stack"][1].endswith(" (dontneed)"), place
