# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon's socket: who gets what of a session, and what it costs when viewers misbehave.

tests/tools/serve.c is the daemon's loop over a made-up session, so that everything is known:
three processes of two users and root, with SECRET-N in all names of the Nth.
"""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time

import mp
import pytest

SERVE = mp.BUILD / "tests/tools/serve"
FAULTS = 7  # pages of each step of a process

# Copies what a request is answered to a file, as somebody else.
VIEWER = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\\n")
with open(sys.argv[3], "wb", buffering=0) as f:
    while data := s.recv(1 << 16):
        f.write(data)
"""


class Serve:
    """The server, and folders that any user can use."""

    def __init__(self, owners="1000,1001,0"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="memprof-serve-"))
        self.dir.chmod(0o777)
        self.socket = self.dir / "run" / "memprof.sock"
        self.owners = owners
        self.viewers = []
        self.n = 0
        self.ending = False

    def __enter__(self):
        self.proc = subprocess.Popen([SERVE, self.socket, self.owners], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.proc.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *exc):
        self.proc.stdin.close()
        for v in self.viewers:
            v.kill()
            v.wait()
        self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()
        shutil.rmtree(self.dir)

    def say(self, line):
        """A command; its answer."""
        self.proc.stdin.write(line + "\n")
        return self.proc.stdout.readline().strip()

    def step(self, n):
        """Steps; the instant of the session that it is then, ns."""
        return int(self.say(f"step {n}").split()[1])

    def figures(self):
        names = "viewers", "accepted", "refused", "cut_off", "dropped", "sent", "longest_us", "rss", "rounds", "work"
        return dict(zip(names, map(int, self.say("figures").split())))

    def begin_to_end(self):
        """Says it once: it may be gone right after that."""
        if not self.ending:
            self.proc.stdin.write("end\n")
        self.ending = True

    def end(self):
        """The daemon ends; viewers get what is left for them."""
        self.begin_to_end()
        assert self.proc.wait(mp.DEADLINE) == 0
        for v in self.viewers:
            v.wait(mp.DEADLINE)

    def view(self, request, uid=0):
        """Starts a viewer; the file that its answer goes to."""
        self.n += 1
        out = self.dir / f"answer-{self.n}"
        self.viewers.append(subprocess.Popen([sys.executable, "-c", VIEWER, self.socket, request, out], user=uid,
                                             group=uid, extra_groups=[]))
        mp.wait_until(lambda: out.exists() and b"\n" in out.read_bytes()[:200], what="an answer")
        return out

    def ask(self, request, uid=0):
        """The whole answer to what is answered at once."""
        out = self.view(request, uid)
        self.viewers[-1].wait(mp.DEADLINE)
        return out.read_bytes()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(self.socket))
        return s


@pytest.fixture()
def serve():
    with Serve() as s:
        yield s


def recording(answer):
    """What came behind the line, as a file."""
    data = answer.read_bytes()
    line, rest = data.split(b"\n", 1)
    assert line == b"ok stream"
    out = answer.with_suffix(".mprof")
    out.write_bytes(rest)
    return out


def dump(answer):
    return mp.memprof("dump", recording(answer)).stdout


def events(answer):
    p = mp.memprof("export", recording(answer), "--format", "jsonl")
    return [json.loads(ln) for ln in p.stdout.splitlines()]


def faults(answer, mm):
    return [e for e in events(answer) if e.get("type") == "fault" and e.get("mm") == mm]


# --- what they get ---------------------------------------------------------------------------------


def test_early_late_and_from_the_past(serve):
    """Whenever a viewer came and whatever part it wants: of a process all tell the same."""
    early = serve.view("memprof 1 stream")
    serve.say("step 700")
    late = serve.view("memprof 1 stream")
    past = serve.view("memprof 1 stream past 5")
    one = serve.view("memprof 1 stream 1002 past 1000")
    for _ in range(20):
        serve.say("step 10")

    def caught_up(answer, steps):
        return len(faults(answer, 2)) >= steps

    mp.wait_until(lambda: caught_up(past, 450) and caught_up(one, 901), what="the past to be told")
    now = serve.step(25)
    for answer in early, late, past, one:
        mp.wait_until(lambda a=answer: last_of(a) >= now, what="each to have all")
    serve.end()
    want = mp.report(recording(early), pid=1002)
    assert want["recording"]["state"] == "clean"
    for answer in late, past, one:
        got = mp.report(recording(answer), pid=1002)
        assert got["recording"]["state"] == "clean"
        assert got["account"] == want["account"]
        assert got["faults"]["total"] == want["faults"]["total"] == FAULTS * 926
    # each event once: from the seam on as from the start
    assert len(faults(early, 2)) == 925
    assert len(faults(late, 2)) == 225
    assert len(faults(past, 2)) == 250 + 225
    assert len(faults(one, 2)) == 926
    times = [e["t"] for e in faults(past, 2)]
    assert len(set(times)) == len(times)
    assert "SECRET-1" not in dump(one) and "SECRET-3" not in dump(one)


def test_not_a_byte_of_others(serve):
    """As a user without rights, in every way: another's process is not there."""
    serve.say("step 100")
    # a user may ask 8 times at once
    for request in "stream 1002", "stream 1003 past 5":
        said = serve.ask(f"memprof 1 {request}", uid=1000)
        assert said == b"no target: none of these is watched, or it is not for you to see\n"
    ways = "", " past 100", " 1001", " 1001 1002 past 9"
    answers = [serve.view(f"memprof 1 stream{way}", uid=1000) for way in ways]
    serve.say("step 100")
    # one of root's that is new, one of its own that is new, one that becomes another's
    serve.say("start 4 0")
    serve.say("start 5 1000")
    serve.say("step 50")
    mp.wait_until(lambda: "SECRET-5" in dump(answers[0]), what="the new one")
    listed = serve.ask("memprof 1 list", uid=1000)
    serve.say("owner 1 1001")
    before = int(serve.say("figures").split()[5])
    serve.say("step 200")
    mp.wait_until(lambda: serve.figures()["sent"] > before, what="something to be sent")
    after = serve.ask("memprof 1 list", uid=1000)
    mp.wait_until(lambda: gone_from(answers[0], 1), what="it to be gone")
    serve.end()
    for answer in answers:
        text = dump(answer)
        assert "SECRET-1-comm" in text
        for who in 2, 3, 4:
            assert f"SECRET-{who}" not in text
        # 251 steps until it was another's, of which a name each tenth
        assert len(faults(answer, 1)) <= 251
    doc = json.loads(listed.split(b"\n", 1)[1])
    assert [t["host_pid"] for t in doc["targets"]] == [1001, 1005] and doc["all"] is False
    assert b"SECRET-2" not in listed and b"SECRET-3" not in listed and b"SECRET-4" not in listed
    assert [t["host_pid"] for t in json.loads(after.split(b"\n", 1)[1])["targets"]] == [1005]


def last_of(answer):
    """The last instant that its whole blocks tell of, by their headers (memprof-recording(5)), ns."""
    data = answer.read_bytes()
    at, last = data.index(b"\n") + 1 + 16, 0
    while at + 48 <= len(data):
        stored = struct.unpack_from("<I", data, at + 8)[0]
        if at + 48 + stored > len(data):
            break
        last = max(last, struct.unpack_from("<Q", data, at + 28)[0])
        at += 48 + stored
    return last


def gone_from(answer, mm):
    """Its last state does not have that process."""
    text = dump(answer).splitlines()
    begins = [i for i, ln in enumerate(text) if " keyframe.begin" in ln]
    if not begins:
        return False
    return not any("task.target" in ln and f"pid={1000 + mm}" in ln for ln in text[begins[-1]:])


def test_root_and_a_list(serve):
    serve.say("step 30")
    line, doc = serve.ask("memprof 1 list").split(b"\n", 1)
    doc = json.loads(doc)
    assert line == b"ok list" and doc["all"] is True
    assert [t["pid"] for t in doc["targets"]] == [1001, 1002, 1003]
    assert doc["targets"][0]["comm"].startswith("SECRET-1-comm")
    assert doc["targets"][1]["rss"] == (31 * FAULTS + 2) * mp.PAGE
    assert doc["targets"][2]["uid"] == 0


def test_lists_wait_for_each_other(serve):
    """Who sees all may ask as often as it likes: it waits, and nobody is refused."""
    crowd = [serve.connect() for _ in range(16)]
    for s in crowd:
        s.settimeout(mp.DEADLINE)
        s.sendall(b"memprof 1 list\n")
    gone = crowd.pop(8)
    gone.close()
    for s in crowd:
        data = b""
        while more := s.recv(1 << 16):
            data += more
        assert data.startswith(b"ok list\n") and len(json.loads(data[8:])["targets"]) == 3
        s.close()


# --- who misbehaves --------------------------------------------------------------------------------


def test_what_is_no_request(serve):
    for request in "", "hello", "memprof 2 list", "memprof 1 stream all", "GET / HTTP/1.1":
        assert serve.ask(request).startswith(b"no ")
    s = serve.connect()
    s.sendall(b"x" * 5000)
    assert s.recv(100) == b"no request: that is no line\n"
    s.close()
    # half a line and gone, no line and gone
    for half in b"memprof 1 str", b"":
        s = serve.connect()
        s.sendall(half)
        s.close()
    # the line in pieces, garbage behind it, half closed
    s = serve.connect()
    for piece in b"memp", b"rof 1 li", b"st\n" + b"\xff" * 1000:
        s.sendall(piece)
    s.shutdown(socket.SHUT_WR)
    assert s.recv(8, socket.MSG_WAITALL) == b"ok list\n"
    s.close()
    assert serve.figures()["viewers"] == 0


def test_a_line_that_never_comes(serve):
    s = serve.connect()
    s.sendall(b"memprof")
    s.settimeout(mp.DEADLINE)
    assert s.recv(10) == b""  # after 5 s
    assert serve.figures()["cut_off"] == 1


def test_a_hundred_at_once(serve):
    """More than there may be: each is answered or refused, and the rest goes on."""
    good = serve.view("memprof 1 stream")
    crowd = []
    for _ in range(100):
        s = serve.connect()
        with contextlib.suppress(OSError):
            s.sendall(b"memprof 1 stream\n")
        crowd.append(s)
    answers = []
    for s in crowd:
        s.settimeout(mp.DEADLINE)
        with contextlib.suppress(ConnectionResetError):
            answers.append(s.recv(3))
    assert {a for a in answers if a} <= {b"ok ", b"no "}
    assert 1 <= answers.count(b"ok ") < 16
    f = serve.figures()
    assert f["viewers"] <= 16 and f["refused"] >= 80
    for s in crowd:
        s.close()
    mp.wait_until(lambda: serve.figures()["viewers"] == 1, what="them to be gone")
    serve.say("step 50")
    serve.end()
    assert len(faults(good, 1)) == 50


def test_one_user_cannot_take_all(serve):
    mine = [serve.view("memprof 1 stream", uid=1000) for _ in range(5)]
    said = [m.read_bytes()[:3] for m in mine]
    assert said == [b"ok "] * 4 + [b"no "]
    assert serve.view("memprof 1 stream", uid=1001).read_bytes()[:3] == b"ok "
    for _ in range(20):
        last = serve.ask("memprof 1 list", uid=1002)
    assert last.startswith((b"ok", b"no busy: "))


def test_viewers_that_do_not_read(serve):
    """What waits for them is bounded, the loop goes on, and who reads again is told the state."""
    good = serve.view("memprof 1 stream")
    for _ in range(4):  # as much of the same, for who reads
        serve.say("noise 8000")
        now = serve.step(1)
        mp.wait_until(lambda t=now: last_of(good) >= t, what="the good one to have it")
    usual = serve.figures()["longest_us"]
    deaf = [serve.connect() for _ in range(2)]
    for s in deaf:
        s.sendall(b"memprof 1 stream\n")
    gone = serve.connect()
    gone.sendall(b"memprof 1 stream past 100\n")
    gone.recv(100)
    gone.close()  # in the middle of a block
    mp.wait_until(lambda: serve.figures()["viewers"] == 3, what="them to be there")
    seen = [serve.figures()]

    def dropped():
        serve.say("noise 8000")
        seen.append(serve.figures())
        return seen[-1]["dropped"]

    mp.wait_until(dropped, what="blocks to be dropped")
    first, f = seen[0], seen[-1]
    assert f["rss"] - first["rss"] < 2 * (8 << 20) + (32 << 20)
    # CPU time of the longest call since they came: what they do makes it do little more in one
    longest = max(g["longest_us"] for g in seen)
    assert longest < 20 * (usual + 1000), (longest, usual)
    assert f["viewers"] == 3 and f["cut_off"] == 0
    deaf[1].close()
    deaf[0].settimeout(mp.DEADLINE)
    with open(serve.dir / "deaf", "wb") as out:
        read_again(serve, deaf[0], out)
        now = serve.step(1)
        mp.wait_until(lambda: last_of(good) >= now, what="the good one to have all")
        serve.begin_to_end()
        while data := deaf[0].recv(1 << 20):
            out.write(data)
    serve.end()
    want = mp.report(recording(good), pid=1002)
    got = mp.report(recording(serve.dir / "deaf"), code=5, pid=1002)
    assert want["recording"]["state"] == "clean" and got["recording"]["state"] == "damaged"
    assert got["account"] == want["account"]
    assert got["faults"]["total"] == want["faults"]["total"]


def read_again(serve, s, out):
    """Reads what waited until the session goes on for it: what is new comes as it happens."""
    s.setblocking(False)

    def up_to_date():
        with contextlib.suppress(BlockingIOError):
            while data := s.recv(1 << 20):
                out.write(data)
        out.flush()
        now = serve.step(1)
        return now - last_of(serve.dir / "deaf") < 100 * 10**6  # of the session

    mp.wait_until(up_to_date, what="the gap to end")
    s.setblocking(True)
    s.settimeout(mp.DEADLINE)


def drained(s):
    """All that comes until the end."""
    s.settimeout(mp.DEADLINE)
    out = b""
    while data := s.recv(1 << 20):
        out += data
    return out


def test_what_is_queued_at_the_end(serve):
    """Who reads gets all that waited for it and the end mark, more than a socket holds."""
    s = serve.connect()
    s.sendall(b"memprof 1 stream\n")
    mp.wait_until(lambda: serve.figures()["viewers"] == 1, what="it to be there")
    serve.say("noise 30000")
    now = serve.step(1)
    mp.wait_until(lambda: serve.figures()["sent"] > 65536, what="the socket to fill")
    serve.say("patient")
    serve.begin_to_end()
    answer = serve.dir / "late"
    answer.write_bytes(drained(s))
    s.close()
    serve.end()
    assert answer.stat().st_size > 1 << 20 and last_of(answer) >= now
    assert mp.report(recording(answer), pid=1002)["recording"]["state"] == "clean"


def test_the_past_is_lent_on(serve):
    """One that asks for the past and does not read it keeps it from nobody, and goes on behind a gap."""
    for _ in range(10):
        serve.say("noise 8000")
        serve.say("step 1")
    slow = serve.connect()
    slow.sendall(b"memprof 1 stream past 100\n")
    mp.wait_until(lambda: serve.figures()["sent"] > 65536, what="it to be told")
    other = serve.view("memprof 1 stream 1002 past 100", uid=1001)
    mp.wait_until(lambda: len(faults(other, 2)) == 11, what="the past for the other one")
    assert serve.figures()["viewers"] == 2
    slow.close()


def test_states_for_all_by_turn(serve):
    """Many users at once: each is told its state in the end, whoever came when."""
    serve.say("step 300")
    answers = [serve.view("memprof 1 stream", uid=1000 + i % 6) for i in range(12)]
    for answer in answers:
        mp.wait_until(lambda a=answer: last_of(a) > 0, what="a state")
    assert all("SECRET-1" in dump(a) for a in answers[::6])
    assert all("SECRET-" not in dump(a) for a in answers[2::6])


def test_a_child_that_has_all_open(serve):
    """As between the fork and the exec of a command: who leaves is forgotten, who is answered sees the end."""
    gone, asks = serve.connect(), serve.connect()
    mp.wait_until(lambda: serve.figures()["accepted"] == 2, what="both")
    serve.say("fork")
    gone.close()
    asks.sendall(b"memprof 1 list\n")
    assert b"".join(iter(lambda: asks.recv(65536), b"")).startswith(b"ok list\n")
    mp.wait_until(lambda: not serve.figures()["work"], what="nothing more to do")
    assert serve.figures()["viewers"] == 0
    asks.close()


def test_out_of_descriptors(serve):
    """Who finds none waits, without a loop that goes round and round, and comes in when there are some."""
    used = len(os.listdir(f"/proc/{serve.proc.pid}/fd"))
    resource.prlimit(serve.proc.pid, resource.RLIMIT_NOFILE, (used + 4, used + 4))
    crowd = [serve.connect() for _ in range(8)]
    mp.wait_until(lambda: serve.figures()["accepted"] == 4, what="the first ones")
    first, began, asked = serve.figures()["rounds"], time.monotonic(), []

    def cut_off():
        asked.append(serve.figures())
        return asked[-1]["cut_off"] == 4

    mp.wait_until(cut_off, what="those who do not ask to be cut off")
    # 10 ms are a round, a question is one, and what happens in between
    usual = (time.monotonic() - began) * 100 + len(asked)
    assert asked[-1]["rounds"] - first < 3 * usual + 100
    crowd[7].sendall(b"memprof 1 list\n")
    assert crowd[7].recv(8, socket.MSG_WAITALL) == b"ok list\n"
    for s in crowd:
        s.close()


# --- the socket --------------------------------------------------------------------------------------


def start(path):
    p = subprocess.run([SERVE, path, "0"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=mp.DEADLINE, check=False)
    return p.returncode, p.stderr


def test_the_socket_in_its_folder(tmp_path):
    with Serve() as s:
        st = os.stat(s.socket)
        assert stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o666
        assert stat.S_IMODE(os.stat(s.socket.parent).st_mode) == 0o755
        code, said = start(s.socket)
        assert code == 1 and "another daemon serves" in said
        s.proc.kill()
        s.proc.wait()
        assert s.socket.exists()  # what a killed one leaves
        assert start(s.socket)[0] == 0  # is replaced
        assert not s.socket.exists()  # and goes with who made it
        # what is something else stays what it is
        s.socket.write_text("precious")
        assert start(s.socket)[0] == 1 and s.socket.read_text() == "precious"
        s.socket.unlink()
        s.socket.symlink_to(tmp_path / "elsewhere")
        assert start(s.socket)[0] == 1 and not (tmp_path / "elsewhere").exists()
        s.socket.unlink()
        s.socket.parent.chmod(0o777)
        code, said = start(s.socket)
        assert code == 1 and "others can put their own socket" in said
        assert "mode is 0777: others than its owner may write" in said and "not permitted" not in said
        s.socket.parent.chmod(0o755)
        os.chown(s.socket.parent, 4242, -1)
        assert "belongs to user 4242" in start(s.socket)[1]
        for name, why in ("relative.sock", "begin with /"), (f"{tmp_path}/", "ends with /"), ("/" + "x" * 200, "too long"):
            code, said = start(name)
            assert code == 1 and why in said and "Invalid" not in said
