// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A line read is a round: 4 million objects, every thousandth kept; a line is written behind it.
'use strict';

function round() {
  const kept = [];
  for (let i = 0; i < 4e6; i++) {
    const o = { i, next: [i, i + 1] };
    if (i % 1000 === 0) kept.push(o);
  }
  return kept.length;
}

console.log('ready');
require('node:readline').createInterface({ input: process.stdin }).on('line', () => console.log(round()));
