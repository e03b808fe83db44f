# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--gc-log of a live session: the log that memprof turns on itself, and a file it follows.

The programs say how often they collected; what they write has to come out as without memprof.
"""
import json
import os
import pty
import re
import subprocess

import mp
import pytest

WORK = mp.ROOT / "tests" / "workloads"
SAID = "".join(f"line {i}\ngc of mine {i}\n" for i in range(30))
LINE = ("gc {} @{:.3f}s 0%: 0.064+0.40+0.002 ms clock, 0.12+0.022/0.057/0.27+0.005 ms cpu, "
        "4->4->2 MB, 5 MB goal, 0 MB stacks, 0 MB globals, 2 P\n")
# no probe of a runtime: the collections are those of the log
ALONE = ["--hooks", "heap_go=off,heap_jvm=off,heap_v8=off"]


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """The Go program, built; of the caller's GODEBUG nothing may come in."""
    go = mp.need_command("go")
    folder = tmp_path_factory.mktemp("go")
    env = dict(os.environ, GOCACHE=str(folder / "cache"), GO111MODULE="off")
    subprocess.run([go, "build", "-o", folder / "noisy", WORK / "go" / "noisy.go"], check=True, env=env)
    return folder / "noisy"


def split(err):
    """What memprof said, and the rest of stderr."""
    own = [l for l in err.splitlines(True) if l.startswith("memprof: ")]
    rest = re.sub(r"(?m)^memprof: .*\n", "", err)
    return "".join(own), rest


def run(tmp_path, *cmd, how=(), env=None):
    clean = dict({"GODEBUG": "", "JAVA_TOOL_OPTIONS": "", "NODE_OPTIONS": ""}, **(env or {}))
    p = mp.memprof("record", "-o", tmp_path / "r.mprof", "--gc-log", "auto", *how, "--", *cmd,
                   env=clean, check=0)
    own, rest = split(p.stderr)
    return p.stdout, own, rest, mp.report(tmp_path / "r.mprof")


def numgc(out):
    return [int(x) for x in re.search(r"numgc=(\d+) forced=(\d+)", out).groups()]


@pytest.mark.parametrize("how", [ALONE, []], ids=["log", "probes"])
def test_go(tmp_path, noisy, how):
    """With and without probes each collection is told once."""
    out, own, rest, rep = run(tmp_path, noisy, how=how, env={"GODEBUG": "madvdontneed=1"})
    n, forced = numgc(out)
    assert "GODEBUG=madvdontneed=1,gctrace=1" in out
    assert rest == "a prompt: " + SAID
    assert "set GODEBUG=gctrace=1" in own
    got = rep["gc"]["collections"]
    assert len(got) == n
    assert rep["probes"]["heap_log"] == "log"
    if how:
        # Go prints (forced) too where a forced cycle waits for the end of this one
        assert forced <= sum(c["reason"] == "forced" for c in got) <= 2 * forced
        assert all(c["before"] > 0 and c["pause_s"] >= 0 for c in got)
        assert [c["t"] for c in got] == sorted(c["t"] for c in got)


def test_go_whose_log_is_on_already(tmp_path, noisy):
    out, own, rest, rep = run(tmp_path, noisy, how=ALONE, env={"GODEBUG": "gctrace=1"})
    n = numgc(out)[0]
    assert len(re.findall(r"gc \d+ @[\d.]+s ", rest)) == n
    assert "has gctrace already" in own
    assert rep["gc"]["major"] == n


def test_script_is_what_its_first_line_names(tmp_path, noisy):
    script = tmp_path / "run"
    script.write_text(f"#!{noisy}\n")
    script.chmod(0o755)
    # the kernel passes the script's path as an argument: it waits for the end of stdin
    out, own, _, rep = run(tmp_path, script, how=ALONE)
    assert "set GODEBUG" in own
    assert rep["gc"]["major"] == numgc(out)[0]


def test_stderr_that_is_a_terminal_stays_one(tmp_path, noisy):
    ours, theirs = pty.openpty()
    try:
        p = subprocess.Popen([mp.MEMPROF, "record", "-q", "-o", tmp_path / "r.mprof", "--gc-log", "auto", *ALONE,
                              "--", noisy], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs,
                             env=dict(os.environ, GODEBUG=""))
        os.close(theirs)
        seen = b""
        while b"gc of mine 29" not in seen:
            seen += os.read(ours, 65536)
        out = p.communicate(timeout=mp.DEADLINE)[0].decode()
    finally:
        os.close(ours)
    assert "tty=true" in out
    assert seen.decode().count("\r\n") == seen.decode().count("\n") > 50, "each line ends as on a terminal"
    assert mp.report(tmp_path / "r.mprof")["gc"]["major"] > 10


def test_command_outlives_memprof(tmp_path, noisy):
    """memprof is killed: what the command writes to stderr still arrives, and does not end it."""
    p = subprocess.Popen([mp.MEMPROF, "record", "-o", tmp_path / "r.mprof", "--gc-log", "auto", "--", noisy, "wait"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=dict(os.environ, GODEBUG=""))
    out, err = mp.Lines(p.stdout.fileno()), mp.Lines(p.stderr.fileno())
    while out.next() != "waiting":
        pass
    p.kill()
    p.wait()
    p.stdin.close()
    assert out.next().startswith("numgc=")
    while "after" not in (err.next() or "after, or the end"):
        pass
    assert err.seen[-1] == "after"
    p.stdout.close()
    p.stderr.close()


def test_jvm(tmp_path):
    java = mp.need_command("java")
    mp.need_command("javac")
    subprocess.run(["javac", "-d", tmp_path, WORK / "java" / "Count.java"], check=True)
    out, own, rest, rep = run(tmp_path, java, "-Xmx64m", "-XX:+UseSerialGC", "-cp", tmp_path, "Count", how=ALONE)
    n, ms = (int(x) for x in re.fullmatch(r"gcs=(\d+) ms=(\d+)\n", out).groups())
    assert "JAVA_TOOL_OPTIONS=-Xlog" in own
    # the JVM's own word, and nothing of the log
    assert re.fullmatch(r"Picked up JAVA_TOOL_OPTIONS: .*\n", rest)
    got = rep["gc"]["collections"]
    assert len(got) == n > 5
    # the bean counts whole milliseconds of each
    assert rep["gc"]["pause_s"]["total"] * 1000 == pytest.approx(ms, abs=n + 1)
    assert [c["reason"] for c in got][-1] == "System.gc()"
    assert all(c["before"] >= c["after"] > 0 for c in got)


def test_node_gets_the_preload(tmp_path):
    """Its lines come through the probe; process.memoryUsage() through memprof-node."""
    node = mp.need_command("node")
    code = "let a=[];for(let i=0;i<1e6;i++)a.push({i});console.log(process.env.NODE_OPTIONS)"
    out, own, rest, rep = run(tmp_path, node, "-e", code, env={"NODE_OPTIONS": "--max-old-space-size=500"})
    assert re.fullmatch(r"--max-old-space-size=500 --require /.*/memprof-node\.js\n", out)
    assert "set NODE_OPTIONS" in own and rest == ""
    assert rep["gc"]["minor"] > 0 and rep["probes"]["heap_log"] is None


def test_other_commands_get_no_variable(tmp_path):
    vars_ = "echo ${GODEBUG-unset} ${JAVA_TOOL_OPTIONS-unset} ${NODE_OPTIONS-unset}"
    env = {k: v for k, v in os.environ.items() if k not in ("GODEBUG", "JAVA_TOOL_OPTIONS", "NODE_OPTIONS")}
    p = subprocess.run([mp.MEMPROF, "record", "-o", tmp_path / "r.mprof", "--gc-log", "auto", "--",
                        "sh", "-c", vars_], capture_output=True, text=True, env=env, check=True)
    assert p.stdout == "unset unset unset\n"
    assert "sh is no Go program, java or node" in p.stderr
    assert "or set GODEBUG=gctrace=1 or JAVA_TOOL_OPTIONS=-Xlog:gc*" in p.stderr
    assert mp.report(tmp_path / "r.mprof")["probes"]["heap_log"] == "absent"


def test_build_tool_is_told_what_to_set(tmp_path):
    """A script that starts JVMs, by its name."""
    mvn = tmp_path / "mvn"
    mvn.write_text("#!/bin/sh\necho ${JAVA_TOOL_OPTIONS-unset}\n")
    mvn.chmod(0o755)
    out, own, _, _ = run(tmp_path, mvn, env={"JAVA_TOOL_OPTIONS": "-Xmx64m"})
    assert out == "-Xmx64m\n"
    assert "mvn is no Go program, java or node" in own
    assert "JAVA_TOOL_OPTIONS=-Xlog:gc*:file=FILE-%p:timenanos" in own and "GODEBUG" not in own


def test_npm_hands_it_on(tmp_path):
    """npm is a script of node's: what it starts gets the preload, too."""
    mp.need_command("npm")
    code = "globalThis.a=[];for(let i=0;i<3e5;i++)a.push({i});process._rawDebug(process.env.NODE_OPTIONS)"
    (tmp_path / "package.json").write_text(json.dumps(
        {"name": "x", "version": "1.0.0", "scripts": {"go": f"node -e '{code}'"}}))
    _, own, rest, _ = run(tmp_path, "npm", "--prefix", tmp_path, "run", "--silent", "go")
    assert "set NODE_OPTIONS" in own
    assert re.fullmatch(r"--require /.*/memprof-node\.js\n", rest)


def test_auto_needs_a_command():
    p = mp.memprof("record", "-p", os.getpid(), "--gc-log", "auto", check=64)
    assert "needs -- CMD" in p.stderr


def count(path):
    text = mp.memprof("dump", path).stdout
    return len(re.findall(r" gc\.major ", text))


def test_file_is_followed(tmp_path):
    """From its end on, through a rotation and a truncation; a line that is half there is waited for."""
    log, rec = tmp_path / "gc.log", tmp_path / "r.mprof"
    log.write_text(LINE.format(1, 0.101) + LINE.format(2, 0.102)[:30])

    def add(text, mode="a"):
        with open(log, mode) as f:
            f.write(text)

    with mp.Workload("echo-stdin", argv=["sh", "-c", "echo step start; read x; read y"]) as w:
        with mp.Recording(w.pid, rec, "--gc-log", log) as r:
            add(LINE.format(2, 0.102)[30:] + LINE.format(3, 0.103) + LINE.format(4, 0.104))
            mp.wait_until(lambda: count(rec) == 2, what="lines behind the end")
            add(LINE.format(5, 0.105))
            log.rename(tmp_path / "gc.log.0")
            add(LINE.format(6, 0.106) + LINE.format(7, 0.107))
            mp.wait_until(lambda: count(rec) == 5, what="lines of both files")
            add(LINE.format(8, 0.108), "w")
            mp.wait_until(lambda: count(rec) == 6, what="line of the file that began anew")
            r.stop()
    rep = mp.report(rec)
    got = rep["gc"]["collections"]
    assert len(got) == 6 and {c["before"] for c in got} == {4 << 20}
    (heap,) = rep["heap"]
    assert heap["source"] == "go" and heap["used"]["end"] == 2 << 20
    # by its own clock lines that came together are apart
    assert got[1]["t"] - got[0]["t"] == pytest.approx(0.001, abs=1e-6)
    assert all(b["t"] >= a["t"] for a, b in zip(got, got[1:]))


def test_lines_from_before_the_recording(tmp_path):
    """A log with a past that appears under the followed name: what was before is left out."""
    log, rec = tmp_path / "gc.log", tmp_path / "r.mprof"
    with mp.Workload("echo-stdin", argv=["sh", "-c", "echo step start; read x; read y"]) as w:
        with mp.Recording(w.pid, rec, "--gc-log", log) as r:
            new = tmp_path / "new"
            new.write_text("".join(LINE.format(i, i * 60) for i in range(1, 40)) + LINE.format(40, 40 * 60))
            new.rename(log)
            mp.wait_until(lambda: count(rec) == 1, what="the last line")
            r.stop()
    assert len(mp.report(rec)["gc"]["collections"]) == 1


def test_file_that_is_not_there_yet(tmp_path):
    log, rec = tmp_path / "gc.log", tmp_path / "r.mprof"
    with mp.Workload("echo-stdin", argv=["sh", "-c", "echo step start; read x; read y"]) as w:
        with mp.Recording(w.pid, rec, "--gc-log", log) as r:
            log.write_text(LINE.format(1, 0.101))
            mp.wait_until(lambda: count(rec) == 1, what="line")
            r.stop()


def test_file_that_cannot_be_read(tmp_path):
    p = mp.memprof("record", "-o", tmp_path / "r", "-p", os.getpid(), "--gc-log", tmp_path, check=3)
    assert "cannot read" in p.stderr
