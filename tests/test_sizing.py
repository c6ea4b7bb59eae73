"""What a plan says of sizes where the rule is only assumed, once results showed other ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Fakery, picture
from projects import statuses

from wanflow import api
from wanflow.errors import StoreError
from wanflow.store.index import Index

RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo}
  large: {uses: wan/super_resolution, image: steps.colour, with: {upscale_factor: 2}}
outputs:
  large: {image: steps.large, to: "out/${{ row.id }}.png"}
"""
PHOTOS = {"a": (600, 600), "b": (600, 600), "c": (800, 600)}
SMALLER = "wan/colorization (wanx2.1-imageedit) made 400x400 px of 600x600 px, where 600x600 px was assumed"
NOTE = f"{SMALLER}; sizes after it are those seen, or known once they are made"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, size in PHOTOS.items():
        (tmp_path / f"{name}.png").write_bytes(picture(name, size))
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


def rows(recipe: Path, *names: str) -> None:
    recipe.with_name("rows.csv").write_text("id,photo\n" + "".join(f"{name},{name}.png\n" for name in names))


def smaller(function: str, ruled: tuple[int, int]) -> tuple[int, int]:
    return (400, 400) if function == "wan/colorization" else ruled


def test_a_picture_that_came_out_too_small_is_refused_before_the_next_step_is_paid(recipe: Path) -> None:
    fakery, _ = Fakery(sized=smaller), rows(recipe, "a")
    assert not api.plan(recipe, fakery.paid()).notes
    _, record = api.run(recipe, fakery.paid())
    assert record and statuses(record)["a/colour"] == "done" and fakery.steps() == ["wan/colorization"]
    (failed,) = [outcome for outcome in record.outcomes if outcome.job == "a/large"]
    assert failed.error_message == (
        "the picture of colour: 400x400 px; wan/super_resolution takes 512 to 4096 px a side. "
        "Put a local/fit step before it, with: {min_side: 512}"
    )


def test_later_plans_go_by_the_sizes_that_were_seen_and_say_so(recipe: Path) -> None:
    fakery, _ = Fakery(sized=smaller), rows(recipe, "a")
    api.run(recipe, fakery.paid())
    rows(recipe, "b", "c")
    plan = api.plan(recipe, fakery.paid())
    assert plan.notes == [NOTE]
    (problem,) = plan.problems
    assert problem.rows == ("b",) and problem.rule == "image-size"
    assert problem.message == "the picture of colour: 400x400 px; wan/super_resolution takes 512 to 4096 px a side"
    decided = {f"{row}/{decision.step}": decision.action.value for row, decision in plan.decisions()}
    assert decided == {"b/colour": "run", "b/large": "skip", "c/colour": "run", "c/large": "later"}


def test_the_last_size_that_was_seen_counts(recipe: Path) -> None:
    rows(recipe, "a")
    api.run(recipe, Fakery(sized=smaller).paid())
    rows(recipe, "b")
    api.run(
        recipe,
        Fakery().paid(),
    )
    rows(recipe, "c")
    assert not api.plan(recipe, Fakery().paid()).notes


@pytest.mark.parametrize("paid", [True, False])
def test_nothing_is_remembered_of_rules_that_held_or_where_pictures_follow_rules(recipe: Path, paid: bool) -> None:
    fakery, _ = Fakery(sized=(lambda _, ruled: ruled) if paid else smaller), rows(recipe, "a")
    api.run(recipe, fakery.paid() if paid else fakery.options())
    rows(recipe, "b")
    assert not api.plan(recipe, fakery.paid()).notes


def test_sizes_come_back_from_the_index_and_what_is_none_is_damage_told_in_words() -> None:
    index = Index.memory()
    index.note_size("expand", None, (3, 4), (5, 6))
    index.note_size("expand", (1, 2), (3, 4), (5, 6))
    index.note_size("other", (1, 2), (3, 4), (7, 8))
    assert index.sizes("expand") == {(None, (3, 4)): (5, 6), ((1, 2), (3, 4)): (5, 6)}
    index._db.execute("UPDATE sizes SET made = '5'")
    with pytest.raises(StoreError, match=r'is damaged: what no wanflow wrote \("5" is no size\)'), index.in_use():
        index.sizes("expand")
