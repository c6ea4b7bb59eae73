"""Local image files -> content: each is read once per (path, size, mtime, inode), and never while unchanged."""

from __future__ import annotations

import os
import posixpath
import time
from pathlib import Path

from wanflow.errors import EditError
from wanflow.images import identify
from wanflow.model import FileStat, Source
from wanflow.outputs import stat_of
from wanflow.store.index import Index

# A file may change twice within one tick of the file system's clock; one this young is read again next time.
RACY_NS = 20_000_000


class Inputs:
    """Looks up what image files contain, and keeps what it read until `save`."""

    def __init__(self, root: Path, index: Index) -> None:
        self.root = root
        self._index = index
        self._seen: dict[str, Source] = {}
        self._failed: dict[str, EditError] = {}
        self._fresh: dict[str, tuple[FileStat, Source]] = {}

    def relative(self, path: Path) -> str:
        """A path as it is recorded: relative to the project, so that the folder may be moved."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def name(self, folder: str, path: str) -> str:
        """The recorded name of a path that starts from a folder, itself named so."""
        if path.startswith("/") or (os.sep != "/" and Path(path).is_absolute()):
            return self.relative(Path(path))
        return posixpath.normpath(f"{folder}/{path}")

    def source(self, name: str) -> Source:
        """The content of an image file. Raises EditError."""
        if known := self._seen.get(name):
            return known
        if failure := self._failed.get(name):
            raise failure
        try:
            found = self._look(name)
        except EditError as error:
            self._failed[name] = error
            raise
        self._seen[name] = found
        return found

    def _look(self, name: str) -> Source:
        path = self.root / name
        stat = stat_of(path)
        if stat and (remembered := self._index.file(name)) and remembered[0] == stat:
            return Source(name, remembered[1])
        now = time.time_ns()
        source = Source(name, identify(path))
        if stat and now - stat.mtime_ns > RACY_NS and stat_of(path) == stat:
            self._fresh[name] = (stat, source)
        return source

    def stat_line(self, name: str, *, young: bool = False) -> str | None:
        """A file's line in a row record: name, size, mtime and inode, between tabs.

        None when there is no such file, when its name would break the line, or (unless `young` files are ours and
        known) when it is so young that a change might go unseen.
        """
        stat = stat_of(self.root / name)
        if stat is None or "\t" in name or "\n" in name:
            return None
        if not young and time.time_ns() - stat.mtime_ns <= RACY_NS:
            return None
        return f"{name}\t{stat.size}\t{stat.mtime_ns}\t{stat.inode}"

    def save(self) -> None:
        """Keep what was read in the index."""
        if self._fresh and not self._index.read_only:
            with self._index.transaction():
                self._index.note_files({name: (stat, source.blob) for name, (stat, source) in self._fresh.items()})
            self._fresh.clear()
