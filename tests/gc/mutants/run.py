#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Puts one mistake after the other into a copy of the collector and runs tests on it.

  run.py [--short] [--jobs N] [--build DIR] [NAME...]

A mutant that no test notices, or whose text is not in the source exactly once, is a
failure. Only the changed file is compiled; the rest of the library and the test
programs are compiled once, below DIR/mutants.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import subprocess
import sys
import time

from mutants import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[3]
CFLAGS = ["-std=c11", "-D_GNU_SOURCE", "-g1", "-O1", "-pthread", "-w"]
TIME_LIMIT = 60  # seconds of one test program; more counts as noticed


def call(cmd):
    p = subprocess.run(cmd, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    if p.returncode:
        sys.exit("%s\n%s" % (" ".join(cmd), p.stderr))


def compile_c(src, obj, first=None):
    """first: a folder whose headers go before the project's."""
    obj.parent.mkdir(parents=True, exist_ok=True)
    inc = ["-I", str(first)] if first else []
    call(["cc", *CFLAGS, *inc, "-I.", "-Itests/gc", "-c", str(src), "-o", str(obj)])


def newest(pattern):
    return max(p.stat().st_mtime for p in ROOT.glob(pattern))


class Base:
    """Objects of the unchanged collector and of the tests."""

    def __init__(self, build, tests, jobs):
        self.dir = build / "mutants"
        self.lib = {p.relative_to(ROOT): self.object(p) for p in sorted(ROOT.glob("gc/*.c"))}
        self.tests = {t: self.object(ROOT / ("tests/gc/test_%s.c" % t)) for t in tests}
        headers = max(newest("gc/*.h"), newest("tests/gc/*.h"))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for src, obj in [*self.lib.items(), *((ROOT / ("tests/gc/test_%s.c" % t), o)
                                                  for t, o in self.tests.items())]:
                at = max((ROOT / src).stat().st_mtime, headers)
                if not obj.exists() or obj.stat().st_mtime < at:
                    pool.submit(compile_c, src, obj)

    def object(self, src):
        return self.dir / "base" / src.relative_to(ROOT).with_suffix(".o")


def change(m):
    """The file's text with the mistake in it, or what is wrong with the mutant."""
    text = (ROOT / m.file).read_text()
    n = text.count(m.find)
    if n != 1:
        raise LookupError("%s has its text %d times" % (m.file, n))
    return text.replace(m.find, m.put)


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_test(prog):
    """What the test said when it failed, or None."""
    env = dict(os.environ, GC_STEPS="2500", CMOCKA_TEST_ABORT="0")
    env.pop("SECONDS", None)
    try:
        p = subprocess.run([str(prog)], cwd=ROOT, capture_output=True, text=True, errors="replace",
                           timeout=TIME_LIMIT, env=env, preexec_fn=no_core, check=False)
    except subprocess.TimeoutExpired:
        return "took more than %d s" % TIME_LIMIT
    if not p.returncode:
        return None
    said = re.findall(r"(libmpgc: .*|\[  ERROR   \] --- .*|\[   LINE   \] --- .*)", p.stdout + p.stderr)
    return said[0] if said else "status %d" % p.returncode


def link(prog, test, objs):
    call(["cc", "-pthread", str(test), *map(str, objs), "-lcmocka", "-lm", "-o", str(prog)])


def check_tests(base):
    """They have to pass when nothing is wrong."""
    for t, obj in base.tests.items():
        prog = base.dir / ("test_" + t)
        link(prog, obj, base.lib.values())
        said = run_test(prog)
        if said:
            sys.exit("without any mutant test_%s fails: %s" % (t, said))


def try_mutant(base, m):
    """(noticed, by what)"""
    own = base.dir / m.name
    src = own / m.file
    try:
        text = change(m)
    except (LookupError, OSError) as e:
        return False, str(e)
    src.parent.mkdir(parents=True, exist_ok=True)
    src.write_text(text)
    objs = dict(base.lib)
    header = m.file.endswith(".h")
    if not header:
        objs[pathlib.Path(m.file)] = own / "changed.o"
        compile_c(src, own / "changed.o")
    for t in m.tests:
        obj = base.tests[t]
        if header:
            obj = own / (t + ".o")
            compile_c(ROOT / ("tests/gc/test_%s.c" % t), obj, own)
        prog = own / ("test_" + t)
        link(prog, obj, objs.values())
        said = run_test(prog)
        prog.unlink()
        if said:
            return True, "%s: %s" % (t, said)
    return False, "no test noticed it"


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("names", nargs="*")
    ap.add_argument("--short", action="store_true", help="the most telling ones")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--build", default=os.environ.get("MEMPROF_BUILD", "build"))
    a = ap.parse_args()
    todo = [m for m in MUTANTS if (not a.names or m.name in a.names) and (m.short or not a.short)]
    bad = []
    # Also of those that are not run: a text that is gone is found by the short form.
    for m in MUTANTS:
        try:
            change(m)
        except (LookupError, OSError) as e:
            if m not in todo:
                bad.append((m.name, str(e)))
    start = time.monotonic()
    base = Base((ROOT / a.build).resolve(), sorted({t for m in todo for t in m.tests}), a.jobs)
    check_tests(base)
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for m, (noticed, how) in zip(todo, pool.map(lambda m: try_mutant(base, m), todo)):
            print("%-10s %-32s %s" % ("noticed" if noticed else "SURVIVED", m.name, how), flush=True)
            if not noticed:
                bad.append((m.name, how))
    print("%d mutants, %d noticed, %.0f s" % (len(todo), len(todo) - sum(m.name in dict(bad) for m in todo),
                                              time.monotonic() - start))
    for name, how in bad:
        print("mutant %s: %s" % (name, how), file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
