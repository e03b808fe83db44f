// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// smallbuf.js [N] [KEEP] - N unpooled Buffers of 4 KiB, of which every KEEP-th is kept; then
// full collections and nothing more for longer than that took. All of them stay for a while first:
// what is there for no longer than a look at the process takes is told by chance. Needs --expose-gc.
const [n, every] = [Number(process.argv[2] || 40000), Number(process.argv[3] || 25)];
const HELD = 300; // ms
let kept = [];
let begin;

function burst() {
	begin = Date.now();
	for (let i = 0; i < n; i++)
		kept.push(Buffer.allocUnsafeSlow(4096).fill(1));
	setTimeout(drop, HELD);
}

function drop() {
	kept = kept.filter((_, i) => i % every === 0);
	global.gc();
	global.gc();
	const took = Date.now() - begin;

	setTimeout(() => console.log(`step done kept=${kept.length}`), Math.max(3 * took, 1500));
}

process.stdin.once("data", burst);
process.stdin.on("end", () => process.exit(0));
console.log("step start");
