"""Sizes that an edit gives, from sizes alone: needed by planning, so nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from typing import Any


def expanded(w: int, h: int, parameters: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Width and height after `wan/expand`, and how many pixels it adds at the left and at the top.

    Scales are measured from the centre: a side scaled by s adds (s - 1) / 2 of the dimension, so that all
    four at 1.5 give 1.5 times the size (an assumption: the service's pages leave it open).
    """
    width, left = _grown(w, _scale(parameters, "left_scale"), _scale(parameters, "right_scale"))
    height, top = _grown(h, _scale(parameters, "top_scale"), _scale(parameters, "bottom_scale"))
    return width, height, left, top


def _scale(parameters: Mapping[str, Any], name: str) -> float:
    value = parameters.get(name)
    return 1.0 if value is None else float(value)


def _grown(length: int, before: float, after: float) -> tuple[int, int]:
    total = _round(length * (before + after) / 2)
    return total, min(_round(length * (before - 1) / 2), total - length)


def _round(value: float) -> int:
    # Halves go up; a sum like 1.1 + 1.2 is a hair below the decimal that was meant.
    return floor(value + 0.5 + 1e-6)
