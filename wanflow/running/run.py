"""THE loop: turns a plan into outcomes. Starts jobs row by row as lanes allow and chains their pictures.

Equal work is done once. A job that fails blocks only what needs its picture; every other row goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime

from wanflow.backends import Backend
from wanflow.backends.draft import FREE
from wanflow.errors import Again, EditError, StoreError, unwritable
from wanflow.language.expand import RowError
from wanflow.limits.budget import Budget
from wanflow.limits.lanes import Lanes
from wanflow.model import Call, Reason, Result, Status
from wanflow.paying.attempts import NoRoom, NotStarted, OverBudget, Performed, Retries
from wanflow.paying.payments import Payments
from wanflow.paying.salvage import Salvage
from wanflow.planning.decide import PROXY
from wanflow.planning.outputs import Publisher
from wanflow.planning.plan import Planner
from wanflow.record import RunRecord
from wanflow.running.calls import Calls
from wanflow.running.endings import Endings, as_edit_error
from wanflow.running.fetch import Fetcher
from wanflow.running.fetching import LANE, Fetching
from wanflow.running.halt import Halt
from wanflow.running.keeping import Keeping
from wanflow.running.leaders import Leaders
from wanflow.running.listener import LaneUse, Listener, Usage
from wanflow.running.progress import Progress
from wanflow.running.publishing import Publishing
from wanflow.running.putoff import PutOff
from wanflow.running.schedule import Job, Schedule
from wanflow.running.tries import Tries
from wanflow.store.claims import Claims
from wanflow.store.tasks import Order, Task

ELSEWHERE_S = 0.2


class Run:
    """One run of one plan."""

    def __init__(
        self,
        planner: Planner,
        backend: Backend,
        publisher: Publisher,
        lanes: Lanes,
        listener: Listener,
        halt: Halt,
        retries: Retries,
        fetcher: Fetcher,
        payments: Payments | None = None,
    ) -> None:
        self.planner, self.plan, self.steps = planner, planner.plan, planner.plan.steps
        self.index, self.blobs, self.inputs = planner.index, planner.blobs, planner.inputs
        if unknown := {terms.lane for terms in self.plan.terms.values() if terms.lane not in lanes}:
            raise ValueError(f"no limits are set for the lanes {unknown}")
        self.backend, self.lanes, self.clock, self.halt = backend, lanes, retries.clock, halt
        self.retries, self.payments = retries, payments
        self.listener = listener
        self.progress = Progress(planner, listener, self.halt)
        self.tries = Tries(planner, self.progress)
        self.calls = Calls(planner, self.progress, self.tries)
        self.keeping = Keeping(planner, self.progress, self.calls, halt, retries.clock)
        self.salvage = None
        if payments:
            self.salvage = Salvage(payments, retries.clock, self.keeping.keep_salvaged, listener.note, halt.for_store)
        self.publishing = Publishing(self.progress, publisher, planner.index, listener, self.halt)
        self.fetching = Fetching(planner.inputs, fetcher, retries, halt)
        self.claims = Claims(planner.blobs.root)
        self.put_off = PutOff(listener.note)
        self._leaders = Leaders()
        self._tasks: set[asyncio.Task[None]] = set()
        self._began = 0.0
        self._far = {self._lane(number) for number, step in enumerate(self.steps) if not step.function.is_local}

    # -- from outside

    def stop(self) -> None:
        """Start nothing more; what is under way is finished and stored."""
        self.halt.interrupt(at_once=False)
        if self.salvage:
            self.salvage.leave()

    def abort(self) -> None:
        """End what is under way, too; nothing half-made stays."""
        self.halt.interrupt(at_once=True)
        for task in self._tasks:
            task.cancel()

    @property
    def waiting(self) -> int:
        """How many tasks at the provider are waited for."""
        return self.payments.service.waiting if self.payments else 0

    def usage(self) -> Usage:
        """What it uses now."""
        lanes = tuple(self._lane_use(*use) for use in self.lanes.use())
        budget = self.payments.budget if self.payments else Budget()
        return Usage(lanes, budget.spent, budget.in_flight, budget.cap, self.halt.stopping, self.halt.interrupted)

    def _lane_use(self, lane: str, slots: int, taken: int) -> LaneUse:
        if not (self.payments and lane in self._far):
            return LaneUse(lane, slots, taken)
        queued = max(0, self.payments.at_provider[lane] - slots)
        sent, unanswered = self.payments.sent[lane], self.payments.unanswered[lane]
        return LaneUse(lane, slots, min(taken, slots), queued, sent, unanswered)

    async def run(self, run_id: str) -> RunRecord:
        """Do what the plan says; `halt.store_error` tells afterwards when nothing more could be written."""
        started, self.keeping.run_id = self.clock.now(), run_id
        self._began = self.clock.monotonic()
        for key, sha256 in self.plan.damaged.items():
            if self.blobs.fault(sha256):  # another run may have mended it since the plan
                self.blobs.discard(sha256)
                self.index.forget(key)
        self._schedule = Schedule([*(self.plan.terms[step.id].lane for step in self.steps), LANE], self.progress.open())
        shared = (self.progress, self.tries, self.calls, self.keeping, self.publishing, self.halt)
        self._endings = Endings(self.planner, self._schedule, self._leaders, *shared)
        self._urls = list(self.progress.fetches)
        for state in self.progress.rows.values():
            self.publishing.add(state, state.entry.restores)
        self.listener.began(self.usage)
        try:
            with self.halt.guard():
                await self._with_salvage()
        finally:
            self.progress.leave(await self._left_at_the_provider())
            self.progress.flush()
        return self._record(run_id, started)

    async def _left_at_the_provider(self) -> Mapping[str, Task]:
        """Closes the ledger; what this run leaves there, by job."""
        if not self.payments:
            return {}
        with self.halt.guard():
            return await self.payments.leave()
        return {}

    def _record(self, run_id: str, started: datetime) -> RunRecord:
        record = self.progress.record(run_id, started, self.clock.now())
        unwritten = self.publishing.unwritten + self.progress.not_shown
        record.written, record.not_written = self.publishing.written, self.publishing.not_written + unwritten
        counts = record.counts()
        undone = unwritten or counts[Status.NOT_STARTED] or counts[Status.LEFT]
        record.interrupted = self.halt.interrupted and bool(undone)
        record.account_stopped = bool(self.halt.account_error or (self.payments and self.payments.closed))
        record.over_budget, record.fetched = bool(self.put_off), self.keeping.fetched
        return record

    # -- the loop itself

    async def _with_salvage(self) -> None:
        if not self.salvage:
            return await self._drive()
        try:
            await self.salvage.start()
            await self._drive()
            if not self.halt.stopping:
                self._spawn(self.salvage.finish())
                await self._drive()
        finally:
            await self.salvage.stop()

    async def _drive(self) -> None:
        while True:
            for writing in self.publishing.start():
                self._spawn(writing)
            self._start_jobs()
            if not self._tasks:
                if self.halt.stopping or not (self.publishing.waiting or self._take_up()):
                    return
                continue
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            self._tasks -= done
            for task in done:
                if not task.cancelled():
                    task.result()

    def _take_up(self) -> bool:
        """Go on with what was too dear, where that has changed; whether there is any."""
        fit = self.put_off.take(self.payments.budget) if self.payments else []
        for job in fit:
            self._schedule.again(job)
        return bool(fit)

    def _start_jobs(self) -> None:
        while not self.halt.stopping and (job := self._schedule.take(self.lanes.open())):
            if job[1] == len(self.steps):
                self.lanes.take(LANE)
                self._spawn(self._fetch(job))
                continue
            if self._endings.some_left_out and self.plan.lacks_pictures(job[0], self.steps[job[1]]):
                self._endings.leave_out(job, Reason.SKIPPED)
                continue
            try:
                call, parts = self.calls.call(job, some_left_out=self._endings.some_left_out)
            except (RowError, EditError) as error:
                self._endings.fail(job, as_edit_error(error))
                continue
            self.progress.rows[job[0]].requests[self.steps[job[1]].id] = parts
            if self._leaders.follow(job, call.key):
                continue
            if result := self._known(job, call.key):
                self._offer(job, call.key, result)
            elif refusal := self.planner.decider.requests.refusal(call.key):
                self._endings.fail(job, EditError(*refusal, Again.NEVER))
            else:
                self._lead(job, call, parts)

    async def _fetch(self, job: Job) -> None:
        """Fetch a picture; whatever takes it finds it then, or why it is not there."""
        url = self._urls[job[0]]
        try:
            await self.fetching.fetch(url)
        finally:
            self.lanes.free(LANE)
        self._schedule.done(job)
        for state, name, publication in self.progress.fetched(url):
            self.publishing.add_fetched(state, name, publication)

    def _lead(self, job: Job, call: Call, parts: str) -> None:
        """Do a job that no other of this run does, unless another wanflow is at it."""
        try:
            claim = self.claims.take(call.key)
        except OSError as error:
            self._endings.fail(job, EditError("StoreNotWritten", unwritable(self.blobs.root, error)))
            return
        if claim is None:
            self._spawn(self._wait_for_other(job))
            return
        if result := self._known(job, call.key):  # it was finished between the look and the claim
            self.claims.free(call.key, claim)
            self._offer(job, call.key, result)
            return
        self._leaders.lead(job, call.key)
        self.lanes.take(self._lane(job[1]))
        step = self.steps[job[1]].id
        self.listener.started(self.progress.rows[job[0]].address(step), step)
        self._spawn(self._perform(job, call, parts, claim))

    async def _wait_for_other(self, job: Job) -> None:
        """Another wanflow works on this job's key: look again a little later, without holding a slot."""
        await self.clock.sleep(ELSEWHERE_S)
        self._schedule.again(job)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    def _known(self, job: Job, key: str) -> Result | None:
        """The stored result of a key, unless everything shall be made anew and this one wasn't yet."""
        if self.planner.decider.force and key not in self.calls.made:
            return None
        if enough := self.calls.enough(job):
            return enough
        result = self.index.result(key)
        if result and (self.blobs.fault(result.blobs[0].sha256) or self._is_refused(result)):
            return None
        return result

    async def _perform(self, job: Job, call: Call, parts: str, claim: int) -> None:
        step = self.steps[job[1]]
        began = self.clock.monotonic()
        span = self.progress.rows[job[0]].begin(step.id, began - self._began)
        try:
            await self.planner.supplier.check_made(step, call.inputs)
            performed = await self._performed(job, call, parts)
            self._require_fidelity(performed.result)
        except OverBudget as over:
            self.put_off.add([job, *self._leaders.release(job)], over)
            span.clear()
        except NoRoom as full:
            span.clear()
            self.halt.for_store(StoreError(str(full)))
            self._leaders.release(job)
        except NotStarted:
            span.clear()
            self._leaders.release(job)
        except EditError as error:
            self.keeping.note_refusal(call.key, error)
            self._endings.fail(job, error, error.attempts)
        except StoreError as error:
            self._endings.fail(job, EditError("StoreNotWritten", str(error)))
        else:
            await self._finish(job, call, parts, performed, self.clock.monotonic() - began)
        finally:
            if span:  # what never began has none
                span[1] = self.clock.monotonic() - began
            self.claims.free(call.key, claim)
            self.lanes.free(self._lane(job[1]))

    async def _performed(self, job: Job, call: Call, parts: str) -> Performed:
        step, address = self.steps[job[1]], self.progress.rows[job[0]].address(self.steps[job[1]].id)
        if not self.payments or step.function.is_local:
            return await self.retries.perform(self.backend, address, call)
        terms = self.plan.terms[step.id]
        recipe = self.inputs.relative(self.plan.recipe.file)
        order = Order(call, terms.lane, terms.limits, terms.usd, parts, recipe, address)
        return await self.payments.perform(order, afresh=self.planner.decider.force)

    async def _finish(self, job: Job, call: Call, parts: str, performed: Performed, seconds: float) -> None:
        """Remember a result; only then look at it, which may take long, and tell what goes on of it."""
        result, step = performed.result, self.steps[job[1]]
        kept = self.keeping.keep(job, call, parts, performed, seconds)
        usd = FREE if self.keeping.paid_before(performed.task) else self.keeping.cost(step, result.billed)
        usd = self._endings.came(job, call.key, result, usd)
        try:
            if kept:
                await self._paid_for(performed)
            await self._endings.measured(job, result)
        except asyncio.CancelledError:
            self._endings.cut_short(job, result, usd, performed.attempts)
            raise
        followers = self._leaders.release(job)
        self._endings.done(job, call.key, result, usd, performed.attempts, seconds)
        for follower in followers:
            self._offer(follower, call.key, result)

    async def _paid_for(self, performed: Performed) -> None:
        """The pictures of a paid task are in the index, so nobody has to ask for them again."""
        if self.payments and performed.task:
            with self.halt.guard():
                await self.payments.stored(performed.task)

    def _lane(self, step: int) -> str:
        return self.plan.terms[self.steps[step].id].lane

    def _is_refused(self, result: Result) -> bool:
        return self.planner.decider.no_proxy and result.fidelity == PROXY

    def _require_fidelity(self, result: Result) -> None:
        if self._is_refused(result):
            why = "; ".join(result.warnings) or "this edit needs a generative model"
            raise EditError("ProxyRefused", f"only a picture stamped DRAFT came out, and --no-proxy was given: {why}")

    # -- what becomes of a result

    def _offer(self, job: Job, key: str, result: Result) -> None:
        """An open job needs no work, if what is there will do."""
        if self.steps[job[1]].expect:
            self._spawn(self._reuse_measured(job, key, result))
        else:
            self._endings.reuse(job, key, result)

    async def _reuse_measured(self, job: Job, key: str, result: Result) -> None:
        await self._endings.measured(job, result)
        self._endings.reuse(job, key, result)
