"""What `wanflow status` shows: the last runs of a project, and the paid tasks of this user's accounts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from wanflow.canon import JSON, told
from wanflow.errors import StoreError, describe_os_error
from wanflow.paying.picked import picker
from wanflow.record import money
from wanflow.store.books import FILE, KEPT_S, OWNERS, Books
from wanflow.store.tasks import RESERVED, State, Task

RUNS = 5
DAY_S = 86_400.0
MOST = 10**15
# What a record says of single rows, of which there may be thousands.
_LONG = ("outcomes", "rows", "unchanged", "problems")
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
class Unrecorded:
    """A run of which there is no record, since it still runs (`alive`) or was killed: what it sent, by its ledger."""

    run: str
    recipe: str
    alive: bool
    sent: int
    stored: int


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One account: its open tasks by state, and what was spent by (month, model); or the `fault` of its ledger. Its
    `name` is the label, with a few signs that tell it from others where theirs is the same.
    """

    label: str
    name: str
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
    """All of it; `runs` are the heads of run records, newest first, with outcomes where jobs were selected; of one that
    can't be read its id and the fault.
    """

    runs: tuple[Mapping[str, Any], ...]
    accounts: tuple[AccountStatus, ...]
    unrecorded: tuple[Unrecorded, ...] = ()

    def called(self, account: AccountStatus) -> str:
        """What an account is called, so that no other is called so."""
        alike = sum(other.label == account.label for other in self.accounts)
        return account.name if alike > 1 else account.label

    def only(self, select: Sequence[str]) -> Status:
        """The same of the jobs that are selected, from whole run records. Raises UsageError."""
        held = [held for account in self.accounts for held in account.held]
        outcomes = [outcome for run in self.runs for outcome in run.get("outcomes", ())]
        meant = picker(select, outcomes, [one.task.job for one in held])
        runs = tuple(
            {**run, "outcomes": [one for one in run["outcomes"] if meant(one["job"])]} if "outcomes" in run else run
            for run in self.runs
        )
        accounts = [
            replace(account, held=tuple(one for one in account.held if meant(one.task.job)))
            for account in self.accounts
        ]
        return Status(runs, tuple(accounts), self.unrecorded)

    def json(self) -> str:
        """The same as JSON text."""
        accounts = [_account_json(account, self.called(account)) for account in self.accounts]
        unrecorded = [asdict(run) for run in self.unrecorded]
        return told({"runs": list(self.runs), "unrecorded": unrecorded, "accounts": accounts})


def look(store: Path, accounts: Path, now: datetime, select: Sequence[str] = ()) -> Status:
    """Read the run records in a project's store and the ledgers in a user's folder of accounts; of selected jobs also
    how they ended. Raises UsageError for a selection that means none.
    """
    folders = sorted({path.parent for name in (FILE, OWNERS) for path in accounts.glob(f"*/{name}")})
    unrecorded: list[Unrecorded] = []
    seen = [_account(folder, store, now.timestamp(), unrecorded) for folder in folders]
    newest = sorted(unrecorded, key=lambda run: run.run, reverse=True)[:RUNS]
    found = Status(tuple(_runs(store / "runs", whole=bool(select))), tuple(seen), tuple(newest))
    return found.only(select) if select else found


def _runs(folder: Path, *, whole: bool) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.glob("*/run.json"), reverse=True)[:RUNS]:
        try:
            yield _read(json.loads(path.read_text(encoding="utf-8")), whole=whole)
        except OSError as error:
            yield {"run_id": path.parent.name, "fault": describe_os_error(error)}
        except (ValueError, RecursionError) as error:  # of JSON and UTF-8, too
            yield {"run_id": path.parent.name, "fault": f"it is no record of a run: {str(error) or 'lists in lists'}"}


def readable_record(record: Any) -> Mapping[str, Any]:
    """A whole record, if it is one. Raises ValueError."""
    return _read(record, whole=True)


def _read(record: Any, *, whole: bool) -> Mapping[str, Any]:
    """What a record says of a run, and of its jobs if they are asked for. Raises ValueError where it lacks any."""
    if not isinstance(record, dict) or not isinstance(totals := record.get("totals"), dict):
        raise ValueError("it has no totals")
    if wrong := [name for name in ("run_id", "recipe", "backend") if not isinstance(record.get(name), str)]:
        raise ValueError(f"{wrong[0]} is no text")
    if not isinstance(record.get("interrupted"), bool):
        raise ValueError("interrupted is neither true nor false")
    waiting = record.get("open_picks", {})
    if not isinstance(waiting, dict):
        raise ValueError("open_picks is no map")
    numbers = {"run": None, **totals, "usd": totals.get("usd", 0) or 0}  # a price may be unknown
    for name, number in (*numbers.items(), *waiting.items()):
        if not _is_number(number):
            raise ValueError(f"{name} is no number")
    if not whole:
        return {name: value for name, value in record.items() if name not in _LONG}
    if not isinstance(outcomes := record.get("outcomes"), list) or not all(map(_is_outcome, outcomes)):
        raise ValueError("its outcomes are none")
    return record


def _is_number(number: Any) -> bool:
    is_one = isinstance(number, int | float) and not isinstance(number, bool)
    return is_one and isfinite(number) and abs(number) <= MOST


def _is_outcome(outcome: Any) -> bool:
    if not isinstance(outcome, dict):
        return False
    error, usd = outcome.get("error", ""), outcome.get("usd", "")
    texts = [outcome.get(name) for name in ("job", "function", "status")]
    texts += [outcome.get(name, 0) or "" for name in ("fidelity", "task_id")]
    texts += [error.get("code"), error.get("message")] if isinstance(error, dict) else [] if error is None else [None]
    return all(isinstance(text, str) for text in texts) and (usd is None or _is_number(usd))


def _account(folder: Path, store: Path, now: float, unrecorded: list[Unrecorded]) -> AccountStatus:
    try:
        with closing(Books.look(folder)) as ledger:
            spent: dict[tuple[str, str], Spent] = defaultdict(Spent)
            for month, model, images, usd in ledger.spent():
                spent[month, model] += Spent(images, usd or Decimal(0), images if usd is None else 0)
            held = [
                Held(task, ledger.is_alive(task.owner), task.submitted.timestamp() + KEPT_S - now)
                for task in ledger.tasks(*OPEN)
            ]
            unrecorded += _unrecorded(ledger, store, now)
            return AccountStatus(ledger.label, ledger.name, folder, tuple(held), dict(spent))
    except StoreError as error:  # the other accounts are told all the same
        return AccountStatus(folder.name, folder.name, folder, fault=str(error))


def _unrecorded(ledger: Books, store: Path, now: float) -> Iterator[Unrecorded]:
    """The runs of a project that sent something in the last day and have not written what came of it."""
    runs: dict[str, list[Task]] = defaultdict(list)
    for task in ledger.recent(str(store.parent)):
        runs[task.run].append(task)
    for run, tasks in runs.items():
        if max(task.at for task in tasks) > now - DAY_S and not (store / "runs" / run / "run.json").exists():
            sent = sum(task.state is not State.INTENT for task in tasks)
            stored = sum(task.state is State.STORED for task in tasks)
            yield Unrecorded(run, tasks[-1].recipe, ledger.is_alive(run), sent, stored)


def _account_json(account: AccountStatus, name: str) -> dict[str, JSON]:
    if account.fault:
        return {"account": name, "ledger": str(account.folder / FILE), "fault": account.fault}
    return {
        "account": name,
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
