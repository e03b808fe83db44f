# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The screens in the tour and the README are those that the program draws, cell by cell, and
the manual's keys and commands those of its tables."""
import pathlib
import re
import sys

import mp
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import screens  # noqa: E402

BLOCKS = [(page.name, *b) for page in screens.PAGES for b in screens.blocks(page.read_text())]


@pytest.mark.parametrize("page,recording,keys,told", BLOCKS,
                         ids=[f"{b[0]}-{b[1]}-{'-'.join(b[2])}" for b in BLOCKS])
def test_screen(page, recording, keys, told):
    drawn = screens.screen(recording, keys)
    assert drawn.splitlines() == told.splitlines(), f"{page} shows another screen: make screens draws it anew"


def test_manual_has_every_key_and_command():
    text = screens.MANUAL.read_text()
    assert screens.retable(text) == text, "the tables of tui/ have changed: make screens writes them anew"


def test_rules_and_thresholds_of_the_diagnosis():
    for page in (screens.RULES, *screens.PAGES):
        text = page.read_text()
        assert screens.reprint(text) == text, f"{page.name} shows other output: make screens writes it anew"
    text = screens.RULES.read_text()
    for line in mp.memprof("diagnose", "--list", check=0).stdout.splitlines():
        if not line.startswith(" "):
            cls = line.split(":")[0]
            assert re.search(rf"^### .*\b{cls}\b", text, re.M), f"docs/diagnosis.md does not tell of {line}"


def test_every_recording_is_walked_through():
    told = {b[1] for b in BLOCKS if b[0] == "tour.md"}
    assert told == {p.stem for p in screens.FOLDER.glob("*.mprof")}


def test_figures_that_the_text_says():
    uploads = mp.report(screens.FOLDER / "uploads.mprof")
    assert uploads["cgroup"]["limit"] == 512 << 20 and uploads["cgroup"]["charged"]["end"] >> 20 == 263
    assert uploads["account"]["live_heap"] < 5 << 20 < 250 << 20 < uploads["account"]["arenas"]
    job = mp.report(screens.FOLDER / "report.mprof")
    assert round(job["account"]["live_heap"] / (1 << 20)) == 60 and job["rss"]["max"] >> 20 == 311
