// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Four programs: `heap` keeps objects until the heap's limit ends it, `buffer` keeps
// memory outside the heap, `compare` keeps both, drops both and collects, `idle` drops what
// it kept and leaves the rest to V8. Each round says what process.memoryUsage() said, with
// the time (CLOCK_MONOTONIC, ns) before and after.
// It waits for a line before the first round, and before it ends.
'use strict';

const fs = require('fs');
const v8 = require('v8');
const vm = require('vm');

const MB = 1 << 20;
const objects = [], buffers = [];

function say(name, more = {}) {
  const from = process.hrtime.bigint();
  const m = process.memoryUsage();
  const to = process.hrtime.bigint();
  fs.writeSync(1, JSON.stringify({ name, from: `${from}`, to: `${to}`, ...m, ...more }) + '\n');
}

function wait() {
  fs.readSync(0, Buffer.alloc(1));
}

// About 4 MB of objects that nothing else keeps.
function keepObjects() {
  const list = [];
  for (let i = 0; i < 30000; i++) list.push({ id: i, name: `object ${i}`, next: [i, i + 1] });
  objects.push(list);
}

const scenarios = {
  heap() {
    for (;;) {
      keepObjects();
      say('heap');
    }
  },
  buffer() {
    for (let i = 0; i < 20; i++) {
      buffers.push(Buffer.alloc(10 * MB, 1));
      say('buffer');
    }
  },
  compare() {
    v8.setFlagsFromString('--expose-gc');
    const collect = vm.runInNewContext('gc');
    for (let i = 0; i < 10; i++) {
      keepObjects();
      buffers.push(Buffer.alloc(5 * MB, 1));
      say('both');
    }
    collect();
    say('kept');
    objects.length = buffers.length = 0;
    collect();
    collect();
    say('dropped');
  },
  // Allocates until V8 has collected by itself, which it may put off for a minute otherwise;
  // ends when RSS has stood still for half a second.
  idle() {
    for (let i = 0; i < 10; i++) keepObjects();
    say('full');
    objects.length = 0;
    let last = 0, still = 0, old = [], n = 0;
    const look = setInterval(() => {
      const m = process.memoryUsage();
      const collected = m.heapUsed < 40 * MB;
      if (!collected) for (let i = 0; i < 4; i++) old[n++ % 8] = new Array(131072).fill(n);
      still = collected && Math.abs(m.rss - last) < MB / 2 ? still + 1 : 0;
      last = m.rss;
      if (still < 10) return;
      clearInterval(look);
      end();
    }, 50);
    return true;
  },
};

fs.writeSync(1, 'step start\n');
wait();
function end() {
  say('end', { limit: v8.getHeapStatistics().heap_size_limit });
  wait();
}

if (!scenarios[process.argv[2]]()) end();
