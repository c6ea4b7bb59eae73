"""Finds the shipped schemas, validates data against JSON Schema, and turns failures into Problems at their place."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from wanflow.documents.patterns import PatternError, compiled
from wanflow.documents.source import Document, NodePath
from wanflow.errors import Problem, Rule, UsageError, did_you_mean

Schema = Mapping[str, Any]

_VERBS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map (name: value)",
    "array": "a list",
    "null": "empty",
}


def shipped(*parts: str) -> Path:
    """A file or folder that ships with wanflow: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package.joinpath(*parts)
    return inside if inside.exists() else package.parent.joinpath(*parts)


@cache
def load(name: str) -> Any:
    """A schema by its file name below schemas/, parsed once; callers must not change it."""
    return json.loads(shipped("schemas", name).read_text(encoding="utf-8"))


def named(name: str) -> Any:
    """A schema that users may ask for: of recipe, plan, run and so on, or a function's name. Raises UsageError."""
    if name not in names():
        raise UsageError(f"there is no schema {name}. {did_you_mean(name, names())}")
    if "/" not in name:
        return load(f"{name}.schema.json")
    return load(f"functions/{name.replace('/', '.')}.json")["parameters"]


def names() -> list[str]:
    """Of all schemas that users may ask for."""
    functions = sorted(file.stem.replace(".", "/", 1) for file in shipped("schemas", "functions").glob("*.json"))
    return ["recipe", "picks", "settings", "plan", "saved-plan", "run", "log", "explain", "provenance", *functions]


@cache
def recipe_validator() -> Any:
    """The validator of the authoring schema."""
    return shipped_validator("recipe.schema.json")


def shipped_validator(name: str) -> Any:
    """The validator of a schema that ships with wanflow, by its file name."""
    return _Validator(load(name), format_checker=format_checker(["regex"]))


def format_checker(formats: Sequence[str] | None = None) -> jsonschema.FormatChecker:
    """A checker of these formats, or of all that jsonschema knows; regular expressions are RE2's."""
    checker = jsonschema.FormatChecker(formats)
    checker.checks("regex", PatternError)(lambda value: not isinstance(value, str) or bool(compiled(value)))
    return checker


def validator(schema: Schema) -> Any:
    """A validator that checks formats too, and never follows a reference to a file or the network.

    Raises jsonschema.SchemaError for what is no schema, or refers to what isn't in it.
    """
    Draft202012Validator.check_schema(schema)
    require_own_references(schema)
    return _Validator(schema, registry=Registry(), format_checker=jsonschema.FormatChecker())


def require_own_references(schema: Schema) -> None:
    """Refuse a schema that refers to what isn't in it. Raises jsonschema.SchemaError."""
    here = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    names = {part.get(name) for part in children(schema) for name in ("$ref", "$dynamicRef")}
    for reference in (name for name in names if isinstance(name, str)):
        try:
            here.lookup(reference)
        except (Unresolvable, ValueError) as error:  # ValueError: what is no URL
            raise jsonschema.SchemaError(f"$ref {reference} leads nowhere within this file") from error


def children(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every map within a JSON value, itself included."""
    waiting = [value]
    for part in waiting:
        if isinstance(part, dict):
            yield part
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    # JSON Schema's $ is the end of the text; Python's is also the place before a last line end.
    if isinstance(instance, str) and not re.search(re.sub(r"\$\Z", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"it does not have the form {pattern}")


# For the schemas that ship with wanflow, whose patterns are known; those of a recipe are for `foreign`.
_Validator: Any = cast(Any, jsonschema.validators).extend(Draft202012Validator, {"pattern": _pattern})


# Patterns of short forms: images: steps.ID.all, matrix: steps.ID.
_SHORT = re.compile(r"\^(steps|\(steps\|inputs\))")


def document_problems(document: Document, checker: Any) -> Iterator[tuple[NodePath, Problem]]:
    """Every failure of a document against a schema, with the node it is about."""
    for error in checker.iter_errors(document.data):
        yield from _at_document(document, error)


def _at_document(document: Document, error: Any) -> Iterator[tuple[NodePath, Problem]]:
    error = _explaining(error)
    where: NodePath = tuple(error.absolute_path)
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        known = list(error.schema.get("properties", {}))
        for name in _surplus(error):
            place, message = (*where, name), f"{name} is not known {_inside(where)}"
            yield place, document.problem(place, "unknown-key", message, did_you_mean(name, known), key=True)
        return
    if error.validator == "propertyNames" or "propertyNames" in error.absolute_schema_path:
        where = (*where, str(error.instance))
        yield where, document.problem(where, *said(error, "a name"), key=True)
        return
    yield where, document.problem(where, *said(error, _name(where)))


def _explaining(error: Any) -> Any:
    # Authoring schemas say anyOf [exact, expression]: what the user wants to know is the exact rule, or that of a
    # short form which is of the value's type.
    while error.validator == "anyOf" and error.context:
        short = [e for e in error.context if e.validator == "pattern" and _SHORT.match(e.validator_value)]
        exact = [e for e in error.context if e.relative_schema_path[0] == 0]
        error = (short or exact or error.context)[0]
    return error


def faults(data: Any, schema: Schema) -> Iterator[str]:
    """What is wrong with data that has no marks, in words, each with the dotted name of its place."""
    for error in validator(schema).iter_errors(data):
        where = ".".join(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties":
            for name in _surplus(error):
                known = did_you_mean(name, error.schema.get("properties", {}))
                yield f"{f'{where}.' if where else ''}{name} is not known. {known}".rstrip()
        else:
            yield said(error, where)[1]  # its hints speak of recipes


def _surplus(error: Any) -> list[str]:
    known = error.schema.get("properties", {})
    return [name for name in error.instance if name not in known]


def _inside(where: NodePath) -> str:
    return f"in {'.'.join(str(part) for part in where)}" if where else "at the top of this file"


def _name(where: NodePath) -> str:
    names = [part for part in where if isinstance(part, str)]
    return names[-1] if names else "this file"


def said(error: Any, name: str) -> tuple[Rule, str, str]:
    """A jsonschema ValidationError as (rule, message, hint) in plain words; `name` is what the value is called."""
    wanted, got, schema = error.validator_value, _shown(error.instance), error.schema
    match error.validator:
        case "minimum" | "maximum":
            return "range", f"{name} must be {_range(schema)}, got {got}", ""
        case "exclusiveMinimum":
            return "range", f"{name} must be more than {wanted}, got {got}", ""
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            words = " or ".join(_VERBS.get(kind, kind) for kind in kinds)
            if error.instance is None and "#" in schema.get("pattern", ""):
                return (
                    "type",
                    f"{name} must be {words}, got {got}",
                    "What follows # is a comment unless it is in quotes.",
                )
            return "type", f"{name} must be {words}, got {got}", _type_hint(kinds, error.instance)
        case "enum" if "also_called" in schema and str(error.instance).endswith((".yaml", ".yml")):
            hint = f"Recipes are named from here: ./{error.instance}."
            if ":" in str(error.instance):
                hint = "A recipe that is used is a file below this project's folder: ./NAME.yaml."
            return "choice", f"{name}: {got} is not known", hint
        case "enum":
            hint = did_you_mean(str(error.instance), [str(choice) for choice in wanted], schema.get("also_called"))
            return "choice", f"{name}: {got} is not known", hint
        case "const":
            return "choice", f"{name} must be {_shown(wanted)}, got {got}", ""
        case "required":
            missing = [key for key in wanted if key not in error.instance]
            return (
                "required",
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing in {name}",
                "",
            )
        case "oneOf":
            ways = [way(alternative) for alternative in wanted]
            choice = "; ".join(" or ".join(names) for names in ways)
            got = " and ".join(name for names in ways for name in names if name in error.instance) or "none"
            hint = "Give one of them." if got == "none" else "Leave the rest out."
            return "combination", f"{name} takes exactly one of these: {choice}. Got {got}", hint
        case "maxLength":
            return "length", f"{name} may have at most {wanted} characters, got {len(error.instance)}", ""
        case "minLength" | "minProperties":
            return "length", f"{name} must not be empty", ""
        case "maxProperties" if wanted > 1:
            return "length", f"{name} takes at most {wanted}, got {len(error.instance)}", ""
        case "maxProperties" if "properties" in schema:
            return "length", f"{name} takes one of {' and '.join(schema['properties'])}, got both", ""
        case "minItems" if wanted == 1:
            return "length", f"{name} must not be empty", ""
        case "pattern" if "row\\." in wanted:
            inside = "steps.ID" if "steps" in wanted else "a URL"
            hint = f"Write row.COLUMN, params.NAME, {inside} or file:PATH, without ${{{{ }}}}."
            return "reference", f"{name}: {got} is not an image reference", hint
        case "pattern" if _SHORT.match(wanted) and wanted.endswith("all$"):
            return "reference", f"{name}: {got} is not a list of images", _images_hint(str(error.instance))
        case "pattern" if _SHORT.match(wanted):
            hint = f"Write {name}: {{name: [value, …]}}, or steps.ID to take over that of another step."
            return "reference", f"{name}: {got} is no map of values", hint
        case "minItems" | "maxItems" if schema.get("minItems") == schema.get("maxItems"):
            return "length", f"{name} takes {wanted} values, got {len(error.instance)}", ""
        case "minItems" | "maxItems":
            word = "at least" if error.validator == "minItems" else "at most"
            return "length", f"{name} takes {word} {wanted}, got {len(error.instance)}", ""
        case "pattern" if wanted == "^[a-z][a-z0-9_]*$":
            hint = f"Write for example {safe}." if (safe := _safe_name(str(error.instance))) else ""
            return "name", f"{got} can't be a name: a small letter first, then small letters, digits, _", hint
        case "pattern" if wanted == r"\S":
            return "length", f"{name} must not be empty", "There are only spaces." if error.instance else ""
        case "pattern" if examples := schema.get("examples"):
            like = schema.get("title") or " or ".join(examples)
            return "pattern", f"{name} must be like {like}, got {got}", _plain_hint(error.instance)
        case "pattern":
            return "pattern", f"{name}: {got} does not have the form {wanted}", ""
        case "format" if wanted == "regex":
            why = f"{error.cause}." if error.cause else ""
            hint = "Look-around and back references are not part of it." if "invalid perl" in why else why
            return "pattern", f"{name}: {got} is not a regular expression", hint
        case "not" | None:
            return "unknown-key", f"{name} can't be used here", schema.get("description", "") if schema else ""
    return "type", f"{name}: {error.message[:200]}", ""  # what only schemas of users say


def _safe_name(text: str) -> str:
    """The nearest text that can be a name; empty when there is none."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_").lstrip("0123456789_")[:64]


def _images_hint(text: str) -> str:
    if re.fullmatch(r"steps\.[a-z][a-z0-9_]*", text):
        return f"Write {text}.all for all pictures of that step, or [{text}] for one."
    return f"Write [{text}], or steps.ID.all for all pictures of a step."


def way(alternative: Schema) -> list[str]:
    """The parameters of one way to use a function, of which at least one is needed."""
    return [*alternative.get("required", []), *(name for other in alternative.get("anyOf", []) for name in way(other))]


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at least {low}" if low is not None else f"at most {high}"


def _type_hint(kinds: list[str], value: Any) -> str:
    if value is None:
        return "There is no value here."
    if plain := _plain_hint(value):
        return plain
    if "boolean" in kinds and str(value).lower() in ("yes", "no", "on", "off"):
        return "Only true and false are read as yes and no."
    if kinds == ["string"] and isinstance(value, int | float):
        return f'Put it in quotes to make it text: "{_shown(value)}".'
    if kinds[0] in ("integer", "number") and isinstance(value, str) and re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", value):
        return "This is text: leave out the quotes, or give its column a type with types:."
    if "object" in kinds and isinstance(value, str) and re.match(r"\w+:\S", value):
        return "A space is missing after the colon."
    return ""


def _plain_hint(value: Any) -> str:
    return "No expression can stand here." if isinstance(value, str) and "${{" in value else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 80 else f"{text[:77]}…"
