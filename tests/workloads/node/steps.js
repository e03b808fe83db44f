// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A Node.js program that stops at quiet points as tests/workloads/step.h does:
// it prints process.memoryUsage() there and waits for a line. Garbage is made
// until V8 has collected it by itself; no flags are needed.
'use strict';

const readline = require('node:readline');
const { PerformanceObserver } = require('node:perf_hooks');

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function step(name) {
  const m = process.memoryUsage();
  process.stdout.write(`step ${name} used=${m.heapUsed} total=${m.heapTotal} ` +
    `external=${m.external} arrays=${m.arrayBuffers} rss=${m.rss} gcs=${collections}\n`);
  const line = await input.next();
  if (line.done) process.exit(0);
}

const turn = () => new Promise((go) => setImmediate(go));

// Short-lived objects until V8 has collected n times more.
async function churn(n) {
  const until = collections + n;
  while (collections < until) {
    let list = [];
    for (let i = 0; i < 20000; i++) list.push({ a: i, b: [i, i + 1], c: `${i}` });
    list = null;
    await turn(); // the observer is told between turns
  }
}

async function main() {
  await step('start');
  await churn(3);
  await step('churned');
  // some 100 MB that live
  const keep = [];
  for (let i = 0; i < 100; i++) {
    const block = new Array(131072);
    for (let j = 0; j < block.length; j++) block[j] = i + j;
    keep.push(block);
  }
  await churn(3);
  await step('grown');
  // memory outside the heap
  const buffers = [];
  for (let i = 0; i < 10; i++) buffers.push(Buffer.alloc(10 << 20, 1));
  await churn(3);
  await step('buffers');
  keep.length = 0;
  buffers.length = 0;
  // what lives for a while grows old: it brings V8 to a full collection
  const ring = [];
  let peak = 0;
  for (let i = 0; i < 20000 && process.memoryUsage().heapUsed > 64e6; i++) {
    ring[i % 32] = new Array(131072).fill(i);
    if (i % 8 === 7) await turn();
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  await churn(1);
  // V8 gives memory back from threads of its own, after the collection
  while (process.memoryUsage.rss() > peak - 80e6) await turn();
  await step('dropped');
  process.exit(6);
}

main();
