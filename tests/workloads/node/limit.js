// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A server with little in its heap; with a number, `limit.js MIB`: it then keeps so many MiB
// of objects more, which its own limit allows and the control group does not.
'use strict';

const fs = require('node:fs');

const more = Number(process.argv[2] || 0);
const kept = [];

// MiB of small objects, and as much garbage, so that collections see it.
function keep(mib) {
  for (let i = 0; i < mib * 1024; i++) {
    kept.push(new Array(120).fill(i));
    if (kept.length % 4 === 0) new Array(120).fill(i).map(String);
  }
}

const turn = () => new Promise((go) => setTimeout(go, 20));

async function main() {
  fs.writeSync(1, 'step start\n');
  fs.readSync(0, Buffer.alloc(1));
  keep(20);
  // Time has to pass: what is looked at once a second is looked at.
  for (const end = process.hrtime.bigint() + 1500000000n; process.hrtime.bigint() < end;) await turn();
  for (let i = 0; i < more; i++) {
    keep(1);
    await turn();
  }
  fs.writeSync(1, 'step done\n');
  fs.readSync(0, Buffer.alloc(1));
}
main();
