"""local/label: a text on a picture, or in a band above or below it."""

from __future__ import annotations

from PIL import Image, ImageDraw

from wanflow.errors import EditError
from wanflow.functions.geometry import Box, placed
from wanflow.functions.layouts import labelled, leading, most_lines
from wanflow.pixels.captions import fitted, misfit
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, edit
from wanflow.pixels.lettering import draw, drawable, width
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
        lines, size = laid(text, plan.room, plan.letters, most_lines(parameters))
        write(canvas, lines, size, plan.room, "center" if band else where, ink, CLEAR if band else ground)
    return Edited(picture_of(canvas, lossless=picture.lossless), Fidelity.REAL)


def laid(text: str, room: Box, letters: int, most: int) -> tuple[list[str], int]:
    """Lines and the size of their letters. Raises EditError for a text that doesn't fit."""
    if found := fitted(text, room, letters, most):
        return found
    raise EditError("LabelTooLong", f"{misfit(text, room, most)}; shorten it, or allow more lines")


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
