"""How local functions lay out letters and several pictures: labels, contact sheets, before and after.

Pure arithmetic as in `geometry`, shared by planning and the functions themselves. Letters are measured in pixels of
font size; widths of texts need the fonts and are measured in `pixels/local`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isqrt
from typing import NamedTuple

from wanflow.functions.geometry import Box, Parameters, Size, SizeError, unused

# Smaller letters than these run into each other.
SMALLEST_LETTERS = 9
LINES = 3
CORNER_LINES = 2


def leading(letters: int) -> int:
    """Height of a line in pixels."""
    return round(1.34 * letters)


def check_texts(parameters: Parameters, *names: str) -> None:
    """Refuse letters that the fonts don't have, rather than draw boxes. Raises SizeError."""
    texts = [(name, text) for name in names if (value := parameters.get(name)) for text in _listed(value)]
    if not texts:
        return
    # Late, because listing four thousand characters takes longer than planning a row.
    from wanflow.functions.glyphs import lacking, named

    for name, text in texts:
        if missing := lacking(text):
            message = f"{name}: the fonts have no {', '.join(map(named, missing[:5]))}"
            message += f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            hint = "They cover Latin, Greek, Cyrillic and 4000 Chinese characters; leave the others out."
            raise SizeError(message, hint, name, "letters")


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


# -- label


class Label(NamedTuple):
    """The size that a label makes of a picture, where the picture lies, and where letters may stand."""

    size: Size
    top: int
    room: Box
    letters: int


def labelled(size: Size, parameters: Parameters) -> Label:
    """local/label: letters on the picture, or in a band above or below it, whose height no text changes."""
    check_label(parameters)
    width, height = size
    letters = parameters.get("letters") or max(SMALLEST_LETTERS + 3, round(0.035 * max(width, height)))
    margin = parameters.get("margin")
    margin = round(0.6 * letters) if margin is None else margin
    where = parameters.get("at") or "bottom"
    if where not in ("above", "below"):
        room = Box(margin, margin, width - 2 * margin, height - 2 * margin)
        if min(room.size) < SMALLEST_LETTERS:
            message = f"a margin of {margin} px leaves no room for letters on {width}x{height} px"
            raise SizeError(message, "Make margin smaller, or say at: below.", "margin", "outside")
        return Label(size, 0, room, letters)
    band = most_lines(parameters) * leading(letters) + 2 * margin
    top = band if where == "above" else 0
    room = Box(margin, margin + (0 if where == "above" else height), width - 2 * margin, band - 2 * margin)
    if room.width < SMALLEST_LETTERS:
        message = f"a margin of {margin} px leaves no room for letters in {width} px of width"
        raise SizeError(message, "Make margin or letters smaller.", "margin", "outside")
    return Label((width, height + band), top, room, letters)


def most_lines(parameters: Parameters) -> int:
    """How many lines the text of a label may take."""
    band = parameters.get("at") in ("above", "below")
    return parameters.get("lines") or (1 if band else LINES)


def check_label(parameters: Parameters) -> None:
    """Refuse what can't be drawn, whatever the picture."""
    check_texts(parameters, "text")


# -- contact sheet


class Sheet(NamedTuple):
    """A contact sheet: its size, the box of every picture, and the height of the captions below them."""

    size: Size
    cells: tuple[Box, ...]
    caption: int


def sheet(count: int, parameters: Parameters) -> Sheet:
    """local/contact_sheet of so many pictures: rows from left to right, all cells of one size."""
    check_sheet(count, parameters)
    columns = min(parameters.get("columns") or _columns(count), count)
    width, height, gap = parameters["cell_width"], parameters["cell_height"], parameters["gap"]
    caption = leading(parameters["letters"]) + parameters["letters"] // 3 if parameters.get("captions") else 0
    cells = tuple(
        Box(gap + column * (width + gap), gap + row * (height + caption + gap), width, height)
        for row, column in (divmod(number, columns) for number in range(count))
    )
    rows = ceil(count / columns)
    return Sheet((gap + columns * (width + gap), gap + rows * (height + caption + gap)), cells, caption)


def _columns(count: int) -> int:
    return isqrt(count - 1) + 1


def check_sheet(count: int, parameters: Parameters) -> None:
    """Refuse captions that are not one a picture, and what can't be drawn."""
    captions: Sequence[str] | None = parameters.get("captions")
    if captions is not None and len(captions) != count:
        pictures = f"{count} image{'' if count == 1 else 's'}"
        message = f"captions has {len(captions)} text{'' if len(captions) == 1 else 's'} for {pictures}"
        raise SizeError(message, 'Give one a picture, in their order; "" for none.', "captions", "length")
    check_texts(parameters, "captions")


# -- compare


class Comparison(NamedTuple):
    """Before and after: the size of both together, and the box of each."""

    size: Size
    before: Box
    after: Box


def compared(after: Size, parameters: Parameters) -> Comparison:
    """local/compare: the second picture as it is, and the first fitted into as much room."""
    check_compare(parameters)
    layout = parameters["layout"]
    gap = parameters.get("gap")
    gap = max(2, round(0.01 * max(after))) if gap is None else gap
    width, height = after
    if layout == "split":
        return Comparison(after, Box(0, 0, *after), Box(0, 0, *after))
    if layout == "stacked":
        return Comparison((width, 2 * height + gap), Box(0, 0, *after), Box(0, height + gap, *after))
    return Comparison((2 * width + gap, height), Box(0, 0, *after), Box(width + gap, 0, *after))


class Corner(NamedTuple):
    """Where the text over one of two pictures stands: within this room, in letters of this size, as wide as `text`."""

    room: Box
    text: Box
    letters: int


def corner(box: Box, parameters: Parameters) -> Corner | None:
    """The place of a text in a picture's upper corner; None on one too small for any letter."""
    letters = parameters.get("letters") or max(SMALLEST_LETTERS + 3, round(0.035 * max(box.size)))
    margin = round(0.6 * letters)
    share = box.width // 2 if parameters["layout"] == "split" else box.width
    room = Box(box.left + margin, box.top + margin, box.width - 2 * margin, box.height - 2 * margin)
    if min(share - 2 * margin, room.height) < leading(SMALLEST_LETTERS):
        return None
    return Corner(room, room._replace(width=share - 2 * margin), letters)


def check_compare(parameters: Parameters) -> None:
    """Refuse what contradicts itself or can't be drawn, whatever the pictures."""
    if parameters.get("position") is not None and parameters["layout"] != "split":
        hint = "Say layout: split, or leave position out."
        raise SizeError("position says nothing without layout: split", hint, "position", "combination")
    if parameters.get("gap") is not None and parameters["layout"] == "split":
        raise SizeError("gap says nothing with layout: split", "Leave gap out.", "gap", "combination")
    unused(parameters, "letters", ("before", "after"))
    check_texts(parameters, "before", "after")


# -- convert

_WITH_QUALITY = ("jpeg", "webp")
_LONGEST = {"jpeg": 65_500, "webp": 16_383}


def check_convert(size: Size | None, parameters: Parameters) -> None:
    """local/convert: refuse what a format does not have, and pictures that it can't hold."""
    kind = parameters["format"]
    if parameters.get("quality") is not None and kind not in _WITH_QUALITY:
        hint = "Leave quality out, or take jpeg or webp."
        raise SizeError(f"{kind} is lossless and has no quality", hint, "quality", "combination")
    if kind == "bmp" and parameters["profile"] != "none":
        raise SizeError("bmp holds no colour profile", "Take another format.", "profile", "combination")
    if kind == "bmp" and parameters["metadata"] == "keep":
        raise SizeError("bmp holds no metadata", "Take another format.", "metadata", "combination")
    if parameters.get("color") is not None and kind not in ("jpeg", "bmp"):
        hint = "Leave color out, or take jpeg or bmp."
        raise SizeError(f"color says nothing with {kind}, which keeps transparency", hint, "color", "combination")
    longest = _LONGEST.get(kind)
    if size and longest and max(size) > longest:
        hint = f"Put a local/fit step before it, with: {{max_side: {longest}}}, or take png."
        raise SizeError(f"{size[0]}x{size[1]} px; {kind} holds at most {longest} px a side", hint, "format")
