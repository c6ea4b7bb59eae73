"""Gates on the free draft engine and on the emulator of the provider's service: what is counted, sent and billed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from projects import coded, gradient, small_project, statuses
from test_provider import SPEED, run, stats

from wanflow import api
from wanflow.emulator.chance import times
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running
from wanflow.model import Action, Reason

PRICE = Decimal("0.020070")
RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  paint: {uses: wan/description_edit, image: row.photo, with: {prompt: x, seed: 7}, %s}
  big: {uses: wan/super_resolution, image: steps.paint}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for number, name in enumerate("ab"):
        (tmp_path / f"{name}.png").write_bytes(coded(gradient(520, 520, number)))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n2,b.png\n")
    return tmp_path / "r.yaml"


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    with running(Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"))) as origin:
        yield origin


def plan(recipe: Path, origin: str) -> api.Plan:
    return api.plan(recipe, api.Options(backend="dashscope", base_url=f"{origin}/api/v1"))


def test_what_fails_every_try_is_billed_once_each_and_never_again(recipe: Path, origin: str) -> None:
    recipe.write_text(RECIPE % "expect: {max_similarity: 0.1}, reroll: 1")  # the echo is like its input
    totals = plan(recipe, origin).totals
    assert (totals.usd, totals.usd_worst) == (2 * PRICE, 6 * PRICE)  # two tries a row, and what would follow
    record, _ = run(recipe, origin)
    assert statuses(record) == {f"{row}/{step}": end for row in "12" for step, end in ENDS}
    assert (record.usd, stats(origin)["images_billed"], stats(origin)["duplicates"]) == (4 * PRICE, 4, 0)
    assert all(str(o.error_message).endswith("(2 of 2 tries)") for o in record.outcomes if o.job.endswith("paint"))
    assert {made.reason for _, made in plan(recipe, origin).decisions()} == {Reason.UNFIT}
    again, _ = run(recipe, origin)
    assert (again.usd, again.exit_code, stats(origin)["images_billed"]) == (0, 1, 4)
    recipe.write_text(RECIPE % "expect: {min_similarity: 0.1}, reroll: 1")
    after = plan(recipe, origin)
    assert (after.totals.usd, after.totals.usd_worst) == (2 * PRICE, 2 * PRICE)  # for what follows alone
    assert run(recipe, origin)[0].exit_code == 0
    assert stats(origin)["images_billed"] == 6


ENDS = (("paint", "failed"), ("big", "blocked"))


def test_the_next_seed_is_what_the_service_is_sent(recipe: Path, origin: str) -> None:
    # The echo writes the seed on the picture: one that differs from what the first wrote is another file.
    recipe.write_text(RECIPE % "expect: {max_similarity: 0.1}, reroll: 2")
    record, _ = run(recipe, origin)
    paint = record.outcomes[0]
    assert len({made.key for made in paint.tries}) == len({made.task_id for made in paint.tries}) == 3
    assert paint.usd == 3 * PRICE
    assert len(list((recipe.parent / ".wanflow" / "objects").glob("??/*"))) == 2 * 3


def test_gates_of_candidates_leave_out_the_unfit_and_count_whole_tries(recipe: Path, origin: str) -> None:
    step = "{uses: wan/i2i, images: [row.photo], with: {prompt: x}, candidates: 2, %s}"
    recipe.write_text(f"wanflow: 1\nmanifest: {{from: rows.csv}}\nsteps:\n  many: {step}\n" % GATE)
    assert plan(recipe, origin).totals.images_paid == 2 * 2 * 2  # rows, candidates, tries
    record, _ = run(recipe, origin)
    assert statuses(record) == {"1/many": "failed", "2/many": "failed"}
    why = str(record.outcomes[0].error_message)
    assert why.startswith("picture 1: similarity") and " / picture 2: similarity" in why
    assert stats(origin)["images_billed"] == 8


GATE = "expect: {max_similarity: 0.01}, reroll: 1"


def test_a_local_step_has_gates_too(tmp_path: Path) -> None:
    step = "small: {uses: local/fit, image: row.photo, with: {max_side: 48}, expect: {alpha: true}, otherwise: bypass}"
    project = small_project(tmp_path / "p", steps=(step,))
    record = project.run()
    assert statuses(record) == {"1/small": "skipped", "2/small": "skipped"}
    assert (tmp_path / "p" / "out" / "1.png").read_bytes() == (tmp_path / "p" / "photos" / "1.png").read_bytes()
    assert {made.action for _, made in project.plan().decisions()} == {Action.SKIP}
    assert project.run().written == 0
