# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A service that stands warm when somebody attaches: it has 100 MiB of objects and a file of 100 MiB
that was written a moment ago, and then reads both for some seconds. warm.py FILE"""
import mmap
import sys
import time

SECONDS = 6  # of work: long enough for rules that look at a trend
SIZE = 100 << 20

with open(sys.argv[1], "wb") as f:
    for _ in range(SIZE >> 20):
        f.write(b"x" * (1 << 20))
kept = [bytes(400) for _ in range(SIZE // 433)]
with open(sys.argv[1], "rb") as f:
    view = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
print("step start", flush=True)
sys.stdin.readline()
end = time.monotonic() + SECONDS
seen = 0
while time.monotonic() < end or not seen:
    words = [str(k) for k in range(20000)]
    seen += sum(view[at] for at in range(0, SIZE, mmap.PAGESIZE)) + len(kept[len(words)])
print("step done", flush=True)
sys.stdin.readline()
