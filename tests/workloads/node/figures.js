// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Runs with memprof-node: has it publish, and prints what Node says and what the counters
// segment holds in the same turn, one JSON object a line. Argument: what to do.
'use strict';

const fs = require('fs');
const path = require('path');
const v8 = require('v8');
const { Worker, isMainThread, parentPort, workerData } = (() => {
  try {
    return require('worker_threads');
  } catch (e) {
    return { isMainThread: true }; // Node before 12
  }
})();
const preload = require(process.env.MEMPROF_NODE_JS);
const keep = [];

/** The bytes of this process's segments, by the descriptors that the addon keeps open. */
function segments() {
  const found = [];
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    const name = path.join('/proc/self/fd', fd);
    try {
      if (fs.readlinkSync(name).startsWith('/memfd:memprof-gc:1')) found.push(fs.readFileSync(name, 'hex'));
    } catch (e) { /* the descriptor of the folder itself */ }
  }
  return found;
}

function tell(what, said) {
  const all = segments(); // before anything is allocated for the rest
  const spaces = {};
  for (const s of v8.getHeapSpaceStatistics()) spaces[s.space_name] = [s.space_used_size, s.space_size];
  console.log(JSON.stringify({ what, pid: process.pid, said, segments: all, spaces,
    limit: v8.getHeapStatistics().heap_size_limit }));
}

function grow(mb) {
  for (let i = 0; i < mb; i++) keep.push(new Array(131072).fill(i));
}

/** A worker that says its figures and then stands still, so that they stay true. */
function worker(mb) {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const w = new Worker(__filename, { workerData: { mb, flag } });
  return new Promise((done) => {
    w.once('message', (said) => done({ w, said, flag }));
  });
}

async function workers() {
  const two = [await worker(20), await worker(40)];
  tell('workers', [preload.publish(), two[0].said, two[1].said]);
  await two[0].w.terminate();
  Atomics.store(two[1].flag, 0, 1);
  Atomics.notify(two[1].flag, 0);
  await new Promise((done) => two[1].w.once('exit', done));
  tell('alone', [preload.publish()]);
}

const doings = {
  one() {
    grow(50);
    keep.push(Buffer.alloc(30 << 20, 1));
    tell('one', [preload.publish()]);
  },
  workers,
  // never gives the timer a turn, and ends
  blocked() {
    grow(50);
    process.on('exit', () => tell('blocked', []));
  },
  child() {
    tell('parent', [preload.publish()]);
    require('child_process').spawnSync(process.execPath, [__filename, 'one'], { stdio: 'inherit' });
  },
  // four times: publishes 60 MB, collects them and gives nobody a turn until memprof has looked
  late() {
    console.log('step start');
    process.stdin.once('data', () => {
      for (let i = 0; i < 4; i++) {
        grow(60);
        preload.publish();
        keep.length = 0;
        gc();
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
      }
      console.log('step blocked');
      process.stdin.once('data', () => process.exit(0));
    });
  },
  // churns beside a worker that holds 80 MB, at the word of a line
  async crowd() {
    await worker(80);
    preload.publish();
    console.log('step start');
    process.stdin.once('data', () => {
      let left = 60;
      (function turn() {
        const list = [];
        for (let i = 0; i < 100000; i++) list.push({ i });
        if (--left) return setTimeout(turn, 5);
        console.log('step churned');
        process.stdin.once('data', () => process.exit(0));
      })();
    });
  },
};

if (isMainThread) {
  doings[process.argv[2]]();
} else {
  grow(workerData.mb);
  parentPort.postMessage(preload.publish());
  Atomics.wait(workerData.flag, 0, 0);
}
