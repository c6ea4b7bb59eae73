"""Whether a request that was never answered made a task: judged by the account's list of tasks. Pure.

All times are the provider's, in seconds since 1970, so that a clock of ours that is wrong or was set does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from wanflow.model import Listed
from wanflow.store.tasks import Task

# The provider works on a request for up to 300 s; one that made no task by then, and nothing else holds, never will.
SETTLED_S = 310.0
# What the provider's own clocks may differ by; it tells its time in whole seconds.
SLACK_S = 3.0
# How far our clock may be wrong where the provider's time was not known when the request was sent.
UNKNOWN_S = 3600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A request: between which times a task that it made was submitted, and whether enough time went by to be sure."""

    earliest: float
    latest: float
    settled: bool = False

    @classmethod
    def of(cls, task: Task, now: float | None = None, watched_s: float = 0.0, *, is_awaited: bool = False) -> Sent:
        """The request of a task in the ledger; `now` is the provider's time as far as it is known, and `watched_s` for
        how long it has been looked for. One that `is_awaited` may have gone out at any time since it began.
        """
        sent_at = task.sent_at or task.at
        # A process that was stopped sends when it goes on; that it waits no more, it has noted.
        gone_at = inf if is_awaited else max(sent_at, task.at)
        if task.offset_s is None:
            return cls(sent_at - UNKNOWN_S, gone_at + UNKNOWN_S + SETTLED_S, watched_s > SETTLED_S)
        began, gone = sent_at + task.offset_s, gone_at + task.offset_s
        age_s = watched_s if now is None else now - gone
        return cls(began - SLACK_S, gone + SETTLED_S, age_s > SETTLED_S)

    @property
    def window(self) -> tuple[datetime, datetime]:
        """Which part of the account's list to look at."""
        return (
            datetime.fromtimestamp(self.earliest, UTC) - timedelta(minutes=1),
            datetime.fromtimestamp(self.latest, UTC) + timedelta(minutes=1),
        )

    def may_have_made(self, entry: Listed) -> bool:
        """Whether a task can be this request's."""
        return entry.created_at is None or self.earliest <= entry.created_at.timestamp() <= self.latest


@dataclass(frozen=True, slots=True)
class Verdict:
    """The task that a request made, or that it made none, or why nobody can tell; nothing of that: look again."""

    task_id: str = ""
    not_taken: bool = False
    doubt: str = ""


def verdict(sent: Sent, rivals: Sequence[Sent], unclaimed: Sequence[Listed]) -> Verdict:
    """What the list says of a request; `rivals` are others of its lane that wait for an answer, too, and `unclaimed`
    the listed tasks that the ledger doesn't know. A request makes one task at most.
    """
    requests, left = [sent, *rivals], list(unclaimed)
    while made := _made_by_one(requests, left):
        if 0 in made:
            return Verdict(task_id=made[0][0].task_id) if len(made[0]) == 1 else _doubt(made[0])
        # Theirs is known, so that what is left may have one maker only.
        left = [entry for entry in left if not any(entry in entries for entries in made.values())]
        requests = [request for number, request in enumerate(requests) if number not in made]
    candidates = [entry for entry in left if sent.may_have_made(entry)]
    if not candidates:
        return Verdict(not_taken=sent.settled)
    return _doubt(candidates) if sent.settled else Verdict()


def _made_by_one(requests: Sequence[Sent], entries: Sequence[Listed]) -> dict[int, list[Listed]]:
    """The tasks that only one request can have made, by its number."""
    made: dict[int, list[Listed]] = {}
    for entry in entries:
        makers = [number for number, request in enumerate(requests) if request.may_have_made(entry)]
        if len(makers) == 1:
            made.setdefault(makers[0], []).append(entry)
    return made


def _doubt(candidates: Sequence[Listed]) -> Verdict:
    ids = ", ".join(entry.task_id for entry in candidates[:3])
    number = "a task" if len(candidates) == 1 else f"{len(candidates)} tasks"
    return Verdict(doubt=f"no answer came, and the account has {number} of that time which may be its ({ids})")
