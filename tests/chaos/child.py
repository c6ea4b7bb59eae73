"""One wanflow process that a test of reliability disturbs: it runs a recipe, and at a boundary chosen beforehand it is
killed or stopped, or finds the disk full from there on. What is disturbed is wrapped here; wanflow knows nothing of it.

A boundary is the moment before or after something that must not be half-done: a request that costs money, a download,
an fsync, a rename, a commit. Exit code 0: every job is done; 1: some failed; 3: the store or the ledger failed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from wanflow import api
from wanflow.backends.dashscope import client, connection
from wanflow.backends.dashscope.client import DashScope
from wanflow.clock import FastClock
from wanflow.errors import StoreError
from wanflow.store.index import Index
from wanflow.store.ledger import Ledger

# How long after a request began its answer is not there yet, and how long none comes but to one that is taken late; in
# seconds of the emulator's clock.
ON_ITS_WAY_S, LONG_ON_ITS_WAY_S = 0.15, 15.0
# On a busy machine an answer may be this late in real seconds, however fast the clocks run.
LEAST_PATIENCE_S = 1.0


class Boundaries:
    """Counts boundaries by name, and acts at the one that is asked for: (name, how many times before)."""

    def __init__(self, act: str, place: tuple[str, int] | None, log: Path | None, few_s: float) -> None:
        self.full = frozenset[str]()
        self._act, self._place, self._log, self._few_s = act, place, log, few_s
        self._seen: Counter[str] = Counter()
        self._turn = threading.Lock()

    def reach(self, name: str) -> None:
        with self._turn:
            self._seen[name] += 1
            here = self._place == (name, self._seen[name])
        if here and self._log:
            self._log.write_text(name)  # tells the driver that the boundary was met
        if here and self._act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if here and self._act == "interrupt":
            threading.Thread(target=interrupted_twice, args=(self._few_s,), daemon=True).start()
        if here and self._act == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if here and self._act.startswith("full"):
            self.full = frozenset([self._act.partition(" ")[2] or "project", "ledger" if self._act == "full" else ""])

    def require_room(self) -> None:
        if "project" in self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted_twice(few_s: float) -> None:
    """Ctrl-C, and again; whoever is still there a few seconds later is killed, which counts as hanging."""
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
    time.sleep(few_s)
    os.kill(os.getpid(), signal.SIGKILL)


class JumpingClock(FastClock):
    """A clock that is wrong by `shifts`: from which (fast) second of the process on, by how many seconds."""

    def __init__(self, speed: float, since: datetime, shifts: list[tuple[float, float]]) -> None:
        super().__init__(speed, since)
        self._shifts = shifts

    def now(self) -> datetime:
        wrong_s = [seconds for begin, seconds in self._shifts if begin <= self.monotonic()]
        return super().now() + timedelta(seconds=wrong_s[-1] if wrong_s else 0.0)


def wrap(place: Any, name: str, label: str, at: Boundaries) -> None:
    plain = getattr(place, name)

    def wrapped(*values: Any, **more: Any) -> Any:
        at.reach(f"before {label}")
        at.require_room()
        result = plain(*values, **more)
        at.reach(f"after {label}")
        return result

    setattr(place, name, wrapped)


def wrap_request(name: str, at: Boundaries, speed: float) -> None:
    plain = getattr(DashScope, name)

    async def wrapped(*values: Any) -> Any:
        at.reach(f"before {name}")
        later = asyncio.get_running_loop().call_later
        timers = [
            later(ON_ITS_WAY_S / speed, at.reach, f"amid {name}"),
            later(LONG_ON_ITS_WAY_S / speed, at.reach, f"long amid {name}"),
        ]
        try:
            result = await plain(*values)
        finally:
            for timer in timers:
                timer.cancel()
        at.reach(f"after {name}")
        return result

    setattr(DashScope, name, wrapped)


def wrap_commit(place: Any, disk: str, label: str, at: Boundaries) -> None:
    plain = place.transaction

    @contextmanager
    def wrapped(self: Any) -> Iterator[None]:
        with plain(self):
            yield
            at.reach(f"before {label}")
            if disk in at.full:
                raise sqlite3.OperationalError("database or disk is full")
        at.reach(f"after {label}")

    place.transaction = wrapped


def disturb(at: Boundaries, speed: float) -> None:
    wrap(os, "fsync", "fsync", at)
    wrap(os, "replace", "rename", at)
    for name in ("submit", "wait", "fetch"):
        wrap_request(name, at, speed)
    wrap_commit(Ledger, "ledger", "ledger commit", at)
    wrap_commit(Index, "project", "index commit", at)


class Voice:
    """Tells the driver's log what the user would see."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *words: print(name, *words, flush=True) if name in ("note", "finished") else None


def main(told: dict[str, Any], say: Callable[[str], None]) -> int:
    """A run, whatever comes of it; there is nothing to `say`."""
    speed, since = told["speed"], datetime.fromtimestamp(told["since"], UTC)
    connection.READ_S = connection.CONNECT_S = max(LEAST_PATIENCE_S, connection.READ_S / speed)
    client.SUBMIT_S = max(LEAST_PATIENCE_S, client.SUBMIT_S / speed)
    place = (told["at"][0], told["at"][1]) if told.get("at") else None
    log = Path(told["log"]) if told.get("log") else None
    disturb(Boundaries(told.get("act", ""), place, log, told["few_s"]), speed)
    max_cost = Decimal(told["max_cost"]) if told.get("max_cost") else None
    options = api.Options(backend="dashscope", base_url=told["base_url"], max_cost=max_cost)
    clock = JumpingClock(speed, since, told.get("shifts", []))
    try:
        _, record = api.run(told["recipe"], options, listener=Voice(), clock=clock)  # type: ignore[arg-type]
    except StoreError as error:
        print("StoreError", error, flush=True)
        return 3
    return record.exit_code if record else 9
