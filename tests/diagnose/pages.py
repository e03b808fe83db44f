# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scenarios: pages and mappings. Each mode of incident-pages.c is one incident; a few are there
for what must not be said of them."""
import contextlib
import os
import pathlib
import subprocess

import mp
from diagnose.scenario import PYTHON, Scenario, W, group, workload

MIB = 1 << 20
LEN = 160


def pages(mode, **kw):
    kw.setdefault("bytes", ((LEN - 8) * MIB, (LEN + 8) * MIB))
    return Scenario(f"pages-{mode}", workload("incident-pages", mode, LEN), **kw)


@contextlib.contextmanager
def pool(_):
    """Huge pages in reserve for what asks for them by name."""
    path = pathlib.Path("/proc/sys/vm/nr_hugepages")
    before, want = path.read_text(), LEN // 2
    try:
        path.write_text(str(int(before) + want))
        if int(path.read_text()) < int(before) + want:
            mp.lacking("no room for huge pages")
        yield
    finally:
        path.write_text(before)


def old_java():
    """A JDK whose ZGC maps its heap several times."""
    for n in range(15, 21):
        for home in pathlib.Path("/usr/lib/jvm").glob(f"java-{n}-*"):
            if os.access(home / "bin" / "javac", os.X_OK):
                return home / "bin"
    return None


def zgc(folder):
    subprocess.run([old_java() / "javac", "-d", folder, W / "java" / "Views.java"], check=True, timeout=120)
    return [str(old_java() / "java"), "-XX:+UseZGC", "-Xmx512m", "-cp", str(folder), "Views", str(LEN)]


def copied(d, path):
    """Both workers, and no figure of RSS has it."""
    assert len([f for f in d["findings"] if f["class"] == "fork-cow"]) == 2, d


SCENARIOS = [
    pages("lazyfree", cls="lazyfree", absent=("heap-retained",)),
    pages("file", cls="file-mmap", absent=("shmem-growth", "heap-leak")),
    pages("file-dirty", cls="file-mmap", absent=("shmem-growth",)),
    pages("multi", cls="multi-map", bytes=(2 * (LEN - 4) * MIB, 2 * (LEN + 4) * MIB),
          absent=("shared-double-count", "shmem-growth")),
    pages("shmem", cls="shmem-growth", thresholds={"window-least": 1}, absent=("multi-map", "shared-double-count")),
    pages("shared", cls="shared-double-count", bytes=(4 * (LEN - 8) * MIB, 4 * (LEN + 8) * MIB),
          record=("--follow-forks",), absent=("shmem-growth", "multi-map", "fork-cow")),
    pages("hugetlb", cls="hugetlb", around=pool, absent=("thp-bloat",)),
    pages("partial", cls="thp-partial", around=group, bytes=(LEN * 6 // 8 * MIB, LEN * MIB),
          absent=("heap-retained", "oom-outside")),
    Scenario("pages-zgc", zgc, cls="multi-map", needs=lambda: None if old_java() else "no JDK 15 to 20 is installed",
             absent=("shmem-growth", "shared-double-count")),
    Scenario("pages-prefork", [PYTHON, str(W / "python" / "prefork.py")], cls="fork-cow", record=("--follow-forks",),
             check=copied),
    Scenario("pages-prefork-freeze", [PYTHON, str(W / "python" / "prefork.py"), "freeze"], record=("--follow-forks",),
             absent=("fork-cow",)),
    pages("populate", cls="locked-memory", absent=("remote-fill", "thp-bloat")),
    pages("locked", cls="locked-memory", absent=("remote-fill", "thp-bloat")),
    pages("cow", cls="fork-cow", record=("--follow-forks",), absent=("heap-leak",)),
    pages("fork-exec", cls=None, bytes=None, record=("--follow-forks",), absent=("fork-cow",)),
    pages("collapse", cls="thp-bloat", absent=("remote-fill", "heap-leak")),
    pages("sparse", cls="thp-bloat", absent=("remote-fill",)),
    pages("remote", cls="remote-fill", absent=("thp-bloat", "locked-memory")),
]
