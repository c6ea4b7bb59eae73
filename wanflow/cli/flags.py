"""The flags that several commands share, and what they mean to the api."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wanflow.api import Options


# More than any run costs; so that a cap is one.
MOST_USD = 1_000_000


def offered(what: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """What a shell offers behind TAB: the function of this name in wanflow.cli.suggest, loaded when it is asked."""

    def shell_complete(context: click.Context, param: click.Parameter, begun: str) -> Any:
        from wanflow.cli import suggest

        return suggest.quietly(getattr(suggest, what), context, begun)

    return shell_complete


class Money(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """An amount in USD."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The amount; fails like every bad flag."""
        try:
            usd = Decimal(value)
        except InvalidOperation:
            usd = Decimal("nan")
        if not usd.is_finite() or not 0 <= usd <= MOST_USD:  # 1e400 is as little of a bound as inf
            self.fail(f"{value!r} is no amount in USD, e.g. 2.50", param, ctx)
        return usd


at_once = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Edits at once on this machine; its cores unless told.",
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The recipe, and what is set for one command."""
    return _with_recipe(command, _ONE, "-o", "--out")


def checked_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for recipes and folders of them."""
    return _with_recipe(command, _SEVERAL, "-o", "--out")


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a plan, whose -o is its file."""
    return _with_recipe(command, _ONE, "--out")


def _no_plan(context: click.Context, _: click.Parameter, value: Any) -> Any:
    """What was given, unless it is a plan's file, which only `run` takes."""
    paths = value if isinstance(value, tuple) else (value,)
    if context.command.name != "run" and any(path.suffix == ".json" for path in paths):
        from wanflow.planning.saved import is_saved

        for path in filter(is_saved, paths):
            command = context.command.name
            raise click.UsageError(f"{path} is a plan already; {command} its recipe, or run it: wanflow run {path}")
    return value


_ONE = click.argument(
    "recipe", type=click.Path(path_type=Path), callback=_no_plan, shell_complete=offered("to_work_on")
)
_SEVERAL = click.argument(
    "recipes",
    metavar="RECIPE|FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    callback=_no_plan,
    shell_complete=offered("recipes"),
)


def _with_recipe(command: Callable[..., Any], recipe: Callable[..., Any], *out: str) -> Callable[..., Any]:
    for option in reversed(
        [
            recipe,
            click.option(
                "-p",
                "--param",
                multiple=True,
                metavar="NAME=VALUE",
                help="Set a parameter of the recipe.",
                shell_complete=offered("params"),
            ),
            click.option(
                "-m", "--manifest", type=click.Path(path_type=Path), help="Use these rows, not the recipe's manifest."
            ),
            click.option(
                *out,
                type=click.Path(path_type=Path),
                help="Folder that output paths start from.",
                shell_complete=offered("folders"),
            ),
            click.option(
                "--no-proxy", is_flag=True, help="Refuse what the draft engine can only return stamped DRAFT."
            ),
            click.option(
                "--backend",
                metavar="NAME",
                help="Who performs wan/* steps: draft (free, on this machine) or dashscope (paid).",
                shell_complete=offered("backends"),
            ),
            click.option(
                "--allow-path",
                "allow_paths",
                multiple=True,
                type=click.Path(path_type=Path),
                metavar="DIR",
                shell_complete=offered("folders"),
                help="Let the recipe read and write below this folder too, not only below its project's. Repeatable.",
            ),
            click.option(
                "--allow-host",
                "allow_hosts",
                multiple=True,
                metavar="HOST",
                help="Let URLs of pictures lead to this host too, though it is not public. Repeatable.",
            ),
            click.option(
                "--region",
                metavar="NAME",
                help="Where the account at DashScope is, e.g. cn-beijing.",
                shell_complete=offered("regions"),
            ),
            click.option("--base-url", metavar="URL", help="Another address of the service, e.g. an emulator's."),
        ]
    ):
        command = option(command)
    return command


# What `recipe_options` sets, but the recipe.
_SHARED = ["param", "manifest", "out", "no_proxy", "backend", "allow_paths", "allow_hosts", "region", "base_url"]


def again() -> str:
    """The recipe and the flags that this command was given, as a shell takes them, for the next command that is told:
    without its flags that would be about other rows, another backend or another account.
    """
    context = click.get_current_context()
    flags = (option for option in context.command.params if option.name in _SHARED)
    words = (word for option in flags for word in _as_given(option, context.params[str(option.name)]))
    return shlex.join([str(context.params["recipe"]), *words])


def _as_given(option: click.Parameter, value: Any) -> Iterator[str]:
    if value is True:
        yield option.opts[0]
    elif value:
        for one in value if isinstance(value, tuple) else (value,):
            yield from (option.opts[0], str(one))


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which of the jobs are meant."""
    for option in reversed(
        [
            click.option(
                "-s",
                "--select",
                multiple=True,
                metavar="WHAT",
                shell_complete=offered("jobs"),
                help='Only these jobs: detail, 0001/, 0001/detail, +x, x+, tag:web, state:failed; "x y", "x,y".',
            ),
            click.option(
                "-x",
                "--exclude",
                multiple=True,
                metavar="WHAT",
                help="All but these jobs, written likewise.",
                shell_complete=offered("jobs"),
            ),
            click.option(
                "--until",
                metavar="STEP",
                help="Only this step and what it needs.",
                shell_complete=offered("step_names"),
            ),
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


def options(param: tuple[str, ...], **flags: Any) -> Options:
    """What the flags say, as a value. Raises click.UsageError."""
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
