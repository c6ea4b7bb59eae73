"""Edits to try a function with: any picture, any mask, any words, and any parameters that its own schema allows.

`pictures`, `prompts`, `parameters` and `requests` are hypothesis strategies; nothing here knows a function by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from PIL import Image

from wanflow.documents.schemas import way
from wanflow.functions.catalog import Function
from wanflow.functions.sizes import Size, SizeError, base, resulting
from wanflow.pixels.engine import Array, EditRequest, Hint, Picture
from wanflow.pixels.lexicon import lexicon

PHOTOS = sorted((Path(__file__).parent / "photos").glob("*.jpg"))
Strategy = st.SearchStrategy[Any]
Painter = Callable[[int, int, np.random.Generator], np.ndarray]


# -- pictures: each painter gives (h, w, 3) or (h, w, 1) numbers in 0-255


def constant(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """One colour, often one at the ends of the scale."""
    level = dice.choice([0, 1, 128, 254, 255, dice.integers(256)])
    return np.full((height, width, 3), level if dice.random() < 0.5 else dice.integers(256, size=3))


def ramp(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """A slope in any direction, other for each channel or the same."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    turns = dice.uniform(0, 2 * np.pi, 3 if dice.random() < 0.6 else 1)
    return np.dstack([255 * abs(np.cos(turn) * x + np.sin(turn) * y) for turn in turns])


def noise(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """Every pixel by chance, grey or in colour."""
    return dice.integers(256, size=(height, width, int(dice.choice([1, 3]))))


def checker(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """Squares from one pixel up, the steepest edges there are."""
    side = int(dice.choice([1, 2, 3, 8, max(1, min(height, width) // 4)]))
    y, x = np.ogrid[0:height, 0:width]
    return np.where(
        ((y // side + x // side) % 2)[..., None] == 0, dice.integers(256, size=3), dice.integers(256, size=3)
    )


def saturated(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """Patches of the eight corners of sRGB, where chroma has nowhere to go."""
    cells = dice.integers(2, size=(int(dice.integers(1, 9)), int(dice.integers(1, 9)), 3)) * 255
    return cv2.resize(cells.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)


def lines(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """Lines one pixel wide on a plain ground, along borders too."""
    ground, ink = (255, 0) if dice.random() < 0.5 else (0, 255)
    sheet = np.full((height, width, 1), ground, np.uint8)
    for _ in range(int(dice.integers(1, 9))):
        ends = [(int(dice.integers(width)), int(dice.integers(height))) for _ in range(2)]
        cv2.line(sheet, *ends, ink)
    sheet[int(dice.choice([0, height // 2, height - 1]))] = ink
    return sheet


def near_black(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """Levels of 0 to 2 or of 253 to 255: hardly anything to see."""
    return dice.integers(3, size=(height, width, 3)) + int(dice.choice([0, 253]))


def dot(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """A plain ground with a single other pixel."""
    sheet = constant(height, width, dice)
    sheet[dice.integers(height), dice.integers(width)] ^= 255
    return sheet


@cache
def _photo(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def photograph(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """A part of a real one, brought to the size; sometimes turned, sometimes grey."""
    whole = _photo(PHOTOS[int(dice.integers(len(PHOTOS)))])
    top, left = (int(dice.integers(side // 2)) for side in whole.shape[:2])
    part = cv2.resize(whole[top : top + max(height, 64), left : left + max(width, 64)], (width, height))
    return part.mean(axis=2, keepdims=True) if dice.random() < 0.3 else part[::-1] if dice.random() < 0.2 else part


def subject(height: int, width: int, dice: np.random.Generator) -> np.ndarray:
    """One thing on a noisy ground, as the finders of subjects hope for; sometimes cut by the border."""
    sheet = noise(height, width, dice).astype(np.float64) * 0.2 + dice.uniform(0, 200)
    y, x = np.mgrid[0:height, 0:width] / min(height, width)
    away = np.hypot(y - dice.uniform(0, height) / min(height, width), x - dice.uniform(0, width) / min(height, width))
    return np.where((away < dice.uniform(0.1, 0.6))[..., None], dice.integers(256, size=3), sheet)


PAINTERS: tuple[Painter, ...] = (
    *(photograph, subject, constant, ramp, noise, checker, saturated, lines, near_black, dot),
)


def _alpha(height: int, width: int, dice: np.random.Generator) -> Array:
    """Whole, none, a slope, a chance, a hole or one clear pixel."""
    y, x = np.mgrid[0:height, 0:width]
    dotted = np.full((height, width), 255)
    dotted[height // 2, width // 2] = 0
    hole = np.hypot(y - height / 2, x - width / 2) > min(height, width) / 3
    kinds = [255 + 0 * x, 0 * x, 255 * x / width, dice.integers(256, size=(height, width)), 255 * hole, dotted]
    return kinds[int(dice.integers(len(kinds)))].astype(np.uint8)


def painted(painter: Painter, size: Size, seed: int, clear: bool = False, lossless: bool = True) -> Picture:
    """A picture of (width, height) whose arrays can't be written, as decoded ones often can't."""
    width, height = size
    dice = np.random.default_rng(seed)
    values = np.broadcast_to(painter(height, width, dice), (height, width, 3))
    rgb = np.ascontiguousarray(np.clip(values, 0, 255).astype(np.uint8))
    alpha = _alpha(height, width, dice) if clear else None
    for plane in (rgb, alpha):
        if plane is not None:
            plane.setflags(write=False)
    return Picture(rgb, alpha, lossless)


def pictures(low: int, high: int, longest: int = 0) -> Strategy:
    """Pictures with sides from `low` to `high`, and some as thin as `low` by `longest`."""
    side = st.integers(low, high)
    thin = st.sampled_from([(low, longest or high), (longest or high, low)])
    sizes = st.one_of(*(4 * [st.tuples(side, side)]), thin)
    return st.builds(
        painted, st.sampled_from(PAINTERS), sizes, st.integers(0, 2**32), st.sampled_from([False, True]), st.booleans()
    )


def masks(size: Size) -> Strategy:
    """Masks of this size: a line, a disc, chance, and greys between; never of one colour, which is refused."""
    return _sheets(size).map(_with_both)


def _sheets(size: Size) -> Strategy:
    kinds = (constant, ramp, noise, checker, lines, dot, subject)
    return st.builds(painted, st.sampled_from(kinds), st.just(size), st.integers(0, 2**32), st.booleans())


def _with_both(mask: Picture) -> Picture:
    rgb = mask.rgb.copy()
    rgb[0, 0], rgb[-1, -1] = 0, 255
    return replace(mask, rgb=rgb)


def hints(size: Size) -> Strategy:
    """Where the subject is: a box of at least one pixel, a mask, which may be black, or nothing said."""
    sides = [st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True).map(sorted) for side in size]
    boxes = st.tuples(*sides).map(lambda box: Hint(region=(box[0][0], box[1][0], box[0][1], box[1][1])))
    shapes = _sheets(size).map(lambda mask: Hint(mask=mask.rgb[..., 0] >= 128))
    black = Hint(mask=np.zeros(size[::-1], bool))
    return st.one_of(st.just(Hint()), boxes, shapes, st.just(black))


# -- words and numbers

ASKED = (
    *("Change the flower to blue", "make the sky orange and the cat green", "remove the dog", "a red house"),
    *("Convert to French picture book style", "转换成金箔艺术风格", "把房子变成木板风格", "把花改成蓝色", "蓝天,绿草"),
    *("Change the glass to ice style", "make it brighter, warmer and blur the background", "  ", "\n", "?", "the"),
    *("xyzzy frobnicates the quux", "🦊🪁👩‍👩‍👧‍👦🏳️‍🌈", "اجعل السماء حمراء", "שנה את הפרח \u202e dlrow"),
    *("a\u0000b\u0007\x1b[31mred\x7f",),
    *("ﬁ ①Ⅷ ａｂｃ ½", "blue " * 160, "蓝" * 800, "a" * 800, "make the sky blue, " * 42, "不要" * 400),
    *("\u0301" * 300, "e\u0301\u0323\u034f red"),
)  # fmt: skip


@cache
def known_words() -> tuple[str, ...]:
    """Every text in the engine's vocabulary."""

    def leaves(entry: Any) -> list[str]:
        if isinstance(entry, Mapping):
            return [word for key, value in entry.items() for word in [str(key), *leaves(value)]]
        return [word for value in entry for word in leaves(value)] if isinstance(entry, list) else [str(entry)]

    return tuple(sorted(set(leaves(lexicon()))))


def prompts(least: int, most: int) -> Strategy:
    """Texts of so many characters: requests, heaps of words that the engine knows, and anything at all."""
    heap = st.lists(st.sampled_from(known_words()), max_size=20).map(" ".join)
    texts = st.one_of(st.sampled_from(ASKED), heap, st.text(max_size=80), st.sampled_from(ASKED))
    return texts.map(lambda text: text[:most].ljust(least, "?"))


def _size_texts(rule: Mapping[str, Any]) -> Strategy:
    """ "W*H" within the size rule, its ends included."""
    ends = [rule["min_pixels"], rule["max_pixels"]]
    pixels, steep = st.one_of(st.sampled_from(ends), st.integers(*ends)), rule["max_ratio"]
    ratio = st.one_of(st.sampled_from([1.0, float(steep), 1 / steep]), st.floats(1 / steep, steep))
    return st.builds(lambda p, r: f"{round((p * r) ** 0.5)}*{round((p / r) ** 0.5)}", pixels, ratio)


def _values(name: str, schema: Mapping[str, Any], function: Function, side: int) -> Strategy:
    """Values that a parameter's schema allows; counts of pixels mostly near a picture's `side`."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"]
    if kind == "array":
        return _lists(name, schema, function, side)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "number"):
        low, high = schema["minimum"], schema["maximum"]
        anywhere = st.integers(low, high) if kind == "integer" else st.floats(low, high)
        near = st.integers(low, min(high, max(low, 2 * side))) if kind == "integer" else anywhere
        return st.one_of(st.sampled_from([low, high, schema.get("default", low)]), near, anywhere)
    if "pattern" in schema and name == "size":
        return _size_texts(function.size)
    if schema.get("pattern") == r"\S":
        return prompts(1, schema["maxLength"]).filter(str.strip)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return prompts(schema.get("minLength", 0), schema.get("maxLength", 800))


def _lists(name: str, schema: Mapping[str, Any], function: Function, side: int) -> Strategy:
    if "prefixItems" in schema:  # a box, mostly within the picture
        return st.tuples(*(st.integers(item["minimum"], max(side // 2, 1)) for item in schema["prefixItems"])).map(list)
    items, least, most = schema["items"], schema["minItems"], min(schema["maxItems"], 6)
    if items.get("type") == "integer":  # points and offsets
        return st.lists(st.integers(items["minimum"] and -side, side // 2), min_size=least, max_size=most)
    return st.lists(_values(name, items, function, side), min_size=least, max_size=most)


def _ways(function: Function) -> list[set[str]]:
    """What excludes each other: the sets of parameters of which only one is used at a time."""
    return [set(way(one)) for one in function.parameters.get("oneOf", ())] or [set()]


def parameters(function: Function, side: int) -> Strategy:
    """Parameters as a plan resolves them: any that are legal, defaults where none is given."""
    values = {name: _values(name, rule, function, side) for name, rule in function.properties.items()}
    return st.sampled_from(_ways(function)).flatmap(lambda way: _chosen(function, values, way))


def _chosen(function: Function, values: Mapping[str, Strategy], way: set[str]) -> Strategy:
    others = set[str]().union(*_ways(function)) - way
    values = {name: strategy for name, strategy in values.items() if name not in others}
    needed = set(function.parameters.get("required", ())) | (way if len(way) == 1 else set())
    wanted = {name: value for name, value in values.items() if name in needed}
    optional = {name: value for name, value in values.items() if name not in needed}
    defaults = {name: rule["default"] for name, rule in function.properties.items() if "default" in rule}
    least = function.parameters.get("minProperties", 0)
    chosen = st.fixed_dictionaries(wanted, optional=optional)
    whole = chosen.map(lambda given: defaults | given).filter(lambda given: len(given) >= least)
    return whole.filter(lambda given: not way or not way.isdisjoint(given)).filter(_meets_any(function))


def _meets_any(function: Function) -> Callable[[Mapping[str, Any]], bool]:
    ways = [set(way(one)) for one in function.parameters.get("anyOf", ())]
    return lambda given: not ways or any(way <= given.keys() for way in ways)


@st.composite
def requests(draw: st.DrawFn, function: Function, shown: Strategy, most_pixels: int) -> tuple[EditRequest, Size]:
    """A request that a plan would accept, and the size that it promises, of at most so many pixels."""
    count = draw(st.integers(*several)) if (several := _several(function)) else int("image" in function.inputs)
    images = tuple(draw(shown) for _ in range(count))
    if {"image", "images"} <= function.inputs.keys():
        images = (draw(shown), *images)
    needs_mask = function.inputs.get("mask", {}).get("required")
    mask = draw(masks(images[0].size)) if needs_mask else None
    given = draw(parameters(function, max(images[-1].size) if images else 1024))
    if "mask" in function.inputs and not needs_mask and (given.get("from_image") or given.get("feather")):
        mask = draw(masks(images[0].size))
    among = slots(function, images, mask)
    try:
        size = resulting(function.size, base(among), given, among)
    except SizeError:
        size = None  # a plan refuses it
    assume(size and size[0] * size[1] <= most_pixels)
    assert size
    hint = draw(hints(images[0].size)) if "hint" in function.inputs else Hint()
    return EditRequest(function.name, images, mask, given, given.get("seed", 0), hint), size


def slots(function: Function, images: Sequence[Picture], mask: Picture | None) -> dict[str, Size | None]:
    """The sizes of all inputs by slot, as a plan knows them."""
    names = ["image"] if "image" in function.inputs else []
    names += [f"images.{number}" for number in range(len(images) - len(names))]
    sizes: dict[str, Size | None] = dict(zip(names, [picture.size for picture in images], strict=True))
    return sizes | ({"mask": mask.size} if mask else {})


def _several(function: Function) -> tuple[int, int] | None:
    rule = function.inputs.get("images")
    return rule and (rule["min"], min(rule["max"], 5))
