#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The long form of test_residency.py: random seeds for SECONDS, or one seed again.

    SECONDS=600 tests/bpf/fuzz_residency.py
    SHUFFLE_SEED=7 OPS=300 EVERY=60 THREADS=0 FOLLOW=0 tests/bpf/fuzz_residency.py

Each seed is printed before it runs; a mismatch ends the run with what differs and
the command that shows it again. KEEP=1 keeps recordings and logs.
"""
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import judge  # noqa: E402


def number(name, otherwise):
    return int(os.environ.get(name, otherwise))


def trial(seed, draw):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="residency-"))
    t = judge.Trial(seed, folder, ops=number("OPS", draw.choice([100, 300, 1000])),
                    every=number("EVERY", draw.choice([20, 60, 200])),
                    threads=number("THREADS", draw.choice([0, 0, 2, 4])),
                    follow=bool(number("FOLLOW", draw.choice([0, 1]))))
    print(t.repeat(), flush=True)
    try:
        with judge.setting(nr_hugepages=8):
            t.run()
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(folder)
    return t


def main():
    end = time.monotonic() + number("SECONDS", 60)
    draw = random.Random(number("SHUFFLE_SEED", random.SystemRandom().randrange(1 << 31)))
    seed = os.environ.get("SHUFFLE_SEED")
    points = seeds = bad = 0
    while True:
        t = trial(int(seed) if seed else draw.randrange(1 << 31), draw)
        seeds, points = seeds + 1, points + t.points
        if t.wrong:
            bad += 1
            print("\n".join(t.wrong), flush=True)
        if seed or time.monotonic() > end or bad and not os.environ.get("GO_ON"):
            break
    print(f"{seeds} seeds, {points} quiet points, {bad} seeds with mismatches")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
