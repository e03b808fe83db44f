// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The page of `memprof export --format html`. Reads the JSON of html_data.c and draws
 * it: charts by uPlot, the rest here.
 *
 * Names in the data come from outside (programs, paths, notes): they reach the page as
 * textContent and attributes only, never as markup.
 */
(function () {
	'use strict';
	const began = performance.now();

	const D = JSON.parse(document.getElementById('data').textContent);
	const PAGE = 4096;

	/* --- small things ------------------------------------------------------------------- */

	const $ = (id) => document.getElementById(id);

	/* Control characters, and those that turn the direction of what follows. */
	function clean(s) {
		return String(s).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
	}

	/* An element: text goes in as text, other elements as they are. */
	function el(tag, attrs, ...kids) {
		const e = document.createElement(tag);
		for (const [k, v] of Object.entries(attrs || {})) {
			if (k === 'class') e.className = v;
			else if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
			else if (v !== null && v !== undefined) e.setAttribute(k, clean(v));
		}
		for (const kid of kids) {
			if (kid === null || kid === undefined) continue;
			e.append(kid instanceof Node ? kid : clean(kid));
		}
		return e;
	}

	const NB = '\u00a0'; /* a number and its unit stay on one line */
	const known = (v) => v !== null && v !== undefined;

	/* As mp_bytes(): powers of 1024, three digits. */
	function bytes(v) {
		if (!known(v)) return '–';
		if (v === 0) return '0';
		let a = Math.abs(v), u = 0;
		while (a >= 999.5 && u < 6) {
			a /= 1024;
			u++;
		}
		return (v < 0 ? '−' : '') + a.toFixed(u === 0 || a >= 99.95 ? 0 : a >= 9.995 ? 1 : 2) + NB + 'BKMGTPE'[u];
	}

	/* As mp_duration(), of seconds. */
	function duration(s) {
		if (!known(s)) return '–';
		const p2 = (n) => String(n).padStart(2, '0');
		if (s < 1e-6) return Math.round(s * 1e9) + NB + 'ns';
		if (s < 1e-3) return (s * 1e6).toFixed(s < 1e-5 ? 1 : 0) + NB + 'µs';
		if (s < 1) return (s * 1e3).toFixed(s < 0.01 ? 1 : 0) + NB + 'ms';
		if (s < 60) return s.toFixed(1) + NB + 's';
		if (s < 3600) return Math.floor(s / 60) + 'm' + p2(Math.floor(s % 60)) + 's';
		return Math.floor(s / 3600) + 'h' + p2(Math.floor(s % 3600 / 60)) + 'm';
	}

	const count = (v) => known(v) ? Math.round(v).toLocaleString('en-US') : '–';
	const percent = (part, whole) => whole ? (part / whole * 100).toFixed(1) + NB + '%' : '–';

	let wall = false; /* which clock times are shown by */

	/* Seconds since 1970: by the last entry of recording.wall before s. */
	function wallTime(s) {
		const w = D.recording.wall;
		let i = 0;
		while (i + 1 < w.length && w[i + 1][0] <= s) i++;
		return w[i][1] + s - w[i][0];
	}

	/* A time of the recording; step: the finest difference that must show, s. */
	function time(s, step = 0.001) {
		if (!known(s)) return '–';
		const digits = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
		if (wall && D.recording.wall.length) {
			const at = wallTime(s), whole = Math.floor(at);
			const iso = new Date(whole * 1000).toISOString().slice(11, 19);
			return iso + (digits ? (at - whole).toFixed(digits).slice(1, digits + 2) : '');
		}
		if (s < 60) return s.toFixed(digits) + NB + 's';
		const h = Math.floor(s / 3600), m = Math.floor(s % 3600 / 60), rest = (s % 60).toFixed(digits);
		const ss = (s % 60 < 10 ? '0' : '') + rest;
		return h ? h + ':' + String(m).padStart(2, '0') + ':' + ss : m + ':' + ss;
	}

	const css = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

	/* Rows of a table as objects. */
	function rows(table) {
		if (!table) return [];
		return table.rows.map((r) => {
			const o = {};
			table.cols.forEach((c, i) => { o[c] = r[i]; });
			return o;
		});
	}

	const frame = (i) => D.frames[i];
	const stackOf = (i) => known(i) ? D.stacks[i].map(frame) : null;

	/* --- the data, unpacked --------------------------------------------------------------- */

	const gcs = rows(D.collections);
	const events = rows(D.events);
	const links = rows(D.links);
	const gcById = new Map(gcs.map((g) => [g.id, g]));
	const eventById = new Map(events.map((e) => [e.id, e]));
	for (const g of gcs) g.links = [];
	for (const l of links)
		if (gcById.has(l.gc) && eventById.has(l.release))
			gcById.get(l.gc).links.push({ event: eventById.get(l.release), bytes: l.bytes });

	/* Differences to values; what was not told stays null. */
	function undelta(v, n) {
		const out = new Array(n).fill(null);
		let last = 0;
		for (let i = 0; v && i < n; i++)
			if (v[i] !== null) out[i] = last += v[i];
		return out;
	}

	const T = { x: [], n: 0 };
	function unpackTimeline() {
		const t = D.timeline;
		if (!t) return;
		T.n = t.end.length;
		T.x = undelta(t.end, T.n).map((e) => t.start + e * t.width);
		for (const c of ['rss', 'rss_max', 'live', 'free', 'malloc', 'stacks', 'other', 'file', 'shmem', 'lazyfree',
			'unknown', 'used', 'committed', 'external', 'owed'])
			T[c] = undelta(t[c], T.n);
		for (const c of ['faults', 'released', 'mapped', 'minor', 'major', 'lost', 'other_gc'])
			T[c] = undelta(t[c], T.n).map((v) => v || 0);
		T.start = t.start;
		T.end = T.n ? T.x[T.n - 1] : t.start;
	}

	unpackTimeline();

	const fig = (list) => Object.fromEntries(list.map(([k, label, v, low]) => [k, { label, v, low }]));
	const rss = fig(D.rss);

	/* --- head: the answer, figures --------------------------------------------------------- */

	function head() {
		const t = D.target, r = D.recording;
		const name = t.comm || 'unknown program';
		$('name').append(clean(name) + ' ', el('small', null, known(t.pid) ? 'pid ' + t.pid : ''));
		document.title = clean(name) + (known(t.pid) ? ' (' + t.pid + ')' : '') + ' – memprof';
		const parts = [];
		if (r.wall.length) parts.push(new Date(wallTime(0) * 1000).toISOString().replace('T', ' ').slice(0, 19) + ' UTC');
		parts.push(duration(r.duration));
		if (t.exe) parts.push(t.exe);
		if (r.kernel) parts.push('Linux ' + r.kernel);
		$('when').textContent = clean(parts.join(' · '));
		$('version').textContent = clean(r.version || '');
		/* target, then RSS and the heap, then losses: a sentence a line */
		const lines = D.summary.split('\n').filter(Boolean);
		lines.slice(1).forEach((line) => $('answer').append(el('p', null, line)));
		$('answer').append(el('p', { class: lines.length > 1 ? 'dim' : '' }, lines[0]));
	}

	function warnings() {
		const w = $('warnings'), r = D.recording;
		const say = (cls, text) => w.append(el('p', { class: cls }, text));
		if (r.trigger) say('warn', 'Saved because of the trigger ' + r.trigger + '.');
		if (r.state === 'truncated')
			say('bad', 'The recording was cut off: ' + (r.events ? '“end” is the last instant that could be read.'
				: 'nothing of it could be read.'));
		else if (r.state !== 'clean')
			say('bad', 'The recording is ' + r.state + ': parts of it are missing, and figures may be too low.');
		if (D.lost.length)
			say('warn', 'Events were lost (' + D.lost.map(([c, n]) => count(n) + ' ' + c).join(', ') +
				'): figures marked ! are not exact.');
		const off = D.probes.filter((p) => p[1] === 'absent').map((p) => p[0]);
		if (off.length) say('warn', 'Not watched: ' + off.join(', ') + '. What these would have told shows as –.');
		if (D.cut) say('warn', 'Tables show the rows with the most bytes only; memprof report --json has all of them.');
		if (D.target.processes > 1)
			say('warn', 'The recording has ' + D.target.processes + ' processes; this page is about one of them (-p PID chooses).');
	}

	function tile(label, value, low, ...sub) {
		const dd = el('dd', low ? { title: 'not exact: events were lost' } : null, value + (low && value !== '–' ? ' !' : ''));
		$('figures').append(el('div', null, el('dt', null, label), dd,
			...sub.filter(Boolean).map((s) => el('dd', { class: 'sub' }, s))));
	}

	function figures() {
		const acc = fig(D.account.slice().reverse()), h = D.heaps[0], g = D.gc, end = rss.end.v;
		tile('RSS at the end', bytes(end), false, 'start ' + bytes(rss.start.v) + ', highest ' + bytes(rss.max.v));
		if (h) {
			tile('Heap used (' + h.source + ')', bytes(h.used[2]), acc.live_heap.low,
				'of ' + bytes(h.committed[2]) + ' committed', 'highest ' + bytes(h.used[1]));
			tile('Free heap, still resident', bytes(acc.free_heap_resident.v), acc.free_heap_resident.low,
				known(end) ? percent(acc.free_heap_resident.v, end) + ' of RSS' : null);
		}
		const cycles = g ? g.minor + g.major + (g.other || 0) : 0;
		if (g && (h || cycles)) {
			tile('Owed: freed, not returned', bytes(g.owed_end), acc.live_heap.low, 'highest ' + bytes(g.owed_max));
			tile('Collections', count(cycles), acc.live_heap.low,
				count(g.minor) + ' minor, ' + count(g.major) + ' major' + (g.other ? ', ' + count(g.other) + ' other' : ''),
				'longest pause ' + duration(g.pause_max) + ', in all ' + duration(g.pause_total));
		}
		const f = fig(D.faults);
		tile('Page faults', count(f.total.v), f.total.low, known(f.pages_added.v) ? bytes(f.pages_added.v * PAGE) + ' brought in' : null);
		limits().slice(0, 1).forEach((l) => tile('Limit', bytes(l.v), false, l.name,
			known(end) ? 'RSS is at ' + percent(end, l.v) : null));
		if (known(rss.swap.v) && rss.swap.v) tile('Swap', bytes(rss.swap.v), false, 'beside RSS');
		if (acc.unknown.v) tile('Unknown', bytes(acc.unknown.v), acc.unknown.low, 'of RSS, not explained');
	}

	/* What may end the process, the lowest first. */
	function limits() {
		const l = [];
		if (D.cgroup && known(D.cgroup.limit)) l.push({ v: D.cgroup.limit, name: 'of the control group' });
		for (const h of D.heaps) if (known(h.limit)) l.push({ v: h.limit, name: 'of the ' + h.source + ' heap' });
		return l.sort((a, b) => a.v - b.v);
	}

	/* --- the charts --------------------------------------------------------------------------- */

	const BANDS = [
		['live', 'live heap'], ['free', 'free heap, resident'], ['lazyfree', 'left to the kernel'],
		['malloc', 'malloc: arenas, brk'], ['stacks', 'stacks'], ['other', 'other anonymous, runtimes'], ['file', 'files'],
		['shmem', 'shared memory'], ['unknown', 'unknown'],
	];
	const LINES = [
		{ k: 'rss', label: 'RSS', color: 'ink', width: 2, on: true },
		{ k: 'committed', label: 'heap committed', color: 'committed', width: 1.5, dash: [7, 4], on: true },
		{ k: 'used', label: 'heap used', color: 'used', width: 1.5, on: false },
		{ k: 'external', label: 'heap external', color: 'stacks', width: 1.5, dash: [7, 4], on: false },
		{ k: 'owed', label: 'owed, not returned', color: 'owed', width: 1.75, dash: [2, 3], on: true },
		{ k: 'limit', label: 'limit', color: 'limit', width: 1.5, dash: [10, 4, 2, 4], on: true },
	];
	const POW2 = Array.from({ length: 52 }, (_, i) => 2 ** i);
	const SECONDS = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10,
		15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];

	const charts = [];
	const shown = {};
	let X0 = 0, X1 = 1, view = [0, 1], selected = null;
	let bandsHere = [], linesHere = [];

	const some = (v) => v.some((n) => n !== null && n !== 0);
	const narrow = () => $('charts').clientWidth < 560;

	/* What goes to uPlot: x, the bands from the top one down (each over all below), lines. */
	function memData() {
		const sums = new Array(T.n).fill(0), out = [];
		for (const b of bandsHere.filter(([k]) => shown[k])) {
			for (let i = 0; i < T.n; i++) sums[i] += Math.max(0, T[b[0]][i] || 0);
			b.sum = sums.slice();
		}
		for (const b of bandsHere.slice().reverse())
			out.push(shown[b[0]] ? b.sum.map((v, i) => T.rss[i] === null ? null : v) : new Array(T.n).fill(null));
		for (const l of linesHere) {
			const v = shown[l.k] ? T[l.k] : new Array(T.n).fill(null);
			out.push(v, v);
		}
		return [T.x, ...out];
	}

	function hatch() {
		const c = document.createElement('canvas'), g = c.getContext('2d');
		c.width = c.height = 8;
		g.fillStyle = css('unknown');
		g.fillRect(0, 0, 8, 8);
		g.strokeStyle = css('bg');
		g.lineWidth = 2;
		g.beginPath();
		g.moveTo(-2, 10);
		g.lineTo(10, -2);
		g.stroke();
		return g.createPattern(c, 'repeat');
	}

	function xAxis(labels) {
		return {
			stroke: () => css('dim'), grid: { stroke: () => css('grid'), width: 1 }, ticks: { stroke: () => css('grid'), width: 1 },
			size: labels ? 30 : 8, font: '12px system-ui, sans-serif', incrs: SECONDS, space: wall ? 100 : narrow() ? 58 : 76,
			values: (u, splits, i, space, incr) => splits.map((s) => labels ? time(s, incr) : ''),
		};
	}

	function yAxis(values, incrs, space = 42) {
		return {
			stroke: () => css('dim'), grid: { stroke: () => css('grid'), width: 1 }, ticks: { show: false },
			size: narrow() ? 54 : 70, font: '12px system-ui, sans-serif', incrs, space, gap: 6, values,
		};
	}

	function makeChart(id, opts, data) {
		const box = $(id);
		const u = new uPlot({
			width: box.clientWidth, height: box.clientHeight, legend: { show: false }, padding: [8, 18, 0, 0],
			cursor: {
				y: false, points: { show: false }, sync: { key: 'memprof' },
				drag: { x: true, y: false, setScale: false, dist: 4 },
				bind: { dblclick: () => () => { zoom(X0, X1); return null; } },
			},
			hooks: {
				setSelect: [onSelect], draw: opts.draw || [], setCursor: opts.setCursor || [],
			},
			scales: { x: { time: false, auto: false, range: (s, lo, hi) => [lo, hi] }, y: opts.y },
			series: [{}, ...opts.series],
			axes: opts.axes,
		}, data, box);
		u.setScale('x', { min: view[0], max: view[1] });
		u.over.addEventListener('click', (e) => onClick(u, e));
		charts.push({ u, box });
		return u;
	}

	let selecting = false;
	function onSelect(u) {
		if (selecting || u.select.width < 4) return;
		selecting = true;
		const lo = u.posToVal(u.select.left, 'x'), hi = u.posToVal(u.select.left + u.select.width, 'x');
		for (const c of charts) c.u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
		zoom(lo, hi);
		selecting = false;
	}

	/* Shows [lo, hi] in all charts, within the recording. */
	function zoom(lo, hi) {
		const least = Math.min(X1 - X0, Math.max((X1 - X0) * 1e-6, 1e-4));
		const width = Math.min(X1 - X0, Math.max(hi - lo, least));
		lo = Math.max(X0, Math.min((lo + hi) / 2 - width / 2, X1 - width));
		view = width >= X1 - X0 ? [X0, X1] : [lo, lo + width];
		for (const c of charts) c.u.setScale('x', { min: view[0], max: view[1] });
		showRange();
		drawArrows();
	}

	function showRange() {
		const w = view[1] - view[0], step = Math.max(1e-6, Math.min(1, w / 1000)), all = w >= (X1 - X0) * 0.999999;
		$('range').textContent = time(view[0], step) + ' to ' + time(view[1], step) + ' (' + duration(w) + ')' +
			(wall ? ' UTC' : '');
		$('z-out').disabled = $('z-all').disabled = all;
		$('z-left').disabled = view[0] <= X0;
		$('z-right').disabled = view[1] >= X1;
	}

	const zoomBy = (f) => {
		const mid = (view[0] + view[1]) / 2, half = (view[1] - view[0]) / 2 * f;
		zoom(mid - half, mid + half);
	};
	const pan = (f) => {
		const d = (view[1] - view[0]) * f;
		zoom(view[0] + d, view[1] + d);
	};

	function memChart() {
		bandsHere = BANDS.filter(([k]) => some(T[k]));
		linesHere = LINES.filter((l) => some(T[l.k]));
		for (const [k] of bandsHere) shown[k] = true;
		for (const l of linesHere) shown[l.k] = l.on;
		const series = bandsHere.slice().reverse().map(([k]) => ({
			stroke: () => css('bg'), width: 1, points: { show: false }, paths: uPlot.paths.linear(),
			fill: () => k === 'unknown' ? hatch() : css(k),
		}));
		/* every line with a rim of the ground's colour, to be seen on the bands */
		for (const l of linesHere)
			series.push({ stroke: () => css('bg'), width: l.width + 2, alpha: 0.8, points: { show: false } },
				{ stroke: () => css(l.color), width: l.width, dash: l.dash, points: { show: false } });
		return makeChart('c-mem', {
			series, y: { range: (u, lo, hi) => [0, (hi || 1) * (D.notes.length ? 1.12 : 1.05)] },
			axes: [xAxis(true), yAxis((u, s) => s.map(bytes), POW2)],
			setCursor: [(u) => { if (u.cursor.idx !== undefined) legendValues(u.cursor.left >= 0 ? u.cursor.idx : null); }],
			draw: [drawMarks],
		}, memData());
	}

	/* Notes, losses and the selected collection on the memory chart. */
	function drawMarks(u) {
		const g = u.ctx, r = uPlot.pxRatio;
		g.save();
		const line = (t, color, dash) => {
			const x = u.valToPos(t, 'x', true);
			if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
			g.strokeStyle = color;
			g.lineWidth = r;
			g.setLineDash(dash);
			g.beginPath();
			g.moveTo(x, u.bbox.top);
			g.lineTo(x, u.bbox.top + u.bbox.height);
			g.stroke();
		};
		for (let i = 0; i < T.n; i++) if (T.lost[i]) line(T.x[i], css('limit'), []);
		let edge = -1e9;
		g.textAlign = 'left';
		g.textBaseline = 'alphabetic';
		g.font = 12 * r + 'px system-ui, sans-serif';
		for (const [t, text] of D.notes || []) {
			const x = u.valToPos(t, 'x', true), words = clean(text), w = g.measureText(words).width;
			if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
			line(t, css('dim'), [2 * r, 3 * r]);
			if (x < edge) continue; /* its words would cover the last ones */
			const room = Math.min(w, u.bbox.left + u.bbox.width - x - 8 * r);
			if (room < 24 * r) continue;
			g.globalAlpha = 0.85;
			g.fillStyle = css('bg');
			g.fillRect(x + 2 * r, u.bbox.top + 2 * r, room + 6 * r, 17 * r);
			g.globalAlpha = 1;
			g.fillStyle = css('ink');
			g.save();
			g.beginPath();
			g.rect(x, u.bbox.top, room + 8 * r, 20 * r);
			g.clip();
			g.fillText(words, x + 5 * r, u.bbox.top + 15 * r);
			g.restore();
			edge = x + room + 14 * r;
		}
		if (selected) {
			line(selected.t, css('accent'), []);
			const [lo, hi] = minMax(selected.links.map((l) => l.event.t));
			const x0 = Math.max(u.bbox.left, u.valToPos(lo, 'x', true)), x1 = Math.min(u.bbox.left + u.bbox.width, u.valToPos(hi, 'x', true));
			if (hi >= lo && x1 >= x0) {
				g.fillStyle = css('accent');
				g.globalAlpha = 0.16;
				g.fillRect(x0, u.bbox.top, Math.max(2 * r, x1 - x0), u.bbox.height);
			}
		}
		g.restore();
	}

	const FLOOR = 1e-6; /* s: where pauses that are 0 or not known are drawn */
	const isMajor = (g) => g.kind !== 'minor';
	const pause = (g) => Math.max(FLOOR, g.pause_s || 0);

	function gcChart() {
		const order = gcs.slice().sort((a, b) => a.t - b.t), p = order.map(pause);
		const lo = 10 ** Math.floor(Math.log10(Math.min(...minMax(p))));
		let hi = 10 ** Math.ceil(Math.log10(minMax(p)[1]) + 0.05);
		if (hi <= lo) hi = lo * 10;
		return makeChart('c-gc', {
			series: [{ paths: () => null, points: { show: false } }],
			y: { distr: 3, range: () => [lo * 0.8, hi] },
			axes: [xAxis(false), Object.assign(yAxis((u, s) => s.map((v) => v === null ? '' : duration(v))), {
				splits: () => decades(lo, hi) })],
			draw: [(u) => drawCollections(u, order)],
		}, [order.map((g) => g.t), p]);
	}

	/* Powers of ten in [lo, hi]: every second one when they are many. */
	function decades(lo, hi) {
		const from = Math.round(Math.log10(lo)), n = Math.round(Math.log10(hi)) - from, step = n > 4 ? 2 : 1;
		return Array.from({ length: Math.floor(n / step) + 1 }, (_, i) => 10 ** (from + i * step));
	}

	function minMax(v) {
		let lo = Infinity, hi = -Infinity;
		for (const x of v) {
			if (x < lo) lo = x;
			if (x > hi) hi = x;
		}
		return [lo, hi];
	}

	function drawCollections(u, order) {
		const g = u.ctx, r = uPlot.pxRatio, minor = css('minor'), major = css('major');
		g.save();
		g.beginPath();
		g.rect(u.bbox.left, u.bbox.top - 6 * r, u.bbox.width, u.bbox.height + 12 * r);
		g.clip();
		for (const gc of order) {
			if (gc.t < view[0] || gc.start > view[1]) continue;
			const x = u.valToPos(gc.t, 'x', true), x0 = u.valToPos(gc.start, 'x', true), y = u.valToPos(pause(gc), 'y', true);
			const m = isMajor(gc);
			g.strokeStyle = g.fillStyle = m ? major : minor;
			g.lineWidth = r;
			if (x - x0 > 3 * r) {
				g.globalAlpha = 0.25;
				g.fillRect(x0, y - 2 * r, x - x0, 4 * r);
				g.globalAlpha = 1;
			}
			g.beginPath();
			if (m) {
				const d = 5.5 * r;
				g.moveTo(x, y - d);
				g.lineTo(x + d, y);
				g.lineTo(x, y + d);
				g.lineTo(x - d, y);
				g.closePath();
				g.fill();
			} else {
				g.lineWidth = 1.5 * r;
				g.arc(x, y, 3.2 * r, 0, 7);
				g.stroke();
			}
			if (gc === selected) {
				g.strokeStyle = css('accent');
				g.lineWidth = 2 * r;
				g.beginPath();
				g.arc(x, y, 9 * r, 0, 7);
				g.stroke();
			}
		}
		g.restore();
	}

	/* The point of the timeline whose stretch has t in it. */
	function pointAt(t) {
		let lo = 0, hi = T.n - 1;
		while (lo < hi) {
			const mid = (lo + hi) >> 1;
			if (T.x[mid] < t) lo = mid + 1;
			else hi = mid;
		}
		return lo;
	}

	function flowChart() {
		const dt = (i) => i ? T.x[i] - T.x[i - 1] : T.x[0] - T.start || D.timeline.width;
		/* the timeline counts what munmap, brk and madvise dropped; a new mapping over an old one does, too */
		const gone = T.released.slice();
		for (const e of events) if (e.call === 'mmap') gone[pointAt(e.t)] += e.gone;
		const into = T.faults.map((f, i) => f * PAGE / dt(i)), out = gone.map((b, i) => -b / dt(i));
		const part = (color) => ({
			stroke: () => css(color), fill: () => css(color), width: 1, points: { show: false },
			paths: uPlot.paths.stepped({ align: -1 }),
		});
		return makeChart('c-flow', {
			series: [part('in'), part('out')],
			y: { range: (u, lo, hi) => [Math.min(0, lo || 0) * 1.08, Math.max(hi || 0, 0) * 1.08 || (lo ? -lo * 0.1 : 1)] },
			axes: [xAxis(true), yAxis((u, s) => s.map((v) => bytes(Math.abs(v))), POW2, 26)],
		}, [T.x, into, out]);
	}

	/* --- legend ------------------------------------------------------------------------------- */

	const legendOut = {};
	function legend() {
		const add = (k, label, sw) => {
			const b = el('b'), btn = el('button', { type: 'button', 'aria-pressed': shown[k], title: label, onclick: () => {
				shown[k] = !shown[k];
				btn.setAttribute('aria-pressed', shown[k]);
				charts[0].u.setData(memData(), false);
				charts[0].u.setScale('x', { min: view[0], max: view[1] });
			} }, sw, el('span', { class: 'l' }, label), b);
			legendOut[k] = b;
			$('legend').append(btn);
		};
		for (const l of linesHere) {
			const sw = el('span', { class: 'sw ln' + (l.k === 'owed' ? ' dot' : l.dash ? ' dash' : '') });
			sw.style.borderColor = 'var(--' + l.color + ')';
			add(l.k, l.label, sw);
		}
		for (const [k, label] of bandsHere) {
			const sw = el('span', { class: 'sw' + (k === 'unknown' ? ' hatch' : '') });
			sw.style.backgroundColor = 'var(--' + k + ')';
			add(k, label, sw);
		}
		legendValues(null);
	}

	/* The values under the cursor; without one, those of the end. */
	function legendValues(i) {
		const at = known(i) ? i : T.n - 1;
		for (const k in legendOut) legendOut[k].textContent = bytes(T[k][at]);
		const cap = $('t-mem').querySelector('.key');
		if (cap) cap.textContent = (known(i) ? 'at ' : 'at the end, ') + time(T.x[at], Math.min(1, (view[1] - view[0]) / 1000));
	}

	/* --- a collection and what became of it --------------------------------------------------- */

	const biggest = (list, n) => list.slice().sort((a, b) => b.bytes - a.bytes).slice(0, n);

	function onClick(u, e) {
		if (charts.length < 3 || u !== charts[1].u) return;
		let best = null, d = 24 * 24;
		for (const g of gcs) {
			const dx = u.valToPos(g.t, 'x') - e.offsetX, dy = u.valToPos(pause(g), 'y') - e.offsetY;
			if (dx * dx + dy * dy < d) {
				d = dx * dx + dy * dy;
				best = g;
			}
		}
		if (best) select(best);
	}

	function select(g) {
		selected = g;
		showDetail();
		for (const c of charts) c.u.redraw(false);
		drawArrows();
		if (gcTable) gcTable.mark(g);
	}

	function step(d) {
		const order = gcs.slice().sort((a, b) => a.t - b.t);
		if (!order.length) return;
		const i = selected ? order.indexOf(selected) + d : 0;
		const g = order[Math.max(0, Math.min(order.length - 1, i))];
		if (g.t < view[0] || g.t > view[1]) {
			const w = view[1] - view[0];
			zoom(g.t - w / 2, g.t + w / 2);
		}
		select(g);
	}

	const callName = (e) => e.call ? e.call + (e.advice ? ' ' + e.advice : '') : 'taken by the kernel (MADV_FREE)';
	const place = (s) => known(s) && D.stacks[s].length ? D.stacks[s].slice(0, 2).map((i) => functionOf(frame(i))).join(' ← ') : null;

	function showDetail() {
		const g = selected, d = $('detail');
		d.textContent = '';
		if (!g) {
			d.append(el('p', { class: 'dim' }, 'No collection chosen.'));
			return;
		}
		const owed = Math.max(0, g.freed - g.returned - g.reused);
		d.append(el('h4', null, 'Collection ' + (g.id + 1) + ' at ' + time(g.t) + ': ' + g.kind +
			(g.reason ? ' (' + g.reason + ')' : '') + ', pause ' + duration(g.pause_s)));
		d.append(el('p', { class: 'num' }, 'Heap ' + bytes(g.before) + ' → ' + bytes(g.after) + ': ' + bytes(g.freed) + ' freed. Of it ' +
			bytes(g.returned) + ' went back to the kernel' + (known(g.return_lag_s) ? ' within ' + duration(g.return_lag_s) : '') +
			(g.returned ? ' (RSS fell by ' + bytes(g.rss_fell) + ')' : '') + ', ' + bytes(g.reused) + ' was used again by the heap, ' +
			bytes(owed) + ' is owed still.' + (g.refaulted ? ' ' + bytes(g.refaulted) + ' of what went back was touched again.' : '')));
		const all = releasedBy(g), list = all.slice(0, 6);
		if (list.length) d.append(el('ul', null, ...list.map((w) => el('li', null, w.text))));
		if (all.length > list.length) d.append(el('p', { class: 'dim' }, '… and from ' + count(all.length - list.length) + ' more places'));
	}

	/* What gave back the memory of a collection, by call and place, the most first. */
	function releasedBy(g) {
		const by = new Map();
		for (const l of g.links) {
			const key = callName(l.event) + ' ' + l.event.stack, late = Math.max(0, l.event.t - g.t);
			const w = by.get(key) || { event: l.event, n: 0, bytes: 0, from: late, to: late };
			w.n++;
			w.bytes += l.bytes;
			w.from = Math.min(w.from, late);
			w.to = Math.max(w.to, late);
			by.set(key, w);
		}
		const list = biggest([...by.values()], by.size);
		for (const w of list)
			w.text = bytes(w.bytes) + ' by ' + (w.n > 1 ? count(w.n) + ' × ' : '') + callName(w.event) +
				(w.to === 0 ? ' while it ran' : ', ' + duration(w.from) + (w.n > 1 ? ' to ' + duration(w.to) : '') + ' later') +
				(place(w.event.stack) ? ', in ' + place(w.event.stack) : '');
		return list;
	}

	/* Arrows from the chosen collection to what gave its memory back. */
	function drawArrows() {
		const svg = $('arrows'), ns = 'http://www.w3.org/2000/svg';
		svg.textContent = '';
		if (!selected || charts.length < 3) return;
		const base = $('charts').getBoundingClientRect(), from = charts[1].u, to = charts[2].u;
		const pos = (u, t, v) => {
			const o = u.over.getBoundingClientRect();
			return [o.left - base.left + u.valToPos(t, 'x'), o.top - base.top + (v === null ? o.height / 2 : u.valToPos(v, 'y')), o];
		};
		if (selected.t < view[0] || selected.t > view[1]) return;
		const [x0, y0] = pos(from, selected.t, pause(selected));
		const make = (tag, attrs) => {
			const n = document.createElementNS(ns, tag);
			for (const k in attrs) n.setAttribute(k, attrs[k]);
			svg.append(n);
		};
		/* what would lie on one another is one arrow: by steps of 14 pixels */
		const heads = new Map();
		for (const l of selected.links) {
			if (l.event.t < view[0] || l.event.t > view[1]) continue;
			const [x, y] = pos(to, l.event.t, 0), k = Math.round(x / 14), h = heads.get(k) || { x: 0, bytes: 0, y };
			h.x += x * l.bytes;
			h.bytes += l.bytes;
			heads.set(k, h);
		}
		for (const h of biggest([...heads.values()], 24)) {
			const x1 = h.x / (h.bytes || 1), y = h.y - 2, top = y0 + 10, bend = top + (y - top) * 0.55;
			const width = 1 + 2.5 * Math.sqrt(h.bytes / Math.max(1, selected.returned));
			make('path', { d: `M${x0} ${top}C${x0} ${bend},${x1} ${top + 8},${x1} ${y - 7}`, fill: 'none', stroke: css('accent'), 'stroke-width': width, 'stroke-opacity': 0.75 });
			make('path', { d: `M${x1 - 4.5} ${y - 9}L${x1 + 4.5} ${y - 9}L${x1} ${y}Z`, fill: css('accent') });
		}
	}

	function timeline() {
		if (!T.n) {
			$('timeline').hidden = true;
			return;
		}
		X0 = T.start;
		X1 = Math.max(T.end, gcs.length ? minMax(gcs.map((g) => g.t))[1] : 0);
		if (!(X1 > X0)) X1 = X0 + 1e-3;
		view = [X0, X1];
		const lim = limits()[0], top = minMax(T.rss.concat(T.committed).map((v) => v || 0))[1];
		T.limit = new Array(T.n).fill(lim && lim.v < top * 1.6 ? lim.v : null);
		if (!gcs.length) document.body.classList.add('no-gc');
		$('t-mem').append(el('span', { class: 'key num' }));
		$('c-wall').disabled = !D.recording.wall.length;
		memChart();
		if (gcs.length) gcChart();
		flowChart();
		legend();
		showRange();
		controls();
		selected = gcs.reduce((a, b) => !a || b.returned > a.returned || b.returned === a.returned && b.freed > a.freed ? b : a, null);
		showDetail();
		for (const c of charts) c.u.redraw(false);
		requestAnimationFrame(drawArrows);
	}

	function resize() {
		for (const c of charts)
			if (c.box.clientWidth && (c.box.clientWidth !== c.u.width || c.box.clientHeight !== c.u.height))
				c.u.setSize({ width: c.box.clientWidth, height: c.box.clientHeight });
		drawArrows();
	}

	function setClock(w) {
		wall = w;
		$('c-wall').setAttribute('aria-pressed', w);
		$('c-rel').setAttribute('aria-pressed', !w);
		for (const c of charts) c.u.redraw(false, true);
		showRange();
		showDetail();
		legendValues(null);
		for (const t of tables) t.draw();
	}

	function controls() {
		$('z-in').onclick = () => zoomBy(0.5);
		$('z-out').onclick = () => zoomBy(2);
		$('z-left').onclick = () => pan(-0.4);
		$('z-right').onclick = () => pan(0.4);
		$('z-all').onclick = () => zoom(X0, X1);
		$('c-rel').onclick = () => setClock(false);
		$('c-wall').onclick = () => setClock(true);
		$('charts').addEventListener('keydown', (e) => {
			const does = {
				'+': () => zoomBy(0.5), '=': () => zoomBy(0.5), '-': () => zoomBy(2), '0': () => zoom(X0, X1),
				Escape: () => zoom(X0, X1), ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2),
				Home: () => pan(-1e9), End: () => pan(1e9), n: () => step(1), p: () => step(-1),
			}[e.key];
			if (!does || e.ctrlKey || e.altKey || e.metaKey) return;
			does();
			e.preventDefault();
		});
		new ResizeObserver(resize).observe($('charts'));
		const recolor = () => {
			for (const c of charts) c.u.redraw(true, true);
			drawArrows();
		};
		matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolor);
		matchMedia('print').addEventListener('change', () => { resize(); recolor(); });
	}

	/* --- flame graphs ----------------------------------------------------------------------------
	 * Few lines of its own: a library for it brings D3, six times the size of all this.
	 */

	const FLAME_ROW = 20, STACK_MAX = 64;
	const TINTS = ['#f3c178', '#f0a684', '#e8cd7a', '#efb9a8', '#dcc8a2', '#f1d795', '#e9ae63', '#dfb7b0'];
	const flame = { what: null, root: null, focus: null, find: '' };

	/* "malloc+0x1d (libc.so.6)" is malloc wherever in it; "libc.so.6+0x8a3f4" is an address,
	 * "libc.so.6 offset 0x8a3f4" a place in the file. */
	const functionOf = (text) => text.replace(/\+0x[0-9a-f]+( \(.*\))$/, '$1');

	/* The module of a frame: what gives it its colour. */
	function tint(name) {
		if (/^0x[0-9a-f]+$/.test(name)) return '#cfd4da';
		const m = name.match(/\(([^()]*)\)$/) || name.match(/^(.*)(?:\+| offset )0x[0-9a-f]+$/);
		let h = 7;
		for (const c of m ? m[1] : name) h = (h * 31 + c.charCodeAt(0)) >>> 0;
		return TINTS[h % TINTS.length];
	}

	/*
	 * Names of a stack for the graph, outermost first. Code without frame pointers ends a
	 * walk in numbers that were never addresses: those outside the first name are left out,
	 * but for stacks that were cut at their greatest length.
	 */
	function path(stack) {
		const names = stack.map(functionOf).reverse();
		const first = stack.length < STACK_MAX ? names.findIndex((n) => !/^0x[0-9a-f]+$/.test(n)) : 0;
		return first > 0 ? names.slice(first) : names;
	}

	function tree(sources) {
		const root = { name: D.target.comm || 'all', v: 0, kids: new Map(), up: null, depth: 0 };
		for (const s of sources) {
			const st = stackOf(s.stack), names = st ? path(st) : ['(no stack could be taken)'];
			let n = root;
			root.v += s.v;
			for (const name of names) {
				let kid = n.kids.get(name);
				if (!kid) n.kids.set(name, kid = { name, v: 0, kids: new Map(), up: n, depth: n.depth + 1 });
				kid.v += s.v;
				n = kid;
			}
		}
		return root;
	}

	const sites = rows(D.sites), releases = rows(D.releases);
	const FLAMES = [
		{ name: 'Touched', sources: () => sites.map((s) => ({ v: s.bytes, stack: s.stack })), note: () => {
			const n = sites.reduce((a, s) => a + s.samples, 0), err = Math.sqrt(sites.reduce((a, s) => a + s.error * s.error, 0));
			return 'Where page faults were taken, by bytes brought in or touched anew: ' + count(n) + ' samples, standard error ' + bytes(err) + ' of the whole.';
		} },
		{ name: 'Given back', sources: () => releases.map((r) => ({ v: Math.max(0, r.released) + r.lazy, stack: r.stack })),
			note: () => 'Which calls gave memory back, by bytes that left RSS or were left to the kernel: every call is counted.' },
		{ name: 'Touched again', sources: () => releases.flatMap((r) => {
			const out = [];
			for (let i = 0; i < r.by.length; i += 2) out.push({ v: r.by[i], stack: r.by[i + 1] });
			return out;
		}), note: () => 'Who touched again what had been given back, by bytes; sampled.' },
	];

	function hits(n, word, list) {
		if (n.up && n.name.toLowerCase().includes(word)) {
			list.push(n);
			return;
		}
		for (const k of n.kids.values()) hits(k, word, list);
	}

	function flameLine(n) {
		if (!n) {
			$('f-line').textContent = '\u00a0';
			return;
		}
		const self = n.v - [...n.kids.values()].reduce((a, k) => a + k.v, 0);
		$('f-line').textContent = clean(n.name + ': ' + bytes(n.v) + ', ' + percent(n.v, flame.root.v) + (self && n.kids.size ? ', itself ' + bytes(self) : ''));
	}

	function flameFocus(n, keyboard) {
		flame.focus = n;
		drawFlame();
		if (keyboard && n.div) n.div.focus();
	}

	function flameKey(e, n) {
		const kin = n.up ? [...n.up.kids.values()].filter((k) => k.div).sort((a, b) => b.v - a.v) : [n];
		const to = {
			ArrowUp: () => n.up, ArrowDown: () => [...n.kids.values()].filter((k) => k.div).sort((a, b) => b.v - a.v)[0],
			ArrowLeft: () => kin[kin.indexOf(n) - 1], ArrowRight: () => kin[kin.indexOf(n) + 1],
		}[e.key];
		if (e.key === 'Enter' || e.key === ' ') flameFocus(n, true);
		else if (e.key === 'Escape') flameFocus(flame.root, true);
		else if (!to) return;
		else if (to() && to().div) to().div.focus();
		e.preventDefault();
	}

	function drawFlame() {
		const box = $('flame'), w = box.clientWidth, word = flame.find.trim().toLowerCase();
		let deepest = 0;
		box.textContent = '';
		box.classList.toggle('finding', !!word);
		const put = (n, x, width, row, cls) => {
			const d = el('div', { class: cls + (word && n.up && n.name.toLowerCase().includes(word) ? ' hit' : ''), role: 'treeitem',
				tabindex: n === flame.focus ? 0 : -1, 'aria-level': n.depth + 1, title: n.name,
				'aria-label': n.name + ', ' + bytes(n.v) + ', ' + percent(n.v, flame.root.v),
				onclick: () => flameFocus(n, true), onmouseenter: () => flameLine(n), onfocus: () => flameLine(n),
				onkeydown: (e) => flameKey(e, n) }, width > 18 ? n.name : '');
			d.style.cssText = `left:${x}px;top:${row * FLAME_ROW}px;width:${Math.max(1, width - 0.5)}px;background:${tint(n.name)}` +
				(width < 12 ? ';padding:0;border-right:0' : '');
			n.div = d;
			box.append(d);
			deepest = Math.max(deepest, row);
		};
		const forget = (n) => {
			n.div = null;
			for (const k of n.kids.values()) forget(k);
		};
		const lay = (n, x, width, row) => {
			put(n, x, width, row, '');
			for (const k of [...n.kids.values()].sort((a, b) => b.v - a.v)) {
				const kw = width * k.v / n.v;
				if (kw >= 0.7) lay(k, x, kw, row + 1);
				x += kw;
			}
		};
		forget(flame.root);
		const above = [];
		for (let n = flame.focus.up; n; n = n.up) above.unshift(n);
		above.forEach((n, i) => put(n, 0, w, i, 'up'));
		lay(flame.focus, 0, w, above.length);
		box.style.height = (deepest + 1) * FLAME_ROW + 'px';
		$('f-reset').disabled = flame.focus === flame.root;
		const list = [];
		if (word) hits(flame.root, word, list);
		const sum = list.reduce((a, n) => a + n.v, 0);
		$('f-found').textContent = word ? (list.length ? bytes(sum) + ', ' + percent(sum, flame.root.v) : 'nothing found') : '';
		box.onmouseleave = () => flameLine(null);
	}

	function setFlame(f) {
		flame.what = f;
		flame.root = flame.focus = f.root;
		for (const b of $('f-what').children) b.setAttribute('aria-pressed', b.textContent === f.name);
		$('f-note').textContent = f.note();
		flameLine(null);
		drawFlame();
	}

	function flames() {
		const have = FLAMES.filter((f) => (f.root = tree(f.sources())).v > 0);
		if (!have.length) {
			$('flames').hidden = true;
			return;
		}
		for (const f of have)
			$('f-what').append(el('button', { type: 'button', 'aria-pressed': false, onclick: () => setFlame(f) }, f.name));
		$('f-find').oninput = () => {
			flame.find = $('f-find').value;
			drawFlame();
		};
		$('f-reset').onclick = () => flameFocus(flame.root);
		flameLine(null);
		setFlame(have[0]);
		let w = $('flame').clientWidth;
		new ResizeObserver(() => {
			if ($('flame').clientWidth !== w) {
				w = $('flame').clientWidth;
				drawFlame();
			}
		}).observe($('flame'));
	}

	/* --- tables ----------------------------------------------------------------------------------- */

	const tables = [];
	let gcTable = null;
	const FORMS = {
		bytes: { text: bytes, num: true }, count: { text: count, num: true }, dur: { text: duration, num: true },
		time: { text: (v) => time(v, 0.0001), num: true }, text: { text: (v) => known(v) && v !== '' ? String(v) : '–' },
		hex: { text: (v) => v }, share: { text: (v) => known(v) ? (v * 100).toFixed(1) + NB + '%' : '–', num: true },
	};

	function stackCell(row, i) {
		const st = stackOf(i), td = el('td', { class: 's' });
		if (!st) {
			td.textContent = known(i) ? '–' : 'not taken';
			return td;
		}
		const short = () => {
			td.replaceChildren(clean(st.slice(0, 3).join(' ← ')) + ' ');
			if (st.length > 3)
				td.append(el('button', { type: 'button', 'aria-label': 'Show the whole stack', onclick: (e) => { long(); e.stopPropagation(); } },
					'… ' + st.length + ' frames'));
		};
		const long = () => {
			td.replaceChildren(el('ol', null, ...st.map((s) => el('li', null, s))));
			td.append(el('button', { type: 'button', onclick: (e) => { short(); e.stopPropagation(); } }, 'less'));
		};
		short();
		return td;
	}

	/* A value to sort by: unknown ones last either way. */
	function compare(c, a, b, dir) {
		const x = a[c.k], y = b[c.k];
		if (!known(x) || !known(y)) return known(y) - known(x);
		if (c.form === 'stack') return dir * (String(stackOf(x)) < String(stackOf(y)) ? -1 : 1);
		if (c.form === 'hex') return dir * (x.length - y.length || (x < y ? -1 : x > y ? 1 : 0));
		return dir * (typeof x === 'number' ? x - y : x < y ? -1 : x > y ? 1 : 0);
	}

	function words(cols, r) {
		if (r.words === undefined)
			r.words = cols.map((c) => c.form === 'stack' ? (stackOf(r[c.k]) || []).join(' ') : !FORMS[c.form].num && known(r[c.k]) ? r[c.k] : '')
				.join(' ').toLowerCase();
		return r.words;
	}

	/* A table that sorts and filters; t: { id, title, note, cols, rows, total, sort, dir, click }. */
	function makeTable(t) {
		if (!t.rows.length) return null;
		const STEP = 15;
		let sort = t.cols.find((c) => c.k === t.sort), dir = t.dir || -1, filter = '', limit = STEP, marked = null;
		const body = el('tbody'), below = el('div', { class: 'below' });
		const ths = t.cols.map((c) => el('th', { scope: 'col', class: FORMS[c.form] && FORMS[c.form].num ? 'n' : '', title: c.title || null },
			el('button', { type: 'button', onclick: () => {
				dir = sort === c ? -dir : FORMS[c.form] && FORMS[c.form].num ? -1 : 1;
				sort = c;
				draw();
			} }, c.label)));
		const cell = (c, r) => {
			if (c.form === 'stack') return stackCell(r, r[c.k]);
			const text = FORMS[c.form].text(r[c.k]) + (c.low && known(r[c.k]) ? ' !' : '');
			return el('td', { class: FORMS[c.form].num ? 'n' : 't', title: text.length > 40 ? text : null }, text);
		};
		const draw = () => {
			const list = t.rows.filter((r) => !filter || words(t.cols, r).includes(filter));
			list.sort((a, b) => compare(sort, a, b, dir));
			ths.forEach((th, i) => {
				if (t.cols[i] === sort) th.setAttribute('aria-sort', dir < 0 ? 'descending' : 'ascending');
				else th.removeAttribute('aria-sort');
			});
			body.replaceChildren(...list.slice(0, limit).map((r) => {
				const tr = el('tr', { class: (r === marked ? 'on ' : '') + (t.click ? 'click' : '') }, ...t.cols.map((c) => cell(c, r)));
				if (t.click) tr.addEventListener('click', () => t.click(r));
				return tr;
			}));
			const n = Math.min(limit, list.length);
			below.replaceChildren(el('span', null, (n < list.length ? count(n) + ' of ' : '') + count(list.length) + (list.length === 1 ? ' row' : ' rows') +
				(filter ? ' that match, of ' + count(t.rows.length) : '') + (t.total > t.rows.length ? ' (' + count(t.total) + ' recorded)' : '')));
			if (n < list.length) {
				below.append(el('button', { type: 'button', onclick: () => { limit += 100; draw(); } }, 'Show ' + count(Math.min(100, list.length - n)) + ' more'));
				if (list.length - n > 100 && list.length <= 5000)
					below.append(el('button', { type: 'button', onclick: () => { limit = Infinity; draw(); } }, 'Show all'));
			} else if (n > STEP) {
				below.append(el('button', { type: 'button', onclick: () => { limit = STEP; draw(); } }, 'Show fewer'));
			}
		};
		const find = t.rows.length > 12 && t.cols.some((c) => c.form === 'stack' || !FORMS[c.form].num)
			? el('label', { class: 'find' }, 'Filter ', el('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', oninput: (e) => {
				filter = e.target.value.trim().toLowerCase();
				limit = STEP;
				draw();
			} })) : null;
		$('tables').append(el('section', { id: t.id, 'aria-labelledby': 'h-' + t.id }, el('h2', { id: 'h-' + t.id }, t.title),
			t.note ? el('p', { class: 'dim' }, t.note) : null, find ? el('div', { class: 'bar' }, find) : null,
			el('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': t.title + ', table' }, el('table', { class: t.fit ? 'fit' : '' }, el('thead', null, el('tr', null, ...ths)), body)), below));
		draw();
		const table = { id: t.id, title: t.title, draw, mark: (r) => { marked = r; draw(); } };
		tables.push(table);
		return table;
	}

	const col = (k, label, form, title) => ({ k, label, form, title });

	function accountTable() {
		const whole = rss.end.v, rowsHere = D.account.slice(0, -2).filter((a) => known(a[2]) && a[2] !== 0)
			.map(([k, label, v, low]) => ({ label, v, share: whole ? v / whole : null, low }));
		makeTable({ fit: true, id: 'account', title: 'What RSS is made of at the end', sort: 'v', rows: rowsHere,
			note: 'Every resident byte is in one row; together they are RSS (' + bytes(whole) + ').',
			cols: [col('label', 'Part', 'text'), col('v', 'Bytes', 'bytes'), col('share', 'Share', 'share')] });
	}

	function gcTables() {
		gcTable = makeTable({ id: 'collections', title: 'Collections', rows: gcs, total: D.collections && D.collections.total, sort: 'freed',
			note: 'Choose a row to see in the timeline what became of the memory it freed.',
			click: (g) => {
				select(g);
				if (g.t < view[0] || g.t > view[1]) zoom(X0, X1);
			},
			cols: [col('t', 'Time', 'time'), col('kind', 'Kind', 'text'), col('reason', 'Reason', 'text'), col('pause_s', 'Pause', 'dur'),
				col('before', 'Before', 'bytes', 'heap used before'), col('after', 'After', 'bytes', 'heap used after'), col('freed', 'Freed', 'bytes'),
				col('returned', 'Returned', 'bytes', 'given back to the kernel by calls after it'),
				col('return_lag_s', 'Lag', 'dur', 'from its end to the last call that returned of it'),
				col('rss_fell', 'RSS fell', 'bytes'), col('reused', 'Reused', 'bytes', 'used again by the heap'),
				col('refaulted', 'Touched again', 'bytes', 'of what was returned')] });
		if (gcTable && selected) gcTable.mark(selected);
	}

	function releaseTable() {
		for (const r of releases) {
			r.what = r.call + (r.advice ? ' ' + r.advice : '');
			r.again = r.back.every(known) ? r.back.reduce((a, b) => a + b, 0) : null;
			r.soon = r.back.every(known) ? r.back[0] : null;
		}
		makeTable({ id: 'releases', title: 'Releases by call site', rows: releases, total: D.releases && D.releases.total, sort: 'released',
			note: 'Who gave memory back, how much of what was asked for left RSS, and how much of it was soon touched again.',
			cols: [col('released', 'Left RSS', 'bytes'), col('asked', 'Asked', 'bytes'), col('soon', 'Back in 1 s', 'bytes', 'touched again within a second'),
				col('again', 'Touched again', 'bytes'), col('calls', 'Calls', 'count'), col('what', 'Call', 'text'), col('stack', 'Where', 'stack'),
				col('lazy', 'Left to kernel', 'bytes', 'by MADV_FREE: still resident until the kernel takes it'), col('absent', 'Not there', 'bytes', 'asked for, but not resident'),
				col('kept', 'Kept', 'bytes', 'asked for, resident, and not released'), col('failed', 'Failed', 'count'), col('seconds', 'Took', 'dur'), col('last_t', 'Last', 'time')] });
	}

	function otherTables() {
		makeTable({ id: 'mappings', title: 'Mappings', rows: rows(D.mappings), total: D.mappings && D.mappings.total, sort: 'resident',
			cols: [col('name', 'Name', 'text'), col('class', 'Class', 'text'), col('resident', 'Resident', 'bytes'), col('size', 'Size', 'bytes'),
				col('faults', 'Faults', 'count'), col('released', 'Released', 'bytes', 'dropped by calls'), col('refaulted', 'Touched again', 'bytes', 'faulted in again after a release'),
				col('lazy', 'Lazy', 'bytes', 'left to the kernel by MADV_FREE'), col('perms', 'Perms', 'text'), col('start', 'Start', 'hex')] });
		makeTable({ id: 'sites', title: 'Fault sites', rows: sites, total: D.sites && D.sites.total, sort: 'bytes', note: 'Sampled: bytes and their standard error.',
			cols: [col('bytes', 'Bytes', 'bytes'), col('error', '±', 'bytes', 'standard error'), col('samples', 'Samples', 'count'), col('stack', 'Where', 'stack')] });
		makeTable({ fit: true, id: 'threads', title: 'Threads', rows: rows(D.threads), total: D.threads && D.threads.total, sort: 'faults',
			cols: [col('name', 'Name', 'text'), col('tid', 'Tid', 'text'), col('faults', 'Faults', 'count'), col('kernel', 'In the kernel', 'count'),
				col('major', 'Waited for I/O', 'count'), col('added', 'Brought in', 'bytes')] });
		makeTable({ fit: true, id: 'calls', title: 'Calls', sort: 'calls', rows: D.calls.map(([adv, name, calls, failed, asked, delta, secs]) =>
			({ name: adv ? 'madvise ' + name : name, calls, failed, asked, delta, secs })),
			note: 'Rows of madvise are in the row madvise too.',
			cols: [col('name', 'Call', 'text'), col('calls', 'Calls', 'count'), col('failed', 'Failed', 'count'), col('asked', 'Bytes asked', 'bytes'),
				col('delta', 'RSS moved', 'bytes'), col('secs', 'Took', 'dur')] });
		const spaces = D.heaps.flatMap((h) => h.spaces.map(([name, used, committed, resident]) => ({ source: h.source, name, used, committed, resident })));
		makeTable({ fit: true, id: 'spaces', title: 'Heap spaces at the end', rows: spaces, sort: 'committed',
			cols: [col('name', 'Space', 'text'), col('source', 'Heap', 'text'), col('used', 'Used', 'bytes'), col('committed', 'Committed', 'bytes'), col('resident', 'Resident', 'bytes')] });
		makeTable({ fit: true, id: 'losses', title: 'Losses', rows: D.lost.map(([name, n]) => ({ name, n })), sort: 'n',
			note: 'Events that did not arrive, by cause. Counts are at least what is shown.', cols: [col('name', 'Cause', 'text'), col('n', 'Events', 'count')] });
		makeTable({ fit: true, id: 'notes', title: 'Notes', rows: (D.notes || []).map(([t, text]) => ({ t, text })), sort: 't', dir: 1,
			cols: [col('t', 'Time', 'time'), col('text', 'Note', 'text')] });
		makeTable({ fit: true, id: 'probes', title: 'What the figures rest on', rows: D.probes.map(([name, rung, why]) => ({ name, rung, why })), sort: 'name', dir: 1,
			cols: [col('name', 'Feature', 'text'), col('rung', 'Hook', 'text'), col('why', 'Remark', 'text')] });
	}

	function nav() {
		const link = (id, text) => $('nav').append(el('a', { href: '#' + id }, text));
		if (T.n) link('timeline', 'Timeline');
		if (!$('flames').hidden) link('flames', 'Flame graph');
		for (const t of tables) link(t.id, t.title);
	}

	head();
	warnings();
	figures();
	timeline();
	flames();
	accountTable();
	gcTables();
	releaseTable();
	otherTables();
	nav();
	document.body.classList.remove('loading');

	/* For tests and the console. */
	window.memprof = { data: D, charts, timeline: T, zoom, select, range: () => view.slice(), selected: () => selected,
		took: performance.now() - began };
})();
