"""From a run to its report: finds the record, gathers rows a page at a time, and writes them as they come."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from wanflow.backends.workers import Workers
from wanflow.errors import EditError, StoreError, UsageError
from wanflow.paying.status import look
from wanflow.reporting import page, writing
from wanflow.reporting.head import Tally, head
from wanflow.reporting.lookup import Lookup
from wanflow.reporting.model import Head, Pages, Picture, Row
from wanflow.reporting.records import FILE, LAST, PREVIOUS, Record, Runs
from wanflow.reporting.rows import Album, Rows
from wanflow.reporting.views import LARGE, SMALL, Views
from wanflow.settings import STORE, cores, find_root, state_folder
from wanflow.store import locks
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

ROWS_PER_PAGE = 50
# Of more pictures a folder has small copies only: a larger one has some 100 kB.
MOST_VIEWS = 4_000
# What a single file may hold of pictures, larger copies among them, and of rows.
MOST_BYTES, MOST_VIEW_BYTES, MOST_ROWS = 60_000_000, 40_000_000, 2_000
FOLDER, SINGLE = "report", "report.html"


@dataclass(frozen=True, slots=True)
class Made:
    """A report that was written: its page, what is in it, and what was left out of it, in words."""

    path: Path
    run: str
    rows: int
    pictures: int
    without: int
    size_bytes: int
    notes: tuple[str, ...] = ()


def make(
    run: str | Path = LAST,
    *,
    out: str | Path | None = None,
    single_file: bool = False,
    compare: str | Path | None = None,
    here: str | Path | None = None,
) -> Made:
    """Write a run's report: a folder with index.html, or one file; by default `report` in the project that `here` (the
    current folder) belongs to. `run`, and the one to `compare` with, are ids, beginnings of ids, "last", "previous"
    (only to compare) or paths of run.json.

    Raises UsageError for a run that isn't there or a place that isn't a report's, StoreError.
    """
    here = Path(here or Path.cwd()).resolve()
    root = _root(run, here)
    store = root / STORE
    runs = Runs(store, lambda: look(store, state_folder() / "accounts", datetime.now(UTC)).unrecorded)
    record = _record(runs, run, here)
    other = _compared(runs, record, compare, here) if compare else None
    target = _target(root, out, here, single=single_file)
    writing.require_replaceable(target, single=single_file)
    with contextlib.ExitStack() as held:
        held.enter_context(runs.blamed())
        workers = Workers(cores(), store)
        held.callback(workers.close)
        index = held.enter_context(_index(store).in_use())
        if index.notice and not index.read_only:
            raise StoreError(index.notice)
        held.enter_context(_in_use(store))
        views = held.enter_context(_views(store, workers))
        album = Album(root, index, Blobs(store))
        lookups = Lookup(record, runs, index), Lookup(other, runs, index) if other else None
        rows = Rows(*lookups, album, target.parent if single_file else target)
        maker = _Maker(record, other, rows, views, _notes(record, lookups[0]))
        if single_file:
            return maker.single(target)
        return maker.folder(target, ignored=out is None)


def _root(run: str | Path, here: Path) -> Path:
    """The project of a run: of a path the one that it lies in, if it does."""
    own = find_root(here / "recipe", here)
    if _is_path(run):
        path = _file(run, here)
        if path.name == FILE and path.parent.parent.name == "runs" and path.parent.parent.parent.name == STORE:
            return path.parent.parent.parent.parent
    return own


def _is_path(run: str | Path) -> bool:
    return isinstance(run, Path) or "/" in run or os.sep in run or run.endswith(".json")


def _file(run: str | Path, here: Path) -> Path:
    """The record that a path means: itself, or the one in that folder."""
    path = (here / run).resolve()
    return path / FILE if path.is_dir() else path


def _record(runs: Runs, run: str | Path, here: Path) -> Record:
    if not _is_path(run):
        return runs.find(str(run))
    path = _file(run, here)
    if not path.exists():
        raise UsageError(f"there is no file {run}; name a run, or the run.json of one")
    return runs.open(path)


def _compared(runs: Runs, record: Record, compare: str | Path, here: Path) -> Record:
    other = runs.previous(record) if compare == PREVIOUS else _record(runs, compare, here)
    if other.run_id == record.run_id:
        raise UsageError(f"--compare: {record.run_id} is the reported run itself; name another one, or previous")
    return other


def _target(root: Path, out: str | Path | None, here: Path, *, single: bool) -> Path:
    if out is None:
        return root / (SINGLE if single else FOLDER)
    target = Path(os.path.abspath(here / out))  # noqa: PTH100 - what is a link stays one
    is_page = target.suffix.lower() in (".html", ".htm")
    if single:
        if not is_page and target.is_file():
            raise UsageError(f"{target} is there already, and no report; give a name that ends in .html with -o")
        return target if is_page else target / writing.PAGE
    if is_page:
        raise UsageError(f"-o {out}: a report is a folder; --single-file makes it one file")
    return Path(os.path.realpath(target))


def _index(store: Path) -> Index:
    return Index.open(store, repair=False) if store.is_dir() else Index.memory()


@contextlib.contextmanager
def _in_use(store: Path) -> Iterator[None]:
    """Nothing is removed from the store meanwhile, as far as it can be written at all."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            held.enter_context(locks.shared(store / locks.IN_USE))
        yield


@contextlib.contextmanager
def _views(store: Path, workers: Workers) -> Iterator[Views]:
    """The small copies that the store keeps; where it can't be written, some that are gone afterwards."""
    if store.is_dir() and os.access(store, os.W_OK | os.X_OK):
        yield Views.of(store, workers)
        return
    with tempfile.TemporaryDirectory(prefix="wanflow-") as folder:
        yield Views(Path(folder), workers)


def _notes(record: Record, lookup: Lookup) -> list[str]:
    notes = []
    if record.is_old:
        notes.append("An older version recorded this run: it doesn't tell when what was done, or who picked.")
        if unchanged := record.head.get("unchanged_rows"):
            notes.append(f"{unchanged:,} rows in which nothing changed are not shown: its record doesn't name them.")
    if lookup.lost:
        notes.append(f"Of {lookup.lost:,} rows in which nothing changed no record is left that has their pictures.")
    return notes


class _Maker:
    def __init__(self, record: Record, other: Record | None, rows: Rows, views: Views, notes: list[str]) -> None:
        self._rows, self._views, self._notes = rows, views, notes
        self._tally, self._record = Tally(record, other), record
        self._pictures: set[str] = set()
        self._without: set[str] = set()
        self._large: set[str] = set()
        self._size_bytes = 0

    def folder(self, target: Path, *, ignored: bool) -> Made:
        """Write it as a folder."""
        first: list[Row] = []
        with writing.building(target) as folder:

            def take(sha256: str, side: int) -> str:
                return folder.picture(self._views.path(sha256, side))

            for number, rows in self._pages(len(self._rows), take, lambda: len(self._large) < MOST_VIEWS):
                folder.rows(number, rows)
                first = first or rows
            if len(self._large) >= MOST_VIEWS:
                self._notes.append(f"The first {MOST_VIEWS:,} pictures can be enlarged; further ones are shown small.")
            folder.index(self._tally.index)
            folder.page(page.html(self._head(len(self._rows)), first))
            if ignored:
                folder.ignored()
        size_bytes = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        return self._made(target / writing.PAGE, len(self._rows), size_bytes)

    def single(self, target: Path) -> Made:
        """Write it as one file."""
        inside: dict[str, str] = {}

        def take(sha256: str, side: int) -> str:
            path = self._views.path(sha256, side)
            address = writing.address_of(path)
            if address not in inside:
                uri = writing.data_uri(Path(path).read_bytes())
                if self._size_bytes + len(uri) > MOST_BYTES:
                    return ""
                inside[address] = uri
                self._size_bytes += len(uri)
            return address

        count = min(len(self._rows), MOST_ROWS)
        pages = [rows for _, rows in self._pages(count, take, lambda: self._size_bytes < MOST_VIEW_BYTES)]
        if count < len(self._rows):
            more = f"the first {count:,} of {len(self._rows):,} rows"
            self._notes.append(f"This file holds {more}; a report without --single-file holds all.")
        if self._size_bytes >= MOST_VIEW_BYTES:
            self._notes.append("Not all pictures have room in one file, or not enlarged; without --single-file all do.")
        embedded = page.Embedded(self._tally.index, pages, inside)
        writing.write_single(target, page.html(self._head(count), pages[0] if pages else [], embedded))
        return self._made(target, count, target.stat().st_size)

    def _made(self, path: Path, rows: int, size_bytes: int) -> Made:
        numbers = len(self._pictures), len(self._without)
        return Made(path, self._record.run_id, rows, *numbers, size_bytes, tuple(self._notes))

    def _head(self, rows: int) -> Head:
        pages = Pages(size=ROWS_PER_PAGE, count=-(-rows // ROWS_PER_PAGE), rows=rows)
        return head(self._tally, pages, self._notes)

    def _pages(
        self, most: int, take: Callable[[str, int], str], enlarged: Callable[[], bool]
    ) -> Iterator[tuple[int, list[Row]]]:
        """Pages of rows with their pictures, which are taken into the report on the way."""
        rows = islice(iter(self._rows), most)
        number = 0
        while some := list(islice(rows, ROWS_PER_PAGE)):
            number += 1
            self._show(self._rows.album.take(), take, enlarged)
            for row in some:
                self._tally.add(number, row)
            yield number, some

    def _show(
        self, shown: Mapping[str, Sequence[Picture]], take: Callable[[str, int], str], enlarged: Callable[[], bool]
    ) -> None:
        large = enlarged()
        places = {sha256: self._rows.album.places(sha256) for sha256 in shown}
        try:
            self._views.make(places, (SMALL, LARGE) if large else (SMALL,))
        except EditError as error:
            raise StoreError(f"the report is not written: {error.message}") from error
        for sha256, pictures in shown.items():
            thumb = view = ""
            if note := self._views.faults.get(sha256, ""):
                self._without.add(sha256)
            else:
                self._pictures.add(sha256)
                thumb = take(sha256, SMALL)
                if max(pictures[0]["width"], pictures[0]["height"]) in range(1, SMALL + 1):
                    view = thumb
                elif thumb and large and enlarged():
                    view = take(sha256, LARGE)
                    self._large.add(sha256)
                note = "" if thumb else "no room for it in this file"
            size = self._views.size(sha256) if thumb and not pictures[0]["width"] else None
            for picture in pictures:
                picture["width"], picture["height"] = size or (picture["width"], picture["height"])
                picture["thumb"], picture["view"], picture["note"] = thumb, view, note
