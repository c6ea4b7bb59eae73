"""How far the rows of a run are: what is open, how jobs ended, where pictures stand; done rows are remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from wanflow.choosing.picks import FIRST_TAKE
from wanflow.documents.source import NodePath
from wanflow.judging.gates import FAILED
from wanflow.language.expand import RowError
from wanflow.language.recipe import Output, Step
from wanflow.links.urls import Url
from wanflow.model import (
    RUN,
    Action,
    Chosen,
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
from wanflow.planning.plan import Planner
from wanflow.planning.planned import EXCLUDED, Unchanged, shape_of
from wanflow.planning.rowmemory import File
from wanflow.planning.targets import published_as
from wanflow.record import RunRecord
from wanflow.running import recorded
from wanflow.running.halt import Halt
from wanflow.running.listener import Listener
from wanflow.running.rowstate import RowState
from wanflow.running.schedule import Job
from wanflow.store.blobs import stat_of
from wanflow.store.tasks import Task

_STATUSES = {"r": Status.REUSED, EXCLUDED: Status.EXCLUDED}


class Progress:
    """The rows of a plan that are not recognised whole, by their place in it."""

    def __init__(self, planner: Planner, listener: Listener, halt: Halt) -> None:
        self.rows: dict[int, RowState] = {}
        self._planner, self._plan = planner, planner.plan
        self._listener, self._halt = listener, halt
        self.fetches: dict[Url, int] = {}
        self._shown: dict[Url, list[tuple[RowState, str]]] = {}
        self._run_done: tuple[Row, str, list[File], list[File]] | None = None

    def open(self) -> Iterator[tuple[Job, Sequence[Job]]]:
        """Begin every row, and the whole run as the last of them; yields every open job and the open jobs it needs.

        What has to be fetched is a job, too, of a step beyond the last.
        """
        for place, entry in enumerate(self._plan.entries):
            if isinstance(entry, Unchanged):
                continue
            level = self._plan.level(entry)
            state = self.rows[place] = RowState(entry, level)
            state.sound = len(entry.paths) == len(self._planner.targets.of(entry.row))
            open_steps = [n for n, decision in enumerate(entry.decisions) if not self._settled(state, decision)]
            state.open_ends = len(open_steps) + len(entry.restores) + self._show_fetched(place, state)
            if not state.open_ends:
                self._close(state)
            for number in open_steps:
                yield (place, level.first + number), self._needs(place, level.steps[number])
        for number in self.fetches.values():
            yield (number, len(self._plan.steps)), ()

    def _show_fetched(self, place: int, state: RowState) -> int:
        """How many of a row's outputs show a picture as it is fetched."""
        found = 0
        for output in self._planner.targets.of(state.entry.row) if self._plan.fetches else ():
            ref = state.origin(output.ref)
            if output.name in state.entry.paths and (url := self._unfetched(place, ref, output.where("image"))):
                self._shown.setdefault(url, []).append((state, output.name))
                self.fetches.setdefault(url, len(self.fetches))
                found += 1
        return found

    def _unfetched(self, place: int, ref: Ref, where: NodePath) -> Url | None:
        """The URL that is meant, if it has to be fetched."""
        if ref.kind is RefKind.STEP or not self._plan.fetches:
            return None
        planner, row = self._planner, self.rows[place].entry.row
        found = planner.supplier.found(ref, row, where, afresh=planner.decider.force)
        return found if isinstance(found, Url) and found in self._plan.fetches else None

    def fetched(self, url: Url) -> Iterator[tuple[RowState, str, Publication | None]]:
        """A URL was fetched: the outputs that show it as it is, and the file that is due for each, if there is one."""
        for state, name in self._shown.pop(url, ()):
            yield state, name, next((due for due in self.due(state) if due.name == name), None)

    @property
    def not_shown(self) -> int:
        """How many outputs still wait for a picture to be fetched."""
        return sum(map(len, self._shown.values()))

    def _needs(self, place: int, step: Step) -> list[Job]:
        jobs: dict[Job, None] = {}  # a job may take a picture twice
        for slot, (at, ref) in self._plan.sources(place, step).items():
            if url := self._unfetched(at, ref, step.slot_place(slot)):
                jobs[self.fetches.setdefault(url, len(self.fetches)), len(self._plan.steps)] = None
            elif ref.kind is RefKind.STEP and ref.name not in self.rows[at].chosen:
                level = self.rows[at].level
                jobs[at, level.first + level.numbers[ref.name]] = None
        return list(jobs)

    def _settled(self, state: RowState, decision: Decision) -> bool:
        """Notes what the plan already knows of a job; false when the job is still open."""
        if decision.reason is Reason.EXCLUDED:
            state.sound = False  # it is not known whether all of the row is as it should be
            ended = state.end(decision.step, Status.EXCLUDED, decision.result, chosen=decision.chosen)
            self.tell(decision.step, ended)
        elif decision.result:
            keys = [*decision.tried, *([decision.key] if decision.key else [])]
            self.reused(state, decision.step, keys, decision.result, decision.chosen)
            state.sound &= not (decision.reason is Reason.FROZEN and decision.note)  # which is told each time
        elif decision.reason is Reason.UNFIT:
            self._unfit(state, decision)
        elif decision.reason is Reason.PARKED:
            self.park(state, decision.step)
        elif decision.reason is Reason.REFUSED:
            note = decision.note or "see the problems of this row"
            self.tell(decision.step, state.fail(decision.step, "Refused", note, Status.REFUSED))
        elif decision.reason is Reason.MODERATED:
            self._moderated(state, decision)
        elif decision.action is Action.SKIP:
            self.tell(decision.step, state.end(decision.step, Status.SKIPPED))
        else:
            return False
        return True

    def _moderated(self, state: RowState, decision: Decision) -> None:
        code, _, words = decision.note.partition(": ")
        if not code:
            why = "needs a picture that the service refused to make"
            self.tell(decision.step, state.fail(decision.step, "Blocked", why, Status.BLOCKED))
            return
        said = f"not sent again until the request changes, or with --retry-refused; last time: {words}"
        self.tell(decision.step, state.fail(decision.step, code, said, Status.REFUSED))

    def _unfit(self, state: RowState, decision: Decision) -> None:
        if not decision.failed_gate:
            why = decision.note or "needs a picture that failed its gate"
            self.tell(decision.step, state.fail(decision.step, "Blocked", why, Status.BLOCKED))
            return
        self.note_keys(state, decision.step, decision.tried)
        self.unfit(state, decision.step, decision.note)

    def unfit(self, state: RowState, step: str, why: str) -> None:
        """None of a job's pictures is as expected: it failed, or the row goes on without it as its step says."""
        ending = state.level.steps[state.level.numbers[step]].when_unfit
        said = f"{why}; its image goes on" if ending == "bypass" else why
        status = Status.FAILED if ending == "fail" else Status.SKIPPED
        self.tell(step, state.fail(step, FAILED, said, status))

    def leave_out(self, place: int, step: str, reason: Reason, key: str | None, why: str) -> list[Publication]:
        """A run found that a job has no picture of its own; the files that show another one in its place."""
        state = self.rows[place]
        shown = {publication.name for publication in self.due(state)}
        of = state.level.steps[state.level.numbers[step]]
        instead = of.inputs["image"] if why and of.when_unfit == "bypass" else None
        self._plan.settle(place, step, reason, key=key, note=why, instead=instead)
        state.entry, state.sound = self._plan.row_plan(place), False
        if why:
            self.unfit(state, step, why)
        else:
            self.tell(step, state.end(step, Status.SKIPPED))
        now_due = [publication for publication in self.due(state) if publication.name not in shown]
        state.open_ends += len(now_due)
        return now_due

    def note_keys(self, state: RowState, step: str, keys: Sequence[str]) -> None:
        """Remember a job's keys: what was asked first, by which changes are told, and every later try by its number."""
        for name in self.names(state, step):
            for number, key in enumerate(keys, 1):
                self._planner.memory.note_key(numbered(name, number), key)

    def reused(
        self, state: RowState, step: str, keys: Sequence[str], result: Result, chosen: Chosen | None = None
    ) -> None:
        """A job's picture was there already, under the last of these keys."""
        self.note_keys(state, step, keys)
        self.tell(step, state.end(step, Status.REUSED, result, keys[-1] if keys else None, chosen))

    def names(self, state: RowState, step: str) -> list[str]:
        """What the key of a job is remembered under; those of several takes stand beside each other."""
        address, picks = state.address(step), self._planner.picks
        if not picks.takes_of(state.entry.key, step):
            return [address]
        return [address, f"{address}~{picks.take(state.entry.key, step).name or FIRST_TAKE}"]

    def park(self, state: RowState, step: str) -> None:
        """A job waits until a person has chosen what it takes."""
        state.sound = False
        self.tell(step, state.end(step, Status.PARKED))

    def tell(self, step: str, outcome: Outcome) -> None:
        """Say how a job ended."""
        self._listener.finished(outcome, step)

    def end_one(self, state: RowState) -> None:
        """A job or a file of a row is through."""
        state.open_ends -= 1
        if not state.open_ends:
            self._close(state)

    def _close(self, state: RowState) -> None:
        """All of a row is done: say where its pictures stand, and remember it when all is as it should be."""
        outputs: list[File] = []
        for publication in self.due(state):
            if published := self._planner.index.published(publication.path):
                state.show(publication, published.sha256)
                as_written = stat_of(self._root / publication.path) == published.stat
                outputs.append((publication.path, published.stat if as_written else None))
            else:
                outputs.append((publication.path, None))
        if state.sound:
            shape = shape_of(decision.reason for decision in state.entry.decisions)
            inputs = [self._planner.inputs.settled(source) for source in state.entry.inputs]
            if state.entry.key == RUN:
                self._run_done = (state.entry.row, shape, inputs, outputs)
                return
            self._planner.memory.note_row(state.entry.row, shape, inputs, outputs)
            self.flush(when_many=True)

    def due(self, state: RowState) -> Iterator[Publication]:
        """The files that a row's pictures stand in, as far as there are such pictures."""
        for output in self._planner.targets.of(state.entry.row):
            ref = state.origin(output.ref)
            step = ref.name if ref.kind is RefKind.STEP else None
            if path := state.entry.paths.get(output.name):
                found = None if step else self._input(state, ref, output)
                if blob := state.blobs.get(step) if step else found and found.blob:
                    yield published_as(output, path, blob, step, state.keys if output.provenance else frozenset())

    def source(self, state: RowState, publication: Publication) -> Path:
        """The input file that is published as it is, since every step was bypassed."""
        output = next(output for output in self._planner.recipe.outputs if output.name == publication.name)
        source = self._input(state, state.origin(output.ref), output)
        return self._root / (source.path if source else "")

    @property
    def _root(self) -> Path:
        return self._planner.inputs.root

    def _input(self, state: RowState, ref: Ref, output: Output) -> Source | None:
        """The file that an output shows as it is; None when it could not be fetched."""
        with suppress(RowError):
            return self._planner.supplier.file(ref, state.entry.row, output.where("image"))
        return None

    # -- at the end

    def leave(self, at_the_provider: Mapping[str, Task]) -> None:
        """Say what was not started, and what is left at the provider (tasks that go on, by job)."""
        for state in self.rows.values():
            for step in state.level.steps:
                if step.id in state.outcomes:
                    continue
                if task := at_the_provider.get(state.address(step.id)):
                    why = "left at the provider, where it goes on; the next run brings its picture"
                    if task.task_id is None:
                        why = "left while its request was on its way; the next run finds out what can be known of it"
                    outcome = state.fail(step.id, "LeftInFlight", why, Status.LEFT)
                    outcome.task_id, outcome.attempts = task.task_id, 1
                    if task.task_id:
                        state.charge(outcome, None if task.usd_image is None else task.usd)
                else:
                    outcome = state.end(step.id, Status.NOT_STARTED)
                self.tell(step.id, outcome)
        if self._run_done:
            row, shape, inputs, outputs = self._run_done
            # It is as it was while every row is: so its text is what all rows' records come to.
            if text := self._planner.memory.digest_of(entry.key for entry in self._plan.rows):
                self._planner.memory.note_row(replace(row, text=text), shape, inputs, outputs)

    def flush(self, *, when_many: bool = False) -> None:
        """Write what is to be remembered of rows and files."""
        with self._halt.guard():
            self._planner.memory.flush(when_many=when_many)
            self._planner.inputs.save()
            self._planner.save()

    def record(self, run_id: str, started: datetime, finished: datetime) -> RunRecord:
        """Every job's outcome, in the plan's order."""
        plan = self._plan
        record = RunRecord(run_id, plan.recipe.name, plan.backend, plan.place, started, finished)
        shapes: Counter[str] = Counter()
        for place, entry in enumerate(plan.entries):
            if isinstance(entry, Unchanged):
                record.unchanged_rows += entry.key != RUN and entry.shape.strip(EXCLUDED) != ""
                shapes[entry.shape] += 1
            else:
                state = self.rows[place]
                record.outcomes += [state.outcomes[step.id] for step in state.level.steps]
        for shape, count in shapes.items():
            for letter in shape:
                record.unchanged_jobs[_STATUSES.get(letter, Status.SKIPPED)] += count
        for state in self.rows.values():
            record.open_picks.update(step for step, chosen in state.chosen.items() if chosen.is_open)
        record.problems, record.notes = len(plan.problems), list(plan.notes)
        recorded.note_choosers(self.rows.values(), self._planner.picks)
        recorded.describe(record, self._planner)
        return record


def numbered(name: str, number: int) -> str:
    """What the key of a job's try is remembered under."""
    return name if number == 1 else f"{name}!{number}"
