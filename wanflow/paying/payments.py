"""Gets paid calls done, each by one task: claims it in the ledger, sends it, asks after it, stores its pictures.

A task that is in flight for the same key, sent by whomever and whenever, is gone on with instead of sending another.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from wanflow.backends import Service
from wanflow.errors import Again, EditError, sentence
from wanflow.limits.budget import Budget
from wanflow.limits.room import Room
from wanflow.model import Ending, Result
from wanflow.paying.attempts import (
    OUTAGES,
    PATIENCE_S,
    News,
    NoRoom,
    NotStarted,
    Outage,
    OverBudget,
    Performed,
    Retries,
)
from wanflow.paying.unheard import AGAIN, Search, look_at
from wanflow.store.ledger import Ledger, Wait
from wanflow.store.tasks import Order, State, Task

T = TypeVar("T")
NAP_S = 1.0
# How long a lane waits before that is told, and how often it is told.
QUIET_S, TOLD_EVERY_S = 10.0, 60.0
# The same for one whose slots are full, which many a task may rightly keep for minutes; how many are named.
FULL_S, NAMED = 300.0, 3


class Payments:
    """The paid calls of one run. With `resubmit_uncertain` the user would rather pay twice than go without."""

    def __init__(
        self,
        service: Service,
        ledger: Ledger,
        retries: Retries,
        budget: Budget,
        room: Room,
        *,
        resubmit_uncertain: bool = False,
    ) -> None:
        self.service, self.ledger, self.budget, self.room = service, ledger, budget, room
        self._retries, self._clock = retries, retries.clock
        self._passed_over = {State.UNCERTAIN} if resubmit_uncertain else set()
        self._comparing = asyncio.Lock()
        self._news = News(self._clock)
        self._search = Search(service, ledger, retries, self._news, self._failed)
        self.closed: dict[str, EditError] = {}  # lanes in which this account can't go on, and why
        self._attended: Counter[str] = Counter()  # keys that jobs see to
        self.at_provider: Counter[str] = Counter()  # tasks whose end is waited for, by lane
        self.sent: Counter[str] = Counter()  # submissions that were taken, by lane
        self.unanswered: Counter[str] = Counter()  # requests that are looked for, by lane

    async def perform(self, order: Order, *, afresh: bool = False) -> Performed:
        """What an order was for, however many attempts it takes; `afresh` does not count what was stored before.

        Raises EditError (with `attempts` set), NotStarted, OverBudget, NoRoom, StoreError.
        """
        self._attended[order.call.key] += 1
        try:
            return await self._performed(order, self._passed_over | ({State.DONE, State.STORED} if afresh else set()))
        finally:
            self._attended[order.call.key] -= 1

    async def _performed(self, order: Order, passed_over: Collection[State]) -> Performed:
        attempts, outage = 0, Outage(self._retries)
        while True:
            attempts += 1
            try:
                task, ticket = await self._found(order, passed_over) or await self._sent(order, passed_over)
                if (collected := await self._collected(task, ticket)) is None:
                    passed_over = {*passed_over, State.STORED}
                    continue
                return Performed(collected[1], attempts, *collected[::2])
            except EditError as error:
                error.attempts = attempts
                await self._tell_task(order, error)
                self._close(order, error)
                if await outage.sat_out(order.job, error):
                    attempts -= 1
                else:
                    await self._retries.pause(order.job, error)

    async def _tell_task(self, order: Order, error: EditError) -> None:
        """Put into an error what the ledger knows of the task that it ends."""
        task = await self.write(self.ledger.last, order.call.key)
        ours = bool(task and task.run == self.ledger.owner.run)
        if task and (ours or task.state in (State.SUBMITTED, State.DONE)):
            error.task_id = task.task_id
            if ours:  # another run's is in its record
                billed = task.images if task.state is State.SUBMITTED else task.billed
                error.billed = 0 if task.state is State.FAILED else billed
            if task.state in (State.SUBMITTED, State.DONE) and task.task_id:
                left = f"It is kept at the provider as {task.task_id}; the next run asks for it again"
                error.message = f"{sentence(error.message)} {left}"

    async def stored(self, task: Task) -> None:
        """The pictures of a task are known to the project that wanted them. Raises StoreError."""
        if task.state is State.DONE:
            await self.write(self.ledger.move, task, State.STORED, self.now(), task.detail)

    async def go_on(self, task: Task) -> Performed | None:
        """The pictures of a task that an earlier run left; None when it was never taken, a newer one took its place, or
        its process has them.

        Raises EditError, StoreError.
        """
        if await self.write(self.ledger.is_superseded, task):
            why = "the pictures of a newer task of the same request are kept in its place"
            await self.write(self.ledger.move, task, State.STORED, self.now(), why)
            return None
        if not await self.write(self.ledger.may_go_on, task):
            return None
        await self._compare_clocks()
        settled = await self._settled(task)
        collected = await self._collected(settled, self._ticket(settled)) if settled else None
        return Performed(collected[1], 1, *collected[::2]) if collected else None

    async def see_end(self, task: Task) -> bool:
        """Ask after a task of a dead process until the provider has ended it, so that its slot is free; whether it was
        taken at all. Raises EditError, StoreError.
        """
        await self._compare_clocks()
        if settled := await self._settled(task):
            await self._ended(settled, self._ticket(settled))
        return settled is not None

    async def unattended(self) -> list[Task]:
        """What dead runs left, which is ours from now on, and what no job of this run waits for any more."""
        await self.write(self.ledger.orphans, self.now())
        return [task for task in await self.write(self.ledger.ours) if not self._attended[task.key]]

    async def write(self, work: Callable[..., T], *values: Any, **facts: Any) -> T:
        """Have the ledger do something."""
        return await self.ledger.write(work, *values, **facts)

    def now(self) -> float:
        """Seconds since 1970, as the ledger has them."""
        return self._clock.now().timestamp()

    @property
    def _ahead_s(self) -> float:
        return self.service.offset_s or 0.0

    async def _compare_clocks(self) -> None:
        """Learn the provider's time before anything is sent, so that it can be found by it if no answer comes, and
        before a task is asked for, whose age is told by it. Raises EditError when nothing can be reached.
        """
        async with self._comparing:
            if self.service.offset_s is None:
                moment, minute = self._clock.now(), timedelta(minutes=1)
                try:
                    await self.service.tasks(moment - minute, moment, None)
                except EditError as error:
                    # Every answer tells the time, a refusal too.
                    if self.service.offset_s is None and error.code in OUTAGES:
                        raise

    async def _moment(self) -> tuple[float, float | None]:
        """The time by this machine, and what the provider's clock is ahead of that: one moment, also where ours was set
        since they were compared. Raises EditError when nothing can be reached.
        """
        await self._compare_clocks()
        # In this order: a clock that is set in between is told by the second.
        return self.now(), self.service.offset_s

    async def leave(self) -> dict[str, Task]:
        """Stop asking, finish writing, and close the ledger; the tasks of this run that are still on their way, by job.

        Raises StoreError.
        """
        await self.service.aclose()
        try:
            return await self.write(self.ledger.under_way)
        finally:
            self.ledger.close()

    # -- what is there already

    async def _found(self, order: Order, passed_over: Collection[State]) -> tuple[Task, Any] | None:
        while True:
            moment, offset_s = await self._moment()
            now = moment + (offset_s or 0.0)
            if not (task := await self.write(self.ledger.current, order.call.key, now, passed_over)):
                return None
            if self.ledger.may_go_on(task):
                settled = await self._settled(task)
                return (settled, self._ticket(settled, order)) if settled else None
            await self._nap(order, NAP_S)

    async def _settled(self, task: Task) -> Task | None:
        """The task once its id is known; None when the provider never had it. Raises EditError when nobody can tell."""
        if task.state is State.UNCERTAIN:
            raise EditError("Uncertain", f"{sentence(task.detail)} {AGAIN}", Again.UNSURE)
        if task.state is State.INTENT:
            await self.write(self.ledger.move, task, State.FAILED, self.now(), "withdrawn before it was sent")
            return None
        if task.state is State.SENDING:
            return await self._settled(await self._looked_for(task))
        if task.state is State.FAILED:
            return None
        if task.state is State.LOST:
            raise EditError("TaskLost", task.detail, Again.LOST)
        if task.task_id is None:
            why = f"{task.model} answered at once, and the process that it answered ended before the pictures were kept"
            await self._lost(task, lost := EditError("TaskLost", why, Again.LOST))
            raise lost
        return task

    async def _looked_for(self, task: Task) -> Task:
        self.unanswered[task.lane] += 1
        try:
            return await self._search.settle(task)
        finally:
            self.unanswered[task.lane] -= 1

    def _ticket(self, task: Task, order: Order | None = None) -> Any:
        taken_at = datetime.fromtimestamp(task.taken_at - self._ahead_s, UTC)
        return self.service.ticket(order.call if order else task.call, str(task.task_id), taken_at)

    # -- sending

    async def _sent(self, order: Order, passed_over: Collection[State]) -> tuple[Task, Any]:
        self._require_going(order)
        if not self.budget.allows(order.usd):  # before it takes a turn in its lane, or uploads anything
            raise OverBudget(self.budget.complaint(order.usd), order.usd)
        # What is under way needs room, too.
        if complaint := self.room.complaint((self.service.waiting + 1) * order.images * order.call.pixels):
            raise NoRoom(complaint)
        began, prepared = self._clock.monotonic(), None
        while True:
            prepared = prepared or await self.service.prepare(order.call)
            task = await self._fenced(order, passed_over)
            # Its price is set aside, and settled only with it.
            if sent := await self._submitted(task, order, prepared, began):
                return sent

    async def _fenced(self, order: Order, passed_over: Collection[State]) -> Task:
        """A task whose price is set aside, and with nothing left to do but to send it."""
        while True:
            task = await self._claimed(order, passed_over)
            if task.state is not State.INTENT:
                raise EditError("Elsewhere", "another wanflow sent the same request", Again.SOON)
            # Not before its turn has come: what merely waits must not take the money of others.
            if not self.budget.reserve(order.usd):
                why = self.budget.complaint(order.usd)
                await self.write(self.ledger.move, task, State.FAILED, self.now(), f"withdrawn: {why}")
                raise OverBudget(why, order.usd)
            fenced = False
            try:
                moment, offset_s = await self._moment()
                fenced = await self.write(self.ledger.fence, task, moment, offset_s)
            finally:
                if not fenced:
                    self.budget.settle(order.usd)
            if fenced:
                return replace(task, state=State.SENDING, sent_at=moment, offset_s=offset_s)

    async def _submitted(self, task: Task, order: Order, prepared: Any, began: float) -> tuple[Task, Any] | None:
        """What became of the request; None where it came too early and may be sent again."""
        asked = self._clock.monotonic()
        try:
            ticket = await self.service.submit(prepared)
        except EditError as error:
            waited_s = self._clock.monotonic() - began
            if error.again is Again.THROTTLED and waited_s > PATIENCE_S:
                # Whoever comes next would wait as long for nothing.
                error = EditError(error.code, error.message, Again.MODEL)
            if error.again is Again.UNSURE:
                await self._give_up(task, self._clock.monotonic() - asked)
            if error.again is not Again.THROTTLED:
                settled = await self._unanswered(task, error)
                return settled, self._ticket(settled, order)
            self._tell_slow(order, error, waited_s)
            await self.write(self.ledger.refused, task, order, str(error), self.now(), error.retry_after_s)
            self._settle_price(task, 0)
            return None
        moment = self.now()
        await self.write(self.ledger.accepted, task, order, ticket.task_id or None, moment)
        self.sent[order.lane] += 1
        return replace(task, state=State.SUBMITTED, task_id=ticket.task_id or None, submitted_at=moment), ticket

    async def _claimed(self, order: Order, passed_over: Collection[State]) -> Task:
        began = self._clock.monotonic()
        while True:
            moment, offset_s = await self._moment()
            claimed = await self.write(self.ledger.claim, order, moment, passed_over, offset_s or 0.0)
            if not isinstance(claimed, Wait):
                return claimed
            await self._tell_full(order, self._clock.monotonic() - began)
            await self._nap(order, claimed.seconds)

    async def _nap(self, order: Order, seconds: float) -> None:
        # In short naps: what the lane learns meanwhile, and a Ctrl-C, count for those who wait already.
        self._require_going(order)
        await self._clock.sleep(min(seconds, NAP_S))
        self._require_going(order)

    def _require_going(self, order: Order) -> None:
        if self._retries.stopping() or order.lane in self.closed:
            raise NotStarted

    def _close(self, order: Order, error: EditError) -> None:
        """Send nothing more in a lane that the account can't use; what is in flight there is finished."""
        if error.again is Again.MODEL and order.lane not in self.closed:
            self.closed[order.lane] = error
            self._retries.note(f"{error.code}. Nothing more is sent to {order.call.model}; the rest goes on")

    def _tell_slow(self, order: Order, error: EditError, waited_s: float) -> None:
        """Say once a minute that a lane waits; that a request comes a few seconds early is no news."""
        if waited_s > QUIET_S and self._news.is_due(order.lane, TOLD_EVERY_S):
            self._retries.note(f"{order.job}: {error}; sent again, for up to {PATIENCE_S / 60:.0f} minutes")

    async def _tell_full(self, order: Order, waited_s: float) -> None:
        """Say now and then what a lane waits for, when that takes longer than tasks do."""
        if waited_s > FULL_S and self._news.is_due(order.lane, FULL_S):
            tasks = await self.write(self.ledger.in_flight, order.lane)
            named = [f"{task.job} of {task.project} ({task.task_id or task.state})" for task in tasks[:NAMED]]
            more = [f"{len(tasks) - NAMED} more"] if len(tasks) > NAMED else []
            occupied = ", ".join([*named, *more]) or "nothing any more"
            self._retries.note(f"{order.job}: waiting for {waited_s / 60:.0f} minutes; its lane is held by {occupied}")

    async def _give_up(self, task: Task, waited_s: float) -> None:
        """Write down since when no answer is waited for: a process that is stopped amid a request sends it only when it
        goes on, so that only from now on the provider has all of it, or never will.
        """
        with suppress(EditError):  # nobody can be reached: this machine's clock has to do
            await self._compare_clocks()
        if self.service.offset_s is not None and task.offset_s is not None:
            waited_s = max(waited_s, self.now() + self.service.offset_s - task.taken_at)
        gone_at = (task.sent_at or task.at) + waited_s
        await self.write(self.ledger.move, task, State.SENDING, gone_at, "no answer came")

    async def _unanswered(self, task: Task, error: EditError) -> Task:
        """The task after all, though its request was not answered with it. Raises the error where it was not taken."""
        if error.again is Again.UNSURE:
            if self.service.lists(task.call):
                self._retries.note(f"{task.job}: {error.message}; asking the service whether it was taken")
            if settled := await self._settled(await self._looked_for(task)):
                return settled
            raise EditError("NotTaken", "the request never arrived; nothing was paid", Again.SOON) from error
        await self._failed(task, str(error))
        raise error

    # -- collecting

    async def _collected(self, task: Task, ticket: Any) -> tuple[Task, Result, float | None] | None:
        """The task as it then stands, its stored pictures, and the seconds of work on them; None when they were fetched
        before and are gone.
        """
        done, ending = await self._ended(task, ticket)
        if ending is None:
            return None
        try:
            result = await self.service.fetch(ticket, ending)
        except EditError as error:
            if not task.task_id:
                message = (
                    f"{sentence(error.message)} {task.model} answers at once, so there is no task to be asked again"
                )
                error = EditError(error.code, message, Again.LOST)
            if error.again is Again.LOST:
                await self._lost(done, error)
                if task.state is State.STORED:
                    return None
            raise error
        found_by_time = (look_at(task, result),) if task.detail else ()
        billed = 0 if task.state is State.STORED else result.billed
        return done, replace(result, billed=billed, warnings=(*result.warnings, *found_by_time)), ending.seconds

    async def _ended(self, task: Task, ticket: Any) -> tuple[Task, Ending | None]:
        """Wait for a task's end and note it. Raises EditError for one that failed."""
        self.at_provider[task.lane] += 1
        try:
            ending = await self.service.wait(ticket)
        finally:
            self.at_provider[task.lane] -= 1
        if ending.error is None:
            if task.state is State.SUBMITTED:
                if await self.write(self.ledger.move, task, State.DONE, self.now(), task.detail, billed=ending.billed):
                    self._settle_price(task, ending.billed)
                task = replace(task, state=State.DONE, billed=ending.billed)
            return task, ending
        if ending.error.again is Again.LOST:
            await self._lost(task, ending.error)
        else:
            await self._failed(task, str(ending.error))
        if task.state is State.STORED:
            return task, None
        raise ending.error

    async def _lost(self, task: Task, error: EditError) -> None:
        # Nobody says whether a task that vanished was billed; the ledger counts it as if.
        billed = task.billed or task.images
        moved = await self.write(self.ledger.move, task, State.LOST, self.now(), str(error), billed=billed)
        if moved and task.state is State.SUBMITTED:
            self._settle_price(task, billed)

    async def _failed(self, task: Task, why: str) -> None:
        if await self.write(self.ledger.move, task, State.FAILED, self.now(), why):
            self._settle_price(task, 0)

    def _settle_price(self, task: Task, billed: int) -> None:
        if task.run == self.ledger.owner.run and task.usd_image is not None:
            self.budget.settle(task.usd_image * task.images, task.usd_image * billed)
