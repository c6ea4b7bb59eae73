// A browser for a file of tests: every page that is opened may complain of nothing, ask for nothing and fetch nothing.
import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {after, afterEach, before} from "node:test";
import {pathToFileURL} from "node:url";
import {chromium} from "playwright-core";

/** Where the reports lie that are tried, by their names. */
export const made = JSON.parse(process.env.WANFLOW_PAGES);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let browser, contexts = [], complaints = [];

before(async () => { browser = await chromium.launch({executablePath: process.env.WANFLOW_CHROMIUM}); });
after(() => browser.close());
afterEach(async () => {
  await Promise.all(contexts.map(context => context.close()));
  const said = complaints;
  [contexts, complaints] = [[], []];
  assert.deepEqual(said, []);
});

/** A page in a browser of its own; `expected` are complaints that the test wants. */
export async function open(file, {hash = "", width = 1280, height = 900, expected = /^$/, ...options} = {}) {
  const context = await browser.newContext({viewport: {width, height}, reducedMotion: "reduce", ...options});
  contexts.push(context);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complain = text => { if (!expected.test(text)) complaints.push(text); };
  page.on("pageerror", error => complain(`error: ${error.message}`));
  page.on("console", message => { if (["error", "warning"].includes(message.type())) complain(`${message.type()}: ${message.text()}`); });
  page.on("dialog", dialog => { complain(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", request => { if (!/^(file|data|blob):/.test(request.url())) complain(`request: ${request.url()}`); });
  await page.goto(pathToFileURL(file).href + hash);
  return page;
}

/** What axe finds in a page, or in a part of it, that people with disabilities could not use: "impact: rule: where". */
export async function barriers(page, options = {}, part = "html") {
  await page.evaluate(() => {  // all of it: what is folded or far down, too
    document.querySelectorAll("details").forEach(one => { one.open = true; });
    document.querySelectorAll(".row").forEach(one => one.style.setProperty("content-visibility", "visible"));
  });
  await page.evaluate(`${axe};0`);
  const {violations, passes} = await page.evaluate(([part, options]) => window.axe.run(part, options), [part, {resultTypes: ["violations"], ...options}]);
  assert.ok(passes.length > 0, "axe looked at the page");
  return violations.map(one => `${one.impact}: ${one.id}: ${one.nodes.map(node => node.html.slice(0, 160)).join(" | ")}`);
}

export const texts = locator => locator.allTextContents();
/** Wait until the live count says it. */
export const counted = (page, text) => page.locator("#find output", {hasText: text}).waitFor();
export const focused = page => page.evaluate(() => document.activeElement.outerHTML.slice(0, 200));
export const keysOf = page => texts(page.locator("#gallery h3 a"));
