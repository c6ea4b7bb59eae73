"""A project's index as if nothing had ever been made: files, URLs and masks are known as they are, results are not."""

from __future__ import annotations

from typing import Any

from wanflow.model import Result
from wanflow.store.index import Index
from wanflow.store.sightings import RowRecord


class Blank(Index):
    """Reads through an open index, writes nothing, and is not closed."""

    def __init__(self, index: Index) -> None:
        super().__init__(index._db, index._folder, read_only=True)

    def result(self, key: str) -> Result | None:
        """Nothing is made."""
        return None

    def components(self, key: str) -> list[Any] | None:
        """Nothing is made."""
        return None

    def refusal(self, key: str) -> tuple[str, str] | None:
        """Nothing was asked for."""
        return None

    def knows_recipe(self, recipe: str) -> bool:
        """Nothing was done."""
        return False

    def rows(self, recipe: str) -> dict[str, RowRecord]:
        """No row was done."""
        return {}
