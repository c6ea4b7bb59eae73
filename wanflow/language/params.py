"""The parameters that a recipe declares, and their values: defaults, -p flags, or what a step gives that uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wanflow.documents import schemas
from wanflow.documents.foreign import Judge, TooMuchWorkError
from wanflow.documents.kinds import TYPE_WORDS, typed
from wanflow.documents.source import NodePath
from wanflow.errors import UsageError, did_you_mean, quoted
from wanflow.language.sandbox import TemplateError
from wanflow.language.templates import Scope, Template

Spec = Mapping[str, Any]


def require_known(overrides: Mapping[str, str], declared: Mapping[str, Spec]) -> None:
    """Refuse -p for what the recipe doesn't have. Raises UsageError."""
    for name in overrides:
        if name not in declared:
            raise UsageError(f"-p {name}: the recipe has no parameter {name}. {did_you_mean(name, declared)}".rstrip())


def overridden(name: str, spec: Spec, text: str) -> Any:
    """The value that -p gives as text. Raises UsageError."""
    try:
        value = typed(text, spec["type"])
    except ValueError as error:
        raise UsageError(f"-p {name}: must be {TYPE_WORDS[spec['type']]}, got {quoted(text)}") from error
    for message, hint in faults(name, spec, value):
        raise UsageError(f"-p {message}. {hint}" if hint else f"-p {message}")
    return value


def faults(name: str, spec: Spec, value: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a value of a parameter: message and remedy."""
    yield from _judged(_judge(spec), name, value)


def judged(template: Template, name: str, spec: Spec, where: NodePath) -> Template:
    """A parameter's expression that refuses values which the parameter may not have; it stands there."""
    judge: list[Judge] = []  # made when it is needed first

    def evaluate(scope: Scope) -> Any:
        try:
            value = template.render(scope)
        except TemplateError as error:
            raise TemplateError(str(error), error.hint, error.place or where) from error
        if not judge:
            judge.append(_judge(spec))
        for message, hint in _judged(judge[0], name, value):
            raise TemplateError(message, hint, where)
        return value

    return replace(template, evaluate=evaluate)


def _judge(spec: Spec) -> Judge:
    return Judge({key: rule for key, rule in spec.items() if key not in ("default", "description")})


def _judged(judge: Judge, name: str, value: Any) -> Iterator[tuple[str, str]]:
    try:
        for error in judge.faults(value):
            _, message, hint = schemas.said(error, name)
            yield message, hint
    except TooMuchWorkError:
        yield f"{name}: its pattern takes too long for so long a text", "Make one of them shorter."


class _Values(dict[str, Any]):
    """Parameters of which those that are expressions are evaluated when they are first read."""

    def __init__(self, values: Mapping[str, Any], evaluate: Callable[[Template], Any]) -> None:
        super().__init__((name, value) for name, value in values.items() if not isinstance(value, Template))
        self._values, self._evaluate = values, evaluate

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __missing__(self, name: str) -> Any:
        self[name] = self._evaluate(self._values[name])
        return self[name]


def bound(template: Template, values: Mapping[str, Any], below: NodePath) -> Template:
    """A template of a recipe that is used, seeing what the step that uses it gives its parameters.

    It then reads what their expressions read. `below` is where the used recipe is named, so that places in it are
    found from the recipe that uses it.
    """
    if "params" not in template.roots:
        return template
    read = {name for root, name in template.names if root == "params"}
    given = {name: value for name, value in values.items() if isinstance(value, Template)}
    direct = [value for name, value in given.items() if name in read]
    reached = [*given.values()] if "params" in template.loose else direct
    names = {pair for pair in template.names if pair[0] != "params"}.union(*(value.names for value in direct))
    names |= {(root, "") for value in reached for root in value.roots}
    loose = (template.loose - {"params"}).union(*(value.loose for value in reached))
    weight = template.weight + sum(value.weight for value in reached)

    def evaluate(scope: Scope) -> Any:
        outside: list[TemplateError] = []

        def from_outside(value: Template) -> Any:
            try:
                return value.render(scope)
            except TemplateError as error:
                outside.append(error)
                raise

        try:
            return template.render({**scope, "params": _Values(values, from_outside)})
        except TemplateError as error:
            if error.place and error not in outside:
                error.place = (*below, *error.place)
            raise

    return Template(template.source, frozenset(names), evaluate, frozenset(loose), weight)
