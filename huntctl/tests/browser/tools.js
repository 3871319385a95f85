// A page that is watched, and what axe-core says of it.
'use strict';

const fs = require('node:fs');
const assert = require('node:assert/strict');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const LOOKS = ['light', 'dark'].flatMap((colorScheme) =>
  [WIDE, NARROW].map((viewport) => ({ colorScheme, viewport })),
);

/// Opens a window for the length of `use`, which gets a page of it. What the page complains of, and
/// what it asks of other hosts, makes the check fail; `allowed` are patterns of what is expected.
async function watched(browser, options, use, allowed = []) {
  const context = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const complaints = [];
  const complain = (text) => {
    if (!allowed.some((pattern) => pattern.test(text))) complaints.push(text);
  };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complain(`console: ${message.text()}`);
  });
  page.on('pageerror', (problem) => complain(`error: ${problem.message}`));
  page.on('requestfailed', (request) => {
    const why = request.failure().errorText;
    // A download is no page.
    if (why !== 'net::ERR_ABORTED') complain(`failed: ${request.url()}: ${why}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    const local = url.protocol === 'data:' || ['127.0.0.1', 'localhost'].includes(url.hostname);
    if (!local) complain(`another host: ${request.url()}`);
  });
  // Console messages tell of violations, too; this names the directive.
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  try {
    const result = await use(page, context);
    assert.deepEqual(complaints, []);
    return result;
  } finally {
    await context.close();
  }
}

/// Fails where axe-core finds anything.
async function accessible(page, place) {
  // Evaluated as by the console, which no policy of the page forbids, and none is switched off.
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' | ')}`),
    ),
  );
  assert.deepEqual(found, [], place);
}

/// Fails where a page is wider than the window, or lacks what every page has.
async function whole(page, place) {
  const found = await page.evaluate(() => ({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    headings: document.querySelectorAll('h1').length,
    language: document.documentElement.lang,
    title: document.title.length > 0,
  }));
  assert.deepEqual(found, { overflow: 0, headings: 1, language: 'en', title: true }, place);
}

/// Opens it and looks at it from all sides.
async function good(page, url, status = 200) {
  const response = await page.goto(url);
  assert.equal(response.status(), status, url);
  const { colorScheme, width } = await page.evaluate(() => ({
    colorScheme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
    width: innerWidth,
  }));
  const place = `${url}, ${colorScheme}, ${width} px`;
  await whole(page, place);
  await accessible(page, place);
}

/// How many sheets a page takes in print.
async function sheets(page) {
  const pdf = await page.pdf({ format: 'A4', preferCSSPageSize: true });
  return (pdf.toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g) || []).length;
}

module.exports = { LOOKS, NARROW, WIDE, accessible, good, sheets, watched, whole };
