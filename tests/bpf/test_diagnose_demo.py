# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The incidents of `memprof demo`: each shows the class that it is named after, first."""
import json
import signal

import mp
import pytest
from diagnose.scenario import Scenario, diagnose, keep, side_by_side

# true of them beside their own class
ALSO = {"gc-thrash": ["heap-limit-near"]}
NAMES = [line.split()[0] for line in mp.memprof("demo", "--list").stdout.splitlines()]


@pytest.fixture(scope="module", autouse=True)
def bpf():
    mp.need_bpf()


def run(name, folder):
    """Records the demo; the recording's path."""
    path = folder / "demo.mprof"
    follow = ["--follow-forks"] if name == "fork-cow" else []
    p = mp.memprof("record", "-q", *follow, "-o", path, "--", mp.MEMPROF, "demo", name, "--child",
                   env={"MEMPROF_DEMO_PACE_MS": "500"})
    assert p.returncode in (0, 128 + signal.SIGTERM), p.stderr
    return path


@pytest.fixture(scope="module")
def recorded(request, bpf):
    with side_by_side(request, "name", run) as paths:
        yield paths


@pytest.mark.parametrize("name", [n for n in NAMES if n != "lazy"])
def test_demo(name, recorded):
    found = diagnose(recorded[name].result())["findings"]
    keep(Scenario(f"demo-{name}", [], name, also=ALSO.get(name, ())), found)
    assert found and found[0]["class"] == name, json.dumps(found, indent=1)
    loud = {f["class"] for f in found if f["level"] != "info"}
    assert loud <= {name, *ALSO.get(name, ())}, json.dumps(found, indent=1)


def test_demo_prints_its_diagnosis():
    p = mp.memprof("demo", "lazyfree", "--plain", check=0)
    assert "\nDiagnosis\n" in p.stdout and "warn lazyfree" in p.stdout
