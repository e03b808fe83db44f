# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A control group of memory of a test's own, made and removed."""
import contextlib
import itertools
import os
import pathlib

import mp

numbers = itertools.count(1)


def mount_of(fstype, option=""):
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        if right.split()[0] == fstype and option in right.split()[2].split(","):
            return pathlib.Path(left.split()[4])
    return None


def place():
    """(version, folder in which groups of memory can be made), or (0, why there is none)."""
    root = mount_of("cgroup", "memory")
    if root:
        return 1, root
    root = mount_of("cgroup2", "rw")
    if root and "memory" in (root / "cgroup.subtree_control").read_text().split():
        return 2, root
    return 0, "no control groups of memory here"


class Group:
    """One group: version, folder, name as /proc/PID/cgroup has it."""

    def __init__(self, version, folder):
        self.version, self.folder, self.name = version, folder, f"/{folder.name}"

    def limit(self, size):
        """Bytes; swap, where there is any, is no way out."""
        (self.folder / ("memory.limit_in_bytes" if self.version == 1 else "memory.max")).write_text(str(size))
        if self.version == 2 and (self.folder / "memory.swap.max").exists():
            (self.folder / "memory.swap.max").write_text("0")

    def take(self, pid):
        (self.folder / "cgroup.procs").write_text(str(pid))

    def charged(self):
        return int((self.folder / ("memory.usage_in_bytes" if self.version == 1 else "memory.current")).read_text())

    def inside(self, argv):
        """The command that runs argv in the group from its first instruction on."""
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs"), *argv]


@contextlib.contextmanager
def memory_group():
    """Skips the test, visibly, where none can be made."""
    version, root = place()
    if not version:
        mp.lacking(root)
    folder = root / f"memprof-test-{os.getpid()}-{next(numbers)}"
    try:
        folder.mkdir()
    except OSError as e:
        mp.lacking(f"no control group can be made here: {e}")
    try:
        yield Group(version, folder)
    finally:
        mp.wait_until(lambda: not (folder / "cgroup.procs").read_text(), what="end of the group's processes")
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
