"""Tells how a run goes as JSON, an event a line, for programs (schema: schemas/log.schema.json). Each line is written
whole, and no text of whomever can end one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from wanflow.canon import JSON, on_one_line
from wanflow.errors import Problem
from wanflow.model import Outcome
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord, money, stamp
from wanflow.running.listener import Usage
from wanflow.telling.narrator import unasked
from wanflow.telling.stream import tell

# How often a lane's use is told at most.
LANE_EVERY_S = 10.0


class Log:
    """A listener that writes events to `stream`; `now` gives their times."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.stream, self._now = stream or sys.stderr, now
        self.usage: Callable[[], Usage] = Usage
        self._lanes: dict[str, str] = {}
        self._told_lanes = now()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def consent(self, plan: Plan, yes: bool, approved: Path | None = None) -> bool:
        """Whether a run may start: what is free, or was agreed to with --yes; nobody is asked. Raises RefusedError."""
        totals = plan.totals
        self._tell(
            "plan",
            recipe=plan.recipe.name,
            approved=None if approved is None else str(approved),
            flags=list(plan.flags),
            backend=plan.backend,
            place=plan.place,
            run=totals.run,
            later=totals.later,
            reuse=totals.reuse,
            skip=totals.skip,
            usd=None if totals.unpriced else money(totals.usd_expected),
            usd_worst=None if totals.unpriced else money(totals.usd_worst),
            seconds=round(totals.seconds, 3),
        )
        for note in plan.notes:
            self.note(note)
        if totals.paid_tasks and not yes:
            raise unasked(plan)
        self._lanes = {step: terms.lane for step, terms in plan.terms.items()}
        return True

    # -- what a run tells

    def began(self, look: Callable[[], Usage]) -> None:
        """Jobs are about to start."""
        self.usage = look
        self._tell_lanes()

    def started(self, job: str, step: str) -> None:
        """Work on a job began."""
        self._tell("started", job=job, step=step, lane=self._lanes[step])

    def passed(self) -> None:
        """A little time went by."""
        if (self._now() - self._told_lanes).total_seconds() >= LANE_EVERY_S:
            self._tell_lanes()

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended."""
        error = {"code": outcome.error_code, "message": outcome.error_message} if outcome.error_code else None
        self._tell(
            "finished",
            job=outcome.job,
            step=step,
            function=outcome.function,
            status=outcome.status.value,
            seconds=round(outcome.seconds, 3),
            usd=money(outcome.usd),
            attempts=outcome.attempts,
            task_id=outcome.task_id,
            warnings=list(outcome.warnings),
            error=error,
            **self._money(),
        )

    def published(self, path: str, kept: str) -> None:
        """A file appeared."""
        self._tell("published", path=path, kept=kept or None)

    def note(self, text: str) -> None:
        """Something the user should know."""
        self._tell("note", text=text)

    # -- what the command tells

    def problems(self, problems: Iterable[Problem]) -> None:
        """What is wrong with single rows."""
        for problem in problems:
            self._tell("problem", **problem.json())

    def error(self, kind: str, message: str, exit_code: int, problems: Iterable[Problem] = ()) -> None:
        """Why nothing was done, or nothing more."""
        self.problems(problems)
        self._tell("error", kind=kind, message=message, exit_code=exit_code)

    def ended(self, record: RunRecord) -> None:
        """How a run went."""
        self._tell_lanes()
        head = record.head()
        told = {name: head[name] for name in ("run_id", "recipe", "interrupted", "totals", "open_picks")}
        self._tell("ended", **told, exit_code=record.exit_code, **self._money())

    def _money(self) -> dict[str, JSON]:
        usage = self.usage()
        left = None if usage.cap is None else max(Decimal(0), usage.cap - usage.spent - usage.in_flight)
        return {"spent": money(usage.spent), "left": money(left)}

    def _tell_lanes(self) -> None:
        self._told_lanes = self._now()
        for use in self.usage().lanes:
            if use.lane in self._lanes.values() or use.busy:
                facts = {"slots": use.slots, "busy": use.busy, "queued": use.queued, "sent": use.sent}
                facts["unanswered"] = use.unanswered
                self._tell("lane", lane=use.lane, **facts)

    def _tell(self, event: str, **facts: Any) -> None:
        tell(self.stream, on_one_line({"time": stamp(self._now()), "event": event, **facts}) + "\n")
