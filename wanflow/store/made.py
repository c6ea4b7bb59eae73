"""Results and what their keys are made of, as the index and the receipts keep them: as JSON that may have been spoilt.

result: [[blob, ...], fidelity, [warning, ...]]; if it was paid for, also [task id, billed, [prompt, ...]]
blob: [sha256, width, height, format, bytes]
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from wanflow.functions.maskrules import MaskFacts
from wanflow.model import Blob, Result
from wanflow.store.blobs import DIGEST

T = TypeVar("T")
MOST = 2**62
# Key version, function, backend, parameters, inputs; see expand.key_parts.
PARTS = 5


def made_of(result: Result) -> list[Any]:
    """A result as it is kept."""
    made: list[Any] = [[blob_list(blob) for blob in result.blobs], result.fidelity, list(result.warnings)]
    if result.is_paid or result.prompts:
        made.append([result.task_id, result.billed, list(result.prompts)])
    return made


def result_of(made: Any) -> Result:
    """The result that is kept so. Raises ValueError."""
    # Free results have three parts, and so had all before the provider's tasks were known.
    blobs, fidelity, warnings, *paid = listed(made)
    task_id, billed, prompts = listed(paid[0]) if paid else (None, 0, [])
    found = Result(
        tuple(blob_of(blob) for blob in listed(blobs)),
        text(fidelity),
        _texts(warnings),
        None if task_id is None else text(task_id),
        _count(billed),
        _texts(prompts),
    )
    if not found.blobs:
        raise ValueError("a result has a picture")
    return found


def blob_list(blob: Blob) -> list[Any]:
    """A picture as it is kept."""
    return [blob.sha256, blob.width, blob.height, blob.format, blob.size_bytes]


def blob_of(entry: Any) -> Blob:
    """The picture that is kept so. Raises ValueError."""
    sha256, width, height, form, size_bytes = listed(entry)
    if not DIGEST.fullmatch(text(sha256)):
        raise ValueError("no digest")
    return Blob(sha256, _count(width), _count(height), text(form), _count(size_bytes))


def facts_of(facts: Any) -> MaskFacts:
    """What was counted in a mask. Raises ValueError."""
    pixels, white, grey, only_alpha = listed(facts)
    return MaskFacts(_count(pixels), _count(white), _count(grey), bool(only_alpha))


def measured_of(found: Any) -> list[float] | str:
    """What was measured of a picture, or said of it. Raises ValueError."""
    return text(found) if isinstance(found, str) else numbers_of(found)


def numbers_of(found: Any, count: int | None = None) -> list[float]:
    """What was measured, so many numbers if told. Raises ValueError."""
    numbers = listed(found)
    if len(numbers) != (count or len(numbers)) or not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("no number")
    return numbers


def parts_of(components: Any) -> list[Any]:
    """What a key was made of. Raises ValueError."""
    parts = listed(components)
    if len(parts) < PARTS:
        raise ValueError("a part is missing")
    _texts(parts[1:3])
    return parts


def read(raw: Any, judge: Callable[[Any], T]) -> T:
    """What a JSON text holds, as `judge` takes it. Raises ValueError."""
    try:
        return judge(json.loads(text(raw), parse_constant=_no_number, parse_float=_finite))
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):  # 1e999, which no JSON text of ours could hold
        raise ValueError(digits[:20])
    return number


def listed(value: Any) -> list[Any]:
    """A value that must be a list. Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def text(value: Any) -> str:
    """A value that must be a text that can be stored. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("no text")
    value.encode()  # of a lone surrogate a ValueError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(text(each) for each in listed(value))


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MOST:
        raise ValueError("no count")
    return value
