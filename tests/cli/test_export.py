# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`export` itself: what it says when it cannot, and what it leaves behind."""
import os
import resource
import subprocess

import mp
import pytest


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Of a program that only /proc told about: no probe is needed."""
    path = tmp_path_factory.mktemp("export") / "a.mprof"
    mp.memprof("record", "-q", "--hooks=none", "-o", path, "--", "true", check=0)
    return path


def formats():
    return [line.split()[0] for line in mp.memprof("export", "--list", check=0).stdout.splitlines()]


def export(*args, **kw):
    return subprocess.run([mp.MEMPROF, "export", *map(str, args)], capture_output=True, timeout=600, check=False,
                          stdin=subprocess.DEVNULL, **kw)


def test_what_it_cannot_do(recording, tmp_path):
    out = tmp_path / "out"
    for args, code, said in (
            ((recording,), 64, "which format"),
            ((recording, "--format", "nonsense"), 64, "no format 'nonsense'"),
            (("--format", "folded"), 64, "no recording"),
            ((recording, recording, "--format", "folded"), 64, "one recording"),
            ((tmp_path / "none", "--format", "folded", "-o", out), 1, "none"),
            *(((recording, "--format", f, *to, "-p", 1), 3, "not in the recording")
              for f in ("folded", "jsonl", "csv", "openmetrics", "html") for to in ((), ("-o", out))),
            ((recording, "--format", "folded", "-o", tmp_path / "no" / "out"), 1, "cannot create")):
        p = mp.memprof("export", *args)
        assert p.returncode == code, (args, p)
        assert said in p.stderr and p.stdout == "", (args, p)
        assert len(p.stderr.splitlines()) <= 6
        assert not out.exists(), args


def test_an_existing_file_is_kept(recording, tmp_path):
    out = tmp_path / "out"
    out.write_text("mine")
    p = mp.memprof("export", recording, "--format", "folded", "-o", out, check=1)
    assert "File exists" in p.stderr and out.read_text() == "mine"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "else")
    mp.memprof("export", recording, "--format", "folded", "-o", link, check=1)
    assert not (tmp_path / "else").exists()


@pytest.mark.parametrize("fmt", formats())
def test_every_format_writes_the_same_to_both(recording, tmp_path, fmt):
    out = tmp_path / "out"
    mp.memprof("export", recording, "--format", fmt, "-o", out, check=0)
    assert out.stat().st_mode & 0o777 == 0o600
    p = export(recording, "--format", fmt)
    assert p.returncode == 0 and p.stderr == b""
    assert p.stdout == out.read_bytes()


@pytest.mark.parametrize("fmt", formats())
def test_every_format_tells_of_a_failed_write(recording, tmp_path, fmt):
    if not export(recording, "--format", fmt).stdout:
        return  # nothing to write of this recording: no write can fail
    with open("/dev/full", "wb") as full:
        p = subprocess.run([mp.MEMPROF, "export", recording, "--format", fmt], stdout=full,
                           stderr=subprocess.PIPE, timeout=600, check=False)
    assert p.returncode == 1 and b"No space left" in p.stderr
    # half a file is removed: nobody could tell it from a whole one
    out = tmp_path / "out"
    p = export(recording, "--format", fmt, "-o", out, restore_signals=False,
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1)))
    assert p.returncode == 1 and b"File too large" in p.stderr, p
    assert not out.exists()


@pytest.mark.parametrize("fmt", formats())
def test_every_format_takes_what_is_left_of_a_recording(recording, tmp_path, fmt):
    data = recording.read_bytes()
    for size in range(0, len(data), 97):
        cut = tmp_path / "cut.mprof"
        cut.write_bytes(data[:size])
        out = tmp_path / "out"
        p = export(cut, "--format", fmt, "-o", out)
        assert p.returncode in (1, 5), (size, p)
        assert p.returncode >= 0 and p.stderr
        if out.exists():
            assert p.returncode == 5
            os.unlink(out)


def test_a_reader_that_leaves_is_no_error(recording):
    r, w = os.pipe()
    os.close(r)
    p = subprocess.run([mp.MEMPROF, "export", recording, "--format", "perfetto"], stdout=w,
                       stderr=subprocess.PIPE, timeout=600, check=False)
    os.close(w)
    assert p.returncode == 1 and p.stderr == b""
