// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * usage: node bundle.js DIR    with NODE_PATH at the installed packages
 *
 * Writes DIR/worker.js, the heap snapshot worker of DevTools as its sources are, and
 * DIR/page.js, page.js with the parts of DevTools that talk to it.
 */
'use strict';
const esbuild = require('esbuild');
const path = require('path');

const modules = process.env.NODE_PATH;
const entry = 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/' +
	'heap_snapshot_worker-entrypoint.ts';

/*
 * What the sources import and a page has not: modules of node, which a browser never
 * comes to, and the list of languages, which DevTools' own build makes.
 */
const LOCALES = `export const LOCALES = ['en-US'], BUNDLED_LOCALES = ['en-US'], DEFAULT_LOCALE = 'en-US',
	REMOTE_FETCH_PATTERN = '', LOCAL_FETCH_PATTERN = '';`;
const missing = {
	name: 'missing',
	setup(build) {
		build.onResolve({ filter: /^(node:.*|\.\/locales\.js)$/ },
			args => ({ path: args.path, namespace: 'missing' }));
		build.onLoad({ filter: /.*/, namespace: 'missing' },
			args => ({ contents: args.path.startsWith('node:') ? 'export default null;' : LOCALES }));
	},
};

esbuild.build({
	entryPoints: { worker: path.join(modules, entry), page: path.join(__dirname, 'page.js') },
	outdir: process.argv[2],
	bundle: true,
	format: 'esm',
	target: 'es2022',
	nodePaths: [modules],
	plugins: [missing],
	logLevel: 'error',
}).catch(() => process.exit(1));
