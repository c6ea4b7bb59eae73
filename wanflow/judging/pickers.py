"""Which of several candidates is best, by a rule: the first, by a measure, or by an installed scorer.

A scorer is a function from a picture's path to a number, higher is better; an entry point of the group wanflow.scorers.
What it says is remembered by its name, its version and the picture's content.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from wanflow.errors import EditError, inline
from wanflow.judging.measures import Measures
from wanflow.language.extensions import loaded
from wanflow.language.picks import BY_LIKENESS, SCORERS
from wanflow.model import Blob
from wanflow.store.index import Index

Scorer = Callable[[Path], float]


class Pickers:
    """Puts candidates in order, best first. Methods raise EditError for a picture or a scorer that fails."""

    def __init__(self, index: Index, measures: Measures) -> None:
        self._index, self._measures = index, measures
        self._scorers: dict[str, tuple[str, Scorer]] = {}
        self._scores: dict[tuple[str, str], float] = {}
        self._fresh: dict[tuple[str, str, str], tuple[float]] = {}

    def ordered(self, by: str, candidates: Sequence[Blob], base: Blob | None) -> list[Blob]:
        """The candidates, best first; of equal ones the earlier. `base` is the picture that they were made from."""
        if len(candidates) < 2 or not (value := self.measured(by)):
            return list(candidates)
        return sorted(candidates, key=lambda blob: -value(blob, base))

    def measured(self, by: str) -> Callable[[Blob, Blob | None], float] | None:
        """What a rule goes by; None where it goes by the order alone."""
        if by in ("first", "hand"):
            return None
        if by == "sharpest":
            return lambda blob, base: self._measures.sharpness(blob)
        if by == BY_LIKENESS:
            return lambda blob, base: self._measures.similarity(blob, base) if base else 0.0
        return lambda blob, base: self._score(by, blob)

    async def prepare(self, by: str, candidates: Sequence[Blob], base: Blob | None) -> None:
        """Measure what `ordered` will ask for, while the event loop has others to serve."""
        if len(candidates) < 2 or not self.measured(by):
            return
        if by in ("sharpest", BY_LIKENESS):
            await self._measures.prepare((blob, None if by == "sharpest" else base) for blob in candidates)
            return
        for blob in candidates:
            if self._known(by, blob) is None:
                self._note(by, blob, await asyncio.to_thread(self._asked, by, blob))

    def version(self, by: str) -> str:
        """What tells a scorer from an older one of its name; "" for what is no scorer."""
        return "" if by in ("hand", "first", "sharpest", BY_LIKENESS) else self._loaded(by)[0]

    def save(self) -> None:
        """Keep in the index what scorers said. Raises StoreError."""
        self._index.keep_measures(self._fresh)
        self._fresh.clear()

    # -- installed scorers

    def _score(self, name: str, blob: Blob) -> float:
        known = self._known(name, blob)
        return self._note(name, blob, self._asked(name, blob)) if known is None else known

    def _known(self, name: str, blob: Blob) -> float | None:
        named = self._loaded(name)[0]
        if (named, blob.sha256) not in self._scores and (found := self._index.measure(named, 1, blob.sha256)):
            self._scores[named, blob.sha256] = found[0]
        return self._scores.get((named, blob.sha256))

    def _note(self, name: str, blob: Blob, score: float) -> float:
        named = self._loaded(name)[0]
        self._scores[named, blob.sha256] = score
        self._fresh[named, blob.sha256, ""] = (score,)
        return score

    def _asked(self, name: str, blob: Blob) -> float:
        try:
            score = float(self._loaded(name)[1](self._measures.path(blob)))
        except EditError:
            raise
        except Exception as error:
            why = inline(f"{type(error).__name__}: {error}")
            raise EditError("ScorerFailed", f"the scorer {name} failed on a candidate: {why}") from error
        if not math.isfinite(score):
            raise EditError("ScorerFailed", f"the scorer {name} gave {score} for a candidate, which is no score")
        return score

    def _loaded(self, name: str) -> tuple[str, Scorer]:
        """What scores are remembered under, and the function."""
        if name not in self._scorers:
            self._scorers[name] = loaded(SCORERS, "scorer", name, "ScorerFailed")
        return self._scorers[name]
