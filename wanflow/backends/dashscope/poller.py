"""Asks after all tasks of an account until each has ended: one loop, one limit, paced by `cadence`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from wanflow.backends.dashscope.cadence import Cadence, Kind, Times
from wanflow.clock import Clock
from wanflow.errors import Again, EditError
from wanflow.functions.catalog import result_life
from wanflow.wire.answers import TaskState, TaskStatus

LIFE = result_life()
SPARE = timedelta(minutes=30)
# Answers that make no sense, or that the task is unknown, may be a slip of one server; so often, they are not.
SURE = 3
SILENT_S = 30.0
# A wish to be left alone for longer than this is not granted: the picture may be done, and its day runs out.
LONGEST_PAUSE_S = 60.0


@dataclass(slots=True)
class _Waiting:
    task_id: str
    future: asyncio.Future[TaskState]
    submitted: float
    began: float
    doubts: int = 0


class Poller:
    """Waits for tasks. `note` is told when the service has not answered for SILENT_S."""

    def __init__(self, ask: Callable[[str], Awaitable[TaskState]], clock: Clock, note: Callable[[str], None]) -> None:
        self.cadence = Cadence()
        self._ask, self._clock, self._note = ask, clock, note
        # By watch, since two may wait for one task and either may give up.
        self._waiting: dict[str, _Waiting] = {}
        self._numbers = count()
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._queries: set[asyncio.Task[None]] = set()
        self._silent_since: float | None = None
        self._told = False

    @property
    def waiting(self) -> int:
        """How many tasks are waited for."""
        return len({waiting.task_id for waiting in self._waiting.values()})

    async def wait(self, task_id: str, kind: Kind, submitted_at: datetime) -> TaskState:
        """The state in which a task ends. Raises EditError: ACCOUNT, LOST, or UNSURE when no sense can be made."""
        watch = f"{next(self._numbers)} {task_id}"
        future: asyncio.Future[TaskState] = asyncio.get_running_loop().create_future()
        # From here on by a clock that nobody sets.
        began = self._clock.monotonic()
        submitted = began - max(0.0, (self._clock.now() - submitted_at).total_seconds())
        self._waiting[watch] = _Waiting(task_id, future, submitted, began)
        self.cadence.add(watch, kind, submitted)
        self._start()
        try:
            return await future
        finally:
            self.cadence.remove(watch)
            del self._waiting[watch]
            self._wake.set()

    async def aclose(self) -> None:
        """Ask no more; whoever still waits is cancelled."""
        for waiting in self._waiting.values():
            waiting.future.cancel()
        ending = [*self._queries, *([self._loop] if self._loop else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _start(self) -> None:
        self._wake.set()
        if self._loop is None or self._loop.done():
            self._loop = asyncio.get_running_loop().create_task(self._drive())
            self._loop.add_done_callback(self._stopped)

    def _stopped(self, loop: asyncio.Task[None]) -> None:
        if not loop.cancelled() and isinstance(error := loop.exception(), Exception):
            for waiting in self._waiting.values():
                _settle(waiting, error)

    async def _drive(self) -> None:
        while self._waiting:
            self._wake.clear()
            turn = self.cadence.next()
            now = self._clock.monotonic()
            if turn and turn[0] <= now:
                self.cadence.asked(turn[1], now)
                self._spawn(self._query(turn[1]))
            else:
                await self._pause(turn[0] - now if turn else None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._queries.add(task)
        task.add_done_callback(self._queries.discard)

    async def _pause(self, seconds: float | None) -> None:
        """Wait so long, or until something changes."""
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._wake.wait())]
        if seconds is not None:
            ends.append(asyncio.ensure_future(self._slept(seconds)))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _slept(self, seconds: float) -> bool:
        await self._clock.sleep(seconds)
        return True

    async def _query(self, watch: str) -> None:
        if not (waiting := self._waiting.get(watch)):
            return
        try:
            self._answered(watch, waiting, await self._ask(waiting.task_id))
        except EditError as error:
            self._unanswered(watch, waiting, error)
        except Exception as error:  # noqa: BLE001 - a bug, handed to whoever waits; they would wait for ever
            _settle(waiting, error)
        self._wake.set()

    def _answered(self, watch: str, waiting: _Waiting, state: TaskState) -> None:
        self._silent_since, self._told = None, False
        now = self._clock.monotonic()
        if state.status is TaskStatus.UNKNOWN and waiting.doubts + 1 < SURE:
            waiting.doubts += 1
            self.cadence.unanswered(watch, now)
            return
        self.cadence.answered(watch, state.status, now, _times(state))
        if state.status.is_over:
            _settle(waiting, state)
        else:
            waiting.doubts = 0
            # The service still knows it: that it is a day old may be said by a clock that was set.
            self._require_life(waiting, waiting.began, "it is still not done")

    def _unanswered(self, watch: str, waiting: _Waiting, error: EditError) -> None:
        if error.again is Again.ACCOUNT:
            _settle(waiting, error)
            return
        if error.again in (Again.NEVER, Again.UNSURE, Again.REFUSED, Again.MODEL):
            waiting.doubts += 1
            if waiting.doubts >= SURE:
                self._require_life(waiting, waiting.submitted, str(error))
                # The task goes on and may be asked after later, so this is not its end.
                _settle(waiting, EditError(error.code, error.message, Again.UNSURE))
                return
        throttled = error.again is Again.THROTTLED
        wait_s = min(error.retry_after_s or 0.0, LONGEST_PAUSE_S)
        self.cadence.unanswered(watch, self._clock.monotonic(), wait_s, everybody=throttled)
        self._tell_silence(error)
        self._require_life(waiting, waiting.submitted, str(error))

    def _tell_silence(self, error: EditError) -> None:
        now = self._clock.monotonic()
        self._silent_since = now if self._silent_since is None else self._silent_since
        if now - self._silent_since >= SILENT_S and not self._told:
            self._told = True
            self._note(f"no answer about tasks for {SILENT_S:.0f} s ({error}); asking on, tasks go on")

    def _require_life(self, waiting: _Waiting, since: float, last: str) -> None:
        if self._clock.monotonic() - since > (LIFE + SPARE).total_seconds():
            message = f"the service keeps tasks for 24 hours, and nothing was heard in time ({last})"
            _settle(waiting, EditError("TaskExpired", message, Again.LOST))


def _settle(waiting: _Waiting, end: TaskState | Exception) -> None:
    if waiting.future.done():
        return
    if isinstance(end, Exception):
        waiting.future.set_exception(end)
    else:
        waiting.future.set_result(end)


def _times(state: TaskState) -> Times:
    moments = (state.submitted_at, state.scheduled_at, state.ended_at)
    return Times(*(moment.timestamp() if moment else None for moment in moments))
