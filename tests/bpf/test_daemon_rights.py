# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon after it gave up root's powers, or without having had them: what it holds, and that
whatever starts later is seen as by root."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import mp
import pytest
import test_python
from daemon import own

FOUR = sum(1 << mp.CAPS[c] for c in mp.FOUR)


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()


@pytest.fixture
def room():
    """A folder that nobody may write to, and that all may enter."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="memprof-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


class Daemon:
    """In the foreground, ready on entry; watches programs by the names of copies."""

    def __init__(self, room, names, user=None, wrap=(), env=None):
        self.state = room / "state"
        conf, run = room / "memprof.conf", room / "run"
        run.mkdir()  # where nobody else may put a socket
        os.chown(run, mp.NOBODY, mp.NOBODY)
        lines = ["[daemon]", f"socket = {run}/memprof.sock", f"state = {self.state}"]
        lines += [f"user = {user}"] if user else []
        lines += ["[target ours]"] + [f"exe = {n}" for n in names]
        conf.write_text("\n".join(lines) + "\n")
        self.proc = subprocess.Popen([*wrap, mp.MEMPROF, "daemon", "--config", str(conf)], cwd="/",
                                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                     env=dict(os.environ, **(env or {})))
        self.err = mp.Lines(self.proc.stderr.fileno())

    def __enter__(self):
        while True:
            line = self.err.next()
            if line is None:
                raise AssertionError(f"ended: {self.proc.wait(mp.DEADLINE)}: {self.err.seen}")
            if line == "memprof: ready":
                return self

    def __exit__(self, *exc):
        mp.stop(self.proc)
        self.proc.stderr.close()

    def status(self):
        text = pathlib.Path(f"/proc/{self.proc.pid}/status").read_text()
        return dict(re.findall(r"^(\w+):[ \t]*(.*)$", text, re.M))

    def stop(self):
        """The path of what it recorded."""
        self.proc.send_signal(signal.SIGTERM)
        assert self.proc.wait(mp.DEADLINE) == 0, self.err.seen
        (ring,) = (self.state / "ring").glob("*.mprof")
        return ring


def copy_of(room, program, name):
    """A program of a name that nobody else runs."""
    return shutil.copy(os.path.realpath(program), room / name)


def check_held(d, bound):
    """The four in the sets that count, and nothing to get more by; of each of its threads."""
    for task in pathlib.Path(f"/proc/{d.proc.pid}/task").iterdir():
        got = dict(re.findall(r"^(\w+):[ \t]*(.*)$", (task / "status").read_text(), re.M))
        assert got["Uid"].split() == got["Gid"].split() == [str(mp.NOBODY)] * 4
        assert got["Groups"].split() in ([], [str(mp.NOBODY)])
        caps = {k: int(got[k], 16) for k in got if k.startswith("Cap")}
        assert caps == {"CapPrm": FOUR, "CapEff": FOUR, "CapInh": 0, "CapAmb": 0, "CapBnd": bound}
        assert got["NoNewPrivs"] == "1"


@pytest.mark.parametrize("start", ["root", "four"])
def test_what_starts_later_is_seen(room, start):
    """Another user's processes: pages, names of functions, collections by USDT; with the rights
    that are left."""
    python = copy_of(room, test_python.PYTHON, own("python-later"))
    sites = copy_of(room, mp.BUILD / "workloads" / "two-sites", own("sites-later"))
    how = {"user": "nobody"} if start == "root" else {"wrap": mp.as_nobody(mp.FOUR)}
    with Daemon(room, [own("python-later"), own("sites-later")], **how) as d:
        check_held(d, 0 if start == "root" else FOUR)
        with mp.Workload(None, argv=[sites]) as w, \
                mp.Workload(None, argv=[python, test_python.WORK / "python" / "collect.py"]) as p:
            w.step("all")
            # its probes hang once it was looked at
            mp.looked(d.proc.pid)
            s = p.step("done")
            mp.looked(d.proc.pid)
            kernel, maps = mp.kernel_rss(w.pid), mp.kernel_mappings(w.pid)
            check_held(d, 0 if start == "root" else FOUR)
            ring = d.stop()
    rep = mp.report(ring, pid=w.pid)
    mp.check_rss(rep, kernel)
    mp.check_mappings(rep, maps)
    assert {"many", "few"} <= {f.split("+")[0] for x in rep["sites"] for f in x["stack"]}
    spans = [tuple(map(int, x.split(","))) for x in s.spans.split(";")]
    if mp.KERNEL >= (6, 6):
        got = test_python.collections(ring)[-len(spans):]  # before them those of its start
        assert [g[3] for g in got] == [f"generation {x[0]}, collected {test_python.told(x[3])} objects"
                                       for x in spans]
        assert mp.report(ring, pid=p.pid)["probes"]["heap_python"] == "usdt"
    assert ring.stat().st_uid == mp.NOBODY and ring.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("missing", mp.FOUR)
def test_one_is_missing(room, missing):
    """Said before anything is opened, with what gives it."""
    d = Daemon(room, [own("none")], wrap=mp.as_nobody([c for c in mp.FOUR if c != missing]))
    _, err = d.proc.communicate(timeout=mp.DEADLINE)
    err = err.decode()
    assert d.proc.returncode == 4, err
    assert f"lacks CAP_{missing.upper()}:" in err and "setcap cap_bpf," in err, err
    assert not d.state.exists()


def test_where_uprobes_need_more(room):
    """As before Linux 6.6: what is not seen is said; a heap that tells by itself is seen."""
    python = copy_of(room, test_python.PYTHON, own("python-older"))
    trees = copy_of(room, mp.BUILD / "examples" / "gcbench", own("gc-older"))
    with Daemon(room, [own("python-older"), own("gc-older")], user="nobody", env={"MEMPROF_UPROBES": "perf"}) as d:
        assert any("CAP_SYS_ADMIN, which is not kept" in line for line in d.err.seen), d.err.seen
        with mp.Workload(None, argv=[python, test_python.WORK / "python" / "collect.py"]) as p:
            subprocess.run([trees], stdout=subprocess.DEVNULL, check=True, timeout=mp.DEADLINE)
            p.step("done")
            mp.looked(d.proc.pid)
            ring = d.stop()
    dump = mp.memprof("dump", ring).stdout
    assert re.search(r'probe\.heap_python .*rung=absent .*CAP_SYS_ADMIN, which uprobes need before Linux 6\.6', dump)
    assert re.search(r" gc\.(minor|major) .*source=gc ", dump)
