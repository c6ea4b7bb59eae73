"""What a file is, by its content: an output wherever it lies now, a stored picture, an input image, or not known."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from wanflow.canon import JSON
from wanflow.documents.schemas import faults, named
from wanflow.pictures.images import MAX_FILE_BYTES
from wanflow.pictures.notes import MOST_BYTES, note_of
from wanflow.planning.ancestry import Ancestry, Root, known_root, read_ancestry, trace
from wanflow.planning.explain import FORMAT_VERSION
from wanflow.planning.outputs import file_digest, source_of
from wanflow.settings import STORE
from wanflow.store.blobs import Blobs
from wanflow.store.history import Written, with_ledgers
from wanflow.store.index import Index
from wanflow.store.made import read

NEAR = 3


class Role(StrEnum):
    """What a content is to the project."""

    OUTPUT = "output"
    STORED = "stored"
    INPUT = "input"


class State(StrEnum):
    """How a file stands to what the project knows."""

    KNOWN = "known"
    MODIFIED = "modified"  # at this path there was something else
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FileExplanation:
    """What is known of a file, or of what was at its path before.

    `written` are the outputs that had this content; `stored` the digests of its ancestry that are still in the store;
    `near` the output paths that are called alike. `own_words` is the provenance that stands in the metadata of a file
    that is not known here.
    """

    path: str
    sha256: str | None
    state: State
    role: Role | None = None
    was: str | None = None
    written: tuple[Written, ...] = ()
    ancestry: Ancestry | None = None
    source: Root | None = None
    stored: frozenset[str] = frozenset()
    near: tuple[str, ...] = ()
    own_words: Ancestry | None = None


def explain_file(index: Index, root: Path, file: Path, shown: str, accounts: Path) -> FileExplanation:
    """What a file is. `shown` is what the user calls it; of paid tasks the `accounts` may know more than the store."""
    name = _relative(file, root)
    sha256 = file_digest(file) if file.is_file() else None  # reading a pipe or a device would never end
    state = State.KNOWN if sha256 else State.GONE
    found = _known(index, root, sha256, name) if sha256 else None
    was = None
    if found is None:
        was = _formerly(index, name)
        state = State.UNKNOWN if was is None else State.MODIFIED if sha256 else State.GONE
        found = _known(index, root, was, name) if was else None
    if found is None:
        said = _own_words(file) if sha256 else None
        return FileExplanation(shown, sha256, State.UNKNOWN, near=tuple(_near(index, name)), own_words=said)
    role, written, ancestry, source = found
    if ancestry:
        steps = {of: replace(step, made=with_ledgers(step.made, accounts)) for of, step in ancestry.steps.items()}
        ancestry = replace(ancestry, steps=steps)
    blobs = Blobs(root / STORE)
    stored = frozenset(of for of in (ancestry.steps if ancestry else ()) if blobs.path(of).is_file())
    return FileExplanation(shown, sha256, state, role, was, written, ancestry, source, stored)


_Found = tuple[Role, tuple[Written, ...], Ancestry | None, Root | None]


def _known(index: Index, root: Path, sha256: str, name: str) -> _Found | None:
    """What is known of a content that may lie at a path."""
    written = tuple(sorted(index.written(sha256), key=lambda one: (one.path != name, one.path)))
    if written:
        return Role.OUTPUT, written, trace(index, root, source_of(written[0].recipe_of)), None
    if index.made(sha256):
        return Role.STORED, (), trace(index, root, sha256), None
    source = known_root(index, root, sha256)
    return (Role.INPUT, (), None, source) if source.name else None


def _own_words(file: Path) -> Ancestry | None:
    """The provenance that a picture's metadata hold, whoever wrote it there; None where there is none that is sound."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            return None
        raw = file.read_bytes()
        texts = [text for kind in MOST_BYTES if (text := note_of(raw, kind))]
        return read(texts[0], _sound) if texts else None
    except (OSError, ValueError):
        return None


def _sound(value: Any) -> Ancestry:
    if any(faults(value, named("provenance"))):
        raise ValueError("it is not as the schema says")
    return read_ancestry(value)


def _formerly(index: Index, name: str) -> str | None:
    """The digest of what was last written to, or read at, a path."""
    if published := index.published(name):
        return published.sha256
    known = index.file(name)
    return known[1].sha256 if known else None


def _relative(file: Path, root: Path) -> str:
    try:
        return file.absolute().relative_to(root).as_posix()
    except ValueError:
        return file.absolute().as_posix()


def _near(index: Index, name: str) -> Iterator[str]:
    paths = sorted(index.output_paths())
    alike = [path for path in paths if posixpath.basename(path) == posixpath.basename(name)]
    yield from (alike or difflib.get_close_matches(name, paths[:5_000], NEAR, 0.7))[:NEAR]


def file_json(found: FileExplanation) -> dict[str, JSON]:
    """As JSON (schema: schemas/explain.schema.json)."""
    source = found.source
    return {
        "format_version": FORMAT_VERSION,
        "kind": "file",
        "file": found.path,
        "sha256": found.sha256,
        "state": found.state.value,
        "role": found.role.value if found.role else None,
        "was": found.was,
        "written": [{"path": one.path, "recipe": one.writer or None} for one in found.written],
        "provenance": found.ancestry.json() if found.ancestry else None,
        "input": {"sha256": source.sha256, "name": source.name or None} if source else None,
        "stored": sorted(found.stored),
        "near": list(found.near),
        "says_of_itself": found.own_words.json() if found.own_words else None,
    }
