"""What a job hands on to those that take its picture: what is chosen of its result, or what stands for it till then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wanflow.choosing.chooser import Chooser
from wanflow.errors import EditError
from wanflow.functions.sizes import Size
from wanflow.language.expand import Job, RowError, about_row
from wanflow.language.recipe import Step
from wanflow.model import Blob, Chosen, Reason, Result
from wanflow.planning.gating import Gating
from wanflow.planning.kept import Kept
from wanflow.planning.planned import Plan
from wanflow.planning.supply import Supply


class Handover:
    """Those of one plan's jobs."""

    def __init__(self, plan: Plan, chooser: Chooser, kept: Kept, gating: Gating) -> None:
        self._plan, self._chooser, self._kept, self._gating = plan, chooser, kept, gating

    def made(self, job: Job, result: Result, taken: Mapping[str, Supply]) -> tuple[Chosen | None, Supply]:
        """What goes on of a result; None where there is nothing to choose. Raises RowError."""
        if job.step.candidates < 2:
            blob = result.blobs[0]
            return None, Supply(blob.sha256, blob, step=job.step.id, size=blob.size)
        chosen = self.chosen(job, result.blobs, self.base(taken))
        return chosen, Supply.made(job.step.id, chosen)

    def unmade(self, job: Job, key: str, size: Size | None) -> Supply:
        """What a job hands on whose pictures are still to be made."""
        step, count, key = job.step, job.step.candidates, self._gating.mark(job.step.id, key)
        if count < 2:
            return Supply(f"?{key}", step=step.id, size=size)
        every = tuple(
            Supply(f"?{key}#{number}", step=step.id, size=size) for number in range(1, (step.pick.top or count) + 1)
        )
        if self._chooser.will_wait(step, job.row.key):
            several = () if step.pick.top else every
            return Supply(f"?{key}", step=step.id, size=size, absent=Reason.PARKED, every=several)
        return Supply(f"?{key}", step=step.id, size=size, every=every)

    def chosen(self, job: Job, blobs: Sequence[Blob], base: Blob | None) -> Chosen:
        """What goes on of a job's result. Raises RowError."""
        try:
            return self._chooser.chosen(job.step, job.row.key, blobs, base)
        except EditError as error:
            where = job.step.where("pick" if job.step.candidates > 1 else "uses")
            problem = self._plan.recipe.document.problem(where, "pick", error.message, "Mend it, or pick by hand.")
            raise RowError(about_row(problem, job.row)) from error

    def base(self, taken: Mapping[str, Supply]) -> Blob | None:
        """The picture that candidates are compared with, which need not be in the store."""
        supply = taken.get("image") or taken.get("images.0")
        if supply and supply.blob and supply.path:
            self._kept.measures.lies_at(supply.blob, self._kept.root / supply.path)
        return supply.blob if supply else None


def noted(step: Step, chosen: Chosen, came: Result) -> str:
    """What should be known of a job's candidates."""
    if not chosen.candidates:
        return ""
    parts, count = [], len(came.blobs)
    if count < step.candidates:
        parts.append(f"only {count} of {step.candidates} candidates came")
    if unfit := count - len(chosen.candidates):
        parts.append(f"{unfit} of {count} candidates failed the gate")
    parts += ["what was picked is no candidate any more"] * chosen.stale
    return "; ".join([*parts, *["waits for a pick"] * chosen.is_open])
