"""What the SQLite files of projects and accounts have in common."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import Any


class Connection(sqlite3.Connection):
    """Tells of damage by sqlite3.Error alone, also where SQLite's words quote bytes that are no text."""

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:  # type: ignore[override]
        """As sqlite3 has it."""
        try:
            return super().execute(statement, (*values,))
        except UnicodeDecodeError as error:
            raise sqlite3.DatabaseError("it holds bytes that are no text") from error


def begin_wal(connection: sqlite3.Connection) -> None:
    """Let readers go on while somebody writes. Raises sqlite3.OperationalError."""
    # SQLite changes the journal only while nobody else is there, and does not wait for that by itself; two first
    # runs at once would clash.
    for patience in reversed(range(200)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not patience:
                raise
        time.sleep(0.02)
