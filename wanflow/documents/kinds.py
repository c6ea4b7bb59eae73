"""Text as the type that a column or a parameter is declared to have."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, NoReturn

CONVERSIONS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": lambda text: int(text) if re.fullmatch(r"[-+]?[0-9]{1,18}", text.strip()) else _refuse(text),
    "number": lambda text: finite(text) if re.fullmatch(r"[-+]?[0-9.eE+-]{1,30}", text.strip()) else _refuse(text),
    "boolean": lambda text: {"true": True, "false": False}[text.strip().lower()],
}
TYPE_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
}


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def typed(value: Any, kind: str) -> Any:
    """A value as the type that `types:` or a parameter asks for. Raises ValueError for what can't be read so."""
    fits: dict[str, type | UnionType] = {"string": str, "integer": int, "number": int | float, "boolean": bool}
    if isinstance(value, bool) and kind != "boolean":
        raise ValueError(value)
    if not isinstance(value, str):
        if not isinstance(value, fits[kind]):
            raise ValueError(value)
        return value
    try:
        return CONVERSIONS[kind](value)
    except (KeyError, OverflowError) as error:
        raise ValueError(value) from error


def finite(text: str) -> float:
    """A number that is neither infinite nor none at all. Raises ValueError."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is too large a number")
    return number
