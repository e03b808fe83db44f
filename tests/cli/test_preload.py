# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof-node: what it writes is what Node says, and no program is the worse for it."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import mp
import pytest
from segment import same, segment

JS = mp.BUILD / "memprof-node.js"
SCRIPT = mp.ROOT / "tests" / "workloads" / "node" / "figures.js"


@pytest.fixture(scope="module", autouse=True)
def needs():
    mp.need_command("node")
    assert JS.exists() and (mp.BUILD / "memprof-node.node").exists(), "not built"


def node(*args, js=JS, options="", **env):
    """Runs node with the preload in NODE_OPTIONS; it must end well, by itself."""
    full = dict(os.environ, NODE_OPTIONS=f"--require {js} {options}", MEMPROF_NODE_JS=str(JS),
                MEMPROF_NODE_INTERVAL_MS="1000", **env)
    p = subprocess.run(["node", *map(str, args)], env=full, stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=mp.DEADLINE, check=False)
    assert p.returncode == 0, p.stderr
    return p


def told(what, **env):
    """The objects that figures.js printed, the silence of stderr proved."""
    p = node(SCRIPT, what, **env)
    assert not p.stderr
    return [json.loads(line) for line in p.stdout.splitlines()]


def test_figures_are_nodes():
    (o,) = told("one")
    s = segment(o)
    same(s, o["said"])
    assert s.used > 50 << 20 and s.arrays > 30 << 20
    assert s.limit == o["limit"]
    # by the names of V8; what ran between the two answers is small
    assert set(s.spaces) == {n[:27] for n in o["spaces"]}
    for name, (used, committed) in o["spaces"].items():
        assert s.spaces[name[:27]][0] == pytest.approx(used, abs=1 << 20), name
        assert s.spaces[name[:27]][1] == pytest.approx(committed, abs=4 << 20), name
    assert sum(used for used, _ in s.spaces.values()) == pytest.approx(s.used, abs=1 << 20)


def test_workers_are_summed_and_leave():
    workers, alone = told("workers")
    s = segment(workers)
    same(s, workers["said"])
    assert s.used > 60 << 20
    assert s.limit > workers["limit"]
    same(segment(alone), alone["said"])


def test_a_program_that_never_waits_is_seen_at_its_end():
    (o,) = told("blocked")
    assert segment(o).used > 50 << 20


def test_children_have_their_own():
    parent, child = told("child")
    assert parent["pid"] != child["pid"]
    same(segment(parent), parent["said"])
    same(segment(child), child["said"])


@pytest.mark.parametrize("code", ["", "process.exit(0)", "setTimeout(() => 0, 1)"])
def test_nothing_is_kept_alive_or_said(code):
    p = node("-e", code, MEMPROF_NODE_DEBUG="1")
    assert (p.stdout, p.stderr) == ("", "")


def test_ordinary_programs_see_nothing_of_it(tmp_path):
    (tmp_path / "a.mjs").write_text("import fs from 'fs'; console.log(typeof fs.readFileSync, process.argv.length)")
    assert node(tmp_path / "a.mjs").stdout == "function 2\n"
    (tmp_path / "b.js").write_text("console.log(require.main === module, Object.keys(globalThis).includes('figures'),"
                                   "process._getActiveHandles().length)")
    assert node(tmp_path / "b.js").stdout == "true false 0\n"
    assert node("--check", tmp_path / "b.js").stdout == ""
    assert node("-p", "1 + 1").stdout == "2\n"


def test_no_timer_in_a_snapshot(tmp_path):
    """What lies in a startup snapshot would run in another process."""
    (tmp_path / "s.js").write_text("globalThis.x = 42")
    probe = subprocess.run(["node", "--help"], capture_output=True, text=True, check=True)
    if "--build-snapshot" not in probe.stdout:
        mp.lacking("this Node builds no snapshots")
    p = node("--snapshot-blob", tmp_path / "blob", "--build-snapshot", tmp_path / "s.js", MEMPROF_NODE_DEBUG="1")
    assert p.stderr.count("\n") <= 2 and "rror" not in p.stderr.replace("errno", "")
    assert (tmp_path / "blob").exists()


ABSENT = {"absent": None, "no library": b"not a library", "empty": b"",
          "another machine's": None, "not an addon": None}


@pytest.mark.parametrize("what", ABSENT)
def test_without_its_addon_it_does_nothing(tmp_path, what):
    js, addon = tmp_path / JS.name, tmp_path / "memprof-node.node"
    shutil.copy(JS, js)
    if what == "not an addon":
        shutil.copy(mp.BUILD / "libmpgc.so", addon)
    elif what == "another machine's":
        image = bytearray((mp.BUILD / "memprof-node.node").read_bytes())
        image[18:20] = b"\xf3\x00" if image[18] != 0xf3 else b"\x3e\x00"  # e_machine: RISC-V, x86-64
        addon.write_bytes(image)
    elif ABSENT[what] is not None:
        addon.write_bytes(ABSENT[what])
    p = node("-p", "6 * 7", js=js)
    assert (p.stdout, p.stderr) == ("42\n", "")
    p = node("-p", "6 * 7", js=js, MEMPROF_NODE_DEBUG="1")
    assert p.stdout == "42\n"
    assert p.stderr.startswith("memprof-node: does nothing: ")


def test_addons_forbidden():
    p = node("-p", "6 * 7", options="--no-addons", MEMPROF_NODE_DEBUG="1")
    assert p.stdout == "42\n"
    assert p.stderr.startswith("memprof-node: does nothing: ") and "addon" in p.stderr


def test_no_shared_memory():
    """No descriptor is left when it starts: memfd_create fails."""
    code = (f"const fs = require('fs'); const open = []; try {{ for (;;) open.push(fs.openSync('/dev/null')); }} catch (e) {{}}"
            f"const fd = open.pop(); fs.closeSync(fd); let n = 0; const m = require('{mp.BUILD}/memprof-node.node');"
            "open.push(fs.openSync('/dev/null')); console.log(m.open('a b'), m.publish(new Float64Array(9)))")
    p = subprocess.run(["sh", "-c", 'ulimit -n 100; exec node -e "$1"', "sh", code], capture_output=True, text=True,
                       timeout=mp.DEADLINE, check=False)
    assert (p.returncode, p.stdout) == (0, "-24 undefined\n"), p.stderr


def test_the_addon_bears_any_argument():
    code = (f"const m = require('{mp.BUILD}/memprof-node.node');"
            "m.publish(); m.publish(new Float64Array(99)); console.log(m.open(), m.open(1, 2), m.open({}));"
            "console.log(m.open('x '.repeat(9999)), m.open('again'));"
            "for (const v of [undefined, 5, [], new Float64Array(2), new Uint8Array(64), new Float64Array(7).fill(1e300),"
            "new Float64Array(500).fill(-1), new Float64Array(8).fill(Infinity)]) m.publish(v); m.exiting(); console.log('ok')")
    p = subprocess.run(["node", "-e", code], capture_output=True, text=True, timeout=mp.DEADLINE, check=False)
    assert (p.returncode, p.stdout) == (0, "-22 -22 -22\n0 0\nok\n"), p.stderr


def test_a_look_costs_little():
    """The middle of 201, in percent of the 100 ms between two: 0.02 on a machine at rest."""
    code = (f"const p = require('{JS}'); const t = []; for (let i = 0; i < 401; i++) {{"
            "const a = process.hrtime.bigint(); p.publish(); t.push(Number(process.hrtime.bigint() - a)); }"
            "console.log(t.slice(200).sort((a, b) => a - b)[100])")
    p = subprocess.run(["node", "-e", code], capture_output=True, text=True, timeout=mp.DEADLINE, check=True)
    assert int(p.stdout) < 1000000, "1 %"


def test_declarations_are_nodes(tmp_path):
    """Each function of napi.h is declared once more behind Node's own header: the compiler compares."""
    node_bin = pathlib.Path(shutil.which("node")).resolve()
    include = node_bin.parent.parent / "include" / "node"
    if not (include / "node_api.h").exists():
        mp.lacking("Node's headers are not installed")
    text = (mp.ROOT / "user" / "preload" / "node" / "napi.h").read_text()
    ours = re.findall(r"^int napi_\w+\([^;]*\);", text, re.M)
    assert len(ours) == text.count("\nint napi_") >= 7
    ours = [re.sub(r"^int", "napi_status", f).replace("int *type", "napi_typedarray_type *type") for f in ours]
    (number,) = re.findall(r"#define NAPI_FLOAT64_ARRAY (\d+)", text)
    (tmp_path / "t.c").write_text("#include <stdbool.h>\n#include <node_api.h>\n" + "\n".join(ours) +
                                  f"\n_Static_assert(napi_float64_array == {number}, \"\");\n"
                                  "_Static_assert(napi_ok == 0, \"\");\n")
    p = subprocess.run(["cc", "-std=c11", "-fsyntax-only", f"-I{include}", tmp_path / "t.c"], capture_output=True,
                       text=True, check=False)
    assert p.returncode == 0, p.stderr
