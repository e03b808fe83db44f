# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/fleet.md does what it says; the alerts, the dashboard and the table name what there is."""
import base64
import contextlib
import gzip
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import threading

import mp
import pytest
import servers
from test_export_jsonl import session

DOC = (mp.ROOT / "docs/fleet.md").read_text()
SHARE = mp.ROOT / "share"
RULES = (SHARE / "prometheus/memprof.rules.yml").read_text()
DASHBOARD = json.loads((SHARE / "grafana/memprof.json").read_text())
BLOCK = re.compile(r"^```(\w+) (tested|read)\n(.*?)^```$", re.M | re.S)
# Where a metric's label values come from; the rest of a name says what it is.
SUFFIX = r"(?:_bucket|_sum|_count|_total|_info)?"


def blocks(lang, how="tested"):
    return [body for got, kind, body in BLOCK.findall(DOC) if (got, kind) == (lang, how)]


def block(lang, words):
    (body,) = [b for b in blocks(lang) if words in b]
    return body


def run(script, cwd, **env):
    path = f"{mp.BUILD.resolve()}:{os.environ['PATH']}"
    p = subprocess.run(["sh", "-euc", script], cwd=cwd, capture_output=True, text=True, check=False,
                       timeout=2 * mp.DEADLINE, env=dict(os.environ, PATH=path, **env))
    assert p.returncode == 0, f"{script}\n{p.stdout}{p.stderr}"
    return p.stdout


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    """A folder with an incident in it."""
    d = tmp_path_factory.mktemp("fleet")
    (d / "incident").mkdir()
    session(d / "incident/recording.mprof", 1000)
    return d


# --- commands -----------------------------------------------------------------


def test_every_block_says_whether_it_is_tested():
    assert DOC.count("\n```") == 2 * len(BLOCK.findall(DOC))
    assert len(blocks("sh")) == 7 and len(blocks("ini")) == 2


@contextlib.contextmanager
def daemon(conf, port):
    """With its metrics at another port, and no probes: any user may."""
    text = conf.read_text().replace("9464", str(port)).replace(
        "[daemon]\n", f"[daemon]\nsocket = none\nstate = {conf.parent}/state\nhooks = none\n")
    conf.write_text(text)
    with servers.running([mp.MEMPROF, "daemon", "--config", str(conf)]) as p:
        lines = mp.Lines(p.stdout.fileno())
        while (line := lines.next()) != "memprof: ready":
            assert line is not None, lines.seen
        yield


def test_metrics(tmp_path):
    for ini in blocks("ini"):
        (tmp_path / "memprof.conf").write_text(ini)
        mp.memprof("daemon", "--check", "--config", tmp_path / "memprof.conf", check=0)
    mp.need_command("promtool")
    mp.need_command("curl")
    port = servers.free_port()
    (tmp_path / "memprof.conf").write_text(block("ini", "metrics ="))
    with daemon(tmp_path / "memprof.conf", port):
        assert run(block("sh", "check metrics").replace("9464", str(port)), tmp_path) == ""


def test_rules():
    mp.need_command("promtool")
    out = run(block("sh", "promtool check rules"), mp.ROOT)
    assert "FAILED" not in out and "8 rules found" in out


def test_incidents_are_copied_once_they_are_whole(tmp_path, where):
    mp.need_command("rclone")
    here = tmp_path / "incidents"
    shutil.copytree(where / "incident", here / "20260101T000000Z-web-1")
    shutil.copytree(where / "incident", here / ".20260101T000001Z-web-2")
    script = block("sh", "rclone copy").replace("/var/lib/memprof/incidents", str(here))
    # a store in a folder: of rclone's kinds of stores the one that needs no network
    env = {"RCLONE_CONFIG": str(tmp_path / "none"), "RCLONE_CONFIG_STORE_TYPE": "alias",
           "RCLONE_CONFIG_STORE_REMOTE": str(tmp_path / "store")}
    run(script, tmp_path, **env)
    run(script, tmp_path, **env)
    got = sorted(str(f.relative_to(tmp_path / "store")) for f in (tmp_path / "store").rglob("*") if f.is_file())
    assert got == [f"memory-incidents/{socket.gethostname()}/20260101T000000Z-web-1/recording.mprof"]


def test_recordings(where):
    out = run(block("sh", "--redact"), where)
    assert "RSS" in out
    mp.need_command("go")
    assert "Type: rss" in run(block("sh", "pprof -top"), where)
    mp.need_command("promtool")
    run(block("sh", "create-blocks-from"), where)
    assert list((where / "data").glob("*/meta.json"))


def test_push_is_what_pyroscope_reads(tmp_path, where):
    """Its documentation has these fields; what is sent in them is the file, byte by byte."""
    mp.need_command("curl")
    got = []

    class Push(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.headers["Content-Type"],
                        json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    mp.memprof("export", where / "incident/recording.mprof", "--format", "pprof",
               "-o", tmp_path / "memory.pb.gz", check=0)
    with http.server.HTTPServer(("127.0.0.1", 0), Push) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()
        try:
            run(block("sh", "PusherService").replace("localhost:4040", f"127.0.0.1:{s.server_port}"), tmp_path)
        finally:
            s.shutdown()
    ((path, kind, body),) = got
    assert (path, kind) == ("/push.v1.PusherService/Push", "application/json")
    (series,) = body["series"]
    assert {lab["name"] for lab in series["labels"]} == {"__name__", "service_name"}
    (sample,) = series["samples"]
    raw = base64.b64decode(sample["rawProfile"])
    assert re.fullmatch(r"[0-9a-f-]{36}", sample["ID"]) and raw == (tmp_path / "memory.pb.gz").read_bytes()
    gzip.decompress(raw)


# --- names --------------------------------------------------------------------


def metrics():
    """{name of a series without labels: the labels it may have}, as the sources have it."""
    out = {}
    row = re.compile(r'(?:\{ |M\()"(memprof_\w+)",\s*(?:MP_METRIC_)?(\w+),(.*?)\}(?=,?\s*(?:\{|\};|/\*))', re.S)
    for path, by in ("user/export/metrics.c", {"group"}), ("user/daemon/metrics.c", set()):
        text = (mp.ROOT / path).read_text()
        for name, kind, rest in row.findall(text):
            strings = re.findall(r'"([^"]*)"', rest)
            last = strings[-1]
            label = {last} if re.fullmatch(r"[a-z]+", last) and last not in ("bytes", "seconds", "ratio") else set()
            own = by if "SESSION" not in rest else set()
            if re.search(r"\btrue, get_", rest):
                own = {"group"}
            end = {"COUNTER": ["_total"], "INFO": ["_info"], "HISTOGRAM": ["_bucket", "_sum", "_count"]}
            for s in end.get(kind, [""]):
                label = {"version"} if kind == "INFO" else {"le"} if s == "_bucket" else label
                out.setdefault(name + s, set()).update(label | own)
    return out


METRICS = metrics()
FROM_PROMETHEUS = {"job", "instance"}


def used(expr):
    """[(metric, labels that its selector names)] of PromQL."""
    return [(m[1], set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", m[2] or "")))
            for m in re.finditer(r"\b(memprof_\w+)(?:\{([^}]*)\})?", expr)]


def check_expr(expr):
    found = used(expr)
    assert found or "up{" in expr, expr
    names = set()
    for name, labels in found:
        assert name in METRICS, f"{name}: {expr}"
        assert labels <= METRICS[name] | FROM_PROMETHEUS, f"{expr}: {labels}"
        names |= METRICS[name]
    for m in re.finditer(r"\b(?:by|without|on)\s*\(([^)]*)\)", expr):
        assert {w.strip() for w in m[1].split(",")} <= names | FROM_PROMETHEUS, expr


def test_the_sources_were_read():
    assert len(METRICS) > 35
    assert METRICS["memprof_resident_bytes"] == {"group", "kind"}
    assert METRICS["memprof_events_lost_total"] == {"cause"}
    assert METRICS["memprof_gc_pause_seconds_bucket"] == {"group", "le"}
    assert METRICS["memprof_incidents_total"] == {"group", "outcome"}
    assert METRICS["memprof_viewers"] == set()


def test_table_of_the_document():
    """Every metric, with its type's suffix and its labels."""
    rows = {}
    for name, labels in re.findall(r"^\| `(memprof_\w+)` \| \w+ \| (.*?)\s*\| ", DOC, re.M):
        rows[name] = set(re.findall(r"(?:^|, )([a-z]+)(?= =|,|$)", re.sub(r" = [^|]*$", "", labels)))
    want = {re.sub(r"_(bucket|sum|count)$", "", n) for n in METRICS}
    assert set(rows) == want
    for name, labels in rows.items():
        real = METRICS.get(name, METRICS.get(name + "_bucket"))
        assert labels == real, name


def alerts():
    out = []
    for part in RULES.split("- alert: ")[1:]:
        name = part.split("\n", 1)[0].strip()
        expr = re.search(r"expr: (?:>-\n)?(.*?)\n +(?:for|labels):", part, re.S)[1]
        out.append((name, " ".join(expr.split()), part))
    return out


def anchors(path):
    """As GitHub makes them of headings."""
    heads = re.findall(r"^#+ (.*)$", (mp.ROOT / path).read_text(), re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}


def test_alerts():
    """They ask for what there is and lead to where it is explained; each is tested and in the document."""
    tests = (SHARE / "prometheus/memprof.rules.test.yml").read_text()
    classes = set(re.findall(r"^([a-z-]+):", mp.memprof("diagnose", "--list", check=0).stdout, re.M))
    for name, expr, text in alerts():
        check_expr(expr)
        assert f"alertname: {name}\n        exp_alerts:" in tests and f"| `{name}` |" in DOC
        path, anchor = re.search(r"runbook: (\S+)#(\S+)", text).groups()
        assert anchor in anchors(path), f"{path}#{anchor}"
        for cls in (re.search(r"classes: (.*)", text) or ["", ""])[1].split(", "):
            assert not cls or cls in classes, cls
    assert len(alerts()) == 8


def test_dashboard():
    panels = DASHBOARD["panels"]
    ids = [p["id"] for p in panels]
    assert len(ids) == len(set(ids)) > 20
    variables = {v["name"]: v for v in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    for v in variables.values():
        if v["type"] == "query":
            check_expr(v["query"]["query"])
    grid = set()
    for p in panels:
        g = p["gridPos"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert not cells & grid and g["x"] + g["w"] <= 24, p["title"]
        grid |= cells
        if p["type"] == "row":
            continue
        assert p["targets"] and p["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, p["title"]
        for t in p["targets"]:
            check_expr(t["expr"])
            assert set(re.findall(r"\$(\w+)", t["expr"])) <= set(variables) | {"__rate_interval", "__range"}
            legend = set(re.findall(r"\{\{(\w+)\}\}", t["legendFormat"]))
            assert legend <= set().union(*(METRICS[n] for n, _ in used(t["expr"]))) | FROM_PROMETHEUS, t
    # what is measured is shown somewhere
    shown = {n for p in panels for t in p.get("targets", []) for n, _ in used(t["expr"])}
    assert {n for n in METRICS if "_bytes" in n or n.endswith("_total")} - shown <= {
        "memprof_targets_refused_total", "memprof_triggers_fired_total", "memprof_viewer_connections_total",
        "memprof_viewer_dropped_blocks_total", "memprof_viewer_sent_bytes_total"}
