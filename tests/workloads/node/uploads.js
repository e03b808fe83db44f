// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A server's mistake without the server (docs/tour.md): each request's body is a Buffer,
// kept under a key that never comes again. Buffers lie outside V8's heap, so that heap
// stays flat while the process grows. Quiet points as in tests/workloads/step.h.
'use strict';

const BODY = 64 * 1024;
const requests = Number(process.argv[2] || 3000);
const kept = new Map();

function keepBody(n) {
  const body = Buffer.allocUnsafeSlow(BODY).fill(n & 0xff);
  kept.set(`upload-${n}`, body); // nobody deletes it
}

function answer(n) {
  const rows = [];
  for (let i = 0; i < 400; i++) rows.push({ id: n + i, name: `row ${i}`, tags: [n, i] });
  return JSON.stringify(rows).length; // garbage as soon as it was sent
}

let n = 0;
function tick() {
  for (let i = 0; i < 8 && n < requests; i++, n++) {
    keepBody(n);
    answer(n);
  }
  if (n < requests) return setTimeout(tick, 16);
  process.stdout.write(`step done kept=${kept.size}\n`);
}

process.stdout.write('step start\n');
process.stdin.once('data', tick);
process.stdin.once('end', () => process.exit(0));
