"""A function as one of its models does it: the parameters that this model has, its limits and its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from wanflow.documents.schemas import Schema
from wanflow.functions.catalog import Function, Model, functions, models

_IMAGE_LIMITS = ("min", "max", "min_side", "max_side", "max_bytes", "max_ratio", "formats", "alpha")


@cache
def narrowed(function: str, model: str | None) -> Function:
    """The exact rules of a function for a model; a function that needs no model is as it is."""
    whole = functions()[function]
    if model is None:
        return whole
    chosen = models()[model]
    properties = {
        name: _rule(name, rule, chosen) for name, rule in whole.properties.items() if has_parameter(chosen, whole, name)
    }
    inputs = {slot: _input(slot, rule, chosen) for slot, rule in whole.inputs.items()}
    parameters = {**whole.parameters, "properties": properties}
    return replace(whole, inputs=inputs, parameters=parameters, size=chosen.size or whole.size)


def has_parameter(model: Model, function: Function, name: str) -> bool:
    """Whether a model knows a parameter of a function."""
    if name == "prompt":
        return True
    if name == "negative_prompt":
        return model.negative_prompt is not None
    own = function.name.removeprefix("wan/")
    return name in model.parameter_rules(own if own in model.functions else None)


def most_candidates(model: str | None) -> int:
    """How many pictures a model makes in one task; 1 for a function that needs none."""
    return int(models()[model].parameters.get("n", {}).get("maximum", 1)) if model else 1


def models_with(function: Function, name: str) -> list[str]:
    """The models of a function that have a parameter."""
    return [model for model in function.models if has_parameter(models()[model], function, name)]


def _rule(name: str, rule: Schema, model: Model) -> dict[str, Any]:
    if name == "prompt":
        return {**rule, "maxLength": model.prompt["max_length"]}
    if name == "negative_prompt" and model.negative_prompt:
        return {**rule, "maxLength": model.negative_prompt["max_length"]}
    if name == "size" and model.size:
        default = {"default": "*".join(map(str, model.size["default"]))} if "default" in model.size else {}
        return {**rule, **model.parameters["size"], **default}
    return {**model.parameters.get(name, {}), **rule}


def _input(slot: str, rule: Mapping[str, Any], model: Model) -> Mapping[str, Any]:
    if slot == "hint" or model.images is None:
        return rule
    limits = {name: model.images[name] for name in _IMAGE_LIMITS if name in model.images}
    if slot != "images":
        limits = {name: value for name, value in limits.items() if name not in ("min", "max")}
    return {**rule, **limits}
