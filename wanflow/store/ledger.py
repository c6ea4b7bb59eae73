"""The ledger of one account at the provider: every paid task from before it is sent until its pictures are stored.

SQLite in the user's state folder, shared by all projects and processes of that user, since limits and bills are the
account's. Each commit is on disk before the next step (synchronous=FULL), and every state a task ever had stays in its
history, which the database itself keeps from being rewritten. Times are seconds since 1970 of this machine's clock.

    intent -> sending -> submitted -> done -> stored
       |         |           |-> failed (costs nothing), lost (its pictures can't be had any more)
       |         `-> failed (refused, or proven not delivered), uncertain (nobody can tell whether it was taken)
       `-> failed (withdrawn before anything was sent)

A task occupies a slot from its intent until the provider has ended it, whether or not the process that sent it lives.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from wanflow.errors import StoreError, describe_os_error
from wanflow.limits.pace import Pace
from wanflow.store import locks
from wanflow.store.blobs import make_folder
from wanflow.store.books import FILE, GONE, OWNERS, Books, in_words, opened, unusable
from wanflow.store.database import Connection, begin_wal
from wanflow.store.formats import LEDGER, upgrade, version_of
from wanflow.store.tasks import IN_FLIGHT, IN_FLIGHT_SQL, UNSETTLED_SQL, Order, Owner, State, Task, call_text

T = TypeVar("T")
# While one request of a lane is unanswered no other of that lane is sent, so that at most one may have been taken
# unheard and the account's list tells which; that takes the provider up to 310 s. A process that is stopped for longer,
# or before it sends, does not stop the lane.
UNHEARD_S = 330.0
ALONE_S = 20.0
LOOK_AGAIN_S = 0.25


@dataclass(frozen=True, slots=True)
class Wait:
    """An order can't be sent yet: look again after so many seconds."""

    seconds: float


class Ledger(Books):
    """One account's ledger as one process uses it. Commits wait for the disk and for other processes, so what must not
    wait with them has them done by `write`. Raises StoreError.
    """

    def __init__(self, folder: Path, db: sqlite3.Connection, owner: Owner, lock: int | None) -> None:
        super().__init__(folder, db)
        self.owner, self._lock = owner, lock
        self._turn = RLock()
        self._thread = ThreadPoolExecutor(1, "ledger")

    @classmethod
    def open(cls, folder: Path, owner: Owner, label: str, now: float) -> Ledger:
        """Open or create an account's ledger and enter its owner, who holds a lock as long as the process lives.

        Raises StoreError, also where the system has no locks that tell whether a process lives.
        """
        if not locks.TELLING:
            raise StoreError(
                "this system can't tell a dead run from a living one, so paid tasks might be taken twice; "
                "run paid steps on Linux or macOS, or on Windows in WSL"
            )
        try:
            make_folder(folder, 0o700)
            db = opened(folder, _writable)
            lock = locks.take(folder / OWNERS / owner.id)
        except OSError as error:
            raise StoreError(unusable(folder, describe_os_error(error))) from error
        if lock is None:  # one name for two would make each take the other's tasks for its own
            db.close()
            raise StoreError(f"another run goes by the name {owner.id}; nothing was sent. Run again")
        ledger = cls(folder, db, owner, lock)
        with ledger.transaction():
            db.execute("INSERT OR REPLACE INTO about VALUES ('label', ?)", (label,))
            db.execute("DELETE FROM uploads WHERE until < ?", (now,))
        return ledger

    def close(self) -> None:
        """Finish writing, and leave; tasks in flight are taken up by whoever runs next."""
        self._thread.shutdown(wait=True)
        super().close()
        if self._lock is not None:
            locks.free(self.folder / OWNERS / self.owner.id, self._lock)

    async def write(self, work: Callable[..., T], *values: Any, **facts: Any) -> T:
        """Have the ledger do something, in its own thread; it is done even where whoever wants it is cancelled."""
        done = asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *values, **facts))
        # Cancelling what still waits for its turn would drop it, and with it what the provider said.
        return await asyncio.shield(done)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several writes as one, on disk at the end. Raises StoreError when they can't be made."""
        with self._turn:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(unusable(self.folder, str(error))) from error
            finally:
                if self._db.in_transaction:  # SQLite may have rolled back by itself when the disk was full
                    self._db.execute("ROLLBACK")

    # -- before a task is sent

    def claim(
        self, order: Order, now: float, passed_over: Collection[State] = (), offset_s: float = 0.0
    ) -> Task | Wait:
        """The intent to send an order, within the limits of its lane; or the task that does its work already; or how
        long to wait. Tasks of the same key in states that are `passed_over` do not count. The provider's clock is
        `offset_s` ahead.
        """
        with self.transaction():
            if found := self.current(order.call.key, now + offset_s, passed_over):
                return found if self.may_go_on(found) else Wait(LOOK_AGAIN_S)
            if (seconds := self._wait_s(order, now, offset_s)) > 0:
                return Wait(seconds)
            pace = self._pace(order)
            pace.started(now)
            self._keep_pace(order.lane, pace)
            if State.UNCERTAIN in passed_over:
                self._give_up(order.call.key, now)
            return self._task(self._insert(order, now))

    def may_go_on(self, task: Task) -> bool:
        """Whether what is known of a task can be gone on with here: not while another process may be sending it, or
        has an answer that only it was given.
        """
        if task.owner == self.owner.id or task.state is State.UNCERTAIN:
            return True
        if task.state in (State.INTENT, State.SENDING):
            return False
        return task.task_id is not None or self._is_dead(task.owner)

    def fence(self, task: Task, now: float, offset_s: float | None) -> bool:
        """The last step before the request goes out: false when the task is not ours to send any more, or not now."""
        with self.transaction():
            # We were stopped, and somebody else went ahead.
            if self._sending(task.lane, now, offset_s or 0.0, but=task.id):
                self._move(task, State.FAILED, now, "withdrawn: another request went first", {})
                return False
            return self._move(task, State.SENDING, now, "", {"sent_at": now, "offset_s": offset_s})

    def use_plan(self, nonce: str, run: str) -> bool:
        """Note that a run uses a saved plan; false when another did."""
        with self.transaction():
            done = self._db.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (f"plan {nonce}", run))
            return done.rowcount == 1

    # -- after

    def move(self, task: Task, state: State, now: float, detail: str = "", **facts: Any) -> bool:
        """Take a task on from the state it is known in; false when somebody else did so before."""
        with self.transaction():
            return self._move(task, state, now, detail, facts)

    def accepted(self, task: Task, order: Order, task_id: str, now: float) -> bool:
        """The provider took a task under this id."""
        with self.transaction():
            pace = self._pace(order)
            pace.accepted(order.limits)
            self._keep_pace(order.lane, pace)
            return self._move(task, State.SUBMITTED, now, "", {"task_id": task_id, "submitted_at": now})

    def refused(self, task: Task, order: Order, detail: str, now: float, retry_after_s: float | None) -> None:
        """The provider refused a request for coming too fast or too early: nothing is billed, and the lane learns."""
        with self.transaction():
            pace = self._pace(order)
            code = detail.partition(":")[0]
            others = self._in_flight(order.lane) - 1
            sent = task.sent_at or now
            pace.refused(order.limits, code, under_way=others, sent=sent, now=now, retry_after_s=retry_after_s)
            self._keep_pace(order.lane, pace)
            self._move(task, State.FAILED, now, detail, {})

    # -- what was left behind

    def orphans(self, now: float) -> list[Task]:
        """Tasks in flight whose process died; from now on they are ours. Intents among them were never sent."""
        with self.transaction():
            held = self.tasks(*IN_FLIGHT)
            dead = {owner for owner in {task.owner for task in held} - {self.owner.id} if self._is_dead(owner)}
            found = [task for task in held if task.owner in dead]
            for task in found:
                if task.state is State.INTENT:
                    self._move(task, State.FAILED, now, "withdrawn: its process died before it was sent", {})
                else:
                    self._move(task, task.state, task.at, task.detail, {"owner": self.owner.id})
            return [self._task(task.id) for task in found if task.state is not State.INTENT]

    def ours(self) -> list[Task]:
        """What this process has at the provider, or may have, by itself or taken over; oldest first."""
        return [task for task in self.tasks(State.SENDING, State.SUBMITTED) if task.owner == self.owner.id]

    def under_way(self) -> dict[str, Task]:
        """What this process sent and has no picture of yet, by job."""
        mine = f"{UNSETTLED_SQL} AND state IN ('sending', 'submitted', 'done') AND run = ?"
        found = self._tasks(mine, (self.owner.run,))
        return {task.job: task for task in found}

    # -- parts

    def _wait_s(self, order: Order, now: float, offset_s: float) -> float:
        pace = self._pace(order)
        # What the lane remembers may be of a project that set another number.
        most = order.limits.slots + min(pace.ahead, order.limits.ahead)
        if self._in_flight(order.lane) >= most or self._sending(order.lane, now, offset_s):
            return LOOK_AGAIN_S
        return pace.wait_s(now)

    def _in_flight(self, lane: str) -> int:
        asked = f"SELECT count(*) FROM tasks WHERE lane = ? AND {IN_FLIGHT_SQL}"  # noqa: S608 - ours
        return int(self._value(asked, lane))

    def _sending(self, lane: str, now: float, offset_s: float, but: int = 0) -> bool:
        asked = (
            f"SELECT count(*) FROM tasks WHERE lane = ? AND {IN_FLIGHT_SQL} AND id != ? AND ("  # noqa: S608 - ours
            "state = 'intent' AND abs(? - at) < ?"
            " OR state = 'sending' AND abs(? - max(sent_at, at) - coalesce(offset_s, 0)) < ?)"
        )
        return bool(self._value(asked, lane, but, now, ALONE_S, now + offset_s, UNHEARD_S))

    def _pace(self, order: Order) -> Pace:
        found = self._value("SELECT pace FROM lanes WHERE lane = ?", order.lane)
        with in_words(self.folder):
            return Pace(*json.loads(found)) if found else Pace.of(order.limits)

    def _keep_pace(self, lane: str, pace: Pace) -> None:
        self._db.execute("INSERT OR REPLACE INTO lanes VALUES (?, ?)", (lane, json.dumps(astuple(pace))))

    def _insert(self, order: Order, now: float) -> int:
        call, owner = order.call, self.owner
        values: dict[str, Any] = {
            "key": call.key,
            "lane": order.lane,
            "state": State.INTENT,
            "owner": owner.id,
            "at": now,
            "model": str(call.model),
            "call": call_text(call),
            "components": order.components,
            "images": order.images,
            "usd_image": None if order.usd_image is None else str(order.usd_image),
            "project": owner.project,
            "recipe": order.recipe,
            "run": owner.run,
            "job": order.job,
        }
        columns, marks = ", ".join(values), ", ".join("?" for _ in values)
        statement = f"INSERT INTO tasks ({columns}) VALUES ({marks})"  # noqa: S608 - names of ours
        return self._db.execute(statement, [*values.values()]).lastrowid or 0

    def _give_up(self, key: str, now: float) -> None:
        """What was in doubt is paid for, as far as anybody can tell, and nobody waits for it any more."""
        for task in self._tasks("key = ? AND state = 'uncertain'", (key,)):
            why = f"{task.detail}; counted as billed, and sent again as was wished"
            self._move(task, State.LOST, now, why, {"billed": task.images})

    def _move(self, task: Task, state: State, now: float, detail: str, facts: Mapping[str, Any]) -> bool:
        values = {"state": state.value, "at": now, "detail": detail, **facts}
        settings = ", ".join(f"{name} = ?" for name in values)
        # What was sent may be asked after by anybody; until then only its owner decides.
        owner = task.owner if task.state in (State.INTENT, State.SENDING) else None
        done = self._db.execute(
            f"UPDATE tasks SET {settings} WHERE id = ? AND state = ? AND (? IS NULL OR owner = ?)",  # noqa: S608 - ours
            [*values.values(), task.id, task.state.value, owner, owner],
        )
        if done.rowcount and task.state is State.SENDING and state is not State.SENDING:
            self._heard(task.lane, now)
        return done.rowcount == 1

    def _heard(self, lane: str, now: float) -> None:
        if found := self._value("SELECT pace FROM lanes WHERE lane = ?", lane):
            with in_words(self.folder):
                pace = Pace(*json.loads(found))
            pace.heard(now)
            self._keep_pace(lane, pace)


def _writable(folder: Path, used: bool) -> sqlite3.Connection:
    # Each call runs in one thread of its own, not in that which made the connection.
    db = sqlite3.connect(folder / FILE, timeout=60, isolation_level=None, check_same_thread=False, factory=Connection)
    try:
        if not version_of(db, folder, LEDGER) and used:
            raise sqlite3.DatabaseError(GONE)
        begin_wal(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # macOS: on the disk itself
        upgrade(db, folder, LEDGER)
    except BaseException:
        db.close()
        raise
    return db
