# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`memprof daemon` beside a test: its file, its state, what it says, how it ends."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import mp
import pytest

# of this process of tests: containers side by side have the same pids
OWN = f"{os.getpid():x}{time.time_ns() >> 10 & 0xfff:03x}"

# The kernel counts what exec itself touches, before there is a program: arguments, the stack.
BY_EXEC = 24


def exchange(path, data):
    """What is answered at a Unix socket, up to its end."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(mp.DEADLINE)
        s.connect(str(path))
        s.sendall(data)
        out = b""
        while more := s.recv(65536):
            out += more
    return out


def http(path):
    """The page of metrics, with its head, of a daemon that serves it at a Unix socket."""
    return exchange(path, b"GET /metrics HTTP/1.0\r\n\r\n")


class Daemon:
    """In the foreground, with everything it makes below `where`; ready on entry.

    groups: the [target] sections; keys: more lines of [daemon].
    """

    def __init__(self, where, groups, *keys, wrap=(), env=None, args=()):
        self.where = pathlib.Path(where)
        self.conf = self.where / "memprof.conf"
        self.state = self.where / "state"
        self.socket = self.where / "run" / "memprof.sock"
        self.keys = keys
        self.write(groups)
        self.proc = subprocess.Popen([*wrap, mp.MEMPROF, "daemon", "--config", str(self.conf), *args],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                     env=dict(os.environ, **(env or {})))
        self.pid = self.proc.pid
        self.err = mp.Lines(self.proc.stderr.fileno())

    def write(self, groups):
        """Its file, for the start and for SIGHUP."""
        self.conf.write_text("\n".join(["[daemon]", f"socket = {self.socket}", f"state = {self.state}",
                                        *self.keys, groups, ""]))

    def __enter__(self):
        try:
            self.says("memprof: ready")
        except AssertionError:
            mp.stop(self.proc)
            raise
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            mp.stop(self.proc)
        self.proc.stderr.close()

    def says(self, words):
        """Waits for a line with these words in it, and returns it."""
        while True:
            line = self.err.next()
            assert line is not None, f"the daemon ended ({self.proc.wait(mp.DEADLINE)}): " + "\n".join(self.err.seen)
            if words in line:
                return line

    def rings(self):
        """The recordings in its state folder, oldest first."""
        return sorted((self.state / "ring").glob("*.mprof"))

    def stop(self, sig=signal.SIGTERM, code=0):
        """Ends it properly; the path of what it recorded, when it records."""
        self.proc.send_signal(sig)
        try:
            _, err = self.proc.communicate(timeout=mp.DEADLINE)
        except subprocess.TimeoutExpired as e:
            raise AssertionError(f"the daemon does not end: {self.err.seen}") from e
        said = "\n".join(self.err.seen) + self.err.buf.decode(errors="replace") + err.decode(errors="replace")
        assert self.proc.returncode == code, f"{self.proc.returncode}\n{said}"
        rings = self.rings()
        return rings[-1] if rings else None

    def reload(self, groups):
        self.write(groups)
        self.proc.send_signal(signal.SIGHUP)
        return self.says("reload:")

    def ask(self, want):
        """The answer to a line on its socket: the first line of it, and the rest as bytes."""
        line, _, rest = exchange(self.socket, f"memprof 1 {want}\n".encode()).partition(b"\n")
        return line.decode(), rest

    def list(self):
        """What `list` tells, as an object."""
        line, rest = self.ask("list")
        assert line.startswith("ok"), line
        return json.loads(rest)


def own(name):
    """A name of a program that nobody else has, another run of these tests on the machine included."""
    return f"{name}-{OWN}"


def copy_of(where, program, name):
    """A program of a name that nobody else runs."""
    return shutil.copy(os.path.realpath(program), pathlib.Path(where) / name)


@pytest.fixture
def where(tmp_path):
    """A folder that other users may enter."""
    for folder in [tmp_path, *tmp_path.parents[:3]]:
        if folder != pathlib.Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


def minflt(pid):
    """Faults without I/O, and with, that the kernel counted for the first thread since its fork."""
    f = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return int(f[7]), int(f[9])
