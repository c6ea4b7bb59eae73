// Light, dark, on a phone: what axe finds, and that nothing has to be pushed sideways.
import assert from "node:assert/strict";
import {test} from "node:test";
import {barriers, made, open} from "./browser.mjs";

// Dark has other colours, a phone another order and size; what is the same in all is looked at once.
const LOOKS = [
  ["light", {colorScheme: "light"}, {}],
  ["dark", {colorScheme: "dark"}, {runOnly: ["color-contrast"]}],
  ["phone", {width: 360, height: 740, hasTouch: true, isMobile: true}, {rules: {"color-contrast": {enabled: false}}}],
];
const sideways = page => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

const PAGES = [
  ["report", made.report, ""],
  ["large view", made.report, `#row=${made.picked}&stage=${made.pickedStage}`],
  ["plan", made.plan, ""],
  ["sheet of picks", made.sheet, ""],
];
const MORE = [
  ["comparison", made.compared, "#change=changed"],
  ["large view of a failure", made.report, `#row=${made.failure.row}&stage=2`],
];

for (const [name, look, options] of LOOKS) {
  for (const [what, file, hash] of name === "light" ? [...PAGES, ...MORE] : PAGES) {
    test(`${what}, ${name}: no barrier, nothing beyond the edge`, async () => {
      const page = await open(file, {hash, ...look});
      const view = /stage/.test(hash) ? "#view[open]" : "";  // what lies behind it was looked at without it
      if (view) await page.locator(view).waitFor();
      assert.deepEqual(await barriers(page, options, view || "html"), []);
      assert.ok(await sideways(page) <= 0, `${await sideways(page)} px too wide`);
    });
  }
}
