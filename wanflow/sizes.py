"""How large a function makes a picture: pure arithmetic that planning, the engine and the emulator share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from typing import Any

Size = tuple[int, int]
Parameters = Mapping[str, Any]


class SizeError(ValueError):
    """No size satisfies the parameters; the text says why."""


def expanded(width: int, height: int, parameters: Parameters) -> tuple[int, int, int, int]:
    """Outpainted (width, height, left, top): a side scaled by s adds (s - 1) / 2 of the dimension.

    The provider says only "1.5 on all sides makes 1.5 times the size"; this is the reading that fits it.
    """
    full_width, left = _grown(width, _scale(parameters, "left_scale"), _scale(parameters, "right_scale"))
    full_height, top = _grown(height, _scale(parameters, "top_scale"), _scale(parameters, "bottom_scale"))
    return full_width, full_height, left, top


def _scale(parameters: Parameters, name: str) -> float:
    value = parameters.get(name)
    return 1.0 if value is None else float(value)


def _grown(length: int, before: float, after: float) -> tuple[int, int]:
    total = _rounded(length * (before + after) / 2)
    return total, min(_rounded(length * (before - 1) / 2), total - length)


def _rounded(value: float) -> int:
    # Halves go up; a sum like 1.1 + 1.2 is a hair below the decimal that was meant.
    return floor(value + 0.5 + 1e-6)


def fitted(width: int, height: int, parameters: Parameters) -> Size:
    """The size nearest to the present one that keeps the ratio and both limits. Raises SizeError if none does."""
    low, high = parameters.get("min_side"), parameters.get("max_side")
    scale = 1.0
    if high is not None and max(width, height) > high:
        scale = high / max(width, height)
    if low is not None and min(width, height) * scale < low:
        scale = low / min(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if high is not None and max(size) > high:
        raise SizeError(
            f"{width}x{height} can't have its shorter side at {low} px or more and its longer at {high} px or less"
        )
    return size


def _scaled(width: int, height: int, parameters: Parameters, by: str) -> Size:
    factor = parameters[by]
    return width * factor, height * factor


_RULES: dict[str, Callable[[int, int, Parameters, Mapping[str, Any]], Size]] = {
    "same": lambda w, h, parameters, rule: (w, h),
    "scale": lambda w, h, parameters, rule: _scaled(w, h, parameters, rule["by"]),
    "expand": lambda w, h, parameters, rule: expanded(w, h, parameters)[:2],
    "fit": lambda w, h, parameters, rule: fitted(w, h, parameters),
}


def resulting(rule: Mapping[str, Any], size: Size, parameters: Parameters) -> Size:
    """The size that a function with this rule gives an image of this size. Raises SizeError."""
    return _RULES[rule["rule"]](*size, parameters, rule)
