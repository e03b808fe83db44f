// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps N Buffers of 1 MiB, beside a heap that stays small, for the diagnosis
// (docs/diagnosis.md). Quiet points as in tests/workloads/step.h. At the end it rests for as long
// as it worked: on a busy machine as well they came in a burst.
'use strict';

const fs = require('fs');
const vm = require('vm');

require('v8').setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
const kept = [];

function step(name) {
  const m = process.memoryUsage();
  fs.writeSync(1, `step ${name} used=${m.heapUsed} external=${m.external} arrays=${m.arrayBuffers}\n`);
  if (!fs.readSync(0, Buffer.alloc(1))) process.exit(0);
}

// With the preload (docs/memprof.1): what a turn of the event loop would have it tell.
function publish() {
  if (process.env.MEMPROF_NODE_JS) require(process.env.MEMPROF_NODE_JS).publish();
}

step('start');
publish();
const begin = Date.now();
for (let i = 0; i < Number(process.argv[2]); i++) kept.push(Buffer.alloc(1 << 20, 1));
collect();
publish();
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Date.now() - begin);
step('done');
