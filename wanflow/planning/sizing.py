"""How large a job's picture gets: as its function's rule says; where that is assumed, corrected by what results showed.

What was seen counts for one model at one place, of images of one size from which the rule expects the same. Once a rule
turned out wrong there, what it says of other sizes is not believed either: they are known when they are made.
"""

from __future__ import annotations

from collections.abc import Iterator

from wanflow.functions.sizes import Size, Sizes, base
from wanflow.language.expand import Expansion, Job
from wanflow.language.recipe import Step
from wanflow.store.index import Index

Seen = dict[tuple[Size | None, Size], Size]  # by the image's size and what was assumed


class Sizing:
    """The sizes of one plan or run; `place` is empty where pictures are made by the rules themselves."""

    def __init__(self, expansion: Expansion, index: Index, place: str) -> None:
        self._expansion, self._index, self._place = expansion, index, place
        self._known: dict[str, Seen] = {}
        self._told: dict[str, str] = {}

    def size(self, job: Job, among: Sizes) -> Size | None:
        """The size of a job's picture, from its inputs' by slot; None while that isn't known. Raises RowError."""
        assumed = self._expansion.size(job, among)
        if assumed is None or not self._is_assumed(job.step):
            return assumed
        seen = self._seen(job.step)
        wrong = next(((of, said, made) for (of, said), made in seen.items() if made != said), None)
        if wrong is None:
            return assumed
        made = seen.get((base(among), assumed))
        self._tell(job.step, *((base(among), assumed, made) if made and made != assumed else wrong))
        return made

    def note(self, step: Step, image: Size | None, assumed: Size | None, made: Size) -> None:
        """A picture was made of an image of this size. Raises StoreError."""
        if assumed and self._is_assumed(step) and self._seen(step).get((image, assumed)) != made:
            self._seen(step)[image, assumed] = made
            self._index.note_size(self._name(step), image, assumed, made)

    def notes(self) -> Iterator[str]:
        """What rules this plan did not go by, and why."""
        yield from self._told.values()

    def _is_assumed(self, step: Step) -> bool:
        return bool(self._place) and step.function.size["source"] == "assumed"

    def _name(self, step: Step) -> str:
        return f"{step.function.name} {step.model} at {self._place}"

    def _seen(self, step: Step) -> Seen:
        name = self._name(step)
        if name not in self._known:
            self._known[name] = self._index.sizes(name)
        return self._known[name]

    def _tell(self, step: Step, image: Size | None, assumed: Size, made: Size) -> None:
        of = f" of {_px(image)}" if image else ""
        text = f"{step.function.name} ({step.model}) made {_px(made)}{of}, where {_px(assumed)} was assumed"
        self._told.setdefault(self._name(step), f"{text}; sizes after it are those seen, or known once they are made")


def _px(size: Size) -> str:
    return f"{size[0]}x{size[1]} px"
