"""When a failed call is tried again, and what came of one that was done.

Retrying has this one owner; backends only label their errors. What may have been accepted is never sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from wanflow.backends import Backend
from wanflow.clock import Clock
from wanflow.errors import Again, EditError
from wanflow.model import Call, Result
from wanflow.store.tasks import Task

MAX_ATTEMPTS = 3
# An edit whose process died takes the next one with it, unless something outside was to blame.
FEWER_ATTEMPTS = {"WorkerDied": 2}
RETRY_DELAY_S = 1.0
# How long a request is sent again that comes too early, or that meets an outage: minutes must not fail every row.
PATIENCE_S = 1800.0
LONGEST_DELAY_S = 60.0
# A request that may have been taken is no outage but UNSURE.
OUTAGES = ("Unreachable", "ModelUnavailable", "NoAnswer")


class NotStarted(Exception):  # noqa: N818 - no error: the run was told to stop before this call was sent
    """The call was not sent."""


class Left(NotStarted):
    """It was sent, and the run was told to stop before it was known whether it arrived; the next run asks."""


class OverBudget(NotStarted):
    """The call would have cost more than the run may spend: so many `usd`, or nobody knows how many (None)."""

    def __init__(self, why: str, usd: Decimal | None) -> None:
        super().__init__(why)
        self.usd = usd


class NoRoom(NotStarted):
    """Its pictures might not have been kept."""


@dataclass(frozen=True, slots=True)
class Performed:
    """What came of a call: the result, how often it was tried, the paid task that made it, and for how many seconds it
    was worked on at the provider, as far as that was told.
    """

    result: Result
    attempts: int
    task: Task | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Retries:
    """Decides for one run; `stopping` tells whether nothing new shall be started."""

    clock: Clock
    stopping: Callable[[], bool]
    note: Callable[[str], None]

    async def perform(self, backend: Backend, job: str, call: Call) -> Performed:
        """Do a free call, however many attempts it takes. Raises EditError (with `attempts` set)."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return Performed(await backend.perform(call), attempts)
            except EditError as error:
                error.attempts = attempts
                await self.pause(job, error)

    async def pause(self, job: str, error: EditError) -> None:
        """Wait before another attempt, or raise the error where none is safe; NotStarted where the run stops."""
        # A task that failed of throttling cost nothing.
        safe = error.again in (Again.SOON, Again.THROTTLED)
        if not safe or error.attempts >= FEWER_ATTEMPTS.get(error.code, MAX_ATTEMPTS):
            raise error
        if self.stopping():
            self.note(f"{job}: {error}; not tried again, since the run stops")
            raise NotStarted from error
        self.note(f"{job}: {error}; trying again")
        await self.clock.sleep(RETRY_DELAY_S * 2 ** (error.attempts - 1))


class News:
    """What is told only now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}

    def is_due(self, topic: str, every_s: float) -> bool:
        """Whether a topic was not told for so long; from now on it was."""
        now = self._clock.monotonic()
        if is_due := now - self._told.get(topic, -every_s) >= every_s:
            self._told[topic] = now
        return is_due


class Outage:
    """A service that can't be reached for a while, as one call meets it."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._since: float | None = None
        self._delay_s = RETRY_DELAY_S

    async def sat_out(self, job: str, error: EditError) -> bool:
        """Wait before the call is sent again; false when the error is of another kind, or this has lasted too long."""
        if error.again is not Again.SOON or error.code not in OUTAGES or self._retries.stopping():
            self._since = None
            return False
        now = self._retries.clock.monotonic()
        if self._since is None:
            self._since, self._delay_s = now, RETRY_DELAY_S
            self._retries.note(f"{job}: {error}; trying on for {PATIENCE_S / 60:.0f} minutes")
        if now - self._since > PATIENCE_S:
            return False
        await self._retries.clock.sleep(self._delay_s)
        self._delay_s = min(LONGEST_DELAY_S, 2 * self._delay_s)
        return True
