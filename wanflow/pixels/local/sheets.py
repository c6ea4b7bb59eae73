"""local/contact_sheet and local/compare: several pictures in one."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from wanflow.functions.geometry import Box, Parameters, contained, covering, placed
from wanflow.functions.layouts import CORNER_LINES, compared, corner, sheet
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, edit
from wanflow.pixels.lettering import draw, drawable, width, wrapped
from wanflow.pixels.local.label import SHADE, laid, write
from wanflow.pixels.local.paint import WHITE, Rgba, colour, on


@edit("local/contact_sheet")
def contact_sheet(request: EditRequest) -> Edited:
    """Every picture in its cell of layouts.sheet; each is asked for once, so that they need not all be held."""
    parameters = request.parameters
    plan, ground = sheet(len(request.images), parameters), colour(parameters["color"])
    canvas, lossless = Image.new("RGB", plan.size, ground[:3]), True
    pen, captions = ImageDraw.Draw(canvas), parameters.get("captions") or [""] * len(plan.cells)
    for picture, cell, caption in zip(request.images, plan.cells, captions, strict=True):
        _lay(canvas, on(picture, ground), cell, parameters["fit"] == "cover")
        _caption(pen, caption, cell, parameters["letters"], _ink(ground))
        lossless = lossless and picture.lossless
    return Edited(Picture(np.asarray(canvas), None, lossless), Fidelity.REAL)


def _lay(canvas: Image.Image, image: Image.Image, cell: Box, cover: bool = False) -> None:
    """Put an image into the middle of a cell, whole, or filling it."""
    size = (covering if cover else contained)(image.size, cell.size)
    image = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    if cover:
        left, top = placed(cell.size, size, "center")
        image = image.crop((left, top, left + cell.width, top + cell.height))
    left, top = placed(image.size, cell.size, "center")
    canvas.paste(image, (cell.left + left, cell.top + top))


def _caption(pen: ImageDraw.ImageDraw, text: str, cell: Box, letters: int, ink: Rgba) -> None:
    if shown := drawable(text):
        line = wrapped(shown, letters, cell.width, 1)[0]
        left = cell.left + (cell.width - width(line, letters)) // 2
        draw(pen, left, cell.top + cell.height + letters // 3 + letters, line, letters, ink[:3])


def _ink(ground: Rgba) -> Rgba:
    """Black or white, whichever is seen better."""
    light = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2] > 140
    return (24, 24, 28, 255) if light else WHITE


@edit("local/compare")
def compare(request: EditRequest) -> Edited:
    """Before and after in the boxes of layouts.compared, with their texts in the upper corners."""
    before, after = request.images
    parameters, plan = request.parameters, compared(after.size, request.parameters)
    ground = colour(parameters["color"])
    canvas = Image.new("RGB", plan.size, ground[:3])
    _lay(canvas, on(before, ground), plan.before)
    if parameters["layout"] == "split":
        _lay_right(canvas, on(after, ground), parameters.get("position"))
    else:
        _lay(canvas, on(after, ground), plan.after)
    shown = canvas.convert("RGBA")
    right = "top_right" if parameters["layout"] == "split" else "top_left"
    _corner(shown, parameters, "before", plan.before, "top_left")
    _corner(shown, parameters, "after", plan.after, right)
    lossless = before.lossless and after.lossless
    return Edited(Picture(np.asarray(shown.convert("RGB")), None, lossless), Fidelity.REAL)


def _lay_right(canvas: Image.Image, after: Image.Image, position: float | None) -> None:
    """The part of `after` on the right of the line, and the line, white with a dark rim that shows on snow."""
    width, height = canvas.size
    at = round(width * (0.5 if position is None else position))
    canvas.paste(after.crop((at, 0, width, height)), (at, 0))
    if 0 < at < width:
        half = max(1, width // 500)
        pen = ImageDraw.Draw(canvas)
        pen.rectangle((at - 2 * half, 0, at + 2 * half - 1, height), fill=(40, 40, 44))
        pen.rectangle((at - half, 0, at + half - 1, height), fill=(255, 255, 255))


def _corner(canvas: Image.Image, parameters: Parameters, name: str, box: Box, gravity: str) -> None:
    text = drawable(parameters.get(name) or "")
    if text and (place := corner(box, parameters)):
        lines, size = laid(text, place.text, place.letters, CORNER_LINES)
        write(canvas, lines, size, place.room, gravity, WHITE, SHADE)
