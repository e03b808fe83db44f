# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The spaces of libmpgc as memprof lists them: a program that reads into pinned buffers."""
import mp


def test_pinned_space_in_the_report(tmp_path):
    mp.need_bpf()
    path = tmp_path / "r.mprof"
    mp.memprof("record", "-o", path, "--", mp.BUILD / "examples" / "reader", "5000", check=0)
    rep = mp.report(path)
    spaces = rep["heap"][0]["spaces"]
    assert {"young", "old", "pinned"} <= set(spaces), spaces
    pinned = spaces["pinned"]
    # 200 buffers of 4 KiB stay alive, and garbage among them until the next collection
    assert 200 * 4096 <= pinned["used"] <= pinned["committed"], pinned
    assert pinned["committed"] <= 16 << 20, pinned
