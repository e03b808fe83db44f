# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--connect over a daemon that is none: a thread that answers as one would, or as none should,
and sends a recording's bytes; and recordings that are read from a pipe."""
import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import threading

import mp
import pytest

FIXTURE = mp.ROOT / "tests/fixtures/minor-6.mprof"
BLOCK = b"MPB\x01"
LIST = {"memprof": 1, "all": False, "targets": [
    {"pid": 12, "host_pid": 412, "ns_pids": [412, 12], "comm": "node", "exe": "/usr/bin/node\x1b[31m", "group": "web",
     "uid": 1000, "since_ns": 17, "gone_ns": None, "rss": 3 << 20, "heap_used": 1 << 20, "heap_committed": None,
     "later": {"a": [1, {"b": "]}\"\\"}], "c": True}},
    {"pid": 13, "comm": "sh", "exe": None, "group": None, "gone_ns": 99, "rss": None, "heap_used": None},
]}


class Daemon:
    """Answers each connection with `answer`; with `hold` it then waits to be told to hang up, and with
    `at_once` who asked stands still until it has hung up, so that the end is there with the rest."""

    def __init__(self, folder, answer, hold=False, at_once=False):
        self.path = str(folder / "memprof.sock")
        self.answer, self.hold, self.at_once = answer, hold, at_once
        self.lines = []
        self.hang_up = threading.Event()

    def __enter__(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.end()

    def end(self):
        """Nobody listens any more; the name stays."""
        self.hang_up.set()
        if self.sock.fileno() >= 0:
            self.sock.shutdown(socket.SHUT_RDWR)
            self.thread.join(mp.DEADLINE)
            self.sock.close()

    def serve(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            asker = struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            with c:
                line = b""
                while not line.endswith(b"\n"):
                    more = c.recv(4096)
                    if not more:
                        break
                    line += more
                self.lines.append(line.decode())
                if self.at_once:
                    os.kill(asker, signal.SIGSTOP)
                try:
                    c.sendall(self.answer)
                except OSError:
                    continue
                if self.hold:
                    self.hang_up.wait(mp.DEADLINE)
            if self.at_once:
                os.kill(asker, signal.SIGCONT)


class Refusing(Daemon):
    """Has no room for another viewer."""

    def __init__(self, folder):
        super().__init__(folder, b"no busy: 16 viewers\n")


def ok(data):
    return b"ok stream\n" + data


@pytest.fixture(scope="module")
def data():
    return FIXTURE.read_bytes()


def places(data):
    """Where blocks begin."""
    return [m.start() for m in re.finditer(re.escape(BLOCK), data)]


def same_report(a, b):
    """Reports of two files with the same events."""
    for r in (a, b):
        for key in ("state", "bytes", "blocks", "path", "bad_blocks", "checked"):
            r["recording"].pop(key, None)
    assert a == b


# --- record ------------------------------------------------------------------------------------


def test_record(tmp_path, data):
    out = tmp_path / "a.mprof"
    with Daemon(tmp_path, ok(data)) as d:
        p = mp.memprof("record", f"--connect={d.path}", "-o", out, check=0)
        assert d.lines == ["memprof 1 stream\n"]
    assert "the daemon has ended" in p.stderr and "events in" in p.stderr and "LOST" not in p.stderr
    got = mp.report(out)
    assert got["recording"]["state"] == "clean"
    same_report(got, mp.report(FIXTURE))


def test_record_named_processes_until_asked_to_end(tmp_path, data):
    out = tmp_path / "a.mprof"
    part = data[:places(data)[-3]]
    with Daemon(tmp_path, ok(part), hold=True) as d:
        p = subprocess.Popen([mp.MEMPROF, "record", "--connect", d.path, "-p", "4592", "-p", "7", "-o", out],
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            mp.wait_until(lambda: out.exists() and out.stat().st_size >= len(part), what="blocks")
            p.send_signal(signal.SIGINT)
            err = p.communicate(timeout=mp.DEADLINE)[1].decode()
        finally:
            mp.stop(p)
        assert d.lines == ["memprof 1 stream 4592 7\n"]
    assert p.returncode == 0, err
    whole = tmp_path / "whole"
    whole.write_bytes(part)
    got = mp.report(out)
    assert got["recording"]["state"] == "clean"
    want = mp.report(whole, code=5)
    assert all(got[k] == want[k] for k in ("rss", "account", "faults", "calls", "gc", "mappings", "series"))


def test_record_of_a_daemon_that_was_killed(tmp_path, data):
    out = tmp_path / "a.mprof"
    with Daemon(tmp_path, ok(data[:-200])) as d:
        p = mp.memprof("record", "--connect", d.path, "-o", out, check=5)
    assert "broke off" in p.stderr
    assert mp.report(out)["recording"]["state"] == "clean"


def test_record_of_what_is_not_whole(tmp_path, data):
    out = tmp_path / "a.mprof"
    at = places(data)[4]
    with Daemon(tmp_path, ok(data[:at + 60] + b"\xff" + data[at + 61:])) as d:
        p = mp.memprof("record", "--connect", d.path, "-o", out, check=0)
    assert "LOST" in p.stderr
    got = mp.report(out, code=5)
    assert got["recording"]["state"] == "damaged"


def test_record_to_a_pipe(tmp_path, data):
    with Daemon(tmp_path, ok(data)) as d:
        cmd = f"{mp.MEMPROF} record -q --connect={d.path} -o - | {mp.MEMPROF} report --json -"
        p = subprocess.run(cmd, shell=True, capture_output=True, timeout=mp.DEADLINE, check=True)
    same_report(json.loads(p.stdout), mp.report(FIXTURE))


# --- views ---------------------------------------------------------------------------------------


def test_report(tmp_path, data):
    with Daemon(tmp_path, ok(data)) as d:
        p = mp.memprof("report", "--connect", d.path, "--json", check=0)
        text = mp.memprof("report", "--connect", d.path, "--duration", "90s", check=0).stdout
        assert d.lines == ["memprof 1 stream past 600\n", "memprof 1 stream past 90\n"]
    got = json.loads(p.stdout)
    assert got["recording"]["state"] == "live"
    same_report(got, mp.report(FIXTURE))
    assert "python3" in text and "Account" in text


def test_report_of_a_cut(tmp_path, data):
    with Daemon(tmp_path, ok(data[:-200]), at_once=True) as d:
        p = mp.memprof("report", "--connect", d.path, "--json", check=5)
    assert json.loads(p.stdout)["target"]["comm"] == "python3"


def test_diagnose(tmp_path, data):
    with Daemon(tmp_path, ok(data)) as d:
        got = json.loads(mp.memprof("diagnose", "--connect", d.path, "--json", "-q", check=0).stdout)
    want = json.loads(mp.memprof("diagnose", FIXTURE, "--json", check=0).stdout)
    assert [f["class"] for f in got["findings"]] == [f["class"] for f in want["findings"]]
    assert got["state"] == "live" and got["window_s"] == want["window_s"]


def figures(text):
    return [s for s in text.splitlines() if re.match(r"\s+\d+\.\d{3} ", s)]


def test_plain_lines(tmp_path, data):
    with Daemon(tmp_path, ok(data)) as d:
        p = mp.memprof("top", "--connect", d.path, "--plain", check=0)
        assert d.lines == ["memprof 1 stream\n"]
    assert "the daemon has gone: it ended" in p.stderr
    want = figures(mp.memprof("replay", "--plain", FIXTURE, check=0).stdout)
    got = figures(p.stdout)
    assert len(got) >= 3 and set(got[1:]) <= set(want)


def test_screen(tmp_path, data):
    mp.need_command("tmux")
    out = tmp_path / "saved.mprof"
    with Daemon(tmp_path, ok(data[:places(data)[-3]]), hold=True) as d:
        with mp.Tmux([mp.MEMPROF, "top", "--connect", d.path], 120, 30) as t:
            t.wait_text(r"python3 \(4592\)")
            assert d.lines == ["memprof 1 stream past 600\n"]
            d.hang_up.set()
            t.wait_text("the daemon has gone: the connection broke off")
            t.keys("Left", "Left")
            t.wait_text("PAUSED")
            t.keys(":")
            t.keys("-l", f"save {out}")
            t.keys("Enter")
            t.wait_text("saved to")
            t.keys("q")
            assert t.wait_end() == 0
    assert mp.report(out)["target"]["comm"] == "python3"


def test_screen_goes_on_with_the_next_daemon(tmp_path, data):
    """By itself when it is at the present; nobody has to be told that it was gone."""
    part = data[:places(data)[-3]]
    with Daemon(tmp_path, ok(part), hold=True) as d:
        with mp.Tmux([mp.MEMPROF, "top", "--connect", d.path], 120, 30) as t:
            t.wait_text(r"python3 \(4592\)")
            d.end()
            os.unlink(d.path)
            t.wait_text("the daemon has gone: the connection broke off")
            with Refusing(tmp_path) as e:
                mp.wait_until(lambda: len(e.lines) > 1, what="a second request")
                assert set(e.lines) == {"memprof 1 stream past 600\n"}
                t.wait_text("the daemon has gone: the connection broke off")
            os.unlink(d.path)
            with Daemon(tmp_path, ok(part), hold=True) as e:
                t.wait_text("what was before is not in it")
                t.wait_text(r"python3 \(4592\)")
                assert e.lines == ["memprof 1 stream past 600\n"]
                t.keys("q")
                assert t.wait_end() == 0


def test_screen_of_the_past_of_a_daemon_that_has_gone(tmp_path, data):
    """What is looked at stays, and nothing is asked of the next daemon, until End."""
    part = data[:places(data)[-3]]
    with Daemon(tmp_path, ok(part), hold=True) as d:
        with mp.Tmux([mp.MEMPROF, "top", "--connect", d.path], 120, 30) as t:
            t.wait_text(r"python3 \(4592\)")
            t.keys("Left", "Left")
            t.wait_text("PAUSED")
            d.end()
            os.unlink(d.path)
            t.wait_text("the daemon has gone")
            with Daemon(tmp_path, ok(part), hold=True) as e:
                t.wait_text("the daemon is back: End shows it")
                t.keys("Left")
                t.wait_text("PAUSED")
                assert not any(e.lines)
                t.keys("End")
                t.wait_text("what was before is not in it")
                assert [line for line in e.lines if line] == ["memprof 1 stream past 600\n"]
                t.keys("q")
                assert t.wait_end() == 0


# --- the list --------------------------------------------------------------------------------------


def test_list(tmp_path):
    text = json.dumps(LIST, indent=1).encode()
    with Daemon(tmp_path, b"ok list\n" + text) as d:
        p = mp.memprof("top", "--connect", d.path, "--list", check=0)
        raw = mp.memprof("top", "--connect", d.path, "--list", "--json", check=0).stdout
        assert d.lines == ["memprof 1 list\n"] * 2
    head, one, two = p.stdout.splitlines()
    assert head.split() == ["pid", "rss", "used", "state", "group", "program"]
    assert one.split() == ["12", "3.00", "M", "1.00", "M", "runs", "web", "/usr/bin/node?[31m"]
    assert two.split() == ["13", "-", "-", "ended", "-", "sh"]
    assert json.loads(raw) == LIST


def test_list_of_those_that_are_named(tmp_path):
    rows = LIST["targets"]
    doc = dict(LIST, targets=[*rows, dict(rows[0], comm="again")], behind=[{"pid": 99}])
    with Daemon(tmp_path, b"ok list\n" + json.dumps(doc, indent=1).encode()) as d:
        def shown(*args, code=0):
            return mp.memprof("top", "--connect", d.path, "--list", *args, check=code)

        assert [r.split()[0] for r in shown("-p", "13").stdout.splitlines()] == ["pid", "13"]
        assert [r.split()[0] for r in shown("-p", "12", "-p", "99").stdout.splitlines()] == ["pid", "12", "12"]
        for pids in ["13"], ["12"], ["13", "12"]:
            got = json.loads(shown("--json", *(a for pid in pids for a in ("-p", pid))).stdout)
            assert got == dict(doc, targets=[t for t in doc["targets"] if str(t["pid"]) in pids])
        for how in [], ["--json"]:
            p = shown("-p", "99", *how, code=3)
            assert "this process is not to be seen here" in p.stderr and not p.stdout
    os.unlink(d.path)
    with Daemon(tmp_path, b"no target: not watched\n") as d:
        assert mp.memprof("report", "--connect", d.path, "-p", "99", check=3).stderr == p.stderr


@pytest.mark.parametrize("text", [b"", b"{", b'{"targets": [', b'{"targets": [{"pid": "', b"[1,2]",
                                  b'{"targets": [{"pid": 1}', b'{"a": ' + b"[" * 100000])
def test_list_that_is_none(tmp_path, text):
    with Daemon(tmp_path, b"ok list\n" + text) as d:
        p = mp.memprof("top", "--connect", d.path, "--list", check=1)
    assert "cannot be read" in p.stderr


def test_list_of_many(tmp_path):
    """What thousands with long paths come to."""
    rows = [{"pid": i, "exe": "/" + "x" * 4000, "comm": "c", "group": "g", "gone_ns": None, "rss": 1, "heap_used": 1}
            for i in range(2500)]
    with Daemon(tmp_path, b"ok list\n" + json.dumps({"targets": rows}).encode()) as d:
        p = mp.memprof("top", "--connect", d.path, "--list", check=0)
    assert len(p.stdout.splitlines()) == 1 + len(rows)


def test_list_of_nothing(tmp_path):
    with Daemon(tmp_path, b'ok list\n{"memprof":1,"all":true,"targets":[]}\n') as d:
        p = mp.memprof("top", "--connect", d.path, "--list", check=0)
    assert not p.stdout and "nothing that you may see" in p.stderr


# --- what goes wrong ---------------------------------------------------------------------------------

WAYS = [["top", "--plain"], ["record"], ["report"], ["diagnose"], ["top", "--list"]]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_no_daemon(tmp_path, way):
    path = tmp_path / "memprof.sock"
    p = mp.memprof(*way, f"--connect={path}", check=1)
    assert "is it running?" in p.stderr and "nothing has that name" in p.stderr
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    p = mp.memprof(*way, "--connect", path, check=1)
    assert "is it running?" in p.stderr and "nobody listens" in p.stderr
    assert len(p.stderr.splitlines()) <= 6
    path.unlink()
    path.write_bytes(b"")
    assert "it is no socket" in mp.memprof(*way, "--connect", path, check=1).stderr
    assert "it is a folder, no socket" in mp.memprof(*way, "--connect", tmp_path, check=1).stderr
    assert mp.memprof(*way, "--connect", "/" + "x" * 200, check=64)


@pytest.mark.parametrize("way", WAYS[:4], ids=" ".join)
def test_process_that_is_not_to_be_seen(tmp_path, way, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    for why in (b"no target: not watched\n", b"no target: somebody else's\n"):
        with Daemon(tmp_path, why) as d:
            p = mp.memprof(*way, "--connect", d.path, "-p", "1234", check=3)
            said.append(p.stderr)
        os.unlink(d.path)
    assert said[0] == said[1] and "not to be seen" in said[0]
    assert not list(tmp_path.glob("*.mprof"))


@pytest.mark.parametrize("answer, says", [
    (b"no busy: 16 viewers\n", "busy: 16 viewers"), (b"no\n", "no reason"),
    (b"no version: 2 only\n", "another protocol"), (b"hello there\n", "no memprof daemon"),
    (b"x" * 10000, "no memprof daemon"), (b"", "went away before it answered"),
    (b"no \x1b[2Jwhat\n", "?[2Jwhat"),
])
def test_refused(tmp_path, answer, says):
    with Daemon(tmp_path, answer) as d:
        p = mp.memprof("report", "--connect", d.path, check=1)
    assert says in p.stderr and not p.stdout


def test_no_recording(tmp_path):
    with Daemon(tmp_path, ok(b"x" * 4000)) as d:
        p = mp.memprof("record", "--connect", d.path, "-o", tmp_path / "a", check=1)
    assert "cannot be read" in p.stderr


def test_nothing_to_see(tmp_path, data):
    with Daemon(tmp_path, ok(data[:places(data)[1]])) as d:
        p = mp.memprof("diagnose", "--connect", d.path)
    assert p.returncode in (3, 5) and not p.stdout


def test_a_file_that_is_there(tmp_path, data):
    out = tmp_path / "a.mprof"
    out.write_bytes(b"mine")
    with Daemon(tmp_path, ok(data)) as d:
        p = mp.memprof("record", "--connect", d.path, "-o", out, check=1)
    assert "File exists" in p.stderr and out.read_bytes() == b"mine"


@pytest.mark.parametrize("args", [
    ["record", "--hooks", "none"], ["record", "--follow-forks"], ["record", "--keep", "10m"],
    ["record", "--trigger", "rss>1G"], ["record", "--cmdline"], ["top", "--no-stacks"], ["top", "-i", "x"],
    ["top", "-o", "x"], ["top", "--gc-log", "x"], ["report", "FILE"], ["report", "--at", "3"],
    ["diagnose", "--gc-log", "x"],
])
def test_usage(tmp_path, args):
    p = mp.memprof(*args, f"--connect={tmp_path}/s", check=64)
    assert "--connect" in p.stderr


def test_usage_without(tmp_path):
    for args in (["record", "--connect", "--", "true"], ["top", "--list"], ["top", "-p", "1", "--json"],
                 ["report", "--duration", "3s", FIXTURE]):
        assert "memprof" in mp.memprof(*args, check=64).stderr


# --- from a pipe ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cmd", ["report", "report --json", "report --full", "dump", "diagnose --json",
                                 "replay --plain", "top --plain -i", "export --format jsonl"])
def test_from_a_pipe(cmd):
    with FIXTURE.open("rb") as f:
        want = mp.memprof(*cmd.split(), FIXTURE, check=0).stdout
        cat = subprocess.Popen(["cat"], stdin=f, stdout=subprocess.PIPE)
        got = mp.memprof(*cmd.split(), "-", check=0, stdin=cat.stdout).stdout
        cat.stdout.close()
        assert cat.wait(mp.DEADLINE) == 0
    assert got.replace('"-"', f'"{FIXTURE}"') == want and want


def test_from_a_fifo(tmp_path, data):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(data[:-100]), daemon=True)
    writer.start()
    p = mp.memprof("report", fifo, check=5)
    writer.join(mp.DEADLINE)
    assert "truncated" in p.stderr and "python3" in p.stdout


def test_pipes_that_say_nothing(data):
    def run(text, *args):
        return subprocess.run([mp.MEMPROF, *args], input=text, capture_output=True, timeout=mp.DEADLINE, check=False)

    assert run(b"", "report", "-").returncode == 5
    p = run(b"hello\n" * 100, "report", "-")
    assert p.returncode == 1 and b"standard input" in p.stderr and b"not a memprof recording" in p.stderr
    assert run(data, "report", "--at", "3", "-").returncode == 64
    assert run(data, "replay", "--seek", "3", "-").returncode == 64
    assert run(data, "diff", "--from", "1", "--to", "2", "-").returncode == 64


def test_screen_of_a_pipe():
    mp.need_command("tmux")
    cmd = f"cat {shlex.quote(str(FIXTURE))} | {shlex.quote(mp.MEMPROF)} replay -"
    with mp.Tmux(["sh", "-c", cmd], 120, 30) as t:
        t.wait_text(r"python3 \(4592\)")
        t.keys("Left")
        t.wait_text("PAUSED")
        t.keys("q")
        t.wait_text("nothing was saved")
        t.keys("q")
        assert t.wait_end() == 0
