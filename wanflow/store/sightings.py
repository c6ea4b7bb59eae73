"""What the index knows of files and rows: the stats and digests that they had when they were last read or written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, TypeVar

from wanflow.errors import quoted
from wanflow.functions.geometry import Size
from wanflow.functions.maskrules import COUNTING, MaskFacts
from wanflow.model import Blob, FileStat
from wanflow.store.made import blob_list, blob_of, facts_of, numbers_of, read, text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowRecord:
    """A row that was found fully done: fingerprint, a letter per step, and the stats of its files.

    `shape` has r (reused), b (bypassed) or s (skipped) for each step in order; `files` holds lines of
    ``path TAB size TAB mtime_ns TAB inode``; the first lines, up to an empty one, are inputs, the others outputs.
    """

    fingerprint: bytes
    shape: str
    files: str


@dataclass(frozen=True, slots=True)
class Published:
    """What was last written to an output path: its stat, its digest, what it was made from, and by which recipe's file.

    The writer is empty where it is not known.
    """

    stat: FileStat
    sha256: str
    recipe_of: str
    writer: str = ""


class Sightings:
    """The part of a project's index that spares reading files again; all of it is found anew where it is lost."""

    _db: sqlite3.Connection
    # Who hears, once, of an entry that makes no sense; those before anybody listened are `doubts`.
    tell: Callable[[str], None] | None = None
    doubts: Sequence[str] = ()

    def _sound(self, text: Any, judge: Callable[[Any], T]) -> T | None:
        """What a column of JSON holds; one that makes no sense counts as missing."""
        try:
            return read_column(text, judge)
        except sqlite3.DataError as error:
            if not self.doubts:
                self.doubts = [f"an entry of .wanflow/index.sqlite is {error}; it and others like it count as missing"]
                if self.tell:
                    self.tell(self.doubts[0])
            return None

    # -- input files

    def file(self, path: str) -> tuple[FileStat, Blob] | None:
        """What a file was when it was last read."""
        found = self._db.execute("SELECT size, mtime_ns, inode, blob FROM files WHERE path = ?", (path,)).fetchone()
        blob = self._sound(found[3], blob_of) if found else None
        return (FileStat(*found[:3]), blob) if blob else None

    def note_files(self, entries: Mapping[str, tuple[FileStat, Blob]]) -> None:
        """Keep what files are, by path."""
        self._db.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
            (
                (path, stat.size, stat.mtime_ns, stat.inode, json.dumps(blob_list(blob)))
                for path, (stat, blob) in entries.items()
            ),
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)", ((blob.sha256, path) for path, (_, blob) in entries.items())
        )

    # -- pictures that were fetched

    def url(self, digest: str) -> tuple[str, str] | None:
        """The sha256 of what was fetched from a URL with this digest, and its ETag."""
        found = self._db.execute("SELECT sha256, etag FROM urls WHERE url = ?", (digest,)).fetchone()
        return (found[0], found[1]) if found else None

    def note_url(self, digest: str, shown: str, sha256: str, etag: str, fetched: datetime) -> None:
        """Keep what was fetched from a URL; rows that were done with another picture of it are looked at again."""
        known = self.url(digest)
        if known and known[0] != sha256:
            self._db.execute("DELETE FROM rows WHERE instr(files, ?)", (known[0],))
        line = (digest, shown, sha256, etag, fetched.isoformat(timespec="seconds"))
        self._db.execute("INSERT OR REPLACE INTO urls VALUES (?, ?, ?, ?, ?)", line)

    def urls(self) -> dict[str, str]:
        """Every picture that was fetched: by sha256, a URL that it came from, as messages show it."""
        return dict(self._db.execute("SELECT sha256, shown FROM urls ORDER BY url DESC"))

    # -- masks

    def mask(self, sha256: str) -> MaskFacts | None:
        """What was counted in a mask with this digest."""
        found = self._db.execute("SELECT facts FROM masks WHERE sha256 = ?", (f"{sha256}/{COUNTING}",)).fetchone()
        return self._sound(found[0], facts_of) if found else None

    def note_masks(self, entries: Mapping[str, MaskFacts]) -> None:
        """Keep what was counted in masks, by digest."""
        counted = ((f"{sha256}/{COUNTING}", json.dumps(astuple(facts))) for sha256, facts in entries.items())
        self._db.executemany("INSERT OR REPLACE INTO masks VALUES (?, ?)", counted)

    # -- what pictures are judged by

    def measure(self, name: str, values: int, sha256: str, base: str = "") -> list[float] | None:
        """What was measured of a picture, alone or beside the one that it was made from: so many values."""
        asked = "SELECT found FROM measures WHERE name = ? AND sha256 = ? AND base = ?"
        found = self._db.execute(asked, (name, sha256, base)).fetchone()
        return self._sound(found[0], lambda entry: numbers_of(entry, values)) if found else None

    def remark(self, name: str, sha256: str, base: str = "") -> str | None:
        """What a check of this name and version said of a picture."""
        asked = "SELECT found FROM measures WHERE name = ? AND sha256 = ? AND base = ?"
        found = self._db.execute(asked, (name, sha256, base)).fetchone()
        return read_column(found[0], text) if found else None

    def note_measures(self, entries: Mapping[tuple[str, str, str], Sequence[float] | str]) -> None:
        """Keep what was measured or said, by name, digest and base's digest."""
        measured = ((*of, json.dumps(found)) for of, found in entries.items())
        self._db.executemany("INSERT OR REPLACE INTO measures VALUES (?, ?, ?, ?)", measured)

    # -- how large results were

    def sizes(self, maker: str) -> dict[tuple[Size | None, Size], Size]:
        """What a maker's pictures measured, by the image's size and the one that was assumed."""
        found = self._db.execute("SELECT image, assumed, made FROM sizes WHERE maker = ?", (maker,))
        return {(_size(image) if image else None, _size(assumed)): _size(made) for image, assumed, made in found}

    def note_size(self, maker: str, image: Size | None, assumed: Size, made: Size) -> None:
        """Keep how large a picture was that a maker made of an image of this size."""
        line = (maker, _said(image) if image else "", _said(assumed), _said(made))
        self._db.execute("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?, ?)", line)

    # -- output files

    def published(self, path: str) -> Published | None:
        """What was last written to an output path."""
        found = self._db.execute(
            "SELECT size, mtime_ns, inode, sha256, recipe_of, writer FROM outputs WHERE path = ?", (path,)
        ).fetchone()
        return Published(FileStat(*found[:3]), *found[3:]) if found else None

    def writers(self) -> set[str]:
        """The recipes' files whose outputs stand in the project."""
        return {writer for (writer,) in self._db.execute("SELECT DISTINCT writer FROM outputs WHERE writer <> ''")}

    def note_published(self, path: str, entry: Published) -> None:
        """Keep what was written to an output path."""
        stat = entry.stat
        self._db.execute(
            "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?, ?)",
            (path, stat.size, stat.mtime_ns, stat.inode, entry.sha256, entry.recipe_of, entry.writer),
        )
        self._db.execute(
            "INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?)", (entry.sha256, path, entry.recipe_of, entry.writer)
        )

    # -- rows that are fully done

    def rows(self, recipe: str) -> dict[str, RowRecord]:
        """Every remembered row of a recipe, read in one go."""
        found = self._db.execute("SELECT row, fingerprint, shape, files FROM rows WHERE recipe = ?", (recipe,))
        return {row: RowRecord(fingerprint, shape, files) for row, fingerprint, shape, files in found}

    def note_rows(self, recipe: str, records: Mapping[str, RowRecord]) -> None:
        """Remember rows that are fully done."""
        self._db.executemany(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)",
            ((recipe, row, record.fingerprint, record.shape, record.files) for row, record in records.items()),
        )

    def outputs(self) -> Iterator[tuple[str, str]]:
        """What was last written to each output path: path, sha256."""
        yield from self._db.execute("SELECT path, sha256 FROM outputs ORDER BY path")


def _said(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _size(text: str) -> Size:
    try:
        width, height = map(int, str(text).split("x"))
    except ValueError as error:
        raise sqlite3.DataError(f"what no wanflow wrote ({quoted(str(text))} is no size)") from error
    return width, height


def read_column(raw: Any, judge: Callable[[Any], T]) -> T:
    """What a column of JSON holds. Raises sqlite3.DataError for what no wanflow wrote."""
    try:
        return read(raw, judge)
    except ValueError as error:
        raise sqlite3.DataError(f"what no wanflow wrote ({error})") from error
