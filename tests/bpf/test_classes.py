# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Malloc libraries by the shape of their mappings, on the real ones of Debian.

A workload mallocs from several threads; what its threads hold must lie in mappings
of the class that is the library's, and the resident set must be the kernel's.
Runtimes are in test_programs.py.
"""
import glob
import pathlib
import shutil

import mp
import pytest

LIBS = "/usr/lib/*-linux-gnu/"
CASES = {
    # name: library, class of what it maps, other classes it may use
    "glibc": (None, "arena", ["brk"], {}),
    "glibc-one-arena": (None, "brk", ["anon"], {"MALLOC_ARENA_MAX": "1"}),
    "glibc-huge": (None, "arena", ["brk"], {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=2"}),
    "jemalloc": ("libjemalloc.so.2", "jemalloc", [], {}),
    "mimalloc": ("libmimalloc.so.2*", "mimalloc", [], {}),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "brk", ["tcmalloc"], {}),
    "tcmalloc-mmap": ("libtcmalloc_minimal.so.4", "tcmalloc", [], {"TCMALLOC_SKIP_SBRK": "1"}),
}


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def library(name):
    found = sorted(glob.glob(LIBS + name))
    if not found:
        mp.lacking(f"{name} is not installed (make deps-check)")
    return found[0]


def held(tmp_path, env):
    """A report of the workload at its quiet point, with what its threads hold."""
    with mp.Workload("malloc-mix", 4, 16, env=env) as w, mp.Recording(w.pid, tmp_path / "r.mprof") as r:
        last = w.step("full")
        kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
        r.stop()
    rep = mp.report(tmp_path / "r.mprof")
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    mp.check_account(rep)
    assert rep["account"]["unknown"] == 0, rep["account"]
    return rep, last.held


def check(rep, cls, others, want):
    """What is held is there, and what is not there is not much."""
    c = rep["classes"]
    mine = c[cls] + sum(c[o] for o in others if o != "anon")
    big = c["anon"] if "anon" in others else 0  # blocks that glibc maps one by one
    assert want <= mine + c["anon"] <= want * 1.5, c
    assert mine + big >= want * 0.97, c
    # all malloc is one number of the contract, but for what is mapped alone
    assert rep["account"]["arenas"] == sum(c[k] for k in ("arena", "brk", "jemalloc", "mimalloc", "tcmalloc"))
    assert c["stack"] >= 5 * mp.PAGE, c  # of four threads and the main one
    for k in ("jemalloc", "mimalloc", "tcmalloc", "go_heap", "v8_heap", "jvm_heap", "jvm_meta", "jvm_code"):
        assert not c[k] or k == cls or k in others, c


@pytest.mark.parametrize("case", CASES)
def test_malloc_library(tmp_path, case):
    lib, cls, others, env = CASES[case]
    if case == "glibc-huge" and int(pathlib.Path("/proc/sys/vm/nr_hugepages").read_text()):
        pytest.skip("a pool of huge pages: glibc takes them from there, and they are in no RSS")
    if lib:
        env = dict(env, LD_PRELOAD=library(lib))
    rep, want = held(tmp_path, env)
    if not lib:
        others = [*others, "anon"]  # above its threshold glibc maps a block alone
    check(rep, cls, others, want)
    assert rep["classes"][cls] >= want * 0.4


def test_mimalloc_by_shape(tmp_path):
    """Under another name, as if linked into the program: the addresses tell."""
    copy = tmp_path / "libprivate.so"
    shutil.copy(library("libmimalloc.so.2*"), copy)
    rep, want = held(tmp_path, {"LD_PRELOAD": str(copy)})
    check(rep, "mimalloc", [], want)


def test_text_names_it(tmp_path):
    """The report in words has a row of its own for such memory."""
    held(tmp_path, {"LD_PRELOAD": library("libjemalloc.so.2")})
    text = mp.memprof("report", tmp_path / "r.mprof", check=0).stdout
    assert "other malloc libraries" in text
    assert "jemalloc" in text
