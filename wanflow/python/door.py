"""check, plan, run, explain, status and report for programs and notebooks.

They do what the commands of the same name do, raise instead of exiting, print nothing, and never pay unasked.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

from wanflow import api
from wanflow.errors import RefusedError
from wanflow.model import Outcome
from wanflow.planning import planned
from wanflow.planning.planned import RowPlan
from wanflow.project import Options
from wanflow.python.choices import Choices, PathName, options, path_of, require_flag, usd
from wanflow.python.values import JobOutcome, Plan, Run, Told, job_outcome
from wanflow.running.listener import Silent
from wanflow.telling.review import cost

if TYPE_CHECKING:
    from wanflow.reporting.making import Made

T = TypeVar("T")
OnJob = Callable[[JobOutcome], None]
OnNote = Callable[[str], None]


def check(recipe: PathName, **choices: Unpack[Choices]) -> Plan:
    """Look for every problem of a recipe, its manifest and its rows; gives the plan where there is none.

    `choices` are keywords of wanflow.Choices. Raises RecipeError, whose `problems` are all that was found, UsageError,
    StoreError.
    """
    wish = options(choices)
    path = path_of(recipe)
    return Plan(api.check(path, wish), partial(_run, path, wish))


def plan(recipe: PathName, **choices: Unpack[Choices]) -> Plan:
    """What a run would do, why, and what it costs. Changes nothing, sends nothing, needs no key.

    `choices` are keywords of wanflow.Choices, `params={"upscale": 4}` and `select=["detail"]` among them. Problems of
    single rows are in the plan, whose other rows stand. Raises RecipeError when the recipe or the manifest as a whole
    can't be used, UsageError, StoreError.
    """
    wish = options(choices)
    path = path_of(recipe)
    return Plan(api.plan(path, wish), partial(_run, path, wish))


def run(
    recipe: PathName,
    *,
    max_cost: Decimal | float | str | None = None,
    yes: bool = False,
    on_job: OnJob | None = None,
    on_note: OnNote | None = None,
    **choices: Unpack[Choices],
) -> Run:
    """Do what the plan says; again, it does only what changed. Works in notebooks and in running event loops, too.

    What costs money needs consent: `max_cost` in USD, beyond which nothing is started, or `yes=True`. `on_job` hears
    of every job that ends, `on_note` what the user should know; both are called from the thread that runs.
    What one of them raises ends the run at once and is raised here; the next run goes on from there.

    Nothing is raised for jobs that fail: they are in what is returned. Raises RefusedError without consent or over the
    recipe's budget, RecipeError, UsageError, StoreError, and KeyboardInterrupt where somebody stops it.
    """
    return _run(path_of(recipe), options(choices), max_cost=max_cost, yes=yes, on_job=on_job, on_note=on_note)


def explain(recipe: PathName, *which: str, **choices: Unpack[Choices]) -> Told:
    """Why jobs of a recipe run or not, and what would be sent for each: `explain("restore.yaml", "0001/detail")`; of a
    picture alone, where it comes from: `explain("out/0001.png")`. Sends nothing.

    Raises RecipeError, UsageError for what is not known, StoreError.
    """
    from wanflow.planning.explain import jobs_json
    from wanflow.planning.files import file_json
    from wanflow.telling.explain import file_text, jobs_text

    if not which:
        found = api.explain_file(path_of(recipe))
        return Told(file_text(found), file_json(found))
    made, jobs_found = api.explain(path_of(recipe), which, options(choices))
    return Told(jobs_text(made, jobs_found), jobs_json(made, jobs_found))


def status(folder: PathName = ".", *, select: str | Sequence[str] = ()) -> Told:
    """The last runs of the project that a folder belongs to, and this user's paid tasks: what is in flight, what was
    spent in USD. With `select` also how these jobs ended. Raises UsageError, StoreError.
    """
    from wanflow.telling.console import status_text

    found = api.status(Path(folder), (select,) if isinstance(select, str) else tuple(select))
    return Told(status_text(found), json.loads(found.json()))


def report(
    run: str = "last",
    *,
    out: PathName | None = None,
    single_file: bool = False,
    compare: str | None = None,
    folder: PathName = ".",
) -> Made:
    """Make a page of a run of the project that `folder` belongs to; `path` of what is returned is its place. `run` is
    an id, or the beginning of one, or "last"; one to `compare` with may also be "previous".

    Raises UsageError for a run that isn't there or a place that isn't a report's, StoreError.
    """
    from wanflow.reporting.making import make

    return make(run, out=Path(out) if out else None, single_file=single_file, compare=compare, here=Path(folder))


# -- a run


def _run(
    recipe: Path,
    wish: Options,
    *,
    max_cost: Decimal | float | str | None = None,
    yes: bool = False,
    on_job: OnJob | None = None,
    on_note: OnNote | None = None,
) -> Run:
    require_flag("yes", yes)
    wish = replace(wish, max_cost=usd(max_cost))
    project = api.open_project(recipe, wish)
    stop = threading.Event()
    listener = _Listener(on_job, on_note, stop)

    def consent(found: planned.Plan) -> bool:
        if found.totals.paid_tasks and not yes and wish.max_cost is None:
            raise RefusedError(
                f"nothing was started: this costs {cost(found)}; agree with max_cost=…, in USD, or yes=True"
            )
        return True

    made, record = _apart(partial(api.run, project.recipe, wish, listener=listener, consent=consent), stop)
    assert record  # noqa: S101 - told to mypy; who doesn't consent raises

    def looked_at() -> list[RowPlan]:
        entries = made.entries
        if not all(isinstance(entry, RowPlan) for entry in entries):
            entries = api.plan(project.recipe, replace(wish, every_row=True)).entries
        return [entry for entry in entries if isinstance(entry, RowPlan)]

    return Run(Plan(made, partial(_run, recipe, wish)), record, project.root, looked_at)


def _apart(work: Callable[[], T], stop: threading.Event) -> T:
    """Do work that needs an event loop of its own: in a thread, where one is running already, as in notebooks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1, "wanflow") as pool:
        done = pool.submit(work)
        try:
            return done.result()
        except KeyboardInterrupt:
            stop.set()
            raise


class _Listener(Silent):
    """Hands on what programs want to hear."""

    def __init__(self, on_job: OnJob | None, on_note: OnNote | None, stop: threading.Event) -> None:
        self._on_job, self._on_note, self._stop = on_job, on_note, stop

    def finished(self, outcome: Outcome, step: str) -> None:
        """A job ended."""
        if self._on_job:
            self._on_job(job_outcome(outcome))

    def note(self, text: str) -> None:
        """Something the user should know."""
        if self._on_note:
            self._on_note(text)

    def passed(self) -> None:
        """A little time went by: whoever waits for the run may have wanted it to stop. Raises KeyboardInterrupt."""
        if self._stop.is_set():
            raise KeyboardInterrupt
