"""What this user's ledgers have of a plan's jobs: sent already, so that a run takes it up, or in doubt.

No key is read and nobody is asked. Whose ledger counts is told by the account, which is known by its name where the
settings give one, and otherwise by its key, which only a run has; without it, what may count is told, not guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from wanflow.amounts import dollars
from wanflow.errors import StoreError
from wanflow.model import Account
from wanflow.store.books import FILE, KEPT_S, Books
from wanflow.store.tasks import IN_FLIGHT, State, Task

_MEANT = (*IN_FLIGHT, State.DONE, State.UNCERTAIN)


class Underway:
    """Open tasks, by key: of the account that pays, and of others by what their ledgers are called."""

    def __init__(
        self,
        own: Mapping[str, Task] = MappingProxyType({}),
        others: Mapping[str, Mapping[str, Task]] = MappingProxyType({}),
        fault: str = "",
        *,
        certain: bool = True,
    ) -> None:
        self._own, self._others, self._fault, self._certain = own, others, fault, certain
        self._met: dict[str, dict[str, Task]] = defaultdict(dict)

    @classmethod
    def look(cls, accounts: Path, account: Account | None, now: float) -> Underway:
        """Read the ledgers in a user's folder of accounts; `account` pays, None when it is not known who."""
        own, others, fault = dict[str, Task](), dict[str, dict[str, Task]](), ""
        for folder in sorted(path.parent for path in accounts.glob(f"*/{FILE}")):
            is_own = account is not None and folder.name == account.id
            try:
                with closing(Books.look(folder)) as books:
                    tasks = {task.key: task for task in books.tasks(*_MEANT) if _counts(books, task, now)}
                    if is_own:
                        own = tasks
                    else:
                        others[books.name] = tasks
            except StoreError as error:
                fault = str(error) if is_own else fault
        return cls(own, others, fault, certain=account is not None)

    def of(self, key: str) -> Task | None:
        """The task that a run goes on with instead of sending this key's request, or can't send it for."""
        for name, tasks in self._others.items():
            if key in tasks:
                self._met[name][key] = tasks[key]
        return self._own.get(key)

    def notes(self) -> Iterator[str]:
        """What else the ledgers say, once all keys were asked for."""
        if self._fault:
            yield self._fault
        for name, tasks in self._met.items():
            usd = sum((task.usd for task in tasks.values()), Decimal(0))
            jobs = "1 of these jobs" if len(tasks) == 1 else f"{len(tasks):,} of these jobs"
            at = f"tasks of {jobs} ({dollars(usd)}) are in flight, or in doubt, in the ledger of {name}"
            if self._certain:
                yield f"{at}, which is not the account of this key: they are not fetched from there, but paid for anew"
            else:
                yield (
                    f"{at}. A plan reads no key, so it can't tell whether that is your account, and counts them as "
                    "new; a run with that account's key does not pay for them again"
                )


def told(task: Task) -> str:
    """Where a task in flight stands."""
    if task.task_id:
        return f"{task.state}, as task {task.task_id}"
    if task.state is State.SENDING:
        return "sent, and not answered yet: a run finds out whether it arrived, and sends it again if it did not"
    return "another run is at it"


def _counts(books: Books, task: Task, now: float) -> bool:
    """Whether a run would go on with a task, or stop at it."""
    if task.state is State.INTENT or (task.state in (State.SUBMITTED, State.DONE) and task.task_id is None):
        return books.is_alive(task.owner)  # a dead process never sent it, or had the only answer to it
    return task.state is State.UNCERTAIN or now + (task.offset_s or 0.0) - task.taken_at < KEPT_S
