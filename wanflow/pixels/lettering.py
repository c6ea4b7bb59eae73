"""Text into pictures, English and Chinese, from two small fonts of the package: measured, wrapped and drawn.

Covers Latin, Greek and Cyrillic letters and some 4000 Chinese characters (GB 2312 level 1 and a little more). What is
beyond them is shown as one empty box, so that nobody takes a shortened request for the whole.
"""

from __future__ import annotations

import io
import lzma
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont

from wanflow.functions.glyphs import BOX, HANZI, composed, drawn
from wanflow.functions.layouts import leading

Colour = tuple[int, int, int]

_HANZI = frozenset(HANZI)
# These may not begin a line.
_CLOSING = frozenset("，。、；：？！）》】」』％,.;:?!)]}%…")


@cache
def _file(name: str) -> bytes:
    packed = resources.files("wanflow.pixels").joinpath("fonts", f"{name}.ttf.xz").read_bytes()
    return lzma.decompress(packed)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout engine: the other one is not in every build of Pillow and spaces letters differently.
    return ImageFont.truetype(io.BytesIO(_file(name)), size, layout_engine=ImageFont.Layout.BASIC)


def drawable(text: str) -> str:
    """The text on one line with nothing in it that the fonts don't have; runs of what they lack become one box."""
    shown = ""
    for char in " ".join(unicodedata.normalize("NFC", text).split()):
        known = composed(char)
        if not drawn(known):
            # Joiners, accents and the second half of an emoji belong to the box that is there already.
            known = "" if shown.endswith(BOX) or unicodedata.category(char)[0] in "MC" else BOX
        shown += known
    return shown


def _runs(line: str) -> Iterator[tuple[str, str]]:
    """(font name, characters) for each stretch of one script."""
    for chinese, chars in groupby(line, key=lambda char: char in _HANZI):
        yield "hanzi" if chinese else "latin", "".join(chars)


def width(line: str, size: int) -> float:
    """How wide a drawable line is, in pixels."""
    return sum(float(_font(name, size).getlength(chars)) for name, chars in _runs(line))


def wrapped(text: str, size: int, room: float, most: int) -> list[str]:
    """The text in at most `most` lines no wider than `room` pixels; what doesn't fit ends in an ellipsis."""
    lines = [""]
    for piece in _pieces(drawable(text)):
        for part in _split(piece, size, room):
            if lines[-1] and width(lines[-1] + part.rstrip(), size) > room and not _hangs(lines[-1], part, size, room):
                lines.append("")
            lines[-1] += part
        if len(lines) > most:
            break
    if len(lines) <= most:
        return [line.rstrip() for line in lines]
    return [*(line.rstrip() for line in lines[: most - 1]), _cut(lines[most - 1], size, room)]


def _hangs(line: str, part: str, size: int, room: float) -> bool:
    """May this closing sign stand over the end of a line, since no line begins with one?"""
    return part.rstrip() in _CLOSING and width(line, size) <= room


def _pieces(text: str) -> Iterator[str]:
    """Where a line may break: after each space, and around each Chinese character."""
    word = ""
    for char in text:
        if char in _HANZI:
            if word:
                yield word
            yield char
            word = ""
        else:
            word += char
            if char == " ":
                yield word
                word = ""
    if word:
        yield word


def _split(word: str, size: int, room: float) -> Iterator[str]:
    """A word in parts that fit, when it is longer than a line."""
    if width(word.rstrip(), size) <= room:
        yield word
        return
    part = ""
    for char in word:
        if part and width(part + char, size) > room:
            yield part
            part = ""
        part += char
    yield part


def _cut(line: str, size: int, room: float) -> str:
    while line and width(line.rstrip() + "…", size) > room:
        line = line[:-1]
    return line.rstrip() + "…"


def fitting(line: str, room: float, largest: int, smallest: int = 1) -> int:
    """The largest font size in pixels, between the two, at which a drawable line is no wider than `room`."""
    size = min(largest, int(largest * room / max(width(line, largest), 1)) + 1)
    # Advances are whole pixels, so small letters are wider than large ones would tell.
    while size > smallest and width(line, size) > room:
        size -= 1
    return max(size, smallest)


def filling(text: str, room: tuple[float, float], largest: int, smallest: int) -> tuple[list[str], int]:
    """Lines and the largest font size at which the text fits (width, height); cut with an ellipsis at the smallest."""
    shown = drawable(text)
    whole = width(shown, largest)
    longest = max((width(word.rstrip(), largest) for word in _pieces(shown)), default=0.0)
    size = max(largest, smallest)
    while size > smallest:
        most, scale = max(int(room[1] // leading(size)), 1), size / largest
        # A word is broken only when it must be; and what can't fit needn't be tried.
        if longest * scale <= room[0] and whole * scale <= most * room[0]:
            lines = wrapped(text, size, room[0], most + 1)
            if len(lines) <= most:
                return lines, size
        size = max(min(round(0.95 * size), size - 1), smallest)
    return wrapped(text, smallest, room[0], max(int(room[1] // leading(smallest)), 1)), smallest


def draw(canvas: ImageDraw.ImageDraw, left: float, baseline: float, line: str, size: int, fill: Colour) -> None:
    """Write a drawable line from a left point on its baseline."""
    for name, chars in _runs(line):
        canvas.text((left, baseline), chars, fill=fill, font=_font(name, size), anchor="ls")
        left += float(_font(name, size).getlength(chars))


def label(lines: list[tuple[str, int, Colour]], size: tuple[int, int], ground: Colour, left: int) -> Image.Image:
    """A ground of (width, height) with lines of (text, font size, colour), the block centred in height."""
    image = Image.new("RGB", size, ground)
    canvas = ImageDraw.Draw(image)
    y = (size[1] - sum(leading(letters) for _, letters, _ in lines)) / 2
    for line, letters, fill in lines:
        draw(canvas, left, round(y + 1.02 * letters), line, letters, fill)
        y += leading(letters)
    return image
