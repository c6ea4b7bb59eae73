"""Which run is meant, and what its record and the records before it say; also those that older versions wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wanflow.documents.schemas import faults, load
from wanflow.errors import StoreError, UsageError, describe_os_error, did_you_mean, inline, is_text
from wanflow.model import RUN
from wanflow.paying.status import Unrecorded, readable_record
from wanflow.record import FORMAT_VERSION
from wanflow.store.blobs import stat_of

FILE = "run.json"
LAST, PREVIOUS = "last", "previous"
# Runs that are named where another one was meant.
MOST_NAMED = 5
Entry = Mapping[str, Any]


@dataclass(slots=True)
class RowEntry:
    """A row of a record: its key, place and input pictures as it says them, its outcomes by step, and for one that was
    recognised whole a letter a step (see planning.planned.SHAPES).
    """

    key: str
    place: str = ""
    inputs: list[Entry] = field(default_factory=list)
    outcomes: dict[str, Entry] = field(default_factory=dict)
    shape: str = ""


@dataclass(slots=True)
class Record:
    """One run as it was recorded; `rows` in the manifest's order, that of the whole run last."""

    head: Entry
    rows: dict[str, RowEntry]
    steps: list[Entry]

    @property
    def run_id(self) -> str:
        """The run."""
        return str(self.head["run_id"])

    @property
    def is_old(self) -> bool:
        """Whether it is of a version that did not record steps and rows."""
        return "steps" not in self.head

    def steps_of(self, row: str) -> list[Entry]:
        """The steps that run for a row, or once for the whole run."""
        return [step for step in self.steps if bool(step["per_run"]) == (row == RUN)]

    def is_of(self, other: Record) -> bool:
        """Whether both are of one recipe over one manifest, as far as they say."""
        mine, theirs = self.head.get("identity"), other.head.get("identity")
        return mine == theirs if mine and theirs else bool(self.head["recipe"] == other.head["recipe"])


class Runs:
    """The recorded runs of one project, in its store; `unrecorded` gives those that still go on, or were killed, and is
    asked only where a run is not found.
    """

    def __init__(self, store: Path, unrecorded: Callable[[], Collection[Unrecorded]] = tuple) -> None:
        self._folder, self._unrecorded = store / "runs", unrecorded
        self._opened: list[Path] = []

    def ids(self) -> list[str]:
        """All of them, the newest first; their names begin with the second in which they began."""
        ended = {path.parent.name: stat.mtime_ns for path in self._folder.glob(f"*/{FILE}") if (stat := stat_of(path))}
        return sorted(ended, key=lambda run: (run.partition("-")[0], ended[run]), reverse=True)

    def find(self, wanted: str) -> Record:
        """The run of this id, or of the only one that begins so, or the last. Raises UsageError, StoreError."""
        ids = self.ids()
        if wanted == LAST:
            if not ids:
                raise UsageError(self._none())
            return self.read(ids[0])
        found = [run for run in ids if run == wanted] or [run for run in ids if wanted and run.startswith(wanted)]
        if len(found) == 1:
            return self.read(found[0])
        if found:
            raise UsageError(f"{wanted} begins the names of {len(found)} runs: {_some(found)}; write more of it")
        for run in self._unrecorded():
            if wanted and run.run.startswith(wanted):
                how = "still goes on" if run.alive else "was killed, or its record is gone"
                more = "ask again when it is done" if run.alive else "run the recipe again: it goes on from there"
                said = f"{run.run} {how}, so it has no record yet: {run.sent:,} paid tasks sent, {run.stored:,} stored"
                raise UsageError(f"{said}; {more}")
        if not ids:
            raise UsageError(f"there is no run {inline(wanted)}: {self._none()}")
        near = did_you_mean(wanted, ids) if len(ids) > MOST_NAMED else ""
        raise UsageError(f"there is no run {inline(wanted)}. {near or f'There are: {_some(ids)}.'}")

    def _none(self) -> str:
        alive = [run.run for run in self._unrecorded() if run.alive]
        if alive:
            how = f"{alive[0]} still goes on; ask again when it is done"
        elif self._folder.parent.is_dir():
            how = "wanflow run RECIPE makes one; one that was killed leaves none: run it again, what is done stays"
        else:
            how = "wanflow run RECIPE makes one"
        return f"there is no record of a run in this folder yet: {how}"

    def before(self, record: Record) -> Iterator[Record]:
        """The readable records of earlier runs of the same recipe, the newest first."""
        ids = self.ids()
        # One that lies elsewhere is older than what began after it.
        known = record.run_id in ids
        for run in ids[ids.index(record.run_id) + 1 :] if known else ids:
            if known or run < record.run_id:
                try:
                    earlier = self.read(run)
                except StoreError:
                    continue  # one that is damaged tells nothing; the others still do
                if earlier.is_of(record):
                    yield earlier

    def previous(self, record: Record) -> Record:
        """The run of the same recipe before this one. Raises UsageError."""
        if found := next(self.before(record), None):
            return found
        raise UsageError(f"--compare previous: {record.run_id} is the first run of {record.head['recipe']} here")

    def read(self, run: str) -> Record:
        """A run by its whole id. Raises StoreError."""
        return self.open(self._folder / run / FILE)

    def open(self, path: Path) -> Record:
        """The record in a file. Raises StoreError."""
        self._opened.append(path)
        return read(path)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """What goes wrong while records are shown is a record's fault if one of those that were read breaks the schema.

        Holding ten thousand rows against it takes longer than showing them, so that is done only then.
        """
        try:
            yield
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            for path in self._opened:
                with suppress(OSError, ValueError):
                    record = json.loads(path.read_text(encoding="utf-8"))
                    if fault := next(iter(faults(record, load("run.schema.json"))), None):
                        raise StoreError(f"{path} is no record of a run: {fault}") from error
            raise


def _some(ids: Collection[str]) -> str:
    more = f" and {len(ids) - MOST_NAMED:,} more" if len(ids) > MOST_NAMED else ""
    return f"{', '.join(list(ids)[:MOST_NAMED])}{more}"


def read(path: Path) -> Record:
    """The record in a file. Raises StoreError."""
    try:
        return record_of(readable_record(json.loads(path.read_text(encoding="utf-8"))))
    except OSError as error:
        raise StoreError(f"{path}: {describe_os_error(error)}") from error
    except (ValueError, RecursionError) as error:  # of JSON and UTF-8, too
        fault = str(error) or "lists in lists without end"
        raise StoreError(f"{path} is no record of a run: {fault}; report another run (wanflow status)") from error


def record_of(head: Entry) -> Record:
    """A record as JSON values, sorted by rows. Raises ValueError for what no wanflow wrote, or one that comes later."""
    if (version := head.get("format_version", FORMAT_VERSION)) != FORMAT_VERSION:
        raise ValueError(f"its format_version is {version}; a newer wanflow reads it")
    try:
        return _record_of(head)
    except (LookupError, TypeError, AttributeError, OverflowError) as error:  # OverflowError: a number without end
        raise ValueError(f"it makes no sense ({type(error).__name__}: {error})") from error


def _record_of(head: Entry) -> Record:
    told = [
        (int(entry["at"]), RowEntry(_text(entry["row"]), _text(entry["place"]), list(entry["inputs"])))
        for entry in head.get("rows", ())
    ]
    for entry in head.get("unchanged", ()):
        at, shape = int(entry["at"]), _text(entry["shape"])
        told += [(at + number, RowEntry(_text(key), shape=shape)) for number, key in enumerate(entry["rows"])]
    told.sort(key=lambda one: one[0])
    rows = {row.key: row for _, row in told}
    for outcome in head["outcomes"]:
        row, _, step = _text(outcome["job"]).rpartition("/")
        rows.setdefault(row, RowEntry(row)).outcomes[step] = outcome
    if RUN in rows:
        rows[RUN] = rows.pop(RUN)
    steps: list[Entry] = [dict(step) for step in head["steps"]] if "steps" in head else _steps(rows)
    return Record(
        {name: value for name, value in head.items() if name not in ("rows", "unchanged", "outcomes")}, rows, steps
    )


def _steps(rows: Mapping[str, RowEntry]) -> list[Entry]:
    """What the outcomes of an old record tell of its steps."""
    found: dict[str, Entry] = {}
    for row in rows.values():
        for step, outcome in row.outcomes.items():
            plain = {"id": step, "function": outcome["function"], "per_run": row.key == RUN, "candidates": 1}
            found.setdefault(step, {**plain, "model": None, "needs": [], "tags": [], "lane": "", "slots": 1})
    return list(found.values())


def _text(value: object) -> str:
    if not isinstance(value, str) or not is_text(value):
        raise TypeError("no text")
    return value
