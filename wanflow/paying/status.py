"""What `wanflow status` shows: the last runs of a project, and the paid tasks of this user's accounts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from wanflow.canon import JSON, told
from wanflow.errors import StoreError
from wanflow.paying.picked import picker
from wanflow.record import money
from wanflow.store.ledger import FILE, KEPT_S, OWNERS, Ledger
from wanflow.store.tasks import RESERVED, State, Task

RUNS = 5
# What a user may have to do something about.
OPEN = (State.INTENT, State.SENDING, State.SUBMITTED, State.DONE, State.UNCERTAIN, State.LOST)


@dataclass(frozen=True, slots=True)
class Held:
    """A paid task that is not settled: whether its process lives, and how long its pictures can still be had."""

    task: Task
    alive: bool
    left_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """Images that were billed, and USD for those whose price is known; `unpriced` counts the others."""

    images: int = 0
    usd: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.images + other.images, self.usd + other.usd, self.unpriced + other.unpriced)


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One account: its open tasks by state, and what was spent by (month, model); or the `fault` of its ledger."""

    label: str
    folder: Path
    held: tuple[Held, ...] = ()
    spent: Mapping[tuple[str, str], Spent] = field(default_factory=dict)
    fault: str = ""

    def of(self, *states: State) -> list[Held]:
        """The open tasks in these states."""
        return [held for held in self.held if held.task.state in states]

    @property
    def reserved(self) -> Decimal:
        """What tasks in flight, and those in doubt, may cost."""
        return sum((held.task.usd for held in self.held if held.task.state in RESERVED), Decimal(0))

    @property
    def total(self) -> Spent:
        """What was spent since the ledger began."""
        return sum(self.spent.values(), Spent())


@dataclass(frozen=True, slots=True)
class Status:
    """All of it; `runs` are the heads of run records, newest first, with outcomes where jobs were selected."""

    runs: tuple[Mapping[str, Any], ...]
    accounts: tuple[AccountStatus, ...]

    def only(self, select: Sequence[str]) -> Status:
        """The same of the jobs that are selected, from whole run records. Raises UsageError."""
        held = [held for account in self.accounts for held in account.held]
        outcomes = [outcome for run in self.runs for outcome in run["outcomes"]]
        meant = picker(select, outcomes, [one.task.job for one in held])
        runs = tuple({**run, "outcomes": [one for one in run["outcomes"] if meant(one["job"])]} for run in self.runs)
        accounts = [
            replace(account, held=tuple(one for one in account.held if meant(one.task.job)))
            for account in self.accounts
        ]
        return Status(runs, tuple(accounts))

    def json(self) -> str:
        """The same as JSON text."""
        accounts = [_account_json(account) for account in self.accounts]
        return told({"runs": list(self.runs), "accounts": accounts})


def look(store: Path, accounts: Path, now: datetime, select: Sequence[str] = ()) -> Status:
    """Read the run records in a project's store and the ledgers in a user's folder of accounts; of selected jobs also
    how they ended. Raises UsageError for a selection that means none.
    """
    folders = sorted({path.parent for name in (FILE, OWNERS) for path in accounts.glob(f"*/{name}")})
    runs = tuple(_runs(store / "runs", whole=bool(select)))
    found = Status(runs, tuple(_account(folder, now.timestamp()) for folder in folders))
    return found.only(select) if select else found


def _runs(folder: Path, *, whole: bool) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.glob("*/run.json"), reverse=True)[:RUNS]:
        # A record that can't be read says nothing; the others still do.
        with suppress(OSError, ValueError, TypeError, KeyError):
            record = json.loads(path.read_text(encoding="utf-8"))
            if whole:
                _ = [outcome["job"] + outcome["status"] for outcome in record["outcomes"]]
            yield record if whole else {name: value for name, value in record.items() if name != "outcomes"}


def _account(folder: Path, now: float) -> AccountStatus:
    try:
        with closing(Ledger.look(folder)) as ledger:
            spent: dict[tuple[str, str], Spent] = defaultdict(Spent)
            for month, model, images, usd in ledger.spent():
                spent[month, model] += Spent(images, usd or Decimal(0), images if usd is None else 0)
            held = [
                Held(task, ledger.is_alive(task.owner), task.submitted.timestamp() + KEPT_S - now)
                for task in ledger.tasks(*OPEN)
            ]
            return AccountStatus(ledger.label, folder, tuple(held), dict(spent))
    except StoreError as error:  # the other accounts are told all the same
        return AccountStatus(folder.name, folder, fault=str(error))


def _account_json(account: AccountStatus) -> dict[str, JSON]:
    if account.fault:
        return {"account": account.label, "ledger": str(account.folder / FILE), "fault": account.fault}
    return {
        "account": account.label,
        "ledger": str(account.folder / FILE),
        "usd_spent": money(account.total.usd),
        "images_unpriced": account.total.unpriced,
        "usd_reserved": money(account.reserved),
        "billing": [
            {
                "month": month,
                "model": model,
                "images": spent.images,
                "usd": money(spent.usd),
                "images_unpriced": spent.unpriced,
            }
            for (month, model), spent in sorted(account.spent.items())
        ],
        "tasks": [_task_json(held) for held in account.held],
    }


def _task_json(held: Held) -> dict[str, JSON]:
    task = held.task
    return {
        "state": task.state.value,
        "task_id": task.task_id,
        "job": task.job,
        "recipe": task.recipe,
        "project": task.project,
        "run": task.run,
        "lane": task.lane,
        "model": task.model,
        "images": task.images,
        "usd": money(task.usd),
        "since": datetime.fromtimestamp(task.at, UTC).isoformat(timespec="seconds"),
        "seconds_left": round(held.left_s),
        "process_alive": held.alive,
        "detail": task.detail,
    }
