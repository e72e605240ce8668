// The pages in a real browser, against a server full of made-up events (BASE) and an empty one
// (EMPTY). Run by tests/it/browser.rs, which starts the servers and says where they are.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const { BASE, EMPTY, CHROMIUM, SHOTS } = process.env;
/// share.url of the server.
const PUBLIC = 'https://stats.example.org';
const PAGES = ['/', '/tools', '/tools/get_forecast', '/performance', '/errors', '/versions', '/geography', '/status', '/methodology', '/transparency'];
const AXE = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
// Nothing may leave the machine, and nothing but the page may be asked for.
const ARGS = ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

let browser, large;
before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  // As for a reader who has set text to twice its usual size.
  large = await chromium.launch({ executablePath: CHROMIUM, args: [...ARGS, '--blink-settings=defaultFontSize=32'] });
});
after(async () => {
  await browser?.close();
  await large?.close();
});

/// Opens a page and fails the test for any error in it, any violation of its policy, and any request
/// to somewhere else.
const visit = async (path, options = {}, base = BASE, which = browser) => {
  const context = await which.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const seen = { requests: [], wrong: [] };
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && seen.wrong.push(message.text()));
  page.on('pageerror', (error) => seen.wrong.push(String(error)));
  await page.goto(base + path, { waitUntil: 'load' });
  const check = () => {
    assert.deepEqual(seen.wrong, [], `${path}: errors`);
    assert.deepEqual(seen.requests.filter((url) => !url.startsWith(base + '/')), [], `${path}: foreign requests`);
  };
  return { page, context, seen, done: async () => { check(); await context.close(); } };
};

const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

for (const path of PAGES) {
  describe(path, () => {
    for (const colorScheme of ['light', 'dark']) {
      test(`has no violation of WCAG 2.2 AA in ${colorScheme}`, async () => {
        const { page, done } = await visit(path, { colorScheme });
        await page.evaluate(() => document.querySelectorAll('details').forEach((details) => { details.open = true; }));
        const { violations } = await new AxeBuilder({ page }).withTags(AXE).analyze();
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html, nodes[0].failureSummary]), []);
        await done();
      });
    }

    test('fits 320 px, and text of twice the size', async () => {
      for (const [which, width] of [[browser, 320], [browser, 640], [large, 1280], [large, 640]]) {
        const { page, done } = await visit(path, { viewport: { width, height: 800 } }, BASE, which);
        assert.ok(await sideways(page) <= 0, `${width} px${which === large ? ' with large text' : ''}: ${await sideways(page)} px too wide`);
        await done();
      }
    });

    test('is whole without script', async () => {
      const { page, done } = await visit(path, { javaScriptEnabled: false });
      assert.equal(await page.locator('h1').count(), 1);
      for (const figure of await page.locator('figure').all()) {
        assert.equal(await figure.locator('svg[role=img]').count(), 1);
        assert.ok(await figure.locator('table tbody tr').count() > 0, 'the table is there');
      }
      await done();
    });

    test('keeps within its budget', async () => {
      const { page, seen, done } = await visit(path);
      assert.ok(seen.requests.length <= 4, seen.requests.join(' '));
      const sizes = await page.evaluate(() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).map((entry) => [entry.name, entry.encodedBodySize]));
      const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
      assert.ok(bytes > 1000 && bytes <= 45 * 1024, `${bytes} bytes: ${JSON.stringify(sizes)}`);
      const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
      assert.ok(nodes <= 1500, `${nodes} elements`);
      const shift = await page.evaluate(() => new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.value; })).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(sum), 100);
      }));
      assert.ok(shift < 0.01, `the layout moved by ${shift}`);
      await done();
    });

    test('reads with forced colours and without motion', async () => {
      const { page, done } = await visit(path, { forcedColors: 'active', reducedMotion: 'reduce' });
      assert.ok(await page.locator('h1').isVisible());
      for (const line of await page.locator('.chart .line.s0').all()) {
        const [stroke, ground] = await line.evaluate((line) => [getComputedStyle(line).stroke, getComputedStyle(document.body).backgroundColor]);
        assert.notEqual(stroke, ground);
      }
      await done();
    });

    test('prints dark on white, and whole', async () => {
      // As wide as A4 between its margins.
      const { page, done } = await visit(path, { viewport: { width: 718, height: 1000 }, colorScheme: 'dark' });
      await page.emulateMedia({ media: 'print' });
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).getPropertyValue('color')), 'rgb(27, 36, 34)');
      const cut = await page.$$eval('.scroll', (boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.textContent.slice(0, 60)));
      assert.deepEqual(cut, []);
      assert.ok(await sideways(page) <= 0);
      await done();
    });

    if (SHOTS) {
      test('is looked at', async () => {
        for (const [width, colorScheme] of [[1280, 'light'], [1280, 'dark'], [360, 'light'], [360, 'dark']]) {
          const { page, done } = await visit(path, { viewport: { width, height: 900 }, colorScheme });
          const name = path.replaceAll('/', '_').replace(/^_/, '') || 'overview';
          await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true });
          await done();
        }
      });
    }
  });
}

describe('numbers', () => {
  const digits = (text) => Number(text.replaceAll(/[^\d.-]/g, ''));
  for (const query of ['period=30d', 'period=7d&tool=get_forecast', 'period=90d&group=week', 'period=24h', 'period=90d&version=1.23.0']) {
    test(`on the page are those of the API and of its CSV: ${query}`, async () => {
      const { page, done } = await visit(`/?${query}`, { javaScriptEnabled: false });
      const shown = await page.locator('#tools tbody tr').evaluateAll((rows) => rows.map((row) => [row.querySelector('th .name').textContent, row.querySelector('td').textContent]));
      const { tools } = await (await fetch(`${BASE}/v1/stats/tools?${query}`)).json();
      assert.ok(tools.length > 0);
      assert.deepEqual(shown.map(([name, calls]) => [name, digits(calls)]), tools.map(({ name, calls }) => [name, calls]));
      const answer = await fetch(`${BASE}/v1/stats/tools.csv?${query}`);
      const [head, ...rows] = (await answer.text()).trim().split(/\r?\n/).map((line) => line.split(','));
      const [name, calls] = [head.indexOf('name'), head.indexOf('calls')];
      assert.deepEqual(rows.map((row) => [row[name], Number(row[calls])]), tools.map((tool) => [tool.name, tool.calls]));
      await done();
    });
  }
});

describe('journeys', () => {
  for (const javaScriptEnabled of [true, false]) {
    test(`filter, compare, drill down and back ${javaScriptEnabled ? 'with' : 'without'} script`, async () => {
      const { page, done } = await visit('/', { javaScriptEnabled });
      const heading = () => page.locator('h1').innerText();
      const all = await heading();
      await page.click('#period a:text-is("7 d")');
      await page.waitForURL('**/?period=7d');
      assert.notEqual(await heading(), all);
      await page.click('#compare a:text-is("Period before")');
      await page.waitForURL('**/?period=7d&compare=previous');
      await page.waitForSelector('.before');
      assert.ok(await page.locator('.figures .change').count() > 0);
      await page.click('#versions tbody a >> nth=0');
      await page.waitForURL('**/?period=7d&compare=previous&version=*');
      await page.waitForSelector('.chip');
      const address = page.url();
      await page.click('.chip');
      await page.waitForURL('**/?period=7d&compare=previous');
      await page.goBack();
      await page.waitForURL(address);
      await page.waitForSelector('.chip');
      await page.click('#tools tbody a >> nth=0');
      await page.waitForURL('**/tools/*?period=7d&compare=previous&version=*');
      assert.match(await heading(), /get_/);
      await page.click('.crumb a');
      await page.waitForURL('**/tools?period=7d&compare=previous&version=*');
      await done();
    });
  }

  test('dates of the form are a range, and what is left empty is not asked', async () => {
    const { page, done } = await visit('/', { javaScriptEnabled: false });
    await page.click('#more summary');
    const day = (back) => new Date(Date.now() - back * 86400000).toISOString().slice(0, 10);
    await page.fill('[name=from]', day(10));
    await page.fill('[name=to]', day(5));
    await page.selectOption('[name=status]', 'error');
    await page.click('#more button');
    assert.match(await page.locator('h1').innerText(), /calls from/);
    assert.equal(await page.locator('.chip').textContent(), 'status error ×: remove this filter');
    assert.match(await page.locator('link[rel=canonical]').getAttribute('href'), new RegExp(`^${PUBLIC}/\\?from=${day(10)}T00:00:00Z&to=${day(5)}T00:00:00Z&status=error$`));
    await done();
  });

  test('keys read a chart, choose a range and zoom into it', async () => {
    const { page, done } = await visit('/');
    await page.focus('#calls .plot');
    await page.keyboard.press('Home');
    const said = () => page.locator('#calls .read').innerText();
    const first = await page.locator('#calls tbody tr th').first().textContent();
    assert.ok((await said()).startsWith(`${first}: `), await said());
    await page.keyboard.press('ArrowRight');
    for (const _ of [1, 2, 3]) await page.keyboard.press('Shift+ArrowRight');
    assert.match(await said(), / to .*Enter shows only this/);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\?from=.*&to=/);
    await page.waitForFunction(() => document.querySelectorAll('#calls tbody tr').length === 4);
    await page.goBack();
    await page.waitForURL(BASE + '/');
    await page.waitForFunction(() => document.querySelectorAll('#calls tbody tr').length === 30);
    await done();
  });

  test('a pointer reads a chart, and drags a range', async () => {
    const { page, done } = await visit('/');
    const box = await page.locator('#calls .chart').boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
    assert.match(await page.locator('#calls .read').innerText(), /: [\d,]+/);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/\?from=.*&to=/);
    await done();
  });

  test('lines can be switched off', async () => {
    const { page, done } = await visit('/tools');
    const line = page.locator('#calls .line.s1').first();
    assert.ok(await line.isVisible());
    await page.click('#calls .legend button >> nth=1');
    assert.ok(!await line.isVisible());
    assert.equal(await page.getAttribute('#calls .legend button >> nth=1', 'aria-pressed'), 'false');
    await done();
  });

  test('everything is reached by keyboard, and the focus is seen', async () => {
    const { page, done } = await visit('/');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the numbers');
    const reached = new Set();
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const { name, outline } = await page.evaluate(() => ({ name: document.activeElement.getAttribute('href') || document.activeElement.className, outline: getComputedStyle(document.activeElement).outlineStyle }));
      assert.notEqual(outline, 'none', name);
      reached.add(name);
    }
    for (const wanted of ['/tools', '/?period=7d', 'plot']) assert.ok(reached.has(wanted), `${wanted}: ${[...reached].join(' ')}`);
    await done();
  });

  test('new numbers are fetched when somebody wants it, and the choice is remembered', async () => {
    const { page, seen, done } = await visit('/');
    await page.click('.live');
    await page.waitForFunction(() => document.querySelector('.live').textContent === 'Pause refreshing');
    await page.reload();
    assert.equal(await page.locator('.live').innerText(), 'Pause refreshing');
    assert.ok(seen.requests.length > 4);
    await done();
    const status = await visit('/status');
    assert.equal(await status.page.locator('.live').innerText(), 'Pause refreshing');
    await status.done();
  });

  test('without a connection old numbers stay and say how old they are', async () => {
    const { page, context } = await visit('/');
    const heading = await page.locator('h1').innerText();
    await context.setOffline(true);
    await page.waitForSelector('#notice button');
    assert.match(await page.locator('#notice').innerText(), /offline.*These numbers are from \d\d:\d\d/s);
    assert.equal(await page.locator('h1').innerText(), heading);
    await context.setOffline(false);
    await page.waitForFunction(() => document.querySelector('#notice').childNodes.length === 0);
    await context.close();
  });

  test('an open table and the focus survive a refresh', async () => {
    const { page, done } = await visit('/');
    await page.click('#calls details summary');
    await page.focus('#period a >> nth=1');
    const answer = page.waitForResponse((response) => response.url() === BASE + '/');
    await page.keyboard.press('r');
    await answer;
    assert.ok(await page.locator('#calls details table').isVisible());
    assert.equal(await page.evaluate(() => document.activeElement.textContent), '7 d');
    await done();
  });

  test('keys are listed, and can be switched off', async () => {
    const { page, done } = await visit('/');
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    await page.uncheck('#keys-on');
    await page.click('dialog button');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.keyboard.press('2');
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    assert.equal(page.url(), BASE + '/');
    await page.check('#keys-on');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.keyboard.press('2');
    await page.waitForURL('**/?period=7d');
    await done();
  });

  test('every address is its own canonical form', async () => {
    for (const path of ['/?period=7d', '/?period=90d&group=week&tool=get_forecast', '/errors?period=7d&compare=previous', '/tools/get_alerts?period=24h&level=standard']) {
      const { page, done } = await visit(path, { javaScriptEnabled: false });
      assert.equal(await page.locator('link[rel=canonical]').getAttribute('href'), PUBLIC + path);
      await done();
    }
  });

  test('a chart is announced with its name, its sentence and its numbers', async () => {
    const { page, done } = await visit('/', { javaScriptEnabled: false });
    const snapshot = await page.locator('#calls').ariaSnapshot();
    assert.match(snapshot, /heading "Calls per day" \[level=2\]/);
    assert.match(snapshot, /img "Calls per day"/);
    const described = await page.locator('#calls svg[role=img]').evaluate((svg) => document.getElementById(svg.getAttribute('aria-describedby')).textContent);
    assert.match(described, /^Between [\d,]+ and [\d,]+.calls a day: the most on/);
    await done();
  });

  for (const javaScriptEnabled of [true, false]) {
    test(`an event is tried ${javaScriptEnabled ? 'with' : 'without'} script, by keyboard`, async () => {
      const { page, seen, done } = await visit('/transparency', { javaScriptEnabled, viewport: { width: 320, height: 800 } });
      assert.equal(await page.locator('script').count(), 0, 'people paste into this page');
      await page.focus('#event');
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Show what would happen');
      await page.keyboard.press('Enter');
      await page.waitForSelector('#event-0');
      assert.equal(await page.locator('h1').innerText(), 'It would be stored.');
      const row = await page.locator('#event-0 tbody tr').evaluateAll((rows) => Object.fromEntries(rows.map((row) => [...row.children].map((cell) => cell.textContent))));
      assert.deepEqual([row.tool, row.parameters, row.mood], ['get_forecast', '{"days":7}', undefined]);
      await page.fill('#event', '{"tool":"get_alerts","note":"jo.doe@example.org"}');
      await page.click('.trial button');
      await page.waitForSelector('text=It would be refused.');
      assert.match(await page.locator('#event-0').innerText(), /EMAIL/);
      assert.ok(!(await page.content()).includes('jo.doe'), 'what was found is not repeated');
      assert.ok(await sideways(page) <= 0, `${await sideways(page)} px too wide`);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        if (!javaScriptEnabled) continue;
        const { violations } = await new AxeBuilder({ page }).withTags(AXE).analyze();
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html, nodes[0].failureSummary]), []);
      }
      if (SHOTS && javaScriptEnabled) {
        await page.screenshot({ path: `${SHOTS}/refused-320.png`, fullPage: true });
        await page.goBack();
        await page.setViewportSize({ width: 1280, height: 900 });
        await page.screenshot({ path: `${SHOTS}/stored-1280.png`, fullPage: true });
      }
      assert.ok(seen.requests.length > 0);
      await done();
    });
  }

  test('an empty installation says how to send the first event', async () => {
    const { page, context } = await visit('/', {}, EMPTY);
    assert.match(await page.locator('main').innerText(), /curl .*\/v1\/events/);
    const { violations } = await new AxeBuilder({ page }).withTags(AXE).analyze();
    assert.deepEqual(violations.map(({ id }) => id), []);
    await context.close();
  });

  test('a part in a frame keeps its colours and shows itself only', async () => {
    const { page, done } = await visit('/embed/calls?period=7d&theme=dark');
    assert.equal(await page.locator('h2').innerText(), 'Calls per day');
    assert.equal(await page.locator('nav').count(), 0);
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
    await done();
  });
});
