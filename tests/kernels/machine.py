# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A test machine: a kernel of Debian's under qemu, and the files it starts with.

The machine has no disk. All of it is in an initramfs: the programs under test with
their libraries, busybox, this Python with pytest, and the tests. It is emulated: right
or wrong is judged there, never time.
"""
import importlib.util
import json
import lzma
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile

import mp

HERE = pathlib.Path(__file__).resolve().parent
SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie"}
INSIDE = "/memprof"  # where the project is in the machine
MODULES = ["drivers/block/brd.ko"]
# qemu 7.2 now and then hands back broken flags from cmpxchg16b, on which 6.12 panics.
CPU = "max,-cx16"
LIMIT = int(os.environ.get("MEMPROF_KERNELS_LIMIT", "1200"))  # seconds for all tests of one machine
MARK = "@@memprof "

# Parts of the standard library that no test needs, a third of it.
UNNEEDED = {"test", "tests", "idlelib", "lib2to3", "pydoc_data", "ensurepip", "tkinter", "turtledemo",
            "dist-packages", "site-packages", "distutils"}
PACKAGES = ["pytest", "_pytest", "pluggy", "iniconfig", "packaging", "attr", "attrs", "py",
            "exceptiongroup", "more_itertools", "pkg_resources", "tomli"]


class Missing(Exception):
    """No machine can be had here, and why."""


def fetch(version):
    """The folder of a kernel, fetched where it is not in the cache."""
    p = subprocess.run([str(mp.ROOT / "tools" / "kernels.sh"), SUITES[version]], check=False,
                       capture_output=True, text=True, timeout=300)
    if p.returncode:
        raise Missing(f"no kernel {version}: {p.stderr.strip().splitlines()[-1:]}")
    return pathlib.Path(p.stdout.strip())


class Archive:
    """A cpio archive of the kind that the kernel unpacks (newc)."""

    def __init__(self):
        self.data = bytearray()
        self.seen = set()

    def add(self, name, mode, body=b"", mtime=0):
        name = name.strip("/")
        if name in self.seen:
            return
        up = os.path.dirname(name)
        if up:
            self.add(up, stat.S_IFDIR | 0o755)
        self.seen.add(name)
        raw = name.encode() + b"\0"
        fields = (len(self.seen), mode, 0, 0, 1, int(mtime), len(body), 0, 0, 0, 0, len(raw), 0)
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        self.pad()
        self.data += body
        self.pad()

    def pad(self):
        self.data += bytes(-len(self.data) % 4)

    def file(self, path, name=None):
        """A file as it is on this machine, links followed. Its time matters to Python."""
        st = os.stat(path)
        mode = stat.S_IFREG | (0o755 if st.st_mode & 0o111 else 0o644)
        self.add(str(name or path), mode, pathlib.Path(path).read_bytes(), st.st_mtime)

    def tree(self, path):
        for folder, dirs, files in os.walk(path):
            dirs[:] = [d for d in dirs if d not in UNNEEDED and not d.startswith("config-")]
            for f in files:
                self.file(os.path.join(folder, f))

    def end(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def libraries(programs):
    out = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(?:=> |^\t)(/\S+) \(0x", out, re.M)))


def common():
    """What all machines start with, as one archive."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise Missing("busybox is not installed")
    a = Archive()
    a.add("init", stat.S_IFREG | 0o755, (HERE / "guest" / "init").read_bytes())
    for d in ("proc", "sys", "dev", "tmp", "run", "etc", "bin", "sbin"):
        a.add(d, stat.S_IFDIR | 0o755)
    a.file(busybox, "/bin/busybox")
    a.add("etc/passwd", stat.S_IFREG | 0o644, b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    a.file(sys.executable, "/bin/python3")
    programs = [sys.executable, mp.MEMPROF]
    a.file(mp.MEMPROF, f"{INSIDE}/build/memprof")
    for w in sorted((mp.BUILD / "workloads").iterdir()):
        if w.is_file():
            a.file(w, f"{INSIDE}/build/workloads/{w.name}")
            programs.append(str(w))
    tool = mp.BUILD / "tests" / "tools" / "privileges"
    a.file(tool, f"{INSIDE}/build/tests/tools/privileges")
    programs.append(str(tool))
    stdlib = sysconfig.get_paths()["stdlib"]
    a.tree(stdlib)
    programs += map(str, pathlib.Path(stdlib, "lib-dynload").glob("*.so"))
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec and spec.submodule_search_locations:
            a.tree(spec.submodule_search_locations[0])
        elif spec:
            a.file(spec.origin)
    for t in ["mp.py", "daemon.py", *(f"bpf/{p.name}" for p in (HERE.parent / "bpf").glob("test_*.py"))]:
        a.file(HERE.parent / t, f"{INSIDE}/tests/{t}")
    for t in (HERE / "guest").glob("*.py"):
        a.file(t, f"{INSIDE}/tests/kernels/guest/{t.name}")
    for lib in libraries(programs):
        a.file(lib)
    return a.end()


def own(kernel, tests):
    """What is a machine's own: the kernel's modules, the ids of the tests to run."""
    a = Archive()
    a.add(f"{INSIDE}/selected", stat.S_IFREG | 0o644, "\n".join(tests).encode())
    for m in MODULES:
        for path in kernel.glob(f"**/lib/modules/*/kernel/{m}*"):
            body = path.read_bytes()
            if path.suffix == ".xz":
                body = lzma.decompress(body)
            a.add(f"{INSIDE}/{pathlib.Path(m).name}", stat.S_IFREG | 0o644, body)
    return a.end()


def boot(argv, tmp):
    """Runs qemu to its end or its limit; what the machine said."""
    log = pathlib.Path(tmp, "console")
    with log.open("wb") as f:
        try:
            subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT,
                           timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            pass  # what was not told by then has not passed
    return log.read_text(errors="replace")


class Machine:
    """One kernel: booted once, all tests run in it, their results by id."""

    def __init__(self, version, tests, start):
        self.version, self.tests, self.start = version, tests, start
        self.results, self.console = {}, ""

    def run(self):
        qemu = shutil.which("qemu-system-x86_64")
        if not qemu:
            raise Missing("qemu-system-x86_64 is not installed")
        kernel = fetch(self.version)
        (image,) = kernel.glob("boot/vmlinuz-*")
        with tempfile.TemporaryDirectory() as tmp:
            rd = pathlib.Path(tmp, "initramfs")
            rd.write_bytes(self.start + own(kernel, self.tests))
            # files are to be files: on a tmpfs they would count as shared memory
            line = "console=ttyS0 panic=-1 quiet rootfstype=ramfs"
            argv = ["nice", "-n", "4", qemu, "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", "2",
                    "-m", "1536", "-nographic", "-no-reboot", "-net", "none", "-kernel", str(image),
                    "-initrd", str(rd), "-append", line]
            self.console = boot(argv, tmp)
            if MARK not in self.console:  # died before the first test: once more
                self.console += boot(argv, tmp)
        keep = mp.BUILD / "kernels"
        keep.mkdir(exist_ok=True)
        (keep / f"console-{self.version}").write_text(self.console)
        for text in re.findall(rf"{MARK}(\{{.*\}})\r?$", self.console, re.M):
            r = json.loads(text)
            if self.results.get(r["id"], r)["outcome"] != "failed":  # a teardown may fail, too
                self.results[r["id"]] = r
        return self
