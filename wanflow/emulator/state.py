"""What the emulator remembers, in SQLite: tasks, stored files, and figures that can't be computed from them.

Without a path it is a private temporary file that SQLite removes by itself; with one it survives a restart.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wanflow.emulator.tasks import Task, from_json
from wanflow.errors import UsageError

_TABLES = """
CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, place INTEGER, said TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files
    (name TEXT PRIMARY KEY, data BLOB NOT NULL, model TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS figures (name TEXT PRIMARY KEY, said TEXT NOT NULL) WITHOUT ROWID;
"""


class Store:
    """One emulator's memory; used by one thread."""

    def __init__(self, path: Path | None = None) -> None:
        try:
            self._db = sqlite3.connect(path or "", isolation_level=None, timeout=0)
            # Two emulators on one file would overwrite each other's tasks. The lock ends with its holder.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            # The emulator's state is worth no wait for the disk; a rename-like commit still keeps it whole.
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _TABLES)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise UsageError(f"{path} is in use by another emulator; stop it, or name another file") from error
            raise UsageError(f"{path} can't hold the emulator's state: {error}; name another file") from error
        self._place = self._db.execute("SELECT coalesce(max(place), 0) FROM tasks").fetchone()[0]

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def save(self, task: Task) -> None:
        """Remember a task as it is now."""
        self._place += 1
        said = json.dumps(task.json())
        sql = "INSERT INTO tasks VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET said = excluded.said"
        self._db.execute(sql, (task.id, self._place, said))

    def tasks(self) -> Iterator[Task]:
        """Every task, in the order of their submission."""
        for (said,) in self._db.execute("SELECT said FROM tasks ORDER BY place"):
            yield from_json(json.loads(said))

    def put(self, name: str, data: bytes, model: str, expires: float) -> bool:
        """Keep a file until it expires. False when the name is taken."""
        values = (name, data, model, expires)
        return self._db.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?)", values).rowcount == 1

    def file(self, name: str, now: float) -> tuple[bytes, str] | None:
        """A file's bytes and the model it was stored for."""
        found = self._db.execute("SELECT data, model FROM files WHERE name = ? AND expires > ?", (name, now)).fetchone()
        return (found[0], found[1]) if found else None

    def purge(self, now: float) -> None:
        """Forget files that have expired."""
        self._db.execute("DELETE FROM files WHERE expires <= ?", (now,))

    def keep(self, name: str, value: Any) -> None:
        """Remember a figure."""
        sql = "INSERT INTO figures VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET said = excluded.said"
        self._db.execute(sql, (name, json.dumps(value)))

    def kept(self, name: str, default: Any) -> Any:
        """A remembered figure."""
        found = self._db.execute("SELECT said FROM figures WHERE name = ?", (name,)).fetchone()
        return json.loads(found[0]) if found else default
