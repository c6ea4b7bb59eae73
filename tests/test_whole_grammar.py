"""One recipe with all of the grammar: planned, run, picked from and run again, drafted and at the provider."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image
from projects import Heard
from test_provider import SPEED, origin, stats

from wanflow import api, picking
from wanflow.clock import FastClock
from wanflow.model import Status

__all__ = ["origin"]
HERE = Path(__file__).parent
PHOTOS = {"0001": "camera", "007": "astronaut", "colour": "chelsea", "skipped": "coffee", "late": "rocket"}
FILES = {f"{row}/{name}" for row in ("0001", "007", "colour", "late") for name in ("master.png", "web.webp")}
CENTS_2 = '[dashscope.models."wanx2.1-imageedit"]\nprice_usd = 0.02\n'


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    shutil.copytree(HERE / "whole_grammar", tmp_path, dirs_exist_ok=True)
    (tmp_path / "wanflow.toml").write_text(CENTS_2)
    for row, name in PHOTOS.items():
        with Image.open(HERE / "photos" / f"{name}.jpg") as photo:
            photo.thumbnail((600, 600))
            photo.save(tmp_path / f"{row}.png")
    return tmp_path / "restore_archive.yaml"


def counted(record: api.RunRecord | None) -> Mapping[str, int]:
    assert record
    return {status.value: count for status, count in record.counts().items() if count}


def money(plan: api.Plan) -> tuple[int, int, Decimal, int, int, Decimal]:
    """Paid tasks, images and the worst price; jobs, images and the worst price after picks."""
    totals = plan.totals
    now = totals.paid_tasks, totals.images, totals.usd_worst
    return *now, totals.parked, totals.images_after, totals.usd_after


def files(recipe: Path) -> set[str]:
    return {path.relative_to(recipe.parent / "out").as_posix() for path in (recipe.parent / "out").rglob("*.*")}


def test_a_plan_counts_every_job_image_and_cent(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    plan = api.plan(recipe, api.Options(backend="dashscope"))
    assert not plan.problems
    assert [entry.key for entry in plan.rows] == ["0001", "007", "colour", "late"]
    totals = plan.totals
    # Of four rows two are coloured; after that each has three candidates, and then waits for a pick.
    assert (totals.jobs, totals.run, totals.later, totals.skip) == (33, 4, 6, 23)
    # Four fitted here, two coloured, four times three candidates; then four enlarged, at worst twice,
    # three looks each, and five pictures that are made here.
    assert money(plan) == (6, 18, Decimal("0.28"), 21, 25, Decimal("0.40"))
    without = api.plan(recipe, api.Options({"looks": "false"}, backend="dashscope"))
    assert money(without) == (6, 18, Decimal("0.28"), 8, 12, Decimal("0.16"))


@pytest.mark.slow
def test_the_draft_engine_does_all_of_it_and_nothing_twice(recipe: Path) -> None:
    _, parked = api.run(recipe, listener=Heard())
    assert counted(parked) == {"done": 10, "skipped": 2, "parked": 21}
    assert parked
    assert parked.exit_code == 4
    picking.pick(recipe, by="first")
    _, whole = api.run(recipe, listener=Heard())
    assert counted(whole) == {"done": 21, "reused": 10, "skipped": 2}
    assert files(recipe) == FILES | {"looks.png"}
    with Image.open(recipe.parent / "out/0001/web.webp") as web:
        assert abs(web.width / web.height - 16 / 9) < 0.01
    _, again = api.run(recipe, listener=Heard())
    assert counted(again) == {"reused": 31, "skipped": 2}


def test_the_provider_bills_what_the_plan_said(recipe: Path, origin: str) -> None:
    options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1", max_cost=Decimal("0.68"))

    def run() -> tuple[api.Plan, api.RunRecord | None]:
        return api.run(recipe, options, listener=Heard(), clock=FastClock(SPEED))

    _, parked = run()
    assert counted(parked) == {"done": 10, "skipped": 2, "parked": 21}
    assert (stats(origin)["submissions"], stats(origin)["images_billed"]) == (6, 14)
    picking.pick(recipe, by="first", options=options)
    plan, whole = run()
    assert (plan.totals.paid_tasks, plan.totals.usd_worst) == (20, Decimal("0.40"))
    assert whole
    # The emulator's "echo" gives back what it was sent, enlarged, so that no gate fails on the size.
    assert whole.counts()[Status.FAILED] == 0
    assert files(recipe) == FILES | {"looks.png"}
    billed = stats(origin)
    assert billed["paid_twice"] == 0
    _, again = run()
    assert counted(again) == {"reused": 31, "skipped": 2}
    assert stats(origin)["submissions"] == billed["submissions"]
    assert (billed["submissions"], billed["images_billed"]) == (22, 30)
