"""THE loop: turns a plan into outcomes. Starts jobs row by row as lanes allow, chains pictures, retries, publishes.

Retrying has this one owner. A job that fails blocks only what needs its picture; every other row goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from wanflow.backends import Backend
from wanflow.clock import Clock
from wanflow.errors import Again, EditError, StoreError
from wanflow.expand import RowError, key_of, key_parts
from wanflow.inputs import record_line
from wanflow.lanes import Lanes
from wanflow.model import (
    Action,
    Blob,
    Call,
    Decision,
    Outcome,
    OutputFile,
    Publication,
    Reason,
    Ref,
    RefKind,
    Result,
    Row,
    Status,
)
from wanflow.outputs import Publisher, Written, stat_of
from wanflow.plan import Planner, out_of_place
from wanflow.planned import RowPlan, Unchanged, shape_of
from wanflow.record import RunRecord
from wanflow.schedule import Job, Schedule
from wanflow.store.index import RowRecord

MAX_ATTEMPTS = 3
RETRY_DELAY_S = 1.0
PUBLISHERS = 4
ROWS_PER_FLUSH = 200


class Listener(Protocol):
    """Who is told how a run goes."""

    def started(self, job: str, step: str) -> None:
        """A job began."""

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended, in whatever way."""

    def published(self, path: str, kept: str) -> None:
        """A file appeared; `kept` says where an edited one that stood there went."""

    def note(self, text: str) -> None:
        """Something the user should know."""


@dataclass(slots=True)
class _RowState:
    """What is known of a row's pictures while it runs."""

    entry: RowPlan
    blobs: dict[str, Blob] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    open_ends: int = 0
    sound: bool = True


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
        self.steps = self.plan.steps
        self.stopping = False
        self.aborted = False
        self.restored = 0
        self._rows: dict[int, _RowState] = {}
        self._followers: dict[str, list[Job]] = {}
        self._made: dict[str, Result] = {}
        self._to_publish: deque[tuple[int, Publication]] = deque()
        self._publishing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._row_records: dict[str, RowRecord] = {}
        self._job_keys: list[tuple[str, str]] = []
        self.store_error: StoreError | None = None

    # -- from outside

    def stop(self) -> None:
        """Start nothing more; what is under way is finished and stored."""
        self.stopping = True

    def abort(self) -> None:
        """End what is under way, too; nothing half-made stays."""
        self.stopping = self.aborted = True
        for task in self._tasks:
            task.cancel()

    async def run(self, run_id: str) -> RunRecord:
        """Do what the plan says; `store_error` tells afterwards when the store could not be written."""
        started = self.clock.now()
        for key, sha256 in self.plan.damaged.items():
            self.blobs.discard(sha256)
            self.index.forget(key)
        schedule = Schedule(self._waiting(), [self.backend.lane(step) for step in self.steps])
        self._schedule = schedule
        await self._drive(schedule)
        self._leave(schedule)
        self._flush()
        return self._record(run_id, started)

    # -- what waits

    def _waiting(self) -> Iterator[tuple[int, Mapping[int, list[int]]]]:
        for place, entry in enumerate(self.plan.entries):
            if isinstance(entry, Unchanged):
                continue
            state = self._rows[place] = _RowState(entry)
            waiting = {
                number: [self._number(need) for need in self._needs(state, number)]
                for number, decision in enumerate(entry.decisions)
                if self._settle(state, decision)
            }
            state.open_ends = len(waiting) + len(entry.restores)
            self._to_publish.extend((place, publication) for publication in entry.restores)
            if not state.open_ends:
                self._close_row(state)
            if waiting:
                yield place, waiting

    def _number(self, step_id: str) -> int:
        return next(number for number, step in enumerate(self.steps) if step.id == step_id)

    def _settle(self, state: _RowState, decision: Decision) -> bool:
        """Records what the plan already knows of a job; True when the job is still open."""
        if decision.action in (Action.RUN, Action.LATER) or (decision.action is Action.REUSE and not decision.result):
            return True
        if decision.result:
            self._reused(state, decision.step, str(decision.key), decision.result)
        else:
            refused = decision.reason is Reason.REFUSED
            outcome = self._outcome(state, decision.step, Status.REFUSED if refused else Status.SKIPPED)
            if refused:
                state.sound = False
                outcome.error_code, outcome.error_message = "Refused", decision.note or "see the problems of this row"
            self._tell(state, decision.step, outcome)
        return False

    def _needs(self, state: _RowState, number: int) -> set[str]:
        """The open steps whose pictures a step takes, seen through bypassed ones."""
        needs = set()
        for ref in self.steps[number].inputs.values():
            origin = self._origin(state, ref)
            if origin.kind is RefKind.STEP and origin.name not in state.blobs:
                needs.add(origin.name)
        return needs

    def _origin(self, state: _RowState, ref: Ref) -> Ref:
        while ref.kind is RefKind.STEP:
            number = self._number(ref.name)
            if state.entry.decisions[number].reason is not Reason.BYPASSED:
                break
            ref = self.steps[number].inputs["image"]
        return ref

    # -- the loop itself

    async def _drive(self, schedule: Schedule) -> None:
        while True:
            self._start_publishing()
            self._start_jobs(schedule)
            if not self._tasks:
                if self.stopping or not self._to_publish:
                    return
                continue
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            self._tasks -= done
            for task in done:
                if not task.cancelled():
                    task.result()

    def _start_jobs(self, schedule: Schedule) -> None:
        while not self.stopping and (job := schedule.take(self.lanes.open())):
            state, step = self._rows[job[0]], self.steps[job[1]]
            try:
                call, parts = self._call(state, job[1])
            except (RowError, EditError) as error:
                self._fail(job, _as_edit_error(error), 0)
                continue
            if result := self._known(state, job[1], call.key):
                self._reused(state, step.id, call.key, result)
                self._succeed(job, result)
            elif call.key in self._followers:
                self._followers[call.key].append(job)
            else:
                self._followers[call.key] = []
                self.lanes.take(self.backend.lane(step))
                self._spawn(self._perform(job, call, parts))

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    def _call(self, state: _RowState, number: int) -> tuple[Call, str]:
        row, step = state.entry.row, self.steps[number]
        job = self.planner.expansion.job(step, row)
        inputs: dict[str, tuple[str, str]] = {}
        for slot, ref in step.inputs.items():
            inputs[slot] = self._bytes_of(state, ref, row, step.id, slot)
        digests = {slot: sha256 for slot, (_, sha256) in inputs.items()}
        parts = key_parts(self.planner.key_heads[step.id], job.parameters_text, digests)
        return Call(key_of(parts), step.function.name, job.parameters, inputs), parts

    def _bytes_of(self, state: _RowState, ref: Ref, row: Row, step: str, slot: str) -> tuple[str, str]:
        origin = self._origin(state, ref)
        if origin.kind is RefKind.STEP:
            blob = state.blobs[origin.name]
            return str(self.blobs.path(blob.sha256)), blob.sha256
        supply = self.planner.supply(origin, row, {}, step, slot)
        assert supply.blob and supply.file is not None  # noqa: S101 - told to mypy; a file is always known
        return str(self.inputs.root / supply.file), supply.blob.sha256

    def _known(self, state: _RowState, number: int, key: str) -> Result | None:
        if made := self._made.get(key):
            return made
        if self.planner.force:
            return None
        result = self.index.result(key)
        if result and self.blobs.fault(result.blobs[0].sha256):
            return None
        return result

    async def _perform(self, job: Job, call: Call, parts: str) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        address = f"{state.entry.row.key}/{step.id}"
        self.listener.started(address, step.id)
        began = self.clock.monotonic()
        attempts = 0
        try:
            while True:
                attempts += 1
                try:
                    result = await self.backend.collect(await self.backend.submit(call))
                    break
                except EditError as error:
                    if error.again is Again.NEVER or attempts >= MAX_ATTEMPTS or self.stopping:
                        self._fail(job, error, attempts)
                        return
                    self.listener.note(f"{address}: {error}; trying again")
                    await self.clock.sleep(RETRY_DELAY_S * 2 ** (attempts - 1))
            self._keep(job, call, parts, result, attempts, self.clock.monotonic() - began)
        finally:
            self.lanes.free(self.backend.lane(step))

    def _keep(self, job: Job, call: Call, parts: str, result: Result, attempts: int, seconds: float) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        try:
            with self.index.transaction():
                self.index.remember(call.key, result, parts)
                self.index.note_jobs(self.plan.identity, [(f"{state.entry.row.key}/{step.id}", call.key)])
        except StoreError as error:
            self._store_failed(error)
        self._made[call.key] = result
        outcome = self._outcome(state, step.id, Status.DONE)
        outcome.key, outcome.attempts, outcome.seconds = call.key, attempts, seconds
        outcome.fidelity, outcome.warnings = result.fidelity, result.warnings
        outcome.outputs = [_stored(result)]
        state.blobs[step.id] = result.blobs[0]
        self._tell(state, step.id, outcome)
        self._succeed(job, result)
        for follower in self._followers.pop(call.key):
            self._reused(self._rows[follower[0]], self.steps[follower[1]].id, call.key, result)
            self._succeed(follower, result)

    # -- how jobs end

    def _reused(self, state: _RowState, step: str, key: str, result: Result) -> None:
        state.blobs[step] = result.blobs[0]
        outcome = self._outcome(state, step, Status.REUSED)
        outcome.key, outcome.fidelity, outcome.warnings = key, result.fidelity, result.warnings
        outcome.outputs = [_stored(result)]
        self._job_keys.append((f"{state.entry.row.key}/{step}", key))
        self._tell(state, step, outcome)

    def _succeed(self, job: Job, result: Result) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        self._schedule.done(job)
        for output in self.planner.recipe.outputs:
            origin = self._origin(state, output.ref)
            if origin == Ref(RefKind.STEP, step.id):
                path = state.entry.paths[output.name]
                publication = Publication(output.name, path, result.blobs[0], step.id, output.quality)
                self._to_publish.append((job[0], publication))
                state.open_ends += 1
        self._end_one(state)

    def _fail(self, job: Job, error: EditError, attempts: int) -> None:
        state, step = self._rows[job[0]], self.steps[job[1]]
        outcome = self._outcome(state, step.id, Status.FAILED)
        outcome.attempts, outcome.error_code, outcome.error_message = attempts, error.code, error.message
        state.sound = False
        self._tell(state, step.id, outcome)
        blocked = self._schedule.failed(job)
        for _, number in blocked:
            waiting = self._outcome(state, self.steps[number].id, Status.BLOCKED)
            waiting.error_code, waiting.error_message = "Blocked", f"needs {outcome.job}, which failed"
            self._tell(state, self.steps[number].id, waiting)
        state.open_ends -= len(blocked) + 1
        self.stopping |= not self.keep_going
        if error.code == "StoreNotWritten":
            self._store_failed(StoreError(error.message))
        for follower in self._followers.pop(self._key_of(job), []):
            self._fail(follower, error, 0)

    def _key_of(self, job: Job) -> str:
        try:
            return self._call(self._rows[job[0]], job[1])[0].key
        except (RowError, EditError):
            return ""

    def _store_failed(self, error: StoreError) -> None:
        # Nothing that is made can be kept any more, so nothing more is started.
        if self.store_error is None:
            self.store_error = error
            self.listener.note(f"{error}; starting nothing more")
        self.stopping = True

    def _end_one(self, state: _RowState) -> None:
        state.open_ends -= 1
        if not state.open_ends:
            self._close_row(state)

    def _close_row(self, state: _RowState) -> None:
        entry = state.entry
        if state.sound and (record := self._row_record(entry)):
            self._row_records[entry.row.key] = record
        if len(self._row_records) >= ROWS_PER_FLUSH:
            self._flush()

    def _row_record(self, entry: RowPlan) -> RowRecord | None:
        inputs = [self.inputs.stat_line(path) for path in self._row_inputs(entry)]
        outputs = [self._output_line(path) for path in entry.paths.values()]
        if None in inputs or None in outputs:
            return None
        shape = shape_of(decision.reason for decision in entry.decisions)
        files = "\n".join(map(str, inputs)) + "\n\n" + "\n".join(line for line in outputs if line)
        return RowRecord(self.planner.fingerprint_of(entry.row), shape, files)

    def _row_inputs(self, entry: RowPlan) -> list[str]:
        refs = [ref for step in self.steps for ref in step.inputs.values()]
        refs += [output.ref for output in self.planner.recipe.outputs]
        files: dict[str, None] = {}
        for ref in refs:
            if ref.kind is not RefKind.STEP:
                supply = self.planner.supply(ref, entry.row, {}, "", "")
                files[supply.file or ""] = None
        return list(files)

    def _output_line(self, path: str) -> str | None:
        stat = stat_of(self.publisher.out / path)
        # An output that a skipped step would have made is not there, and need not be.
        return record_line(self.inputs.relative(self.publisher.out / path), stat) if stat else ""

    # -- publishing

    def _start_publishing(self) -> None:
        while self._to_publish and self._publishing < PUBLISHERS and not self.aborted:
            place, publication = self._to_publish.popleft()
            self._publishing += 1
            self._spawn(self._publish(place, publication))

    async def _publish(self, place: int, publication: Publication) -> None:
        state = self._rows[place]
        try:
            if out_of_place(publication, self.publisher.out, self.index):
                known = self.index.published(publication.path)
                source = self._source_file(state, publication)
                written = await asyncio.to_thread(self.publisher.publish, publication, known, source)
                self._note_written(publication, written)
            self._show(state, publication)
            self._end_one(state)
        except (EditError, StoreError) as error:
            self._not_published(state, publication, error)
        finally:
            self._publishing -= 1

    def _source_file(self, state: _RowState, publication: Publication) -> Path | None:
        if publication.step is not None:
            return None
        ref = next(o.ref for o in self.planner.recipe.outputs if o.name == publication.name)
        supply = self.planner.supply(self._origin(state, ref), state.entry.row, {}, "", publication.name)
        return self.inputs.root / str(supply.file)

    def _note_written(self, publication: Publication, written: Written) -> None:
        with self.index.transaction():
            self.index.note_published(publication.path, written.published)
        self.restored += 1
        self.listener.published(publication.path, written.kept)

    def _show(self, state: _RowState, publication: Publication) -> None:
        published = self.index.published(publication.path)
        if publication.step and published:
            outcome = state.outcomes[publication.step]
            visible = [file for file in outcome.outputs if not file.path.startswith(".wanflow/")]
            path = self.inputs.relative(self.publisher.out / publication.path)
            source = publication.source
            outcome.outputs = [*visible, OutputFile(path, published.sha256, source.width, source.height)]

    def _not_published(self, state: _RowState, publication: Publication, error: EditError | StoreError) -> None:
        state.sound = False
        state.open_ends -= 1
        failure = error if isinstance(error, EditError) else EditError("StoreNotWritten", str(error))
        if publication.step and (outcome := state.outcomes.get(publication.step)):
            outcome.status = Status.FAILED
            outcome.error_code, outcome.error_message = failure.code, failure.message
        self.listener.note(str(failure.message))

    # -- at the end

    def _leave(self, schedule: Schedule) -> None:
        for place, number in schedule.rest():
            state, step = self._rows[place], self.steps[number].id
            self._tell(state, step, self._outcome(state, step, Status.NOT_STARTED))
        for state in self._rows.values():
            for step_ in self.steps:
                if step_.id not in state.outcomes:  # under way when the run was aborted
                    self._tell(state, step_.id, self._outcome(state, step_.id, Status.NOT_STARTED))

    def _flush(self) -> None:
        if not (self._row_records or self._job_keys):
            return
        try:
            with self.index.transaction():
                self.index.note_jobs(self.plan.identity, self._job_keys)
                self.index.note_rows(self.plan.identity, self._row_records)
        except StoreError as error:
            self._store_failed(error)
        self._row_records.clear()
        self._job_keys.clear()

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
        record.interrupted = self.stopping and not_started and not self.store_error
        record.restored, record.notes = self.restored, list(plan.notes)
        return record

    def _outcome(self, state: _RowState, step: str, status: Status) -> Outcome:
        function = self.steps[self._number(step)].function.name
        outcome = state.outcomes[step] = Outcome(f"{state.entry.row.key}/{step}", function, status)
        return outcome

    def _tell(self, state: _RowState, step: str, outcome: Outcome) -> None:
        self.listener.finished(outcome, step)


def _as_edit_error(error: RowError | EditError) -> EditError:
    return error if isinstance(error, EditError) else EditError("Refused", error.problem.message)


def _stored(result: Result) -> OutputFile:
    blob = result.blobs[0]
    return OutputFile(f".wanflow/objects/{blob.sha256[:2]}/{blob.sha256}", blob.sha256, blob.width, blob.height)
