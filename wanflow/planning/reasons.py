"""What differs between two keys of the same job, in words: the reason a plan gives, and every changed field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from wanflow.canon import JSON, canonical
from wanflow.model import Change, Reason

DIGEST = 64
PAID = "dashscope"


def compare(old: Sequence[JSON], parts: str) -> tuple[Reason, tuple[Change, ...]]:
    """Which components of a key differ, and the reason that names the weightiest."""
    new = json.loads(parts)
    _, old_function, old_backend, old_parameters, old_inputs, *old_take = old
    _, function, backend, parameters, inputs, *take = new
    changes = [
        *_differences("function", old_function, function),
        *_backend_differences(str(old_backend), str(backend)),
        *_map_differences(old_inputs, inputs, short=True),
        *_map_differences(old_parameters, parameters),
        *_differences("take", *_takes(old_take, take)),
    ]
    if old_function != function:
        return Reason.FUNCTION_CHANGED, tuple(changes)
    if old_backend != backend:
        same_engine = str(old_backend).partition(":")[0] == str(backend).partition(":")[0] != PAID
        return Reason.FUNCTION_CHANGED if same_engine else Reason.MODEL_CHANGED, tuple(changes)
    if old_inputs != inputs:
        return Reason.INPUT_CHANGED, tuple(changes)
    return Reason.PARAMS_CHANGED if old_parameters != parameters else Reason.TAKE, tuple(changes)


def _takes(old: Sequence[JSON], new: Sequence[JSON]) -> tuple[str, str]:
    """Two takes' names, or their seeds where the names are alike."""
    (name, ahead), (other, other_ahead) = _take(old), _take(new)
    return (name, other) if name != other else (f"{name}, seed + {ahead}", f"{other}, seed + {other_ahead}")


def _take(parts: Sequence[JSON]) -> tuple[str, JSON]:
    """A take's name, and how many seeds it is ahead."""
    match parts[0] if parts else None:
        case [name, ahead]:
            return str(name or "first"), ahead
    return "first", 0


def _differences(name: str, old: object, new: object) -> list[Change]:
    return [] if old == new else [Change(name, str(old), str(new))]


def _backend_differences(old: str, new: str) -> list[Change]:
    (was, _, old_model), (by, _, model) = old.partition(":"), new.partition(":")
    return _differences("model", old_model, model) if was == by == PAID else _differences("backend", old, new)


def _map_differences(old: object, new: object, *, short: bool = False) -> Iterator[Change]:
    before, after = (side if isinstance(side, dict) else {} for side in (old, new))
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            texts = [canonical(side[name]) if name in side else "(none)" for side in (before, after)]
            if short:
                texts = [text.strip('"') for text in texts]
                texts = [text[:12] if len(text) >= DIGEST else text for text in texts]
            yield Change(name, *texts)
