"""Flags <-> api. No logic: one function a command, exit codes, and where text goes."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wanflow import __version__

if TYPE_CHECKING:
    from wanflow.api import Options

# wanflow's modules are imported inside the commands: `wanflow --help` must not load jsonschema, networkx and jinja2.

USAGE = 64


class _Group(click.Group):
    """A usage error is exit code 64 here, not click's 2, which means "changes pending"."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **extra) or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(USAGE)
        except click.UsageError as error:
            error.show()
            sys.exit(USAGE)
        except click.Abort:
            click.echo("aborted", err=True)
            sys.exit(130)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except BrokenPipeError:
            # The reader of a pipe (head, less) went away; that is no error of ours.
            sys.stderr.close()
            sys.exit(0)
        except OSError as error:
            click.echo(f"wanflow: {_told(error)}", err=True)
            sys.exit(1)


# Only what is printed goes to a file that has no name.
_PRINTING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EAGAIN)


def _told(error: OSError) -> str:
    said = error.strerror or type(error).__name__
    if error.filename:
        return f"{error.filename}: {said}"
    return f"output can't be written: {said}" if error.errno in _PRINTING else said


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="wanflow")
def main() -> None:
    """make for Wan image edits: recipes in git, a priced plan before you pay, cached runs.

    \b
    wanflow init photos            a working example project in the folder photos
    wanflow check recipe.yaml      every problem of a recipe, its manifest and its rows
    wanflow plan recipe.yaml       what a run would do, why, and what it costs
    wanflow run recipe.yaml        do it; a rerun does only what changed
    wanflow status                 paid tasks: what is in flight, what was spent
    wanflow emulate                the provider's service on this machine, to try things for nothing
    """


def _say(text: str, *, err: bool = False) -> None:
    """Text for a terminal, where names and texts of strangers do nothing but stand."""
    from wanflow.errors import printable

    click.echo(printable(text), err=err)


class _Money(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            usd = Decimal(value)
        except InvalidOperation:
            usd = Decimal("nan")
        if not usd.is_finite() or usd < 0:
            self.fail(f"{value!r} is no amount in USD, e.g. 2.50", param, ctx)
        return usd


def _recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        [
            click.argument("recipe", type=click.Path(path_type=Path)),
            click.option("-p", "--param", multiple=True, metavar="NAME=VALUE", help="Set a parameter of the recipe."),
            click.option(
                "-m", "--manifest", type=click.Path(path_type=Path), help="Use these rows, not the recipe's manifest."
            ),
            click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder that output paths start from."),
            click.option(
                "--no-proxy", is_flag=True, help="Refuse what the draft engine can only return stamped DRAFT."
            ),
            click.option(
                "--backend",
                metavar="NAME",
                help="Who performs wan/* steps: draft (free, on this machine) or dashscope (paid).",
            ),
            click.option(
                "--allow-path",
                "allow_paths",
                multiple=True,
                type=click.Path(path_type=Path),
                metavar="DIR",
                help="Let the recipe read and write below this folder too, not only below its project's. Repeatable.",
            ),
            click.option(
                "--allow-host",
                "allow_hosts",
                multiple=True,
                metavar="HOST",
                help="Let URLs of pictures lead to this host too, though it is not public. Repeatable.",
            ),
            click.option("--region", metavar="NAME", help="Where the account at DashScope is, e.g. cn-beijing."),
            click.option("--base-url", metavar="URL", help="Another address of the service, e.g. an emulator's."),
        ]
    ):
        command = option(command)
    return command


def _selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        [
            click.option(
                "-s",
                "--select",
                multiple=True,
                metavar="WHAT",
                help='Only these jobs: detail, 0001/, 0001/detail, +x, x+, tag:web, state:failed; "x y", "x,y".',
            ),
            click.option(
                "-x", "--exclude", multiple=True, metavar="WHAT", help="All but these jobs, written likewise."
            ),
            click.option("--until", metavar="STEP", help="Only this step and what it needs."),
            click.option(
                "--pilot",
                type=click.IntRange(1),
                metavar="N",
                help="Only N rows that differ most in size, ratio and prompt.",
            ),
        ]
    ):
        command = option(command)
    return command


def _options(param: tuple[str, ...], **flags: Any) -> Options:
    from wanflow.api import Options
    from wanflow.language.selection import Wish

    wished = {name: flags.pop(name) for name in ("select", "exclude", "until", "pilot") if name in flags}
    return Options(_pairs(param), wish=Wish(**wished), **flags)


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    from wanflow.errors import quoted

    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"-p takes NAME=VALUE, got {quoted(text)}")
        pairs[name] = value
    return pairs


def _reported(work: Callable[[], int], as_json: bool = False) -> int:
    """The exit code of a command; what the user has to mend goes to the error stream (or, as JSON, to the output)."""
    from wanflow.errors import RecipeError, WanflowError

    try:
        return work()
    except RecipeError as error:
        _tell_problems(error, as_json)
        return error.exit_code
    except WanflowError as error:
        _say(f"wanflow: {error}", err=True)
        return error.exit_code


def _tell_problems(error: Any, as_json: bool) -> None:
    from wanflow.canon import told
    from wanflow.telling.console import problems_text

    if as_json:
        _say(told({"problems": [problem.json() for problem in error.problems]}))
    _say(problems_text(error.problems), err=True)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("wanflow-example"))
def init(folder: Path) -> int:
    """Make a working example project: photographs, a manifest and a recipe.

    \b
    wanflow init my-archive
    cd my-archive && wanflow run restore.yaml
    """
    from wanflow.starter import create

    def work() -> int:
        for line in create(folder):
            _say(line)
        return 0

    return _reported(work)


@main.command()
@_recipe_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to tell problems.")
def check(recipe: Path, form: str, **flags: Any) -> int:
    """Report every problem of a recipe, its manifest and its rows; exit 65 if there is one.

    \b
    wanflow check restore.yaml
    """
    from wanflow import api
    from wanflow.telling.console import count

    def work() -> int:
        plan = api.check(recipe, _options(**flags))
        rows, steps = count(len(plan.rows), "row"), count(len(plan.steps), "step")
        _say('{"problems": []}' if form == "json" else f"{recipe}: no problems; {rows}, {steps}")
        return 0

    return _reported(work, form == "json")


@main.command()
@_recipe_options
@_selecting
@click.option("-B", "--force", is_flag=True, help="Plan every selected job as if nothing were stored.")
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

    return _reported(lambda: _show_plan(api.plan(recipe, _options(**flags)), form), form == "json")


def _show_plan(plan: Any, form: str) -> int:
    from wanflow.planning.planned import plan_json
    from wanflow.telling.console import plan_text, problems_text, reasons_text

    if form == "json":
        sys.stdout.writelines(plan_json(plan))
    else:
        _say(plan_text(plan))
        if details := reasons_text(plan):
            _say(f"\n{details}")
    if plan.problems:
        _say(problems_text(plan.problems), err=True)
    return 65 if plan.problems else 0


@main.command()
@_recipe_options
@_selecting
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
@click.option("--max-cost", type=_Money(), metavar="USD", help="Agree to so much, and start nothing that exceeds it.")
@click.option("--retry-refused", is_flag=True, help="Send again what the service refused for its content.")
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
        return _reported(
            lambda: _show_plan(api.plan(recipe, _options(**flags)), "json" if as_json else "text"), as_json
        )
    return _reported(lambda: _run(recipe, _options(**flags), yes, as_json), as_json)


def _run(recipe: Path, options: Options, yes: bool, as_json: bool) -> int:
    from wanflow import api
    from wanflow.telling import console

    began = console.now()
    with console.Narrator() as narrator:
        plan, record = api.run(
            recipe,
            options,
            listener=narrator,
            consent=lambda plan: narrator.consent(plan, yes or options.max_cost is not None),
        )
    assert record  # noqa: S101 - told to mypy; who doesn't consent raises
    if plan.problems:
        _say(console.problems_text(plan.problems), err=True)
    if narrator.unsaid:
        place = f".wanflow/runs/{record.run_id}/run.json"
        _say(f"  {console.count(narrator.unsaid, 'more warning')} like these; all are in {place}", err=True)
    if as_json:
        sys.stdout.writelines(record.json())
    else:
        _say(console.record_text(record, console.now() - began))
    return record.exit_code


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--billing", is_flag=True, help="What was spent, by month and model.")
def status(as_json: bool, billing: bool) -> int:
    """Show this project's last runs and every paid task in flight: its age, its cost, and who holds a slot.

    \b
    wanflow status
    wanflow status --billing
    """
    from wanflow import api
    from wanflow.telling import console

    def work() -> int:
        found = api.status()
        if as_json:
            _say(found.json())
        else:
            _say(console.status_text(found, billing=billing))
        return 0

    return _reported(work)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0: any free one.")
@click.option("--region", default="cn-beijing", show_default=True, help="Whose models, limits and prices.")
@click.option("--speed", type=float, default=1.0, show_default=True, help="How many times as fast its time runs.")
@click.option("--service", metavar="TIMES", help="Seconds of work on a task, e.g. uniform:5:15; else the model's own.")
@click.option("--latency", metavar="TIMES", help="Seconds before each answer, e.g. lognormal:0.2:0.5.")
@click.option("--paint", type=click.Choice(["draft", "echo"]), default="draft", show_default=True, help="Who paints.")
@click.option("--refuse-excess", is_flag=True, help="Refuse with 429 what exceeds the concurrent tasks; else it waits.")
@click.option(
    "--validate",
    type=click.Choice(["submit", "task"]),
    default="submit",
    show_default=True,
    help="Where bad parameters are refused.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="An API key to take; else all that begin with sk-.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the times that are drawn.")
@click.option("--fault", multiple=True, metavar="FAULT", help="A file, or e.g. rate=0.1,kinds=500+reset_after,seed=7.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Keep tasks and files here (SQLite).")
def emulate(host: str, port: int, **flags: Any) -> int:
    """Be the provider's image service on this machine: same requests and answers, no key, no cost.

    \b
    wanflow emulate --speed 20
    wanflow emulate --paint echo --fault rate=0.1,kinds=500+reset_after,seed=7
    """

    def work() -> int:
        from wanflow.emulator.options import from_flags

        server = _emulator_server()
        options = from_flags(**flags)
        with server.bound(host, port) as listener:
            _say(server.farewell(options, server.serve(options, listener, click.echo)))
        return 0

    return _reported(work)


def _emulator_server() -> Any:
    from wanflow.errors import UsageError

    try:
        from wanflow.emulator import server
    except ModuleNotFoundError as error:
        raise UsageError(f"wanflow emulate needs {error.name}: pip install 'wanflow[emulator]'") from error
    return server


_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to tell it.")


@main.group()
def cache() -> None:
    """Look after what is stored in .wanflow: verify it, remove what nobody needs, count it."""


def _tell(found: Any, form: str, text: Callable[[Any], str], values: Callable[[Any], Any]) -> None:
    from wanflow.canon import told

    _say(told(values(found)) if form == "json" else text(found))


@cache.command("verify")
@click.option(
    "--mend",
    is_flag=True,
    help="Put back what can be had: a damaged index from receipts, pictures from equal output files.",
)
@_FORMAT
def verify(mend: bool, form: str) -> int:
    """Check the index and every stored picture; exit 1 if anything is damaged or missing, and say what to do.

    \b
    wanflow cache verify
    """
    from wanflow import cache
    from wanflow.telling import cachetext

    def work() -> int:
        found = cache.verify(mend=mend)
        _tell(found, form, cachetext.verified_text, cachetext.verified_json)
        return 0 if found.whole else 1

    return _reported(work)


@cache.command("gc")
@click.option("--older-than", default="30d", show_default=True, metavar="AGE", help="Keep what was stored since then.")
@click.option("--paid", is_flag=True, help="Remove also what was paid for; to have it again costs money again.")
@click.option("-n", "--dry-run", is_flag=True, help="Only list what would be removed.")
@_FORMAT
def gc(older_than: str, form: str, **flags: Any) -> int:
    """Remove pictures that no job of any recipe had when it was last done, and what died runs left behind.

    \b
    wanflow cache gc --dry-run
    wanflow cache gc --older-than 7d
    """
    from wanflow import cache
    from wanflow.telling import cachetext

    def work() -> int:
        found = cache.gc(older_than_s=_age(older_than), **flags)
        _tell(found, form, cachetext.collected_text, cachetext.collected_json)
        return 0

    return _reported(work)


def _age(text: str) -> float:
    from wanflow.errors import UsageError
    from wanflow.telling.cachetext import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"--older-than: {error}") from error


@cache.command("stats")
@_FORMAT
def stats(form: str) -> int:
    """Count pictures, room and money by recipe and backend.

    \b
    wanflow cache stats
    """
    from wanflow import cache
    from wanflow.telling import cachetext

    def work() -> int:
        _tell(cache.stats(), form, cachetext.stats_text, cachetext.stats_json)
        return 0

    return _reported(work)


@main.command()
@click.argument("name", required=False)
def schema(name: str | None) -> int:
    """Print a JSON Schema: of recipes, or of a function (wan/expand), plan or run.

    \b
    wanflow schema > recipe.schema.json
    wanflow schema wan/expand
    """
    import json

    from wanflow.documents.schemas import named

    def work() -> int:
        click.echo(json.dumps(named(name or "recipe"), indent=1, ensure_ascii=False))
        return 0

    return _reported(work)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    eval "$(wanflow completion bash)"
    wanflow completion fish > ~/.config/fish/completions/wanflow.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - told to mypy; the choice above allows only shells that click has
    click.echo(kind(main, {}, "wanflow", "_WANFLOW_COMPLETE").source())
    return 0


if __name__ == "__main__":
    main()
