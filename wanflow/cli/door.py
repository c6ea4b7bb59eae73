"""The command itself: its exit codes, and how what went wrong is told."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from wanflow import __version__

if TYPE_CHECKING:
    from wanflow.errors import Problem, WanflowError

USAGE = 64
UNREAD = 141  # what shells say of a command that SIGPIPE ended


class _Command(click.Command):
    """While a shell asks what may follow -s, click would forget the words before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words apart."""
        if ctx.resilient_parsing and args and any(args[-1] in param.opts for param in self.params if _takes(param)):
            args = args[:-1]
        return super().parse_args(ctx, args)


def _takes(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and not param.is_flag and not param.count


class _Group(click.Group):
    """A usage error is exit code 64 here, not click's 2, which means "changes pending"."""

    command_class = _Command

    def invoke(self, ctx: click.Context) -> Any:
        """Do a command. Where the reader of a pipe (head, less) went away, it ends as all commands do."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            from wanflow.telling.stream import nowhere

            for stream in (sys.stdout, sys.stderr):
                nowhere(stream)
            sys.exit(UNREAD)

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        if "_WANFLOW_COMPLETE" in os.environ:
            from wanflow.cli import completion  # noqa: F401 - knows the shells
        words = list(args[0] if args and args[0] is not None else extra.get("args") or sys.argv[1:])
        try:
            sys.exit(super().main(*args, **extra) or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(USAGE)
        except click.UsageError as error:
            if _wants(words, "--format", "json") or "--json" in words:
                say_error("usage", error.format_message(), USAGE)
            if _wants(words, "--log-format", "json"):
                from wanflow.telling.log import Log

                Log().error("usage", error.format_message(), USAGE)
            else:
                error.show()
            sys.exit(USAGE)
        except click.Abort:
            click.echo("aborted", err=True)
            sys.exit(130)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
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
    wanflow check recipe.yaml      every problem of a recipe and of its rows
    wanflow plan recipe.yaml       what a run would do, why, and what it costs
    wanflow run recipe.yaml        do it; a rerun does only what changed
    wanflow pick recipe.yaml       choose among candidates
    wanflow explain FILE           where a picture comes from, or why a job runs
    wanflow report                 the last run as a page of pictures
    wanflow status                 paid tasks: what is in flight, what was spent
    wanflow emulate                the provider's service here, to try things free
    """


def say(text: str, *, err: bool = False) -> None:
    """Text for a terminal, where names and texts of strangers do nothing but stand."""
    from wanflow.errors import printable

    click.echo(printable(text), err=err)


def reported(work: Callable[[], int], as_json: bool = False, log_json: bool = False) -> int:
    """The exit code of a command; what the user has to mend is `told`."""
    from wanflow.errors import WanflowError

    try:
        return work()
    except WanflowError as error:
        return told(error, as_json, log_json)


def told(error: WanflowError, as_json: bool = False, log_json: bool = False) -> int:
    """The exit code of an error, which goes to the error stream, in words or as events of a JSON log; and to the output
    where that is JSON.
    """
    from wanflow.errors import RecipeError
    from wanflow.telling.console import problems_text

    problems = error.problems if isinstance(error, RecipeError) else []
    message = problems_text(problems) if problems else str(error)
    if as_json:
        say_error(_KINDS[error.exit_code], message, error.exit_code, problems)
    if log_json:
        from wanflow.telling.log import Log

        Log().error(_KINDS[error.exit_code], message, error.exit_code, problems)
    else:
        say(message if problems else f"wanflow: {message}", err=True)
    return error.exit_code


_KINDS = {1: "store", 3: "refused", USAGE: "usage", 65: "recipe"}


def say_error(kind: str, message: str, exit_code: int, problems: Iterable[Problem] = ()) -> None:
    """What went wrong, for programs that read the output."""
    from wanflow.canon import told

    error = {"kind": kind, "message": message, "exit_code": exit_code}
    say(told({"error": error, "problems": [problem.json() for problem in problems]}))


def _wants(words: Sequence[str], flag: str, value: str) -> bool:
    """Whether a command line says this, though it may be wrong otherwise."""
    return f"{flag}={value}" in words or (flag, value) in pairwise(words)
