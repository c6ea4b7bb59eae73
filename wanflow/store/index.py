"""What the project knows, in SQLite (.wanflow/index.sqlite): results by key, last keys, file stats, unchanged rows.

Everything here can be lost without losing a picture: a missing entry is a miss, and results that were paid for are
taken from their receipts again. Paths are relative to the project, so that the folder may be moved.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from wanflow.errors import StoreError, describe_os_error, no_room, unwritable
from wanflow.model import Result
from wanflow.store.blobs import Blobs, make_folder
from wanflow.store.database import Connection, begin_wal
from wanflow.store.durations import Durations
from wanflow.store.formats import INDEX, upgrade
from wanflow.store.history import UNKNOWN, History, Making
from wanflow.store.made import blob_of, facts_of, made_of, measured_of, parts_of, result_of
from wanflow.store.receipts import FILE, Receipt, Receipts
from wanflow.store.sightings import Sightings, read_column

NO_RECEIPTS = "the receipts of paid pictures can't be read"
MEND = "wanflow cache verify --mend puts it aside and takes what was paid for from its receipts"


class Index(Sightings, History, Durations):
    """The database of one project. Several processes may use it at once."""

    def __init__(self, connection: sqlite3.Connection, folder: Path = Path(), read_only: bool = False) -> None:
        self._db = connection
        self._folder = folder
        self._receipts: Receipts | None = None
        self._blobs: Blobs | None = None
        self.read_only = read_only
        self.notice = ""

    @classmethod
    def open(cls, folder: Path, *, repair: bool = True, thorough: bool = False) -> Index:
        """Open or create the index. Raises StoreError.

        A file that is no database is put aside when it may be repaired, and left alone otherwise; said in `notice`.
        One that is damaged inside shows it only when that part is read, unless the look at it is `thorough`.
        """
        index = cls._found(folder / "index.sqlite", repair, thorough)
        index._receipts, index._blobs = Receipts(folder), Blobs(folder)
        return index

    @classmethod
    def _found(cls, path: Path, repair: bool, thorough: bool) -> Index:
        try:
            make_folder(path.parent)
            return cls._opened(path, thorough)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and _code(error) not in (0, sqlite3.SQLITE_ERROR):
                return cls._fallback(path, error)
            if not repair:
                index = cls.memory()
                index.notice = f"{path} is damaged; {MEND}"
                return index
            for leftover in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                if leftover.exists():
                    leftover.replace(leftover.with_name(leftover.name + ".damaged"))
            index = cls._opened(path)
            index.notice = f"{path} was damaged and is kept as {path.name}.damaged; work is looked up anew"
            return index
        except OSError as error:
            return cls._fallback(path, error)

    @classmethod
    def _fallback(cls, path: Path, error: OSError | sqlite3.Error) -> Index:
        # A plan must work where nothing can be written; a run finds out before it starts (require_writable).
        index = cls.memory(read_only=True)
        index.notice = _in_words(path.parent, error)
        if path.exists():
            try:
                index._copy(path)
            except sqlite3.Error as unreadable:
                index.close()
                raise StoreError(f"{path} can't be read: {unreadable}. Is it wanflow's?") from error
        return index

    def _copy(self, path: Path) -> None:
        # Of a file whose last commits are still beside it, only the first way reads them, but it may need to write.
        try:
            self._take("mode=ro", path)
        except sqlite3.OperationalError:
            self._take("mode=ro&immutable=1", path)
        upgrade(self._db, path.parent, INDEX)

    def _take(self, way: str, path: Path) -> None:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{way}", uri=True)) as source:
            source.backup(self._db)

    def _catch_up(self) -> None:
        """Take in what the receipts tell and this file doesn't, as far as the pictures are there. Raises StoreError."""
        if not self._receipts or not self._blobs:
            return
        try:
            found = self._db.execute("SELECT read_bytes FROM receipts WHERE file = ?", (FILE,)).fetchone()
            start, size = found[0] if found else 0, self._receipts.size_bytes()
            if start == size:
                return
            # A file that is shorter than what was read of it is another one.
            news = list(self._receipts.read(start if start < size else 0))
        except OSError as error:
            raise StoreError(f"{NO_RECEIPTS}: {describe_os_error(error)}") from error
        if not news:
            return
        with self.transaction():
            for receipt, _ in news:
                if all(self._blobs.path(blob[0]).exists() for blob in receipt.made[0]):
                    self._keep(receipt.key, receipt.made, receipt.components)
                    self.note_making(receipt.key, result_of(receipt.made), UNKNOWN)
            self._db.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?)", (FILE, news[-1][1]))

    @classmethod
    def _opened(cls, path: Path, thorough: bool = False) -> Index:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, factory=Connection)
        try:
            begin_wal(connection)
            # A power cut may take the last commits; what must not be lost has a receipt, which is on disk.
            connection.execute("PRAGMA synchronous = NORMAL")
            upgrade(connection, path.parent, INDEX)
            index = cls(connection, path.parent)
            if thorough:
                index._examine()
        except BaseException:
            connection.close()
            raise
        return index

    def _examine(self) -> None:
        """Raises sqlite3.DatabaseError for any damage, also of what no wanflow wrote."""
        if (found := self._db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        with closing(self.memory()) as right:
            columns = _columns(right._db)
        for table, names in columns.items():
            for _ in self._db.execute(f"SELECT {', '.join(names)} FROM {table}"):  # noqa: S608 - names of ours
                pass
        for _ in self.results():
            pass
        judged = (("blob", "files", blob_of), ("facts", "masks", facts_of), ("found", "measures", measured_of))
        for column, table, judge in judged:
            for (text,) in self._db.execute(f"SELECT {column} FROM {table}"):  # noqa: S608 - names of ours
                read_column(text, judge)

    @classmethod
    def memory(cls, *, read_only: bool = False) -> Index:
        """An index that forgets: for planning where nothing can be written, and for tests."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        upgrade(connection, Path(":memory:"), INDEX)
        return cls(connection, read_only=read_only)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def in_use(self) -> Iterator[Index]:
        """Catch up with the receipts, and close at the end. Raises StoreError for damage that shows only then."""
        try:
            self._catch_up()
            yield self
        except sqlite3.DatabaseError as error:
            if _is_outside(error):
                raise StoreError(_in_words(self._folder, error)) from error
            message = f"the project's index (.wanflow/index.sqlite) is damaged: {error}"
            raise StoreError(f"{message}; {MEND}. Stored pictures and outputs stay") from error
        finally:
            self.close()

    def keep_measures(self, entries: Mapping[tuple[str, str, str], Sequence[float] | str]) -> None:
        """Note measures as `note_measures` does, for good, where anything can be written. Raises StoreError."""
        if entries and not self.read_only:
            with self.transaction():
                self.note_measures(entries)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several writes as one. Raises StoreError when they can't be made."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # SQLite may have rolled back by itself when the disk was full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StoreError(_in_words(self._folder, error)) from error

    # -- results

    def result(self, key: str) -> Result | None:
        """The result of a key, or None; one that was paid for is taken from its receipt where its entry is spoilt."""
        found = self._db.execute("SELECT made FROM results WHERE key = ?", (key,)).fetchone()
        return (self._sound(found[0], result_of) or self._receipted(key)) if found else None

    @property
    def is_blank(self) -> bool:
        """Whether no result is known at all."""
        return self._db.execute("SELECT 1 FROM results LIMIT 1").fetchone() is None

    def _receipted(self, key: str) -> Result | None:
        found = None
        with suppress(OSError):
            for receipt, _ in self._receipts.read() if self._receipts else ():
                found = receipt.made if receipt.key == key else found
        return result_of(found) if found else None

    def components(self, key: str) -> list[Any] | None:
        """What the key was made of (see expand.key_parts), or None when it is not known."""
        found = self._db.execute("SELECT components FROM results WHERE key = ?", (key,)).fetchone()
        return self._sound(found[0], parts_of) if found else None

    def remember(self, key: str, result: Result, components: str, making: Making = UNKNOWN) -> None:
        """Keep a result under its key; of one that was paid for, a receipt is on disk first. Raises StoreError."""
        made = made_of(result)
        if result.is_paid:
            self._receipt(Receipt(key, made, components))
        self._keep(key, made, components)
        self.note_making(key, result, making)

    def _receipt(self, receipt: Receipt) -> None:
        try:
            if self._receipts:
                self._receipts.add(receipt)
        except OSError as error:
            why = unwritable(self._folder, error)
            raise StoreError(f"the receipt of a paid picture can't be kept: {why}") from error

    def _keep(self, key: str, made: list[Any], components: str) -> None:
        text = json.dumps(made)
        self.lay_aside(key, text)
        self._db.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", (key, text, components))
        self._db.execute("DELETE FROM refusals WHERE key = ?", (key,))

    def forget(self, key: str) -> None:
        """Drop a result whose picture is gone; of its making all stays known."""
        self.lay_aside(key)
        self._db.execute("DELETE FROM results WHERE key = ?", (key,))

    def refusal(self, key: str) -> tuple[str, str] | None:
        """The code and the words with which a request was refused for what it shows or asks for, or None."""
        found = self._db.execute("SELECT code, message FROM refusals WHERE key = ?", (key,)).fetchone()
        return (found[0], found[1]) if found else None

    def note_refusal(self, key: str, code: str, message: str) -> None:
        """Keep that a request was refused; the same one would be refused again."""
        self._db.execute("INSERT OR REPLACE INTO refusals VALUES (?, ?, ?)", (key, code, message))

    # -- the last key of each job, for reasons

    def knows_recipe(self, recipe: str) -> bool:
        """True when any job of this recipe was done before."""
        return self._db.execute("SELECT 1 FROM jobs WHERE recipe = ? LIMIT 1", (recipe,)).fetchone() is not None

    def last_key(self, recipe: str, job: str) -> str | None:
        """The key that a job had when it was last done."""
        found = self._db.execute("SELECT key FROM jobs WHERE recipe = ? AND job = ?", (recipe, job)).fetchone()
        return found[0] if found else None

    def note_jobs(self, recipe: str, keys: Iterable[tuple[str, str]]) -> None:
        """Keep the keys of (job, key) pairs."""
        self._db.executemany("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?)", ((recipe, job, key) for job, key in keys))

    # -- all of it, for upkeep

    def results(self) -> Iterator[tuple[str, Result, list[Any]]]:
        """Every result, by key, with the components of the key."""
        for key, made, components in self._db.execute("SELECT key, made, components FROM results ORDER BY key"):
            yield key, read_column(made, result_of), read_column(components, parts_of)

    def unreceipted(self) -> list[str]:
        """The keys of results that were paid for and have no receipt. Raises StoreError."""
        try:
            known = {receipt.key for receipt, _ in self._receipts.read()} if self._receipts else set()
        except OSError as error:
            raise StoreError(f"{NO_RECEIPTS}: {describe_os_error(error)}") from error
        return [key for key, result, _ in self.results() if result.is_paid and key not in known]

    def write_receipts(self) -> None:
        """Write the receipts that are missing. Raises StoreError."""
        for key in self.unreceipted():
            made, components = self._db.execute("SELECT made, components FROM results WHERE key = ?", (key,)).fetchone()
            self._receipt(Receipt(key, json.loads(made), components))

    def jobs(self) -> Iterator[tuple[str, str, str]]:
        """The key that each job had when it was last done: recipe, job, key."""
        yield from self._db.execute("SELECT recipe, job, key FROM jobs ORDER BY recipe, job")


def _columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for (name,) in tables.fetchall()}


# What a lock, the disk or the system is to blame for, and mending the file doesn't help.
_OUTSIDE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
)


def _is_outside(error: sqlite3.Error) -> bool:
    return _code(error) in _OUTSIDE


def _code(error: sqlite3.Error) -> int:
    """SQLite's code; 0 for what Python, or we, found."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _in_words(folder: Path, error: OSError | sqlite3.Error) -> str:
    if isinstance(error, FileExistsError):
        return f"{folder} is a file, and a folder is needed there; move it away"
    if isinstance(error, OSError):
        return unwritable(folder, error)
    if not _is_outside(error):
        return f"{folder}/index.sqlite is damaged: {error}; {MEND}"
    if _code(error) == sqlite3.SQLITE_FULL:
        return no_room(folder, str(error))
    locked = _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    remedy = "another wanflow holds it; try again" if locked else str(error)
    return f"{folder}/index.sqlite can't be written: {remedy}"
