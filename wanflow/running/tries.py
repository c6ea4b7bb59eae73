"""The tries of a run's jobs whose steps have gates: what was made or found, what it cost, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from wanflow.judging.gates import Verdict, failed
from wanflow.language.recipe import Step
from wanflow.model import Blob, Result, Try
from wanflow.planning.plan import Planner
from wanflow.running.progress import Progress
from wanflow.running.schedule import Job


class Tries:
    """What was tried for each job so far, in order; kept with its row, so that all of it is told however it ends."""

    def __init__(self, planner: Planner, progress: Progress) -> None:
        self._planner, self._progress = planner, progress
        self._unjudged: set[Job] = set()

    def keys(self, job: Job, *others: str) -> list[str]:
        """The keys of all tries; of a job without a gate these others."""
        return [made.key for made in self._of(job)] if self._step(job).expect else [*others]

    def unfit(self, job: Job) -> int:
        """How many of them failed."""
        return sum(bool(made.unfit) for made in self._of(job)) if self._step(job).expect else 0

    def more(self, job: Job) -> bool:
        """Whether another one may be made."""
        return self.unfit(job) <= self._step(job).reroll

    def paid(self, job: Job, key: str, result: Result, usd: Decimal | None) -> None:
        """One was made, and will be judged."""
        self._of(job).append(Try(key, result.task_id, usd))
        self._unjudged.add(job)

    def judge(self, job: Job, key: str, result: Result, base: Blob | None) -> Verdict:
        """Hold one against what the step expects. Raises EditError."""
        step = self._step(job)
        if step.expect is None:
            return Verdict(result.blobs)
        tries = self._of(job)
        if job not in self._unjudged:
            tries.append(Try(key))
        verdict = self._planner.gates.verdict(step, result.blobs, base)
        self._unjudged.discard(job)
        tries[-1] = replace(tries[-1], key=key, unfit=verdict.why)
        self._progress.note_keys(self._progress.rows[job[0]], step.id, [made.key for made in tries])
        return verdict

    def failure(self, job: Job) -> str:
        """Why the last one is unfit, and which it was."""
        tries = self._of(job)
        return failed(tries[-1].unfit, len(tries), 1 + self._step(job).reroll)

    def _of(self, job: Job) -> list[Try]:
        return self._progress.rows[job[0]].tries.setdefault(self._step(job).id, [])

    def _step(self, job: Job) -> Step:
        return self._planner.plan.steps[job[1]]
