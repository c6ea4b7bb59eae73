"""Texts of local/label and local/compare: how large their letters may be in the room that a picture leaves them.

Needs the fonts but no pixels, so that a plan refuses a text that has no room, before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from wanflow.functions.geometry import Box, Parameters, Size, SizeError
from wanflow.functions.layouts import CORNER_LINES, SMALLEST_LETTERS, compared, corner, labelled, leading, most_lines
from wanflow.pixels.lettering import drawable, width, wrapped


class Text(NamedTuple):
    """A parameter's text, the room that it has, and the letters that are wished for, in at most so many lines."""

    parameter: str
    text: str
    room: Box
    letters: int
    lines: int


def check(function: str, size: Size, parameters: Parameters) -> None:
    """Refuse texts that don't fit on a picture of this size. Raises SizeError."""
    for parameter, text, room, letters, lines in _TEXTS[function](size, parameters) if function in _TEXTS else ():
        if fitted(text, room, letters, lines) is None:
            hint = "Shorten it, or allow more lines." if function == "local/label" else "Shorten it."
            raise SizeError(f"{parameter}: {misfit(text, room, lines)}", hint, parameter, "length")


def _label(size: Size, parameters: Parameters) -> Iterator[Text]:
    plan = labelled(size, parameters)
    yield Text("text", parameters["text"], plan.room, plan.letters, most_lines(parameters))


def _compare(size: Size, parameters: Parameters) -> Iterator[Text]:
    plan = compared(size, parameters)
    for parameter, box in (("before", plan.before), ("after", plan.after)):
        text = drawable(parameters.get(parameter) or "")
        if text and (place := corner(box, parameters)):
            yield Text(parameter, text, place.text, place.letters, CORNER_LINES)


_TEXTS: Mapping[str, Callable[[Size, Parameters], Iterator[Text]]] = {
    "local/label": _label,
    "local/compare": _compare,
}


@lru_cache(1_000)
def fitted(text: str, room: Box, letters: int, most: int) -> tuple[list[str], int] | None:
    """Lines, at most so many, and the largest size of letters up to `letters` at which they fit; None if none does."""
    if not drawable(text):
        return [], letters
    size = max(letters, SMALLEST_LETTERS)
    while True:
        lines = [line for part in text.splitlines() for line in wrapped(part, size, room.width, most + 1)]
        whole = size == SMALLEST_LETTERS or all(width(word, size) <= room.width for word in _words(text))
        if whole and len(lines) <= most and len(lines) * leading(size) <= max(room.height, leading(SMALLEST_LETTERS)):
            return lines, size
        if size == SMALLEST_LETTERS:
            return None
        size = max(min(round(0.95 * size), size - 1), SMALLEST_LETTERS)


def misfit(text: str, room: Box, most: int) -> str:
    """That a text doesn't fit, in words."""
    lines = f"{most} line{'' if most == 1 else 's'}"
    room_px = f"{room.width}x{room.height} px"
    return f"a text of {len(text)} characters does not fit in {room_px} and {lines}, even at {SMALLEST_LETTERS} px"


def _words(text: str) -> list[str]:
    # Chinese text may break anywhere, so only words of letters have to fit whole.
    return [word for word in drawable(text).split() if word.isascii()]
