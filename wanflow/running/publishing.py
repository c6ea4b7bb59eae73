"""Puts a run's pictures where the user wants them, a few at a time; what can't be written fails its job alone."""

from __future__ import annotations

import asyncio
import posixpath
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator

from wanflow.errors import EditError, StoreError
from wanflow.model import Publication, Status
from wanflow.planning.outputs import DISK_FULL, Publisher, Written
from wanflow.planning.targets import ancestry_of, out_of_place
from wanflow.running.halt import Halt
from wanflow.running.listener import Listener
from wanflow.running.progress import Progress
from wanflow.running.rowstate import RowState
from wanflow.store.index import Index

AT_ONCE = 4


class Publishing:
    """The files that are still to be written, in order, how many were, and the folder (in the project) of them all."""

    def __init__(self, progress: Progress, publisher: Publisher, index: Index, listener: Listener, halt: Halt) -> None:
        self.waiting: deque[tuple[RowState, Publication]] = deque()
        self.written = self.not_written = 0
        self.folder = ""
        self._under_way = 0
        self._full = False
        self._progress, self._publisher, self._index = progress, publisher, index
        self._listener, self._halt = listener, halt

    @property
    def unwritten(self) -> int:
        """How many files are still to be written; after an abort also those that it cut off."""
        return len(self.waiting) + self._under_way

    def add(self, state: RowState, publications: Iterable[Publication]) -> None:
        """These files of a row are due."""
        self.waiting.extend((state, publication) for publication in publications)

    def add_fetched(self, state: RowState, output: str, publication: Publication | None) -> None:
        """A picture that an output shows as it is was fetched, or could not be."""
        if publication:
            self.add(state, [publication])
            return
        why = f"{state.entry.paths[output]} is not written: its picture could not be fetched"
        self._not_published(state, None, EditError("FetchFailed", why))

    def start(self) -> Iterator[Coroutine[None, None, None]]:
        """The work on as many files as may be under way."""
        while self.waiting and self._under_way < AT_ONCE and not (self._halt.aborted or self._full):
            self._under_way += 1
            yield self._publish(*self.waiting.popleft())

    async def _publish(self, state: RowState, publication: Publication) -> None:
        try:
            if out_of_place(publication, self._publisher.root, self._index):
                known = self._index.published(publication.path)
                source = None if publication.step else self._progress.source(state, publication)
                ancestry = ancestry_of(publication, self._publisher.root, self._index)
                written = await asyncio.to_thread(self._publisher.publish, publication, known, source, ancestry)
                self._note_written(publication, written)
            self._progress.end_one(state)
        except (EditError, StoreError) as error:
            self._not_published(state, publication, error)
        self._under_way -= 1

    def _note_written(self, publication: Publication, written: Written) -> None:
        with self._index.transaction():
            self._index.note_published(publication.path, written.published)
        folder = posixpath.dirname(publication.path) or "."
        self.folder = (posixpath.commonpath([self.folder, folder]) or ".") if self.written else folder
        self.written += 1
        self._listener.published(publication.path, written.kept)

    def _not_published(self, state: RowState, publication: Publication | None, error: EditError | StoreError) -> None:
        """A file could not be written: the job whose picture it shows counts as failed, though its result is stored."""
        self.not_written += 1
        state.sound = False
        failure = error if isinstance(error, EditError) else EditError("StoreNotWritten", str(error))
        if publication and publication.step and (outcome := state.outcomes.get(publication.step)):
            outcome.status = Status.FAILED
            outcome.error_code, outcome.error_message = failure.code, failure.message
        self._listener.note(failure.message)
        self._halt.after_failure()
        if failure.code == DISK_FULL:
            self._full = True
            self._halt.for_store(StoreError(failure.message))
        elif isinstance(error, StoreError):
            self._halt.for_store(error)
        self._progress.end_one(state)
