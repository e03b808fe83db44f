# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A Perfetto trace as Python objects, by way of protoc, and what must hold for any."""
import collections
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
LINE = re.compile(r'^\s*(?:(?P<open>\w+) \{|(?P<key>\w+): (?P<value>.*)|(?P<close>\}))$')
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")


def unescape(text):
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}

    def one(m):
        c = m[1]
        return bytes([int(c, 8) & 255]) if c[:1].isdigit() else plain.get(c, c)
    return ESCAPE.sub(one, text.encode()).decode()


def decode(path):
    """{field: [values]} of the whole trace; no field may be unknown to the reduced schema."""
    with open(path, "rb") as f:
        p = subprocess.run(["protoc", "--decode", "reduced.Trace", f"-I{HERE}", "perfetto_reduced.proto"],
                           stdin=f, capture_output=True, text=True, check=False)
    assert p.returncode == 0, p.stderr[-2000:]
    top = collections.defaultdict(list)
    stack = [top]
    for line in p.stdout.splitlines():
        m = LINE.match(line)
        assert m, f"not in the schema: {line!r}"
        if m["open"]:
            stack.append(collections.defaultdict(list))
            stack[-2][m["open"]].append(stack[-1])
        elif m["close"]:
            stack.pop()
        else:
            v = m["value"]
            stack[-1][m["key"]].append(unescape(v[1:-1]) if v.startswith('"') else
                                       int(v) if re.fullmatch(r"-?\d+", v) else v)
    assert len(stack) == 1
    return top


class Trace:
    """Tracks by uuid; counters, slices and instants by track; all of it checked."""

    def __init__(self, path):
        self.packets = decode(path)["packet"]
        self.tracks, self.counters, self.slices, self.instants = {}, {}, {}, {}
        self.stats = collections.defaultdict(list)
        self.clocks, self.dropped = [], 0
        self.flows = collections.defaultdict(list)
        self.open = collections.defaultdict(list)
        self.last = {}
        for i, p in enumerate(self.packets):
            self.packet(p, i == 0)
        assert not any(self.open.values()), "slices without an end"
        self.check_tracks()
        self.check_flows()

    def packet(self, p, first):
        assert p["trusted_packet_sequence_id"] == [1]
        assert p["sequence_flags"] == ([1] if first else [])
        if p["timestamp"]:
            assert p["timestamp_clock_id"] == [3], "a time of the default clock"
        self.dropped += len(p["previous_packet_dropped"])
        for d in p["track_descriptor"]:
            (uuid,) = d["uuid"]
            assert uuid not in self.tracks or d["thread"], f"two tracks of one number: {d}"
            self.tracks[uuid] = d
        for e in p["track_event"]:
            self.event(e, p["timestamp"][0])
        for s in p["process_stats"]:
            (one,) = s["processes"]
            self.stats[one["pid"][0]].append((p["timestamp"][0], one))
        for c in p["clock_snapshot"]:
            self.clocks.append({k["clock_id"][0]: k["timestamp"][0] for k in c["clocks"]})

    def event(self, e, ts):
        (kind,), (track,) = e["type"], e["track_uuid"]
        if kind in ("COUNTER", "SLICE_BEGIN", "SLICE_END"):
            assert ts >= self.last.get((track, kind == "COUNTER"), 0), f"back in time on {self.tracks[track]}"
            self.last[track, kind == "COUNTER"] = ts
        if kind == "COUNTER":
            self.counters.setdefault(track, []).append((ts, e["counter_value"][0]))
        elif kind == "SLICE_BEGIN":
            e["ts"], e["depth"] = ts, len(self.open[track])
            self.open[track].append(e)
            self.slices.setdefault(track, []).append(e)
        elif kind == "SLICE_END":
            assert self.open[track], f"an end of nothing on {self.tracks[track]}"
            self.open[track].pop()["end"] = ts
        else:
            e["ts"] = ts
            self.instants.setdefault(track, []).append(e)
        for f in e["flow_ids"] + e["terminating_flow_ids"]:
            self.flows[f].append((ts, e))

    def check_tracks(self):
        used = set(self.counters) | set(self.slices) | set(self.instants)
        assert used <= set(self.tracks), "events on tracks that nobody described"
        for d in self.tracks.values():
            for up in d["parent_uuid"]:
                assert up in self.tracks
        for u in self.counters:
            assert self.tracks[u]["counter"] and u not in self.slices and u not in self.instants

    def check_flows(self):
        """An arrow ends at most once, and nothing comes behind its end."""
        for f, points in self.flows.items():
            points.sort(key=lambda p: p[0])
            ends = [i for i, (_, e) in enumerate(points) if f in e["terminating_flow_ids"]]
            assert len(points) == 1 or ends in ([], [len(points) - 1]), f"flow {f}: {points}"

    # --- finding things ---

    def track(self, name, under=None):
        """The uuid of the one track of that name (below a process, by its number)."""
        found = [u for u, d in self.tracks.items() if d["name"] == [name]
                 and (under is None or self.pid_of(u) == under)]
        assert len(found) == 1, f"{name}: {len(found)} tracks"
        return found[0]

    def has(self, name):
        return any(d["name"] == [name] for d in self.tracks.values())

    def pid_of(self, uuid):
        d = self.tracks[uuid]
        while not d["process"] and d["parent_uuid"]:
            d = self.tracks[d["parent_uuid"][0]]
        return d["process"][0]["pid"][0] if d["process"] else None

    def counter(self, name):
        """[(ts, value)] of a counter, or [] where it was always 0."""
        return list(self.counters[self.track(name)]) if self.has(name) else []

    def named(self, prefix):
        """Slices by the beginning of their names, of all tracks."""
        return [e for v in self.slices.values() for e in v if e["name"][0].startswith(prefix)]


def function(frame):
    """A frame of a report without the place in its function."""
    return re.sub(r"\+0x[0-9a-f]+ \(.*\)$", "", frame)


def note(e, key):
    """A debug annotation's value, None where it is not there."""
    for a in e["debug_annotations"]:
        if a["name"] == [key]:
            return (a["int_value"] + a["string_value"] + a["pointer_value"])[0]
    return None
