"""check, plan, run: what is done with a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import Money, again, options, recipe_options, selecting

if TYPE_CHECKING:
    from wanflow.api import Options


@main.command()
@recipe_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to tell problems.")
def check(recipe: Path, form: str, **flags: Any) -> int:
    """Report every problem of a recipe, its manifest and its rows; exit 65 if there is one.

    \b
    wanflow check restore.yaml
    """
    from wanflow import api
    from wanflow.telling.console import count

    def work() -> int:
        plan = api.check(recipe, options(**flags))
        rows, steps = count(len(plan.rows), "row"), count(len(plan.steps), "step")
        say('{"problems": []}' if form == "json" else f"{recipe}: no problems; {rows}, {steps}")
        return 0

    return reported(work, form == "json")


@main.command()
@recipe_options
@selecting
@click.option("-B", "--force", is_flag=True, help="Plan every selected job as if nothing were stored.")
@click.option("--top-up", is_flag=True, help="Plan for candidates that never came.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Edits at once on this machine; its cores unless told.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print the plan.")
def plan(recipe: Path, form: str, **flags: Any) -> int:
    """Show what a run would do, why, and what it costs. Changes nothing; needs no network and no key.

    \b
    wanflow plan restore.yaml
    wanflow plan restore.yaml -p upscale=4
    wanflow plan restore.yaml -s 0001/detail
    wanflow plan restore.yaml --format json > plan.json
    """
    from wanflow import api

    return reported(lambda: _show_plan(api.plan(recipe, options(**flags)), form), form == "json")


def _show_plan(plan: Any, form: str) -> int:
    from wanflow.planning.planned import plan_json
    from wanflow.telling.console import plan_text, problems_text, reasons_text

    if form == "json":
        sys.stdout.writelines(plan_json(plan))
    else:
        say(plan_text(plan))
        if details := reasons_text(plan):
            say(f"\n{details}")
    if plan.problems:
        say(problems_text(plan.problems), err=True)
    return 65 if plan.problems else 0


@main.command()
@recipe_options
@selecting
@click.option("-n", "--dry-run", is_flag=True, help="Only show the plan.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Edits at once on this machine; its cores unless told.")
@click.option(
    "-k/-K",
    "--keep-going/--stop-on-failure",
    default=True,
    help="A failed or refused row never stops the others (default), or stop at the first.",
)
@click.option("-B", "--force", is_flag=True, help="Make every selected job anew, also those whose result is stored.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask before work that costs money.")
@click.option("--max-cost", type=Money(), metavar="USD", help="Agree to so much, and start nothing that exceeds it.")
@click.option("--retry-refused", is_flag=True, help="Send again what the service refused for its content.")
@click.option("--top-up", is_flag=True, help="Ask for candidates that never came; each is paid.")
@click.option(
    "--resubmit-uncertain",
    is_flag=True,
    help="Send again what the service may have taken already: it may be paid twice.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the run's record as JSON.")
def run(recipe: Path, dry_run: bool, yes: bool, as_json: bool, **flags: Any) -> int:
    """Do what the plan says. A rerun does only what changed.

    \b
    wanflow run restore.yaml
    wanflow run restore.yaml -m my-photos.csv -o restored
    wanflow run restore.yaml -p upscale=4 -j 2
    wanflow run restore.yaml --pilot 5
    wanflow run restore.yaml -B -s 0003/colorize+
    wanflow run restore.yaml --backend dashscope --max-cost 2.50

    Ctrl-C finishes what is under way; a second one stops at once.
    """
    from wanflow import api

    if dry_run:
        return reported(lambda: _show_plan(api.plan(recipe, options(**flags)), "json" if as_json else "text"), as_json)
    return reported(lambda: _run(recipe, options(**flags), yes, as_json), as_json)


def _run(recipe: Path, wish: Options, yes: bool, as_json: bool) -> int:
    from wanflow import api
    from wanflow.telling import console

    began = console.now()
    with console.Narrator() as narrator:
        plan, record = api.run(
            recipe,
            wish,
            listener=narrator,
            consent=lambda plan: narrator.consent(plan, yes or wish.max_cost is not None),
        )
    assert record  # noqa: S101 - told to mypy; who doesn't consent raises
    if plan.problems:
        say(console.problems_text(plan.problems), err=True)
    if narrator.unsaid:
        place = f".wanflow/runs/{record.run_id}/run.json"
        say(f"  {console.count(narrator.unsaid, 'more warning')} like these; all are in {place}", err=True)
    if as_json:
        sys.stdout.writelines(record.json())
    else:
        say(console.record_text(record, console.now() - began))
        if waiting := console.picks_text(record, again()):
            say(waiting)
    return record.exit_code
