"""What the SQLite files of projects and accounts have in common."""

from __future__ import annotations

import sqlite3
import time


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
