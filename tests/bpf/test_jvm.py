# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A live HotSpot JVM that nobody prepared: its heap by its counters, its collections by the
probes of its memory pools or by counters, against what the JVM says of itself.
"""
import collections
import pathlib
import re
import statistics

import hotspot
import mp
import pytest
from hotspot import MB, SLACK, check_figures, collected, java, jvm, record, total

# The others: tests/runtimes/test_jvm_versions.py.
COLLECTORS = ["Serial", "G1", "Z"]


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()
    mp.need_command("java")
    mp.need_command("javac")


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return hotspot.compiled(tmp_path_factory.mktemp("classes"))


LINE = re.compile(r"\[(\d+)ns\] GC\(\d+\) (Pause (?:Young|Full).*|Garbage Collection.*) "
                  r"(\d+)M(?:\(\d+%\))?->(\d+)M(?:\((\d+)M\))?(?:\(\d+%\))?(?: ([\d.]+)ms)?$")


def log_of(path, since):
    """Collections of a log after a time: (ns at the end, before, after, capacity, pause ms)."""
    out = []
    for line in path.read_text().splitlines():
        m = LINE.match(line)
        if m and int(m[1]) > since:
            out.append((int(m[1]), int(m[3]), int(m[4]), m[5] and int(m[5]), m[6] and float(m[6]), m[2]))
    return out


def check_log(path, rep, log, stops, near):
    """Each collection with the log's sizes; its times and pauses, which two sides of the same
    instant measure, by their median: this machine may stop anybody in between."""
    got = collected(rep)
    began = int(re.search(r"meta\.start-ts .* value=(\d+)", mp.memprof("dump", path, check=0).stdout)[1])
    assert len(got) == len(log)
    # G1's pools count the regions of eden whole, its log what lies in them; beside ZGC the
    # program runs on between the log's look and the probes, as far as this machine lets it
    most = max if stops else statistics.median
    assert most(abs(c["before"] // MB - e[1]) for c, e in zip(got, log)) <= near
    assert most(abs(c["after"] // MB - e[2]) for c, e in zip(got, log)) <= (0 if stops else near)
    shift = [c["t"] * 1e3 - (e[0] - began) / 1e6 for c, e in zip(got, log)]
    assert abs(statistics.median(shift)) < 5, shift
    for c, e in zip(got, log):
        assert c["reason"] in e[5], (c, e)
    if stops:
        assert abs(statistics.median(c["pause_s"] * 1e3 - e[4] for c, e in zip(got, log))) < 1


def check_pauses(rep):
    """All are known; of more than two of G1's others within one look (two cycles in 100 ms) the last one's."""
    assert all(c["pause_s"] is not None for c in collected(rep))
    others = [c for c in rep["gc"]["collections"] if c["kind"] == "other"]
    unknown = collections.Counter(c["t"] for c in others if c["pause_s"] is None)
    assert 1 not in unknown.values(), others
    assert all(c["pause_s"] is not None for c in others if c["reason"]), others


def asked(rep):
    """What System.gc() began; the JVM may find at any time that one more is due."""
    return [c for c in rep["gc"]["collections"] if c["reason"] == "System.gc()"]


def check_given_back(rep, last):
    """What G1 frees when it is asked to, it gives back: freed, returned, and how late. The
    program had held 40 MB until then, more than the heap began with."""
    (c,) = asked(rep)
    assert c["freed"] >= 38 * MB and c["before"] - c["after"] == c["freed"]
    given = [x for x in rep["gc"]["collections"] if x["returned"]]
    assert given and all(x["return_lag_s"] is not None and x["rss_fell"] <= x["returned"] for x in given)
    assert jvm(rep)["committed"]["max"] > jvm(rep)["committed"]["end"] == last.committed


@pytest.mark.parametrize("gc", COLLECTORS)
def test_bursts_and_idle(tmp_path, classes, gc):
    log = tmp_path / "gc.log"
    argv = java(classes, f"-XX:+Use{gc}GC", f"-Xlog:gc:file={log}:timenanos")
    rep, first, last, kernel = record(tmp_path / "r", argv)
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_account(rep)
    assert rep["probes"]["heap_jvm"] == "usdt"
    assert total(rep) == last.gcs - first.gcs >= 3
    check_figures(rep, last, SLACK[gc])
    check_log(tmp_path / "r", rep, log_of(log, first.ns), stops=gc != "Z", near={"G1": 1, "Z": 8}.get(gc, 0))
    check_pauses(rep)
    assert [c["kind"] for c in asked(rep)] == ["major" if gc == "Z" else "compact"]
    if gc == "G1":
        check_given_back(rep, last)
        beside = re.findall(r"\[(\d+)ns\] GC\(\d+\) Pause (?:Remark|Cleanup) ", log.read_text())
        assert total(rep) + sum(int(ns) > first.ns for ns in beside) == len(rep["gc"]["collections"])


@pytest.mark.parametrize("more", [lambda _: [], lambda log: ["--gc-log", log]], ids=["alone", "log"])
def test_beside_collections(tmp_path, classes, more):
    """What G1's marking finds dead its remark or cleanup frees, with no collection: told once,
    of the counters or of a log that is followed."""
    log = tmp_path / "gc.log"
    argv = java(classes, "-XX:+UseG1GC", "-XX:+ExplicitGCInvokesConcurrent",
                f"-Xlog:gc:file={log}:timenanos", burst=100)
    rep, first, last, _ = record(tmp_path / "r", [*argv, "large"], *more(log))
    assert total(rep) == last.gcs - first.gcs
    (young,) = asked(rep)
    assert young["kind"] == "minor"
    freed = next(c for c in rep["gc"]["collections"] if c["t"] > young["t"] and c["kind"] == "other" and c["freed"])
    # 16 arrays of 1.6 MB take two regions of 1 MB each; a thread may have taken one since
    assert freed["freed"] == pytest.approx(32 * MB, abs=SLACK["G1"])
    assert freed["before"] == pytest.approx(young["after"], abs=SLACK["G1"])


def test_by_counters_alone(tmp_path, classes):
    """As where libjvm has no probes: every collection is counted, sizes where there was one
    between two looks."""
    argv = java(classes, "-XX:+UseG1GC", burst=200)
    rep, first, last, _ = record(tmp_path / "r", argv, "--hooks", "heap_jvm=off")
    assert rep["probes"]["heap_jvm"] == "counters"
    assert total(rep) == last.gcs - first.gcs
    check_figures(rep, last, 2 * MB)
    *_, c = asked(rep)  # the cause of several between two looks is that of the last
    assert c["kind"] == "compact"
    assert c["after"] == pytest.approx(jvm(rep)["used"]["end"], abs=2 * MB)
    known = [x for x in rep["gc"]["collections"] if None not in (x["before"], x["after"])]
    assert known and all(x["before"] >= x["after"] for x in known)


def test_counters_beside_a_log(tmp_path, classes):
    """A log that is followed tells every collection, counters none of them a second time."""
    log = tmp_path / "gc.log"
    argv = java(classes, "-XX:+UseSerialGC", f"-Xlog:gc:file={log}:timenanos", burst=200)
    rep, first, last, _ = record(tmp_path / "r", argv, "--hooks", "heap_jvm=off", "--gc-log", log)
    assert rep["probes"]["heap_jvm"] == "counters"
    assert total(rep) == last.gcs - first.gcs >= 3
    told = log_of(log, first.ns)
    assert [(c["before"] // MB, c["after"] // MB) for c in rep["gc"]["collections"]] == [e[1:3] for e in told]


def inner(pid):
    """The java in an unshare of its own: unshare waits for its only child."""
    def child():
        kids = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(kids[0]) if kids else 0
    return mp.wait_until(child, what="child")


def test_in_a_container(tmp_path, classes):
    """Mounts and process numbers of its own: the file lies in its /tmp, by its number."""
    script = f'mount -t tmpfs none /mnt && cp -r {classes} /mnt/c && mount -t tmpfs none /tmp && exec "$@"'
    argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script,
            "sh", *java("/mnt/c", "-XX:+UseSerialGC", burst=200)]
    rep, first, last, _ = record(tmp_path / "r", argv, pid_of=inner)
    assert total(rep) == last.gcs - first.gcs
    check_figures(rep, last, MB)
    assert jvm(rep)["used"]["end"] > 0


def told(path):
    out = mp.memprof("dump", path, check=0).stdout
    return [line for line in out.splitlines() if "probe.heap_jvm" in line][-1]


def test_without_the_file(tmp_path, classes):
    """Counters in no file, as for a uid without a name: read where the JVM has them."""
    rep, first, last, _ = record(tmp_path / "r", java(classes, "-XX:+UseG1GC", "-XX:+PerfDisableSharedMem", burst=200))
    assert total(rep) == last.gcs - first.gcs
    check_figures(rep, last, 2 * MB)
    assert len(asked(rep)) == 1


def test_without_counters(tmp_path, classes):
    """Collections all the same, and it is told what would give the figures between them. A heap
    far above 32 GiB that looks like nothing: its range is the JVM's word."""
    argv = java(classes, "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:-UseCompressedOops", burst=200)
    rep, first, last, _ = record(tmp_path / "r", argv)
    assert total(rep) == last.gcs - first.gcs
    assert jvm(rep)["used"]["end"] == pytest.approx(last.used, abs=MB)
    line = told(tmp_path / "r")
    assert "rung=usdt" in line and "JAVA_TOOL_OPTIONS=-XX:+UsePerfData" in line
    mp.check_account(rep)
    heap = [m for m in rep["mappings"] if m["class"] == "heap"]
    assert heap and all(int(m["start"], 16) >= 32 << 30 for m in heap)
    assert rep["account"]["live_heap"] == pytest.approx(last.used, abs=MB)
    assert rep["account"]["free_heap_resident"] <= last.committed + 4 * MB - last.used


@pytest.mark.parametrize("gc", COLLECTORS)
def test_beside_jstat(tmp_path, classes, gc):
    hotspot.beside_jstat(tmp_path / "r", java(classes, f"-XX:+Use{gc}GC", burst=100), mp.need_command("jstat"), gc)
