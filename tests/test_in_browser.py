"""The pages that wanflow makes, opened in a browser; tests/browser has what is done there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from io import BytesIO
from pathlib import Path

import paged
import pytest
import reported
from fakes import Fakery
from PIL import Image, ImageOps

from wanflow import api, picking, reporting
from wanflow.backends import workers
from wanflow.backends.workers import Workers
from wanflow.model import Blob, Call, Result, Status
from wanflow.record import RunRecord
from wanflow.store.blobs import Blobs
from wanflow.telling.page import plan_html
from wanflow.telling.sheet import write_sheet

SCRIPTS = Path(__file__).parent / "browser"
NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = ", ".join(
    [
        *(["node"] if not NODE else []),
        *(["chromium"] if not CHROMIUM else []),
        *(["tests/browser/node_modules (make test installs it)"] if not (SCRIPTS / "node_modules").is_dir() else []),
    ]
)
# tests/conftest.py repeats what begins like this at the end of all tests.
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"NOT TRIED IN A BROWSER: missing {MISSING}")


class Brush:
    """Tints instead of painting: what the pictures show is not what is tried."""

    def __init__(self, services: Workers) -> None:
        self.store, self.slots = services.store, services.slots

    async def perform(self, call: Call) -> Result:
        if not call.function.startswith("wan/"):
            return workers.perform(call, self.store)
        path, _ = call.inputs["image"]
        with Image.open(path) as found:
            grey = ImageOps.grayscale(found.convert("RGB"))
        made = [
            self._kept(ImageOps.colorize(grey, (20, 30 * place, int(call.key[:2], 16) % 80), "wheat"))
            for place in range(call.parameters.get("n", 1))
        ]
        return Result(tuple(made), "proxy")

    def _kept(self, image: Image.Image) -> Blob:
        buffer = BytesIO()
        image.save(buffer, "PNG")
        data = buffer.getvalue()
        return Blob(Blobs(self.store).put(data), *image.size, "PNG", len(data))


def studio(**more: object) -> api.Options:
    return api.Options(
        backends={"draft": lambda services: reported.Studio(Brush(services.workers), Fakery(), Decimal("0.02"))},  # type: ignore[dict-item, arg-type]
        **more,  # type: ignore[arg-type]
    )


def run(recipe: Path, **more: object) -> RunRecord:
    _, record = api.run(recipe, studio(**more))
    assert record
    return record


def rows(record: RunRecord, step: str, status: Status) -> list[str]:
    ends = [outcome.job.split("/") for outcome in record.outcomes if outcome.status is status]
    return sorted({row for row, name in ends if not step or name == step})


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """The reports of a project's runs, and what should be found in them."""
    folder = tmp_path_factory.mktemp("browsed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        recipe = reported.archive(folder / "project").recipe
        run(recipe)
        picking.pick(recipe, ["r01/look#2", "r02/look#1", "r03/look#3", "r04/look#2"], studio())
        chosen = run(recipe)
        manifest = recipe.with_name("photos.csv")
        manifest.write_text(manifest.read_text(encoding="utf-8").replace("bright colours", "faded colours"), "utf-8")
        last = run(recipe)
        report = partial(reporting.make, here=recipe.parent)
        report(chosen.run_id, out=folder / "report")
        report(chosen.run_id, out=folder / "alone.html", single_file=True)
        report(last.run_id, out=folder / "compared", compare=chosen.run_id)
        with api.looking(recipe, picking.everything(studio())) as planner:
            write_sheet(picking.Picking(planner), folder / "picks.html", "r.yaml")
        with contextlib.chdir(recipe.parent):
            plan = "".join(plan_html(api.plan(recipe, studio(params={"style": "oil"})), recipe.parent, detail=True))
        (folder / "plan.html").write_text(plan, encoding="utf-8")
        paged.written(folder / "paged", 120)
        failed = rows(chosen, "", Status.FAILED)
        yield {
            "report": str(folder / "report" / "index.html"),
            "alone": str(folder / "alone.html"),
            "compared": str(folder / "compared" / "index.html"),
            "plan": str(folder / "plan.html"),
            "sheet": str(folder / "picks.html"),
            "paged": str(folder / "paged" / "index.html"),
            "rows": len(reported.ROWS) + 1,  # with the one of steps of the whole run
            "stages": ["photo", "prep", "colorize"],
            "looked": "r01",
            "picked": "r01",
            "pickedStage": 3,
            "pick": 2,
            "failed": failed,
            "failure": {
                "code": "InternalError.Algo",
                "message": "Failed to run the algorithm.",
                "row": failed[0],
            },
            "search": {"text": "a ginger cat", "rows": ["r02"], "step": "clean"},
            "tag": {"name": "web", "state": "done", "rows": rows(chosen, "web", Status.DONE)},
            "changed": {"row": "r01", "old": "bright", "new": "faded"},
            "hostile": {"row": "r08", "text": "<script>alert(1)</script>", "file": "we'ird <b> #1?100%.png"},
        }


def test_pages_in_a_browser(pages: dict[str, object]) -> None:
    assert NODE
    assert CHROMIUM
    environment = {**os.environ, "WANFLOW_PAGES": json.dumps(pages), "WANFLOW_CHROMIUM": CHROMIUM}
    command = [NODE, "--test", "--test-reporter=spec", str(SCRIPTS / "all.mjs")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    passed, _, failed = done.stdout.partition("failing tests:")
    assert done.returncode == 0, failed or passed + done.stderr
    assert len([line for line in passed.splitlines() if line.startswith("\N{HEAVY CHECK MARK}")]) > 35
