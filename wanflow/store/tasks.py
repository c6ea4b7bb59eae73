"""Paid tasks as the ledger keeps them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from wanflow.model import Call, Limits


class State(StrEnum):
    """Where a paid task stands."""

    INTENT = "intent"
    SENDING = "sending"
    SUBMITTED = "submitted"
    DONE = "done"
    STORED = "stored"
    FAILED = "failed"
    LOST = "lost"
    UNCERTAIN = "uncertain"


IN_FLIGHT = (State.INTENT, State.SENDING, State.SUBMITTED)
# To find them without reading all tasks: SQLite uses a partial index only where its own condition is spelt out.
IN_FLIGHT_SQL = "state IN ('intent', 'sending', 'submitted')"
UNSETTLED_SQL = "state NOT IN ('stored', 'failed')"
# What a task in these states costs is not settled.
RESERVED = (*IN_FLIGHT, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that works with the ledger, and for what."""

    id: str
    pid: int
    project: str
    run: str


@dataclass(frozen=True, slots=True)
class Order:
    """What shall be paid for: a call, in which lane and within which limits, for which job, at what price an image
    (None: not known). `components` is what the key is made of.
    """

    call: Call
    lane: str
    limits: Limits
    usd_image: Decimal | None
    components: str
    recipe: str
    job: str

    @property
    def images(self) -> int:
        """How many images are asked for, and at most paid."""
        return int(self.call.parameters.get("n", 1))

    @property
    def usd(self) -> Decimal | None:
        """What it may cost; None where no price is known."""
        return None if self.usd_image is None else self.usd_image * self.images


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the ledger; `at` is when it came into its state, `offset_s` what the provider's clock was ahead."""

    id: int
    key: str
    lane: str
    state: State
    owner: str
    at: float
    sent_at: float | None
    offset_s: float | None
    submitted_at: float | None
    task_id: str | None
    model: str
    call: Call
    components: str
    images: int
    usd_image: Decimal | None
    billed: int
    project: str
    recipe: str
    run: str
    job: str
    detail: str

    @property
    def usd(self) -> Decimal:
        """What it costs, or may cost as long as that isn't settled; 0 where no price is known."""
        return (self.usd_image or Decimal(0)) * (self.images if self.state in RESERVED else self.billed)

    @property
    def submitted(self) -> datetime:
        """When the provider took it, by this machine's clock of that time."""
        return datetime.fromtimestamp(self.submitted_at or self.sent_at or self.at, UTC)

    @property
    def taken_at(self) -> float:
        """When the provider took it, by the provider's clock as far as that was known."""
        return (self.sent_at or self.at) + (self.offset_s or 0.0)


COLUMNS = (
    "id, key, lane, state, owner, at, sent_at, offset_s, submitted_at, task_id, model, call, components, images, "
    "usd_image, billed, project, recipe, run, job, detail"
)


MOST_USD = 1_000_000
_MOMENT = (int, float)
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("key", "lane", "owner", "model", "components", "project", "recipe", "run", "job", "detail"), str),
    **dict.fromkeys(("images", "billed"), int),
    "at": _MOMENT,
    **dict.fromkeys(("sent_at", "offset_s", "submitted_at"), (*_MOMENT, type(None))),
    "task_id": (str, type(None)),
}


def price(usd: str) -> Decimal:
    """What an image costs. Raises ValueError."""
    try:
        found = Decimal(usd)
    except (ArithmeticError, TypeError) as error:
        raise ValueError("no price") from error
    if not found.is_finite() or not 0 <= found < MOST_USD:
        raise ValueError("no price")
    return found


def call_text(call: Call) -> str:
    """What decides a request, as text; pictures by their digests."""
    digests = {slot: sha256 for slot, (_, sha256) in call.inputs.items()}
    return json.dumps([call.function, call.model, call.parameters, digests], ensure_ascii=False, sort_keys=True)


def read_task(row: Sequence[Any]) -> Task:
    """A task from its `COLUMNS`. Raises sqlite3.DataError for what no wanflow wrote."""
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    try:
        function, model, parameters, digests = json.loads(values["call"])
        inputs = {slot: ("", sha256) for slot, sha256 in digests.items()}
        values["call"] = Call(values["key"], function, parameters, inputs, model=model)
        values["state"] = State(values["state"])
        values["usd_image"] = None if values["usd_image"] is None else price(values["usd_image"])
        if wrong := [name for name, kind in _KINDS.items() if not isinstance(values[name], kind)]:
            raise TypeError(f"{wrong[0]} is of the wrong kind")
        task = Task(**values)
        _ = task.usd, task.submitted, datetime.fromtimestamp(task.at, UTC), datetime.fromtimestamp(task.taken_at, UTC)
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError) as error:
        raise sqlite3.DataError(f"task {values['id']} makes no sense ({type(error).__name__})") from error
    return task
