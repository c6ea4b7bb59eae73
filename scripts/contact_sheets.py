"""Draws docs/pictures/sheet-*.jpg: every function of the draft engine on the photographs of tests/photos.

``python scripts/contact_sheets.py [--photos FOLDER] [--to FOLDER] [function ...]``; one row a photograph, one column a
setting. A function without a line in SHEETS gets a sheet with its defaults.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import local_sheet
import numpy as np
from PIL import Image, ImageDraw

from wanflow.functions import catalog
from wanflow.pixels.engine import Edited, EditRequest, Picture, apply, functions
from wanflow.pixels.lettering import draw, drawable, wrapped
from wanflow.pixels.lineart import line_art

ROOT = Path(__file__).parent.parent
CELL, GAP, LETTERS, LINE = 250, 8, 13, 17
BYTES = 200_000
INK, PAPER = (40, 40, 44), (255, 255, 255)

# What each photograph shows; others have a subject and a background.
SUBJECTS = {
    "astronaut": "spacesuit",
    "camera": "coat",
    "chelsea": "cat",
    "coffee": "cup",
    "hubble_deep_field": "galaxy",
    "rocket": "sky",
}
COLOURS = {
    "astronaut": "orange spacesuit, blue background",
    "camera": "blue sky, green grass, brown coat",
    "chelsea": "ginger cat",
    "coffee": "white cup, brown wooden table",
    "hubble_deep_field": "dark blue background",
    "rocket": "dark blue sky, orange flames",
}
# Centre and half axes of an ellipse, in shares of width and height, over something that may go.
PLACES = {
    "astronaut": (0.85, 0.25, 0.14, 0.2),
    "camera": (0.72, 0.33, 0.06, 0.1),
    "chelsea": (0.88, 0.45, 0.09, 0.14),
    "coffee": (0.62, 0.72, 0.09, 0.2),
    "hubble_deep_field": (0.55, 0.48, 0.08, 0.08),
    "rocket": (0.3, 0.65, 0.05, 0.35),
}


@dataclass(frozen=True)
class Setting:
    """A caption and parameters; `{subject}` and `{colours}` in a prompt are the photograph's own."""

    caption: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Sheet:
    """A function under some settings; `zoom` shows only the middle 1/zoom of each picture, `grey` takes colour off."""

    function: str
    settings: Sequence[Setting]
    zoom: int = 1
    grey: bool = False


def prompts(*texts: str) -> list[Setting]:
    return [Setting(text, {"prompt": text}) for text in texts]


def materials(*names: str) -> list[Setting]:
    return [Setting(name, {"prompt": f"Change the {{subject}} to {name} style"}) for name in names]


SHEETS = {
    "super_resolution": Sheet(
        "wan/super_resolution",
        [Setting(f"factor {n}", {"upscale_factor": n}) for n in (1, 2, 4)],
        zoom=9,
    ),
    "colorization": Sheet(
        "wan/colorization",
        prompts("", "{colours}", "purple {subject}, green background"),
        grey=True,
    ),
    "expand": Sheet(
        "wan/expand",
        [
            Setting(
                "all four sides 1.5", dict.fromkeys(("left_scale", "right_scale", "top_scale", "bottom_scale"), 1.5)
            ),
            Setting("left 2.0", {"left_scale": 2.0}),
            Setting("top and bottom 1.5", {"top_scale": 1.5, "bottom_scale": 1.5}),
        ],
    ),
    "stylization_all": Sheet(
        "wan/stylization_all",
        [
            Setting(f"{name}, strength {strength}", {"prompt": name, "strength": strength})
            for name in ("French picture book", "gold foil art")
            for strength in (0.5, 1.0)
        ],
    ),
    "stylization_local-1": Sheet(
        "wan/stylization_local", materials("ice", "blue and white porcelain", "wooden", "Chinese festive lantern")
    ),
    "stylization_local-2": Sheet("wan/stylization_local", materials("cloud", "fluffy", "weaving", "balloon")),
    "description_edit": Sheet(
        "wan/description_edit",
        prompts("Change the {subject} to blue", "make it warmer and brighter", "blur the background", "Add a red hat"),
    ),
    "description_edit_with_mask": Sheet("wan/description_edit_with_mask", prompts("", "blue", "a red rose")),
    "remove_watermark": Sheet("wan/remove_watermark", prompts("Remove the text in the image")),
    "doodle": Sheet(
        "wan/doodle",
        [
            *prompts("{colours}", "a quiet painting"),
            Setting("its lines, as a sketch", {"prompt": "a quiet painting", "is_sketch": True}),
        ],
    ),
    "control_cartoon_feature": Sheet(
        "wan/control_cartoon_feature",
        prompts("The cartoon character rides a bicycle in a park", "卡通形象在海边看日落"),
    ),
    "i2i": Sheet("wan/i2i", prompts("Put the {subject} of Image 1 into Image 2")),
    "t2i": Sheet(
        "wan/t2i", prompts("A red fox under a dark blue sky", "金色麦田里的白色风车", "A quiet harbour at dawn")
    ),
}


def photographs(folder: Path) -> dict[str, np.ndarray]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    return {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in paths}


def worded(prompt: str, name: str) -> str:
    colours = COLOURS.get(name, "red subject, blue background")
    return prompt.format(subject=SUBJECTS.get(name, "subject"), colours=colours)


def mask_for(rgb: np.ndarray, name: str) -> Picture:
    height, width = rgb.shape[:2]
    x, y, across, down = PLACES.get(name, (0.5, 0.5, 0.12, 0.12))
    centre, axes = (round(x * width), round(y * height)), (round(across * width), round(down * height))
    return Picture(cv2.ellipse(np.zeros_like(rgb), centre, axes, 0, 0, 360, (255, 255, 255), -1))


def with_text(rgb: np.ndarray) -> np.ndarray:
    """A picture as remove_watermark meets it: a caption in one corner, a pale word over the middle."""
    image = Image.fromarray(rgb)
    layer = image.copy()
    size = image.width // 7
    draw(ImageDraw.Draw(layer), 0.14 * image.width, 0.62 * image.height, "SAMPLE", size, (255, 255, 255))
    image = Image.blend(image, layer, 0.45)
    draw(ImageDraw.Draw(image), 0.05 * image.width, 0.95 * image.height, "© 图片 2026", size // 3, (255, 220, 60))
    return np.asarray(image)


def shown_input(sheet: Sheet, rgb: np.ndarray, name: str) -> np.ndarray:
    """The base image, with the mask's outline where there is one."""
    if "mask" not in catalog.functions()[sheet.function].inputs or sheet.function == "wan/stylization_local":
        return rgb
    edge = cv2.morphologyEx(mask_for(rgb, name).rgb, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    return np.where(edge, np.uint8([255, 0, 80]), rgb)


def prepared(sheet: Sheet, rgb: np.ndarray) -> np.ndarray:
    if sheet.grey:
        return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return with_text(rgb) if sheet.function == "wan/remove_watermark" else rgb


def edited(sheet: Sheet, setting: Setting, rgb: np.ndarray, name: str, other: np.ndarray) -> Edited:
    rules = catalog.functions()[sheet.function]
    defaults = {key: rule["default"] for key, rule in rules.properties.items() if "default" in rule}
    parameters = {**defaults, **setting.parameters}
    if "prompt" in parameters:
        parameters["prompt"] = worded(parameters["prompt"], name)
    inputs = rules.inputs
    if parameters.get("is_sketch"):
        rgb = np.repeat(line_art(rgb)[..., None], 3, axis=2)
    images = (rgb, other) if "images" in inputs else (rgb,) if "image" in inputs else ()
    mask = mask_for(rgb, name) if inputs.get("mask", {}).get("required") else None
    return apply(EditRequest(sheet.function, tuple(map(Picture, images)), mask, parameters, setting.seed))


def row(sheet: Sheet, name: str, rgb: np.ndarray, other: np.ndarray) -> Iterator[tuple[Image.Image, str]]:
    """Pictures and captions of one photograph."""
    rgb = prepared(sheet, rgb)
    if catalog.functions()[sheet.function].inputs:
        yield Image.fromarray(shown_input(sheet, rgb, name)), name
    for setting in sheet.settings:
        made = edited(sheet, setting, rgb, name, other)
        yield (
            Image.fromarray(made.picture.rgb),
            f"{worded(setting.caption, name) or '(empty prompt)'} [{made.fidelity}]",
        )


def cell(image: Image.Image, caption: str, zoom: int) -> Image.Image:
    if zoom > 1:
        w, h = image.width // zoom, image.height // zoom
        left, top = (image.width - w) // 2, (image.height - h) // 2
        image = image.crop((left, top, left + w, top + h))
    scale = min(CELL / image.width, CELL / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    out = Image.new("RGB", (CELL, size[1] + 2 * LINE + 4), PAPER)
    out.paste(image.resize(size, Image.Resampling.LANCZOS), (0, 0))
    canvas = ImageDraw.Draw(out)
    for number, line in enumerate(wrapped(drawable(caption), LETTERS, CELL, 2)):
        draw(canvas, 0, size[1] + (number + 1) * LINE - 2, line, LETTERS, INK)
    return out


def drawn(sheet: Sheet, photos: Mapping[str, np.ndarray]) -> Image.Image:
    pictures = list(photos.values())
    if not catalog.functions()[sheet.function].inputs:
        photos = {"": pictures[0]}
    rows = []
    for number, (name, rgb) in enumerate(photos.items()):
        other = pictures[(number + 1) % len(pictures)]
        rows.append([cell(image, caption, sheet.zoom) for image, caption in row(sheet, name, rgb, other)])
    tall = [max(part.height for part in line) for line in rows]
    across = max(len(line) for line in rows)
    out = Image.new("RGB", (across * (CELL + GAP) + GAP, sum(tall) + (len(rows) + 1) * GAP), PAPER)
    top = GAP
    for line, height in zip(rows, tall, strict=True):
        for column, part in enumerate(line):
            out.paste(part, (GAP + column * (CELL + GAP), top))
        top += height + GAP
    return out


def jpeg(image: Image.Image) -> bytes:
    """The best quality of some that stays within BYTES."""
    for quality in range(90, 30, -4):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= BYTES:
            break
    return buffer.getvalue()


def wanted(names: Sequence[str]) -> dict[str, Sheet]:
    """The sheets of functions that run here; a function that no sheet knows gets one of its own."""
    known = {name: sheet for name, sheet in SHEETS.items() if sheet.function in functions()}
    missing = set(functions()) - {sheet.function for sheet in known.values()}
    known |= {name.partition("/")[2]: Sheet(name, [Setting("defaults")]) for name in missing if name.startswith("wan/")}
    return {name: sheet for name, sheet in sorted(known.items()) if not names or name.split("-")[0] in names}


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of every function of the draft engine.")
    parser.add_argument("functions", nargs="*", help="without wan/, or local for all of those; all if none is given")
    parser.add_argument("--photos", type=Path, default=ROOT / "tests" / "photos")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    photos = photographs(options.photos)
    options.to.mkdir(parents=True, exist_ok=True)
    for name, sheet in wanted(options.functions).items():
        write(options.to, name, drawn(sheet, photos))
    if not options.functions or "local" in options.functions:
        write(options.to, "local", local_sheet.drawn(photographs(ROOT / "tests" / "photos")))


def write(folder: Path, name: str, sheet: Image.Image) -> None:
    coded = jpeg(sheet)
    (folder / f"sheet-{name}.jpg").write_bytes(coded)
    print(f"sheet-{name}.jpg: {len(coded) // 1000} kB", flush=True)


if __name__ == "__main__":
    main()
