# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""replay of any recording: whole, cut, damaged, of nobody, of several processes, without
hooks, of another minor version. On the screen and as lines; each says what it is."""
import re

import mp
import pytest

KEYS = ["Left", "Left", ",", ".", "t", "t", "t", "s", "Tab", "Home", "End", "-", "+", "0", "Escape"]


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_command("tmux")
    mp.need_bpf()


def minor(data, n):
    """The same recording by a memprof of another minor version: byte 11 of the file."""
    return data[:11] + bytes([n]) + data[12:]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Files by kind."""
    dir = tmp_path_factory.mktemp("kinds")
    with mp.Workload("churn", 16, 0) as w, mp.Recording(w.pid, dir / "whole") as r:
        w.go()
        mp.wait_until(lambda: (dir / "whole").read_bytes().count(b"MPB\x01") > 5, what="blocks")
        r.stop()
    with mp.Workload("dontneed", 64) as w, mp.Recording(w.pid, dir / "none", "--hooks", "none") as r:
        w.step("touched")
        r.stop()
    mp.memprof("record", "-q", "--follow-forks", "-o", dir / "several", "--", "sh", "-c",
               "ls / >/dev/null; ls / >/dev/null; true", check=0)
    data = (dir / "whole").read_bytes()
    (dir / "cut").write_bytes(data[:len(data) * 3 // 4])
    (dir / "stub").write_bytes(data[:200])
    (dir / "damaged").write_bytes(data[:len(data) // 2] + bytes(64) + data[len(data) // 2 + 64:])
    (dir / "older").write_bytes(minor(data, 0))
    (dir / "newer").write_bytes(minor(data, 200))
    return dir


# What the screen says, and the exit status.
SAYS = {
    "whole": (r"churn \(\d+\)", 0), "none": (r"dontneed \(\d+\)", 0),
    "several": (r"3 processes", 0), "cut": (r"truncated: it ends without", 5),
    "stub": (r"no process was seen|truncated", 5), "damaged": (r"damaged: blocks unreadable: \d", 5),
    "older": (r"churn \(\d+\)", 0), "newer": (r"churn \(\d+\)", 0),
}


@pytest.mark.parametrize("kind", SAYS)
def test_on_the_screen(kinds, kind):
    says, status = SAYS[kind]
    with mp.Tmux([mp.MEMPROF, "replay", kinds / kind], 120, 30) as t:
        assert re.search(says, t.wait_text("REPLAY"))
        t.keys(*KEYS)
        t.keys("?")
        t.wait_text("help, 1 of|Other keys leave")
        t.keys("Escape")
        t.wait_text("REPLAY")
        t.keys("q")
        assert t.wait_end() == status
        assert t.ask("#{alternate_on}") == "0"


@pytest.mark.parametrize("kind", SAYS)
def test_as_lines(kinds, kind):
    p = mp.memprof("replay", "--plain", "--interval", "5ms", kinds / kind, check=SAYS[kind][1])
    assert max(map(len, p.stdout.splitlines())) <= 100
    assert re.search(r"recorded, (clean|truncated|damaged)", p.stdout)
    if kind == "stub":
        assert "No process was seen" in p.stdout
    elif kind == "several":  # they may all end before the first border of an interval
        assert len(re.findall(r"^\d+\.\d{3} s \S+ \(\d+\): is watched", p.stdout, re.M)) >= 2
        assert len(re.findall(r"^ +\S+ \(\d+\): highest RSS .*, exited 0", p.stdout, re.M)) == 3
    else:
        assert len(re.findall(r"^ +\d+\.\d{3} ", p.stdout, re.M)) >= 1


def test_what_is_no_recording(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "junk").write_bytes(b"hello world " * 99)
    for name, code in (("empty", 5), ("junk", 1), ("absent", 1)):
        p = mp.memprof("replay", tmp_path / name, check=code)
        assert "cannot read" in p.stderr and not p.stdout


def test_dump_says_no_time_that_was_not_told():
    """Pages found resident: since when is not known."""
    text = mp.memprof("dump", mp.ROOT / "tests/fixtures/minor-2.mprof", check=0).stdout
    assert "pages.resident" in text and "since=?" in text and "since=-" not in text
