# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Heap snapshots of libmpgc in the hands of real readers.

gc/examples/snapshot.c writes two files and says what is in them. memlab loads them
in node; DevTools' own code loads them in headless Chromium, in the workers it uses
for that. Both come from npm, in the versions of tests/node/package-lock.json, put
into a cache by tools/npm.sh (make deps).
"""
import http.server
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import mp
import pytest

NODE = mp.ROOT / "tests/node"
PAIR = re.compile(r"internal \d+ / part of key \(session @\d+\) -> value \(note @\d+\) "
                  r"pair in WeakMap \(table @\d+\)")
BASE_SYSTEM_DISTANCE = 100_000_000  # DevTools: not reached from what the program owns
# "(GC roots)", a node for each kind of root, "(External)", "(Regions)", and the root itself
SYNTHETIC = {"", "(GC roots)", "(Stack frames)", "(Handles)", "(Global handles)", "(Providers)",
             "(Finalizer queue)", "(Pins)", "(Weak references)", "(Weak maps)", "(External)", "(Regions)"}


@pytest.fixture(scope="module")
def packages():
    """The folder with the installed packages."""
    return str(mp.npm_packages())


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The folder with two snapshots, and what the program says of them."""
    d = tmp_path_factory.mktemp("snapshots")
    p = subprocess.run([mp.BUILD / "examples/snapshot", "-c", d], capture_output=True, text=True,
                       timeout=mp.DEADLINE, check=False)
    assert p.returncode == 0, p.stderr
    said = {}
    for line in p.stdout.splitlines():
        name, value = line.split()
        said[name] = int(value)
    return d, said


def node(packages, script, *args):
    p = subprocess.run(["node", NODE / script, *map(str, args)], capture_output=True, text=True,
                       timeout=600, check=False, env=dict(os.environ, NODE_PATH=packages))
    assert p.returncode == 0, p.stdout[-2000:] + p.stderr[-2000:]
    return p.stdout


# --- the files by themselves --------------------------------------------------------


def test_plain_json(app):
    """A strict parser takes the whole file; what it promises is there."""
    d, said = app
    for which in ("before", "after"):
        path = d / f"{which}.heapsnapshot"
        assert path.stat().st_mode & 0o777 == 0o600
        s = json.loads(path.read_text(encoding="ascii"))
        assert list(s) == ["snapshot", "nodes", "edges", "strings"]
        meta = s["snapshot"]["meta"]
        f = len(meta["node_fields"])
        assert len(meta["node_types"]) == f and len(meta["edge_types"]) == len(meta["edge_fields"]) == 3
        assert len(s["nodes"]) == f * s["snapshot"]["node_count"]
        assert len(s["edges"]) == 3 * s["snapshot"]["edge_count"]
        objects = [i for i in range(0, len(s["nodes"]), f) if s["nodes"][i + 2] % 2 and i]
        assert sum(s["nodes"][i + 3] for i in objects) == said[f"{which}.heap_used"]
        names = {s["strings"][s["nodes"][i + 1]] for i in objects}
        assert 'production "café" 1' in names and "user 17" in names


# --- memlab -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def memlab(packages, app):
    d, _ = app
    out = node(packages, "memlab.js", d / "before.heapsnapshot", d / "after.heapsnapshot")
    return json.loads(out.splitlines()[-1])


def test_memlab_graph(memlab, app):
    _, said = app
    for which in ("before", "after"):
        c = memlab[which]["classes"]
        # memlab gives every object a path; the roots' own node needs none
        assert memlab[which]["unreached"] == ["(GC roots)"]
        assert {k[10:] for k in c if k.startswith("synthetic ")} == SYNTHETIC
        assert memlab[which]["nodes"] == sum(v["count"] for v in c.values())
        assert memlab[which]["edges"] == sum(sum(v["fields"].values()) for v in c.values())
        for name, n in [("session", said["sessions"]), ("user", said["sessions"]),
                        ("entry", said["entries"]), ("server", 1), ("pool", 1), ("cache", 1),
                        ("note", said["notes"])]:
            assert c[f"object {name}"]["count"] == n
        assert c.get("object request", {"count": 0})["count"] == said[f"{which}.requests"]
        assert c["array refs"]["count"] == 2
        # a text for each user, two for each entry, one for each request; a buffer each session
        assert c["string "]["count"] == 1 + 2 * said["sessions"] + 2 * said["entries"] + \
            said[f"{which}.requests"]
        assert c["native WeakMap"]["count"] == 1
        assert c["native images"]["count"] == said["notes"]
        # the collector frees the map with its owner
        assert c["object server"]["fields"].pop("internal weak map") == 1
        assert c["object server"]["fields"] == {f"property {f}": 1 for f in
                                                ("config", "sessions", "cache", "audit", "pool",
                                                 "recent")}
        fields = c["object session"]["fields"]
        pairs = [f for f in fields if PAIR.fullmatch(f)]
        assert len(pairs) == sum(fields[f] for f in pairs) == said["notes"]
        assert {f: n for f, n in c["native WeakMap"]["fields"].items() if f != "weak key"} == \
            {f: 1 for f in pairs}
        assert c["native WeakMap"]["fields"]["weak key"] == said["notes"]
        assert fields["internal images"] == said["notes"]
        assert c["synthetic (Weak references)"]["fields"] == {"weak weak reference": 1}
        assert {f: n for f, n in fields.items() if f.startswith("property")} == {
            "property user": said["sessions"], "property config": said["sessions"],
            "property buffer": said["sessions"], "property next": said["sessions"] - 1}
        # a trace function, two names, the slots behind without
        assert c["object pool"]["fields"] == {"property leader": 1, "property first": 1,
                                              "property field 3": 1, "property field 4": 1}


def test_memlab_sizes(memlab, app):
    _, said = app
    for which in ("before", "after"):
        c = memlab[which]["classes"]
        assert sum(v["self"] for k, v in c.items() if not k.startswith("native ")) == \
            said[f"{which}.heap_used"]
        assert c["native images"]["self"] == said["images"]
        assert c["native arrayBuffers"]["self"] == said["buffers"]
        assert c["native code cache"]["self"] == said["code"]
        # everything hangs on the server; the cache and the log retain what the program counted
        assert c["object server"]["retained"] == said[f"{which}.heap_used"] + said["images"] + \
            c["native WeakMap"]["self"]
        assert c["native images"]["dominators"] == {"session": said["notes"]}
        assert c["object cache"]["retained"] == said[f"{which}.cache"]
        assert c["object audit"]["retained"] == said[f"{which}.audit"]
        assert c["object cache"]["dominators"] == {"server": 1}
        assert c["object user"]["dominators"] == {"session": said["sessions"]}
        assert c["object config"]["dominators"] == {"server": 1}


def test_memlab_comparison(memlab, app):
    """Between the two, exactly the leak is new, and nothing has gone."""
    _, said = app
    n = said["after.requests"]
    assert n > 0
    assert {k: len(v) for k, v in memlab["added"].items()} == {"object request": n, "string ": n}
    assert set(memlab["added"]["string "]) == {f"/page {i}" for i in range(n)}
    assert memlab["removed"] == {}


# --- DevTools in Chromium -------------------------------------------------------------------


class Server:
    """Serves a folder on the loopback and takes one result from the page."""

    def __init__(self, folder):
        self.results = queue.Queue()
        results = self.results

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()
                results.put(json.loads(body))

            def log_message(self, *args):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.httpd.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}/"

    def close(self):
        self.httpd.shutdown()
        self.thread.join()
        self.httpd.server_close()


def browse(url, results, profile):
    """What the page at url sends, and what Chromium wrote to its log."""
    args = [mp.need_command("chromium"), "--headless", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
            "--enable-logging=stderr", f"--user-data-dir={profile}", url]
    with open(os.path.join(profile, "log"), "w+", encoding="utf-8", errors="replace") as log:
        p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)
        try:
            result = None
            mp.wait_until(lambda: p.poll() is not None or not results.empty(), 600, "result of the page")
            if not results.empty():
                result = results.get()
        finally:
            # its own session: the launcher and all processes of the browser
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        log.seek(0)
        return result, log.read()


@pytest.fixture(scope="module")
def devtools(packages, app):
    d, _ = app
    node(packages, "bundle.js", d)
    (d / "index.html").write_text('<!doctype html><meta charset="utf-8">'
                                  '<script type="module" src="page.js"></script>')
    profile = tempfile.mkdtemp(prefix="memprof-chromium.")
    server = Server(d)
    try:
        result, log = browse(server.url, server.results, profile)
    finally:
        server.close()
        shutil.rmtree(profile, ignore_errors=True)
    assert result, log[-4000:]
    assert "error" not in result, result["error"]
    # what the analysis says of a graph it finds broken goes to the console
    assert "unreachable" not in log and "only weak retainers" not in log, log[-4000:]
    return result


def test_devtools_runs_in_chromium(devtools):
    assert "Chrome/" in devtools["agent"]
    assert devtools["problems"] == []


def test_devtools_classes(devtools, app):
    _, said = app
    for which in ("before", "after"):
        s = devtools[which]
        c = s["classes"]
        counts = {k: v["count"] for k, v in c.items()}
        # of the two arrays, the one with a single owner counts as a part of that
        want = {"server": 1, "config": 1, "cache": 1, "audit": 1, "pool": 1, "(array)": 1,
                "session": said["sessions"], "user": said["sessions"], "entry": said["entries"],
                "arrayBuffers": 1, "code cache": 1,
                "note": said["notes"], "images": said["notes"], "WeakMap": 1,
                "(string)": 1 + 2 * said["sessions"] + 2 * said["entries"] + said[f"{which}.requests"]}
        if said[f"{which}.requests"]:
            want["request"] = said[f"{which}.requests"]
        assert counts == want
        assert s["nodes"] == sum(want.values()) + 1 + len(SYNTHETIC)


def test_devtools_sizes(devtools, app):
    _, said = app
    for which in ("before", "after"):
        s = devtools[which]
        c = s["classes"]
        own = said["images"] + c["WeakMap"]["self"]
        outside = said["buffers"] + said["code"] + own
        assert s["total"] == said[f"{which}.heap_used"] + outside
        assert s["statistics"]["native"]["total"] == outside
        assert s["statistics"]["v8heap"]["total"] == said[f"{which}.heap_used"]
        assert s["statistics"]["v8heap"]["system"] == 0
        assert sum(v["self"] for v in c.values()) == s["total"]
        assert c["server"]["retained"] == [said[f"{which}.heap_used"] + own]
        assert c["cache"]["retained"] == [said[f"{which}.cache"]]
        assert c["audit"]["retained"] == [said[f"{which}.audit"]]


def test_devtools_edges(devtools):
    c = devtools["after"]["classes"]
    assert [(e["type"], e["name"]) for e in c["server"]["edges"][0]] == \
        [("property", n) for n in ("config", "sessions", "cache", "audit", "pool", "recent")] + \
        [("internal", "weak map")]
    assert [(e["type"], e["name"], e["to"]) for e in c["cache"]["edges"][0]] == \
        [("property", "buckets", "refs"), ("property", "recent", "refs")]
    assert [(e["name"], e["to"]) for e in c["pool"]["edges"][0]] == \
        [(n, "session") for n in ("leader", "first", "field 3", "field 4")]
    # the elements of an array by index
    assert [(e["type"], int(e["name"])) for e in c["(array)"]["edges"][0]] == \
        [("element", i) for i in range(8)]
    assert {(r["name"], r["from"]) for r in c["cache"]["retainers"][0]} == {("cache", "server")}
    assert {(r["name"], r["from"]) for r in c["(array)"]["retainers"][0]} == \
        {("recent", "server"), ("recent", "cache")}
    assert {r["from"] for r in c["server"]["retainers"][0]} == {"(Global handles)"}


def test_devtools_weak_map(devtools):
    """A value is kept by its key: the map alone retains none of its values."""
    c = devtools["after"]["classes"]
    assert c["WeakMap"]["retained"] == [c["WeakMap"]["self"]]
    names = [e["name"] for e in c["WeakMap"]["edges"][0] if e["type"] == "internal"]
    assert len(names) == len(set(names)) == c["note"]["count"]
    # it parsed the names: the way to a value is the way to its key, and one more
    assert sorted(c["note"]["distances"]) == [d + 1 for d in sorted(c["session"]["distances"])[:20]]


def test_devtools_distances(devtools, app):
    """Everything is the program's own: reached from what the root has shortcuts to."""
    _, said = app
    for which in ("before", "after"):
        c = devtools[which]["classes"]
        for name, cls in c.items():
            assert len(cls["distances"]) == cls["count"]
            assert all(0 < d < BASE_SYSTEM_DISTANCE for d in cls["distances"]), name
        assert c["server"]["distances"] == [1]
        assert c["cache"]["distances"] == [2]
        assert c["(array)"]["distances"] == [2]
        # a list: each session one further than the last, but for the second, which the pool has too
        assert sorted(c["session"]["distances"]) == [2, 3] + list(range(4, said["sessions"] + 2))


def test_devtools_comparison(devtools, app):
    """The view that people look for leaks in."""
    _, said = app
    n = said["after.requests"]
    diff = devtools["diff"]
    assert {k: (v["added"], v["removed"]) for k, v in diff.items()} == \
        {"request": (n, 0), "(string)": (n, 0)}
    assert sorted(diff["(string)"]["names"]) == sorted(f"/page {i}" for i in range(n))
    assert diff["request"]["addedSize"] + diff["(string)"]["addedSize"] == \
        said["after.audit"] - said["before.audit"]
