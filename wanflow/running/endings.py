"""How a run's jobs end: whether a result will do, what goes on of it, and what becomes of the jobs that need it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from wanflow.backends.draft import FREE
from wanflow.errors import Again, EditError, StoreError
from wanflow.judging.gates import FAILED
from wanflow.language.expand import RowError
from wanflow.model import Chosen, Reason, Result, Status
from wanflow.planning.plan import Planner
from wanflow.running.calls import Calls
from wanflow.running.halt import Halt
from wanflow.running.keeping import Keeping
from wanflow.running.leaders import Leaders
from wanflow.running.progress import Progress
from wanflow.running.publishing import Publishing
from wanflow.running.schedule import Job, Schedule
from wanflow.running.tries import Tries

# Failures of one job's own files, which say nothing about equal work from other files.
_OWN_FILES = ("InputMissing", "InputChanged")


class Endings:
    """Those of one run; `some_left_out` of what the plan thought would be made."""

    def __init__(
        self,
        planner: Planner,
        schedule: Schedule,
        leaders: Leaders,
        progress: Progress,
        tries: Tries,
        calls: Calls,
        keeping: Keeping,
        publishing: Publishing,
        halt: Halt,
    ) -> None:
        self._planner, self._plan, self._schedule, self._leaders = planner, planner.plan, schedule, leaders
        self._progress, self._tries, self._calls, self._keeping = progress, tries, calls, keeping
        self._publishing, self._halt = publishing, halt
        self.some_left_out = False

    async def measured(self, job: Job, result: Result) -> None:
        """Find out what will be asked of pictures, beside the loop."""
        step, base = self._plan.steps[job[1]], self._calls.base(job)
        with suppress(EditError):  # told by whoever asks, once all that was paid for is kept
            await self._planner.gates.prepare(step, result.blobs, base)
            await self._planner.chooser.prepare(step, result.blobs, base)

    # -- with a result

    def reuse(self, job: Job, key: str, result: Result) -> None:
        """A job's result is there already."""
        if found := self._judged(job, key, result):
            result, key, chosen = found
            state, step = self._progress.rows[job[0]], self._plan.steps[job[1]].id
            self._progress.reused(state, step, self._tries.keys(job, key), result, chosen)
            self._succeed(job)

    def came(self, job: Job, key: str, result: Result, usd: Decimal | None) -> Decimal | None:
        """A job's result came, for this price; gives what its tries don't tell of that."""
        if self._plan.steps[job[1]].expect is None:
            return usd
        self._tries.paid(job, key, result, usd)  # before it is judged, so that it counts whatever becomes of that
        return FREE

    def cut_short(self, job: Job, result: Result, usd: Decimal | None, attempts: int) -> None:
        """The run was ended before it was known what goes on of a result, which is kept."""
        state, step = self._progress.rows[job[0]], self._plan.steps[job[1]].id
        why = "made and kept, and not looked at yet; the next run goes on with it"
        outcome = state.fail(step, "LeftInFlight", why, Status.LEFT)
        outcome.attempts, outcome.task_id = attempts, result.task_id
        state.charge(outcome, usd)
        self._progress.tell(step, outcome)

    def done(self, job: Job, key: str, result: Result, usd: Decimal | None, attempts: int, seconds: float) -> None:
        """A job was done, for this price beside that of its tries."""
        state, step = self._progress.rows[job[0]], self._plan.steps[job[1]]
        billed = result.billed if usd != FREE and not step.expect else 0
        if found := self._judged(job, key, result, attempts, billed):
            outcome = state.end(step.id, Status.DONE, *found)
            outcome.attempts, outcome.seconds = attempts, seconds
            outcome.task_id = result.task_id
            state.charge(outcome, usd)
            self._progress.tell(step.id, outcome)
            self._succeed(job)

    def _judged(
        self, job: Job, key: str, result: Result, attempts: int = 0, billed: int = 0
    ) -> tuple[Result, str, Chosen | None] | None:
        """A job's whole result as far as it is as expected, its key, and what goes on of it; where there is none, the
        job is tried again or ends.
        """
        try:
            key, result = self._calls.whole(job, key, result)
            verdict = self._tries.judge(job, key, result, self._calls.base(job))
            if verdict.good:
                result = replace(result, blobs=verdict.good)
                return result, key, self._chosen(job, result)
        except (RowError, EditError, StoreError) as error:
            failure = as_edit_error(error)
            failure.billed = billed
            self.fail(job, failure, attempts)
            return None
        if self._tries.more(job):
            self._schedule.again(job)
        elif self._plan.steps[job[1]].when_unfit == "fail":
            self.fail(job, EditError(FAILED, self._tries.failure(job)))
        else:
            self.leave_out(job, Reason.UNFIT, self._tries.failure(job))
        return None

    def _chosen(self, job: Job, result: Result) -> Chosen | None:
        if self._plan.steps[job[1]].candidates < 2:
            return None
        made_of = self._planner.expansion.job(self._plan.steps[job[1]], self._progress.rows[job[0]].entry.row)
        return self._planner.decider.handover.chosen(made_of, result.blobs, self._calls.take_base(job))

    def _succeed(self, job: Job) -> None:
        state, step = self._progress.rows[job[0]], self._plan.steps[job[1]]
        if state.chosen[step.id].is_open:
            self._park(job)
        else:
            self._schedule.done(job)
        made = [publication for publication in self._progress.due(state) if publication.step == step.id]
        self._publishing.add(state, made)
        state.open_ends += len(made)
        self._progress.end_one(state)

    def _park(self, job: Job) -> None:
        """A person has to choose what goes on: whatever takes that waits, and the rest goes on."""
        for place, number in self._schedule.parked(job, lambda waiter: self._takes_pick(waiter, job)):
            behind = self._progress.rows[place]
            self._progress.park(behind, self._plan.steps[number].id)
            self._progress.end_one(behind)

    def _takes_pick(self, waiter: Job, job: Job) -> bool:
        """Whether a job takes what was picked of another, and not all of its candidates."""
        step = self._plan.steps[job[1]]
        taken = self._plan.sources(waiter[0], self._plan.steps[waiter[1]]).values()
        return any(at == job[0] and ref.name == step.id and not (ref.every and not step.pick.top) for at, ref in taken)

    # -- without one

    def leave_out(self, job: Job, reason: Reason, why: str = "") -> None:
        """A job has no picture of its own, and the row goes on without it."""
        state, key = self._progress.rows[job[0]], self._tries.keys(job)[-1] if why else None
        self.some_left_out = True
        self._publishing.add(state, self._progress.leave_out(job[0], self._plan.steps[job[1]].id, reason, key, why))
        self._schedule.done(job)
        self._progress.end_one(state)

    def fail(self, job: Job, error: EditError, attempts: int = 0) -> None:
        """A job has no picture, and nothing that needs it has one."""
        state, step = self._progress.rows[job[0]], self._plan.steps[job[1]]
        outcome = state.fail(step.id, error.code, error.message)
        outcome.attempts, outcome.task_id = attempts, error.task_id
        state.charge(outcome, self._keeping.cost(step, error.billed))
        self._progress.tell(step.id, outcome)
        blocked = self._schedule.failed(job)
        for place, number in blocked:
            waiting, behind = self._plan.steps[number].id, self._progress.rows[place]
            why = f"needs {outcome.job}, which failed"
            self._progress.tell(waiting, behind.fail(waiting, "Blocked", why, Status.BLOCKED))
            behind.open_ends -= 1
        state.open_ends -= 1
        self._halt.after_failure()
        if error.again is Again.ACCOUNT:
            self._halt.for_account(error)
        if error.code == "StoreNotWritten":
            self._halt.for_store(StoreError(error.message))
        self._release(job, error)

    def _release(self, job: Job, error: EditError) -> None:
        """A leader failed: what waited for its picture fails alike, unless only the leader's own files are to blame."""
        for follower in self._leaders.release(job):
            if error.code in _OWN_FILES:
                self._schedule.again(follower)
            else:
                self.fail(follower, error)


def as_edit_error(error: RowError | EditError | StoreError) -> EditError:
    """What a job is said to have failed for."""
    if isinstance(error, EditError):
        return error
    if isinstance(error, StoreError):
        return EditError("StoreNotWritten", str(error))
    said = "; ".join(f"{problem.message}. {problem.hint}".rstrip(". ") for problem in error.problems)
    return EditError(error.__cause__.code if isinstance(error.__cause__, EditError) else "Refused", said)
