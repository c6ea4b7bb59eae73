"""A plan that is kept asks for the same, by however many looks at the project it was made."""

from __future__ import annotations

from pathlib import Path

import pytest
from reviewed import RECIPE, Reviewed, reviewed_project

from wanflow import reviewing

PICKS = 'candidates: 2, pick: {by: hand}, with: {prompt: "${{ row.colours }}"}}'
SHEET = "  sheet: {uses: local/contact_sheet, images: steps.small.all, per: run}\n"
RECIPES = {
    "plain": RECIPE,
    "alike": RECIPE.replace("${{ row.colours }}", "blue"),
    "picks": RECIPE.replace('with: {prompt: "${{ row.colours }}"}}', PICKS),
    "whole run": RECIPE.replace("outputs:\n", f"{SHEET}outputs:\n"),
    "judged": RECIPE.replace("  colour: {uses", "  colour: {expect: {min_side: 8}, reroll: 2, uses"),
}

OTHER = """\
wanflow: 1
name: other
manifest: {from: photos.csv}
steps:
  tiny: {uses: local/resize, image: row.photo, with: {width: 30}}
outputs:
  tiny: {image: steps.tiny, to: "tiny/${{ row.id }}.png"}
"""


def kept(project: Reviewed) -> list[object]:
    _, saved = reviewing.save(project.recipe, project.options())
    return [list(saved.entries), saved.head["totals"], saved.head["files"]]


@pytest.mark.parametrize("name", RECIPES)
def test_what_another_recipe_stored_changes_nothing(name: str, tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p", RECIPES[name])
    first = kept(project)
    assert first[0]
    project.recipe.write_text(OTHER)
    project.run()
    project.recipe.write_text(RECIPES[name])
    assert kept(project) == first
