# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every HotSpot there is, with nothing prepared, on every collector that it has: heap figures and
the number of collections are those of its own MXBeans."""
import hotspot
import mp
import pytest
import rt

OTHERS = ["-XX:+UnlockExperimentalVMOptions"]


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_bpf()
    mp.need_command("javac")


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return hotspot.compiled(tmp_path_factory.mktemp("classes"))


# It gives memory back beside the program, region by region: what it had committed when it was asked
# need not be what it had a moment later.
SHENANDOAH = "Shenandoah", [*OTHERS, "-XX:-ShenandoahUncommit"]


def collectors(runtime):
    """Those of the version: name, flags. Of an installed one those that tests/bpf/test_jvm.py has not."""
    (v, *_) = runtime.numbers()
    if runtime.version == "installed":
        return [("Parallel", []), SHENANDOAH]
    got = [("Serial", []), ("Parallel", []), ("G1", [])]
    if v < 14:
        got.append(("ConcMarkSweep", []))
    if v >= 11:
        got.append(("Z", OTHERS))
    if 21 <= v < 23:
        got.append(("Z", ["-XX:+ZGenerational"]))
    if v >= 17:
        got.append(SHENANDOAH)
    if v >= 25:
        got.append((SHENANDOAH[0], [*SHENANDOAH[1], "-XX:ShenandoahGCMode=generational"]))
    return got


def check(runtime, gc, rep, first, last):
    route = rep["probes"]["heap_jvm"]
    assert route == "usdt" if runtime.numbers() >= (17,) else route in ("usdt", "counters")
    # from 25 on nothing writes what lies in eden between collections
    slack = hotspot.SLACK[gc] if runtime.numbers() < (25,) else 8 * hotspot.MB
    hotspot.check_figures(rep, last, slack)
    if route == "usdt" or gc in ("Serial", "Parallel", "G1"):
        assert hotspot.total(rep) == last.gcs - first.gcs > 0
    else:  # these count pauses; only young collections of CMS are told apart
        assert hotspot.total(rep) <= last.gcs - first.gcs


@rt.each("jdk", since="8")
def test_figures_and_collections(runtime, classes, tmp_path):
    for i, (gc, flags) in enumerate(collectors(runtime)):
        argv = hotspot.java(classes, *flags, f"-XX:+Use{gc}GC", program=runtime.program, burst=300)
        rep, first, last, kernel = hotspot.record(tmp_path / f"r{i}", argv)
        mp.check_rss(rep, kernel)
        try:
            check(runtime, gc, rep, first, last)
        except AssertionError as e:
            raise AssertionError(f"{runtime} {gc} {flags}: {e}") from e


@rt.each("jdk", since="8")
def test_beside_jstat(runtime, classes, tmp_path):
    """As far as each version's own jstat goes."""
    for i, (gc, flags) in enumerate(collectors(runtime)):
        argv = hotspot.java(classes, *flags, f"-XX:+Use{gc}GC", program=runtime.program, burst=100)
        try:
            hotspot.beside_jstat(tmp_path / f"r{i}", argv, runtime.tool("jstat"), gc)
        except AssertionError as e:
            raise AssertionError(f"{runtime} {gc} {flags}: {e}") from e
