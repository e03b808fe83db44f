# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`memprof export --format html` in headless Chromium, from file://, with no network.

tests/node/html.js drives the browser (puppeteer-core of tests/node/package-lock.json)
and refuses every request but the page itself; a test is a list of steps for it.
"""
import json
import os
import re
import shutil
import subprocess

import mp
import pytest

NODE = mp.ROOT / "tests/node"
VENDOR = mp.ROOT / "user/export/html/vendor"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def packages():
    """The folder with the installed packages."""
    return mp.npm_packages()


def watch(path, steps, name, *args, argv=None):
    """A workload from its first quiet point through `steps` to its end: all mappings are known."""
    mp.need_bpf()
    with mp.Workload(name, *args, argv=argv) as w, mp.Recording(w.pid, path) as r:
        for s in steps.split():
            w.step(s)
        w.finish()
        r.wait()
    return path


def export(rec, *args, code=0):
    """The page of a recording, beside it."""
    out = rec.with_suffix(".html")
    out.unlink(missing_ok=True)
    mp.memprof("export", rec, "--format", "html", "-o", out, *args, check=code)
    return out


def browse(packages, page, steps, shots):
    """The results of the steps; the page has asked for nothing and complained of nothing."""
    said = run(packages, page, steps, shots)
    assert said["requests"] == [] and said["console"] == [], said
    return said["results"]


def run(packages, page, steps, shots):
    p = subprocess.run(["node", NODE / "html.js", mp.need_command("chromium"), page, shots],
                       input=json.dumps(steps), capture_output=True, text=True, timeout=600, check=False,
                       env=dict(os.environ, NODE_PATH=str(packages)))
    assert p.returncode == 0, p.stdout[-2000:] + p.stderr[-2000:]
    return json.loads(p.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def heap(tmp_path_factory):
    """A program with a collector, and its page."""
    mp.need_bpf()
    rec = tmp_path_factory.mktemp("html") / "gc.mprof"
    argv = [mp.MEMPROF, "record", "-q", "-o", rec, "--", mp.BUILD / "workloads/gc-release", "dontneed", "2"]
    with mp.Workload("", argv=[str(a) for a in argv]) as w:
        w.step("heap")
        w.step("done")
        assert w.finish() == 0
    return rec, export(rec)


def shown_bytes(v):
    """As mp_bytes() and the page show them."""
    if v == 0:
        return "0"
    for unit in "BKMGT":
        if v < 999.5:
            break
        v /= 1024
    return f"{v:.{0 if unit == 'B' or v >= 99.95 else 1 if v >= 9.995 else 2}f}\u00a0{unit}"


# --- what is in the page ---------------------------------------------------------------------


def test_data_is_the_reports(packages, heap, tmp_path):
    rec, page = heap
    rep = mp.report(rec)
    d, shown, took = browse(packages, page, [
        ["eval", "memprof.data"],
        ["eval", "[...document.querySelectorAll('#figures div')].map(d => d.innerText.split('\\n'))"],
        ["eval", "memprof.took"]], tmp_path)
    rss = {k: v for k, _, v, _ in d["rss"]}
    assert {k: rss[k] for k in ("start", "max", "end")} == {k: rep["rss"][k] for k in ("start", "max", "end")}
    cols = d["collections"]["cols"]
    got = [dict(zip(cols, r)) for r in d["collections"]["rows"]]
    assert d["collections"]["total"] == len(got) == len(rep["gc"]["collections"]) > 0
    for a, b in zip(got, rep["gc"]["collections"]):
        assert {k: a[k] for k in b} == b
    maps = [dict(zip(d["mappings"]["cols"], r)) for r in d["mappings"]["rows"]]
    assert sum(m["resident"] for m in maps) == sum(m["resident"] for m in rep["mappings"])
    assert len(maps) == len(rep["mappings"])
    account = {}
    for k, _, v, _ in d["account"]:  # a part nobody knows is null: of a heap that is gone nothing is committed
        account[k] = None if v is None else account.get(k, 0) + v
    assert account == rep["account"]
    tiles = {t[0]: t[1] for t in shown}
    assert tiles["RSS at the end"] == shown_bytes(rep["rss"]["end"])
    assert tiles["Collections"] == str(rep["gc"]["minor"] + rep["gc"]["major"])
    assert took < 2000


def test_timeline_adds_up(packages, heap, tmp_path):
    """The bands of every point are RSS, and its highest point is the report's."""
    rec, page = heap
    t, = browse(packages, page, [["eval", "memprof.timeline"]], tmp_path)
    bands = ["live", "free", "malloc", "stacks", "other", "file", "shmem", "lazyfree", "unknown"]
    told = [i for i in range(t["n"]) if t["rss"][i] is not None]
    assert told
    for i in told:
        assert sum(t[b][i] for b in bands) == t["rss"][i]
    assert max(t["rss_max"][i] for i in told) == mp.report(rec)["rss"]["max"]
    assert sum(t["faults"]) == mp.report(rec)["faults"]["total"]


def test_releases_are_linked_to_collections(packages, heap, tmp_path):
    """What the arrows carry is what the model credited to each collection."""
    _, page = heap
    d, = browse(packages, page, [["eval", "memprof.data"]], tmp_path)
    paid = {}
    events = {r[0]: dict(zip(d["events"]["cols"], r)) for r in d["events"]["rows"]}
    for rel, gc, n in d["links"]["rows"]:
        paid[gc] = paid.get(gc, 0) + n
        assert n <= events[rel]["gone"]
    returned = {r[0]: dict(zip(d["collections"]["cols"], r))["returned"] for r in d["collections"]["rows"]}
    assert {k: v for k, v in returned.items() if v} == paid
    assert sum(paid.values()) > 0


def test_charts_and_zoom(packages, heap, tmp_path):
    painted = """[...document.querySelectorAll('.chart canvas')].map(c => {
        const p = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
        return new Set(p).size; })"""
    scales = "memprof.charts.map(c => [c.u.scales.x.min, c.u.scales.x.max])"
    arrows = "document.querySelectorAll('#arrows path').length"
    r = browse(packages, heap[1], [
        ["eval", painted], ["eval", "memprof.range()"], ["eval", arrows],
        ["drag", "#c-mem .u-over", 0.25, 0.75], ["eval", "memprof.range()"], ["eval", scales], ["eval", "document.getElementById('range').textContent"],
        ["dblclick", "#c-flow .u-over"], ["eval", "memprof.range()"],
        ["eval", "document.getElementById('charts').focus()"], ["key", "+"], ["key", "ArrowRight"], ["eval", "memprof.range()"],
        ["key", "0"], ["eval", "memprof.range()"],
        ["key", "p"], ["eval", "memprof.selected().id"], ["key", "n"], ["eval", "memprof.selected().id"],
        ["eval", "document.getElementById('detail').innerText"], ["click", "#c-wall"], ["eval", "document.getElementById('range').textContent"],
    ], tmp_path)
    colors, full, n_arrows, _, dragged, each, text, _, reset, _, _, _, moved, _, back, _, prev, _, nxt, detail, _, utc = r
    assert len(colors) == 3 and min(colors) > 5, colors
    assert n_arrows > 0
    width = full[1] - full[0]
    assert dragged[0] == pytest.approx(full[0] + 0.25 * width, abs=width * 0.02)
    assert dragged[1] == pytest.approx(full[0] + 0.75 * width, abs=width * 0.02)
    assert each == [dragged] * 3
    assert "\u00a0s to " in text
    assert reset == back == full
    assert moved[1] - moved[0] == pytest.approx(width / 2)
    assert moved[0] == pytest.approx(full[0] + width * 0.35)
    assert nxt != prev and f"Collection {nxt + 1} at" in detail
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d+ to \d\d:\d\d:\d\d\.\d+ \(.*\) UTC", utc), utc


def test_cursor_shows_exact_values(packages, heap, tmp_path):
    """The legend has the values of the point under the cursor, in whichever chart it is."""
    r = browse(packages, heap[1], [
        ["eval", """(() => {
            const u = memprof.charts[2].u, i = Math.floor(memprof.timeline.n / 2), o = u.over.getBoundingClientRect();
            u.over.dispatchEvent(new MouseEvent('mouseenter', {}));
            u.over.dispatchEvent(new MouseEvent('mousemove', { clientX: o.left + u.valToPos(memprof.timeline.x[i], 'x'), clientY: o.top + 9,
                bubbles: true }));
            return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(
                [memprof.timeline.rss[i], document.querySelector('#legend button[title=RSS] b').textContent]))));
        })()"""]], tmp_path)
    v, text = r[0]
    assert text == shown_bytes(v)


def test_tables_sort_and_filter(packages, heap, tmp_path):
    freed = "[...document.querySelectorAll('#collections tbody tr')].map(r => r.cells[6].innerText)"
    kinds = "[...document.querySelectorAll('#mappings tbody tr')].map(r => r.cells[1].innerText)"
    head = "#collections th:nth-child(7) button"
    r = browse(packages, heap[1], [
        ["eval", freed], ["click", head], ["eval", freed], ["eval", "document.querySelector('#collections [aria-sort]').innerText"],
        ["eval", kinds], ["type", "#mappings input", "stack"], ["eval", kinds],
        ["type", "#mappings input", "no such thing"], ["eval", kinds],
        ["click", "#collections tbody tr:nth-child(2)"], ["eval", "document.querySelector('#collections tr.on') !== null"]], tmp_path)
    down, _, up, label, every, _, some, _, none, _, marked = r

    def size(s):
        m = re.fullmatch(r"([\d.]+)(?:\u00a0([BKMG]))?", s)
        return float(m[1]) * 1024 ** "BKMG".index(m[2] or "B")
    assert [size(s) for s in down] == sorted(map(size, down), reverse=True) and size(down[0]) > 0
    assert [size(s) for s in up] == sorted(map(size, up))
    assert label.startswith("Freed")
    assert some and set(some) == {"stack"} and len(some) < len(every)
    assert none == [] and marked


def test_flame_graph(packages, heap, tmp_path):
    boxes = """[...document.querySelectorAll('#flame div')].map(d => [d.title, d.offsetWidth, d.offsetTop, d.className])"""
    r = browse(packages, heap[1], [
        ["eval", boxes], ["eval", "document.getElementById('flame').clientWidth"],
        ["eval", """[...document.querySelectorAll('#flame div')].filter(d => d.offsetTop > 0)
            .sort((a, b) => a.offsetWidth - b.offsetWidth)[0].click()"""], ["eval", boxes],
        ["eval", "document.activeElement.getAttribute('aria-label')"], ["key", "Escape"], ["eval", boxes],
        ["type", "#f-find", "libc"], ["eval", "[...document.querySelectorAll('#flame .hit')].map(d => d.title)"],
        ["eval", "document.getElementById('f-found').textContent"], ["eval", "memprof.data.sites.rows.reduce((a, r) => a + r[0], 0)"]], tmp_path)
    before, width, _, zoomed, label, _, after, _, hits, found, total = r
    assert len(before) > 2
    assert before[0][1] == pytest.approx(width, abs=1) and before[0][2] == 0
    ups = [b for b in zoomed if "up" in b[3].split()]
    rest = [b for b in zoomed if "up" not in b[3].split()]
    assert ups and all(b[1] == pytest.approx(width, abs=1) for b in ups + rest[:1])
    assert label.startswith(rest[0][0]) and after == before
    assert total > 0
    assert all("libc" in h for h in hits) and (hits == []) == (found == "nothing found")


def test_dark_and_narrow_and_print(packages, heap, tmp_path):
    pixel = "getComputedStyle(document.body).backgroundColor"
    wide = "[document.documentElement.scrollWidth, memprof.charts.map(c => c.u.width)]"
    paints = """(() => { const c = document.querySelector('#c-mem canvas'), copy = document.createElement('canvas'),
        g = copy.getContext('2d'); g.drawImage(c, c.width / 2, c.height - 45, 1, 1, 0, 0, 1, 1);
        return [...g.getImageData(0, 0, 1, 1).data]; })()"""
    shift = """new Promise(done => { let sum = 0; new PerformanceObserver(l => { for (const e of l.getEntries()) sum += e.value; })
        .observe({ type: 'layout-shift', buffered: true }); requestAnimationFrame(() => setTimeout(() => done(sum), 50)); })"""
    frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    r = browse(packages, heap[1], [
        ["scheme", "light"], ["eval", shift], ["eval", pixel], ["eval", paints], ["scheme", "dark"], ["eval", frame], ["eval", pixel], ["eval", paints],
        ["shot", "dark"], ["size", 400, 800], ["eval", frame], ["eval", wide], ["shot", "narrow"], ["pdf", "print"]], tmp_path)
    _, moved, light, light_px, _, _, dark, dark_px, _, _, _, (scroll, charts), _, pdf = r
    assert moved < 0.01
    assert light != dark and light_px != dark_px
    assert scroll <= 400 and all(w <= 400 for w in charts)
    assert pdf > 20000
    assert (tmp_path / "narrow.png").stat().st_size > 5000


# --- the page and the world --------------------------------------------------------------------


def test_hostile_names_stay_text(packages, tmp_path):
    """A program whose path is markup: /script> ends an element only where it is not escaped."""
    folder = tmp_path / "<" / "script><script>alert(1)<"
    folder.mkdir(parents=True)
    exe = folder / EVIL
    shutil.copy(mp.BUILD / "workloads/gc-release", exe)
    page = export(watch(tmp_path / "evil.mprof", "heap", "", argv=[str(exe), "dontneed", "1"]))
    text = page.read_text(encoding="utf-8")
    data = text[text.index('id="data">') + 10:]
    data = data[:data.index("</script>")]
    assert "alert(1)" in data and not re.search("[<>&\u2028\u2029]", data)
    json.loads(data)
    h1, when, _, names, images = browse(packages, page, [
        ["eval", "document.querySelector('h1').textContent"], ["eval", "document.getElementById('when').textContent"],
        ["type", "#mappings input", "onerror"],
        ["eval", "[...document.querySelectorAll('#mappings tbody td:first-child')].map(d => d.textContent)"],
        ["eval", "document.images.length + document.querySelectorAll('main script').length"]], tmp_path)
    assert h1.startswith(EVIL[:15])
    assert f"/</script><script>alert(1)</{EVIL}" in when
    assert names and all(EVIL in n for n in names)
    assert images == 0


def test_page_may_load_nothing(packages, heap, tmp_path):
    """Even code that got in could not reach anything: the policy in the page forbids it."""
    said = run(packages, heap[1], [["eval", """new Promise(done => {
        addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));
        fetch('http://127.0.0.1:9/').catch(() => 0); })"""]], tmp_path)
    assert said["results"] == ["connect-src"] and said["requests"] == []
    text = heap[1].read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert "Permission is hereby granted" in text and "Leon Sorokin" in text


def test_thousands_of_rows(packages, tmp_path):
    """12,000 mappings: quick to draw, all of them found by the filter."""
    rec = watch(tmp_path / "maps.mprof", "mapped touched", "many-maps", 20000)
    rep = mp.report(rec)
    page = export(rec)
    assert page.stat().st_size < 2 << 20
    took, rows, total, _, found, ms = browse(packages, page, [
        ["eval", "memprof.took"], ["eval", "document.querySelectorAll('#mappings tbody tr').length"],
        ["eval", "memprof.data.mappings.total"], ["type", "#mappings input", "0x"], ["eval", "document.querySelector('#mappings .below').innerText"],
        ["eval", """(() => { const t = performance.now(); document.querySelector('#mappings th:nth-child(10) button').click();
            return performance.now() - t; })()"""]], tmp_path)
    assert total == len(rep["mappings"]) > 5000
    assert took < 2000 and ms < 2000
    assert rows == 15
    assert "that match" in found


def test_size_is_bounded(packages, heap, tmp_path):
    """A small --max-size leaves rows out, and the page says so; what is left is the largest."""
    rec = watch(tmp_path / "maps.mprof", "mapped touched", "many-maps", 6000)
    page = export(rec, "--max-size", "300K")
    assert page.stat().st_size < 310 << 10
    d, warn = browse(packages, page, [["eval", "memprof.data"], ["eval", "document.getElementById('warnings').innerText"]], tmp_path)
    rep = mp.report(rec)
    kept = sorted((r[5] for r in d["mappings"]["rows"]), reverse=True)
    assert len(kept) < d["mappings"]["total"] == len(rep["mappings"])
    assert kept == sorted((m["resident"] for m in rep["mappings"]), reverse=True)[:len(kept)]
    assert "rows with the most bytes only" in warn


def test_truncated_recording_says_so(packages, heap, tmp_path):
    cut = tmp_path / "cut.mprof"
    cut.write_bytes(heap[0].read_bytes()[:-200])
    page = export(cut, code=5)
    warn, = browse(packages, page, [["eval", "document.getElementById('warnings').innerText"]], tmp_path)
    assert "cut off" in warn and "last instant that could be read" in warn
    cut.write_bytes(heap[0].read_bytes()[:100])
    page = export(cut, code=5)
    warn, = browse(packages, page, [["eval", "document.getElementById('warnings').innerText"]], tmp_path)
    assert "nothing of it could be read" in warn


def test_program_without_a_collector(packages, tmp_path):
    page = export(watch(tmp_path / "mix.mprof", "mapped few all", "touch-order"))
    hidden, charts = browse(packages, page, [
        ["eval", "getComputedStyle(document.getElementById('c-gc')).display"], ["eval", "memprof.charts.length"]], tmp_path)
    assert hidden == "none" and charts == 2


def test_vendored_files_are_the_packages(packages):
    """What stands in user/export/html/vendor is uPlot's npm package, byte for byte."""
    dist = packages / "uplot"
    version = json.loads((dist / "package.json").read_text())["version"]
    readme = (VENDOR / "README").read_text()
    assert f"uPlot {version}" in readme
    for name, src in [("LICENSE", "LICENSE"), ("uPlot.iife.min.js", "dist/uPlot.iife.min.js"),
                      ("uPlot.min.css", "dist/uPlot.min.css")]:
        assert (VENDOR / name).read_bytes() == (dist / src).read_bytes()
