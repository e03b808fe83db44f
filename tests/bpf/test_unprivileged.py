# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof of an unprivileged user with four capabilities: what root sees of any process."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import mp
import pytest
import test_go
import test_node
import test_python
from test_go import build  # noqa: F401  (a fixture)


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


@pytest.fixture(scope="module")
def room():
    """A folder that nobody may write to."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="memprof-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def by_file(room):
    """A copy whose file gives the capabilities to who runs it: memprof's words without its name."""
    copy = room / "memprof"
    if not copy.exists():
        shutil.copy(mp.MEMPROF, copy)
        setcap = shutil.which("setcap", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not setcap:
            mp.lacking("setcap is not installed")
        subprocess.run([setcap, ",".join("cap_" + c for c in mp.FOUR) + "=ep", copy], check=True)
    return [*mp.as_nobody(bound=mp.FOUR), "sh", "-c", 'shift; exec "$0" "$@"', str(copy)]


@pytest.fixture(params=["ambient", "file"])
def how(request, room):
    """Words before memprof: nobody, given the four by who started it, or by the program's file."""
    return mp.as_nobody(mp.FOUR) if request.param == "ambient" else by_file(room)


def perf_paranoid():
    return int(pathlib.Path("/proc/sys/kernel/perf_event_paranoid").read_text())


def uprobes_by_link():
    """Before Linux 6.6 they are perf events."""
    return mp.KERNEL >= (6, 6)


def check_memory(room, how, own):
    """Pages, mappings and stacks, by probes and by /proc, of a process of its own and of root's."""
    argv = [str(mp.BUILD / "workloads" / "two-sites")]
    with mp.Workload(None, argv=[*mp.as_nobody(), *argv] if own else argv) as w:
        path = room / f"memory-{w.pid}"
        with mp.Recording(w.pid, path, wrap=how) as r:
            w.step("all")
            mp.looked(r.proc.pid)
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            r.stop()
    rep = r.report()
    mp.check_lossless(rep)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    assert rep["faults"]["total"] > 0 and rep["calls"]["mmap"]["calls"] > 0
    assert rep["probes"]["faults"] not in ("absent", None)
    assert rep["probes"]["majors"] == ("perf" if perf_paranoid() <= 2 else "absent")
    named = {f.split("+")[0] for s in rep["sites"] for f in s["stack"]}
    assert {"many", "few"} <= named, named
    assert path.stat().st_uid == mp.NOBODY
    return path


@pytest.mark.parametrize("own", [True, False], ids=["own", "of-root"])
def test_memory_is_the_kernels(room, how, own):
    check_memory(room, how, own)


def test_command(room, how):
    """It runs as the user, and has nothing of what memprof was given."""
    p = mp.memprof("record", "-o", room / f"cmd-{len(how)}", "--", "/bin/sh", "-c",
                   "id -u; grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status", wrap=how, check=0)
    words = p.stdout.split()
    assert words[0] == str(mp.NOBODY)
    assert {int(w, 16) for w in words[2::2]} == {0}, p.stdout
    assert mp.report(room / f"cmd-{len(how)}")["faults"]["total"] > 0


def check_calls(room, how):
    with mp.Workload("python-calls") as w, mp.Recording(w.pid, room / f"calls-{len(how)}", wrap=how) as r:
        w.step("done")
        r.stop()
    assert len(test_python.collections(r.path)) == 58
    assert r.report()["probes"]["heap_python"] == "uprobe"


@pytest.mark.skipif(not uprobes_by_link(), reason="uprobes may need CAP_SYS_ADMIN before Linux 6.6")
class TestHeaps:
    """Of programs of root's that nobody prepared."""

    def test_python(self, room, how):
        """USDT, with a semaphore and arguments."""
        argv = [test_python.PYTHON, test_python.WORK / "python" / "collect.py"]
        with mp.Workload("python", argv=argv) as w, \
                mp.Recording(w.pid, room / f"python-{len(how)}", wrap=how) as r:
            s = w.step("done")
            r.stop()
        got = test_python.collections(r.path)
        n = [int(x) for x in s.n.split("/")]
        spans = [tuple(map(int, x.split(","))) for x in s.spans.split(";")]
        assert [sum(g[0] == test_python.KINDS[k] for g in got) for k in range(3)] == n
        assert [g[3] for g in got] == [f"generation {x[0]}, collected {test_python.told(x[3])} objects"
                                       for x in spans]
        assert r.report()["probes"]["heap_python"] == "usdt"

    def test_entry_and_return(self, room, how):
        check_calls(room, how)

    def test_ruby(self, room, how):
        ruby = mp.need_command("ruby")
        with mp.Workload("ruby", argv=[ruby, test_python.WORK / "ruby" / "collect.rb"]) as w, \
                mp.Recording(w.pid, room / f"ruby-{len(how)}", wrap=how) as r:
            w.step("done")
            r.stop()
        assert r.report()["probes"]["heap_ruby"] == "usdt"
        assert test_python.collections(r.path)

    def test_node(self, room, how):
        mp.need_command("node")
        with mp.Workload("node", argv=["node", test_node.SCRIPT]) as w, \
                mp.Recording(w.pid, room / f"node-{len(how)}", wrap=how) as r:
            s = w.step("churned")
            r.stop()
        rep = r.report()
        assert rep["probes"]["heap_v8"] == "uprobe" and s.gcs > 0
        assert rep["gc"]["minor"] + rep["gc"]["major"] > 0
        assert test_node.v8(rep)["used"]["end"] == pytest.approx(s.used, rel=0.3)

    def test_java(self, room, how, tmp_path_factory):
        """USDT whose arguments are texts; and files that only their owner may read."""
        import hotspot
        mp.need_command("java")
        mp.need_command("javac")
        classes = hotspot.compiled(tmp_path_factory.mktemp("classes"))
        with mp.Workload("java", argv=hotspot.java(classes, "-XX:+UseSerialGC", burst=200)) as w, \
                mp.Recording(w.pid, room / f"java-{len(how)}", wrap=how) as r:
            first = mp.Step(w.out.seen[0])
            last = w.step("bursts")
            mp.looked(r.proc.pid)
            r.stop()
        rep = r.report()
        assert rep["probes"]["heap_jvm"] == "usdt"
        hotspot.check_figures(rep, last, hotspot.SLACK["Serial"])
        assert hotspot.total(rep) == last.gcs - first.gcs if hasattr(last, "gcs") else hotspot.total(rep) > 0

    def test_go(self, room, how, build):  # noqa: F811
        mp.need_command("go")
        with mp.Workload("go", argv=[build("stages"), "64"]) as w, \
                mp.Recording(w.pid, room / f"go-{len(how)}", wrap=how) as r:
            for name in ("made", "few", "all", "collected"):
                w.step(name)
            r.stop()
        rep = r.report()
        assert rep["probes"]["heap_go"] == "uprobe"
        assert rep["gc"]["major"] > 0 and test_go.heap(rep)["used"]["end"] > 0


def test_uprobes_as_perf_events(tmp_path):
    """What older kernels have, which root may use everywhere."""
    env = {"MEMPROF_UPROBES": "perf"}
    for name, argv in (("python", [test_python.PYTHON, test_python.WORK / "python" / "collect.py"]),
                       ("python-calls", None)):
        with mp.Workload(name, argv=argv) as w:
            with mp.Recording(w.pid, tmp_path / name, wrap=["env", *(f"{k}={v}" for k, v in env.items())]) as r:
                w.step("done")
                r.stop()
        assert test_python.collections(r.path)
    text = mp.memprof("doctor", wrap=[*mp.as_nobody(mp.FOUR), "env", "MEMPROF_UPROBES=perf"]).stdout
    assert "CAP_SYS_ADMIN, which uprobes need before Linux 6.6" in text


# --- what doctor says of it -------------------------------------------------------------


def capabilities(*words):
    """Those that are held and those that are missed, of `memprof doctor --json`."""
    d = mp.doctor(words)
    assert d["setcap"].startswith("setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search=ep /")
    assert {c["name"] for c in d["capabilities"] if c["needed"]} == {"CAP_" + c.upper() for c in mp.FOUR}
    assert all(c["for"] for c in d["capabilities"])
    return ({c["name"] for c in d["capabilities"] if c["held"]},
            {c["name"] for c in d["capabilities"] if c["needed"] and not c["held"]})


def test_doctor_tells_what_each_is_for():
    four = {"CAP_" + c.upper() for c in mp.FOUR}
    assert capabilities(*mp.as_nobody(mp.FOUR)) == (four, set())
    assert capabilities(*mp.as_nobody()) == (set(), four)
    two = {"CAP_BPF", "CAP_PERFMON"}
    assert capabilities(*mp.as_nobody(["bpf", "perfmon"])) == (two, four - two)
    held, _ = capabilities(*mp.as_nobody(["sys_admin"]))  # includes the two that came later
    assert held == {"CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON"}


def test_tracefs_is_open_to_its_owner_only():
    """And to who has the right to read everything: access(2) would say no."""
    def why(caps):
        rungs = next(f for f in mp.doctor((*mp.WITH_TRACEFS, *mp.as_nobody(caps)))["features"] if f["name"] == "tasks")
        return next(r["why"] for r in rungs["rungs"] if r["rung"] == "tracepoint")

    assert why(mp.FOUR) is None or "sysctl kernel.perf_event_paranoid" in why(mp.FOUR)
    assert why([c for c in mp.FOUR if c != "dac_read_search"]) == \
        "missing right: CAP_DAC_READ_SEARCH, as tracefs is open to its owner only"


def test_files_are_read_as_their_reader(room):
    """Not with what the program's file was given to look at processes."""
    secret = room / "secret.mprof"
    mp.memprof("record", "--hooks=none", "-o", secret, "--", "true", check=0)
    secret.chmod(0o600)
    for words in (("report", secret), ("dump", secret), ("top", "--plain", "-i", secret), ("diagnose", secret),
                  ("gclog", secret)):
        p = mp.memprof(*words, wrap=by_file(room))
        assert p.returncode != 0 and "ermission denied" in p.stderr, (words, p.stderr)
    secret.chmod(0o644)
    mp.memprof("report", secret, wrap=by_file(room), check=0)


def test_doctor_for_people():
    def text(*caps):
        return mp.memprof("doctor", wrap=mp.as_nobody(caps)).stdout.split("\nCapabilities\n")[1].split("\n\n")[0]

    assert "missing" not in text(*mp.FOUR) and "setcap" not in text(*mp.FOUR)
    some = text("bpf", "perfmon", "dac_read_search")
    assert some.count("missing") == 1 and "CAP_SYS_PTRACE          missing" in some
    assert "-> sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search=ep /" in some


def test_without_any(room):
    """What works is said, and works."""
    p = mp.memprof("doctor", wrap=mp.as_nobody(), check=4)
    words = " ".join(p.stdout.split())
    assert "memprof --hooks none -p PID" in words and "For processes of your own it needs no capability" in words
    with mp.Workload(None, argv=[*mp.as_nobody(), mp.BUILD / "workloads" / "two-sites"]) as w:
        with mp.Recording(w.pid, room / "none", "--hooks=none", wrap=mp.as_nobody()) as r:
            w.step("all")
            kernel = mp.kernel_rss(w.pid)
            r.stop()
    assert r.report()["rss"]["end"] == kernel["rss"]
    assert r.report()["probes"]["faults"] == "absent"


@pytest.mark.parametrize("caps,missing", [((), "CAP_BPF CAP_PERFMON"), (("bpf",), "CAP_PERFMON"),
                                          (("perfmon",), "CAP_BPF")])
def test_record_names_what_is_missing(room, caps, missing):
    p = mp.memprof("record", "-o", room / "no", "--", "true", wrap=mp.as_nobody(caps), check=4)
    assert f"lacks {missing}\n" in p.stderr and "--hooks none" in p.stderr, p.stderr


@pytest.mark.parametrize("caps", [("bpf", "perfmon"), ("bpf", "perfmon", "sys_ptrace")], ids=len)
def test_what_others_close_is_named(room, caps):
    """Of another user's process: not seen, and which capabilities that takes."""
    with mp.Workload("two-sites") as w:
        with mp.Recording(w.pid, room / f"blind-{len(caps)}", wrap=mp.as_nobody(caps)) as r:
            err = r.stop()
    assert f"pages of {w.pid} not readable (needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH)" in err, err
