# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What hands can do with the screen, from outside: commands, filter, mouse, files.

The parts are tested cell by cell in tests/unit/test_tui_hands.c; here the keys and the
reports of the mouse come through a real terminal, and what is written is read again.
"""
import os
import re
import stat

import mp
import pytest


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_command("tmux")
    mp.need_bpf()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return mp.record_steps(tmp_path_factory.mktemp("rec") / "r.mprof",
                           ["touched", "dontneed", "refault"], "dontneed", 4096)


def replay(recording, *args, **kw):
    return mp.Tmux([mp.MEMPROF, "replay", *args, recording], **kw)


def inside(tmp_path, *argv, **kw):
    """Started in a directory of its own: files of their own name go there."""
    words = " ".join(f"'{a}'" for a in argv)
    return mp.Tmux(["sh", "-c", f"cd '{tmp_path}' && exec {words}"], **kw)


def mouse(t, button, x, y, release=False):
    """A report as a terminal sends it: the cell x, y from 0, the button by xterm's number."""
    t.tmux("send-keys", "-l", f"\x1b[<{button};{x + 1};{y + 1}{'m' if release else 'M'}")


def click(t, x, y):
    mouse(t, 0, x, y)
    mouse(t, 0, x, y, release=True)


def cursor(t):
    return tuple(map(int, t.ask("#{cursor_x} #{cursor_y}").split()))


def wait_cursor(t, what, ok):
    mp.wait_until(lambda: ok(*cursor(t)), what=what)


def line_of(t, regex):
    """Screen row of the first line that matches."""
    return next(i for i, line in enumerate(t.screen().splitlines()) if re.search(regex, line))


def ends(t):
    t.keys("q")
    assert t.wait_end() == 0
    assert t.ask("#{mouse_any_flag}") == "0", "the mouse is still taken"
    assert t.ask("#{cursor_flag}") == "1"


def test_commands(recording):
    with replay(recording) as t:
        t.wait_text("REPLAY")
        t.keys(":")
        wait_cursor(t, "cursor in the prompt", lambda x, y: (x, y) == (1, 23))
        t.wait_text(r"expand +filter +follow")
        t.keys("p", "a", "n", "Tab")
        t.wait_text(r":pane ")
        t.keys("t", "h", "Tab", "Enter")
        t.wait_text(r"(?m)^ +tid ")
        t.keys(":", "Up")
        t.wait_text(r":pane threads")
        t.keys("C-w", "n", "o", "n", "e", "Enter")
        t.wait_text(r"no such pane: none; try: mappings")
        t.keys(":", "x", "y", "z", "Enter")
        t.wait_text(r"no such command: xyz")
        t.keys(":", "q", "Enter")
        assert t.wait_end() == 0


def test_filter(recording):
    with replay(recording) as t:
        t.wait_text("REPLAY")
        t.keys("/", "l", "i", "b")
        t.wait_text(r"(of |/)\d+  /lib")
        rows = t.screen().splitlines()[line_of(t, r"/lib") + 1:-1]
        assert rows and all("so" in r or not r.strip() for r in rows), rows
        t.keys("Enter", "n")
        wait_cursor(t, "cursor on a row", lambda x, y: x == 0)
        t.keys("/", "C-u", "z", "z", "z")
        t.wait_text("no row matches")
        t.keys("Escape")
        t.wait_gone(r"\d  /(zzz|lib)")
        ends(t)


def test_mouse(recording):
    with replay(recording) as t:
        t.wait_text("REPLAY")
        assert t.ask("#{mouse_any_flag}") == "1"
        click(t, 30, 7)
        wait_cursor(t, "cursor at the pointer", lambda x, y: x == 30)
        mouse(t, 0, 30, 7)
        for x in range(31, 41):
            mouse(t, 32, x, 7)
        mouse(t, 0, 40, 7, release=True)
        wait_cursor(t, "cursor dragged along", lambda x, y: x == 40)
        head = line_of(t, "resident parts|class")
        click(t, 10, head + 2)
        wait_cursor(t, "row selected", lambda x, y: (x, y) == (0, head + 2))
        click(t, 2, 23)  # the hint "q quit"
        assert t.wait_end() == 0
        assert t.ask("#{mouse_any_flag}") == "0"


def test_wheel_zooms(recording):
    with replay(recording) as t:
        before = t.wait_text("REPLAY")
        mouse(t, 64, 40, 7)
        mouse(t, 64, 40, 7)
        mp.wait_until(lambda: t.screen() != before, what="a shorter stretch of time")
        mouse(t, 65, 40, 7)
        mouse(t, 65, 40, 7)
        mouse(t, 65, 40, 7)
        ends(t)


def test_help_by_mouse_and_pages(recording):
    with replay(recording, cols=40, rows=10) as t:
        t.wait_text("REPLAY")
        t.keys("?")
        t.wait_text("help, 1 of")
        mouse(t, 65, 10, 5)
        t.wait_text("help, 2 of")
        t.keys("NPage")
        t.wait_text("help, 3 of")
        click(t, 10, 5)
        t.wait_text("REPLAY")
        ends(t)


@pytest.mark.parametrize("args,keys", [(["--no-mouse"], []), ([], [":mouse off", "Enter"])])
def test_mouse_left_to_the_terminal(recording, args, keys):
    with replay(recording, *args) as t:
        t.wait_text("REPLAY")
        t.keys(*keys)
        mp.wait_until(lambda: t.ask("#{mouse_any_flag}") == "0", what="no mouse taken")
        t.keys(":mouse on", "Enter")
        mp.wait_until(lambda: t.ask("#{mouse_any_flag}") == "1", what="the mouse taken")
        ends(t)


def test_mouse_is_given_back_while_stopped(recording):
    with mp.Tmux(["bash", "--norc", "-i"]) as t:
        t.keys(f"{mp.MEMPROF} replay {recording}", "Enter")
        t.wait_text("REPLAY")
        mp.wait_until(lambda: t.ask("#{mouse_any_flag}") == "1", what="the mouse taken")
        t.keys("C-z")
        t.wait_text("Stopped")
        assert t.ask("#{mouse_any_flag}") == "0"
        t.keys("fg", "Enter")
        t.wait_text("REPLAY")
        mp.wait_until(lambda: t.ask("#{mouse_any_flag}") == "1", what="the mouse taken again")
        t.keys("q")
        mp.wait_until(lambda: t.ask("#{alternate_on}") == "0", what="restored terminal")
        assert t.ask("#{mouse_any_flag}") == "0"


def test_a_terminal_without_a_mouse(recording):
    with replay(recording, term="vt100") as t:
        t.wait_text("REPLAY")
        assert t.ask("#{mouse_any_flag}") == "0"
        t.keys(":mouse on", "Enter")
        t.wait_text("no mouse")
        t.keys("q")
        assert t.wait_end() == 0


def test_snapshot(recording, tmp_path):
    """The screen as text, nobody else's to read, without the line that asked for it."""
    with inside(tmp_path, mp.MEMPROF, "replay", recording) as t:
        t.wait_text("REPLAY")
        t.keys("o")
        t.wait_text(r"saved to memprof-\S+\.txt")
        [name] = os.listdir(tmp_path)
        t.keys(":snapshot second one.txt", "Enter")
        t.wait_text("saved to second one.txt")
        t.keys(":snapshot second one.txt", "Enter")
        t.wait_text("not saved: second one.txt: File exists")
        ends(t)
    for path in tmp_path / name, tmp_path / "second one.txt":
        text = path.read_text()
        assert "REPLAY" in text and "dontneed" in text and "snapshot" not in text
        assert "\x1b" not in text and len(text.splitlines()) == 24
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_save_by_name(tmp_path):
    with mp.Workload("churn", 16, 0) as w:
        w.go()
        with inside(tmp_path, mp.MEMPROF, "-p", w.pid) as t:
            t.wait_text("LIVE")
            t.keys("W")
            t.wait_text(r":save ")
            t.keys("so far.mprof", "Enter")
            t.wait_text("saved to so far.mprof")
            t.keys("w")
            t.wait_text(rf"saved to memprof-churn-{w.pid}-\S+\.mprof")
            ends(t)
    for name in os.listdir(tmp_path):
        assert mp.report(tmp_path / name)["target"]["comm"] == "churn"
    assert len(os.listdir(tmp_path)) == 2


def test_a_recording_is_one_already(recording):
    with replay(recording) as t:
        t.wait_text("REPLAY")
        t.keys("w")
        t.wait_text("this is a recording already")
        ends(t)
