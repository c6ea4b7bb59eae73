"""Rows recognised whole: when neither a row's text nor its files changed since it was fully done, its steps are not
looked at.

What makes a hundred thousand rows cheap: the recipe's part of the fingerprint is hashed once, records are read in one
go, and an unchanged row costs one comparison and its files' stats.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from wanflow.model import FileStat, Row
from wanflow.planning.inputs import Inputs
from wanflow.store.index import Index
from wanflow.store.sightings import RowRecord

ROWS_PER_FLUSH = 500

File = tuple[str, FileStat | None]


class RowMemory:
    """The remembered rows of one recipe over one manifest; `scope` is what all rows depend on."""

    def __init__(
        self,
        index: Index,
        inputs: Inputs,
        identity: str,
        scope: bytes,
        chosen: Callable[[str], str] = lambda row: "",
        *,
        whole: bool = False,
    ) -> None:
        """`chosen` tells what people chose for a row; `whole` is for recipes in which something depends on all rows
        together.
        """
        self._chosen = chosen
        self._index, self._inputs, self._identity = index, inputs, identity
        self._digests: dict[str, bytes] | None = {} if whole else None
        self._scope = hashlib.sha256(scope)
        self._records: dict[str, RowRecord] = {}
        self._folder: int | None = None
        self._new: dict[str, RowRecord] = {}
        self._keys: list[tuple[str, str]] = []

    @contextmanager
    def open(self, *, recall: bool) -> Iterator[None]:
        """Hold what is remembered while rows are decided; nothing is recalled when everything shall be looked at."""
        self._records = self._index.rows(self._identity) if recall else {}
        # Relative to a folder's descriptor, a stat costs a third of one by full path.
        self._folder = os.open(self._inputs.root, os.O_RDONLY) if os.stat in os.supports_dir_fd else None
        try:
            yield
        finally:
            if self._folder is not None:
                os.close(self._folder)
            self._records = {}

    def recall(self, row: Row) -> RowRecord | None:
        """The record of a row that is as it was when it was fully done."""
        record = self._records.get(row.key)
        if record and record.fingerprint == self._fingerprint(row) and self._files_unchanged(record.files):
            if self._digests is not None:
                self._digests[row.key] = _digest(record)
            return record
        return None

    def digest_of(self, keys: Iterable[str]) -> str:
        """What the records of these rows come to, in their order; empty when one of them has none."""
        state = hashlib.sha256()
        for key in keys:
            if self._digests is None or (made := self._digests.get(key)) is None:
                return ""
            state.update(made)
        return state.hexdigest()

    def _fingerprint(self, row: Row) -> bytes:
        state = self._scope.copy()
        chosen = self._chosen(row.key)
        text = f"{row.text}\0{chosen}" if chosen else row.text
        state.update(text.encode("utf-8", "surrogatepass"))
        return state.digest()[:16]

    def _files_unchanged(self, files: str) -> bool:
        try:
            for line in files.split("\n"):
                if line:
                    path, expected = line.split("\t", 1)
                    # Windows opens no folders.
                    place = self._inputs.root / path if self._folder is None else path
                    found = os.stat(place, dir_fd=self._folder)
                    if f"{found.st_size}\t{found.st_mtime_ns}\t{found.st_ino}" != expected:
                        return False
        except (OSError, ValueError):  # ValueError: a line that no wanflow wrote
            return False
        return True

    def note_row(self, row: Row, shape: str, inputs: Iterable[File], outputs: Iterable[File]) -> None:
        """Remember a row that is fully done, with the stats that its files had when they were read or written.

        A row with a file whose stat is not to be trusted (None), or a name that would break a line, is not remembered.
        """
        lines = [_line(*file) for file in inputs]
        made = [_line(*file) for file in outputs]
        if None not in lines and None not in made:
            files = "\n".join(map(str, lines)) + "\n\n" + "\n".join(map(str, made))
            self._new[row.key] = RowRecord(self._fingerprint(row), shape, files)
            if self._digests is not None:
                self._digests[row.key] = _digest(self._new[row.key])

    def note_key(self, job: str, key: str) -> None:
        """Remember the key of a job, so that a later plan can say what changed."""
        self._keys.append((job, key))

    def flush(self, *, when_many: bool = False) -> None:
        """Write what was noted. Raises StoreError."""
        many = len(self._new) >= ROWS_PER_FLUSH or len(self._keys) >= 10 * ROWS_PER_FLUSH
        if not (self._new or self._keys) or (when_many and not many):
            return
        with self._index.transaction():
            self._index.note_jobs(self._identity, self._keys)
            self._index.note_rows(self._identity, self._new)
        self._new.clear()
        self._keys.clear()


def _digest(record: RowRecord) -> bytes:
    made = f"{record.shape}\n{record.files}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(record.fingerprint + made).digest()[:16]


def _line(name: str, stat: FileStat | None) -> str | None:
    if stat is None or "\t" in name or "\n" in name:
        return None
    return f"{name}\t{stat.size}\t{stat.mtime_ns}\t{stat.inode}"


def file_names(record: RowRecord) -> tuple[list[str], list[str]]:
    """The input and output files of a remembered row."""
    inputs, _, outputs = record.files.partition("\n\n")
    return _names(inputs), _names(outputs)


def _names(lines: str) -> list[str]:
    return [line.partition("\t")[0] for line in lines.split("\n") if line]
