"""What a run remembers of results: the pictures themselves, who made them when, and what they cost."""

from __future__ import annotations

from decimal import Decimal

from wanflow.backends.draft import FREE
from wanflow.clock import Clock
from wanflow.errors import Again, EditError
from wanflow.language.recipe import Step
from wanflow.model import Call
from wanflow.paying.attempts import Performed
from wanflow.planning.plan import Planner
from wanflow.running.calls import Calls
from wanflow.running.halt import Halt
from wanflow.running.progress import Progress
from wanflow.running.schedule import Job
from wanflow.store.history import Making
from wanflow.store.tasks import Task


class Keeping:
    """What one run keeps: `kept` new pictures, which a rerun will find; `fetched` tasks that another run paid for."""

    def __init__(self, planner: Planner, progress: Progress, calls: Calls, halt: Halt, clock: Clock) -> None:
        self._plan, self._index, self._kind = planner.plan, planner.index, planner.decider.requests.kind
        self._progress, self._calls, self._halt, self._clock = progress, calls, halt, clock
        self.run_id = ""
        self.kept = self.fetched = 0

    def keep(self, job: Job, call: Call, parts: str, performed: Performed, seconds: float) -> bool:
        """Remember the result of a call, and how long it took; false when that could not be written."""
        state, step, result = self._progress.rows[job[0]], self._plan.steps[job[1]], performed.result
        kept = False
        with self._halt.guard():
            with self._index.transaction():
                self._index.remember(call.key, result, parts, self._making(state.address(step.id), step, performed))
                self._index.note_jobs(self._plan.identity, [(name, call.key) for name in self._calls.names(job)])
                self._learn(step, performed, seconds)
                self._calls.note_size(job, result.blobs[0].size)
            kept = True
            self.kept += 1
        self._calls.made.add(call.key)
        return kept

    def keep_salvaged(self, task: Task, performed: Performed) -> bool:
        """Remember what an earlier run paid for and no job of this one took; false when that can't be written."""
        making = Making(task.recipe, task.job, task.run, self._clock.now(), _usd(task, performed))
        with self._halt.guard():
            with self._index.transaction():
                self._index.remember(task.key, performed.result, task.components, making)
            self.paid_before(task)
            return True
        return False

    def note_refusal(self, key: str, error: EditError) -> None:
        """Remember that the provider refused a request for good, if it did."""
        if error.again is Again.REFUSED:
            with self._halt.guard(), self._index.transaction():
                self._index.note_refusal(key, error.code, error.message)

    def paid_before(self, task: Task | None) -> bool:
        """Whether a picture is of a task that another run sent, whose record has its price; counted."""
        before = bool(task and task.run != self.run_id)
        self.fetched += before
        return before

    def cost(self, step: Step, images: int) -> Decimal | None:
        """What so many images cost; None when that is not known."""
        usd = self._plan.terms[step.id].usd
        return images * usd if usd is not None else None if images else FREE

    def _learn(self, step: Step, performed: Performed, seconds: float) -> None:
        """Remember how long a job took; a paid one by what the provider tells, without the time that it waited."""
        took = seconds if performed.task is None else performed.seconds
        if took is not None:
            self._index.note_duration(self._kind(step), took)

    def _making(self, job: str, step: Step, performed: Performed) -> Making:
        """What an ancestry tells of a job that was just done; of one that another run paid for, that run and price."""
        usd, run = self.cost(step, performed.result.billed), self.run_id
        if (task := performed.task) and task.run != run:
            usd, run = _usd(task, performed), task.run
        return Making(self._plan.recipe.name, job, run, self._clock.now(), usd)


def _usd(task: Task, performed: Performed) -> Decimal | None:
    return None if task.usd_image is None else task.usd_image * performed.result.billed
