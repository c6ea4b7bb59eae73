"""check: every problem of recipes, their manifests and their rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import checked_options, options

if TYPE_CHECKING:
    from wanflow.api import Options
    from wanflow.errors import Problem

FORMS = ("text", "json", "sarif")


@main.command()
@checked_options
@click.option("--list", "listing", is_flag=True, help="Only name the recipes that can run by themselves, one a line.")
@click.option("--format", "form", type=click.Choice(FORMS), default="text", help="How to tell problems.")
def check(recipes: tuple[Path, ...], listing: bool, form: str, **flags: Any) -> int:
    """Report every problem of recipes, their manifests and their rows; exit 65 if there is one.

    A folder stands for all recipes below it. Of several, those that only others can use are checked in these.

    \b
    wanflow check restore.yaml
    wanflow check .
    wanflow check --list recipes
    wanflow check restore.yaml --format sarif > problems.sarif     for a code host
    """

    def work() -> int:
        from wanflow.errors import RecipeError

        found, parts = _recipes(recipes, apart=listing or len(recipes) > 1)
        if listing:
            _say_list(found, parts, form)
            return 0
        told: dict[Problem, None] = {}
        for part in parts if form == "text" else ():
            say(f"{part}: only other recipes can use it; it is checked in these")
        for recipe in found:
            wrong, line = _checked(recipe, options(**flags))
            told |= dict.fromkeys(wrong)
            if line and form == "text":
                say(line)
        problems = list(told)
        if form == "sarif":
            return _say_sarif(problems)
        if problems:
            raise RecipeError(problems)
        if form == "json":
            say('{"problems": []}')
        return 0

    return reported(work, form == "json")


def _recipes(named: tuple[Path, ...], *, apart: bool) -> tuple[list[Path], list[Path]]:
    """What was named, and for a folder the recipes below it, each once; what only others can use stands `apart`."""
    from wanflow.errors import UsageError
    from wanflow.language.below import is_part, recipes_below

    found: dict[Path, None] = {}
    parts = [path for path in dict.fromkeys(named) if apart and is_part(path)]
    for path in named:
        below = recipes_below(path) if path.is_dir() else [path]
        if not below:
            raise UsageError(f"{path}: there is no recipe at or below this folder")
        found |= dict.fromkeys(below)
    return [path for path in found if path not in parts], parts


def _say_list(recipes: list[Path], parts: list[Path], form: str) -> None:
    from wanflow.canon import told

    if form == "text":
        for path in recipes:
            say(str(path))
    else:
        say(told({"recipes": [str(path) for path in recipes], "parts": [str(path) for path in parts]}))


def _checked(recipe: Path, wish: Options) -> tuple[list[Problem], str]:
    """The problems of a recipe, and what to say if there are none."""
    from wanflow import api
    from wanflow.errors import RecipeError
    from wanflow.telling.words import count

    try:
        plan = api.check(recipe, wish)
    except RecipeError as error:
        return list(error.problems), ""
    return [], f"{recipe}: no problems; {count(len(plan.rows), 'row')}, {count(len(plan.steps), 'step')}"


def _say_sarif(problems: list[Problem]) -> int:
    from wanflow.canon import told
    from wanflow.telling.sarif import sarif

    say(told(sarif(problems)))
    return 65 if problems else 0
