"""What the index keeps so that a picture's ancestry can be told: who made which picture when, what was made by a key
before, under which names inputs and outputs were seen. Only ever added to, and read by nobody who decides what runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from wanflow.model import Result
from wanflow.store.books import FILE as LEDGER
from wanflow.store.made import parts_of, result_of
from wanflow.store.made import text as text_of
from wanflow.store.sightings import read_column
from wanflow.store.tasks import price


@dataclass(frozen=True, slots=True)
class Making:
    """For which job of which recipe a picture was made, in which run, when, and for how much.

    Empty, or None, where that is not known: in a store from before this was kept.
    """

    recipe: str = ""
    job: str = ""
    run: str = ""
    at: datetime | None = None
    usd: Decimal | None = None


UNKNOWN = Making()


@dataclass(frozen=True, slots=True)
class Made:
    """A result that a picture is of: its key, what that is made of, and the making; `kept` while it is still reused."""

    key: str
    components: list[Any]
    result: Result
    making: Making
    kept: bool

    @property
    def usd(self) -> Decimal | None:
        """What it cost; None where that is not known."""
        free = not (self.result.billed or self.result.task_id or str(self.components[2]).startswith("dashscope"))
        return Decimal(0) if self.making.usd is None and free else self.making.usd


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was once written: to which path, from what (see planning.outputs.made_from), by which recipe."""

    path: str
    recipe_of: str
    writer: str


class History:
    """The part of a project's index that tells where pictures come from."""

    _db: sqlite3.Connection

    def note_making(self, key: str, result: Result, making: Making) -> None:
        """Keep what is known of a result's making; of one that nothing is known of, only that it is there."""
        what = "IGNORE" if making == UNKNOWN else "REPLACE"
        at = making.at.isoformat(timespec="milliseconds") if making.at else ""
        usd = None if making.usd is None else str(making.usd)
        self._db.executemany(
            f"INSERT OR {what} INTO makings VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - words of ours
            ((blob.sha256, key, making.recipe, making.job, making.run, at, usd) for blob in result.blobs),
        )

    def lay_aside(self, key: str, made: str = "") -> None:
        """Keep a result that is forgotten, or replaced by another, so that its pictures still have an ancestry."""
        asked = "INSERT OR IGNORE INTO past SELECT key, made, components FROM results WHERE key = ? AND made <> ?"
        self._db.execute(asked, (key, made))

    def made(self, sha256: str) -> list[Made]:
        """Every result that a picture is of, the one made last first."""
        asked = "SELECT key, recipe, job, run, at, usd FROM makings WHERE sha256 = ? ORDER BY at DESC, key"
        found = self._db.execute(asked, (sha256,)).fetchall()
        return [made for key, *facts in found if (made := self._made(sha256, key, _making(facts)))]

    def remembered(self, key: str) -> Made | None:
        """What a key made, or made once."""
        for table in ("results", "past"):
            asked = f"SELECT made, components FROM {table} WHERE key = ?"  # noqa: S608 - names of ours
            if found := self._db.execute(asked, (key,)).fetchone():
                result = read_column(found[0], result_of)
                making = self._making_of(result.blobs[0].sha256, key)
                return Made(key, read_column(found[1], parts_of), result, making, kept=table == "results")
        return None

    def _making_of(self, sha256: str, key: str) -> Making:
        asked = "SELECT recipe, job, run, at, usd FROM makings WHERE sha256 = ? AND key = ?"
        found = self._db.execute(asked, (sha256, key)).fetchone()
        return _making(found) if found else UNKNOWN

    def _made(self, sha256: str, key: str, making: Making) -> Made | None:
        for table in ("results", "past"):
            asked = f"SELECT made, components FROM {table} WHERE key = ? ORDER BY made"  # noqa: S608 - names of ours
            for made, components in self._db.execute(asked, (key,)):
                result = read_column(made, result_of)
                if any(blob.sha256 == sha256 for blob in result.blobs):
                    return Made(key, read_column(components, parts_of), result, making, kept=table == "results")
        return None

    def written(self, sha256: str) -> list[Written]:
        """Every file that was once written with these bytes, by path."""
        asked = "SELECT path, recipe_of, writer FROM written WHERE sha256 = ? ORDER BY path"
        return [Written(*map(_text, found)) for found in self._db.execute(asked, (sha256,))]

    def seen(self, sha256: str) -> list[str]:
        """Every path at which an image file of this content was read."""
        return [_text(path) for (path,) in self._db.execute("SELECT path FROM seen WHERE sha256 = ?", (sha256,))]

    def fetched_from(self, sha256: str) -> list[str]:
        """The URLs that a picture was fetched from, as messages show them."""
        asked = "SELECT shown FROM urls WHERE sha256 = ? ORDER BY shown"
        return [_text(shown) for (shown,) in self._db.execute(asked, (sha256,))]

    def output_paths(self) -> Iterator[str]:
        """Every path that an output was written to."""
        yield from (_text(path) for (path,) in self._db.execute("SELECT DISTINCT path FROM written"))


def with_ledgers(made: Made, accounts: Path) -> Made:
    """The same, with what this user's ledgers know of a paid task that the store only knows to have been paid."""
    if made.making.at or not made.result.task_id:
        return made
    asked = "SELECT recipe, job, run, submitted_at, usd_image, billed FROM tasks WHERE task_id = ?"
    for file in sorted(accounts.glob(f"*/{LEDGER}")):
        # A ledger that can't be read, or holds what no wanflow wrote, tells nothing.
        with suppress(sqlite3.Error, ValueError, TypeError, OverflowError, OSError), closing(_opened(file)) as ledger:
            if found := ledger.execute(asked, (made.result.task_id,)).fetchone():
                recipe, job, run, submitted_at, usd, billed = found
                at = None if submitted_at is None else datetime.fromtimestamp(submitted_at, UTC)
                cost = None if usd is None else price(usd) * billed
                return replace(made, making=Making(_text(recipe), _text(job), _text(run), at, cost))
    return made


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _making(facts: Any) -> Making:
    recipe, job, run, at, usd = facts
    try:
        moment = datetime.fromisoformat(at) if at else None
        cost = None if usd is None else price(usd)
    except (ValueError, TypeError) as error:
        raise sqlite3.DataError(f"what no wanflow wrote ({error})") from error
    if moment and moment.tzinfo is None:
        raise sqlite3.DataError("what no wanflow wrote (a moment without a zone)")
    return Making(_text(recipe), _text(job), _text(run), moment, cost)


def _text(value: Any) -> str:
    try:
        return text_of(value)
    except ValueError as error:
        raise sqlite3.DataError(f"what no wanflow wrote ({error})") from error
