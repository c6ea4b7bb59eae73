"""Writes the reference pages of docs/ from schemas, functions, models, commands and rules (make schemas)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wanflow.documents import schemas
from wanflow.functions import catalog
from wanflow.functions.catalog import Function, Model

DOCS = Path(__file__).parent.parent / "docs"
LANGUAGE = """\
# Recipe reference
Look up what may stand where in a recipe. Written from the schema by `make schemas`; [the guide](recipe.md) explains it
with examples. A value in `with` may be an expression, `${{ … }}`, wherever a plain value of the same kind may stand.
"""
FUNCTIONS = """\
# Functions
Look up what a step can do: what it takes, each parameter with its range, and what the free draft engine makes of it.
Written from `schemas/functions/` by `make schemas`. `wan/*` functions are the provider's models, paid for by the image,
or the free draft engine; `local/*` functions run on this machine and cost nothing.

What a **fidelity** means: *real* is the edit itself; *approximate* does it by rules, so look at it before you use it; a
*proxy* is no edit, and stamped DRAFT. [The draft engine](draft-engine.md) tells more.
"""
MODELS = """\
# Models
Look up what an image costs, where a model is sold, how fast an account may ask, and what a model takes. Written from
`schemas/models.json` by `make schemas`. Prices and limits are as last known, with their date; `wanflow.toml` sets what
your account has instead ([the real service](provider.md)).
"""
TYPES = {"array": "list", "object": "map", "string": "text", "boolean": "true, false", "number": "number"}


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    from reference_commands import commands
    from reference_errors import errors

    parts = {
        "recipe-reference.md": [LANGUAGE, *_language()],
        "functions.md": [FUNCTIONS, *_functions()],
        "models.md": [MODELS, *_models()],
        "commands.md": commands(),
        "errors.md": errors(),
    }
    return {name: "\n".join(lines).rstrip() + "\n" for name, lines in parts.items()}


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
    for function in sorted(catalog.functions().values(), key=lambda function: function.is_local):
        yield from _function(function)


def _function(function: Function) -> Iterator[str]:
    yield f"## {function.name}\n"
    yield f"{function.title}. {function.description}\n"
    yield f"- Takes {_listed([_slot(name, rule) for name, rule in function.inputs.items()]) or 'no image'}."
    if function.models:
        drawn = function.fidelity
        if function.best_fidelity != drawn:
            drawn = f"{function.best_fidelity} or {drawn}, by the prompt"
        yield f"- Models: {', '.join(f'`{model}`' for model in function.models)}. The draft engine: {drawn}."
        name = function.name.removeprefix("wan/")
        sheets = [*DOCS.glob(f"pictures/sheet-{name}.jpg"), *sorted(DOCS.glob(f"pictures/sheet-{name}-?.jpg"))]
        shown = [f"[{number}](pictures/{sheet.name})" for number, sheet in enumerate(sheets, 1)]
        yield f"- What the draft engine makes of six photographs: sheet {', '.join(shown)}."
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
    models = catalog.models().values()
    for model in models:
        yield f"## {model.name}\n"
        yield f"{model.title}. Serves {_listed([_link(name) for name in _served(model)])}.\n"
        yield from _takes(model)
        yield ""
        yield "| region | USD an image | as of | sure | submissions a second | tasks at once |"
        yield "|---|---|---|---|---|---|"
        yield from _offers(model)
        yield ""


def _served(model: Model) -> list[str]:
    return [function.name for function in catalog.functions().values() if model.name in function.models]


def _link(function: str) -> str:
    return f"[`{function}`](functions.md#{function.replace('/', '')})"


def _takes(model: Model) -> Iterator[str]:
    yield f"- A picture takes about {model.typical_seconds[0]:g} to {model.typical_seconds[1]:g} s there."
    yield f"- Prompt: {model.prompt['max_length']:,} characters at most; the service cuts what is longer."
    if model.images and model.images["min"]:
        rule = model.images
        count = f"{rule['min']} to {rule['max']}" if rule["max"] > 1 else "1"
        alpha = "" if rule["alpha"] else ", without transparency"
        sides = f"{rule['min_side']:,} to {rule['max_side']:,} px a side, at most {rule['max_bytes'] / 1024**2:g} MB"
        yield f"- Images: {count}; {sides}; {', '.join(rule['formats'])}{alpha}."
    if size := model.size:
        yield f"- Size: {_listed(list(_sizes(size)))}."


def _sizes(size: Mapping[str, Any]) -> Iterator[str]:
    if choices := size.get("choices"):
        yield f"one of {', '.join(choices)}"
    if "min_side" in size:
        yield f"{size['min_side']:,} to {size['max_side']:,} px a side"
    if "min_pixels" in size:
        yield f"{size['min_pixels']:,} to {size['max_pixels']:,} pixels in all"
    if "max_ratio" in size:
        yield f"at most {size['max_ratio']:g} times as long as wide"


def _offers(model: Model) -> Iterator[str]:
    for region, offer in model.offers.items():
        price = offer.price
        cells = (f"{price.usd:f}", price.date, price.source) if price else ("not known", "", "")
        limits = offer.submissions_per_second or "not known", offer.concurrent_tasks or "not known"
        yield f"| {' | '.join(str(cell) for cell in (region, *cells, *limits))} |"


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
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")
