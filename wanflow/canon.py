"""One text per JSON value, so that equal values have equal digests. Refuses what JSON can't say."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

JSON = Any  # None | bool | int | float | str | list | dict: recursive aliases cost more than they tell here

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(value: JSON) -> str:
    """Canonical JSON: sorted keys, no spaces, UTF-8 text. 1, 1.0 and "1" differ. Raises ValueError on NaN."""
    return _encode(value)


def lined(head: Mapping[str, JSON], **lists: Iterable[JSON]) -> Iterator[str]:
    """JSON text of an object that ends with long lists, an entry a line: readable, diffable, and never whole."""
    yield told(head).removesuffix("\n}")
    for name, entries in lists.items():
        yield f",\n {json.dumps(name)}: ["
        glue = "\n  "
        for entry in entries:
            yield glue + on_one_line(entry)
            glue = ",\n  "
        yield "\n ]"
    yield "\n}\n"


def told(value: JSON) -> str:
    """JSON text for people and programs, a member a line; what a terminal would obey stands escaped in its strings."""
    return _shown(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


def on_one_line(value: JSON) -> str:
    """The same on a single line, as logs have it."""
    return _shown(json.dumps(value, ensure_ascii=False, allow_nan=False))


_ODD = re.compile(r"[^\n -~]")


def _shown(text: str) -> str:
    return text if text.isascii() and "\x7f" not in text else _ODD.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    char = found.group()
    if char.isprintable():
        return char
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def digest(value: JSON) -> str:
    """Hex sha256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
