"""Who writes which output path, so that no two rows or recipes write one file and none writes over an input image."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wanflow.errors import quoted
from wanflow.model import RUN
from wanflow.planning.outputs import folded
from wanflow.store.blobs import stat_of
from wanflow.store.index import Index

Owner = tuple[str, str]  # row key, output name


class Owners:
    """The claims of one plan. Paths are relative to the project and compared as the strictest file system would."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, Owner] = {}
        self._folders: dict[str, Owner] = {}
        self._inputs: dict[str, str] = {}
        self._real_folders: dict[str, str] = {}

    def claim(self, path: str, row: str, output: str) -> str:
        """Claim a path for an output; returns why it can't be had, or empty text."""
        owner, name = (row, output), folded(path)
        writer = self._files.setdefault(name, owner)
        if writer != owner:
            return f"{quoted(path)} is also written by {_told(writer, row)}"
        if holder := self._folders.get(name):
            return f"{quoted(path)} is a folder for {_told(holder, row)}"
        folder = posixpath.dirname(name)
        while folder and self._folders.setdefault(folder, owner) == owner:
            if blocker := self._files.get(folder):
                return f"{quoted(path)} needs a folder where {_told(blocker, row)} writes a file"
            folder = posixpath.dirname(folder)
        return ""

    def is_free(self, paths: Iterable[str], row: str) -> bool:
        """True when no other row claimed one of these paths."""
        return all(self._files.get(folded(path), (row, ""))[0] == row for path in paths)

    def note_inputs(self, names: Iterable[str], *, follow: bool = True) -> None:
        """Keep which files are inputs; `follow` also sees through a link that is the file itself."""
        for name in names:
            self._inputs[self._real(name)] = name
            if follow and (self._root / name).is_symlink():
                self._inputs[folded(os.path.realpath(self._root / name))] = name

    def overwritten(self) -> Iterator[tuple[Owner, str]]:
        """Every claimed path that is an input: its owner and the input's name."""
        for path, owner in self._files.items():
            if name := self._inputs.get(self._real(path)):
                yield owner, name

    def _real(self, path: str) -> str:
        folder, name = posixpath.split(path)
        if (real := self._real_folders.get(folder)) is None:
            real = self._real_folders[folder] = os.path.realpath(self._root / folder)
        return folded(posixpath.join(real, name))


class Neighbours:
    """The other recipes of a project, and their output files that this one would write over."""

    def __init__(self, root: Path, index: Index, recipe: str) -> None:
        self._root, self._index = root, index
        self._writers = {name for name in index.writers() - {recipe} if (root / name).is_file()}
        self._hit: dict[str, dict[str, str]] = {}

    def note(self, output: str, path: str, made_from: str | None) -> None:
        """An output is about to be put there, made from this; None where that is not known yet."""
        if not self._writers or not (there := self._index.published(path)) or there.writer not in self._writers:
            return
        # A file that was deleted, or replaced by hand, is not the other recipe's any more.
        if there.recipe_of != made_from and stat_of(self._root / path) == there.stat:
            self._hit.setdefault(there.writer, {})[path] = output

    def overwritten(self) -> Iterator[tuple[str, str, Sequence[str]]]:
        """Each other recipe's file with an output of this recipe that hits its files, and these."""
        for writer, paths in self._hit.items():
            yield writer, next(iter(paths.values())), list(paths)


def _told(owner: Owner, row: str) -> str:
    if owner[0] != row:
        return f"row {owner[0]}"
    return "another output of the whole run" if row == RUN else "another output of the same row"
