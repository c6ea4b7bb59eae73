"""The functions and models that a recipe can name, read from schemas/functions/*.json and schemas/models.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from wanflow.schemas import Schema, load, shipped


@dataclass(frozen=True, slots=True)
class Function:
    """What a step can do: its inputs, exact parameter schema, size rule, models and draft engine.

    `fidelity` is what the draft engine makes of it at worst; where that depends on the prompt, `best_fidelity` differs.
    `alpha` is "keep" or "flatten" (onto white); a stamped proxy is flattened in any case.
    """

    name: str
    title: str
    description: str
    inputs: Mapping[str, Mapping[str, Any]]
    parameters: Schema
    size: Mapping[str, Any]
    models: tuple[str, ...]
    engine_version: int
    fidelity: str
    best_fidelity: str
    alpha: str
    draft_seconds: float

    @property
    def is_local(self) -> bool:
        """True for local/* functions, which cost nothing on any backend."""
        return self.name.startswith("local/")

    def rules(self) -> dict[str, Any]:
        """What decides whether a request is allowed and how large its picture gets."""
        return {"inputs": dict(self.inputs), "parameters": dict(self.parameters), "size": dict(self.size)}

    @property
    def properties(self) -> Mapping[str, Schema]:
        """The schema of each parameter."""
        properties: Mapping[str, Schema] = self.parameters["properties"]
        return properties


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the provider: price of an image in USD and the account's limits."""

    name: str
    price_usd: Decimal
    price_date: str
    submissions_per_second: float
    concurrent_tasks: int
    typical_seconds: tuple[float, float]


@cache
def functions() -> Mapping[str, Function]:
    """Every function by name, in order of name."""
    files = sorted(shipped("schemas", "functions").glob("*.json"))
    read = [_function(json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return {function.name: function for function in read}


def _function(entry: Mapping[str, Any]) -> Function:
    engine = entry["engine"]
    return Function(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"],
        inputs=entry["inputs"],
        parameters=entry["parameters"],
        size=entry["size"],
        models=tuple(entry.get("models", ())),
        engine_version=engine["version"],
        fidelity=engine["fidelity"],
        best_fidelity=engine.get("best_fidelity", engine["fidelity"]),
        alpha=entry["alpha"],
        draft_seconds=engine["seconds"],
    )


@cache
def models() -> Mapping[str, Model]:
    """Every model by name."""
    return {name: _model(name, entry) for name, entry in load("models.json").items()}


def _model(name: str, entry: Mapping[str, Any]) -> Model:
    low, high = entry["typical_seconds"]
    return Model(
        name=name,
        price_usd=Decimal(entry["price"]["amount"]),
        price_date=entry["price"]["date"],
        submissions_per_second=entry["limits"]["submissions_per_second"],
        concurrent_tasks=entry["limits"]["concurrent_tasks"],
        typical_seconds=(low, high),
    )


def authoring_schema() -> dict[str, Any]:
    """The recipe's schema for editors and `check`, derived from the grammar and every function's exact schema.

    Where a parameter's exact schema stands, the authoring one also takes an expression, since its value is known only
    per row.
    """
    schema = json.loads(json.dumps(load("grammar.json")))
    definitions, step = schema["$defs"], schema["$defs"]["step"]
    step["properties"]["uses"] |= {"enum": list(functions())}
    step["allOf"] = [_step_rule(function) for function in functions().values()]
    for function in functions().values():
        definitions[function.name] = _with_expressions(function)
    definitions["defaults"] = _defaults()
    step["properties"]["model"] |= {"enum": list(models())}
    return {"$id": "https://wanflow.dev/schemas/recipe.schema.json", **schema}


def _step_rule(function: Function) -> dict[str, Any]:
    rules: dict[str, Any] = {"with": {"$ref": f"#/$defs/{function.name.replace('/', '~1')}"}}
    for slot in ("image", "mask", "images", "hint"):
        if slot not in function.inputs:
            rules[slot] = {"not": {}, "description": f"{function.name} takes no {slot}."}
    if several := function.inputs.get("images"):
        rules["images"] = {"minItems": several["min"], "maxItems": several["max"]}
    if function.is_local:
        rules["model"] = {"not": {}, "description": f"{function.name} runs on this machine, without a model."}
    needed = [slot for slot, rule in function.inputs.items() if rule.get("required")]
    if function.parameters.get("required") or function.parameters.get("minProperties"):
        needed.append("with")
    return {
        "if": {"properties": {"uses": {"const": function.name}}, "required": ["uses"]},
        "then": {"properties": rules, "required": needed},
    }


def _with_expressions(function: Function) -> dict[str, Any]:
    schema = dict(function.parameters)
    schema["properties"] = {name: _or_expression(rule) for name, rule in function.properties.items()}
    return {"title": function.title, "description": function.description, **schema}


def _or_expression(rule: Schema) -> dict[str, Any]:
    notes = {key: rule[key] for key in ("description", "default") if key in rule}
    return {"anyOf": [rule, {"$ref": "#/$defs/expression"}], **notes}


def _defaults() -> dict[str, Any]:
    properties: dict[str, Any] = {"model": {"enum": list(models()), "description": "The provider's model."}}
    for function in functions().values():
        if not function.is_local:
            properties |= {name: _or_expression(rule) for name, rule in function.properties.items()}
    description = "Parameters for every wan/* step that has them."
    return {
        "type": "object",
        "additionalProperties": False,
        "description": description,
        "properties": properties,
    }
