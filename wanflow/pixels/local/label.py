"""local/label: a text on a picture, or in a band above or below it."""

from __future__ import annotations

from PIL import Image, ImageDraw

from wanflow.errors import EditError
from wanflow.functions.geometry import Box, placed
from wanflow.functions.layouts import LINES, SMALLEST_LETTERS, labelled, leading
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, edit
from wanflow.pixels.lettering import draw, drawable, width, wrapped
from wanflow.pixels.local.paint import CLEAR, WHITE, Rgba, colour, picture_of, rgba

SHADE: Rgba = (0, 0, 0, 176)
INK: Rgba = (24, 24, 28, 255)


@edit("local/label")
def label(request: EditRequest) -> Edited:
    """Draw the text where layouts.labelled says, as large as fits. Raises EditError when it does not."""
    parameters, picture = request.parameters, request.image
    plan, where, text = labelled(picture.size, parameters), parameters["at"], parameters["text"]
    band = where in ("above", "below")
    ground = colour(parameters.get("ground"), WHITE if band else SHADE)
    ink = colour(parameters.get("color"), INK if band else WHITE)
    canvas = Image.new("RGBA", plan.size, ground if band else CLEAR)
    canvas.paste(rgba(picture), (0, plan.top))
    if drawable(text):
        most = parameters.get("lines") or (1 if band else LINES)
        lines, size = fitted(text, plan.room, plan.letters, most)
        write(canvas, lines, size, plan.room, "center" if band else where, ink, CLEAR if band else ground)
    return Edited(picture_of(canvas, lossless=picture.lossless), Fidelity.REAL)


def fitted(text: str, room: Box, letters: int, most: int) -> tuple[list[str], int]:
    """Lines, at most so many, and the largest size of letters up to `letters` at which they fit. Raises EditError."""
    size = max(letters, SMALLEST_LETTERS)
    while True:
        lines = [line for part in text.splitlines() for line in wrapped(part, size, room.width, most + 1)]
        whole = size == SMALLEST_LETTERS or all(width(word, size) <= room.width for word in _words(text))
        if whole and len(lines) <= most and len(lines) * leading(size) <= max(room.height, leading(SMALLEST_LETTERS)):
            return lines, size
        if size == SMALLEST_LETTERS:
            break
        size = max(min(round(0.95 * size), size - 1), SMALLEST_LETTERS)
    message = f"a text of {len(text)} characters does not fit in {room.width}x{room.height} px and {most} lines"
    raise EditError("LabelTooLong", f"{message}, even at {SMALLEST_LETTERS} px; shorten it, or allow more lines")


def _words(text: str) -> list[str]:
    # Chinese text may break anywhere, so only words of letters have to fit whole.
    return [word for word in drawable(text).split() if word.isascii()]


def write(canvas: Image.Image, lines: list[str], size: int, room: Box, gravity: str, ink: Rgba, ground: Rgba) -> None:
    """Draw lines into a room of an RGBA image, in a box of their own colour."""
    rim = 0 if ground[3] == 0 else round(0.3 * size)
    across = [round(width(line, size)) for line in lines]
    block = min(max(across) + 2 * rim, room.width), min(len(lines) * leading(size) + 2 * rim, room.height)
    # Of clear ground in the letters' colour, so that their soft edges mix with nothing else.
    box = Image.new("RGBA", block, ground if ground[3] else (*ink[:3], 0))
    pen = ImageDraw.Draw(box)
    top = (block[1] - len(lines) * leading(size)) // 2
    for number, line in enumerate(lines):
        left, _ = placed((across[number], 0), (block[0] - 2 * rim, 0), gravity)
        draw(pen, left + rim, top + number * leading(size) + round(1.02 * size), line, size, ink[:3])
    left, top = placed(block, room.size, gravity)
    canvas.alpha_composite(box, (room.left + left, room.top + top))
