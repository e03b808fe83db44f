# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`memprof daemon` and real processes: which are watched, from when on, and whose they are said to be.

What was watched is asked of the recording that the daemon leaves in its state folder. Programs
are copies under names of the test's own: nobody else's process is taken by its rules.
"""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import daemon
import mp
import pytest
from daemon import Daemon, where  # noqa: F401

SLEEP = "/bin/sleep"
PREY = daemon.own("prey")


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


@contextlib.contextmanager
def busy(pid):
    """What happens meanwhile the daemon hears of afterwards, all at once."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def running(*argv, **kw):
    """A process that has called exec."""
    p = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **kw)
    try:
        yield p
    finally:
        mp.stop(p)


def listed(path):
    """{pid: its row} of all processes in a recording."""
    return {p["pid"]: p for p in mp.report(path)["processes"]["list"]}


def seen(path):
    """Pids of all processes in a recording, the first of all included; in no recording: none."""
    out = mp.memprof("dump", path, check=0).stdout
    pids = set()
    for line in out.splitlines():
        words = line.split()
        if len(words) > 1 and words[1] == "task.target":
            pids.update(int(w[4:]) for w in words if w.startswith("pid="))
    return pids


def workload(where, name, *args, binary="touch-threads"):
    """A workload under a name of its own, at its first quiet point."""
    path = pathlib.Path(where) / name
    if not path.exists():
        daemon.copy_of(where, mp.BUILD / "workloads" / binary, name)
    return mp.Workload(None, argv=[str(path), *map(str, args)])


def check_from_exec_on(rep, kernel_faults):
    """All faults since exec were recorded, no more and no less."""
    assert 0 <= sum(kernel_faults) - rep["faults"]["total"] <= daemon.BY_EXEC, (kernel_faults, rep["faults"])
    mp.check_lossless(rep)
    mp.check_account(rep)


# --- before the first fault ---------------------------------------------------------------------


def follow(tmp_path, groups, name=PREY, before=None):
    """A process that starts beside the daemon: its figures are the kernel's, from exec on."""
    with Daemon(tmp_path, groups) as d:
        with workload(tmp_path, name, 4, 64) as w:
            if before:
                before(w)
            w.step("all")
            faults, kernel = daemon.minflt(w.pid), mp.kernel_rss(w.pid)
            path = d.stop()
            rep = mp.report(path, pid=w.pid)
    check_from_exec_on(rep, faults)
    mp.check_rss(rep, kernel)
    return rep


def test_by_name(tmp_path):
    follow(tmp_path, f"[target t]\nexe = {PREY}")


def test_by_pattern(tmp_path):
    follow(tmp_path, f"[target t]\nexe = p*y-{daemon.OWN}")


def test_by_path(tmp_path):
    follow(tmp_path, f"[target t]\nexe = {tmp_path}/pre?-{daemon.OWN}")


def test_by_any_of_several(tmp_path):
    follow(tmp_path, f"[target other]\nexe = nobody-is-called-so\n[target t]\nexe = no\nexe = {PREY}")


def test_faults_of_the_very_first_instant(tmp_path):
    """A program that is over in a moment: what it faulted before anybody could look was seen."""
    prog = daemon.copy_of(tmp_path, "/bin/ls", daemon.own("short"))
    with Daemon(tmp_path, f"[target t]\nexe = {daemon.own('short')}") as d:
        with running(prog, "-l", "/"):
            pass
        pids = set()
        for _ in range(20):
            p = subprocess.Popen([prog, "-l", "/"], stdout=subprocess.DEVNULL)
            p.wait()
            pids.add(p.pid)
        path = d.stop()
    rows = listed(path)
    assert pids <= set(rows), (sorted(pids), sorted(rows))
    for pid in pids:
        assert rows[pid]["faults"] > 50 and rows[pid]["exited"], rows[pid]
    mp.check_lossless(mp.report(path))


# --- who is taken ---------------------------------------------------------------------------------


def test_others_are_not(tmp_path):
    """What no rule takes is in nothing that is recorded, the daemon included."""
    with Daemon(tmp_path, f"[target t]\nexe = {PREY}\n[target u]\nexe = pre?y-{daemon.OWN}") as d, \
            workload(tmp_path, PREY) as yes, workload(tmp_path, f"{PREY}er") as no:
        path = d.stop()
    assert yes.pid in seen(path)
    assert no.pid not in seen(path) and d.pid not in seen(path)


def test_what_the_kernel_took_too_much(tmp_path):
    """The kernel side compares the beginning of a pattern: what only begins so leaves no trace."""
    with Daemon(tmp_path, f"[target t]\nexe = {PREY}-*-x") as d:
        with workload(tmp_path, f"{PREY}-1-x") as yes, workload(tmp_path, f"{PREY}-1-y", 2, 64) as no:
            no.step("all")
            path = d.stop()
    assert yes.pid in seen(path) and no.pid not in seen(path)
    assert len(listed(path)) == 1


def test_children_of_what_the_kernel_took_too_much(tmp_path):
    """They are watched before anybody can say that they are not wanted: nothing of them is told, either."""
    with Daemon(tmp_path, f"[target t]\nexe = {PREY}-*-x") as d:
        with workload(tmp_path, f"{PREY}-1-x") as yes:
            with busy(d.pid):
                no = workload(tmp_path, f"{PREY}-1-y", binary="fork-cow")
                for name in ("touched", "forked"):
                    no.step(name)
            with no:
                mp.looked(d.pid)
                path = d.stop()
    assert seen(path) == {yes.pid}
    # a stack is told before anybody knows whose it is, and once for all of an image
    told = re.findall(r"^\S+ (\S+) +mm=([1-9]\d*) ", mp.memprof("dump", path, check=0).stdout, re.M)
    (mm,) = (m for what, m in told if what == "task.target")
    assert {m for what, m in told if what != "stack"} == {mm}


def test_by_user(where):
    prog = daemon.copy_of(where, SLEEP, daemon.own("asleep"))
    with Daemon(where, f"[target t]\nuser = 54321\nexe = {daemon.own('asleep')}") as d:
        with running(prog, "1000", user=54321, group=54321) as yes, running(prog, "1000") as no:
            path = d.stop()
    assert yes.pid in seen(path) and no.pid not in seen(path)


@contextlib.contextmanager
def group_of_memory(name):
    """A control group of memory of the test's own; its folder and its path in the hierarchy."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, opts = right.split()[0], right.split()[2].split(",")
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in opts):
            top = pathlib.Path(left.split()[4])
            break
    else:
        mp.lacking("no control groups of memory are mounted here")
    own = next((line.partition("memory:" if kind == "cgroup" else "::")[2] for line in
                pathlib.Path("/proc/self/cgroup").read_text().splitlines()
                if ("memory:" if kind == "cgroup" else "0::") in line), "/")
    folder = top / own.strip("/") / name
    if not folder.parent.exists():
        folder = top / name
    try:
        folder.mkdir(parents=True)
    except OSError as e:
        mp.lacking(f"no control group can be made: {e}")
    try:
        yield folder, f"{own.rstrip('/')}/{name}" if folder.parent != top else f"/{name}"
    finally:
        def gone():
            try:
                folder.rmdir()
            except OSError:
                return False
            return True
        mp.wait_until(gone, what="end of the control group")


# Enters a group, says what it has faulted so far, and becomes another program.
INTO = 'echo 0 > "$1"; read -r s < /proc/$$/stat; echo "$s" > "$2"; shift 2; exec "$@"'


@pytest.mark.parametrize("rule", ["cgroup = {path}", "cgroup = {up}*", "container = {id}", "container = {id:.12}"])
def test_by_group(tmp_path, rule):
    """In a control group, or in the container that its name says, from exec on."""
    ident = f"{os.getpid():08x}" + "0123456789abcdef" * 3 + "01234567"
    with group_of_memory(f"docker-{ident}.scope") as (folder, path):
        prog, before = daemon.copy_of(tmp_path, mp.BUILD / "workloads" / "touch-threads", PREY), tmp_path / "stat"
        argv = ["/bin/sh", "-c", INTO, "sh", str(folder / "cgroup.procs"), str(before), prog, "4", "64"]
        with Daemon(tmp_path, "[target t]\n" + rule.format(path=path, id=ident, up=path[:-20])) as d:
            with mp.Workload(None, argv=argv) as w:
                w.step("all")
                faults, kernel = daemon.minflt(w.pid), mp.kernel_rss(w.pid)
                recorded = d.stop()
            rep = mp.report(recorded, pid=w.pid)
        shell = before.read_text().rsplit(") ", 1)[1].split()
    check_from_exec_on(rep, (faults[0] - int(shell[7]), faults[1] - int(shell[9])))
    mp.check_rss(rep, kernel)


def test_by_pid(tmp_path):
    with workload(tmp_path, PREY, 2, 16) as w, workload(tmp_path, f"{PREY}2", 2, 16) as other:
        with Daemon(tmp_path, f"[target t]\npid = {w.pid}") as d:
            w.step("all")
            other.step("all")
            kernel = mp.kernel_rss(w.pid)
            path = d.stop()
    assert seen(path) == {w.pid}
    mp.check_rss(mp.report(path), kernel)


def test_a_child_in_borrowed_memory(tmp_path):
    """Between vfork and exec a child has its parent's memory: that is watched as the parent's, and stays so."""
    with workload(tmp_path, PREY, binary="borrowed") as w:
        child = mp.Step(w.out.seen[0]).child
        with Daemon(tmp_path, f"[target t]\npid = {w.pid}\npid = {child}\nfollow-forks = no") as d:
            mp.wait_until(lambda: w.pid in {t["pid"] for t in d.list()["targets"]}, what="the parent in the list")
            assert child not in {t["pid"] for t in d.list()["targets"]}
            w.step("alone")
            last = w.step("touched")
            path = d.stop()
    assert seen(path) == {w.pid}
    assert listed(path)[w.pid]["faults"] >= last.n


def test_who_was_there_before(tmp_path):
    with workload(tmp_path, PREY, 2, 16) as w:
        with Daemon(tmp_path, f"[target t]\nexe = {PREY}") as d:
            kernel = mp.kernel_rss(w.pid)
            path = d.stop()
    assert seen(path) == {w.pid}
    rep = mp.report(path)
    mp.check_rss(rep, kernel)
    mp.check_lossless(rep)


def test_nobody_at_all(tmp_path):
    """A daemon goes on when nobody is there, and when its last target has gone."""
    with Daemon(tmp_path, f"[target t]\nexe = {PREY}") as d:
        for _ in range(3):
            with workload(tmp_path, PREY) as w:
                pid = w.pid
            mp.looked(d.pid)
            assert d.proc.poll() is None
        path = d.stop()
    assert pid in seen(path) and len(seen(path)) == 3


# --- children --------------------------------------------------------------------------------------


FAMILY = """
import os, subprocess, sys
p = subprocess.Popen([sys.argv[1], "1000"])      # a child that becomes another program
q = os.fork()                                    # ... and one that does not
if not q:
    sys.stdin.read()
    os._exit(0)
print("pids", p.pid, q, flush=True)
sys.stdin.read()
p.kill()
p.wait()
os.waitpid(q, 0)
"""


@contextlib.contextmanager
def family(tmp_path):
    """(parent, {its children}), the parent a Python of a name of its own."""
    python = daemon.copy_of(tmp_path, "/usr/bin/python3", daemon.own("parent"))
    p = subprocess.Popen([python, "-S", "-c", FAMILY, SLEEP], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lines = mp.Lines(p.stdout.fileno())
    try:
        words = lines.next().split()
        assert words[0] == "pids", words
        yield p.pid, set(map(int, words[1:]))
        p.stdin.close()
        p.wait(mp.DEADLINE)
    finally:
        mp.stop(p)
        p.stdout.close()


@pytest.mark.parametrize("first", ["daemon", "family"])
@pytest.mark.parametrize("children", ["yes", "no"])
def test_children(tmp_path, children, first):
    """Those of a target are watched with it, or not: those it has already, and those it forks."""
    groups = f"[target t]\nexe = {daemon.own('parent')}\nfollow-forks = {children}"
    with contextlib.ExitStack() as stack:
        if first == "family":
            parent, kids = stack.enter_context(family(tmp_path))
        d = stack.enter_context(Daemon(tmp_path, groups))
        if first == "daemon":
            parent, kids = stack.enter_context(family(tmp_path))
        path = d.stop()
    pids = seen(path)
    assert parent in pids
    # without `children` one that is a fork of the parent has its program: a rule of its own takes it
    forked = {k for k in kids if k in pids}
    if children == "yes":
        assert forked == kids
    else:
        assert len(forked) <= 1
        assert SLEEP not in mp.memprof("dump", path, check=0).stdout


SHORT = """
import subprocess, sys
for _ in range(20):
    p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    p.wait()
    print(p.pid, flush=True)
"""
# its & is a fork, where the other one borrows its parent's memory
SHORT_SH = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "$@" >/dev/null & echo $!; wait; done'


@pytest.mark.parametrize("program, argv", [("/usr/bin/python3", ["-S", "-c", SHORT]), ("/bin/sh", ["-c", SHORT_SH, "sh"])])
@pytest.mark.parametrize("rule", ["", "\nuser = 0"])
def test_short_children_that_a_rule_of_their_own_takes(tmp_path, program, argv, rule):
    """Forked by a target whose children are not watched, another program at once, over in a moment:
    a rule takes them by their exec, as it does children of nobody."""
    short = daemon.copy_of(tmp_path, "/bin/ls", daemon.own("short"))
    parent = daemon.copy_of(tmp_path, program, daemon.own("parent"))
    groups = f"[target p]\nexe = {daemon.own('parent')}\nfollow-forks = no\n[target s]\nexe = {daemon.own('short')}{rule}"
    with Daemon(tmp_path, groups) as d:
        p = subprocess.run([parent, *argv, short, "-l", "/"], capture_output=True, text=True, check=True,
                           timeout=mp.DEADLINE)
        pids = set(map(int, p.stdout.split()))
        path = d.stop()
    rows = listed(path)
    assert len(pids) == 20 and pids <= set(rows), (sorted(pids), sorted(rows))
    for pid in pids:
        assert rows[pid]["faults"] > 50 and rows[pid]["exited"], rows[pid]
    mp.check_lossless(mp.report(path))


# --- what changes ------------------------------------------------------------------------------------


def test_reload(tmp_path):
    """SIGHUP: who is in no group any more is let go, who is in one now is watched."""
    with Daemon(tmp_path, f"[target a]\nexe = {PREY}1") as d, \
            workload(tmp_path, f"{PREY}1", 2, 64) as one, workload(tmp_path, f"{PREY}2", 2, 64) as two:
        d.reload(f"[target b]\nexe = {PREY}2")
        with workload(tmp_path, f"{PREY}2", 2, 64) as three:
            faults = daemon.minflt(three.pid)
            # who runs already is looked for in /proc, a part of it in each round
            mp.wait_until(lambda: two.pid in {t["pid"] for t in d.list()["targets"]}, what="the one that ran already")
            one.step("all")
            two.step("all")
            path = d.stop()
    rows = listed(path)
    assert set(rows) == {one.pid, two.pid, three.pid}
    assert rows[one.pid]["exited"] and not rows[two.pid]["exited"]
    check_from_exec_on(mp.report(path, pid=three.pid), faults)


def test_reload_with_mistakes(tmp_path):
    with Daemon(tmp_path, f"[target a]\nexe = {PREY}1") as d:
        line = d.reload(f"[target b]\nexe = {PREY}2\nnonsense = 1")
        assert "stays in force" in line
        assert any("memprof.conf:" in seen_line for seen_line in d.err.seen)
        with workload(tmp_path, f"{PREY}1") as one, workload(tmp_path, f"{PREY}2") as two:
            path = d.stop()
    assert seen(path) == {one.pid} and two.pid not in seen(path)


def test_reload_names_what_waits_for_a_start(tmp_path):
    """Keys of [daemon] that were changed: each with its line; those that are as they were are not told."""
    with Daemon(tmp_path, f"[target a]\nexe = {PREY}1", "keep-size = 32M", "max-viewers = 3", "stacks = no") as d:
        assert "0 keys of [daemon] wait for a start" in d.reload(f"[target a]\nexe = {PREY}2")
        d.keys = ("keep-size = 64M", "max-viewers = 3", "hooks = auto")
        assert "2 keys of [daemon] wait for a start" in d.reload(f"[target a]\nexe = {PREY}2")
        notes = [line for line in d.err.seen if "note: " in line]
        assert notes == [f"memprof: {d.conf}: note: stacks: no stays in force, yes is for the next start",
                         f"memprof: {d.conf}:4: note: keep-size: 32M stays in force, 64M is for the next start"]
        d.keys = ("keep-size = 32M", "max-viewers = 3", "stacks = no")
        assert "0 keys of [daemon] wait for a start" in d.reload(f"[target a]\nexe = {PREY}2")
        d.stop()


# --- who reads what it says ------------------------------------------------------------------------


def fill(fd):
    """A pipe that takes nothing more, seen from its other end."""
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    w = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(w, b"filler\n")
    os.close(w)


def test_a_log_that_nobody_reads(tmp_path):
    """The loop goes on; what found no room is counted, and told when somebody reads again."""
    mistakes, reloads = 150, 5
    with Daemon(tmp_path, f"[target a]\nexe = {PREY}") as d:
        fill(d.proc.stderr.fileno())
        d.write("nonsense = 1\n" * mistakes)
        for _ in range(reloads):
            d.proc.send_signal(signal.SIGHUP)
            d.list()  # the loop has been woken by the signal, ...
            d.list()  # ... and has come around
        with workload(tmp_path, PREY) as w:
            mp.wait_until(lambda: w.pid in {t["pid"] for t in d.list()["targets"]}, what="a target that comes")
        said = lost = 0
        while said + lost < reloads * (2 * mistakes + 1):
            line = d.err.next()
            told = re.fullmatch(r"memprof: (\d+) lines? w\w+ left out: nobody read what was said", line)
            lost += int(told[1]) if told else 0
            said += line.startswith(("memprof: ", "  fix: ")) and not told
        assert said and lost and said + lost == reloads * (2 * mistakes + 1)
        d.reload(f"[target a]\nexe = {PREY}")
        d.stop()


def test_ends_although_nobody_reads(tmp_path):
    with Daemon(tmp_path, f"[target a]\nexe = {PREY}") as d:
        fill(d.proc.stderr.fileno())
        d.proc.send_signal(signal.SIGTERM)
        assert d.proc.wait(mp.DEADLINE) == 0
    mp.memprof("dump", d.rings()[-1], check=0)


CHANGES = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
print("root", flush=True)
sys.stdin.readline()
os.setgroups([])
os.setresgid(54321, 54321, 54321)
os.setresuid(54321, 54321, 54321)
libc.prctl(4, 1, 0, 0, 0)   # PR_SET_DUMPABLE: who changed its ids is not
print("user", flush=True)
sys.stdin.readline()
libc.prctl(4, 0, 0, 0, 0)
print("closed", flush=True)
sys.stdin.readline()
"""

ASKS = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"memprof 1 list\\n")
data = b""
while more := s.recv(65536):
    data += more
print(data.decode())
"""


def test_owner_that_changes(where):
    """A user sees a process from when it is the user's and until it is closed to the user, without an exec."""
    python = daemon.copy_of(where, "/usr/bin/python3", PREY)
    p = subprocess.Popen([python, "-S", "-c", CHANGES], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lines = mp.Lines(p.stdout.fileno())

    def sees():
        out = subprocess.run(["/usr/bin/python3", "-S", "-c", ASKS, str(d.socket)], user=54321, group=54321,
                             extra_groups=[], capture_output=True, text=True, check=True, timeout=mp.DEADLINE).stdout
        return str(p.pid) in out

    def step():
        p.stdin.write(b"\n")
        p.stdin.flush()
        return lines.next()

    try:
        assert lines.next() == "root"
        with Daemon(where, f"[target a]\nexe = {PREY}") as d:
            assert not sees()
            assert step() == "user"
            mp.wait_until(sees, what="sight of it")
            assert step() == "closed"
            mp.wait_until(lambda: not sees(), what="end of the sight of it")
            d.stop()
    finally:
        mp.stop(p)
        p.stdin.close()
        p.stdout.close()


def test_max_targets(tmp_path):
    """Who finds no room is counted, and what is watched goes on."""
    with Daemon(tmp_path, f"[target a]\nexe = {PREY}", "max-targets = 2") as d:
        with workload(tmp_path, PREY) as a, workload(tmp_path, PREY) as b, workload(tmp_path, PREY) as c:
            line = d.says("no room")
            path = d.stop()
    assert "max-targets = 2" in line
    assert seen(path) == {a.pid, b.pid} and c.pid not in seen(path)


# --- one at a time, and its end ----------------------------------------------------------------------


def test_two_of_one_state(tmp_path):
    with Daemon(tmp_path, f"[target a]\nexe = {PREY}") as d:
        p = mp.memprof("daemon", "--config", tmp_path / "memprof.conf", check=1)
        assert "another memprof daemon has" in p.stderr and f"process {d.pid} has locked" in p.stderr


def test_killed_again_and_again(tmp_path):
    """SIGKILL: what was recorded up to a second before is readable, and the next one starts."""
    prog = daemon.copy_of(tmp_path, SLEEP, PREY)
    with running(prog, "1000") as p:
        for _ in range(5):
            with Daemon(tmp_path, f"[target a]\nexe = {PREY}") as d:
                # its first block is in the file
                mp.wait_until(lambda: any(p.pid in _partly_seen(r) for r in d.rings()), what="recording")
                d.proc.kill()
                d.proc.wait(mp.DEADLINE)
            rep = mp.report(d.rings()[-1], code=5, pid=p.pid)
            assert rep["target"]["pid"] == p.pid
        with Daemon(tmp_path, f"[target a]\nexe = {PREY}") as d:
            path = d.stop()
    assert p.pid in seen(path)


def _partly_seen(path):
    """Pids in a recording that is still being written, or whose writer was killed."""
    out = mp.memprof("dump", path).stdout
    return {int(w[4:]) for line in out.splitlines() if "task.target" in line
            for w in line.split() if w.startswith("pid=")}


def test_notifies(tmp_path):
    """READY, RELOADING, signs of life, STOPPING: what a service manager is told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.settimeout(mp.DEADLINE)
        s.bind(str(tmp_path / "notify"))
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}

        def told(what):
            while True:
                got = s.recv(4096).decode()
                if what in got.split("\n"):
                    return got
                assert got == "WATCHDOG=1" or what == "WATCHDOG=1", got

        with Daemon(tmp_path, f"[target a]\nexe = {PREY}", env=env) as d:
            told("READY=1")
            told("WATCHDOG=1")
            d.proc.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in told("RELOADING=1")
            told("READY=1")
            d.proc.send_signal(signal.SIGTERM)
            told("STOPPING=1")
            assert d.proc.wait(mp.DEADLINE) == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_ends_properly(tmp_path, sig):
    with workload(tmp_path, PREY) as w, Daemon(tmp_path, f"[target a]\nexe = {PREY}") as d:
        path = d.stop(sig)
        assert w.proc.poll() is None
    mp.memprof("report", path, check=0)  # complete: not 5


def test_in_memory_writes_nothing(tmp_path):
    with workload(tmp_path, PREY), Daemon(tmp_path, f"[target a]\nexe = {PREY}", "ring = memory") as d:
        assert d.stop() is None


# --- its command line ----------------------------------------------------------------------------------


def test_check(tmp_path):
    conf = tmp_path / "c"
    conf.write_text("[target a]\nexe = x\n")
    assert "in order: 1 group" in mp.memprof("daemon", "--check", "--config", conf, check=0).stderr
    conf.write_text("[target a]\nexe = x\nexo = y\n[target a]\n")
    p = mp.memprof("daemon", "--check", "--config", conf, check=64)
    assert f"{conf}:3:" in p.stderr and f"{conf}:4:" in p.stderr
    # the same at each start, which a manager of services is told by the status
    mp.memprof("daemon", "--check", "--config", tmp_path / "none", check=64)
    p = mp.memprof("daemon", "--config", tmp_path / "none", check=64)
    assert p.stderr.startswith(f"memprof: {tmp_path}/none: cannot be read: No such file")
    p = mp.memprof("daemon", "--check", "--config", tmp_path, check=64)
    assert p.stderr.count(str(tmp_path)) == 1
    if os.geteuid() == 0:
        shutil.chown(conf, 0)
        conf.chmod(0o600)
        tmp_path.chmod(0o755)
        p = mp.memprof("daemon", "--check", "--config", conf.name, check=4, cwd=tmp_path, user=65534)
        assert p.stderr == f"memprof: {conf.name}: cannot be read: Permission denied\n"


def test_defaults_are_a_file_in_order(tmp_path):
    conf = tmp_path / "c"
    conf.write_text(mp.memprof("daemon", "--defaults", check=0).stdout)
    mp.memprof("daemon", "--check", "--config", conf, check=0)


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not there")
def test_inside_a_pid_namespace(tmp_path):
    """There the kernel's numbers are others: it says so, and works without hooks."""
    (tmp_path / "c").write_text(f"[daemon]\nsocket = {tmp_path}/s\nstate = {tmp_path}/st\n[target a]\nexe = {PREY}\n")
    wrap = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    p = mp.memprof("daemon", "--config", tmp_path / "c", wrap=wrap, check=4)
    assert "PID namespace" in p.stderr and "hooks = none" in p.stderr
