"""Writes docs/recipe-reference.md from the schemas, the functions and the models (make schemas)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wanflow.documents import schemas
from wanflow.functions import catalog
from wanflow.functions.catalog import Function, Model

TARGET = Path(__file__).parent.parent / "docs" / "recipe-reference.md"
HEAD = """\
# Recipe reference
Every key of a recipe, every function and every model, written from the schemas by `make schemas`. A value in `with`
may be an expression, `${{ … }}`, wherever a plain value of the same kind may stand; the README tells how to read them.
"""
TYPES = {"array": "list", "object": "map", "string": "text", "boolean": "true, false", "number": "number"}


def written() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_language(), *_functions(), *_models()]) + "\n"


# -- the language


def _language() -> Iterator[str]:
    grammar = schemas.load("recipe.schema.json")
    yield "## The file\n"
    yield from _table(grammar, grammar)
    for name in ("param", "manifest", "input", "step", "expect", "pick", "output", "hint"):
        part = grammar["$defs"][name]
        yield f"\n### {name}\n"
        if described := part.get("description"):
            yield f"{described}\n"
        yield from _table(part, grammar)


def _table(part: Mapping[str, Any], grammar: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    for name, wrapped in part["properties"].items():
        rule = wrapped["allOf"][0] if "allOf" in wrapped else wrapped
        whole = _resolved(rule, grammar)
        needed = " (needed)" if name in part.get("required", ()) else ""
        yield f"| `{name}`{needed} | {_kind(rule, grammar)} | {_cell(whole.get('description', ''))} |"


def _resolved(rule: Mapping[str, Any], grammar: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in rule:
        return rule
    found: Mapping[str, Any] = grammar["$defs"][rule["$ref"].rpartition("/")[2]]
    return {**found, **rule}


# -- functions


def _functions() -> Iterator[str]:
    yield "\n## Functions\n"
    yield "`wan/*` functions are the provider's models, paid for by the image, or the free draft engine; `local/*`"
    yield "functions run on this machine and cost nothing.\n"
    for function in catalog.functions().values():
        yield from _function(function)


def _function(function: Function) -> Iterator[str]:
    yield f"### {function.name}\n"
    yield f"{function.title}. {function.description}\n"
    yield f"- Takes {_listed([_slot(name, rule) for name, rule in function.inputs.items()]) or 'no image'}."
    if function.models:
        drawn = function.fidelity
        if function.best_fidelity != drawn:
            drawn = f"{function.best_fidelity} or {drawn}, by the prompt"
        yield f"- Models: {', '.join(f'`{model}`' for model in function.models)}. The draft engine: {drawn}."
    yield ""
    if ways := function.parameters.get("oneOf"):
        choice = "; ".join(" or ".join(f"`{name}`" for name in schemas.way(one)) for one in ways)
        yield f"Exactly one of these is given: {choice}.\n"
    if function.properties:
        yield "| with | value | default | meaning |"
        yield "|---|---|---|---|"
    for name, rule in function.properties.items():
        default = f"`{_plain(rule['default'])}`" if "default" in rule else ""
        needed = " (needed)" if name in function.parameters.get("required", ()) else ""
        yield f"| `{name}`{needed} | {_kind(rule, {})} | {default} | {_cell(rule.get('description', ''))} |"
    yield ""


def _slot(name: str, rule: Mapping[str, Any]) -> str:
    if name == "images":
        exact = rule.get("min") == rule.get("max")
        count = (
            str(rule["min"])
            if exact
            else f"{rule['min']} to {rule['max']}"
            if "max" in rule
            else f"{rule.get('min', 1)} or more"
        )
        text = f"`images`, {count}"
    else:
        text = f"`{name}`{'' if rule.get('required') else ' (if wanted)'}"
    limits = []
    if "max_side" in rule:
        limits.append(f"{rule.get('min_side', 1)} to {rule['max_side']} px a side")
    if "max_bytes" in rule:
        limits.append(f"at most {rule['max_bytes'] / 1024**2:.0f} MB")
    if "formats" in rule:
        limits.append(", ".join(rule["formats"]))
    return f"{text} ({'; '.join(limits)})" if limits else text


# -- models


def _models() -> Iterator[str]:
    yield "## Models\n"
    yield "Prices and limits as last known, by region; `wanflow.toml` sets what your account has instead.\n"
    yield "| model | region | USD an image | as of | submissions a second | tasks at once | seconds, about |"
    yield "|---|---|---|---|---|---|---|"
    for model in catalog.models().values():
        yield from _offers(model)


def _offers(model: Model) -> Iterator[str]:
    seconds = f"{model.typical_seconds[0]:g}-{model.typical_seconds[1]:g}"
    for region, offer in model.offers.items():
        price, date = (f"{offer.price.usd:f}", offer.price.date) if offer.price else ("not known", "")
        limits = f"{offer.submissions_per_second or ''} | {offer.concurrent_tasks or ''}"
        yield f"| `{model.name}` | {region} | {price} | {date} | {limits} | {seconds} |"


# -- words


def _kind(rule: Mapping[str, Any], grammar: Mapping[str, Any]) -> str:
    """What may stand there, in words."""
    if "$ref" in rule:
        name = rule["$ref"].rpartition("/")[2]
        return {"ref": "an image", "defaults": "map"}.get(name, f"[{name}](#{name})")
    for several in ("anyOf", "oneOf"):
        if several in rule:
            return " or ".join(dict.fromkeys(_kind(each, grammar) for each in rule[several]))
    if "const" in rule:
        return f"`{_plain(rule['const'])}`"
    if "enum" in rule:
        shown = rule["enum"] if len(rule["enum"]) <= 12 else []
        return ", ".join(f"`{_plain(value)}`" for value in shown) or "a name, see below"
    kind = rule.get("type", "anything")
    if isinstance(kind, list):
        return ", ".join(TYPES.get(each, each) for each in kind)
    return f"{_container(rule, grammar) or TYPES.get(kind, kind)}{_bounds(rule)}"


def _container(rule: Mapping[str, Any], grammar: Mapping[str, Any]) -> str:
    members = rule.get("additionalProperties")
    if isinstance(members, dict):
        return f"map of name: {_kind(members, grammar)}"
    if isinstance(rule.get("items"), dict):
        return f"list of {_kind(rule['items'], grammar).replace('an image', 'images')}"
    return f"{len(rule['prefixItems'])} values" if "prefixItems" in rule else ""


def _bounds(rule: Mapping[str, Any]) -> str:
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None and high is not None:
        return f", {_plain(low)} to {_plain(high)}"
    if low is not None or high is not None:
        return f", {_plain(low)} and more" if high is None else f", at most {_plain(high)}"
    return f", at most {rule['maxLength']} characters" if "maxLength" in rule else ""


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value or '""'
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    TARGET.write_text(written(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
