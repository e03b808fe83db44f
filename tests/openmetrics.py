# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""OpenMetrics text as memprof writes it: parsed strictly, and what promtool says of it."""
import collections
import re
import subprocess

import mp

NAME = r"memprof_[a-z_]+"
LABELS = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (-?\d+(?:\.\d+)?)(?: (\d+\.\d\d\d))?$")
SUFFIXES = {"counter": ["_total"], "gauge": [""], "info": ["_info"],
            "histogram": ["_bucket", "_count", "_sum"]}


def labels(text):
    out, at = {}, 0
    while text and at < len(text):
        m = LABELS.match(text, at)
        assert m, text
        out[m[1]] = m[2]
        at = m.end()
    return out


def parse(text):
    """{family: (type, unit, [(name, labels, value, ts)])}; fails on anything that is not OpenMetrics.
    ts: None without one."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""]
    out, now = {}, None
    for ln in lines[:-2]:
        if ln.startswith("#"):
            m = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.+)", ln)
            assert m, ln
            if m[1] == "TYPE":
                assert m[2] not in out, f"{m[2]} is not in one piece"
                now = out[m[2]] = {"type": m[3], "unit": None, "help": None, "rows": []}
                name = m[2]
            elif m[1] == "UNIT":
                assert name.endswith("_" + m[3])
                now["unit"] = m[3]
            else:
                now["help"] = m[3]
            assert m[2] == name and not now["rows"]
            continue
        m = SAMPLE.fullmatch(ln)
        assert m, ln
        assert m[1] in [name + s for s in SUFFIXES[now["type"]]], ln
        now["rows"].append((m[1], labels(m[2]), float(m[3]), m[4] and float(m[4])))
    return out


def series(fam):
    """{labels as a tuple: [(ts, value)]} in the order of the file."""
    out = collections.OrderedDict()
    for name, lab, value, ts in fam["rows"]:
        out.setdefault((name, *sorted(lab.items())), []).append((ts, value))
    return out


def lint(text):
    """promtool's rules for names and help, on the older text format."""
    mp.need_command("promtool")
    p = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (p.returncode, p.stdout, p.stderr) == (0, "", ""), p.stdout + p.stderr
