# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What goes wrong, goes wrong in a way that a person and a script can use.

Every error: the promised exit status, at most six lines on stderr, the cause and
what to do named, nothing on stdout but data.
"""
import json
import os
import pathlib
import pty
import re
import resource
import select
import shutil
import signal
import subprocess

import mp
import pytest

NOBODY = 65534


def control(text):
    """Characters in a text that could move a terminal, or are no characters at all."""
    return [c for c in text if c not in "\t\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\ufffd")]


def complaint(p, *words):
    """An error as it should be; `words` are patterns that must occur."""
    lines = p.stderr.strip("\n").split("\n")
    assert p.stderr.strip(), "an error without a word"
    assert len(lines) <= 6, p.stderr
    assert lines[0].startswith("memprof"), p.stderr
    assert not control(p.stderr), repr(p.stderr)
    for w in words:
        assert re.search(w, p.stderr, re.I), f"no /{w}/ in: {p.stderr}"


def test_an_instant_is_not_all(tmp_path):
    p = mp.memprof("report", "--at", "1", "--full", tmp_path / "none", check=64)
    assert "--at and --full" in p.stderr and len(p.stderr.splitlines()) <= 6


def free_pid():
    """A pid that no process has."""
    p = subprocess.Popen(["true"])
    p.wait()
    return p.pid


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A recording that ended well. Made without hooks, so that it needs no rights."""
    path = tmp_path_factory.mktemp("rec") / "r.mprof"
    with mp.Workload("dontneed", 1024) as w:
        hooks = [] if os.geteuid() == 0 else ["--hooks=none"]
        with mp.Recording(w.pid, path, *hooks) as r:
            for s in "touched", "dontneed", "refault":
                w.step(s)
            r.stop()
    return path


# --- usage ------------------------------------------------------------------------


@pytest.mark.parametrize("args,word", [
    (["--nonsense"], "nonsense"),
    (["nonsense"], "nonsense"),
    (["record", "--nonsense"], "nonsense"),
    (["report"], "report|file"),
    (["record"], "-p|target|process"),
    (["record", "-p", "abc"], "abc"),
    (["record", "-p", "-1"], "-1"),
    (["record", "-p", "0"], "0"),
    (["record", "-p", "99999999999999999999"], "9999"),
    (["report", "a", "b"], "b|one"),
    (["record", "-p", "1", "--interval", "never"], "never|interval"),
    (["report", "x", "--color=nonsense"], "--color"),
    (["record", "-p", "1", "--keep", "10m", "--rotate-size", "1M"], "--keep contradicts --rotate-size"),
    (["record", "-p", "1", "--rotate-time", "1m", "--keep", "9M", "--trigger", "oom"], "contradicts"),
])
def test_usage(tmp_path, args, word):
    p = mp.memprof(*args, cwd=tmp_path)
    assert p.returncode == 64, p.stderr
    assert not p.stdout
    complaint(p, word)
    assert re.search(r"--help|fix:", p.stderr), "a usage error says what to do"
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("args", [["--help"], ["record", "--help"], ["report", "--help"],
                                  ["doctor", "--help"], ["replay", "--help"], ["dump", "--help"],
                                  ["demo", "--help"], ["top", "--help"]])
def test_help(args):
    p = mp.memprof(*args, check=0)
    assert "memprof" in p.stdout and not p.stderr
    assert max(map(len, p.stdout.splitlines())) <= 100


def test_version():
    p = mp.memprof("--version", check=0)
    assert re.match(r"memprof (\(memprof\) )?\d+\.\d+", p.stdout)


# --- no target -----------------------------------------------------------------------


@pytest.mark.parametrize("command", [["record"], ["top", "--plain"], []])
def test_no_such_process(tmp_path, command):
    pid = free_pid()
    p = mp.memprof(*command, "-p", pid, cwd=tmp_path)
    assert p.returncode == 3, p.stderr
    complaint(p, str(pid), "no such process|not exist|gone|ended")
    assert not os.listdir(tmp_path), "a file was made for nothing"


def test_target_dies_while_attaching(tmp_path):
    """However early it goes: a clean status 3 or a recording of what was seen, never a hang."""
    for n in range(5):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        out = tmp_path / f"{n}.mprof"
        p = subprocess.Popen([mp.MEMPROF, "record", "-p", str(child.pid), "-o", str(out)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        child.kill()
        child.wait()
        try:
            o, e = p.communicate(timeout=mp.DEADLINE)
        finally:
            mp.stop(p)
        assert p.returncode in (0, 3), e
        if p.returncode == 3:
            complaint(subprocess.CompletedProcess([], 3, o, e), str(child.pid))
        else:
            assert mp.report(out)["target"]["exited"] is True


def test_zombie(tmp_path):
    """A process that has ended but was not waited for has no memory to watch."""
    child = subprocess.Popen(["true"])
    mp.wait_until(lambda: mp.proc_state(child.pid) == "Z", what="zombie")
    p = mp.memprof("record", "-p", child.pid, "-o", tmp_path / "r", timeout=600)
    child.wait()
    assert p.returncode == 3, p.stderr
    complaint(p, str(child.pid))


def test_kernel_thread(tmp_path):
    """A kernel thread has no address space."""
    if not pathlib.Path("/proc/2/comm").exists() or mp.kernel_maps(2):
        pytest.skip("no kernel thread with pid 2 in this namespace")
    p = mp.memprof("record", "-p", 2, "-o", tmp_path / "r", timeout=600)
    assert p.returncode == 3, p.stderr
    complaint(p, "kernel")


# --- rights and features -----------------------------------------------------------------


def as_nobody(*args, cwd):
    """memprof as an unprivileged user without any capability."""
    if os.geteuid() != 0:
        return mp.memprof(*args, cwd=cwd)
    mp.need_command("setpriv")
    cmd = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
           "--inh-caps=-all", "--bounding-set=-all", mp.MEMPROF, *map(str, args)]
    return subprocess.run(cmd, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
                          check=False, cwd=cwd)


@pytest.fixture
def open_dir(tmp_path):
    """A folder that nobody can reach and write, with the build in reach."""
    if os.geteuid() == 0:
        for d in [tmp_path, *tmp_path.parents]:
            if str(d) == "/tmp" or d.stat().st_mode & 0o001:
                continue
            d.chmod(d.stat().st_mode | 0o011)
        tmp_path.chmod(0o777)
        if as_nobody("--version", cwd="/").returncode != 0:
            pytest.skip("the build folder cannot be reached by other users")
    return tmp_path


def test_not_permitted(open_dir):
    p = as_nobody("record", "-o", "r.mprof", "--", "/bin/true", cwd=open_dir)
    assert p.returncode == 4, p.stderr
    complaint(p, "cap_|root|sudo", "--hooks[= ]none|sudo|setcap")
    assert not (open_dir / "r.mprof").exists()


def test_refused_to_root(tmp_path):
    """Who is root already is not told to become it."""
    with mp.Workload("touch-order", "x") as w:
        p = mp.memprof("record", "--hooks=none", "-p", w.pid, "-o", tmp_path / "r", wrap=mp.as_root_of_nobody())
    assert p.returncode == 4, p.stderr
    complaint(p, "though this process has CAP_SYS_PTRACE", "fix: dmesg .*user namespace")
    assert "sudo" not in p.stderr
    assert not (tmp_path / "r").exists()


def test_hooks_none_needs_no_rights(open_dir):
    """An own process can be polled by anybody."""
    p = as_nobody("record", "--hooks=none", "-o", "r.mprof", "--", "/bin/sh", "-c", "exit 3",
                  cwd=open_dir)
    assert p.returncode == 3, p.stderr
    rep = mp.report(open_dir / "r.mprof")
    assert rep["target"]["exit_code"] in (3, None)
    assert rep["probes"]["faults"] == "absent"


def test_reading_needs_no_rights(open_dir, recording):
    mine = open_dir / "copy.mprof"
    shutil.copy(recording, mine)
    mine.chmod(0o644)
    p = as_nobody("report", "copy.mprof", "--json", cwd=open_dir)
    assert p.returncode == 0, p.stderr
    assert json.loads(p.stdout)["recording"]["state"] == "clean"


def test_foreign_process(open_dir):
    """Somebody else's process without rights: refused, or what anybody may read and no more."""
    if os.geteuid() != 0:
        pytest.skip("not root: no foreign process at hand")
    p = as_nobody("record", "--hooks=none", "-o", "r.mprof", "-p", os.getpid(), "--duration", "0.3",
                  cwd=open_dir)
    if p.returncode == 4:
        complaint(p, "permi|root|sudo")
        return
    assert p.returncode == 0, p.stderr
    rep = mp.report(open_dir / "r.mprof")
    assert rep["rss"]["end"] > 0
    assert not rep["mappings"], "the mappings of a foreign process cannot be read"
    assert not rep["faults"]["total"]


def test_no_btf_demanded(tmp_path):
    mp.need_bpf()
    with mp.Workload("dontneed", 64) as w:
        p = mp.memprof("record", "-p", w.pid, "-o", tmp_path / "r", "--hooks=faults=tp_btf",
                       env={"MEMPROF_BTF": "/nonexistent"})
    assert p.returncode == 4, p.stderr
    complaint(p, "BTF")


def test_no_btf_falls_to_another_rung(tmp_path):
    mp.need_bpf()
    p = mp.memprof("record", "-o", tmp_path / "r", "--", mp.BUILD / "workloads" / "touch-order",
                   "--run", 4, env={"MEMPROF_BTF": "/nonexistent"})
    if p.returncode == 4:
        complaint(p, "BTF")
        return
    assert p.returncode == 0, p.stderr
    assert mp.report(tmp_path / "r")["probes"]["faults"] != "tp_btf"


# --- files to read -----------------------------------------------------------------------


READERS = [["report"], ["report", "--json"], ["dump"], ["top", "--plain", "-i"]]


@pytest.mark.parametrize("reader", READERS)
def test_file_is_missing(tmp_path, reader):
    p = mp.memprof(*reader, tmp_path / "none.mprof")
    assert p.returncode == 1, p.stderr
    assert not p.stdout
    complaint(p, "none.mprof", "no such file")


@pytest.mark.parametrize("reader", READERS)
def test_file_is_no_recording(tmp_path, reader):
    f = tmp_path / "other.txt"
    f.write_text("this is a text, and a long one\n" * 500)
    p = mp.memprof(*reader, f)
    assert p.returncode == 1, p.stderr
    assert not p.stdout
    complaint(p, "other.txt", "recording")


@pytest.mark.parametrize("reader", READERS)
def test_file_is_empty(tmp_path, reader):
    f = tmp_path / "empty.mprof"
    f.write_bytes(b"")
    p = mp.memprof(*reader, f)
    assert p.returncode in (1, 5), p.stderr
    complaint(p, "empty.mprof", "empty|recording")


@pytest.mark.parametrize("reader", READERS)
def test_file_is_a_folder(tmp_path, reader):
    p = mp.memprof(*reader, tmp_path)
    assert p.returncode == 1, p.stderr
    complaint(p, re.escape(tmp_path.name), "this is a folder")


def test_file_is_a_device():
    p = mp.memprof("report", "/dev/null")
    assert p.returncode == 1, p.stderr
    complaint(p, "/dev/null", "this is a device")


@pytest.mark.parametrize("n", [1, 40, 100])
def test_nothing_could_be_read(tmp_path, recording, n):
    """Cut off in its first block: no moment is called the last that was read."""
    f = tmp_path / "cut.mprof"
    f.write_bytes(recording.read_bytes()[:n])
    p = mp.memprof("report", f, check=5)
    complaint(p, "cut.mprof is truncated: nothing of it could be read")
    assert "The recording was cut off: nothing of it could be read.\n" in p.stdout
    assert "0 ns;" not in p.stdout and "the last that could" not in p.stdout


def test_file_cut_short(tmp_path, recording):
    """Cut anywhere: never a crash, never called clean, what is there is printed."""
    data = recording.read_bytes()
    printed = 0
    for cut in sorted({1, 8, 63, 64, 100, len(data) // 4, len(data) // 2, len(data) * 3 // 4,
                       len(data) - 100, len(data) - 1}):
        if not 0 < cut < len(data):
            continue
        f = tmp_path / f"cut{cut}.mprof"
        f.write_bytes(data[:cut])
        p = mp.memprof("report", f, "--json")
        assert p.returncode in (1, 5), (cut, p.returncode, p.stderr)
        complaint(p)
        if p.returncode == 5:
            rep = json.loads(p.stdout)
            assert rep["recording"]["state"] in ("truncated", "damaged"), cut
            printed += rep["recording"]["events"] > 0
    assert printed, "no cut file gave anything"


def test_file_damaged(tmp_path, recording):
    """A byte changed anywhere is found; the blocks beside it are still read."""
    data = recording.read_bytes()
    states = []
    for at in range(0, len(data), max(1, len(data) // 40)):
        bad = bytearray(data)
        bad[at] ^= 0x55
        f = tmp_path / "bad.mprof"
        f.write_bytes(bad)
        p = mp.memprof("report", f, "--json")
        assert p.returncode in (0, 1, 5), (at, p.returncode, p.stderr)
        if p.returncode == 5:
            states.append(json.loads(p.stdout)["recording"]["state"])
            complaint(p)
    assert "damaged" in states
    assert set(states) <= {"damaged", "truncated"}


def test_file_with_more_behind(tmp_path, recording):
    f = tmp_path / "more.mprof"
    f.write_bytes(recording.read_bytes() + b"\0" * 4096)
    p = mp.memprof("report", f, "--json")
    assert p.returncode in (0, 5), p.stderr
    assert json.loads(p.stdout)["recording"]["events"] > 0


# --- files to write ---------------------------------------------------------------------


@pytest.fixture
def target():
    with mp.Workload("touch-order", 8) as w:
        yield w


def refuse(target, out, *words):
    p = mp.memprof("record", "-p", target.pid, "-o", out, timeout=600)
    assert p.returncode == 1, (p.returncode, p.stderr)
    complaint(p, re.escape(pathlib.Path(out).name), *words)


def test_output_cannot_be_written(tmp_path, target):
    refuse(target, tmp_path / "no" / "folder.mprof", "no such file|folder|directory")
    refuse(target, "/proc/r.mprof")


def test_output_exists(tmp_path, target):
    out = tmp_path / "mine.mprof"
    out.write_text("precious")
    refuse(target, out, "exist")
    assert out.read_text() == "precious"


def test_output_is_a_link(tmp_path, target):
    victim, out = tmp_path / "victim", tmp_path / "link.mprof"
    out.symlink_to(victim)
    refuse(target, out)
    assert not victim.exists(), "written through a link"
    victim.write_text("precious")
    refuse(target, out)
    assert victim.read_text() == "precious"


def test_output_is_private(tmp_path, target):
    out = tmp_path / "r.mprof"
    old = os.umask(0)
    try:
        with mp.Recording(target.pid, out) as r:
            assert out.stat().st_mode & 0o7777 == 0o600
            r.stop()
    finally:
        os.umask(old)
    assert out.stat().st_mode & 0o7777 == 0o600


def test_output_belongs_to_the_user_of_sudo(tmp_path, target):
    if os.geteuid() != 0:
        mp.lacking("not root")
    out = tmp_path / "r.mprof"
    env = {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY), "SUDO_USER": "nobody"}
    p = mp.memprof("record", "-p", target.pid, "-o", out, "--duration", "0.1", env=env)
    assert p.returncode == 0, p.stderr
    assert (out.stat().st_uid, out.stat().st_gid) == (NOBODY, NOBODY)


def test_launched_under_sudo_runs_as_the_user(open_dir):
    if os.geteuid() != 0:
        mp.lacking("not root")
    env = {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY), "SUDO_USER": "nobody"}
    p = mp.memprof("record", "-o", open_dir / "r.mprof", "--", "id", "-u", env=env)
    assert p.returncode == 0, p.stderr
    assert p.stdout.strip() == str(NOBODY)


def test_default_name(tmp_path, target):
    p = mp.memprof("record", "-p", target.pid, "--duration", "0.1", cwd=tmp_path)
    assert p.returncode == 0, p.stderr
    (name,) = os.listdir(tmp_path)
    assert re.fullmatch(rf"memprof-touch-order-{target.pid}-[\w:.-]+\.mprof", name)
    assert name in p.stderr


def test_duration_ends_it(tmp_path, target):
    out = tmp_path / "r.mprof"
    p = mp.memprof("record", "-p", target.pid, "-o", out, "--duration", "0.3", timeout=600)
    assert p.returncode == 0, p.stderr
    assert mp.report(out)["recording"]["duration_s"] >= 0.3


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KB."""
    if os.geteuid() != 0:
        mp.lacking("not root: cannot mount")
    d = tmp_path / "disk"
    d.mkdir()
    m = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(d)], check=False,
                       capture_output=True, text=True)
    if m.returncode:
        mp.lacking("cannot mount a tmpfs: " + m.stderr.strip())
    try:
        yield d
    finally:
        subprocess.run(["umount", "-l", str(d)], check=True)


def test_full_disk(small_disk):
    """The disk fills while recording: said with the path, and what was written is readable."""
    mp.need_bpf()
    out = small_disk / "full.mprof"
    p = mp.memprof("record", "-o", out, "--", mp.BUILD / "workloads" / "touch-random", "--run",
                   256, 400000, 3, 2, timeout=600)
    assert out.stat().st_size <= 64 * 1024
    assert p.returncode == 1, (p.returncode, p.stderr)
    assert len(p.stderr.strip().splitlines()) <= 8
    assert re.search("full.mprof", p.stderr) and re.search("no space|full", p.stderr, re.I)
    q = mp.memprof("report", out, "--json")
    assert q.returncode in (0, 5), q.stderr
    rep = json.loads(q.stdout)
    assert rep["recording"]["events"] > 0
    assert rep["recording"]["state"] == "truncated" or rep["recording"]["lost"]["total"] > 0


def test_file_size_limit(tmp_path):
    """RLIMIT_FSIZE: like a full disk, not death by SIGXFSZ."""
    mp.need_bpf()
    out = tmp_path / "limit.mprof"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))

    p = mp.memprof("record", "-o", out, "--", mp.BUILD / "workloads" / "touch-random", "--run",
                   64, 100000, 3, 2, timeout=600, preexec_fn=limit)
    assert p.returncode == 1, (p.returncode, p.stderr)
    assert "limit.mprof" in p.stderr
    assert mp.memprof("report", out, "--json").returncode in (0, 5)


# --- ends ------------------------------------------------------------------------------


def test_interrupt_saves(tmp_path, target):
    out = tmp_path / "r.mprof"
    with mp.Recording(target.pid, out) as r:
        target.step("mapped")
        err = r.stop(0)
    assert "r.mprof" in err, "it says where it was saved"
    assert mp.report(out)["recording"]["state"] == "clean"


def test_terminate_saves(tmp_path, target):
    out = tmp_path / "r.mprof"
    with mp.Recording(target.pid, out) as r:
        r.proc.send_signal(signal.SIGTERM)
        r.proc.wait(mp.DEADLINE)
    assert r.proc.returncode in (0, 143)
    assert mp.report(out)["recording"]["state"] == "clean"


def test_killed_leaves_a_readable_file(tmp_path):
    """kill -9: what was recorded up to the last second is there."""
    mp.need_bpf()
    out = tmp_path / "r.mprof"
    with mp.Workload("touch-order", 64) as w:
        with mp.Recording(w.pid, out) as r:
            for s in "mapped", "few", "all":
                step = w.step(s)
            # flushed to the file within a second or so, without being asked
            mp.wait_until(lambda: faults_in_file(out) >= 16384, what="all faults in the file")
            r.proc.kill()
            r.proc.wait(mp.DEADLINE)
    p = mp.memprof("report", out, "--json")
    assert p.returncode == 5, p.stderr
    complaint(p)
    rep = json.loads(p.stdout)
    assert rep["recording"]["state"] == "truncated"
    assert rep["faults"]["pages_added"] >= 16384
    assert rep["rss"]["end"] >= step.len
    lost = rep["recording"]["lost"]
    assert lost["disk"] is None and lost["total"] is None, "what the disk did not take was never told"
    assert not any(lost.values())


def faults_in_file(path):
    p = mp.memprof("report", path, "--json")
    return (json.loads(p.stdout)["faults"]["total"] or 0) if p.returncode in (0, 5) else 0


# --- what reaches the terminal ----------------------------------------------------------


def on_terminal(args, env=None):
    """Everything memprof writes when its streams are a terminal; its exit status."""
    full = {k: v for k, v in os.environ.items()
            if k not in ("NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG")}
    full.update({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})})
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(mp.MEMPROF, [mp.MEMPROF, *map(str, args)], full)
    out = b""
    while True:
        ready = select.select([fd], [], [], mp.DEADLINE)[0]
        assert ready, f"memprof {args} hangs on a terminal: {out[-500:]!r}"
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    os.close(fd)
    return out, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_colours(recording):
    out, rc = on_terminal(["report", recording])
    assert rc == 0 and b"\x1b[" in out
    for env, args in (({"NO_COLOR": "1"}, []), ({}, ["--color=never"])):
        out, rc = on_terminal(["report", recording, *args], env)
        assert rc == 0 and b"\x1b[" not in out
    p = mp.memprof("report", recording, check=0)
    assert "\x1b" not in p.stdout, "colours into a pipe"
    p = mp.memprof("report", recording, "--color=always", check=0)
    assert "\x1b[" in p.stdout


def test_ascii_locale(recording):
    for args in ["report", recording], ["dump", recording], ["doctor"], ["--help"]:
        p = mp.memprof(*args, env={"LC_ALL": "C"}, check=0)
        assert p.stdout.isascii(), args


def test_numbers_ignore_the_locale(recording):
    p = mp.memprof("report", recording, "--json", env={"LC_ALL": "de_DE.UTF-8"}, check=0)
    json.loads(p.stdout)


def test_control_characters_of_names(tmp_path):
    """Neither a process name nor a path brings escape sequences to the terminal."""
    evil = tmp_path / "e\x1b[31m\nv\x07il"
    evil.write_bytes(b"x" * 8192)
    out = tmp_path / "r.mprof"
    with mp.Workload("bad-name", evil) as w:
        with mp.Recording(w.pid, out) as r:
            w.step("touched")
            r.stop()
            messages = "\n".join(r.err.seen)
        for text in (messages,
                     mp.memprof("report", out, check=0).stdout,
                     mp.memprof("dump", out, check=0).stdout,
                     mp.memprof("top", "--plain", "-i", out, check=0).stdout):
            assert not control(text), control(text)
        # JSON escapes what it must, and keeps the rest
        rep = mp.report(out)
        assert rep["target"]["comm"].startswith("a")
        # the default name is built from the process name
        p = mp.memprof("record", "-p", w.pid, "--duration", "0.1", cwd=tmp_path)
        assert p.returncode == 0, p.stderr
        assert not control(p.stderr)
    for name in os.listdir(tmp_path):
        if name.startswith("memprof-"):
            assert re.fullmatch(r"[\w.:+?-]+", name), repr(name)


@pytest.mark.parametrize("term", ["nonsense-term", "", "dumb"])
def test_unknown_terminal(recording, term):
    """A terminal that cannot be driven gets plain lines and a word about it."""
    out, rc = on_terminal(["top", "-i", recording], {"TERM": term})
    assert rc == 0, out
    assert b"\x1b[" not in out.replace(b"\x1b[0m", b""), out[:300]
    assert b"RSS" in out or b"rss" in out


def test_closed_pipe(recording):
    """The reader goes away: an end without a crash and without a hang."""
    for args in ["dump", str(recording)], ["report", str(recording)], ["doctor"]:
        p = subprocess.Popen([mp.MEMPROF, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL)
        p.stdout.close()
        err = p.stderr.read()
        p.stderr.close()
        rc = p.wait(mp.DEADLINE)
        assert rc in (0, 1, -signal.SIGPIPE, 141), (args, rc, err)
        assert len(err.splitlines()) <= 6


def test_full_output_device(recording):
    """Data that did not arrive is a failure."""
    with open("/dev/full", "w", encoding="ascii") as full:
        p = subprocess.run([mp.MEMPROF, "report", str(recording), "--json"], stdout=full,
                           stderr=subprocess.PIPE, text=True, timeout=600, check=False)
    assert p.returncode == 1
    complaint(subprocess.CompletedProcess([], 1, "", p.stderr), "space|write")


def test_quiet_is_quiet(tmp_path):
    p = mp.memprof("record", "-q", "-o", tmp_path / "r", "--", "true", check=0)
    assert not p.stderr and not p.stdout


def line_of(lines):
    line = lines.next()
    assert line is not None, lines.seen
    return line


def test_plain_lines_live(tmp_path):
    """top --plain on a live process: a line an interval until the target ends."""
    mp.need_bpf()
    with mp.Workload("touch-order", 64) as w:
        p = subprocess.Popen([mp.MEMPROF, "top", "--plain", "--interval", "0.1", "-p", str(w.pid)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        try:
            lines = mp.Lines(p.stdout.fileno())
            assert lines.next() is not None
            for s in "mapped", "few", "all":
                w.step(s)
            while not re.search(r"\b6\d(\.\d+)? ?M", line_of(lines)):
                pass
            w.finish()
            while lines.next() is not None:
                pass
            assert p.wait(mp.DEADLINE) == 0
        finally:
            mp.stop(p)
            p.stdout.close()
            p.stderr.close()
