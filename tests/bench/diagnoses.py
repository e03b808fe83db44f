# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The confusion matrix of the diagnosis: which class each scenario was expected to show first,
and what was found. The scenarios are those of the tests; they run here when their rows are
older than the program."""
import json
import os
import subprocess

from report import notes, record, table, target

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = [f"tests/bpf/test_diagnose_{part}.py" for part in ("matrix", "healthy", "demo")]
HEALTHY = "(healthy)"


def rows_of(build):
    found = sorted((build / "diagnose").glob("*.json"))
    program = (build / "memprof").stat().st_mtime
    if not found or min(f.stat().st_mtime for f in found) < program:
        for f in found:
            f.unlink()
        p = subprocess.run([f"{ROOT}/tests/run", *TESTS], cwd=ROOT, capture_output=True, text=True, timeout=3600,
                           env=dict(os.environ, MEMPROF_BUILD=str(build)), check=False)
        notes.append("diagnose: " + p.stdout.strip().splitlines()[-1])
        found = sorted((build / "diagnose").glob("*.json"))
    return [json.loads(f.read_text()) for f in found]


def first(row):
    """What was found first; what is only information counts where it was expected."""
    expected = row["expected"]
    loud = [f["class"] for f in row["found"] if f["level"] != "info" or f["class"] == expected]
    return loud[0] if loud else HEALTHY


def bench(build):
    rows = rows_of(build)
    counts = {}
    for r in rows:
        key = (r["expected"] or HEALTHY, first(r))
        counts[key] = counts.get(key, 0) + 1
    # further classes that are not said to be true of the scenario
    false = sum(1 for r in rows for f in r["found"][1:]
                if f["level"] != "info" and f["class"] not in (*r["also"], r["expected"]))
    classes = sorted({e for e, _ in counts} - {HEALTHY}) + [HEALTHY]
    out = []
    for c in classes:
        n = sum(v for (e, _), v in counts.items() if e == c)
        wrong = ", ".join(f"{f} {v}" for (e, f), v in sorted(counts.items()) if e == c and f != c)
        out.append([c, n, counts.get((c, c), 0), wrong or "-"])
    table("Diagnosis: scenarios by the class expected first", ["class", "scenarios", "found first", "else first"], out)
    hit = sum(v for (e, f), v in counts.items() if e == f)
    record("diagnose_first", "scenarios", hit, {"all": len(rows)}, len(rows))
    target("scenarios whose class is found first, of all", hit / max(1, len(rows)), 1.0, least=True)
    target("findings above information that are not true", false, 0)
