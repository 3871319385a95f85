// The pictures of README, where HUNTCTL_SCREENSHOTS names a folder for them.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const assert = require('node:assert/strict');
const { NARROW, WIDE, watched } = require('./tools.js');

const folder = process.env.HUNTCTL_SCREENSHOTS;
const LARGEST = 200 * 1024;

async function screenshots(browser, { open, portal, organization }) {
  if (!folder) return 'not asked for';
  const of = `${organization.account}/${organization.id}`;
  const pictures = [
    ['overview', `${open}/`, {}],
    ['overview-dark', `${open}/`, { colorScheme: 'dark' }],
    ['overview-phone', `${open}/`, { viewport: NARROW }],
    ['organization', `${open}/organizations/${of}`, {}],
    ['review', `${open}/review/${of}`, { viewport: { width: 900, height: 1200 } }],
    ['portal', portal, { viewport: { width: 1000, height: 900 } }],
  ];
  const made = [];
  for (const [name, url, look] of pictures) {
    await watched(browser, { viewport: WIDE, ...look }, async (page) => {
      const response = await page.goto(url);
      assert.equal(response.status(), 200, url);
      const file = path.join(folder, `${name}.png`);
      await page.screenshot({ path: file });
      const { size } = fs.statSync(file);
      assert.ok(size <= LARGEST, `${file} has ${size} bytes`);
      made.push(`${name} ${Math.round(size / 1024)} kB`);
    });
  }
  return made.join(', ');
}

module.exports = { screenshots };
