"""The file that holds a recipe's picks: picks/NAME.yaml in the project's folder, read, judged, and changed as a whole.

Two that change it at once lose nothing: whoever comes second changes what the first wrote.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from wanflow.choosing.picks import Picks, picks_of, text_of
from wanflow.documents import schemas
from wanflow.documents.source import Document, parse, read_text
from wanflow.errors import RecipeError, StoreError, unwritable
from wanflow.store import locks
from wanflow.store.blobs import write_whole

FOLDER = "picks"
MAX_BYTES = 50_000_000
MAX_NODES = 3_000_000
# Another process holds the file for as long as it takes to read and write it.
PATIENCE_S, LOOK_S = 20.0, 0.02


@dataclass(frozen=True, slots=True)
class PicksFile:
    """Where the picks of a recipe stand. `recipe` is the recipe's file from the project's folder, `lock` what is held
    while it is changed.
    """

    path: Path
    recipe: str
    lock: Path

    @classmethod
    def of(cls, root: Path, store: Path, name: str, recipe: str) -> PicksFile:
        """The file of a recipe of this name."""
        return cls(root / FOLDER / f"{name}.yaml", recipe, store / f"picks-{name}.lock")

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"{FOLDER}/{self.path.name}"

    def load(self) -> Picks:
        """What it says; nothing where there is no file. Raises RecipeError."""
        if not os.path.lexists(self.path):
            return Picks()
        document = read(self.path, self.shown)
        self._require_own(document)
        return picks_of(document)

    def change(self, work: Callable[[Picks], Picks]) -> Picks:
        """Change what it says; gives what it says then. Raises RecipeError, StoreError, and whatever `work` does."""
        try:
            with self._held():
                before = self.load()
                after = work(before)
                if after != before or not self.path.exists():
                    write_whole(self.path, [text_of(after, self.recipe).encode()])
                return after
        except OSError as error:
            raise StoreError(f"nothing was chosen: {unwritable(self.path.parent, error)}") from error

    @contextmanager
    def _held(self) -> Iterator[None]:
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + PATIENCE_S
        while (descriptor := locks.take(self.lock)) is None:
            if time.monotonic() > until:
                raise StoreError(f"another wanflow is changing {self.shown}; try again")
            time.sleep(LOOK_S)
        try:
            yield
        finally:
            locks.free(self.lock, descriptor)

    def _require_own(self, document: Document) -> None:
        """Refuse the picks of another recipe of the same name; of one that is gone, this one is thought to be it."""
        said = document.data["recipe"]
        root = self.path.parent.parent
        inside = not Path(said).is_absolute() and ".." not in Path(said).parts  # elsewhere nothing is looked for
        if said != self.recipe and inside and (root / said).is_file():
            message = f"these are the picks of {said}, not of {self.recipe}"
            hint = "Give one of the two recipes another name: (its picks then stand in picks/NAME.yaml)."
            raise RecipeError([document.problem(("recipe",), "picks", message, hint)])


def read(path: Path, shown: str) -> Document:
    """A file of picks that meets the schema. Raises RecipeError."""
    document = parse(read_text(path, shown, MAX_BYTES), shown, max_nodes=MAX_NODES)
    if problems := [problem for _, problem in schemas.document_problems(document, _validator())]:
        raise RecipeError(problems)
    return document


@cache
def _validator() -> Any:
    return schemas.shipped_validator("picks.schema.json")


def everything_chosen(root: Path) -> set[str]:
    """Every picture that any file of picks below a project names, so that it is kept. Raises RecipeError."""
    return {
        sha256
        for path in sorted((root / FOLDER).glob("*.yaml"))
        for sha256 in picks_of(read(path, f"{FOLDER}/{path.name}")).digests()
    }
