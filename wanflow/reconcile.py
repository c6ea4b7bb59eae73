"""Whether a request that was never answered made a task: judged by the account's list of tasks. Pure.

All times are the provider's, in seconds since 1970, so that a clock of ours that is wrong or was set does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wanflow.store.tasks import Task

# The provider works on a request for up to 300 s; one that made no task by then, and nothing else holds, never will.
SETTLED_S = 310.0
# What the provider's own clocks may differ by; it tells its time in whole seconds.
SLACK_S = 3.0
# How far our clock may be wrong where the provider's time was not known when the request was sent.
UNKNOWN_S = 3600.0


class Listed(Protocol):
    """A line of the account's list."""

    task_id: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A request: between which times a task that it made was submitted, and whether enough time went by to be sure."""

    earliest: float
    latest: float
    settled: bool
