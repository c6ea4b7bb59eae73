"""Problems, run records and the state of paid tasks -> text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from wanflow.errors import Problem, inline, printable
from wanflow.model import Status
from wanflow.paying.status import Held, Spent
from wanflow.paying.status import Status as Overview
from wanflow.record import RunRecord
from wanflow.store.books import KEPT_S
from wanflow.store.tasks import State
from wanflow.telling.remedies import advice
from wanflow.telling.words import count, dollars, duration

MAX_PROBLEMS = 30


def problems_text(problems: Sequence[Problem]) -> str:
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
    lines = {str(run["run_id"]): [_run_text(run), *_outcomes_text(run.get("outcomes", ()))] for run in status.runs}
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


def _outcomes_text(outcomes: Sequence[Mapping[str, Any]]) -> list[str]:
    """How jobs ended, and what helps against failures."""
    told = (Status.FAILED, Status.REFUSED, Status.LEFT)
    failed = [outcome["error"] for outcome in outcomes if outcome["status"] in told and outcome["error"]]
    return [*map(_outcome_text, outcomes), *advice((error["code"], error["message"]) for error in failed)]


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
