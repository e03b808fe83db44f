#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the documents show of the screen: drawn from recordings, and from the tables of keys.

    screens.py draw            writes the screens of docs/tour.md and README.md, the keys and
                               commands of docs/memprof.1 and the rules of docs/diagnosis.md anew
    screens.py record NAME...  makes the recordings in docs/tour/ anew (as root)

A screen is a block of text under a line `<!-- screen RECORDING [@TIME] KEYS... -->`: what
`memprof replay [--seek TIME] docs/tour/RECORDING.mprof` shows at 80x24 after these keys (names
as tmux has them; =TEXT is typed as it is). The recordings are part of the tree, so the same
program draws the same screens, and tests/cli/test_tour.py compares them and the tables. A block
under `<!-- memprof ARGS -->` is what memprof prints with these arguments.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import mp  # noqa: E402

PAGES = [mp.ROOT / "docs" / "tour.md", mp.ROOT / "README.md"]
MANUAL = mp.ROOT / "docs" / "memprof.1"
RULES = mp.ROOT / "docs" / "diagnosis.md"
FOLDER = mp.ROOT / "docs" / "tour"
BLOCK = re.compile(r"(<!-- screen (\S+)((?: \S+)*) -->\n```\n)(.*?)(```\n)", re.S)

PRINTED = re.compile(r"(<!-- memprof ((?:[^ \n]+ )+?)-->\n```\n)(.*?)(```\n)", re.S)


def reprint(text):
    return PRINTED.sub(lambda m: m[1] + mp.memprof(*m[2].split(), check=0, cwd=mp.ROOT).stdout + m[4], text)


def screen(recording, keys):
    """What 80x24 shows after the keys, each sent when the screen has settled from the last."""
    argv = [mp.MEMPROF, "replay", FOLDER / f"{recording}.mprof"]
    if keys[:1] and keys[0].startswith("@"):
        argv += ["--seek", keys[0][1:]]
        keys = keys[1:]
    with mp.Tmux(argv, env={"TZ": "UTC"}) as t:
        t.wait_text("REPLAY")
        text = settled(t)
        for key in keys:
            t.keys(*(["-l", key[1:]] if key.startswith("=") else [key]))
            text = settled(t, text)
        return text


def settled(t, before=None):
    """The screen when two looks in a row show the same, and (after a key) another than before. What
    the status line tells of the diagnosis comes when all of the recording was read once more."""
    last, now = None, t.screen()
    seen = []

    def still():
        nonlocal last, now
        last, now = now, t.screen()
        seen.append(now)
        return now == last and (before is None or now != before) and now.strip() and "diagnosing" not in now

    mp.wait_until(still, what="a screen that a key has changed, and that stands still")
    return "".join(line.rstrip() + "\n" for line in now.splitlines())


def blocks(text):
    """(recording, keys, screen as the tour has it) of every screen."""
    return [(m[2], m[3].split(), m[4]) for m in BLOCK.finditer(text)]


def redraw(text):
    return BLOCK.sub(lambda m: m[1] + screen(m[2], m[3].split()) + m[5], text)


# --- the tables of keys and commands ----------------------------------------------------------

STRING = r'"((?:[^"\\]|\\.)*)"'
KEYS = re.compile(rf"\{{ (?:\{{(?:'(?:\\.|[^'])'|[^}}'])*\}},\s*{STRING},\s*{STRING}|\.help = {STRING} \}})")
COMMANDS = re.compile(rf"\.name = {STRING},\s*(?:\.args = {STRING},\s*)?\.help = {STRING}")


def table_of(source, name, row):
    """The rows of a C table as lines of tbl(1)."""
    text = (mp.ROOT / "tui" / source).read_text()
    body = re.search(rf"{name}\[\] = \{{\n(.*?)\n\}};", text, re.S)[1]
    rows = list((KEYS if name == "tui_keys" else COMMANDS).finditer(body))
    assert len(rows) == len(re.findall(r"^\t\{", body, re.M)), f"a row of {name} has another form"
    return "".join(map(row, rows))


def roff(text):
    """Text of a C string as roff: no word of it is a request, dashes are those of the keyboard."""
    return text.replace(r"\"", '"').replace("\\\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")


def key_row(m):
    return f"\\fI{roff(m[3])}\\fR\n" if m[3] else f"\\fB{roff(m[1])}\\fR\t{roff(m[2])}\n"


def command_row(m):
    args = f" \\fI{roff(m[2])}\\fR" if m[2] else ""
    return f"\\fB:{roff(m[1])}\\fR{args}\t{roff(m[3])}\n"


def retable(text):
    for name, rows in (("keys", table_of("keys.c", "tui_keys", key_row)),
                       ("commands", table_of("commands.c", "tui_commands", command_row))):
        begin, end = f'.\\" {name} begin\n', f'.\\" {name} end\n'
        a, b = text.index(begin) + len(begin), text.index(end)
        text = text[:a] + ".TS\nl l.\n" + rows + ".TE\n" + text[b:]
    return text


# --- the recordings ------------------------------------------------------------------------

class Group:
    """A control group of its own with a limit, removed at the end."""

    def __init__(self, name, limit):
        v1 = pathlib.Path("/sys/fs/cgroup/memory")
        root = v1 if v1.is_dir() else pathlib.Path("/sys/fs/cgroup")
        self.dir = root / name
        self.limit = self.dir / ("memory.limit_in_bytes" if root == v1 else "memory.max")
        self.dir.mkdir()
        self.set(limit)

    def set(self, limit):
        self.limit.write_text(str(limit))

    def within(self, *argv):
        """The command, so that it runs in the group from its first page on."""
        return ["sh", "-c", f'echo $$ > {self.dir}/cgroup.procs; exec "$@"', "sh", *map(str, argv)]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        mp.wait_until(lambda: not (self.dir / "cgroup.procs").read_text(), what="an empty group")
        self.dir.rmdir()


def rss(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def make_lazy(out, here):
    prog = shutil.copy(mp.MEMPROF, here / "memprof")
    subprocess.run([prog, "demo", "lazy", "--plain", "-q", "-o", out], check=True,
                   stdout=subprocess.DEVNULL)


def make_uploads(out, here):
    argv = ["node", mp.ROOT / "tests/workloads/node/uploads.js", 4000]
    with Group("shop", 512 << 20) as g, mp.Workload("node", argv=g.within(*argv)) as w:
        with mp.Recording(w.pid, out) as r:
            w.step("done")
            r.stop()


def make_report(out, here):
    prog = shutil.copy(mp.BUILD / "workloads" / "gc-report", here / "report")
    with Group("billing", 512 << 20) as g, mp.Workload("report", argv=g.within(prog, 60, 240)) as w:
        with mp.Recording(w.pid, out) as r:
            w.step("given")
            mp.pause(1)
            g.set(160 << 20)  # somebody else needs the memory
            mp.wait_until(lambda: rss(w.pid) < 200 << 20, what="fall of RSS")
            mp.pause(1)
            r.stop()


def main():
    if sys.argv[1:] == ["draw"]:
        for page in PAGES:
            page.write_text(reprint(redraw(page.read_text())))
        MANUAL.write_text(retable(MANUAL.read_text()))
        RULES.write_text(reprint(RULES.read_text()))
        return
    assert sys.argv[1:2] == ["record"], __doc__
    for name in sys.argv[2:]:
        out = FOLDER / f"{name}.mprof"
        out.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix="tour-") as here:
            globals()[f"make_{name}"](out, pathlib.Path(here))


if __name__ == "__main__":
    main()
