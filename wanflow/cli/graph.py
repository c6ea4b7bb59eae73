"""graph: a recipe's steps as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import options, plan_options, selecting

if TYPE_CHECKING:
    from wanflow.api import Options
    from wanflow.telling.graph.value import Graph

FORMS = ("svg", "mermaid", "dot", "text")


@main.command()
@plan_options
@selecting
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="How to draw; as the file's name ends, or as text, unless told."
)
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to this file: .svg, .mmd, .dot, .txt.",
)
@click.option("--no-plan", is_flag=True, help="Draw the recipe alone: no rows are read, and no jobs are counted.")
def graph(recipe: Path, form: str | None, file: Path | None, no_plan: bool, **flags: Any) -> int:
    """Draw the steps of a recipe, with what a plan says of each: jobs to run, later, reused, skipped; and the cost.

    \b
    wanflow graph restore.yaml
    wanflow graph restore.yaml -o restore.svg
    wanflow graph restore.yaml --format mermaid > restore.mmd     for Markdown
    wanflow graph restore.yaml --format dot | dot -Tpdf > restore.pdf
    wanflow graph parts/restore.yaml     also what only other recipes can use

    Where the rows can't be read, the recipe is drawn without numbers, and why is told.
    """

    def work() -> int:
        from wanflow.telling.graph.forms import ENDINGS, written

        ending = file.suffix.lower() if file else ""
        if file and not form and ending not in ENDINGS:
            raise click.UsageError(f"{file}: say how to draw with --format, or end its name with {', '.join(ENDINGS)}")
        text = written(_drawn(recipe, options(**flags), no_plan), form or ENDINGS.get(ending, "text"))
        if file:
            _write(file, text)
        else:
            say(text.rstrip("\n"))
        return 0

    return reported(work)


def _drawn(recipe: Path, wish: Options, no_plan: bool) -> Graph:
    from wanflow import api
    from wanflow.errors import RecipeError
    from wanflow.opening import recipe_alone
    from wanflow.telling.console import problems_text
    from wanflow.telling.graph.steps import recipe_graph

    alone, runs = recipe_alone(api.open_project(recipe, wish))
    if no_plan or not runs:
        return recipe_graph(alone)
    try:
        plan = api.plan(recipe, wish)
    except RecipeError as error:
        say(f"{problems_text(error.problems)}\n{recipe} is drawn without numbers", err=True)
        return recipe_graph(alone)
    return recipe_graph(plan.recipe, plan)


def _write(file: Path, text: str) -> None:
    from wanflow.errors import UsageError, unwritable
    from wanflow.store.blobs import write_whole

    try:
        write_whole(file.absolute(), [text.encode()])
    except OSError as error:
        raise UsageError(f"-o: {unwritable(file.parent, error)}") from error
