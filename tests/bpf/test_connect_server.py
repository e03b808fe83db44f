# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--connect against the daemon's own server (tests/tools/serve.c, a made-up session of three
processes of two users and root): nobody with no rights sees its own process and no other."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import mp
import pytest

SERVE = mp.BUILD / "tests/tools/serve"
OWN, OTHERS = 65534, 1001
MINE, THEIRS = "1001", "1002"  # pids


class Serve:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="memprof-connect-"))
        self.dir.chmod(0o777)
        self.socket = self.dir / "run" / "memprof.sock"
        # where nobody can run it, wherever the build is
        self.memprof = shutil.copy(mp.MEMPROF, self.dir / "memprof")

    def __enter__(self):
        self.proc = subprocess.Popen([SERVE, self.socket, f"{OWN},{OTHERS},0"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.proc.stdout.readline() == "ready\n"
        self.say("step 200")
        return self

    def __exit__(self, *exc):
        with contextlib.suppress(OSError):
            self.proc.stdin.close()
        mp.stop(self.proc)
        self.proc.stdout.close()
        shutil.rmtree(self.dir)

    def say(self, line):
        self.proc.stdin.write(line + "\n")
        return self.proc.stdout.readline().split()

    def sent(self):
        """Viewers, and bytes that they got."""
        f = self.say("figures")
        return int(f[0]), int(f[5])

    def start(self, *args, uid=OWN):
        """memprof ARGS --connect as somebody, once it has got what there was."""
        p = subprocess.Popen([self.memprof, *args, f"--connect={self.socket}"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, user=uid, group=uid,
                             extra_groups=[], cwd=self.dir)
        before = self.sent()

        def settled():
            nonlocal before
            now = self.sent()
            same = now == before and now[0] and now[1] > 100
            before = now
            return same or p.poll() is not None

        mp.wait_until(settled, what="viewer")
        return p

    def run(self, *args, uid=OWN):
        p = subprocess.run([self.memprof, *args, f"--connect={self.socket}"], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, user=uid, group=uid, extra_groups=[],
                           timeout=mp.DEADLINE, check=False)
        return p

    def end(self, p):
        """The daemon ends; what its viewer said."""
        self.say_end()
        out, err = p.communicate(timeout=mp.DEADLINE)
        assert p.returncode == 0, err
        return out, err

    def say_end(self):
        self.proc.stdin.write("end\n")
        assert self.proc.wait(mp.DEADLINE) == 0


@pytest.fixture()
def serve():
    if os.geteuid():
        mp.lacking("not root")
    with Serve() as s:
        yield s


def secrets(text):
    return set(re.findall(r"SECRET-\d", text))


def test_report(serve):
    p = serve.start("report", "--json")
    serve.say("step 20")
    out, err = serve.end(p)
    assert secrets(out + err) == {"SECRET-1"}
    r = json.loads(out)
    assert r["target"]["pid"] == int(MINE) and r["faults"]["total"] > 0


def test_diagnose(serve):
    out, err = serve.end(serve.start("diagnose", "--json", "-q"))
    assert json.loads(out)["state"] == "live" and secrets(out + err) <= {"SECRET-1"}


def last_second(serve, *how):
    """What is said of the end of a session of 4.4 s: of 1 s when it is asked, and of 0.4 s since."""
    p = serve.start(*how, "--duration", "1s")
    serve.say("step 20")
    return serve.end(p)[0]


def test_report_of_the_last_second(serve):
    """The state that it begins with is of before, and said to be."""
    r = json.loads(last_second(serve, "report", "--json"))["recording"]
    assert r["duration_s"] == pytest.approx(1.4, abs=0.05) and r["since_s"] == pytest.approx(3, abs=0.05)
    assert 70 * 3 <= r["events"] < 70 * 4


def test_report_of_the_last_second_in_words(serve):
    text = " ".join(last_second(serve, "report").split())
    assert "1.4 s seen, live." in text
    assert "Counts are since the session's start, 4.4 s: 3.0 s before what is shown here." in text


def test_diagnose_of_the_last_second(serve):
    assert json.loads(last_second(serve, "diagnose", "--json", "-q"))["window_s"] == pytest.approx(1.4, abs=0.05)


def test_plain(serve):
    p = serve.start("top", "--plain", "-p", MINE)
    for _ in range(10):
        serve.say("step 50")
    out, err = serve.end(p)
    assert secrets(out + err) <= {"SECRET-1"} and "the daemon has gone: it ended" in err
    assert len(re.findall(r"^\s+\d+\.\d{3} ", out, re.M)) > 3


@pytest.mark.parametrize("ends", ["daemon", "user"])
def test_record(serve, ends):
    p = serve.start("record", "-o", "a.mprof")
    for _ in range(10):
        serve.say("step 50")
    if ends == "user":
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=mp.DEADLINE)
        assert p.returncode == 0, err
    else:
        _, err = serve.end(p)
    path = serve.dir / "a.mprof"
    assert path.stat().st_uid == OWN and path.stat().st_mode & 0o777 == 0o600
    text = mp.memprof("dump", path, check=0).stdout
    assert secrets(text) == {"SECRET-1"}
    r = mp.report(path)
    assert r["recording"]["state"] == "clean" and r["recording"]["lost"]["total"] == 0
    assert r["target"]["pid"] == int(MINE)
    told = re.search(r"memprof: ([\d.]+) s, \d+ events in", err)
    assert float(told.group(1)) == pytest.approx(r["recording"]["duration_s"], abs=0.1)


def test_all_of_them_for_root(serve):
    p = serve.start("record", "-o", "a.mprof", uid=0)
    serve.end(p)
    assert secrets(mp.memprof("dump", serve.dir / "a.mprof").stdout) == {"SECRET-1", "SECRET-2", "SECRET-3"}


def test_list(serve):
    p = serve.run("top", "--list")
    assert p.returncode == 0 and secrets(p.stdout) == {"SECRET-1"}
    assert p.stdout.splitlines()[1].split()[0] == MINE and len(p.stdout.splitlines()) == 2
    doc = json.loads(serve.run("top", "--list", "--json", uid=0).stdout)
    assert len(doc["targets"]) == 3


@pytest.mark.parametrize("args", [["record"], ["report"], ["diagnose"], ["top", "--plain"]], ids=" ".join)
def test_others(serve, args):
    """Somebody else's, root's, and one that nobody watches: the same words."""
    said = [serve.run(*args, "-p", pid) for pid in (THEIRS, "1003", "77777")]
    assert {p.returncode for p in said} == {3} and len({p.stderr for p in said}) == 1
    assert "not to be seen" in said[0].stderr and not any(p.stdout for p in said)
