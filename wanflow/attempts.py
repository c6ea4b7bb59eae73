"""Gets one call done, and tries again where that is safe: free work here, paid work through the ledger.

Retrying has this one owner; backends only label their errors. What may have been accepted is never sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wanflow.clock import Clock
from wanflow.errors import Again, EditError
from wanflow.model import Result
from wanflow.store.tasks import Task

MAX_ATTEMPTS = 3
RETRY_DELAY_S = 1.0


class NotStarted(Exception):  # noqa: N818 - no error: the run was told to stop before this call was sent
    """The call was not sent."""


class OverBudget(NotStarted):
    """The call would have cost more than the run may spend."""


@dataclass(frozen=True, slots=True)
class Performed:
    """What came of a call: the result, how often it was tried, and the paid task that made it."""

    result: Result
    attempts: int
    task: Task | None = None


@dataclass(slots=True)
class Retries:
    """When a failed call is tried again; `stopping` tells whether nothing new shall be started."""

    clock: Clock
    stopping: Callable[[], bool]
    note: Callable[[str], None]

    async def pause(self, job: str, error: EditError) -> None:
        """Wait before another attempt, or raise the error where none is safe or left."""
        # A task that failed of throttling cost nothing.
        safe = error.again in (Again.SOON, Again.THROTTLED)
        if not safe or error.attempts >= MAX_ATTEMPTS or self.stopping():
            raise error
        self.note(f"{job}: {error}; trying again")
        await self.clock.sleep(RETRY_DELAY_S * 2 ** (error.attempts - 1))
