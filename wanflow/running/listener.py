"""Who is told how a run goes, in values: how they are shown, or kept, is the listener's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from wanflow.model import Outcome


@dataclass(frozen=True, slots=True)
class LaneUse:
    """How busy a lane is: `busy` of its `slots` are in use by this run, `queued` tasks wait in the provider's queue for
    one, and `sent` were submitted so far (0 where nothing is). `unanswered` requests are looked for at the
    provider, and keep their slots until it is known whether they were taken.
    """

    lane: str
    slots: int
    busy: int = 0
    queued: int = 0
    sent: int = 0
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run uses at a moment: its lanes, and USD: `spent`, `in_flight` or in doubt, at most `cap` together (None:
    no bound). `stopping` when nothing more is started, `interrupted` when somebody wanted that.
    """

    lanes: tuple[LaneUse, ...] = ()
    spent: Decimal = Decimal(0)
    in_flight: Decimal = Decimal(0)
    cap: Decimal | None = None
    stopping: bool = False
    interrupted: bool = False


class Listener(Protocol):
    """Who is told how a run goes. All calls come from the thread that runs it."""

    def began(self, look: Callable[[], Usage]) -> None:
        """Jobs are about to start; `look` tells at any time, also afterwards, what the run uses."""

    def started(self, job: str, step: str) -> None:
        """Work on a job began; more than once where it is tried again."""

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended, in whatever way."""

    def published(self, path: str, kept: str) -> None:
        """A file appeared; `kept` says where an edited one that stood there went."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def passed(self) -> None:
        """A little time went by, some fraction of a second."""


class Silent:
    """A listener that says nothing."""

    def began(self, look: Callable[[], Usage]) -> None:
        """Nothing."""

    def started(self, job: str, step: str) -> None:
        """Nothing."""

    def finished(self, outcome: Outcome, step: str) -> None:
        """Nothing."""

    def published(self, path: str, kept: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def passed(self) -> None:
        """Nothing."""
