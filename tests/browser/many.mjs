// Pages of rows: what is not looked at is not loaded.
import assert from "node:assert/strict";
import {test} from "node:test";
import {counted, keysOf, made, open} from "./browser.mjs";

const loads = page => {
  const names = [];
  page.on("request", request => { const found = /data\/([^/]+)$/.exec(request.url()); if (found) names.push(found[1]); });
  return names;
};

test("rows are loaded a page at a time, and the page stays in the address", async () => {
  const page = await open(made.paged), loaded = loads(page);
  assert.equal((await keysOf(page)).length, 50);
  assert.deepEqual(loaded, []);
  await page.getByRole("button", {name: "Next"}).click();
  await page.locator('[id="row=00051"]').waitFor();
  assert.deepEqual(loaded, ["rows-0002.js"]);
  await page.waitForURL(/#page=2$/);
  await page.getByRole("spinbutton").fill("3");
  await page.getByRole("spinbutton").press("Enter");
  await page.locator('[id="row=00101"]').waitFor();
  assert.equal((await keysOf(page)).length, 20);
  assert.ok(await page.getByRole("button", {name: "Next"}).isDisabled());
});

test("search and filter see all rows, of which only those are loaded that are shown", async () => {
  const page = await open(made.paged), loaded = loads(page);
  await page.getByRole("searchbox").fill("number 101: scan-00102");
  await counted(page, "1 of 120 rows");
  assert.deepEqual(await keysOf(page), ["00102"]);
  assert.deepEqual(loaded, ["index.js", "rows-0003.js"]);
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("State").selectOption("failed");
  await counted(page, "3 of 120 rows");
  assert.deepEqual(await keysOf(page), ["00040", "00080", "00120"]);
});

test("the large view goes on to rows that were not loaded, and the gallery follows", async () => {
  const page = await open(made.paged, {hash: "#row=00050&stage=1"});
  await page.locator("#view h2", {hasText: "00050"}).waitFor();
  await page.keyboard.press("j");
  await page.locator("#view h2", {hasText: "00051"}).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement.closest(".row")?.id === "row=00051");
});

test("an address of a row on another page leads there", async () => {
  const page = await open(made.paged, {hash: "#row=00120"});
  await page.waitForFunction(() => document.activeElement.closest(".row")?.id === "row=00120");
  assert.equal(await page.getByRole("spinbutton").inputValue(), "3");
});
