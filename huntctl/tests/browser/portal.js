// The portal by itself and inside of pages of other origins.
'use strict';

const assert = require('node:assert/strict');
const { LOOKS, good, sheets, watched } = require('./tools.js');

const jsonOf = (url) => url.replace('?', '.json?');

async function axe_finds_nothing_on_the_portal(browser, { portal, expired }) {
  for (const look of LOOKS) {
    await watched(
      browser,
      look,
      async (page) => {
        await good(page, portal);
        await good(page, expired, 403);
      },
      [/status of 403/],
    );
  }
}

async function a_link_says_why_it_opens_nothing(browser, { portal, expired }) {
  return watched(
    browser,
    {},
    async (page) => {
      await page.goto(expired);
      assert.match(await page.textContent('main'), /has expired/);
      await page.goto(portal.replace('account=', 'account=9'));
      assert.match(await page.textContent('main'), /is not valid/);
      await page.goto(portal);
      assert.ok((await sheets(page)) <= 2);
    },
    [/status of 403/],
  );
}

async function a_listed_page_shows_and_reads_it(browser, { friend, portal }) {
  return watched(browser, {}, async (page) => {
    await page.goto(`${friend}/`);
    const frame = page.frames()[1];
    await frame.waitForSelector('h1');
    assert.match(await frame.textContent('main'), /Open incidents/);
    const told = await page.evaluate((url) => fetch(url).then((it) => it.json()), jsonOf(portal));
    assert.equal(told.organization.name, await frame.textContent('h1'));
    assert.equal(await frame.evaluate(() => document.referrer), `${friend}/`);
  });
}

async function another_page_does_not(browser, { stranger, portal }) {
  const expected = [/frame-ancestors/, /CORS policy/, /ERR_BLOCKED_BY_RESPONSE/, /ERR_FAILED/];
  return watched(
    browser,
    {},
    async (page) => {
      await page.goto(`${stranger}/`);
      await page.waitForTimeout(500);
      for (const frame of page.frames().slice(1)) {
        assert.match(frame.url(), /^chrome-error:/);
        assert.doesNotMatch(await frame.content(), /Open incidents/);
      }
      const read = (url) => fetch(url).then(() => 'read', () => 'refused');
      assert.equal(await page.evaluate(read, jsonOf(portal)), 'refused');
    },
    expected,
  );
}

module.exports = {
  axe_finds_nothing_on_the_portal,
  a_link_says_why_it_opens_nothing,
  a_listed_page_shows_and_reads_it,
  another_page_does_not,
};
