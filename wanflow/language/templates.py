"""Expressions of recipes: Jinja with ${{ }}, compiled once, sandboxed, strict and typed.

A text that is one expression keeps its value's type; anything mixed is text. Values from rows are data and are never
read as templates. Calls, blocks, time and randomness do not exist, so nothing can loop; the length of every
intermediate text is capped, so nothing can explode.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wanflow.canon import canonical
from wanflow.documents.source import NodePath
from wanflow.errors import did_you_mean
from wanflow.model import MAX_CELL

MAX_SOURCE = 4_000
MAX_TEXT = 20_000
OPEN, CLOSE = "${{", "}}"

Scope = Mapping[str, Mapping[str, Any]]
# What evaluating an expression over any values may raise.
_FAILURES = (
    jinja2.TemplateError,
    ArithmeticError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    RecursionError,
)


class TemplateError(Exception):
    """An expression can't be compiled or evaluated: a message and a remedy.

    `place` is what has to be mended, where that isn't the expression itself.
    """

    def __init__(self, message: str, hint: str = "", place: NodePath = ()) -> None:
        super().__init__(message)
        self.hint, self.place = hint, place


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled value: `render(scope)` gives it; `names` are the (root, field) pairs it reads.

    `loose` are roots of which it may read more than these: what has a default, or is named by another value. `weight`
    counts the expressions that are evaluated for it.
    """

    source: str
    names: frozenset[tuple[str, str]]
    evaluate: Callable[[Scope], Any]
    loose: frozenset[str] = frozenset()
    weight: int = 1

    @property
    def roots(self) -> frozenset[str]:
        """The top-level names read: row, params, matrix."""
        return frozenset(root for root, _ in self.names)

    def render(self, scope: Scope) -> Any:
        """The value in a scope. Raises TemplateError."""
        try:
            value = self.evaluate(scope)
        except TemplateError:
            raise
        except jinja2.UndefinedError as error:
            raise self._undefined(error, scope) from error
        except _FAILURES as error:
            raise _not_evaluated(error, self.source) from error
        return _checked(value, self.source)

    def _undefined(self, error: jinja2.UndefinedError, scope: Scope) -> TemplateError:
        for root, field in sorted(self.names):
            if field and field not in scope.get(root, {}):
                return _missing(root, field, scope)
        return TemplateError(_brief(str(error)))


def bound(value: Any, root: str, fields: Mapping[str, Any]) -> Any:
    """A value whose templates see these fields under a root, which then is none of the names they read."""
    if not isinstance(value, Template) or root not in value.roots:
        return value
    names = frozenset(name for name in value.names if name[0] != root)
    return replace(value, names=names, evaluate=lambda scope: value.evaluate({**scope, root: fields}))


def compile_value(text: str, roots: tuple[str, ...]) -> Template | None:
    """A `with` or `to` value; None when it holds no expression and so is plain text. Raises TemplateError."""
    if OPEN not in text:
        _refuse_lookalikes(text)
        return None
    if len(text) > MAX_SOURCE:
        raise TemplateError(f"a text with expressions may have {MAX_SOURCE:,} characters, this one has {len(text):,}")
    parts = _split(text)
    if len(parts) == 1:
        return compile_expression(parts[0][1], roots)
    compiled = [part if kind == "text" else compile_expression(part, roots) for kind, part in parts]
    return _together(text, compiled, lambda scope: _join(compiled, scope))


def listed(parts: Sequence[Any]) -> Template | None:
    """A list of values of which some are templates, as one template; None when none is."""
    if not any(isinstance(part, Template) for part in parts):
        return None
    source = f"[{', '.join(part.source if isinstance(part, Template) else canonical(part) for part in parts)}]"
    return _together(
        source, parts, lambda scope: [part.render(scope) if isinstance(part, Template) else part for part in parts]
    )


def _together(source: str, parts: Sequence[Any], evaluate: Callable[[Scope], Any]) -> Template:
    """One template of several and of plain values."""
    compiled = [part for part in parts if isinstance(part, Template)]
    names = frozenset[tuple[str, str]]().union(*(part.names for part in compiled))
    loose = frozenset[str]().union(*(part.loose for part in compiled))
    return Template(source, names, evaluate, loose, sum(part.weight for part in compiled))


@lru_cache(1_000)
def compile_expression(source: str, roots: tuple[str, ...]) -> Template:
    """A bare expression such as `row.year < 1965`. Raises TemplateError."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"an expression may have {MAX_SOURCE:,} characters, this one has {len(source):,}")
    if not source.strip():
        raise TemplateError("the expression is empty")
    try:
        tree = _environment.parse(f"{OPEN} {source} {CLOSE}")
        names, loose = _vet(tree, roots, source)
        if simple := _simple(source):
            return Template(source, names, simple, loose)
        evaluate = _environment.compile_expression(source, undefined_to_none=False)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{_brief(source)} is not an expression: {_syntax(error)}", _syntax_hint(source)) from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise TemplateError(f"{_brief(source)} is nested too deeply") from error
    except _FAILURES as error:  # what holds no names is evaluated while it is compiled
        raise _not_evaluated(error, source) from error
    return Template(source, names, lambda scope: evaluate(scope), loose)


def _split(text: str) -> list[tuple[str, str]]:
    # Jinja's own lexer finds the ends of expressions, since "}}" may stand inside a string of one.
    try:
        tokens = list(_environment.lex(text))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{_brief(text)}: {error.message}", "An expression is ${{ … }}.") from error
    parts: list[tuple[str, str]] = []
    inside = False
    for _, kind, value in tokens:
        if kind == "variable_begin":
            inside = True
            parts.append(("expression", ""))
        elif kind == "variable_end":
            inside = False
        elif inside:
            parts[-1] = ("expression", parts[-1][1] + value)
        else:
            parts.append(("text", value))
    if inside:
        raise TemplateError("${{ is never closed", "An expression is ${{ … }}.")
    return [(kind, part.strip() if kind == "expression" else part) for kind, part in parts]


def _join(parts: Iterable[str | Template], scope: Scope) -> str:
    text = ""
    for part in parts:
        text += part if isinstance(part, str) else as_text(part.render(scope))
        _limit(len(text))
    return text


def as_text(value: Any) -> str:
    """A value inside a text, written as recipes write it. Raises TemplateError for a list that is far too long."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        _limit_parts(value)
    return canonical(value) if isinstance(value, bool | list | dict) else str(value)


def _limit_parts(value: Any) -> None:
    """Refuses a list or map before it is written out; one text may stand in it many times."""
    length, waiting = 0, [value]
    for part in waiting:
        length += len(part) if isinstance(part, str | list | dict) else 1
        if length > MAX_CELL:
            raise TemplateError(f"the value grows over {MAX_TEXT:,} characters")
        waiting += part if isinstance(part, list) else [*part, *part.values()] if isinstance(part, dict) else ()


_PLAIN = re.compile(r"\s*(row|params|matrix)\.([^\W\d]\w*)\s*\Z")


def _simple(source: str) -> Callable[[Scope], Any] | None:
    # Most expressions only name a value; reading it costs a tenth of a Jinja call.
    if not (match := _PLAIN.match(source)):
        return None
    root, field = match.groups()

    def read(scope: Scope) -> Any:
        try:
            return scope[root][field]
        except KeyError as error:
            raise _missing(root, field, scope) from error

    return read


_INCOMPARABLE = re.compile(r"'\S+' not supported between instances of '(\w+)' and '(\w+)'")
_WORDS = {"str": "text", "int": "a number", "float": "a number", "bool": "true/false", "NoneType": "nothing"}


def _not_evaluated(error: Exception, source: str) -> TemplateError:
    said, hint = _brief(str(error)), ""
    if match := _INCOMPARABLE.match(str(error)):
        left, right = (_WORDS.get(kind, kind) for kind in match.groups())
        said = f"{left} and {right} can't be compared"
        hint = "Give the column a type: types: {year: integer}." if "text" in (left, right) else ""
    return TemplateError(f"{_brief(source)} can't be evaluated: {said}", hint)


def _missing(root: str, field: str, scope: Scope) -> TemplateError:
    what = "column" if root == "row" else "parameter"
    return TemplateError(f"{root} has no {what} {field}", did_you_mean(field, scope.get(root, {})))


def _checked(value: Any, source: str) -> Any:
    if isinstance(value, jinja2.Undefined):
        raise TemplateError(f"{_brief(source)} has no value", 'Give it one: ${{ … | default("") }}.')
    if isinstance(value, str):
        _limit(len(value))
    if isinstance(value, float) and not math.isfinite(value):
        raise TemplateError(f"{_brief(source)} is not a finite number")
    if not isinstance(value, str | int | float | bool | list | dict | None):
        raise TemplateError(f"{_brief(source)} gives no text, number or list")
    if isinstance(value, list | dict):
        _limit_parts(value)
        try:
            _limit(len(canonical(value)))
        except (TypeError, ValueError, RecursionError) as error:
            raise TemplateError(f"{_brief(source)} gives a list of what is no text or number") from error
    return value


def _refuse_lookalikes(text: str) -> None:
    if re.search(r"\{\{\s*(row|params|matrix)\b", text):
        raise TemplateError("{{ … }} is not read as an expression", "Write ${{ … }}.")
    if re.search(r"\{%.*%\}", text):
        raise TemplateError("{% … %} blocks are not part of this language", "Use when:, or a conditional expression.")


def _syntax(error: jinja2.TemplateSyntaxError) -> str:
    end = "'end of print statement'"
    said = str(error.message).replace(f"expected token {end}, got", "unexpected").replace(f"got {end}", "but it ends")
    return said.replace(f"unexpected {end}", "it ends too early")


def _syntax_hint(source: str) -> str:
    return "Comparison is ==, not =." if re.search(r"[^=<>!]=[^=]", source) else ""


def _brief(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"


def _limit(length: int) -> None:
    if length > MAX_TEXT:
        raise TemplateError(f"the value grows over {MAX_TEXT:,} characters")


def _vet(
    tree: nodes.Template, roots: Collection[str], source: str
) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """Refuses everything that isn't plain reading, comparing, arithmetic and known filters; returns what is read, by
    name and loosely.
    """
    found = _parts(tree)
    if found[nodes.Call]:
        raise TemplateError("functions and methods can't be called here", f"Filters: {', '.join(sorted(_FILTERS))}.")
    if found[nodes.Concat]:
        raise TemplateError("~ is not part of this language", "Write ${{ a }}${{ b }}, or a + b for texts.")
    for const in found[nodes.Const]:
        if isinstance(const.value, float) and not math.isfinite(const.value):
            raise TemplateError(f"{_brief(source)} holds a number that is too large")
    for filtered in found[nodes.Filter]:
        if filtered.name not in _FILTERS:
            raise TemplateError(f"there is no filter {filtered.name}", did_you_mean(filtered.name, _FILTERS))
        if filtered.kwargs:
            raise TemplateError(f"the values of {filtered.name} have no names", 'Write default("", true).')
    for test in found[nodes.Test]:
        if test.name not in _TESTS:
            raise TemplateError(f"there is no test “is {test.name}”", did_you_mean(test.name, _TESTS))
    outputs = found[nodes.Output]
    if len(outputs) != 1 or len(outputs[0].nodes) != 1:
        raise TemplateError(f"{_brief(source)} is more than one expression")
    for name in found[nodes.Name]:
        if name.name not in roots:
            _refuse_name(name.name, roots)
    return _names_read(found)


def _parts(tree: nodes.Node) -> Mapping[type[nodes.Node], list[Any]]:
    """Every node by its class; Jinja's own search takes time by the square of the depth."""
    found: dict[type[nodes.Node], list[Any]] = defaultdict(list)
    waiting: list[nodes.Node] = [tree]
    for node in waiting:
        found[type(node)].append(node)
        waiting += node.iter_child_nodes()
    return found


def _names_read(found: Mapping[type[nodes.Node], list[Any]]) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    plain: set[int] = set()
    reads = {(name.name, "") for name in found[nodes.Name]}
    # A column that has a default may be missing; it is not reported as unknown.
    defaulted = {id(each.node) for each in found[nodes.Filter] if each.name in ("default", "d")}
    accesses: list[nodes.Getattr | nodes.Getitem] = [*found[nodes.Getattr], *found[nodes.Getitem]]
    for access in accesses:
        if isinstance(access.node, nodes.Name) and id(access) not in defaulted:
            field = access.attr if isinstance(access, nodes.Getattr) else _constant(access.arg)
            reads.add((access.node.name, str(field)))
            plain |= {id(access.node)} if field else set()
    return frozenset(reads), frozenset(name.name for name in found[nodes.Name] if id(name) not in plain)


def _constant(node: nodes.Node) -> Any:
    return node.value if isinstance(node, nodes.Const) else ""


def _refuse_name(name: str, roots: Collection[str]) -> NoReturn:
    if name == "steps":
        raise TemplateError(
            "expressions can't see steps",
            "Name a step in image:, mask: or images: (steps.ID); its picture goes there.",
        )
    if name.lower() in ("yes", "no", "on", "off"):
        raise TemplateError(f"{name} is no expression", "Only true and false are read as yes and no.")
    raise TemplateError(f"there is no {name} here", _UNSEEN.get(name) or did_you_mean(name, roots))


_UNSEEN = {
    "row": "What is made once for the whole run sees params only.",
    "matrix": "Only a step with matrix:, and the to: of an output that shows its pictures, see one.",
}


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(value: Any, *arguments: Any) -> Any:
        result = function(value, *arguments)
        _limit(len(result) if isinstance(result, str | list) else 0)
        return result

    return call


def _replace(text: Any, old: Any, new: Any) -> str:
    whole, old, new = as_text(text), as_text(old), as_text(new)
    _limit(len(whole) + whole.count(old) * max(0, len(new) - len(old)))
    return whole.replace(old, new)


def _join_items(items: Any, glue: str) -> str:
    texts, length = [], 0
    for item in items:
        texts.append(as_text(item))
        length += len(texts[-1]) + len(glue)
        _limit(length - len(glue))
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
        raise TemplateError(f"{_brief(repr(value))} is not {word}") from error


_FILTERS: dict[str, Callable[..., Any]] = {
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
_TESTS = ("boolean", "defined", "even", "in", "none", "number", "odd", "string", "undefined")
_OPERATORS = frozenset(["+", "-", "*", "/", "//", "%", "**"])


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja with ${{ }} and without anything that can repeat, call out, or grow without bound."""

    intercepted_binops = _OPERATORS

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
            _limit(len(left) + len(right))
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
_environment = _Environment(
    variable_start_string=OPEN,
    variable_end_string=CLOSE,
    block_start_string="\x00{%",
    block_end_string="%}\x00",
    comment_start_string="\x00{#",
    comment_end_string="#}\x00",
    undefined=jinja2.StrictUndefined,
    autoescape=False,
)
_environment.filters = dict(_FILTERS)
_environment.globals = {}
_environment.tests = {name: _environment.tests[name] for name in _TESTS}
