# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs that are well: servers under load, a compiler, heaps whose use goes up and down. The
diagnosis must leave whoever is on call asleep: nothing above information."""
import json
import os
import subprocess

import mp
import pytest
from diagnose.scenario import Scenario, diagnose, keep
from servers import free_port, nobody_database, running

MB = 1 << 20
W = mp.ROOT / "tests" / "workloads"


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def check_quiet(name, path, pid=None):
    d = diagnose(path)
    keep(Scenario("healthy-" + name, []), d["findings"])
    assert d["rss"] > 0
    assert not [f for f in d["findings"] if f["level"] != "info"], json.dumps(d, indent=1)
    return d


def until(lines, text):
    while text not in (lines.next() or pytest.fail(f"it ended before it said {text!r}: {lines.seen}")):
        pass


def test_redis(tmp_path):
    """A store that fills, and is then written over and read."""
    mp.need_command("redis-server")
    bench = mp.need_command("redis-benchmark")
    port = str(free_port())
    argv = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path),
            "--maxmemory", "150mb", "--maxmemory-policy", "allkeys-random"]
    with running(argv) as p:
        until(mp.Lines(p.stdout.fileno()), "Ready to accept connections")
        with mp.Recording(p.pid, tmp_path / "r") as r:
            for n in ("120000", "120000", "120000"):
                subprocess.run([bench, "-p", port, "-q", "-n", n, "-r", "200000", "-d", "1024", "-P", "16",
                                "-t", "set,get"], check=True, timeout=mp.DEADLINE, capture_output=True)
            r.stop()
    d = check_quiet("redis", tmp_path / "r")
    assert d["rss"] >= 100 * MB


def test_postgres(tmp_path, open_folder):
    """A server whose backends touch the buffers that all share."""
    mp.need_command("setpriv")
    run = nobody_database(open_folder)
    server = run("postgres", "-D", f"{open_folder}/db", "-k", open_folder, "-c", "listen_addresses=",
                 "-c", "shared_buffers=128MB", "-c", "fsync=off")
    at = ["-h", open_folder, "-U", run("x")[2], "postgres"]
    with running(server, cwd=open_folder) as p:
        until(mp.Lines(p.stdout.fileno()), "ready to accept connections")
        subprocess.run(run("pgbench", "-i", "-q", "-s", "6", *at), check=True, timeout=mp.DEADLINE,
                       capture_output=True, cwd=open_folder)
        with mp.Recording(p.pid, tmp_path / "r", "--follow-forks") as r:
            subprocess.run(run("pgbench", "-n", "-c", "4", "-t", "400", *at), check=True, timeout=mp.DEADLINE,
                           capture_output=True, cwd=open_folder)
            r.stop()
    check_quiet("postgres", tmp_path / "r")


NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 512; }}
http {{
  access_log {folder}/access; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


def test_nginx(tmp_path, open_folder):
    mp.need_command("nginx")
    ab = mp.need_command("ab")
    port = free_port()
    os.mkdir(f"{open_folder}/www")
    with open(f"{open_folder}/www/page", "w") as f:
        f.write("x" * 100000)
    with open(f"{open_folder}/conf", "w") as f:
        f.write(NGINX.format(folder=open_folder, port=port))
    with running(["nginx", "-p", open_folder, "-c", f"{open_folder}/conf"]) as p:
        mp.wait_until(lambda: subprocess.run([ab, "-n", "1", f"http://127.0.0.1:{port}/page"],
                                             capture_output=True, timeout=mp.DEADLINE).returncode == 0,
                      what="an answer of nginx")
        with mp.Recording(p.pid, tmp_path / "r", "--follow-forks") as r:
            subprocess.run([ab, "-k", "-n", "20000", "-c", "20", f"http://127.0.0.1:{port}/page"], check=True,
                           timeout=mp.DEADLINE, capture_output=True)
            r.stop()
    check_quiet("nginx", tmp_path / "r")


def test_compiler(tmp_path):
    """A compiler takes what it needs and ends; with its children."""
    source = tmp_path / "large.c"
    source.write_text("".join(f"int f{i}(int a) {{ int s = 0; for (int k = 0; k < a; k++) s += k * {i} ^ s >> 3;"
                              f" return s; }}\n" for i in range(4000)))
    mp.memprof("record", "--follow-forks", "-o", tmp_path / "r", "--", "gcc", "-O2", "-c", source, "-o",
               tmp_path / "large.o", check=0, timeout=4 * mp.DEADLINE)
    check_quiet("compiler", tmp_path / "r")


def launched(name, tmp_path, *argv, options=(), env=None):
    mp.memprof("record", *options, "-o", tmp_path / "r", "--", *argv, check=0, timeout=4 * mp.DEADLINE, env=env)
    return check_quiet(name, tmp_path / "r")


def test_node_garbage(tmp_path):
    """Many short-lived objects: a heap that goes up and down."""
    mp.need_command("node")
    launched("node-garbage", tmp_path, "node", W / "node" / "churn.js")


@pytest.mark.parametrize("example,args", [("binary-trees", ["17"]), ("gcbench", []), ("splay", [])])
def test_gc_examples(tmp_path, example, args):
    launched(f"gc-{example}", tmp_path, mp.BUILD / "examples" / example, *args)


def test_python(tmp_path):
    """A program that reads, sorts, and lets go of it, over and over."""
    text = ("import random\nr = random.Random(1)\nfor i in range(8):\n"
            "    v = [str(r.random()) for k in range(300000)]\n    v.sort()\n    d = dict.fromkeys(v, i)\n")
    launched("python", tmp_path, "/usr/bin/python3", "-c", text)


def test_sort(tmp_path):
    """A tool with threads, files and pipes."""
    launched("sort", tmp_path, "sh", "-c", "seq 1500000 | sort -R --parallel=2 -S 150M | tail -n 1",
             options=["--follow-forks"])


def test_node_server(tmp_path):
    """Requests over kept connections, and a bounded cache."""
    mp.need_command("node")
    launched("node-server", tmp_path, "node", W / "node" / "serve.js", "4000")


def test_java_cache(tmp_path):
    """A cache that is full from the first second on, and much garbage."""
    mp.need_command("java")
    subprocess.run([mp.need_command("javac"), "-nowarn", "--release", "8", "-d", tmp_path, W / "java" / "Lru.java"],
                   check=True, timeout=4 * mp.DEADLINE, capture_output=True)
    launched("java-cache", tmp_path, "java", "-Xmx160m", "-cp", tmp_path, "Lru", "1500000")


def test_attached_to_when_warm(tmp_path):
    """What a process had when somebody attached has not come since, and is no burst or leak; a file
    that another wrote is nothing that this one has to write."""
    with mp.Workload(None, argv=["/usr/bin/python3", str(W / "python" / "warm.py"), str(tmp_path / "file")]) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            w.step("done")
            r.stop()
    d = check_quiet("attached", tmp_path / "r")
    assert d["rss"] >= 200 * MB
    assert {f["class"] for f in d["findings"]} <= {"file-mmap", "gc-frequent"}, d
