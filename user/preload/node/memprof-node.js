// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * memprof-node.js - loaded by `node --require`, in every process and worker: hands the
 * figures of its V8 heap to memprof-node.node ten times a second, which keeps them where
 * memprof reads them.
 *
 * It must not break, keep alive or slow a program, nor be seen by it: whatever is missing,
 * it does nothing, and says why only with MEMPROF_NODE_DEBUG. Node 10 must understand it.
 */
'use strict';

// The program may put others in their place later.
const { memoryUsage, env, versions } = process;

const FIXED = 7; // figures before those of the spaces, see memprof-node.c
let figures, statistics, spaces, publishFigures;

// Exact up to 2^53; what this Node does not know is NaN.
function number(x) {
  return typeof x === 'number' ? x : NaN;
}

/** Publishes the figures of this moment and returns them, as process.memoryUsage() does. */
function publish() {
  const m = memoryUsage();
  const h = statistics();
  const s = spaces();
  figures[0] = number(m.rss);
  figures[1] = number(m.heapTotal);
  figures[2] = number(m.heapUsed);
  figures[3] = number(m.external);
  figures[4] = number(m.arrayBuffers);
  figures[5] = number(h.heap_size_limit);
  figures[6] = s.length;
  for (let i = 0, at = FIXED; i < s.length && at + 1 < figures.length; i++) {
    figures[at++] = number(s[i].space_used_size);
    figures[at++] = number(s[i].space_size);
  }
  publishFigures(figures);
  return m;
}

function interval() {
  const ms = Number(env.MEMPROF_NODE_INTERVAL_MS);
  return ms >= 10 && ms <= 1000 ? ms : 100;
}

// What is written into a snapshot of the heap would be run by another process.
function inSnapshot(v8) {
  return Boolean(v8.startupSnapshot && v8.startupSnapshot.isBuildingSnapshot());
}

function start() {
  const v8 = require('v8');
  if (!(Number(versions.napi) >= 3)) throw new Error('this Node has no Node-API 3');
  if (inSnapshot(v8)) throw new Error('a heap snapshot is being built');
  const native = require('./memprof-node.node');
  statistics = v8.getHeapStatistics;
  spaces = v8.getHeapSpaceStatistics;
  const names = spaces().map((s) => s.space_name);
  const error = native.open(names.join(' '));
  if (error) throw new Error(`no shared memory (errno ${-error})`);
  figures = new Float64Array(FIXED + 2 * names.length);
  publishFigures = native.publish;
  publish();
  setInterval(publish, interval()).unref();
  // A program that never waits is seen once more.
  process.on('exit', () => {
    publish();
    native.exiting();
  });
}

try {
  start();
  exports.publish = publish;
} catch (e) {
  if (env.MEMPROF_NODE_DEBUG) process.stderr.write(`memprof-node: does nothing: ${e.message}\n`);
}
