"""The contact sheet of the local functions, drawn by local/contact_sheet itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from wanflow.functions import catalog
from wanflow.pixels.engine import EditRequest, Picture, apply

CELL, COLUMNS = (236, 176), 4


def made(name: str, *images: Picture, mask: Picture | None = None, **given: Any) -> Picture:
    """What a function makes of its defaults and these parameters."""
    properties = catalog.functions()[f"local/{name}"].properties
    defaults = {key: rule["default"] for key, rule in properties.items() if "default" in rule}
    return apply(EditRequest(f"local/{name}", images, mask, defaults | given)).picture


def examples(photos: Mapping[str, np.ndarray]) -> Iterator[tuple[str, Picture]]:
    """Captions and pictures."""
    cat, cup, rocket, astronaut = (Picture(photos[name]) for name in ("chelsea", "coffee", "rocket", "astronaut"))
    yield "resize: to 300x300, fit cover", made("resize", cat, width=300, height=300, fit="cover")
    yield 'crop: ratio "16:9", gravity top', made("crop", astronaut, ratio="16:9", gravity="top")
    yield "crop: box [150, 20, 320, 260]", made("crop", cup, box=[150, 20, 320, 260])
    yield 'pad: ratio "16:9", fill blur', made("pad", astronaut, ratio="16:9", fill="blur")
    yield "pad: left 150, right 150, fill mirror", made("pad", rocket, left=150, right=150, fill="mirror")
    yield 'pad: ratio "1:1", color "#ffcc00"', made("pad", cat, ratio="1:1", color="#ffcc00")
    yield "rotate: angle 12.5", made("rotate", cup, angle=12.5, color="gray")
    yield "rotate: angle 12.5, keep inside", made("rotate", cup, angle=12.5, keep="inside")
    disc = made("mask", cat, ellipse=[90, 20, 250, 250])
    yield "mask: ellipse [90, 20, 250, 250]", disc
    yield "mask: threshold 120, invert", made("mask", cat, threshold=120, invert=True)
    grey = Picture(np.repeat(np.asarray(Image.fromarray(cat.rgb).convert("L"))[..., None], 3, axis=2))
    yield "composite: mask, feather 30", made("composite", grey, cat, mask=disc, feather=30)
    logo = made("crop", astronaut, box=[130, 10, 180, 180])
    corner = made("composite", rocket, logo, gravity="bottom_right", offset=[20, 20], scale=0.22, opacity=0.8)
    yield "composite: scale 0.22", corner
    yield "label: at bottom", made("label", cup, text="咖啡 · A cup of coffee", letters=34)
    yield "label: at below", made("label", rocket, text="0004 · Falcon 9, Cape Canaveral", at="below", letters=34)
    yield (
        "compare: layout split",
        made("compare", grey, cat, layout="split", before="before", after="after", letters=28),
    )
    yield "compare: layout side_by_side", made("compare", grey, cat, before="before", after="after", letters=40)


def drawn(photos: Mapping[str, np.ndarray]) -> Image.Image:
    """The whole sheet."""
    captions, pictures = zip(*examples(photos), strict=True)
    width, height = CELL
    given = {"columns": COLUMNS, "cell_width": width, "cell_height": height, "letters": 11, "captions": list(captions)}
    return Image.fromarray(made("contact_sheet", *pictures, **given).rgb)
