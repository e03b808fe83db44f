// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// common.js - what the Node programs share: the number on the command line, and the
// collector's pauses on stderr with -v.
'use strict';
const { PerformanceObserver, constants } = require('perf_hooks');

exports.number = (n) => (process.argv.length > 2 ? Number(process.argv[2]) : n);

// A pause is what Node's own observer calls one: from V8's prologue of a collection
// to its epilogue; steps of incremental marking between collections are not in it.
function report(minor, major) {
	for (const [kind, ms] of [['minor', minor], ['major', major]]) {
		if (!ms.length)
			continue;
		ms.sort((a, b) => a - b);
		const at = (q) => (ms[Math.floor((ms.length - 1) * q)] * 1000).toFixed(1);
		const sum = ms.reduce((a, b) => a + b, 0).toFixed(1);
		console.error(`${kind} pauses: ${ms.length}, p50 ${at(0.5)} us, p99 ${at(0.99)} us, max ${at(1)} us, sum ${sum} ms`);
	}
}

exports.main = (run) => {
	if (process.argv[3] !== '-v') {
		run();
		return;
	}
	const minor = [], major = [];
	const observer = new PerformanceObserver((list) => {
		for (const e of list.getEntries())
			(e.detail.kind === constants.NODE_PERFORMANCE_GC_MINOR ? minor : major).push(e.duration);
	});
	observer.observe({ entryTypes: ['gc'] });
	run();
	// the entries are handed over after the run, in turns of the event loop
	let seen = -1;
	const wait = () => {
		const n = minor.length + major.length;
		if (n === seen)
			return report(minor, major);
		seen = n;
		setTimeout(wait, 50);
	};
	setTimeout(wait, 50);
};
