# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Servers of Debian that tests start for themselves, on loopback or a socket in a folder."""
import contextlib
import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import urllib.parse
import urllib.request

import mp


@contextlib.contextmanager
def running(argv, **kw):
    """A process group of its own, killed whole at the end."""
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         start_new_session=True, **kw)
    try:
        yield p
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGKILL)
        p.wait(mp.DEADLINE)
        p.stdin.close()
        p.stdout.close()


_ports = []  # sockets whose names say that a port is this process's


def free_port():
    """A port of loopback that is this process's until it ends.

    The system gives none of these to who asks for any port, and other tests see that it is taken by
    the name of a socket, which lives in the same network namespace as the port.
    """
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [p for p in range(10000, 65000) if not low <= p <= high] or list(range(10000, 65000))
    start = os.getpid() % len(ports)
    for port in ports[start:] + ports[:start]:
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0memprof-tests-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _ports.append(name)
        return port
    raise AssertionError("all ports of loopback are taken")


class Prometheus:
    """A server on loopback, by a config, over a folder of data; ended with the test."""

    def __init__(self, folder, config, data=None):
        mp.need_command("prometheus")
        conf = folder / "prometheus.yml"
        conf.write_text(config)
        self.port = free_port()
        self.proc = subprocess.Popen(
            ["prometheus", f"--config.file={conf}", f"--storage.tsdb.path={data or folder / 'data'}",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(folder / "log", "w"),
            cwd=folder)

    def __enter__(self):
        try:
            mp.wait_until(self.ready, what="Prometheus")
        except AssertionError:
            mp.stop(self.proc)
            raise
        return self

    def __exit__(self, *exc):
        mp.stop(self.proc)

    def get(self, path, **args):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(args)}"
        with urllib.request.urlopen(url, timeout=mp.DEADLINE) as r:
            return r.read()

    def ready(self):
        assert self.proc.poll() is None, "Prometheus ended"
        try:
            return b"Ready" in self.get("/-/ready")
        except OSError:
            return False

    def api(self, path, **args):
        got = json.loads(self.get(f"/api/v1/{path}", **args))
        assert got["status"] == "success", got
        return got["data"]

    def range(self, expr, start, end, step):
        """[(labels, [(ts, value)])] of a range."""
        got = self.api("query_range", query=expr, start=start, end=end, step=step)["result"]
        return [(r["metric"], [(t, float(v)) for t, v in r["values"]]) for r in got]

    def now(self, expr):
        """[(labels, value)] now."""
        return [(r["metric"], float(r["value"][1])) for r in self.api("query", query=expr)["result"]]


def nobody_database(folder):
    """The programs of PostgreSQL, as the user that they want, with a cluster in `folder`."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        mp.lacking("postgresql is not installed (make deps-check)")
    user = "postgres" if "postgres" in {u.pw_name for u in pwd.getpwall()} else "nobody"
    os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def run(name, *args):
        return ["setpriv", "--reuid", user, "--clear-groups", str(found[-1] / name), *args]

    subprocess.run(run("initdb", "--no-sync", "-A", "trust", "-D", f"{folder}/db"), check=True, timeout=600,
                   capture_output=True, cwd=folder)
    return run
