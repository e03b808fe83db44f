# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tests of Node.js processes share: the events of V8 in a recording, and --trace-gc lines."""
import json
import re
import shlex

import mp
import pytest

LINE = re.compile(r"\[\d+:0x[0-9a-f]+\]\s+[\d.]+ ms: (?P<name>[^\d]+?) (?P<before>[\d.]+) "
                  r"\((?P<cbefore>[\d.]+)\) -> (?P<after>[\d.]+) \((?P<cafter>[\d.]+)\) MB, "
                  r"(?:pooled: (?P<pooled>[\d.]+) MB, )?(?P<pause>[\d.]+) / ")
MB = 1 << 20


def lines(text):
    """The collections of a --trace-gc output."""
    return [m.groupdict() for m in LINE.finditer(text)]


def events(path, *types):
    """The events of these types in a recording, as objects, in order."""
    out = mp.memprof("export", path, "--format", "jsonl", check=0).stdout.splitlines()
    return [e for e in map(json.loads, out) if e["type"] in types]


def last_before(evs, ns):
    """The last of the events that had happened by then."""
    return [e for e in evs if e["ts_ns"] <= ns][-1]


def same_figures(gc, line):
    """An event of a collection has what its line has: one decimal of a MB, of a ms, or two."""
    for key in ("before", "after", "cbefore", "cafter"):
        assert gc[key] == pytest.approx(float(line[key]) * MB, abs=2), (gc, line)
    assert gc["pause_ns"] == pytest.approx(float(line["pause"]) * 1e6, abs=2000), (gc, line)


class Scenario(mp.Workload):
    """scenarios.js, from its first quiet point to its end or its death. What it says on stderr
    is left in the file `err`."""

    def __init__(self, node, name, *flags, err="/dev/null"):
        script = mp.ROOT / "tests" / "workloads" / "node" / "scenarios.js"
        run = f'exec "$0" "$@" 2>{shlex.quote(str(err))}'
        super().__init__("node", argv=["sh", "-c", run, node, *flags, str(script), name])

    def rounds(self):
        """What each round said, up to the quiet point before the end or to the last words."""
        said = []
        self.go()
        while not said or said[-1]["name"] != "end":
            line = self.out.next()
            if line is None:
                return said
            said.append(json.loads(line))
            said[-1].update(begin=int(said[-1]["from"]), end=int(said[-1]["to"]))
        self.quiet()
        return said
