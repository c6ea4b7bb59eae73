"""The DRAFT stamp inside a mask: striped along its outline, headline and request where they fit; all else untouched."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from wanflow.functions.layouts import leading
from wanflow.pixels.engine import Array, Bools, Floats
from wanflow.pixels.lettering import Colour, drawable, filling, label, wrapped
from wanflow.pixels.stamp import BLACK, HEADLINE, LINES, SMALLEST_LETTERS, WHITE, YELLOW, frame_width, hazard

# Letters that can still be read when the whole picture is shown a thousand pixels wide.
LEGIBLE = SMALLEST_LETTERS / 1000
STRIPED = 0.25
_SEARCHED = 192
_RATIOS = (8.0, 5.5, 4.0, 3.0, 2.2, 1.6, 1.0)
Box = tuple[int, int, int, int]


def outlined(rgb: Array, hole: Bools) -> Array:
    """A copy of (h, w, 3) uint8 with hazard stripes along the inner side of the hole's outline."""
    out, depth = rgb.copy(), _depth(hole)
    frame = _frame(depth)
    y, x = np.nonzero(hole & (depth <= frame))
    out[y, x] = hazard(x + y, frame)
    return out


def stamp_inside(rgb: Array, hole: Bools, request: str) -> Array | None:
    """A copy with the hole outlined and the stamp in it; None where no legible word fits in the hole."""
    depth = _depth(hole)
    smallest = max(SMALLEST_LETTERS, round(LEGIBLE * max(hole.shape)))
    best = max(_sheets(depth > _frame(depth), request, smallest), key=lambda sheet: sheet[0], default=None)
    if best is None:
        return None
    out = outlined(rgb, hole)
    _, (left, top, right, bottom), sheet = best
    out[top:bottom, left:right] = sheet
    return out


def _frame(depth: Floats) -> int:
    """How wide the stripes are, in pixels: as around a whole picture, less where room is scarce."""
    return max(2, min(frame_width(depth.shape[1], depth.shape[0]), round(STRIPED * float(depth.max()))))


def _depth(hole: Bools) -> Floats:
    """Pixels to the hole's outline; the picture's border counts as outline."""
    padded = np.pad(hole, 1).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1], np.float32)


def _sheets(room: Bools, request: str, smallest: int) -> Iterator[tuple[tuple[int, int, int], Box, Array]]:
    """Every sheet that fits into the room: its rank, box and pixels.

    A whole headline ranks first, then how much of the request is shown (0 none, 1 cut, 2 all), then large letters.
    """
    largest = max(smallest, round(0.034 * min(room.shape)))
    for box in _boxes(room):
        pad = max((box[2] - box[0]) // 40, 2)
        wide, tall = box[2] - box[0] - 2 * pad, box[3] - box[1] - pad
        for whole, headline in ((1, HEADLINE), (0, HEADLINE.split(":")[0])):
            # Less headline leaves room for lines of the request.
            for kept in (0, leading(smallest), LINES * leading(smallest)):
                head, size = filling(headline, (wide, tall - kept), largest, smallest)
                if " ".join(head) == headline and len(head) * leading(size) <= tall - kept:
                    asked = _asked(request, size, wide, tall, len(head))
                    shown = 0 if not asked else 1 if asked[-1][0].endswith("…") else 2
                    lines = [(line, size, YELLOW) for line in head] + asked
                    yield (whole, shown, size), *_sheet(lines, box, pad)


def _asked(request: str, size: int, wide: int, tall: int, head: int) -> list[tuple[str, int, Colour]]:
    """The lines of the request that have room under so many lines of headline."""
    body = max(round(0.82 * size), SMALLEST_LETTERS)
    most = min(LINES, (tall - head * leading(size)) // leading(body))
    if most < 1 or not drawable(request):
        return []
    return [(line, body, WHITE) for line in wrapped(request, body, wide, most)]


def _sheet(lines: list[tuple[str, int, Colour]], box: Box, pad: int) -> tuple[Box, Array]:
    """The lines as pixels, and where they go: over the whole width of the box, in the middle of its height."""
    left, top, right, bottom = box
    tall = min(sum(leading(letters) for _, letters, _ in lines) + round(0.5 * lines[0][1]), bottom - top)
    middle = (top + bottom - tall) // 2
    return (left, middle, right, middle + tall), np.asarray(label(lines, (right - left, tall), BLACK, pad))


def _boxes(room: Bools) -> Iterator[Box]:
    """For each ratio the largest box inside the room, in pixels of the picture."""
    height, width = room.shape
    scale = min(1.0, _SEARCHED / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = (cv2.resize(room.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999).astype(np.uint8)
    for ratio in _RATIOS:
        if found := _largest(small, ratio):
            left, top, wide, high = found
            yield (
                -(-left * width // size[0]),
                -(-top * height // size[1]),
                (left + wide) * width // size[0],
                (top + high) * height // size[1],
            )


def _largest(room: Array, ratio: float) -> Box | None:
    """Left, top, width, height of the largest box of about this ratio inside the room; by bisection."""
    low, high, found = 1, room.shape[1], None
    while low <= high:
        wide = (low + high) // 2
        tall = max(1, round(wide / ratio))
        centres = _fits(room, wide, tall)
        if centres.any():
            # Of equal places the one nearest the middle of all.
            y, x = np.nonzero(centres)
            at = int(np.argmin(np.abs(y - y.mean()) + np.abs(x - x.mean())))
            found, low = (int(x[at]), int(y[at]), wide, tall), wide + 1
        else:
            high = wide - 1
    return found


def _fits(room: Array, wide: int, tall: int) -> Bools:
    """Where the upper left corner of a box may lie."""
    if tall > room.shape[0] or wide > room.shape[1]:
        return np.zeros((1, 1), bool)
    total = cv2.integral(room)
    inside = total[tall:, wide:] - total[:-tall, wide:] - total[tall:, :-wide] + total[:-tall, :-wide]
    return np.asarray(inside == wide * tall)
