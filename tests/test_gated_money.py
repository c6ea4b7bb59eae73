"""Over random gates, rerolls and equal work: no run costs more than its plan said, and the next one costs nothing."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from fakes import PRICE
from gated import BLANK, GOOD, Gated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import statuses

from wanflow.model import Action, Call, Status

FITNESS = 3  # of so many pictures one is blank


def by_chance(call: Call) -> bytes:
    """A blank picture or a good one, by all that was asked: the same for the same request."""
    made_of = [call.parameters, sorted((slot, sha256) for slot, (_, sha256) in call.inputs.items())]
    chance = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).digest()[0]
    return GOOD if chance % FITNESS else BLANK


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 4))):
        sources = ["row.photo", *(f"steps.{name}" for name in steps)]
        step: dict[str, Any] = {"uses": "wan/description_edit", "image": draw(st.sampled_from(sources))}
        step["with"] = {"prompt": draw(st.sampled_from("xy"))}
        if draw(st.booleans()):
            step["with"]["seed"] = draw(st.sampled_from([0, 1, 2_147_483_646]))
        if draw(st.integers(0, 3)):
            step["expect"] = draw(st.sampled_from([{"not": ["blank"]}, {"max_side": 600}, {"not": ["same_as_input"]}]))
            if draw(st.booleans()):
                step["reroll"] = draw(st.integers(1, 3))
            if draw(st.booleans()):
                step["otherwise"] = draw(st.sampled_from(["skip", "bypass", "fail"]))
        steps[f"s{number}"] = step
    return {"wanflow": 1, "manifest": {"from": "rows.csv"}, "steps": steps}


def check(project: Gated) -> None:
    plan = project.plan()
    record = project.run()
    assert record.usd is not None
    assert plan.totals.usd <= record.usd <= plan.totals.usd_worst
    assert record.usd == len(project.seeds()) * PRICE
    planned = {f"{row}/{made.step}": made for row, made in plan.decisions()}
    for outcome in record.outcomes:
        if planned[outcome.job].action is Action.SKIP:
            assert outcome.usd == 0
        if outcome.status in (Status.DONE, Status.REUSED) and outcome.tries:
            assert not outcome.tries[-1].unfit
            assert all(made.unfit for made in outcome.tries[:-1])
    after = project.plan()
    assert after.nothing_to_do, [made for _, made in after.decisions()]
    again = project.run()
    assert (again.usd, project.seeds()) == (0, [])
    ends = {job: status.replace("done", "reused") for job, status in statuses(record).items()}
    for job, status in statuses(again).items():
        assert status == ends[job]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recipes(), st.data())
def test_no_run_costs_more_than_its_plan_said(recipe: dict[str, Any], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", f"{name}/state")  # what one example paid for is nothing to the next
        project = Gated(Path(name), "tags: [x]", rows=2, painted=by_chance)
        (Path(name) / "b.png").write_bytes((Path(name) / "a.png").read_bytes())  # equal photographs are equal work
        for _ in range(2):
            (Path(name) / "r.yaml").write_text(json.dumps(recipe))
            check(project)
            step = data.draw(st.sampled_from(sorted(recipe["steps"])), "changed")
            recipe["steps"][step] |= {"expect": {"not": ["blank"]}, "reroll": data.draw(st.integers(1, 3))}
