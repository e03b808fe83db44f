# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How fast GC logs are read: real ones of tests/gclogs, repeated to 128 MB. The time is
memprof's own CPU time, so that a busy machine counts less."""
import gzip
import pathlib
import resource
import subprocess

from report import median, record, spread, table, target

LOGS = pathlib.Path(__file__).resolve().parent.parent / "gclogs"
BYTES = 128 << 20
ROUNDS = 5
WHAT = [("V8 --trace-gc", "v8/node20-compare-trace-gc.log.gz", b"["), ("Go gctrace", "go/go1.24-churn.log.gz", b""),
        ("HotSpot unified", "jvm/j17-G1-gc.log.gz", b""), ("HotSpot 8", "jvm/j8-G1-details-timestamps.log.gz", b"")]


def make(tmp, path, first):
    text = b"".join(x for x in gzip.decompress((LOGS / path).read_bytes()).splitlines(True) if x.startswith(first))
    log = tmp / pathlib.Path(path).stem
    log.write_bytes(text * (BYTES // len(text)))
    return log


def cpu_s(build, log):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([build / "memprof", "gclog", log], check=True, stdout=subprocess.DEVNULL, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench(build, tmp):
    logs = [(name, make(tmp, path, first)) for name, path, first in WHAT]
    times = {name: [] for name, _ in logs}
    for _ in range(ROUNDS):
        for name, log in logs:
            times[name].append(cpu_s(build, log))
    rows = []
    for name, log in logs:
        rate = [log.stat().st_size / 1e6 / s for s in times[name]]
        v = median(rate)
        record(f"GC log: {name}", "MB/s a core", v, runs=len(rate), spread_=spread(rate))
        rows.append([name, f"{v:.0f}", f"{100 * spread(rate):.0f}%"])
    target("GC log: V8 --trace-gc", median([logs[0][1].stat().st_size / 1e6 / s for s in times[logs[0][0]]]), 300,
           " MB/s", least=True, show="{:.0f}")
    table("Reading a GC log", ["", "MB/s a core", "spread"], rows)
