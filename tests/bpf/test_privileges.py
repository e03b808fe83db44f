# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is left of root's powers, and that it is enough: the functions of
user/daemon/privileges.h, called by a tool."""
import os
import pathlib
import re
import subprocess

import mp
import pytest

TOOL = str(mp.BUILD / "tests" / "tools" / "privileges")
FOUR = sum(1 << mp.CAPS[c] for c in mp.FOUR)
OTHER = 54321  # another user's number: no entry is needed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not root")


def tool(*args, wrap=(), code=0):
    p = subprocess.run([*wrap, TOOL, *map(str, args)], capture_output=True, text=True, check=False,
                       stdin=subprocess.DEVNULL, timeout=mp.DEADLINE, cwd="/")
    assert p.returncode == code, f"{args}: {p.returncode}\n{p.stdout}{p.stderr}"
    return p.stdout if code == 0 else p.stderr


def status(text):
    """The last values told of each field."""
    got = dict(re.findall(r"^(\w+):[ \t]*(.*)$", text, re.M))
    return got, {k: int(got[k], 16) for k in got if k.startswith("Cap")}


def test_root_becomes_a_user():
    out = tool("check", "drop", "nobody", "status", "root")
    got, caps = status(out)
    assert got["Uid"].split() == [str(mp.NOBODY)] * 4 and got["Gid"].split() == [str(mp.NOBODY)] * 4
    assert got["Groups"].split() in ([], [str(mp.NOBODY)])
    assert caps == {"CapPrm": FOUR, "CapEff": FOUR, "CapInh": 0, "CapBnd": 0, "CapAmb": 0}
    assert got["NoNewPrivs"] == "1" and got["Dumpable"] == "0"
    assert int(got["Securebits"], 16) == 0xef  # noroot, no fix-up, no ambient: set and locked; keep-caps: locked
    assert "again" not in got["root"]


def test_root_stays_root_without_its_powers():
    got, caps = status(tool("drop", "-", "status"))
    assert got["Uid"].split() == ["0"] * 4
    assert caps == {"CapPrm": FOUR, "CapEff": FOUR, "CapInh": 0, "CapBnd": 0, "CapAmb": 0}


@pytest.mark.parametrize("user", ["-", "nobody"])
def test_what_it_starts_has_nothing(user):
    """Also as root: a program that root starts would be given all."""
    out = tool("drop", user, "run", "grep -E '^(Cap|NoNew)' /proc/self/status")
    got, caps = status(out)
    assert len(caps) == 5 and not any(caps.values()), caps
    assert got["NoNewPrivs"] == "1"


def test_started_with_the_four_alone():
    out = tool("check", "drop", "-", "status", wrap=mp.as_nobody(mp.FOUR))
    got, caps = status(out)
    assert got["Uid"].split() == [str(mp.NOBODY)] * 4 and got["NoNewPrivs"] == "1"
    # no CAP_SETPCAP: the bounding set stays, and gives nothing any more
    assert caps == {"CapPrm": FOUR, "CapEff": FOUR, "CapInh": 0, "CapBnd": FOUR, "CapAmb": 0}
    assert not any(status(tool("drop", "-", "run", "grep CapPrm /proc/self/status",
                               wrap=mp.as_nobody(mp.FOUR)))[1].values())


def test_started_with_more_than_that():
    """What helps on older kernels is given up, too; being the user already is no change."""
    more = [*mp.FOUR, "sys_admin", "setuid", "net_raw"]
    got, caps = status(tool("check", "drop", "nobody", "status", wrap=mp.as_nobody(more)))
    assert caps["CapPrm"] == caps["CapEff"] == FOUR and not caps["CapAmb"], got


def test_sys_admin_stands_for_the_two_that_came_later():
    names = ["sys_admin", "sys_ptrace", "dac_read_search"]
    _, caps = status(tool("check", "drop", "-", "status", wrap=mp.as_nobody(names)))
    assert caps["CapPrm"] == caps["CapEff"] == 1 << 21 | 1 << 19 | 1 << 2


@pytest.mark.parametrize("missing", mp.FOUR)
def test_one_is_missing(missing):
    err = tool("check", wrap=mp.as_nobody([c for c in mp.FOUR if c != missing]), code=4)
    assert f"lacks CAP_{missing.upper()}:" in err and "without it" in err, err
    assert "setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search=ep" in err


def test_several_are_missing():
    err = tool("check", wrap=mp.as_nobody(["bpf", "sys_ptrace"]), code=4)
    assert "lacks CAP_PERFMON, CAP_DAC_READ_SEARCH" in err, err


def test_threads_would_keep_theirs():
    err = tool("thread", "drop", "nobody", code=4)
    assert "threads" in err, err


def test_users_that_cannot_be_become():
    assert "no such user" in tool("drop", "no-such-user-here", code=1)
    assert "CAP_SETUID" in tool("drop", "root", wrap=mp.as_nobody(mp.FOUR), code=4)
    # numbers are made names by the file's reader (tests/unit/test_config.c)
    assert "no such user" in tool("drop", mp.NOBODY, code=1)


@pytest.fixture(params=["root's", "another user's"])
def busy(request):
    """A process that touches pages again and again."""
    ids = {} if request.param == "root's" else {"user": OTHER, "group": OTHER, "extra_groups": []}
    script = 'i=0; while :; do i=$((i + 1)); x="$x $i"; [ ${#x} -gt 2000000 ] && x=; done'
    p = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.DEVNULL, cwd="/", **ids)
    yield p.pid
    mp.stop(p)


@pytest.mark.parametrize("start", ["root", "four"])
def test_it_is_enough(busy, start):
    """New targets, pages, mappings, memory and files of any process, after the drop."""
    mp.need_bpf()
    text = next(m[0] for m in mp.kernel_maps(busy) if m[2].startswith("r"))
    folder = f"/proc/{busy}"
    words = ["check", "probes", "drop", "nobody", "watch", busy, "peek", f"{busy},{text:x}"]
    files = ["pagemap", "smaps_rollup", "maps", "exe", "root/etc/passwd", "io"]
    for f in files:
        words += ["read", f"{folder}/{f}"]
    out = tool(*words, wrap=mp.as_nobody(mp.FOUR) if start == "four" else ())
    assert int(re.search(r"^pages (\d+)$", out, re.M)[1]) >= 64
    assert re.findall(r"^read (\S+): ok$", out, re.M) == [f"{folder}/{f}" for f in files], out
    assert re.search(r"^peek: ok$", out, re.M), out


def test_who_may_look_into_it():
    """Not another process of its user: it holds more than that has."""
    p = subprocess.Popen([TOOL, "drop", "nobody", "run", "cat"], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, cwd="/")
    try:
        p.stdin.write(b"up\n")
        p.stdin.flush()
        assert p.stdout.readline() == b"up\n"
        look = subprocess.run([*mp.as_nobody(), "cat", f"/proc/{p.pid}/environ"], capture_output=True,
                              check=False, timeout=mp.DEADLINE)
        assert look.returncode != 0 and b"denied" in look.stderr, look
        assert pathlib.Path(f"/proc/{p.pid}/environ").stat().st_uid == 0
    finally:
        p.stdin.close()
        p.wait(mp.DEADLINE)
        p.stdout.close()
