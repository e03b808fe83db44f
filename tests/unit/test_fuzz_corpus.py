# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The corpus of every fuzz target, replayed: what was found once stays found."""
import subprocess

import pytest

import mp

TARGETS = sorted(p.stem[len("fuzz_"):] for p in (mp.ROOT / "tests/fuzz").glob("fuzz_*.c"))


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(target):
    corpus = mp.ROOT / "tests/fuzz/corpus" / target
    files = len(list(corpus.iterdir()))
    p = subprocess.run([mp.BUILD / "tests/fuzz" / f"fuzz_{target}", corpus], capture_output=True, text=True,
                       errors="replace", timeout=600, check=False)
    assert p.returncode == 0, p.stdout[-300:] + p.stderr[-3000:]
    assert files and p.stdout.splitlines()[-1] == f"{files} inputs"
