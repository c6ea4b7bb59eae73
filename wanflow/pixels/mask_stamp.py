"""The DRAFT stamp inside a mask: striped along its outline, headline and request where they fit; all else untouched."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from wanflow.pixels.engine import Array, Bools
from wanflow.pixels.lettering import drawable, filling, label, leading, wrapped
from wanflow.pixels.stamp import BLACK, HEADLINE, LINES, SMALLEST_LETTERS, WHITE, YELLOW, frame_width, hazard

# Letters that can still be read when the whole picture is shown a thousand pixels wide.
LEGIBLE = SMALLEST_LETTERS / 1000
_SEARCHED = 192
_RATIOS = (8.0, 5.5, 4.0, 3.0, 2.2, 1.6, 1.0)
Box = tuple[int, int, int, int]


def outlined(rgb: Array, hole: Bools) -> Array:
    """A copy of (h, w, 3) uint8 with hazard stripes along the inner side of the hole's outline."""
    out = rgb.copy()
    depth = _depth(hole)
    frame = max(2, min(frame_width(rgb.shape[1], rgb.shape[0]), round(0.4 * float(depth.max()))))
    y, x = np.nonzero(hole & (depth <= frame))
    out[y, x] = hazard(x + y, frame)
    return out


def stamp_inside(rgb: Array, hole: Bools, request: str) -> Array | None:
    """A copy with the hole outlined and the stamp in it; None where no legible word fits in the hole."""
    height, width = hole.shape
    smallest = max(SMALLEST_LETTERS, round(LEGIBLE * max(height, width)))
    depth = _depth(hole)
    frame = min(frame_width(width, height), round(0.4 * float(depth.max())))
    best = max(_sheets(depth > frame, request, smallest), key=lambda sheet: sheet[0], default=None)
    if best is None:
        return None
    out = outlined(rgb, hole)
    _, (left, top, right, bottom), sheet = best
    out[top:bottom, left:right] = sheet
    return out


def _depth(hole: Bools) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Pixels to the hole's outline; the picture's border counts as outline."""
    padded = np.pad(hole, 1).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1], np.float32)


def _sheets(room: Bools, request: str, smallest: int) -> Iterator[tuple[tuple[int, int], Box, Array]]:
    """Every sheet that fits into the room: (whole headline, letters), box, pixels."""
    largest = max(smallest, round(0.034 * min(room.shape)))
    for box in _boxes(room):
        width, height = box[2] - box[0], box[3] - box[1]
        pad = max(width // 40, 2)
        for whole, headline in ((1, HEADLINE), (0, HEADLINE.split(":")[0])):
            lines, size = filling(headline, (width - 2 * pad, height - 2 * pad), largest, smallest)
            if " ".join(lines) == headline and len(lines) * leading(size) <= height - pad:
                yield (whole, size), *_sheet(lines, size, request, box, pad)


def _sheet(head: list[str], size: int, request: str, box: Box, pad: int) -> tuple[Box, Array]:
    """Headline and as much of the request as has room, and the box of just this height in the given one's middle."""
    left, top, right, bottom = box
    body = max(round(0.82 * size), SMALLEST_LETTERS)
    lines = [(line, size, YELLOW) for line in head]
    room = bottom - top - 2 * pad - len(head) * leading(size)
    if drawable(request) and room >= leading(body):
        most = min(LINES, room // leading(body))
        lines += [(line, body, WHITE) for line in wrapped(request, body, right - left - 2 * pad, most)]
    tall = min(sum(leading(letters) for _, letters, _ in lines) + round(0.5 * size), bottom - top)
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
