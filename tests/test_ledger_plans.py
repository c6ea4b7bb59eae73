"""How SQLite finds what the ledger asks for: never by reading all tasks, of which there may be a hundred thousand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from test_ledger import NOW, opened, order, sent, submitted

from wanflow.paying.status import OPEN
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import RESERVED, State, Task


class Recording:
    """A connection that keeps each statement and its values."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        self.asked.append((statement, (*values,)))
        return self._db.execute(*self.asked[-1])

    def scans(self) -> list[str]:
        """The statements that read a whole table of tasks or history."""
        plans = {asked: self._plan(asked, values) for asked, values in self.asked if asked.split()[0] in VERBS}
        return [f"{asked}: {step}" for asked, plan in plans.items() for step in plan if whole(step)]

    def _plan(self, statement: str, values: tuple[Any, ...]) -> list[str]:
        return [row[3] for row in self._db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


VERBS = ("SELECT", "UPDATE", "DELETE")


def whole(step: str) -> bool:
    # A scan over a partial index reads only what is in flight; a search in an index for more than nothing reads all.
    scan = (
        step.startswith(("SCAN tasks", "SCAN history")) and "tasks_open" not in step and "tasks_unsettled" not in step
    )
    return scan or (step.startswith("SEARCH tasks") and step.endswith(">?)"))


def claimed(ledger: Ledger) -> Task:
    task = ledger.claim(order("new"), NOW + 400)
    assert isinstance(task, Task)
    return task


USES: dict[str, Callable[[Ledger, Task], object]] = {
    "claim": lambda ledger, _: ledger.claim(order("new"), NOW + 60),
    "fence": lambda ledger, _: ledger.fence(claimed(ledger), NOW + 400, 0.0),
    "accepted": lambda ledger, task: ledger.accepted(task, order("a"), "t", NOW + 60),
    "refused": lambda ledger, task: ledger.refused(task, order("a"), "Throttling: slower", NOW + 60, None),
    "current": lambda ledger, _: ledger.current("a", NOW),
    "last": lambda ledger, _: ledger.last("a"),
    "orphans": lambda ledger, _: ledger.orphans(NOW),
    "ours": lambda ledger, _: ledger.ours(),
    "in_flight": lambda ledger, task: ledger.in_flight(task.lane),
    "is_superseded": lambda ledger, task: ledger.is_superseded(task),
    "rivals": lambda ledger, task: ledger.rivals(task),
    "unstored": lambda ledger, _: ledger.unstored("/p"),
    "under_way": lambda ledger, _: ledger.under_way(),
    "tasks": lambda ledger, _: ledger.tasks(*OPEN),
    "spared": lambda ledger, _: ledger.tasks(*RESERVED, State.DONE),
    "known": lambda ledger, _: ledger.known(["id-b-1", "nobody's"]),
}


@pytest.mark.parametrize("use", USES)
def test_no_use_of_the_ledger_reads_all_tasks(use: str, tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    submitted(ledger, "b", NOW - 30)
    dead = opened(tmp_path, "dead")
    task = sent(dead, "a")
    dead.close()
    recording = Recording(ledger._db)
    ledger._db = recording  # type: ignore[assignment]
    USES[use](ledger, task)
    assert recording.asked
    assert recording.scans() == []


def test_known_ids_are_told_from_others(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    submitted(ledger, "b")
    assert ledger.known(["id-b-1", "nobody's"]) == {"id-b-1"}
