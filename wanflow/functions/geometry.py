"""Where local functions put pictures: exact arithmetic on pixels that planning and the functions themselves share.

Sizes are (width, height), boxes (left, top, width, height), all in whole pixels of the upright picture. Every function
raises SizeError, in the words that a plan shows, for parameters that this picture can't have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, cos, floor, radians, sin
from typing import Any, NamedTuple

from wanflow.errors import Rule

Size = tuple[int, int]
Parameters = Mapping[str, Any]


class SizeError(ValueError):
    """No size satisfies the parameters; the text says why, `hint` what helps, `parameter` which one is to blame."""

    def __init__(
        self,
        message: str,
        hint: str = "Change the limits, or crop the picture first.",
        parameter: str = "",
        rule: Rule = "size",
    ) -> None:
        super().__init__(message)
        self.hint, self.parameter, self.rule = hint, parameter, rule


class Box(NamedTuple):
    """A part of a picture."""

    left: int
    top: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.width, self.height


def rounded(value: Fraction | float) -> int:
    """The nearest whole number; halves go up, as people round."""
    return floor(value + Fraction(1, 2)) if isinstance(value, Fraction) else floor(value + 0.5)


def ratio_of(text: str) -> Fraction:
    """The ratio "16:9" exactly. Raises SizeError for one of zero."""
    across, down = (Fraction(part) for part in text.split(":"))
    if not across or not down:
        raise SizeError(f"the ratio {text} has a side of 0", 'Write for example "16:9".', "ratio", "range")
    return across / down


def placed(inner: Size, outer: Size, gravity: str) -> tuple[int, int]:
    """Left and top of one rectangle in another, by the corner, edge or centre that draws it."""
    words = gravity.split("_")
    free_x, free_y = outer[0] - inner[0], outer[1] - inner[1]
    left = 0 if "left" in words else free_x if "right" in words else free_x // 2
    top = 0 if "top" in words else free_y if "bottom" in words else free_y // 2
    return left, top


def unused(parameters: Parameters, name: str, needs: Sequence[str]) -> None:
    """Refuse a parameter that would say nothing, since none of those that it belongs to is given."""
    if parameters.get(name) is not None and all(parameters.get(need) is None for need in needs):
        words = " or ".join(needs)
        raise SizeError(
            f"{name} says nothing without {words}", f"Leave {name} out, or add {words}.", name, "combination"
        )


def inside(values: Sequence[int], size: Size | None, name: str) -> Box:
    """The box x, y, width, height of a parameter. Raises SizeError when a picture of this size does not hold it."""
    box = Box(*values)
    ends = (box.left + box.width, box.top + box.height)
    for end, side, (word, edge) in zip(ends, size or (), (("width", "right"), ("height", "bottom")), strict=False):
        if end > side:
            message = f"{name} ends at {end} px, but the picture's {word} is {side} px"
            hint = f"x, y, width, height are pixels of this step's image; mind its {edge} edge."
            raise SizeError(message, hint, name, "outside")
    return box


# -- fit and resize


class Resized(NamedTuple):
    """The size that a picture is scaled to, and the box of that which is kept."""

    scaled: Size
    kept: Box


def contained(size: Size, room: Size) -> Size:
    """The largest size of this ratio within the room; at least one pixel a side."""
    scale = min(Fraction(room[0], size[0]), Fraction(room[1], size[1]))
    return max(1, rounded(size[0] * scale)), max(1, rounded(size[1] * scale))


def covering(size: Size, room: Size) -> Size:
    """The smallest size of this ratio that fills the room."""
    scale = max(Fraction(room[0], size[0]), Fraction(room[1], size[1]))
    return max(room[0], rounded(size[0] * scale)), max(room[1], rounded(size[1] * scale))


def resized(size: Size, parameters: Parameters) -> Resized:
    """local/resize: by a scale, to one side (the other follows), or to both (`fit` says how)."""
    check_resize(parameters)
    width, height, scale = (parameters.get(name) for name in ("width", "height", "scale"))
    if scale is not None:
        made = (max(1, rounded(size[0] * scale)), max(1, rounded(size[1] * scale)))
    elif width is None or height is None:
        factor = Fraction(width or height or 1, size[0] if width else size[1])
        made = (width or max(1, rounded(size[0] * factor)), height or max(1, rounded(size[1] * factor)))
    else:
        fit = parameters.get("fit") or "contain"
        made = contained(size, (width, height)) if fit == "contain" else (width, height)
        if fit == "cover":
            scaled = covering(size, made)
            return Resized(scaled, Box(*placed(made, scaled, parameters.get("gravity") or "center"), *made))
    return Resized(made, Box(0, 0, *made))


def check_resize(parameters: Parameters) -> None:
    """Refuse what contradicts itself, whatever the picture."""
    if parameters.get("fit") is not None and (parameters.get("width") is None or parameters.get("height") is None):
        hint = "Give both sides, or leave fit out: one side alone keeps the ratio."
        raise SizeError("fit says nothing unless width and height are both given", hint, "fit", "combination")
    if parameters.get("gravity") is not None and parameters.get("fit") != "cover":
        hint = "Only fit: cover cuts anything off; leave gravity out."
        raise SizeError("gravity says nothing without fit: cover", hint, "gravity", "combination")


# -- crop


def cropped(size: Size, parameters: Parameters) -> Box:
    """local/crop: a box, the largest part of a ratio, or a part of a given width and height."""
    check_crop(parameters)
    if (values := parameters.get("box")) is not None:
        return inside(values, size, "box")
    part = _of_ratio(size, ratio_of(parameters["ratio"])) if parameters.get("ratio") else _of_sides(size, parameters)
    return Box(*placed(part, size, parameters.get("gravity") or "center"), *part)


def check_crop(parameters: Parameters) -> None:
    """Refuse what contradicts itself, whatever the picture."""
    unused(parameters, "gravity", ("ratio", "width", "height"))


def _of_ratio(size: Size, ratio: Fraction) -> Size:
    width, height = size
    if width > height * ratio:
        return max(1, rounded(height * ratio)), height
    return width, max(1, min(height, rounded(width / ratio)))


def _of_sides(size: Size, parameters: Parameters) -> Size:
    for name, side in zip(("width", "height"), size, strict=True):
        if (parameters.get(name) or 0) > side:
            message = f"{name}: {parameters[name]} px can't be cut from a picture that has {side} px"
            hint = "Ask for less, or put a local/resize step with fit: cover in its place."
            raise SizeError(message, hint, name, "outside")
    return parameters.get("width") or size[0], parameters.get("height") or size[1]


# -- pad


SIDES = ("top", "right", "bottom", "left")


def padded(size: Size, parameters: Parameters) -> tuple[Size, int, int]:
    """local/pad: the canvas, and the left and top at which the picture lies on it."""
    check_pad(parameters)
    width, height = size
    if any(parameters.get(side) is not None for side in SIDES):
        top, right, bottom, left = (parameters.get(side) or 0 for side in SIDES)
        return (left + width + right, top + height + bottom), left, top
    canvas = _canvas(size, parameters)
    return canvas, *placed(size, canvas, parameters.get("gravity") or "center")


def check_pad(parameters: Parameters) -> None:
    """Refuse what contradicts itself, whatever the picture."""
    unused(parameters, "gravity", ("ratio", "width", "height"))
    if parameters.get("color") is not None and (parameters.get("fill") or "color") != "color":
        hint = "Leave color out, or say fill: color."
        raise SizeError(f"color says nothing with fill: {parameters['fill']}", hint, "color", "combination")


def _canvas(size: Size, parameters: Parameters) -> Size:
    width, height = size
    if parameters.get("ratio"):
        ratio = ratio_of(parameters["ratio"])
        is_flatter = width > height * ratio
        return (width, rounded(width / ratio)) if is_flatter else (rounded(height * ratio), height)
    for name, side in zip(("width", "height"), size, strict=True):
        if (wanted := parameters.get(name)) is not None and wanted < side:
            message = f"{name}: {wanted} px is less than the picture has, {side} px; padding makes nothing smaller"
            raise SizeError(message, f"Put a local/fit step before it, with: {{max_side: {wanted}}}.", name, "outside")
    return parameters.get("width") or width, parameters.get("height") or height


# -- rotate


def rotated(size: Size, parameters: Parameters) -> Size:
    """local/rotate: the size after a turn by `angle` degrees clockwise; what `keep` says becomes of the corners."""
    check_rotate(parameters)
    angle = (parameters.get("angle") or 0) % 360
    keep = parameters.get("keep") or "all"
    if angle % 180 == 0 or keep == "size":
        return size
    if angle % 90 == 0:
        return size[1], size[0]
    across, down = abs(cos(radians(angle))), abs(sin(radians(angle)))
    if keep == "inside":
        return _within(size, across, down)
    width, height = size
    return ceil(width * across + height * down - 1e-6), ceil(width * down + height * across - 1e-6)


def check_rotate(parameters: Parameters) -> None:
    """Refuse what contradicts itself, whatever the picture."""
    angle = parameters.get("angle")
    for name in ("keep", "color"):
        if parameters.get(name) is not None and (angle is None or (angle % 90 == 0 and name == "color")):
            raise SizeError(
                f"{name} says nothing without an angle that leaves corners", f"Leave {name} out.", name, "combination"
            )
    if parameters.get("color") is not None and parameters.get("keep") == "inside":
        raise SizeError("color says nothing with keep: inside, which cuts the corners off", "Leave color out.",
                        "color", "combination")  # fmt: skip


def _within(size: Size, across: float, down: float) -> Size:
    """The largest upright rectangle inside a turned one: it touches two long sides, or all four."""
    long, short = max(size), min(size)
    if short <= 2 * across * down * long:
        half = short / 2
        width, height = (half / down, half / across) if size[0] >= size[1] else (half / across, half / down)
    else:
        spread = across * across - down * down
        width = (size[0] * across - size[1] * down) / spread
        height = (size[1] * across - size[0] * down) / spread
    return max(1, floor(width + 1e-6)), max(1, floor(height + 1e-6))


# -- composite


def check_composite(parameters: Parameters, slots: Sequence[str]) -> None:
    """Refuse what contradicts itself, whatever the pictures."""
    if parameters.get("feather") and "mask" not in slots:
        hint = "Leave feather out, or name a mask: white where the picture laid over shows."
        raise SizeError("feather says nothing without a mask", hint, "feather", "combination")


def laid(base: Size, overlay: Size | None, parameters: Parameters) -> Box | None:
    """local/composite: where the picture that is laid over another lies on it, perhaps beyond its edges.

    None while the overlay's size isn't known. Raises SizeError when nothing of it would be seen.
    """
    if overlay is None:
        return None
    scale = parameters.get("scale")
    if scale is not None:
        width = max(1, rounded(base[0] * scale))
        overlay = width, max(1, rounded(Fraction(width * overlay[1], overlay[0])))
    gravity = parameters.get("gravity") or "center"
    left, top = placed(overlay, base, gravity)
    x, y = parameters.get("offset") or (0, 0)
    # An offset leads away from the edge that draws the picture.
    left += -x if "right" in gravity else x
    top += -y if "bottom" in gravity else y
    box = Box(left, top, *overlay)
    if left >= base[0] or top >= base[1] or left + box.width <= 0 or top + box.height <= 0:
        message = f"the picture laid over it would lie at {left},{top}, outside the {base[0]}x{base[1]} px below"
        raise SizeError(message, "Make the offset smaller; it is counted from gravity's edge.", "offset", "outside")
    return box


# -- mask

SHAPES = ("box", "ellipse", "polygon", "border", "threshold", "alpha", "from_image")


def check_mask(size: Size | None, parameters: Parameters, slots: Sequence[str]) -> None:
    """local/mask: refuse a shape that does not lie on a picture of this size, or a second picture without a use."""
    _check_mask_slot(parameters, slots)
    for name in ("box", "ellipse"):
        if parameters.get(name) is not None:
            inside(parameters[name], size, name)
    for x, y in parameters.get("polygon") or ():
        if size and (x > size[0] or y > size[1]):
            message = f"polygon has a point at {x},{y}, outside the picture's {size[0]}x{size[1]} px"
            raise SizeError(message, "Points are pixels of this step's image.", "polygon", "outside")
    border = parameters.get("border")
    if size and border is not None and 2 * border >= min(size):
        message = f"a border of {border} px leaves nothing of {size[0]}x{size[1]} px"
        raise SizeError(message, f"Take at most {(min(size) - 1) // 2}.", "border", "outside")


def _check_mask_slot(parameters: Parameters, slots: Sequence[str]) -> None:
    wanted, given = parameters.get("from_image") is not None, "mask" in slots
    if wanted and not given:
        hint = "Name it as mask: row.COLUMN, steps.ID or file:PATH; to look at the image itself, use threshold."
        raise SizeError("from_image needs a picture to read, and there is no mask:", hint, "from_image", "combination")
    if given and not wanted:
        hint = "Say from_image: 128, or leave mask: out."
        raise SizeError("the picture in mask: is read only with from_image", hint, "", "combination")
