// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// spike.js - gc/examples/spike.c on Node.
'use strict';
// Run with --expose-gc; the goal is twice what is kept.
const fs = require('fs');
const { number } = require('./common.js');

const BATCH = 1000;

const rssMb = () => Number(fs.readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * 4096 / 1e6;

// A record is 64 bytes and its place 8, with 8-byte words; V8's are smaller with
// compressed pointers, which Node does not use.
class Record {
	constructor(v) {
		this.a = v;
		this.b = this.c = this.d = this.e = 0;
	}
}

function fill(mb) {
	const all = [];
	for (let i = 0; i < Math.floor(mb * 1e6 / (BATCH * 72)); i++) {
		const batch = new Array(BATCH);
		for (let j = 0; j < BATCH; j++)
			batch[j] = new Record(i + j);
		all.push(batch);
	}
	return all;
}

const sum = (all) => all.reduce((s, batch) => batch.reduce((t, r) => t + r.a, s), 0);

const patience = process.argv.length > 3 ? Number(process.argv[3]) : 5;
const keptMb = number(32), goal = 2 * keptMb, kept = fill(keptMb), want = sum(kept);
let spike = fill(8 * keptMb);
const before = rssMb();
spike = null;
global.gc();
const start = performance.now();

const watch = () => {
	const rss = rssMb(), t = (performance.now() - start) / 1000;
	if (rss > 1.1 * goal && t < patience) {
		setTimeout(watch, 5);
		return;
	}
	console.log(`rss ${before.toFixed(1)} MB, goal ${goal.toFixed(1)} MB: rss ${rss.toFixed(1)} MB after ${t.toFixed(3)} s`);
	process.exitCode = sum(kept) === want ? 0 : 1;
};
setTimeout(watch, 5);
