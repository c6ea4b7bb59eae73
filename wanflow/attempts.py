"""Gets one call done: waits for its turn, sends it, collects the result, and tries again where that is safe.

Retrying has this one owner; backends only label their errors. What may have been accepted is never sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wanflow.backends import Backend
from wanflow.clock import Clock
from wanflow.errors import Again, EditError
from wanflow.lanes import Lanes
from wanflow.model import Call, Result

MAX_ATTEMPTS = 3
RETRY_DELAY_S = 1.0
# How long a request is sent again that the provider refuses for coming too early.
PATIENCE_S = 1800.0


class NotStarted(Exception):  # noqa: N818 - no error: the run was told to stop before this call was sent
    """The call was not sent."""


@dataclass(slots=True)
class Performer:
    """Performs calls for one run; `stopping` tells whether nothing new shall be started."""

    backend: Backend
    lanes: Lanes
    clock: Clock
    stopping: Callable[[], bool]
    note: Callable[[str], None]

    async def perform(self, job: str, lane: str, call: Call) -> tuple[Result, int]:
        """The result and how often it was tried, within the lane's rate. Raises EditError (with `attempts` set)
        and NotStarted.
        """
        attempts = 0
        refused_since: float | None = None
        while True:
            sent = await self.lanes.start(lane, self.stopping)
            if self.stopping():
                raise NotStarted
            attempts += 1
            try:
                ticket = await self.backend.submit(call)
            except EditError as error:
                error.attempts = attempts
                refused_since = sent if refused_since is None else refused_since
                if error.again is not Again.THROTTLED or self.clock.monotonic() - refused_since > PATIENCE_S:
                    await self._again(job, error)
                    continue
                attempts -= 1
                self.lanes.refused(lane, error.code, sent, error.retry_after_s)
                continue
            refused_since = None
            self.lanes.accepted(lane)
            try:
                return await self.backend.collect(ticket), attempts
            except EditError as error:
                error.attempts = attempts
                await self._again(job, error)

    async def _again(self, job: str, error: EditError) -> None:
        """Wait before another attempt, or raise the error where none is safe or left."""
        # From collect, throttling means a task that failed of it, at no cost.
        safe = error.again is Again.SOON or (error.again is Again.THROTTLED and error.attempts)
        if not safe or error.attempts >= MAX_ATTEMPTS or self.stopping():
            raise error
        self.note(f"{job}: {error}; trying again")
        await self.clock.sleep(RETRY_DELAY_S * 2 ** (error.attempts - 1))
