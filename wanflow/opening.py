"""From a recipe's file to a plan with what it was made from, while its store is open."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from wanflow.backends import Backend
from wanflow.clock import Clock, RealClock
from wanflow.documents.source import MAX_BYTES, NodePath, parse, read_text
from wanflow.errors import (
    Problem,
    RecipeError,
    StoreError,
    UsageError,
    merge,
    unwritable,
)
from wanflow.language.below import is_part
from wanflow.language.build import build, build_part
from wanflow.language.library import Library
from wanflow.language.recipe import ManifestSpec, Output, Recipe, over, without
from wanflow.language.selection import Wish
from wanflow.manifests.rows import Manifest
from wanflow.model import RefKind
from wanflow.planning import manifest as rows
from wanflow.planning.inputs import Inputs
from wanflow.planning.plan import Planner
from wanflow.planning.resolved import Request, requests
from wanflow.planning.states import states_of
from wanflow.planning.underway import Underway
from wanflow.project import Options, Project, open_project
from wanflow.settings import shown, state_folder
from wanflow.store import locks
from wanflow.store.blank import Blank
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

# Files that are named of many.
MOST_NAMED = 3


@contextlib.contextmanager
def looking(
    recipe: str | Path, options: Options | None = None, *, assumes: bool = False, explained: Wish | None = None
) -> Iterator[Planner]:
    """A plan with what it was made from, while the store is open; of the jobs to be `explained` it knows everything.
    Raises RecipeError, UsageError, StoreError.
    """
    project = open_project(recipe, options or Options())
    with open_store(project, create=False) as index:
        yield make_planner(project, index, RealClock(), with_key=False, assumes=assumes, explained=explained)


@contextlib.contextmanager
def open_store(project: Project, *, create: bool) -> Iterator[Index]:
    """A project's index, in memory where there is no store yet; to `create` one also keeps others from removing what is
    stored: not for a recipe that can't be read, since a store takes in all that lies below its folder. Raises
    StoreError, and RecipeError for such a recipe.
    """
    if create and not project.store.is_dir():
        _load(project)
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


def make_planner(
    project: Project,
    index: Index,
    clock: Clock,
    *,
    with_key: bool,
    explained: Wish | None = None,
    assumes: bool = False,
) -> Planner:
    """The plan of a project, every job decided. Raises RecipeError where none of it can be used, UsageError."""
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


def asked(project: Project, index: Index, inputs: Inputs | None = None) -> dict[str, Request]:
    """What every job of a project asks for, whatever is stored; `inputs` read its pictures. Raises RecipeError for what
    is wrong as a whole.
    """
    return requests(anew(project, index, inputs))


def anew(project: Project, index: Index, inputs: Inputs | None = None) -> Planner:
    """A project planned whole, as if nothing were stored. Raises as `asked` does."""
    everything = _everything(project)
    recipe, manifest, problems = _opened(everything)
    if problems:
        raise RecipeError(problems)
    backend = _backend(everything)
    planner = Planner(everything, recipe, manifest, Blank(index), backend, explained=Wish(), inputs=inputs)
    planner.decide()
    return planner


def manifest_of(project: Project) -> ManifestSpec | None:
    """Where a recipe's rows come from, as it says itself."""
    return _load(project)[0].manifest


def recipe_alone(project: Project) -> tuple[Recipe, bool]:
    """A recipe without its rows, and whether it can run by itself: of one that others use, inputs and parameters are
    yet to be given. Raises RecipeError, UsageError.
    """
    recipe, problems = _load(project)
    if not problems:
        return recipe, True
    if not is_part(project.recipe):
        raise RecipeError(problems)
    part, problems = build_part(recipe.document, project.recipe, Library(project.reach, project.here))
    if problems:
        raise RecipeError(problems)
    outputs = tuple(Output(name, picture.ref, "") for name, shown in part.outputs.items() for picture in shown)
    return replace(recipe, manifest=None, steps=tuple(part.steps), outputs=outputs), False


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
