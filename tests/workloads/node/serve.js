// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A server that is well: so many requests over kept connections, each with garbage of its own
// and a look into a cache that is bounded. serve.js REQUESTS
'use strict';
const http = require('http');

const cache = new Map();
let left = Number(process.argv[2]);
let seed = 1;

function answer(req, res) {
	const key = Number(req.url.slice(1));
	let body = cache.get(key);

	if (!body) {
		body = Buffer.alloc(4096, key & 255).toString('base64');
		cache.set(key, body);
		if (cache.size > 500)
			cache.delete(cache.keys().next().value);
	}
	const rows = Array.from({ length: 200 }, (_, id) => ({ id, name: 'row ' + id, key }));
	res.end(JSON.stringify({ rows, body }));
}

const server = http.createServer(answer).listen(0, '127.0.0.1', () => {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
	let busy = 8;
	const one = () => {
		if (left-- <= 0) {
			if (!--busy) {
				agent.destroy();
				server.close();
			}
			return;
		}
		seed = seed * 1103515245 % 2147483648;
		http.get({ port: server.address().port, host: '127.0.0.1', path: '/' + seed % 2000, agent },
			 (res) => res.resume().on('end', one));
	};

	for (let i = 0; i < 8; i++)
		one();
});
