"""plan: what would be done with a recipe."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import Money, at_once, options, plan_options, selecting

if TYPE_CHECKING:
    from decimal import Decimal

    from wanflow.api import Options
    from wanflow.planning.planned import Plan

FORMS = ("text", "json", "markdown", "html")
PENDING, REFUSED = 2, 3


@main.command()
@plan_options
@selecting
@click.option(
    "-o",
    "--output",
    "kept",
    type=click.Path(path_type=Path),
    metavar="PLAN.json",
    help="Keep the plan in this file, to be approved and run: wanflow run PLAN.json.",
)
@click.option("-B", "--force", is_flag=True, help="Plan every selected job as if nothing were stored.")
@click.option("--top-up", is_flag=True, help="Plan for candidates that never came.")
@at_once
@click.option("--format", "form", type=click.Choice(FORMS), default="text", help="How to print the plan.")
@click.option("--detail", is_flag=True, help="Tell every job, too (as JSON always).")
@click.option(
    "--diff", "against", metavar="REF|DIR", help="How requests differ from those of a git revision, or a folder."
)
@click.option("--max-cost", "most", type=Money(), metavar="USD", help="Exit with 3 where it may cost more.")
@click.option("--forbid", type=click.Choice(["paid"]), help="Exit with 3 where anything is to be paid for.")
@click.option("--detailed-exitcode", "detailed", is_flag=True, help="Exit with 2 where there is something to do.")
def plan(
    recipe: Path,
    kept: Path | None,
    form: str,
    detail: bool,
    against: str | None,
    most: Decimal | None,
    forbid: str | None,
    detailed: bool,
    **flags: Any,
) -> int:
    """Show what a run would do, why, and what it costs. Changes nothing; needs no network and no key.

    \b
    wanflow plan restore.yaml
    wanflow plan restore.yaml -p upscale=4
    wanflow plan restore.yaml -s 0001/detail
    wanflow plan restore.yaml --format markdown > comment.md
    wanflow plan restore.yaml --format html > plan.html
    wanflow plan restore.yaml -o plan.json && wanflow run plan.json
    wanflow plan restore.yaml --diff main
    wanflow plan restore.yaml --detailed-exitcode --max-cost 5
    """
    from wanflow import api

    def work() -> int:
        wish = options(**flags)
        if against is not None and kept:
            raise click.UsageError("-o keeps a plan, and --diff makes none; leave one of them out")
        if against is not None:
            plan, code = _show_diff(recipe, against, wish, form, detailed)
            return _gated(plan, code, most, forbid)
        plan = _keep_plan(recipe, wish, kept) if kept else api.plan(recipe, wish)
        code = show_plan(plan, form, detail, api.open_project(recipe, wish).root)
        return _gated(plan, code or PENDING * (detailed and not plan.nothing_to_do), most, forbid)

    return reported(work, form == "json")


def _gated(plan: Plan, code: int, most: Decimal | None, forbid: str | None) -> int:
    """The exit code of a plan, unless it is not allowed."""
    from wanflow.amounts import dollars, exact
    from wanflow.telling.words import count

    totals, why = plan.totals, ""
    if forbid and totals.paid_tasks:
        why = f"{count(totals.paid_tasks, 'task')} would be paid for, and --forbid paid was given"
    elif most is not None and totals.unpriced:
        why = f"no price is known for {count(totals.unpriced, 'image')}, and --max-cost was given"
    elif most is not None and totals.usd_worst > most:
        why = f"this may cost {dollars(totals.usd_worst)}, and --max-cost is {exact(most)}"
    if why:
        say(f"wanflow: {why}", err=True)
    return REFUSED if why and code != 65 else code


def _show_diff(recipe: Path, against: str, wish: Options, form: str, detailed: bool) -> tuple[Plan, int]:
    from wanflow.canon import told
    from wanflow.errors import UsageError
    from wanflow.reviewing import diff
    from wanflow.telling import difftext
    from wanflow.telling.console import problems_text

    if form == "html":
        raise UsageError("--diff is told as text, json or markdown")
    plan, found = diff(recipe, against, wish)
    if form == "json":
        say(told(difftext.diff_json(found)))
    else:
        say(difftext.diff_markdown(found) if form == "markdown" else difftext.diff_text(found))
    if plan.problems:
        say(problems_text(plan.problems), err=True)
    return plan, 65 if plan.problems else PENDING * (detailed and found.differs)


def _keep_plan(recipe: Path, wish: Options, file: Path) -> Plan:
    from wanflow.errors import StoreError, UsageError, WanflowError, unwritable
    from wanflow.planning.saved import is_saved
    from wanflow.reviewing import save
    from wanflow.store.blobs import write_whole

    if file.suffix != ".json":
        raise UsageError(
            f"-o takes the file of a plan, which ends with .json, got {file}; --out is the outputs' folder"
        )
    if not file.parent.is_dir():
        raise UsageError(f"-o: there is no folder {file.parent}; make it first")
    if file.is_file() and file.stat().st_size and not is_saved(file):
        raise UsageError(f"-o: {file} is there already and is no plan; move it away, or give the plan another name")
    try:
        plan, saved = save(recipe, wish)
        write_whole(file.absolute(), (text.encode() for text in saved.text()))
    except WanflowError:
        _remove_older(file)
        raise
    except OSError as error:
        _remove_older(file)
        raise StoreError(f"the plan is not kept: {unwritable(file.parent, error)}") from error
    return plan


def _remove_older(file: Path) -> None:
    """What would be run now in place of the plan that could not be made is no plan of what is here."""
    from wanflow.planning.saved import is_saved

    with contextlib.suppress(OSError):
        if is_saved(file):
            file.unlink()
            say(f"wanflow: {file} was an older plan, and was removed: no plan was made", err=True)


def show_plan(plan: Plan, form: str, detail: bool, root: Path) -> int:
    """Print a plan; its problems go to the error stream. Returns the exit code."""
    from wanflow.telling.console import problems_text

    match form:
        case "json":
            from wanflow.planning.planjson import plan_json

            sys.stdout.writelines(plan_json(plan))
        case "markdown":
            from wanflow.telling.markdown import plan_markdown

            sys.stdout.write(plan_markdown(plan, detail=detail))
        case "html":
            from wanflow.telling.page import plan_html

            sys.stdout.writelines(plan_html(plan, root, detail=detail))
        case _:
            _say_plan(plan, detail)
    if plan.problems:
        say(problems_text(plan.problems), err=True)
    return 65 if plan.problems else 0


def _say_plan(plan: Plan, detail: bool) -> None:
    from wanflow.telling.plantext import detail_text, plan_text, reasons_text

    say(plan_text(plan))
    if details := reasons_text(plan):
        say(f"\n{details}")
    if detail:
        say("")
        for line in detail_text(plan):
            say(line)
