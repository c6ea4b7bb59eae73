"""The tables of both databases, by version, and how a file of an older wanflow becomes one of this."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wanflow.errors import StoreError

# What each version of a format changed of the one before. What a version says stays as it is for ever.
INDEX = (
    """
CREATE TABLE results (key TEXT PRIMARY KEY, made TEXT NOT NULL, components TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (recipe TEXT, job TEXT, key TEXT NOT NULL, PRIMARY KEY (recipe, job)) WITHOUT ROWID;
CREATE TABLE files (path TEXT PRIMARY KEY, size INT, mtime_ns INT, inode INT, blob TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE outputs (path TEXT PRIMARY KEY, size INT, mtime_ns INT, inode INT, sha256 TEXT NOT NULL,
                      recipe_of TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (recipe TEXT, row TEXT, fingerprint BLOB NOT NULL, shape TEXT NOT NULL, files TEXT NOT NULL,
                   PRIMARY KEY (recipe, row)) WITHOUT ROWID;
""",
    "CREATE TABLE masks (sha256 TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;",
    "ALTER TABLE outputs ADD COLUMN writer TEXT NOT NULL DEFAULT '';",
    "CREATE TABLE refusals (key TEXT PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL) WITHOUT ROWID;",
    "CREATE TABLE receipts (file TEXT PRIMARY KEY, read_bytes INT NOT NULL) WITHOUT ROWID;",
    """
CREATE TABLE urls (url TEXT PRIMARY KEY, shown TEXT NOT NULL, sha256 TEXT NOT NULL, etag TEXT NOT NULL,
                   fetched TEXT NOT NULL) WITHOUT ROWID;
""",
    """
CREATE TABLE measures (name TEXT, sha256 TEXT, base TEXT, found TEXT NOT NULL, PRIMARY KEY (name, sha256, base))
    WITHOUT ROWID;
""",
    # A result's JSON begins with [[["its first picture's digest, that of a file's content with ["its digest.
    # SQLite makes no index of its own for a join over a table without rowids, which would take the square of its rows.
    """
CREATE TABLE makings (sha256 TEXT, key TEXT, recipe TEXT NOT NULL, job TEXT NOT NULL, run TEXT NOT NULL,
                      at TEXT NOT NULL, usd TEXT, PRIMARY KEY (sha256, key)) WITHOUT ROWID;
CREATE TABLE past (key TEXT, made TEXT, components TEXT NOT NULL, PRIMARY KEY (key, made)) WITHOUT ROWID;
CREATE TABLE written (sha256 TEXT, path TEXT, recipe_of TEXT NOT NULL, writer TEXT NOT NULL,
                      PRIMARY KEY (sha256, path)) WITHOUT ROWID;
CREATE TABLE seen (sha256 TEXT, path TEXT, PRIMARY KEY (sha256, path)) WITHOUT ROWID;
CREATE INDEX jobs_by_key ON jobs (key);
INSERT OR IGNORE INTO makings
    SELECT substr(made, 5, 64), results.key, ifnull(substr(recipe, 1, instr(recipe, '|') - 1), ''), ifnull(job, ''),
           '', '', NULL
    FROM results LEFT JOIN jobs ON jobs.key = results.key ORDER BY recipe, job;
DROP INDEX jobs_by_key;
INSERT OR IGNORE INTO written SELECT sha256, path, recipe_of, writer FROM outputs;
INSERT OR IGNORE INTO seen SELECT substr(blob, 3, 64), path FROM files;
""",
    """
CREATE TABLE sizes (maker TEXT, image TEXT, assumed TEXT, made TEXT NOT NULL, PRIMARY KEY (maker, image, assumed))
    WITHOUT ROWID;
""",
    "CREATE TABLE durations (what TEXT PRIMARY KEY, seconds REAL NOT NULL, jobs INT NOT NULL) WITHOUT ROWID;",
)

LEDGER = (
    """
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, lane TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL,
    at REAL NOT NULL, sent_at REAL, offset_s REAL, submitted_at REAL, task_id TEXT UNIQUE,
    model TEXT NOT NULL, call TEXT NOT NULL, components TEXT NOT NULL,
    images INT NOT NULL, usd_image TEXT, billed INT NOT NULL DEFAULT 0,
    project TEXT NOT NULL, recipe TEXT NOT NULL, run TEXT NOT NULL, job TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '');
CREATE INDEX tasks_by_key ON tasks (key);
CREATE INDEX tasks_open ON tasks (lane, state) WHERE state IN ('intent', 'sending', 'submitted');
CREATE INDEX tasks_unsettled ON tasks (state) WHERE state NOT IN ('stored', 'failed');
CREATE TABLE history (
    id INTEGER PRIMARY KEY, task INT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL, at REAL NOT NULL,
    task_id TEXT, billed INT NOT NULL, detail TEXT NOT NULL);
CREATE TRIGGER first_state AFTER INSERT ON tasks BEGIN
    INSERT INTO history VALUES (NULL, NEW.id, NEW.state, NEW.owner, NEW.at, NEW.task_id, NEW.billed, NEW.detail); END;
CREATE TRIGGER next_state AFTER UPDATE OF state, owner ON tasks BEGIN
    INSERT INTO history VALUES (NULL, NEW.id, NEW.state, NEW.owner, NEW.at, NEW.task_id, NEW.billed, NEW.detail); END;
CREATE TRIGGER kept_history BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'history is never rewritten'); END;
CREATE TRIGGER whole_history BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'history is never rewritten'); END;
CREATE TABLE lanes (lane TEXT PRIMARY KEY, pace TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE uploads (model TEXT, sha256 TEXT, url TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (model, sha256))
    WITHOUT ROWID;
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
""",
)


def version_of(db: sqlite3.Connection, folder: Path, versions: Sequence[str]) -> int:
    """Which version a database has; 0 where it is empty. Raises StoreError for a newer wanflow's, sqlite3.Error."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > len(versions):
        raise StoreError(
            f"{folder} was written by a newer wanflow (its format is {version}, this one reads {len(versions)}). "
            "Nothing was changed; upgrade wanflow."
        )
    return version


def upgrade(db: sqlite3.Connection, folder: Path, versions: Sequence[str]) -> None:
    """Make a database's tables those of this wanflow, wholly or not at all. Raises StoreError, sqlite3.Error."""
    if version_of(db, folder, versions) == len(versions):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have made the tables while this one waited for the lock.
        for statement in _statements(versions[version_of(db, folder, versions) :]):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(versions)}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _statements(versions: Iterable[str]) -> Iterator[str]:
    statement = ""
    for line in "\n".join(versions).splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
