# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The counters and spaces of a segment, read by docs/counters-segment.md alone."""
import os
import struct

UNKNOWN = 2**64 - 1


class Segment:
    """Of its bytes, at an instant when its writer stands still."""

    def __init__(self, data):
        assert data[:8] == b"MPGCSEG\0"
        self.version, self.header_len = struct.unpack_from("<II", data, 8)
        (self.total_len,) = struct.unpack_from("<Q", data, 16)
        self.pid, self.heap_id = struct.unpack_from("<II", data, 24)
        (at,) = struct.unpack_from("<Q", data, 72)
        self.names_cap, names = struct.unpack_from("<IQ", data, 84)
        self.source = data[136:168].rstrip(b"\0").decode()
        assert self.total_len == len(data)
        self.seq, self.nspaces = struct.unpack_from("<II", data, at)
        (self.updated, self.used, self.committed, self.resident, self.mapped, self.owed, _, self.external,
         self.arrays, self.limit, self.soft_limit, self.goal, self.live) = struct.unpack_from("<13Q", data, at + 8)
        self.heaps, self.process_rss = struct.unpack_from("<QQ", data, at + 176)
        (count,) = struct.unpack_from("<I", data, names)
        assert count <= self.names_cap
        self.spaces = {}
        for i in range(count):
            kind, number, name = struct.unpack_from("<HH28s", data, names + 64 + 32 * i)
            assert kind == 1 and 0 < number < self.nspaces
            used, committed, resident = struct.unpack_from("<QQQ", data, at + 232 + 24 * number)
            assert resident == UNKNOWN
            self.spaces[name.rstrip(b"\0").decode()] = (used, committed)


def of_process(pid):
    """The segment of a live process, or None: it has none yet."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            if os.readlink(path).startswith("/memfd:memprof-gc:1"):
                with open(path, "rb") as f:
                    return Segment(f.read())
        except OSError:
            continue
    return None


def segment(o):
    """That of an object which figures.js printed: one, whole, its process's."""
    (data,) = o["segments"]
    s = Segment(bytes.fromhex(data))
    assert (s.version, s.source, s.pid, s.heap_id, s.seq % 2) == (1, "v8", o["pid"], 1, 0)
    assert {s.resident, s.mapped, s.owed, s.soft_limit, s.goal, s.live} == {UNKNOWN}
    return s


def same(s, said):
    """To the byte: the sum of what each isolate was told by process.memoryUsage()."""
    assert s.heaps == len(said)
    assert s.used == sum(m["heapUsed"] for m in said)
    assert s.committed == sum(m["heapTotal"] for m in said)
    assert s.external == sum(m["external"] for m in said)
    if all("arrayBuffers" in m for m in said):
        assert s.arrays == sum(m["arrayBuffers"] for m in said)
    else:
        assert s.arrays == UNKNOWN, "Node before 13.9 does not count them"
    assert s.process_rss in [m["rss"] for m in said]
