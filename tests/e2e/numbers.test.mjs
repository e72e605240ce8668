// Every number of every panel on every page is the one that the API answers for the same parameters,
// as JSON and as CSV. Panels are found on the pages: one that this file does not know fails.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const { BASE, CHROMIUM } = process.env;
const PAGES = ['/', '/tools', '/tools/get_forecast', '/performance', '/errors', '/versions', '/geography'];
const QUESTIONS = [
  '',
  'period=7d&compare=previous',
  'period=24h',
  'period=30d&group=hour&compare=previous',
  'period=90d&group=week&status=error',
  'period=all',
  'period=60d&version=1.23.0',
  'period=30d&country=US&compare=previous',
  'period=30d&level=standard&service=openmeteo',
];

let browser;
before(async () => { browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] }); });
after(() => browser?.close());

// What the API says.

const answers = new Map();
const json = async (path) => {
  if (!answers.has(path)) {
    const answer = await fetch(BASE + path);
    answers.set(path, answer.ok ? await answer.json() : { status: answer.status });
  }
  return answers.get(path);
};
const table = async (path) => {
  const [head, ...rows] = (await (await fetch(BASE + path)).text()).trim().split(/\r?\n/).map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i]])));
};
/// An address of the API with other parameters.
const other = (path, name, parameters) => {
  const url = new URL(path, BASE);
  if (name) url.pathname = `/v1/stats/${name}`;
  for (const [key, value] of Object.entries(parameters)) value === null ? url.searchParams.delete(key) : url.searchParams.set(key, value);
  return url.pathname + url.search;
};
/// The list of an answer that its CSV holds.
const list = (answer) => answer.points ?? answer.tools ?? answer.values ?? answer.errors ?? answer.ranges;

// What the page shows, and how exactly.

const shown = (text) => {
  const [, sign, digits, unit] = text.match(/^(-?)([\d,]*\.?\d+)\s?(%|ms|s|k|M)?$/) ?? assert.fail(`not a number: "${text}"`);
  const scale = { '%': 0.01, s: 1000, k: 1e3, M: 1e6 }[unit] ?? 1;
  const decimals = digits.split('.')[1]?.length ?? 0;
  const rounded = unit === '%' || unit === 's' || unit === 'ms';
  return { value: Number((sign + digits).replaceAll(',', '')) * scale, off: rounded ? 0.5 * 10 ** -decimals * scale + 1e-9 : 1e-9 * scale };
};
const agree = (text, want, what) => {
  if (['–', 'no data', 'Not reported', 'No data'].includes(text)) return assert.ok(!want, `${what}: ${text}, and the API has ${want}`);
  const { value, off } = shown(text);
  // Almost all is never shown as all, and little never as none.
  const edge = text.endsWith('%') && want > 0 && want < 1 && (value === 0.001 || value === 0.999);
  assert.ok(Math.abs(value - want) <= (edge ? 0.001 : off), `${what}: the page shows ${text}, the API has ${want}`);
};
const change = (text, now, before, what) => {
  if (text === '–') return assert.ok(!before, `${what}: no change from ${before}`);
  const grown = Math.abs(now - before) / before;
  // From ten times as much on, how many times that is.
  const times = text.match(/([\d,]+)×$/);
  if (times) return assert.equal(Number(times[1].replaceAll(',', '')), Math.round(now / before), `${what}: change`);
  agree(text.match(/[\d.,]+%$/)[0], grown, `${what}: change`);
};

const read = (page) => page.$$eval('main section', (sections) => {
  const clean = (text) => text.replaceAll('\u00a0', ' ').trim();
  const text = (node) => clean(node.textContent);
  const cells = (row) => [...row.querySelectorAll('td')].map(text);
  return sections.map((section) => ({
    id: section.id,
    links: Object.fromEntries([...section.querySelectorAll('.links a')].map((a) => [text(a), a.getAttribute('href')])),
    missing: Boolean(section.querySelector('.missing')),
    heads: [...section.querySelectorAll('thead th')].slice(1).map(text),
    rows: [
      ...[...section.querySelectorAll('pre')].flatMap((pre) => pre.textContent.split('\n').map((line) => {
        const [from, ...cells] = line.split(/ {2,}/).map(clean);
        return { from: from.length === 10 ? `${from}T00:00:00Z` : from, cells };
      })),
      ...[...section.querySelectorAll('tbody tr')].map((row) => ({
        name: text(row.querySelector('th .name') ?? row.querySelector('th')),
        href: row.querySelector('th a')?.getAttribute('href'),
        from: row.dataset.from,
        cells: cells(row),
      })),
    ],
    round: [...section.querySelectorAll('.round li')].map((li) => text(li.querySelector('b'))),
  }));
});

const at = (timestamp) => timestamp.replace('.000', '');
/// Values by bucket, and by name within.
const byBucket = (points) => {
  const buckets = new Map();
  for (const point of points) buckets.set(at(point.timestamp), [...(buckets.get(at(point.timestamp)) ?? []), point]);
  return buckets;
};

/// Checks the rows of a drawing against one series for each column.
const series = (panel, columns, what) => {
  assert.ok(panel.rows.length > 0, what);
  for (const [i, { from, cells }] of panel.rows.entries()) {
    assert.equal(cells.length, columns.length, what);
    columns.forEach((column, n) => agree(cells[n], column(from, i), `${what} ${from} ${panel.heads[n]}`));
  }
};
/// Checks the columns of a list that are about times: the percentiles of a row's own calls.
const times = async (panel, by, columns, what) => {
  const { values } = await json(other(panel.links.JSON, 'response-times', { by, compare: null, limit: null }));
  const known = new Map(values.map((value) => [value.name, value]));
  for (const { key, cells } of panel.rows) {
    for (const [n, member] of Object.entries(columns)) agree(cells[n], known.get(key)?.[member], `${what} ${key} ${member}`);
  }
};
/// Checks a list by rank: its order, calls, share or change, and failed calls.
const ranked = async (panel, { values, name, by, share, second, failed, columns }, what) => {
  const total = values.reduce((sum, value) => sum + value.calls, 0);
  assert.deepEqual(panel.rows.map(({ key }) => key), values.slice(0, panel.rows.length).map((value) => value[name]), what);
  for (const [i, { key, cells }] of panel.rows.entries()) {
    const value = values[i];
    agree(cells[0], value.calls, `${what} ${key} calls`);
    if (panel.heads[second] === 'Change') change(cells[second], value.calls, value.previous?.calls ?? 0, `${what} ${key}`);
    else if (second) agree(cells[second], share ? share(value) : value.calls / total, `${what} ${key} share`);
    agree(cells[failed], 1 - value.success_rate, `${what} ${key} failed`);
  }
  await times(panel, by, columns, what);
};
const named = (panel, parameter) => panel.rows.forEach((row) => {
  row.key = row.href && parameter ? new URL(row.href, BASE).searchParams.get(parameter) : row.name;
});

const PANELS = {
  async calls(panel, answer, what) {
    const now = byBucket(answer.points);
    if (answer.by === 'tool') {
      const tool = (name) => (from) => now.get(from)?.find((point) => point.name === name)?.value ?? 0;
      return series(panel, panel.heads.map(tool), what);
    }
    const columns = [(from) => now.get(from)[0].value];
    // The earlier hours may be a bucket shorter or longer.
    if (answer.comparison) columns.push((_, i) => answer.comparison.points[i]?.value ?? 0);
    series(panel, columns, what);
    assert.equal(panel.rows.length, answer.points.length, what);
  },
  async tools(panel, { tools }, what) {
    named(panel);
    await ranked(panel, { values: tools, name: 'name', by: 'tool', second: 1, failed: 3, columns: { 4: 'p50_ms', 5: 'p95_ms' } }, what);
  },
  async 'by-tool'(panel, { values }, what) {
    named(panel);
    const slowest = values.filter(({ p95_ms }) => p95_ms !== null).sort((a, b) => b.p95_ms - a.p95_ms || (a.name < b.name ? -1 : 1));
    assert.deepEqual(panel.rows.map(({ key }) => key), slowest.slice(0, panel.rows.length).map(({ name }) => name), what);
    await times(panel, 'tool', { 0: 'p95_ms', 1: 'p50_ms', 2: 'p99_ms', 3: 'avg_ms', 4: 'timed' }, what);
  },
  async times(panel, { measure, points }, what) {
    const now = byBucket(points);
    series(panel, ['p50_ms', 'p95_ms', 'p99_ms'].map((member) => (from) => now.get(from)[0][member]), what);
    points.forEach((point) => assert.equal(point.value, point[measure], what));
  },
  async spread(panel, { ranges }, what) {
    assert.equal(panel.rows.length, ranges.length, what);
    panel.rows.forEach(({ cells }, i) => {
      agree(cells[0], ranges[i].calls, `${what} up to ${ranges[i].up_to_ms}`);
      agree(cells[1], ranges[i].share, `${what} up to ${ranges[i].up_to_ms}`);
    });
  },
  async cache(panel, { points }, what) {
    const now = byBucket(points);
    series(panel, [(from) => now.get(from)[0].value], what);
  },
  async services(panel, { values }, what) {
    named(panel, 'service');
    await ranked(panel, { values, name: 'value', by: 'service', failed: 1, columns: { 2: 'p50_ms', 3: 'p95_ms' } }, what);
    const rest = values.slice(5).reduce((sum, { share }) => sum + share, 0);
    const shares = [...values.slice(0, 5).map(({ share }) => share), ...(rest ? [rest] : [])];
    panel.round.forEach((text, i) => agree(text, shares[i], `${what} share`));
  },
  async rate(panel, { points }, what) {
    const now = byBucket(points);
    const count = (from, status) => now.get(from)?.find(({ name }) => name === status)?.value ?? 0;
    const failed = (from) => count(from, 'error');
    series(panel, [(from) => failed(from) / (failed(from) + count(from, 'success')) || 0, failed], what);
  },
  async outcomes(panel, { points }, what) {
    const sum = (status) => points.filter(({ name }) => name === status).reduce((sum, { value }) => sum + value, 0);
    const counts = [sum('success'), sum('error')];
    panel.round.forEach((text, i) => {
      const [, calls, share] = text.match(/^(.*) \((.*)\)$/);
      agree(calls, counts[i], what);
      agree(share, counts[i] / (counts[0] + counts[1]), what);
    });
  },
  async errors(panel, { errors }, what) {
    named(panel);
    assert.deepEqual(panel.rows.map(({ key }) => key), errors.slice(0, panel.rows.length).map(({ type }) => type), what);
    const checks = {
      Calls: (cell, { count }) => agree(cell, count, what),
      Change: (cell, { count, previous_count }) => change(cell, count, previous_count, what),
      Share: (cell, { percentage }) => agree(cell, percentage, what),
      Tools: (cell, { affected_tools: [first, ...more] }) => assert.equal(cell, more.length ? `${first} +${more.length}` : first, what),
      Versions: (cell, { affected_versions }) => agree(cell, affected_versions.length, what),
    };
    panel.rows.forEach(({ cells }, i) => panel.heads.forEach((head, n) => checks[head](cells[n], errors[i])));
  },
  async versions(panel, { values }, what) {
    named(panel, 'version');
    await ranked(panel, { values, name: 'value', by: 'version', share: ({ share }) => share, second: 1, failed: 2, columns: { 3: 'p50_ms', 4: 'p95_ms' } }, what);
  },
  async adoption(panel, { points }, what) {
    const now = byBucket(points);
    const all = (from) => (now.get(from) ?? []).reduce((sum, { value }) => sum + value, 0);
    const first = panel.heads.filter((name) => name !== 'others');
    const of = (name) => (from) => (now.get(from) ?? []).filter((point) => (name === 'others' ? !first.includes(point.name) : point.name === name)).reduce((sum, { value }) => sum + value, 0) / all(from) || 0;
    series(panel, panel.heads.map(of), what);
  },
  async countries(panel, { values }, what) {
    named(panel, 'country');
    await ranked(panel, { values, name: 'value', by: 'country', share: ({ share }) => share, second: 1, failed: 2, columns: { 3: 'p50_ms' } }, what);
  },
  async week(panel, { points, grain }, what) {
    assert.equal(grain, 'hour');
    const sums = Array.from({ length: 7 }, () => Array(12).fill(0));
    for (const { timestamp, value } of points) {
      const hour = new Date(timestamp);
      sums[(hour.getUTCDay() + 6) % 7][Math.floor(hour.getUTCHours() / 2)] += value;
    }
    const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
    panel.rows.forEach(({ name, cells }) => cells.forEach((text, block) => agree(text, sums[days.indexOf(name)][block], `${what} ${name} ${block}`)));
  },
  // Its numbers are those of the list below it.
  async map() {},
};

/// The key figures, from an address of the API for the same calls.
const FIGURES = {
  Calls: ({ calls }) => calls,
  Succeeded: ({ calls, failed }) => 1 - failed / calls,
  'Median time': ({ p50_ms }) => p50_ms,
  'Slowest 5%': ({ p95_ms }) => p95_ms,
  'Slowest 1%': ({ p99_ms }) => p99_ms,
  'Mean time': ({ avg_ms }) => avg_ms,
  'Calls with a time': ({ timed }) => timed,
  'Failed calls': ({ failed }) => failed,
  'Error rate': ({ calls, failed }) => failed / calls,
  'Kind named': ({ failed, named }) => named / failed,
};
const figures = async (page, link, what) => {
  const all = { by: 'none', compare: null, measure: null };
  const { values: [total] } = await json(other(link, 'response-times', all));
  const { values: statuses } = await json(other(link, 'response-times', { ...all, by: 'status' }));
  const { errors = [] } = await json(other(link, 'errors', { by: null, compare: null, measure: null }));
  const named = errors.reduce((sum, { count }) => sum + count, 0);
  const known = { ...total, failed: statuses.find(({ name }) => name === 'error')?.calls ?? 0, named };
  const shown = await page.$$eval('.figures > div', (divs) => divs.map((div) => ['dt', 'b'].map((name) => div.querySelector(name).textContent.replaceAll('\u00a0', ' '))));
  for (const [term, text] of shown) {
    const of = FIGURES[term] ?? assert.fail(`${what}: nothing here knows "${term}"`);
    agree(text.replace('over ', ''), total ? of(known) : 0, `${what} ${term}`);
  }
};

for (const path of PAGES) {
  for (const question of QUESTIONS) {
    test(`${path}?${question}`, async () => {
      const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
      const answer = await page.goto(`${BASE}${path}?${question}`);
      assert.equal(answer.status(), 200);
      const panels = await read(page);
      await figures(page, panels[0].links.JSON, `${path}?${question}`);
      for (const panel of panels) {
        const what = `${path}?${question} #${panel.id}`;
        const check = PANELS[panel.id] ?? assert.fail(`${what}: nothing here knows this panel`);
        const { JSON: link, CSV } = panel.links;
        assert.ok(link && CSV, `${what}: it has links`);
        const got = await json(link);
        if (panel.missing) {
          // Nothing to show, or nothing that can be told.
          assert.ok(got.status === 400 || list(got).every(({ calls, value, name }) => !calls && (value === null || value === 0 || name)), what);
          continue;
        }
        // The API may answer more than the page has room for, and in both forms the same.
        const rows = await table(CSV);
        assert.equal(rows.length, list(got).length, `${what}: rows of the CSV`);
        rows.forEach((row, i) => Object.entries(row).forEach(([member, text]) => {
          const want = list(got)[i][member];
          if (typeof want === 'number') assert.ok(Math.abs(Number(text) - want) <= Math.abs(want) * 1e-9, `${what}: ${member} in the CSV is ${text}, in the JSON ${want}`);
          else if (typeof want === 'string') assert.equal(text, want, what);
        }));
        await check(panel, got, what);
      }
      await page.context().close();
    });
  }
}
