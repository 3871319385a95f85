// Every page of the dashboard that a link leads to.
'use strict';

const assert = require('node:assert/strict');
const { LOOKS, good, sheets, watched } = require('./tools.js');

// What a page is whatever organization it is of, and however its tables are sorted.
const kindOf = (url) => {
  const { pathname, searchParams } = new URL(url);
  const names = [...new Set(searchParams.keys())].sort().join(',');
  return `${pathname.replace(/\d+/g, 'N')}?${names}`;
};

const kinds = new Map();

/// Follows links until no new kind of page comes, and fills `kinds` with one page of each.
async function every_link_leads_to_a_page(browser, { open }) {
  return watched(browser, {}, async (page) => {
    const waiting = [`${open}/`];
    let seen = 0;
    while (waiting.length > 0) {
      const url = waiting.shift();
      const kind = kindOf(url);
      if (kinds.has(kind)) continue;
      seen += 1;
      if (/\.(csv|json)$/.test(new URL(url).pathname)) {
        const answer = await page.request.get(url);
        assert.equal(answer.status(), 200, url);
        kinds.set(kind, null);
        continue;
      }
      const response = await page.goto(url);
      assert.equal(response.status(), 200, url);
      kinds.set(kind, url);
      const links = await page.$$eval('a[href]', (all) => all.map((it) => it.href));
      for (const link of links) {
        assert.ok(link.startsWith(open), `${url} links to ${link}`);
        waiting.push(link.split('#')[0]);
      }
      // A link within a page leads to something of it.
      const within = await page.$$eval('a[href^="#"]', (all) => all.map((it) => it.hash.slice(1)));
      for (const id of within) assert.ok(await page.$(`[id="${id}"]`), `${url}: #${id}`);
    }
    return `${seen} kinds of pages and files`;
  });
}

/// Every page in every look; of pages that differ in what is chosen on them, one look each.
async function axe_finds_nothing_on_any_page(browser, { open }) {
  const urls = [...kinds.values()].filter((url) => url !== null);
  const paths = new Set();
  const wanted = urls.map((url, at) => {
    const path = kindOf(url).split('?')[0];
    const first = !paths.has(path);
    paths.add(path);
    return (look) => (first || at % LOOKS.length === look ? url : null);
  });
  const found = [];
  let looked = 0;
  for (const [number, look] of LOOKS.entries()) {
    await watched(
      browser,
      look,
      async (page) => {
        for (const url of wanted.map((of) => of(number)).filter((it) => it !== null)) {
          await good(page, url).catch((problem) => found.push(problem.message));
          looked += 1;
        }
        await good(page, `${open}/nowhere`, 404);
      },
      [/status of 404/],
    );
  }
  assert.deepEqual(found, []);
  return `${looked} looks at ${paths.size} pages`;
}

async function the_review_is_one_sheet_of_paper(browser) {
  const review = [...kinds.values()].find((url) => url !== null && /review/.test(url));
  if (!review) return 'there is no review page';
  return watched(browser, {}, async (page) => {
    await page.goto(review);
    assert.equal(await sheets(page), 1, review);
    return undefined;
  });
}

async function every_page_prints(browser, { open }) {
  return watched(browser, {}, async (page) => {
    await page.goto(`${open}/`);
    assert.ok((await sheets(page)) >= 1);
    await page.emulateMedia({ media: 'print' });
    const shown = await page.$$eval('nav, form, .skip', (all) =>
      all.filter((it) => it.checkVisibility()).map((it) => it.outerHTML.slice(0, 80)),
    );
    assert.deepEqual(shown, [], 'navigation and forms are not printed');
  });
}

module.exports = {
  every_link_leads_to_a_page,
  axe_finds_nothing_on_any_page,
  the_review_is_one_sheet_of_paper,
  every_page_prints,
};
