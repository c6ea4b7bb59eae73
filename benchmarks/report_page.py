"""What a browser takes for the page of a report with many rows: python benchmarks/report_page.py [ROWS].

First paint is the browser's own `first-contentful-paint`; search is from the last key to the rows that it leaves. Needs
what tests/test_in_browser.py needs (make test installs it).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))
import paged  # noqa: E402

TIMES = 5
PROGRAM = """
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
const [,, place, packages, chromium, times] = process.argv;
const {chromium: engine} = createRequire(packages)("playwright-core");
const browser = await engine.launch({executablePath: chromium});
const found = [];
for (let time = 0; time < Number(times); time += 1) {
  const page = await (await browser.newContext({viewport: {width: 1440, height: 900}})).newPage();
  await page.goto(pathToFileURL(place).href);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
  found.push(await page.evaluate(async () => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    const {domInteractive} = performance.getEntriesByType("navigation")[0];
    const at = performance.now();
    await index();
    const loaded = performance.now();
    find.elements.q.value = "number 99";
    await sift();
    const searched = performance.now();
    await sift({to: 2});
    return {paint, domInteractive, index: loaded - at, search: searched - loaded, turn: performance.now() - searched};
  }));
  await page.context().close();
}
await browser.close();
console.log(JSON.stringify(found));
"""


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not (chromium and shutil.which("node") and (TESTS / "browser" / "node_modules").is_dir()):
        sys.exit("this needs chromium, node and tests/browser/node_modules: make test installs them")
    with tempfile.TemporaryDirectory() as folder:
        report, program = Path(folder) / "report", Path(folder) / "measure.mjs"
        started = time.perf_counter()
        paged.written(report, rows)
        print(f"{rows:,} rows written in {time.perf_counter() - started:.1f} s", end=", ")
        print(f"index.html {(report / 'index.html').stat().st_size / 1e3:,.0f} kB", end=", ")
        print(f"data/index.js {(report / 'data' / 'index.js').stat().st_size / 1e6:.1f} MB")
        program.write_text(PROGRAM, encoding="utf-8")
        packages = TESTS / "browser" / "package.json"
        command = ["node", program, report / "index.html", packages, chromium, str(TIMES)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; ms, {TIMES} times in new contexts:")
    for name in found[0]:
        values = sorted(one[name] for one in found)
        print(f"  {name:15} median {values[len(values) // 2]:7.0f}   worst {values[-1]:7.0f}")


if __name__ == "__main__":
    main()
