// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The page that tests/cli/test_snapshot.py opens in Chromium. It does with two
 * snapshots what the Memory panel of DevTools does when somebody opens and compares
 * them, by the panel's own code: the proxy here, the loader and the analysis in its
 * two workers. Sends what it found to the server it came from.
 */
import { Console } from 'chrome-devtools-frontend/front_end/core/common/Console.ts';
import { HeapSnapshotModel, HeapSnapshotProxy } from 'chrome-devtools-frontend/front_end/models/heap_snapshot/heap_snapshot.ts';

const CHUNK = 10000; // characters at a time: numbers and names are cut anywhere
const problems = [];

function send(result) {
	return fetch('/result', { method: 'POST', body: JSON.stringify(result) });
}

function fail(what) {
	send({ error: String(what && what.stack || what) });
}

async function load(worker, uid, url) {
	const text = await (await fetch(url)).text();
	return new Promise((resolve, reject) => {
		const loader = worker.createLoader(uid, resolve);
		const feed = async () => {
			for (let at = 0; at < text.length; at += CHUNK)
				await loader.write(text.slice(at, at + CHUNK));
			await loader.close();
		};
		feed().catch(reject);
	});
}

async function all(provider) {
	const range = await provider.serializeItemsRange(0, 1e6);
	provider.dispose();
	return range.items;
}

async function retainers(snapshot, index) {
	const edges = await all(snapshot.createRetainingEdgesProvider(index));
	return edges.map(e => ({ type: e.type, name: e.name, from: e.node.name }));
}

async function edges(snapshot, index) {
	const list = await all(snapshot.createEdgesProvider(index));
	return list.map(e => ({ type: e.type, name: e.name, to: e.node.name }));
}

/* Every class with its objects; retainers and edges where there are but a few objects. */
async function classes(snapshot) {
	const filter = new HeapSnapshotModel.NodeFilter();
	const found = await snapshot.aggregatesWithFilter(filter);
	const result = {};
	for (const [key, c] of Object.entries(found)) {
		const nodes = await all(snapshot.createNodesProviderForClass(key, filter));
		const cls = { count: c.count, self: c.self, maxRet: c.maxRet, distance: c.distance,
			distances: nodes.map(n => n.distance), ids: nodes.map(n => n.id) };
		if (nodes.length <= 3) {
			cls.names = nodes.map(n => n.name);
			cls.retained = nodes.map(n => n.retainedSize);
			cls.retainers = await Promise.all(nodes.map(n => retainers(snapshot, n.nodeIndex)));
			cls.edges = await Promise.all(nodes.map(n => edges(snapshot, n.nodeIndex)));
		}
		result[c.name] = cls;
	}
	return result;
}

async function describe(snapshot) {
	return {
		nodes: snapshot.nodeCount,
		total: snapshot.staticData.totalSize,
		statistics: await snapshot.getStatistics(),
		classes: await classes(snapshot),
	};
}

/* As the Comparison view of the panel: what is in `now` and was not in `base`. */
async function compare(base, now) {
	const before = await base.aggregatesForDiff(await now.interfaceDefinitions());
	const diff = await now.calculateSnapshotDiff(base.profileUid, before);
	const result = {};
	for (const [key, d] of Object.entries(diff)) {
		const added = await all(now.createAddedNodesProvider(base.profileUid, key));
		result[d.name] = { added: d.addedCount, removed: d.removedCount, addedSize: d.addedSize,
			names: added.map(n => n.name) };
	}
	return result;
}

async function main() {
	const worker = new HeapSnapshotProxy.HeapSnapshotWorkerProxy(
		(event, data) => { if (event !== 'ProgressUpdate') problems.push(`${event}: ${data}`); },
		Console.instance(), new URL('worker.js', location.href).href);
	const before = await load(worker, 1, 'before.heapsnapshot');
	const after = await load(worker, 2, 'after.heapsnapshot');
	await send({ before: await describe(before), after: await describe(after),
		diff: await compare(before, after), problems, agent: navigator.userAgent });
}

addEventListener('error', e => fail(e.error || e.message));
addEventListener('unhandledrejection', e => fail(e.reason));
main().catch(fail);
