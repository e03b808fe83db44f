# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where the daemon puts things when it starts as root and becomes somebody else: what was there
stays whose it was, links lead nowhere, and what others listen at is left to them."""
import os
import pathlib
import signal
import socket
import stat

import daemon
import mp
import pytest
from daemon import where  # noqa: F401

NONE = f"[target none]\nexe = none-{os.getpid()}\n"


@pytest.fixture
def theirs(where):
    """A folder that is not the daemon's, with something in it."""
    folder = where / "theirs"
    folder.mkdir(mode=0o755)
    (folder / "file").write_text("precious")
    return folder


def refused(where, *lines, code=1):
    """What a daemon says that does not start with these lines."""
    conf = where / "memprof.conf"
    conf.write_text("\n".join(["[daemon]", "hooks = none", *lines, NONE]))
    return mp.memprof("daemon", "--config", conf, check=code).stderr


def untouched(folder):
    st = folder.stat()
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (0, 0, 0o755)
    assert [f.name for f in folder.iterdir()] == ["file"] and (folder / "file").read_text() == "precious"


def test_folders_that_were_there_stay_whose_they_are(where, theirs):
    said = refused(where, "user = nobody", f"state = {theirs}", "socket = none")
    assert "belongs to another user, root" in said and f"chown -R nobody: {theirs}" in said
    untouched(theirs)
    said = refused(where, "user = nobody", f"state = {where}/state", f"socket = {theirs}/m.sock")
    assert f"the socket cannot be in {theirs}" in said and "/run/memprof/memprof.sock" in said
    untouched(theirs)


@pytest.mark.parametrize("name", ["ring", "incidents", "lock"])
def test_links_in_its_own_folder_lead_nowhere(where, theirs, name):
    state = where / "state"
    state.mkdir(mode=0o750)
    (state / name).symlink_to(theirs / "file" if name == "lock" else theirs)
    os.chown(state, mp.NOBODY, mp.NOBODY)
    os.chown(state / name, mp.NOBODY, mp.NOBODY, follow_symlinks=False)
    refused(where, "user = nobody", f"state = {state}", "socket = none")
    untouched(theirs)


def test_a_link_to_the_state_or_the_sockets_folder(where, theirs):
    (where / "link").symlink_to(theirs)
    refused(where, "user = nobody", f"state = {where}/link", "socket = none")
    refused(where, "user = nobody", f"state = {where}/state", f"socket = {where}/link/m.sock")
    untouched(theirs)


def test_what_it_makes_is_the_users(where):
    with daemon.Daemon(where, NONE, "user = nobody", f"metrics = unix:{where}/m.sock", "hooks = none") as d:
        for path, mode in [(d.state, 0o750), (d.state / "ring", 0o750), (d.state / "incidents", 0o750),
                           (d.state / "lock", 0o600), (d.socket.parent, 0o755)]:
            assert path.stat().st_uid == mp.NOBODY and stat.S_IMODE(path.stat().st_mode) == mode, path
        for path in (d.socket, where / "m.sock"):
            assert stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.stat().st_mode) == 0o666
        assert where.stat().st_uid == 0
        d.stop()
    # as a service, which never was root: the lock that is left is no hindrance
    where.chmod(0o777)
    with daemon.Daemon(where, NONE, "hooks = none", wrap=mp.as_nobody(mp.FOUR)) as d:
        d.stop()


@pytest.mark.parametrize("mode, kind", [(0o666, socket.SOCK_STREAM), (0o600, socket.SOCK_STREAM),
                                        (0o666, socket.SOCK_DGRAM)])
def test_what_others_listen_at_stays(where, mode, kind):
    """Whether it may ask them or not, and whatever they talk."""
    run = where / "run"
    run.mkdir()
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.bind(str(run / "memprof.sock"))
        if kind == socket.SOCK_STREAM:
            s.listen()
        os.chmod(run / "memprof.sock", mode)
        os.chown(run, mp.NOBODY, mp.NOBODY)
        was = os.lstat(run / "memprof.sock")
        said = refused(where, "user = nobody", f"state = {where}/state", f"socket = {run}/memprof.sock")
        now = os.lstat(run / "memprof.sock")
        assert "another daemon serves" in said
        assert (now.st_ino, now.st_uid, now.st_mode) == (was.st_ino, was.st_uid, was.st_mode)


def test_what_is_no_socket_stays(where, theirs):
    refused(where, f"state = {where}/state", "socket = none", f"metrics = unix:{theirs}/file")
    refused(where, f"state = {where}/state", f"socket = {theirs}/file")
    assert (theirs / "file").read_text() == "precious"


def children(pid, comm):
    for task in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = task.read_text().split("(", 1)[1].rsplit(") ", 1)
        except OSError:
            continue
        if name == comm and int(rest.split()[1]) == pid and rest[0] != "Z":
            yield int(task.parent.name)


def test_a_session_anew_without_who_runs_commands(where):
    """It has no rights to start another one then, and watches all the same."""
    mp.need_bpf()
    with daemon.Daemon(where, NONE + "command = true\n") as d:
        (runner,) = children(d.pid, "memprof-run")
        os.kill(runner, signal.SIGKILL)
        mp.wait_until(lambda: not list(children(d.pid, "memprof-run")), what="the end of the runner")
        for _ in range(2):
            d.proc.send_signal(signal.SIGUSR2)
            d.says("a new session has begun")
        d.stop()
