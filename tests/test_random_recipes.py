"""Over random recipes: a run right after a plan does exactly what the plan said, and the next run has nothing to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from clocks import Stopwatch
from drawn import PHOTOS, ROW, steps, with_outputs, write
from fakes import PRICE, Fakery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wanflow import api, picking
from wanflow.model import Action, Reason, Status
from wanflow.planning.planned import Plan


def check_run(folder: Path) -> None:
    fakery = Fakery()
    planned = api.plan(folder / "recipe.yaml", fakery.options())
    plan, record = api.run(folder / "recipe.yaml", fakery.options(jobs=2))
    assert record
    assert list(planned.decisions()) == list(plan.decisions())
    decided = {f"{row}/{decision.step}": decision for row, decision in plan.decisions()}
    became = {outcome.job: outcome.status for outcome in record.outcomes}
    for job, decision in decided.items():
        # Candidates that are made anew may be others than those that were picked; so it is with the same work.
        waiting = {Status.PARKED} if decision.result is None and job in became else set()
        assert (
            became.get(job, Status.REUSED)
            in {
                Action.RUN: {Status.DONE},
                Action.REUSE: {Status.REUSED} | waiting,
                Action.LATER: {Status.DONE, Status.REUSED} | waiting,
                Action.SKIP: {Status.SKIPPED, Status.REFUSED, Status.REUSED} | waiting,
            }[decision.action]
        ), job
    parked = {job for job, status in became.items() if status is Status.PARKED}
    foretold = {f"{row}/{made.step}" for row, made in plan.decisions() if made.reason is Reason.PARKED}
    assert foretold <= parked
    assert len(foretold) == plan.totals.parked
    for photo in PHOTOS:
        (folder / photo).touch()
    touched = api.plan(folder / "recipe.yaml", fakery.options())
    assert touched.nothing_to_do, "a row that is looked at again must come out as it was"
    keys = [(call.key, call.function) for call in fakery.asked]
    assert len(keys) == len(set(keys)), "equal work was done twice"
    assert plan.totals.run <= len(fakery.asked) <= plan.totals.run + plan.totals.later
    assert images(fakery) <= plan.totals.images
    if not plan.totals.later:
        assert images(fakery) == plan.totals.images
    again, record = api.run(folder / "recipe.yaml", fakery.options())
    assert record
    assert again.nothing_to_do
    assert len(fakery.asked) == len(keys)
    assert again.totals.jobs == plan.totals.jobs
    assert again.totals.picks == record.open_picks.total()
    if again.totals.picks:
        check_picks(folder, again)


def images(fakery: Fakery) -> int:
    return sum(call.parameters.get("n", 1) for call in fakery.asked)


def check_picks(folder: Path, parked: Plan) -> None:
    """Picks made by hand lead to no more than the plan foretold, and only behind them."""
    fakery = Fakery()
    while picking.pick(folder / "recipe.yaml", (), fakery.options(), by="first"):  # one may lead to further ones
        _, record = api.run(folder / "recipe.yaml", fakery.options())
        assert record
    done = images(fakery)
    assert done <= parked.totals.images_after
    _, record = api.run(folder / "recipe.yaml", fakery.options())
    assert record
    assert not record.open_picks
    assert images(fakery) == done
    assert not [outcome for outcome in record.outcomes if outcome.status is Status.PARKED]


def filled(folder: Path) -> Path:
    """The folder with all photographs."""
    for photo, content in PHOTOS.items():
        (folder / photo).write_bytes(content)
    return folder


@settings(max_examples=10)
@given(made=steps(), rows=st.lists(ROW, min_size=1, max_size=2))
def test_a_run_costs_what_the_plan_said(made: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", name)  # what another example paid for is not found again
        folder = filled(Path(name))
        write(folder, with_outputs(made), rows)
        fakery = Fakery()
        plan, record = api.run(folder / "recipe.yaml", fakery.paid(), clock=Stopwatch())
        assert record
        totals, states = plan.totals, [outcome.status for outcome in record.outcomes]
        paid = [outcome for outcome in record.outcomes if outcome.task_id]
        assert totals.jobs == totals.run + totals.reuse + totals.later + totals.skip == len(list(plan.decisions()))
        # A job whose picture is known only then may turn out to be the same work as another one.
        spared = totals.run + totals.later - states.count(Status.DONE)
        assert 0 <= spared <= totals.later
        assert totals.paid_tasks - spared <= len(paid) <= totals.paid_tasks
        images_paid = sum(outcome.images for outcome in paid)
        assert record.usd == PRICE * images_paid and totals.usd <= record.usd <= totals.usd_worst
        if not spared:
            assert (record.usd, images_paid) == (totals.usd_worst, totals.images_paid)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_run_does_what_the_plan_said(data: st.DataObject) -> None:
    recipe = with_outputs(data.draw(steps(), "steps"))
    rows = data.draw(st.lists(ROW, min_size=1, max_size=4), "rows")
    with tempfile.TemporaryDirectory() as name:
        folder = filled(Path(name))
        write(folder, recipe, rows)
        check_run(folder)
        for _ in range(2):
            changed = data.draw(st.integers(0, len(rows) - 1), "changed row")
            rows[changed] = data.draw(ROW, "new row")
            recipe["params"]["words"]["default"] = data.draw(st.sampled_from(["green", "grey"]))
            write(folder, recipe, rows)
            check_run(folder)


def addresses(plan: Plan) -> set[str]:
    return {f"{row}/{decision.step}" for row, decision in plan.decisions()}


def behind(plan: Plan, jobs: set[str]) -> set[str]:
    """Jobs and all that needs their pictures, a step of the whole run those of any row."""
    found = set(jobs)
    while True:
        needed = {job.partition("/")[2] for job in found}
        more = {
            job
            for job in addresses(plan)
            for row, _, step in [job.partition("/")]
            if any(
                f"{row}/{need}" in found or (row == "run" and need in needed) for need in plan.recipe.step(step).needs
            )
        }
        if more <= found:
            return found
        found |= more


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_inserted_runs_and_nothing_else(data: st.DataObject) -> None:
    recipe = with_outputs(data.draw(steps(), "steps"))
    rows = data.draw(st.lists(ROW, min_size=1, max_size=3), "rows")
    with tempfile.TemporaryDirectory() as name:
        folder = filled(Path(name))
        write(folder, recipe, rows)
        before, _ = api.run(folder / "recipe.yaml", Fakery().options())
        matrices = [step["matrix"] for step in recipe["steps"].values() if isinstance(step.get("matrix"), dict)]
        what = data.draw(st.sampled_from(["row", "step", *(["value"] if matrices else [])]), "inserted")
        if what == "row":
            rows.append(data.draw(ROW, "row"))
        elif what == "step":
            recipe["steps"] = {
                "new": {"uses": "wan/colorization", "image": "row.photo", "with": {"prompt": "new"}}
            } | recipe["steps"]
        else:
            data.draw(st.sampled_from(matrices), "matrix")["zoom"].insert(0, 4)
        write(folder, recipe, rows)
        fakery = Fakery()
        plan, record = api.run(folder / "recipe.yaml", fakery.options())
        assert record
        new = addresses(plan) - addresses(before)
        became = {outcome.job: outcome.status for outcome in record.outcomes}
        done = {job for job, status in became.items() if status is Status.DONE}
        assert done <= behind(plan, new)
        assert not {became.get(job) for job in new} & {Status.FAILED, Status.BLOCKED, Status.NOT_STARTED}
        runs = [decision for _, decision in plan.decisions() if decision.action is Action.RUN]
        assert len(runs) <= len(done) == len(fakery.asked)


@settings(max_examples=30)
@given(steps())
def test_the_order_of_matrix_keys_and_of_steps_changes_nothing(made: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = filled(Path(name))
        write(folder, with_outputs(made), [{"photo": "a.png", "words": "red", "factor": 2, "flag": True}])
        before, _ = api.run(folder / "recipe.yaml", Fakery().options())
        turned = {key: dict(step) for key, step in reversed(made.items())}
        for step in turned.values():
            if isinstance(step.get("matrix"), dict):
                step["matrix"] = dict(reversed(step["matrix"].items()))
        recipe = with_outputs(made) | {"steps": turned}
        write(folder, recipe, [{"photo": "a.png", "words": "red", "factor": 2, "flag": True}])
        after = api.plan(folder / "recipe.yaml", Fakery().options())
        assert after.nothing_to_do
        assert addresses(after) == addresses(before)
