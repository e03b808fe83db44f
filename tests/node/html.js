// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Opens a page of `memprof export --format html` in Chromium from the file system, does
 * the steps of tests/cli/test_export_html.py and prints what it saw, as JSON:
 *
 *     node html.js CHROMIUM PAGE SHOTS < STEPS
 *
 * STEPS is a list of [verb, ...]: ["size", w, h], ["scheme", "dark"], ["eval", code],
 * ["click", selector], ["key", name], ["type", selector, text], ["drag", selector, x0, x1]
 * (parts of its width), ["dblclick", selector], ["shot", name], ["pdf", name]. Each gives
 * one result. Requests of the page beyond its own file are refused, and told.
 */
const puppeteer = require('puppeteer-core');
const path = require('path');
const { pathToFileURL } = require('url');

const LONG = 120000; // ms; what hangs is ended by it, what is only slow must not be

/* Else a click can come while the page still scrolls to what is to be clicked. */
const still = { name: 'prefers-reduced-motion', value: 'reduce' };

async function box(page, selector) {
	const el = await page.waitForSelector(selector);
	await el.scrollIntoView();
	return el.boundingBox();
}

const verbs = {
	size: (page, width, height) => page.setViewport({ width, height }),
	scheme: (page, value) => page.emulateMediaFeatures([still, { name: 'prefers-color-scheme', value }]),
	eval: (page, code) => page.evaluate(code),
	click: async (page, selector) => {
		const el = await page.waitForSelector(selector);
		await el.click();
	},
	key: (page, name) => page.keyboard.press(name),
	type: async (page, selector, text) => {
		const el = await page.waitForSelector(selector);
		await el.click({ count: 3 });
		await page.keyboard.press('Backspace');
		await page.keyboard.type(text);
	},
	drag: async (page, selector, x0, x1) => {
		const b = await box(page, selector), y = b.y + b.height / 2;
		await page.mouse.move(b.x + b.width * x0, y);
		await page.mouse.down();
		await page.mouse.move(b.x + b.width * (x0 + x1) / 2, y);
		await page.mouse.move(b.x + b.width * x1, y);
		await page.mouse.up();
	},
	dblclick: async (page, selector) => {
		const b = await box(page, selector);
		await page.mouse.click(b.x + b.width / 2, b.y + b.height / 2, { count: 2 });
	},
	shot: async (page, shots, name) => { await page.screenshot({ path: path.join(shots, name + '.png') }); },
	pdf: async (page, shots, name) => (await page.pdf({ path: path.join(shots, name + '.pdf') })).length,
};

async function main() {
	const [chromium, file, shots] = process.argv.slice(2);
	let text = '';
	for await (const part of process.stdin) text += part;
	const browser = await puppeteer.launch({ executablePath: chromium, headless: true, timeout: LONG,
		args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--no-proxy-server'] });
	const said = { requests: [], console: [], results: [] };
	try {
		const page = await browser.newPage(), url = pathToFileURL(file).href;
		page.setDefaultTimeout(LONG);
		page.on('console', (m) => said.console.push(m.type() + ': ' + m.text()));
		page.on('pageerror', (e) => said.console.push('error: ' + e.message));
		page.on('dialog', (d) => { said.console.push('dialog: ' + d.message()); d.dismiss(); });
		await page.setRequestInterception(true);
		page.on('request', (r) => {
			if (r.url() === url) return r.continue();
			said.requests.push(r.url());
			return r.abort();
		});
		await page.setViewport({ width: 1280, height: 900 });
		await page.emulateMediaFeatures([still]);
		await page.goto(url);
		for (const [verb, ...args] of JSON.parse(text)) {
			const result = await verbs[verb](page, ...(verb === 'shot' || verb === 'pdf' ? [shots] : []), ...args);
			said.results.push(result === undefined ? null : result);
		}
	} finally {
		await browser.close();
	}
	console.log(JSON.stringify(said));
}

main().catch((e) => {
	console.error(e);
	process.exit(1);
});
