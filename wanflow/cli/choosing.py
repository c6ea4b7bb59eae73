"""pick, take, freeze and thaw: what people choose of the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import again, offered, options, recipe_options

if TYPE_CHECKING:
    from wanflow.picking import Picking


@main.command()
@recipe_options
@click.argument("choices", nargs=-1, metavar="[ROW/STEP#NUMBER]...", shell_complete=offered("candidates"))
@click.option(
    "--by",
    metavar="RULE",
    shell_complete=offered("pickers"),
    help="Choose for all that are open, by a rule: first, sharpest, most_similar or a scorer.",
)
@click.option(
    "--undo",
    multiple=True,
    metavar="ROW/STEP",
    shell_complete=offered("chosen"),
    help="Take a choice back. Repeatable.",
)
@click.option("--all", "every", is_flag=True, help="List also what is chosen.")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to choose in.")
@click.option(
    "--import", "file", type=click.Path(path_type=Path, dir_okay=False), help="Merge the file that a page saved."
)
def pick(
    recipe: Path,
    choices: tuple[str, ...],
    by: str | None,
    undo: tuple[str, ...],
    every: bool,
    sheet: Path | None,
    file: Path | None,
    **flags: Any,
) -> int:
    """Show the candidates among which a person has to choose, or choose. What is chosen stands in picks/, as text.

    \b
    wanflow pick restore.yaml
    wanflow pick restore.yaml 0001/clean#2 0002/clean#1
    wanflow pick restore.yaml --by sharpest
    wanflow pick restore.yaml --sheet picks.html
    wanflow pick restore.yaml --import ~/Downloads/picks.yaml
    wanflow pick restore.yaml --undo 0001/clean
    """
    if sum(map(bool, (choices, by, undo, sheet, file))) > 1:
        raise click.UsageError("choices, --by, --undo, --sheet and --import are given one at a time")

    def work(picking: Picking) -> int:
        from wanflow.telling import picktext

        if choices or by:
            made = picking.choose_by(by) if by else picking.choose(choices)
            say(picktext.chosen_text(picking, [f"{one.row}/{one.step}" for one in made], again()))
        elif undo:
            say(f"taken back: {', '.join(picking.undo(undo))}")
        elif file:
            return _import(picking, file)
        elif sheet:
            from wanflow.telling.sheet import write_sheet

            say(write_sheet(picking, sheet, again()))
        else:
            say(picktext.listing(picking, again(), every=every))
        return 0

    return _with(recipe, flags, work)


def _import(picking: Picking, file: Path) -> int:
    from wanflow.telling import picktext
    from wanflow.telling.console import problems_text

    found = picking.take_in(file)
    say(picktext.imported_text(found, str(file)))
    if found.problems:
        say(problems_text(list(found.problems)), err=True)
    return 65 if found.problems else 0


@main.command()
@recipe_options
@click.argument("address", required=False, metavar="[ROW/STEP]", shell_complete=offered("addresses"))
@click.argument("name", required=False)
@click.option("--use", metavar="NAME", help="Let this take go on; first: the one that was there first.")
@click.option("--list", "listed", is_flag=True, help="List the jobs that have several takes.")
def take(recipe: Path, address: str | None, name: str | None, use: str | None, listed: bool, **flags: Any) -> int:
    """Ask for a further result of a job beside the old one: the same request with the next seed.

    The next run makes it, and pays for it; the old one is kept, and going back to it costs nothing.

    \b
    wanflow take restore.yaml 0001/clean calmer
    wanflow take restore.yaml 0001/clean --use first
    wanflow take restore.yaml --list
    """
    if listed == bool(address) or (address and bool(name) == bool(use)):
        raise click.UsageError("write ROW/STEP and a name for the take, or --use NAME; or --list alone")

    def work(picking: Picking) -> int:
        from wanflow.telling import picktext

        if address and use:
            picking.use(address, use)
            say(f"{address}: the take {use} goes on; wanflow run {again()} sees to the rest")
        elif address and name:
            picking.take(address, name)
            say(f"{address}: wanflow run {again()} makes the take {name}; --use first goes back")
        else:
            say(picktext.takes_text(picking))
        return 0

    return _with(recipe, flags, work)


@main.command()
@recipe_options
@click.argument("address", metavar="ROW/STEP", shell_complete=offered("addresses"))
def freeze(recipe: Path, address: str, **flags: Any) -> int:
    """Keep a result whatever the recipe says; the plan tells when it differs. ROW/STEP#2 keeps that candidate.

    \b
    wanflow freeze restore.yaml 0001/detail
    """

    def work(picking: Picking) -> int:
        frozen = picking.freeze(address)
        say(f"{frozen.row}/{frozen.step} is frozen, in {picking.file.shown}; wanflow thaw lets it go")
        return 0

    return _with(recipe, flags, work)


@main.command()
@recipe_options
@click.argument("address", metavar="ROW/STEP", shell_complete=offered("frozen"))
def thaw(recipe: Path, address: str, **flags: Any) -> int:
    """Let the recipe decide again about a result that is frozen.

    \b
    wanflow thaw restore.yaml 0001/detail
    """

    def work(picking: Picking) -> int:
        picking.thaw(address)
        say(f"{address} follows the recipe again")
        return 0

    return _with(recipe, flags, work)


def _with(recipe: Path, flags: dict[str, Any], work: Callable[[Picking], int]) -> int:
    """Do something with the results of a recipe."""

    def done() -> int:
        from wanflow.opening import looking
        from wanflow.picking import Picking, everything

        with looking(recipe, everything(options(**flags))) as planner:
            return work(Picking(planner))

    return reported(done)
