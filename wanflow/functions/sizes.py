"""How large a function makes a picture: pure arithmetic that planning, the engine and the emulator share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import Any

from wanflow.functions import geometry, layouts
from wanflow.functions.geometry import Parameters
from wanflow.functions.geometry import Size as Size
from wanflow.functions.geometry import SizeError as SizeError

Sizes = Mapping[str, Size | None]


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


def given(parameters: Parameters, rule: Mapping[str, Any]) -> Size | None:
    """The size parameter ("W*H") as the model makes it; None when it isn't set. Raises SizeError."""
    text = parameters.get("size")
    if text is None:
        return None
    width, height = (int(number) for number in str(text).split("*"))
    if broken := broken_limit(width, height, rule):
        raise SizeError(*_SAID[broken](text, (width, height), rule), "size")
    step = rule.get("multiple", 1)
    return step * _rounded(width / step), step * _rounded(height / step)


def broken_limit(width: int, height: int, rule: Mapping[str, Any]) -> str | None:
    """Which limit of a size rule a wish breaks: choices, sides, pixels or ratio; None when it keeps them all."""
    endless = float("inf")
    if f"{width}*{height}" not in rule.get("choices", [f"{width}*{height}"]):
        return "choices"
    if min(width, height) < rule.get("min_side", 0) or max(width, height) > rule.get("max_side", endless):
        return "sides"
    if not rule.get("min_pixels", 0) <= width * height <= rule.get("max_pixels", endless):
        return "pixels"
    return "ratio" if max(width, height) > rule.get("max_ratio", endless) * min(width, height) else None


_SAID: dict[str, Callable[[str, Size, Mapping[str, Any]], tuple[str, str]]] = {
    "choices": lambda text, wish, rule: (
        f"size {text} is not among those that the model makes",
        f"Take {' or '.join(rule['choices'])}.",
    ),
    "sides": lambda text, wish, rule: (
        f"size {text} has a side that is not between {rule['min_side']} and {rule['max_side']}",
        "Take for example 1024*1024.",
    ),
    "pixels": lambda text, wish, rule: (
        f"size {text} has {wish[0] * wish[1]} pixels; the model makes {rule['min_pixels']} to {rule['max_pixels']}",
        "Take {}*{}, for example.".format(*_allowed(wish, rule)),
    ),
    "ratio": lambda text, wish, rule: (
        f"size {text} is longer than {rule['max_ratio']}:1, which is the most the model makes",
        "Bring width and height closer together.",
    ),
}


def _allowed(wish: Size, rule: Mapping[str, Any]) -> Size:
    """The size of nearly the same ratio, in multiples of 16, that has as few or many pixels as the model makes."""
    pixels = wish[0] * wish[1]
    few, many = rule["min_pixels"], rule["max_pixels"]
    steep = min(max(wish) / max(min(wish), 1), rule.get("max_ratio", 4))
    least = max(1, ((few if pixels < few else many) / steep) ** 0.5 / 16)
    short = ceil(least) if pixels < few else floor(least)
    long = floor(steep * short) if pixels >= few else ceil(steep * least)
    return (16 * long, 16 * short) if wish[0] > wish[1] else (16 * short, 16 * long)


def about(width: int, height: int, pixels: int, steepest: float) -> Size:
    """The size of about so many pixels in this ratio, sides in multiples of 16 (an assumption). Raises SizeError."""
    if max(width, height) > steepest * min(width, height):
        hint = "Crop the picture first, or give a size."
        raise SizeError(f"{width}x{height} px is longer than {steepest}:1, which is the most the model takes", hint)
    scale = (pixels / (width * height)) ** 0.5
    size = _sixteens(width * scale), _sixteens(height * scale)
    # Rounded up on both sides it may lie above the limit; then the side that was rounded up further gives way.
    if size[0] * size[1] > pixels:
        over = size[0] / (width * scale) - size[1] / (height * scale)
        size = (size[0] - 16, size[1]) if over > 0 else (size[0], size[1] - 16)
    return size


def _sixteens(value: float) -> int:
    return max(16, 16 * _rounded(value / 16))


def _chosen(size: Size | None, parameters: Parameters, rule: Mapping[str, Any]) -> Size | None:
    pixels = rule.get("names", {}).get(parameters.get("size"))
    if pixels is None and (chosen := given(parameters, rule)):
        return chosen
    if rule["rule"] == "given":
        width, height = rule["default"]
        return width, height
    return size and about(*size, pixels or rule["pixels"], rule["max_ratio"])


def _scaled(width: int, height: int, parameters: Parameters, by: str) -> Size:
    factor = parameters[by]
    return width * factor, height * factor


_RULES: dict[str, Callable[[int, int, Parameters, Mapping[str, Any]], Size]] = {
    "same": lambda w, h, parameters, rule: (w, h),
    "scale": lambda w, h, parameters, rule: _scaled(w, h, parameters, rule["by"]),
    "expand": lambda w, h, parameters, rule: expanded(w, h, parameters)[:2],
    "fit": lambda w, h, parameters, rule: fitted(w, h, parameters),
}


def _mask(size: Size | None, parameters: Parameters, among: Sizes) -> Size | None:
    geometry.check_mask(size, parameters, tuple(among))
    return size


def _composite(size: Size | None, parameters: Parameters, among: Sizes) -> Size | None:
    geometry.check_composite(parameters, tuple(among))
    if size:
        geometry.laid(size, among.get("images.0"), parameters)
    return size


def _convert(size: Size | None, parameters: Parameters, among: Sizes) -> Size | None:
    layouts.check_convert(size, parameters)
    return size


def _sheet(size: Size | None, parameters: Parameters, among: Sizes) -> Size | None:
    return layouts.sheet(len(among), parameters).size


def _checked(
    check: Callable[[Parameters], None], made: Callable[[Size, Parameters], Size]
) -> Callable[[Size | None, Parameters, Sizes], Size | None]:
    def rule(size: Size | None, parameters: Parameters, among: Sizes) -> Size | None:
        check(parameters)
        return size and made(size, parameters)

    return rule


# What local functions make of a size (None: not known yet) and of those of all their inputs, by slot.
_LOCAL: dict[str, Callable[[Size | None, Parameters, Sizes], Size | None]] = {
    "resize": _checked(geometry.check_resize, lambda size, wish: geometry.resized(size, wish).kept.size),
    "crop": _checked(geometry.check_crop, lambda size, wish: geometry.cropped(size, wish).size),
    "pad": _checked(geometry.check_pad, lambda size, wish: geometry.padded(size, wish)[0]),
    "rotate": _checked(geometry.check_rotate, geometry.rotated),
    "label": _checked(layouts.check_label, lambda size, wish: layouts.labelled(size, wish).size),
    "compare": _checked(layouts.check_compare, lambda size, wish: layouts.compared(size, wish).size),
    "mask": _mask,
    "composite": _composite,
    "convert": _convert,
    "contact_sheet": _sheet,
}


# Whether a text fits, only the fonts tell, as `pixels/captions` does.
WITH_TEXTS = ("label", "compare")


def base(among: Mapping[str, Size | None]) -> Size | None:
    """The size that decides the result's, of those of the inputs by slot: the image's, or the last one's of several."""
    if "image" in among:
        return among["image"]
    several = [size for slot, size in among.items() if slot.startswith("images.")]
    return several[-1] if several else None


def resulting(
    rule: Mapping[str, Any], size: Size | None, parameters: Parameters, among: Sizes | None = None
) -> Size | None:
    """The size that a function with this rule gives an image of this size (of several: the last). Raises SizeError.

    `among` are the sizes of all inputs by slot, for rules that look at more than one. None is for a size that isn't
    known yet, and for a function that takes no image.
    """
    if rule["rule"] in _LOCAL:
        return _LOCAL[rule["rule"]](size, parameters, {"image": size} if among is None else among)
    if rule["rule"] in ("given", "about"):
        return _chosen(size, parameters, rule)
    return size and _RULES[rule["rule"]](*size, parameters, rule)
