# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The documents of the collector against its headers: complete, and their programs run."""
import os
import re
import subprocess

import mp
import pytest

MANUAL = (mp.ROOT / "docs" / "libmpgc.3").read_text()
README = (mp.ROOT / "README.md").read_text()
SEGMENT = (mp.ROOT / "docs" / "counters-segment.md").read_text()
GC_H = (mp.ROOT / "gc" / "gc.h").read_text()
SEGMENT_H = (mp.ROOT / "gc" / "gc_segment.h").read_text()


def plain(roff):
    """What a reader sees of lines without macros."""
    text = roff.replace(r"\-", "-").replace(r"\(aq", "'").replace(r"\e", "\0")
    assert "\\" not in text, re.search(r".*\\.*", text).group()
    return text.replace("\0", "\\")


def run(*args, **kw):
    p = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=600, check=False, **kw)
    assert p.returncode == 0, f"{args}\n{p.stdout[-3000:]}\n{p.stderr[-3000:]}"
    return p


def build(tmp_path, name, text):
    (tmp_path / "mpgc").symlink_to(mp.ROOT / "gc")
    (tmp_path / f"{name}.c").write_text(text)
    run("cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-I", tmp_path, tmp_path / f"{name}.c",
        mp.BUILD / "libmpgc.a", "-pthread", "-lm", "-o", tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize("zeal", ["", "minor,protect,verify", "slices,promote,evacuate,poison,verify"])
def test_example_of_the_manual(tmp_path, zeal):
    text = re.search(r"words\.c begins.*?\n(.*?)\.\\\" words\.c ends", MANUAL, re.S).group(1)
    words = build(tmp_path, "words", plain(text))
    p = run(words, input="the cat and the dog and the bird\n", env=dict(os.environ, MPGC_ZEAL=zeal))
    assert [ln.split() for ln in p.stdout.splitlines()] == [
        ["2", "and"], ["1", "bird"], ["1", "cat"], ["1", "dog"], ["3", "the"]]
    # 5 words of 40 bytes, 5 texts of 24: a length, up to 8 characters, and a header
    assert p.stderr == "320 bytes in use\n"


@pytest.mark.parametrize("zeal", ["", "minor,protect,verify:1000"])
def test_example_of_the_readme(tmp_path, zeal):
    text = re.search(r"^```c\n(.*?)^```", README, re.M | re.S).group(1)
    pairs = build(tmp_path, "pairs", text.replace("10000000", "100000"))
    assert run(pairs, env=dict(os.environ, MPGC_ZEAL=zeal)).stdout == "99999\n"


def test_every_function_is_in_the_manual():
    names = set(re.findall(r"^GC_API [^;(]*?(\w+)\(", GC_H, re.M))
    names |= set(re.findall(r"^static inline [^;(]*?\b(gc_\w*[a-z])\(", GC_H, re.M))
    names = {n for n in names if not n.endswith("_")}  # of macros
    assert len(names) > 60
    functions = MANUAL[MANUAL.index(".SH FUNCTIONS"):MANUAL.index(".SH OPTIONS")]
    missing = {n for n in names if not re.search(rf"\b{n}\(", functions)}
    assert not missing
    gone = set(re.findall(r"\b(gc_\w+)\s*\(", functions)) - names
    assert not gone


def test_every_option_is_in_the_manual():
    struct = re.search(r"^struct gc_options \{(.*?)^\};", GC_H, re.M | re.S).group(1)
    struct = re.sub(r"/\*.*?\*/", "", struct, flags=re.S)
    fields = re.findall(r"(\w+);", struct)
    assert fields[0] == "struct_size" and len(fields) > 15
    options = MANUAL[MANUAL.index(".SH OPTIONS"):MANUAL.index(".SH DEBUGGING")]
    assert not [f for f in fields if not re.search(rf"\b{f}\b", options)]


def test_every_zeal_mode_is_in_the_manual():
    modes = [m.lower() for m in re.findall(r"^\tGC_ZEAL_(\w+) =", GC_H, re.M)]
    assert modes
    debugging = MANUAL[MANUAL.index(".SH DEBUGGING"):MANUAL.index(".SH WHAT GOES WRONG")]
    assert not [m for m in modes if not re.search(rf"^\.BI? {m}\b", debugging, re.M)]


def test_reports_of_the_manual_are_made():
    """Each report named in bold is in a source file, up to where it says something of its own."""
    sources = "".join(p.read_text() for p in (mp.ROOT / "gc").glob("*.c"))
    sources = re.sub(r'"\s*\n\s*"', "", sources)
    wrong = MANUAL[MANUAL.index(".SH WHAT GOES WRONG"):MANUAL.index(".SH RETURN VALUE")]
    reports = re.findall(r"^\.TP\n\.B (.*)", wrong, re.M)
    assert len(reports) > 8
    for report in reports:
        parts = [p.strip(" :") for p in report.split("...")]
        for part in parts:
            part = part.replace("after a minor collection", "after a %s collection")
            assert part in sources, report


def enum(name):
    body = re.search(rf"^enum {name} \{{(.*?)^\}};", SEGMENT_H, re.M | re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    return {k: int(v, 0) for k, v in re.findall(r"(\w+) = (\w+)", body)}


def test_every_event_is_in_the_table():
    events = {v: k[len("GC_EV_"):] for k, v in enum("gc_seg_event").items() if k != "GC_EV_CONT"}
    table = dict(re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", SEGMENT, re.M))
    assert {int(k): v for k, v in table.items()} == events


@pytest.mark.parametrize("name, begin", [("gc_seg_phase", "Phases,"), ("gc_seg_reason", "Reasons:"),
                                         ("gc_seg_kind", "Kinds of collection:"), ("gc_seg_space", "Spaces:"),
                                         ("gc_seg_name_kind", "Kinds:")])
def test_every_number_is_in_the_text(name, begin):
    text = SEGMENT[SEGMENT.index(begin):].split("\n\n")[0]
    text = re.sub(r"\([^)]*\)", "", text)
    told = [int(n) for n in re.findall(r"(?:[:,;]|work:)\s(\d+) [a-z]", text)]
    assert told == sorted(enum(name).values())


def test_every_probe_is_in_the_table():
    probes = re.findall(r"^PROBE_DEFINE\((\w+)\);", (mp.ROOT / "gc" / "tell.c").read_text(), re.M)
    section = SEGMENT[SEGMENT.index("## 8."):SEGMENT.index("## 9.")]
    assert set(re.findall(r"^\| (\w+) \|", section, re.M)) - {"probe"} == set(probes)


READER = r"""
#include <stdio.h>

int main(void)
{
	int fd = segment_open("writer");
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	struct gc_seg_counters c;
	struct gc_seg seg;
	int rc;

	if (map == MAP_FAILED)
		return 1;
	rc = gc_seg_attach_check(&seg, map, 8192);
	segment_update(12345, 67890);
	printf("%d %s", rc, seg.hdr.source);
	rc = gc_seg_counters_read(&seg, &c);
	printf(" %d %lu %lu %d\n", rc, (unsigned long)c.used, (unsigned long)c.committed, c.live == GC_SEG_UNKNOWN);
	return 0;
}
"""


def test_minimal_writer(tmp_path):
    text = re.search(r"^```c\n(.*?)^```", SEGMENT, re.M | re.S).group(1)
    writer = build(tmp_path, "writer", "#define _GNU_SOURCE\n" + text + READER)
    assert run(writer).stdout == "0 writer 0 12345 67890 1\n"


STRUCTS = [("## 2.", "gc_seg_header"), ("## 3.", "gc_seg_counters"), ("## 6.", "gc_seg_ring")]


@pytest.mark.parametrize("section, struct", STRUCTS)
def test_offsets_are_those_of_the_header(tmp_path, section, struct):
    text = SEGMENT[SEGMENT.index(section):]
    rows = []
    for offsets, fields in re.findall(r"^\| ([\d, ]+) \|[^|]*\| ([\w, ]+) \|", text.split("\n## ")[0], re.M):
        rows += zip((int(o) for o in offsets.split(",")), fields.replace(" ", "").split(","))
    if struct == "gc_seg_ring":
        rows = rows[:4]  # the table of the slot follows
    rows = [(o, f) for o, f in rows if f]
    assert len(rows) >= 4
    checks = "".join(f'_Static_assert(offsetof(struct {struct}, {f}) == {o}, "{f}");\n' for o, f in rows)
    build(tmp_path, "offsets", f"#include <mpgc/gc_segment.h>\n{checks}int main(void) {{ return 0; }}\n")
