// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// splay.js - gc/examples/splay.c on Node.
'use strict';
const { main, number } = require('./common.js');

const NODES = 8000, CHANGES = 80, DEPTH = 4, NUMBERS = 10;

let root = null;
let seed = 49734321;

function rnd() {
	seed ^= seed << 13;
	seed ^= seed >>> 17;
	seed ^= seed << 5;
	return seed >>> 0;
}

class Payload {
	constructor(left, right, numbers, key) {
		this.left = left;
		this.right = right;
		this.numbers = numbers;
		this.key = key;
	}
}

class Node {
	constructor() {
		this.left = null;
		this.right = null;
		this.value = null;
		this.key = 0;
	}
}

function makePayload(depth, key) {
	if (depth > 0) {
		const l = makePayload(depth - 1, key);
		const r = makePayload(depth - 1, key);
		return new Payload(l, r, null, key);
	}
	const numbers = new Array(NUMBERS);
	for (let i = 0; i < NUMBERS; i++)
		numbers[i] = key + i;
	return new Payload(null, null, numbers, key);
}

function rotateRight(n) {
	const l = n.left;
	n.left = l.right;
	l.right = n;
	return l;
}

function rotateLeft(n) {
	const r = n.right;
	n.right = r.left;
	r.left = n;
	return r;
}

function splay(key) {
	const d = new Node();
	let left = d, right = d, cur = root;
	for (;;) {
		if (key < cur.key && cur.left) {
			if (key < cur.left.key)
				cur = rotateRight(cur);
			if (!cur.left)
				break;
			right.left = cur;
			right = cur;
			cur = cur.left;
		} else if (key > cur.key && cur.right) {
			if (key > cur.right.key)
				cur = rotateLeft(cur);
			if (!cur.right)
				break;
			left.right = cur;
			left = cur;
			cur = cur.right;
		} else {
			break;
		}
	}
	left.right = cur.left;
	right.left = cur.right;
	cur.left = d.right;
	cur.right = d.left;
	root = cur;
}

function insert(key) {
	const n = new Node();
	n.key = key;
	n.value = makePayload(DEPTH, key);
	if (root) {
		splay(key);
		if (root.key === key)
			return;
		if (key > root.key) {
			n.left = root;
			n.right = root.right;
			root.right = null;
		} else {
			n.right = root;
			n.left = root.left;
			root.left = null;
		}
	}
	root = n;
}

function removeNear(key) {
	splay(key);
	const right = root.right;
	if (!root.left) {
		root = right;
		return;
	}
	root = root.left;
	splay(Infinity);
	root.right = right;
}

function checkPayload(p, key) {
	if (p.key !== key)
		process.exit(1);
	if (p.left)
		return checkPayload(p.left, key) + checkPayload(p.right, key) + 1;
	p.numbers.forEach((v, i) => v === key + i || process.exit(1));
	return 1;
}

function checkTree(n, s) {
	for (; n; n = n.right) {
		if (n.left)
			checkTree(n.left, s);
		if (n.key < s.last)
			process.exit(1);
		s.last = n.key;
		s.nodes++;
		s.parts += checkPayload(n.value, n.key);
		s.keys = (Math.imul(s.keys, 31) + n.key) >>> 0;
	}
}

main(() => {
	const rounds = number(500), s = { last: 0, nodes: 0, parts: 0, keys: 0 };
	for (let i = 0; i < NODES; i++)
		insert(rnd());
	for (let i = 0; i < rounds * CHANGES; i++) {
		insert(rnd());
		removeNear(rnd());
	}
	checkTree(root, s);
	const keys = s.keys.toString(16).padStart(8, '0');
	console.log(`${s.nodes} nodes in order, ${s.parts} parts of payload intact, keys ${keys}`);
});
