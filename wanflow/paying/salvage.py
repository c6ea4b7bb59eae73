"""Takes up what dead runs left at the provider, and what no job waits for any more: it was paid for, and it occupies
slots until somebody sees its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from wanflow.clock import Clock
from wanflow.errors import Again, EditError, StoreError
from wanflow.paying.attempts import NotStarted, Performed
from wanflow.paying.payments import Payments
from wanflow.store.tasks import Task

# How often it is looked for runs that died meanwhile.
ROUND_S = 5.0
# What could not be learnt of a task is asked for again so much later.
AGAIN_S = 60.0


class Salvage:
    """One run's share of it; `keep` stores a result under its task's key, `broken` hears of StoreErrors."""

    def __init__(
        self,
        payments: Payments,
        clock: Clock,
        keep: Callable[[Task, Performed], bool],
        note: Callable[[str], None],
        broken: Callable[[StoreError], None],
    ) -> None:
        self._payments, self._clock, self._keep, self._note, self._broken = payments, clock, keep, note, broken
        self._project = payments.ledger.owner.project
        self._ours: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()
        self._again: dict[int, float] = {}  # when a task may be asked for again
        self._told: set[tuple[int, str]] = set()
        self._left = False
        self._error: StoreError | None = None
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what is there, and look again from time to time for runs that die meanwhile. Raises StoreError."""
        await self._look()
        self._loop = asyncio.get_running_loop().create_task(self._go_on_looking())

    async def finish(self) -> None:
        """Bring in what earlier runs of this project paid for and no job of this run took. Raises StoreError."""
        while self._ours:
            await asyncio.wait(self._ours)
        if self._error:
            raise self._error
        for task in await self._payments.write(self._payments.ledger.unstored, self._project):
            if self._left:
                return
            await self._fetch(task)

    def leave(self) -> None:
        """Wait for nothing more; what is being fetched is kept, the rest is taken up by whoever runs next."""
        self._left = True
        for task in self._watching():
            task.cancel()

    async def stop(self) -> None:
        """Look no more, and be done."""
        watching = self._watching()
        self.leave()
        await asyncio.gather(*watching, return_exceptions=True)

    def _watching(self) -> list[asyncio.Task[None]]:
        return [*self._ours, *self._others, *([self._loop] if self._loop else [])]

    async def _go_on_looking(self) -> None:
        try:
            while True:
                await self._clock.sleep(ROUND_S)
                await self._look()
        except StoreError as error:
            self._fail(error)

    def _fail(self, error: StoreError) -> None:
        self._error = error
        self._broken(error)

    async def _look(self) -> None:
        now = self._clock.monotonic()
        for task in await self._payments.unattended():
            if self._again.get(task.id, now) > now:
                continue
            self._again[task.id] = inf
            group = self._ours if task.project == self._project else self._others
            watch = asyncio.get_running_loop().create_task(self._see_end(task))
            group.add(watch)
            watch.add_done_callback(group.discard)

    async def _see_end(self, task: Task) -> None:
        try:
            ended = await self._payments.see_end(task)
        except EditError as error:
            self._tell(task, error)
            return
        except NotStarted:  # the run stops before it is known
            return
        except StoreError as error:
            self._fail(error)
            return
        finally:
            self._again[task.id] = self._clock.monotonic() + AGAIN_S
        if ended and task.project != self._project:
            when = "within 24 hours of its submission"
            self._note(f"a task of {task.project} is done; run {task.recipe} there {when} to have its picture")

    def _tell(self, task: Task, error: EditError) -> None:
        if error.again in (Again.LOST, Again.UNSURE) and (news := (task.id, error.code)) not in self._told:
            self._told.add(news)
            self._note(f"{self._named(task)}: {error}")

    def _named(self, task: Task) -> str:
        return task.job if task.run == self._payments.ledger.owner.run else f"{task.job} of an earlier run"

    async def _fetch(self, task: Task) -> None:
        try:
            performed = await self._payments.go_on(task)
        except EditError as error:
            self._note(f"{self._named(task)}: {error}")
            return
        if performed and self._keep(task, performed):
            await self._payments.stored(task)
