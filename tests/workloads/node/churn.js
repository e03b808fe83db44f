// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Makes small objects of which few stay, the same number in every run: what differs
// between two runs is what V8 was told to do with them.
'use strict';

const kept = [];

for (let i = 0; i < 3000; i++) {
	const a = [];

	for (let k = 0; k < 1000; k++)
		a.push({ k, text: 'value ' + k });
	if (i % 50 === 0)
		kept.push(a);
}
console.log(kept.length);
