"""Random recipes: the same jobs with the same keys in every process, and selections that are sets of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from drawn import PHOTOS, ROW, matrix_of, pictures_of, steps, with_outputs, write
from hypothesis import given, settings
from hypothesis import strategies as st
from test_selection import ROWS, all_jobs, job_graph, reached_by, selections

from wanflow.documents.source import parse
from wanflow.language.build import build
from wanflow.language.selection import Selection, State, Wish
from wanflow.model import RUN

KEYS = """
import json, sys
from wanflow import api
for recipe in sys.argv[1:]:
    plan = api.plan(recipe)
    print(json.dumps({f"{row}/{made.step}": made.key for row, made in plan.decisions()}, sort_keys=True))
"""


def keys(seed: int, *recipes: Path) -> list[dict[str, str]]:
    """The key of every job, by another process."""
    settings = {**os.environ, "PYTHONHASHSEED": str(seed)}
    command = [sys.executable, "-c", KEYS, *map(str, recipes)]
    done = subprocess.run(command, env=settings, cwd=recipes[0].parent, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def turned(part: Any) -> Any:
    """The same, with the keys of every map in the other order."""
    return {key: turned(part[key]) for key in reversed(part)} if isinstance(part, dict) else part


@settings(max_examples=1)
@given(st.lists(st.tuples(steps(), st.lists(ROW, min_size=1, max_size=3)), min_size=6, max_size=6))
def test_keys_hang_neither_on_hashes_nor_on_the_order_of_keys_and_rows(drawn: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        as_drawn, other = [], []
        for number, (made, rows) in enumerate(drawn):
            for recipes, change in ((as_drawn, lambda part: part), (other, turned)):
                folder = Path(name) / f"{number}{change.__name__}"
                folder.mkdir()
                for photo, content in PHOTOS.items():
                    (folder / photo).write_bytes(content)
                write(folder, change(with_outputs(made)), rows)
                recipes.append(folder / "recipe.yaml")
            lines = other[-1].with_name("rows.jsonl")
            lines.write_text("\n".join(reversed(lines.read_text().splitlines())))
        assert keys(1, *as_drawn) == keys(2, *as_drawn) == keys(3, *other)


def expanded(made: dict[str, Any]) -> list[SimpleNamespace]:
    """The steps of a recipe with every instance, by its text alone."""
    found = []
    for name, step in made.items():
        taken = [step["image"]] if "image" in step else step["images"]
        for own in pictures_of(name, made):
            instance, needs = own.partition("@")[2], set()
            for reference in (text.removeprefix("steps.") for text in taken if text.startswith("steps.")):
                other, every, _ = reference.partition(".all")
                if every:
                    needs |= {picture.removeprefix("steps.") for picture in pictures_of(other, made)}
                else:  # without its instance, it is the same one of the matrix that was taken over
                    needs.add(other if "@" in other or not matrix_of(other, made) else f"{other}@{instance}")
            once = step.get("per") == "run"
            tags = tuple(step.get("tags", ()))
            found.append(
                SimpleNamespace(id=own.removeprefix("steps."), name=name, needs=needs, tags=tags, per_run=once)
            )
    return found


@settings(max_examples=20)
@given(data=st.data())
def test_a_selection_of_a_recipe_is_the_algebra_of_sets_on_the_graph_of_its_jobs(data: st.DataObject) -> None:
    made = data.draw(steps(), "steps")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "recipe.yaml"
        write(file.parent, with_outputs(made), [])
        recipe, problems = build(parse(file.read_text(), file.name), file, {})
    assert not problems
    by_text, jobs = expanded(made), all_jobs(expanded(made))
    assert {(step.id, frozenset(step.needs)) for step in recipe.steps} == {
        (step.id, frozenset(step.needs)) for step in by_text
    }
    states = {state: {} for state in State}
    wished = data.draw(st.lists(selections(by_text, states), min_size=1, max_size=2), "-s")
    left_out = data.draw(st.lists(selections(by_text, states), max_size=1), "-x")
    until = data.draw(st.sampled_from([None, *sorted(made)]), "--until")
    wish = Wish(tuple(text for text, _ in wished), tuple(text for text, _ in left_out), until)
    selection = Selection(recipe.steps, wish)
    expected = reached_by(by_text, jobs, wished, left_out, until)
    assert {(row, step) for row in [*ROWS, RUN] for step in selection.of(row)} == expected
    assert expected <= set(job_graph(by_text))
