// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Shapes of a heap: `leaks.js MODE [MB]`. Waits for a line, keeps about MB megabytes the way
// MODE says (or does not keep them), with some garbage beside, and waits again. Work goes by
// count; between two turns of the event loop there is little of it, as in a server.
//
// What leaks, and goes on behind `done` up to four times as much, so that how soon a recording ends
// makes no difference: collection listener timer closure cycle; substrings of large strings: slice;
// what is a cache: zipf (keys of which few are frequent), lru (the same, bounded); what is
// healthy: sawtooth, steady, loaded (keeps all at the begin, then works on it).
'use strict';

const fs = require('node:fs');
const EventEmitter = require('node:events');

const KB = 1 << 10, MB = 1 << 20;
const UNIT = 2 * KB; // kept by a request, about
const ITEMS = 100; // numbers and strings that make a UNIT
const total = Number(process.argv[3] || 240);
const requests = total * MB / UNIT;
const ON = 4; // times what it says to be done with

const turn = () => new Promise((go) => setImmediate(go));

let said;

function say(name) {
  fs.writeSync(1, `step ${name}\n`);
  said = name;
}

function wait(name) {
  if (said !== name) say(name);
  fs.readSync(0, Buffer.alloc(1));
}

// About UNIT bytes in small objects.
function data(i) {
  const list = [];
  for (let k = 0; k < 16; k++) list.push({ id: i + k, name: `entry ${i} ${k}` });
  return { list, more: new Array(ITEMS).fill(i) };
}

// What a request makes and drops: V8 learns where what lives long is made, so it has its own.
function garbage(i) {
  let sum = 0;
  for (let k = 0; k < 20; k++) sum += `request ${i} ${k}`.length + [i, k, sum].length;
  return sum + new Array(ITEMS).fill(i).length;
}

// Requests, some each turn of the loop.
async function serve(n, request) {
  for (let i = 0; i < n; i++) {
    request(i);
    garbage(i);
    if (i % 256 === 255) await turn();
  }
}

const leak = (request) => serve(requests * ON, (i) => {
  if (i === requests) say('done');
  request(i);
});

const kept = []; // of the module: lives as long as the program

// Few keys are frequent: from 0 to n, the first most often (density 1/x).
let seed = 49734321;
function zipf(n) {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return Math.floor(n ** ((seed >>> 0) / 2 ** 32)) - 1;
}

const modes = {
  collection: () => leak((i) => kept.push(data(i))),
  listener() {
    const emitter = new EventEmitter();
    emitter.setMaxListeners(0);
    kept.push(emitter);
    return leak((i) => {
      const user = data(i);
      emitter.on(`update ${i % 1000}`, () => user.list.length);
    });
  },
  timer: () => leak((i) => {
    const user = data(i);
    setInterval(() => user.list.length, 1 << 30);
  }),
  closure() {
    const handlers = new Map();
    kept.push(handlers);
    return leak((i) => {
      const user = data(i);
      handlers.set(i, () => user.list.length);
    });
  },
  cycle() {
    const cache = new Map();
    kept.push(cache);
    return leak((i) => {
      const parent = { child: { data: data(i) } };
      parent.child.parent = parent;
      cache.set(`parent ${i}`, parent);
    });
  },
  async zipf() {
    const cache = new Map();
    kept.push(cache);
    await serve(requests * 5, (i) => {
      const key = zipf(requests * 1.2);
      if (!cache.has(key)) cache.set(key, data(i));
    });
  },
  async lru() {
    const cache = new Map(), most = requests / 4;
    kept.push(cache);
    await serve(requests * 2, (i) => {
      const key = zipf(requests * 2);
      const had = cache.get(key) || data(i);
      cache.delete(key);
      cache.set(key, had);
      if (cache.size > most) cache.delete(cache.keys().next().value);
    });
  },
  sawtooth: () => serve(requests * 2, () => 0),
  // A live set that stays, with parts of it made anew.
  async steady() {
    for (let i = 0; i < requests / 4; i++) kept.push(data(i));
    await serve(requests * 1.5, (i) => { kept[i % kept.length] = data(i); });
  },
  async loaded() {
    for (let i = 0; i < requests; i++) {
      kept.push(data(i));
      if (i % 256 === 255) await turn();
    }
    await serve(requests * 1.5, () => 0);
  },
  // Forty characters of a string of MBs each.
  async slice() {
    for (let i = 0; i < total / 8 * ON; i++) {
      if (i === total / 8) say('done');
      const page = `<p>${i}</p>`.padEnd(64, '.').repeat(8 * MB / 64);
      kept.push(page.slice(100, 140));
      for (let k = 0; k < 2000; k++) garbage(k);
      await turn();
    }
  },
};

async function main() {
  wait('start');
  await modes[process.argv[2]]();
  wait('done');
  process.exit(0);
}

main();
