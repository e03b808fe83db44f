# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of the whole program share.

Drives a workload from quiet point to quiet point (tests/workloads/step.h), runs
memprof beside it, and reads from /proc what the kernel itself says, so that a
test compares two witnesses. Nothing waits for a fixed time: everything waits for
an event until a deadline.
"""
import contextlib
import ctypes
import functools
import json
import mmap
import os
import pathlib
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("MEMPROF_BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
MEMPROF = str(BUILD / "memprof")
PAGE = 4096
# Seconds that anything may take: what hangs is ended by it, what is only slow must not be.
DEADLINE = float(os.environ.get("MEMPROF_DEADLINE", "120"))
CI = os.environ.get("CI", "") not in ("", "0", "false")


# --- waiting ------------------------------------------------------------------

_never = threading.Event()


def waited_to_run(pid):
    """ns that the threads of a process were ready and had no core, since they began."""
    total = 0
    for t in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            total += int(pathlib.Path(f"/proc/{pid}/task/{t}/schedstat").read_text().split()[1])
    return total


def had_time(pid, seconds):
    """A condition: since now the process has had so much time in which it ran or slept. What it
    waits for a core is told when it has one, so it must sleep at the end."""
    began, waited = time.monotonic_ns(), waited_to_run(pid)

    def had():
        try:
            sleeps = proc_state(pid) in "SZ"
            return sleeps and time.monotonic_ns() - began - (waited_to_run(pid) - waited) > seconds * 1e9
        except OSError:  # it has ended
            return True

    return had


def looked(pid):
    """Waits until memprof, which looks by itself every 100 ms, must have done so."""
    had = had_time(pid, 0.3)
    wait_until(had, what="look")


def wait_until(predicate, deadline=DEADLINE, what="condition"):
    """Polls until predicate() is true and returns its value."""
    end = time.monotonic() + deadline
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"no {what} within {deadline:.0f} s")
        _never.wait(0.01)


def pause(seconds):
    """Between two looks at a condition; never instead of one."""
    _never.wait(seconds)


class Lines:
    """Lines of a pipe, each waited for with a deadline."""

    def __init__(self, fd):
        self.fd = fd
        self.buf = b""
        self.seen = []
        self.eof = False

    def next(self, deadline=DEADLINE):
        """The next line without its end, or None at the end of the stream."""
        end = time.monotonic() + deadline
        while b"\n" not in self.buf and not self.eof:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no line within {deadline:.0f} s; so far: {self.seen[-5:]}")
            data = os.read(self.fd, 65536)
            self.eof = not data
            self.buf += data
        if not self.buf:
            return None
        line, _, self.buf = self.buf.partition(b"\n")
        self.seen.append(line.decode(errors="replace"))
        return self.seen[-1]


# --- features of this machine ---------------------------------------------------

# Runs a command in a mount namespace of its own that has tracefs, wherever the
# machine has left it unmounted. The pid stays the one that was started.
WITH_TRACEFS = ["unshare", "-m", "sh", "-c",
                "mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null; exec \"$@\"", "sh"]

_doctor = {}


def doctor(wrap=()):
    """`memprof doctor --json` of this machine, asked once."""
    key = tuple(wrap)
    if key not in _doctor:
        _doctor[key] = json.loads(memprof("doctor", "--json", wrap=wrap).stdout)
    return _doctor[key]


def rungs(feature):
    """The rungs of a feature that work here, best first."""
    for f in doctor()["features"]:
        if f["name"] == feature:
            return [r["rung"] for r in f["rungs"] if r["ok"]]
    raise AssertionError(f"doctor does not know {feature}")


def lacking(why):
    """Skips; where nobody reads skips, fails."""
    if CI:
        pytest.fail(f"missing here: {why}")
    pytest.skip(why)


def need_bpf():
    """The test needs the kernel's own witness: page faults seen by a probe."""
    if os.geteuid() != 0:
        lacking("not root")
    if not [r for r in rungs("faults") if r not in ("absent", "proc")]:
        lacking("this kernel offers no hook on page faults")


def as_root_of_nobody():
    """Words before a command that make it root of a user namespace with nobody else in it."""
    wrap = [need_command("unshare"), "--user", "--map-root-user"]
    if subprocess.run([*wrap, "true"], capture_output=True, check=False).returncode:
        lacking("user namespaces cannot be made")
    return wrap


def need_command(name):
    path = shutil.which(name)
    if not path:
        lacking(f"{name} is not installed")
    return path


@functools.cache
def npm_packages():
    """The folder with the installed packages."""
    need_command("node")
    need_command("npm")
    p = subprocess.run([ROOT / "tools/npm.sh"], capture_output=True, text=True, timeout=600, check=False)
    if p.returncode != 0:
        lacking(f"npm packages: {p.stderr[-2000:]}")
    return pathlib.Path(p.stdout.strip())


# --- users with some capabilities ---------------------------------------------------

NOBODY = 65534
CAPS = {"dac_read_search": 2, "setuid": 7, "net_raw": 13, "sys_ptrace": 19, "sys_admin": 21, "sys_resource": 24,
        "perfmon": 38, "bpf": 39}
FOUR = ["bpf", "perfmon", "sys_ptrace", "dac_read_search"]  # all that memprof is to need

# Becomes nobody: the numbers of its capabilities, of those in the bounding set, then a command.
_AS_NOBODY = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(what, *args):
    if what(*args) < 0:
        sys.exit(f"{args}: {os.strerror(ctypes.get_errno())}")
caps, bound = ([int(c) for c in words.split(",") if c] for words in sys.argv[1:3])
for c in range(41):
    if c not in bound:
        libc.prctl(24, c, 0, 0, 0)       # PR_CAPBSET_DROP
call(libc.prctl, 8, 1, 0, 0, 0)          # PR_SET_KEEPCAPS
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
low, high = (sum(1 << c % 32 for c in caps if c // 32 == i) for i in (0, 1))
call(libc.capset, struct.pack("Ii", 0x20080522, 0), struct.pack("6I", low, low, low, high, high, high))
for c in caps:
    call(libc.prctl, 47, 2, c, 0, 0)     # PR_CAP_AMBIENT_RAISE
os.execvp(sys.argv[3], sys.argv[3:])
"""


def as_nobody(caps=(), bound=None):
    """Words that stand before a command: it runs as nobody with these capabilities, and in the
    bounding set these or others."""
    lists = (",".join(str(CAPS[c]) for c in names) for names in (caps, caps if bound is None else bound))
    return [sys.executable, "-c", _AS_NOBODY, *lists]


# --- running memprof ------------------------------------------------------------


def memprof(*args, timeout=2 * DEADLINE, env=None, check=None, stdin=subprocess.DEVNULL, wrap=(), **kw):
    """Runs memprof to its end; `check` is the exit status expected, `wrap` stands before it."""
    full = dict(os.environ, **(env or {}))
    p = subprocess.run([*wrap, MEMPROF, *map(str, args)], stdin=stdin, capture_output=True, text=True,
                       errors="replace", timeout=timeout, env=full, check=False, **kw)
    if check is not None:
        said = f"{p.stdout[-2000:]}\n{p.stderr[-2000:]}"
        assert p.returncode == check, f"memprof {args}: {p.returncode}\n{said}"
    return p


def report(path, code=0, pid=None, **kw):
    """`memprof report PATH --json` as an object: of the first process, or of `pid`."""
    which = ["-p", pid] if pid else []
    return json.loads(memprof("report", path, "--json", *which, check=code, **kw).stdout)


def stop(proc, sig=signal.SIGKILL):
    """Ends a process that a test started, and reaps it."""
    if proc.poll() is None:
        proc.send_signal(sig)
    try:
        return proc.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait(DEADLINE)
        raise


class Recording:
    """`memprof record -p PID -o FILE` running beside a test; attached on entry."""

    def __init__(self, pid, path, *args, wrap=()):
        self.path = str(path)
        self.proc = subprocess.Popen([*wrap, MEMPROF, "record", "-p", str(pid), "-o", self.path, *args],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
        self.err = Lines(self.proc.stderr.fileno())

    def __enter__(self):
        try:
            wait_attached(self.err)
        except AssertionError:
            stop(self.proc)
            raise
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            stop(self.proc)
        self.proc.stdout.close()
        self.proc.stderr.close()

    def wait(self, code=0):
        """Waits for the end that the target's end brings."""
        try:
            out, err = self.proc.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired as e:
            raise AssertionError(f"memprof record does not end: {self.err.seen}") from e
        err = "\n".join(self.err.seen) + err.decode(errors="replace")
        assert self.proc.returncode == code, f"record: {self.proc.returncode}\n{out}\n{err}"
        return err

    def stop(self, code=0):
        """One SIGINT: end and save."""
        self.proc.send_signal(signal.SIGINT)
        return self.wait(code)

    def report(self):
        return report(self.path)


def wait_attached(err):
    """Reads memprof's stderr up to the line that says all probes are in place."""
    while True:
        line = err.next()
        if line is None:
            raise AssertionError("memprof ended: " + "\n".join(err.seen))
        if line.startswith("memprof: recording"):
            return


# --- workloads --------------------------------------------------------------------


class Workload:
    """A program of tests/workloads standing at its first quiet point."""

    def __init__(self, name, *args, argv=None, env=None, cwd=None):
        argv = argv or [str(BUILD / "workloads" / name), *map(str, args)]
        self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     env=dict(os.environ, **(env or {})), cwd=cwd)
        self.pid = self.proc.pid
        self.out = Lines(self.proc.stdout.fileno())
        self.expect("start")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        stop(self.proc)
        self.proc.stdin.close()
        self.proc.stdout.close()

    def expect(self, name, quiet=True):
        """The next step; it must be `name`. Fields become attributes of the result. A program that
        works on behind it is never quiet there."""
        line = self.out.next()
        if line is None:
            raise AssertionError(f"the workload ended before step {name}: {self.proc.wait(DEADLINE)}")
        s = Step(line)
        assert s.name == name, f"step {s.name}, expected {name}"
        if quiet:
            self.quiet()
        return s

    def quiet(self):
        """Waits until the process sleeps in its read of stdin: nothing moves now."""
        wait_until(lambda: proc_state(self.pid) == "S", what="quiet point")

    def go(self):
        self.proc.stdin.write(b"\n")
        self.proc.stdin.flush()

    def step(self, name, quiet=True):
        self.go()
        return self.expect(name, quiet)

    def finish(self):
        """Lets it run to its end; the exit status."""
        try:
            self.proc.stdin.close()
        except BrokenPipeError:
            pass
        return self.proc.wait(DEADLINE)


def record_steps(path, steps, name, *args):
    """A recording of a workload up to the last of these steps."""
    with Workload(name, *args) as w, Recording(w.pid, path) as r:
        for s in steps:
            w.step(s)
        r.stop()
    return path


def record_through(path, name):
    """A recording of a workload that memprof starts, from its start to its end."""
    p = subprocess.run([MEMPROF, "record", "-q", "-o", str(path), "--", str(BUILD / "workloads" / name)],
                       input=b"\n" * 40, capture_output=True, timeout=600, check=False)
    assert p.returncode == 0, p.stderr
    return path


class Step:
    """`step NAME key=value...`, numbers as integers."""

    def __init__(self, line):
        word = line.split()
        assert word[:1] == ["step"], f"not a step: {line!r}"
        self.name = word[1]
        self.map = self.len = self.touched = 0
        for w in word[2:]:
            k, _, v = w.partition("=")
            setattr(self, k, int(v, 0) if re.fullmatch(r"-?(0x[0-9a-f]+|\d+)", v) else v)

    @property
    def end(self):
        return self.map + self.len


@contextlib.contextmanager
def frozen(pid):
    """Every thread of the process stands still: for runtimes with threads of their own."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: all(thread_state(pid, t) in "TZ" for t in os.listdir(f"/proc/{pid}/task")),
                   what="stop")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def thread_state(pid, tid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/task/{tid}/stat").read_text(errors="replace")
    except OSError:
        return "Z"
    return stat[stat.rindex(")") + 2]


# --- what the kernel says -----------------------------------------------------------


def proc_state(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return stat[stat.rindex(")") + 2]


KERNEL = tuple(int(x) for x in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())


def kernel_rss(pid):
    """Resident bytes by type: exact, from the counters or, before 6.2, from the page table."""
    rss = status_rss(pid)
    return rss if KERNEL >= (6, 2) else dict(rss, **walked_rss(pid))


def walked_rss(pid):
    """Resident bytes by type and swap, as smaps finds them."""
    text = pathlib.Path("/proc/self/mountinfo").read_text()
    tmpfs = re.findall(r"^\d+ \d+ (\d+:\d+) .* - tmpfs ", text, re.M)
    got = {"anon": 0, "file": 0, "shmem": 0}
    swap, kind = 0, None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines():
        w = line.split(None, 5)
        if re.fullmatch(r"[0-9a-f]+-[0-9a-f]+", w[0]):
            dev = "{}:{}".format(*(int(x, 16) for x in w[3].split(":")))
            name = w[5] if len(w) > 5 else ""
            shmem = dev in tmpfs or name.startswith(("/memfd:", "/dev/zero", "/SYSV"))
            kind = "shmem" if shmem else "file"
        elif w[0] == "Rss:":
            got[kind] += int(w[1]) * 1024
        elif w[0] == "Anonymous:":
            got[kind] -= int(w[1]) * 1024
            got["anon"] += int(w[1]) * 1024
        elif w[0] == "Swap:" and kind != "shmem":  # which VmSwap leaves out
            swap += int(w[1]) * 1024
    return dict(got, rss=sum(got.values()), swap=swap)


def status_rss(pid):
    """Resident bytes by type, from the counters of /proc/PID/status."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(errors="replace")
    kb = dict(re.findall(r"^(RssAnon|RssFile|RssShmem|VmRSS|VmSwap):\s+(\d+) kB", text, re.M))
    return {"anon": int(kb["RssAnon"]) * 1024, "file": int(kb["RssFile"]) * 1024,
            "shmem": int(kb["RssShmem"]) * 1024, "rss": int(kb["VmRSS"]) * 1024,
            "swap": int(kb["VmSwap"]) * 1024}


def smaps_rollup(pid):
    """Bytes by the names of /proc/PID/smaps_rollup."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {k: int(v) * 1024 for k, v in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}


def kernel_maps(pid):
    """(start, end, perms, name) of every mapping."""
    out = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        w = line.split(None, 5)
        start, end = (int(x, 16) for x in w[0].split("-"))
        out.append((start, end, w[1], w[5] if len(w) > 5 else ""))
    return out


_zero_pfn = None


def zero_pfn():
    """Frame of the shared zero page: what a page that was only read maps."""
    global _zero_pfn
    if _zero_pfn is None:
        with mmap.mmap(-1, PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as m:
            addr = ctypes.addressof(ctypes.c_char.from_buffer(m))
            assert m[0] == 0
            with open("/proc/self/pagemap", "rb", buffering=0) as f:
                (e,) = struct.unpack("<Q", os.pread(f.fileno(), 8, addr // PAGE * 8))
        _zero_pfn = e & ((1 << 55) - 1)
        assert e >> 63 and _zero_pfn, "page frame numbers need root"
    return _zero_pfn


def resident_pages(pid, start, end):
    """Pages of [start, end) that count as resident: present, the zero page not."""
    zero = zero_pfn()
    n = 0
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as f:
        at = start // PAGE
        while at < end // PAGE:
            raw = os.pread(f.fileno(), min(end // PAGE - at, 65536) * 8, at * 8)
            assert raw, "pagemap ended early"
            for (e,) in struct.iter_unpack("<Q", raw):
                if e >> 63 and e & ((1 << 55) - 1) != zero:
                    n += 1
            at += len(raw) // 8
    return n


def kernel_mappings(pid):
    """{(start, end): resident bytes} of every mapping; together they are the resident set."""
    return {(s, e): resident_pages(pid, s, e) * PAGE for s, e, _, name in kernel_maps(pid)
            if not name.startswith(("[vvar", "[vsyscall"))}


# --- comparing -------------------------------------------------------------------------


def mappings(rep):
    """{(start, end): mapping} of a report."""
    return {(int(m["start"], 16), int(m["end"], 16)): m for m in rep["mappings"]}


def in_range(rep, start, end, what):
    """Sum of a figure over the report's mappings that lie within [start, end)."""
    return sum(m[what] for (s, e), m in mappings(rep).items() if s >= start and e <= end)


def check_lossless(rep):
    assert rep["recording"]["state"] == "clean", rep["recording"]
    assert rep["recording"]["lost"]["total"] == 0, rep["recording"]["lost"]


def check_rss(rep, kernel):
    """The last figures are the kernel's own, by type, to the byte."""
    got = {k: rep["rss"][k] for k in ("anon", "file", "shmem")}
    assert got == {k: kernel[k] for k in got}
    assert rep["rss"]["end"] == kernel["rss"]


def check_account(rep):
    """The parts sum to RSS, and what is not known is nothing here."""
    a = rep["account"]
    parts = [k for k in a if k not in ("rss", "lazy_heap", "swap")]
    assert sum(a[k] or 0 for k in parts) == a["rss"], a


def check_mappings(rep, kernel):
    """Every mapping has as many resident pages as its page table."""
    got = mappings(rep)
    wrong = []
    for key, want in kernel.items():
        have = got[key]["resident"] if key in got else 0
        if have != want:
            name = got[key]["name"] if key in got else "(not in the report)"
            wrong.append(f"{key[0]:#x}-{key[1]:#x} {name}: {have // PAGE} pages, kernel {want // PAGE}")
    assert not wrong, "\n".join(wrong)


def rises_and_falls(series, *marks):
    """True when the series passes the marks in order: n > 0 at least n, n < 0 at most -n."""
    marks = list(marks)
    for v in series:
        if marks and v is not None and (v >= marks[0] if marks[0] > 0 else v <= -marks[0]):
            marks.pop(0)
    return not marks


# --- a recording, folded by the test itself -------------------------------------------------


class Replay:
    """Resident pages of one range and notes, folded from `memprof dump` without the model."""

    def __init__(self, path, start=0, end=1 << 64):
        self.start, self.end = start, end
        self.pages = set()
        self.notes = []   # (text, pages resident when it came, RSS bytes by the last counters)
        self.rss = 0
        dump = memprof("dump", path, check=0).stdout
        keyframe = False
        for line in dump.splitlines():
            kind = line.split(None, 2)[1]
            if kind.startswith("keyframe."):
                keyframe = kind.endswith(".begin")
            elif not keyframe:
                self.fold(kind, dict(re.findall(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S+)', line)))

    def cut(self, addr, length):
        first = max(addr, self.start) // PAGE
        last = min(addr + length, self.end) // PAGE
        return range(first, max(first, last))

    def fold(self, kind, f):
        def num(key):
            return int(re.sub(r"(B|pg|ns)$", "", f[key]), 0)

        if kind == "fault":
            bits = f["kind"].split("+")
            # a read of fresh anonymous memory maps the zero page
            if "write" in bits:
                self.pages.update(self.cut(num("addr"), num("pages") * PAGE))
        elif kind == "pages.absent":
            self.pages.difference_update(self.cut(num("addr"), num("len")))
        elif kind == "pages.resident":
            self.pages.update(self.cut(num("addr"), num("len")))
        elif kind.startswith("rss."):
            self.rss = sum(num(k) for k in ("anon", "file", "shmem")) * PAGE
        elif kind == "call.munmap" or kind == "call.madvise" and f["advice"].startswith("dontneed("):
            if "failed" not in f.get("flags", ""):
                self.pages.difference_update(self.cut(num("addr"), num("len")))
        elif kind.startswith("note."):
            self.notes.append((f["text"].strip('"'), len(self.pages), self.rss))


# --- a terminal ----------------------------------------------------------------------------


class Tmux:
    """A program in a detached terminal of a fixed size, on a tmux server of its own."""

    def __init__(self, argv, cols=80, rows=24, env=None, term=None):
        need_command("tmux")
        self.dir = tempfile.mkdtemp(prefix="memprof-tmux-")
        self.sock = os.path.join(self.dir, "s")
        self.env = {k: v for k, v in os.environ.items()
                    if k not in ("TMUX", "TMUX_PANE", "NO_COLOR", "LC_ALL", "LANG", "LC_CTYPE")}
        self.env.update({"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"})
        sets = {"LC_ALL": "C.UTF-8", **(env or {})}
        if term is not None:
            sets["TERM"] = term
        words = ["env", *(f"{k}={v}" for k, v in sets.items()), *map(str, argv)]
        # a shell around it, so that the pane stays and its state can be asked after the end
        script = " ".join(_quote(w) for w in words) + "; echo \"[status $?]\"; exec cat"
        self.tmux("new-session", "-d", "-x", str(cols), "-y", str(rows), "sh", "-c", script)

    def tmux(self, *args):
        p = subprocess.run(["tmux", "-u", "-S", self.sock, "-f", "/dev/null", *args],
                           capture_output=True, text=True, errors="replace", timeout=DEADLINE,
                           env=self.env, check=False)
        assert p.returncode == 0, f"tmux {args}: {p.stderr}"
        return p.stdout

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        subprocess.run(["tmux", "-S", self.sock, "kill-server"], env=self.env, check=False,
                       capture_output=True, timeout=DEADLINE)
        shutil.rmtree(self.dir, ignore_errors=True)

    def screen(self, colors=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colors else []))

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, cols, rows):
        self.tmux("resize-window", "-x", str(cols), "-y", str(rows))

    def ask(self, fmt):
        return self.tmux("display-message", "-p", fmt).strip()

    def wait_text(self, regex, deadline=DEADLINE):
        """Waits until the screen shows a match; the screen, looked at until two looks in a row
        are the same: the first one may have met half a frame."""
        last = ""

        def found():
            nonlocal last
            last = self.screen()
            return re.search(regex, last)

        try:
            wait_until(found, deadline)
        except AssertionError as e:
            raise AssertionError(f"no /{regex}/ on the screen:\n{last}") from e
        for _ in range(20):
            again = self.screen()
            if again == last or not re.search(regex, again):
                break
            last = again
        return last

    def wait_gone(self, regex, deadline=DEADLINE):
        """Waits until the screen shows no match any more; the screen."""
        wait_until(lambda: not re.search(regex, self.screen()), deadline, f"screen without /{regex}/")
        return self.screen()

    def wait_end(self):
        """The exit status of the program, once it has ended."""
        return int(re.search(r"\[status (\d+)\]", self.wait_text(r"\[status \d+\]"))[1])


def _quote(word):
    return "'" + word.replace("'", "'\\''") + "'"
