# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the kernel counts, one fact at a time, and that memprof says the same.

Each case of tests/workloads/facts.c does one thing between two quiet points. The
table below says what the kernel makes of it; the test asks the kernel first, then
memprof: resident pages and faults of the range, the call and what RSS moved by it,
and every page and mapping of the process besides. What this machine cannot do is
skipped with the reason.
"""
import concurrent.futures
import dataclasses
import pathlib
import subprocess

import judge
import mp
import pytest
from mp import PAGE

N = 512


@dataclasses.dataclass
class Fact:
    """Pages of the range before and after; of what the action did, what is known."""

    before: int
    after: int
    faults: int | None = 0     # in the range, by page fault events
    call: str | None = None    # a key of report's calls, or of its advice
    delta: int = 0             # pages by which RSS moved in that call
    failed: int = 0
    anon: int | None = None    # pages of the range that are anonymous afterwards
    kernel: int | None = None  # faults raised in kernel mode, at least
    child: int | None = None   # pages of the range that a forked child has


FACTS = {
    # faults, and residents that come without
    "write": Fact(0, N, N),
    "read-syscall": Fact(0, N, N, kernel=N),
    "map-populate": Fact(0, N, 0, "mmap", N),
    "populate-write": Fact(0, N, 0, "populate_write", N),
    "populate-read": Fact(0, 0, 0, "populate_read", 0),
    "mlock": Fact(0, N, 0),
    "mlock-onfault": Fact(0, 0, 0),
    "remote-write": Fact(0, N, 0),
    "poke": Fact(0, N, 0),
    "userfault-copy": Fact(0, N, 0),
    "small-on-each-cpu": Fact(0, -20, -20),
    "write-forbidden": Fact(0, 0, 16),
    "zero-read": Fact(0, 0, N),
    "zero-upgrade": Fact(0, N // 2, N // 2),
    "fault-around": Fact(0, 16, 1),
    "huge-write": Fact(0, 2 * N, 2),
    "huge-zero-read": Fact(0, 0, 2),
    "private-read": Fact(N, N, 0, anon=0),
    "private-write": Fact(N, N, N // 2, anon=N // 2),
    # calls, by effect
    "munmap": Fact(N, N // 2, 0, "munmap", -N // 2),
    "mremap-shrink": Fact(N, N // 4, 0, "mremap", -N * 3 // 4),
    "mremap-move": Fact(N, N, 0, "mremap"),
    "mremap-dontunmap": Fact(N, 0, 0, "mremap"),
    "brk-up": Fact(0, N, N),
    "brk-down": Fact(N, N // 4, 0, "brk", -N * 3 // 4),
    "map-over": Fact(N, N // 2, 0, "mmap", -N // 2),
    "protect-none": Fact(N, N, 0),
    "dontneed": Fact(N, N // 2, 0, "dontneed", -N // 2),
    "dontneed-refault": Fact(N, N // 2, N // 2, "dontneed", -N // 2),
    "dontneed-shmem": Fact(N, N // 2, 0, "dontneed", -N // 2, anon=0),
    "dontneed-shmem-back": Fact(N, N, None, "dontneed", -N // 2, anon=0),
    "dontneed-file": Fact(N, N // 2, 0, "dontneed", -N // 2, anon=0),
    "dontneed-mlocked": Fact(N, N, 0, "dontneed", 0, failed=1),
    "dontneed-locked": Fact(N, N // 2, 0, "dontneed_locked", -N // 2),
    "remove": Fact(N, N // 2, 0, "remove", -N // 2),
    "punch-hole": Fact(N, N // 2, 0),
    "truncate": Fact(N, N // 2, 0),
    "truncate-private": Fact(N, N // 2, 0, anon=N // 2),
    "free": Fact(N, N, 0, "free"),
    "free-rewrite": Fact(N, N, 0, "free"),
    "free-shmem": Fact(N, N, 0, "free", 0, failed=1),
    "cold": Fact(N, N, 0, "cold"),
    "pageout": Fact(N, N, 0, "pageout"),
    "pageout-file": Fact(N, N // 2, 0, "pageout", -N // 2),
    "process-madvise": Fact(N, 0, 0, "process_madvise", -N),
    "willneed": Fact(N, N, 0, "willneed"),
    "willneed-file": Fact(0, 0, 0, "willneed"),
    "collapse": Fact(128, 1024, 0, "collapse", 896),
    "guard": Fact(N, N // 2, 0, "guard_install", -N // 2),
    # huge pages
    "huge-part": Fact(2 * N, 2 * N - N // 4, 0, "dontneed", -N // 4),
    "huge-split": Fact(2 * N, None, 0),
    "huge-off": Fact(2 * N, 2 * N, 0),
    "khugepaged": Fact(128, 1024, 0),
    # processes
    "fork": Fact(N, N, 0, child=N),
    "fork-shared": Fact(N, N, 0, child=0),
    "fork-copy": Fact(N, N, N // 2, child=N),
    "fork-dontfork": Fact(N, N, 0, child=0),
    "fork-wipeonfork": Fact(N, N, 0, child=0),
    "vfork": Fact(0, N, N),
    # shared memory, hugetlb, KSM, mappings
    "memfd-written": Fact(0, 0, None),
    "memfd-mapped": Fact(0, N, None, anon=0),
    "sysv": Fact(0, N, None, anon=0),
    "sysv-detach": Fact(N, 0, 0),
    "hugetlb": Fact(0, 0, 2),
    "ksm": Fact(N, N, 0, anon=N),
    "neighbours": Fact(0, 16, 16),
    "long-run": Fact(2 * 2731 + 8192, 2 * 2731 + 8192, 0),
}


# --- what some need of the machine --------------------------------------------------


NEEDS = {
    "khugepaged": {"scan_sleep": 10, "pages_to_scan": 100000},
    "hugetlb": {"nr_hugepages": 4},
    "ksm": {"ksm_sleep": 10, "ksm_pages": 10000, "ksm_run": 1},
}


def ksm_merged(pid):
    """Pages of the process that KSM has merged."""
    stat = pathlib.Path(f"/proc/{pid}/ksm_stat").read_text()
    return int(stat.split("ksm_merging_pages")[1].split()[0])


# Where somebody else acts, the test waits until he has.
WAITS = {
    "khugepaged": lambda w, s: pages(w.pid, s) == 1024,
    "ksm": lambda w, s: ksm_merged(w.pid) > 0,
}


# --- one fact --------------------------------------------------------------------------------


def smaps_sum(pid, start, end, key):
    """Sum of a figure of smaps over the mappings within [start, end), in pages."""
    total, inside = 0, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines():
        w = line.split()
        if "-" in w[0] and not w[0].endswith(":"):
            s, e = (int(x, 16) for x in w[0].split("-"))
            inside = s >= start and e <= end
        elif inside and w[0] == key + ":":
            total += int(w[1]) * 1024 // PAGE
    return total


def can(case, folder):
    """Skips what this machine cannot do, with the reason that the program gives."""
    p = subprocess.run([str(mp.BUILD / "workloads" / "facts"), "--run", case], capture_output=True,
                       text=True, timeout=600, check=False, cwd=folder)
    if p.returncode == 77:
        pytest.skip(p.stderr.strip())
    assert p.returncode == 0, f"{case}: {p.returncode} {p.stderr}"


def check_call(rep, f, case):
    """The call was made once, and RSS moved by it as the table says."""
    c = rep["calls"].get(f.call) or rep["calls"]["madvise_by_advice"].get(f.call)
    assert c, f"{case}: no {f.call} in {rep['calls']}"
    assert c.get("failed", f.failed) == f.failed, c
    assert c["rss_delta"] == f.delta * PAGE, c


def pages(pid, s):
    """Pages in the range of a step that count in RSS, by the kernel's word."""
    return sum(min(b, s.end) - max(a, s.map) for a, b in judge.kernel(pid).runs
               if b > s.map and a < s.end) // PAGE


class Done:
    """A case played and recorded; what the kernel said at its end."""

    def __init__(self, case, folder):
        self.path = folder / "r.mprof"
        args = ["--follow-forks"] if case.startswith("fork") else []
        with mp.Workload("facts", case, cwd=folder) as w:
            first = w.step("before")
            with mp.Recording(w.pid, self.path, *args) as r:
                self.before = pages(w.pid, first)
                s = self.last = w.step("after")
                if case in WAITS:
                    mp.wait_until(lambda: WAITS[case](w, s), what=case)
                self.after = pages(w.pid, s)
                self.anon = smaps_sum(w.pid, s.map, s.end, "Anonymous")
                self.kernel = mp.kernel_rss(w.pid)
                self.child = pages(s.child, s) if s.child else None
                pids = [w.pid] + ([s.child] if s.child else [])
                if s.child:
                    mp.wait_until(lambda: mp.proc_state(s.child) == "S", what="quiet child")
                r.stop()
                self.wrong = judge.compare(self.path, pids)
        self.rep = mp.report(self.path)

    def said(self, what):
        return mp.in_range(self.rep, self.last.map, self.last.end, what)


def play(case, folder):
    with judge.setting(**NEEDS.get(case, {})):
        can(case, folder)
        return Done(case, folder)


@pytest.fixture(scope="module")
def played(request, tmp_path_factory):
    """The cases asked for, three at a time: most of each is waiting."""
    mp.need_bpf()
    cases = [i.callspec.params["case"] for i in request.session.items
             if i.path == request.path and hasattr(i, "callspec")]
    jobs = {}
    for n, some in ((3, [c for c in cases if c not in NEEDS]), (1, [c for c in cases if c in NEEDS])):
        # what needs a setting of the machine is alone: a busy khugepaged meddles with the others
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            jobs.update({c: pool.submit(play, c, tmp_path_factory.mktemp(c)) for c in some})
    return jobs


@pytest.mark.parametrize("case", FACTS)
def test_fact(played, case):
    f = FACTS[case]
    d = played[case].result()
    cpus = d.last.result if f.after is not None and f.after < 0 else 1
    # what the kernel counts
    assert d.before == f.before
    if f.after is not None:
        assert d.after == abs(f.after) * cpus
    if f.anon is not None:
        assert d.anon == f.anon
    assert d.child == f.child
    # what memprof says
    assert not d.wrong, "\n".join(d.wrong)
    mp.check_lossless(d.rep)
    mp.check_rss(d.rep, d.kernel)
    mp.check_account(d.rep)
    assert d.said("resident") == d.after * PAGE
    if f.faults is not None:
        assert d.said("faults") == abs(f.faults) * cpus
    if f.call:
        check_call(d.rep, f, case)
    if f.kernel is not None:
        assert d.rep["faults"]["kernel"] >= f.kernel


def test_every_case_is_in_the_table():
    p = subprocess.run([str(mp.BUILD / "workloads" / "facts")], capture_output=True, text=True,
                       timeout=600, check=True)
    assert p.stdout.split() == list(FACTS)


def test_swap():
    if len(pathlib.Path("/proc/swaps").read_text().splitlines()) < 2:
        pytest.skip("this machine has no swap: that VmSwap is told beside RSS is not shown here")
