"""What a step's gate means for its jobs in a plan: which stored pictures are good, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from wanflow.canon import digest
from wanflow.errors import EditError
from wanflow.functions.sizes import Size
from wanflow.judging.gates import Gates, failed, size_faults
from wanflow.language.expand import Expansion, Job, RowError, about_row
from wanflow.model import Action, Blob, Decision, Reason, Result
from wanflow.planning.planned import Plan
from wanflow.planning.supply import Supply
from wanflow.store.blobs import Blobs


class GoneError(Exception):
    """A stored picture has to be looked at and can't be."""


class Gating:
    """The gates of one plan's steps."""

    def __init__(self, gates: Gates, blobs: Blobs, plan: Plan, expansion: Expansion) -> None:
        self._gates, self._blobs, self._plan = gates, blobs, plan
        self._marks = {
            step.id: digest([asdict(step.expect), step.reroll, step.when_unfit])
            for step in expansion.steps
            if step.expect
        }

    def mark(self, step: str, key: str) -> str:
        """A picture that is still to be made, told apart by the gate that will judge it."""
        gate = self._marks.get(step)
        return digest([key, gate]) if gate else key

    def judged(self, job: Job, result: Result, base: Blob | None) -> tuple[Result | None, str]:
        """The result as far as its pictures are as expected, None where none is; and why not.

        Raises GoneError, RowError.
        """
        if job.step.expect is None:
            return result, ""
        try:
            verdict = self._gates.verdict(job.step, result.blobs, base)
        except EditError as error:
            if any(self._blobs.fault(blob.sha256) for blob in result.blobs):
                raise GoneError from error
            problem = self._plan.recipe.document.problem(job.step.where("expect"), "expect", error.message)
            raise RowError(about_row(problem, job.row)) from error
        return (replace(result, blobs=verdict.good) if verdict.good else None), verdict.why

    def foreseen(self, job: Job, size: Size) -> str:
        """Why a picture of this size will fail, when that need not fail the row. Raises RowError when it does."""
        why = "; ".join(size_faults(job.step.expect, size)) if job.step.expect else ""
        if why and job.step.when_unfit == "fail":
            message = f"{job.step.id} would make {why}"
            hint = "Change what makes the size, or what is expected; nothing was paid for it."
            problem = self._plan.recipe.document.problem(job.step.where("expect"), "expect", message, hint)
            raise RowError(about_row(problem, job.row))
        return f"it would be {why}" if why else ""

    def unfit(
        self, job: Job, key: str, taken: Mapping[str, Supply], why: str, tried: Sequence[str] = ()
    ) -> tuple[Decision, Supply]:
        """What becomes of a job none of whose pictures is as expected."""
        note = failed(why, len(tried), 1 + job.step.reroll) if tried else why
        decision = Decision(job.step.id, Action.SKIP, Reason.UNFIT, key=key, note=note, tried=tuple(tried))
        match job.step.when_unfit:
            case "bypass":
                return replace(decision, instead=job.step.inputs["image"]), replace(taken["image"], every=())
            case "skip":
                return decision, Supply(absent=Reason.SKIPPED)
        return decision, Supply(absent=Reason.UNFIT)
