"""The photographs of a folder as every suite sees them: whatever Pillow reads, upright, sRGB, alpha laid on white."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from wanflow.errors import EditError
from wanflow.pictures.images import reading
from wanflow.pixels.codec import decode, to_pillow
from wanflow.pixels.engine import Array

PHOTOS = Path(__file__).parents[1] / "tests" / "photos"
# The nets of super-resolution and of the text detector saw these; they are judged on others.
TRAINED_ON = frozenset({"astronaut", "camera", "coffee", "hubble_deep_field", "rocket"})
# Below, the holes, crops and letters that are measured have too few pixels; above, the table would take hours.
SHORTEST, PIXELS = 240, 1024 * 1024
CROPPED = 1024


def photographs(folder: Path, tell: Callable[[str], None] = lambda _: None) -> Iterator[tuple[str, Array]]:
    """Names and pictures (h, w, 3) uint8, large ones shrunk to PIXELS; `tell` hears what was skipped or shrunk."""
    for name, full in _whole(folder, tell):
        scale = min(1.0, (PIXELS / (full.width * full.height)) ** 0.5)
        size = round(full.width * scale), round(full.height * scale)
        if min(size) < SHORTEST:
            shrunk = f", {size[0]}x{size[1]} when shrunk" if scale < 1 else ""
            tell(f"{name}: skipped, {full.width}x{full.height} px{shrunk}; at least {SHORTEST} a side are measured")
            continue
        if scale < 1:
            tell(f"{name}: shrunk from {full.width}x{full.height} to {size[0]}x{size[1]} px")
        yield name, np.asarray(full.resize(size, Image.Resampling.LANCZOS) if scale < 1 else full)


def looked_through(folder: Path) -> tuple[list[str], list[str]]:
    """The names of a folder's photographs, and what is to be said of those that were skipped or shrunk."""
    said: list[str] = []
    return [name for name, _ in photographs(folder, said.append)], said


def held_out(folder: Path) -> Iterator[tuple[str, Array]]:
    """The photographs that no net was trained on."""
    return ((name, rgb) for name, rgb in photographs(folder) if name not in TRAINED_ON)


def held_out_crops(folder: Path) -> Iterator[Image.Image]:
    """Of photographs that no net was trained on the middle, at most CROPPED a side: shrunk, they would be sharper."""
    for name, full in _whole(folder, lambda _: None):
        w, h = min(full.width, CROPPED), min(full.height, CROPPED)
        if name not in TRAINED_ON and min(w, h) >= SHORTEST:
            left, top = (full.width - w) // 2, (full.height - h) // 2
            yield full.crop((left, top, left + w, top + h))


def _whole(folder: Path, tell: Callable[[str], None]) -> Iterator[tuple[str, Image.Image]]:
    """Names (stems, where they differ) and RGB pictures of a folder's files that can be read."""
    named: set[str] = set()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        try:
            picture = _read(path)
        except (EditError, OSError) as error:
            if path.suffix.lower() in Image.registered_extensions():
                tell(f"{path.name}: skipped, {error}")
            continue
        name = path.name if path.stem in named else path.stem
        named.add(name)
        yield name, picture


def _read(path: Path) -> Image.Image:
    """One file as RGB, the first frame where it has several. Raises EditError, OSError."""
    raw = path.read_bytes()
    try:
        picture = decode(raw)
    except EditError as unfit:
        # What a recipe may not name can be a photograph all the same: GIF, AVIF, several pages.
        try:
            with reading("", ""), Image.open(io.BytesIO(raw)) as image:
                rewritten = io.BytesIO()
                image.save(rewritten, "PNG")
        except EditError:
            raise unfit from None
        picture = decode(rewritten.getvalue())
    image = to_pillow(picture).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
