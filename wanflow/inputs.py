"""Local image files -> content: each is read once per (path, size, mtime, inode), and never while unchanged.

Of a mask the pixels are counted as well, once per content.
"""

from __future__ import annotations

import os
import posixpath
import time
from pathlib import Path

from wanflow.errors import EditError
from wanflow.images import identify
from wanflow.maskrules import MaskFacts
from wanflow.model import Blob, FileStat, Source
from wanflow.outputs import stat_of
from wanflow.reach import Reach, everywhere
from wanflow.store.blobs import read_checked
from wanflow.store.index import Index

# A file may change twice within one tick of the file system's clock; one this young is read again next time.
RACY_NS = 20_000_000


def counted(path: Path, sha256: str) -> MaskFacts:
    """What is in the mask in a file that must have this digest; takes a while. Raises EditError."""
    from wanflow.pixels import codec, edit_mask  # late: they load numpy and OpenCV

    return edit_mask.facts(codec.decode(read_checked(path, sha256)))


class Inputs:
    """Looks up what image files contain, and keeps what it read until `save`."""

    def __init__(self, root: Path, index: Index, reach: Reach | None = None) -> None:
        self.root, self.reach = root, reach or everywhere()
        self._index = index
        self._seen: dict[str, Source] = {}
        self._failed: dict[str, EditError] = {}
        self._fresh: dict[str, tuple[FileStat, Blob]] = {}
        self._masks: dict[str, MaskFacts] = {}
        self._fresh_masks: dict[str, MaskFacts] = {}

    def relative(self, path: Path) -> str:
        """A path as it is recorded: relative to the project, so that the folder may be moved."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def name(self, folder: str, path: str) -> str:
        """The recorded name of a path that starts from a folder, itself named so."""
        if path.startswith("/") or (os.sep != "/" and Path(path).is_absolute()):
            return self.relative(Path(path))
        if ".." in path:  # behind a link, .. is not the folder that the text says
            head, tail = posixpath.split(path)
            return posixpath.join(self.relative(Path(os.path.realpath(self.root / folder / head))), tail)
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
        if complaint := self.reach.complaint(path):
            raise EditError("OutOfReach", complaint)
        stat = stat_of(path)
        if stat and (remembered := self._index.file(name)) and remembered[0] == stat:
            return Source(name, remembered[1], stat)
        now = time.time_ns()
        blob = identify(path)
        if stat is None or now - stat.mtime_ns <= RACY_NS or stat_of(path) != stat:
            return Source(name, blob)
        self._fresh[name] = (stat, blob)
        return Source(name, blob, stat)

    def mask(self, path: Path, sha256: str) -> MaskFacts:
        """What is counted in the mask in a file that has this digest. Raises EditError."""
        return self.known_mask(sha256) or self.note_mask(sha256, counted(path, sha256))

    def known_mask(self, sha256: str) -> MaskFacts | None:
        """What was counted in this mask before."""
        if sha256 not in self._masks and (known := self._index.mask(sha256)):
            self._masks[sha256] = known
        return self._masks.get(sha256)

    def note_mask(self, sha256: str, found: MaskFacts) -> MaskFacts:
        """Remember what was counted."""
        self._masks[sha256] = self._fresh_masks[sha256] = found
        return found

    def save(self) -> None:
        """Keep what was read in the index."""
        if (self._fresh or self._fresh_masks) and not self._index.read_only:
            with self._index.transaction():
                self._index.note_files(self._fresh)
                self._index.note_masks(self._fresh_masks)
            self._fresh.clear()
            self._fresh_masks.clear()
