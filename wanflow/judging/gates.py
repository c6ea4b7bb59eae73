"""Gates: holds the pictures of a result against what their step expects. The one place where it is decided.

A verdict is a function of contents, of what was measured of them, and of what installed checks said: planning and runs
come to the same one. Whoever picks among several pictures picks among those that are good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

from wanflow.errors import EditError
from wanflow.functions.sizes import Size
from wanflow.judging.checks import Checks
from wanflow.judging.measures import LIKENESS, LOOK, Measures
from wanflow.language.expect import Expect
from wanflow.language.recipe import Step
from wanflow.model import Blob
from wanflow.store.index import Index

FAILED = "GateFailed"
TOLERANCE = 0.01
_Asked = tuple[str, Blob, Blob | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The pictures that are as expected; where none is, why not, with the measured value."""

    good: tuple[Blob, ...]
    why: str = ""


class Gates:
    """The gates of one project's steps. Methods raise EditError for a picture or a check that fails."""

    def __init__(self, index: Index, measures: Measures) -> None:
        self._index, self._measures = index, measures
        self._checks = Checks()
        self._said: dict[tuple[str, str, str], str] = {}
        self._fresh: dict[tuple[str, str, str], str] = {}

    def verdict(self, step: Step, pictures: Sequence[Blob], base: Blob | None) -> Verdict:
        """Which of a result's pictures are as their step expects; `base` is what they are compared with."""
        if step.expect is None:
            return Verdict(tuple(pictures))
        why = ["; ".join(self._faults(step.expect, picture, base)) for picture in pictures]
        good = tuple(picture for picture, fault in zip(pictures, why, strict=True) if not fault)
        several = len(pictures) > 1
        told = [f"picture {number}: {fault}" if several else fault for number, fault in enumerate(why, 1)]
        return Verdict(good, "" if good else " / ".join(told))

    def versions(self, step: Step) -> list[str]:
        """What verdicts on a step's pictures depend on beside their contents and the recipe."""
        if step.expect is None:
            return []
        return [LOOK[0], LIKENESS[0], *(self._checks.version(name) for name in step.expect.checks)]

    async def prepare(self, step: Step, pictures: Sequence[Blob], base: Blob | None) -> None:
        """Find out what `verdict` will ask for, while the event loop serves others."""
        if not (expect := step.expect):
            return
        fit = [picture for picture in pictures if not list(_plain_faults(expect, picture))]
        await self._measures.prepare([(picture, None) for picture in fit if expect.looks])
        await self._measures.prepare([(picture, base) for picture in fit if expect.compares and base])
        for asked in ((name, picture, base) for picture in fit for name in expect.checks):
            if self._remembered(asked) is None:
                self._note(asked, await asyncio.to_thread(self._ask, asked))

    def save(self) -> None:
        """Keep in the index what checks said. Raises StoreError."""
        self._index.keep_measures(self._fresh)
        self._fresh.clear()

    def _faults(self, expect: Expect, picture: Blob, base: Blob | None) -> Iterator[str]:
        plain = list(_plain_faults(expect, picture))
        # What is too small is not looked at as well: that takes time, and no one would have it otherwise.
        yield from plain or self._seen_faults(expect, picture, base)

    def _seen_faults(self, expect: Expect, picture: Blob, base: Blob | None) -> Iterator[str]:
        if "blank" in expect.unlike and self._measures.blank(picture):
            yield "it is blank"
        if expect.alpha is not None and self._measures.alpha(picture) is not expect.alpha:
            yield "it has no transparency" if expect.alpha else "it has transparent parts"
        if expect.compares:
            if base is None:  # which a recipe that was checked can't come to; a gate never passes for want of it
                raise EditError("InputMissing", "there is no input that the picture could be compared with")
            yield from self._compared(expect, picture, base)
        for name in expect.checks:
            if complaint := self._check((name, picture, base)):
                yield f"{name}: {complaint}"

    def _compared(self, expect: Expect, picture: Blob, base: Blob) -> Iterator[str]:
        if "same_as_input" in expect.unlike and self._measures.same(picture, base):
            yield "it is the same as its input"
        low, high = expect.min_similarity, expect.max_similarity
        found = self._measures.similarity(picture, base) if (low, high) != (None, None) else 0.0
        # Rounded away from the limit, so that a value never reads as if it kept it.
        if low is not None and found < low:
            yield f"similarity {floor(found * 1000) / 1000:g}, expected at least {low:g}"
        if high is not None and found > high:
            yield f"similarity {ceil(found * 1000) / 1000:g}, expected at most {high:g}"

    # -- installed checks

    def _check(self, asked: _Asked) -> str:
        known = self._remembered(asked)
        return self._note(asked, self._ask(asked)) if known is None else known

    def _remembered(self, asked: _Asked) -> str | None:
        entry = self._entry(asked)
        if entry not in self._said and (found := self._index.remark(*entry)) is not None:
            self._said[entry] = found
        return self._said.get(entry)

    def _note(self, asked: _Asked, said: str) -> str:
        self._said[self._entry(asked)] = self._fresh[self._entry(asked)] = said
        return said

    def _ask(self, asked: _Asked) -> str:
        name, picture, base = asked
        return self._checks.ask(name, self._measures.path(picture), self._measures.path(base) if base else None)

    def _entry(self, asked: _Asked) -> tuple[str, str, str]:
        name, picture, base = asked
        return self._checks.version(name), picture.sha256, base.sha256 if base else ""


def _plain_faults(expect: Expect, picture: Blob) -> Iterator[str]:
    yield from size_faults(expect, picture.size)
    if expect.max_bytes and picture.size_bytes > expect.max_bytes[0]:
        size = f"{ceil(picture.size_bytes / 1_000):,} KB"
        if picture.size_bytes >= 1_000_000:
            size = f"{ceil(picture.size_bytes / 10_000) / 100:g} MB"
        yield f"{size}, expected at most {expect.max_bytes[1]}"


def size_faults(expect: Expect, size: Size) -> Iterator[str]:
    """What is wrong with a picture of this width and height in pixels."""
    shown = f"{size[0]}x{size[1]} px"
    if expect.min_side and min(size) < expect.min_side:
        yield f"{shown}, expected at least {expect.min_side} px a side"
    if expect.max_side and max(size) > expect.max_side:
        yield f"{shown}, expected at most {expect.max_side} px a side"
    if expect.ratio and abs(size[0] / size[1] / expect.ratio[0] - 1) > TOLERANCE:
        yield f"{shown}, expected {expect.ratio[1]}"


def failed(why: str, tries: int, most: int) -> str:
    """A gate's failure in words, after so many tries of at most so many."""
    return f"{why} ({tries} of {most} tries)" if most > 1 else why
