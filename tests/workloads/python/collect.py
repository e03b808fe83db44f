# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes garbage in circles. Between two quiet points CPython's collector runs, by itself and
asked; `done` tells what the runtime counted and when each collection began and ended."""
import gc
import sys
import time

spans = []


class Node:
    pass


def note(phase, info):
    if phase == "start":
        spans.append([info["generation"], time.monotonic_ns(), 0, 0])
    else:
        spans[-1][2:] = [time.monotonic_ns(), info["collected"]]


def circles(n):
    for _ in range(n):
        a = Node()
        a.self = a


def counts():
    return [s["collections"] for s in gc.get_stats()]


def step(name, **kv):
    print("step", name, *(f"{k}={v}" for k, v in kv.items()), flush=True)
    sys.stdin.readline()


before = counts()
step("start")
gc.callbacks.append(note)
circles(30000)
for gen in (0, 1, 2):
    circles(150)
    gc.collect(gen)
gc.disable()
gc.callbacks.clear()
n = [b - a for a, b in zip(before, counts())]
step("done", n="/".join(map(str, n)), spans=";".join(",".join(map(str, s)) for s in spans))
