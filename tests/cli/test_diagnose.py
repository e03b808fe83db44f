# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof diagnose as scripts and people call it: what it prints, how it ends, what it refuses."""
import json

import jsonschema
import mp
import pytest

TOUR = mp.ROOT / "docs" / "tour"
UPLOADS = TOUR / "uploads.mprof"
NUMBER, TEXT = {"type": "number"}, {"type": "string"}
NULLABLE = {"type": ["number", "null"]}


def rows(**properties):
    return {"type": "array", "items": {"type": "object", "required": list(properties), "properties": properties}}


# the contract of the command line: keys are added, never renamed
FINDING = {
    "class": TEXT, "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "level": {"enum": ["info", "warn", "bad"]}, "bytes": {"type": "integer", "minimum": 0}, "from_s": NUMBER,
    "to_s": NUMBER, "summary": TEXT,
    "evidence": rows(what=TEXT, value={"type": ["number", "string"]}, unit=TEXT, t_s=NULLABLE),
    "not": rows(**{"class": TEXT, "why": TEXT}), "advice": {"type": "array", "items": TEXT},
    "confirm": {"type": ["string", "null"]},
}
SCHEMA = {"type": "object", "required": ["version", "window_s", "state", "findings", "unexplained_bytes", "withheld"],
          "properties": {"version": {"const": 1}, "window_s": NUMBER,
                         "state": {"enum": ["clean", "truncated", "damaged", "live"]}, "findings": rows(**FINDING),
                         "unexplained_bytes": {"type": "integer", "minimum": 0},
                         "withheld": rows(**{"class": TEXT, "why": TEXT})}}


def diagnose(*args, code=0):
    d = json.loads(mp.memprof("diagnose", *args, "--json", check=code).stdout)
    jsonschema.validate(d, SCHEMA)
    return d


@pytest.mark.parametrize("path", sorted(TOUR.glob("*.mprof")), ids=lambda p: p.stem)
def test_json_is_as_promised_and_sums(path):
    d = diagnose(path)
    assert d["state"] == "clean"
    assert (d["live_heap"] or 0) + d["explained_bytes"] + d["unexplained_bytes"] == d["rss"]
    sizes = [f["bytes"] for f in d["findings"]]
    assert sizes == sorted(sizes, reverse=True)


def test_text_says_what_json_says():
    d = diagnose(UPLOADS)
    text = mp.memprof("diagnose", UPLOADS, check=0).stdout
    assert d["findings"][0]["class"] == "off-heap"
    for f in d["findings"]:
        assert f"{f['level']:<4} {f['class']}" in text
        assert " ".join(f["summary"].split()) in " ".join(text.split())
        for a in f["advice"]:
            assert " ".join(a.split()) in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_fail_on():
    for names, code in (("off-heap", 2), ("warn", 2), ("info", 2), ("any", 2), ("heap-leak", 0), ("bad", 0),
                        ("heap-leak,off-heap", 2)):
        assert mp.memprof("diagnose", UPLOADS, "--fail-on", names).returncode == code, names
    assert mp.memprof("diagnose", UPLOADS, "--fail-on", "bad", "--fail-on=off-heap").returncode == 2
    p = mp.memprof("diagnose", UPLOADS, "--fail-on", "warn,of-heap")
    assert p.returncode == 64 and "no class or level 'of-heap'" in p.stderr and not p.stdout


def test_thresholds(tmp_path):
    own = tmp_path / "own"
    own.write_text("# a large machine\n\n  significant-bytes = 1G # more\nsignificant-bytes-limited=1G\n")
    assert "off-heap" not in [f["class"] for f in diagnose(UPLOADS, "--thresholds", own)["findings"]]
    text = mp.memprof("diagnose", "--defaults", check=0).stdout
    own.write_text(text)
    assert mp.memprof("diagnose", "--defaults", "--thresholds", own, check=0).stdout == text
    assert diagnose(UPLOADS, "--thresholds", own) == diagnose(UPLOADS)


@pytest.mark.parametrize("line,why", [("significant-byte = 1M", "no threshold 'significant-byte'"),
                                      ("significant-bytes = many", "'many' is no size"),
                                      ("significant-bytes", "name = value"), ("trend-chance = -1", "'-1' is no number"),
                                      ("trend-chance = nan", "'nan' is no number"), ("\x1b[31m = 1", "'?[31m'"),
                                      ("x" * 400, "too long")])
def test_bad_thresholds_are_named_with_their_line(tmp_path, line, why):
    own = tmp_path / "own"
    own.write_text(f"# first\n{line}\n")
    p = mp.memprof("diagnose", UPLOADS, "--thresholds", own)
    assert p.returncode == 64 and "line 2" in p.stderr and why in p.stderr and "\x1b" not in p.stderr, p.stderr


def test_refuses(tmp_path):
    for args, why in (((), "nothing to diagnose"), ((UPLOADS, UPLOADS), "one recording at a time"),
                      ((UPLOADS, "--", "true"), "not both"), ((UPLOADS, "-p", 1, "-p", 2), "at a time"), (("--thresholds", tmp_path / "none", UPLOADS), "none")):
        p = mp.memprof("diagnose", *args)
        assert p.returncode == 64 and why in p.stderr, (args, p.stderr)
    assert mp.memprof("diagnose", tmp_path / "none").returncode == 1
    assert mp.memprof("diagnose", "-p", 1, UPLOADS).returncode == 3


def test_what_is_left_of_a_recording(tmp_path):
    """A truncated file is diagnosed, with less confidence, and says so."""
    cut = tmp_path / "cut.mprof"
    whole = UPLOADS.read_bytes()
    cut.write_bytes(whole[:len(whole) - 200])
    d = diagnose(cut, code=5)
    assert d["state"] == "truncated"
    before = {f["class"]: f["confidence"] for f in diagnose(UPLOADS)["findings"]}
    for f in d["findings"]:
        assert f["confidence"] < before.get(f["class"], 1)
