"""How wide a text will be, told without a font: generous, so that no letter leaves its box in any usual one."""

from __future__ import annotations

import unicodedata

# Parts of the font's size, after DejaVu Sans, the widest of those that browsers take for system-ui.
_NARROW, _SPACE, _WIDE, _CAPITAL, _USUAL = 0.36, 0.34, 0.98, 0.72, 0.625
_MONO, _FULL = 0.605, 1.0


def width(text: str, size: float, *, mono: bool = False) -> float:
    """Pixels that a text takes at a font size in pixels."""
    return size * sum(_part(char, mono) for char in text)


def _part(char: str, mono: bool) -> float:
    if unicodedata.combining(char):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return _FULL
    if mono:
        return _MONO
    if char in "iljtfrI.,:;'|!()[]·":
        return _NARROW
    if char in "mwMWmw@%×…—":
        return _WIDE
    return _SPACE if char == " " else _CAPITAL if char.isupper() else _USUAL


def cut(text: str, size: float, most: float, *, mono: bool = False) -> str:
    """A text that fits into so many pixels, its end dropped where it is longer."""
    if width(text, size, mono=mono) <= most:
        return text
    left, kept = most - width("…", size, mono=mono), 0
    for char in text:
        left -= size * _part(char, mono)
        if left < 0:
            break
        kept += 1
    return f"{text[:kept].rstrip()}…"


def cells(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
