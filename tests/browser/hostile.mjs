// Texts of strangers are shown as they are: `open` fails a test when one of them gets to run.
import assert from "node:assert/strict";
import {test} from "node:test";
import {counted, made, open} from "./browser.mjs";

const {row, text, file} = made.hostile;

for (const [name, page_] of [["folder", made.report], ["single file", made.alone], ["comparison", made.compared]]) {
  test(`tags in a prompt are text: ${name}`, async () => {
    const page = await open(page_);
    assert.ok((await page.locator(`[id="row=${row}"] .prompt`).first().textContent()).includes(text));
    await page.getByRole("searchbox").fill("alert(1)");
    await counted(page, `1 of ${made.rows} rows`);
    const drawn = await page.locator(`[id="row=${row}"] .prompt`).first().textContent();
    assert.ok(drawn.includes(text));
    assert.ok(drawn.includes("\\x1b[31m") && drawn.includes("\\x07"), "control characters are seen");
    await page.locator(`[id="row=${row}"] .frame`).nth(2).click();
    await page.locator("#view .panel", {hasText: text}).waitFor();
    assert.equal(await page.locator("#gallery script, #view script").count(), 0);
  });
}

test("a file name with a tag is text, and its address leads to it", async () => {
  const page = await open(made.report);
  assert.ok((await page.locator("#gallery").textContent()).includes(file));
  assert.equal(await page.locator("figcaption .line b").count(), 0);
});

test("an address with a tag in it does nothing", async () => {
  const page = await open(made.report, {hash: `#q=${encodeURIComponent("<img src=x onerror=alert(1)>")}&state=<b>&row=<script>alert(1)</script>&stage=1`});
  await counted(page, `0 of ${made.rows} rows`);
  assert.equal(await page.getByRole("searchbox").inputValue(), "<img src=x onerror=alert(1)>");
});
