"""run: what a plan says is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wanflow.cli.door import main, reported, say, told
from wanflow.cli.edits import show_plan
from wanflow.cli.flags import Money, again, at_once, options, recipe_options, selecting
from wanflow.cli.report import not_opened

if TYPE_CHECKING:
    from wanflow.api import Options
    from wanflow.errors import WanflowError
    from wanflow.planning.planned import Plan
    from wanflow.telling.narrator import Voice


@main.command()
@recipe_options
@selecting
@click.option("-n", "--dry-run", is_flag=True, help="Only show the plan.")
@at_once
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
@click.option("--open", "opens", is_flag=True, help="Make its report when it ends, and open that in the browser.")
@click.option("--watch", is_flag=True, help="Run again whenever the recipe, or anything that it reads, changes.")
@click.option("--json", "as_json", is_flag=True, help="Print the run's record as JSON.")
@click.option(
    "--log-format",
    "log",
    type=click.Choice(["text", "json"]),
    help="How the run is told meanwhile: plain lines, on a terminal too, or JSON, an event a line.",
)
def run(
    recipe: Path, dry_run: bool, yes: bool, watch: bool, as_json: bool, log: str | None, opens: bool, **flags: Any
) -> int:
    """Do what the plan says. A rerun does only what changed.

    \b
    wanflow run restore.yaml
    wanflow run restore.yaml -m my-photos.csv -o restored
    wanflow run restore.yaml -p upscale=4 -j 2
    wanflow run restore.yaml --pilot 5
    wanflow run restore.yaml -B -s 0003/colorize+
    wanflow run restore.yaml --backend dashscope --max-cost 2.50
    wanflow run plan.json     what was approved: plan -o plan.json
    wanflow run restore.yaml --watch --open

    Ctrl-C finishes what is under way; a second one stops at once.
    """
    from wanflow import api
    from wanflow.planning.saved import is_saved

    for flag, given in (("-n", dry_run), ("--watch", watch)):
        if given and is_saved(recipe):
            raise click.UsageError(f"{recipe} is a plan already; {flag} is for recipes")
    if dry_run and watch:
        raise click.UsageError("--watch runs, and -n does not; leave one of them out")
    if dry_run and opens:
        raise click.UsageError("--open shows what a run made, and -n makes nothing; leave one of them out")
    wish, log_json = options(**flags), log == "json"
    if dry_run:
        form = "json" if as_json else "text"
        return reported(lambda: show_plan(api.plan(recipe, wish), form, False, Path()), as_json)

    manner = _Manner(recipe, as_json, log, opens)

    def work() -> int:
        if watch:
            from wanflow.cli.watch import Watch

            return Watch(recipe, wish, manner.voice, manner.once, manner.told).run()
        voice, approved = manner.voice(), recipe if is_saved(recipe) else None
        return manner.once(wish, voice, lambda plan: voice.consent(plan, yes or wish.max_cost is not None, approved))

    return reported(work, as_json, log_json)


class _Manner:
    """How runs of a recipe are told: what goes to the output when one ends, what speaks meanwhile, and whether its
    report opens, which it does once.
    """

    def __init__(self, recipe: Path, as_json: bool, log: str | None, opens: bool) -> None:
        self._recipe, self._as_json, self._log = recipe, as_json, log
        self._reports = self._opens = opens

    def voice(self) -> Voice:
        """Who tells how a run goes."""
        if self._log == "json":
            from wanflow.telling.log import Log

            return Log()
        from wanflow.telling.narrator import Narrator

        return Narrator(plain=self._log == "text")

    def told(self, error: WanflowError) -> int:
        """The exit code of an error, which is told."""
        return told(error, self._as_json, self._log == "json")

    def once(self, wish: Options, voice: Voice, consent: Callable[[Plan], bool]) -> int:
        """Run it; the exit code."""
        from wanflow import api
        from wanflow.planning.saved import is_saved
        from wanflow.reviewing import run_saved
        from wanflow.telling import console
        from wanflow.telling.narrator import now
        from wanflow.telling.stream import is_unread, nowhere

        began = now()
        do = run_saved if is_saved(self._recipe) else api.run
        with voice:
            plan, record = do(self._recipe, wish, listener=voice, consent=consent)
        assert record  # noqa: S101 - told to mypy; who doesn't consent raises
        voice.problems(plan.problems)
        voice.ended(record)
        try:
            if self._as_json:
                sys.stdout.writelines(record.json())
                sys.stdout.flush()
            else:
                say(console.record_text(record, now() - began))
                if waiting := console.picks_text(record, again()):
                    say(waiting)
        except OSError as error:
            if not is_unread(sys.stdout, error):
                raise
            nowhere(sys.stdout)  # how the run went is told by its exit code, too
        if self._reports:
            self._report(record.run_id, voice)
        return record.exit_code

    def _report(self, run: str, voice: Voice) -> None:
        from wanflow import reporting

        made = reporting.make(run, here=Path.cwd() / self._recipe.parent)
        complaint, self._opens = not_opened(made.path) if self._opens else "", False
        for note in (*made.notes, *([complaint] if complaint else [])):
            voice.note(note)
