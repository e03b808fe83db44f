// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * usage: node memlab.js BEFORE AFTER    with NODE_PATH at the installed packages
 *
 * Loads two heap snapshots with memlab and prints what it makes of them as JSON.
 */
'use strict';
const { config } = require('@memlab/core');
const { getFullHeapFromFile } = require('@memlab/heap-analysis');

config.muteConsole = true;

function describe(heap) {
	const result = { nodes: 0, edges: 0, classes: {}, unreached: [] };
	heap.nodes.forEach(n => {
		const key = `${n.type} ${n.type === 'string' ? '' : n.name}`;
		const c = result.classes[key] ??= { count: 0, self: 0, retained: 0, fields: {}, dominators: {} };
		result.nodes++;
		result.edges += n.edge_count;
		if (!n.hasPathEdge && n.id !== 1)
			result.unreached.push(n.name);
		c.count++;
		c.self += n.self_size;
		c.retained = Math.max(c.retained, n.retainedSize);
		if (n.dominatorNode)
			c.dominators[n.dominatorNode.name] = 1 + (c.dominators[n.dominatorNode.name] ?? 0);
		n.forEachReference(e => {
			const name = typeof e.name_or_index === 'string' ? e.name_or_index : '[]';
			c.fields[`${e.type} ${name}`] = 1 + (c.fields[`${e.type} ${name}`] ?? 0);
		});
	});
	return result;
}

/* Objects of `now` whose ids are not in `base`, by name. */
function added(base, now) {
	const result = {};
	now.nodes.forEach(n => {
		if (!base.getNodeById(n.id))
			(result[`${n.type} ${n.type === 'string' ? '' : n.name}`] ??= []).push(n.name);
	});
	return result;
}

async function main(files) {
	const [before, after] = [await getFullHeapFromFile(files[0]), await getFullHeapFromFile(files[1])];
	const result = { before: describe(before), after: describe(after), added: added(before, after),
		removed: added(after, before) };
	process.stdout.write(`\n${JSON.stringify(result)}\n`);
}

main(process.argv.slice(2)).catch(e => {
	console.error(e);
	process.exit(1);
});
