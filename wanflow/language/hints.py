"""A step's hint: where the subject is. Only for a backend that can't find it by itself; never sent to the provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from wanflow.documents import schemas
from wanflow.errors import Rule
from wanflow.language.recipe import Recipe, Step

# Slots of a job beside its images; in a key, the region stands where others have their digest.
MASK, REGION = "hint.mask", "hint.region"
Region = tuple[int, int, int, int]


def unhinted(recipe: Recipe) -> Recipe:
    """The recipe for a backend that finds subjects by itself: hints enter no key and their masks are not read."""
    return replace(recipe, steps=tuple(_unhinted(step) for step in recipe.steps))


def _unhinted(step: Step) -> Step:
    inputs = {slot: ref for slot, ref in step.inputs.items() if slot != MASK}
    return replace(step, inputs=inputs, region=())


def symbol(region: Region) -> str:
    """The region as it stands in a key."""
    return " ".join(map(str, region))


def faults(values: Sequence[Any], size: tuple[int, int] | None) -> Iterator[tuple[int, tuple[Rule, str, str]]]:
    """What is wrong with x, y, width and height: (place, (rule, message, hint)); `size` is the image's if known."""
    for place, (name, least) in enumerate({"x": 0, "y": 0, "width": 1, "height": 1}.items()):
        rule = {"type": "integer", "minimum": least}
        for error in schemas.validator(rule).iter_errors(values[place]):
            yield place, schemas.said(error, name)
            return
    for place, side in enumerate(size or ()):
        if values[place] + values[place + 2] > side:
            word, end = ("width", "right") if place == 0 else ("height", "bottom")
            message = f"the region ends at {values[place] + values[place + 2]} px, but the image's {word} is {side} px"
            yield place, ("hint", message, f"x, y, width, height are pixels of this step's image; mind its {end} edge.")
