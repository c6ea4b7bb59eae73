"""JSON Schemas that come with a recipe, judged within bounds: no reference leaves the file, patterns take linear time,
and a schema that multiplies its own work (references to references, lists compared with lists) is stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, cast

import jsonschema
from jsonschema import Draft202012Validator

from wanflow.documents import patterns
from wanflow.documents.schemas import Schema, children, format_checker, require_own_references
from wanflow.errors import quoted

MAX_BYTES = 100_000
MAX_RULES = 2_000
# In units of some 5 to 20 µs, as long as judging a keyword takes: what any schema may take at first, and for each row.
BUDGET = 25_000
PER_ROW = 2_500
_STEPS_PER_UNIT = 200

Errors = Iterator[jsonschema.ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Errors]


class TooMuchWorkError(Exception):
    """A schema takes longer than any that is meant well."""


class Judge:
    """A schema ready to judge rows. Raises jsonschema.SchemaError for what is none, or can't be used here."""

    def __init__(self, schema: Schema) -> None:
        # A part that names a dialect would be judged by that dialect's own validator, which has no bounds.
        schema = (
            {name: rule for name, rule in schema.items() if name != "$schema"} if isinstance(schema, dict) else schema
        )
        if any(isinstance(part.get("$schema"), str) for part in children(schema)):
            raise jsonschema.SchemaError("$schema stands within a part of it")
        if sum(len(part) for part in children(schema)) > MAX_RULES:
            raise jsonschema.SchemaError(f"it has over {MAX_RULES:,} keywords")
        Draft202012Validator.check_schema(schema, format_checker=jsonschema.FormatChecker(()))
        require_own_references(schema)
        _require_patterns(schema)
        self._left = BUDGET
        checker: Any = _class()(schema, registry=_nothing(), format_checker=format_checker())
        checker.format_checker.spend = self._spend
        self._checker = checker

    def faults(self, values: Any) -> Errors:
        """What is wrong with a row. Raises TooMuchWorkError, and what jsonschema does for references to no schema."""
        self._left = min(BUDGET, self._left + PER_ROW)
        yield from self._checker.iter_errors(values)

    def _spend(self, units: int) -> None:
        self._left -= units
        if self._left < 0:
            raise TooMuchWorkError("the schema takes too long to apply; make it, or the row, smaller")


def _nothing() -> Any:
    from referencing import Registry

    return Registry()


def _require_patterns(schema: Any) -> None:
    found = list(children(schema))
    for part in found:
        own = [part["pattern"]] if isinstance(part.get("pattern"), str) else []
        keys = part.get("patternProperties")
        for pattern in [*own, *(keys if isinstance(keys, dict) else ())]:
            try:
                patterns.compiled(pattern)
            except patterns.PatternError as error:
                raise jsonschema.SchemaError(f"{quoted(pattern)} can't be used as a pattern: {error}") from error
    if any("patternProperties" in part for part in found) and any("unevaluatedProperties" in part for part in found):
        raise jsonschema.SchemaError("unevaluatedProperties can't stand beside patternProperties here")


@cache
def _class() -> Any:
    """The validator class: every keyword pays for its work, and those that match patterns do so by RE2."""
    own: Mapping[str, Keyword] = {"pattern": _pattern, "patternProperties": _matching, "additionalProperties": _others}
    keywords = {**Draft202012Validator.VALIDATORS, **own}
    paid = {name: _paid(each) for name, each in keywords.items()}
    return cast(Any, jsonschema.validators).extend(Draft202012Validator, paid)


def _paid(keyword: Keyword) -> Keyword:
    def judged(validator: Any, wanted: Any, instance: Any, schema: Any) -> Errors:
        spend = validator.format_checker.spend
        spend(_units(keyword, wanted, instance))
        for error in keyword(validator, wanted, instance, schema) or ():
            spend(20)
            yield error

    return judged


def _units(keyword: Keyword, wanted: Any, instance: Any) -> int:
    if keyword is Draft202012Validator.VALIDATORS["uniqueItems"] and isinstance(instance, list):
        return 1 + len(instance) ** 2 // 20
    if keyword is _pattern and isinstance(instance, str):
        return 1 + patterns.steps(wanted, instance) // _STEPS_PER_UNIT
    if keyword in (_matching, _others) and isinstance(instance, dict):
        return 1 + len(instance)
    return 1 + (len(wanted) if isinstance(wanted, list | dict) else 0) // 10


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, str) and not patterns.matches(pattern, instance):
        yield jsonschema.ValidationError(f"it does not have the form {pattern}")


def _found(validator: Any, pattern: str, name: str) -> bool:
    validator.format_checker.spend(1 + patterns.steps(pattern, name) // _STEPS_PER_UNIT)
    return patterns.matches(pattern, name)


def _matching(validator: Any, rules: Mapping[str, Any], instance: Any, schema: Any) -> Errors:
    for pattern, rule in rules.items() if isinstance(instance, dict) else ():
        for name, value in instance.items():
            if _found(validator, pattern, name):
                yield from validator.descend(value, rule, path=name, schema_path=pattern)


def _others(validator: Any, rule: Any, instance: Any, schema: Mapping[str, Any]) -> Errors:
    if not isinstance(instance, dict):
        return
    rules = schema.get("patternProperties", {})
    surplus = [name for name in instance if name not in schema.get("properties", {})]
    surplus = [name for name in surplus if not any(_found(validator, pattern, name) for pattern in rules)]
    for name in surplus:
        if isinstance(rule, dict):
            yield from validator.descend(instance[name], rule, path=name)
    if rule is False and surplus:
        yield jsonschema.ValidationError(f"{', '.join(surplus[:5])[:100]} can't stand here")
