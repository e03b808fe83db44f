# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real programs of Debian at quiet points.

Each is attached to while it lives, works, and stands still: then its resident set
must be the kernel's, by type and mapping by mapping, nothing may be lost, and no
part of RSS be unknown. What runtimes use their memory for is told by its class.
"""
import contextlib
import glob
import os
import pathlib
import subprocess

import mp
import pytest
from servers import free_port, nobody_database, running

MB = 1 << 20
SOURCES = mp.ROOT / "tests" / "workloads"


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


class Quiet:
    """A report of a process that stands still, beside what the kernel says of it."""

    def __init__(self, pid, recording):
        with mp.frozen(pid):
            self.kernel = mp.kernel_rss(pid)
            self.maps = mp.kernel_mappings(pid)
            self.rollup = mp.smaps_rollup(pid)
            recording.stop()
        self.rep = recording.report()
        self.classes = self.rep["classes"]

    def check(self):
        mp.check_lossless(self.rep)
        mp.check_rss(self.rep, self.kernel)
        mp.check_mappings(self.rep, self.maps)
        mp.check_account(self.rep)
        assert self.rep["account"]["unknown"] == 0, self.rep["account"]
        return self


def stepped(argv, path, steps):
    """Attaches to a program that takes turns, lets it go `steps`, and freezes it."""
    with mp.Workload("", argv=argv) as w, mp.Recording(w.pid, path) as r:
        last = [w.step(s) for s in steps][-1]
        return Quiet(w.pid, r).check(), last


def children(pid):
    out = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            out += [int(c) for c in (task / "children").read_text().split()]
    return out


def faults_of(pid):
    """Minor faults of a process so far: that it works shows in them."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return int(stat[stat.rindex(")") + 2:].split()[7])


def ticks_of(pid):
    """Clock ticks of a process so far, in user and kernel mode."""
    word = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return int(word[11]) + int(word[12])


# --- runtimes ---------------------------------------------------------------------


def test_node(tmp_path):
    mp.need_command("node")
    q, last = stepped(["node", str(SOURCES / "node" / "steps.js")], tmp_path / "r",
                      ["churned", "grown", "buffers"])
    assert q.classes["heap"] >= 0.9 * last.used
    assert q.classes["v8_heap"] == 0  # its figures are known


def test_node_without_figures(tmp_path):
    """Without the source V8's pages have a class and a row of their own."""
    mp.need_command("node")
    with mp.Workload("", argv=["node", str(SOURCES / "node" / "steps.js")]) as w:
        for s in ("churned", "grown"):
            last = w.step(s)
        with mp.Recording(w.pid, tmp_path / "r") as r:
            q = Quiet(w.pid, r).check()
    assert q.classes["v8_heap"] >= 0.9 * last.used
    assert q.classes["v8_heap"] <= 1.1 * last.total
    text = mp.memprof("report", tmp_path / "r", check=0).stdout
    assert "heap, no figures of it" in text


@pytest.mark.parametrize("lib,cls", [("libjemalloc.so.2", "jemalloc"), ("libmimalloc.so.2*", "mimalloc")])
def test_node_on_another_malloc(tmp_path, lib, cls):
    """Buffers are the library's, and no page of V8's is."""
    mp.need_command("node")
    found = sorted(glob.glob(f"/usr/lib/*-linux-gnu/{lib}"))
    if not found:
        mp.lacking(f"{lib} is not installed (make deps-check)")
    argv = ["node", str(SOURCES / "node" / "steps.js")]
    with mp.Workload("", argv=argv, env={"LD_PRELOAD": found[0]}) as w, mp.Recording(w.pid, tmp_path / "r") as r:
        last = [w.step(s) for s in ("churned", "grown", "buffers")][-1]
        q = Quiet(w.pid, r).check()
    assert q.classes[cls] >= 100 * MB
    assert 0.9 * last.used <= q.classes["heap"] <= 1.1 * last.total


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    mp.need_command("go")
    out = tmp_path_factory.mktemp("go") / "lazy"
    subprocess.run(["go", "build", "-o", str(out), str(SOURCES / "go" / "lazy.go")], check=True,
                   timeout=600, env=dict(os.environ, GOFLAGS="-mod=mod", GO111MODULE="off"))
    return str(out)


def test_go(tmp_path, go):
    q, last = stepped([go], tmp_path / "r", ["made", "few", "all", "released", "again"])
    assert q.classes["go_heap"] == 0  # its source tells figures: the heap
    assert 300 * MB <= q.classes["heap"] <= last.sys
    assert q.classes["anon"] <= MB  # but for zeroed data all else is the runtime's
    assert q.classes["go_rt"] > 0


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    mp.need_command("java")
    mp.need_command("javac")
    out = tmp_path_factory.mktemp("java")
    subprocess.run(["javac", "-d", str(out), str(SOURCES / "java" / "Steps.java")], check=True, timeout=600)
    return str(out)


@pytest.mark.parametrize("gc", ["Serial", "G1"])
def test_java(tmp_path, java, gc):
    argv = ["java", f"-XX:+Use{gc}GC", "-Xms64m", "-Xmx256m", "-cp", java, "Steps"]
    q, last = stepped(argv, tmp_path / "r", ["grown", "dropped"])
    assert q.classes["jvm_heap"] == 0  # its source tells figures: the heap
    assert 25 * MB <= q.classes["heap"] <= 256 * MB
    assert q.classes["heap"] >= 0.5 * last.used
    assert q.classes["jvm_code"] > 0 and q.classes["jvm_meta"] > 0
    assert q.classes["stack"] > 0


def test_java_zgc(tmp_path, java):
    """The heap is mapped three times; pages that were used in several are in RSS so often."""
    argv = ["java", "-XX:+UseZGC", "-Xms64m", "-Xmx256m", "-cp", java, "Steps"]
    q, _ = stepped(argv, tmp_path / "r", ["grown", "dropped"])
    assert q.kernel["shmem"] >= 25 * MB
    assert q.classes["shmem"] == q.kernel["shmem"]
    assert q.classes["jvm_heap"] == 0


# --- servers and tools ---------------------------------------------------------------


def test_redis(tmp_path):
    """redis-server, which Debian builds with jemalloc, under load."""
    mp.need_command("redis-server")
    bench = mp.need_command("redis-benchmark")
    port = str(free_port())
    argv = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with running(argv) as p:
        out = mp.Lines(p.stdout.fileno())
        while "Ready to accept connections" not in out.next():
            pass
        with mp.Recording(p.pid, tmp_path / "r") as r:
            subprocess.run([bench, "-p", port, "-q", "-n", "40000", "-r", "1000000", "-d", "512", "-P", "16",
                            "-t", "set,lpush"], check=True, timeout=600, capture_output=True)
            q = Quiet(p.pid, r).check()
    assert q.classes["jemalloc"] >= 20 * MB
    assert q.classes["jemalloc"] >= 0.9 * q.kernel["anon"] - 2 * MB


def test_sqlite3(tmp_path):
    """A database is built, with the file mapped."""
    mp.need_command("sqlite3")
    argv = ["sqlite3", str(tmp_path / "db")]
    with running(argv) as p, mp.Recording(p.pid, tmp_path / "r") as r:
        out = mp.Lines(p.stdout.fileno())
        p.stdin.write(b"pragma mmap_size=268435456; pragma cache_size=-32000; create table t(a, b);\n"
                      b"with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)"
                      b" insert into t select i, hex(randomblob(100)) from n;\n"
                      b"create index x on t(b); select 'built', count(*) from t where b > '8';\n")
        p.stdin.flush()
        while not (out.next() or "").startswith("built"):
            pass
        q = Quiet(p.pid, r).check()
    assert q.classes["brk"] + q.classes["anon"] >= 8 * MB


def test_postgres(tmp_path, open_folder):
    """A backend at work: its shared buffers are shared memory."""
    mp.need_command("setpriv")
    run = nobody_database(open_folder)
    server = run("postgres", "-D", f"{open_folder}/db", "-k", open_folder, "-c", "listen_addresses=",
                 "-c", "shared_buffers=64MB", "-c", "fsync=off")
    with running(server, cwd=open_folder) as p:
        out = mp.Lines(p.stdout.fileno())
        while "ready to accept connections" not in out.next():
            pass
        with running(run("psql", "-qAt", "-h", open_folder, "-U", run("x")[2], "postgres"), cwd=open_folder) as c:
            answer = mp.Lines(c.stdout.fileno())
            c.stdin.write(b"select pg_backend_pid();\n")
            c.stdin.flush()
            pid = int(answer.next())
            with mp.Recording(pid, tmp_path / "r") as r:
                c.stdin.write(b"create table t as select i, md5(i::text) m from generate_series(1, 200000) i;\n"
                              b"select count(distinct m) from t;\n")
                c.stdin.flush()
                assert answer.next() == "200000"
                q = Quiet(pid, r).check()
    assert q.kernel["shmem"] >= 8 * MB
    assert q.classes["shmem"] == q.kernel["shmem"]


# --- stress-ng -------------------------------------------------------------------------

STRESS = {
    "vm-zero-one": ["--vm", "1", "--vm-bytes", "32m", "--vm-method", "zero-one"],
    "vm-flip": ["--vm", "1", "--vm-bytes", "16m", "--vm-method", "flip", "--vm-keep"],
    "vm-populate": ["--vm", "1", "--vm-bytes", "32m", "--vm-method", "ror", "--vm-populate"],
    "madvise": ["--madvise", "1", "--temp-path", "TMP"],
    "mmap": ["--mmap", "1", "--mmap-bytes", "16m"],
    "mremap": ["--mremap", "1", "--mremap-bytes", "16m"],
    "brk": ["--brk", "1"],
    "memfd": ["--memfd", "1", "--memfd-bytes", "16m"],
}


def leaf(pid):
    """The process that does the work: of the last generation."""
    while True:
        c = children(pid)
        if not c:
            return pid
        pid = c[-1]


@pytest.mark.parametrize("case", STRESS)
def test_stress_ng(tmp_path, case):
    """Stopped wherever it happens to be."""
    mp.need_command("stress-ng")
    args = [str(tmp_path) if a == "TMP" else a for a in STRESS[case]]
    with running(["stress-ng", "--timeout", "600", *args], cwd=tmp_path) as p:
        mp.wait_until(lambda: leaf(p.pid) != p.pid and ticks_of(leaf(p.pid)) > 2, what="work of stress-ng")
        pid = leaf(p.pid)
        with mp.Recording(pid, tmp_path / "r") as r:
            t, f = ticks_of(pid), faults_of(pid)
            mp.wait_until(lambda: ticks_of(pid) > t + 30 or faults_of(pid) > f + 50000, what="some work")
            Quiet(pid, r).check()
