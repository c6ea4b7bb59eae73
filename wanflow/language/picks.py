"""What a recipe says of candidates: how many, and how one is picked; held against what models and scorers there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wanflow.documents.source import NodePath
from wanflow.errors import Rule, did_you_mean
from wanflow.functions.narrow import most_candidates
from wanflow.language.extensions import installed
from wanflow.language.recipe import PICKERS, Pick

SCORERS = "wanflow.scorers"
BY_LIKENESS = "most_similar"
WITH_N = "How many pictures a step makes stands beside with:, as candidates: 3."

Fault = tuple[NodePath, Rule, str, str]  # place below the step, rule, message, remedy


def pick_of(entry: Mapping[str, Any]) -> tuple[int, Pick]:
    """How many candidates a step makes, and how one is picked."""
    said = entry.get("pick", {})
    return entry.get("candidates", 1), Pick(said.get("by", "first"), said.get("top"))


def faults(name: str, entry: Mapping[str, Any], model: str | None) -> Iterator[Fault]:
    """What is wrong with a step's candidates and pick."""
    count, pick = pick_of(entry)
    most = most_candidates(model)
    if count > most:
        message = f"candidates: {model} makes at most {most} at once, got {count}"
        yield ("candidates",), "range", message, "A further one beside them is made by wanflow take."
    if "pick" not in entry:
        return
    if count < 2:
        yield (
            ("pick",),
            "pick",
            f"{name} makes one picture, so there is nothing to pick",
            "Say candidates: 3 beside it.",
        )
    if pick.top and pick.top > count > 1:
        yield ("pick", "top"), "range", f"top must be at most {count}, the candidates of {name}, got {pick.top}", ""
    if pick.by == BY_LIKENESS and not {"image", "images"} & entry.keys():
        message = f"{name} takes no image that its candidates could be similar to"
        yield ("pick", "by"), "pick", message, "Pick by hand, first or sharpest."
    if pick.by not in PICKERS and pick.by not in (scorers := installed(SCORERS)):
        hint = f"{did_you_mean(pick.by, [*PICKERS, *scorers])}\n"
        hint += f"Another is had by pip install of a package that has it as an entry point in the group {SCORERS}."
        yield ("pick", "by"), "pick", f"by: there is no scorer {pick.by}", hint
