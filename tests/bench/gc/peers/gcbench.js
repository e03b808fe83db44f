// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// gcbench.js - gc/examples/gcbench.c on Node.
'use strict';
const { main, number } = require('./common.js');

class Node {
	constructor(left, right) {
		this.left = left;
		this.right = right;
		this.i = 0;
		this.j = 0;
	}
}

function populate(depth, n) {
	if (depth <= 0)
		return;
	n.left = new Node(null, null);
	n.right = new Node(null, null);
	populate(depth - 1, n.left);
	populate(depth - 1, n.right);
}

function make(depth) {
	if (depth > 0) {
		const left = make(depth - 1);
		const right = make(depth - 1);
		return new Node(left, right);
	}
	return new Node(null, null);
}

function count(n) {
	return n ? 1 + count(n.left) + count(n.right) : 0;
}

const treeSize = (depth) => 2 ** (depth + 1) - 1;

function construct(depth, max) {
	const n = Math.floor(2 * treeSize(max) / treeSize(depth));
	let nodes = 0;
	for (let i = 0; i < n; i++) {
		const top = new Node(null, null);
		populate(depth, top);
		nodes += count(top);
		nodes += count(make(depth));
	}
	console.log(`${n} trees of depth ${depth}, twice: ${nodes} nodes`);
}

main(() => {
	const max = number(16), n = 500000;
	console.log(`stretched with ${count(make(max + 2))} nodes`);
	const kept = new Node(null, null);
	populate(max, kept);
	const array = new Float64Array(n);
	for (let i = 0; i < n / 2; i++)
		array[i] = 1 / (i + 1);
	for (let depth = 4; depth <= max; depth += 2)
		construct(depth, max);
	console.log(`long lived: ${count(kept)} nodes, array[1000] = ${array[1000].toFixed(6)}`);
});
