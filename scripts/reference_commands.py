"""docs/commands.md from the commands themselves: every command, argument and flag, as click knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

HEAD = """\
# Commands
Look up any command and flag. Written from the commands themselves by `make schemas`; `wanflow COMMAND --help`
says the same. What a command's exit code means stands in [Exit codes](errors.md#exit-codes).
"""


def commands() -> list[str]:
    """The page, in lines or more."""
    from wanflow.cli import main

    told = list(_below(main, "wanflow"))
    index = [f"| [`{name}`](#{_slug(name)}) | {_first(command)} |" for name, command in told]
    pages = (line for name, command in told for line in _command(name, command))
    return [HEAD, "| command | what it does |", "|---|---|", *index, "", *pages]


def _below(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for each, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _below(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield f"## {name}\n"
    words, examples = _parts(command)
    yield from (f"{paragraph}\n" for paragraph in words)
    context = click.Context(command, info_name=name)
    yield f"```sh\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    if examples:
        yield f"For example:\n\n```sh\n{examples}\n```\n"
    yield from _options([option for option in command.params if isinstance(option, click.Option)])


def _options(options: list[click.Option]) -> Iterator[str]:
    if options:
        yield "| flag | meaning |"
        yield "|---|---|"
        yield from (f"| {_flag(option)} | {_meaning(option)} |" for option in options if not option.hidden)
        yield ""


def _flag(option: click.Option) -> str:
    value = "" if option.is_flag or option.count else f" {option.metavar or _kind(option)}"
    *shorter, longest = sorted([*option.opts], key=len)
    others = [f"`{name}`" for name in sorted(option.secondary_opts, key=len)]
    return ", ".join([*(f"`{name}`" for name in shorter), f"`{longest}{_cell(value)}`", *others])


def _kind(option: click.Option) -> str:
    kind = option.type
    if isinstance(kind, click.Choice):
        return "|".join(str(choice) for choice in kind.choices)
    return kind.name.upper().replace(" RANGE", "").replace("TEXT", str(option.name).upper())


def _meaning(option: click.Option) -> str:
    words = [_cell(option.help or "")]
    kind = option.type
    if isinstance(kind, click.IntRange | click.FloatRange):
        low, high = kind.min, kind.max
        bounds = [f"{low:g} to {high:g}" if high is not None and low is not None else f"{low:g} and more"]
        words += [f"{bounds[0]}."] if low is not None else []
    if option.multiple and "epeatable" not in words[0]:
        words.append("Repeatable.")
    default = option.default
    if not option.is_flag and isinstance(default, str | int | float) and str(default) and str(default) not in words[0]:
        words.append(f"Unless told: `{default}`.")
    return " ".join(word for word in words if word)


def _parts(command: click.Command) -> tuple[list[str], str]:
    """What a command says of itself: paragraphs, and its examples (after \\b)."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))
    examples = "\n".join(part.removeprefix("\b\n") for part in paragraphs if part.startswith("\b"))
    examples = re.sub(r"(?m) {3,}(\S.*)$", r"   # \1", examples)
    return [" ".join(part.split()) for part in paragraphs if part and not part.startswith("\b")], examples


def _first(command: click.Command) -> str:
    words, _ = _parts(command)
    return _cell(words[0].split(". ")[0].rstrip(".")) if words else ""


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
