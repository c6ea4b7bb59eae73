"""Reviewing, as functions: a plan that is kept to be approved, its run, and two versions of a project compared."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from wanflow import api
from wanflow.api import Options, Project, open_project
from wanflow.clock import Clock, RealClock
from wanflow.errors import RecipeError, UsageError, quoted
from wanflow.language.recipe import ManifestSpec
from wanflow.language.selection import Wish
from wanflow.manifests import globs
from wanflow.manifests.tables import is_glob
from wanflow.opening import anew, asked, looking, make_planner, manifest_of, open_store
from wanflow.planning.plan import Planner
from wanflow.planning.planned import Plan
from wanflow.planning.resolved import requests
from wanflow.planning.saved import Saved, has_work, read, saved
from wanflow.planning.versions import Asked, Comparison, VersionInputs, asked_of, compare
from wanflow.record import RunRecord
from wanflow.revisions import Revision, is_plain
from wanflow.running.listener import Listener
from wanflow.settings import STORE, find_root, shown
from wanflow.store.blobs import Blobs

Read = Callable[[str], bytes | None]


def save(recipe: str | Path, options: Options | None = None, clock: Clock | None = None) -> tuple[Plan, Saved]:
    """A plan, and the same to be kept and approved; `run_saved` does that and nothing else. Raises as `plan` does."""
    clock, project = clock or RealClock(), open_project(recipe, options or Options())
    with open_store(project, create=False) as index:
        # Where nothing is stored and all of it is wished for, what is planned is what is asked for.
        is_all = index.is_blank and project.options.wish.is_everything and not project.options.force
        everything = Wish() if is_all else None
        planner = make_planner(project, index, clock, with_key=False, assumes=True, explained=everything)
        requested = requests(planner) if is_all else {}
        if not is_all and has_work(planner.plan):
            requested = asked(planner.project, index, planner.inputs)
        return planner.plan, saved(planner.project, planner, requested, clock.now())


def run_saved(
    file: str | Path,
    options: Options | None = None,
    *,
    listener: Listener | None = None,
    consent: Callable[[Plan], bool] = lambda plan: True,
    clock: Clock | None = None,
) -> tuple[Plan, RunRecord | None]:
    """Do what a saved plan says, once, from the project that one stands in. Of the options, how to run and what gives
    leave count; all else is the plan's. Raises as `run` does.
    """
    here = Path.cwd().resolve()
    approved = read(here / file, shown((here / file).resolve(), here))
    root = find_root(here / "recipe", here)
    wish = approved.wish(options or Options(), root)
    if not (root / approved.recipe).exists():
        raise UsageError(
            f"{approved.shown} is of a recipe {quoted(approved.recipe)}, which is not here; "
            "run it from within the project that it was made in"
        )
    return api.run(root / approved.recipe, wish, listener=listener, consent=consent, clock=clock, approved=approved)


def diff(recipe: str | Path, against: str, options: Options | None = None) -> tuple[Plan, Comparison]:
    """The plan of now, and how its requests differ from those of a folder or git revision. Changes nothing.

    Raises RecipeError as `api.plan` does, UsageError, StoreError.
    """
    with looking(recipe, options, assumes=True) as planner:
        now = asked_of(anew(planner.project, planner.index, planner.inputs))
        with _version(planner.project, against) as (version, contents):
            known = version.recipe.is_file()
            before = _before(planner, version, contents) if known else Asked()
        return planner.plan, replace(compare(before, now, planner.plan, against), recipe_is_new=not known)


def _before(planner: Planner, version: Project, contents: Read) -> Asked:
    project, index = planner.project, planner.index
    inputs = VersionInputs(version.root, index, version.reach, Blobs(project.store), project.hosts)
    inputs.read_by(contents, planner.inputs)
    try:
        return asked_of(anew(version, index, inputs))
    except RecipeError as error:
        raise UsageError(f"--diff: the other version of the recipe can't be used:\n{error}") from error


@contextlib.contextmanager
def _version(project: Project, against: str) -> Iterator[tuple[Project, Read]]:
    """The other version as a project, and how its pictures are read."""
    recipe, options = project.recipe.relative_to(project.root), _from_root(project)
    folder = project.here / against
    if against and _is_folder(folder):
        other = open_project(folder / recipe, options, folder)
        yield other, _reader(other)
        return
    with Revision(project.root, against) as revision, tempfile.TemporaryDirectory(prefix="wanflow-diff-") as temporary:
        root = Path(temporary).resolve()
        revision.write_texts(root)
        other = replace(open_project(root / recipe, options, root), root=root)
        # What is frozen lies in the store.
        if project.store.is_dir() and not (root / STORE).exists():
            (root / STORE).symlink_to(project.store)
        if other.recipe.is_file():
            _add_unversioned(project, other, revision)
        yield other, lambda name: revision.read(name) if name in revision.files else None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long is no folder's
        return False


def _from_root(project: Project) -> Options:
    """The same options, whose paths start from the project's folder, so that they mean a version's own files."""
    options = project.options

    def moved(path: Path | None) -> Path | None:
        if path is None:
            return None
        whole = Path(os.path.normpath(project.here / path))
        return whole.relative_to(project.root) if whole.is_relative_to(project.root) else whole

    allowed = [path for path in map(moved, options.allow_paths) if path]
    return replace(options, manifest=moved(options.manifest), out=moved(options.out), allow_paths=allowed)


def _reader(other: Project) -> Read:
    def read(name: str) -> bytes | None:
        path = other.root / name
        return path.read_bytes() if is_plain(name) and other.reach.has(path) and path.is_file() else None

    return read


def _add_unversioned(project: Project, other: Project, revision: Revision) -> None:
    """What a version reads and git never had is taken as it is now: a manifest, and pictures that a glob finds."""
    if not (spec := manifest_of(other)):
        return
    folder = other.recipe.parent.relative_to(other.root)
    if Path(spec.source).is_absolute():  # as a flag says it
        spec = replace(spec, source=os.path.relpath(spec.source, other.recipe.parent))
    for name in _named(project, spec, folder):
        path = other.root / name
        if not is_plain(name) or path.exists() or revision.added(name):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        source = project.root / name
        path.write_bytes(source.read_bytes() if not is_glob(spec.source) and source.is_file() else b"")


def _named(project: Project, spec: ManifestSpec, folder: Path) -> Iterator[str]:
    if not is_glob(spec.source):
        yield from (os.path.normpath(folder / source) for source in (spec.source, spec.schema) if source)
        return
    with contextlib.suppress(ValueError, OSError):
        for name in globs.find(project.root / folder, spec.source, project.reach.has):
            yield os.path.normpath(folder / name)
