# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which versions of runtimes the tests of this folder run over.

`make check` uses what is installed, one version of each kind. `make check-runtimes`
sets MEMPROF_RUNTIMES to the folder that `make runtimes` has filled, KIND/VERSION/bin:
every version found there is used. conftest.py prints which were.
"""
import dataclasses
import functools
import os
import pathlib
import re
import shutil
import subprocess

import mp
import pytest

# kind -> the program looked for, as a pattern of its name
PROGRAM = {
    "node": r"node",
    "go": r"go",
    "jdk": r"java",
    "python": r"python3(\.\d+)?",
    "ruby": r"ruby(\d\.\d)?",
}
# Debian's own interpreter, not another one that stands first in PATH
INSTALLED = {"python": "/usr/bin/python3"}


@dataclasses.dataclass(frozen=True)
class Runtime:
    kind: str
    version: str  # of the folder: "22", "1.24"; "installed"
    program: str

    def __str__(self):
        return f"{self.kind}-{self.version}"

    def tool(self, name):
        """Another program of the same version: jstat beside java."""
        path = pathlib.Path(self.program).parent / name
        if path.exists():
            return str(path)
        return mp.need_command(name) if self.version == "installed" else mp.lacking(f"{self} has no {name}")

    def numbers(self):
        """Its version by its own word: (22, 11, 0)."""
        return said(self.program, self.kind)


@functools.lru_cache(maxsize=None)
def said(program, kind):
    how = {"go": ["version"], "jdk": ["-version"]}.get(kind, ["--version"])
    p = subprocess.run([program, *how], capture_output=True, text=True, timeout=mp.DEADLINE, check=True)
    m = re.search(r"\d+(?:\.\d+)*", p.stdout + p.stderr)
    got = tuple(map(int, m[0].split(".")))
    return got[1:] if kind == "jdk" and got[0] == 1 else got  # 1.8.0 is 8


def folder():
    """The folder of `make runtimes`, or None in `make check`."""
    return pathlib.Path(os.environ["MEMPROF_RUNTIMES"]) if os.environ.get("MEMPROF_RUNTIMES") else None


def program(kind, bindir):
    for p in sorted(bindir.iterdir()):
        if re.fullmatch(PROGRAM[kind], p.name):
            return str(p)
    return None


def versions(kind):
    """Every version of a kind to be tested, oldest first."""
    if folder() is None:
        path = shutil.which(INSTALLED.get(kind, PROGRAM[kind].split("(")[0]))
        return [Runtime(kind, "installed", path)] if path else []
    found = []
    for d in (folder() / kind).glob("*/bin"):
        path = program(kind, d)
        if path:
            found.append(Runtime(kind, d.parent.name, path))
    return sorted(found, key=lambda r: tuple(map(int, r.version.split("."))))


def each(kind, since="0", until="999"):
    """Parametrises `runtime` by every version there is from `since` to `until`.

    An installed version is always used: whether the route exists for it, the test
    must find out as a user would.
    """
    def number(text):
        return tuple(map(int, text.split(".")))

    found = [r for r in versions(kind) if r.version == "installed" or
             number(since) <= number(r.version) <= number(until)]
    absent = pytest.param(None, marks=pytest.mark.skip(f"no {kind} here: make runtimes"), id=f"{kind}-none")
    return pytest.mark.parametrize("runtime", found or [absent], ids=str if found else None)
