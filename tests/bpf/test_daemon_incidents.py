# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon's flight recorder: what a trigger leaves, and what is left when something goes wrong.

A process of a target grows by a known amount when it is told to. Everything waits for a line of
the daemon's or for a file.
"""
import contextlib
import gzip
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import time

import daemon
import mp
import pytest
from daemon import Daemon, where  # noqa: F401

MB = 1 << 20
# Names that nobody else's processes have, another run of these tests included.
PREY, OTHER = f"prey-{os.getpid()}", f"other-{os.getpid()}"
FILES = {"recording.mprof", "findings.json", "findings.txt", "profile.pb.gz", "incident.json"}


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def prey(where, name=PREY):
    """Stands still, and has 64 MB more after its step."""
    path = pathlib.Path(where) / name
    if not path.exists():
        daemon.copy_of(where, mp.BUILD / "workloads/touch-threads", name)
    return mp.Workload(None, argv=[str(path), "1", "64"])


def group(name="eat", exe=PREY, *lines):
    return "\n".join([f"[target {name}]", f"exe = {exe}", *lines, ""])


def saved(d):
    """The folder of the next incident."""
    return pathlib.Path(d.says("incident saved: ").split("incident saved: ")[1].strip())


def ask(d):
    """SIGUSR1, once the targets are known."""
    d.proc.send_signal(signal.SIGUSR1)


def pids(path):
    return {p["pid"] for p in mp.report(path)["processes"]["list"]}


def read(folder):
    return json.loads((folder / "incident.json").read_text())


def watched(d, pid):
    """Waits until a process is in what the daemon records: files that grow are read as they are."""
    def there():
        for path in d.rings():
            if f"pid={pid} " in mp.memprof("dump", path).stdout + " ":
                return True
        return False
    mp.wait_until(there, what=f"process {pid} in the ring")


# --- what a trigger leaves ---------------------------------------------------------------------


def test_a_trigger_leaves_one_whole_incident(where):
    told = where / "told"
    command = f"env > {told}.new; pwd >> {told}.new; mv {told}.new {told}"
    groups = group("eat", PREY, "trigger = rss>40M", f"command = {command}") + \
        group("other", OTHER, "trigger = rss>1T")
    with Daemon(where, groups, "command-user = root") as d, prey(where) as w, prey(where, OTHER) as other:
        other.step("all")
        start = sum(mp.kernel_rss(w.pid)[k] for k in ("anon", "file", "shmem"))
        w.step("all")
        folder = saved(d)
        mp.wait_until(told.exists, what="the command")
        assert folder.parent == d.state / "incidents" and "-eat-" in folder.name
        assert {f.name for f in folder.iterdir()} == FILES
        assert stat.S_IMODE(folder.stat().st_mode) & 0o027 == 0
        assert not [f for f in (d.state / "ring").iterdir() if "saved" in f.name]
        d.stop()
    # of this target alone, from before it grew on
    rep = mp.report(folder / "recording.mprof")
    assert pids(folder / "recording.mprof") == {w.pid}
    assert rep["rss"]["max"] > 40 * MB > start
    assert rep["rss"]["start"] <= start
    mp.check_lossless(rep)
    assert OTHER not in mp.memprof("dump", folder / "recording.mprof", check=0).stdout
    # its findings, its profile, and what it is
    assert json.loads((folder / "findings.json").read_text())["version"] == 1
    assert (folder / "findings.txt").read_text().strip()
    assert gzip.decompress((folder / "profile.pb.gz").read_bytes())
    about = read(folder)
    assert about["target"] == "eat" and about["pid"] == w.pid and about["ring"] == "disk"
    assert about["why"].startswith("trigger 'rss>40M'") and about["recording"] and about["findings"]
    env = dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)
    assert env["MEMPROF_INCIDENT"] == str(folder) and env["MEMPROF_GROUP"] == "eat"
    assert env["MEMPROF_PID"] == str(w.pid) and env["MEMPROF_TRIGGER"] == about["why"]
    assert told.read_text().splitlines()[-1] == str(folder)


def test_a_second_trigger_within_the_rest_is_counted(where):
    groups = group("eat", PREY, "trigger = rss>40M", "trigger = anon>40M for 1s", "rest = 1h")
    with Daemon(where, groups) as d, prey(where) as w:
        w.step("all")
        d.says("counted alone: it rests")
        if not list((d.state / "incidents").glob("2*")):
            saved(d)
        d.stop()
        assert len(list((d.state / "incidents").glob("2*"))) == 1


def test_the_kill_after_the_warning_is_an_incident_of_its_own(where):
    """A rest that the warning began does not hide the kill, and the recording shows it."""
    groups = group("eat", PREY, "trigger = rss>40M", "trigger = oom", "rest = 1h")
    with Daemon(where, groups) as d, prey(where) as w:
        w.step("all")
        warning = saved(d)
        w.proc.kill()
        kill = saved(d)
        d.stop()
    assert read(warning)["why"].startswith("trigger 'rss>40M'")
    assert read(kill)["why"] == f"trigger 'oom' (pid {w.pid}: it was killed)"
    assert read(kill)["pid"] == w.pid and pids(kill / "recording.mprof") == {w.pid}
    assert mp.report(kill / "recording.mprof")["target"]["signal"] == signal.SIGKILL


def test_asked_for_by_a_signal_of_each_target_that_has_processes(where):
    groups = group("one") + group("two", OTHER) + group("none", "nobody-is-called-so")
    with Daemon(where, groups) as d, prey(where) as w, prey(where, OTHER) as v:
        watched(d, w.pid)
        watched(d, v.pid)
        ask(d)
        got = {read(f)["target"]: f for f in (saved(d), saved(d))}
        d.stop()
    assert set(got) == {"one", "two"}
    assert pids(got["one"] / "recording.mprof") == {w.pid}
    assert pids(got["two"] / "recording.mprof") == {v.pid}


def test_a_reload_brings_triggers(where):
    """What the process is already is seen by a trigger that comes later."""
    with Daemon(where, group()) as d, prey(where) as w:
        w.step("all")
        watched(d, w.pid)
        d.reload(group("new", PREY, "trigger = rss>40M"))
        folder = saved(d)
        d.stop()
    assert read(folder)["target"] == "new" and read(folder)["pid"] == w.pid
    assert pids(folder / "recording.mprof") == {w.pid}


def test_a_reload_tells_nothing_again(where):
    """Triggers that are as they were go on; one that is new looks for the first time."""
    was = group("eat", PREY, "trigger = rss>40M", "trigger = oom", "rest = 1h")
    with Daemon(where, was) as d, prey(where) as w, prey(where) as v:
        w.step("all")
        saved(d)
        v.proc.kill()
        saved(d)
        n = len(d.err.seen)
        d.reload(was)
        d.reload(was + "trigger = anon>40M\n")
        d.says("trigger 'anon>40M'")
        d.stop()
    assert not [line for line in d.err.seen[n:] if "rss>40M" in line or "oom" in line]


def test_ring_in_memory(where):
    with Daemon(where, group("eat", PREY, "trigger = rss>40M"), "ring = memory") as d, prey(where) as w:
        w.step("all")
        folder = saved(d)
        assert not list((d.state / "ring").iterdir())
        d.stop()
    assert read(folder)["ring"] == "memory"
    assert pids(folder / "recording.mprof") == {w.pid}


def test_ring_in_memory_keeps_to_keep_time(where):
    """What is older is in no incident, up to the distance of keyframes, nor is it counted as seen."""
    with Daemon(where, group(), "ring = memory", "keep-time = 10s") as d, prey(where) as w:
        w.step("all")
        start = time.monotonic()
        mp.wait_until(lambda: time.monotonic() > start + 22, what="a time that is to be forgotten")
        ask(d)
        r = mp.report(saved(d) / "recording.mprof")["recording"]
        assert r["duration_s"] < 18 and r["since_s"] > 4, r


# A disk that takes nothing of the copy as long as $HOLD, a FIFO, is there and nobody writes into it;
# $HOLD.held says that it was asked.
SLOW_DISK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t (*real)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	const char *hold = getenv("HOLD");
	char name[64], path[512] = "", held[512];
	int wait;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (hold && readlink(name, path, sizeof(path) - 1) > 0 && strstr(path, "/raw.mprof")) {
		snprintf(held, sizeof(held), "%s.held", hold);
		close(open(held, O_WRONLY | O_CREAT, 0600));
		wait = open(hold, O_RDONLY);
		if (wait >= 0)
			close(wait);
	}
	return real(fd, p, n);
}
"""


@contextlib.contextmanager
def slow_disk(where):
    """The environment of a daemon with such a disk, and what ends it."""
    hold, lib = where / "hold", where / "slow.so"
    (where / "slow.c").write_text(SLOW_DISK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", lib, where / "slow.c", "-ldl"], check=True)
    os.mkfifo(hold)
    try:
        yield {"LD_PRELOAD": str(lib), "HOLD": str(hold)}, hold
    finally:
        let_go(hold)


def let_go(hold):
    """Who waits goes on, and who comes later finds nothing to wait for."""
    if hold.exists():
        writer = os.open(hold, os.O_RDWR)
        hold.unlink()
        os.close(writer)


def test_ring_in_memory_and_a_disk_that_takes_nothing(where):
    """The loop goes on while the copy waits for the disk: it drains, finds targets and answers; and
    the copy is of the moment at which it was asked for, whole."""
    groups = group("eat") + group("other", OTHER)
    with slow_disk(where) as (env, hold), Daemon(where, groups, "ring = memory", env=env) as d, prey(where) as w:
        w.step("all")
        faults = sum(daemon.minflt(w.pid))
        mp.looked(d.pid)
        ask(d)
        mp.wait_until(hold.with_name("hold.held").exists, what="a copy")
        with prey(where, OTHER) as v:
            v.step("all")
            others = sum(daemon.minflt(v.pid))
            mp.wait_until(lambda: v.pid in {t["pid"] for t in d.list()["targets"]}, what="the other in the list")
            mp.looked(d.pid)
            assert hold.exists() and not list((d.state / "incidents").glob("2*"))
            let_go(hold)
            first = saved(d)
            ask(d)
            more = {read(f)["target"]: f for f in (saved(d), saved(d))}
            d.stop()
    rep = mp.report(first / "recording.mprof")
    assert {f.name for f in first.iterdir()} == FILES and read(first)["ring"] == "memory"
    assert pids(first / "recording.mprof") == {w.pid}
    mp.check_lossless(rep)
    assert 0 <= faults - rep["faults"]["total"] <= daemon.BY_EXEC
    # what happened while the copy waited
    rep = mp.report(more["other"] / "recording.mprof")
    assert pids(more["other"] / "recording.mprof") == {v.pid}
    mp.check_lossless(rep)
    assert 0 <= others - rep["faults"]["total"] <= daemon.BY_EXEC


def test_ended_while_the_disk_takes_nothing(where):
    """A stop waits some seconds for the copy, not for ever, and half of one is no incident."""
    with slow_disk(where) as (env, hold), Daemon(where, group(), "ring = memory", env=env) as d, prey(where) as w:
        w.step("all")
        mp.looked(d.pid)
        ask(d)
        mp.wait_until(hold.with_name("hold.held").exists, what="a copy")
        d.stop()
        assert [f.name for f in next((d.state / "incidents").glob(".2*")).iterdir() if "raw" in f.name] == ["raw.mprof.part"]
    with Daemon(where, group(), "ring = memory") as d:
        assert not list((d.state / "incidents").iterdir())
        d.stop()


def test_as_another_user(where):
    """A daemon that gave root up: its folder, its incidents and its commands are that user's."""
    told = where / "state/told"
    groups = group("eat", PREY, "trigger = rss>40M", f"command = id -u > {told}.n; mv {told}.n {told}")
    with Daemon(where, groups, "user = nobody") as d, prey(where) as w:
        w.step("all")
        folder = saved(d)
        mp.wait_until(told.exists, what="the command")
        d.stop()
    uid = int(subprocess.run(["id", "-u", "nobody"], capture_output=True, check=True).stdout)
    assert told.read_text().strip() == str(uid)
    assert {f.stat().st_uid for f in [folder, *folder.iterdir()]} == {uid}
    assert pids(folder / "recording.mprof") == {w.pid}


def test_commands_of_a_daemon_that_stays_root_are_not_roots(where):
    told = where / "open" / "told"
    told.parent.mkdir()
    told.parent.chmod(0o777)
    groups = group("eat", PREY, "trigger = rss>40M", f"command = (id -u; pwd) > {told}.n; mv {told}.n {told}")
    with Daemon(where, groups) as d, prey(where) as w:
        w.step("all")
        saved(d)
        mp.wait_until(told.exists, what="the command")
        d.stop()
    uid = subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
    # the incident is root's: it is told of, and cannot be entered
    assert told.read_text().split() == [uid, "/"]


def test_commands_have_none_of_the_daemons_capabilities(where):
    """As a service has it: no root, four ambient capabilities."""
    (where / "state").mkdir()
    shutil.chown(where / "state", "nobody")
    where.chmod(0o777)
    told = where / "told"
    groups = group("eat", PREY, "trigger = rss>40M",
                   f"command = grep Cap /proc/self/status > {told}.n; mv {told}.n {told}")
    with Daemon(where, groups, wrap=mp.as_nobody(mp.FOUR)) as d, prey(where) as w:
        w.step("all")
        folder = saved(d)
        mp.wait_until(told.exists, what="the command")
        d.stop()
    caps = dict(line.split() for line in told.read_text().splitlines())
    assert {int(caps[f"Cap{s}:"], 16) for s in ("Eff", "Prm", "Inh", "Amb")} == {0}
    assert pids(folder / "recording.mprof") == {w.pid}


# --- what is left when something goes wrong ----------------------------------------------------


def test_killed_again_and_again(where):
    """Of each daemon that was killed everything is left that was in its ring."""
    with prey(where) as w:
        w.step("all")
        for _ in range(3):
            with Daemon(where, group()) as d:
                watched(d, w.pid)
                mp.stop(d.proc, signal.SIGKILL)
            with Daemon(where, group()) as d:
                folder = saved(d)
                watched(d, w.pid)
                mp.stop(d.proc, signal.SIGKILL)
            assert "-CRASH-" in folder.name
            assert read(folder)["target"] is None and "killed" in read(folder)["why"]
            assert {f.name for f in folder.iterdir()} == FILES
            assert w.pid in pids(folder / "recording.mprof")
            assert mp.report(folder / "recording.mprof")["rss"]["max"] > 64 * MB
    # they do not pile up
    assert len(list((d.state / "incidents").glob("2*"))) <= 5


def test_ended_properly(where):
    with prey(where) as w, Daemon(where, group()) as d:
        watched(d, w.pid)
        d.stop()
        with Daemon(where, group()) as e:
            folder = saved(e)
            e.stop()
    assert "-STOP-" in folder.name and w.pid in pids(folder / "recording.mprof")


def test_interrupted_while_an_incident_is_made(where):
    """The next daemon goes on with it. The copy of the ring is there, its cutting does not end."""
    with prey(where) as w, Daemon(where, group()) as d:
        watched(d, w.pid)
        ask(d)
        folder = saved(d)
        mp.stop(d.proc, signal.SIGKILL)
    # as it lay there a moment before
    half = folder.with_name("." + folder.name)
    folder.rename(half)
    for name in FILES:
        (half / name).unlink()
    mms = {line.split("mm=")[1].split()[0] for line in
           mp.memprof("dump", sorted((where / "state/ring").iterdir())[0]).stdout.splitlines()
           if " task.target" in line}
    shutil.copy(sorted((where / "state/ring").iterdir())[0], half / "raw.mprof")
    job = ["group eat", "why asked", "pid 0", "wall 0", "ring disk", *(f"mm {m}" for m in mms), ""]
    (half / "job").write_text("\n".join(job))
    with Daemon(where, group()) as d:
        got = {saved(d), saved(d)}
        d.stop()
    assert folder in got
    assert pids(folder / "recording.mprof") == {w.pid}


@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir(mode=0o750)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0750", "none", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def test_full_state_folder(where):
    with small_disk(where / "state", "8M") as state, Daemon(where, group()) as d, prey(where) as w:
        watched(d, w.pid)
        with open(state / "filler", "wb", buffering=0) as f:
            with contextlib.suppress(OSError):
                while True:
                    f.write(bytes(4096))
        ask(d)
        d.says("no incident of eat: ")
        os.unlink(state / "filler")
        # the daemon goes on, and so does its recording once there is room
        w.step("all")
        ask(d)
        folder = saved(d)
        assert w.pid in pids(folder / "recording.mprof")
        assert not list((state / "incidents").glob(".2*"))
        d.stop()


def test_removed_state_folder(where):
    with Daemon(where, group()) as d, prey(where) as w:
        watched(d, w.pid)
        shutil.rmtree(d.state)
        d.says("was removed; it is there again")
        mp.wait_until(lambda: d.rings(), what="a ring in the new folder")
        ask(d)
        folder = saved(d)
        assert w.pid in pids(folder / "recording.mprof")
        d.stop()


def test_a_folder_that_others_can_write_is_refused(where):
    (where / "state").mkdir()
    (where / "state").chmod(0o777)
    (where / "memprof.conf").write_text(f"[daemon]\nstate = {where}/state\nsocket = none\n" + group())
    p = mp.memprof("daemon", "--config", where / "memprof.conf", check=1)
    assert "others can write it" in p.stderr and "chmod go-w" in p.stderr
