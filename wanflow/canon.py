"""One text per JSON value, so that equal values have equal digests. Refuses what JSON can't say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

JSON = Any  # None | bool | int | float | str | list | dict: recursive aliases cost more than they tell here

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(value: JSON) -> str:
    """Canonical JSON: sorted keys, no spaces, UTF-8 text. 1, 1.0 and "1" differ. Raises ValueError on NaN."""
    return _encode(value)


def lined(head: Mapping[str, JSON], name: str, entries: Iterable[JSON]) -> Iterator[str]:
    """JSON text of an object whose last member is a long list, an entry a line: readable, diffable, and never whole."""
    yield json.dumps(head, ensure_ascii=False, indent=1, allow_nan=False).removesuffix("\n}")
    yield f",\n {json.dumps(name)}: ["
    glue = "\n  "
    for entry in entries:
        yield glue + json.dumps(entry, ensure_ascii=False, allow_nan=False)
        glue = ",\n  "
    yield "\n ]\n}\n"


def digest(value: JSON) -> str:
    """Hex sha256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
