// What people do: drill, sort, search, use the keyboard, log in and out.
'use strict';

const assert = require('node:assert/strict');
const { LOOKS, good, watched } = require('./tools.js');

async function one_drills_from_the_overview_to_an_incident(browser, { open }) {
  return watched(browser, {}, async (page) => {
    await page.goto(`${open}/`);
    const organizations = page.locator('.listing tbody th a');
    if ((await organizations.count()) === 0) return 'the overview has no links yet';
    const name = await organizations.first().textContent();
    await organizations.first().click();
    assert.equal((await page.locator('h1').textContent()).trim(), name.trim());
    const incidents = page.locator('main a[href*="/incidents/"]');
    if ((await incidents.count()) === 0) return 'an organization has no links to incidents';
    await incidents.first().click();
    assert.match(page.url(), /incidents\/.*\d/);
    // And back by the pages above.
    await page.locator('nav[aria-label="Above"] a').last().click();
    await page.goBack();
    assert.match(page.url(), /incidents\/.*\d/);
    return undefined;
  });
}

async function one_sorts_a_table(browser, { open }) {
  return watched(browser, {}, async (page) => {
    await page.goto(`${open}/`);
    const texts = () =>
      page.$$eval('.listing tbody tr', (all) => all.map((it) => it.cells[0].textContent.trim()));
    const head = page.locator('.listing thead th').first();
    await head.locator('a').click();
    const once = await texts();
    const first = await head.getAttribute('aria-sort');
    await head.locator('a').click();
    const twice = await texts();
    const second = await head.getAttribute('aria-sort');
    assert.deepEqual([first, second].sort(), ['ascending', 'descending']);
    assert.notDeepEqual(once, twice);
    const up = first === 'ascending' ? once : twice;
    const sorted = [...up].sort((a, b) => a.localeCompare(b, 'en', { sensitivity: 'base' }));
    assert.deepEqual(up, sorted);
  });
}

async function one_searches_a_table(browser, { open }) {
  return watched(browser, {}, async (page) => {
    await page.goto(`${open}/`);
    const rows = page.locator('.listing tbody tr');
    const before = await rows.count();
    const name = (await rows.first().locator('th, td').first().textContent()).trim();
    await page.fill('input[type=search]', name);
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=/);
    const found = await rows.count();
    assert.ok(found >= 1 && found < before, `${found} of ${before} for ${name}`);
    await page.fill('input[type=search]', '"><img src=x onerror=alert(1)>');
    await page.keyboard.press('Enter');
    await page.waitForURL(/onerror/);
    assert.equal(await rows.count(), 0);
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.inputValue('input[type=search]'), '"><img src=x onerror=alert(1)>');
  });
}

async function a_keyboard_is_enough(browser, { open }) {
  return watched(browser, {}, async (page) => {
    await page.goto(`${open}/`);
    const focused = () =>
      page.evaluate(() => {
        const it = document.activeElement;
        const style = getComputedStyle(it);
        const box = it.getBoundingClientRect();
        return {
          text: it.textContent.trim().slice(0, 40),
          tag: it.tagName,
          seen:
            box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 &&
            box.top < innerHeight && box.left < innerWidth,
          marked:
            (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) ||
            style.boxShadow !== 'none',
        };
      });
    await page.keyboard.press('Tab');
    const skip = await focused();
    assert.equal(skip.tag, 'A');
    assert.match(skip.text, /skip/i);
    assert.ok(skip.seen && skip.marked, JSON.stringify(skip));
    for (let stop = 0; stop < 25; stop += 1) {
      await page.keyboard.press('Tab');
      const here = await focused();
      if (here.tag === 'BODY') break;
      assert.ok(here.seen && here.marked, JSON.stringify(here));
    }
    await page.goto(`${open}/`);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'MAIN');
  });
}

async function one_logs_in_and_out(browser, { closed, token }) {
  return watched(
    browser,
    {},
    async (page, context) => {
      await page.goto(`${closed}/?q=a`);
      assert.equal(new URL(page.url()).pathname, '/login');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
      await page.fill('#token', 'not the token');
      await page.keyboard.press('Enter');
      await page.waitForSelector('[role=alert]');
      await page.fill('#token', token);
      await page.click('button');
      // Where one wanted to go.
      assert.equal(page.url(), `${closed}/?q=a`);
      const [cookie] = await context.cookies();
      assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Lax', '/']);
      assert.equal(await page.evaluate(() => document.cookie), '');
      await page.click('footer a[href="/logout"]');
      await page.click('button');
      assert.equal(new URL(page.url()).pathname, '/login');
      assert.deepEqual(await context.cookies(), []);
      await page.goto(`${closed}/`);
      assert.equal(new URL(page.url()).pathname, '/login');
    },
    [/status of 401/],
  );
}

async function axe_finds_nothing_at_the_login(browser, { closed, token }) {
  for (const look of LOOKS) {
    await watched(
      browser,
      look,
      async (page) => {
        await good(page, `${closed}/login`);
        await page.fill('#token', token);
        await page.click('button');
        await good(page, `${closed}/logout`);
      },
    );
  }
}

module.exports = {
  one_drills_from_the_overview_to_an_incident,
  one_sorts_a_table,
  one_searches_a_table,
  a_keyboard_is_enough,
  one_logs_in_and_out,
  axe_finds_nothing_at_the_login,
};
