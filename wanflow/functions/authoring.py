"""The recipe's schema for editors and `check`: the grammar and every function's exact schema in one.

Beside what a recipe may hold it says what editors show: what functions and models are (`enumDescriptions`), what is not
suggested (`doNotSuggest`), and what to begin with (`defaultSnippets`): keywords of VS Code and of the YAML language
server, which validators pass over.
"""

from __future__ import annotations

import json
from typing import Any

from wanflow.documents.schemas import Schema, load
from wanflow.functions.catalog import Function, functions, models

# What a step uses that is no function; a name without ./ would be one.
_RECIPE = r"^\.\.?/."
# Keys of a step that not every function, or no recipe, takes: they are suggested once it is known what is used.
_BY_USE = (
    "image", "mask", "images", "inputs", "hint", "model", "candidates", "pick", "expect", "reroll", "per", "with"
)  # fmt: skip


def authoring_schema() -> dict[str, Any]:
    """The schema, derived anew.

    Where a parameter's exact schema stands, the authoring one also takes an expression, since its value is known only
    per row.
    """
    schema = json.loads(json.dumps(load("grammar.json")))
    definitions, step = schema["$defs"], schema["$defs"]["step"]
    names = {
        "enum": list(functions()),
        "enumDescriptions": [f"{function.title}. {function.description}" for function in functions().values()],
        "also_called": _other_names(),
    }
    step["properties"]["uses"]["anyOf"] = [names, {"type": "string", "pattern": _RECIPE}]
    step["properties"]["model"] |= _models()
    rules = [*(_step_rule(function) for function in functions().values()), _recipe_rule()]
    step["allOf"] = [_suggesting(rule, step["properties"], definitions) for rule in rules]
    for key in _BY_USE:
        rule = step["properties"][key]
        # The language server passes over what stands beside a $ref.
        step["properties"][key] = {**({"allOf": [rule]} if "$ref" in rule else rule), "doNotSuggest": True}
    for function in functions().values():
        definitions[function.name] = _with_expressions(function)
    definitions["defaults"] = _defaults()
    return {"$id": "https://wanflow.dev/schemas/recipe.schema.json", **schema}


def _models() -> dict[str, Any]:
    return {"enum": list(models()), "enumDescriptions": [model.title for model in models().values()]}


def _other_names() -> dict[str, list[str]]:
    """What people call functions elsewhere, with those that are meant; for suggestions only."""
    words = sorted({word for function in functions().values() for word in function.also_called})
    return {word: [name for name, function in functions().items() if word in function.also_called] for word in words}


def _suggesting(rule: dict[str, Any], keys: Schema, definitions: Schema) -> dict[str, Any]:
    """The rule of a function, or of recipes, that suggests the keys it takes and none that it doesn't.

    What a key holds is judged once, by the step's own properties: here are words only, else each fault came twice.
    """
    rules = rule["then"]["properties"]
    for key in _BY_USE:
        if rules.get(key, {}).get("not") == {}:
            rules[key]["doNotSuggest"] = True
        else:
            whole = {**definitions.get(keys[key].get("$ref", "").rpartition("/")[2], {}), **keys[key]}
            begun = {"description": whole["description"]}
            if key != "with":  # begins with what its function needs
                begun["defaultSnippets"] = [_snippet(key, whole["examples"][0])]
            rules[key] = {**begun, **rules.get(key, {})}
    return rule


def _snippet(key: str, example: Any) -> dict[str, Any]:
    label = f"{key}, for example" if isinstance(example, dict | list) else str(example)
    return {"label": label, "body": example}


def _recipe_rule() -> dict[str, Any]:
    """What a step may have that uses a recipe."""
    no = {
        "mask": "A recipe takes its pictures through inputs:.",
        "images": "A recipe takes its pictures through inputs:.",
        "hint": "The recipe's own steps have hints.",
        "candidates": "The recipe's own steps have candidates.",
        "pick": "The recipe's own steps say how one is picked.",
        "expect": "The recipe's own steps say what they expect.",
        "reroll": "The recipe's own steps say what is made again.",
        "model": "The recipe's own steps, or its defaults, name the model.",
        "per": "The recipe's own steps say whether they run once for the whole run.",
    }
    rules: dict[str, Any] = {slot: {"not": {}, "description": why} for slot, why in no.items()}
    rules["with"] = {
        "additionalProperties": {"type": ["string", "number", "boolean"]},
        "defaultSnippets": [{"label": "with, for example", "body": {"${1:param}": "${2:value}"}}],
    }
    return {"if": {"properties": {"uses": {"pattern": _RECIPE}}, "required": ["uses"]}, "then": {"properties": rules}}


def _step_rule(function: Function) -> dict[str, Any]:
    rules: dict[str, Any] = {"with": {"$ref": f"#/$defs/{function.name.replace('/', '~1')}"}}
    rules["inputs"] = {"not": {}, "description": f"{function.name} is no recipe: it takes image:, mask: or images:."}
    for slot in ("image", "mask", "images", "hint"):
        if slot not in function.inputs:
            rules[slot] = {"not": {}, "description": f"{function.name} takes no {slot}."}
    if several := function.inputs.get("images"):
        rules["images"] = {"maxItems": several["max"], **_at_least(several["min"])}
    if function.is_local:
        rules["model"] = {"not": {}, "description": f"{function.name} runs on this machine, without a model."}
        rules["candidates"] = {"not": {}, "description": f"{function.name} makes one picture."}
        rules["pick"] = dict(rules["candidates"])
    needed = [slot for slot, rule in function.inputs.items() if rule.get("required")]
    if any(word in function.parameters for word in ("required", "minProperties", "oneOf")):
        needed.append("with")
    return {
        "if": {"properties": {"uses": {"const": function.name}}, "required": ["uses"]},
        "then": {"properties": rules, "required": needed},
    }


def _at_least(count: int) -> dict[str, Any]:
    # How many pictures steps.ID.all is, is known only per row.
    several = {"contains": {"type": "string", "pattern": r"\.all$"}}
    return {"anyOf": [{"minItems": count}, several]} if count > 1 else {}


def _with_expressions(function: Function) -> dict[str, Any]:
    schema = dict(function.parameters)
    schema["properties"] = {name: _or_expression(rule) for name, rule in function.properties.items()}
    return {"title": function.title, "description": function.description, **schema}


def _or_expression(rule: Schema) -> dict[str, Any]:
    notes = {key: rule[key] for key in ("description", "default") if key in rule}
    if "items" in rule:
        rule = {**rule, "items": _or_expression(rule["items"])}
    if "prefixItems" in rule:
        rule = {**rule, "prefixItems": [_or_expression(item) for item in rule["prefixItems"]]}
    return {"anyOf": [rule, {"$ref": "#/$defs/expression"}], **notes}


def _defaults() -> dict[str, Any]:
    properties: dict[str, Any] = {"model": {"description": "The provider's model.", **_models()}}
    for function in functions().values():
        if not function.is_local:
            properties |= {name: _or_expression(rule) for name, rule in function.properties.items()}
    return {
        "type": "object",
        "additionalProperties": False,
        "description": "Parameters for every wan/* step that has them.",
        "examples": [{"model": "wanx2.1-imageedit", "seed": 7}],
        "properties": properties,
    }
