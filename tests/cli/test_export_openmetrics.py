# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`export --format openmetrics`: the text by the specification, then a real Prometheus."""
import collections
import os
import re
import subprocess

import mp
import pytest
import servers
from openmetrics import lint, parse, series
from test_export_csv import table
from test_export_jsonl import WALL, session

def export(path, *args, code=0):
    return parse(mp.memprof("export", path, "--format", "openmetrics", *map(str, args), check=code).stdout)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return session(tmp_path_factory.mktemp("om") / "r.mprof", 3000)


@pytest.fixture(scope="module")
def om(path):
    return export(path)


def test_form(om):
    for name, fam in om.items():
        assert fam["help"], name
        assert (fam["unit"] is None) == (not name.endswith(("_bytes", "_seconds", "_ratio"))), name
        for key, points in series(fam).items():
            times = [t for t, _ in points]
            assert times == sorted(set(times)), f"{key}: times go up"
            if fam["type"] == "counter":
                assert all(a[1] <= b[1] for a, b in zip(points, points[1:])), f"{key} falls"
        if fam["type"] != "histogram":  # its lines of one time stand together instead
            order = [(n, *sorted(lab.items())) for n, lab, _, _ in fam["rows"]]
            assert len([1 for a, b in zip(order, order[1:]) if a != b]) == max(len(set(order)) - 1, 0)
        # what must not be a label by default
        for _, lab, _, _ in fam["rows"]:
            assert not set(lab) & {"pid", "tid", "path", "addr"} and "/" not in "".join(lab.values())


def test_histogram(om, path):
    rep = mp.report(path)
    rows = om["memprof_gc_pause_seconds"]["rows"]
    by_ts = collections.defaultdict(list)
    for name, lab, value, ts in rows:
        by_ts[ts].append((name, lab.get("le"), value))
    for points in by_ts.values():
        buckets = [(float(le), v) for n, le, v in points if n.endswith("_bucket")]
        assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets)
        (count,) = [v for n, _, v in points if n.endswith("_count")]
        assert buckets[-1] == (float("inf"), count)
    end = {n: v for n, _, v in by_ts[max(by_ts)]}
    assert end["memprof_gc_pause_seconds_count"] == rep["gc"]["major"] > 0
    assert end["memprof_gc_pause_seconds_sum"] == pytest.approx(rep["gc"]["pause_s"]["total"])


def test_values_are_the_reports(om, path):
    rep = mp.report(path)

    def last(name, **lab):
        got = [(ts, v) for n, have, v, ts in om[name]["rows"] if lab.items() <= have.items()]
        return max(got)[1]

    for kind in "anon", "file", "shmem":
        assert last("memprof_resident_bytes", kind=kind) == rep["rss"][kind]
    for part, value in rep["account"].items():
        if part not in ("rss", "lazy_heap") and value is not None:
            assert last("memprof_account_bytes", part=part) == value, part
    faults = series(om["memprof_page_faults"])
    assert sum(points[-1][1] for points in faults.values()) == rep["faults"]["total"]
    gave = rep["calls"]["madvise_by_advice"]["dontneed"]["released"]
    assert last("memprof_discarded_bytes", advice="dontneed") == gave > 0
    assert last("memprof_gc_cycles", kind="major") == rep["gc"]["major"]
    assert last("memprof_gc_cycles", kind="other") == rep["gc"]["other"]
    assert last("memprof_gc_heap_bytes", state="committed") == rep["heap"][0]["committed"]["end"]
    assert last("memprof_rss_heap_gap_bytes") == rep["rss"]["end"] - rep["heap"][0]["used"]["end"]
    assert last("memprof_target_up", exe="churn") == 1
    # lazyfree was not told: no sample, not 0
    assert om["memprof_lazyfree_bytes"]["rows"] == []


def test_samples_are_states_at_their_time(path, om):
    """Each second's sample is what the series has just before that time."""
    csv = table(path, "series")
    got = [(ts, v) for n, lab, v, ts in om["memprof_resident_bytes"]["rows"] if lab["kind"] == "anon"]
    assert abs(got[0][0] - (WALL / 1e9 + 1)) < 0.002 and 58 < len(got) < 70
    points = [(float(r["t"]), int(r["rss"])) for r in csv if r["rss"]]
    for ts, v in got[1:-1]:
        t = ts - WALL / 1e9
        before = [rss for at, rss in points if at <= t - 0.02][-1]
        within = [rss for at, rss in points if t - 0.05 <= at <= t + 0.02]
        assert v + 300 * mp.PAGE in within + [before]


def test_interval(path):
    om = export(path, "--interval", "10")
    got = [ts for n, lab, _, ts in om["memprof_resident_bytes"]["rows"] if lab["kind"] == "anon"]
    assert all(9.99 < b - a < 10.01 for a, b in zip(got[:-1], got[1:-1])) and len(got) < 8


def test_several_programs(tmp_path):
    """Processes of one program are one group; the counters add up."""
    mp.need_bpf()
    out = tmp_path / "r"
    mp.memprof("record", "--follow-forks", "-q", "-o", out, "--", "sh", "-c", "ls / >&2; ls / >&2", check=0)
    om = export(out, "--interval", "10ms")
    exes = {lab["exe"] for _, lab, _, _ in om["memprof_page_faults"]["rows"]}
    assert "ls" in exes and len(exes) == 2, exes
    total = sum(points[-1][1] for points in series(om["memprof_page_faults"]).values())
    assert total == mp.report(out)["processes"]["faults"]
    assert {v for n, lab, v, _ in om["memprof_target_up"]["rows"] if lab["exe"] == "ls"} <= {0, 1}


def test_lint(om):
    """promtool's rules for names and help, on the last values in the older text format."""
    text = []
    for name, fam in om.items():
        if fam["type"] == "info" or not fam["rows"]:
            continue
        full = name + ("_total" if fam["type"] == "counter" else "")
        text += [f"# HELP {full} {fam['help']}", f"# TYPE {full} {fam['type']}"]
        for key, points in series(fam).items():
            lab = ",".join(f'{k}="{v}"' for k, v in key[1:])
            text.append(f"{key[0]}{{{lab}}} {points[-1][1]:.9g}")
    lint("\n".join(text) + "\n")


def history(folder, om_file):
    """A Prometheus over the blocks that promtool makes of a file."""
    mp.need_command("promtool")
    data = folder / "data"
    p = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", om_file, data],
                       capture_output=True, text=True, check=False, cwd=folder)
    assert p.returncode == 0, p.stderr
    return servers.Prometheus(folder, "scrape_configs: []\n", data)


def test_a_real_prometheus(path, om, tmp_path):
    rep, out = mp.report(path), tmp_path / "r.om"
    mp.memprof("export", path, "--format", "openmetrics", "-o", out, check=0)
    last = max(ts for _, _, _, ts in om["memprof_target_up"]["rows"])
    with history(tmp_path, out) as prom:
        # every sample is there, at its time, with its value
        for name in "memprof_resident_bytes", "memprof_account_bytes", "memprof_owed_bytes":
            got = prom.range(f"sum without () ({name})", WALL / 1e9 + 1, last, 1)
            want = series(om[name])
            assert len(got) == len(want) > 0
            for lab, values in got:
                key = (name, *sorted((k, v) for k, v in lab.items() if k != "__name__"))
                for (t, v), (ts, w) in zip(values[:50], want[key][:50], strict=True):
                    assert v == w and abs(t - ts) < 1.001
        ((_, rss),) = prom.range("sum(memprof_resident_bytes)", last, last, 1)
        assert rss[0][1] == rep["rss"]["end"]
        ((_, faults),) = prom.range("sum(memprof_page_faults_total)", last, last, 1)
        assert faults[0][1] == rep["faults"]["total"]
        ((_, gap),) = prom.range("memprof_rss_heap_gap_bytes", last, last, 1)
        assert gap[0][1] == rep["rss"]["end"] - rep["heap"][0]["used"]["end"]
        ((_, p99),) = prom.range(
            "histogram_quantile(0.99, sum by (le) (memprof_gc_pause_seconds_bucket))", last, last, 1)
        assert 0.001 < p99[0][1] <= 0.003
        ((info, _),) = prom.range("memprof_build_info", last, last, 1) or [({}, None)]
        assert info == {} or info["version"]
    assert prom.proc.poll() is not None


def test_a_recording_of_a_program(tmp_path):
    """What a machine allows without rights is as well formed."""
    hooks = [] if os.geteuid() == 0 else ["--hooks=none"]
    with mp.Workload("dontneed", 1024) as w:
        with mp.Recording(w.pid, tmp_path / "r", *hooks) as r:
            w.step("touched")
            w.step("dontneed")
            r.stop()
    om = export(r.path)
    rows = om["memprof_resident_bytes"]["rows"]
    assert {lab["exe"] for _, lab, _, _ in rows} == {"dontneed"}
    ends = {lab["kind"]: v for _, lab, v, ts in rows if ts == max(x[3] for x in rows)}
    assert ends == {k: r.report()["rss"][k] for k in ends}
    (info,) = {lab["version"] for _, lab, _, _ in om["memprof_build"]["rows"]}
    assert re.match(r"\d+\.\d+", info)


def test_file_that_begins_in_a_session(tmp_path):
    """A saved ring: nothing is known of the time before the file."""
    path = session(tmp_path / "r", 1000, "saved")
    rep = mp.report(path)["recording"]
    first = WALL / 1e9 + rep["since_s"]
    times = [ts for n, lab, _, ts in export(path)["memprof_resident_bytes"]["rows"] if lab["kind"] == "anon"]
    assert rep["since_s"] > 9 and abs(times[0] - (first + 1)) < 0.1
    assert abs(len(times) - (rep["duration_s"] + 1)) <= 1


def test_shorter_than_an_interval(tmp_path):
    """What has ended before the first border has its gauges of the end."""
    path = session(tmp_path / "r", 20, "every")  # its process ends
    assert mp.report(path)["recording"]["duration_s"] < 1
    om = export(path)
    assert [v for _, lab, v, _ in om["memprof_resident_bytes"]["rows"] if lab["kind"] == "anon"][0] > 0
