# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Faults told apart: each workload's faults have the kind that its work makes, in its
mapping, by its threads and stacks; majors are as many as the kernel counted."""
import os
import pathlib
import re

import mp
import pytest
from mp import PAGE


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def record(path, name, *args, steps, until=None):
    """Attached at the first quiet point, ended at the last; report and steps by name."""
    with mp.Workload(name, *args) as w:
        seen = {}
        with mp.Recording(w.pid, path) as r:
            for s in steps:
                seen[s] = w.step(s)
            if until:
                until(w, path)
            r.stop()
    rep = mp.report(path)
    mp.check_lossless(rep)
    check_sums(rep)
    return rep, seen


def check_sums(rep):
    """Kinds add up to the faults: in all, in kernel mode, by mapping, by thread."""
    f = rep["faults"]
    assert sum(f["kinds"].values()) == f["total"]
    assert sum(f["kinds_kernel"].values()) == f["kernel"]
    assert sum(t["faults"] for t in rep["threads"]) == f["total"]
    assert sum(t["kernel"] for t in rep["threads"]) == f["kernel"]
    assert f["cow"] == f["kinds"]["cow"]
    for m in rep["mappings"]:
        assert sum(m["fault_kinds"].values()) == m["faults"], m


def kinds(rep, step):
    """Faults by kind in the mapping that the workload named."""
    out = {}
    for (start, end), m in mp.mappings(rep).items():
        if start >= step.map and end <= step.end:
            for k, n in m["fault_kinds"].items():
                out[k] = out.get(k, 0) + n
    return out


def test_zero_pages(tmp_path):
    rep, s = record(tmp_path / "r", "zero-read", 1024, steps=["read", "written"])
    assert kinds(rep, s["written"]) == {"zero_page": 1024, "zero_upgrade": 512}
    assert rep["faults"]["kinds"]["zero_upgrade"] >= 512


def test_copy_after_fork(tmp_path):
    """The parent writes the half that its child still shares; the other half is its own."""
    rep, s = record(tmp_path / "r", "fork-cow", 1024, steps=["touched", "forked", "copied"])
    got = kinds(rep, s["copied"])
    assert got == {"first_touch": 1024, "cow": 512}
    assert rep["faults"]["cow"] >= 512


def test_private_file(tmp_path):
    """Read, then its first half written: that half is anonymous now."""
    data = tmp_path / "data"
    data.write_bytes(bytes(range(1, 256)) * 2056)
    rep, s = record(tmp_path / "r", "file-map", data, steps=["mapped", "read", "written"])
    got = kinds(rep, s["written"])
    pages = s["written"].len // PAGE
    assert got["cow"] == pages // 2
    assert set(got) <= {"cow", "file", "major"}
    assert 1 <= got["file"] + got.get("major", 0) <= pages
    assert rep["faults"]["file_to_anon"] >= pages // 2 * PAGE


def test_shared_memory(tmp_path):
    rep, s = record(tmp_path / "r", "shared-map", 1024, steps=["touched", "dontneed", "back"])
    got = kinds(rep, s["back"])
    assert got["shmem"] == 1024
    assert set(got) == {"shmem", "refault"}
    assert 0 < got["refault"] <= 512  # the kernel maps several pages a fault


def test_refault(tmp_path):
    rep, s = record(tmp_path / "r", "dontneed", 1024, steps=["touched", "dontneed", "refault"])
    got = kinds(rep, s["refault"])
    assert got["refault"] == s["refault"].touched - s["dontneed"].touched
    assert got["first_touch"] == 1024


def test_kernel_mode(tmp_path):
    """read(2) into fresh memory: first touches, all of them by the kernel."""
    rep, s = record(tmp_path / "r", "read-into", 16, "pipe", steps=["mapped", "read"])
    assert kinds(rep, s["read"]) == {"first_touch": 4096}
    assert rep["faults"]["kinds_kernel"]["first_touch"] >= 4096
    user = rep["faults"]["kinds"]["first_touch"] - rep["faults"]["kinds_kernel"]["first_touch"]
    assert user < 50


def test_huge_pages(tmp_path):
    """One fault each; a scan shows that it brought 512 pages."""
    if "[never]" in pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text():
        mp.lacking("no transparent huge pages here")
    rep, s = record(tmp_path / "r", "huge-pages", 8, steps=["touched"])
    got = kinds(rep, s["touched"])
    if mp.in_range(rep, s["touched"].map, s["touched"].end, "resident") != 8 << 21:
        pytest.skip("the kernel had no huge pages to give")
    assert sum(got.values()) == 8
    assert got == {"huge": 8}, got


def test_threads(tmp_path):
    """Each thread's faults are those the kernel charged to it; after it asked, it only ends."""
    rep, s = record(tmp_path / "r", "touch-threads", 4, 16, steps=["all"])
    said = {v: getattr(s["all"], f"faults{k[3:]}")
            for k, v in vars(s["all"]).items() if re.fullmatch(r"tid\d+", k)}
    assert len(said) == 4
    got = {t["tid"]: t for t in rep["threads"]}
    for tid, faults in said.items():
        assert faults >= 4096
        assert 0 <= got[tid]["faults"] - faults <= 8
        assert got[tid]["bytes_added"] >= 4096 * PAGE
    assert sum(kinds(rep, s["all"]).values()) == 4 * 4096


def named(path, name):
    """The recording, as far as it is written, tells a thread's name."""
    return lambda: f'comm="{name}"' in mp.memprof("dump", path).stdout


def test_thread_names(tmp_path):
    """Threads that faulted are named, though they end before the recording does."""
    rep, _ = record(tmp_path / "r", "touch-threads", 2, 16, steps=["all"])
    for t in rep["threads"]:
        assert t["name"] in (None, "touch-threads")
    prog = ("import threading,sys\n"
            "go=threading.Event()\n"
            "def f():\n"
            " open('/proc/thread-self/comm','w').write('faulty')\n"
            " b=bytearray(8<<20)\n"
            " go.wait()\n"
            "print('step start',flush=True);sys.stdin.readline()\n"
            "t=threading.Thread(target=f);t.start()\n"
            "print('step up',flush=True);sys.stdin.readline()\n"
            "go.set();t.join()\n")
    path = tmp_path / "named"
    with mp.Workload("python", argv=["python3", "-c", prog]) as w:
        with mp.Recording(w.pid, path) as r:
            w.go()
            w.out.next()
            mp.wait_until(named(path, "faulty"), what="name of the thread")
            r.stop()
    rep = mp.report(path)
    check_sums(rep)
    t = {t["name"]: t for t in rep["threads"]}
    assert t["faulty"]["faults"] >= 2048
    assert t["faulty"]["tid"] != w.pid


def maj_flt(pid):
    """Of the process: field 12 of its stat."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return int(stat[stat.rindex(")") + 2:].split()[9])


def cold_file(path, pages):
    """On a file system of a disk, and in no page cache."""
    path.write_bytes(os.urandom(PAGE) * pages)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
    return path


def test_majors(tmp_path):
    """A cold file is read through a mapping: majors are the kernel's, each counted once."""
    file = cold_file(mp.BUILD / f"cold-{os.getpid()}", 2048)
    try:
        with mp.Workload("file-map", file) as w:
            with mp.Recording(w.pid, tmp_path / "r") as r:
                before = maj_flt(w.pid)
                w.step("mapped")
                step = w.step("read")
                want = maj_flt(w.pid) - before
                r.stop()
    finally:
        file.unlink()
    if not want:
        pytest.skip("the file's pages could not be dropped from the page cache")
    rep = mp.report(tmp_path / "r")
    mp.check_lossless(rep)
    check_sums(rep)
    assert rep["faults"]["major"] == want
    assert rep["faults"]["kinds"]["major"] == want
    assert kinds(rep, step)["major"] == want
    assert sum(t["major"] for t in rep["threads"]) == want


def test_sites(tmp_path):
    """Two callers of one function touch 3:1 pages: within four standard errors of it."""
    rep, _ = record(tmp_path / "r", "two-sites", 32768, steps=["all"])
    if rep["sites"] is None:
        mp.lacking("no stacks here")
    for what, truth in (("many", 24576), ("few", 8192)):
        mine = [x for x in rep["sites"] if x["stack"] and len(x["stack"]) > 1 and
                re.fullmatch(rf"{what}\+0x[0-9a-f]+ \(two-sites\)", x["stack"][1])]
        assert mine, rep["sites"]
        pages = sum(x["pages"] for x in mine)
        error = sum((x["error_bytes"] / PAGE) ** 2 for x in mine) ** 0.5
        assert abs(pages - truth) <= 4 * error, (what, pages, truth, error)
        assert sum(x["samples"] for x in mine) >= truth // 512
    assert all(x["bytes"] == x["pages"] * PAGE for x in rep["sites"])
    assert abs(sum(x["share"] for x in rep["sites"]) - 1) < 0.01
