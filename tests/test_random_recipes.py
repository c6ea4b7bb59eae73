"""Over random recipes: a run right after a plan does exactly what the plan said, and the next run has nothing to do."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from fakes import Fakery, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wanflow import api
from wanflow.model import Action, Status

PHOTOS = {
    f"{name}.png": picture(name, size) for name, size in (("a", (520, 520)), ("b", (700, 530)), ("c", (300, 600)))
}
FUNCTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "wan/colorization": {"prompt": st.sampled_from(["x", "${{ row.words }}", "${{ params.words }}"])},
    "wan/super_resolution": {"upscale_factor": st.sampled_from([1, 2, "${{ row.factor }}"])},
    "wan/expand": {"left_scale": st.sampled_from([1, 1.5, "${{ row.factor / 2 }}"])},
    "local/fit": {"min_side": st.just(512), "max_side": st.sampled_from([900, 2000])},
}
ROW = st.fixed_dictionaries(
    {
        "photo": st.sampled_from(sorted(PHOTOS)),
        "words": st.sampled_from(["red", "blue"]),
        "factor": st.sampled_from([1, 2, 3]),
        "flag": st.booleans(),
    }
)


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 4))):
        function = draw(st.sampled_from(sorted(FUNCTIONS)))
        sources = ["row.photo", *(f"steps.{name}" for name in made)]
        step: dict[str, Any] = {"uses": function, "image": draw(st.sampled_from(sources))}
        step["with"] = {name: draw(values) for name, values in FUNCTIONS[function].items()}
        if draw(st.booleans()):
            step["when"] = draw(st.sampled_from(["row.flag", "row.factor > 1", "params.words == 'green'"]))
            step["otherwise"] = draw(st.sampled_from(["skip", "bypass"]))
        made[f"s{number}"] = step
    return made


def write(folder: Path, recipe: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    (folder / "recipe.yaml").write_text(json.dumps(recipe))  # JSON is YAML
    lines = [json.dumps({"id": f"r{number}", **row}) for number, row in enumerate(rows)]
    (folder / "rows.jsonl").write_text("\n".join(lines))


def check_run(folder: Path) -> None:
    fakery = Fakery()
    planned = api.plan(folder / "recipe.yaml", fakery.options())
    plan, record = api.run(folder / "recipe.yaml", fakery.options(jobs=2))
    assert record
    assert list(planned.decisions()) == list(plan.decisions())
    decided = {f"{row}/{decision.step}": decision.action for row, decision in plan.decisions()}
    became = {outcome.job: outcome.status for outcome in record.outcomes}
    for job, action in decided.items():
        assert (
            became.get(job, Status.REUSED)
            in {
                Action.RUN: {Status.DONE},
                Action.REUSE: {Status.REUSED},
                Action.LATER: {Status.DONE, Status.REUSED},
                Action.SKIP: {Status.SKIPPED, Status.REFUSED, Status.REUSED},
            }[action]
        ), job
    for photo in PHOTOS:
        (folder / photo).touch()
    touched = api.plan(folder / "recipe.yaml", fakery.options())
    assert touched.nothing_to_do, "a row that is looked at again must come out as it was"
    keys = [(call.key, call.function) for call in fakery.asked]
    assert len(keys) == len(set(keys)), "equal work was done twice"
    assert plan.totals.run <= len(fakery.asked) <= plan.totals.run + plan.totals.later
    again, record = api.run(folder / "recipe.yaml", fakery.options())
    assert record
    assert again.nothing_to_do
    assert len(fakery.asked) == len(keys)
    assert again.totals.jobs == plan.totals.jobs


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_run_does_what_the_plan_said(data: st.DataObject) -> None:
    recipe: dict[str, Any] = {
        "wanflow": 1,
        "params": {"words": {"type": "string", "default": "green"}},
        "manifest": {"from": "rows.jsonl"},
        "steps": data.draw(steps(), "steps"),
    }
    last = f"steps.{list(recipe['steps'])[-1]}"
    recipe["outputs"] = {"last": {"image": last, "to": "out/${{ row.id }}.png"}}
    rows = data.draw(st.lists(ROW, min_size=1, max_size=4), "rows")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for photo, content in PHOTOS.items():
            (folder / photo).write_bytes(content)
        write(folder, recipe, rows)
        check_run(folder)
        for _ in range(2):
            changed = data.draw(st.integers(0, len(rows) - 1), "changed row")
            rows[changed] = data.draw(ROW, "new row")
            recipe["params"]["words"]["default"] = data.draw(st.sampled_from(["green", "grey"]))
            write(folder, recipe, rows)
            check_run(folder)
