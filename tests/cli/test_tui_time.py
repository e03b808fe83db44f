# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Moving through time in the terminal: exact steps, times by name, two marks, the past
while the target goes on. What is on the screen is compared with what dump says."""
import re

import mp
import pytest

PAGES = 4096  # touched; the workload gives half of them back
SIZE = "8.00 M"


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_command("tmux")
    mp.need_bpf()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return mp.record_steps(tmp_path_factory.mktemp("rec") / "r.mprof",
                           ["touched", "dontneed", "refault"], "dontneed", PAGES)


def command(t, text):
    t.keys(":")
    t.keys("-l", text)
    t.keys("Enter")


def rss(screen):
    """The figure of RSS, bytes."""
    n, unit = re.search(r"RSS +([\d.]+) ([BKMG])", screen).groups()
    return float(n) * 1024 ** "BKMG".index(unit)


def test_the_state_right_after_an_event(recording):
    """r stands on the nanosecond of the release: before it the memory was there."""
    dump = mp.memprof("dump", recording).stdout
    calls = re.findall(r"call\.madvise .*DONTNEED.* anon=-(\d+)pg", dump, re.I)
    assert any(int(c) == PAGES // 2 for c in calls), calls
    with mp.Tmux([mp.MEMPROF, "replay", recording]) as t:
        t.wait_text("REPLAY")
        command(t, "pane events")
        command(t, "goto start")
        t.keys("r")
        after = t.wait_text(rf"▸ +\S+ call +{SIZE} madvise \S+, RSS -{SIZE}")
        assert rss(after) < 12 << 20, after
        t.keys("Up")
        before = t.wait_text(r"▸ +\S+ (?!call)")
        assert rss(before) > 16 << 20, before
        t.keys("Down")
        again = t.wait_text(rf"▸ +\S+ call +{SIZE} madvise")
        assert rss(again) == rss(after)
        t.keys("Enter")
        page = t.wait_text(r"event +call\.madvise")
        for word in "advice", "len", "anon", "mm", "tid":
            assert re.search(word, page), page
        t.keys("Escape", "q")
        assert t.wait_end() == 0


def test_marks_and_what_changed(recording):
    with mp.Tmux([mp.MEMPROF, "replay", recording]) as t:
        t.wait_text("REPLAY")
        command(t, "pane events")
        command(t, "goto start")
        t.keys("r")
        t.wait_text(rf"▸ +\S+ call +{SIZE} madvise")
        t.keys("Up", "m")
        t.wait_text("mark A is set")
        t.keys("Down", "m")
        t.wait_text("mark B is set")
        t.keys("'", "e")
        text = t.wait_text("sum of the classes = RSS")
        assert re.search(rf"mapping +-{SIZE} +16\.0 M +8\.00 M anon", text), text
        assert re.search(rf"given back +\+{SIZE} +0 +{SIZE} madvise dontneed", text), text
        assert "ADD UP" not in text
        t.keys("e")
        t.keys("x")
        t.wait_text("two marks are compared")
        t.keys("q")
        assert t.wait_end() == 0


@pytest.mark.parametrize("text,answer", [("5h", "lies outside"), ("soon", "no time"),
                                         ("a", "mark A is not set"), ("1:99", "no time")])
def test_times_that_are_none(recording, text, answer):
    with mp.Tmux([mp.MEMPROF, "replay", recording]) as t:
        t.wait_text("REPLAY")
        t.keys("g")
        t.keys("-l", text)
        t.keys("Enter")
        t.wait_text(answer)
        t.keys("q")
        assert t.wait_end() == 0


def test_nothing_is_missed_while_looking_back():
    """What happens while the view is paused is all there when it is live again."""
    with mp.Workload("dontneed", PAGES) as w:
        with mp.Tmux([mp.MEMPROF, "-p", w.pid]) as t:
            t.wait_text("LIVE")
            command(t, "pane events")
            t.keys("Space")
            t.wait_text("PAUSED")
            t.keys("Left", "Left", "+")
            w.step("touched")
            w.step("dontneed")
            w.step("refault")
            text = t.wait_text("PAUSED")
            assert "call" not in text, "a paused picture has moved"
            t.keys("End")
            t.wait_text("LIVE")
            t.wait_text(rf"call +{SIZE} madvise \S+, RSS -{SIZE}")
            t.keys("R")
            text = t.wait_text("PAUSED")
            assert re.search(rf"▸ +\S+ call +{SIZE} madvise \S+, RSS -{SIZE}", text), text
            assert rss(text) < 12 << 20, text
            t.keys("End")
            t.wait_text("LIVE")
            t.keys("q")
            assert t.wait_end() == 0
