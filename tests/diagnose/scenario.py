# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a scenario of the confusion matrix is. A program stands at `step start`, is recorded by
the real probes from there, does one thing, stands at `step done`, and is diagnosed as it stands."""
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import mp

W = mp.ROOT / "tests" / "workloads"
PYTHON = sys.executable


@dataclasses.dataclass
class Scenario:
    name: str
    argv: list                       # a list, or a function of a scratch folder that returns one
    cls: str = None                  # the finding expected first; None: nothing above information
    bytes: tuple = None              # (least, most) that it explains
    absent: tuple = ()               # neighbours that must not be found, beside all that is not `also`
    also: tuple = ()                 # further classes that are true of it too
    record: tuple = ()               # options of memprof record
    launch: bool = False             # started by memprof: -- CMD
    needs: object = None             # a function that returns why it cannot run here, or None
    env: dict = dataclasses.field(default_factory=dict)
    thresholds: dict = dataclasses.field(default_factory=dict)  # for `diagnose --thresholds`
    around: object = contextlib.nullcontext  # of the workload: holds from its start to the recording's end
    group: int = 0                   # MiB: it runs in a control group of its own with this limit
    killed: bool = False             # the kernel ends it, and so the recording
    goes_on: bool = False            # it works on behind `done`
    check: object = None             # a function of (diagnosis, recording's path): more to hold

    def __str__(self):
        return self.name


def workload(name, *args):
    """A program of tests/workloads/*.c."""
    return [str(mp.BUILD / "workloads" / name), *map(str, args)]


def node(script, *args, flags=()):
    return ["node", *flags, str(W / "node" / script), *map(str, args)]


def missing(command):
    """For `needs`: the command is not installed."""
    return lambda: None if any(os.access(os.path.join(d, command), os.X_OK)
                               for d in os.environ["PATH"].split(":")) else f"{command} is not installed"


def built(src, out, argv, env=None):
    """out, which argv(FOLDER) makes of src there: once, and put in its place whole."""
    if out.exists() and out.stat().st_mtime >= src.stat().st_mtime:
        return
    out.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as d:
        subprocess.run(argv(d), check=True, timeout=4 * mp.DEADLINE, env=env)
        os.replace(os.path.join(d, out.name), out)


def java(name, *args, flags=()):
    """NAME.java of tests/workloads with these arguments."""
    src, out = W / "java" / f"{name}.java", mp.BUILD / "java" / f"{name}.class"
    built(src, out, lambda d: ["javac", "-nowarn", "--release", "8", "-d", d, str(src)])
    return ["java", *flags, "-cp", str(out.parent), name, *map(str, args)]


def go(name, *args):
    """NAME.go of tests/workloads with these arguments."""
    src, out = W / "go" / f"{name}.go", mp.BUILD / "go" / name
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPROXY="off", GOTOOLCHAIN="local", CGO_ENABLED="0",
               GOCACHE=str(mp.BUILD / "go-cache"))
    built(src, out, lambda d: ["go", "build", "-o", os.path.join(d, name), str(src)], env)
    return [str(out), *map(str, args)]


@contextlib.contextmanager
def group(w, limit=None):
    """The workload stands in a control group of its own, with that limit. Yields its folder."""
    v1 = pathlib.Path("/sys/fs/cgroup/memory")
    root, name = (v1, "memory.limit_in_bytes") if v1.is_dir() else (v1.parent, "memory.max")
    folder = root / f"memprof-test-{os.getpid()}-{w.pid}"
    try:
        folder.mkdir()
        if limit:
            (folder / name).write_text(str(limit))
        (folder / name).read_text()
        (folder / "cgroup.procs").write_text(str(w.pid))
    except OSError as e:
        with contextlib.suppress(OSError):
            folder.rmdir()
        mp.lacking(f"no control group of memory: {e}")
    try:
        yield folder
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (root / "cgroup.procs").write_text(pid)
        mp.wait_until(lambda: not (folder / "cgroup.procs").read_text(), what="an empty group")
        folder.rmdir()


def diagnose(path, thresholds=None):
    opts = []
    if thresholds:
        opts = ["--thresholds", f"{path}.thresholds"]
        with open(opts[1], "x", encoding="utf-8") as f:
            f.writelines(f"{name} = {value}\n" for name, value in thresholds.items())
    p = mp.memprof("diagnose", path, "--json", *opts, check=0)
    return json.loads(p.stdout)


@contextlib.contextmanager
def side_by_side(request, param, make):
    """make(value, folder) for every value of `param` that a test of the module is to run with, two
    at a time: most of a scenario is waiting. Yields what comes of each, by its name."""
    values = [i.callspec.params[param] for i in request.session.items
              if i.path == request.path and hasattr(i, "callspec")]
    # here, one after the other: the factory is for one thread
    mktemp = request.getfixturevalue("tmp_path_factory").mktemp
    jobs = [(v, mktemp(str(v))) for v in values]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        try:
            yield {str(v): pool.submit(make, v, folder) for v, folder in jobs}
        finally:
            pool.shutdown(cancel_futures=True)


def keep(s, found):
    """The row of the matrix: expected, found."""
    out = mp.BUILD / "diagnose"
    out.mkdir(exist_ok=True)
    row = {"scenario": s.name, "expected": s.cls, "also": list(s.also),
           "found": [{k: f[k] for k in ("class", "level", "bytes", "confidence")} for f in found]}
    (out / f"{s.name}.json").write_text(json.dumps(row) + "\n")
