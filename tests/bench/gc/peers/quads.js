// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// quads.js - gc/examples/quads.c on Node.
'use strict';
const { main, number } = require('./common.js');

class Quad {
	constructor(a, b, c, d) {
		this.a = a;
		this.b = b;
		this.c = c;
		this.d = d;
	}
}

function make(depth) {
	if (depth <= 0)
		return new Quad(null, null, null, null);
	const a = make(depth - 1);
	const b = make(depth - 1);
	const c = make(depth - 1);
	const d = make(depth - 1);
	return new Quad(a, b, c, d);
}

function count(q) {
	return q ? 1 + count(q.a) + count(q.b) + count(q.c) + count(q.d) : 0;
}

const KIDS = ['a', 'b', 'c', 'd'];

function replace(root, depth, step) {
	const part = make(depth - 3);
	root[KIDS[step >> 4]][KIDS[step >> 2 & 3]][KIDS[step & 3]] = part;
}

main(() => {
	const depth = Math.max(6, number(10)), root = make(depth), live = count(root);
	let small = 0;
	for (let step = 0; step < 64; step++) {
		replace(root, depth, step);
		for (let i = 0; i < 256; i++)
			small += count(make(depth - 6));
	}
	console.log(`${live} quads, then ${count(root)}, and ${small} in small trees`);
});
