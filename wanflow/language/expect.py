"""What a step expects of its pictures (expect:), as a value; and what is wrong with the way a recipe says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wanflow.documents.source import NodePath
from wanflow.errors import Rule, did_you_mean
from wanflow.functions.catalog import Function
from wanflow.language.extensions import installed

CHECKS = "wanflow.checks"
_UNITS = {"KB": 1_000, "MB": 1_000_000, "MiB": 1024 * 1024}

Fault = tuple[NodePath, Rule, str, str]  # place below the step, rule, message, remedy


@dataclass(frozen=True, slots=True)
class Expect:
    """What a picture must be; None where it may be anything. `ratio` and `max_bytes` are also as written."""

    min_side: int | None = None
    max_side: int | None = None
    ratio: tuple[float, str] | None = None
    max_bytes: tuple[int, str] | None = None
    unlike: tuple[str, ...] = ()
    min_similarity: float | None = None
    max_similarity: float | None = None
    alpha: bool | None = None
    checks: tuple[str, ...] = ()

    @property
    def looks(self) -> bool:
        """Whether the pixels of the picture alone tell."""
        return "blank" in self.unlike or self.alpha is not None

    @property
    def compares(self) -> bool:
        """Whether the picture is held against its input."""
        return "same_as_input" in self.unlike or (self.min_similarity, self.max_similarity) != (None, None)


def expect_of(entry: Mapping[str, Any]) -> Expect | None:
    """What a step's entry in a recipe expects."""
    if (said := entry.get("expect")) is None:
        return None
    plain = ("min_side", "max_side", "min_similarity", "max_similarity", "alpha")
    return Expect(
        **{name: said[name] for name in plain if name in said},
        ratio=(_ratio(said["ratio"]), said["ratio"]) if "ratio" in said else None,
        max_bytes=(_bytes(said["max_bytes"]), said["max_bytes"]) if "max_bytes" in said else None,
        unlike=tuple(sorted(said.get("not", ()))),
        checks=tuple(said.get("checks", ())),
    )


def _ratio(text: str) -> float:
    width, _, height = text.partition(":")
    return float(width) / float(height)


def _bytes(text: str) -> int:
    unit = next(unit for unit in _UNITS if text.endswith(unit))
    return int(float(text.removesuffix(unit)) * _UNITS[unit])


def faults(name: str, entry: Mapping[str, Any], function: Function) -> Iterator[Fault]:
    """What is wrong with a step's expect and reroll, of which the schema finds nothing wrong."""
    said = entry.get("expect", {})
    if "reroll" in entry:
        yield from _reroll_faults(name, entry, function)
    for low, high in (("min_side", "max_side"), ("min_similarity", "max_similarity")):
        if low in said and high in said and said[low] > said[high]:
            message = f"{low} is {said[low]} and {high} is {said[high]}, which no picture can be"
            yield ("expect", low), "expect", message, f"Make {low} the smaller one."
    expected = expect_of(entry)
    if expected and expected.compares and not {"image", "images"} & entry.keys():
        place = next(key for key in ("not", "min_similarity", "max_similarity") if key in said)
        yield (
            ("expect", place),
            "expect",
            f"{name} takes no image that its picture could be compared with",
            "Leave it out.",
        )
    unknown = [check for check in said.get("checks", ()) if check not in (known := installed(CHECKS))]
    for check in unknown:
        hint = f"{did_you_mean(check, known)} A check is a Python package with an entry point in the group {CHECKS}: "
        hint += "pip install it where wanflow is installed (docs/gates.md)."
        yield ("expect", "checks", said["checks"].index(check)), "expect", f"there is no check {check}", hint.lstrip()


def _reroll_faults(name: str, entry: Mapping[str, Any], function: Function) -> Iterator[Fault]:
    if "expect" not in entry:
        yield (
            ("reroll",),
            "reroll",
            f"{name} expects nothing, so that there is nothing to make again",
            "Say expect: {…}.",
        )
    elif "seed" not in function.properties:
        message = f"{function.name} has no seed: made again from the same image, its picture is the same again"
        yield ("reroll",), "reroll", message, "Leave reroll out; otherwise: says what becomes of such a row."
