# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What an unprivileged user with the four capabilities gets of each of these kernels; and what
memprof says where that is less than root gets."""
import pathlib

import mp
import pytest
import test_unprivileged
from test_privileges import test_root_becomes_a_user  # noqa: F401
from test_unprivileged import uprobes_by_link

PARANOID = pathlib.Path("/proc/sys/kernel/perf_event_paranoid")
UNLOCKED = ["sh", "-c", 'ulimit -l unlimited; exec "$@"', "sh"]  # before 5.11 maps are locked memory


@pytest.fixture
def how():
    return [*UNLOCKED, *mp.as_nobody(mp.FOUR)]


@pytest.fixture
def plain():
    """Perf events as the kernel itself gives them; 3 is an addition of Debian's, and its default."""
    before = PARANOID.read_text()
    PARANOID.write_text("2")
    yield
    PARANOID.write_text(before)


@pytest.fixture
def room():
    folder = pathlib.Path("/tmp/room")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    return folder


def test_memory(room, how):
    assert int(PARANOID.read_text()) == 3
    path = test_unprivileged.check_memory(room, how, own=False)
    (majors,) = [ln for ln in mp.memprof("dump", path).stdout.splitlines() if "probe.majors" in ln]
    assert "missing right: CAP_SYS_ADMIN, or sysctl kernel.perf_event_paranoid=2" in majors


def test_rungs(how, plain):
    rows = {f["name"]: {r["rung"]: None if r["ok"] else r["why"] for r in f["rungs"]}
            for f in mp.doctor(how)["features"]}
    for feature, rung in (("faults", "tp_btf"), ("faults", "tracepoint"), ("faults", "perf"), ("calls", "fentry"),
                          ("calls", "tp_btf"), ("calls", "tracepoint"), ("tasks", "tp_btf"),
                          ("tasks", "tracepoint"), ("majors", "perf"), ("oom", "tracepoint"), ("stacks", "tp_btf")):
        assert rows[feature][rung] is None, rows[feature]
    heaps = {f"{f} {r}": why for f in rows if f.startswith("heap_") for r, why in rows[f].items()
             if r in ("uprobe", "usdt")}
    assert len(heaps) == 6 and (not uprobes_by_link() or set(heaps.values()) == {None}), heaps
    assert all(why is None or "CAP_SYS_ADMIN" in why or "5.15" in why for why in heaps.values()), heaps


@pytest.mark.skipif(mp.KERNEL >= (5, 11), reason="maps are charged to the control group")
def test_locked_memory():
    p = mp.memprof("record", "-o", "/tmp/locked", "--", "/bin/true",
                   wrap=["sh", "-c", 'ulimit -l 64; exec "$@"', "sh", *mp.as_nobody(mp.FOUR)], cwd="/tmp")
    assert p.returncode == 4 and "CAP_SYS_RESOURCE" in p.stderr and "ulimit -l unlimited" in p.stderr, p.stderr


@pytest.mark.skipif(not uprobes_by_link(), reason="they are perf events")
def test_entry_and_return(room, how):
    test_unprivileged.check_calls(room, how)
