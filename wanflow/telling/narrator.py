"""Tells how a run goes, as it goes: a live view on a terminal, plain lines elsewhere. Nothing else speaks meanwhile."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from wanflow.errors import Problem, RefusedError, inline
from wanflow.model import Outcome, Status
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord
from wanflow.running.listener import Listener, Usage
from wanflow.settings import wants_plain
from wanflow.telling import review
from wanflow.telling.console import problems_text
from wanflow.telling.plantext import plan_text
from wanflow.telling.remedies import advice
from wanflow.telling.stream import is_others, tell
from wanflow.telling.words import count, duration

if TYPE_CHECKING:
    from wanflow.telling.live import Live


class Voice(Listener, Protocol):
    """A listener that tells a person, or a program, and asks before money is spent. It holds the stream while it is
    entered.
    """

    usage: Callable[[], Usage]

    def __enter__(self) -> Voice:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Leave the stream as anybody may go on with."""

    def consent(self, plan: Plan, yes: bool, approved: Path | None = None) -> bool:
        """Whether a run may start. Raises RefusedError."""

    def problems(self, problems: Sequence[Problem]) -> None:
        """Tell what is wrong with single rows."""

    def ended(self, record: RunRecord) -> None:
        """Tell how a run went, as far as the record's own words don't."""


class Narrator:
    """A listener that writes to `stream`: live, unless the stream is no terminal, or `plain` lines are wanted.

    Of equal warnings of a step only the first is told; the others are counted at the end.
    """

    def __init__(self, stream: TextIO | None = None, *, plain: bool = False) -> None:
        self.stream = stream or sys.stderr
        self.usage: Callable[[], Usage] = Usage
        self._plain = plain or not can_move(self.stream)
        self._live: Live | None = None
        self._warned: set[tuple[str, str]] = set()
        self.unsaid = 0
        self._failures: dict[tuple[str, str], None] = {}

    def consent(self, plan: Plan, yes: bool, approved: Path | None = None) -> bool:
        """Whether a run may start: what is free, or was agreed to with --yes or on the terminal, may. Of an `approved`
        plan's file it is told first what is done, for whoever runs it need not have written it.

        Raises RefusedError where nobody can be asked.
        """
        if approved:
            more = f"; with {review.said(plan)}" if plan.flags else ""
            self._say(f"{approved}: {review.headline(plan)}{more}")
        if plan.totals.paid_tasks and not yes:
            if not (sys.stdin.isatty() and self.stream.isatty()):
                raise unasked(plan)
            print(plan_text(plan), file=self.stream)
            print(f"\nThis costs {cost(plan)}. Go on? [y/N] ", end="", file=self.stream, flush=True)
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise RefusedError("nothing was started")
        for note in plan.notes:
            self.note(note)
        if not self._plain and (plan.totals.run or plan.totals.later):
            from wanflow.telling.live import Live, Screen

            self._live = Live(Screen(self.stream), plan, now)
        return True

    def __enter__(self) -> Narrator:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.close()
            self._live = None

    def problems(self, problems: Sequence[Problem]) -> None:
        """What is wrong with single rows."""
        if problems:
            tell(self.stream, f"{problems_text(problems)}\n")

    def ended(self, record: RunRecord) -> None:
        """How a run went, and what helps against what failed."""
        for remedy in advice(self._failures):
            self._say(f"  {remedy}")
        if self.unsaid:
            place = f".wanflow/runs/{record.run_id}/run.json"
            self._say(f"  {count(self.unsaid, 'more warning')} like these; all are in {place}")

    # -- what a run tells

    def began(self, look: Callable[[], Usage]) -> None:
        """Jobs are about to start."""
        self.usage = look
        if self._live:
            self._live.look = look

    def started(self, job: str, step: str) -> None:
        """Work on a job began."""

    def passed(self) -> None:
        """A little time went by."""
        if self._live:
            self._live.passed()

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended."""
        if self._live:
            self._live.finished(outcome, step)
        if outcome.status in (Status.FAILED, Status.REFUSED) and outcome.error_code != "Refused":  # that the plan told
            code, message = str(outcome.error_code), str(outcome.error_message)
            self._failures[code, message] = None
            self._fail(f"{outcome.job} {outcome.status.value}: {code}: {message}")
        elif outcome.status is Status.SKIPPED and outcome.error_code:
            self.note(f"{outcome.job} skipped: {outcome.error_code}: {outcome.error_message}")
        elif outcome.status is Status.LEFT:
            self.note(f"{outcome.job} left in flight: {str(outcome.error_message).removeprefix('left ')}")
        elif outcome.status is Status.DONE and not self._live:
            self._say(f"{outcome.job}  {outcome.function}  {duration(outcome.seconds)}")
        for warning in outcome.warnings if outcome.status is Status.DONE else ():
            if (step, warning) in self._warned:
                self.unsaid += 1
                continue
            self._warned.add((step, warning))
            self.note(f"{outcome.job}: {warning}")

    def published(self, path: str, kept: str) -> None:
        """A file appeared."""
        if kept:
            self.note(f"{path} was not as wanflow left it; what stood there is kept as {kept}")

    def note(self, text: str) -> None:
        """Something the user should know, at once."""
        if self._live:
            self._live.say(inline(text))
        else:
            self._say(f"  {text}")

    def _fail(self, text: str) -> None:
        if self._live:
            self._live.fail(inline(text))
        else:
            self._say(f"  {text}")

    def _say(self, text: str) -> None:
        tell(self.stream, f"{inline(text)}\n")  # keys of rows, and words of services, come from strangers


def can_move(stream: TextIO) -> bool:
    """Whether what was written to a stream can be written over."""
    if not stream.isatty() or wants_plain() or sys.platform == "win32" or (stream.encoding or "").lower() != "utf-8":
        return False
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0 and not is_others(stream)
    except OSError:
        return False


def cost(plan: Plan) -> str:
    """What a plan costs, for how much, and where the money goes."""
    return f"{review.cost(plan)} for {count(plan.totals.images_paid, 'image')} {review.where(plan)}"


def unasked(plan: Plan) -> RefusedError:
    """Why a plan that costs something isn't run where nobody can be asked."""
    return RefusedError(f"this would cost {cost(plan)}; nothing was started. Say --yes to agree.")


def now() -> float:
    """Seconds for showing how long something took."""
    return time.monotonic()
