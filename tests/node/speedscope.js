// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Opens speedscope's page in Chromium with a profile, as speedscope's own command does
 * (a script beside the page that hands it over), and prints the table of functions of
 * its sandwich view, a row an array of the texts of its cells, as JSON:
 *
 *     node speedscope.js CHROMIUM PAGE SCRIPT ROWS
 *
 * Waits until the table has that many rows, TABLE_MS at most; prints what there is.
 */
const puppeteer = require('puppeteer-core');
const { pathToFileURL } = require('url');

const TABLE_MS = 120000;

const ready = (n) => document.querySelectorAll('tr:has(td)').length >= n;
const table = () => [...document.querySelectorAll('tr:has(td)')].map(
	(row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent.trim()));

async function main() {
	const [chromium, file, script, rows] = process.argv.slice(2);
	const browser = await puppeteer.launch({ executablePath: chromium, headless: true, timeout: TABLE_MS,
		args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--no-first-run',
			'--disable-dev-shm-usage', '--no-proxy-server'] });
	try {
		const page = await browser.newPage();
		page.on('pageerror', (e) => console.error('error: ' + e.message));
		page.on('console', (m) => console.error(m.type() + ': ' + m.text()));
		await page.setViewport({ width: 1400, height: 900 });
		await page.goto(`${pathToFileURL(file)}#localProfilePath=${script}&view=sandwich`, { timeout: TABLE_MS });
		await page.waitForFunction(ready, { timeout: TABLE_MS, polling: 100 }, Number(rows)).catch(
			(e) => console.error('error: ' + e.message));
		console.log(JSON.stringify(await page.evaluate(table)));
	} finally {
		await browser.close();
	}
}

main().catch((e) => {
	console.error(e);
	process.exit(1);
});
