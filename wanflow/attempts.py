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
        attempts, began = 0, self.clock.monotonic()
        while True:
            await self.lanes.start(lane)
            if self.stopping():
                raise NotStarted
            attempts += 1
            try:
                ticket = await self.backend.submit(call)
                self.lanes.accepted(lane)
                return await self.backend.collect(ticket), attempts
            except EditError as error:
                error.attempts = attempts
                if error.again is Again.THROTTLED and self.clock.monotonic() - began < PATIENCE_S:
                    attempts -= 1
                    self.lanes.refused(lane, error.code, error.retry_after_s)
                elif error.again is Again.SOON and attempts < MAX_ATTEMPTS and not self.stopping():
                    self.note(f"{job}: {error}; trying again")
                    await self.clock.sleep(RETRY_DELAY_S * 2 ** (attempts - 1))
                else:
                    raise
