"""The tries of a run's jobs whose steps have gates: what was made or found, what it cost, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from wanflow.judging.gates import Verdict, failed
from wanflow.language.recipe import Step
from wanflow.model import Result, Source, Try
from wanflow.planning.plan import Planner
from wanflow.running.progress import Progress
from wanflow.running.schedule import Job


class Tries:
    """What was tried for each job so far, in order; kept with its row, so that all of it is told however it ends."""

    def __init__(self, planner: Planner, progress: Progress) -> None:
        self._planner, self._progress = planner, progress

    def of(self, job: Job) -> list[Try]:
        """All that was tried."""
        return self._progress.rows[job[0]].tries.setdefault(self._step(job).id, [])

    def keys(self, job: Job, key: str) -> list[str]:
        """The keys of all tries; of a job without a gate the one key that it has."""
        return [made.key for made in self.of(job)] if self._step(job).expect else [key]

    def unfit(self, job: Job) -> int:
        """How many of them failed."""
        return sum(bool(made.unfit) for made in self.of(job)) if self._step(job).expect else 0

    def more(self, job: Job) -> bool:
        """Whether another one may be made."""
        return self.unfit(job) <= self._step(job).reroll

    def paid(self, job: Job, key: str, result: Result, usd: Decimal | None) -> None:
        """One was made; noted before it is judged, so that it counts whatever becomes of that."""
        self.of(job).append(Try(key, result.task_id, usd))

    async def judge(self, job: Job, key: str, result: Result, sources: Mapping[str, Source]) -> Verdict:
        """Hold one, made from these sources, against what the step expects. Raises EditError."""
        step, gates = self._step(job), self._planner.gates
        for source in sources.values():
            gates.lies_at(source.blob, self._planner.inputs.root / source.path)
        inputs = {slot: source.blob for slot, source in sources.items()}
        await gates.prepare(step, result.blobs, inputs)
        verdict = gates.verdict(step, result.blobs, inputs)
        tries = self.of(job)
        if not tries or tries[-1].key != key:
            tries.append(Try(key))
        tries[-1] = replace(tries[-1], unfit=verdict.why)
        return verdict

    def note(self, job: Job) -> None:
        """Remember the keys of all."""
        address = self._progress.rows[job[0]].address(self._step(job).id)
        self._progress.note_keys(address, [made.key for made in self.of(job)])

    def failure(self, job: Job) -> str:
        """Why the last one is unfit, and which it was."""
        tries = self.of(job)
        return failed(tries[-1].unfit, len(tries), 1 + self._step(job).reroll)

    def _step(self, job: Job) -> Step:
        return self._planner.plan.steps[job[1]]
