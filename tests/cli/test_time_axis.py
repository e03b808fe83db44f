# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One time axis: what a view shows is what an instant is named by, also in a file that begins later."""
import json
import re
import subprocess

import pytest

import mp

WALL = 1_700_000_000_000_000_000
STEPS = 1500  # 50 a second; a saved file has the second half


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("axis") / "saved.mprof"
    subprocess.run([mp.BUILD / "tests/tools/session", path, str(STEPS), str(WALL), "saved"], check=True,
                   timeout=600, stdout=subprocess.DEVNULL)
    return path


def report(path, *args):
    return json.loads(mp.memprof("report", "--json", *args, path).stdout)


def lines(path, *args):
    """(time, RSS) of the lines of replay --plain."""
    text = mp.memprof("replay", "--plain", *args, path).stdout.split("\n\n")[0]
    return [(float(m[1]), m[2]) for m in re.finditer(r"^ *(\d+\.\d{3}) +(\S+)", text, re.M)]


def test_plain_begins_with_the_file(saved):
    begin = report(saved)["series"]["t"][0]
    assert begin > 10
    got = lines(saved)
    assert got[0][0] >= begin and got[0][0] - begin <= 1
    assert all(rss != "-" for _, rss in got)
    assert [b[0] - a[0] for a, b in zip(got, got[1:])] == pytest.approx([1] * (len(got) - 1))


def test_what_is_shown_can_be_typed(saved):
    series = report(saved)["series"]
    t = series["t"][len(series["t"]) // 2]
    at = report(saved, "--at", f"{t + series['interval_s'] * 0.999:.6f}")
    assert at["recording"]["at_s"] == pytest.approx(t + series["interval_s"] * 0.999, abs=1e-6)
    assert at["rss"]["end"] == series["rss"][len(series["t"]) // 2]
    first = lines(saved, "--seek", f"{t:.3f}")[0][0]
    assert 0 <= first - t <= 1


def test_from_where_the_file_begins(saved):
    begin = report(saved, "--at", "start")["recording"]["at_s"]
    later = report(saved, "--at", "+3s")["recording"]["at_s"]
    assert later == pytest.approx(begin + 3) and begin > 10


def test_before_the_file(saved):
    p = mp.memprof("report", "--at", "3", saved, check=64)
    assert "does not reach that instant" in p.stderr
    m = re.search(r"it has (\S+) s to (\S+) s of the session", p.stderr)
    begin = report(saved, "--at", "start")["recording"]["at_s"]
    assert float(m[1]) == pytest.approx(begin, abs=0.001) and float(m[2]) > begin + 5
