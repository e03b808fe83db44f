# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Terminals of every kind: colours, backgrounds, sizes, and who has the terminal meanwhile.

A program on a pseudo terminal is seen byte by byte; what only an emulator can tell is
asked of tmux.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import mp
import pytest

DIRECT = r"""xterm-direct|direct colours as ncurses-term has it,
	RGB, colors#0x1000000, pairs#0x10000, CO#8,
	setab=\E[%?%p1%{8}%<%t4%p1%d%e48\:2\:\:%p1%{65536}%/%d\:%p1%{256}%/%{255}%&%d\:%p1%{255}%&%d%;m,
	setaf=\E[%?%p1%{8}%<%t3%p1%d%e38\:2\:\:%p1%{65536}%/%d\:%p1%{256}%/%{255}%&%d\:%p1%{255}%&%d%;m,
	use=xterm-256color,
"""
ASK = b"\x1b]11;?\x1b\\"
LIGHT = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
DARK = b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07"
# what a console's font has for certain, besides ASCII
CONSOLE = set("─│┌┐└┘├┤┬┴┼▀▄█░▒▓·")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("rec") / "r.mprof"
    subprocess.run([mp.BUILD / "tests/tools/session", path, "400", "0"], check=True, timeout=mp.DEADLINE)
    return path


class Pty:
    """memprof on a pseudo terminal of its own."""

    def __init__(self, *args, cols=80, rows=24, term="xterm-256color", **env):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            try:
                for name in ("NO_COLOR", "COLORFGBG", "LINES", "COLUMNS", "TMUX"):
                    os.environ.pop(name, None)
                os.environ.update({"TERM": term, "LC_ALL": "C.UTF-8", **env})
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
                os.execv(mp.MEMPROF, ["memprof", *map(str, args)])
            finally:
                os._exit(97)
        self.out, self.status = b"", None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self, timeout):
        """False at the end of the output."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.out += data
        return bool(data)

    def wait(self, what):
        end = time.monotonic() + mp.DEADLINE
        while what not in self.out:
            assert self.read(0.1) and time.monotonic() < end, f"no {what!r} in {self.out[-2000:]!r}"

    def type(self, data):
        os.write(self.fd, data)

    def quit(self):
        self.type(b"q")
        end = time.monotonic() + mp.DEADLINE
        while self.read(0.1):
            assert time.monotonic() < end, "it does not end"
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def colors(self):
        return set(re.findall(rb"\x1b\[[34]8;5;(\d+)m", self.out))


def shown(recording, *args, answer=None, late=False, **kw):
    """The colours of the picture of a terminal that gives this answer, and whether it was asked."""
    with Pty("replay", recording, *args, **kw) as t:
        if answer and not late:
            t.wait(ASK)
            t.type(answer)
        t.wait(b"REPLAY")
        if answer and late:
            t.out = ASK
            t.type(answer)
            t.wait(b"REPLAY")  # drawn again
        t.type(b"?")  # an answer is no key: the help still opens, and nothing was typed into it
        t.wait(b"help, 1 of")
        t.type(b"?")
        asked, colors = ASK in t.out, t.colors()
        assert t.quit() == 0
        return colors, asked


def test_backgrounds(recording):
    """The background is asked for, and what the user says goes before it."""
    light, asked = shown(recording, "--theme=light")
    assert not asked
    dark, asked = shown(recording, "--theme=dark")
    assert not asked and light != dark
    assert shown(recording, answer=LIGHT) == (light, True)
    assert shown(recording, answer=DARK) == (dark, True)
    assert light <= shown(recording, answer=LIGHT, late=True)[0], "the answer came after the first frame"
    assert shown(recording) == (dark, True), "no answer"
    assert shown(recording, COLORFGBG="0;15") == (light, False)
    assert shown(recording, COLORFGBG="15;0") == (dark, False)


@pytest.mark.parametrize("kw", [{"NO_COLOR": "1"}, {"term": "linux"}, {"term": "vt220"}, {"term": "screen"}])
def test_not_asked(recording, kw):
    """Nothing is sent that the terminal could print."""
    with Pty("replay", recording, **kw) as t:
        t.wait(b"REPLAY")
        assert b"\x1b]" not in t.out
        assert t.quit() == 0


def test_theme_is_checked(recording):
    p = mp.memprof("replay", "--theme=pink", recording)
    assert p.returncode == 64 and "auto, light or dark" in p.stderr


def test_direct_colours(recording, tmp_path):
    """Colours are RGB there: a number of the palette would be nearly black."""
    source = tmp_path / "direct.ti"
    source.write_text(DIRECT)
    subprocess.run(["tic", "-x", "-o", tmp_path, source], check=True, timeout=mp.DEADLINE)
    with Pty("replay", recording, "--theme=dark", term="xterm-direct", TERMINFO=str(tmp_path)) as t:
        t.wait(b"REPLAY")
        assert t.quit() == 0
        rgb = {tuple(map(int, m)) for m in re.findall(rb"\x1b\[[34]8:2::(\d+):(\d+):(\d+)m", t.out)}
    assert len(rgb) > 5 and not t.colors()
    # of the cube of 256 colours and its greys, not 0, 0, n
    steps = {0, 95, 135, 175, 215, 255}
    assert all(set(c) <= steps or c[0] == c[1] == c[2] for c in rgb), rgb
    assert max(max(c) for c in rgb) >= 175


@pytest.mark.parametrize("term,colours", [("xterm-256color", 256), ("tmux-256color", 256), ("screen-256color", 256),
                                          ("xterm", 8), ("screen", 8), ("linux", 8), ("vt100", 0), ("vt220", 0)])
def test_terms(recording, term, colours):
    """Each gets what it has and not more, and is left as it was."""
    with Pty("replay", recording, term=term, cols=120, rows=40) as t:
        before = termios.tcgetattr(t.fd)
        t.wait(b"REPLAY")
        t.type(b"tt e")
        assert t.quit() == 0
        assert termios.tcgetattr(t.fd)[:4] == before[:4]
        assert bool(t.colors()) == (colours == 256)
        assert bool(re.search(rb"\x1b\[(\d+;)*[34][0-7](;\d+)*m", t.out)) == (colours > 0)
        if term == "linux":
            beyond = {c for c in t.out.decode() if ord(c) > 126} - CONSOLE
            assert not beyond, beyond


@pytest.mark.parametrize("term", ["", "dumb", "no-such-terminal"])
def test_no_screen(recording, term):
    """Lines instead, and not one control sequence."""
    with Pty("replay", recording, term=term) as t:
        t.wait(b"RSS")
        assert t.quit() == 0 and b"\x1b" not in t.out


def test_size_unknown(recording):
    """A serial line has no size: 80x24."""
    with Pty("replay", recording, cols=0, rows=0, term="vt220") as t:
        t.wait(b"REPLAY")
        assert t.quit() == 0
        rows = [int(y) for y in re.findall(rb"\x1b\[(\d+)(?:;\d+)?H", t.out)]
        assert 20 < max(rows) <= 24


def test_stopped_and_resized(recording):
    """Ctrl-Z gives the terminal back with all its modes; what had it meanwhile changed it, and its size."""
    with mp.Tmux(["bash", "--norc", "-i"]) as t:
        t.keys(f"exec 2>&1; {mp.MEMPROF} replay '{recording}'", "Enter")
        t.wait_text("REPLAY")
        t.keys("C-z")
        t.wait_text("Stopped")
        assert t.ask("#{alternate_on}") == "0" and t.ask("#{cursor_flag}") == "1"
        assert t.ask("#{mouse_any_flag}") == "0"
        t.resize(100, 30)
        t.keys("stty -echo; fg", "Enter")
        t.wait_text("REPLAY")
        mp.wait_until(lambda: len(t.screen().splitlines()[0].rstrip()) > 80 or
                      t.screen().splitlines()[29].strip(), what="the new size")
        t.keys("?")
        t.wait_text("help, 1 of")
        t.keys("q", "q")  # the first closes the help
        mp.wait_until(lambda: t.ask("#{alternate_on}") == "0", what="restored terminal")


def test_continued(recording):
    """After a stop that nobody sees coming the whole screen is drawn again."""
    with Pty("replay", recording) as t:
        t.wait(b"REPLAY")
        os.kill(t.pid, signal.SIGSTOP)
        os.waitpid(t.pid, os.WUNTRACED)
        modes = termios.tcgetattr(t.fd)
        sane = list(modes)
        sane[3] |= termios.ECHO | termios.ICANON  # as a shell has them
        termios.tcsetattr(t.fd, termios.TCSANOW, sane)
        t.out = b""
        os.kill(t.pid, signal.SIGCONT)
        t.wait(b"REPLAY")
        assert termios.tcgetattr(t.fd)[3] == modes[3]
        assert t.quit() == 0
