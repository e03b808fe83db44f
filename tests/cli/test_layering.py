# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who may include whom, and what every file must have. See docs/architecture.md."""
import re
import subprocess

import mp
import pytest

ROOT = mp.ROOT
CURSES = re.compile(r"^(ncursesw?/)?(n?curses|term)\.h$")
BPFLIB = re.compile(r"^bpf/(?!events\.h|shared\.h)|^libelf|^gelf\.h$|^linux/")
ZLIB = re.compile(r"^zlib\.h$")
CMOCKA = re.compile(r"^cmocka\.h$")

# folder of the including file -> what it may include of the project, and which
# libraries beyond libc
RULES = [
    # gc/ is a library by itself
    (r"gc/", [r"gc/"], []),
    (r"bpf/", [r"bpf/"], [BPFLIB]),
    (r"user/util/", [r"user/util/"], []),
    (r"user/model/", [r"bpf/events\.h$", r"user/model/", r"user/util/"], []),
    (r"user/rec/", [r"bpf/events\.h$", r"user/model/", r"user/util/", r"user/rec/"], [ZLIB]),
    (r"user/rt/", [r"bpf/events\.h$", r"user/model/", r"user/util/", r"user/rt/"], []),
    (r"user/view/", [r"bpf/events\.h$", r"user/model/", r"user/util/", r"user/view/"], []),
    (r"user/export/", [r"bpf/events\.h$", r"user/model/", r"user/util/", r"user/view/", r"user/rec/writer\.h$",
                       r"user/export/"], [ZLIB]),
    (r"user/diagnose/", [r"bpf/events\.h$", r"user/model/", r"user/util/", r"user/view/", r"user/diagnose/"], []),
    (r"user/sym/", [r"bpf/events\.h$", r"user/model/", r"user/util/", r"user/sym/"], [BPFLIB, ZLIB]),
    (r"user/live/", [r"bpf/(events|shared|memprof\.skel)\.h$", r"user/model/", r"user/util/",
                     r"user/rec/", r"user/rt/", r"user/sym/", r"user/live/", r"gc/gc_segment\.h$"], [BPFLIB]),
    # inside of another program: nothing of memprof but the writer of the segment
    (r"user/preload/", [r"user/preload/", r"gc/segfile\.h$"], []),
    (r"tui/", [r"bpf/events\.h$", r"user/model/", r"user/util/", r"user/view/",
               r"user/diagnose/diagnose\.h$", r"tui/"], [CURSES]),
    # many targets at once: above the session, below the commands
    (r"user/daemon/", [r"bpf/events\.h$", r"user/(model|util|rec|rt|view|diagnose|live|daemon)/",
                       r"user/export/metrics\.h$"], []),
    (r"user/cmd/.*demo", [r"bpf/", r"user/", r"tui/", r"gc/gc(_segment)?\.h$"],
     [BPFLIB, ZLIB, CURSES]),
    (r"user/cmd/", [r"bpf/", r"user/", r"tui/"], [BPFLIB, ZLIB, CURSES]),
    (r"tests/", [r""], [BPFLIB, ZLIB, CURSES, CMOCKA]),
]
LIBRARIES = [CURSES, BPFLIB, ZLIB, CMOCKA]


def tracked(*ends):
    """Files of the project by ending; those not yet in the index too."""
    p = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                       capture_output=True, text=True)
    return sorted(f for f in p.stdout.split("\n") if f.endswith(ends) and (ROOT / f).exists())


def includes(path):
    """(name, in quotes) of every #include."""
    text = (ROOT / path).read_text(errors="replace")
    return [(m[2], m[1] == '"') for m in re.finditer(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M)]


def sources():
    return tracked(".c", ".h")


def own(files):
    """Without what is copied as it is, with its licence beside it."""
    return [f for f in files if not f.startswith("user/export/html/vendor/")]


def test_there_are_sources():
    assert len(sources()) > 20


@pytest.mark.parametrize("path", sources())
def test_includes(path):
    rule = next((r for r in RULES if re.match(r[0], path)), None)
    assert rule, f"{path}: in no known folder"
    _, allowed, libs = rule
    folder = path.rsplit("/", 1)[0] + "/"
    for name, quoted in includes(path):
        if quoted:
            # beside the file, or from the top of the project
            where = folder + name if (ROOT / folder / name).exists() else name
            where = re.sub(r"[^/]+/\.\./", "", where)
            assert any(re.match(a, where) for a in allowed), f"{path} includes {where}"
            assert path.startswith("tests/") or not where.startswith("tests/"), f"{path} includes {where}"
        else:
            assert not re.match(r"(gc|user|tui|tests)/", name), f"{path}: <{name}> is not a system header"
            for lib in LIBRARIES:
                assert not lib.match(name) or lib in libs, f"{path} includes <{name}>"


def test_gc_header_only_for_the_demo():
    for path in sources():
        if re.match(r"(gc|tests)/", path):
            continue
        for name, _ in includes(path):
            if name.endswith("gc/gc.h") or name == "gc.h":
                assert re.match(r"user/cmd/.*demo", path), f"{path} includes {name}"
            if name.endswith("gc_segment.h"):
                assert re.match(r"user/live/|user/cmd/.*demo", path), f"{path} includes {name}"


@pytest.mark.parametrize("path", own(tracked(".c", ".h", ".py", ".sh", ".js", ".css", ".html", ".go")))
def test_licence_on_the_first_line(path):
    lines = (ROOT / path).read_text(errors="replace").splitlines()
    first = lines[1] if lines and lines[0].startswith(("#!", "<!doctype")) else lines[0]
    assert "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause" in first, first


@pytest.mark.parametrize("path", [p for p in sources() if p != "bpf/vmlinux.h"])
def test_header_comment(path):
    """A file says on top what it is for."""
    head = (ROOT / path).read_text(errors="replace").splitlines()[1:4]
    assert any(re.match(r"/\*", ln) for ln in head), f"{path}: no header comment"


@pytest.mark.parametrize("path", tracked(".c", ".h"))
def test_style(path):
    """What a reader stumbles over: long lines, blanks at the end, spaces for tabs."""
    if path == "bpf/vmlinux.h":
        return
    for n, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
        # 100 is the aim; a message that people search for is not broken up
        cols = len(line.expandtabs(8))
        assert cols <= (110 if '"' not in line else 120), f"{path}:{n}: {cols} columns"
        assert line == line.rstrip(), f"{path}:{n}: blanks at the end"


def test_tests_never_wait_for_a_fixed_time():
    """Events and texts are waited for; time proves nothing on a busy machine.

    A short pause as the body of a loop that polls a condition is no such wait.
    """
    word = re.compile(r"\b(u|nano|time\.)?sle" + r"ep\s*\(")
    for path in tracked(".c", ".h", ".py", ".sh"):
        if path.startswith("tests/") and not path.startswith("tests/bench/"):
            lines = [""] + (ROOT / path).read_text(errors="replace").splitlines()
            for n, line in enumerate(lines):
                if word.search(line):
                    assert re.search(r"\bwhile\b", lines[n - 1]), f"{path}:{n}: {line.strip()}"


def test_no_unfinished_marks():
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    for path in tracked(".c", ".h", ".py", ".sh", ".md"):
        for n, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
            assert not mark.search(line), f"{path}:{n}: {line.strip()}"


def test_no_machine_paths():
    bad = re.compile(r"/ho" + r"me/\w|/ro" + r"ot/|/wo" + r"rk/")
    for path in tracked(".c", ".h", ".py", ".sh", ".md", ".go", ".js", "Makefile"):
        for n, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
            assert not bad.search(line), f"{path}:{n}: {line.strip()}"
