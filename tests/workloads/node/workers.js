// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A main isolate and N workers, each with a heap of its own, that stop at quiet points as
// tests/workloads/step.h does. At each step every isolate has just collected (gc() is had
// without a flag on the command line), so that its counters are those of that collection;
// the step tells their sums, and when (CLOCK_MONOTONIC, ns).
'use strict';

const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const v8 = require('v8');
const vm = require('vm');

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

const keep = [];
function grow(mb) {
  for (let i = 0; i < mb; i++) {
    const block = new Array(131072);
    for (let j = 0; j < block.length; j++) block[j] = i + j;
    keep.push(block);
  }
}

function figures() {
  collect();
  const h = v8.getHeapStatistics();
  return { used: h.used_heap_size, total: h.total_heap_size };
}

if (!isMainThread) {
  grow(workerData.mb);
  parentPort.on('message', (what) => {
    if (what === 'end') return parentPort.close();
    parentPort.postMessage(figures());
  });
  parentPort.postMessage('up');
} else {
  const readline = require('readline');
  const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const workers = [];
  const heard = (w) => new Promise((go) => w.once('message', go));

  const step = async (name) => {
    let n = 1, sum = figures();
    for (const w of workers) {
      const answer = heard(w);
      w.postMessage('figures');
      const f = await answer;
      sum = { used: sum.used + f.used, total: sum.total + f.total };
      n++;
    }
    process.stdout.write(`step ${name} isolates=${n} used=${sum.used} total=${sum.total} ` +
      `at=${process.hrtime.bigint()}\n`);
    if ((await input.next()).done) process.exit(0);
  };

  const main = async () => {
    process.stdout.write('step start\n');
    if ((await input.next()).done) process.exit(0);
    grow(20);
    await step('alone');
    for (const mb of [30, 50]) {
      const w = new Worker(__filename, { workerData: { mb } });
      await heard(w);
      workers.push(w);
    }
    await step('three');
    const ended = new Promise((go) => workers[1].once('exit', go));
    workers.pop().postMessage('end');
    await ended;
    await step('two');
    await workers.pop().terminate();
    await step('one');
    process.exit(0);
  };
  main();
}
