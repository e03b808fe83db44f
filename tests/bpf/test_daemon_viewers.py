# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The whole daemon: who looks at its socket gets what the kernel would show them."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import mp
import pytest

MINE, OTHERS = 4100, 4101


@pytest.fixture()
def place():
    """A folder that everybody can reach, with programs of three names."""
    d = pathlib.Path(tempfile.mkdtemp(prefix="memprof-viewers-"))
    d.chmod(0o755)
    for name in ("cat-of-mine", "cat-of-others", "cat-of-root"):
        shutil.copy("/bin/cat", d / name)
        (d / name).chmod(0o755)
    yield d
    shutil.rmtree(d)


class Daemon:
    def __init__(self, d):
        self.socket = d / "run" / "memprof.sock"
        self.conf = d / "memprof.conf"
        self.err = d / "log"
        self.conf.write_text(f"[daemon]\nsocket = {self.socket}\nstate = {d}/state\n"
                             f"[target cats]\nexe = {d}/cat-of-*\n")

    def __enter__(self):
        with open(self.err, "wb") as err:
            self.proc = subprocess.Popen([mp.MEMPROF, "daemon", "--config", self.conf], stderr=err,
                                         stdin=subprocess.DEVNULL)
        mp.wait_until(lambda: self.proc.poll() is not None or b"memprof: ready" in self.err.read_bytes(),
                      what="the daemon")
        assert self.proc.poll() is None, self.err.read_text()
        return self

    def __exit__(self, *exc):
        self.end()

    def end(self):
        if self.proc.poll() is None:
            self.proc.terminate()
        assert self.proc.wait(mp.DEADLINE) == 0


def cat(d, name, uid):
    return subprocess.Popen([d / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=uid, group=uid,
                            extra_groups=[])


def asked_as(uid, path, request):
    """A connected socket whose peer is that user: the kernel notes who connects."""
    s = socket.socket(socket.AF_UNIX)
    os.setegid(uid)
    os.seteuid(uid)
    try:
        s.connect(str(path))
    finally:
        os.seteuid(0)
        os.setegid(0)
    s.settimeout(mp.DEADLINE)
    s.sendall(request.encode() + b"\n")
    return s


def all_of(s):
    data = b""
    while piece := s.recv(1 << 16):
        data += piece
    s.close()
    return data


def listed(path, uid):
    """By pid; nothing while it may not be asked again."""
    line, doc = all_of(asked_as(uid, path, "memprof 1 list")).split(b"\n", 1)
    if line.startswith(b"no busy: ") and uid:
        return {}
    assert line == b"ok list"
    return {t["pid"]: t for t in json.loads(doc)["targets"]}


def stream_as(uid, path, request):
    """A stream whose first line was read, as soon as it is granted."""
    def granted():
        s = asked_as(uid, path, request)
        first = s.recv(10, socket.MSG_WAITALL)
        if first == b"ok stream\n":
            return s
        assert first.startswith(b"no busy: ")
        s.close()
        return None

    return mp.wait_until(granted, what="a stream")


def test_each_sees_its_own(place):
    mp.need_bpf()
    with Daemon(place) as d:
        mine, others, roots = (cat(place, n, u) for n, u in (("cat-of-mine", MINE), ("cat-of-others", OTHERS),
                                                             ("cat-of-root", 0)))
        pids = {mine.pid, others.pid, roots.pid}
        mp.wait_until(lambda: set(listed(d.socket, 0)) == pids, what="the targets")
        # its first events are folded a moment after it was found
        row = mp.wait_until(lambda: [r for r in [listed(d.socket, MINE)] if any(t["exe"] for t in r.values())],
                            what="its own")[0]
        assert set(row) == {mine.pid} and row[mine.pid]["group"] == "cats"
        assert row[mine.pid]["exe"] == str(place / "cat-of-mine")
        refused = mp.wait_until(lambda: [r for r in [all_of(asked_as(MINE, d.socket, f"memprof 1 stream {others.pid}"))]
                                         if not r.startswith(b"no busy: ")], what="an answer")[0]
        assert refused.startswith(b"no target: ")
        views = [stream_as(uid, d.socket, "memprof 1 stream past 600") for uid in (MINE, 0)]
        for p in mine, others, roots:
            p.communicate(b"x" * 100000)
        mp.wait_until(lambda: all(t["gone_ns"] for t in listed(d.socket, 0).values()), what="their end")
        d.end()
        texts = []
        for i, v in enumerate(views):
            rec = place / f"view-{i}.mprof"
            rec.write_bytes(all_of(v))
            texts.append(mp.memprof("dump", rec, check=0).stdout)
        assert "cat-of-mine" in texts[0]
        assert "cat-of-others" not in texts[0] and "cat-of-root" not in texts[0]
        assert all(name in texts[1] for name in ("cat-of-mine", "cat-of-others", "cat-of-root"))
        of_root = mp.report(place / "view-1.mprof", pid=mine.pid)
        of_mine = mp.report(place / "view-0.mprof", pid=mine.pid)
        assert of_mine["faults"]["total"] == of_root["faults"]["total"]
        assert of_mine["account"] == of_root["account"]
