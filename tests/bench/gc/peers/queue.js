// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// queue.js - gc/examples/queue.c on Node.
'use strict';
const { main, number } = require('./common.js');

const LENGTH = 50000;

let seed = 49734321;

function rnd() {
	seed ^= seed << 13;
	seed ^= seed >>> 17;
	seed ^= seed << 5;
	return seed >>> 0;
}

class Message {
	constructor(body, id) {
		this.body = body;
		this.id = id;
	}
}

class Cell {
	constructor(value, next) {
		this.next = next;
		this.value = value;
	}
}

function make(id) {
	const len = 4 + rnd() % 8;
	const body = new Array(len);
	for (let i = 0; i < len; i++)
		body[i] = id + i;
	return new Message(body, id);
}

function handle(msg) {
	let list = null, back = null, sum = 0;
	for (let i = 0; i < msg.body.length; i++)
		list = new Cell(msg.body[i], list);
	for (; list; list = list.next)
		back = new Cell(list.value, back);
	for (; back; back = back.next)
		sum = (Math.imul(sum, 3) + back.value) >>> 0;
	return sum;
}

main(() => {
	const messages = number(1500000), queue = new Array(LENGTH).fill(null);
	let sum = 0;
	for (let i = 0; i < messages; i++) {
		const msg = queue[i % LENGTH];
		if (msg)
			sum = (sum + handle(msg)) >>> 0;
		queue[i % LENGTH] = make(i);
	}
	console.log(`${messages} messages, sum ${sum.toString(16).padStart(8, '0')}`);
});
