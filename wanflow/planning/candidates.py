"""The jobs of a plan among whose pictures somebody chooses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wanflow.language.expand import RowError
from wanflow.model import Blob, Chosen, RefKind
from wanflow.planning.plan import Planner
from wanflow.planning.planned import RowPlan


@dataclass(frozen=True, slots=True)
class Candidates:
    """A job with candidates: what goes on of them, whether a person chose that, and the picture they were made from."""

    row: str
    step: str
    chosen: Chosen
    top: int
    by_hand: bool
    before: tuple[Blob, Path] | None

    @property
    def job(self) -> str:
        """Its address."""
        return f"{self.row}/{self.step}"

    @property
    def state(self) -> str:
        """open, stale, picked (by a person) or chosen (by the step's rule)."""
        if self.chosen.stale:
            return "stale"
        return "open" if self.chosen.is_open else "picked" if self.by_hand else "chosen"

    @property
    def is_open(self) -> bool:
        """Whether a person has to choose."""
        return self.chosen.is_open

    @property
    def numbers(self) -> list[int]:
        """The numbers of those that go on, best first."""
        digests = [blob.sha256 for blob in self.chosen.candidates]
        return [digests.index(blob.sha256) + 1 for blob in self.chosen.pictures]


def candidates(planner: Planner) -> Iterator[Candidates]:
    """Every job of a plan that has candidates, in its order."""
    choices = planner.picks.choices
    for place, entry in enumerate(planner.plan.entries):
        for decision in entry.decisions if isinstance(entry, RowPlan) else ():
            if (chosen := decision.chosen) and chosen.candidates:
                by_hand = (entry.key, decision.step) in choices
                top = planner.plan.recipe.step(decision.step).pick.top or 1
                before = _before(planner, place, decision.step)
                yield Candidates(entry.key, decision.step, chosen, top, by_hand, before)


def _before(planner: Planner, place: int, step: str) -> tuple[Blob, Path] | None:
    """The picture that a job's candidates were made from, and where it lies."""
    of = planner.expansion.recipe.step(step)
    sources = planner.plan.sources(place, of)
    if not (found := sources.get("image") or sources.get("images.0")):
        return None
    at, ref = found
    entry = planner.plan.entries[at]
    if not isinstance(entry, RowPlan):
        return None
    if ref.kind is RefKind.STEP:
        made = next(decision for decision in entry.decisions if decision.step == ref.name)
        pictures = made.chosen.pictures if made.chosen else made.result.blobs if made.result else ()
        return (pictures[0], planner.blobs.path(pictures[0].sha256)) if pictures else None
    with suppress(RowError):
        source = planner.supplier.file(ref, entry.row, of.named_at("image"))
        return source.blob, planner.inputs.root / source.path
    return None
