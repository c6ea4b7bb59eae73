"""What wanflow does, as functions: check, plan, run. The command line and Python programs come in through here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from wanflow.backends import Backend
from wanflow.clock import Clock, RealClock
from wanflow.documents.source import MAX_BYTES, NodePath, parse, read_text
from wanflow.errors import (
    Problem,
    RecipeError,
    RefusedError,
    StoreError,
    UsageError,
    merge,
    quoted,
    sentence,
    unwritable,
)
from wanflow.language.build import build
from wanflow.language.library import Library
from wanflow.language.recipe import ManifestSpec, Recipe, over, without
from wanflow.language.selection import Wish
from wanflow.limits.budget import Budget
from wanflow.limits.lanes import Lanes
from wanflow.limits.room import Room
from wanflow.manifests.rows import Manifest
from wanflow.model import Limits, RefKind
from wanflow.paying.attempts import Retries
from wanflow.paying.payments import Payments
from wanflow.paying.status import Status, look
from wanflow.planning import files
from wanflow.planning import manifest as rows
from wanflow.planning.explain import JobExplanation
from wanflow.planning.explain import explain as explained
from wanflow.planning.files import FileExplanation
from wanflow.planning.inputs import Inputs
from wanflow.planning.outputs import Publisher
from wanflow.planning.plan import Planner
from wanflow.planning.planned import Plan, RowPlan
from wanflow.planning.resolved import Request, requests
from wanflow.planning.saved import Saved, differences
from wanflow.planning.states import states_of
from wanflow.planning.underway import Underway
from wanflow.project import Options, Project, open_project
from wanflow.record import RunRecord
from wanflow.running.fetch import AT_ONCE, Fetcher
from wanflow.running.fetching import LANE
from wanflow.running.halt import Halt, remind
from wanflow.running.listener import Listener, Silent
from wanflow.running.run import Run
from wanflow.settings import STORE, find_root, shown, state_folder
from wanflow.store import locks, plans
from wanflow.store.blank import Blank
from wanflow.store.blobs import Blobs, write_whole
from wanflow.store.index import Index
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import Owner
from wanflow.store.upkeep import holders
from wanflow.store.uploads import Kept

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
]
# Differences from an approved plan that are told.
MOST_TOLD = 20
# Files that are named of many.
MOST_NAMED = 3


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


@contextlib.contextmanager
def looking(recipe: str | Path, options: Options | None = None, *, assumes: bool = False) -> Iterator[Planner]:
    """A plan with what it was made from, while the store is open. Raises as `plan` does."""
    project = open_project(recipe, options or Options())
    with _index(project, create=False) as index:
        yield _planner(project, index, RealClock(), with_key=False, assumes=assumes)


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
    project, clock = open_project(recipe, options or Options()), clock or RealClock()
    with _index(project, create=True) as index:
        planner = _planner(project, index, clock, with_key=True)
        if planner.plan.problems and not project.options.keep_going:
            raise RecipeError(planner.plan.problems)
        if approved:
            _require_approval(project, planner, approved)
        if not planner.plan.nothing_to_do:
            planner.backend.account()
            _require_budget(planner.plan)
            _require_room(project, planner.plan)
        if not consent(planner.plan):
            return planner.plan, None
        _save(planner)
        return planner.plan, _execute(project, planner, listener or Silent(), clock, approved)


def _require_approval(project: Project, planner: Planner, approved: Saved) -> None:
    """Refuse a plan that was run before, or no longer is what was approved. Raises RefusedError."""
    if run_id := plans.used_by(project.store, approved.nonce):
        raise RefusedError(f"nothing was started: {approved.shown} was run already, as {run_id}; make a new plan")
    found = differences(approved, planner.plan, asked(project, planner.index, planner.inputs))
    if found:
        more = [f"  … and {len(found) - MOST_TOLD:,} more"] * (len(found) > MOST_TOLD)
        lines = "\n".join([*(f"  {line}" for line in found[:MOST_TOLD]), *more])
        raise RefusedError(
            f"nothing was started: {approved.shown} is not what would be done now\n{lines}\nMake a new plan."
        )


def asked(project: Project, index: Index, inputs: Inputs | None = None) -> dict[str, Request]:
    """What every job of a project asks for, whatever is stored; `inputs` read its pictures. Raises RecipeError for what
    is wrong as a whole.
    """
    everything = _everything(project)
    recipe, manifest, problems = _opened(everything)
    if problems:
        raise RecipeError(problems)
    backend = _backend(everything)
    planner = Planner(everything, recipe, manifest, Blank(index), backend, explained=Wish(), inputs=inputs)
    planner.decide()
    return requests(planner)


def explain(
    recipe: str | Path, jobs: Sequence[str], options: Options | None = None
) -> tuple[Plan, list[JobExplanation]]:
    """Why jobs run or not, and what would be sent for each; `jobs` as in Wish.select. Changes nothing, sends nothing.

    Raises RecipeError as `plan` does, UsageError, StoreError.
    """
    project = open_project(recipe, options or Options())
    with _index(project, create=False) as index:
        planner = _planner(project, index, RealClock(), with_key=False, explained=Wish(tuple(jobs)))
        return planner.plan, list(explained(planner))


def explain_file(file: str | Path, here: Path | None = None) -> FileExplanation:
    """Where a file comes from, known by its content, in the project that it lies in, or that `here` does. Changes
    nothing. Raises UsageError, StoreError.
    """
    here = (here or Path.cwd()).resolve()
    path = Path(os.path.abspath(here / file))  # noqa: PTH100 - what is a link stays one
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
    here = (here or Path.cwd()).resolve()
    store = find_root(here / "recipe", here) / STORE
    return look(store, state_folder() / "accounts", datetime.now(UTC), select)


# -- from a file to a plan


@contextlib.contextmanager
def _index(project: Project, *, create: bool) -> Iterator[Index]:
    index = Index.open(project.store, repair=create) if create or project.store.is_dir() else Index.memory()
    with index.in_use(), contextlib.ExitStack() as held:
        if create:
            _require_writable(project, index)
            held.enter_context(_in_use(project))
        yield index


@contextlib.contextmanager
def _in_use(project: Project) -> Iterator[None]:
    """Nothing is removed from the store while this is held; it waits while something is."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locks.shared(project.store / locks.IN_USE))
        except OSError as error:
            raise StoreError(f"nothing was started: {unwritable(project.store, error)}") from error
        yield


def _require_writable(project: Project, index: Index) -> None:
    if index.read_only:
        raise StoreError(f"nothing was started: {index.notice}")
    ignore = project.store / ".gitignore"
    if not ignore.exists():
        try:
            ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"nothing was started: {unwritable(project.store, error)}") from error


def _planner(
    project: Project,
    index: Index,
    clock: Clock,
    *,
    with_key: bool,
    explained: Wish | None = None,
    assumes: bool = False,
) -> Planner:
    recipe, manifest, problems = _opened(project)
    states = None
    if problems:
        project = _everything(project)  # what is selected may be in the part that can't be used
    elif (explained or project.options.wish).reads_states:
        everything = _everything(project)
        before = Planner(everything, recipe, manifest, index, _backend(everything)).decide()
        states = states_of(before, index, project.store / "runs")
        recipe, manifest, problems = _opened(project)
    backend = _backend(project)
    underway = _underway(backend, clock, with_key=with_key)
    inputs = Inputs(project.root, index, project.reach, Blobs(project.store), project.hosts, assumes=assumes)
    planner = Planner(project, recipe, manifest, index, backend, states, underway, explained, inputs)
    planner.decide()
    if inputs.assumed:
        planner.plan.notes.append(_assumption(inputs.assumed))
    problems += [*planner.expansion.problems, *planner.plan.fatal]
    if manifest:
        problems += [*manifest.broken, *rows.no_rows(recipe, manifest, project.here)]
        planner.plan.problems = merge([*planner.plan.problems, *manifest.problems])
    nothing_left = planner.plan.problems and not planner.plan.rows
    if problems or nothing_left:
        raise RecipeError([*problems, *planner.plan.problems])
    if index.notice and not index.read_only:
        planner.plan.notes.append(index.notice)
    planner.plan.notes += index.doubts
    return planner


def _assumption(names: Sequence[str]) -> str:
    one, more = len(names) == 1, " …" if len(names) > MOST_NAMED else ""
    what = "1 image is" if one else f"{len(names):,} images are"
    taken = "taken as it was when it was last read" if one else "taken as they were when they were last read"
    return f"{what} not on this machine, and {taken}: {', '.join(names[:MOST_NAMED])}{more}"


def manifest_of(project: Project) -> ManifestSpec | None:
    """Where a recipe's rows come from, as it says itself."""
    return _load(project)[0].manifest


def _opened(project: Project) -> tuple[Recipe, Manifest | None, list[Problem]]:
    """The part of a recipe that can be used, its manifest, and what is wrong with both."""
    recipe, problems = _load(project)
    for path in _said_paths(recipe, project.options):
        project.reach.allow(path)
    manifest, manifest_problems = rows.open_manifest(recipe, project.here, project.reach)
    problems += manifest_problems
    if manifest:
        columns = list(rows.column_problems(recipe, manifest))
        problems += [problem for _, problem in columns]
        recipe = _checkable(recipe, [where for where, _ in columns])
    return recipe, manifest, problems


def _everything(project: Project) -> Project:
    return replace(project, options=replace(project.options, wish=Wish(), force=False))


def _backend(project: Project) -> Backend:
    return project.open_backend(project.workers(), RealClock())


def _underway(backend: Backend, clock: Clock, *, with_key: bool) -> Underway:
    """What was sent before; without the key as far as the account is known by its name."""
    if not backend.place:
        return Underway()
    account = backend.named_account()
    if with_key:
        with contextlib.suppress(UsageError):  # told where there is something to do
            account = backend.account()
    return Underway.look(state_folder() / "accounts", account, clock.now().timestamp())


def _load(project: Project) -> tuple[Recipe, list[Problem]]:
    name = shown(project.recipe, project.here)
    document = parse(read_text(project.recipe, name, MAX_BYTES), name)
    library = Library(project.reach, project.here)
    recipe, problems = build(document, project.recipe, project.options.params, library)
    flag = project.options.manifest
    return over(recipe, str((project.here / flag).resolve()) if flag else None), problems


def _said_paths(recipe: Recipe, options: Options) -> Iterator[Path]:
    """The image files that the caller names with parameters."""
    refs = [ref for step in recipe.steps for ref in step.inputs.values()] + [output.ref for output in recipe.outputs]
    named = {ref.name for ref in refs if ref.kind is RefKind.PARAM} if options.trusts_params else set()
    for name in named & options.params.keys():
        yield recipe.folder / options.params[name]


def _checkable(recipe: Recipe, faulty: list[NodePath]) -> Recipe:
    """The part of a recipe whose columns exist, so that its rows can still be judged in the same go."""
    if not faulty:
        return recipe
    kept = without(recipe, faulty)
    if recipe.manifest and any(where[0] == "manifest" for where in faulty):
        kept = replace(kept, manifest=replace(recipe.manifest, where=None))
    return kept


# -- from a plan to pictures


def _save(planner: Planner) -> None:
    try:
        planner.inputs.save()
        planner.inputs.keep()
    except StoreError as error:
        raise StoreError(f"nothing was started: {error}") from error
    except OSError as error:
        raise StoreError(f"nothing was started: {unwritable(planner.blobs.root, error)}") from error


def _require_budget(plan: Plan) -> None:
    """Refuse a plan that may cost more than its recipe allows. Raises RefusedError."""
    if complaint := plan.over_budget:
        raise RefusedError(f"nothing was started: {complaint}")


def _require_room(project: Project, plan: Plan) -> None:
    """Refuse to start work whose pictures could not be put anywhere. Raises StoreError."""
    entries = [entry for entry in plan.entries if isinstance(entry, RowPlan)]
    for folder in {(project.root / path).parent for entry in entries for path in entry.paths.values()}:
        stands = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not stands.is_dir() or not os.access(stands, os.W_OK | os.X_OK):
            raise StoreError(f"nothing was started: {shown(stands, project.here)} is no folder that can be written")


def _execute(project: Project, planner: Planner, listener: Listener, clock: Clock, approved: Saved | None) -> RunRecord:
    run_id = f"{clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}"
    workers = project.workers()
    backend = project.open_backend(workers, clock, listener.note)
    planner.index.tell = listener.note
    halt = Halt(listener.note, keep_going=project.options.keep_going)
    retries = Retries(clock, lambda: halt.stopping, listener.note)
    payments = None
    if approved and not plans.use(project.store, approved.nonce, run_id):
        raise RefusedError(f"nothing was started: another run of {approved.shown} came first")
    if not planner.plan.nothing_to_do or _left_something(project, backend, listener):
        payments = _payments(project, backend, run_id, retries, planner.recipe.budget, approved)
    writer = planner.inputs.relative(project.recipe)
    publisher = Publisher(project.root, planner.blobs, project.store / "kept" / run_id, writer)
    limits = {terms.lane: terms.limits for terms in planner.plan.terms.values()}
    lanes = Lanes(limits | {LANE: Limits(AT_ONCE)})
    fetcher = Fetcher(planner.blobs, project.hosts)
    work = Run(planner, backend, publisher, lanes, listener, halt, retries, fetcher, payments)
    try:
        record = asyncio.run(_interruptible(work, run_id, listener))
    finally:
        workers.close()
    return _recorded(project, work, record)


def _left_something(project: Project, backend: Backend, listener: Listener) -> bool:
    """Whether earlier runs of this project left something at the provider that can be asked for now. Who left nothing
    needs no key.
    """
    if not (held := holders(state_folder() / "accounts", project.root)):
        return False
    try:
        account = backend.account()
    except UsageError as error:
        listener.note(f"earlier runs left paid pictures at the provider, which are not fetched: {error}")
        return False
    return account is not None and account.id in held


def _payments(
    project: Project,
    backend: Backend,
    run_id: str,
    retries: Retries,
    allowed: Decimal | None,
    approved: Saved | None,
) -> Payments | None:
    """Leave to spend money, by the account's ledger. Raises UsageError, StoreError."""
    if not (account := backend.account()):
        return None
    owner = Owner(run_id, os.getpid(), str(project.root), run_id)
    folder = state_folder() / "accounts" / account.id
    ledger = Ledger.open(folder, owner, account.label, retries.clock.now().timestamp())
    if approved and not ledger.use_plan(approved.nonce, run_id):
        ledger.close()
        raise RefusedError(f"nothing was started: {approved.shown} was run already with this account; make a new plan")
    caps = (project.options.max_cost, allowed, approved.usd_worst if approved else None)
    budget = Budget(min((cap for cap in caps if cap is not None), default=None))
    again = project.options.resubmit_uncertain
    service, room = backend.service(Kept(ledger)), Room((project.store, folder))
    return Payments(service, ledger, retries, budget, room, resubmit_uncertain=again)


async def _interruptible(work: Run, run_id: str, listener: Listener) -> RunRecord:
    loop = asyncio.get_running_loop()
    reminding: list[asyncio.Task[None]] = []

    def interrupt() -> None:
        if work.halt.stopping:
            left = f"; the next run takes up what goes on at the provider: {work.waiting}" if work.waiting else ""
            listener.note(f"stopping at once{left}")
            work.abort()
            for reminder in reminding:
                reminder.cancel()
        else:
            listener.note("finishing what is under way; press Ctrl-C again to stop at once")
            work.stop()
            reminding.append(loop.create_task(remind(lambda: work.waiting, work.clock, listener.note)))

    for number in {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        # Where the platform has no handlers (Windows), or in a thread, Ctrl-C ends the run at once.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, interrupt)
    return await work.run(run_id)


def _recorded(project: Project, work: Run, record: RunRecord) -> RunRecord:
    stopped = work.halt.store_error
    folder = shown((project.root / work.publishing.folder).resolve(), project.here)
    record.written_to = "" if not record.written else "this folder" if folder == "." else folder
    try:
        write_whole(project.store / "runs" / record.run_id / "run.json", (text.encode() for text in record.json()))
    except OSError as error:
        stopped = stopped or StoreError(f"the run's record is missing: {unwritable(project.store / 'runs', error)}")
    if stopped:
        pictures = f"{work.keeping.kept:,} picture{'' if work.keeping.kept == 1 else 's'}"
        kept = f"{pictures} that this run made and all from before are kept" if work.keeping.kept else "nothing is lost"
        raise StoreError(f"{sentence(stopped)} {kept[0].upper()}{kept[1:]}; run again to go on.")
    return record
