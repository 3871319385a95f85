// Runs the checks one after the other, each in a browser window of its own, and says how each ended.
'use strict';

const { chromium } = require('playwright-core');
const pages = require('./pages.js');
const people = require('./people.js');
const portal = require('./portal.js');
const screenshots = require('./screenshots.js');

const told = JSON.parse(process.env.HUNTCTL_TEST_PAGES);

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'],
  });
  let failed = 0;
  for (const [name, check] of Object.entries({ ...pages, ...people, ...portal, ...screenshots })) {
    const began = Date.now();
    try {
      const said = await check(browser, told);
      console.log(`ok      ${name} (${Date.now() - began} ms)${said ? `: ${said}` : ''}`);
    } catch (problem) {
      failed += 1;
      console.log(`FAILED  ${name}: ${problem.stack}`);
    }
  }
  await browser.close();
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((problem) => {
  console.error(problem);
  process.exitCode = 1;
});
