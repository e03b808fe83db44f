# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tables under the plot in the whole program, on a recording of a real one: every
table, in each of its orders, both ways round, over all rows, and the page on a row."""
import re

import mp
import pytest

HEADS = {"mappings": "resident parts", "touched": "user stack", "released": "place, innermost",
         "collections": "before  after", "spaces": "heap, space", "threads": "in kernel",
         "cgroup": "this RSS", "findings": "how it looks"}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """The staged experiment: a heap with spaces, collections and releases."""
    mp.need_command("tmux")
    mp.need_bpf()
    path = tmp_path_factory.mktemp("rec") / "lazy.mprof"
    mp.memprof("demo", "lazy", "-o", path, check=0)
    return path


def head_of(text, name):
    """The line of the table's head: only there stand its columns and an arrow. Which of its rows
    are shown follows the row that is chosen, and that has another place in another order."""
    for line in reversed(text.splitlines()):
        if HEADS[name] in line and re.search("[\u25bc\u25b2]", line):
            return re.sub(r" +(\w+ \d+-\d+ of .*|\d+/\d+.*)$", "", line)
    return None


def wait_head(t, name, other_than=None):
    """Waits for the table's head, another than that; the head."""
    mp.wait_until(lambda: head_of(t.screen(), name) not in (None, other_than),
                  what=f"a head of {name} other than {other_than}")
    return head_of(t.screen(), name)


def names_there(rep):
    return [n for n in HEADS if n != "cgroup" or rep.get("cgroup")]


def test_every_table(recording):
    with mp.Tmux([mp.MEMPROF, "replay", recording], 120, 40) as t:
        t.wait_text("REPLAY")
        for name in names_there(mp.report(recording)):
            t.keys(":")
            t.keys(f"pane {name}", "Enter")
            first = wait_head(t, name)
            t.keys("S")
            turned = wait_head(t, name, first)
            assert turned == first.translate({0x25bc: 0x25b2, 0x25b2: 0x25bc})
            t.keys("S")
            assert wait_head(t, name, turned) == first
            t.keys("s")
            wait_head(t, name, first)
            t.keys("e")
            t.wait_gone("\u257500:")  # the plot's time axis is covered
            wait_head(t, name)
            t.keys("e", "Enter")
            t.wait_text("\u2500 details")
            t.keys("Escape")
            t.wait_gone("\u2500 details")
        t.keys("q")
        assert t.wait_end() == 0


def test_to_the_moment_of_a_collection(recording):
    """From the page on the collection that freed the 600 MB the cursor goes to it."""
    gc = next(c for c in mp.report(recording)["gc"]["collections"] if c["freed"] > 500 << 20)
    with mp.Tmux([mp.MEMPROF, "replay", recording], 120, 40) as t:
        t.wait_text("REPLAY")
        t.keys(":")
        t.keys("pane collections", "Enter")
        t.wait_text("returned")
        t.keys(":")
        t.keys("sort freed", "Enter")
        t.wait_text("freed\u25bc")
        t.keys("Home", "Enter")
        text = t.wait_text("what became of that")
        assert re.search(r"given back by calls +6\d\d M", text), text
        t.keys("Enter")
        t.wait_gone("what became of that")
        # there it has not been given back yet
        text = t.wait_text(r"major .* 6\d\d M +0 +0 +- .* 6\d\d M forced")
        assert f" REPLAY  00:{int(gc['t']):02d}" in text
        t.keys("q")
        assert t.wait_end() == 0


def test_history_of_the_heap(recording):
    with mp.Tmux([mp.MEMPROF, "replay", recording], 100, 50) as t:
        t.wait_text("resident parts")
        t.keys("/")
        t.keys("heap", "Enter")
        t.wait_gone("libc.so.6")
        t.keys("Enter")
        text = t.wait_text("RSS fell, in calls on them: 6\\d\\d M")
        assert re.search(r"faulted: 9\d\d M", text), text
        assert re.search(r"madvise dontneed of .*: RSS fell by", text), text
        assert re.search(r"refault +3\d\d M", text), text
        t.keys("q")  # closes the page
        t.wait_gone("RSS fell, in calls on them")
        t.keys("q")
        assert t.wait_end() == 0
