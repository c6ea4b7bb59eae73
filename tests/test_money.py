"""What is seen before it is paid, who agrees, and what is recorded of it."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakes import PRICE, Fakery, picture
from jsonschema import Draft202012Validator
from projects import Heard

from wanflow import api
from wanflow.documents.schemas import load
from wanflow.errors import Again, EditError, RefusedError, StoreError
from wanflow.model import Status
from wanflow.planning.planjson import plan_json
from wanflow.telling.console import record_text
from wanflow.telling.narrator import Narrator
from wanflow.telling.plantext import plan_text
from wanflow.telling.review import cost

RECIPE = """\
wanflow: 1
name: demo
manifest: {from: rows.csv}
steps:
  prep: {uses: local/fit, image: row.photo, with: {min_side: 512}}
  colour: {uses: wan/colorization, image: steps.prep}
  detail: {uses: wan/super_resolution, image: steps.colour, with: {upscale_factor: 2}}
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n2,b.png\n3,c.png\n")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


@pytest.fixture
def fakery() -> Fakery:
    return Fakery()


def run(recipe: Path, options: api.Options) -> tuple[api.RunRecord, Heard]:
    heard = Heard()
    _, record = api.run(recipe, options, listener=heard)
    assert record
    return record, heard


def test_the_plan_prices_what_runs_and_what_may_run(recipe: Path, fakery: Fakery) -> None:
    totals = api.plan(recipe, fakery.paid()).totals
    assert (totals.paid_tasks, totals.images) == (6, 9)
    assert (totals.usd, totals.usd_worst) == (0, 6 * PRICE)  # the first paid step waits for a free one
    assert totals.seconds == pytest.approx(40, abs=0.5)  # two rows side by side, then the third, each of two tasks


def test_what_may_be_made_again_is_in_the_worst_time(recipe: Path, fakery: Fakery) -> None:
    recipe.write_text(RECIPE.replace("colour: {", "colour: {expect: {min_side: 8}, reroll: 2, "))
    plan = api.plan(recipe, fakery.paid())
    assert plan.totals.seconds == pytest.approx(40, abs=0.5)
    assert plan.totals.seconds_worst == pytest.approx(80, abs=0.5)  # each row has two tasks more
    assert ", about 40 s (worst case 80 s); 0 reused" in plan_text(plan)
    assert json.loads("".join(plan_json(plan)))["totals"]["seconds_worst"] == pytest.approx(80, abs=0.5)


def test_the_first_line_of_a_plan_says_what_it_costs(recipe: Path, fakery: Fakery) -> None:
    first, *_ = plan_text(api.plan(recipe, fakery.paid())).splitlines()
    assert ": 6 paid tasks, 6 images, $0.1205, 3 free jobs, about 40 s; 0 reused" in first
    recipe.write_text(RECIPE.replace("steps.prep", "row.photo"))
    totals = api.plan(recipe, fakery.paid()).totals
    assert (totals.usd, totals.usd_expected) == (3 * PRICE, 6 * PRICE)


def test_what_may_have_to_be_paid_again_is_the_worst_case(recipe: Path, fakery: Fakery) -> None:
    plan = api.plan(recipe, fakery.paid())
    plan.totals.usd_worst = Decimal("0.25")
    assert cost(plan) == "$0.1205 (worst case $0.25)"


def told(recipe: Path, options: api.Options) -> Any:
    return json.loads("".join(plan_json(api.plan(recipe, options))))


def test_each_decision_has_its_price(recipe: Path, fakery: Fakery) -> None:
    plan = told(recipe, fakery.paid())
    assert [decision["usd"] for decision in plan["decisions"][:3]] == [0, float(PRICE), float(PRICE)]
    assert (plan["totals"]["usd"], plan["totals"]["usd_worst"]) == (0, float(6 * PRICE))


def test_a_price_that_is_not_known_is_no_price_of_nothing(recipe: Path, fakery: Fakery) -> None:
    first, *_ = plan_text(api.plan(recipe, fakery.paid(None))).splitlines()
    assert ", an unknown amount (no price is known for 6 images), 3 free jobs, about 40 s" in first
    assert "$" not in first
    plan = told(recipe, fakery.paid(None))
    assert [decision["usd"] for decision in plan["decisions"][:3]] == [0, None, None]
    assert (plan["totals"]["usd"], plan["totals"]["usd_worst"]) == (0, None)
    Draft202012Validator(load("plan.schema.json")).validate(plan)
    recipe.write_text(RECIPE.replace("steps.prep", "row.photo"))
    assert told(recipe, fakery.paid(None))["totals"]["usd"] is None


def test_of_known_and_unknown_prices_both_are_told(recipe: Path, fakery: Fakery) -> None:
    plan = api.plan(recipe, fakery.paid())
    plan.totals.unpriced = 2
    assert cost(plan) == "$0.1205 and an unknown amount (no price is known for 2 images)"


def test_what_was_paid_is_recorded(recipe: Path, fakery: Fakery) -> None:
    record, heard = run(recipe, fakery.paid())
    paid = [outcome for outcome in heard.outcomes if outcome.usd]
    assert len(paid) == 6
    assert all(outcome.usd == PRICE and str(outcome.task_id).startswith("task-") for outcome in paid)
    assert "$0.1205 paid" in record_text(record, 1)
    assert json.loads("".join(record.json()))["totals"]["usd"] == float(6 * PRICE)
    again, _ = run(recipe, fakery.paid())
    assert json.loads("".join(again.json()))["totals"]["usd"] == 0


def test_what_was_paid_at_an_unknown_price_is_not_recorded_as_nothing(recipe: Path, fakery: Fakery) -> None:
    record, _ = run(recipe, fakery.paid(None))
    assert record_text(record, 1).endswith("paid at prices that are not known in 1.0 s")
    told = json.loads("".join(record.json()))
    assert told["totals"]["usd"] is None
    assert [outcome["usd"] for outcome in told["outcomes"]] == 3 * [0, None, None]


def test_an_account_stop_ends_the_run_and_keeps_all(recipe: Path, fakery: Fakery) -> None:
    stop = EditError("Arrearage", "Access denied, please make sure your account is in good standing.", Again.ACCOUNT)
    fakery.faults["wan/super_resolution"] = [stop]
    record, heard = run(recipe, fakery.paid())
    assert record.exit_code == 5
    assert heard.notes == ["Arrearage: the account can't go on. Nothing more is started"]
    assert len(record.outcomes) == 9
    assert record.counts()[Status.NOT_STARTED] > 0
    done = record.counts()[Status.DONE]
    again, _ = run(recipe, fakery.paid())
    assert again.exit_code == 0
    assert again.counts()[Status.REUSED] == done


def agreed(recipe: Path, options: api.Options, monkeypatch: pytest.MonkeyPatch, said: str, yes: bool = False) -> str:
    stream = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(said))
    narrator = Narrator(stream)
    assert narrator.consent(api.plan(recipe, options), yes)
    narrator.__exit__()
    return stream.getvalue()


def test_money_is_asked_for_once_on_a_terminal(recipe: Path, fakery: Fakery, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = agreed(recipe, fakery.paid(), monkeypatch, "y\n")
    assert "This costs $0.1205 for 6 images at Somewhere. Go on? [y/N]" in shown
    with pytest.raises(RefusedError, match="nothing was started"):
        agreed(recipe, fakery.paid(), monkeypatch, "\n")


@pytest.mark.parametrize("usd", [PRICE, None])
def test_without_a_terminal_money_needs_a_flag(recipe: Path, fakery: Fakery, usd: Decimal | None) -> None:
    plan = api.plan(recipe, fakery.paid(usd))
    with pytest.raises(RefusedError, match=r"at Somewhere; nothing was started\. Say --yes"):
        Narrator(io.StringIO()).consent(plan, yes=False)
    assert Narrator(io.StringIO()).consent(plan, yes=True)


def test_what_is_free_asks_nobody(recipe: Path, fakery: Fakery) -> None:
    assert Narrator(io.StringIO()).consent(api.plan(recipe, fakery.options()), yes=False)


def test_a_run_pays_for_nothing_more_when_the_disk_fills_up(
    recipe: Path, fakery: Fakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter([10**9] * 4)  # two folders are asked about before each task
    heard = Heard()
    with monkeypatch.context() as full, pytest.raises(StoreError) as caught:
        full.setattr("wanflow.limits.room.free_bytes", lambda folder: next(left, 51_000_000))
        api.run(recipe, fakery.paid(), listener=heard)
    (note,) = [note for note in heard.notes if "Nothing more is started" in note]
    assert note.startswith(f"{recipe.parent}/.wanflow has 51 MB of room left, and 5")
    assert "are wanted before anything more is paid for; make room there. Nothing more is started" in note
    assert str(caught.value).endswith("pictures that this run made and all from before are kept; run again to go on.")
    paid = [name for name in fakery.steps() if name.startswith("wan/")]
    assert 1 <= len(paid) <= 2
    assert [outcome.status for outcome in heard.outcomes if outcome.status is Status.FAILED] == []
    record, _ = run(recipe, fakery.paid())
    paid += [name for name in fakery.steps() if name.startswith("wan/")]
    assert (record.exit_code, len(paid)) == (0, 6)
