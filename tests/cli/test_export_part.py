# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""memprof export --format mprof -p PID --from TIME --to TIME: a part of a recording."""
import json
import os

import mp
import pytest


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """A recording of a shell and two processes that it starts, each with a name of its own."""
    d = tmp_path_factory.mktemp("part")
    for name in ("first-secret", "second-secret"):
        os.link("/bin/cat", d / name) if os.stat("/bin/cat").st_dev == os.stat(d).st_dev else \
            (d / name).write_bytes(open("/bin/cat", "rb").read())
        (d / name).chmod(0o755)
    out = d / "family.mprof"
    script = f"{d}/first-secret /etc/passwd; {d}/second-secret /etc/passwd; exit 0"
    mp.memprof("record", "--follow-forks", "-o", out, "--", "/bin/sh", "-c", script, check=0)
    return out


def processes(path):
    """pid to program, of what a recording tells."""
    text = mp.memprof("export", path, "--format", "jsonl", check=0).stdout
    rows = [json.loads(ln) for ln in text.splitlines()]
    return {r["pid"]: r.get("exe") for r in rows if r.get("type") == "task" and r.get("op") == "target"}


def test_one_process_of_several(family, tmp_path):
    procs = {pid: exe for pid, exe in processes(family).items() if exe}
    first = next(p for p, exe in procs.items() if exe.endswith("first-secret"))
    part = tmp_path / "part.mprof"
    mp.memprof("export", family, "--format", "mprof", "-p", first, "-o", part, check=0)
    assert set(processes(part)) == {first}
    whole, cut = (mp.report(p, pid=first) for p in (family, part))
    assert cut["account"] == whole["account"]
    text = mp.memprof("dump", part, check=0).stdout
    assert "first-secret" in text and "second-secret" not in text
    assert mp.report(part)["recording"]["state"] == "clean"


def test_mistakes(family, tmp_path):
    def fails(code, *args):
        p = mp.memprof("export", family, *args, check=code)
        assert p.stderr.startswith("memprof: ")
        return p.stderr

    part = tmp_path / "none.mprof"
    fails(3, "--format", "mprof", "-p", "4194303", "-o", part)
    fails(64, "--format", "mprof", "--from", "whenever", "-o", part)
    fails(64, "--format", "mprof", "--from", "end", "--to", "start", "-o", part)
    fails(64, "--format", "mprof", "-p", "1", "--redact", "-o", part)
    assert "--format mprof" in fails(64, "--format", "jsonl", "--from", "start")
    assert not part.exists()
    assert "remove the file" in fails(1, "--format", "mprof", "--from", "start", "-o", family)
