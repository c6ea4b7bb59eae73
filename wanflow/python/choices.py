"""What may be chosen for a check, a plan or a run, as keywords; and what the rest of wanflow calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

from wanflow.errors import UsageError, did_you_mean, quoted
from wanflow.language.selection import Wish
from wanflow.project import Options

PathName = str | PathLike[str]


class Choices(TypedDict, total=False):
    """Keywords of check, plan, run and explain; all may be left out. They are the flags of the command line.

    params        values of the recipe's parameters, by name
    manifest      other rows than the recipe's own: a CSV, TSV, JSONL, JSON or YAML file, or a glob
    out           the folder that output paths start from
    backend       who performs wan/* steps: "draft" (free, on this machine) or "dashscope" (paid)
    region        where the account at the provider is, such as "cn-beijing"
    base_url      another address of the service, an emulator's for one
    select        only these jobs: "detail", "0001/", "0001/detail", "+x", "x+", "tag:web", "state:failed"
    exclude       all but these jobs, written likewise
    until         only this step and what it needs
    pilot         only so many rows, those that differ most
    jobs          edits at once on this machine
    force         every selected job anew, as if nothing were stored
    no_proxy      refuse what the draft engine can only return stamped DRAFT
    top_up        ask for candidates that never came
    retry_refused   send again what the service refused for its content
    resubmit_uncertain   send again what may have been taken already
    allow_paths   folders beside the project's own that the recipe may read and write
    allow_hosts   hosts that URLs of pictures may lead to though they are not public
    """

    params: Mapping[str, str | int | float | bool]
    manifest: PathName
    out: PathName
    backend: str
    region: str
    base_url: str
    select: str | Sequence[str]
    exclude: str | Sequence[str]
    until: str
    pilot: int
    jobs: int
    force: bool
    no_proxy: bool
    top_up: bool
    retry_refused: bool
    resubmit_uncertain: bool
    allow_paths: Sequence[PathName]
    allow_hosts: Sequence[str]


_WISHED = ("select", "exclude", "until", "pilot")
_PATHS = ("manifest", "out")
_LISTS = ("select", "exclude", "allow_hosts", "allow_paths")


def _is_path(value: object) -> bool:
    return isinstance(value, str | PathLike)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _is_list_of(is_one: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, Sequence | set | frozenset) and all(map(is_one, value))


# What each keyword takes. Types are no guard where nobody checks them, and "no" is true to Python.
_TAKES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "params": (lambda value: isinstance(value, Mapping), 'values by name, such as {"upscale": 4}'),
    **dict.fromkeys(_PATHS, (_is_path, "a path")),
    **dict.fromkeys(("backend", "region", "base_url", "until"), (_is_text, "a text")),
    **dict.fromkeys(("select", "exclude", "allow_hosts"), (_is_list_of(_is_text), "a text, or a list of texts")),
    "allow_paths": (_is_list_of(_is_path), "a path, or a list of paths"),
    **dict.fromkeys(("pilot", "jobs"), (_is_count, "a whole number from 1")),
}


def options(choices: Choices, **more: Any) -> Options:
    """The same as Options. Raises UsageError, and TypeError for a keyword that is none."""
    given: dict[str, Any] = {name: value for name, value in choices.items() if value is not None}
    if strange := sorted(given.keys() - Choices.__annotations__.keys()):
        raise TypeError(
            f"there is no keyword {', '.join(strange)}. {did_you_mean(strange[0], Choices.__annotations__)}"
        )
    given |= {name: [given[name]] for name in _LISTS if name in given and _is_path(given[name])}
    for name, value in given.items():
        takes, words = _TAKES.get(name, (None, ""))
        if takes is None:
            require_flag(name, value)
        elif not takes(value):
            raise UsageError(f"{name} takes {words}, not {quoted(str(value))}")
    wish = {name: given.pop(name) for name in _WISHED if name in given}
    wish |= {name: tuple(wish[name]) for name in ("select", "exclude") if name in wish}
    given |= {name: Path(given[name]) for name in _PATHS if name in given}
    given["allow_paths"] = [Path(path) for path in given.get("allow_paths", ())]
    given["params"] = {name: _text(value) for name, value in given.get("params", {}).items()}
    return Options(wish=Wish(**wish), **given, **more)


def require_flag(name: str, value: object) -> None:
    """Refuse what is neither true nor false. Raises UsageError."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} takes True or False, not {quoted(str(value))}")


def path_of(recipe: PathName) -> Path:
    """A recipe's path. Raises UsageError for what is no path, a plan for one."""
    if not _is_path(recipe):
        raise UsageError(
            f"a recipe is named by its path, not by a {type(recipe).__name__}; a plan has a run() of its own"
        )
    return Path(recipe)


def _text(value: object) -> str:
    """A parameter as a flag has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def usd(amount: Decimal | float | str | None) -> Decimal | None:
    """An amount; 2.5 is 2.50. Raises UsageError."""
    if amount is None:
        return None
    try:
        found = Decimal(str(amount))
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or found < 0:
        raise UsageError(f"max_cost: {quoted(str(amount))} is no amount in USD, e.g. 2.50")
    return found
