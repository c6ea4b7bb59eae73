"""The least that a function's parameter schema allows: defaults, what is required, and one way of several."""

from __future__ import annotations

from typing import Any

from wanflow.documents.schemas import Schema, way
from wanflow.functions.catalog import Function


def legal(function: Function, *given: str) -> dict[str, Any]:
    """Parameters that the exact schema takes, among them those `given`, of which at most one is a way to use it."""
    rules = function.parameters
    defaults = {name: rule["default"] for name, rule in function.properties.items() if "default" in rule}
    needed = [*rules.get("required", ()), *given]
    for ways in (rules.get("oneOf"), rules.get("anyOf")):
        if ways and not any(name in given for one in ways for name in way(one)):
            needed += way(ways[0])[:1]
    return defaults | {name: value(function.properties[name]) for name in needed}


def value(rule: Schema) -> Any:
    """One that a parameter's rule allows."""
    for key in ("default", "minimum"):
        if key in rule:
            return rule[key]
    if rule["type"] == "array" and not rule.get("examples"):
        return [value(rule["items"])] * rule["minItems"]
    return (rule.get("enum") or rule.get("examples") or ["text"])[0]
