# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server that loads much and forks workers, whose collector then writes to each object: every
page that has some is copied. With `freeze` the objects are put out of its sight before."""
import gc
import os
import select
import sys

WORKERS = 2


def step(name):
    print("step", name, flush=True)
    sys.stdin.readline()


def rest():
    select.select([], [], [], 1.0)


def worker(ready, stay):
    rest()  # what it writes before its pages were looked at is of no known kind
    gc.collect()
    os.write(ready, b".")
    os.read(stay, 1)
    os._exit(0)


step("start")
gc.disable()
kept = [[i] for i in range(1500000)]
if sys.argv[1:] == ["freeze"]:
    gc.freeze()
told, ready = os.pipe()
stay, leave = os.pipe()
for _ in range(WORKERS):
    if not os.fork():
        os.close(leave)
        worker(ready, stay)
for _ in range(WORKERS):
    os.read(told, 1)
rest()  # both are looked at while they stand still
step("done")
os.close(leave)
