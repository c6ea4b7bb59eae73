"""THE loop: turns a plan into outcomes. Starts jobs row by row as lanes allow and chains their pictures.

Equal work is done once. A job that fails blocks only what needs its picture; every other row goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from wanflow.backends import Backend
from wanflow.backends.draft import FREE
from wanflow.errors import Again, EditError, StoreError, unwritable
from wanflow.functions.sizes import Size, base
from wanflow.judging.gates import FAILED
from wanflow.language import hints
from wanflow.language.expand import Job as Made
from wanflow.language.expand import RowError
from wanflow.language.recipe import Step
from wanflow.limits.lanes import Lanes
from wanflow.model import Blob, Call, Chosen, Reason, Ref, RefKind, Result, Source, Status
from wanflow.paying.attempts import NoRoom, NotStarted, OverBudget, Performed, Retries
from wanflow.paying.payments import Payments
from wanflow.paying.salvage import Salvage
from wanflow.planning.decide import PROXY
from wanflow.planning.further import Asked, Begun, first_of, together
from wanflow.planning.outputs import Publisher
from wanflow.planning.plan import Planner
from wanflow.planning.supply import Supply
from wanflow.record import RunRecord
from wanflow.running.fetch import Fetcher
from wanflow.running.fetching import LANE, Fetching
from wanflow.running.halt import Halt
from wanflow.running.listener import Listener
from wanflow.running.progress import Progress, numbered
from wanflow.running.publishing import Publishing
from wanflow.running.putoff import PutOff
from wanflow.running.schedule import Job, Schedule
from wanflow.running.tries import Tries
from wanflow.store.claims import Claims
from wanflow.store.history import Making
from wanflow.store.tasks import Order, Task

ELSEWHERE_S = 0.2
# Failures of one job's own files, which say nothing about equal work from other files.
_OWN_FILES = ("InputMissing", "InputChanged")


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
        self.salvage = None
        if payments:
            self.salvage = Salvage(payments, retries.clock, self._keep_salvaged, listener.note, halt.for_store)
        self.progress = Progress(planner, listener, self.halt)
        self.tries = Tries(planner, self.progress)
        self.publishing = Publishing(self.progress, publisher, planner.index, listener, self.halt)
        self.fetching = Fetching(planner.inputs, fetcher, retries, halt)
        self.claims = Claims(planner.blobs.root)
        self.put_off = PutOff(listener.note)
        self.kept = 0  # new pictures that a rerun will find
        self.fetched = 0  # tasks that another run paid for
        self._run_id = ""
        self._followers: dict[str, list[Job]] = {}
        self._leading: dict[Job, str] = {}
        self._again: deque[Job] = deque()
        self._made: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._some_left_out = False  # of what the plan thought would be made
        self._further: dict[Job, tuple[Begun, Asked]] = {}  # jobs of which only a part is asked for
        self._bases: dict[Job, Blob | None] = {}  # what pictures are compared with
        self._assumed: dict[Job, tuple[Size | None, Size | None]] = {}  # its image's size, and its own by the rule

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

    async def run(self, run_id: str) -> RunRecord:
        """Do what the plan says; `halt.store_error` tells afterwards when nothing more could be written."""
        started, self._run_id = self.clock.now(), run_id
        for key, sha256 in self.plan.damaged.items():
            if self.blobs.fault(sha256):  # another run may have mended it since the plan
                self.blobs.discard(sha256)
                self.index.forget(key)
        self._schedule = Schedule([*(self.plan.terms[step.id].lane for step in self.steps), LANE], self.progress.open())
        self._urls = list(self.progress.fetches)
        for state in self.progress.rows.values():
            self.publishing.add(state, state.entry.restores)
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
        record.over_budget, record.fetched = bool(self.put_off), self.fetched
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
        self._again.extend(fit := self.put_off.take(self.payments.budget) if self.payments else [])
        return bool(fit)

    def _start_jobs(self) -> None:
        while not self.halt.stopping and (job := self._next()):
            if job[1] == len(self.steps):
                self.lanes.take(LANE)
                self._spawn(self._fetch(job))
                continue
            if self._some_left_out and self.plan.lacks_pictures(job[0], self.steps[job[1]]):
                self._leave_out(job, Reason.SKIPPED)
                continue
            try:
                call, parts = self._call(job)
            except (RowError, EditError) as error:
                self._fail(job, _as_edit_error(error), 0)
                continue
            if result := self._known(job, call.key):
                self._offer(job, call.key, result)
            elif refusal := self.planner.decider.refusal(call.key):
                self._fail(job, EditError(*refusal, Again.NEVER), 0)
            elif call.key in self._followers:
                self._followers[call.key].append(job)
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
            self._fail(job, EditError("StoreNotWritten", unwritable(self.blobs.root, error)), 0)
            return
        if claim is None:
            self._spawn(self._wait_for_other(job))
            return
        if result := self._known(job, call.key):  # it was finished between the look and the claim
            self.claims.free(call.key, claim)
            self._offer(job, call.key, result)
            return
        self._followers[call.key] = []
        self._leading[job] = call.key
        self.lanes.take(self._lane(job[1]))
        self._spawn(self._perform(job, call, parts, claim))

    async def _wait_for_other(self, job: Job) -> None:
        """Another wanflow works on this job's key: look again a little later, without holding a slot."""
        await self.clock.sleep(ELSEWHERE_S)
        self._again.append(job)

    def _next(self) -> Job | None:
        if self._again and self._lane(self._again[0][1]) in self.lanes.open():
            return self._again.popleft()
        return self._schedule.take(self.lanes.open())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    def _call(self, job: Job) -> tuple[Call, str]:
        place, step = job[0], self.steps[job[1]]
        row = self.progress.rows[place].entry.row
        made_of = self.planner.expansion.another(self.planner.expansion.job(step, row), self.tries.unfit(job))
        pictures = self._pictures(place, step)
        # What is fetched, or made by others, may be of another size than the plan thought, and some may not be there.
        taken = {slot: _supply(ref, source) for slot, (ref, source) in pictures.items()}
        if self._some_left_out or self.plan.fetches:
            self.planner.supplier.check_number(step, row, sum(slot.startswith("images.") for slot in taken))
        self.planner.supplier.check_sizes(step, row, taken)
        sources = {slot: source for slot, (_, source) in pictures.items()}
        inputs = {slot: (str(self.inputs.root / source.path), source.blob.sha256) for slot, source in sources.items()}
        sizes = {slot: source.blob.size for slot, source in sources.items()}
        made = self.planner.expansion.size(made_of, sizes)
        self._assumed[job] = base(sizes), made
        pixels = max(width * height for width, height in (*sizes.values(), made or (0, 0)))
        digests = {slot: sha256 for slot, (_, sha256) in inputs.items()}
        if region := self.planner.expansion.region(step, row, None):
            digests[hints.REGION] = hints.symbol(region)
        asked = self._asked(job, made_of, digests)
        if step.candidates > 1 or step.expect:
            self._bases[job] = self.planner.decider.base({slot: Supply.of(source) for slot, source in sources.items()})
        return Call(asked.key, step.function.name, asked.parameters, inputs, region, step.model, pixels), asked.parts

    def _asked(self, job: Job, made_of: Made, digests: Mapping[str, str]) -> Asked:
        """The request for a job, or for what is missing of it."""
        decider = self.planner.decider
        whole = decider.asked(made_of, digests)
        begun = decider.begun(made_of, whole, self.index.result(whole.key))
        self._further.pop(job, None)
        if begun is None:
            return whole
        self._further[job] = begun, whole
        return decider.asked(made_of, digests, begun) if begun.missing else whole

    def _pictures(self, place: int, step: Step) -> dict[str, tuple[Ref, Source]]:
        """What a job takes, by slot; of steps.ID.all, every picture has one."""
        found: dict[str, tuple[Ref, Source]] = {}
        several: list[tuple[Ref, Source]] = []
        for slot, (at, ref) in self.plan.sources(place, step).items():
            if not slot.startswith("images."):
                found[slot] = ref, self._picture(at, ref, step, slot)
            elif ref.every:
                several += [(ref, self._stored(blob)) for blob in self.progress.rows[at].chosen[ref.name].every]
            else:
                several.append((ref, self._picture(at, ref, step, slot)))
        return found | {f"images.{number}": picture for number, picture in enumerate(several)}

    def _picture(self, place: int, ref: Ref, step: Step, slot: str) -> Source:
        state = self.progress.rows[place]
        if ref.kind is RefKind.STEP:
            return self._stored(state.blobs[ref.name])
        return self.planner.supplier.file(ref, state.entry.row, step.slot_place(slot))

    def _stored(self, blob: Blob) -> Source:
        return Source(str(self.blobs.path(blob.sha256)), blob)

    def _known(self, job: Job, key: str) -> Result | None:
        """The stored result of a key, unless everything shall be made anew and this one wasn't yet."""
        if self.planner.decider.force and key not in self._made:
            return None
        further = self._further.get(job)
        if further and not further[0].missing:
            return first_of(further[0].result, self.steps[job[1]].candidates)
        result = self.index.result(key)
        if result and (self.blobs.fault(result.blobs[0].sha256) or self._is_refused(result)):
            return None
        return result

    async def _perform(self, job: Job, call: Call, parts: str, claim: int) -> None:
        step = self.steps[job[1]]
        began = self.clock.monotonic()
        try:
            await self.planner.supplier.check_made(step, call.inputs)
            performed = await self._performed(job, call, parts)
            self._require_fidelity(performed.result)
            await self._measured(job, performed.result)
        except OverBudget as over:
            self.put_off.add([job, *self._release_unstarted(job)], over)
        except NoRoom as full:
            self.halt.for_store(StoreError(str(full)))
            self._release_unstarted(job)
        except NotStarted:
            self._release_unstarted(job)
        except EditError as error:
            self._note_refusal(call.key, error)
            self._fail(job, error, error.attempts)
        except StoreError as error:
            self._fail(job, EditError("StoreNotWritten", str(error)), 0)
        else:
            if self._keep(job, call, parts, performed, self.clock.monotonic() - began):
                await self._paid_for(performed)
        finally:
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

    def _note_refusal(self, key: str, error: EditError) -> None:
        if error.again is Again.REFUSED:
            with self.halt.guard(), self.index.transaction():
                self.index.note_refusal(key, error.code, error.message)

    async def _paid_for(self, performed: Performed) -> None:
        """The pictures of a paid task are in the index, so nobody has to ask for them again."""
        if self.payments and performed.task:
            with self.halt.guard():
                await self.payments.stored(performed.task)

    def _paid_before(self, task: Task | None) -> bool:
        """Whether a picture is of a task that another run sent, whose record has its price; counted."""
        before = bool(self.payments and task and task.run != self.payments.ledger.owner.run)
        self.fetched += before
        return before

    def _keep_salvaged(self, task: Task, performed: Performed) -> bool:
        """Remember what an earlier run paid for and no job of this one took; false when that can't be written."""
        usd = None if task.usd_image is None else task.usd_image * performed.result.billed
        making = Making(task.recipe, task.job, task.run, self.clock.now(), usd)
        with self.halt.guard():
            with self.index.transaction():
                self.index.remember(task.key, performed.result, task.components, making)
            self._paid_before(task)
            return True
        return False

    def _release_unstarted(self, job: Job) -> list[Job]:
        """A job is not sent: it, and what waited for its picture (given), stays as not started."""
        return self._followers.pop(self._leading.pop(job), [])

    def _lane(self, step: int) -> str:
        return self.plan.terms[self.steps[step].id].lane

    def _cost(self, step: Step, images: int) -> Decimal | None:
        """What so many images cost; None when that is not known."""
        usd = self.plan.terms[step.id].usd
        return images * usd if usd is not None else None if images else FREE

    def _is_refused(self, result: Result) -> bool:
        return self.planner.decider.no_proxy and result.fidelity == PROXY

    def _require_fidelity(self, result: Result) -> None:
        if self._is_refused(result):
            why = "; ".join(result.warnings) or "this edit needs a generative model"
            raise EditError("ProxyRefused", f"only a picture stamped DRAFT came out, and --no-proxy was given: {why}")

    def _keep(self, job: Job, call: Call, parts: str, performed: Performed, seconds: float) -> bool:
        """Remember and tell a result; false when it could not be remembered."""
        state, step, result = self.progress.rows[job[0]], self.steps[job[1]], performed.result
        kept = False
        with self.halt.guard():
            with self.index.transaction():
                making = self._making(state.address(step.id), step, performed)
                self.index.remember(call.key, result, parts, making)
                names = [numbered(name, self.tries.unfit(job) + 1) for name in self.progress.names(state, step.id)]
                self.index.note_jobs(self.plan.identity, [(name, call.key) for name in names])
                self._learn(step, performed, seconds)
                self.planner.decider.sizing.note(step, *self._assumed.pop(job), result.blobs[0].size)
            kept = True
            self.kept += 1
        self._made.add(call.key)
        usd = FREE if self._paid_before(performed.task) else self._cost(step, result.billed)
        followers = self._followers.pop(self._leading.pop(job))
        if step.expect:  # before it is judged, so that it counts whatever becomes of that
            self.tries.paid(job, call.key, result, usd)
            usd = FREE
        billed = result.billed if usd != FREE and not step.expect else 0
        if found := self._judged(job, call.key, result, performed.attempts, billed):
            outcome = state.end(step.id, Status.DONE, *found)
            outcome.attempts, outcome.seconds = performed.attempts, seconds
            outcome.task_id = result.task_id
            state.charge(outcome, usd)
            self.progress.tell(step.id, outcome)
            self._succeed(job)
        for follower in followers:
            self._offer(follower, call.key, result)
        return kept

    def _learn(self, step: Step, performed: Performed, seconds: float) -> None:
        """Remember how long a job took; a paid one by what the provider tells, without the time that it waited."""
        took = seconds if performed.task is None else performed.seconds
        if took is not None:
            self.index.note_duration(self.planner.decider.kind(step), took)

    def _making(self, job: str, step: Step, performed: Performed) -> Making:
        """What an ancestry tells of a job that was just done; of one that another run paid for, that run and price."""
        usd, run = self._cost(step, performed.result.billed), self._run_id
        if (task := performed.task) and task.run != run:
            usd, run = None if task.usd_image is None else task.usd_image * performed.result.billed, task.run
        return Making(self.plan.recipe.name, job, run, self.clock.now(), usd)

    # -- what becomes of a result

    def _offer(self, job: Job, key: str, result: Result) -> None:
        """An open job needs no work, if what is there will do."""
        if self.steps[job[1]].expect:
            self._spawn(self._reuse_measured(job, key, result))
        else:
            self._reuse(job, key, result)

    async def _reuse_measured(self, job: Job, key: str, result: Result) -> None:
        await self._measured(job, result)
        self._reuse(job, key, result)

    def _reuse(self, job: Job, key: str, result: Result) -> None:
        if found := self._judged(job, key, result):
            result, key, chosen = found
            self.progress.reused(
                self.progress.rows[job[0]], self.steps[job[1]].id, self.tries.keys(job, key), result, chosen
            )
            self._succeed(job)

    def _judged(
        self, job: Job, key: str, result: Result, attempts: int = 0, billed: int = 0
    ) -> tuple[Result, str, Chosen | None] | None:
        """A job's whole result as far as it is as expected, its key, and what goes on of it; where there is none, the
        job is tried again or ends.
        """
        try:
            key, result = self._whole(job, key, result)
            verdict = self.tries.judge(job, key, result, self._bases.get(job))
            if verdict.good:
                result = replace(result, blobs=verdict.good)
                return result, key, self._chosen(job, result)
        except (RowError, EditError, StoreError) as error:
            failure = _as_edit_error(error)
            failure.billed = billed
            self._fail(job, failure, attempts)
            return None
        if self.tries.more(job):
            self._again.append(job)
        elif self.steps[job[1]].when_unfit == "fail":
            self._fail(job, EditError(FAILED, self.tries.failure(job)), 0)
        else:
            self._leave_out(job, Reason.UNFIT, self.tries.failure(job))
        return None

    def _leave_out(self, job: Job, reason: Reason, why: str = "") -> None:
        """A job has no picture of its own, and the row goes on without it."""
        state, key = self.progress.rows[job[0]], self.tries.keys(job)[-1] if why else None
        self._some_left_out = True
        self.publishing.add(state, self.progress.leave_out(job[0], self.steps[job[1]].id, reason, key, why))
        self._schedule.done(job)
        self.progress.end_one(state)

    # -- how jobs end

    def _whole(self, job: Job, key: str, result: Result) -> tuple[str, Result]:
        """The job's whole result, and its key, where only what was missing of it was asked for. Raises StoreError."""
        if not (further := self._further.pop(job, None)):
            return key, result
        begun, asked = further
        if not begun.missing:
            return begun.key, result
        result = together(begun, result, same_key=begun.key == asked.key)
        with self.index.transaction():
            self.index.remember(asked.key, result, asked.parts)
            names = self.progress.names(self.progress.rows[job[0]], self.steps[job[1]].id)
            self.index.note_jobs(self.plan.identity, [(name, asked.key) for name in names])
        return asked.key, result

    # -- what goes on of a result

    async def _measured(self, job: Job, result: Result) -> None:
        """Find out what is asked of pictures next, beside the loop."""
        step, base = self.steps[job[1]], self._bases.get(job)
        with suppress(EditError):  # told by whoever asks, once all that was paid for is kept
            await self.planner.gates.prepare(step, result.blobs, base)
            await self.planner.chooser.prepare(step, result.blobs, base)

    def _chosen(self, job: Job, result: Result) -> Chosen | None:
        if self.steps[job[1]].candidates < 2:
            return None
        made_of = self.planner.expansion.job(self.steps[job[1]], self.progress.rows[job[0]].entry.row)
        return self.planner.decider.chosen(made_of, result.blobs, self._bases.pop(job, None))

    def _park(self, job: Job) -> None:
        """A person has to choose what goes on: whatever takes that waits, and the rest goes on."""
        for place, number in self._schedule.parked(job, lambda waiter: self._takes_pick(waiter, job)):
            behind = self.progress.rows[place]
            self.progress.park(behind, self.steps[number].id)
            self.progress.end_one(behind)

    def _takes_pick(self, waiter: Job, job: Job) -> bool:
        """Whether a job takes what was picked of another, and not all of its candidates."""
        step = self.steps[job[1]]
        taken = self.plan.sources(waiter[0], self.steps[waiter[1]]).values()
        return any(at == job[0] and ref.name == step.id and not (ref.every and not step.pick.top) for at, ref in taken)

    def _succeed(self, job: Job) -> None:
        state, step = self.progress.rows[job[0]], self.steps[job[1]]
        if state.chosen[step.id].is_open:
            self._park(job)
        else:
            self._schedule.done(job)
        made = [publication for publication in self.progress.due(state) if publication.step == step.id]
        self.publishing.add(state, made)
        state.open_ends += len(made)
        self.progress.end_one(state)

    def _fail(self, job: Job, error: EditError, attempts: int) -> None:
        state, step = self.progress.rows[job[0]], self.steps[job[1]]
        outcome = state.fail(step.id, error.code, error.message)
        outcome.attempts, outcome.task_id = attempts, error.task_id
        state.charge(outcome, self._cost(step, error.billed))
        self.progress.tell(step.id, outcome)
        blocked = self._schedule.failed(job)
        for place, number in blocked:
            waiting, behind = self.steps[number].id, self.progress.rows[place]
            why = f"needs {outcome.job}, which failed"
            self.progress.tell(waiting, behind.fail(waiting, "Blocked", why, Status.BLOCKED))
            behind.open_ends -= 1
        state.open_ends -= 1
        self.halt.after_failure()
        if error.again is Again.ACCOUNT:
            self.halt.for_account(error)
        if error.code == "StoreNotWritten":
            self.halt.for_store(StoreError(error.message))
        self._release(job, error)

    def _release(self, job: Job, error: EditError) -> None:
        """A leader failed: what waited for its picture fails alike, unless only the leader's own files are to blame."""
        followers = self._followers.pop(self._leading.pop(job, ""), [])
        if error.code in _OWN_FILES:
            self._again.extend(followers)
            return
        for follower in followers:
            self._fail(follower, error, 0)


def _supply(ref: Ref, source: Source) -> Supply:
    return Supply(step=ref.name, size=source.blob.size) if ref.kind is RefKind.STEP else Supply.of(source)


def _as_edit_error(error: RowError | EditError | StoreError) -> EditError:
    if isinstance(error, EditError):
        return error
    if isinstance(error, StoreError):
        return EditError("StoreNotWritten", str(error))
    said = "; ".join(f"{problem.message}. {problem.hint}".rstrip(". ") for problem in error.problems)
    return EditError(error.__cause__.code if isinstance(error.__cause__, EditError) else "Refused", said)
