"""What can go wrong for a user: problems as values, and one exception tree.

    WanflowError                 exit code
    |-- UsageError               64   a flag, an argument, wanflow.toml
    |-- RecipeError              65   carries every Problem of recipe, manifest and rows at once
    |-- RefusedError              3   budget, consent, policy
    |-- StoreError                1   .wanflow can't be read or written
    `-- EditError                 1   one job failed: a code, a message, and whether trying again can help

Anything else that escapes is a bug of wanflow.
"""

from __future__ import annotations

import difflib
import errno
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Literal

# Every rule that a recipe, its manifest and its rows have to keep; tests/grammar has a good and a bad example of each.
Rule = Literal[
    "bypass", "cells", "choice", "column", "combination", "cycle", "data-refused", "depth", "duplicate-key",
    "encoding", "expect", "expression", "file", "frozen", "hint", "image", "image-format", "image-missing",
    "image-size", "image-too-large", "image-unfit", "image-unreadable", "input", "json", "length", "letters",
    "manifest", "mask-alpha", "mask-black", "mask-grey", "mask-size", "mask-white", "matrix", "model", "name",
    "no-proxy", "out-of-reach", "output-path", "outside", "param", "pattern", "pick", "picks", "range", "reference",
    "required", "reroll", "row-key", "row-schema", "selection", "size", "type", "unknown-key", "url-refused",
    "when", "yaml",
]  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a text: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing a user has to mend: where it is, which rule it breaks, for which rows, and what to do.

    `origin` says where the first row's value stands, when a manifest gives it: "photos.csv:3, column year"; `used_by`
    which recipes use the file, each with the place, the nearest first: "restore.yaml:12 (step prep)".
    """

    rule: Rule
    message: str
    path: str = ""
    mark: Mark | None = None
    source: str = ""
    hint: str = ""
    rows: tuple[str, ...] = ()
    row_count: int = 0
    origin: str = ""
    used_by: tuple[str, ...] = ()

    def text(self) -> str:
        """The problem as a person reads it: position, message, the line with a caret, rows, remedy."""
        lines = [f"{self.where()}{inline(self.message)} [{self.rule}]"]
        note = self.rows_note()
        if self.source and self.mark:
            lines += _excerpt(self.source, self.mark.column, note)
        elif note:
            lines.append(f"    {note}")
        lines += [f"    used by {inline(user)}" for user in self.used_by]
        if self.hint:
            lines += [f"    {line}" for line in printable(self.hint).splitlines()]
        return "\n".join(lines)

    def where(self) -> str:
        """``file:line:column: `` as far as it is known."""
        if not self.path:
            return ""
        place = f":{self.mark.line}:{self.mark.column}" if self.mark else ""
        return f"{inline(self.path)}{place}: "

    def json(self) -> dict[str, object]:
        """The problem as JSON values."""
        place = {"line": self.mark.line, "column": self.mark.column} if self.mark else {}
        return {
            "rule": self.rule,
            "message": self.message,
            "path": self.path,
            **place,
            "rows": list(self.rows),
            "row_count": self.row_count,
            "origin": self.origin,
            "used_by": list(self.used_by),
            "hint": self.hint,
        }

    def rows_note(self) -> str:
        """Which rows it is about, and where the first one's value stands; empty when it is about none."""
        if not self.rows:
            return ""
        first = inline(self.rows[0])
        place = f" ({inline(self.origin)})" if self.origin else ""
        return f"{f'row {first}' if self.row_count <= 1 else f'used by {self.row_count} rows, first {first}'}{place}"


EXCERPT_WIDTH = 100


def _excerpt(source: str, column: int, note: str) -> list[str]:
    # A 1 MB line must not flood the terminal: show the part around the caret.
    start = max(0, column - 1 - EXCERPT_WIDTH // 2) if len(source) > EXCERPT_WIDTH else 0
    shown = printable(source[start : start + EXCERPT_WIDTH])
    caret = " " * _cells(printable(source[start : column - 1])) + "^"
    return [f"    {shown}", f"    {caret} {note}".rstrip()]


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def printable(text: str) -> str:
    """Text that is safe on a terminal: control characters (but line breaks) become visible escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def inline(text: str) -> str:
    """The same on one line, so that no text can pass for lines of ours."""
    return printable(text).replace("\n", "\\n")


def is_text(text: str) -> bool:
    """False for what the system handed over although it is no UTF-8: it can be neither stored nor shown."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def quoted(value: object, most: int = 60) -> str:
    """A value as messages show it: texts in double quotes, long ones cut, control characters escaped."""
    text = str(value)
    shown = inline(text if len(text) <= most else f"{text[: most - 1]}…")
    return f'"{shown}"' if isinstance(value, str) else shown


def merge(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in order of place; the same problem of many rows becomes one that counts them."""
    merged: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        identity = (problem.path, problem.mark, problem.rule, problem.message, problem.hint, problem.used_by)
        if (known := merged.get(identity)) is None:
            merged[identity] = replace(problem, row_count=problem.row_count or len(problem.rows))
        else:
            count = known.row_count + (problem.row_count or len(problem.rows))
            merged[identity] = replace(known, row_count=count)
    # The sort is stable, so problems without a place keep the order in which they were found.
    return sorted(merged.values(), key=lambda p: (p.path, p.mark or Mark(0, 0)))


def did_you_mean(word: str, known: Iterable[str], also_called: Mapping[str, Sequence[str]] | None = None) -> str:
    """A hint naming the nearest known words, or all of them when none is near; ends with a full stop.

    `also_called` gives other names for some. What stands before a slash (wan/) is not compared, since it makes
    everything look near.
    """
    choices, others = tuple(sorted(known)), also_called or {}
    near = others.get(re.sub(r"\W", "_", _tail(word).lower())) or _near(word, choices[:MAX_CHOICES])
    near = near or [
        choice
        for name in difflib.get_close_matches(_tail(word)[:MAX_WORD], others, n=3, cutoff=0.75)
        for choice in others[name]
    ]
    if near:
        return f"Did you mean {' or '.join(list(dict.fromkeys(near))[:3])}?"
    more = f" and {len(choices) - MAX_SHOWN:,} more" if len(choices) > MAX_SHOWN else ""
    return f"Known here: {', '.join(choice[:MAX_WORD] for choice in choices[:MAX_SHOWN])}{more}." if choices else ""


# Comparing takes time, and a recipe may have one wrong word a thousand times, or a manifest ten thousand columns.
MAX_CHOICES, MAX_SHOWN, MAX_WORD = 500, 40, 100


@lru_cache(1_000)
def _near(word: str, choices: tuple[str, ...]) -> list[str]:
    tails: dict[str, list[str]] = {}
    for choice in choices:
        tails.setdefault(_tail(choice)[:MAX_WORD], []).append(choice)
    slips = difflib.get_close_matches(word[:MAX_WORD], choices, n=3, cutoff=0.85) if "/" in word else []
    alike = difflib.get_close_matches(_tail(word)[:MAX_WORD], tails, n=3, cutoff=0.55)
    return slips or [choice for name in alike for choice in tails[name]]


def _tail(name: str) -> str:
    return name.rpartition("/")[2]


class WanflowError(Exception):
    """Something a user can mend; its text says how."""

    exit_code = 1


class UsageError(WanflowError):
    """A flag, an argument or a setting is wrong."""

    exit_code = 64


class RecipeError(WanflowError):
    """A recipe, its manifest or its rows have problems; all of them are in `problems`."""

    exit_code = 65

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = merge(problems)
        super().__init__("\n".join(problem.text() for problem in self.problems))


class RefusedError(WanflowError):
    """The work is possible but not allowed: budget, consent or policy."""

    exit_code = 3


class StoreError(WanflowError):
    """The project's .wanflow folder can't be used; says why and what to do."""


class Again(StrEnum):
    """Whether a failed job may be tried again by itself."""

    NEVER = "permanent"
    SOON = "transient"  # starting afresh is safe: nothing was accepted, or the task failed at no cost
    THROTTLED = "throttled"  # refused for rate or queue: safe to send again, later
    ACCOUNT = "account"  # nobody with this account can go on
    MODEL = "model"  # nobody with this account can go on with this model
    REFUSED = "moderation"  # an outcome of the row, not sent again until the request changes
    UNSURE = "ambiguous"  # the request may have been accepted, so it is never sent again by itself
    LOST = "lost"  # the task was there, but its result can't be had any more


class EditError(WanflowError):
    """One job failed, after so many `attempts`. Picklable, since workers raise it across a process border.

    `task_id` names the paid task that it was, `billed` the images of it that were paid for all the same.
    """

    attempts = 0
    task_id: str | None = None
    billed = 0

    def __init__(self, code: str, message: str, again: Again = Again.NEVER, retry_after_s: float | None = None) -> None:
        super().__init__(code, message, again, retry_after_s)
        self.code = code
        self.message = message
        self.again = again
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def sentence(words: object) -> str:
    """Words of whomever, with one full stop at their end, so that a sentence may follow."""
    text = str(words)
    return text if text.endswith(("!", "?")) else f"{text.rstrip('. ')}."


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of room: on the disk, in the user's share of it, or for so large a file."""
    return error.errno in _FULL


def unwritable(folder: Path, error: OSError) -> str:
    """Why something below a folder can't be written, with its name; of a full disk, also what to do."""
    if is_full(error):
        return no_room(folder, str(error.strerror))
    place = error.filename if isinstance(error.filename, str) and error.filename else folder
    return f"{place} can't be written: {error.strerror or type(error).__name__}"


def no_room(folder: Path, reason: str) -> str:
    """A folder's disk is full, in the system's words, and what to do."""
    return f"{'this folder' if folder == Path() else folder} has no room left ({reason}); make room there"


def describe_os_error(error: OSError) -> str:
    """What the operating system said, in words, with the file's name and no traceback."""
    reason = error.strerror or type(error).__name__
    name = Path(error.filename).name if isinstance(error.filename, str) and error.filename else ""
    return f"{reason}: {name}" if name else reason
