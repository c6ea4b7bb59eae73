"""Expressions of recipes: Jinja with ${{ }}, compiled once, sandboxed, strict and typed.

A text that is one expression keeps its value's type; anything mixed is text. Values from rows are data and are never
read as templates; what evaluates them is in `sandbox`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes

from wanflow.canon import canonical
from wanflow.errors import did_you_mean
from wanflow.language.sandbox import (
    CLOSE,
    FILTERS,
    OPEN,
    TESTS,
    TemplateError,
    as_text,
    brief,
    environment,
    limit,
    limit_parts,
)

MAX_SOURCE = 4_000

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
        return TemplateError(brief(str(error)))


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
        tree = environment.parse(f"{OPEN} {source} {CLOSE}")
        names, loose = _vet(tree, roots, source)
        if simple := _simple(source):
            return Template(source, names, simple, loose)
        evaluate = environment.compile_expression(source, undefined_to_none=False)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{brief(source)} is not an expression: {_syntax(error)}", _syntax_hint(source)) from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise TemplateError(f"{brief(source)} is nested too deeply") from error
    except _FAILURES as error:  # what holds no names is evaluated while it is compiled
        raise _not_evaluated(error, source) from error
    return Template(source, names, lambda scope: evaluate(scope), loose)


def _split(text: str) -> list[tuple[str, str]]:
    # Jinja's own lexer finds the ends of expressions, since "}}" may stand inside a string of one.
    try:
        tokens = list(environment.lex(text))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{brief(text)}: {error.message}", "An expression is ${{ … }}.") from error
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
        limit(len(text))
    return text


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
    said, hint = brief(str(error)), ""
    if match := _INCOMPARABLE.match(str(error)):
        left, right = (_WORDS.get(kind, kind) for kind in match.groups())
        said = f"{left} and {right} can't be compared"
        hint = "Give the column a type: types: {year: integer}." if "text" in (left, right) else ""
    return TemplateError(f"{brief(source)} can't be evaluated: {said}", hint)


def _missing(root: str, field: str, scope: Scope) -> TemplateError:
    what = "column" if root == "row" else "parameter"
    return TemplateError(f"{root} has no {what} {field}", did_you_mean(field, scope.get(root, {})))


def _checked(value: Any, source: str) -> Any:
    if isinstance(value, jinja2.Undefined):
        raise TemplateError(f"{brief(source)} has no value", 'Give it one: ${{ … | default("") }}.')
    if isinstance(value, str):
        limit(len(value))
    if isinstance(value, float) and not math.isfinite(value):
        raise TemplateError(f"{brief(source)} is not a finite number")
    if not isinstance(value, str | int | float | bool | list | dict | None):
        raise TemplateError(f"{brief(source)} gives no text, number or list")
    if isinstance(value, list | dict):
        limit_parts(value)
        try:
            limit(len(canonical(value)))
        except (TypeError, ValueError, RecursionError) as error:
            raise TemplateError(f"{brief(source)} gives a list of what is no text or number") from error
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


def _vet(
    tree: nodes.Template, roots: Collection[str], source: str
) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """Refuses everything that isn't plain reading, comparing, arithmetic and known filters; returns what is read, by
    name and loosely.
    """
    found = _parts(tree)
    if found[nodes.Call]:
        raise TemplateError("functions and methods can't be called here", f"Filters: {', '.join(sorted(FILTERS))}.")
    if found[nodes.Concat]:
        raise TemplateError("~ is not part of this language", "Write ${{ a }}${{ b }}, or a + b for texts.")
    for const in found[nodes.Const]:
        if isinstance(const.value, float) and not math.isfinite(const.value):
            raise TemplateError(f"{brief(source)} holds a number that is too large")
    for filtered in found[nodes.Filter]:
        if filtered.name not in FILTERS:
            raise TemplateError(f"there is no filter {filtered.name}", did_you_mean(filtered.name, FILTERS))
        if filtered.kwargs:
            raise TemplateError(f"the values of {filtered.name} have no names", 'Write default("", true).')
    for test in found[nodes.Test]:
        if test.name not in TESTS:
            raise TemplateError(f"there is no test “is {test.name}”", did_you_mean(test.name, TESTS))
    outputs = found[nodes.Output]
    if len(outputs) != 1 or len(outputs[0].nodes) != 1:
        raise TemplateError(f"{brief(source)} is more than one expression")
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
