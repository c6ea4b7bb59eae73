"""What the functions return: small values that print as a line, and show themselves in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from wanflow import model
from wanflow.errors import Problem
from wanflow.model import Action, Status
from wanflow.planning import planned
from wanflow.planning.planned import RowPlan
from wanflow.python import html
from wanflow.record import RunRecord
from wanflow.telling import plantext, review
from wanflow.telling.console import record_text
from wanflow.telling.graph.forms import written
from wanflow.telling.graph.steps import recipe_graph


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a plan: what a run would do with it (`action`: run, reuse, later, skip), why, in words, and its price
    in USD; None where that is not known.
    """

    address: str
    row: str
    step: str
    function: str
    action: str
    reason: str
    why: str
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a plan: how many of its jobs would run, run later if what comes before them changes, be reused or be
    skipped; and what the open ones cost in USD (None: not known).
    """

    id: str
    function: str
    run: int
    later: int
    reuse: int
    skip: int
    usd: Decimal | None
    why: str


@dataclass(frozen=True, slots=True)
class PlanTotals:
    """Counts of a plan. `usd` is what it costs with every job done once, `usd_worst` with all that may have to be made
    again, both None where a price is not known; `seconds` about how long it takes.
    """

    jobs: int
    run: int
    later: int
    reuse: int
    skip: int
    paid_tasks: int
    images_paid: int
    usd: Decimal | None
    usd_worst: Decimal | None
    seconds: float


class Plan:
    """What a run would do, why, and what it costs. It stands as it was made: make a new one after a change."""

    def __init__(self, plan: planned.Plan, again: Callable[..., Run]) -> None:
        """Made by wanflow.plan and wanflow.check."""
        self._plan, self._again = plan, again

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self._plan.recipe.name

    @property
    def backend(self) -> str:
        """Who performs wan/* steps: draft or dashscope."""
        return self._plan.backend

    @cached_property
    def totals(self) -> PlanTotals:
        """Counts, USD and seconds of all of it."""
        totals, known = self._plan.totals, not self._plan.totals.unpriced
        return PlanTotals(
            totals.jobs,
            totals.run,
            totals.later,
            totals.reuse,
            totals.skip,
            totals.paid_tasks,
            totals.images_paid,
            totals.usd_expected if known else None,
            totals.usd_worst if known else None,
            totals.seconds,
        )

    @cached_property
    def steps(self) -> Sequence[PlannedStep]:
        """The steps in an order in which they can run."""
        return tuple(
            PlannedStep(
                line.step, line.function, line.run, line.later, line.reuse, line.skip, self._usd(line.step), line.why
            )
            for line in review.step_lines(self._plan)
        )

    @cached_property
    def jobs(self) -> Sequence[Job]:
        """Every job of every row, in order."""
        functions = {step.id: step.function.name for step in self._plan.steps}
        return tuple(self._job(row, made, functions[made.step]) for row, made in self._plan.decisions())

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with single rows, which are left out; the others stand."""
        return tuple(self._plan.problems)

    @property
    def notes(self) -> Sequence[str]:
        """What else should be known."""
        return tuple(self._plan.notes)

    @property
    def nothing_to_do(self) -> bool:
        """Whether a run would neither do a job nor write a file."""
        return self._plan.nothing_to_do

    @property
    def summary(self) -> str:
        """The plan in a line: "restore on draft: 15 jobs, free, about 18 s; 0 reused"."""
        return review.headline(self._plan)

    def graph(self, form: str = "svg") -> str:
        """The steps as a picture: a whole file of svg, mermaid, dot or text."""
        return written(recipe_graph(self._plan.recipe, self._plan), form)

    def run(self, **how: Any) -> Run:
        """Plan again with the same choices, and do it. `how` are max_cost, yes, on_job and on_note of wanflow.run.
        Raises what that raises.
        """
        return self._again(**how)

    def _usd(self, step: str) -> Decimal | None:
        return self._plan.step_usd(step) if self._plan.is_paid(step) else Decimal(0)

    def _job(self, row: str, made: model.Decision, function: str) -> Job:
        price = self._plan.terms[made.step].usd
        costs = self._plan.costs(made) and made.action in (Action.RUN, Action.LATER)
        usd = (None if price is None else price * made.images) if costs else Decimal(0)
        why = made.note or review.reason_text(made.action, made.reason)
        return Job(f"{row}/{made.step}", row, made.step, function, made.action.value, made.reason.value, why, usd)

    def __repr__(self) -> str:
        return f"<wanflow.Plan {self.summary}>"

    def __str__(self) -> str:
        return plantext.plan_text(self._plan)

    def _repr_html_(self) -> str:
        return html.plan_html(self._plan)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How one job ended: `status` is done, reused, failed, blocked, skipped, refused, not_started, left_in_flight,
    excluded or parked; `usd` what this run paid for it (None: not known), `seconds` the time it took, `error` what went
    wrong, in words. `fidelity` is real, approximate or proxy.
    """

    address: str
    row: str
    step: str
    status: str
    usd: Decimal | None
    seconds: float
    error: str = ""
    fidelity: str | None = None
    task_id: str | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """One row of a run: how those of its jobs ended that were looked at, and its output files by name, as they stand.

    The files that are made once for all rows belong to the row "run".
    """

    key: str
    jobs: Sequence[JobOutcome]
    outputs: Mapping[str, Path] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing of it failed."""
        return not any(job.status in _BAD for job in self.jobs)


_BAD = frozenset(one.value for one in (Status.FAILED, Status.BLOCKED, Status.REFUSED, Status.NOT_STARTED, Status.LEFT))


@dataclass(frozen=True, slots=True)
class RunTotals:
    """Counts of a run, by how jobs ended; files `written`; `usd` what was paid (None: not known), and `seconds`."""

    done: int
    reused: int
    failed: int
    refused: int
    skipped: int
    parked: int
    written: int
    usd: Decimal | None
    seconds: float


class Run:
    """A run that is over. Nothing is raised for rows that failed: look at `ok`, or at `rows`."""

    def __init__(self, plan: Plan, record: RunRecord, root: Path, looked_at: Callable[[], Sequence[RowPlan]]) -> None:
        """Made by wanflow.run; `looked_at` gives the plans of rows, all of which are looked at."""
        self.plan, self._record, self._root, self._looked_at = plan, record, root, looked_at

    @property
    def id(self) -> str:
        """Its name: wanflow report ID, wanflow status."""
        return self._record.run_id

    @property
    def exit_code(self) -> int:
        """That of the command line: 0 done, 1 some jobs failed, 3 over budget, 4 picks are open, 5 the account can't go
        on, 130 interrupted.
        """
        return self._record.exit_code

    @property
    def ok(self) -> bool:
        """Whether all went well, open picks aside."""
        return self.exit_code in (0, 4)

    @property
    def summary(self) -> str:
        """The run in a line: "restore: 15 done, 0 reused, 12 files written to out in 18 s"."""
        return record_text(self._record, self.totals.seconds)

    @cached_property
    def totals(self) -> RunTotals:
        """Counts, USD and seconds of all of it."""
        record, counts = self._record, self._record.counts()
        return RunTotals(
            counts[Status.DONE],
            counts[Status.REUSED],
            counts[Status.FAILED],
            counts[Status.REFUSED],
            counts[Status.SKIPPED],
            counts[Status.PARKED],
            record.written,
            record.usd,
            (record.finished - record.started).total_seconds(),
        )

    @cached_property
    def jobs(self) -> Sequence[JobOutcome]:
        """Every job that was looked at; those of rows that were as they were are only counted."""
        return tuple(job_outcome(outcome) for outcome in self._record.outcomes)

    @cached_property
    def rows(self) -> Mapping[str, RowOutcome]:
        """Every row by its key."""
        jobs: dict[str, list[JobOutcome]] = {}
        for job in self.jobs:
            jobs.setdefault(job.row, []).append(job)
        return {
            entry.key: RowOutcome(entry.key, tuple(jobs.get(entry.key, ())), self._files(entry))
            for entry in self._looked_at()
        }

    @property
    def problems(self) -> Sequence[Problem]:
        """What was wrong with rows that were left out."""
        return self.plan.problems

    @property
    def notes(self) -> Sequence[str]:
        """What was told meanwhile."""
        return tuple(self._record.notes)

    def report(self, out: str | Path | None = None, *, single_file: bool = False) -> Path:
        """Make a page of it, a folder with index.html or one file, and give its path. Raises UsageError, StoreError."""
        from wanflow.reporting.making import make

        return make(self.id, out=out, single_file=single_file, here=self._root).path

    def outputs(self) -> Iterator[tuple[str, str, Path]]:
        """Every output file that stands: row, name, path."""
        for row in self.rows.values():
            yield from ((row.key, name, path) for name, path in row.outputs.items())

    def _files(self, entry: RowPlan) -> dict[str, Path]:
        paths = {name: self._root / path for name, path in entry.paths.items()}
        return {name: path for name, path in paths.items() if path.is_file()}

    def __repr__(self) -> str:
        return f"<wanflow.Run {self.summary}>"

    def __str__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        failed = [(job.address, job.status, job.error) for job in self.jobs if job.error]
        return html.run_html(self.summary, failed, list(self.outputs()))


def job_outcome(outcome: model.Outcome) -> JobOutcome:
    """A job's outcome as programs get it."""
    row, _, step = outcome.job.rpartition("/")
    error = f"{outcome.error_code}: {outcome.error_message}" if outcome.error_code else ""
    return JobOutcome(
        outcome.job,
        row,
        step,
        outcome.status.value,
        outcome.usd,
        outcome.seconds,
        error,
        outcome.fidelity,
        outcome.task_id,
        outcome.warnings,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What explain and status say: `text` for people, and the same as JSON values for programs."""

    text: str
    json: Mapping[str, Any]

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return html.pre(self.text)
