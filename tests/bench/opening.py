# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How long a recording of 1 GB takes to open, from the page cache and from the disk.

The recording is made by tests/tools/big.c through the real fold and encoder, once: it is kept while
that program is older. `cut` is the same without its end, as a killed writer leaves it.
"""
import os
import pathlib
import shutil
import subprocess
import time

from report import median, notes, record, sig, spread, table, target

MIB = 1024
ROUNDS = 7


def make(build):
    """The recording and its cut copy."""
    full, cut, big = build / "bench" / "open.mprof", build / "bench" / "open-cut.mprof", build / "tests" / "tools" / "big"
    if not full.exists() or full.stat().st_mtime < big.stat().st_mtime:
        full.unlink(missing_ok=True)
        part = full.with_suffix(".part")
        part.unlink(missing_ok=True)
        subprocess.run([big, part, str(MIB), "end"], check=True, stdout=subprocess.DEVNULL, timeout=1800)
        part.rename(full)
        cut.unlink(missing_ok=True)
    if not cut.exists():
        shutil.copyfile(full, cut)
        os.truncate(cut, full.stat().st_size * 99 // 100)
    return full, cut


def drop_cache(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def seconds(build, path, *args, cold=False):
    """(wall, CPU) of a report."""
    if cold:
        drop_cache(path)
    before, start = os.times(), time.monotonic()
    p = subprocess.run([build / "memprof", "report", "--json", *args, path], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False, timeout=600)
    wall, after = time.monotonic() - start, os.times()
    if p.returncode not in (0, 5):
        raise RuntimeError(f"memprof report {path}: exit {p.returncode}")
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def bench(build):
    build = pathlib.Path(build)
    full, cut = make(build)
    gib = full.stat().st_size / 2**30
    ways = {
        "overview": lambda: seconds(build, full),
        "overview, its writer was killed": lambda: seconds(build, cut),
        "the state in the middle (--at)": lambda: seconds(build, full, "--at", "5000"),
    }
    got = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, f in ways.items():
            got[name].append(f())
    rows = []
    for name, v in got.items():
        wall, cpu = [x[0] for x in v], [x[1] for x in v]
        rows.append([name, f"{median(wall):.2f} s", f"{median(cpu):.2f} s"])
        record(f"open 1 GB: {name}", "s", median(wall), runs=ROUNDS, spread_=spread(wall), cpu=sig(median(cpu)))
        target(f"open 1 GB: {name}", median(wall), 1.0, " s")
    for name, args in (("all of it (--full)", (full, "--full")), ):
        wall, cpu = seconds(build, *args)
        rows.append([name, f"{wall:.1f} s", f"{cpu:.1f} s"])
        record(f"open 1 GB: {name}", "s", wall, cpu=sig(cpu))
    for name, path in (("overview, cold", full), ("overview, writer killed, cold", cut)):
        wall, cpu = seconds(build, path, cold=True)
        rows.append([name, f"{wall:.2f} s", f"{cpu:.2f} s"])
        record(f"open 1 GB: {name}", "s", wall, cpu=sig(cpu))
    notes.append("cold: nothing of the file in the page cache, and so as fast as this disk")
    table(f"Opening a recording of {gib:.2f} GiB (memprof report --json)", ["", "wall", "CPU"], rows)
