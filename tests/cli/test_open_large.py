# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Large recordings open by their summaries, and anything can be looked at from any instant."""
import json
import re
import subprocess

import mp
import pytest

MIB = 8  # more than memprof reads without asking itself whether to


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "big.mprof"
    subprocess.run([mp.BUILD / "tests" / "tools" / "big", path, str(MIB), "end"], check=True, timeout=600,
                   stdout=subprocess.DEVNULL)
    return path


def figures(path, *args, code=0):
    """What the report says beside the series, and whether it is an overview."""
    r = json.loads(mp.memprof("report", "--json", *args, path, check=code).stdout)
    r.pop("series")
    overview = r["recording"].pop("overview")
    assert r["recording"].pop("checked") is not overview
    return r, overview


def test_overview_is_the_whole(large):
    quick, overview = figures(large)
    whole, full = figures(large, "--full")
    assert overview and not full
    assert quick == whole
    assert quick["recording"]["state"] == "clean"
    said = " ".join(mp.memprof("report", large, check=0).stdout.split())
    assert "clean (blocks not checked: --full reads them all)" in said
    assert "not checked" not in mp.memprof("report", "--full", large, check=0).stdout


def test_timeline_is_the_whole(large):
    """A stretch of the quick one has what the fine one has there."""
    quick = json.loads(mp.memprof("report", "--json", large, check=0).stdout)["series"]
    whole = json.loads(mp.memprof("report", "--json", "--full", large, check=0).stdout)["series"]
    assert abs(quick["t"][-1] - whole["t"][-1]) <= quick["interval_s"] + whole["interval_s"]
    low, high = min(whole["rss"]), max(whole["rss"])
    assert all(low <= v <= high for v in quick["rss"])


def test_cut_off(large, tmp_path):
    cut = tmp_path / "cut.mprof"
    cut.write_bytes(large.read_bytes()[:large.stat().st_size * 3 // 4])
    quick, overview = figures(cut, code=5)
    assert overview and quick["recording"]["state"] == "truncated"
    assert quick == figures(cut, "--full", code=5)[0]


def test_flipped_byte_is_found_by_reading_all(large, tmp_path):
    bad = tmp_path / "bad.mprof"
    data = bytearray(large.read_bytes())
    data[len(data) // 3] ^= 0x10
    bad.write_bytes(data)
    assert figures(bad, "--full", code=5)[0]["recording"]["state"] == "damaged"
    quick, _ = figures(bad)
    assert quick["faults"] == figures(large)[0]["faults"]  # what it shows is not touched by it


def test_at_an_instant(large):
    end, _ = figures(large)
    half = end["recording"]["duration_s"] / 2
    r, _ = figures(large, f"--at={half}")
    assert r["recording"]["duration_s"] == end["recording"]["duration_s"]
    assert r["recording"]["at_s"] == pytest.approx(half, abs=0.001)
    assert 0.45 < r["faults"]["total"] / end["faults"]["total"] < 0.55
    assert figures(large, "--at=end")[0]["faults"] == end["faults"]
    text = " ".join(mp.memprof("report", large, f"--at={half}", check=0).stdout.split())
    assert f"as of {half:.1f}"[:-2] in text and "at the end" not in text
    assert re.search(rf", at {int(half)}\.\d+ s of .* recorded, clean", text)


def lines(out):
    """The times of the lines of figures."""
    return [float(m) for m in re.findall(r"^ +(\d+\.\d{3}) ", out, re.M)]


def plain(large, *args, **kw):
    return lines(mp.memprof("replay", "--plain", *args, large, check=0, **kw).stdout)


def test_seek(large):
    every = plain(large)
    assert plain(large, "--seek", "+20.5s") == [t for t in every if t > 20.5]
    assert plain(large, "--seek", "20.5") == [t for t in every if t > 20.5]
    last = figures(large)[0]["recording"]["duration_s"]
    assert plain(large, "--seek", "-3s") == [t for t in every if t > last - 3]
    # the clock showed 22:13:20 UTC when it was begun
    assert plain(large, "--seek", "22:13:50", env={"TZ": "UTC"}) == [t for t in every if t > 30]


def test_seek_shows_what_reading_all_shows(large):
    tail = mp.memprof("replay", "--plain", "--seek", "30.5", large, check=0).stdout.splitlines()
    whole = mp.memprof("replay", "--plain", large, check=0).stdout.splitlines()
    first = next(i for i, s in enumerate(whole) if s.lstrip().startswith("32.000"))
    at = next(i for i, s in enumerate(tail) if s.lstrip().startswith("32.000"))
    assert tail[at:at + 20] == whole[first:first + 20]


@pytest.mark.parametrize("when", ["99h", "-99h", "03:00"])
def test_outside(large, when):
    p = mp.memprof("replay", "--plain", f"--seek={when}", large, check=64, env={"TZ": "UTC"})
    assert "does not reach that instant" in p.stderr and "from 22:13:20" in p.stderr
    assert len(p.stderr.splitlines()) <= 6 and not p.stdout


@pytest.mark.parametrize("when", ["", "x", "+-3", "1:2:3:4", "25:00", "12x", "nan", "--"])
def test_no_time(large, when):
    p = mp.memprof("report", f"--at={when}", large, check=64)
    assert "is not a time" in p.stderr


def test_small_ones_are_read_whole(tmp_path):
    path = tmp_path / "small.mprof"
    subprocess.run([mp.BUILD / "tests" / "tools" / "big", path, "1", "end"], check=True, timeout=600,
                   stdout=subprocess.DEVNULL)
    assert not figures(path)[1]
    assert plain(path, "--seek", "-2s")


def test_seek_on_the_screen(large):
    """The cursor stands there; zoomed in, the fine timeline of that place is read."""
    mp.need_command("tmux")
    with mp.Tmux([mp.MEMPROF, "replay", large, "--seek", "30"], 120, 40) as t:
        t.wait_text(r"REPLAY +00:30")
        t.wait_text(r"\d+%")  # the mappings of that moment


        def closer():
            t.keys("+")
            return re.search(r"╵00:(29|30)\.\d", t.screen())
        mp.wait_until(closer, what="ticks of parts of a second")
        t.keys("q")
        assert t.wait_end() == 0
