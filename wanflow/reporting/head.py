"""What stands above the rows of a report: the run, its totals, its steps, what failed, and what was compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from wanflow.errors import inline, printable
from wanflow.model import Status
from wanflow.reporting.model import (
    Comparison,
    Failure,
    Head,
    IndexEntry,
    Job,
    Pages,
    ProblemText,
    Row,
    Run,
    StatusName,
    Step,
)
from wanflow.reporting.records import Record
from wanflow.reporting.rows import CHANGES, GONE, ORDER, UNPRICED
from wanflow.reporting.timeline import timeline
from wanflow.telling.graph.steps import Told, told_graph
from wanflow.telling.graph.svg import svg
from wanflow.telling.graph.value import Count, Mood
from wanflow.telling.words import count, dollars, duration

# Groups of failures that are told, rows that each names, and letters of a row that a search looks through.
MOST_FAILURES, MOST_ROWS, MOST_SOUGHT = 100, 20, 700
# The words for the ways in which jobs end, which fit one and many, and the kind of each.
NAMES = {
    Status.DONE: ("done", "good"),
    Status.REUSED: ("reused", "reused"),
    Status.FAILED: ("failed", "bad"),
    Status.BLOCKED: ("blocked", "bad"),
    Status.REFUSED: ("refused", "bad"),
    Status.PARKED: ("waiting for a pick", "waiting"),
    Status.LEFT: ("left in flight", "waiting"),
    Status.NOT_STARTED: ("not started", "waiting"),
    Status.SKIPPED: ("skipped", "quiet"),
    Status.EXCLUDED: ("excluded", "quiet"),
    GONE: ("only in the other run", "quiet"),
}
_FAILURES = (Status.FAILED, Status.REFUSED, Status.BLOCKED, Status.LEFT, Status.SKIPPED)
# What a record's totals call them, in the order in which they are told.
_UNDONE = {
    "failed": Status.FAILED,
    "blocked": Status.BLOCKED,
    "refused": Status.REFUSED,
    "left_in_flight": Status.LEFT,
    "not_started": Status.NOT_STARTED,
}
_OTHERS = {"parked": Status.PARKED, "skip": Status.SKIPPED, "excluded": Status.EXCLUDED}


class Tally:
    """Counts rows as they are written; `index` is what filter and search look through."""

    def __init__(self, record: Record, other: Record | None) -> None:
        self.record, self.other = record, other
        self.index: list[IndexEntry] = []
        self.pages: dict[str, int] = {}
        self._statuses = [str(status) for status in ORDER]
        steps = [*record.steps, *(other.steps if other else ())]
        self.steps = {inline(str(step["id"])): step for step in reversed(steps)}  # of a step of both, this run's counts
        self.steps = {name: self.steps[name] for name in dict.fromkeys(inline(str(step["id"])) for step in steps)}
        self._places = {name: place for place, name in enumerate(self.steps)}
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.changes: Counter[str] = Counter()
        self._failures: dict[tuple[str, ...], Failure] = {}

    def add(self, page: int, row: Row) -> None:
        """A row is on a page of this number."""
        self.pages[row["key"]] = page
        jobs = []
        for job in row["jobs"]:
            self.counts[job["step"]][job["status"]] += 1
            entry = [self._places[job["step"]], self._statuses.index(job["status"])]
            if change := job["compare"]:
                self.changes[change["change"]] += 1
                entry.append(CHANGES.index(change["change"]))
            jobs.append(entry)
            if job["error"] and job["status"] in _FAILURES:
                self._note_failure(page, row["key"], job)
        self.index.append((row["key"], page, jobs, _sought(row)))

    def _note_failure(self, page: int, row: str, job: Job) -> None:
        error = job["error"]
        assert error  # noqa: S101 - told to mypy; only called for one
        message = error["message"].replace(f"{row}/", "")  # needs colorize, which failed: alike for all rows
        known = (job["step"], job["status"], error["code"], message, error["remedy"])
        step, status, code, _, remedy = known
        if known not in self._failures:
            self._failures[known] = Failure(
                step=step, status=status, code=code, message=message, remedy=remedy, count=0, rows=[]
            )
        failure = self._failures[known]
        failure["count"] += 1
        if len(failure["rows"]) < MOST_ROWS:
            failure["rows"].append((row, page))

    def failures(self) -> list[Failure]:
        """What failed alike, the most frequent first."""
        rank = [str(status) for status in _FAILURES].index
        # What only waits for another comes after what it waits for.
        known = self._failures.values()
        return sorted(known, key=lambda one: (one["status"] == Status.BLOCKED, -one["count"], rank(one["status"])))


def _sought(row: Row) -> str:
    texts = [row["key"], row["place"], *(one["name"] for one in row["inputs"])]
    for job in row["jobs"]:
        texts += [
            job["prompt"][:160],
            job["error"]["code"] if job["error"] else "",
            *(out["path"] for out in job["outputs"]),
        ]
    return "\n".join(dict.fromkeys(filter(None, texts)))[:MOST_SOUGHT]


def head(tally: Tally, pages: Pages, notes: Sequence[str]) -> Head:
    """The head, once all rows are counted."""
    record, told = tally.record, tally.record.head
    totals: Mapping[str, Any] = told["totals"]
    failures, steps = tally.failures(), _steps(tally)
    return Head(
        title=inline(str(told["recipe"])),
        run=_run(told),
        summary=summary(told),
        figures=figures_of(told),
        totals={str(name): value for name, value in totals.items() if value is None or isinstance(value, int | float)},
        notes=[printable(str(note)) for note in (*told.get("notes", ()), *notes)],
        problems=[_problem(problem) for problem in told.get("problems", ())],
        failures=failures[:MOST_FAILURES],
        failures_left=max(0, len(failures) - MOST_FAILURES),
        steps=steps,
        statuses=[StatusName(id=str(status), name=NAMES[status][0], kind=NAMES[status][1]) for status in ORDER],
        graph=_graph(inline(str(told["recipe"])), steps, tally),
        timeline=timeline(record, tally.pages),
        pages=pages,
        compare=_comparison(tally) if tally.other else None,
    )


def _run(told: Mapping[str, Any]) -> Run:
    started = str(told["started"])
    code = told.get("exit_code")
    return Run(
        id=inline(str(told["run_id"])),
        recipe=inline(str(told["recipe"])),
        backend=inline(str(told["backend"])),
        place=inline(str(told.get("place", ""))),
        started=inline(started),
        finished=inline(str(told["finished"])),
        when=when(started),
        interrupted=bool(told["interrupted"]),
        exit_code=code if isinstance(code, int) else None,
    )


def when(moment: str) -> str:
    """A moment of a record as people say it: 21 Nov 2026, 22:31 UTC."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return inline(moment)
    return f"{found.day} {found:%b %Y, %H:%M} UTC"


def summary(told: Mapping[str, Any]) -> str:
    """How a run went, in a line."""
    totals = told["totals"]
    parts = [f"{totals['run']:,} done", f"{totals['reuse']:,} reused", *_counted(totals, _UNDONE | _OTHERS)]
    parts += [f"{count(totals['written'], 'file')} written"] if totals.get("written") else []
    parts += [f"{count(totals['not_written'], 'file')} not written"] if totals.get("not_written") else []
    parts += [f"{fetched:,} fetched that an earlier run paid for"] if (fetched := totals.get("fetched")) else []
    usd = totals.get("usd", 0)
    parts += ["paid at prices that are not known" if usd is None else f"{_amount(usd)} paid"] if usd != 0 else []
    ended = "interrupted: " if told["interrupted"] else ""
    return f"{ended}{', '.join(parts)} in {duration(float(totals['seconds']))}"


def _counted(totals: Mapping[str, Any], names: Mapping[str, Status]) -> list[str]:
    return [f"{totals[name]:,} {NAMES[status][0]}" for name, status in names.items() if totals.get(name)]


def _amount(usd: float) -> str:
    return dollars(Decimal(str(usd)))


def figures_of(told: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The large numbers at the top: name, value, and what it is of."""
    totals = told["totals"]
    reused = f"{100 * totals['reuse'] // totals['jobs']} % of the jobs" if totals["reuse"] else ""
    figures = [
        ("done", f"{totals['run']:,}", f"of {count(totals['jobs'], 'job')}"),
        ("reused", f"{totals['reuse']:,}", reused),
    ]
    if undone := {name: status for name, status in _UNDONE.items() if totals.get(name)}:
        alike = len(undone) == 1
        name = NAMES[next(iter(undone.values()))][0] if alike else "not done"
        more = "" if alike else ", ".join(_counted(totals, undone))
        figures.append((name, f"{sum(totals[one] for one in undone):,}", more))
    if waiting := sum(told.get("open_picks", {}).values()):
        figures.append(("open picks", f"{waiting:,}", f"{count(totals.get('parked', 0), 'job')} behind them"))
    figures.append(("paid", *_paid(totals)))
    figures.append(("time", duration(float(totals["seconds"])), "interrupted" if told["interrupted"] else ""))
    return figures


def _paid(totals: Mapping[str, Any]) -> tuple[str, str]:
    """What was paid, and for what: a task that failed costs nothing, one that is fetched was paid for before."""
    usd, fetched = totals.get("usd", 0), totals.get("fetched", 0)
    sent = totals["paid_tasks"] - fetched
    tasks = [count(sent, "task")] if sent > 0 else []
    tasks += [f"{fetched:,} more fetched" if tasks else f"{count(fetched, 'task')} fetched"] if fetched else []
    if usd:
        return _amount(usd), ", ".join(tasks)
    note = ", ".join(tasks) or "no task was sent"
    return ("not known", note) if usd is None else ("$0.00", f"{note}, which cost nothing" if tasks else note)


def _problem(problem: Mapping[str, Any]) -> ProblemText:
    line = f":{problem['line']}" if "line" in problem else ""
    name = str(problem["path"]).rpartition("/")[2]  # of folders of this machine nobody else should read
    return ProblemText(
        where=inline(f"{name}{line}" if name else ""),
        message=printable(str(problem["message"])),
        hint=printable(str(problem["hint"])),
        rows=[inline(str(row)) for row in problem["rows"]],
        row_count=int(problem["row_count"]),
    )


def _steps(tally: Tally) -> list[Step]:
    seconds: Counter[str] = Counter()
    usd: defaultdict[str, Decimal | None] = defaultdict(Decimal)
    for row in tally.record.rows.values():
        for name, outcome in row.outcomes.items():
            worked = [float(span[1]) for span in outcome.get("worked", ())]
            seconds[inline(name)] += sum(worked) or float(outcome.get("seconds", 0))  # type: ignore[assignment]  # of numbers
            paid, known = outcome.get("usd", 0), usd[inline(name)]
            usd[inline(name)] = None if paid is None or known is None else known + Decimal(str(paid))
    return [
        Step(
            id=name,
            function=inline(str(step["function"])),
            model=inline(str(step.get("model") or "")),
            needs=[inline(str(need)) for need in step.get("needs", ())],
            tags=[inline(str(tag)) for tag in step.get("tags", ())],
            lane=inline(str(step.get("lane", ""))),
            per_run=bool(step.get("per_run")),
            counts=dict(tally.counts[name]),
            usd=UNPRICED if (cost := usd[name]) is None else dollars(cost) if cost else "",
            seconds=round(seconds[name], 3),
            time=duration(seconds[name]) if seconds[name] else "",
        )
        for name, step in tally.steps.items()
    ]


def _graph(recipe: str, steps: Sequence[Step], tally: Tally) -> str:
    told = [
        Told(
            id=step["id"],
            function=step["function"],
            needs=step["needs"],
            marks=_marks(int(tally.steps[step["id"]].get("candidates", 1))),
            counts=tuple(
                Count(step["counts"][str(status)], NAMES[status][0], Mood(NAMES[status][1]))
                for status in ORDER
                if step["counts"].get(str(status))
            ),
            cost=step["usd"],
            per_run=step["per_run"],
        )
        for step in steps
    ]
    return svg(told_graph(recipe, told)) if told else ""


def _marks(candidates: int) -> tuple[str, ...]:
    return (f"{candidates} candidates",) if candidates > 1 else ()


def _comparison(tally: Tally) -> Comparison:
    assert tally.other  # noqa: S101 - told to mypy; only called with one
    told = tally.other.head
    counts = {change: tally.changes[change] for change in CHANGES}
    said = ", ".join(f"{number:,} {change}" for change, number in counts.items() if number)
    run = inline(str(told["run_id"]))
    return Comparison(run=run, summary=f"with the run of {when(str(told['started']))}: {said}", counts=counts)
