"""One model's slots: who waits, who runs, who has ended, computed from times alone, so that no poll is needed."""

from __future__ import annotations

from collections import deque

from wanflow.emulator.tasks import State, Task


class Queue:
    """First come, first served, with at most `slots` tasks RUNNING. Times are the emulated clock's seconds."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.pending: deque[Task] = deque()
        self.running: list[Task] = []
        self.max_running = 0
        self._freed = 0.0

    def __len__(self) -> int:
        return len(self.pending) + len(self.running)

    def add(self, task: Task) -> None:
        """Take a task in; one that already runs (after a restart) keeps its slot."""
        if task.state is State.RUNNING:
            self.running.append(task)
        else:
            self.pending.append(task)

    def cancel(self, task: Task, now: float) -> bool:
        """End a task that still waits. False when it doesn't."""
        if task not in self.pending:
            return False
        self.pending.remove(task)
        task.state, task.ended = State.CANCELED, now
        return True

    def worked(self, task: Task, now: float) -> None:
        """Its outcome is known: it ends when its service time is over, which may be now."""
        assert task.started is not None  # noqa: S101 - told to mypy; only what has started is worked on
        task.due = max(task.started + task.service_s, now)
        # A request that can't be served is not kept for its service time (assumed); one that a fault fails is.
        if task.outcome and task.outcome.code and "failed" not in task.fate:
            task.due = now

    def advance(self, now: float) -> list[Task]:
        """Bring every task to where it is at this time; those that changed. A freed slot is taken at once."""
        changed = self._start()
        while ended := self._end_first(now):
            changed += [ended, *self._start()]
        return changed

    def next_event(self) -> float | None:
        """When something will change by itself."""
        return min((task.due for task in self.running if task.due is not None), default=None)

    def _start(self) -> list[Task]:
        started = []
        while self.pending and len(self.running) < self.slots:
            task = self.pending.popleft()
            task.state, task.started = State.RUNNING, max(task.submitted, self._freed)
            self.running.append(task)
            started.append(task)
        self.max_running = max(self.max_running, len(self.running))
        return started

    def _end_first(self, now: float) -> Task | None:
        ready = [(task.due, task.id, task) for task in self.running if task.due is not None and task.due <= now]
        if not ready:
            return None
        due, _, task = min(ready)
        self.running.remove(task)
        failed = task.outcome is not None and task.outcome.code
        task.state, task.ended = (State.FAILED if failed else State.SUCCEEDED), due
        self._freed = due
        return task
