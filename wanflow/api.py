"""What wanflow does, as functions: check, plan, run. The command line and Python programs come in through here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wanflow.clock import Clock, RealClock
from wanflow.errors import RecipeError, StoreError, UsageError, quoted
from wanflow.language.selection import Wish
from wanflow.opening import looking, make_planner, open_store
from wanflow.planning.plan import Planner
from wanflow.planning.planned import Plan
from wanflow.project import Options, Project, open_project
from wanflow.record import RunRecord
from wanflow.running.listener import Listener, Silent
from wanflow.settings import STORE, find_root, state_folder
from wanflow.store.index import Index

# What a plan does without is imported where it's needed, so that a plan starts sooner.
if TYPE_CHECKING:
    from wanflow.paying.status import Status
    from wanflow.planning.explain import JobExplanation
    from wanflow.planning.files import FileExplanation
    from wanflow.planning.saved import Saved

__all__ = [
    "Options",
    "Project",
    "Silent",
    "Wish",
    "check",
    "explain",
    "explain_file",
    "open_project",
    "plan",
    "run",
    "status",
]


def check(recipe: str | Path, options: Options | None = None) -> Plan:
    """Every problem of a recipe, its manifest and its rows. Raises RecipeError holding them all; else the plan."""
    with looking(recipe, options) as planner:
        found = _read_once(planner)
    if found.problems:
        raise RecipeError(found.problems)
    return found


def plan(recipe: str | Path, options: Options | None = None) -> Plan:
    """What a run would do; changes nothing. Problems of single rows are in the plan, whose other rows stand. Pictures
    that are not here, but were read before, are taken as they were, and a note says so.

    Raises RecipeError when the recipe or the manifest as a whole can't be used, UsageError, StoreError.
    """
    with looking(recipe, options, assumes=True) as planner:
        return _read_once(planner)


def _read_once(planner: Planner) -> Plan:
    """A plan whose pictures are not read again next time."""
    try:
        planner.inputs.save()
    except StoreError as error:  # a plan does without
        planner.plan.notes.append(str(error))
    return planner.plan


def run(
    recipe: str | Path,
    options: Options | None = None,
    *,
    listener: Listener | None = None,
    consent: Callable[[Plan], bool] = lambda plan: True,
    clock: Clock | None = None,
    approved: Saved | None = None,
) -> tuple[Plan, RunRecord | None]:
    """Plan, ask `consent`, and do it. The record is None when consent was not given.

    Raises RecipeError as `plan` does (and, without keep_going, for problems of single rows), StoreError, UsageError;
    RefusedError for what goes beyond an `approved` plan.
    """
    from wanflow import executing

    project, clock = open_project(recipe, options or Options()), clock or RealClock()
    with open_store(project, create=True) as index:
        planner = make_planner(project, index, clock, with_key=True)
        if planner.plan.problems and not project.options.keep_going:
            raise RecipeError(planner.plan.problems)
        if approved:
            executing.require_approval(project, planner, approved)
        if not planner.plan.nothing_to_do:
            planner.backend.account()
            executing.require_budget(planner.plan)
            executing.require_room(project, planner.plan)
        if not consent(planner.plan):
            return planner.plan, None
        executing.save(planner)
        return planner.plan, executing.execute(project, planner, listener or Silent(), clock, approved)


def explain(
    recipe: str | Path, jobs: Sequence[str], options: Options | None = None
) -> tuple[Plan, list[JobExplanation]]:
    """Why jobs run or not, and what would be sent for each; `jobs` as in Wish.select. Changes nothing, sends nothing.

    Raises RecipeError as `plan` does, UsageError, StoreError.
    """
    from wanflow.planning.explain import explain as explained

    with looking(recipe, options, explained=Wish(tuple(jobs))) as planner:
        return planner.plan, list(explained(planner))


def explain_file(file: str | Path, here: Path | None = None) -> FileExplanation:
    """Where a file comes from, known by its content, in the project that it lies in, or that `here` does. Changes
    nothing. Raises UsageError, StoreError.
    """
    from wanflow.planning import files

    here = (here or Path.cwd()).resolve()
    path = Path(os.path.abspath(here / file))  # noqa: PTH100 - what is a link stays one
    if path.is_dir():
        raise UsageError(f"{quoted(str(file))} is a folder; name a file in it")
    roots = [find_root(path, here), find_root(here / "recipe", here)]
    root = next((root for root in roots if (root / STORE).is_dir()), None)
    # Who was sent a picture has no project: the file's own words, and the user's receipts, are all that there is.
    opened = Index.open(root / STORE, repair=False) if root else Index.memory()
    with opened.in_use() as index:
        if index.notice and not index.read_only:
            raise StoreError(index.notice)
        found = files.explain_file(index, root or here, path, str(file), state_folder() / "accounts")
    if not (root or found.ancestry or found.own_words):
        raise UsageError(f"nothing is known of {quoted(str(file))}: there is no {STORE} above it or {here}")
    return found


def status(here: Path | None = None, select: Sequence[str] = ()) -> Status:
    """The last runs of the project that a folder belongs to, and this user's paid tasks; of jobs that are selected also
    how they ended. Raises StoreError, UsageError.
    """
    from wanflow.paying.status import look

    here = (here or Path.cwd()).resolve()
    store = find_root(here / "recipe", here) / STORE
    return look(store, state_folder() / "accounts", datetime.now(UTC), select)
