"""What goes on of a result: the one place where a plan and a run decide it, so that they can't differ."""

from __future__ import annotations

from collections.abc import Sequence

from wanflow.choosing.picks import Picks
from wanflow.judging.pickers import Pickers
from wanflow.language.recipe import Step
from wanflow.model import Blob, Chosen


class Chooser:
    """Chooses by a recipe's rules and by what people chose, which goes before them."""

    def __init__(self, picks: Picks, pickers: Pickers) -> None:
        self.picks, self.pickers = picks, pickers

    def chosen(self, step: Step, row: str, candidates: Sequence[Blob], base: Blob | None) -> Chosen:
        """What goes on of a job's candidates; `base` is the picture that they were made from. Raises EditError."""
        candidates = tuple(candidates)
        if step.candidates < 2:
            return Chosen(candidates[:1], candidates[:1])
        by_hand, stale = self._by_hand(step, row, candidates)
        pictures = by_hand or self._by_rule(step, candidates, base)
        every = pictures if step.pick.top else candidates
        return Chosen(pictures if step.pick.top else pictures[:1], every, candidates, stale)

    def _by_hand(self, step: Step, row: str, candidates: Sequence[Blob]) -> tuple[tuple[Blob, ...], bool]:
        """What a person chose, and whether that is no candidate any more."""
        digests = self.picks.choice(row, step.id)
        found = {blob.sha256: blob for blob in candidates}
        if not all(sha256 in found for sha256 in digests):
            return (), True
        return tuple(found[sha256] for sha256 in digests[: step.pick.top or 1]), False

    def _by_rule(self, step: Step, candidates: Sequence[Blob], base: Blob | None) -> tuple[Blob, ...]:
        if step.pick.is_by_hand:
            return ()
        return tuple(self.pickers.ordered(step.pick.by, candidates, base)[: step.pick.top or 1])

    async def prepare(self, step: Step, candidates: Sequence[Blob], base: Blob | None) -> None:
        """Measure what `chosen` will ask for, while the event loop has others to serve. Raises EditError."""
        if step.candidates > 1:
            await self.pickers.prepare(step.pick.by, candidates, base)

    def will_wait(self, step: Step, row: str) -> bool:
        """Whether the pick of a job that is still to be made will be open for all that is known."""
        return step.candidates > 1 and step.pick.is_by_hand and not self.picks.choice(row, step.id)
