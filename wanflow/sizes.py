"""How large a function makes a picture: pure arithmetic that planning, the engine and the emulator share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Size = tuple[int, int]
Parameters = Mapping[str, Any]


class SizeError(ValueError):
    """No size satisfies the parameters; the text says why."""


def expanded(width: int, height: int, parameters: Parameters) -> tuple[int, int, int, int]:
    """Outpainted (width, height, left, top): each scale is measured from the centre, so a side adds (s - 1) / 2.

    The provider says only "1.5 on all sides makes 1.5 times the size"; this is the reading that fits it.
    """
    left, right = (_grown(width, parameters.get(f"{side}_scale", 1.0)) for side in ("left", "right"))
    top, bottom = (_grown(height, parameters.get(f"{side}_scale", 1.0)) for side in ("top", "bottom"))
    return width + left + right, height + top + bottom, left, top


def _grown(length: int, scale: float) -> int:
    return round(length * (scale - 1) / 2)


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
