"""What evaluates expressions: Jinja with ${{ }}, its filters, and the caps on what they make.

Calls, blocks, time and randomness do not exist, so nothing can loop; the length of every intermediate text is capped,
so nothing can explode.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wanflow.canon import canonical
from wanflow.documents.source import NodePath
from wanflow.model import MAX_CELL

MAX_TEXT = 20_000
OPEN, CLOSE = "${{", "}}"


class TemplateError(Exception):
    """An expression can't be compiled or evaluated: a message and a remedy.

    `place` is what has to be mended, where that isn't the expression itself.
    """

    def __init__(self, message: str, hint: str = "", place: NodePath = ()) -> None:
        super().__init__(message)
        self.hint, self.place = hint, place


def as_text(value: Any) -> str:
    """A value inside a text, written as recipes write it. Raises TemplateError for a list that is far too long."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        limit_parts(value)
    return canonical(value) if isinstance(value, bool | list | dict) else str(value)


def limit_parts(value: Any) -> None:
    """Refuse a list or map before it is written out; one text may stand in it many times. Raises TemplateError."""
    length, waiting = 0, [value]
    for part in waiting:
        length += len(part) if isinstance(part, str | list | dict) else 1
        if length > MAX_CELL:
            raise TemplateError(f"the value grows over {MAX_TEXT:,} characters")
        waiting += part if isinstance(part, list) else [*part, *part.values()] if isinstance(part, dict) else ()


def brief(text: str) -> str:
    """A text as messages quote it, of at most 80 characters."""
    return text if len(text) <= 80 else f"{text[:77]}…"


def limit(length: int) -> None:
    """Refuse a text of so many characters, before it is made. Raises TemplateError."""
    if length > MAX_TEXT:
        raise TemplateError(f"the value grows over {MAX_TEXT:,} characters")


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(value: Any, *arguments: Any) -> Any:
        result = function(value, *arguments)
        limit(len(result) if isinstance(result, str | list) else 0)
        return result

    return call


def _replace(text: Any, old: Any, new: Any) -> str:
    whole, old, new = as_text(text), as_text(old), as_text(new)
    limit(len(whole) + whole.count(old) * max(0, len(new) - len(old)))
    return whole.replace(old, new)


def _join_items(items: Any, glue: str) -> str:
    texts, length = [], 0
    for item in items:
        texts.append(as_text(item))
        length += len(texts[-1]) + len(glue)
        limit(length - len(glue))
    return glue.join(texts)


def _slug(text: Any) -> str:
    plain = unicodedata.normalize("NFKC", as_text(text)).casefold()
    return re.sub(r"[^\w]+", "-", plain).strip("-") or "x"


def _default(value: Any, fallback: Any = "", also_empty: bool = False) -> Any:
    missing = isinstance(value, jinja2.Undefined) or value is None or (also_empty and not value)
    return fallback if missing else value


def _round(value: Any, digits: int = 0) -> Any:
    if abs(digits) > 15:  # rounding to a billion digits takes minutes
        raise TemplateError("round takes at most 15 digits")
    return round(value, digits) if digits else round(value)


def _number(value: Any, kind: type[int] | type[float]) -> int | float:
    try:
        number = kind(value)
        return number if math.isfinite(number) else kind("not finite")
    except (TypeError, ValueError, OverflowError) as error:
        word = "a whole number" if kind is int else "a number"
        raise TemplateError(f"{brief(repr(value))} is not {word}") from error


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "capitalize": _bounded(lambda text: as_text(text).capitalize()),
    "d": _default,
    "default": _default,
    "first": lambda items: items[0] if items else "",
    "float": lambda value: _number(value, float),
    "int": lambda value: _number(value, int),
    "join": _bounded(lambda items, glue="": _join_items(items, as_text(glue))),
    "last": lambda items: items[-1] if items else "",
    "length": len,
    "lower": _bounded(lambda text: as_text(text).lower()),
    "max": max,
    "min": min,
    "replace": _replace,
    "round": _round,
    "slug": _bounded(_slug),
    "split": _bounded(lambda text, by=None: as_text(text).split(by)),
    "string": _bounded(as_text),
    "title": _bounded(lambda text: as_text(text).title()),
    "trim": _bounded(lambda text: as_text(text).strip()),
    "truncate": _bounded(lambda text, length: as_text(text)[: max(0, int(length))]),
    "upper": _bounded(lambda text: as_text(text).upper()),
}
TESTS = ("boolean", "defined", "even", "in", "none", "number", "odd", "string", "undefined")
OPERATORS = frozenset(["+", "-", "*", "/", "//", "%", "**"])


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja with ${{ }} and without anything that can repeat, call out, or grow without bound."""

    intercepted_binops = OPERATORS

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of a row or of params, never a Python attribute: a column may be called `items`."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An entry of a map or list; anything else is undefined."""
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers only; + also joins texts within the cap."""
        numbers = all(isinstance(side, int | float) for side in (left, right))
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            limit(len(left) + len(right))
        elif operator == "**":
            raise TemplateError("** is not part of this language")
        elif not numbers:
            raise TemplateError(f"{operator} can't be used on {_kind(left)} and {_kind(right)}")
        elif any(abs(side) > 1e15 for side in (left, right)):
            raise TemplateError("numbers in expressions go up to 1e15")
        return super().call_binop(context, operator, left, right)


def _kind(value: Any) -> str:
    if isinstance(value, jinja2.Undefined):
        return "a missing value"
    return {str: "text", int: "a number", float: "a number", bool: "true/false"}.get(type(value), "this")


# Blocks and comments get delimiters that no text holds: they are not part of the language.
environment = _Environment(
    variable_start_string=OPEN,
    variable_end_string=CLOSE,
    block_start_string="\x00{%",
    block_end_string="%}\x00",
    comment_start_string="\x00{#",
    comment_end_string="#}\x00",
    undefined=jinja2.StrictUndefined,
    autoescape=False,
)
environment.filters = dict(FILTERS)
environment.globals = {}
environment.tests = {name: environment.tests[name] for name in TESTS}
