# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""GC logs joined to recordings of runtimes that wrote them meanwhile.

Each joined collection's time is compared with another witness of the same collection - memprof's
probes in a second session, the runtime's own CLOCK_MONOTONIC - and must lie within the error that
the report claims.
"""
import gzip
import json
import re
import statistics
import subprocess

import mp
import pytest

SRC = mp.ROOT / "tests" / "workloads"
SETTLED = 0.002  # s: a recording's own event of a collection comes so much behind its end


@pytest.fixture(autouse=True)
def _bpf():
    mp.need_bpf()


def start_ns(path):
    """CLOCK_MONOTONIC at a recording's second 0."""
    out = mp.memprof("dump", path, check=0).stdout
    return int(re.search(r"meta\.start-ts .*value=(\d+)", out)[1])


def record(out, cmd, *args, env=None, stdin=subprocess.DEVNULL):
    return mp.memprof("record", "-q", "-o", out, *args, "--", *cmd, env=env, stdin=stdin, check=0, timeout=600)


def joined(path, *logs, code=0, args=(), **kw):
    """report --gc-log: the collections, and what it says of the log."""
    given = [a for log in logs for a in ("--gc-log", log)]
    p = mp.memprof("report", path, "--json", *given, *args, check=code, **kw)
    if code not in (0, 5):
        return p.stderr
    rep = json.loads(p.stdout)
    return rep["gc"]["collections"], rep["gc_log"]


def little(got):
    """In ms: the error of a start may be half of the time until the first collection, which a
    busy machine makes longer; on a free one 150."""
    return max(150, got[0]["t"] * 1e3 / 2)


def error_of(log):
    """In s: of the only heap."""
    (clock,) = log["clocks"]
    return clock["error_ms"] / 1e3


# --- Node -----------------------------------------------------------------------------------------


class Node:
    """steps.js under --trace-gc, watched by two sessions: one cannot see its collections and
    has its start, one sees them and came later."""

    def __init__(self, tmp):
        self.blind, self.seeing, self.log = tmp / "blind.mprof", tmp / "seeing.mprof", tmp / "gc.log"
        cmd = ["node", "--trace-gc", str(SRC / "node" / "steps.js")]
        p = subprocess.Popen([mp.MEMPROF, "record", "-q", "--hooks", "heap_v8=off", "-o", self.blind, "--", *cmd],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.text = ""
            out = mp.Lines(p.stdout.fileno())
            self.until(out, "step start")
            pid = int(mp.wait_until(lambda: open(f"/proc/{p.pid}/task/{p.pid}/children").read(), what="child"))
            with mp.Recording(pid, self.seeing) as seeing:
                for step in ("churned", "grown"):
                    p.stdin.write(b"\n")
                    p.stdin.flush()
                    self.until(out, f"step {step}")
                self.waited = mp.waited_to_run(pid) / 1e9
                p.stdin.close()
                self.until(out, None)
                assert p.wait(mp.DEADLINE) == 0
                seeing.wait()
        finally:
            mp.stop(p)
            p.stdout.close()
        self.log.write_text(self.text)
        self.count = len(re.findall(r" ms: (?:Scavenge|Mark-)", self.text))

    def until(self, out, what):
        line = ""
        while line is not None and not (what and line.startswith(what)):
            line = out.next()
            self.text += (line or "") + "\n"
        assert what is None or line is not None, out.seen


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    mp.need_bpf()
    mp.need_command("node")
    return Node(tmp_path_factory.mktemp("node"))


def test_node_by_its_start(node):
    """No collection is missing, and each is where the probes of the other session saw it."""
    got, log = joined(node.blind, node.log)
    seen = mp.report(node.seeing)["gc"]["collections"]
    off = (start_ns(node.seeing) - start_ns(node.blind)) / 1e9
    assert len(got) == node.count == log["files"][0]["joined"]
    assert 3 <= len(seen) <= len(got)
    assert log["files"][0]["bad_lines"] == 0 and log["files"][0]["runtime"] == "v8"
    assert log["clocks"][0]["error_ms"] < little(got)
    for a, b in zip(got[-len(seen):], seen):
        assert (a["before"], a["after"], a["kind"]) == (b["before"], b["after"], b["kind"])
        # the probe and the line's clock are two instants: node may have lost its core between them
        assert abs(a["t"] - b["t"] - off) <= error_of(log) + SETTLED + node.waited, (a, b, off, log)
    shift = statistics.median(abs(a["t"] - b["t"] - off) for a, b in zip(got[-len(seen):], seen))
    assert shift <= error_of(log) + SETTLED, (shift, log)


def test_node_seen_itself(node):
    """What the recording has is found in the log, and not counted again."""
    seen = mp.report(node.seeing)["gc"]["collections"]
    got, log = joined(node.seeing, node.log)
    assert [(c["t"], c["before"], c["after"]) for c in got] == [(c["t"], c["before"], c["after"]) for c in seen]
    f, c = log["files"][0], log["clocks"][0]
    assert (f["same"], f["joined"], f["before"]) == (len(seen), 0, node.count - len(seen))
    assert c["how"] == "the same collections" and c["compared"] == len(seen)
    # they agree to 10 ms, unless node lost its core between the probe and the line's clock
    assert c["agree"] == len(seen) or node.waited > 0.01 and c["agree"] > 0.8 * len(seen)
    assert c["error_ms"] < 20 + node.waited * 1e3


def test_another_process(node, tmp_path):
    """A log of another process is refused; with -p it is believed, as a container's has to be."""
    other = tmp_path / "other.log"
    other.write_text(re.sub(r"\[\d+:0x", "[7:0x", node.text))
    err = joined(node.blind, other, code=3)
    assert "nothing of" in err and "it is of process 7" in err and "-p PID" in err
    pid = mp.report(node.blind)["target"]["pid"]
    _, log = joined(node.blind, other, args=("-p", pid))
    assert log["files"][0]["joined"] == node.count
    both, log = joined(node.blind, node.log, other)
    assert len(both) == node.count and log["files"][1]["other"] == node.count


def test_log_of_another_runtime(node, tmp_path):
    """A log that names no process is not put into one that runs another runtime."""
    go = tmp_path / "go.log"
    go.write_text("gc 1 @0.100s 0%: 0.06+0.4+0.01 ms clock, 0.1+0.02/0.05/0.2+0.01 ms cpu, 4->4->2 MB, 5 MB goal, 2 P\n")
    err = joined(node.seeing, go, code=3)
    assert "it is of the runtime go, and process" in err and "runs v8" in err and "-p PID" in err


def test_given_offset(node):
    """The user's word: where the log's time 0 lies."""
    got, log = joined(node.blind, node.log, args=("--gc-log-offset", "0.125"))
    t = re.search(r"\] +(\d+) ms", node.text)
    assert log["clocks"][0]["how"] == "given" and log["clocks"][0]["offset_s"] == 0.125
    assert abs(got[0]["t"] - 0.125 - int(t[1]) / 1e3) < 1e-6
    assert "before it" in joined(node.blind, node.log, code=3, args=("--gc-log-offset", "-1000"))
    assert "seconds" in joined(node.blind, node.log, code=64, args=("--gc-log-offset", "soon"))


def test_other_views(node, tmp_path):
    """replay, export and an instant have them too."""
    plain = mp.memprof("export", node.blind, "--format", "csv", "--table", "collections", "--gc-log", node.log,
                       check=0)
    assert len(plain.stdout.splitlines()) == node.count + 1
    assert f"{node.count} joined" in plain.stderr
    assert "trace-gc" in mp.memprof("replay", "--plain", node.blind, "--gc-log", node.log, check=0).stderr
    text = mp.memprof("report", node.blind, "--gc-log", node.log, check=0).stdout
    assert f"{node.count} joined" in text and "times by" in text
    all_, _ = joined(node.blind, node.log)
    half, _ = joined(node.blind, node.log, args=("--at", f"{all_[2]['t'] + 0.0005}"))
    assert [c["t"] for c in half] == [c["t"] for c in all_[:3]]


# --- HotSpot --------------------------------------------------------------------------------------

# by stamps: of the clock itself, which is the witness, wall, and since the start
LOGS = {"mono": "timenanos", "wall": "time,tags", "up": "uptime,pid"}


@pytest.fixture(scope="module", params=["G1", "Serial", "Parallel", "Z", "Shenandoah"])
def java(request, tmp_path_factory):
    mp.need_bpf()
    mp.need_command("javac")
    tmp = tmp_path_factory.mktemp(request.param)
    subprocess.run(["javac", "-d", tmp, SRC / "java" / "Steps.java"], check=True, timeout=600)
    # neither probes nor counters: the recording has no collections of its own
    cmd = ["java", f"-XX:+Use{request.param}GC", "-XX:-UsePerfData", "-Xmx128m", "-cp", tmp, "Steps"]
    cmd[1:1] = [f"-Xlog:gc:file={tmp}/{name}.log:{dec}" for name, dec in LOGS.items()]
    record(tmp / "x.mprof", cmd, "--hooks", "heap_jvm=off")
    return tmp


def test_java(java):
    truth, log = joined(java / "x.mprof", java / "mono.log")
    assert log["clocks"][0]["how"] == "monotonic stamps" and log["clocks"][0]["error_ms"] <= 1
    # ZGC works beside the program, which is done after some cycles
    assert len(truth) >= 3 and log["files"][0]["joined"] == log["files"][0]["events"] == len(truth)
    for name, how in (("wall", {"wall clock"}), ("up", {"process start", "pauses without faults", "releases"})):
        got, log = joined(java / "x.mprof", java / f"{name}.log")
        assert log["clocks"][0]["how"] in how
        assert log["clocks"][0]["error_ms"] < (5 if name == "wall" else little(got))
        assert [(c["before"], c["after"]) for c in got] == [(c["before"], c["after"]) for c in truth]
        # each log takes the time of its line by itself: this machine may stop the JVM in between
        off = statistics.median(abs(a["t"] - b["t"]) for a, b in zip(got, truth))
        assert off <= error_of(log) + 0.001, (off, log)


def test_java_compressed_and_wrong_time(java, tmp_path):
    """gzip and stdin as `gclog` takes them; a log of yesterday's run is refused."""
    text = (java / "wall.log").read_text()
    packed = tmp_path / "wall.log.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    n = joined(java / "x.mprof", java / "wall.log")[1]["files"][0]["joined"]
    assert joined(java / "x.mprof", packed)[1]["files"][0]["joined"] == n
    with open(java / "wall.log", "rb") as f:
        assert joined(java / "x.mprof", "-", stdin=f)[1]["files"][0]["joined"] == n
    packed.write_bytes(packed.read_bytes()[:-20])
    assert joined(java / "x.mprof", packed, code=5)[1]["files"][0]["joined"] > 0
    old = tmp_path / "old.log"
    old.write_text(re.sub(r"\[20\d\d-", "[2019-", text))
    err = joined(java / "x.mprof", old, code=3)
    assert "before it" in err and "--gc-log-offset" in err


def test_two_runs_in_one_log(java, tmp_path):
    """A file that two runs were appended to: one of them is the recording's."""
    text = (java / "up.log").read_text()
    two = tmp_path / "two.log"
    two.write_text(re.sub(r"\[\d+\]", "", text) * 2)
    f = joined(java / "x.mprof", two)[1]["files"][0]
    assert f["joined"] == f["other"] == f["events"] // 2 >= 3


# --- Go -------------------------------------------------------------------------------------------


def test_go(tmp_path):
    """Forced collections lie between the program's own looks at the clock around them. GOGC=off:
    a cycle that the heap's growth began can stand in for the one asked for, and is not "forced"."""
    mp.need_command("go")
    exe = tmp_path / "forced"
    subprocess.run(["go", "build", "-o", exe, SRC / "go" / "forced.go"], check=True, timeout=300)
    rec = tmp_path / "x.mprof"
    p = record(rec, [exe], "--hooks", "heap_go=off", env={"GODEBUG": "gctrace=1", "GOGC": "off"})
    log = tmp_path / "gc.log"
    log.write_text(p.stderr)
    around = [tuple(int(v) for v in line.split()) for line in p.stdout.split("\n") if line]
    got, said = joined(rec, log)
    assert said["files"][0]["joined"] == said["files"][0]["events"] == len(got)
    # the thirteenth is there so that the twelfth's line is whole: its own can be cut by the end
    assert {c["reason"] for c in got} == {"forced"} and len(around) == 12 <= len(got) <= 13
    assert said["clocks"][0]["error_ms"] < max(40, got[0]["t"] * 1e3 / 2)
    zero, by = start_ns(rec) / 1e9, error_of(said)
    for (t0, t1), c in zip(around, got):
        assert t0 / 1e9 - by <= c["t"] + zero <= t1 / 1e9 + by, (t0, t1, zero, c, said)


# --- gc/ ------------------------------------------------------------------------------------------


def test_ours(tmp_path):
    """The collector's stamps are of the recording's clock, and each is what its ring told."""
    log, rec = tmp_path / "gc.log", tmp_path / "x.mprof"
    record(rec, [mp.BUILD / "examples" / "binary-trees", "17"], env={"MPGC_LOG": f"jsonl:{log}"})
    n = sum('"type":"gc"' in line for line in log.read_text().splitlines())
    got, said = joined(rec, log)
    assert said["files"][0]["same"] == len(got) == n > 3
    assert said["clocks"][0]["how"] == "monotonic stamps" and said["clocks"][0]["error_ms"] < 0.01
