"""THE loop: turns a plan into outcomes. Starts jobs row by row as lanes allow, chains pictures, retries, publishes.

Retrying has this one owner. A job that fails blocks only what needs its picture; every other row goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from wanflow import hint
from wanflow.attempts import NotStarted, Performer
from wanflow.backends import Backend
from wanflow.backends.draft import FREE
from wanflow.clock import Clock
from wanflow.errors import Again, EditError, StoreError, describe_os_error
from wanflow.expand import RowError, key_of, key_parts
from wanflow.lanes import Lanes
from wanflow.model import (
    Action,
    Call,
    Decision,
    Outcome,
    Publication,
    Reason,
    Ref,
    RefKind,
    Result,
    Row,
    Source,
    Status,
)
from wanflow.outputs import Publisher, Written, stat_of
from wanflow.plan import PROXY, Planner, out_of_place
from wanflow.planned import Unchanged, shape_of
from wanflow.record import RunRecord
from wanflow.rowstate import RowState
from wanflow.schedule import Job, Schedule
from wanflow.store.claims import Claims
from wanflow.supply import slot_place

PUBLISHERS = 4
ELSEWHERE_S = 0.2
# Failures of one job's own files, which say nothing about equal work from other files.
_OWN_FILES = ("InputMissing", "InputChanged")


class Listener(Protocol):
    """Who is told how a run goes."""

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended, in whatever way."""

    def published(self, path: str, kept: str) -> None:
        """A file appeared; `kept` says where an edited one that stood there went."""

    def note(self, text: str) -> None:
        """Something the user should know."""


class Run:
    """One run of one plan."""

    def __init__(
        self,
        planner: Planner,
        backend: Backend,
        publisher: Publisher,
        lanes: Lanes,
        listener: Listener,
        clock: Clock,
        *,
        keep_going: bool = True,
    ) -> None:
        self.planner, self.plan = planner, planner.plan
        self.backend, self.publisher, self.lanes = backend, publisher, lanes
        self.listener, self.clock, self.keep_going = listener, clock, keep_going
        self.index, self.blobs, self.inputs = planner.index, planner.blobs, planner.inputs
        self.memory = planner.memory
        self.claims = Claims(planner.blobs.root)
        self.steps = self.plan.steps
        if unknown := {terms.lane for terms in self.plan.terms.values() if terms.lane not in lanes}:
            raise ValueError(f"no limits are set for the lanes {unknown}")
        self.performer = Performer(backend, lanes, clock, lambda: self.stopping, listener.note)
        self.stopping = False
        self.aborted = False
        self.written = 0
        self.not_written = 0
        self.interrupted = False
        self._rows: dict[int, RowState] = {}
        self._followers: dict[str, list[Job]] = {}
        self._leading: dict[Job, str] = {}
        self._again: deque[Job] = deque()
        self._made: set[str] = set()
        self._to_publish: deque[tuple[int, Publication]] = deque()
        self._publishing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.store_error: StoreError | None = None
        self.account_error: EditError | None = None

    # -- from outside

    def stop(self) -> None:
        """Start nothing more; what is under way is finished and stored."""
        self.stopping = self.interrupted = True

    def abort(self) -> None:
        """End what is under way, too; nothing half-made stays."""
        self.stopping = self.aborted = self.interrupted = True
        for task in self._tasks:
            task.cancel()

    async def run(self, run_id: str) -> RunRecord:
        """Do what the plan says; `store_error` tells afterwards when the store could not be written."""
        started = self.clock.now()
        for key, sha256 in self.plan.damaged.items():
            if self.blobs.fault(sha256):  # another run may have mended it since the plan
                self.blobs.discard(sha256)
                self.index.forget(key)
        self._schedule = Schedule(self._waiting(), [self._lane(number) for number in range(len(self.steps))])
        try:
            await self._drive()
        finally:
            await self.backend.close()
            self._leave()
            self._flush()
        return self._record(run_id, started)

    # -- what waits

    def _waiting(self) -> Iterator[tuple[int, Mapping[int, list[int]]]]:
        numbers = {step.id: number for number, step in enumerate(self.steps)}
        for place, entry in enumerate(self.plan.entries):
            if isinstance(entry, Unchanged):
                continue
            state = self._rows[place] = RowState(entry, self.steps, numbers)
            state.sound = len(entry.paths) == len(self.planner.recipe.outputs)
            open_steps = [n for n, decision in enumerate(entry.decisions) if not self._settled(state, decision)]
            state.open_ends = len(open_steps) + len(entry.restores)
            self._to_publish.extend((place, publication) for publication in entry.restores)
            if not state.open_ends:
                self._close_row(state)
            if open_steps:
                yield place, {number: state.needs(self.steps[number]) for number in open_steps}

    def _settled(self, state: RowState, decision: Decision) -> bool:
        """Notes what the plan already knows of a job; false when the job is still open."""
        if decision.result:
            self._reused(state, decision.step, str(decision.key), decision.result)
        elif decision.reason is Reason.REFUSED:
            note = decision.note or "see the problems of this row"
            self._tell(decision.step, state.fail(decision.step, "Refused", note, Status.REFUSED))
        elif decision.action is Action.SKIP:
            self._tell(decision.step, state.end(decision.step, Status.SKIPPED))
        else:
            return False
        return True

    # -- the loop itself

    async def _drive(self) -> None:
        while True:
            self._start_publishing()
            self._start_jobs()
            if not self._tasks:
                if self.stopping or not self._to_publish:
                    return
                continue
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            self._tasks -= done
            for task in done:
                if not task.cancelled():
                    task.result()

    def _start_jobs(self) -> None:
        while not self.stopping and (job := self._next()):
            try:
                call, parts = self._call(self._rows[job[0]], job[1])
            except (RowError, EditError) as error:
                self._fail(job, _as_edit_error(error), 0)
                continue
            if result := self._known(call.key):
                self._reuse(job, call.key, result)
            elif call.key in self._followers:
                self._followers[call.key].append(job)
            else:
                self._lead(job, call, parts)

    def _lead(self, job: Job, call: Call, parts: str) -> None:
        """Do a job that no other of this run does, unless another wanflow is at it."""
        try:
            claim = self.claims.take(call.key)
        except OSError as error:
            self._fail(job, EditError("StoreNotWritten", f"the store can't be written: {describe_os_error(error)}"), 0)
            return
        if claim is None:
            self._spawn(self._wait_for_other(job))
            return
        if result := self._known(call.key):  # it was finished between the look and the claim
            self.claims.free(call.key, claim)
            self._reuse(job, call.key, result)
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

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    def _call(self, state: RowState, number: int) -> tuple[Call, str]:
        row, step = state.entry.row, self.steps[number]
        job = self.planner.expansion.job(step, row)
        inputs: dict[str, tuple[str, str]] = {}
        for slot, ref in step.inputs.items():
            inputs[slot] = self._bytes_of(state, ref, row, step.id, slot)
        digests = {slot: sha256 for slot, (_, sha256) in inputs.items()}
        if region := self.planner.expansion.region(step, row, None):
            digests[hint.REGION] = hint.symbol(region)
        parts = key_parts(self.planner.key_heads[step.id], job.parameters_text, digests)
        return Call(key_of(parts), step.function.name, job.parameters, inputs, region, step.model), parts

    def _bytes_of(self, state: RowState, ref: Ref, row: Row, step: str, slot: str) -> tuple[str, str]:
        origin = state.origin(ref)
        if origin.kind is RefKind.STEP:
            blob = state.blobs[origin.name]
            return str(self.blobs.path(blob.sha256)), blob.sha256
        source = self.planner.supplier.file(origin, row, slot_place(step, slot))
        return str(self.inputs.root / source.path), source.blob.sha256

    def _known(self, key: str) -> Result | None:
        """The stored result of a key, unless everything shall be made anew and this one wasn't yet."""
        if self.planner.force and key not in self._made:
            return None
        result = self.index.result(key)
        if result and (self.blobs.fault(result.blobs[0].sha256) or self._is_refused(result)):
            return None
        return result

    async def _perform(self, job: Job, call: Call, parts: str, claim: int) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        began = self.clock.monotonic()
        lane = self._lane(job[1])
        try:
            await self.planner.supplier.check_made(step, call.inputs)
            result, attempts = await self.performer.perform(state.address(step.id), lane, call)
            self._require_fidelity(result)
        except NotStarted:
            self._release_unstarted(job)
        except EditError as error:
            self._fail(job, error, error.attempts)
        else:
            self._keep(job, call, parts, result, attempts, self.clock.monotonic() - began)
        finally:
            self.claims.free(call.key, claim)
            self.lanes.free(lane)

    def _release_unstarted(self, job: Job) -> None:
        """The run stops before a job was sent: it, and what waited for its picture, is left as not started."""
        self._followers.pop(self._leading.pop(job), None)

    def _lane(self, step: int) -> str:
        return self.plan.terms[self.steps[step].id].lane

    def _is_refused(self, result: Result) -> bool:
        return self.planner.no_proxy and result.fidelity == PROXY

    def _require_fidelity(self, result: Result) -> None:
        if self._is_refused(result):
            why = "; ".join(result.warnings) or "this edit needs a generative model"
            raise EditError("ProxyRefused", f"only a picture stamped DRAFT came out, and --no-proxy was given: {why}")

    def _keep(self, job: Job, call: Call, parts: str, result: Result, attempts: int, seconds: float) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        try:
            with self.index.transaction():
                self.index.remember(call.key, result, parts)
                self.index.note_jobs(self.plan.identity, [(state.address(step.id), call.key)])
        except StoreError as error:
            self._store_failed(error)
        self._made.add(call.key)
        outcome = state.end(step.id, Status.DONE, result, call.key)
        outcome.attempts, outcome.seconds = attempts, seconds
        outcome.task_id = result.task_id
        outcome.usd = result.billed * (self.plan.terms[step.id].usd or FREE)
        self._tell(step.id, outcome)
        self._succeed(job)
        for follower in self._followers.pop(self._leading.pop(job)):
            self._reuse(follower, call.key, result)

    # -- how jobs end

    def _reused(self, state: RowState, step: str, key: str, result: Result) -> None:
        self.memory.note_key(state.address(step), key)
        self._tell(step, state.end(step, Status.REUSED, result, key))

    def _reuse(self, job: Job, key: str, result: Result) -> None:
        """An open job needs no work: its picture is there."""
        self._reused(self._rows[job[0]], self.steps[job[1]].id, key, result)
        self._succeed(job)

    def _succeed(self, job: Job) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        self._schedule.done(job)
        made = [publication for publication in self._due(state) if publication.step == step.id]
        self._to_publish.extend((job[0], publication) for publication in made)
        state.open_ends += len(made)
        self._end_one(state)

    def _fail(self, job: Job, error: EditError, attempts: int) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        outcome = state.fail(step.id, error.code, error.message)
        outcome.attempts = attempts
        self._tell(step.id, outcome)
        blocked = self._schedule.failed(job)
        for _, number in blocked:
            waiting = self.steps[number].id
            self._tell(waiting, state.fail(waiting, "Blocked", f"needs {outcome.job}, which failed", Status.BLOCKED))
        state.open_ends -= len(blocked) + 1
        self.stopping |= not self.keep_going
        if error.again is Again.ACCOUNT:
            self._account_stopped(error)
        if error.code == "StoreNotWritten":
            self._store_failed(StoreError(error.message))
        self._release(job, error)

    def _release(self, job: Job, error: EditError) -> None:
        """A leader failed: what waited for its picture fails alike, unless only the leader's own files are to blame."""
        followers = self._followers.pop(self._leading.pop(job, ""), [])
        if error.code in _OWN_FILES:
            self._again.extend(followers)
            return
        for follower in followers:
            self._fail(follower, error, 0)

    def _store_failed(self, error: StoreError) -> None:
        # Nothing that is made can be kept any more, so nothing more is started.
        if self.store_error is None:
            self.store_error = error
            self.listener.note(f"{error}; starting nothing more")
        self.stopping = True

    def _account_stopped(self, error: EditError) -> None:
        # Every further request of this account would be refused alike; what is under way is finished and kept.
        if self.account_error is None:
            self.account_error = error
            self.listener.note(f"{error}; starting nothing more")
        self.stopping = True

    def _end_one(self, state: RowState) -> None:
        state.open_ends -= 1
        if not state.open_ends:
            self._close_row(state)

    def _close_row(self, state: RowState) -> None:
        """All of a row is done: say where its pictures stand, and remember it when all is as it should be."""
        outputs = []
        for publication in self._due(state):
            if published := self.index.published(publication.path):
                state.show(publication, published.sha256)
                as_written = stat_of(self.inputs.root / publication.path) == published.stat
                outputs.append((publication.path, published.stat if as_written else None))
            else:
                outputs.append((publication.path, None))
        if state.sound:
            shape = shape_of(decision.reason for decision in state.entry.decisions)
            inputs = [(source.path, source.stat) for source in state.entry.inputs]
            self.memory.note_row(state.entry.row, shape, inputs, outputs)
            self._flush(when_many=True)

    def _due(self, state: RowState) -> Iterator[Publication]:
        """The files that a row's pictures stand in, as far as there are such pictures."""
        for output in self.planner.recipe.outputs:
            ref = state.origin(output.ref)
            step = ref.name if ref.kind is RefKind.STEP else None
            if path := state.entry.paths.get(output.name):
                blob = state.blobs.get(step) if step else self._input(state, ref, output.name).blob
                if blob:
                    yield Publication(output.name, path, blob, step, output.quality)

    def _input(self, state: RowState, ref: Ref, output: str) -> Source:
        return self.planner.supplier.file(ref, state.entry.row, ("outputs", output, "image"))

    # -- publishing

    def _start_publishing(self) -> None:
        while self._to_publish and self._publishing < PUBLISHERS and not self.aborted:
            place, publication = self._to_publish.popleft()
            self._publishing += 1
            self._spawn(self._publish(place, publication))

    async def _publish(self, place: int, publication: Publication) -> None:
        state = self._rows[place]
        try:
            if out_of_place(publication, self.inputs.root, self.index):
                known = self.index.published(publication.path)
                source = None if publication.step else self._source_path(state, publication)
                written = await asyncio.to_thread(self.publisher.publish, publication, known, source)
                self._note_written(publication, written)
            self._end_one(state)
        except (EditError, StoreError) as error:
            self._not_published(state, publication, error)
        finally:
            self._publishing -= 1

    def _source_path(self, state: RowState, publication: Publication) -> Path:
        ref = next(output.ref for output in self.planner.recipe.outputs if output.name == publication.name)
        return self.inputs.root / self._input(state, state.origin(ref), publication.name).path

    def _note_written(self, publication: Publication, written: Written) -> None:
        with self.index.transaction():
            self.index.note_published(publication.path, written.published)
        self.written += 1
        self.listener.published(publication.path, written.kept)

    def _not_published(self, state: RowState, publication: Publication, error: EditError | StoreError) -> None:
        """A file could not be written: the job whose picture it shows counts as failed, though its result is stored."""
        self.not_written += 1
        state.sound = False
        failure = error if isinstance(error, EditError) else EditError("StoreNotWritten", str(error))
        if publication.step and (outcome := state.outcomes.get(publication.step)):
            outcome.status = Status.FAILED
            outcome.error_code, outcome.error_message = failure.code, failure.message
        self.listener.note(failure.message)
        self.stopping |= not self.keep_going
        self._end_one(state)

    # -- at the end

    def _leave(self) -> None:
        """What was not started, or was under way when the run was aborted, is said so."""
        for state in self._rows.values():
            for step in self.steps:
                if step.id not in state.outcomes:
                    self._tell(step.id, state.end(step.id, Status.NOT_STARTED))

    def _flush(self, *, when_many: bool = False) -> None:
        try:
            self.memory.flush(when_many=when_many)
            self.inputs.save()
        except StoreError as error:
            self._store_failed(error)

    def _record(self, run_id: str, started: Any) -> RunRecord:
        plan = self.plan
        record = RunRecord(run_id, plan.recipe.name, plan.backend, started, self.clock.now())
        for place, entry in enumerate(plan.entries):
            if isinstance(entry, Unchanged):
                record.unchanged_rows += 1
                record.unchanged_jobs[Status.REUSED] += entry.shape.count("r")
                record.unchanged_jobs[Status.SKIPPED] += len(entry.shape) - entry.shape.count("r")
            else:
                record.outcomes += [self._rows[place].outcomes[step.id] for step in self.steps]
        not_started = any(outcome.status is Status.NOT_STARTED for outcome in record.outcomes)
        record.interrupted = self.interrupted and (not_started or bool(self._to_publish))
        record.written, record.not_written = self.written, self.not_written + len(self._to_publish)
        record.account_stopped = self.account_error is not None
        record.problems, record.notes = len(plan.problems), list(plan.notes)
        return record

    def _tell(self, step: str, outcome: Outcome) -> None:
        self.listener.finished(outcome, step)


def _as_edit_error(error: RowError | EditError) -> EditError:
    return error if isinstance(error, EditError) else EditError("Refused", str(error))
