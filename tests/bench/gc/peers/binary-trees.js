// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// binary-trees.js - gc/examples/binary-trees.c on Node.
'use strict';
const { main, number } = require('./common.js');

class Node {
	constructor(left, right) {
		this.left = left;
		this.right = right;
	}
}

function build(depth) {
	if (depth > 0) {
		const left = build(depth - 1);
		const right = build(depth - 1);
		return new Node(left, right);
	}
	return new Node(null, null);
}

function check(n) {
	return n.left ? 1 + check(n.left) + check(n.right) : 1;
}

main(() => {
	const max = Math.max(6, number(10));
	console.log(`stretch tree of depth ${max + 1}\t check: ${check(build(max + 1))}`);
	const longLived = build(max);
	for (let depth = 4; depth <= max; depth += 2) {
		const n = 1 << (max - depth + 4);
		let sum = 0;
		for (let i = 0; i < n; i++)
			sum += check(build(depth));
		console.log(`${n}\t trees of depth ${depth}\t check: ${sum}`);
	}
	console.log(`long lived tree of depth ${max}\t check: ${check(longLived)}`);
});
