"""Over random recipes: a run right after a plan does exactly what the plan said, and the next run has nothing to do."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from fakes import Fakery, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wanflow import api, picking
from wanflow.model import Action, Reason, Status
from wanflow.planning.planned import Plan

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


MATRIX = st.fixed_dictionaries(
    {"zoom": st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=2, unique=True)},
    optional={"word": st.sampled_from([{"a": "x"}, {"a": "x", "b": "y"}])},
)
CANDIDATES = st.sampled_from(
    [
        {"candidates": 2},
        {"candidates": 3, "pick": {"by": "first", "top": 2}},
        {"candidates": 2, "pick": {"by": "hand"}},
        {"candidates": 4, "pick": {"by": "hand", "top": 2}},
    ]
)
MANY = {"uses": "wan/i2i", "model": "wan2.6-image", "with": {"prompt": "together"}}


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    """Steps of rows, some with a matrix or over several pictures, then steps of the whole run."""
    made: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 4))):
        function = draw(st.sampled_from(sorted(FUNCTIONS)))
        sources = ["row.photo", *(source for name in made for source in pictures_of(name, made[name]))]
        step: dict[str, Any] = {"uses": function, "image": draw(st.sampled_from(sources))}
        step["with"] = {name: draw(values) for name, values in FUNCTIONS[function].items()}
        conditions = ["row.flag", "row.factor > 1", "params.words == 'green'"]
        if made and draw(st.integers(0, 3)) == 0:
            step = {
                **MANY,
                "images": [draw(st.sampled_from(sources)), f"steps.{draw(st.sampled_from(sorted(made)))}.all"],
            }
        elif draw(st.integers(0, 2)) == 0:
            step["matrix"] = draw(MATRIX)
            name = draw(st.sampled_from(sorted(step["with"])))
            step["with"][name] = "${{ matrix.zoom }}" if function != "wan/colorization" else "${{ matrix.zoom }} x"
            step["with"] |= {"max_side": 2000} if function == "local/fit" else {}
            conditions.append("matrix.zoom > 1")
        if step["uses"].startswith("wan/") and draw(st.integers(0, 2)) == 0:
            step |= draw(CANDIDATES)
        if draw(st.booleans()):
            step["when"] = draw(st.sampled_from(conditions))
            step["otherwise"] = draw(st.sampled_from(["skip", "bypass"])) if "image" in step else "skip"
        made[f"s{number}"] = step
    for number in range(draw(st.integers(0, 2))):
        gathered = draw(st.lists(st.sampled_from(sorted(made)), min_size=1, max_size=2))
        made[f"w{number}"] = {**MANY, "per": "run", "images": [f"steps.{name}.all" for name in gathered]}
    return made


def pictures_of(name: str, step: dict[str, Any]) -> list[str]:
    """What a step of a row can take of another."""
    if "matrix" not in step:
        return [f"steps.{name}"]
    words = [f"{word}-" for word in step["matrix"].get("word", ())] or [""]
    return [f"steps.{name}@{word}{zoom}" for word in words for zoom in step["matrix"]["zoom"]]


def with_outputs(made: dict[str, Any]) -> dict[str, Any]:
    """A recipe that shows the last step of rows, and the last of all."""
    recipe: dict[str, Any] = {
        "wanflow": 1,
        "params": {"words": {"type": "string", "default": "green"}},
        "manifest": {"from": "rows.jsonl"},
        "steps": made,
        "outputs": {},
    }
    of_rows = [name for name in made if made[name].get("per") != "run"]
    for name in {of_rows[-1], list(made)[-1]}:
        keys = "".join(f"-${{{{ matrix.{key} }}}}" for key in made[name].get("matrix", ()))
        to = f"out/${{{{ row.id }}}}{keys}.png" if name in of_rows else "out/whole.png"
        recipe["outputs"][name] = {"image": f"steps.{name}", "to": to}
    return recipe


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
                # Candidates that are made anew may be others than those that were picked.
                Action.LATER: {Status.DONE, Status.REUSED, Status.PARKED},
                Action.SKIP: {Status.SKIPPED, Status.REFUSED, Status.REUSED, Status.PARKED},
            }[action]
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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_run_does_what_the_plan_said(data: st.DataObject) -> None:
    recipe = with_outputs(data.draw(steps(), "steps"))
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
        folder = Path(name)
        for photo, content in PHOTOS.items():
            (folder / photo).write_bytes(content)
        write(folder, recipe, rows)
        before, _ = api.run(folder / "recipe.yaml", Fakery().options())
        matrices = [step["matrix"] for step in recipe["steps"].values() if "matrix" in step]
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
        done = {outcome.job for outcome in record.outcomes if outcome.status is Status.DONE}
        assert done <= behind(plan, new)
        runs = [decision for _, decision in plan.decisions() if decision.action is Action.RUN]
        assert len(runs) <= len(done) == len(fakery.asked)


@settings(max_examples=30)
@given(steps())
def test_the_order_of_matrix_keys_and_of_steps_changes_nothing(made: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for photo, content in PHOTOS.items():
            (folder / photo).write_bytes(content)
        write(folder, with_outputs(made), [{"photo": "a.png", "words": "red", "factor": 2, "flag": True}])
        before, _ = api.run(folder / "recipe.yaml", Fakery().options())
        turned = {key: dict(step) for key, step in reversed(made.items())}
        for step in turned.values():
            if "matrix" in step:
                step["matrix"] = dict(reversed(step["matrix"].items()))
        recipe = with_outputs(made) | {"steps": turned}
        write(folder, recipe, [{"photo": "a.png", "words": "red", "factor": 2, "flag": True}])
        after = api.plan(folder / "recipe.yaml", Fakery().options())
        assert after.nothing_to_do
        assert addresses(after) == addresses(before)
