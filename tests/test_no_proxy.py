"""--no-proxy: what the draft engine can only return stamped is refused by the plan, at the latest before it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import Fakery, picture
from projects import Heard

from wanflow import api
from wanflow.model import Status
from wanflow.planning.planjson import plan_json
from wanflow.planning.planned import Plan

HEAD = "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n  it:\n    image: row.photo\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo,wish\n1,a.png,make it brighter\n2,b.png,add a hat\n")
    return tmp_path


def recipe(folder: Path, uses: str, prompt: str = "${{ row.wish }}") -> Path:
    (folder / "r.yaml").write_text(f'{HEAD}    uses: {uses}\n    with: {{prompt: "{prompt}"}}\n')
    return folder / "r.yaml"


def problems(plan: Plan) -> list[tuple[str, int]]:
    return [(problem.message, problem.row_count) for problem in plan.problems]


def test_a_proxy_is_refused_once_for_all_rows(folder: Path) -> None:
    plan = api.plan(recipe(folder, "wan/doodle"), api.Options(no_proxy=True))
    message = "wan/doodle needs a generative model here; the draft engine would return a picture stamped DRAFT"
    assert problems(plan) == [(message, 2)]
    assert plan.totals.run == 0


def test_an_instruction_is_judged_by_what_it_asks(folder: Path) -> None:
    plan = api.plan(recipe(folder, "wan/description_edit"), api.Options(no_proxy=True))
    assert [problem.rows for problem in plan.problems] == [("2",)]
    assert plan.totals.run == 1


def test_real_edits_pass(folder: Path) -> None:
    plan = api.plan(recipe(folder, "wan/super_resolution"), api.Options(no_proxy=True))
    assert (problems(plan), plan.totals.run) == ([], 2)


@pytest.fixture
def hatless(folder: Path) -> tuple[Path, Fakery]:
    """An instruction that is understood, about a thing that isn't in the picture."""
    fakery = Fakery(fidelity="proxy", warnings=("no cup was found",))
    return recipe(folder, "wan/description_edit", "turn the cup blue"), fakery


def test_a_proxy_that_only_shows_when_made_is_not_kept(hatless: tuple[Path, Fakery]) -> None:
    file, fakery = hatless
    heard = Heard()
    _, record = api.run(file, fakery.options(no_proxy=True), listener=heard)
    assert record and record.exit_code == 1
    assert {(outcome.status, outcome.error_code) for outcome in heard.outcomes} == {(Status.FAILED, "ProxyRefused")}
    assert "no cup was found" in str(heard.outcomes[0].error_message)
    assert api.plan(file, fakery.options()).totals.reuse == 0


def test_a_stored_proxy_is_refused_too(hatless: tuple[Path, Fakery]) -> None:
    file, fakery = hatless
    api.run(file, fakery.options())
    assert api.plan(file, fakery.options()).totals.reuse == 2
    plan = api.plan(file, fakery.options(no_proxy=True))
    assert [rows for _, rows in problems(plan)] == [2]


@pytest.mark.parametrize(("uses", "claim"), [("wan/doodle", "proxy"), ("wan/colorization", "approximate")])
def test_the_plan_says_what_pictures_will_be(folder: Path, uses: str, claim: str) -> None:
    plan = api.plan(recipe(folder, uses))
    decisions = json.loads("".join(plan_json(plan)))["decisions"]
    assert [decision["fidelity"] for decision in decisions] == [claim, claim]
