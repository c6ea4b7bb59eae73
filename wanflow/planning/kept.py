"""What a project has beside its recipe: what people chose of it, the measures of pictures, and what is frozen."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from wanflow.choosing.picks import Frozen
from wanflow.choosing.picksfile import PicksFile
from wanflow.errors import EditError, Mark, Problem
from wanflow.judging.measures import Measures
from wanflow.language.expand import RowError, about_row
from wanflow.language.recipe import Step
from wanflow.model import Blob, Result, Row
from wanflow.pictures.images import describe
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index


@dataclass(frozen=True, slots=True)
class Kept:
    """Pictures that don't come from a key: frozen ones, and those that candidates are compared with."""

    root: Path
    blobs: Blobs
    measures: Measures
    file: PicksFile

    def result(self, row: Row, step: Step, frozen: Frozen, index: Index) -> Result:
        """A frozen result. Raises RowError where its picture is not in this store."""
        known = index.result(frozen.key) if frozen.key else None
        found = next((blob for blob in (known.blobs if known else ()) if blob.sha256 == frozen.sha256), None)
        fault = self.blobs.fault(frozen.sha256)
        if fault:
            raise RowError(self._gone(row, step, frozen, fault))
        return Result((found or self._described(row, step, frozen),), known.fidelity if known else "")

    def _described(self, row: Row, step: Step, frozen: Frozen) -> Blob:
        try:
            return describe(self.blobs.read(frozen.sha256))
        except EditError as error:
            raise RowError(self._gone(row, step, frozen, "no picture")) from error

    def _gone(self, row: Row, step: Step, frozen: Frozen, fault: str) -> Problem:
        address, name = f"{row.key}/{step.id}", self.blobs.path(frozen.sha256).relative_to(self.root)
        thaw = shlex.join(["wanflow", "thaw", self.file.recipe, address])
        hint = f"Bring {name} from where it was frozen, or let it be made anew: {thaw}"
        message = f"{address} is frozen, and its picture {frozen.sha256[:12]} is {fault} in this store"
        mark = Mark(frozen.line, 3) if frozen.line else None
        return about_row(Problem("frozen", message, self.file.shown, mark, hint=hint), row)
