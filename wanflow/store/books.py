"""What an account's ledger says, to whoever reads it: tasks by key, state or project, and what was spent.

Nothing is written here, and no key is needed; see ledger for what the states are.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from wanflow.errors import StoreError, describe_os_error
from wanflow.functions.catalog import result_life
from wanflow.store import locks
from wanflow.store.database import Connection
from wanflow.store.formats import LEDGER, upgrade, version_of
from wanflow.store.tasks import COLUMNS, IN_FLIGHT_SQL, UNSETTLED_SQL, State, Task, price, read_task

# The folder comes into being after the file has its tables, and stays: where it is without them, they are lost.
FILE, OWNERS = "ledger.sqlite", "owners"
# What is about to be gone at the provider is not fetched any more.
KEPT_S = result_life().total_seconds() - 600
# Of how many tasks the last runs are told.
RECENT = 1000
GONE = f"it was used before, and {FILE} is empty or gone"


class Books:
    """One account's ledger to be read. Raises StoreError."""

    def __init__(self, folder: Path, db: sqlite3.Connection) -> None:
        self.folder, self._db = folder, db

    @classmethod
    def look(cls, folder: Path) -> Books:
        """Open a ledger only to read it. Raises StoreError."""
        return Books(folder, opened(folder, _readable))

    @property
    def name(self) -> str:
        """The same, and what tells it from others that are called so: the beginning of its folder's name, which says
        nothing of the key.
        """
        return f"{self.label} ({self.folder.name[:6]})"

    def close(self) -> None:
        """Read no more."""
        self._db.close()

    @property
    def label(self) -> str:
        """What people call the account."""
        return str(self._value("SELECT value FROM about WHERE name = 'label'") or self.folder.name)

    def current(self, key: str, now: float, passed_over: Collection[State] = ()) -> Task | None:
        """The newest task of a key whose result can still be had from the provider, whose clock says `now`, or that is
        in doubt.
        """
        for task in self._tasks("key = ? AND state NOT IN ('failed', 'lost') ORDER BY id DESC", (key,)):
            fetchable = task.state not in (State.DONE, State.STORED) or now - task.taken_at < KEPT_S
            # What came at once can't be had twice.
            fetchable &= task.state is not State.STORED or task.task_id is not None
            if fetchable and task.state not in passed_over:
                return task
        return None

    def last(self, key: str) -> Task | None:
        """The newest task of a key, however it stands."""
        return next(iter(self._tasks("key = ? ORDER BY id DESC LIMIT 1", (key,))), None)

    def again(self, task: Task) -> Task:
        """A task as it stands now."""
        return self._task(task.id)

    def in_flight(self, lane: str) -> list[Task]:
        """What occupies the slots of a lane, oldest first."""
        return self._tasks(f"lane = ? AND {IN_FLIGHT_SQL} ORDER BY id", (lane,))

    def tasks(self, *states: State) -> list[Task]:
        """Every task in one of these states, oldest first."""
        among = f"state IN ({', '.join('?' for _ in states)})"
        if not {State.STORED, State.FAILED} & {*states}:
            among = f"{UNSETTLED_SQL} AND {among}"
        return self._tasks(f"{among} ORDER BY id", [state.value for state in states])

    def unstored(self, project: str) -> list[Task]:
        """Tasks of a project that are done and whose pictures nobody has stored."""
        return self._tasks(f"{UNSETTLED_SQL} AND state = 'done' AND project = ? ORDER BY id", (project,))

    def recent(self, project: str) -> list[Task]:
        """The tasks of a project among the last of all, oldest first."""
        return self._tasks("id > (SELECT max(id) FROM tasks) - ? AND project = ? ORDER BY id", (RECENT, project))

    def is_superseded(self, task: Task) -> bool:
        """Whether its project has stored the pictures of a newer task of the same key."""
        asked = "SELECT max(id) FROM tasks WHERE key = ? AND project = ? AND state = 'stored'"
        return (self._value(asked, task.key, task.project) or 0) > task.id

    def spent(self) -> list[tuple[str, str, int, Decimal | None]]:
        """What was billed: month, model, images, and USD; None for those whose price is not known."""
        asked = (
            "SELECT strftime('%Y-%m', at, 'unixepoch'), model, sum(billed), usd_image FROM tasks"
            " WHERE state IN ('done', 'stored', 'lost') GROUP BY 1, 2, 4"
        )
        with in_words(self.folder):
            return [
                (str(month), str(model), int(images), None if usd is None else int(images) * price(usd))
                for month, model, images, usd in self.execute(asked)
            ]

    def known(self, task_ids: Iterable[str]) -> set[str]:
        """Which of these task ids the ledger has."""
        asked = "SELECT task_id FROM tasks WHERE task_id IN (SELECT value FROM json_each(?))"
        return set(self._column(asked, json.dumps([*task_ids])))

    def rivals(self, task: Task) -> list[Task]:
        """Other tasks of the same lane whose requests were not answered either."""
        return self._tasks(f"lane = ? AND {IN_FLIGHT_SQL} AND state = 'sending' AND id != ?", (task.lane, task.id))

    def is_alive(self, owner: str) -> bool:
        """Whether the process of an owner still runs."""
        return not self._is_dead(owner)

    def is_awaited(self, task: Task) -> bool:
        """Whether the process that began a request still waits for its answer, and may be sending it only now."""
        return task.owner == task.run and task.at == task.sent_at and self.is_alive(task.owner)

    def execute(self, statement: str, values: Iterable[Any] = ()) -> list[Any]:
        """The rows that one statement gives."""
        with in_words(self.folder):
            return self._db.execute(statement, (*values,)).fetchall()

    # -- parts

    def _is_dead(self, owner: str) -> bool:
        path = self.folder / OWNERS / owner
        try:
            if path.parent.name != "owners" or not path.exists():
                return True
            lock = locks.take(path) if locks.TELLING else None
            if lock is None:
                return False
            locks.free(path, lock)
        except OSError as error:
            why = f"nobody can tell whether {owner} still runs ({describe_os_error(error)})"
            raise StoreError(unusable(self.folder, why)) from error
        return True

    def _task(self, number: int) -> Task:
        return self._tasks("id = ?", (number,))[0]

    def _tasks(self, where: str, values: Iterable[Any]) -> list[Task]:
        with in_words(self.folder):
            return [read_task(row) for row in self.execute(f"SELECT {COLUMNS} FROM tasks WHERE {where}", values)]  # noqa: S608

    def _value(self, asked: str, *values: Any) -> Any:
        found = self.execute(asked, values)
        return found[0][0] if found else None

    def _column(self, asked: str, *values: Any) -> list[str]:
        return [row[0] for row in self.execute(asked, values)]


@contextmanager
def in_words(folder: Path) -> Iterator[None]:
    """What a ledger can't be read for is told in words."""
    try:
        yield
    except (sqlite3.Error, ValueError, TypeError, ArithmeticError) as error:
        raise StoreError(unusable(folder, str(error) or type(error).__name__)) from error


def opened(folder: Path, connect: Callable[[Path, bool], sqlite3.Connection]) -> sqlite3.Connection:
    """The database in a folder, as `connect` opens it when it is told whether the folder was used before."""
    used = (folder / OWNERS).is_dir()
    with in_words(folder):
        if used and not (folder / FILE).exists():
            raise sqlite3.DatabaseError(GONE)
        return connect(folder, used)


def _readable(folder: Path, used: bool) -> sqlite3.Connection:
    db = sqlite3.connect(f"{(folder / FILE).absolute().as_uri()}?mode=ro", timeout=10, uri=True, factory=Connection)
    try:
        if version_of(db, folder, LEDGER):
            return db
        if used:
            raise sqlite3.DatabaseError(GONE)
    except BaseException:
        db.close()
        raise
    db.close()  # whoever made the file died before its tables
    empty = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(empty, folder, LEDGER)
    return empty


def unusable(folder: Path, why: str) -> str:
    """Why a ledger can't be used, and what helps."""
    remedy = (
        "Nothing is sent without it: make room, put it back from a backup, or move the folder away to begin a new one. "
        "Tasks in flight are lost sight of then, and may be paid again; look at the provider's console first. "
        "Where the disk is not local, set XDG_STATE_HOME to a folder that is"
    )
    return f"the ledger of paid tasks in {folder} can't be used: {why}. {remedy}"
