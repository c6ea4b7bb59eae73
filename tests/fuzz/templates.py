"""Expressions by the grammar, and spoilt ones, evaluated over rows of any values."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import mutations

from wanflow.language.sandbox import MAX_TEXT
from wanflow.language.templates import compile_expression, compile_value

ROOTS = ("row", "params")
FIELDS = ("a", "b", "list", "map", "long", "number", "none", "absent", "items", "__class__", "_x", "0")
FILTERS = (
    *("abs", "capitalize", "d", "default", "first", "float", "int", "join", "last", "length", "lower", "max", "min"),
    *("replace", "round", "slug", "split", "string", "title", "trim", "truncate", "upper", "format", "center", "attr"),
    *("map", "batch", "xmlattr", "tojson", "list", "sort"),
)
LITERALS = (
    '"a"',
    "''",
    "1",
    "0",
    "-1",
    "1e15",
    "10**9",
    "9" * 30,
    "2.5",
    "true",
    "none",
    "[]",
    "{}",
    '"%s"',
    '"x" * 9',
)
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or", "is")
WORDS = (*FILTERS, *OPERATORS, *LITERALS, "row.a", "row.long", "row.list", "params.b", "|", "(", ")", "${{", "}}", "if")


def expression(random: Random, depth: int) -> str:
    """An expression, as deep as that; not always one that is allowed."""
    if not depth:
        return random.choice((f"{random.choice(ROOTS)}.{random.choice(FIELDS)}", random.choice(LITERALS)))
    one, other = expression(random, depth - 1), expression(random, random.randrange(depth))
    match random.randrange(9):
        case 0 | 1:
            return f"({one} {random.choice(OPERATORS)} {other})"
        case 2 | 3:
            return f"({one})|{random.choice(FILTERS)}"
        case 4:
            return f"({one})|{random.choice(FILTERS)}({other}, {expression(random, 0)})"
        case 5:
            return f"({one} if {other} else {expression(random, 0)})"
        case 6:
            return f"[{one}, {other}][{expression(random, 0)}]"
        case 7:
            return f"[{', '.join([one] * random.choice((1, 3, 30)))}]"
        case _:
            return f"{{'k': {one}}}[{other}:{expression(random, 0)}]"


def row(random: Random) -> dict[str, Any]:
    """A row with a long text, a long list, and any values."""
    values = {name: mutations.value(random) for name in FIELDS[:5]}
    values |= {"long": random.choice("aﷺ\n ") * random.choice((1, 2_000, 60_000)), "none": None}
    return values | {"list": [random.choice((1, "a", None, [1]))] * random.choice((0, 3, 20_000)), "number": 10**99}


def cases(random: Random) -> Iterator[tuple[bool, str, dict[str, Any]]]:
    """Whether it is a value, the text, and a row."""
    while True:
        source = expression(random, random.choice((0, 1, 1, 2, 2, 3, 5)))
        source = mutations.text(random, source, WORDS) if random.random() < 0.3 else source
        is_value = random.random() < 0.4
        yield is_value, f"x ${{{{ {source} }}}} ${{{{ row.a }}}}" if is_value else source, row(random)


def probe(case: tuple[bool, str, dict[str, Any]]) -> None:
    """Raises TemplateError."""
    is_value, source, values = case
    template = compile_value(source, ROOTS) if is_value else compile_expression(source, ROOTS)
    if template:
        made = template.render({"row": values, "params": values})
        assert not isinstance(made, str) or len(made) <= MAX_TEXT
        assert made is None or isinstance(made, str | int | float | list | dict)
