/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* places.js - the same in JavaScript: a function that its compiler has compiled. */
"use strict";
const fs = require("fs");
const line = Buffer.alloc(256);

function step(name) {
	fs.writeSync(1, `step ${name}\n`);
	fs.readSync(0, line, 0, 256, null);
}

function touchAll(a) {
	for (let i = 0; i < a.length; i += 4096)
		a[i] = 1;
}

const small = new Uint8Array(1 << 16);
for (let i = 0; i < 20000; i++)
	touchAll(small);
step("start");
touchAll(new Uint8Array(64 << 20));
step("touched");
