# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon's metrics as fleets take them: a real Prometheus scrapes them, a real node_exporter
reads the file, promtool checks both, and what is wrong or slow or many at the port hurts nobody."""
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import urllib.request

import daemon
import mp
import pytest
import servers
from daemon import Daemon
from openmetrics import lint, parse

OPEN = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


class Served(Daemon):
    """With a page on a port of loopback."""

    def __init__(self, where, groups, *keys):
        self.port = servers.free_port()
        super().__init__(where, groups, f"metrics = 127.0.0.1:{self.port}", *keys)

    def get(self, path="/metrics", accept="*/*"):
        req = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept})
        with urllib.request.urlopen(req, timeout=mp.DEADLINE) as r:
            return r.headers, r.read().decode()

    def page(self):
        """{series: value}"""
        return values(self.get()[1])


def values(text):
    return {ln.rsplit(" ", 1)[0]: float(ln.rsplit(" ", 1)[1]) for ln in text.splitlines() if not ln.startswith("#")}


def in_order(series):
    """With its labels in the order of their names."""
    name, _, rest = series.partition("{")
    return name, sorted(rest.rstrip("}").split(",")) if rest else []


def rss(pid):
    return sum(mp.kernel_rss(pid)[k] for k in ("anon", "file", "shmem"))


def group(name, exe, *keys):
    return "\n".join([f"[target {name}]", f"exe = {daemon.own(exe)}", *keys, ""])


@contextlib.contextmanager
def workload(where, name, binary="dontneed", *args):
    """A workload under a name that no other test's rules take, at its steps."""
    path = pathlib.Path(where) / daemon.own(name)
    if not path.exists():
        daemon.copy_of(where, mp.BUILD / "workloads" / binary, path.name)
    with mp.Workload(binary, *args, argv=[str(path), *map(str, args)]) as w:
        yield w


def test_what_the_kernel_says(tmp_path):
    """Sums of two processes, and what stays of them when they have ended."""
    with Served(tmp_path, group("two", "mp-two") + group("none", "mp-none")) as d:
        assert d.page()['memprof_target_up{group="two"}'] == 0
        with workload(tmp_path, "mp-two", "dontneed", 1024) as a, workload(tmp_path, "mp-two", "dontneed", 512) as b:
            for w in a, b:
                w.step("touched")

            def resident():
                page = d.page()
                return sum(page.get(f'memprof_resident_bytes{{group="two",kind="{k}"}}', 0)
                           for k in ("anon", "file", "shmem"))

            # counters are read now and then; who stands still is told the same in the end
            mp.wait_until(lambda: abs(resident() - rss(a.pid) - rss(b.pid)) <= 128 * mp.PAGE,
                          what="the page to say what the kernel says")
            page = d.page()
            assert page['memprof_processes{group="two"}'] == 2 and page['memprof_target_up{group="two"}'] == 1
            assert sum(v for k, v in page.items() if k.startswith('memprof_page_faults_total{group="two"')) >= 1536
            for w in a, b:
                w.step("dontneed")
            gave = 'memprof_discarded_bytes_total{group="two",advice="dontneed"}'
            mp.wait_until(lambda: d.page().get(gave, 0) == 768 * mp.PAGE, what="what madvise gave back")
        mp.wait_until(lambda: d.page()['memprof_processes{group="two"}'] == 0, what="both to be gone")
        page = d.page()
        assert page['memprof_target_up{group="two"}'] == 0 and page[gave] == 768 * mp.PAGE
        assert not [k for k in page if k.startswith("memprof_resident_bytes")]
        assert page['memprof_daemon_memory_bytes{kind="resident"}'] > 1 << 20
        assert page["memprof_daemon_cpu_seconds_total"] > 0
        d.stop()


def test_counters_of_short_lives(tmp_path):
    """Twenty shells that came and went between two pages are all counted."""
    exe = daemon.copy_of(tmp_path, mp.BUILD / "workloads" / "zero-read", daemon.own("mp-short"))
    with Served(tmp_path, group("short", "mp-short")) as d:
        def faults():
            return sum(v for k, v in d.page().items() if k.startswith("memprof_page_faults_total"))

        before = faults()
        for _ in range(20):
            subprocess.run([exe], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
                           timeout=mp.DEADLINE)
        mp.wait_until(lambda: faults() - before >= 20 * 30, what="the faults of all")
        last = faults()
        path = d.stop()
    rep = mp.report(path)
    assert last <= rep["processes"]["faults"]


def test_formats_and_bounds(tmp_path):
    groups = "".join(group(f"g{i}", f"mp-none-{i}") for i in range(49)) + group("busy", "mp-busy")
    with Served(tmp_path, groups) as d, workload(tmp_path, "mp-busy", "dontneed", 64) as w:
        w.step("touched")
        mp.wait_until(lambda: 'memprof_resident_bytes{group="busy",kind="anon"}' in d.page(), what="the target")
        headers, text = d.get()
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lint(text)
        headers, text = d.get(accept=OPEN)
        assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        fams = parse(text)
        for name, fam in fams.items():
            assert fam["help"] and fam["rows"], name
            for _, lab, _, _ in fam["rows"]:
                assert not set(lab) & {"pid", "tid", "path", "addr"} and "/" not in "".join(lab.values())
        assert len(fams["memprof_processes"]["rows"]) == 50
        d.stop()


def test_a_real_prometheus(tmp_path):
    rules = mp.ROOT / "share/prometheus/memprof.rules.yml"
    (tmp_path / "daemon").mkdir()
    with Served(tmp_path / "daemon", group("web", "mp-web") + group("idle", "mp-idle")) as d, \
            workload(tmp_path, "mp-web", "dontneed", 256) as w:
        w.step("touched")
        config = (f"rule_files: ['{rules}']\nscrape_configs:\n  - job_name: memprof\n    scrape_interval: 1s\n"
                  f"    static_configs: [{{targets: ['127.0.0.1:{d.port}']}}]\n")
        with servers.Prometheus(tmp_path, config) as prom:
            mp.wait_until(lambda: [v for _, v in prom.now('sum(memprof_resident_bytes{group="web"})') if v > 0],
                          what="a scrape")
            page = d.page()
            # everything that is served comes to be there, with its labels and the target's
            names = {k.split("{")[0] for k in page}
            mp.wait_until(lambda: all(prom.now(name) for name in names), what="all of it")
            (target,) = prom.api("targets")["activeTargets"]
            assert target["health"] == "up" and target["lastError"] == ""
            for name in names:
                assert all(lab["job"] == "memprof" and "pid" not in lab for lab, _ in prom.now(name))
            assert dict((lab["group"], v) for lab, v in prom.now("memprof_processes")) == {"web": 1, "idle": 0}
            # what Prometheus took for types, units and help are what was meant
            meta = prom.api("metadata", metric="memprof_resident_bytes")["memprof_resident_bytes"][0]
            assert (meta["type"], meta["unit"]) == ("gauge", "bytes") and meta["help"]
            loaded = {r["name"]: r["health"] for g in prom.api("rules")["groups"] for r in g["rules"]}
            assert len(loaded) >= 6 and set(loaded.values()) <= {"ok", "unknown"}
            d.stop()
            mp.wait_until(lambda: prom.now('up{job="memprof"}')[0][1] == 0, what="the daemon to be missed")


def test_a_real_node_exporter(tmp_path):
    """The file is whole whenever it is read, and node_exporter takes all of it."""
    mp.need_command("prometheus-node-exporter")
    (tmp_path / "text").mkdir()
    path = tmp_path / "text/memprof.prom"
    with Daemon(tmp_path, group("web", "mp-node"), f"textfile = {path}", "textfile-every = 1s") as d, \
            workload(tmp_path, "mp-node", "dontneed", 256) as w:
        w.step("touched")
        mp.wait_until(path.exists, what="the file")
        assert path.stat().st_mode & 0o7777 == 0o644
        times = set()

        def whole():
            text = path.read_text()
            assert text.endswith("\n") and "memprof_scrape_duration_seconds " in text.splitlines()[-1]
            times.add(path.stat().st_mtime_ns)
            return len(times) > 2 and 'memprof_resident_bytes{group="web",kind="anon"}' in text

        mp.wait_until(whole, what="a third file")
        port = servers.free_port()
        argv = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults",
                "--collector.textfile", f"--collector.textfile.directory={path.parent}"]
        with servers.running(argv):
            def scraped():
                with contextlib.suppress(OSError), \
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=mp.DEADLINE) as r:
                    return r.read().decode()
                return ""

            mp.wait_until(lambda: "node_textfile_scrape_error" in scraped(), what="node_exporter")
            before = values(path.read_text())
            got = values(scraped())
            assert got["node_textfile_scrape_error"] == 0
            assert got['memprof_resident_bytes{group="web",kind="anon"}'] > 256 * mp.PAGE
            have = [in_order(k) for k in got]
            assert [k for k in before if in_order(k) not in have] == []
        assert [f.name for f in path.parent.iterdir() if not f.name.startswith(".")] == ["memprof.prom"]
        d.stop()
        assert not path.exists(), "what has ended tells nothing any more"


def talk(port, data, half=False):
    """What the server answers to bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=mp.DEADLINE) as s:
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            s.sendall(data)
            if half:
                s.shutdown(socket.SHUT_WR)
        out = b""
        with contextlib.suppress(ConnectionError):
            while more := s.recv(65536):
                out += more
        return out


def test_bad_manners(tmp_path):
    """Garbage, huge headers, sixty at once, and peers that never ask: the page stays there."""
    with Served(tmp_path, group("web", "mp-rude")) as d:
        assert talk(d.port, b"\x16\x03\x01\x02\x00\x01\x00").startswith(b"HTTP/1.1 400 ")
        assert talk(d.port, os.urandom(8192) + b"\n").startswith(b"HTTP/1.1 4")
        assert talk(d.port, b"GET /" + b"a" * 100000).startswith(b"HTTP/1.1 414 ")
        assert talk(d.port, b"GET / HTTP/1.1\r\nX: " + b"a" * 100000).startswith(b"HTTP/1.1 431 ")
        assert talk(d.port, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").startswith(
            b"HTTP/1.1 405 ")
        assert talk(d.port, b"GET /metrics", half=True) == b""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", d.port, timeout=mp.DEADLINE)) as c:
            c.request("HEAD", "/metrics")
            r = c.getresponse()
            assert r.status == 200 and int(r.headers["Content-Length"]) > 500 and r.read() == b""
        # Those who never ask are cut off in the end, and hold up nobody who does. All is said while the
        # daemon stands still: how fast this test runs decides nothing.
        os.kill(d.pid, signal.SIGSTOP)
        mp.wait_until(lambda: mp.proc_state(d.pid) == "T", what="the daemon to stand still")
        peers = [socket.create_connection(("127.0.0.1", d.port), timeout=mp.DEADLINE) for _ in range(60)]
        for s in peers[20:]:
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        peers[0].sendall(b"GET /metrics HTTP/1.1\r\n")
        os.kill(d.pid, signal.SIGCONT)
        for i, s in enumerate(peers):
            out = b""
            while more := s.recv(65536):
                out += more
            s.close()
            assert out.startswith(b"HTTP/1.1 200 OK\r\n") == (i >= 20) and bool(out) == (i >= 20)
        assert d.page()['memprof_target_up{group="web"}'] == 0
        d.stop()


def test_reload_keeps_counters(tmp_path):
    with Served(tmp_path, group("a", "mp-reload") + group("b", "mp-none")) as d, \
            workload(tmp_path, "mp-reload", "dontneed", 256) as w:
        w.step("touched")

        def faults(name):
            return sum(v for k, v in d.page().items() if k.startswith(f'memprof_page_faults_total{{group="{name}"'))

        mp.wait_until(lambda: faults("a") >= 256, what="its faults")
        before = faults("a")
        d.reload(group("c", "mp-none") + group("a", "mp-reload"))
        mp.wait_until(lambda: 'memprof_processes{group="c"}' in d.page(), what="the new groups")
        page = d.page()
        assert 'memprof_processes{group="b"}' not in page and page['memprof_processes{group="a"}'] == 1
        assert before <= faults("a") < before + 200 and faults("c") == 0
        d.stop()


def test_unix_socket(tmp_path):
    path = tmp_path / "m.sock"
    with Daemon(tmp_path, group("web", "mp-unix"), f"metrics = unix:{path}") as d:
        out = daemon.http(path)
        assert out.startswith(b"HTTP/1.1 200 OK\r\n") and re.search(rb'\nmemprof_target_up\{group="web"\} 0\n', out)
        d.stop()
    assert not path.exists()


def test_taken_port(tmp_path):
    """An address that somebody has is told, and nothing is left behind."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        conf = tmp_path / "c.conf"
        conf.write_text(f"[daemon]\nsocket = {tmp_path}/s\nstate = {tmp_path}/state\nmetrics = 127.0.0.1:{port}\n")
        p = mp.memprof("daemon", "--config", conf, check=1)
        assert f"cannot serve metrics at 127.0.0.1:{port}" in p.stderr and "Address already in use" in p.stderr
