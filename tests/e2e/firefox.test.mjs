// The core journey in another engine than Chromium: Firefox of the distribution, over WebDriver BiDi.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';

const { BASE, FIREFOX } = process.env;
const skip = FIREFOX ? false : 'there is no Firefox';
const PAGES = ['/', '/tools', '/performance', '/errors', '/versions', '/geography', '/status', '/methodology', '/transparency'];

let browser;
before(async () => {
  if (FIREFOX) browser = await puppeteer.launch({ browser: 'firefox', executablePath: FIREFOX, headless: true });
});
after(() => browser?.close());

/// Opens a page; the end of the test fails for any error in it.
const visit = async (path, width = 1280) => {
  const page = await browser.newPage();
  const wrong = [];
  page.on('console', (message) => ['error', 'warn'].includes(message.type()) && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(String(error)));
  await page.setViewport({ width, height: 900 });
  await page.goto(BASE + path);
  return { page, done: async () => { assert.deepEqual(wrong, [], path); await page.close(); } };
};
const heading = (page) => page.$eval('h1', (h1) => h1.textContent);
const until = (page, address) => page.waitForFunction((address) => location.pathname + location.search === address, {}, address);
const follow = (page, selector) => page.$eval(selector, (link) => link.click());

test('every page is drawn and fits, wide and narrow', { skip }, async () => {
  for (const path of PAGES) {
    for (const width of [1280, 360]) {
      const { page, done } = await visit(path, width);
      const [wide, drawn] = await page.evaluate(() => [
        document.documentElement.scrollWidth - document.documentElement.clientWidth,
        [...document.querySelectorAll('svg.chart')].every((svg) => svg.getBoundingClientRect().height > 40),
      ]);
      assert.ok(wide <= 0, `${path} at ${width}: ${wide} px too wide`);
      assert.ok(drawn, path);
      await done();
    }
  }
});

test('choose, compare, filter, drill down and back', { skip }, async () => {
  const { page, done } = await visit('/');
  const before = await heading(page);
  await follow(page, '#period li:nth-child(2) a');
  await until(page, '/?period=7d');
  await page.waitForFunction((before) => document.querySelector('h1').textContent !== before, {}, before);
  await follow(page, '#compare li:nth-child(2) a');
  await until(page, '/?period=7d&compare=previous');
  await page.waitForSelector('.figures .change');
  await follow(page, '#versions tbody a');
  await page.waitForSelector('.chip');
  await page.goBack();
  await until(page, '/?period=7d&compare=previous');
  await page.waitForFunction(() => !document.querySelector('.chip'));
  await follow(page, '#tools tbody a');
  await page.waitForFunction(() => location.pathname.startsWith('/tools/'));
  assert.match(await heading(page), /get_/);
  await done();
});

test('keys read a chart and zoom into it', { skip }, async () => {
  const { page, done } = await visit('/');
  await page.focus('#calls .plot');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  assert.match(await page.$eval('#calls .read', (read) => read.textContent), /: [\d,]+$/);
  await page.keyboard.down('Shift');
  for (const _ of [1, 2, 3]) await page.keyboard.press('ArrowRight');
  await page.keyboard.up('Shift');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.search.startsWith('?from=') && document.querySelectorAll('#calls tbody tr').length === 4);
  await done();
});
