"""The DRAFT stamp: a hazard-striped frame and a band that says what a picture is not, and what was asked for.

Whatever needs a generative model carries it, so that nobody takes a stand-in for a result.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wanflow.functions.layouts import leading
from wanflow.pixels.engine import Array, Bools, Edited, Fidelity, Picture
from wanflow.pixels.expand import flatten
from wanflow.pixels.lettering import Colour, drawable, fitting, label, wrapped

HEADLINE = "DRAFT: this edit needs a generative model"
YELLOW: Colour = (255, 204, 0)
BLACK: Colour = (18, 18, 18)
WHITE: Colour = (255, 255, 255)
# Below this font size letters run into each other.
SMALLEST_LETTERS = 9
LINES = 3
# How far, in levels, JPEG coding may have moved the stamp's colours.
RECODED = 14


def stamp(rgb: Array, request: str, headline: str = HEADLINE) -> Array:
    """A copy of (h, w, 3) uint8, any size, under a striped frame and a band with the headline and the request."""
    out = rgb.copy()
    height, width = rgb.shape[:2]
    frame = frame_width(width, height)
    band = _band(width - 2 * frame, height - 2 * frame, request, headline)
    if band is not None:
        bottom = height - frame
        out[bottom - band.shape[0] : bottom, frame : width - frame] = band
    _stripe(out, frame)
    return out


def stamped(picture: Picture, request: str, *warnings: str) -> Edited:
    """The picture on white, stamped, as a proxy."""
    rgb, said = flatten(picture)
    made = replace(picture, rgb=stamp(rgb, request), alpha=None)
    return Edited(made, Fidelity.PROXY, (*warnings, *said), free_area(*picture.size, request))


def free_area(width: int, height: int, request: str) -> tuple[int, int, int, int]:
    """What frame and band leave of a picture: left, top, right, bottom in pixels."""
    frame = frame_width(width, height)
    band = _band(width - 2 * frame, height - 2 * frame, request, HEADLINE)
    return frame, frame, width - frame, height - frame - (0 if band is None else band.shape[0])


def stamp_on(rgb: Array) -> Bools:
    """Where (h, w) our own stamp lies on (h, w, 3) uint8; nowhere once the picture has been cut or resized."""
    height, width = rgb.shape[:2]
    frame = frame_width(width, height)
    striped, covered = np.zeros_like(rgb), np.ones((height, width), bool)
    _stripe(striped, frame)
    covered[frame : height - frame, frame : width - frame] = False
    if np.abs(striped[covered].astype(np.int16) - rgb[covered]).mean() > RECODED:
        return np.zeros((height, width), bool)
    # The band's ground shows left of its letters.
    ground = np.abs(rgb[frame : height - frame, frame].astype(np.int16) - np.array(BLACK)).max(axis=1) <= RECODED
    above = np.flatnonzero(~ground)
    covered[frame + (above[-1] + 1 if len(above) else 0) :] = True
    return covered


def frame_width(width: int, height: int) -> int:
    """Pixels of frame on each side: 3.5 % of the shorter side, more where that would be too thin to be seen."""
    short = min(width, height)
    return min(max(round(0.035 * short), 6), max(short // 5, min(short // 3, 2), 1))


def _stripe(out: Array, frame: int) -> None:
    """Paint diagonal stripes over the outermost pixels of `out`."""
    height, width = out.shape[:2]
    sides = [
        (slice(0, frame), slice(0, width)),
        (slice(height - frame, height), slice(0, width)),
        (slice(0, height), slice(0, frame)),
        (slice(0, height), slice(width - frame, width)),
    ]
    for rows, columns in sides:
        y, x = np.arange(height)[rows, None], np.arange(width)[None, columns]
        out[rows, columns] = hazard(x + y, frame)


def hazard(diagonal: npt.NDArray[np.int64], frame: int) -> Array:
    """The colours (..., 3) of stripes for a frame of so many pixels, where `diagonal` is x + y of each pixel."""
    pitch = max(1.2 * frame, 2.0)
    # Coverage instead of a hard edge: diagonals without teeth.
    wave = np.abs(diagonal % (2 * pitch) - pitch) - pitch / 2
    share = np.clip(wave + 0.5, 0, 1)[..., None].astype(np.float32)
    painted = np.array(YELLOW, np.float32) * share + np.array(BLACK, np.float32) * (1 - share)
    return np.asarray(painted + 0.5, np.uint8)


def _band(width: int, height: int, request: str, headline: str) -> Array | None:
    """The band (h, w, 3) for the bottom of a picture, at most 30 % of its height; None where no letter fits."""
    pad = max(width // 50, 3)
    room = width - 2 * pad
    if room < 8 or height < 12:
        return None
    head, size = _headline(room, height, headline)
    body = max(round(0.82 * size), min(size, SMALLEST_LETTERS))
    lines = [(line, size, YELLOW) for line in head]
    left = int(0.30 * height - len(head) * leading(size) - size) // leading(body)
    if drawable(request) and left > 0 and body >= SMALLEST_LETTERS:
        lines += [(line, body, WHITE) for line in wrapped(request, body, room, min(left, LINES))]
    tall = min(sum(leading(letters) for _, letters, _ in lines) + round(0.7 * size), height)
    return np.asarray(label(lines, (width, tall), BLACK, pad))


def _headline(room: int, height: int, headline: str) -> tuple[list[str], int]:
    """The headline's lines and font size: one line, else two, else its first word as large as it goes."""
    largest = max(round(0.045 * max(min(room, 1.8 * height), height * 0.6)), SMALLEST_LETTERS)
    size = fitting(headline, room, largest)
    if size >= SMALLEST_LETTERS:
        return [headline], size
    two = wrapped(headline, SMALLEST_LETTERS, room, 3)
    if " ".join(two) == headline and len(two) * leading(SMALLEST_LETTERS) <= 0.45 * height:
        return two, SMALLEST_LETTERS
    word = headline.split(":")[0]
    return [word], min(fitting(word, room, largest), int(0.6 * height))
