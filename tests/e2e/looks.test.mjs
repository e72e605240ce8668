// How charts are read out, and what pages look like, against files that somebody looked at. The server at
// FIXED holds the same events whenever and wherever this runs. UPDATE_LOOKS=1 writes the files anew.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const { BASE, CHROMIUM, FIXED, SOURCE, UPDATE_LOOKS } = process.env;
const RANGE = 'from=2026-08-12&to=2026-08-20';
/// One panel for each kind of drawing.
const CHARTS = {
  'line-compared': ['/', `${RANGE}&compare=previous`, '#calls'],
  lines: ['/tools', RANGE, '#calls'],
  band: ['/performance', RANGE, '#times'],
  histogram: ['/performance', RANGE, '#spread'],
  stack: ['/versions', RANGE, '#adoption'],
  ring: ['/errors', RANGE, '#outcomes'],
  map: ['/geography', RANGE, '#map'],
  bars: ['/', RANGE, '#tools'],
};
const LOOKS = { overview: '/', performance: '/performance', versions: '/versions' };
/// Most pixels of a picture, as a share, that may differ from those of the file by more than SLIGHT in a
/// colour (0 to 255): drawing text is not the same to the last bit in every version of the browser.
const MOST = 0.005;
const SLIGHT = 32;

let browser;
before(async () => { browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--font-render-hinting=none'] }); });
after(() => browser?.close());

/// The file of that name; what it should be, when files are written anew or it is not there yet.
const golden = async (name, now) => {
  if (UPDATE_LOOKS) {
    await mkdir(new URL('.', `file://${SOURCE}/${name}`), { recursive: true });
    await writeFile(`${SOURCE}/${name}`, now);
    return now;
  }
  return readFile(new URL(name, import.meta.url)).catch(() => assert.fail(`${name} is not there: run this with UPDATE_LOOKS=1 and look at it`));
};

for (const [kind, [path, question, panel]] of Object.entries(CHARTS)) {
  test(`a ${kind} is read out as written down`, async () => {
    const page = await browser.newPage();
    await page.goto(`${FIXED}${path}?${question}`);
    const now = await page.locator(panel).ariaSnapshot() + '\n';
    assert.equal(now, String(await golden(`aria/${kind}.yml`, now)));
    await page.close();
  });
}

// Hours are told apart for the last weeks only, so this one is of the server at BASE, whose events are as
// old as the run: what changes with the day is left out.
test('a heat map is read out as written down', async () => {
  const page = await browser.newPage();
  await page.goto(`${BASE}/`);
  const read = await page.locator('#week').ariaSnapshot() + '\n';
  const now = read.replace(/\d[\d,.]*[kM]?/g, '0').replace(/on [A-Z]\w+day at/, 'on a day at').replace(/from 0 [A-Z]\w+ 0 on/, 'from a date on').replace(/timeseries.*/g, 'timeseries...');
  assert.equal(now, String(await golden('aria/heat.yml', now)));
  await page.close();
});

/// How wide each family of the pages draws a line: other fonts, other widths.
const fonts = async () => {
  const page = await browser.newPage();
  await page.goto(FIXED);
  const widths = await page.evaluate(() => ['--sans', '--serif', '--mono'].map((family) => {
    const context = document.createElement('canvas').getContext('2d');
    context.font = `16px ${getComputedStyle(document.documentElement).getPropertyValue(family) || 'sans-serif'}`;
    return context.measureText('Calls a day, 0123456789: the quick brown fox').width.toFixed(1);
  }));
  await page.close();
  return widths.join(' ') + '\n';
};

/// The share of pixels that are different.
const difference = async (one, other) => {
  const page = await browser.newPage();
  const share = await page.evaluate(async ({ pictures, slight }) => {
    const [a, b] = await Promise.all(pictures.map(async (png) => {
      const image = new Image();
      image.src = `data:image/png;base64,${png}`;
      await image.decode();
      const { width, height } = image;
      const context = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d');
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, width, height);
    }));
    if (a.width !== b.width || a.height !== b.height) return 1;
    let differ = 0;
    for (let i = 0; i < a.data.length; i += 4) {
      if ([0, 1, 2].some((colour) => Math.abs(a.data[i + colour] - b.data[i + colour]) > slight)) differ += 1;
    }
    return differ * 4 / a.data.length;
  }, { pictures: [one, other].map((png) => png.toString('base64')), slight: SLIGHT });
  await page.close();
  return share;
};

for (const [name, path] of Object.entries(LOOKS)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${name} looks as it did in ${colorScheme}`, async (t) => {
      const widths = await fonts();
      if (String(await golden('looks/fonts.txt', widths)) !== widths) return t.skip('the pictures were made with other fonts than this machine has');
      const page = await browser.newPage({ colorScheme, reducedMotion: 'reduce', viewport: { width: 1000, height: 760 } });
      await page.goto(`${FIXED}${path}?${RANGE}`);
      const now = await page.screenshot();
      const share = await difference(await golden(`looks/${name}-${colorScheme}.png`, now), now);
      if (share > MOST) await writeFile(new URL(`${name}-${colorScheme}-now.png`, import.meta.url), now);
      assert.ok(share <= MOST, `${(share * 100).toFixed(2)}% of the pixels differ; ${name}-${colorScheme}-now.png beside this test is what it looks like now`);
      await page.close();
    });
  }
}
