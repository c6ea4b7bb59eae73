"""The recipes that recipes use: each read and built once, within bounds, and never in a circle.

Only files within reach of the recipe are looked for. All of them together are as long as one recipe may be, so that
neither many files nor files that multiply each other take longer than one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from wanflow.documents.source import MAX_BYTES, Document, parse, read_text
from wanflow.errors import Problem, RecipeError, Rule, did_you_mean
from wanflow.language.expressions import Allowance
from wanflow.language.recipe import Step
from wanflow.language.references import Picture
from wanflow.manifests.reach import Reach, everywhere
from wanflow.settings import shown

MAX_FILES = 40
MAX_DEPTH = 8
_MOST_NEIGHBOURS = 500


@dataclass(frozen=True, slots=True)
class Part:
    """A recipe as others use it: its steps take `inputs.…` and read `params.…`, which are yet to be given.

    `outputs` are the pictures of each output, `deep` the levels of recipes that it needs, itself included.
    """

    file: Path
    document: Document
    params: Mapping[str, Any]
    inputs: Mapping[str, Any]
    steps: Sequence[Step]
    outputs: Mapping[str, Sequence[Picture]]
    deep: int
    is_sound: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file can't be used as a recipe: what a Problem says where it is named."""

    rule: Rule
    message: str
    hint: str = ""


Build = Callable[[Document, Path], tuple[Part, list[Problem]]]


class Library:
    """The recipes that one recipe uses, by file. `here` is the folder that shown paths start from."""

    def __init__(self, reach: Reach | None = None, here: Path | None = None) -> None:
        self.allowance = Allowance()
        self._reach, self._here = reach or everywhere(), here or Path.cwd()
        self._parts: dict[Path, Part | None] = {}
        self._untold: dict[Path, list[Problem]] = {}
        self._open: list[Path] = []
        self._left = MAX_BYTES

    def contents(self, folder: Path) -> dict[str, Any]:
        """What stands in every recipe that is used, by its path from a folder."""
        used = {file: part for file, part in self._parts.items() if part}
        return {os.path.relpath(file, folder).replace(os.sep, "/"): used[file].document.data for file in sorted(used)}

    def take(self, user: Path, source: str, build: Build) -> tuple[Part | Refusal | None, list[Problem]]:
        """The recipe that one in the file `user` names; None when it can't be used. And what is wrong with it, told to
        whom asks first.
        """
        try:
            path = user.parent / source
            if complaint := self._reach.complaint(path):
                return Refusal("out-of-reach", f"{source}: {complaint}"), []
            file = path.resolve()
            if not file.exists():
                return self._absent(path), []
        except (OSError, ValueError, RuntimeError) as error:  # a name that no file system can hold; links in a circle
            return Refusal("file", f"{source} can't be read: {error.args[-1]}"), []
        if not self._open:
            self._open.append(user.resolve())
        if file in self._open:
            chain = [shown(each, self._here) for each in [*self._open[self._open.index(file) :], file]]
            return Refusal("cycle", f"recipes use each other in a circle: {' -> '.join(chain)}"), []
        if file not in self._parts:
            if len(self._parts) == MAX_FILES:
                return Refusal("size", f"a recipe and those that it uses may use {MAX_FILES} files at most"), []
            self._read(file, build)
        part = self._parts[file]
        if part and part.deep > MAX_DEPTH:
            return Refusal("depth", f"this is {part.deep} recipes deep; at most {MAX_DEPTH} may use one another"), []
        return part, self._untold.pop(file, [])

    def _read(self, file: Path, build: Build) -> None:
        self._parts[file], name = None, shown(file, self._here)
        self._open.append(file)
        try:
            hint = f"A recipe and those that it uses have {MAX_BYTES:,} at most."
            text = read_text(file, name, self._left, hint)
            self._left -= len(text.encode())
            self._parts[file], self._untold[file] = build(parse(text, name), file)
        except RecipeError as error:
            self._untold[file] = error.problems
        finally:
            self._open.pop()

    def _absent(self, path: Path) -> Refusal:
        return Refusal("file", f"there is no file {shown(path.resolve(), self._here)}", self._near(path))

    def _near(self, path: Path) -> str:
        if not (self._reach.has(f"{path.parent}{os.sep}.") and path.parent.is_dir()):
            return "Paths start at the recipe's folder."
        names = [name for name in islice(_names(path.parent), _MOST_NEIGHBOURS) if name.endswith((".yaml", ".yml"))]
        near = did_you_mean(path.name, names)
        return near if near.startswith("Did") else "Paths start at the recipe's folder."


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries)
