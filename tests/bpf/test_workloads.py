# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two witnesses: what memprof records of a workload against what the kernel says.

At every quiet point of every workload the resident set must be the kernel's, by
type and by mapping, to the page; calls and faults must be as many as the workload
knows it made; nothing may be lost.
"""
import ctypes
import os
import signal
import subprocess

import mp
import pytest
from mp import PAGE

# name of a case: program, arguments, its steps after "start"
CASES = {
    "touch-order": ("touch-order", ["64"], ["mapped", "few", "all"]),
    "touch-random": ("touch-random", ["16", "6000", "7", "2"], ["drawn"]),
    "touch-threads": ("touch-threads", ["4", "16"], ["all"]),
    "read-into-pipe": ("read-into", ["16", "pipe"], ["mapped", "read"]),
    "read-into-file": ("read-into", ["16", "/proc/self/exe"], ["mapped", "read"]),
    "populate": ("populate", ["8"], ["map-populate", "madv-populate", "mlock"]),
    "munmap-part": ("munmap-part", ["4096"], ["touched", "middle", "head"]),
    "mremap-grow-move": ("mremap-grow-move", ["1024"], ["touched", "moved", "grown", "shrunk"]),
    "brk-updown": ("brk-updown", ["1024"], ["up", "touched", "down"]),
    "dontneed": ("dontneed", ["1024"], ["touched", "dontneed", "refault"]),
    "free-lazy": ("free-lazy", ["1024"], ["touched", "freed", "rewritten"]),
    "fork-cow": ("fork-cow", ["1024"], ["touched", "forked", "copied"]),
    "exec-self": ("exec-self", ["1024"], ["before", "after"]),
    "zero-read": ("zero-read", ["1024"], ["read", "written"]),
    "shared-map": ("shared-map", ["1024"], ["touched", "dontneed", "back"]),
    "file-map": ("file-map", ["FILE"], ["mapped", "read", "written"]),
    "many-calls": ("many-calls", ["1000"], ["done"]),
    "threads-stack": ("threads-stack", ["8", "256"], ["deep", "joined"]),
    "map-over": ("map-over", ["1024"], ["touched", "over", "none", "removed"]),
    "huge-pages": ("huge-pages", ["8"], ["touched", "part"]),
}


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Records a case from one quiet point to another, once for all tests."""
    done = {}
    folder = tmp_path_factory.mktemp("runs")
    data = folder / "data"
    data.write_bytes(bytes(range(1, 256)) * 2056)  # 128 pages and a bit

    def run(case, last=None, first="start"):
        last = last or CASES[case][2][-1]
        key = (case, first, last)
        if key not in done:
            done[key] = Run(case, first, last, folder / f"{case}-{first}-{last}.mprof", data)
        return done[key]

    return run


class Run:
    """A case recorded from step `first` to step `last`; facts from the kernel at both."""

    def __init__(self, case, first, last, path, data):
        name, args, steps = CASES[case]
        self.path = path
        self.steps = {}
        with mp.Workload(name, *[str(data) if a == "FILE" else a for a in args]) as w:
            left = list(steps)
            at = "start"
            while at != first:
                at = left.pop(0)
                self.steps[at] = w.step(at)
            self.before = mp.kernel_rss(w.pid)
            with mp.Recording(w.pid, path) as r:
                while at != last:
                    at = left.pop(0)
                    self.steps[at] = w.step(at)
                self.kernel = mp.kernel_rss(w.pid)
                self.maps = mp.kernel_mappings(w.pid)
                self.rollup = mp.smaps_rollup(w.pid)
                r.stop()
        self.last = self.steps.get(last)
        self.rep = mp.report(path)

    def mapping(self, what):
        """A figure of the mapping that the workload named at its last step."""
        return mp.in_range(self.rep, self.last.map, self.last.end, what)


def points():
    return [(c, s) for c, (_, _, steps) in CASES.items() for s in steps]


@pytest.mark.parametrize("case,step", points())
def test_every_quiet_point(runs, case, step):
    """Attached before the work: resident set, mappings and account are the kernel's."""
    r = runs(case, step)
    mp.check_lossless(r.rep)
    mp.check_rss(r.rep, r.kernel)
    mp.check_mappings(r.rep, r.maps)
    mp.check_account(r.rep)
    assert r.rep["account"]["unknown"] == 0, r.rep["account"]
    assert r.rep["rss"]["start"] == r.before["rss"]


@pytest.mark.parametrize("case,first", [(c, s) for c, (_, _, st) in CASES.items()
                                        for s in st[:-1][-2:]])
def test_attached_in_the_middle(runs, case, first):
    """Attached to a process that has worked already: the scan at attach is exact."""
    r = runs(case, first=first)
    mp.check_lossless(r.rep)
    mp.check_rss(r.rep, r.kernel)
    mp.check_mappings(r.rep, r.maps)
    mp.check_account(r.rep)
    assert r.rep["rss"]["start"] == r.before["rss"]


def test_touch_in_order(runs):
    r = runs("touch-order")
    assert r.mapping("faults") == 16384
    assert r.mapping("resident") == 16384 * PAGE
    assert r.mapping("released") == 0
    f = r.rep["faults"]
    assert f["user"] >= 16384 and f["pages_added"] >= 16384
    assert f["total"] == f["user"] + f["kernel"]
    assert r.rep["rss"]["max"] >= r.before["rss"] + 16384 * PAGE


def test_lazy_then_touched(runs):
    """Mapped memory costs nothing; a page costs a page."""
    assert runs("touch-order", "mapped").mapping("resident") == 0
    assert runs("touch-order", "few").mapping("resident") == 16 * PAGE


@pytest.mark.parametrize("case", ["touch-random", "touch-threads"])
def test_touch_by_threads(runs, case):
    r = runs(case)
    assert r.mapping("faults") == r.last.touched
    assert r.mapping("resident") == r.last.touched * PAGE


@pytest.mark.parametrize("case", ["read-into-pipe", "read-into-file"])
def test_read_into_fresh_memory(runs, case):
    r = runs(case)
    assert r.mapping("faults") == 4096
    # a few more: the kernel also copies into buffers of the program's own
    assert 4096 <= r.rep["faults"]["kernel"] <= 4096 + 64


def test_populated_without_faults(runs):
    if mp.KERNEL < (5, 14):
        pytest.skip("MADV_POPULATE_WRITE came with 5.14: here the workload touches the pages")
    r = runs("populate", "madv-populate")
    first, second = (r.steps[s] for s in ("map-populate", "madv-populate"))
    for s in first, second:
        assert mp.in_range(r.rep, s.map, s.end, "faults") == 0
        assert mp.in_range(r.rep, s.map, s.end, "resident") == 2048 * PAGE
    assert r.rep["calls"]["mmap"]["rss_delta"] == 2048 * PAGE
    assert r.rep["calls"]["madvise"]["rss_delta"] == 2048 * PAGE
    assert r.rep["calls"]["madvise_by_advice"]["populate_write"]["rss_delta"] == 2048 * PAGE


def test_munmap_counts(runs):
    c = runs("munmap-part").rep["calls"]["munmap"]
    assert (c["calls"], c["failed"]) == (2, 0)
    assert c["bytes"] == 1025 * PAGE
    assert c["rss_delta"] == -1025 * PAGE


def test_mremap_moves_pages(runs):
    moved = runs("mremap-grow-move", "moved")
    assert moved.mapping("resident") == 1024 * PAGE
    assert moved.rep["calls"]["mremap"]["rss_delta"] == 0
    r = runs("mremap-grow-move")
    c = r.rep["calls"]["mremap"]
    assert (c["calls"], c["failed"]) == (2, 0)
    assert c["rss_delta"] == -(2048 - 512) * PAGE


def test_brk_counts(runs):
    r = runs("brk-updown")
    c = r.rep["calls"]["brk"]
    assert c["calls"] >= 2
    assert c["rss_delta"] == -512 * PAGE
    heap = [m for m in r.rep["mappings"] if m["name"] == "[heap]"]
    assert len(heap) == 1 and heap[0]["resident"] >= 512 * PAGE
    assert heap[0]["faults"] >= 1024


def test_dontneed_counts(runs):
    r = runs("dontneed")
    for c in r.rep["calls"]["madvise"], r.rep["calls"]["madvise_by_advice"]["dontneed"]:
        assert (c["calls"], c["bytes"], c["rss_delta"]) == (1, 512 * PAGE, -512 * PAGE)
    assert r.mapping("faults") == 1024 + 128
    assert r.mapping("released") == 512 * PAGE
    assert r.mapping("resident") == 640 * PAGE


def test_madv_free_gives_nothing_back_yet(runs):
    r = runs("free-lazy", "freed")
    c = r.rep["calls"]["madvise_by_advice"]["free"]
    assert (c["calls"], c["bytes"], c["rss_delta"]) == (1, 512 * PAGE, 0)
    assert r.mapping("resident") == 1024 * PAGE
    # each CPU holds back up to 31 pages for a while: two looks may differ by so many
    late = 31 * os.cpu_count() * PAGE
    assert abs(r.rep["rss"]["lazyfree"] - r.rollup["LazyFree"]) <= late
    assert 512 * PAGE - late <= r.rep["account"]["lazyfree"] <= 512 * PAGE
    # taken back without a fault
    assert runs("free-lazy").mapping("faults") == 1024


def test_copy_on_write_is_not_growth(runs):
    r = runs("fork-cow")
    assert r.rep["faults"]["cow"] >= 512
    assert r.mapping("resident") == 1024 * PAGE
    # the child's faults are not this process's
    assert r.mapping("faults") <= 1024 + 1024


def test_zero_page_is_not_resident(runs):
    read = runs("zero-read", "read")
    assert read.mapping("faults") == 1024
    assert read.mapping("resident") == 0
    written = runs("zero-read")
    assert written.mapping("faults") == 1024 + 512
    assert written.mapping("resident") == 512 * PAGE


def test_shared_memory_is_shmem(runs):
    r = runs("shared-map")
    assert r.rep["rss"]["shmem"] == 1024 * PAGE
    assert r.rep["account"]["shmem"] == 1024 * PAGE
    c = r.rep["calls"]["madvise_by_advice"]["dontneed"]
    assert (c["calls"], c["rss_delta"]) == (1, -512 * PAGE)


def test_private_write_turns_file_into_anon(runs):
    read, written = runs("file-map", "read"), runs("file-map")
    half = read.last.touched // 2 * PAGE
    assert written.rep["rss"]["anon"] - written.before["anon"] >= half
    assert read.mapping("resident") == written.mapping("resident")


def test_every_call_of_many(runs):
    r = runs("many-calls")
    c = r.rep["calls"]
    assert c["mmap"]["calls"] == 1000 and c["mmap"]["bytes"] == 4000 * PAGE
    assert (c["munmap"]["calls"], c["munmap"]["bytes"]) == (1000, 4000 * PAGE)
    assert c["munmap"]["rss_delta"] == -1000 * PAGE
    assert r.rep["faults"]["pages_added"] >= 1000


def test_stacks_of_threads(runs):
    deep = runs("threads-stack", "deep")
    assert deep.rep["account"]["stacks"] >= deep.last.touched * PAGE


def test_map_fixed_over_pages(runs):
    r = runs("map-over", "over")
    assert r.rep["calls"]["mmap"]["rss_delta"] == -512 * PAGE
    r = runs("map-over")
    assert r.rep["calls"]["madvise_by_advice"]["remove"]["rss_delta"] == -512 * PAGE


def test_huge_pages_are_counted_whole(runs):
    r = runs("huge-pages", "touched")
    if r.maps[(r.last.map, r.last.end)] != 4096 * PAGE:
        mp.lacking("no transparent huge pages here")
    assert r.mapping("resident") == 4096 * PAGE


def test_no_sites_without_stacks(tmp_path):
    """Asked for none: unknown, not an empty list."""
    with mp.Workload("touch-order", 1) as w:
        with mp.Recording(w.pid, tmp_path / "r", "--no-stacks") as r:
            w.step("mapped")
            w.step("few")
            r.stop()
            assert r.report()["sites"] is None


def test_series_ends_where_the_recording_ends(runs):
    r = runs("touch-order")
    s = r.rep["series"]
    assert len(s["t"]) == len(s["rss"]) > 0
    assert s["rss"][-1] == r.rep["rss"]["end"]
    assert s["t"] == sorted(s["t"])
    assert max(v for v in s["rss"] if v is not None) <= r.rep["rss"]["max"]


def test_text_report_and_dump(runs):
    path = runs("dontneed").path
    text = mp.memprof("report", path, check=0).stdout
    assert "dontneed" in text.lower()
    lines = mp.memprof("dump", path, check=0).stdout.splitlines()
    assert [ln for ln in lines if " call" in ln and "dontneed" in ln.lower()]


# --- ends ---------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 3, -signal.SIGTERM, -signal.SIGKILL])
def test_end_of_the_target(tmp_path, code):
    """The target ends: the recording ends with it, by itself, and knows how."""
    with mp.Workload("exit-early", code) as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof") as r:
            w.finish()
            r.wait(0)
            rep = r.report()
    mp.check_lossless(rep)
    assert rep["target"]["exited"] is True
    # ended by a signal: there is no exit code
    assert rep["target"]["exit_code"] == (code if code >= 0 else None)
    assert rep["target"]["signal"] == (-code if code < 0 else None)
    assert rep["target"]["pid"] == w.pid
    assert rep["target"]["comm"] == "exit-early"


def test_exec_then_exit(tmp_path):
    with mp.Workload("exec-self", 256) as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof") as r:
            w.step("before")
            w.step("after")
            assert w.finish() == 5
            r.wait(0)
            rep = r.report()
    mp.check_lossless(rep)
    assert (rep["target"]["exited"], rep["target"]["exit_code"]) == (True, 5)


def test_not_ended_is_said(runs):
    t = runs("touch-order").rep["target"]
    assert t["exited"] is False and t["exit_code"] is None


# --- from outside ----------------------------------------------------------------


def test_remote_writer(tmp_path):
    """Another process fills the memory: no fault of the target, its RSS all the same."""
    class IoVec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]

    libc = ctypes.CDLL(None, use_errno=True)
    libc.process_vm_writev.restype = ctypes.c_ssize_t
    with mp.Workload("touch-order", 8) as w:
        s = w.step("mapped")
        with mp.Recording(w.pid, tmp_path / "r.mprof") as r:
            buf = ctypes.create_string_buffer(256 * PAGE)
            here = IoVec(ctypes.addressof(buf), len(buf))
            there = IoVec(s.map + 64 * PAGE, 256 * PAGE)
            n = libc.process_vm_writev(w.pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
            assert n == 256 * PAGE, os.strerror(ctypes.get_errno())
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
            rep = r.report()
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)


def test_two_recorders_of_one_process(tmp_path):
    with mp.Workload("dontneed", 512) as w:
        with mp.Recording(w.pid, tmp_path / "a") as a, mp.Recording(w.pid, tmp_path / "b") as b:
            w.step("touched")
            w.step("dontneed")
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            a.stop()
            w.step("refault")
            later = mp.kernel_rss(w.pid)
            b.stop()
            reps = a.report(), b.report()
    mp.check_rss(reps[0], kernel)
    mp.check_mappings(reps[0], maps)
    mp.check_rss(reps[1], later)


def test_thread_id_means_its_process(tmp_path):
    """Attached by the id of a thread: the process is recorded."""
    with mp.Workload("threads-stack", 2, 64) as w:
        w.step("deep")
        tid = max(int(t) for t in os.listdir(f"/proc/{w.pid}/task"))
        p = mp.Recording(tid, tmp_path / "r")
        try:
            with p as r:
                kernel = mp.kernel_rss(w.pid)
                r.stop()
                rep = r.report()
        except AssertionError:
            # or it is refused as what it is: no process
            assert p.proc.returncode == 3, "\n".join(p.err.seen)
            return
    assert rep["target"]["pid"] == w.pid
    mp.check_rss(rep, kernel)


# --- launched by memprof ------------------------------------------------------------


def workload(name):
    return str(mp.BUILD / "workloads" / name)


@pytest.mark.parametrize("code,status", [(0, 0), (3, 3), (-15, 128 + 15)])
def test_launch_hands_on_the_status(tmp_path, code, status):
    out = tmp_path / "r.mprof"
    mp.memprof("record", "-o", out, "--", workload("exit-early"), "--run", code, check=status)
    rep = mp.report(out)
    assert rep["target"]["exited"] is True
    assert rep["target"]["exit_code"] == (code if code >= 0 else None)


def test_launch_leaves_streams_alone(tmp_path):
    out = tmp_path / "r.mprof"
    text = "one\ntwo\x1b[1m\n" * 300
    p = subprocess.run([mp.MEMPROF, "record", "-q", "-o", str(out), "--", workload("echo-stdin"), "4"],
                       input=text, capture_output=True, text=True, timeout=600, check=False)
    assert p.returncode == 4
    assert p.stdout == text
    assert text in p.stderr


def test_launch_loses_nothing_before_exec(tmp_path):
    """Every page of the program is there, from the first fault of its first instruction."""
    out = tmp_path / "r.mprof"
    p = mp.memprof("record", "-o", out, "--", workload("touch-order"), "--run", 16, check=0)
    assert p.stdout.splitlines()[-1].startswith("step all")
    rep = mp.report(out)
    mp.check_lossless(rep)
    assert rep["target"]["comm"] == "touch-order"
    assert rep["target"]["exe"].endswith("/touch-order")
    # the program's own loading faults besides what it touched
    assert rep["faults"]["pages_added"] >= 4096 + 20
    assert rep["rss"]["max"] >= 4096 * PAGE


def test_launched_at_a_quiet_point(tmp_path):
    """A launched process is as exact as an attached one."""
    out = tmp_path / "r.mprof"
    p = subprocess.Popen([mp.MEMPROF, "record", "-o", str(out), "--", workload("dontneed"), "256"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = mp.Lines(p.stdout.fileno())
    try:
        assert mp.Step(lines.next()).name == "start"
        pid = mp.wait_until(lambda: child_named(p.pid, "dontneed"), what="child")
        for name in ("touched", "dontneed"):
            p.stdin.write(b"\n")
            p.stdin.flush()
            assert mp.Step(lines.next()).name == name
        mp.wait_until(lambda: mp.proc_state(pid) == "S", what="quiet point")
        maps = mp.kernel_mappings(pid)
        p.stdin.close()
        assert mp.Step(lines.next()).name == "refault"
        assert p.wait(mp.DEADLINE) == 0
    finally:
        mp.stop(p)
        p.stdout.close()
    rep = mp.report(out)
    mp.check_lossless(rep)
    key = next(k for k, v in maps.items() if v == 128 * PAGE and k[0] >= 0x100000000000
               and k[1] - k[0] == 256 * PAGE)
    assert key
    c = rep["calls"]["madvise_by_advice"]["dontneed"]
    assert (c["calls"], c["bytes"], c["rss_delta"]) == (1, 128 * PAGE, -128 * PAGE)
    assert rep["rss"]["start"] is not None


def child_named(pid, comm):
    """The pid of a child of `pid` that has become `comm`, or None."""
    try:
        kids = open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split()
    except OSError:
        kids = [d for d in os.listdir("/proc") if d.isdigit() and parent(d) == pid]
    for k in kids:
        try:
            if open(f"/proc/{k}/comm", encoding="utf-8").read().strip() == comm:
                return int(k)
        except OSError:
            pass
    return None


def parent(pid):
    try:
        stat = open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace").read()
    except OSError:
        return None
    return int(stat[stat.rindex(")") + 2:].split()[1])


def test_launch_of_nothing(tmp_path):
    p = mp.memprof("record", "-o", tmp_path / "a", "--", "/nonexistent/program")
    assert p.returncode == 127 and "/nonexistent/program" in p.stderr
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    p = mp.memprof("record", "-o", tmp_path / "b", "--", plain)
    assert p.returncode == 126, p.stderr


def test_interrupt_of_a_launched_command(tmp_path):
    """Ctrl-C reaches both; the recording is saved and whole."""
    out = tmp_path / "r.mprof"
    p = subprocess.Popen([mp.MEMPROF, "record", "-o", str(out), "--", workload("touch-order"), "8"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         start_new_session=True)
    lines = mp.Lines(p.stdout.fileno())
    try:
        assert mp.Step(lines.next()).name == "start"
        os.killpg(p.pid, signal.SIGINT)
        p.wait(mp.DEADLINE)
    finally:
        mp.stop(p)
        for f in p.stdin, p.stdout, p.stderr:
            f.close()
    rep = mp.report(out)
    assert rep["recording"]["state"] == "clean"


def test_follow_forks(tmp_path):
    out = tmp_path / "r.mprof"
    with mp.Workload("fork-cow", 512) as w:
        with mp.Recording(w.pid, out, "--follow-forks") as r:
            w.step("touched")
            s = w.step("forked")
            w.step("copied")
            kernel = mp.kernel_rss(w.pid)
            r.stop()
            rep = r.report()
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    dump = mp.memprof("dump", out, check=0).stdout
    assert str(s.child) in dump, "the child is not in the recording"


def test_several_targets_each_with_its_report(tmp_path):
    """One recording of two processes: each has a report, as exact as alone."""
    with mp.Workload("dontneed", 512) as a, mp.Workload("touch-order", 8) as b:
        with mp.Recording(a.pid, tmp_path / "r", "-p", str(b.pid)) as r:
            b.step("mapped")
            for name in ("touched", "dontneed"):
                a.step(name)
            for name in ("few", "all"):
                b.step(name)
            kernel = [(mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)) for w in (a, b)]
            r.stop()
            reps = [mp.report(r.path, pid=w.pid) for w in (a, b)]
            assert r.report() == reps[0]
            mp.memprof("report", r.path, "-p", 1, check=3)
    for w, rep, (rss, maps) in zip((a, b), reps, kernel):
        assert rep["target"]["pid"] == w.pid
        mp.check_lossless(rep)
        mp.check_rss(rep, rss)
        mp.check_mappings(rep, maps)
    assert reps[0]["calls"]["madvise"]["rss_delta"] == -256 * PAGE
    assert "madvise" not in reps[1]["calls"] or not reps[1]["calls"]["madvise"]["calls"]
