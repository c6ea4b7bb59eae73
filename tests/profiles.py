"""ICC profiles made by hand (ICC.1:2001-04), since Pillow can make none but sRGB."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

Vector = Sequence[float]

# Primaries as XYZ under D50, as the standards' own profiles have them.
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_D50 = (0.9642, 1.0, 0.8249)


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(vector: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_s15, vector))


def _text(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * 78


def _profile(kind: bytes, space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    tags = {b"desc": _text(b"made for a test"), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(_D50), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, entry in tags.items():
        table += name + struct.pack(">II", start + len(body), len(entry))
        body += entry + b"\0" * (-len(entry) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"\0" * 4, 0x02400000, kind, space, connection, b"\0" * 12, b"acsp")
    return head.ljust(68, b"\0") + b"".join(map(_s15, _D50)) + b"\0" * 48 + table + body


def rgb_profile(primaries: Sequence[Vector], gamma: float) -> bytes:
    """A matrix profile: three primaries and one gamma, which ICC keeps in 1/256."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = dict(zip(names, map(_xyz, primaries), strict=True))
    return _profile(b"mntr", b"RGB ", b"XYZ ", {**tags, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def grey_profile(gamma: float) -> bytes:
    """A profile of one curve, as scanners of films write it."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def cmyk_profile() -> bytes:
    """A press on which full cyan looks mid-grey, and everything else is as dark as its inks: easily told from none."""
    nodes = []
    for n in range(16):
        inks = [(n >> bit) & 1 for bit in (3, 2, 1, 0)]
        lightness = 255 * max(0.0, 1 - 0.5 * inks[0] - inks[1] - inks[2] - inks[3])
        nodes.append(bytes([round(lightness), 128, 128]))
    identity = b"".join(map(_s15, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + b"".join(nodes) + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def as_srgb(rgb: np.ndarray, primaries: Sequence[Vector], gamma: float) -> np.ndarray:
    """What (…, 3) numbers of a matrix profile are in sRGB, by the textbook: linear, XYZ, linear, coded, clipped."""
    linear = (rgb / 255.0) ** (round(gamma * 256) / 256)
    xyz = linear @ np.array(primaries)
    wanted = np.clip(xyz @ np.linalg.inv(np.array(SRGB)), 0, 1)
    coded = np.where(wanted <= 0.0031308, 12.92 * wanted, 1.055 * wanted ** (1 / 2.4) - 0.055)
    return coded * 255
