"""Plan, progress and problems -> terminal. The only voice; rich is imported late and only for a live terminal."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from wanflow.errors import Problem, RefusedError, inline, printable
from wanflow.model import Action, Outcome, Status
from wanflow.paying.status import Held, Spent
from wanflow.paying.status import Status as Overview
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord
from wanflow.store.books import KEPT_S
from wanflow.store.tasks import State
from wanflow.telling import review
from wanflow.telling.plantext import plan_text
from wanflow.telling.words import count, dollars, duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MAX_PROBLEMS = 30


def problems_text(problems: list[Problem]) -> str:
    """All problems, or the first of very many with the count of the rest."""
    shown = [problem.text() for problem in problems[:MAX_PROBLEMS]]
    if rest := len(problems) - len(shown):
        shown.append(f"… and {count(rest, 'more problem')}")
    return "\n".join([*shown, count(len(problems), "problem")])


def record_text(record: RunRecord, seconds: float) -> str:
    """How a run went, in a line or two."""
    counts = record.counts()
    parts = [f"{counts[Status.DONE]:,} done", f"{counts[Status.REUSED]:,} reused"]
    bad = (Status.FAILED, Status.BLOCKED, Status.REFUSED, Status.LEFT)
    rest = (*bad, Status.PARKED, Status.SKIPPED, Status.NOT_STARTED, Status.EXCLUDED)
    parts += [f"{counts[status]:,} {status.value.replace('_', ' ')}" for status in rest if counts[status]]
    if record.written:
        parts.append(
            f"{count(record.written, 'file')} written{f' to {record.written_to}' if record.written_to else ''}"
        )
    if record.not_written:
        parts.append(f"{count(record.not_written, 'file')} not written")
    if record.fetched:
        parts.append(f"fetched {record.fetched:,} that an earlier run paid for")
    if record.usd:
        parts.append(f"{dollars(record.usd)} paid")
    elif record.usd is None:
        parts.append(UNPRICED)
    return f"{record.recipe}: {', '.join(parts)} in {duration(seconds)}"


def picks_text(record: RunRecord, recipe: str) -> str:
    """Which picks are open after a run, and the next command; empty when none is."""
    waiting = [f"{count(rows, 'row')} of {step}" for step, rows in record.open_picks.items()]
    verb = "waits" if record.open_picks.total() == 1 else "wait"
    return f"{', '.join(waiting)} {verb} for a pick: wanflow pick {recipe}" if waiting else ""


def status_text(status: Overview, *, billing: bool = False) -> str:
    """The last runs, and the paid tasks of every account."""
    lines = [*_runs_text(status)]
    for account in status.accounts:
        name = status.called(account)
        if account.fault:
            lines += ["", printable(f"{name}: {account.fault}")]
            continue
        lines += [
            "",
            f"{name}: {_spent_text(account.total)} spent, {dollars(account.reserved)} in flight or in doubt",
        ]
        for held in account.held:
            lines.append(printable(f"  {_held_text(held)}"))
        if billing:
            for (month, model), spent in sorted(account.spent.items()):
                lines.append(f"  {month}  {model:<24}  {count(spent.images, 'image'):>14}  {_spent_text(spent):>10}")
    if not status.accounts:
        lines += ["", "no paid tasks yet"]
    return "\n".join(lines)


def _spent_text(spent: Spent) -> str:
    if not spent.unpriced:
        return dollars(spent.usd)
    unknown = f"an amount that is not known for {count(spent.unpriced, 'image')}"
    return f"{dollars(spent.usd)} and {unknown}" if spent.usd else unknown


def _runs_text(status: Overview) -> Iterator[str]:
    if not (status.runs or status.unrecorded):
        yield "no runs in this folder yet"
    lines = {str(run["run_id"]): [_run_text(run), *map(_outcome_text, run.get("outcomes", ()))] for run in status.runs}
    for run in status.unrecorded:
        how = "still at work" if run.alive else "killed, or its record is gone"
        tasks = f"{count(run.sent, 'paid task')} sent, {run.stored:,} of them stored"
        lines[run.run] = [f"{run.recipe}: {how}: {tasks}{'' if run.alive else '; run it again to go on'}"]
    for run_id, (text, *outcomes) in sorted(lines.items(), reverse=True):
        yield inline(f"{run_id}  {text}")
        yield from (inline(f"  {outcome}") for outcome in outcomes)


def _run_text(run: Mapping[str, Any]) -> str:
    if fault := run.get("fault"):
        return f"its record (.wanflow/runs/{run['run_id']}/run.json) can't be read: {fault}"
    totals = run["totals"]
    bad = ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in _BAD if totals.get(name))
    waiting = sum(run.get("open_picks", {}).values())
    ended = "interrupted" if run["interrupted"] else bad or ("" if waiting else "all well")
    ended = ", ".join(part for part in (ended, f"{count(waiting, 'pick')} open" if waiting else "") if part)
    paid = (
        f", {UNPRICED}"
        if (usd := totals.get("usd", 0)) is None
        else f", {dollars(Decimal(str(usd)))} paid"
        if usd
        else ""
    )
    return f"{run['recipe']} on {run['backend']}: {totals['run']:,} done, {ended}{paid}"


def _outcome_text(outcome: Mapping[str, Any]) -> str:
    error, usd = outcome["error"], outcome["usd"]
    parts = [outcome["status"].replace("_", " ")]
    parts += [f"{error['code']}: {error['message']}"] if error else []
    parts += ["a DRAFT"] if outcome["fidelity"] == "proxy" else []
    parts += [UNPRICED if usd is None else dollars(Decimal(str(usd)))] if usd != 0 else []
    parts += [f"task {outcome['task_id']}"] if outcome["task_id"] else []
    return f"{outcome['job']}  {outcome['function']}  {', '.join(parts)}"


UNPRICED = "paid at prices that are not known"
_BAD = ("failed", "blocked", "refused", "left_in_flight", "not_started")


def _held_text(held: Held) -> str:
    task = held.task
    age = duration(max(0.0, KEPT_S - held.left_s))
    cost = "price not known" if task.usd_image is None else dollars(task.usd)
    what = f"{task.job} of {task.recipe} in {task.project}, {task.model}, {cost}"
    match task.state:
        case State.DONE:
            left = f"to be had for {duration(held.left_s)}" if held.left_s > 0 else "no longer to be had"
            return f"done       {what}: {left}; run the recipe again to fetch it"
        case State.UNCERTAIN:
            return f"uncertain  {what}: {task.detail}"
        case State.LOST:
            return f"lost       {what}: {task.detail}"
    holder = f"run {task.run} holds its slot" if held.alive else "its run is dead; the next run takes it up"
    return f"{task.state.value:<9}  {what}: for {age}, {duration(held.left_s)} left; {holder}"


class Narrator:
    """Tells how a run goes: live bars by step on a terminal, plain lines elsewhere.

    Of equal warnings of a step only the first is told; `unsaid` counts the others.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._counts: dict[str, Counter[Status]] = {}
        self._expected: dict[str, int] = {}
        self._live: Progress | None = None
        self._bars: dict[str, TaskID] = {}
        self._warned: set[tuple[str, str]] = set()
        self.unsaid = 0
        self._began = now()

    def consent(self, plan: Plan, yes: bool, approved: Path | None = None) -> bool:
        """Whether a run may start: what is free, or was agreed to with --yes or on the terminal, may. Of an `approved`
        plan's file it is told first what is done, for whoever runs it need not have written it.

        Raises RefusedError where nobody can be asked.
        """
        if approved:
            more = f"; with {review.said(plan)}" if plan.flags else ""
            self._say_line(f"{approved}: {review.headline(plan)}{more}")
        if plan.totals.paid_tasks and not yes:
            cost = f"{review.cost(plan)} for {count(plan.totals.images_paid, 'image')} {review.where(plan)}"
            if not (sys.stdin.isatty() and self.stream.isatty()):
                raise RefusedError(f"this would cost {cost}; nothing was started. Say --yes to agree.")
            print(plan_text(plan), file=self.stream)
            print(f"\nThis costs {cost}. Go on? [y/N] ", end="", file=self.stream, flush=True)
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise RefusedError("nothing was started")
        self._begin(plan)
        return True

    def _begin(self, plan: Plan) -> None:
        for note in plan.notes:
            self.note(note)
        for step in plan.steps:
            counts = plan.by_step[step.id]
            self._counts[step.id] = Counter()
            self._expected[step.id] = counts[Action.RUN] + counts[Action.LATER]
        if self.stream.isatty() and any(self._expected.values()):
            self._begin_live()

    def __enter__(self) -> Narrator:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def _begin_live(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        self._live = Progress(*columns, TextColumn("{task.fields[more]}"), console=Console(file=self.stream))
        for step, expected in self._expected.items():
            if expected:
                self._bars[step] = self._live.add_task(step, total=expected, more="")
        self._live.start()

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended."""
        self._counts[step][outcome.status] += 1
        if self._live and step in self._bars:
            self._update(step)
        if outcome.status is Status.FAILED:
            self.note(f"{outcome.job} failed: {outcome.error_code}: {outcome.error_message}")
        elif outcome.status is Status.REFUSED and outcome.error_code != "Refused":  # what the plan refused, it told
            self.note(f"{outcome.job} refused: {outcome.error_code}: {outcome.error_message}")
        elif outcome.status is Status.SKIPPED and outcome.error_code:
            self.note(f"{outcome.job} skipped: {outcome.error_code}: {outcome.error_message}")
        elif outcome.status is Status.LEFT:
            self.note(f"{outcome.job} left in flight: {str(outcome.error_message).removeprefix('left ')}")
        elif outcome.status is Status.DONE and not self._live:
            self._say_line(f"{outcome.job}  {outcome.function}  {duration(outcome.seconds)}")
        for warning in outcome.warnings if outcome.status is Status.DONE else ():
            if (step, warning) in self._warned:
                self.unsaid += 1
                continue
            self._warned.add((step, warning))
            self.note(f"{outcome.job}: {warning}")

    def _update(self, step: str) -> None:
        counts = self._counts[step]
        ended = counts[Status.DONE] + counts[Status.FAILED] + counts[Status.BLOCKED]
        parts = [f"{counts[status]:,} {status.value}" for status in (Status.REUSED, Status.FAILED) if counts[status]]
        if elapsed := now() - self._began:
            parts.insert(0, f"{counts[Status.DONE] / elapsed * 60:.0f}/min")
        assert self._live  # noqa: S101 - told to mypy; only called while live
        self._live.update(self._bars[step], completed=min(ended, self._expected[step]), more=", ".join(parts))

    def published(self, path: str, kept: str) -> None:
        """A file appeared."""
        if kept:
            self.note(f"{path} was not as wanflow left it; what stood there is kept as {kept}")

    def note(self, text: str) -> None:
        """Something the user should know, at once."""
        self._say_line(f"  {text}")

    def _say_line(self, text: str) -> None:
        text = inline(text)  # keys of rows, and words of services, come from strangers
        if self._live:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self.stream, flush=True)


def now() -> float:
    """Seconds for showing how long something took."""
    return time.monotonic()
