"""An account at a provider that does as a test says, and runs that pay there one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from clocks import Stopwatch

from wanflow.errors import Again, EditError
from wanflow.limits.budget import Budget
from wanflow.limits.room import Room
from wanflow.model import Call, Ending, Limits, Listed, Result
from wanflow.paying.attempts import Performed, Retries
from wanflow.paying.payments import Payments
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import Order, Owner, State

PRICE = Decimal("0.02")


@dataclass(frozen=True)
class Line:
    task_id: str
    created_at: datetime | None


@dataclass
class Provider:
    """Answers with what it is given, in order; then with success. What was taken is listed."""

    uploads: list[EditError] = field(default_factory=list)
    submits: list[EditError] = field(default_factory=list)
    ends: list[EditError] = field(default_factory=list)
    fetches: list[EditError] = field(default_factory=list)
    waits: list[EditError] = field(default_factory=list)
    listings: list[EditError] = field(default_factory=list)
    takes_unheard: bool = False
    foreign: list[Listed] = field(default_factory=list)
    clock: Stopwatch = field(default_factory=Stopwatch)
    sent: list[float] = field(default_factory=list)
    taken: list[Line] = field(default_factory=list)
    offset_s: float | None = 0.0
    waiting: int = 0
    at_once: bool = False  # it answers with pictures, and knows no tasks
    ahead_s: float = 0.0
    stopped_s: float = 0.0  # for how long this machine stands still amid a request
    late_s: float | None = None  # when a request that nothing came of so far is taken after all
    listing_s: float = 0.0

    @property
    def time(self) -> datetime:
        """What its own clock says."""
        return self.clock.now() + timedelta(seconds=self.ahead_s)

    async def prepare(self, call: Call) -> Call:
        if self.uploads:
            raise self.uploads.pop(0)
        return call

    async def submit(self, prepared: Call) -> Line:
        self.sent.append(self.clock.seconds)
        self.clock.seconds += self.stopped_s
        fault = self.submits.pop(0) if self.submits else None
        if fault is None or self.takes_unheard:
            self.taken.append(Line(f"task-{len(self.taken) + 1}", self.time))
        if fault:
            raise fault
        return Line("", self.time) if self.at_once else self.taken[-1]

    def lists(self, call: Call) -> bool:
        return not self.at_once

    def ticket(self, call: Call, task_id: str, submitted_at: datetime) -> Line:
        return Line(task_id, submitted_at)

    async def wait(self, ticket: Line) -> Ending:
        if self.waits:
            raise self.waits.pop(0)
        if ticket.created_at and self.clock.now() - ticket.created_at > timedelta(hours=24):
            return Ending(EditError("TaskExpired", "older than 24 hours", Again.LOST), 0)
        return Ending(self.ends.pop(0), 0) if self.ends else Ending(None, 1, ticket)

    async def fetch(self, ticket: Line, ending: Ending) -> Result:
        if self.fetches:
            raise self.fetches.pop(0)
        return Result((), "real", task_id=ticket.task_id, billed=ending.billed)

    async def tasks(self, since: datetime, until: datetime, model: str | None) -> Sequence[Listed]:
        if self.listings:
            raise self.listings.pop(0)
        self.offset_s = self.ahead_s
        if self.late_s is not None and self.clock.seconds >= self.late_s and not self.taken:
            self.taken.append(Line("late", datetime.fromtimestamp(self.late_s, UTC)))
        listed = [*([] if self.at_once else self.taken), *self.foreign]
        self.clock.seconds += self.listing_s
        return [line for line in listed if line.created_at and since <= line.created_at <= until]

    async def aclose(self) -> None: ...


@dataclass
class Desk:
    """Runs of one project, one after the other, with one account."""

    folder: Path
    provider: Provider
    notes: list[str] = field(default_factory=list)
    runs: int = 0

    def work(self, task: Callable[[Payments], Any], **more: Any) -> Any:
        """What one run does; afterwards its process is gone."""

        async def main() -> Any:
            try:
                return await task(payments)
            finally:
                await payments.leave()

        self.runs += 1
        clock, name = self.provider.clock, f"run{self.runs}"
        ledger = Ledger.open(self.folder, Owner(name, 1, "/p", name), "test", clock.now().timestamp())
        stopping, cap = more.pop("stopping", lambda: False), more.pop("cap", None)
        budget, room = Budget(cap), Room([self.folder], more.pop("free", lambda folder: 10**12))
        payments = Payments(self.provider, ledger, Retries(clock, stopping, self.notes.append), budget, room, **more)
        return asyncio.run(main())

    def perform(self, order: Order | None = None, *, afresh: bool = False, **more: Any) -> Performed:
        done: Performed = self.work(lambda payments: payments.perform(order or ORDER, afresh=afresh), **more)
        return done

    def states(self) -> list[State]:
        """Where every task stands."""
        ledger = Ledger.open(self.folder, Owner("look", 1, "/p", "look"), "test", 0)
        tasks = sorted(ledger.tasks(*State), key=lambda task: task.id)
        ledger.close()
        return [task.state for task in tasks]


ORDER = Order(
    Call("k", "wan/expand", {"n": 1}, {}, model="m"),
    "lane",
    Limits(2, per_second=2),
    PRICE,
    "parts",
    "r.yaml",
    "1/wide",
)


def order(key: str, **more: Any) -> Order:
    """An order like ORDER, for another picture."""
    return replace(ORDER, call=replace(ORDER.call, key=key), job=f"{key}/wide", **more)


def error(again: Again, code: str = "InternalError", **more: Any) -> EditError:
    return EditError(code, "it failed", again, **more)
