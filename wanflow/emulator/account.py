"""One account's tasks: taken, queued, worked on, ended, remembered. Time is an argument; work is done by others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from wanflow.emulator.faults import Faults
from wanflow.emulator.options import Options
from wanflow.emulator.queue import Queue
from wanflow.emulator.state import Store
from wanflow.emulator.tasks import Order, Outcome, State, Task
from wanflow.errors import UsageError
from wanflow.functions.catalog import Model, Offer, account, offered, protocols


class Account:
    """The tasks of one region. `ids` gives a new UUID text at each call."""

    def __init__(self, options: Options, store: Store, faults: Faults, ids: Callable[[], str]) -> None:
        self.options, self.faults, self.new_id = options, faults, ids
        self.models = offered(options.region)
        self.queues = {name: Queue(self.offer(name).concurrent_tasks) for name in self.models}
        self.tasks: dict[str, Task] = {}
        self._store = store
        self._random = Random(options.seed)
        self._working: set[str] = set()
        self._restore()

    def _restore(self) -> None:
        region = self._store.kept("region", self.options.region)
        if region != self.options.region:
            raise UsageError(f"{self.options.state} holds tasks of {region}; name another file, or --region {region}")
        self._store.keep("region", region)
        for task in self._store.tasks():
            self.tasks[task.id] = task
            self._service_s(task.model)  # keeps the draws in step with the run that this one continues
            if not task.over:
                self.queues[task.model].add(task)
        for name, most in self._store.kept("running", {}).items():
            self.queues[name].max_running = most

    def offer(self, name: str) -> Offer:
        """Limits and price of a model, by its name in this region."""
        return self.models[name].offer(self.options.region)

    def model_of(self, task: Task) -> Model:
        """The model that a task is for."""
        return self.models[task.model]

    # -- time

    def advance(self, now: float) -> None:
        """Bring every task to where it is at this time."""
        changed = [task for queue in self.queues.values() for task in queue.advance(now)]
        for task in changed:
            if task.state is State.SUCCEEDED and "lost" in task.fate:
                task.state = State.UNKNOWN
            self._store.save(task)
        if changed:
            self._store.keep("running", {name: queue.max_running for name, queue in self.queues.items()})
            self._store.keep("now", now)

    def next_event(self) -> float | None:
        """When a task will end by itself."""
        events = (queue.next_event() for queue in self.queues.values())
        return min((event for event in events if event is not None), default=None)

    def due_work(self) -> Iterator[Task]:
        """Tasks whose images are wanted; each is given out once."""
        for queue in self.queues.values():
            for task in queue.running:
                if task.outcome is None and task.id not in self._working:
                    self._working.add(task.id)
                    yield task

    def worked(self, task: Task, outcome: Outcome, now: float) -> None:
        """Take what came of the work on a task."""
        self._working.discard(task.id)
        task.outcome = outcome
        self.queues[task.model].worked(task, now)
        self._store.save(task)
        self.advance(now)

    # -- tasks

    def take(self, model: str, protocol: str, digest: str, order: Order, now: float) -> Task:
        """A new task. What becomes of it is decided now: its service time, and the fault that it meets."""
        fate = self.faults.meet("task", model, digest)
        task = Task(
            id=self._unused_id(),
            request_id=self.new_id(),
            model=model,
            protocol=protocol,
            digest=digest,
            order=order,
            n=order.parameters.get("n", 1),
            submitted=now,
            service_s=self._service_s(model),
            fate={fate[0]: fate[1].json(fate[0])} if fate else {},
        )
        if slow := task.fate.get("slow"):
            task.service_s += 60.0 if slow["seconds"] is None else slow["seconds"]
        self.tasks[task.id] = task
        self.queues[model].add(task)
        self.advance(now)
        if task.state is State.PENDING:  # else it has just been saved: with images inside it is long
            self._store.save(task)
        return task

    def _unused_id(self) -> str:
        while (name := self.new_id()) in self.tasks:
            pass
        return name

    def _service_s(self, model: str) -> float:
        return self.options.service_times(self.models[model]).draw(self._random)

    def alive(self, task_id: str, now: float) -> Task | None:
        """A task that can be asked for: not expired, and none of a synchronous call."""
        task = self.tasks.get(task_id)
        if task is None or now - task.submitted >= account()["result_hours"] * 3600:
            return None
        return task if protocols()[task.protocol].is_async else None

    def cancel(self, task: Task, now: float) -> bool:
        """End a task that still waits. False when it doesn't."""
        canceled = self.queues[task.model].cancel(task, now)
        if canceled:
            self._store.save(task)
        return canceled
