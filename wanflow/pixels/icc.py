"""ICC profiles (ICC.1:2001-04) of three RGB colour spaces, the same bytes every time.

Pillow makes only sRGB, and writes the time into it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

Vector = Sequence[float]
_D50 = (0.9642, 1.0, 0.8249)


class _Space(NamedTuple):
    """Its name, its red, green and blue as XYZ under D50, and its gamma (None: the curve of sRGB)."""

    title: str
    primaries: tuple[Vector, Vector, Vector]
    gamma: float | None


_SRGB_XYZ = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_P3_XYZ = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
_ADOBE_XYZ = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_SPACES = {
    "srgb": _Space("sRGB", _SRGB_XYZ, None),
    "display_p3": _Space("Display P3", _P3_XYZ, None),
    "adobe_rgb": _Space("Compatible with Adobe RGB (1998)", _ADOBE_XYZ, 563 / 256),
}


@cache
def profile(name: str) -> bytes:
    """The profile of srgb, display_p3 or adobe_rgb."""
    space = _SPACES[name]
    curve = _curve(space.gamma)
    tags = {b"desc": _description(space.title), b"cprt": b"text\0\0\0\0No copyright\0", b"wtpt": _xyz(_D50)}
    tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, space.primaries), strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    for tag, entry in tags.items():
        if entry not in places:
            places[entry] = start + len(body)
            body += entry + b"\0" * (-len(entry) % 4)
        table += tag + struct.pack(">II", places[entry], len(entry))
    date = struct.pack(">6H", 2001, 4, 1, 0, 0, 0)
    fields = (start + len(body), b"\0" * 4, 0x02400000, b"mntr", b"RGB ", b"XYZ ", date, b"acsp")
    head = struct.pack(">I4sI4s4s4s12s4s", *fields).ljust(68, b"\0") + b"".join(map(_s15, _D50))
    return head.ljust(128, b"\0") + table + body


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(vector: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_s15, vector))


def _description(text: str) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text.encode("ascii") + b"\0" + b"\0" * 78


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    steps = [_linear(step / 1023) for step in range(1024)]
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *(round(65535 * step) for step in steps))


def _linear(value: float) -> float:
    """IEC 61966-2-1."""
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
