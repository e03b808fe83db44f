# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The terminal interface from outside, in tmux: what a person sees and types.

Waits for texts, never for time. What is drawn in detail is checked cell by cell
in tests/unit; here it is the whole program: modes, sizes, terminals, ends.
"""
import os
import re
import signal

import mp
import pytest

SIZES = [(80, 24), (120, 40)]


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_command("tmux")
    mp.need_bpf()


@pytest.fixture
def busy():
    """A process that touches and gives back 16 MB all the time."""
    with mp.Workload("churn", 16, 0) as w:
        w.go()
        yield w


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return mp.record_steps(tmp_path_factory.mktemp("rec") / "r.mprof",
                           ["touched", "dontneed", "refault"], "dontneed", 4096)


def live(pid, cols=80, rows=24, *args, **kw):
    return mp.Tmux([mp.MEMPROF, "-p", pid, *args], cols, rows, **kw)


def restored(t):
    """The program has ended with 0 and left the terminal as it was."""
    assert t.wait_end() == 0
    assert t.ask("#{alternate_on}") == "0", "still on the alternate screen"
    assert t.ask("#{cursor_flag}") == "1", "the cursor is gone"
    assert t.ask("#{mouse_any_flag}") == "0", "the mouse is still taken"


@pytest.mark.parametrize("cols,rows", SIZES)
def test_live(busy, cols, rows):
    with live(busy.pid, cols, rows) as t:
        text = t.wait_text(r"LIVE")
        text = t.wait_text(r"churn")
        assert str(busy.pid) in text
        for word in "RSS", "anon", "file":
            assert re.search(word, text, re.I), f"no {word}:\n{text}"
        assert max(map(len, text.splitlines())) <= cols
        assert t.ask("#{alternate_on}") == "1"
        t.keys("q")
        restored(t)


@pytest.mark.parametrize("cols,rows", SIZES)
def test_node(cols, rows):
    mp.need_command("node")
    script = str(mp.ROOT / "tests" / "workloads" / "node" / "steps.js")
    with mp.Workload("node", argv=["node", script]) as w:
        with live(w.pid, cols, rows) as t:
            t.wait_text("LIVE")
            w.step("churned")
            w.step("grown")
            text = t.wait_text(r"(?i)heap")
            assert re.search(r"(?i)live|used", text), text
            t.keys("q")
            restored(t)


def test_launched():
    """memprof -- CMD shows the command too."""
    prog = mp.BUILD / "workloads" / "churn"
    with mp.Tmux([mp.MEMPROF, "--", prog, "--run", 4, 0]) as t:
        t.wait_text("LIVE")
        t.wait_text("churn")
        t.keys("q")
        t.wait_end()
        assert t.ask("#{alternate_on}") == "0"


def test_pause_and_back(busy):
    with live(busy.pid) as t:
        t.wait_text("LIVE")
        t.keys("Space")
        t.wait_text("PAUSED")
        t.keys("Left", "Left", "Left")
        t.wait_text("PAUSED")
        t.keys("End")
        t.wait_text("LIVE")
        t.keys("Space")
        t.wait_text("PAUSED")
        t.keys("Space")
        t.wait_text("LIVE")
        t.keys("q")
        restored(t)


HELP = r"help, 1 of (\d)"  # the title: what keys do is also in a line of the screen itself


def test_help(busy):
    with live(busy.pid) as t:
        t.wait_text("LIVE")
        t.keys("?")
        text = t.wait_text(HELP)
        for page in range(2, int(re.search(HELP, text)[1]) + 1):
            t.keys("Down")
            text += t.wait_text(f"help, {page} of")
        for word in "quit", "zoom", "help", "pause":
            assert re.search(word, text, re.I), text
        t.keys("Escape")
        t.wait_text("LIVE")
        t.keys("q")
        restored(t)


@pytest.mark.parametrize("keys", [["Tab", "Tab", "Tab", "Tab"], ["+", "+", "-", "0"], ["s", "s", "s"],
                                  ["m", "Left", "m", "'"], ["Enter", "Escape"],
                                  ["/", "h", "e", "a", "p", "Enter"], ["e", "e"],
                                  ["g", "1", "s", "Enter"], [":", "Escape"], [",", "."],
                                  ["Up", "Down", "PageUp", "PageDown", "Home", "End"],
                                  ["F1", "F5", "F10", "C-l"]])
def test_every_key_is_safe(recording, keys):
    """Whatever is typed, the screen lives on and q (after Escape) ends it well."""
    with mp.Tmux([mp.MEMPROF, "replay", recording]) as t:
        t.wait_text("REPLAY")
        t.keys(*keys)
        t.keys("Escape")
        t.keys("?")
        t.keys("Escape")
        t.keys("q")
        restored(t)


def test_resize_storm(busy):
    with live(busy.pid) as t:
        t.wait_text("LIVE")
        for cols, rows in [(120, 40), (40, 10), (200, 60), (20, 5), (1, 1), (10, 60), (300, 3),
                           (2, 2), (79, 23), (81, 25), (1, 50), (50, 1), (132, 43)] * 2:
            t.resize(cols, rows)
        t.resize(80, 24)
        text = t.wait_text("LIVE")
        assert max(map(len, text.splitlines())) <= 80
        t.resize(30, 8)
        t.wait_text(r"(?i)small")
        t.resize(100, 30)
        t.wait_text("LIVE")
        t.keys("q")
        restored(t)


@pytest.mark.parametrize("cols,rows", [(80, 24), (120, 40), (60, 20), (40, 10)])
def test_replay(recording, cols, rows):
    with mp.Tmux([mp.MEMPROF, "replay", recording], cols, rows) as t:
        text = t.wait_text("REPLAY")
        assert "dontneed" in text
        assert max(map(len, text.splitlines())) <= cols
        t.keys("q")
        restored(t)


def test_top_of_a_file_is_replay(recording):
    with mp.Tmux([mp.MEMPROF, "top", "-i", recording]) as t:
        t.wait_text("REPLAY")
        t.keys("q")
        restored(t)


def test_target_killed():
    """The target is gone; what was seen stays and can be browsed."""
    with mp.Workload("dontneed", 4096) as w:
        with live(w.pid) as t:
            t.wait_text("LIVE")
            w.step("touched")
            w.proc.kill()
            w.proc.wait(mp.DEADLINE)
            text = t.wait_text(r"(?i)exited|ended|killed|gone")
            assert "dontneed" in text
            t.keys("Left", "Left")
            t.keys("?")
            t.wait_text(HELP)
            t.keys("Escape")
            t.wait_text("dontneed")
            t.keys("q")
            t.wait_text("nothing was saved: w saves it, q once more leaves")
            t.keys("q")
            restored(t)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ended_by_a_signal(busy, sig):
    """The terminal is restored on every way out."""
    with live(busy.pid) as t:
        t.wait_text("LIVE")
        os.kill(memprof_of(busy.pid), sig)
        t.wait_end()
        assert t.ask("#{alternate_on}") == "0"
        assert t.ask("#{cursor_flag}") == "1"


def memprof_of(target):
    """The pid of the memprof that watches `target`, started by this test's tmux."""
    want = [os.fsencode(mp.MEMPROF), b"-p", str(target).encode()]
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                if open(f"/proc/{d}/cmdline", "rb").read().split(b"\0")[:3] == want:
                    return int(d)
            except OSError:
                pass
    raise AssertionError("no memprof found")


def test_stop_and_continue(busy):
    """Ctrl-Z gives the terminal back, fg takes it again."""
    with mp.Tmux(["bash", "--norc", "-i"]) as t:
        t.keys(f"exec 2>&1; {mp.MEMPROF} -p {busy.pid}", "Enter")
        t.wait_text("LIVE")
        t.keys("C-z")
        t.wait_text(r"Stopped")
        assert t.ask("#{alternate_on}") == "0"
        t.keys("fg", "Enter")
        t.wait_text("LIVE")
        t.keys("q")
        mp.wait_until(lambda: t.ask("#{alternate_on}") == "0", what="restored terminal")
        assert t.ask("#{cursor_flag}") == "1"


def test_ascii_locale(recording, busy):
    """Without UTF-8 there is not one character beyond ASCII, and the plot is there."""
    with mp.Tmux([mp.MEMPROF, "replay", recording], env={"LC_ALL": "C"}) as t:
        text = t.wait_text("REPLAY")
        assert text.isascii(), [c for c in text if ord(c) > 126]
        t.keys("?")
        assert t.wait_text(HELP).isascii()
        t.keys("Escape", "q")
        restored(t)
    with live(busy.pid, env={"LC_ALL": "C"}) as t:
        assert t.wait_text("LIVE").isascii()
        t.keys("q")
        restored(t)


@pytest.mark.parametrize("term", ["vt100", "xterm", "screen-256color", "linux"])
def test_other_terminals(recording, term):
    with mp.Tmux([mp.MEMPROF, "replay", recording], term=term) as t:
        text = t.wait_text("REPLAY")
        assert "dontneed" in text
        if term == "vt100":
            assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", t.screen(colors=True)), "colours on a vt100"
        t.keys("q")
        t.wait_end()


def test_no_color(recording):
    colour = re.compile(r"\x1b\[([0-9]+;)*(3[0-7]|4[0-7]|38|48)[;m]")
    with mp.Tmux([mp.MEMPROF, "replay", recording]) as t:
        t.wait_text("REPLAY")
        assert colour.search(t.screen(colors=True)), "no colours at all"
        t.keys("q")
        restored(t)
    with mp.Tmux([mp.MEMPROF, "replay", recording], env={"NO_COLOR": "1"}) as t:
        t.wait_text("REPLAY")
        assert not colour.search(t.screen(colors=True))
        t.keys("q")
        restored(t)


def test_unknown_terminal_falls_back(recording):
    with mp.Tmux([mp.MEMPROF, "replay", recording], term="nonsense-term") as t:
        assert t.wait_end() == 0
        assert t.ask("#{alternate_on}") == "0"
        assert re.search(r"(?i)rss", t.screen())


def test_quit_and_keep_the_screen(recording):
    with mp.Tmux([mp.MEMPROF, "replay", recording]) as t:
        t.wait_text("REPLAY")
        t.keys("Q")
        text = t.wait_text(r"\[status 0\]")
        assert "dontneed" in text, "the last screen is gone"
        assert t.ask("#{cursor_flag}") == "1"


def test_bad_name(tmp_path):
    """A name full of control characters disturbs nothing."""
    with mp.Workload("bad-name") as w:
        with live(w.pid) as t:
            text = t.wait_text("LIVE")
            assert str(w.pid) in text
            assert t.ask("#{pane_title}") != "b", "the name set the title of the terminal"
            t.keys("q")
            restored(t)


def test_without_a_terminal(busy):
    """Into a pipe there are plain lines, no screen."""
    p = mp.memprof("top", "-p", busy.pid, "--duration", "0.5", "--interval", "0.1")
    assert p.returncode == 0, p.stderr
    assert "\x1b" not in p.stdout and re.search(r"(?i)rss", p.stdout)


def test_save_from_the_screen(busy, tmp_path):
    """w writes what was seen so far as a recording that can be read."""
    with mp.Tmux(["sh", "-c", f"cd '{tmp_path}' && exec '{mp.MEMPROF}' -p {busy.pid}"]) as t:
        t.wait_text("LIVE")
        t.keys("w")
        name = mp.wait_until(lambda: os.listdir(tmp_path), what="file")[0]
        t.wait_text(re.escape(name[:12]))
        t.keys("q")
        restored(t)
    rep = mp.report(tmp_path / name)
    assert rep["target"]["comm"] == "churn"
