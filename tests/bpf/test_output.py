# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where a recording goes: killed writers, full disks, removed files, rows and rings of
files, triggers, pipes. What was written before is always readable, and what is missing is
said."""
import calendar
import contextlib
import fcntl
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import time

import pytest

import mp

pytestmark = pytest.mark.usefixtures("bpf_here")

PREAMBLE, HEAD = 16, 48
F_SETPIPE_SZ = 1031


@pytest.fixture(scope="module")
def bpf_here():
    mp.need_bpf()


def blocks(path):
    """(type, t_last) of every block whose header is whole: by hopping, as in the manual."""
    raw = pathlib.Path(path).read_bytes()
    at, out = PREAMBLE, []
    while at + HEAD <= len(raw) and raw[at:at + 4] == b"MPB\1":
        kind, _, stored = struct.unpack_from("<HHI", raw, at + 4)
        (t_last,) = struct.unpack_from("<Q", raw, at + 28)
        if at + HEAD + stored > len(raw):
            break
        out.append((kind, t_last))
        at += HEAD + stored
    return out


def dump(path, code=0):
    return mp.memprof("dump", path, check=code).stdout


def said(rec, pattern):
    """Waits for a line of memprof's."""
    while True:
        line = rec.err.next()
        assert line is not None, f"memprof ended: {rec.err.seen}"
        if re.search(pattern, line):
            return line


@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir()
    p = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=False,
                       capture_output=True, text=True)
    if p.returncode:
        mp.lacking("cannot mount a tmpfs: " + p.stderr.strip())
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


# --- a writer that is killed ---------------------------------------------------------


def test_killed_at_random_moments(tmp_path):
    """kill -9 of memprof: the report works, says truncated, and a second is missing at most; not
    counted what memprof itself waited for a core until it was last seen asleep."""
    seed = int(os.environ.get("MP_SEED", random.randrange(1 << 32)))
    print(f"MP_SEED={seed}")
    rnd = random.Random(seed)
    with mp.Workload("big", 16, 120000, 32) as w:
        w.step("touched")
        w.go()
        for i in range(10):
            out = tmp_path / f"{i}.mprof"
            with mp.Recording(w.pid, out) as rec:
                until = time.monotonic() + rnd.uniform(0.05, 1.6)
                before = 0
                while time.monotonic() < until:
                    if all(mp.thread_state(rec.proc.pid, t) == "S"
                           for t in os.listdir(f"/proc/{rec.proc.pid}/task")):
                        before = time.monotonic_ns() - mp.waited_to_run(rec.proc.pid)
                    mp.pause(0.01)
                os.kill(rec.proc.pid, signal.SIGKILL)
                rec.proc.wait(mp.DEADLINE)
            if not blocks(out):  # in its first moments: nothing was sealed yet
                assert mp.memprof("report", out).returncode == 5
                continue
            last = max(t for _, t in blocks(out))
            assert before - last <= 1_000_000_000, f"round {i}: {before - last} ns are missing"
            rep = mp.report(out, code=5)
            assert rep["recording"]["state"] == "truncated"
            assert rep["rss"]["end"] is None or rep["rss"]["end"] > 0


def test_killed_ring_leaves_its_files(tmp_path):
    """Without anybody left to join them, the files of a ring are recordings by themselves."""
    with mp.Workload("big", 16, 60000, 32) as w:
        w.step("touched")
        w.go()
        with mp.Recording(w.pid, tmp_path / "k.mprof", "--keep", "10s") as rec:
            mp.wait_until(lambda: len(list(tmp_path.iterdir())) >= 3, what="third file")
            os.kill(rec.proc.pid, signal.SIGKILL)
            rec.proc.wait(mp.DEADLINE)
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == [f"k.{i + 1:04}.mprof" for i in range(len(files))]
    for f in files[:-1]:
        assert mp.report(f)["rss"]["end"] > 0
    assert mp.memprof("report", files[-1]).returncode == 5


# --- rows and rings ------------------------------------------------------------------------


def check_row(files):
    """Several, each of a second at least but the last."""
    assert 3 <= len(files) <= mp.report(files[-1])["recording"]["since_s"] + 1.1


def test_rotation(tmp_path):
    """Each file of a row is whole, knows its number, and goes on where the one before ended."""
    with mp.Workload("big", 16, 3500, 32) as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof", "--rotate-time", "1s") as rec:
            w.step("touched")
            w.step("done")
            w.finish()
            err = rec.wait()
    files = sorted(tmp_path.iterdir())
    check_row(files)
    assert f"r.0001.mprof and {len(files) - 1} more" in err
    faults = 0
    for i, f in enumerate(files):
        rep = mp.report(f)
        assert rep["recording"]["state"] == "clean"
        assert rep["faults"]["total"] >= faults
        faults = rep["faults"]["total"]
        assert re.search(rf"meta\.shard .*value={i + 1}\b", dump(f))
    assert faults >= 16 * 256 + 3 * 32 * 256 * 0.9
    assert mp.report(files[-1])["target"]["exited"]


def test_sizes_turn_too(tmp_path):
    """A file ends once it has the size; not in the first second, for its keyframe's sake."""
    with mp.Workload("big", 64, 4000, 300) as w:
        with mp.Recording(w.pid, tmp_path / "r.mprof", "--rotate-size", "4K") as rec:
            w.step("touched")
            w.step("done")
            w.finish()
            rec.wait()
    files = sorted(tmp_path.iterdir())
    check_row(files)
    assert all(f.stat().st_size > 4096 for f in files[:-1])


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "k.0003.mprof").write_text("mine")
    with mp.Workload("touch-order", "x") as w:
        for args in (["--keep", "10s"], ["--rotate-time", "1m"]):
            p = mp.memprof("record", "-p", w.pid, "-o", tmp_path / "k.mprof", *args)
            assert p.returncode == 1
            assert "k.0003.mprof" in p.stderr and "File exists" in p.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["k.0003.mprof"]


# --- triggers --------------------------------------------------------------------------------


def test_a_growing_program(tmp_path):
    """A trigger saves the ring once; SIGUSR1 saves it again; recording goes on."""
    env = dict(os.environ, SUDO_UID="12345", SUDO_GID="12346")
    with mp.Workload("big", 200) as w:
        proc = subprocess.Popen([mp.MEMPROF, "record", "-p", str(w.pid), "-o", str(tmp_path / "g.mprof"),
                                 "--trigger", "rss>100M", "--trigger", "rss/heap>3", "--keep", "10s"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=env)
        rec = mp.Recording.__new__(mp.Recording)
        rec.path, rec.proc, rec.err = str(tmp_path / "g.mprof"), proc, mp.Lines(proc.stderr.fileno())
        with rec:
            w.step("touched")
            line = said(rec, "saved to")
            assert re.search(r"trigger 'rss>100M' \(pid \d+: \d\d\d(\.\d+)? M\): the last .* saved to "
                             r".*/g\.saved-1\.mprof$", line)
            first = mp.report(tmp_path / "g.saved-1.mprof")
            assert first["recording"]["state"] == "clean"
            assert first["rss"]["end"] >= 100 << 20
            text = dump(tmp_path / "g.saved-1.mprof")
            assert re.search(r"meta\.trigger .*rss>100M", text)
            assert re.search(r"note\.memprof .*rss>100M", text)
            os.kill(rec.proc.pid, signal.SIGUSR1)
            said(rec, r"SIGUSR1: the last .* saved to .*g\.saved-2\.mprof")
            w.step("done")
            w.finish()
            err = rec.wait()
    assert err.count("saved to") == 2
    names = sorted(f.name for f in tmp_path.iterdir())
    assert names == ["g.mprof", "g.saved-1.mprof", "g.saved-2.mprof"]
    for n in names:
        st = (tmp_path / n).stat()
        assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (12345, 12346, 0o600)
    last = mp.report(tmp_path / "g.mprof")
    assert last["recording"]["state"] == "clean" and last["target"]["exited"]
    assert len(re.findall("note.memprof", dump(tmp_path / "g.mprof"))) == 2
    assert "meta.trigger" not in dump(tmp_path / "g.mprof")


def test_no_heap_never_fires(tmp_path):
    """A figure that nothing tells: said once, and no capture. Without --keep: ten minutes."""
    with mp.Workload("big", 64) as w:
        with mp.Recording(w.pid, tmp_path / "g.mprof", "--trigger", "rss/heap>0.1") as rec:
            assert (tmp_path / "g.0001.mprof").exists()
            w.step("touched")
            said(rec, "trigger 'rss/heap>0.1' waits: so far nothing tells rss and heap")
            w.finish()
            err = rec.wait()
    assert err.count("waits") == 1 and "saved" not in err
    assert [f.name for f in tmp_path.iterdir()] == ["g.mprof"]


def test_killed_target(tmp_path):
    """oom: the target was killed. What the ring holds becomes the output, and says why."""
    with mp.Workload("big", 32) as w:
        with mp.Recording(w.pid, tmp_path / "g.mprof", "--trigger", "oom") as rec:
            w.step("touched")
            w.proc.kill()
            err = rec.wait()
    assert re.search(r"trigger 'oom' \(pid \d+: it was killed\)", err)
    assert [f.name for f in tmp_path.iterdir()] == ["g.mprof"]
    assert re.search(r"meta\.trigger .*it was killed", dump(tmp_path / "g.mprof"))
    assert mp.report(tmp_path / "g.mprof")["target"]["signal"] == 9


@pytest.mark.parametrize("expr,where,why", [
    ("rss>>2G", "at '>2G'", "a number"),
    ("rss", "at its end", "> >= < <="),
    ("ress>2G", "at 'ress>2G'", "not a figure"),
    ("growth>100M", "at its end", "by time"),
])
def test_wrong_expressions(expr, where, why):
    p = mp.memprof("record", "-p", os.getpid(), "--trigger", expr)
    assert p.returncode == 64
    assert where in p.stderr and why in p.stderr


def test_a_stream_has_no_ring():
    for args in (["--keep", "1m"], ["--trigger", "oom"], ["--rotate-size", "1M"]):
        p = mp.memprof("record", "-p", os.getpid(), "-o", "-", *args)
        assert p.returncode == 64 and "need files" in p.stderr


# --- trouble ---------------------------------------------------------------------------------


def test_removed(tmp_path):
    """Somebody removes the file: said, and what comes goes to a new one that is whole."""
    out = tmp_path / "r.mprof"
    with mp.Workload("big", 16) as w:
        with mp.Recording(w.pid, out) as rec:
            out.unlink()
            said(rec, "r.mprof was removed; recording goes on in a new file")
            w.step("touched")
            rec.stop()
    rep = mp.report(out)
    assert rep["recording"]["state"] == "clean"
    assert rep["rss"]["end"] >= 16 << 20
    assert out.stat().st_mode & 0o777 == 0o600


def test_renamed(tmp_path):
    """A file that was only renamed is written on."""
    out, new = tmp_path / "r.mprof", tmp_path / "new.mprof"
    with mp.Workload("big", 16) as w:
        with mp.Recording(w.pid, out) as rec:
            out.rename(new)
            w.step("touched")
            rec.stop()
    assert mp.report(new)["rss"]["end"] >= 16 << 20
    assert not out.exists()


def test_ring_that_finds_no_room(tmp_path):
    """The disk has no room for a copy beside the ring: saving it fails with a message, and in
    the end its files stay, each readable."""
    with small_disk(tmp_path / "disk", "256k") as disk:
        fill = disk / "fill"
        with mp.Workload("big", 16, 60000, 200) as w:
            w.step("touched")
            w.go()
            with mp.Recording(w.pid, disk / "k.mprof", "--keep", "10s") as rec:
                mp.wait_until(lambda: sum(f.stat().st_size for f in disk.iterdir()) > 30000,
                              what="ring of 30 KB")
                free = os.statvfs(disk)
                fill.write_bytes(b"x" * (free.f_bavail * free.f_bsize - 20480))
                os.kill(rec.proc.pid, signal.SIGUSR1)
                said(rec, "SIGUSR1: saving the ring failed: No space left")
                rec.proc.send_signal(signal.SIGINT)
                err = rec.wait(code=1)
        assert "No space left" in err
        files = [f for f in disk.iterdir() if f.name != "fill"]
        assert len(files) >= 2 and all(re.fullmatch(r"k\.\d{4}\.mprof", f.name) for f in files)
        for f in sorted(files)[:-1]:
            assert mp.report(f)["recording"]["state"] == "clean"
        assert mp.memprof("report", sorted(files)[-1]).returncode in (0, 5)


def test_ring_on_a_full_disk(tmp_path):
    """A ring goes on when its disk is full: its oldest files make room."""
    with small_disk(tmp_path / "disk", "128k") as disk:
        with mp.Workload("big", 16, 60000, 200) as w:
            w.step("touched")
            w.go()
            with mp.Recording(w.pid, disk / "k.mprof", "--keep", "10s") as rec:
                mp.wait_until(lambda: (disk / "k.0002.mprof").exists(), what="second file")
                free = os.statvfs(disk)
                (disk / "fill").write_bytes(b"x" * (free.f_bavail * free.f_bsize - 16384))
                said(rec, "the disk is full: the ring keeps less of the past")
                assert not (disk / "k.0001.mprof").exists()
                (disk / "fill").unlink()
                rec.stop()
        rep = mp.report(disk / "k.mprof")
        assert rep["recording"]["state"] == "clean"
        assert rep["recording"]["duration_s"] > 0 and rep["recording"]["since_s"] > 0.9


# --- pipes -------------------------------------------------------------------------------------


def test_stream_to_a_reader(tmp_path):
    """-o - writes a recording that a reader only has to put into a file."""
    out = tmp_path / "r.mprof"
    with mp.Workload("big", 16) as w, open(out, "wb") as f:
        cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=f)
        p = subprocess.Popen([mp.MEMPROF, "record", "-p", str(w.pid), "-o", "-"], stdout=cat.stdin,
                             stderr=subprocess.PIPE)
        cat.stdin.close()
        mp.wait_attached(mp.Lines(p.stderr.fileno()))
        w.step("touched")
        w.step("done")
        w.finish()
        p.communicate(timeout=mp.DEADLINE)
        assert p.returncode == 0 and cat.wait(mp.DEADLINE) == 0
    rep = mp.report(out)
    assert rep["recording"]["state"] == "clean"
    assert rep["rss"]["max"] >= 16 << 20


def test_reader_that_stalls(tmp_path):
    """Nobody reads for as long as the target works: it is held up by nobody, and nothing is
    lost that the queue holds."""
    out = tmp_path / "r.mprof"
    with mp.Workload("big", 64, 2000, 300) as w:
        r, wr = os.pipe()
        fcntl.fcntl(wr, F_SETPIPE_SZ, 4096)
        p = subprocess.Popen([mp.MEMPROF, "record", "-p", str(w.pid), "-o", "-"], stdout=wr,
                             stderr=subprocess.PIPE)
        os.close(wr)
        mp.wait_attached(mp.Lines(p.stderr.fileno()))
        w.step("touched")
        w.step("done")
        w.finish()
        with os.fdopen(r, "rb") as pipe:  # only now
            out.write_bytes(pipe.read())
        p.communicate(timeout=mp.DEADLINE)
        assert p.returncode == 0
    assert out.stat().st_size > 3 * 4096
    rep = mp.report(out)
    assert rep["recording"]["state"] == "clean"
    assert rep["recording"]["lost"]["total"] == 0
    assert rep["faults"]["total"] >= 64 * 256


def test_reader_that_goes_away():
    """EPIPE: memprof ends with one message, and the target goes on."""
    with mp.Workload("big", 16) as w:
        r, wr = os.pipe()
        p = subprocess.Popen([mp.MEMPROF, "record", "-p", str(w.pid), "-o", "-"], stdout=wr,
                             stderr=subprocess.PIPE, text=True)
        os.close(wr)
        os.read(r, 16)
        os.close(r)
        _, err = p.communicate(timeout=mp.DEADLINE)
        assert p.returncode == 1
        assert "Broken pipe" in err and "reader has gone away" in err
        w.step("touched")


# --- facts -------------------------------------------------------------------------------------


def test_facts_only_if_asked(tmp_path):
    """Arguments and environment may hold secrets: nothing of them is in a recording unless
    they were asked for."""
    env = {"SECRET_TOKEN": "hunter2", "LC_ALL": "C"}
    plain, full = tmp_path / "p.mprof", tmp_path / "f.mprof"
    mp.memprof("record", "-o", plain, "--", "sleep", "0.25", env=env, check=0)
    assert b"hunter2" not in plain.read_bytes()
    assert "meta.cmdline" not in dump(plain) and "meta.environ" not in dump(plain)
    t = mp.report(plain)["target"]
    assert t["cmdline"] is None and t["environ"] is None
    mp.memprof("record", "--cmdline", "--environ", "-o", full, "--", "sleep", "0.25", env=env, check=0)
    t = mp.report(full)["target"]
    assert t["cmdline"] == "sleep 0.25"
    assert "SECRET_TOKEN=hunter2" in t["environ"].split("\n")
    assert "sleep 0.25" in mp.memprof("report", full, check=0).stdout


def test_synced(tmp_path):
    """--sync: fdatasync() while it records, by the thread that writes."""
    out = tmp_path / "s.mprof"
    mp.memprof("record", "--sync", "-o", out, "--", "sleep", "0.25", check=0)
    assert mp.report(out)["recording"]["state"] == "clean"


def test_clock_is_told(tmp_path):
    """At the start, so that wall times hold."""
    out = tmp_path / "c.mprof"
    mp.memprof("record", "-o", out, "--", "sleep", "0.25", check=0)
    assert len(re.findall(r"clock\.told", dump(out))) == 1


SHIFTED_CLOCKS = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile long long *by; /* ns: set by somebody, slept */

__attribute__((constructor)) static void begin(void)
{
	by = mmap(0, 16, PROT_READ, MAP_SHARED, open(getenv("CLOCKS"), O_RDONLY), 0);
}

int clock_gettime(clockid_t c, struct timespec *ts)
{
	long long add = c == CLOCK_REALTIME ? by[0] + by[1] : c == CLOCK_BOOTTIME ? by[1] : 0;
	int err = syscall(SYS_clock_gettime, c, ts);

	add += ts->tv_nsec;
	ts->tv_sec += add / 1000000000 - (add % 1000000000 < 0);
	ts->tv_nsec = add % 1000000000 + (add % 1000000000 < 0) * 1000000000;
	return err;
}
"""


def test_clocks_that_jump(tmp_path):
    """No test may set the machine's clock: memprof is shown clocks that jump. Both are said,
    nothing is lost, and times after them are right."""
    lib, clocks, out = tmp_path / "clocks.so", tmp_path / "clocks", tmp_path / "c.mprof"
    (tmp_path / "clocks.c").write_text(SHIFTED_CLOCKS)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", lib, tmp_path / "clocks.c"], check=True)
    clocks.write_bytes(struct.pack("<qq", 0, 0))
    with mp.Workload("big", 16) as w:
        wrap = ["env", f"LD_PRELOAD={lib}", f"CLOCKS={clocks}"]
        with mp.Recording(w.pid, out, wrap=wrap) as rec, open(clocks, "r+b", buffering=0) as f:
            f.write(struct.pack("<q", -3600 * 10**9))
            said(rec, "the clock was set back by")
            w.step("touched")
            f.write(struct.pack("<q", 600 * 10**9))
            said(rec, "the machine slept for")
            ended = time.time() - 3000
            w.finish()
            rec.wait()
    rep = mp.report(out)["recording"]
    assert rep["state"] == "clean" and rep["duration_s"] < 500 and rep["lost"]["total"] == 0
    assert [c["what"] for c in rep["clocks"]] == ["step", "sleep"]
    assert abs(rep["clocks"][0]["seconds"] + 3600) < 0.01
    assert abs(rep["clocks"][1]["seconds"] - 600) < 0.01
    at = calendar.timegm(time.strptime(rep["ended_at"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert ended - 1 < at < time.time() - 3000 + 1
