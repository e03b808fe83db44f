# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scenarios: limit. Each runs in a control group of its own."""
import mp
from diagnose.scenario import Scenario, missing, workload

NODE_JS = mp.BUILD / "memprof-node.js"
TIGHT = 64
FILE = mp.BUILD / "limit.bin"  # on a disk: /tmp may be memory


def row(finding, text):
    return next((e for e in finding["evidence"] if text in e["what"]), None)


def value(finding, text):
    r = row(finding, text)
    return r["value"] if r else 0


def small(d, least):
    """What it had of its own when it was killed, and what the group was charged for by the last look."""
    f = d["findings"][0]
    assert value(f, "RssAnon when the kernel killed it") < 20 << 20
    assert any(value(f, what) >= 24 << 20 for what in least), f


def of_tmpfs(d, path):
    small(d, ["shared memory and tmpfs"])


def of_pipes(d, path):
    small(d, ["charged for the kernel"])


def default_limit(d, path):
    """Node takes a limit of the heap that leaves nothing for the rest of the process."""
    f = d["findings"][0]
    assert value(f, "the heap's own limit") + value(f, "RSS beside the heap") > 0.95 * (256 << 20)
    assert value(f, "what lives in the heap now and all beside it, of the group's limit") < 0.7
    assert f["level"] == "warn"


def by_itself(d, path):
    """No class: the process itself filled the group. That it was killed, and with how much, is said."""
    k, = d["oom_killed"]
    assert k["anon"] > 0.9 * (TIGHT << 20) and k["limit"] == TIGHT << 20


def killed_with_its_heap_far_from_the_limit(d, path):
    f = d["findings"][0]
    assert f["level"] == "bad"
    assert value(f, "RssAnon when the kernel killed it") > 100 << 20


SCENARIOS = [
    Scenario("oom-tmpfs", workload("limit", "tmpfs", TIGHT), "oom-outside", group=TIGHT, killed=True,
             also=("shmem-growth",), absent=("limit-misfit", "working-set"), check=of_tmpfs),
    Scenario("oom-pipes", workload("limit", "pipes", TIGHT), "oom-outside", group=TIGHT, killed=True,
             absent=("limit-misfit", "working-set"), check=of_pipes),
    Scenario("oom-anon", workload("limit", "anon", TIGHT), None, group=TIGHT, killed=True,
             also=("mmap-leak", "native-leak"), absent=("oom-outside", "limit-misfit"), check=by_itself),
    Scenario("file-cache", workload("limit", "cache", TIGHT, FILE), "working-set", group=TIGHT,
             absent=("oom-outside", "refault-thrash", "file-mmap")),
    Scenario("reread", workload("limit", "reread", TIGHT, FILE), "refault-thrash", group=TIGHT,
             thresholds={"reread-time": 1, "reread-rate": 20}, absent=("swap-storm", "working-set")),
    Scenario("node-default-limit", ["node", str(mp.ROOT / "tests/workloads/node/limit.js")], "limit-misfit",
             group=256, env={"NODE_OPTIONS": f"--require {NODE_JS}"}, needs=missing("node"),
             absent=("oom-outside",), check=default_limit),
    Scenario("node-killed", ["node", "--max-old-space-size=400", str(mp.ROOT / "tests/workloads/node/limit.js"), "200"],
             "limit-misfit", group=200, killed=True, needs=missing("node"),
             also=("heap-leak",), absent=("oom-outside",), check=killed_with_its_heap_far_from_the_limit),
]
