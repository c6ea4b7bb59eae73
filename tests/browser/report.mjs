// The page of a run of twelve rows, as people use it.
import assert from "node:assert/strict";
import {copyFileSync, mkdtempSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {test} from "node:test";
import {counted, focused, keysOf, made, open, texts} from "./browser.mjs";

const viewed = (page, text) => page.locator("#view h2", {hasText: text}).waitFor();
const share = page => page.locator(".canvas input").inputValue();

test("every row stands there with every stage, and each picture is seen", async () => {
  const page = await open(made.report);
  assert.equal((await keysOf(page)).length, made.rows);
  const stages = await page.locator("#gallery .row").first().locator(".stage figcaption b").allTextContents();
  assert.deepEqual(stages.slice(0, 3), made.stages);
  for (const row of await page.locator("#gallery .row").all()) await row.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => [...document.querySelectorAll("#gallery img")].every(image => image.complete && image.naturalWidth));
  assert.ok(await page.locator("#gallery img").count() > 24);
  assert.ok(await page.evaluate(() => [...document.querySelectorAll("#gallery img")].every(image => image.width && image.height && image.loading === "lazy")));
});

test("the script draws rows as the template does", async () => {
  const page = await open(made.report);
  const differing = await page.evaluate(async () => {
    const rows = await rowsOf(1);
    return rows.filter((row, at) => {
      const [one, other] = [drawn(row), gallery.children[at].cloneNode(true)];
      one.normalize();
      other.normalize();
      return !one.isEqualNode(other);
    }).map(row => row.key);
  });
  assert.deepEqual(differing, []);
});

test("without JavaScript the rows and their pictures are there to read", async () => {
  const page = await open(made.report, {javaScriptEnabled: false});
  assert.equal(await page.locator("#gallery .row").count(), made.rows);
  assert.equal(await page.locator("#find").isVisible(), false);
  assert.ok(await page.getByText("Prompts and parameters").first().isVisible());
});

test("the slider moves by keys", async () => {
  const page = await open(made.report);
  await page.locator(`[id="row=${made.looked}"] .stage .frame`).nth(1).click();
  await viewed(page, made.looked);
  assert.match(await focused(page), /type="range"/);
  assert.equal(await share(page), "50");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.equal(await share(page), "52");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await share(page), "51");
  await page.keyboard.press("End");
  assert.equal(await share(page), "100");
  assert.match(await page.locator(".canvas input").getAttribute("aria-valuetext"), /^100 % /);
  assert.equal(await page.locator(".canvas").evaluate(canvas => canvas.style.getPropertyValue("--at")), "100%");
  await page.keyboard.press("Home");
  assert.equal(await share(page), "0");
});

test("the slider moves by mouse and by touch, and uncovers that much", async () => {
  const page = await open(made.report, {hasTouch: true});
  await page.locator(`[id="row=${made.looked}"] .stage .frame`).nth(1).click();
  await viewed(page, made.looked);
  const box = await page.locator(".canvas").boundingBox();
  const at = part => [box.x + box.width * part, box.y + box.height / 2];
  await page.mouse.move(...at(0.5));
  await page.mouse.down();
  await page.mouse.move(...at(0.25), {steps: 4});
  await page.mouse.up();
  assert.ok(Math.abs(await share(page) - 25) <= 1, await share(page));
  const seen = await page.locator(".before-side").evaluate(image => getComputedStyle(image).clipPath);
  assert.match(seen, /^inset\(0(px|%)? (calc\(75%|7[456]%|calc\(100% - 2[456]%\))/);
  await page.touchscreen.tap(...at(0.8));
  assert.ok(Math.abs(await share(page) - 80) <= 1, await share(page));
});

test("in the large view one goes to the next row and step, and comes back where one is", async () => {
  const page = await open(made.report);
  const keys = await keysOf(page), stages = made.stages;
  await page.locator("#gallery .row").nth(0).locator(".stage .frame").nth(1).click();
  await viewed(page, `${keys[0]} · ${stages[1]}`);
  await page.getByRole("button", {name: "Next row"}).click();
  await viewed(page, `${keys[1]} · ${stages[1]}`);
  await page.keyboard.press("k");
  await viewed(page, `${keys[0]} · ${stages[1]}`);
  assert.ok(await page.getByRole("button", {name: "Previous row"}).isDisabled());
  await page.keyboard.press("n");
  await viewed(page, `${keys[0]} · ${stages[2]}`);
  await page.keyboard.press("p");
  await viewed(page, `${keys[0]} · ${stages[1]}`);
  await page.keyboard.press("j");
  await viewed(page, keys[1]);
  await page.keyboard.press("j");
  await viewed(page, keys[2]);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#view").isVisible(), false);
  await page.waitForFunction(key => document.activeElement.matches(".frame") && document.activeElement.closest(".row").id === `row=${key}`, keys[2]);
});

test("the address opens the same view again, and back closes it", async () => {
  const page = await open(made.report, {hash: `#row=${made.picked}&stage=${made.pickedStage}&pick=2`});
  await viewed(page, "candidate 2 of");
  const again = await open(made.report);
  await again.locator(`[id="row=${made.picked}"] .frame`).first().click();
  await again.waitForURL(/stage=0/);
  await again.goBack();
  await again.locator("#view").waitFor({state: "hidden"});
});

test("candidates are shown with the one that was picked", async () => {
  const page = await open(made.report);
  const stage = page.locator(`[id="row=${made.picked}"] .stage`).nth(made.pickedStage);
  assert.equal(await stage.locator(".candidate").count(), 3);
  assert.equal(await stage.locator(".candidate.picked img").getAttribute("alt"), `candidate ${made.pick}, picked`);
  await stage.locator(".candidate").nth(2).click();
  await viewed(page, "candidate 3 of 3");
  await page.keyboard.press("1");
  await viewed(page, "candidate 1 of 3");
  assert.equal(await page.locator('#view .candidate[aria-pressed="true"]').getAttribute("data-pick"), "1");
  assert.match(await page.locator("#view .candidate.picked").getAttribute("aria-label"), /picked/);
});

test("failures stand at the top with code, message and remedy, and lead to their rows", async () => {
  const page = await open(made.report);
  const failure = page.locator(".failures li", {hasText: made.failure.code}).first();
  assert.ok((await failure.textContent()).includes(made.failure.message));
  assert.ok((await failure.textContent()).includes("What to do:"));
  await failure.getByRole("link", {name: made.failure.row}).click();
  await page.waitForFunction(key => document.activeElement.closest(".row")?.id === `row=${key}`, made.failure.row);
  const row = page.locator(`[id="row=${made.failure.row}"]`);
  assert.ok(await row.locator(".stage.bad").first().isVisible());
  assert.ok((await row.locator(".stage.bad").first().textContent()).includes(made.failure.code));
});

test("search and filters leave the rows that have all of it, and stay in the address", async () => {
  const page = await open(made.report);
  await page.getByLabel("State").selectOption("failed");
  await counted(page, `${made.failed.length} of ${made.rows} rows`);
  assert.deepEqual(await keysOf(page), made.failed);
  await page.waitForURL(/#state=failed$/);
  await page.reload();
  await counted(page, `${made.failed.length} of ${made.rows} rows`);
  assert.equal(await page.getByLabel("State").inputValue(), "failed");
  await page.getByRole("button", {name: "Show all"}).click();
  await counted(page, `${made.rows} rows`);
  await page.waitForURL(/html$/);
  await page.getByRole("searchbox").fill(made.search.text.toUpperCase());
  await counted(page, `${made.search.rows.length} of ${made.rows} rows`);
  assert.deepEqual(await keysOf(page), made.search.rows);
  await page.getByLabel("Step", {exact: true}).selectOption(made.search.step);
  await page.getByLabel("State").selectOption("failed");
  await counted(page, `0 of ${made.rows} rows`);
  assert.ok(await page.getByText("No row has all of that.").isVisible());
});

test("a tag leaves the rows with jobs of its steps", async () => {
  const page = await open(made.report);
  await page.getByLabel("Tag").selectOption(made.tag.name);
  await page.getByLabel("State").selectOption(made.tag.state);
  await counted(page, `${made.tag.rows.length} of ${made.rows} rows`);
  assert.deepEqual(await keysOf(page), made.tag.rows);
});

test("all of it goes by keyboard", async () => {
  const page = await open(made.report);
  await page.keyboard.press("Tab");
  assert.match(await focused(page), /Skip to the rows/);
  await page.keyboard.press("Enter");
  assert.match(await focused(page), /^<section id="rows"/);
  await page.keyboard.press("/");
  await page.keyboard.type(made.picked);
  await counted(page, `1 of ${made.rows} rows`);
  for (let presses = 0; presses < 12 && !/class="frame"/.test(await focused(page)); presses += 1) await page.keyboard.press("Tab");
  assert.match(await focused(page), new RegExp(`class="frame" href="#row=${made.picked}&amp;stage=0"`));
  await page.keyboard.press("Enter");
  await page.locator("#view[open]").waitFor();
  for (let presses = 0; presses < 14; presses += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || view.contains(document.activeElement)), await focused(page));
  }
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement.matches(".frame"));
  await page.keyboard.press("k");
  assert.match(await focused(page), /^<a href="#row=/);
});

test("a comparison shows what changed: both pictures in the slider, and the words", async () => {
  const page = await open(made.compared);
  await page.getByLabel(/^Compared with/).selectOption("changed");
  await page.waitForURL(/#change=changed$/);
  const keys = await keysOf(page);
  await counted(page, `${keys.length} of ${made.rows} rows`);
  assert.ok(keys.includes(made.changed.row) && keys.length < made.rows);
  await page.locator(`[id="row=${made.changed.row}"] .stage:has(.change) .frame:has(img)`).first().click();
  await viewed(page, made.changed.row);
  assert.equal(await page.locator("#view select").inputValue(), "other run");
  assert.equal(await page.locator(".side.left").textContent(), "other run");
  await page.waitForFunction(() => [...document.querySelectorAll(".canvas img")].every(image => image.complete && image.naturalWidth));
  assert.notEqual(await page.locator(".before-side").getAttribute("src"), await page.locator(".after-side").getAttribute("src"));
  assert.ok((await texts(page.locator(".panel del"))).join("").includes(made.changed.old));
  assert.ok((await texts(page.locator(".panel ins"))).join("").includes(made.changed.new));
});

test("a page that stands alone has it all", async () => {
  const alone = join(mkdtempSync(join(tmpdir(), "alone-")), "page.html");
  copyFileSync(made.alone, alone);
  const page = await open(alone);
  for (const row of await page.locator("#gallery .row").all()) await row.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => [...document.querySelectorAll("#gallery img")].every(image => image.complete && image.naturalWidth));
  await page.getByRole("searchbox").fill(made.picked);
  await counted(page, `1 of ${made.rows} rows`);
  await page.locator(".frame").nth(1).click();
  await page.waitForFunction(() => [...document.querySelectorAll(".canvas img:not([hidden])")].every(image => image.naturalWidth > 1));
});

test("a report whose data were left behind says so", async () => {
  const alone = join(mkdtempSync(join(tmpdir(), "torn-")), "index.html");
  copyFileSync(made.report, alone);
  const page = await open(alone, {expected: /ERR_FILE_NOT_FOUND/});
  await page.getByRole("searchbox").fill("x");
  await page.getByRole("alert").filter({hasText: "data/index.js is not beside this page"}).waitFor();
});

test("printed, the rows are there and what is for the hand is not", async () => {
  const page = await open(made.report);
  await page.emulateMedia({media: "print"});
  assert.equal(await page.locator(".bar").isVisible(), false);
  assert.ok(await page.locator("#gallery .row").last().isVisible());
});

test("markup and handlers are refused by the browser, should a text ever become one", async () => {
  const page = await open(made.report, {expected: /Content Security Policy|Trusted/});
  const refused = await page.evaluate(() => [
    () => { document.createElement("div").innerHTML = "<b>x</b>"; },
    () => document.createElement("a").setAttribute("onclick", "1"),
    () => { document.createElement("script").src = "https://example.org/x.js"; },
  ].map(attempt => { try { attempt(); return "taken"; } catch { return "refused"; } }));
  assert.deepEqual(refused, ["refused", "refused", "refused"]);
});

test("links of the head lead to the parts of the page, past all rows", async () => {
  for (const look of [{}, {width: 390, height: 844, isMobile: true, hasTouch: true}]) {
    const page = await open(made.report, look);
    for (const name of ["Steps", "Graph", "Lanes over time", "Rows"]) {
      await page.getByRole("navigation", {name: "On this page"}).getByRole("link", {name}).click();
      await page.waitForFunction(() => {
        const {top} = document.activeElement.getBoundingClientRect();
        return document.activeElement !== document.body && top > -1 && top < innerHeight - 20;
      });
    }
    assert.doesNotMatch(page.url(), /#/);
  }
});
