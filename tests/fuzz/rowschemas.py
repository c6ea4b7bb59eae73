"""JSON Schemas for rows, odd ones and spoilt ones, applied to odd rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import jsonschema
import mutations

from wanflow.documents import schemas
from wanflow.documents.foreign import Judge, TooMuchWorkError
from wanflow.errors import Problem, RecipeError

SEEDS: tuple[Any, ...] = (
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["id", "photo"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]{4}$", "maxLength": 4},
            "year": {"type": ["integer", "null"], "minimum": 1800, "multipleOf": 1},
            "tags": {
                "type": "array",
                "items": {"enum": ["a", "b", 1]},
                "uniqueItems": True,
                "contains": {"const": "a"},
            },
            "more": {"$ref": "#/$defs/more"},
        },
        "patternProperties": {"^x_": {"type": "string"}},
        "additionalProperties": False,
        "$defs": {"more": {"anyOf": [{"type": "string", "format": "date"}, {"$ref": "#"}]}},
    },
    {
        "allOf": [{"$ref": "#/$defs/a"}] * 3,
        "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}] * 3}, "b": {"type": "object"}},
    },
    {
        "if": {"required": ["a"]},
        "then": {"unevaluatedProperties": False},
        "else": {"not": {}},
        "dependentRequired": {"a": ["b"]},
    },
)
ROWS = (
    {"id": "0001", "photo": "a.png", "year": 1901, "tags": ["a", 1], "more": "2020-01-01", "x_1": "y"},
    {"id": "1", "tags": [1, 1.0, True, None] * 200, "more": {"id": "x", "more": {"more": {}}}, "a": "a" * 3000 + "!"},
)
PATTERNS = (
    "(a+)+$",
    "^(a|aa)+$",
    "(.*)*b",
    "(a|b)*a(a|b){12}",
    ".{1000}x",
    "(?=a)",
    "\\1",
    "[",
    "^",
    "\\p{L}+",
    "(?i)a{1,900}",
)


def cases(random: Random) -> Iterator[tuple[str, Any]]:
    """A schema's text, and a row."""
    while True:
        schema = mutations.tree(random, random.choice(SEEDS))
        text = json.dumps(schema)
        for _ in range(random.randrange(3)):
            text = text.replace(random.choice(("^[0-9]{4}$", "^x_", "date", "#/$defs/b", "#/$defs/more")), random.choice((*PATTERNS, "#", "regex")))  # fmt: skip
        row = mutations.tree(random, random.choice(ROWS))
        yield text, row if isinstance(row, dict) else {"row": row}


def probe(case: tuple[str, Any]) -> None:
    """Raises RecipeError with what is wrong with schema or row, as `rows` tells it."""
    text, row = case
    try:
        found = [schemas.said(error, "x") for error in Judge(json.loads(text)).faults(row)]
    except (jsonschema.SchemaError, ValueError) as error:
        raise RecipeError([Problem("row-schema", str(error)[:200])]) from error
    except (TooMuchWorkError, RecursionError, TypeError, AttributeError, LookupError) as error:
        raise RecipeError([Problem("row-schema-work", str(error)[:200])]) from error
    if found:
        raise RecipeError([Problem(*each[:2], hint=each[2]) for each in found])
