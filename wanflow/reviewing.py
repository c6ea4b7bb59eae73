"""Two versions of a project compared, as a function: what a recipe asks for now, and in another folder or revision."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from wanflow import api
from wanflow.api import Options, Project, open_project
from wanflow.errors import RecipeError, StoreError, UsageError
from wanflow.language.recipe import ManifestSpec
from wanflow.manifests import globs
from wanflow.manifests.tables import is_glob
from wanflow.planning.inputs import Inputs
from wanflow.planning.planned import Plan
from wanflow.planning.requests import Request
from wanflow.planning.versions import Comparison, VersionInputs, compare
from wanflow.revisions import Revision, is_plain
from wanflow.settings import STORE
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

Read = Callable[[str], bytes | None]


def diff(recipe: str | Path, against: str, options: Options | None = None) -> tuple[Plan, Comparison]:
    """The plan of now, and how its requests differ from those of a folder or git revision. Changes nothing.

    Raises RecipeError as `api.plan` does, UsageError, StoreError.
    """
    with api.looking(recipe, options) as planner:
        with contextlib.suppress(StoreError):  # a plan does without; the files are read again next time
            planner.inputs.save()
        project, index = planner.project, planner.index
        now = api.asked(project, index)
        with _version(project, against) as (version, read):
            before = _before(project, version, read, index) if version.recipe.is_file() else {}
        return planner.plan, compare(before, now, planner.plan, against)


def _before(project: Project, version: Project, read: Read, index: Index) -> dict[str, Request]:
    now = Inputs(project.root, index, project.reach, Blobs(project.store), project.hosts)
    inputs = VersionInputs(version.root, index, version.reach, Blobs(project.store), project.hosts).read_by(read, now)
    try:
        return api.asked(version, index, inputs)
    except RecipeError as error:
        raise UsageError(f"--diff: the other version of the recipe can't be used:\n{error}") from error


@contextlib.contextmanager
def _version(project: Project, against: str) -> Iterator[tuple[Project, Read]]:
    """The other version as a project, and how its pictures are read."""
    recipe = project.recipe.relative_to(project.root)
    folder = project.here / against
    if folder.is_dir():
        other = open_project(folder / recipe, project.options, folder)
        yield other, _reader(other)
        return
    revision = Revision(project.root, against)
    with tempfile.TemporaryDirectory(prefix="wanflow-diff-") as temporary:
        root = Path(temporary).resolve()
        revision.write_texts(root)
        other = replace(open_project(root / recipe, project.options, root), root=root)
        # What is frozen lies in the store.
        if project.store.is_dir() and not (root / STORE).exists():
            (root / STORE).symlink_to(project.store)
        if other.recipe.is_file():
            _add_unversioned(project, other, revision)
        yield other, lambda name: revision.read(name) if name in revision.files else None


def _reader(other: Project) -> Read:
    def read(name: str) -> bytes | None:
        path = other.root / name
        return path.read_bytes() if is_plain(name) and other.reach.has(path) and path.is_file() else None

    return read


def _add_unversioned(project: Project, other: Project, revision: Revision) -> None:
    """What a version reads and git never had is taken as it is now: a manifest, and pictures that a glob finds."""
    if not (spec := api.manifest_of(other)):
        return
    folder = other.recipe.parent.relative_to(other.root)
    for name in _named(project, spec, folder):
        path = other.root / name
        if not is_plain(name) or path.exists() or revision.added(name):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        source = project.root / name
        path.write_bytes(source.read_bytes() if not is_glob(spec.source) and source.is_file() else b"")


def _named(project: Project, spec: ManifestSpec, folder: Path) -> Iterator[str]:
    if not is_glob(spec.source):
        yield from ((folder / source).as_posix() for source in (spec.source, spec.schema) if source)
        return
    with contextlib.suppress(ValueError, OSError):
        for name in globs.find(project.root / folder, spec.source, project.reach.has):
            yield (folder / name).as_posix()
