# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Random sequences of all that moves pages, judged at each quiet point (tests/judge.py).

The seeds here are fixed and few; `make fuzz-residency SECONDS=600` draws others.
"""
import concurrent.futures
import os

import judge
import mp
import pytest

# seed: (operations, every, threads, follow forks)
SEEDS = {
    1: (300, 60, 0, False),
    2: (300, 60, 0, True),
    3: (300, 60, 3, False),
    4: (300, 60, 0, False),
    5: (120, 20, 0, True),
    6: (400, 100, 2, True),
}


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """All seeds, some side by side: most of a trial is waiting for a block to be written."""
    mp.need_bpf()
    with judge.setting(nr_hugepages=8), concurrent.futures.ThreadPoolExecutor(3) as pool:
        jobs = {seed: pool.submit(judge.Trial(seed, tmp_path_factory.mktemp(f"seed{seed}"), *how).run)
                for seed, how in SEEDS.items()}
        concurrent.futures.wait(jobs.values())
    return jobs


@pytest.mark.parametrize("seed", SEEDS)
def test_every_page_at_every_quiet_point(trials, seed):
    t = trials[seed].result()
    print(t.repeat())
    assert not t.wrong, "\n".join(t.wrong)
    ops, every = SEEDS[seed][:2]
    assert t.points == ops // every


def test_the_judge_sees_one_page(tmp_path):
    """A judge that is blind to a page, a mapping or a counter proves nothing."""
    mp.need_bpf()
    with mp.Workload("touch-order", 1) as w:
        with mp.Recording(w.pid, tmp_path / "r") as r:
            s = w.step("mapped")
            w.step("few")
            assert judge.steady(r, [w.pid]) == []
            have, want = judge.model(r.path)[w.pid], judge.kernel(w.pid)
            r.stop()
    assert judge.differences(have, want) == [] == judge.self_check(want)
    k = next(i for i, (start, _) in enumerate(have.runs) if start == s.map)
    start, end = have.runs[k]
    have.runs[k] = (start + mp.PAGE, end)
    assert f"1 pages {start:#x}" in judge.differences(have, want)[0]
    have.runs[k] = (start, end + mp.PAGE)
    assert "memprof says it is" in judge.differences(have, want)[0]
    have.runs[k] = (start, end)
    have.rss["anon"] -= 1
    assert "rss anon" in judge.differences(have, want)[0]
    have.rss["anon"] += 1
    m = next(m for m in have.maps if m.start == s.map)
    m.perms = "r--p"
    assert len(judge.differences(have, want)) == 2
